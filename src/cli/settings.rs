//! The environment, read once and here only: where the store is, what time it is, who we are.

use super::args::Global;
use super::exit::Failure;
use super::ui::Talk;
use otto_catalog::model::Clock;
use otto_catalog::progress::Progress;
use otto_catalog::session::Settings;
use otto_catalog::store::change::Hook;
use std::ffi::OsString;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// How long a command that must write waits for whoever indexes or decides: a first index of a large store takes minutes.
const LONGEST_WAIT: Duration = Duration::from_secs(300);
/// How often it looks again.
const LOOK_AGAIN: Duration = Duration::from_millis(50);
/// A wait that is shorter is not worth a word.
const SILENT_WAIT: Duration = Duration::from_millis(500);

/// What the environment says.
pub(crate) struct Environment {
    /// The store.
    pub(crate) home: PathBuf,
    home_is_default: bool,
    never_clean: Vec<PathBuf>,
    catalog: Option<PathBuf>,
    runner_db: Option<PathBuf>,
    /// The clocks.
    pub(crate) clock: Clock,
    holder: String,
    /// Who asks, for the audit log.
    pub(crate) who: String,
}

impl Environment {
    /// Reads the environment. `--home` beats `OTTO_HOME` beats `~/.otto`. A variable that is set to nothing is not set: an
    /// empty path would be the working directory, which nobody means.
    pub(crate) fn read(global: &Global, command: &str) -> Result<Self, Failure> {
        let user_home = variable("HOME").map(PathBuf::from);
        let stated = global.home.clone().or_else(|| variable("OTTO_HOME").map(PathBuf::from));
        let home_is_default = stated.is_none();
        let home = match (stated, &user_home) {
            (Some(home), _) if home.as_os_str().is_empty() => {
                return Err(Failure::usage("--home is empty").hint("name the store's directory"));
            }
            (Some(home), _) => home,
            (None, Some(home)) => home.join(".otto"),
            (None, None) => {
                return Err(Failure::usage("HOME is not set, so nobody knows where the store is")
                    .hint("name it with --home DIR or OTTO_HOME"));
            }
        };
        let mut never_clean: Vec<PathBuf> = user_home.iter().cloned().collect();
        never_clean.extend(user_home.and_then(|home| home.canonicalize().ok()));
        let who = variable("USER").or_else(|| variable("LOGNAME")).map(|name| name.to_string_lossy().into_owned());
        let host = rustix::system::uname().nodename().to_string_lossy().into_owned();
        Ok(Self {
            home,
            home_is_default,
            never_clean,
            catalog: global.catalog.clone().or_else(|| variable("OTTO_CATALOG").map(PathBuf::from)),
            runner_db: variable("OTTO_DB_PATH").map(PathBuf::from),
            clock: clock()?,
            holder: format!("otto {command} (process {} on {host})", std::process::id()),
            who: format!("{}@{host}", who.unwrap_or_else(|| format!("uid {}", rustix::process::getuid().as_raw()))),
        })
    }

    /// The same environment with another store, as the demonstration needs it: a catalog or a database that was named for
    /// the real store is not for that one.
    pub(crate) fn of_another_store(&self, home: PathBuf) -> Self {
        Self {
            home,
            home_is_default: false,
            catalog: None,
            runner_db: None,
            never_clean: self.never_clean.clone(),
            clock: self.clock,
            holder: self.holder.clone(),
            who: self.who.clone(),
        }
    }

    /// Where the catalog is, for whoever only looks.
    pub(crate) fn catalog_file(&self) -> PathBuf {
        self.catalog.clone().unwrap_or_else(|| self.home.join(".catalog").join("catalog.db"))
    }

    /// What the library needs to know.
    pub(crate) fn settings<'a>(
        &self,
        progress: &'a dyn Progress,
        wait: &'a dyn Fn(&str) -> bool,
        elapsed: &'a dyn Fn() -> Duration,
    ) -> Settings<'a> {
        Settings {
            home: self.home.clone(),
            home_is_default: self.home_is_default,
            never_clean: self.never_clean.clone(),
            catalog: self.catalog.clone(),
            runner_db: self.runner_db.clone(),
            temporary: std::env::temp_dir(),
            processes: PathBuf::from("/proc"),
            own_pid: std::process::id(),
            holder: self.holder.clone(),
            clock: self.clock,
            elapsed,
            audit_limit: otto_catalog::audit::ROTATE_AT,
            threads: THREADS,
            hook: Hook::default(),
            progress,
            wait,
        }
    }

    /// The clocks as they are now, for a command that goes on for a while.
    pub(crate) fn clock_again(&self) -> Result<Clock, Failure> {
        clock()
    }

    /// Waits a little for whoever holds the lock, and says once for whom.
    pub(crate) fn patience(&self, talk: Talk) -> impl Fn(&str) -> bool + use<> {
        let said = AtomicBool::new(false);
        // Patience begins with the first refusal and anew with the next holder: a person may have thought for long before.
        let waits = std::sync::Mutex::new(None::<(String, Instant)>);
        move |holder| {
            let mut waits = waits.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
            let since = match &*waits {
                Some((whom, since)) if whom == holder => *since,
                _ => Instant::now(),
            };
            *waits = Some((holder.to_owned(), since));
            drop(waits);
            if since.elapsed() > SILENT_WAIT && !said.swap(true, Ordering::Relaxed) {
                talk.notice(&format!("waiting for {holder}, which holds the store's lock"));
            }
            std::thread::sleep(LOOK_AGAIN);
            since.elapsed() < LONGEST_WAIT
        }
    }
}

/// A variable that is set to something.
fn variable(name: &str) -> Option<OsString> {
    std::env::var_os(name).filter(|value| !value.is_empty())
}

/// Threads that walk. Walking waits for the disk as often as for the processor: on a cold cache sixteen are three times as
/// fast as four, on a warm one no slower.
const THREADS: usize = 16;

fn clock() -> Result<Clock, Failure> {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let wall_ns = i64::try_from(since.as_nanos()).unwrap_or(i64::MAX);
    let now = match variable("OTTO_NOW") {
        None => wall_ns.div_euclid(1_000_000_000),
        Some(text) => instant(&text.to_string_lossy())?,
    };
    Ok(Clock { now, wall_ns })
}

fn instant(text: &str) -> Result<i64, Failure> {
    if let Ok(seconds) = text.trim().parse() {
        return Ok(seconds);
    }
    match chrono::DateTime::parse_from_rfc3339(text.trim()) {
        Ok(instant) => Ok(instant.timestamp()),
        Err(_) => Err(Failure::usage(format!("OTTO_NOW is `{text}`, which is no instant"))
            .hint("write Unix seconds, or RFC 3339 like 2025-11-01T14:30:15Z")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_clock_is_set_by_seconds_or_by_rfc_3339() {
        assert_eq!(instant("1795228718").unwrap(), 1_795_228_718);
        assert_eq!(instant("2025-06-01T00:00:00+02:00").unwrap(), 1_748_728_800);
        assert!(instant("yesterday").is_err());
    }
}
