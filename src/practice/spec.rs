//! What a run to be written looks like: plain values with setters that read as a sentence.

use super::Era;
use std::path::PathBuf;

/// What became of a task.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It ended with exit code 0.
    Success,
    /// It ended with another exit code; databases before 2.x record 1 whatever it was.
    Failed {
        /// What the process returned.
        code: i32,
    },
    /// It began and no end was recorded.
    Killed,
    /// The runner left it out: no directory, and a row only in 2.x.
    Skipped,
    /// Its directory was made and nothing more happened.
    Unstarted,
}

/// What a file holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Content {
    /// These bytes.
    Bytes(Vec<u8>),
    /// Lines of a log, this many bytes long.
    Len(u64),
}

impl From<&str> for Content {
    fn from(text: &str) -> Self {
        Self::Bytes(text.as_bytes().to_vec())
    }
}

impl From<String> for Content {
    fn from(text: String) -> Self {
        Self::Bytes(text.into_bytes())
    }
}

impl From<Vec<u8>> for Content {
    fn from(bytes: Vec<u8>) -> Self {
        Self::Bytes(bytes)
    }
}

impl From<u64> for Content {
    fn from(len: u64) -> Self {
        Self::Len(len)
    }
}

/// A file that the era writes by a rule of its own, which a test may bend.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Written {
    /// As the era and the outcome have it.
    #[default]
    ByEra,
    /// Not there.
    Absent,
    /// There, with these bytes.
    Bytes(Vec<u8>),
}

/// The modification times of what is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Times {
    /// As if everything had been written when the run ran.
    #[default]
    AsWritten,
    /// Left at the present, as in a store that was copied.
    Now,
}

/// One task of a run.
#[derive(Clone, Debug)]
pub struct TaskSpec {
    /// Its name, which is its directory's.
    pub name: String,
    /// What became of it.
    pub outcome: Outcome,
    /// The script; its hash names the cache entry.
    pub script: String,
    /// Whether the script is Python.
    pub python: bool,
    /// What `stdout.log` holds.
    pub stdout: Content,
    /// What `stderr.log` holds.
    pub stderr: Content,
    /// Seconds between its start and its end, or its last write when it was killed.
    pub duration_s: i64,
    /// Tasks whose output it read; those that succeeded in the same run get an `input.*` link.
    pub deps: Vec<String>,
    /// The values it put out.
    pub outputs: Vec<(String, String)>,
    /// `output.<task>.json`, where it is not to follow the era and the outcome.
    pub output_json: Written,
    /// Files of its own, below its directory.
    pub artifacts: Vec<(PathBuf, Content)>,
    /// Whether it has a row, if its run has one.
    pub in_db: bool,
}

impl TaskSpec {
    /// A task of this name and outcome, of one second and with a script of its own.
    pub fn new(name: impl Into<String>, outcome: Outcome) -> Self {
        let name = name.into();
        let (stdout, stderr) = match outcome {
            Outcome::Failed { code } => (String::new(), format!("{name}: exited with code {code}\n")),
            _ => (format!("{name}: begun\n"), String::new()),
        };
        Self {
            script: format!("#!/usr/bin/env bash\nset -euo pipefail\necho '{name}: begun'\n"),
            name,
            outcome,
            python: false,
            stdout: stdout.into(),
            stderr: stderr.into(),
            duration_s: 1,
            deps: Vec::new(),
            outputs: Vec::new(),
            output_json: Written::ByEra,
            artifacts: Vec::new(),
            in_db: true,
        }
    }

    /// A task that ended well.
    pub fn ok(name: impl Into<String>) -> Self {
        Self::new(name, Outcome::Success)
    }

    /// A task that ended with this exit code.
    pub fn failed(name: impl Into<String>, code: i32) -> Self {
        Self::new(name, Outcome::Failed { code })
    }

    /// A task that began and has no end.
    pub fn killed(name: impl Into<String>) -> Self {
        Self::new(name, Outcome::Killed)
    }

    /// A task that was left out.
    pub fn skipped(name: impl Into<String>) -> Self {
        Self::new(name, Outcome::Skipped)
    }

    /// A task with an empty directory.
    pub fn unstarted(name: impl Into<String>) -> Self {
        Self::new(name, Outcome::Unstarted)
    }

    /// Sets the script.
    pub fn script(mut self, text: impl Into<String>) -> Self {
        self.script = text.into();
        self
    }

    /// Makes it a Python task; the script should be set as well.
    pub fn python(mut self) -> Self {
        self.python = true;
        self
    }

    /// Sets what `stdout.log` holds.
    pub fn stdout(mut self, content: impl Into<Content>) -> Self {
        self.stdout = content.into();
        self
    }

    /// Sets what `stderr.log` holds.
    pub fn stderr(mut self, content: impl Into<Content>) -> Self {
        self.stderr = content.into();
        self
    }

    /// Sets its seconds.
    pub fn lasting(mut self, seconds: i64) -> Self {
        self.duration_s = seconds;
        self
    }

    /// Adds a task whose output it read.
    pub fn after(mut self, dep: impl Into<String>) -> Self {
        self.deps.push(dep.into());
        self
    }

    /// Adds a value it put out.
    pub fn output(mut self, key: impl Into<String>, value: impl Into<String>) -> Self {
        self.outputs.push((key.into(), value.into()));
        self
    }

    /// Bends the rule for `output.<task>.json`.
    pub fn output_json(mut self, written: Written) -> Self {
        self.output_json = written;
        self
    }

    /// Adds a file of its own, below its directory.
    pub fn artifact(mut self, path: impl Into<PathBuf>, content: impl Into<Content>) -> Self {
        self.artifacts.push((path.into(), content.into()));
        self
    }

    /// Leaves it out of the database.
    pub fn without_row(mut self) -> Self {
        self.in_db = false;
        self
    }
}

/// One run.
#[derive(Clone, Debug)]
pub struct RunSpec {
    /// The era that writes it.
    pub era: Era,
    /// Where it was started; the project directory follows from it.
    pub cwd: String,
    /// The Unix second in the directory's name.
    pub timestamp: i64,
    /// The number of the run within its second (2.x only).
    pub number: u32,
    /// Seconds by which `run.yaml` and the database differ from the name: the runner reads the clock twice.
    pub tick: i64,
    /// Its tasks, one after the other.
    pub tasks: Vec<TaskSpec>,
    /// The text of the ottofile, whose hash is the "project" of `run.yaml` and the database.
    pub ottofile: String,
    /// What was asked for; the names of the tasks unless set.
    pub args: Option<Vec<String>>,
    /// Who ran it.
    pub user: String,
    /// `run.yaml`, where it is not to follow the era.
    pub run_yaml: Written,
    /// Whether the database states its end, in the eras that do. Adding a killed task unsets it.
    pub finished: bool,
    /// Whether it has a row, in the eras that write one.
    pub in_db: bool,
    /// The times of its files.
    pub times: Times,
}

impl RunSpec {
    /// A run without tasks, started in `cwd`.
    pub fn new(era: Era, cwd: impl Into<String>, timestamp: i64) -> Self {
        let cwd = cwd.into();
        Self {
            era,
            ottofile: format!("# {cwd}\notto:\n  api: '1'\ntasks: {{}}\n"),
            cwd,
            timestamp,
            number: 0,
            tick: 0,
            tasks: Vec::new(),
            args: None,
            user: "dev".to_owned(),
            run_yaml: Written::ByEra,
            finished: true,
            in_db: era.has_database(),
            times: Times::AsWritten,
        }
    }

    /// Adds a task.
    pub fn task(mut self, task: TaskSpec) -> Self {
        self.finished &= task.outcome != Outcome::Killed;
        self.tasks.push(task);
        self
    }

    /// Adds tasks.
    pub fn tasks(self, tasks: impl IntoIterator<Item = TaskSpec>) -> Self {
        tasks.into_iter().fold(self, Self::task)
    }

    /// Sets the number within its second.
    pub fn number(mut self, number: u32) -> Self {
        self.number = number;
        self
    }

    /// Sets by how many seconds the recorded time differs from the name.
    pub fn tick(mut self, seconds: i64) -> Self {
        self.tick = seconds;
        self
    }

    /// Sets the text of the ottofile.
    pub fn ottofile(mut self, text: impl Into<String>) -> Self {
        self.ottofile = text.into();
        self
    }

    /// Sets what was asked for.
    pub fn args<S: Into<String>>(mut self, args: impl IntoIterator<Item = S>) -> Self {
        self.args = Some(args.into_iter().map(Into::into).collect());
        self
    }

    /// Sets who ran it.
    pub fn user(mut self, user: impl Into<String>) -> Self {
        self.user = user.into();
        self
    }

    /// Bends the rule for `run.yaml`.
    pub fn run_yaml(mut self, written: Written) -> Self {
        self.run_yaml = written;
        self
    }

    /// Sets whether the database states its end.
    pub fn finished(mut self, finished: bool) -> Self {
        self.finished = finished;
        self
    }

    /// Leaves it out of the database.
    pub fn without_row(mut self) -> Self {
        self.in_db = false;
        self
    }

    /// Sets the times of its files.
    pub fn times(mut self, times: Times) -> Self {
        self.times = times;
        self
    }

    /// The name of its project directory.
    pub fn project_dir(&self) -> String {
        self.era.project_dir(&self.cwd)
    }

    /// The name of its own directory.
    pub fn run_dir(&self) -> String {
        self.era.run_dir(self.timestamp, self.number)
    }
}
