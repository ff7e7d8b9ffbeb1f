//! An archive, opened and read: nothing is believed that was not checked.

use super::codec::{Decoder, Sealed};
use super::error::{Error, io_error};
use super::heed::{Heeding, Stop};
use super::manifest::{self, Item, Manifest, SCHEMA};
use super::write::{exact_time, whole_seconds};
use std::cell::Cell;
use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::rc::Rc;

/// What headers, long names and padding of one member may take.
const OVERHEAD: u64 = 64 * 1024;

/// How much an archive may hold.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// The lengths of all its files, in bytes.
    pub size: u64,
}

impl Limits {
    /// What is unpacked unless somebody allows more: 64 GiB.
    pub const USUAL: Self = Self { size: 64 << 30 };
}

/// An archive whose seal and manifest were checked.
#[derive(Debug)]
pub struct Archive {
    path: PathBuf,
    file: File,
    sealed: Sealed,
    manifest: Manifest,
}

/// Who takes what an archive holds, member by member. A content that was not read to its end is checked all the same.
pub(super) trait Sink {
    fn take(&mut self, item: &Item<'_>, content: &mut dyn Read) -> Result<(), Error>;
}

impl Archive {
    /// Opens a file, checks its seal and reads its manifest.
    ///
    /// # Errors
    /// [`Error`]: it is no archive, not as it was written, by a later version, or larger than allowed.
    pub fn open(path: &Path, limits: Limits) -> Result<Self, Error> {
        // Without blocking: a FIFO in its place must not hold us.
        let nonblocking = i32::try_from(rustix::fs::OFlags::NONBLOCK.bits()).unwrap_or(0);
        let file = File::options().read(true).custom_flags(nonblocking).open(path).map_err(io_error("open", path))?;
        if !file.metadata().map_err(io_error("look at", path))?.is_file() {
            return Err(Error::NotAnArchive { path: path.to_owned(), why: "it is not a regular file".to_owned() });
        }
        Self::of_file(file, path, limits)
    }

    /// The same for an open file.
    pub(super) fn of_file(file: File, path: &Path, limits: Limits) -> Result<Self, Error> {
        let sealed = Sealed::check(&file, path)?;
        let manifest = Reading::begin(&file, &sealed, path, &|| false)?.manifest()?;
        if manifest.size_bytes > limits.size {
            let (bytes, allowed) = (manifest.size_bytes, limits.size);
            return Err(Error::TooLarge { path: path.to_owned(), bytes, allowed });
        }
        Ok(Self { path: path.to_owned(), file, sealed, manifest })
    }

    /// What it holds.
    pub fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// Where it was opened.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// How long the file is.
    ///
    /// # Errors
    /// The system's.
    pub fn length(&self) -> Result<u64, Error> {
        Ok(self.file.metadata().map_err(io_error("look at", &self.path))?.len())
    }

    /// Reads all of it, and checks that it is what the manifest says.
    ///
    /// # Errors
    /// [`Error::Tampered`], [`Error::Interrupted`] once `stop` says so, the system's.
    pub fn verify(&self, stop: &(dyn Fn() -> bool + Sync)) -> Result<(), Error> {
        struct Nobody;
        impl Sink for Nobody {
            fn take(&mut self, _: &Item<'_>, _: &mut dyn Read) -> Result<(), Error> {
                Ok(())
            }
        }
        self.read(&mut Nobody, stop)
    }

    /// Hands all that it holds to somebody. What he was given counts only if this ends well.
    pub(super) fn read(&self, sink: &mut dyn Sink, stop: Stop<'_>) -> Result<(), Error> {
        match Reading::begin(&self.file, &self.sealed, &self.path, stop)?.members(&self.manifest, sink) {
            Err(_) if stop() => Err(Error::Interrupted),
            read => read,
        }
    }
}

/// One pass over the stream.
struct Reading<'f> {
    tar: tar::Archive<Bounded<'f>>,
    allowance: Rc<Cell<u64>>,
    path: &'f Path,
}

impl<'f> Reading<'f> {
    fn begin(file: &'f File, sealed: &Sealed, path: &'f Path, stop: Stop<'f>) -> Result<Self, Error> {
        let allowance = Rc::new(Cell::new(0));
        let decoder = sealed.decoder(file).map_err(io_error("read", path))?;
        let tar =
            tar::Archive::new(Bounded { decoder: Heeding { from: decoder, stop }, allowance: Rc::clone(&allowance) });
        Ok(Self { tar, allowance, path })
    }

    /// The first member.
    fn manifest(mut self) -> Result<Manifest, Error> {
        let (path, allowance) = (self.path, Rc::clone(&self.allowance));
        let not_ours = |why: &str| Error::NotAnArchive { path: path.to_owned(), why: why.to_owned() };
        allowance.set(OVERHEAD);
        let text = {
            let mut entries = self.tar.entries().map_err(|error| tampered(path, error.to_string()))?;
            let mut first = match entries.next() {
                Some(Ok(first)) => first,
                _ => return Err(not_ours("it does not begin with a manifest")),
            };
            if first.path_bytes() != manifest::NAME.as_bytes() || first.header().entry_type() != tar::EntryType::Regular
            {
                return Err(not_ours("it does not begin with a manifest"));
            }
            if first.size() > manifest::LIMIT {
                return Err(not_ours("its manifest is longer than one that is read"));
            }
            allowance.set(first.size() + OVERHEAD);
            let mut text = Vec::with_capacity(usize::try_from(first.size()).unwrap_or(0));
            first.read_to_end(&mut text).map_err(|error| tampered(path, format!("it cannot be read: {error}")))?;
            text
        };
        if !manifest::is_within_limits(&text) {
            return Err(not_ours("its manifest names more than is read"));
        }
        #[derive(serde::Deserialize)]
        struct Head {
            schema: String,
        }
        let head: Head = serde_json::from_slice(&text).map_err(|_| not_ours("its manifest cannot be read"))?;
        if head.schema != SCHEMA {
            return match head.schema.starts_with("otto.archive/") {
                true => Err(Error::Newer { path: path.to_owned(), schema: head.schema.chars().take(40).collect() }),
                false => Err(not_ours("its manifest is another's")),
            };
        }
        let manifest: Manifest = serde_json::from_slice(&text).map_err(|error| {
            tampered(path, format!("its manifest cannot be read: {}", manifest::shown(error.to_string().as_bytes())))
        })?;
        manifest.check().map_err(|why| tampered(path, format!("its manifest does not hold: {why}")))?;
        Ok(manifest)
    }

    /// All that follows the manifest, each as it says, and nothing else.
    fn members(mut self, manifest: &Manifest, sink: &mut dyn Sink) -> Result<(), Error> {
        let path = self.path;
        let broken = |error: io::Error| tampered(path, format!("it cannot be read: {error}"));
        {
            let mut entries = self.tar.entries().map_err(broken)?;
            // The manifest again: it was checked, and the seal says that nothing follows which was not there before.
            self.allowance.set(manifest::LIMIT + OVERHEAD);
            if let Some(mut first) = entries.next().transpose().map_err(broken)? {
                io::copy(&mut first, &mut io::sink()).map_err(broken)?;
            }
            for item in manifest.items() {
                self.allowance.set(OVERHEAD);
                let shown = manifest::shown(&item.path());
                let Some(mut member) = entries.next().transpose().map_err(broken)? else {
                    return Err(tampered(path, format!("`{shown}` is missing")));
                };
                if let Some(what) = difference(&mut member, &item) {
                    return Err(tampered(path, format!("where `{shown}` should follow, there is {what}")));
                }
                self.allowance.set(item.content().map_or(0, |(length, _)| length) + OVERHEAD);
                content(&mut member, &item, sink, path)?;
            }
            self.allowance.set(OVERHEAD);
            if let Some(more) = entries.next().transpose().map_err(broken)? {
                let shown = manifest::shown(&more.path_bytes());
                return Err(tampered(path, format!("`{shown}` is not in the manifest")));
            }
        }
        // Of the two blocks of zeros at the end of a tar, the first was read.
        let mut bounded = self.tar.into_inner();
        let mut rest = Vec::new();
        self.allowance.set(OVERHEAD);
        bounded.read_to_end(&mut rest).map_err(broken)?;
        if rest != [0; 512] {
            return Err(tampered(path, "the tar does not end as it should"));
        }
        match bounded.decoder.from.ends_here() {
            Ok(true) => Ok(()),
            Ok(false) => Err(tampered(path, "something follows the archive's stream")),
            Err(error) => Err(broken(error)),
        }
    }
}

/// Hands a content to somebody, and checks it.
fn content(from: &mut dyn Read, item: &Item<'_>, sink: &mut dyn Sink, path: &Path) -> Result<(), Error> {
    let shown = || manifest::shown(&item.path());
    let mut content = Hashed { from, hasher: blake3::Hasher::new(), failed: None };
    let taken = sink.take(item, &mut content);
    let copied = taken.and_then(|()| {
        let rest = io::copy(&mut content, &mut io::sink());
        rest.map(|_| ()).map_err(io_error("read", path))
    });
    if let Some(why) = content.failed {
        return Err(tampered(path, format!("`{}` cannot be read: {why}", shown())));
    }
    copied?;
    let (count, hash) = (content.hasher.count(), content.hasher.finalize());
    match item.content() {
        Some((length, stated)) if count != length || hash.to_hex().as_str() != stated => {
            Err(tampered(path, format!("the content of `{}` is not what it was", shown())))
        }
        _ => Ok(()),
    }
}

/// What of a member is not as the manifest has it.
fn difference<R: Read>(member: &mut tar::Entry<'_, R>, item: &Item<'_>) -> Option<&'static str> {
    let (mode, mtime_ns) = item.dress();
    let time = exact_time(mtime_ns);
    let dated = match member.pax_extensions() {
        Ok(Some(records)) => {
            let mut records = records.map(|record| record.map(|r| (r.key_bytes().to_vec(), r.value_bytes().to_vec())));
            let only = records.next().and_then(Result::ok);
            only == Some((b"mtime".to_vec(), time.into_bytes())) && records.next().is_none()
        }
        _ => false,
    };
    let header = member.header();
    let link = item.link();
    let found = match link {
        Some(_) => member.link_name_bytes().map(|name| name.into_owned()),
        None => None,
    };
    let checks = [
        (header.entry_type() == item.tar_kind(), "something of another kind"),
        (member.path_bytes() == item.path(), "another name"),
        (found == link, "another link"),
        (header.mode().is_ok_and(|found| found == mode), "other rights"),
        (header.mtime().is_ok_and(|found| found == whole_seconds(mtime_ns)) && dated, "another time"),
        (member.size() == item.content().map_or(0, |(length, _)| length), "another length"),
    ];
    checks.into_iter().find_map(|(same, what)| (!same).then_some(what))
}

fn tampered(path: &Path, why: impl Into<String>) -> Error {
    Error::Tampered { path: path.to_owned(), why: why.into() }
}

/// A stream of which no more is read than was allowed: a header that promises gigabytes of a name gets none of them.
struct Bounded<'f> {
    decoder: Heeding<'f, Decoder<'f>>,
    allowance: Rc<Cell<u64>>,
}

impl Read for Bounded<'_> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let left = self.allowance.get();
        let most = usize::try_from(left).unwrap_or(usize::MAX).min(into.len());
        if most == 0 && !into.is_empty() {
            return Err(io::Error::other("a member is longer than the manifest says"));
        }
        let read = self.decoder.read(&mut into[..most])?;
        self.allowance.set(left - read as u64);
        Ok(read)
    }
}

/// A content that is hashed as it is read.
struct Hashed<'r> {
    from: &'r mut dyn Read,
    hasher: blake3::Hasher,
    failed: Option<String>,
}

impl Read for Hashed<'_> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let read = self.from.read(into).inspect_err(|error| self.failed = Some(error.to_string()))?;
        self.hasher.update(&into[..read]);
        Ok(read)
    }
}
