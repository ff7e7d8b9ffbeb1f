//! Recognisers of what the runner writes: pure functions of names and link texts, one rule a variant.
//!
//! | # | shape, relative to the store | rule |
//! |---|---|---|
//! | V1 | `<ts>/` with a 12-hex link, in the store itself | [`is_first_era_link`]: a run of project `.` |
//! | V2, V3 | `.<64 hex>/`, `latest` | no project name, no run name: other files |
//! | V4 | `otto-<anything>/` | [`is_project_name`] (0.1 to 0.5.1; the first plan's `otto-abc123`) |
//! | V5 | `<name>-<8 lower hex>/` | [`is_project_name`] (0.5.2 and later) |
//! | V6, V7 | `<project>/<digits>`, `<digits>-<n>` | [`RunDir::parse`](crate::model::RunDir::parse) |
//! | V8, V9 | run without `run.yaml`, or with empty `tasks/` | [`Era`] tells whether that part is missing |
//! | V10, V11 | `.cache/<task>/<hash>`, `.cache/<hash>.sh\|py` | [`is_cache_entry_name`], at depth one or two |
//! | V12 | `tasks/<t>/<8 hex>.sh`, a regular file | [`ScriptForm::HashFile`] |
//! | V13 | script link to an absolute path | [`ScriptForm::AbsoluteFlat`], [`ScriptForm::AbsoluteNested`] |
//! | V14, V15 | script link to `../../../.cache/..` | [`ScriptForm::Relative`] |
//! | V16, V17 | task below another directory, or beside `tasks/` | the walk: a task is where its files are |
//! | V18 | script as a plain copy | [`ScriptForm::PlainFile`] |
//! | V19 | `otto.db*`, `.last_prune`, `backups/`, `config.yml` | no project name: other files |
//! | V20 | `.lock`, `.tmp??????` | [`LOCK`], [`is_temporary_name`] |
//!
//! A name alone proves nothing. A directory with a project's name is a project when it holds `.cache` or a run, and one
//! with a run's name is a run when it holds `tasks/`, `run.yaml`, or is named by a row of the runner's database.

use super::reference::Reference;

/// A project's cache directory.
pub const CACHE: &[u8] = b".cache";
/// The directory of a run's tasks.
pub const TASKS: &[u8] = b"tasks";
/// What the runner writes at the start of a run.
pub const RUN_YAML: &[u8] = b"run.yaml";
/// Held by runner 2.4 and later while it lives.
pub const LOCK: &[u8] = b".lock";

/// 2025-12-24, when 0.6.6 began to write `output.<task>.json` after every success.
const OUTPUT_ALWAYS_SINCE: i64 = 1_766_534_400;
/// 2025-06-10, when 0.1.0 began to let scripts write `output.<task>.json` (by `jq`).
const OUTPUT_SINCE: i64 = 1_749_513_600;

/// Whether a directory of that name may be a project: `<name>-<8 lower hex>` or `otto-<anything>`. What is no name of a
/// directory at all, but a way through several, is none: names are also read from files.
pub fn is_project_name(name: &[u8]) -> bool {
    if name.contains(&b'/') || name.contains(&0) {
        return false;
    }
    if name.len() > 5 && name.starts_with(b"otto-") {
        return true;
    }
    let Some(dash) = name.iter().rposition(|&b| b == b'-') else { return false };
    dash > 0 && name.len() - dash == 9 && name[dash + 1..].iter().all(|b| is_lower_hex(*b))
}

/// Whether a link in a run directory marks a run of the 2023 snapshot: 12 hex digits that begin the 64 of the
/// directory its text ends with.
pub fn is_first_era_link(name: &[u8], text: &[u8]) -> bool {
    let last = text.rsplit(|&b| b == b'/').next().unwrap_or_default();
    name.len() == 12
        && name.iter().all(|b| is_lower_hex(*b))
        && last.len() == 65
        && last[0] == b'.'
        && last[1..].iter().all(|b| is_lower_hex(*b))
        && last[1..].starts_with(name)
}

/// Whether a regular file of that name in a cache is an entry. Hidden names are not: runner 2.x writes through
/// `.tmp??????` and renames.
pub fn is_cache_entry_name(name: &[u8]) -> bool {
    !name.starts_with(b".")
}

/// Whether a name is one of the runner's temporary files: `.tmp` and six characters (runner 2.x, after a kill).
pub fn is_temporary_name(name: &[u8]) -> bool {
    name.len() == 10 && name.starts_with(b".tmp") && name[4..].iter().all(u8::is_ascii_alphanumeric)
}

fn is_lower_hex(byte: u8) -> bool {
    matches!(byte, b'0'..=b'9' | b'a'..=b'f')
}

/// A file of a task's directory that the runner writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TaskFile {
    /// `stdout.log`.
    Stdout,
    /// `stderr.log`.
    Stderr,
    /// `script.sh` or `script.py`.
    Script,
    /// `<8 hex>.sh`, the script of the days around 2025-06-08.
    HashScript,
    /// `builtins.sh` or `builtins.py`.
    Builtins,
    /// `output.<something>.json`.
    OutputJson,
    /// `output.<something>.env` or `input.<something>.env` (0.6.6 and later).
    Env,
}

impl TaskFile {
    /// What a file of that name is.
    pub fn of(name: &[u8]) -> Option<Self> {
        match name {
            b"stdout.log" => Some(Self::Stdout),
            b"stderr.log" => Some(Self::Stderr),
            b"script.sh" | b"script.py" => Some(Self::Script),
            b"builtins.sh" | b"builtins.py" => Some(Self::Builtins),
            _ if name.starts_with(b"output.") && name.ends_with(b".json") => Some(Self::OutputJson),
            _ if name.ends_with(b".env") && (name.starts_with(b"output.") || name.starts_with(b"input.")) => {
                Some(Self::Env)
            }
            _ if name.len() == 11 && name.ends_with(b".sh") && name[..8].iter().all(|b| is_lower_hex(*b)) => {
                Some(Self::HashScript)
            }
            _ => None,
        }
    }

    /// Whether a directory that holds it is a task's. Other files of these names are common in projects.
    pub const fn marks_a_task(self) -> bool {
        matches!(self, Self::Stdout | Self::Stderr | Self::Script | Self::HashScript)
    }
}

/// Whether `name` is the marker that task `task` succeeded: `output.<task>.json`, or with the last component of a task
/// whose name has slashes.
pub fn is_output_marker(name: &[u8], task: &[u8]) -> bool {
    let Some(middle) = name.strip_prefix(b"output.").and_then(|n| n.strip_suffix(b".json")) else { return false };
    middle == task || task.rsplit(|&b| b == b'/').next() == Some(middle)
}

/// How a task's directory holds its script.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ScriptForm {
    /// A link to `/…/.cache/<task>/<hash>`.
    AbsoluteNested,
    /// A link to `/…/.cache/<hash>.sh`.
    AbsoluteFlat,
    /// A link to `../../../.cache/…`.
    Relative,
    /// A regular file `<8 hex>.sh`.
    HashFile,
    /// A regular file `script.sh`, or a link that names no cache.
    PlainFile,
}

impl ScriptForm {
    /// The form of a script that is a link with that text, and what the text refers to.
    pub fn of_link(text: &[u8], references: &[Reference]) -> Self {
        match references.first() {
            None => Self::PlainFile,
            Some(_) if !text.starts_with(b"/") => Self::Relative,
            Some(reference) if reference.path.contains(&b'/') => Self::AbsoluteNested,
            Some(_) => Self::AbsoluteFlat,
        }
    }
}

/// The time of the runner's history that a run's shape belongs to; what counts here is what such a runner records.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Era {
    /// 2023: task texts and nothing else.
    A,
    /// 2025-06-03 to 06-07: logs, absolute script links into a nested cache.
    B,
    /// 2025-06-07 to 06-10: logs, the script a regular file.
    C,
    /// 0.1.x, 0.4.0 to 0.5.6: `output.<task>.json` by `jq`, absolute links.
    D,
    /// 0.2.0 and 0.3.0: as D without `run.yaml`.
    E,
    /// 0.5.7 to 0.6.5: as D with relative links.
    I,
    /// 0.6.6 to 1.x: `output.<task>.json` after every success.
    J,
    /// 2.0 to 2.3: `<ts>-<n>`, ends recorded in the database.
    K,
    /// 2.4: `.lock`.
    L,
    /// Logs and nothing that tells of a version.
    LogsOnly,
}

/// What is seen in a run that tells its era.
#[derive(Clone, Copy, Debug, Default)]
pub struct Signs {
    /// A 12-hex link of the 2023 snapshot.
    pub first_era_link: bool,
    /// `.lock` is there.
    pub lock: bool,
    /// The directory's name has a number.
    pub numbered: bool,
    /// `run.yaml` is there.
    pub run_yaml: bool,
    /// An `.env` file of a task is there.
    pub env: bool,
    /// `builtins.sh` or `builtins.py` of a task is there.
    pub builtins: bool,
    /// The form of a script; the first that was seen.
    pub script: Option<ScriptForm>,
}

impl Era {
    /// The era of a run with those signs and that time in its name.
    pub const fn of(signs: Signs, timestamp: i64) -> Self {
        if signs.first_era_link {
            return Self::A;
        }
        if signs.lock {
            return Self::L;
        }
        if signs.numbered {
            return Self::K;
        }
        if signs.env {
            return Self::J;
        }
        match signs.script {
            Some(ScriptForm::HashFile) => Self::C,
            Some(ScriptForm::AbsoluteNested) => Self::B,
            Some(ScriptForm::AbsoluteFlat) if signs.run_yaml => Self::D,
            Some(ScriptForm::AbsoluteFlat) => Self::E,
            Some(ScriptForm::Relative | ScriptForm::PlainFile) => Self::by_date(timestamp),
            None if signs.builtins => Self::by_date(timestamp),
            None => Self::LogsOnly,
        }
    }

    const fn by_date(timestamp: i64) -> Self {
        if timestamp >= OUTPUT_ALWAYS_SINCE {
            Self::J
        } else if timestamp >= OUTPUT_SINCE {
            Self::I
        } else {
            Self::LogsOnly
        }
    }

    /// Whether a success always leaves `output.<task>.json`, so that its absence tells of a failure, and an empty one of
    /// a success (0.6.6 and later).
    pub const fn always_writes_output(self) -> bool {
        matches!(self, Self::J | Self::K | Self::L)
    }

    /// Whether a success leaves `output.<task>.json` unless its script ended early (0.1.0 and later).
    pub const fn records_end(self) -> bool {
        matches!(self, Self::D | Self::E | Self::I | Self::J | Self::K | Self::L)
    }

    /// Whether an `output.<task>.json` is the runner's. A run that tells of no version may be of any.
    pub const fn may_write_output(self) -> bool {
        self.records_end() || matches!(self, Self::LogsOnly)
    }

    /// Whether it writes `run.yaml`.
    pub const fn writes_run_yaml(self) -> bool {
        !matches!(self, Self::A | Self::E | Self::LogsOnly)
    }

    /// Whether its tasks have a directory with logs and a script.
    pub const fn writes_task_parts(self) -> bool {
        !matches!(self, Self::A | Self::LogsOnly)
    }
}

#[cfg(test)]
mod tests {
    use super::super::reference::references;
    use super::*;

    #[test]
    fn project_names_are_told_by_their_end() {
        let yes: &[&[u8]] = &[
            b"otto-ab677e03",
            b"otto-abc123",
            b"otto-x",
            b"alpha-9055c9f9",
            b"web app \xc3\xa9-e259db19",
            b".hidden-a3c450d5",
            b".cache-f44a5125",
            b"nonutf\xef\xbf\xbd8-cfecd1c2",
            b"a-b-c-00000000",
        ];
        let no: &[&[u8]] = &[
            b"otto-",
            b"otto",
            b"backups",
            b".catalog",
            b"-deadbeef",
            b"alpha-9055C9F9",
            b"alpha-9055c9f",
            b"alpha-9055c9f90",
            b"alpha_9055c9f9",
            b".5e884898da28047151d0e56f8dc6292773603d0d6aabbdd62a11ef721d1542d8",
            b"latest",
            b"../app-9055c9f9",
            b"otto-x/../../etc",
            b"otto-\0",
        ];
        for name in yes {
            assert!(is_project_name(name), "{}", String::from_utf8_lossy(name));
        }
        for name in no {
            assert!(!is_project_name(name), "{}", String::from_utf8_lossy(name));
        }
    }

    #[test]
    fn a_run_of_2023_is_told_by_its_link() {
        let target = b"/home/dev/.otto/.5e884898da28047151d0e56f8dc6292773603d0d6aabbdd62a11ef721d1542d8";
        assert!(is_first_era_link(b"5e884898da28", target));
        assert!(!is_first_era_link(b"5e884898da29", target));
        assert!(!is_first_era_link(b"5e884898da28", b"/home/dev/.otto/other"));
        assert!(!is_first_era_link(b"latest", target));
    }

    #[test]
    fn the_era_is_read_off_the_shape() {
        let j = OUTPUT_ALWAYS_SINCE;
        let signs = Signs { run_yaml: true, ..Signs::default() };
        let with = |script| Signs { script: Some(script), ..signs };
        let cases = [
            (Signs { first_era_link: true, ..Signs::default() }, 0, Era::A),
            (Signs { lock: true, env: true, ..signs }, j, Era::L),
            (Signs { numbered: true, env: true, ..signs }, j, Era::K),
            (Signs { env: true, ..with(ScriptForm::Relative) }, 0, Era::J),
            (with(ScriptForm::Relative), j, Era::J),
            (with(ScriptForm::Relative), j - 1, Era::I),
            (with(ScriptForm::AbsoluteFlat), j, Era::D),
            (Signs { run_yaml: false, ..with(ScriptForm::AbsoluteFlat) }, j, Era::E),
            (with(ScriptForm::AbsoluteNested), j, Era::B),
            (with(ScriptForm::HashFile), j, Era::C),
            (Signs { builtins: true, ..signs }, j, Era::J),
            (signs, j, Era::LogsOnly),
        ];
        for (signs, timestamp, era) in cases {
            assert_eq!(Era::of(signs, timestamp), era, "{signs:?}");
        }
    }

    #[test]
    fn the_marker_of_a_task_bears_its_name() {
        assert!(is_output_marker(b"output.build.json", b"build"));
        assert!(is_output_marker(b"output.each:dev.json", b"each:dev"));
        assert!(is_output_marker(b"output.b.json", b"slash:a/b"));
        assert!(!is_output_marker(b"output.other.json", b"build"));
        assert!(!is_output_marker(b"output.json", b"build"));
    }

    #[test]
    fn script_forms() {
        let of_link = |text: &[u8]| ScriptForm::of_link(text, &references(text));
        assert_eq!(of_link(b"../../../.cache/1.sh"), ScriptForm::Relative);
        assert_eq!(of_link(b"/h/.otto/p/.cache/1.sh"), ScriptForm::AbsoluteFlat);
        assert_eq!(of_link(b"/h/.otto/p/.cache/build/1"), ScriptForm::AbsoluteNested);
        assert_eq!(of_link(b"/usr/bin/true"), ScriptForm::PlainFile);
    }
}
