//! The content of a cache entry against its name: in the flat layout that is the first 8 hex digits of its sha256, with
//! `.sh` or `.py`. Nested entries of June 2025 may have a line put before what was hashed, and are not compared.

use super::dir;
use rustix::fd::BorrowedFd;
use sha2::{Digest as _, Sha256};
use std::ffi::CStr;
use std::io::{self, Read as _};

/// Digits of the hash that make a name.
const DIGITS: usize = 8;

/// What the content of an entry says about its name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Content {
    /// Its name is no hash.
    Unnamed,
    /// Its name is the hash of its content.
    Same,
    /// There is nothing in it.
    Empty,
    /// Its content has this hash.
    Other(String),
}

/// Compares an entry of an open cache with its name. No link is followed.
///
/// # Errors
/// The system's.
pub fn compare(cache: BorrowedFd<'_>, name: &[u8]) -> io::Result<Content> {
    compare_as(cache, &dir::c_name(name)?, name)
}

/// Compares a file of an open directory with the name of the entry that it is to be.
///
/// # Errors
/// As [`compare`].
pub fn compare_as(directory: BorrowedFd<'_>, file: &CStr, name: &[u8]) -> io::Result<Content> {
    let Some(stated) = stated(name) else { return Ok(Content::Unnamed) };
    let mut file = std::fs::File::from(dir::open_file(directory, file)?);
    let mut hasher = Sha256::new();
    let mut buffer = vec![0_u8; 64 * 1024];
    let mut length = 0;
    loop {
        match file.read(&mut buffer) {
            Ok(0) => break,
            Ok(read) => {
                hasher.update(&buffer[..read]);
                length += read;
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    let digest: String = hasher.finalize().iter().take(DIGITS / 2).map(|byte| format!("{byte:02x}")).collect();
    Ok(match digest.as_bytes() == stated {
        true => Content::Same,
        false if length == 0 => Content::Empty,
        false => Content::Other(digest),
    })
}

/// The hash that a name states.
fn stated(name: &[u8]) -> Option<&[u8]> {
    let stem = name.strip_suffix(b".sh").or_else(|| name.strip_suffix(b".py"))?;
    let is_hash = stem.len() == DIGITS && stem.iter().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
    is_hash.then_some(stem)
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustix::fd::AsFd as _;

    #[test]
    fn a_name_is_held_against_the_hash_of_the_content_where_it_is_one() {
        let dir = tempfile::tempdir().unwrap();
        let write = |name: &str, bytes: &[u8]| std::fs::write(dir.path().join(name), bytes).unwrap();
        write("2cf24dba.sh", b"hello");
        write("2cf24dba.py", b"hell");
        write("deadbeef.sh", b"");
        write("deadbeef", b"hello");
        write("build.sh", b"hello");
        std::os::unix::fs::symlink("2cf24dba.sh", dir.path().join("2cf24dbb.sh")).unwrap();
        let cache = std::fs::File::open(dir.path()).unwrap();
        let of = |name: &str| compare(cache.as_fd(), name.as_bytes());
        assert_eq!(of("2cf24dba.sh").unwrap(), Content::Same);
        assert!(matches!(of("2cf24dba.py").unwrap(), Content::Other(hash) if hash != "2cf24dba"));
        assert_eq!(of("deadbeef.sh").unwrap(), Content::Empty);
        for name in ["deadbeef", "build.sh", "build/deadbeef", "DEADBEEF.sh"] {
            assert_eq!(of(name).unwrap(), Content::Unnamed, "{name}");
        }
        assert!(of("2cf24dbb.sh").is_err(), "a link was followed");
        assert_eq!(of("00000000.sh").unwrap_err().kind(), io::ErrorKind::NotFound);
    }
}
