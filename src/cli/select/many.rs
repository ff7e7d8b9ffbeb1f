//! Several runs at once: words of the command line, or ids that another command printed.

use super::{Among, run_among};
use crate::cli::exit::{Exit, Failure};
use clap::Args;
use otto_catalog::catalog::Catalog;
use otto_catalog::model::Run;
use std::collections::HashSet;
use std::ffi::{OsStr, OsString};
use std::io::{self, BufRead, Read as _};
use std::os::unix::ffi::OsStrExt as _;

/// Where a word says that the runs stand on standard input.
pub(crate) const STDIN: &str = "-";
/// An id is a project's name, at most 255 bytes, and a number. What is longer is no list of runs.
const LONGEST: u64 = 4096;

/// The runs that a command is about.
#[derive(Args, Clone, Debug, Default)]
pub(crate) struct RunWords {
    /// Which runs: id, timestamp or the beginning of one, latest, latest-N, PROJECT:latest; - reads them from
    /// standard input, one a line
    #[arg(value_name = "RUN", required = true)]
    pub(crate) runs: Vec<OsString>,
}

/// The runs in place that some words mean, in the order in which they were named, each once. A word that means none, or
/// several, refuses all of them.
pub(crate) fn runs(catalog: &Catalog, words: &[OsString], stdin: &mut dyn BufRead) -> Result<Vec<Run>, Failure> {
    runs_among(catalog, words, stdin, Among::Present)
}

/// As [`runs`], among those in the given states of life.
pub(crate) fn runs_among(
    catalog: &Catalog,
    words: &[OsString],
    stdin: &mut dyn BufRead,
    among: Among,
) -> Result<Vec<Run>, Failure> {
    let mut seen = HashSet::new();
    let mut found = Vec::new();
    each_word(words, stdin, &mut |word| {
        let run = run_among(catalog, &word.to_string_lossy(), among)?;
        if seen.insert(run.key) {
            found.push(run);
        }
        Ok(())
    })?;
    Ok(found)
}

/// The words themselves, with those that stand on standard input in the place of the one that says so: for reading them
/// before the store is opened and locked.
pub(crate) fn expanded(words: &[OsString], stdin: &mut dyn BufRead) -> Result<Vec<OsString>, Failure> {
    let mut all = Vec::with_capacity(words.len());
    each_word(words, stdin, &mut |word| {
        all.push(word.to_owned());
        Ok(())
    })?;
    Ok(all)
}

/// The one word that is meant, which may stand on standard input.
pub(crate) fn only_word(word: &OsStr, stdin: &mut dyn BufRead) -> Result<OsString, Failure> {
    if word != STDIN {
        return Ok(word.to_owned());
    }
    let mut words = expanded(&[word.to_owned()], stdin)?;
    match words.len() {
        1 => Ok(words.remove(0)),
        0 => Err(Failure::usage("standard input names no run")),
        n => Err(Failure::usage(format!("standard input names {n} runs, and this command takes one"))),
    }
}

/// Hands out some words, and in the place of one that says so those that stand on standard input.
pub(super) fn each_word(
    words: &[OsString],
    stdin: &mut dyn BufRead,
    choose: &mut dyn FnMut(&OsStr) -> Result<(), Failure>,
) -> Result<(), Failure> {
    for word in words {
        if word == STDIN {
            each_line(stdin, choose)?;
        } else {
            choose(word)?;
        }
    }
    Ok(())
}

/// Hands out the words that stand in lines of their own.
fn each_line(stdin: &mut dyn BufRead, choose: &mut dyn FnMut(&OsStr) -> Result<(), Failure>) -> Result<(), Failure> {
    let mut line = Vec::new();
    loop {
        line.clear();
        let read = (&mut *stdin).take(LONGEST).read_until(b'\n', &mut line).map_err(unreadable)?;
        if read == 0 {
            return Ok(());
        }
        if read as u64 == LONGEST && line.last() != Some(&b'\n') {
            return Err(Failure::usage("a line of standard input is too long for a run").hint("write an id a line"));
        }
        let word = line.trim_ascii();
        if !word.is_empty() {
            choose(OsStr::from_bytes(word))?;
        }
    }
}

fn unreadable(error: io::Error) -> Failure {
    Failure::new(Exit::CouldNot, anyhow::Error::new(error).context("cannot read the runs from standard input"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(input: &[u8]) -> Result<Vec<String>, Failure> {
        let mut words = Vec::new();
        each_line(&mut &*input, &mut |word| {
            words.push(word.to_string_lossy().into_owned());
            Ok(())
        })?;
        Ok(words)
    }

    #[test]
    fn standard_input_holds_a_word_a_line() {
        assert_eq!(words(b"web-1/17\r\n\n  api:latest \nlast").unwrap(), ["web-1/17", "api:latest", "last"]);
        assert_eq!(words(b"").unwrap(), [""; 0]);
    }

    #[test]
    fn a_line_without_end_is_refused_before_it_fills_the_memory() {
        assert!(words(&[b'1'; 5000]).is_err());
        assert!(words(&[[b'1'; 4000].as_slice(), b"\n"].concat()).is_ok());
    }
}
