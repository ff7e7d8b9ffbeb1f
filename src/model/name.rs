//! Names of project and run directories, and the id of a run that is made of both.

use std::fmt;
use std::sync::Arc;

/// The last second that an RFC 3339 time can state (the end of the year 9999).
const LAST_SECOND: i64 = 253_402_300_799;

/// The name of a project directory, as the bytes on disk.
///
/// The runner makes `<name>-<8 hex>` (since 0.5.2) or `otto-<8 hex>` (before); the first plan's examples have
/// `otto-abc123`. Runs of the 2023 snapshot lie directly in the store: their project is [`ProjectDir::root`], written `.`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ProjectDir(Arc<[u8]>);

impl ProjectDir {
    /// A directory name, whatever bytes it has.
    pub fn new(bytes: impl Into<Vec<u8>>) -> Self {
        Self(bytes.into().into())
    }

    /// The project `.` of runs that lie directly in the store.
    pub fn root() -> Self {
        Self(Arc::from(b".".as_slice()))
    }

    /// Whether this is the project `.`.
    pub fn is_root(&self) -> bool {
        *self.0 == *b"."
    }

    /// The bytes on disk.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// The name for people and JSON; bytes that are not UTF-8 become U+FFFD.
    pub fn lossy(&self) -> String {
        String::from_utf8_lossy(&self.0).into_owned()
    }

    /// Whether it is `otto-<hash>`, as the runner named directories before 0.5.2: then it does not tell the project's name.
    pub fn is_of_first_naming(&self) -> bool {
        self.0.starts_with(b"otto-")
    }

    /// What precedes the last `-`, or the whole name when there is none.
    pub fn name(&self) -> String {
        let lossy = self.lossy();
        match lossy.rsplit_once('-') {
            Some((name, _)) => name.to_owned(),
            None => lossy,
        }
    }

    /// What follows the last `-`; empty for the project `.`.
    pub fn hash(&self) -> String {
        match self.lossy().rsplit_once('-') {
            Some((_, hash)) => hash.to_owned(),
            None => String::new(),
        }
    }
}

impl fmt::Display for ProjectDir {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.lossy())
    }
}

/// The name of a run directory: `<unix time>`, or `<unix time>-<n>` for the n-th run of the same second (runner 2.x).
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct RunDir {
    text: Box<str>,
    timestamp: i64,
    number: u32,
}

/// The reason why a directory name names no run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotARunName {
    /// Not of the form `<digits>` or `<digits>-<digits>`.
    #[error("not of the form `<unix time>` or `<unix time>-<number>`")]
    OtherForm,
    /// Digits that state no second up to the year 9999.
    #[error("states no time before the year 10000")]
    NoTime,
}

impl RunDir {
    /// Reads a directory name.
    ///
    /// # Errors
    /// [`NotARunName`] when the name is not one the runner gives to a run.
    pub fn parse(name: &[u8]) -> Result<Self, NotARunName> {
        let (seconds, number) = match name.iter().position(|byte| *byte == b'-') {
            Some(dash) => (&name[..dash], Some(&name[dash + 1..])),
            None => (name, None),
        };
        let digits = |part: &[u8]| !part.is_empty() && part.iter().all(u8::is_ascii_digit);
        if !digits(seconds) || number.is_some_and(|number| !digits(number)) {
            return Err(NotARunName::OtherForm);
        }
        let text = std::str::from_utf8(name).map_err(|_| NotARunName::OtherForm)?;
        let timestamp: i64 = text[..seconds.len()].parse().map_err(|_| NotARunName::NoTime)?;
        if timestamp > LAST_SECOND {
            return Err(NotARunName::NoTime);
        }
        let number = match number {
            Some(_) => text[seconds.len() + 1..].parse().map_err(|_| NotARunName::NoTime)?,
            None => 0,
        };
        Ok(Self { text: text.into(), timestamp, number })
    }

    /// The directory name.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The name that the runner gives to a run of that second and number.
    ///
    /// # Errors
    /// [`NotARunName::NoTime`] when that is no time a name can state.
    pub fn new(timestamp: i64, number: u32) -> Result<Self, NotARunName> {
        if !(0..=LAST_SECOND).contains(&timestamp) {
            return Err(NotARunName::NoTime);
        }
        let text = if number == 0 { timestamp.to_string() } else { format!("{timestamp}-{number}") };
        Ok(Self { text: text.into(), timestamp, number })
    }

    /// Whether the runner would write this name so: `007` and `7-0` are names, but not its own.
    pub fn is_plain(&self) -> bool {
        let has_no_idle_zero = |digits: &str| digits == "0" || !digits.starts_with('0');
        match self.text.split_once('-') {
            None => has_no_idle_zero(&self.text),
            Some((seconds, number)) => has_no_idle_zero(seconds) && !number.starts_with('0'),
        }
    }

    /// Unix seconds that the name states.
    pub fn timestamp(&self) -> i64 {
        self.timestamp
    }

    /// The number after the `-`, 0 without one.
    pub fn number(&self) -> u32 {
        self.number
    }
}

impl fmt::Display for RunDir {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// A run's id: `<project dir>/<run dir>`. Stable, readable and unique in a store.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct RunId {
    /// The project directory.
    pub project: ProjectDir,
    /// The run directory.
    pub run: RunDir,
}

impl fmt::Display for RunId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.project, self.run)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn run_names_are_digits_with_an_optional_number() {
        type Case = (&'static [u8], Result<(i64, u32), NotARunName>);
        let cases: &[Case] = &[
            (b"1795228718", Ok((1_795_228_718, 0))),
            (b"1795228718-3", Ok((1_795_228_718, 3))),
            (b"0", Ok((0, 0))),
            (b"253402300799", Ok((LAST_SECOND, 0))),
            (b"253402300800", Err(NotARunName::NoTime)),
            (b"123456789012345678901234567890", Err(NotARunName::NoTime)),
            (b"17952-", Err(NotARunName::OtherForm)),
            (b"-17952", Err(NotARunName::OtherForm)),
            (b"+17952", Err(NotARunName::OtherForm)),
            (b"1795-2-3", Err(NotARunName::OtherForm)),
            (b"latest", Err(NotARunName::OtherForm)),
            (b"", Err(NotARunName::OtherForm)),
            (b"17\xff", Err(NotARunName::OtherForm)),
        ];
        for (name, expected) in cases {
            let got = RunDir::parse(name).map(|r| (r.timestamp(), r.number()));
            assert_eq!(&got, expected, "{}", String::from_utf8_lossy(name));
        }
    }

    #[test]
    fn a_plain_name_is_the_one_that_its_time_and_number_spell() {
        for name in ["0", "7", "00", "007", "7-0", "7-1", "7-01", "0-1", "0-0", "00-1", "1795228718-3", "1795228718-30"]
        {
            let run = RunDir::parse(name.as_bytes()).unwrap();
            let spelt = RunDir::new(run.timestamp(), run.number()).unwrap();
            assert_eq!(run.is_plain(), spelt == run, "{name}");
        }
    }

    #[test]
    fn a_project_name_splits_at_its_last_dash() {
        let project = ProjectDir::new("my-web app-e259db19");
        assert_eq!((project.name().as_str(), project.hash().as_str()), ("my-web app", "e259db19"));
        assert_eq!(ProjectDir::root().hash(), "");
    }
}
