//! `config.yml` of a store, read strictly: whatever is wrong with it, nothing is deleted.

use super::exit::{Exit, Failure};
use super::ui::Ui;
use otto_catalog::retention::{Config, ConfigError, MAX_CONFIG_BYTES};
use std::fs::{File, OpenOptions};
use std::io::{self, Read as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

/// Its place in a store.
pub(crate) fn path(home: &Path) -> PathBuf {
    home.join("config.yml")
}

/// Reads the policy of the store at `home`; a file that is not there states nothing.
pub(crate) fn read(home: &Path) -> Result<Config, Failure> {
    let path = path(home);
    match std::fs::symlink_metadata(&path) {
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
            return match misnamed(home)?.first() {
                Some(found) => Err(passed_over(home, found)),
                None => Ok(Config::default()),
            };
        }
        // A link is a user's way of keeping it elsewhere; one that dangles is an error, for a policy was meant.
        Ok(_) | Err(_) => {}
    }
    let text = text_of(&path).map_err(|error| unreadable(&path, error))?;
    Config::parse(&text).map_err(|error| refused(&path, error))
}

/// Says which files beside `config.yml` look like a policy and are not read.
pub(crate) fn tell_misnamed(ui: &Ui, home: &Path) {
    let Ok(read) = std::fs::metadata(path(home)) else { return };
    // A name of the same file is read as well.
    let is_another = |found: &PathBuf| {
        std::fs::metadata(found).map_or(true, |meta| (meta.dev(), meta.ino()) != (read.dev(), read.ino()))
    };
    // Whoever cannot list the store says so.
    for found in misnamed(home).unwrap_or_default().iter().filter(|found| is_another(found)) {
        ui.notice(&format!("{}: {READ}", not_read(found)));
    }
}

/// Where the policy is read from.
const READ: &str = "the policy is read from config.yml";

fn not_read(found: &Path) -> String {
    format!("`{}` is not read", found.display())
}

/// What stands under a name that nobody reads, and looks like a policy.
fn misnamed(home: &Path) -> Result<Vec<PathBuf>, Failure> {
    let is_meant = |name: &str| {
        name != "config.yml" && ["config.yml", "config.yaml"].iter().any(|meant| name.eq_ignore_ascii_case(meant))
    };
    let entries = match std::fs::read_dir(home) {
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
            return Ok(Vec::new());
        }
        entries => entries.and_then(Iterator::collect::<io::Result<Vec<_>>>),
    };
    let unlisted = |error: io::Error| {
        let text = format!("cannot list `{}`, where a policy may stand beside config.yml", home.display());
        let error = anyhow::Error::new(error).context(text);
        Failure::new(Exit::Usage, error).hint("make the directory readable")
    };
    let names = entries.map_err(unlisted)?.into_iter();
    let found = names.filter(|entry| entry.file_name().to_str().is_some_and(is_meant));
    let mut found: Vec<PathBuf> = found.map(|entry| entry.path()).collect();
    found.sort();
    Ok(found)
}

/// A policy that would be passed over.
fn passed_over(home: &Path, found: &Path) -> Failure {
    let text = format!("{}: {READ}", not_read(found));
    let hint = format!("rename it to `{}`, or remove it", path(home).display());
    Failure::new(Exit::Usage, anyhow::Error::msg(text)).hint(hint)
}

fn text_of(path: &Path) -> io::Result<String> {
    // Without blocking: a FIFO in its place must not hold us.
    let nonblocking = i32::try_from(rustix::fs::OFlags::NONBLOCK.bits()).unwrap_or(0);
    let file: File = OpenOptions::new().read(true).custom_flags(nonblocking).open(path)?;
    if !file.metadata()?.is_file() {
        return Err(io::Error::other("it is not a regular file"));
    }
    let mut text = String::new();
    // One byte more than is read, so that what is too long is seen to be.
    file.take(MAX_CONFIG_BYTES as u64 + 1).read_to_string(&mut text)?;
    Ok(text)
}

/// A file that cannot be read, with its path and what to do.
pub(crate) fn unreadable(path: &Path, error: io::Error) -> Failure {
    let text = format!("cannot read the policy `{}`", path.display());
    let hint = match error.kind() {
        // It may be a good one, of somebody who may read it.
        io::ErrorKind::PermissionDenied => "have its owner let you read it, or leave this to whoever may",
        _ => "mend or remove the file",
    };
    Failure::new(Exit::Usage, anyhow::Error::new(error).context(text)).hint(hint)
}

/// A configuration that does not hold, with its path and what to do.
pub(crate) fn refused(path: &Path, error: ConfigError) -> Failure {
    let hint = error.hint().unwrap_or_else(|| "mend the file".to_owned());
    let text = format!("the policy `{}` is refused", path.display());
    Failure::new(Exit::Usage, anyhow::Error::new(error).context(text)).hint(hint)
}
