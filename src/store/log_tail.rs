//! An exit code in the last lines of a log: weak evidence, asked only where the runner left none (before 0.6.6).

use super::dir;
use rustix::fd::{AsFd, BorrowedFd};
use std::ffi::CStr;

/// How much of a log's end is read.
const TAIL_BYTES: u64 = 2048;
/// How many of its last lines are looked at.
const TAIL_LINES: usize = 5;
/// What precedes a code, in lower case.
const PHRASES: &[&str] =
    &["exit code", "exit status", "exited with code", "exited with status", "exited with", "exit_code"];

/// The last bytes of a log, `None` when it cannot be read as a regular file.
pub(super) fn read(task: BorrowedFd<'_>, name: &CStr) -> Option<Vec<u8>> {
    let fd = dir::open_file(task, name).ok()?;
    let length = dir::meta(&fd).ok()?.len;
    let mut buffer = vec![0_u8; usize::try_from(length.min(TAIL_BYTES)).ok()?];
    let read = rustix::io::pread(fd.as_fd(), buffer.as_mut_slice(), length.saturating_sub(TAIL_BYTES)).ok()?;
    buffer.truncate(read);
    Some(buffer)
}

/// The last exit code that those lines state.
pub(super) fn exit_code(tail: &[u8]) -> Option<i32> {
    let text = String::from_utf8_lossy(tail).to_lowercase();
    text.lines().rev().filter(|line| !line.trim().is_empty()).take(TAIL_LINES).find_map(|line| {
        PHRASES.iter().find_map(|phrase| {
            let after = &line[line.find(phrase)? + phrase.len()..];
            let after = after.trim_start_matches([' ', ':', '=', '(']).trim_start_matches("some(");
            let digits = after.bytes().take_while(u8::is_ascii_digit).count();
            after[..digits].parse().ok()
        })
    })
}

#[cfg(test)]
mod tests {
    use super::exit_code;

    #[test]
    fn the_last_stated_code_counts() {
        let cases: &[(&str, Option<i32>)] = &[
            ("make: *** error\nexit code: 2\n", Some(2)),
            ("Process exited with code 0\n\n", Some(0)),
            ("exit status 1\nretry\nexit status 0\n", Some(0)),
            ("Task x failed with exit code Some(7)\n", Some(7)),
            ("exit code unknown\n", None),
            ("all is well\n", None),
            ("exit code 3\n1\n2\n3\n4\n5\n", None),
            ("exit code 99999999999999\n", None),
        ];
        for (tail, code) in cases {
            assert_eq!(exit_code(tail.as_bytes()), *code, "{tail:?}");
        }
    }
}
