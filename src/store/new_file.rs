//! A file that the user named, while it is written: it appears whole, or not at all.
//!
//! Where the file system can, it has no name until it is whole, and goes with whoever writes it. Elsewhere, and for the
//! moment in which it takes the place of an older one, it has a name of its own, and a `flock` on it as long as its writer
//! lives. Whoever writes into the same directory next removes what was left there: a regular file of our user, for him
//! alone, without a second name, that nobody holds, and whose name only we make. The name carries a sum of itself, so
//! that no other program has one like it by accident.

use super::change::{self, Hook};
use super::dir::{self, Listing};
use super::outside::{OutsideError, give_name, in_the_way, place, replace};
use super::own_files;
use rustix::fd::{AsFd as _, BorrowedFd, OwnedFd};
use rustix::fs::FlockOperation;
use std::ffi::{CStr, CString};
use std::fs::File;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

/// How the name of one that is not finished begins; 16 random hex digits follow, and 16 that follow from those.
const UNFINISHED: &str = ".otto-unfinished-";
/// Half of the digits.
const HALF: usize = 16;
/// How often a name is made: somebody may take one for a leftover in the moment before its lock is held.
const ATTEMPTS: u32 = 3;

/// A file that is written bit by bit.
#[derive(Debug)]
pub struct NewFile {
    path: PathBuf,
    directory: OwnedFd,
    name: CString,
    file: File,
    /// The name that it has until it is finished, where it has one.
    aside: Option<CString>,
    /// The file that is replaced.
    before: Option<u64>,
}

/// A file that is finished.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Written {
    /// Its length.
    pub bytes: u64,
    /// Its device.
    pub dev: u64,
    /// Its inode.
    pub inode: u64,
}

/// Writes a file (0600). One that is there is replaced only if it `is_ours`, which is asked of its first bytes; `kind` says
/// what ours are, with an article.
///
/// # Errors
/// [`OutsideError`]; then what was there is as it was, and nothing of ours is left.
pub fn write(
    hook: &Hook,
    path: &Path,
    bytes: &[u8],
    kind: &str,
    is_ours: &dyn Fn(&[u8]) -> bool,
) -> Result<(), OutsideError> {
    let new = NewFile::begin_over(hook, path, kind, is_ours)?;
    let mut file = new.file();
    file.write_all(bytes).map_err(new.error("write"))?;
    new.finish(hook).map(|_| ())
}

impl NewFile {
    /// Begins a file (0600). One that is there is replaced only with `force`, and only if it is a regular one.
    ///
    /// # Errors
    /// [`OutsideError`].
    pub fn begin(hook: &Hook, path: &Path, force: bool) -> Result<Self, OutsideError> {
        Self::begin_over(hook, path, "a file that may be replaced", &|_| force)
    }

    fn begin_over(hook: &Hook, path: &Path, kind: &str, is_ours: &dyn Fn(&[u8]) -> bool) -> Result<Self, OutsideError> {
        let error = |source: io::Error| OutsideError::Io { act: "write", path: path.to_owned(), source };
        let (directory, name) = place(path)?;
        let before = in_the_way(directory.as_fd(), &name, path, kind, is_ours)?;
        drop_unfinished(hook, directory.as_fd());
        let (file, aside) = match change::unnamed_file(hook, directory.as_fd()) {
            Ok(file) => {
                // Should it get a name of its own on its way to its place, nobody is to take it for a leftover.
                let _ = rustix::fs::flock(&file, FlockOperation::NonBlockingLockExclusive);
                (file, None)
            }
            Err(_) => named(hook, directory.as_fd()).map(|(file, aside)| (file, Some(aside))).map_err(error)?,
        };
        Ok(Self { path: path.to_owned(), directory, name, file, aside, before })
    }

    /// Where it is to be.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// What is written to.
    pub fn file(&self) -> &File {
        &self.file
    }

    /// Begins it anew.
    ///
    /// # Errors
    /// The system's.
    pub fn restart(&mut self, hook: &Hook) -> Result<(), OutsideError> {
        use std::io::Seek as _;
        change::stretch(hook, &self.file, 0).and_then(|()| self.file.rewind()).map_err(self.error("write"))
    }

    /// What was written, durable and to be read.
    ///
    /// # Errors
    /// The system's.
    pub fn reopen(&self) -> Result<File, OutsideError> {
        self.file.sync_all().map_err(self.error("sync"))?;
        self.file.try_clone().map_err(self.error("read"))
    }

    /// Makes it durable and puts it in its place.
    ///
    /// # Errors
    /// [`OutsideError`]; unless it is the directory that could not be made durable, what was there is as it was.
    pub fn finish(mut self, hook: &Hook) -> Result<Written, OutsideError> {
        self.file.sync_all().map_err(self.error("sync"))?;
        let meta = dir::meta(&self.file).map_err(|e| self.error("look at")(e.into()))?;
        self.put(hook).map_err(|source| match source.kind() {
            io::ErrorKind::AlreadyExists => {
                OutsideError::Taken { path: self.path.clone(), what: "something that came meanwhile".to_owned() }
            }
            _ => self.error("write")(source),
        })?;
        change::sync(hook, self.directory.as_fd()).map_err(self.error("sync"))?;
        Ok(Written { bytes: meta.len, dev: meta.dev, inode: meta.inode })
    }

    fn put(&mut self, hook: &Hook) -> io::Result<()> {
        let directory = self.directory.as_fd();
        match (&self.aside, self.before) {
            (None, None) => return change::name_file(hook, &self.file, directory, &self.name),
            (Some(aside), None) => give_name(hook, directory, aside, &self.name)?,
            (Some(aside), Some(inode)) => replace(hook, directory, aside, &self.name, inode)?,
            (None, Some(inode)) => {
                let aside = unfinished_name()?;
                change::name_file(hook, &self.file, directory, &aside)?;
                let replaced = replace(hook, directory, &aside, &self.name, inode);
                if replaced.is_err() {
                    self.aside = Some(aside);
                }
                return replaced;
            }
        }
        self.aside = None;
        Ok(())
    }

    fn error(&self, act: &'static str) -> impl Fn(io::Error) -> OutsideError + use<> {
        let path = self.path.clone();
        move |source| OutsideError::Io { act, path: path.clone(), source }
    }
}

impl Drop for NewFile {
    fn drop(&mut self) {
        if let Some(aside) = &self.aside {
            let _ = change::remove_own_file(&Hook::default(), self.directory.as_fd(), aside);
        }
        // By name: a child that is being started in this moment has the descriptor too.
        let _ = rustix::fs::flock(&self.file, FlockOperation::Unlock);
    }
}

/// A file with a name of its own, and its lock held.
fn named(hook: &Hook, directory: BorrowedFd<'_>) -> io::Result<(File, CString)> {
    for _ in 0..ATTEMPTS {
        let aside = unfinished_name()?;
        let file = change::new_file(hook, directory, &aside)?;
        // Where there are no locks, nobody can find it free either.
        let _ = rustix::fs::flock(&file, FlockOperation::NonBlockingLockExclusive);
        if dir::meta(&file)?.links > 0 {
            return Ok((file, aside));
        }
    }
    Err(io::ErrorKind::ResourceBusy.into())
}

/// Removes what was left unfinished in a directory. What cannot be, or not for certain, stays.
fn drop_unfinished(hook: &Hook, directory: BorrowedFd<'_>) {
    let mut listing = Listing::default();
    let Ok(own) = dir::open_dir(directory, c".") else { return };
    let Ok((mark, _)) = listing.push(own.as_fd()) else { return };
    for entry in listing.entries(mark) {
        if is_unfinished(listing.name(*entry)) {
            let _ = drop_one(hook, directory, listing.c_name(*entry));
        }
    }
}

fn drop_one(hook: &Hook, directory: BorrowedFd<'_>, name: &CStr) -> io::Result<()> {
    let file = dir::open_file(directory, name)?;
    // Held until it is gone, so that two who find it do not meet another file of that name.
    rustix::fs::flock(&file, FlockOperation::NonBlockingLockExclusive)?;
    let (stat, meta) = (rustix::fs::fstat(&file)?, dir::meta(&file)?);
    let is_ours = stat.st_uid == rustix::process::geteuid().as_raw() && meta.mode == 0o600 && meta.links == 1;
    let there = dir::meta_at(directory, name)?;
    if is_ours && (there.dev, there.inode) == (meta.dev, meta.inode) {
        change::remove_own_file(hook, directory, name)?;
    }
    Ok(rustix::fs::flock(&file, FlockOperation::Unlock)?)
}

fn unfinished_name() -> io::Result<CString> {
    let random = own_files::random_hex(HALF / 2)?;
    Ok(dir::c_name(format!("{UNFINISHED}{random}{}", sum(random.as_bytes())).as_bytes())?)
}

fn is_unfinished(name: &[u8]) -> bool {
    name.strip_prefix(UNFINISHED.as_bytes())
        .filter(|digits| digits.len() == 2 * HALF)
        .is_some_and(|digits| digits[HALF..] == *sum(&digits[..HALF]).as_bytes())
}

/// What the second half of a name follows from.
fn sum(random: &[u8]) -> String {
    blake3::hash(&[UNFINISHED.as_bytes(), random].concat()).to_hex()[..HALF].to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::change::Act;
    use std::fs;
    use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
    use std::sync::atomic::{AtomicUsize, Ordering};

    fn names(dir: &Path) -> Vec<String> {
        let mut names: Vec<String> =
            fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    /// As on a file system that has no files without a name.
    fn without_unnamed() -> Hook {
        let count = AtomicUsize::new(0);
        Hook::new(move |act| match act {
            Act::WriteFile if count.fetch_add(1, Ordering::SeqCst) == 0 => Err(rustix::io::Errno::OPNOTSUPP.into()),
            _ => Ok(()),
        })
    }

    fn put(hook: &Hook, path: &Path, text: &str) -> Result<Written, OutsideError> {
        let new = NewFile::begin(hook, path, true)?;
        new.file().write_all(text.as_bytes()).unwrap();
        new.finish(hook)
    }

    /// A file that a dead process left.
    fn left(dir: &Path) -> PathBuf {
        let fd = fs::File::open(dir).unwrap();
        let (file, aside) = named(&Hook::default(), fd.as_fd()).unwrap();
        drop(file);
        dir.join(aside.to_str().unwrap())
    }

    #[test]
    fn a_file_has_no_name_until_it_is_whole() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.txt");
        let new = NewFile::begin(&Hook::default(), &path, false).unwrap();
        assert!(new.aside.is_none(), "these tests need a file system with unnamed files");
        new.file().write_all(b"half").unwrap();
        assert_eq!(names(dir.path()), [""; 0]);
        drop(new);
        assert_eq!(names(dir.path()), [""; 0]);
    }

    #[test]
    fn it_takes_its_place_with_and_without_a_name_of_its_own() {
        for hook in [Hook::default as fn() -> Hook, without_unnamed] {
            let dir = tempfile::tempdir().unwrap();
            let path = dir.path().join("a.txt");
            put(&hook(), &path, "one").unwrap();
            let written = put(&hook(), &path, "two!").unwrap();
            let meta = fs::metadata(&path).unwrap();
            assert_eq!((written.bytes, written.dev, written.inode), (4, meta.dev(), meta.ino()));
            assert_eq!((fs::read(&path).unwrap(), meta.mode() & 0o777), (b"two!".to_vec(), 0o600));
            assert_eq!(names(dir.path()), ["a.txt"]);
        }
    }

    #[test]
    fn what_came_into_its_place_meanwhile_stays() {
        for (hook, there) in [Hook::default as fn() -> Hook, without_unnamed].into_iter().zip([false, true]) {
            let dir = tempfile::tempdir().unwrap();
            let path = dir.path().join("a.txt");
            if there {
                fs::write(&path, "old").unwrap();
            }
            let new = NewFile::begin(&hook(), &path, true).unwrap();
            fs::write(dir.path().join("b.txt"), "newcomer").unwrap();
            fs::rename(dir.path().join("b.txt"), &path).unwrap();
            assert!(matches!(new.finish(&Hook::default()), Err(OutsideError::Taken { .. })));
            assert_eq!((names(dir.path()), fs::read(&path).unwrap()), (vec!["a.txt".to_owned()], b"newcomer".to_vec()));
        }
    }

    #[test]
    fn what_a_dead_process_left_goes_and_what_a_living_one_writes_stays() {
        let dir = tempfile::tempdir().unwrap();
        let living = NewFile::begin(&without_unnamed(), &dir.path().join("other.txt"), false).unwrap();
        let dead = left(dir.path());
        assert_eq!(names(dir.path()).len(), 2);
        put(&Hook::default(), &dir.path().join("a.txt"), "text").unwrap();
        assert!(!dead.exists());
        living.finish(&Hook::default()).unwrap();
        assert_eq!(names(dir.path()), ["a.txt", "other.txt"]);
    }

    #[test]
    fn what_is_not_certainly_ours_stays() {
        let spoil: [fn(&Path); 5] = [
            |left| fs::rename(left, left.with_file_name(".otto-unfinished-0123456789abcdef0123456789abcdef")).unwrap(),
            |left| fs::set_permissions(left, fs::Permissions::from_mode(0o644)).unwrap(),
            |left| fs::hard_link(left, left.with_file_name("kept")).unwrap(),
            |left| {
                fs::rename(left, left.with_file_name("target")).unwrap();
                std::os::unix::fs::symlink("target", left).unwrap();
            },
            |left| {
                fs::remove_file(left).unwrap();
                fs::create_dir(left).unwrap();
            },
        ];
        for (n, spoil) in spoil.into_iter().enumerate() {
            let dir = tempfile::tempdir().unwrap();
            spoil(&left(dir.path()));
            let before = names(dir.path());
            put(&Hook::default(), &dir.path().join("z.txt"), "text").unwrap();
            assert_eq!(names(dir.path()), [before, vec!["z.txt".to_owned()]].concat(), "{n}");
        }
    }
}
