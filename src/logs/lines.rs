//! Lines of a log, without holding more of it than one of them.

use super::LONGEST_LINE;
use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::FileExt as _;

/// What is read at a time.
const BLOCK: usize = 64 * 1024;

/// How much of a long line's one piece is seen again at the beginning of the next, so that a match at the seam is found.
const OVERLAP: usize = 4096;

/// Where the last so many lines of a file begin. A last line without an end is one as well.
///
/// # Errors
/// The system's.
pub fn last_lines(file: &File, count: u64) -> io::Result<u64> {
    let length = file.metadata()?.len();
    if count == 0 {
        return Ok(length);
    }
    let mut left = count;
    let mut end = length;
    let mut buffer = vec![0; BLOCK];
    while end > 0 {
        let start = end.saturating_sub(BLOCK as u64);
        let block = &mut buffer[..(end - start) as usize];
        file.read_exact_at(block, start)?;
        for at in memchr::memrchr_iter(b'\n', block) {
            let position = start + at as u64;
            // The end of the very last line begins no line.
            if position + 1 == length {
                continue;
            }
            left -= 1;
            if left == 0 {
                return Ok(position + 1);
            }
        }
        end = start;
    }
    Ok(0)
}

/// A line, or a piece of one that is longer than can be held.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Line<'b> {
    /// From 1.
    pub(super) number: u64,
    /// Without its end.
    pub(super) bytes: &'b [u8],
    /// Whether there is more of it, before or behind.
    pub(super) cut: bool,
}

/// Hands out the lines of a file until `each` has enough; whether it wants more of a line that comes in pieces is what it
/// answers.
pub(super) fn each_line(mut file: impl Read, mut each: impl FnMut(Line<'_>) -> Next) -> io::Result<()> {
    let mut buffer: Vec<u8> = Vec::with_capacity(BLOCK);
    let mut number = 1;
    // Whether the buffer begins within a line, and whether the rest of that line is of no interest.
    let (mut within, mut skip) = (false, false);
    loop {
        let before = buffer.len();
        buffer.resize(before + BLOCK, 0);
        let read = read_some(&mut file, &mut buffer[before..])?;
        buffer.truncate(before + read);
        let mut start = 0;
        while let Some(at) = memchr::memchr(b'\n', &buffer[start..]) {
            let bytes = &buffer[start..start + at];
            if !skip && each(Line { number, bytes, cut: within }) == Next::Stop {
                return Ok(());
            }
            start += at + 1;
            number += 1;
            (within, skip) = (false, false);
        }
        buffer.drain(..start);
        if read == 0 {
            if !buffer.is_empty() && !skip {
                each(Line { number, bytes: &buffer, cut: within });
            }
            return Ok(());
        }
        if skip {
            buffer.clear();
        } else if buffer.len() >= LONGEST_LINE {
            match each(Line { number, bytes: &buffer, cut: true }) {
                Next::Stop => return Ok(()),
                Next::Line => skip = true,
                Next::More => {}
            }
            within = true;
            let keep = if skip { 0 } else { OVERLAP };
            buffer.drain(..buffer.len() - keep);
        }
    }
}

/// What is wanted after a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Next {
    /// The rest of this line, if there is one.
    More,
    /// The next line.
    Line,
    /// Nothing.
    Stop,
}

fn read_some(file: &mut impl Read, buffer: &mut [u8]) -> io::Result<usize> {
    loop {
        match file.read(buffer) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            done => return done,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write as _;

    fn lines(text: &[u8]) -> Vec<(u64, Vec<u8>, bool)> {
        let mut found = Vec::new();
        each_line(text, |line| {
            found.push((line.number, line.bytes.to_vec(), line.cut));
            Next::More
        })
        .unwrap();
        found
    }

    #[test]
    fn lines_are_numbered_and_the_last_needs_no_end() {
        let cases: [(&[u8], &[&[u8]]); 5] = [
            (b"", &[]),
            (b"a", &[b"a"]),
            (b"a\n", &[b"a"]),
            (b"a\n\nb\xff\0", &[b"a", b"", b"b\xff\0"]),
            (b"\n", &[b""]),
        ];
        for (text, expected) in cases {
            let expected: Vec<_> = (1..).zip(expected).map(|(n, line)| (n, line.to_vec(), false)).collect();
            assert_eq!(lines(text), expected);
        }
    }

    #[test]
    fn a_line_of_any_length_comes_in_pieces_that_overlap() {
        let long = [vec![b'x'; LONGEST_LINE * 3], b"\nshort\n".to_vec()].concat();
        let found = lines(&long);
        assert_eq!(found.last(), Some(&(2, b"short".to_vec(), false)));
        let pieces = &found[..found.len() - 1];
        assert!(
            pieces.len() >= 3
                && pieces
                    .iter()
                    .all(|(number, bytes, cut)| { *number == 1 && *cut && bytes.len() <= LONGEST_LINE + BLOCK })
        );
        let all: usize = pieces.iter().map(|(_, bytes, _)| bytes.len()).sum();
        assert_eq!(all - (pieces.len() - 1) * OVERLAP, LONGEST_LINE * 3);
    }

    #[test]
    fn the_rest_of_a_line_that_is_done_with_is_left_out() {
        let long = [vec![b'x'; LONGEST_LINE * 3], b"\nshort\n".to_vec()].concat();
        let mut numbers = Vec::new();
        each_line(&*long, |line| {
            numbers.push(line.number);
            Next::Line
        })
        .unwrap();
        assert_eq!(numbers, [1, 2]);
        let mut count = 0;
        each_line(&b"a\nb\nc\n"[..], |_| {
            count += 1;
            if count == 2 { Next::Stop } else { Next::Line }
        })
        .unwrap();
        assert_eq!(count, 2);
    }

    #[test]
    fn the_last_lines_begin_after_the_end_of_the_line_before() {
        let of = |text: &[u8], count: u64| {
            let mut file = tempfile::tempfile().unwrap();
            file.write_all(text).unwrap();
            text[last_lines(&file, count).unwrap() as usize..].to_vec()
        };
        assert_eq!(of(b"one\ntwo\nthree\n", 2), b"two\nthree\n");
        assert_eq!(of(b"one\ntwo\nthree", 1), b"three");
        assert_eq!(of(b"one\ntwo\n\n", 1), b"\n");
        assert_eq!(of(b"one\ntwo\n", 5), b"one\ntwo\n");
        assert_eq!(of(b"one\ntwo\n", 0), b"");
        assert_eq!(of(b"", 3), b"");
        let many: Vec<u8> = (0..50_000).flat_map(|n| format!("line {n}\n").into_bytes()).collect();
        let last: Vec<u8> = (30_000..50_000).flat_map(|n| format!("line {n}\n").into_bytes()).collect();
        assert_eq!(of(&many, 20_000), last);
    }
}
