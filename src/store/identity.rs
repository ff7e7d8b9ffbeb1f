//! The store's id, by which plan files name the store they are for.
//!
//! It lies in `.catalog/store-id`, beside the catalog and not in it: a plan must still be known for ours after
//! `catalog.db` was deleted. Without the file, the id that the catalog holds is written there.

use super::change::{self, Hook};
use super::run_walk::read_whole;
use rustix::fd::BorrowedFd;
use std::io;

const NAME: &std::ffi::CStr = c"store-id";
/// Hex digits of an id.
const DIGITS: usize = 32;

/// The id in our directory; `None` when there is none, or something else.
pub fn read(directory: BorrowedFd<'_>) -> Option<String> {
    let text = String::from_utf8(read_whole(directory, NAME, DIGITS as u64 + 2).ok()?).ok()?;
    let id = text.strip_suffix('\n').unwrap_or(&text);
    is_id(id).then(|| id.to_owned())
}

/// Writes the id, whole or not at all.
///
/// # Errors
/// The system's.
pub fn write(hook: &Hook, directory: BorrowedFd<'_>, id: &str) -> io::Result<()> {
    change::write_file(hook, directory, NAME, format!("{id}\n").as_bytes())
}

/// Whether a text has the form of an id.
pub fn is_id(text: &str) -> bool {
    text.len() == DIGITS && text.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b))
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustix::fd::AsFd as _;

    #[test]
    fn what_is_no_id_is_none() {
        let dir = tempfile::tempdir().unwrap();
        let ours = std::fs::File::open(dir.path()).unwrap();
        let id = "0123456789abcdef0123456789abcdef";
        assert_eq!(read(ours.as_fd()), None);
        write(&Hook::default(), ours.as_fd(), id).unwrap();
        assert_eq!(read(ours.as_fd()).as_deref(), Some(id));
        for text in ["", "0", &id.to_uppercase(), &format!("{id}0"), &format!("{id}\n\n"), &"x".repeat(32)] {
            std::fs::write(dir.path().join("store-id"), text).unwrap();
            assert_eq!(read(ours.as_fd()), None, "{text:?}");
        }
    }
}
