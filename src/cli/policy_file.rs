//! `config.yml` of a store, read strictly: whatever is wrong with it, nothing is deleted.

use super::exit::{Exit, Failure};
use otto_catalog::retention::{Config, ConfigError, MAX_CONFIG_BYTES};
use std::fs::{File, OpenOptions};
use std::io::{self, Read as _};
use std::os::unix::fs::OpenOptionsExt as _;
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
            return misnamed(home).map_or_else(|| Ok(Config::default()), Err);
        }
        // A link is a user's way of keeping it elsewhere; one that dangles is an error, for a policy was meant.
        Ok(_) | Err(_) => {}
    }
    let text = text_of(&path).map_err(|error| unreadable(&path, error))?;
    Config::parse(&text).map_err(|error| refused(&path, error))
}

/// What is to be said where the policy stands under a name that nobody reads: it would be passed over.
fn misnamed(home: &Path) -> Option<Failure> {
    let names = ["config.yml", "config.yaml"];
    let is_meant = |name: &str| names.iter().any(|meant| name.eq_ignore_ascii_case(meant));
    let mut entries = std::fs::read_dir(home).ok()?.flatten();
    let found = entries.find(|entry| entry.file_name().to_str().is_some_and(is_meant))?.path();
    let text = format!("`{}` is not read: the policy is read from config.yml", found.display());
    let hint = format!("rename it to `{}`, or remove it", path(home).display());
    Some(Failure::new(Exit::Usage, anyhow::Error::msg(text)).hint(hint))
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
    Failure::new(Exit::Usage, anyhow::Error::new(error).context(text)).hint("mend or remove the file")
}

/// A configuration that does not hold, with its path and what to do.
pub(crate) fn refused(path: &Path, error: ConfigError) -> Failure {
    let hint = error.hint().unwrap_or_else(|| "mend the file".to_owned());
    let text = format!("the policy `{}` is refused", path.display());
    Failure::new(Exit::Usage, anyhow::Error::new(error).context(text)).hint(hint)
}
