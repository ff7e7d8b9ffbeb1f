//! The files of a run, read by hand: logs, scripts, what went in and came out.
//!
//! Every step is relative to an open directory and follows no link. A link that the runner made (a script's, an input's)
//! is read as text, and what it names is opened from the project's cache or from the run itself, never from where it may
//! lead. Only regular files are opened for reading; a FIFO in a log's place does not block.

use super::dir::{self, Listing};
use super::layout;
use super::project_walk;
use super::reference;
use super::root::StoreRoot;
use crate::model::{Problem, RunId};
use rustix::fd::{AsFd, BorrowedFd, OwnedFd};
use rustix::fs::FileType;
use rustix::io::Errno;
use std::fs::File;
use std::io::{self, Read as _};

/// A link's text is a path, and no path is longer.
const LONGEST_LINK: usize = 4096;

/// A run's directory, open.
#[derive(Debug)]
pub struct RunFiles {
    project: Option<OwnedFd>,
    run: OwnedFd,
}

/// A file as far as it was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Content {
    /// Its bytes, at most as many as were wanted.
    pub bytes: Vec<u8>,
    /// Whether that is all of it.
    pub whole: bool,
}

impl RunFiles {
    /// Opens a run's directory; `None` when it is not there, or no directory.
    ///
    /// # Errors
    /// A problem with the run or its project.
    pub fn open(root: &StoreRoot, id: &RunId) -> Result<Option<Self>, Problem> {
        let project = if id.project.is_root() {
            None
        } else {
            match project_walk::open_project(root, &id.project)? {
                Some((project, _)) => Some(project),
                None => return Ok(None),
            }
        };
        let level = project.as_ref().map_or(root.fd(), AsFd::as_fd);
        match walk_to(level, id.run.as_str().as_bytes()) {
            Ok(run) => Ok(Some(Self { project, run })),
            Err(error) if is_absence(error) => Ok(None),
            Err(error) => {
                let path = project_walk::project_path(root, &id.project).join(id.run.as_str());
                Err(Problem::new(path, "open the directory", io::Error::from(error)))
            }
        }
    }

    /// Opens a regular file of the run, by its directory below the run's and its name; `None` when there is none.
    ///
    /// # Errors
    /// The system's.
    pub fn file(&self, directory: &[u8], name: &[u8]) -> io::Result<Option<File>> {
        found(open_below(self.run.as_fd(), directory, name))
    }

    /// Opens what a link of the run names, if that is a regular file of the project's cache or of the run itself; a regular
    /// file is opened as it is. `None` when there is none.
    ///
    /// # Errors
    /// The system's.
    pub fn linked_file(&self, directory: &[u8], name: &[u8]) -> io::Result<Option<File>> {
        let text = match self.link(directory, name) {
            Ok(Some(text)) => text,
            Ok(None) => return self.file(directory, name),
            Err(error) => return found(Err(error)),
        };
        // What a link names in a cache of another project is that project's.
        if let Some(reference) = reference::references(&text).into_iter().find(|reference| !reference.path.is_empty()) {
            return self.cache_entry(&reference.path);
        }
        let after = text.windows(7).rposition(|part| part == b"/tasks/").map(|at| &text[at + 7..]);
        let path = match after {
            Some(path) => [b"tasks/".as_slice(), path].concat(),
            None => match below_run(directory, &text) {
                Some(path) => path,
                None => return Ok(None),
            },
        };
        match path.iter().rposition(|byte| *byte == b'/') {
            Some(at) => self.file(&path[..at], &path[at + 1..]),
            None => self.file(b"", &path),
        }
    }

    /// Opens an entry of the project's cache; `None` when there is none.
    ///
    /// # Errors
    /// The system's.
    pub fn cache_entry(&self, path: &[u8]) -> io::Result<Option<File>> {
        let Some(project) = &self.project else { return Ok(None) };
        let (directory, name) = match path.iter().rposition(|byte| *byte == b'/') {
            Some(at) => (&path[..at], &path[at + 1..]),
            None => (b"".as_slice(), path),
        };
        let directory =
            if directory.is_empty() { layout::CACHE.to_vec() } else { [layout::CACHE, b"/", directory].concat() };
        found(open_below(project.as_fd(), &directory, name))
    }

    /// The names of a directory of the run that are regular files or links, in order; none when it is not there.
    ///
    /// # Errors
    /// The system's.
    pub fn names(&self, directory: &[u8]) -> io::Result<Vec<Vec<u8>>> {
        let fd = match walk_to(self.run.as_fd(), directory) {
            Ok(fd) => fd,
            Err(error) if is_absence(error) => return Ok(Vec::new()),
            Err(error) => return Err(error.into()),
        };
        let mut listing = Listing::default();
        let (mark, _) = listing.push(fd.as_fd())?;
        let of_interest = |kind| !matches!(kind, FileType::Directory | FileType::Fifo | FileType::Socket);
        let entries = listing.entries(mark).iter().filter(|entry| of_interest(entry.kind));
        Ok(entries.map(|entry| listing.name(*entry).to_vec()).collect())
    }

    /// The text of a link; `None` when the name is no link's.
    fn link(&self, directory: &[u8], name: &[u8]) -> Result<Option<Vec<u8>>, Errno> {
        let fd = walk_to(self.run.as_fd(), directory)?;
        match rustix::fs::readlinkat(&fd, dir::c_name(name)?, Vec::with_capacity(LONGEST_LINK)) {
            Ok(text) => Ok(Some(text.into_bytes())),
            Err(Errno::INVAL) => Ok(None),
            Err(error) => Err(error),
        }
    }
}

impl Content {
    /// Reads a file, at most so many bytes of it.
    ///
    /// # Errors
    /// The system's.
    pub fn read(file: File, most: usize) -> io::Result<Self> {
        let mut bytes = Vec::new();
        // One more tells whether there is more.
        let wanted = u64::try_from(most).unwrap_or(u64::MAX).saturating_add(1);
        file.take(wanted).read_to_end(&mut bytes)?;
        let whole = bytes.len() <= most;
        bytes.truncate(most);
        Ok(Self { bytes, whole })
    }
}

/// Opens the directory that a path names below another, each part by itself.
fn walk_to(from: BorrowedFd<'_>, path: &[u8]) -> Result<OwnedFd, Errno> {
    let mut fd = dir::open_dir(from, c".")?;
    for part in path.split(|byte| *byte == b'/').filter(|part| !part.is_empty()) {
        if part == b"." || part == b".." {
            return Err(Errno::NOENT);
        }
        fd = dir::open_dir(fd.as_fd(), &dir::c_name(part)?)?;
    }
    Ok(fd)
}

fn open_below(from: BorrowedFd<'_>, directory: &[u8], name: &[u8]) -> Result<File, Errno> {
    if name.is_empty() || name == b"." || name == b".." || name.contains(&b'/') {
        return Err(Errno::NOENT);
    }
    let fd = walk_to(from, directory)?;
    dir::open_file(fd.as_fd(), &dir::c_name(name)?).map(File::from)
}

/// What is not there is none, and so is what is there as something else than a file.
fn found(opened: Result<File, Errno>) -> io::Result<Option<File>> {
    match opened {
        Ok(file) => Ok(Some(file)),
        Err(error) if is_absence(error) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

fn is_absence(error: Errno) -> bool {
    // Opening a socket is ENXIO, a directory or a FIFO in a file's place is refused as EINVAL by ourselves.
    matches!(error, Errno::NOENT | Errno::NOTDIR | Errno::LOOP | Errno::INVAL | Errno::NXIO)
}

/// Where a relative link leads, worked out by its text alone; `None` when that is not below the run.
fn below_run(directory: &[u8], text: &[u8]) -> Option<Vec<u8>> {
    if text.starts_with(b"/") {
        return None;
    }
    let mut parts: Vec<&[u8]> = directory.split(|byte| *byte == b'/').filter(|part| !part.is_empty()).collect();
    for part in text.split(|byte| *byte == b'/').filter(|part| !part.is_empty() && *part != b".") {
        if part == b".." {
            parts.pop()?;
        } else {
            parts.push(part);
        }
    }
    (!parts.is_empty()).then(|| parts.join(&b'/'))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{ProjectDir, RunDir};
    use std::fs;
    use std::os::unix::fs::symlink;
    use std::path::Path;

    /// A run with everything that might lead astray.
    fn run(store: &Path) -> RunFiles {
        let project = store.join("web-12345678");
        let task = project.join("1700000000/tasks/build");
        for dir in ["tasks/build/sub", "tasks/dep"] {
            fs::create_dir_all(project.join("1700000000").join(dir)).unwrap();
        }
        fs::create_dir_all(project.join(".cache/build")).unwrap();
        fs::write(project.join(".cache/aaaaaaaa.sh"), "script").unwrap();
        fs::write(project.join(".cache/build/bbbbbbbb"), "old script").unwrap();
        fs::write(store.join("secret"), "secret").unwrap();
        fs::write(project.join("1700000000/tasks/dep/output.dep.json"), "{}").unwrap();
        fs::write(task.join("stdout.log"), "said").unwrap();
        fs::write(task.join("plain.sh"), "plain").unwrap();
        for (name, to) in [
            ("script.sh", "../../../.cache/aaaaaaaa.sh"),
            ("moved.sh", "/gone/.otto/web-12345678/.cache/aaaaaaaa.sh"),
            ("first.sh", "/gone/.otto/web-12345678/.cache/build/bbbbbbbb"),
            ("dangling.sh", "../../../.cache/cccccccc.sh"),
            ("climbing.sh", "../../../.cache/../../secret"),
            ("input.dep.json", "../dep/output.dep.json"),
            ("input.old.json", "/gone/.otto/web-12345678/1700000000/tasks/dep/output.dep.json"),
            ("stderr.log", "../../../../secret"),
            ("input.secret.json", "../../../../secret"),
        ] {
            symlink(to, task.join(name)).unwrap();
        }
        symlink(store, task.join("out")).unwrap();
        let fifo = task.join("fifo.log");
        rustix::fs::mknodat(rustix::fs::CWD, &fifo, FileType::Fifo, rustix::fs::Mode::RWXU, 0).unwrap();
        let root = StoreRoot::open(store).unwrap();
        let id = RunId { project: ProjectDir::new("web-12345678"), run: RunDir::parse(b"1700000000").unwrap() };
        RunFiles::open(&root, &id).unwrap().unwrap()
    }

    fn text(file: io::Result<Option<File>>) -> Option<String> {
        file.unwrap().map(|file| String::from_utf8(Content::read(file, 100).unwrap().bytes).unwrap())
    }

    #[test]
    fn files_are_found_and_nothing_is_followed() {
        let store = tempfile::tempdir().unwrap();
        let run = run(store.path());
        let task = b"tasks/build";
        assert_eq!(text(run.file(task, b"stdout.log")).as_deref(), Some("said"));
        for (directory, name) in [
            ("tasks/build", "stderr.log"),
            ("tasks/build", "fifo.log"),
            ("tasks/build", "sub"),
            ("tasks/build", "nothing"),
            ("tasks/build", "../build/stdout.log"),
            ("tasks/build/out", "secret"),
            ("tasks/../tasks/build", "stdout.log"),
            ("../..", "secret"),
        ] {
            assert_eq!(text(run.file(directory.as_bytes(), name.as_bytes())), None, "{directory}/{name}");
        }
        assert!(!run.names(task).unwrap().iter().any(|name| name == b"fifo.log" || name == b"sub"));
        assert_eq!(run.names(b"tasks/nobody").unwrap(), Vec::<Vec<u8>>::new());
    }

    #[test]
    fn what_a_link_names_is_looked_for_at_home() {
        let store = tempfile::tempdir().unwrap();
        let run = run(store.path());
        let linked = |name: &str| text(run.linked_file(b"tasks/build", name.as_bytes()));
        assert_eq!(linked("script.sh").as_deref(), Some("script"));
        assert_eq!(linked("moved.sh").as_deref(), Some("script"));
        assert_eq!(linked("first.sh").as_deref(), Some("old script"));
        assert_eq!(linked("plain.sh").as_deref(), Some("plain"));
        assert_eq!(linked("input.dep.json").as_deref(), Some("{}"));
        assert_eq!(linked("input.old.json").as_deref(), Some("{}"));
        for name in ["dangling.sh", "climbing.sh", "stderr.log", "input.secret.json", "fifo.log", "nothing"] {
            assert_eq!(linked(name), None, "{name}");
        }
    }

    #[test]
    fn what_is_long_is_read_in_part() {
        let store = tempfile::tempdir().unwrap();
        let run = run(store.path());
        let read = |most| Content::read(run.file(b"tasks/build", b"stdout.log").unwrap().unwrap(), most).unwrap();
        assert_eq!(read(4), Content { bytes: b"said".to_vec(), whole: true });
        assert_eq!(read(3), Content { bytes: b"sai".to_vec(), whole: false });
    }
}
