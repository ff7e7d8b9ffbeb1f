//! How far a catalog knows the log. Several catalogs of one store share its log: what was added through another one is read
//! before anything is decided, and nothing is read where nothing was added.
//!
//! A [`LogMark`] names the file that was appended to, by its inode, and its length up to the last whole line. A file keeps
//! both when it is renamed, so that what was added is found in it and in all that were begun after it. A hash of the bytes
//! before that length tells a file that only grew from another one of that inode, or one that was written anew. Where the
//! place is not found again, as in a store that was copied, everything is read.

use super::log::CURRENT;
use super::reader::Reader;
use crate::catalog::LogMark;
use crate::store::dir;
use rustix::fd::BorrowedFd;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt as _;

/// So much of a file is held against a mark: a few lines.
const TAIL: u64 = 4096;

/// What is in the log and not known.
#[derive(Debug)]
pub enum Added {
    /// Nothing: it was not opened.
    Nothing,
    /// What follows the mark.
    Since(Reader),
    /// Everything: nobody knows what of it is known.
    All(Reader),
}

/// What was added to the log in our directory since it was read up to a mark.
///
/// # Errors
/// The system's, when the log cannot be read.
pub fn added_since(directory: BorrowedFd<'_>, mark: Option<&LogMark>) -> io::Result<Added> {
    if let Some(mark) = mark {
        let is_known = match dir::meta_at(directory, CURRENT) {
            Ok(now) => (now.inode, now.len, now.mtime_ns) == (mark.inode, mark.length, mark.mtime_ns),
            Err(rustix::io::Errno::NOENT) => *mark == LogMark::default(),
            Err(error) => return Err(error.into()),
        };
        if is_known {
            return Ok(Added::Nothing);
        }
    }
    let mut reader = Reader::open(directory)?;
    match mark {
        Some(mark) if reader.skip_to(mark)? => Ok(Added::Since(reader)),
        _ => Ok(Added::All(reader)),
    }
}

/// The mark of a file that was read up to a length.
pub(super) fn mark(file: &File, length: u64) -> io::Result<LogMark> {
    let meta = dir::meta(file)?;
    let mtime_ns = if meta.len == length { meta.mtime_ns } else { 0 };
    Ok(LogMark { inode: meta.inode, length, mtime_ns, tail: tail(file, length)? })
}

/// Whether a file is the one that was read up to a mark, and only grew since.
pub(super) fn holds(file: &File, mark: &LogMark) -> io::Result<bool> {
    let meta = dir::meta(file)?;
    let grew = meta.len > mark.length || (meta.len == mark.length && meta.mtime_ns == mark.mtime_ns);
    Ok(meta.inode == mark.inode && grew && tail(file, mark.length)? == mark.tail)
}

fn tail(file: &File, length: u64) -> io::Result<Vec<u8>> {
    let from = length.saturating_sub(TAIL);
    let mut bytes = vec![0; usize::try_from(length - from).unwrap_or(0)];
    file.read_exact_at(&mut bytes, from)?;
    Ok(blake3::hash(&bytes).as_bytes().to_vec())
}

/// Whether a line that cannot be read was cut off by a crash: it ends too early, or in blocks that were never written.
pub(super) fn is_cut(line: &[u8]) -> bool {
    let written = line.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
    let text = &line[..written];
    text.is_empty() || serde_json::from_slice::<serde::de::IgnoredAny>(text).is_err_and(|error| error.is_eof())
}

#[cfg(test)]
mod tests {
    use super::super::{Event, Heading, Journal, Log, Named};
    use super::*;
    use crate::store::change::Hook;
    use std::fs;
    use std::os::fd::AsFd as _;
    use std::path::PathBuf;

    struct Ours {
        dir: tempfile::TempDir,
        fd: File,
        log: PathBuf,
    }

    fn ours() -> Ours {
        let dir = tempfile::tempdir().unwrap();
        let (fd, log) = (File::open(dir.path()).unwrap(), dir.path().join("audit.jsonl"));
        Ours { dir, fd, log }
    }

    impl Ours {
        fn add(&self, operation: &str) {
            let (hook, directory) = (Hook::default(), self.fd.as_fd());
            let heading = Heading { operation, now: 5, who: "w", command: "c", policy: "", plan: None };
            let mut journal = Journal::new(Log { hook: &hook, directory, limit: u64::MAX }, &heading);
            journal.append(None, &Event::Unpinned(Named::default())).unwrap();
        }

        /// What is found to be added, and how far it is known then.
        fn added(&self, mark: Option<&LogMark>) -> (&'static str, Vec<String>, Option<LogMark>) {
            let (how, mut reader) = match added_since(self.fd.as_fd(), mark).unwrap() {
                Added::Nothing => return ("nothing", Vec::new(), None),
                Added::Since(reader) => ("since", reader),
                Added::All(reader) => ("all", reader),
            };
            let mut operations = Vec::new();
            while let Some((_, line)) = reader.next_line() {
                operations.push(line.head.operation);
            }
            (how, operations, Some(reader.mark().unwrap()))
        }

        fn known(&self) -> LogMark {
            self.added(None).2.unwrap()
        }
    }

    #[test]
    fn nothing_is_read_where_nothing_was_added_and_only_what_was_added_where_something_was() {
        let ours = ours();
        let none = ours.known();
        assert_eq!((ours.added(Some(&none)).0, &none), ("nothing", &LogMark::default()));
        ours.add("a");
        ours.add("b");
        let (how, operations, known) = ours.added(Some(&none));
        assert_eq!((how, operations), ("all", vec!["a".to_owned(), "b".to_owned()]));
        assert_eq!(ours.added(known.as_ref()).0, "nothing");
        ours.add("c");
        let (how, operations, known) = ours.added(known.as_ref());
        assert_eq!((how, operations), ("since", vec!["c".to_owned()]));
        assert_eq!(ours.added(known.as_ref()).0, "nothing");
    }

    #[test]
    fn a_file_that_was_renamed_is_found_again_and_all_that_follow_it_are_read() {
        let ours = ours();
        let rename = |to: &str| fs::rename(&ours.log, ours.dir.path().join(to)).unwrap();
        ours.add("a");
        rename("audit-20250101T000000Z.jsonl");
        ours.add("b");
        let known = ours.known();
        ours.add("c");
        rename("audit-20250102T000000Z.jsonl");
        let (how, operations, known_without_a_current) = ours.added(Some(&known));
        assert_eq!((how, operations), ("since", vec!["c".to_owned()]));
        ours.add("d");
        rename("audit-20250103T000000Z.jsonl");
        ours.add("e");
        let (how, operations, last) = ours.added(Some(&known));
        assert_eq!((how, operations), ("since", ["c", "d", "e"].map(str::to_owned).to_vec()));
        assert_eq!(ours.added(known_without_a_current.as_ref()).1, ["d", "e"]);
        assert_eq!(ours.added(last.as_ref()).0, "nothing");
    }

    #[test]
    fn another_file_and_one_that_was_written_anew_are_read_whole() {
        let ours = ours();
        ours.add("a");
        ours.add("b");
        let (known, text) = (ours.known(), fs::read(&ours.log).unwrap());
        // In place: another byte among those that were read, and something added.
        let other = String::from_utf8(text.clone()).unwrap().replace("\"b\"", "\"x\"");
        fs::write(&ours.log, &other).unwrap();
        ours.add("c");
        assert_eq!((ours.added(Some(&known)).0, ours.added(Some(&known)).1.join("")), ("all", "axc".to_owned()));
        // Shorter.
        fs::write(&ours.log, &text[..text.len() / 2]).unwrap();
        assert_eq!(ours.added(Some(&known)).0, "all");
        // A copy, which has another inode.
        fs::write(ours.dir.path().join("copy"), &text).unwrap();
        fs::rename(ours.dir.path().join("copy"), &ours.log).unwrap();
        assert_eq!(ours.added(Some(&known)).0, "all");
        // None at all any more.
        fs::remove_file(&ours.log).unwrap();
        let (how, operations, none) = ours.added(Some(&known));
        assert_eq!((how, operations, none), ("all", Vec::new(), Some(LogMark::default())));
    }

    #[test]
    fn a_line_without_its_end_is_not_known_before_it_is_whole() {
        let ours = ours();
        ours.add("a");
        let whole = fs::read(&ours.log).unwrap();
        ours.add("b");
        let both = fs::read(&ours.log).unwrap();
        for cut in [whole.len() + 1, both.len() - 1] {
            fs::write(&ours.log, &both[..cut]).unwrap();
            let known = ours.known();
            assert_eq!(known.length as usize, whole.len(), "{cut}");
            fs::write(&ours.log, &both).unwrap();
            let (how, operations, known) = ours.added(Some(&known));
            assert_eq!((how, operations), ("since", vec!["b".to_owned()]), "{cut}");
            assert_eq!(known.unwrap().length as usize, both.len());
        }
    }

    #[test]
    fn a_line_that_was_cut_off_is_told_from_one_that_is_damaged() {
        for cut in [&b"{\"schema\":\"otto.aud"[..], b"{", b"\0\0\0", b"{\"schema\":\"otto.audit/1\",\0\0\0\0"] {
            assert!(is_cut(cut), "{}", String::from_utf8_lossy(cut));
        }
        let damaged =
            [&b"garbage"[..], b"{\"schema\":\"o\"}", b"{\"sch\0ma\":1}", b"\xff", b"{\"a\":1}}", b"[]", b"\0{}"];
        for damaged in damaged {
            assert!(!is_cut(damaged), "{}", String::from_utf8_lossy(damaged));
        }
    }
}
