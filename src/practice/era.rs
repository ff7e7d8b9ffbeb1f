//! What set one version of the runner apart from the next: the names it gave and the files it left.
//!
//! Eras are ordered, so that "since" reads as `>=`. Each rule below is asked by name and answered in one place; the code
//! that writes a run never compares eras itself.

use sha2::{Digest, Sha256};

/// A span of runner versions that wrote stores of one shape.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Era {
    /// 2023: runs directly in the store, task files that are the action text.
    A,
    /// June 2025, the first plan's layout: `.cache/<task>/<hash>`, absolute links, `run.yaml` in every task.
    B,
    /// June 2025, three days: the script is a regular file in the task's directory, the cache stays empty.
    C,
    /// 0.1: flat cache, absolute links.
    D,
    /// 0.2 and 0.3: the same, without any `run.yaml`.
    E,
    /// 0.4: the first runner database, with ended runs.
    F,
    /// 0.5.0 and 0.5.1: runs stay `running` in the database from here to the end of 1.x.
    G,
    /// 0.5.2 to 0.5.6: project directories named after the working directory.
    H,
    /// 0.5.7 to 0.6.5: relative links.
    I,
    /// 0.6.6 to 1.1: `.env` files; the output file is there after every success.
    J,
    /// 2.0 to 2.3: `<second>-<n>`, private `run.yaml`, real exit codes and ended runs in the database.
    K,
    /// 2.4: `.lock`, and the requested tasks among the arguments.
    L,
}

impl Era {
    /// Every era, the oldest first.
    pub const ALL: &'static [Self] =
        &[Self::A, Self::B, Self::C, Self::D, Self::E, Self::F, Self::G, Self::H, Self::I, Self::J, Self::K, Self::L];

    /// The project directory for runs started in `cwd`; `.` for era A, whose runs lie directly in the store.
    pub fn project_dir(self, cwd: &str) -> String {
        match self {
            Self::A => ".".to_owned(),
            // The path of the file was hashed first, that of its directory later.
            Self::B | Self::C => {
                format!("otto-{}", hash8(format!("{}/otto.yml", cwd.trim_end_matches('/')).as_bytes()))
            }
            Self::D | Self::E | Self::F | Self::G => format!("otto-{}", hash8(cwd.as_bytes())),
            _ => {
                let name = match cwd.trim_end_matches('/').rsplit('/').next() {
                    Some("") | None => "otto_project",
                    Some(name) => name,
                };
                format!("{name}-{}", hash8(cwd.as_bytes()))
            }
        }
    }

    /// The run directory; a number is written by 2.x only, where 0 means the first run of its second.
    pub fn run_dir(self, timestamp: i64, number: u32) -> String {
        if self.numbers_runs() && number > 0 { format!("{timestamp}-{number}") } else { timestamp.to_string() }
    }

    pub(super) fn numbers_runs(self) -> bool {
        self >= Self::K
    }

    pub(super) fn writes_run_yaml(self) -> bool {
        self != Self::A && self != Self::E
    }

    /// Written through a temporary file, which keeps its private mode.
    pub(super) fn run_yaml_mode(self) -> u32 {
        if self >= Self::K { 0o600 } else { 0o644 }
    }

    /// Early versions recorded what was typed, with the directory's hash and a relative ottofile.
    pub(super) fn run_yaml_is_as_typed(self) -> bool {
        self <= Self::D
    }

    pub(super) fn records_requested_tasks(self) -> bool {
        self >= Self::L
    }

    pub(super) fn links_are_relative(self) -> bool {
        self >= Self::I
    }

    pub(super) fn writes_outputs(self) -> bool {
        self >= Self::D
    }

    pub(super) fn writes_env_files(self) -> bool {
        self >= Self::J
    }

    pub(super) fn writes_lock(self) -> bool {
        self >= Self::L
    }

    pub(super) fn has_database(self) -> bool {
        self >= Self::F
    }

    /// Whether the version called its "run finished" writer.
    pub(super) fn records_the_end(self) -> bool {
        self == Self::F || self >= Self::K
    }

    pub(super) fn is_second_generation(self) -> bool {
        self >= Self::K
    }
}

/// The first 8 hex digits of the sha256, by which the runner names nearly everything.
pub fn hash8(bytes: &[u8]) -> String {
    let mut hex = hash64(bytes);
    hex.truncate(8);
    hex
}

/// The whole sha256 in hex.
pub(super) fn hash64(bytes: &[u8]) -> String {
    format!("{:x}", Sha256::digest(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_hash_what_their_era_hashed() {
        let file = hash8(b"/home/dev/shop/api/otto.yml");
        let dir = hash8(b"/home/dev/shop/api");
        let expected = |era: Era| match era {
            Era::A => ".".to_owned(),
            Era::B | Era::C => format!("otto-{file}"),
            Era::D | Era::E | Era::F | Era::G => format!("otto-{dir}"),
            _ => format!("api-{dir}"),
        };
        for &era in Era::ALL {
            assert_eq!(era.project_dir("/home/dev/shop/api"), expected(era), "{era:?}");
        }
        assert_eq!(Era::J.project_dir("/"), "otto_project-8a5edab2");
        assert_eq!(hash8(b""), "e3b0c442");
    }

    #[test]
    fn only_the_second_generation_numbers_runs() {
        assert_eq!(Era::J.run_dir(1_700_000_000, 3), "1700000000");
        assert_eq!(Era::K.run_dir(1_700_000_000, 0), "1700000000");
        assert_eq!(Era::L.run_dir(1_700_000_000, 3), "1700000000-3");
    }
}
