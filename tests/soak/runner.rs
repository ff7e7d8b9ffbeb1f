//! A writer that does what the runner does, in its order: project, `.cache`, run, (`.lock`), `tasks`, `run.yaml`, row; for
//! each task its directory, the cache entry if there is none, the link, the logs, the script's start, the output; the end.
//!
//! It looks after itself: whatever fails while a run is alive was taken from under it, and goes to the [`Witness`].

use super::witness::Witness;
use otto_catalog::practice::hash8;
use rusqlite::{Connection, named_params};
use std::fs::{self, File};
use std::io::{self, Write as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// How the runner of some version says that a run is alive, and that it is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Version {
    /// 1.x: says neither. One directory a second; entries are written in place.
    One,
    /// 2.0: the end is recorded in the runner's database.
    Two,
    /// 2.4: `.lock` is held, and then left free.
    TwoFour,
}

/// Numbers that follow from a seed (xorshift).
pub(super) struct Draw(pub(super) u64);

impl Draw {
    /// A number below `end`.
    pub(super) fn below(&mut self, end: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % end
    }
}

/// A run of the runner: its directory, and what holds it.
struct Alive {
    id: String,
    dir: PathBuf,
    inode: u64,
    lock: Option<File>,
    row: i64,
    began: i64,
}

/// The runner in one project.
pub(super) struct Runner {
    pub(super) version: Version,
    project: PathBuf,
    name: String,
    db: Connection,
    draw: Draw,
    witness: Arc<Witness>,
}

impl Runner {
    pub(super) fn new(store: &Path, name: &str, version: Version, seed: u64, witness: &Arc<Witness>) -> Self {
        let db = Connection::open(store.join("otto.db")).unwrap();
        db.busy_timeout(Duration::from_secs(20)).unwrap();
        db.execute_batch("PRAGMA synchronous = OFF").unwrap();
        let (project, name) = (store.join(name), name.to_owned());
        Self { version, project, name, db, draw: Draw(seed), witness: Arc::clone(witness) }
    }

    /// Some runs one after the other, then a rest: only a project at rest loses cache entries.
    pub(super) fn burst(&mut self) {
        for _ in 0..1 + self.draw.below(10) {
            if let Err(error) = self.run() {
                self.witness.wrong(format!("{}: a run could not be made: {error}", self.name));
            }
            self.pause(4);
        }
        self.pause(300);
    }

    fn pause(&mut self, most_ms: u64) {
        std::thread::sleep(Duration::from_millis(self.draw.below(most_ms)));
    }

    /// One run from its beginning to its end. An error is one of the beginning; later ones go to the witness.
    fn run(&mut self) -> io::Result<()> {
        // As the runner does it, level by level: what is there already is fine.
        fs::create_dir_all(self.project.join(".cache"))?;
        let mut alive = self.begin()?;
        let killed = self.version == Version::TwoFour && self.draw.below(20) == 0;
        if let Err(error) = self.work(&mut alive, killed) {
            self.witness.wrong(format!("{}: taken from under a run that was alive: {error}", alive.id));
        }
        self.witness.over(&alive.id);
        // Whoever is killed leaves the lock free and no end.
        drop(alive.lock);
        Ok(())
    }

    /// Makes the run's directory, and takes its lock in the same step.
    fn begin(&mut self) -> io::Result<Alive> {
        let began = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs() as i64;
        for number in 0..1024 {
            let name = if number == 0 { began.to_string() } else { format!("{began}-{number}") };
            let dir = self.project.join(&name);
            match fs::create_dir(&dir) {
                Ok(()) => {}
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                    if self.version == Version::One {
                        // Two runs of a second shared a directory then: that is another story than this one's.
                        std::thread::sleep(Duration::from_millis(50));
                        return self.begin();
                    }
                    continue;
                }
                Err(error) => return Err(error),
            }
            let id = format!("{}/{name}", self.name);
            let lock = match self.version {
                Version::TwoFour => {
                    let file = File::options().create(true).truncate(false).write(true).open(dir.join(".lock"))?;
                    if file.try_lock().is_err() {
                        self.witness.refused_lock();
                        file.lock()?;
                    }
                    Some(file)
                }
                _ => None,
            };
            let inode = fs::metadata(&dir)?.ino();
            self.witness.alive(&id, &dir, inode, self.version);
            return Ok(Alive { id, dir, inode, lock, row: 0, began });
        }
        Err(io::Error::other("no number is left"))
    }

    fn work(&mut self, alive: &mut Alive, killed: bool) -> io::Result<()> {
        fs::create_dir(alive.dir.join("tasks"))?;
        let yaml = format!(
            "prog: otto\ncwd: /home/dev/{0}\nuser: dev\ntimestamp: {1}\nhash: 0011aabb\nottofile: /home/dev/{0}/otto.yml\nargs:\n- otto\n",
            self.name, alive.began
        );
        self.write_whole(&alive.dir, "run.yaml", yaml.as_bytes(), 0o600)?;
        alive.row = self.insert_run(alive).map_err(io::Error::other)?;
        for task in ["build", "test", "own"].into_iter().take(1 + self.draw.below(3) as usize) {
            self.task(alive, task, killed)?;
            self.still_there(alive)?;
        }
        if killed {
            return Ok(());
        }
        if self.version != Version::One {
            let ended = "UPDATE runs SET status = 'success', ended_at = :at, duration_seconds = 0.0 WHERE id = :run";
            let (at, run) = (alive.began, alive.row);
            self.db
                .prepare_cached(ended)
                .and_then(|mut update| update.execute(named_params! { ":at": at, ":run": run }))
                .map_err(io::Error::other)?;
        }
        // The lock is still held, and nobody took anything until now; without one, the end was recorded a moment ago and it may go.
        if self.version == Version::TwoFour { self.still_there(alive) } else { Ok(()) }
    }

    fn task(&mut self, alive: &Alive, task: &str, killed: bool) -> io::Result<()> {
        let dir = alive.dir.join("tasks").join(task);
        fs::create_dir(&dir)?;
        fs::write(dir.join("builtins.sh"), "# helpers\n")?;
        // Few texts, some of them rare: an entry is left by all its runs, lies a while, and is reused untouched.
        let text = match task {
            "build" => "#!/usr/bin/env bash\nmake\n".to_owned(),
            "test" => format!("#!/usr/bin/env bash\nmake test-{}\n", self.draw.below(40) * self.draw.below(3)),
            _ => format!("#!/usr/bin/env bash\necho {}\n", self.draw.below(1_000_000)),
        };
        let entry = format!("{}.sh", hash8(text.as_bytes()));
        let cache = self.project.join(".cache");
        if cache.join(&entry).exists() {
            self.witness.reused();
        } else if self.version == Version::One {
            fs::write(cache.join(&entry), &text)?;
            fs::set_permissions(cache.join(&entry), fs::Permissions::from_mode(0o755))?;
        } else {
            self.write_whole(&cache, &entry, text.as_bytes(), 0o755)?;
        }
        if self.draw.below(4) == 0 {
            // Between the look and the link anything may take a while: a machine is never idle.
            self.pause(3);
        }
        let script = dir.join("script.sh");
        symlink(format!("../../../.cache/{entry}"), &script)?;
        let row = self.insert_task(alive, task, &dir).map_err(io::Error::other)?;
        let log = |name: &str| File::options().create(true).append(true).open(dir.join(name));
        let (mut stdout, _stderr) = (log("stdout.log")?, log("stderr.log")?);
        self.start(alive, &script, &text)?;
        writeln!(stdout, "did {task}")?;
        self.pause(3);
        writeln!(stdout, "done")?;
        if killed {
            return Ok(());
        }
        fs::write(dir.join(format!("output.{task}.json")), "{}")?;
        let done = "UPDATE tasks SET status = 'completed', exit_code = 0, ended_at = :at WHERE id = :task";
        self.db
            .prepare_cached(done)
            .and_then(|mut update| update.execute(named_params! { ":at": alive.began, ":task": row }))
            .map_err(io::Error::other)?;
        Ok(())
    }

    /// Starts the script, as a shell does: through the link.
    fn start(&self, alive: &Alive, script: &Path, text: &str) -> io::Result<()> {
        let begun = Instant::now();
        let mut away = false;
        loop {
            match fs::read_to_string(script) {
                Ok(found) if found == text => break,
                // Another runner of 1.x is writing it in place just now.
                Ok(found) if text.starts_with(&found) => {}
                Ok(_) => return Err(io::Error::other(format!("{} is another script", script.display()))),
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err(error),
            }
            if begun.elapsed() > Duration::from_secs(30) {
                return Err(io::Error::other(format!("{} dangles", script.display())));
            }
            away = true;
            self.still_there(alive)?;
            std::thread::sleep(Duration::from_micros(50));
        }
        if away {
            self.witness.waited_for_script(begun.elapsed());
        }
        Ok(())
    }

    fn still_there(&self, alive: &Alive) -> io::Result<()> {
        match fs::metadata(&alive.dir) {
            Ok(meta) if meta.ino() == alive.inode => Ok(()),
            Ok(_) => Err(io::Error::other("another directory is in its place")),
            Err(error) => Err(error),
        }
    }

    /// 2.x writes aside and renames.
    fn write_whole(&mut self, dir: &Path, name: &str, bytes: &[u8], mode: u32) -> io::Result<()> {
        if self.version == Version::One {
            return fs::write(dir.join(name), bytes);
        }
        let aside = dir.join(format!(".tmp{:06}", self.draw.below(1_000_000)));
        File::options().create(true).truncate(true).write(true).mode(mode).open(&aside)?.write_all(bytes)?;
        fs::rename(aside, dir.join(name))
    }

    fn insert_run(&self, alive: &Alive) -> rusqlite::Result<i64> {
        let insert = "INSERT INTO runs (project_id, timestamp, status, cwd, user, args, run_dir)
                      VALUES (1, :at, 'running', :cwd, 'dev', '[\"otto\"]', :dir)";
        let (cwd, dir) = (format!("/home/dev/{}", self.name), alive.dir.to_str());
        self.db.prepare_cached(insert)?.insert(named_params! { ":at": alive.began, ":cwd": cwd, ":dir": dir })
    }

    fn insert_task(&self, alive: &Alive, task: &str, dir: &Path) -> rusqlite::Result<i64> {
        let insert = "INSERT INTO tasks (run_id, name, status, started_at, stdout_path, stderr_path, script_path)
                      VALUES (:run, :name, 'running', :at, :stdout, :stderr, :script)";
        let path = |name: &str| dir.join(name).to_str().map(str::to_owned);
        self.db.prepare_cached(insert)?.insert(named_params! {
            ":run": alive.row, ":name": task, ":at": alive.began, ":stdout": path("stdout.log"),
            ":stderr": path("stderr.log"), ":script": path("script.sh"),
        })
    }
}
