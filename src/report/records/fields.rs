//! The fields of each kind of row. They are those of its JSON Schema, which a test holds them to.

use serde_json::Value;
use std::fmt;
use thiserror::Error;

/// What the values of a field are, for people.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Words, or a list of them.
    Text,
    /// A number that is shown as it is.
    Number,
    /// Bytes.
    Bytes,
    /// Milliseconds.
    Millis,
    /// An instant.
    Time,
    /// True or false.
    Flag,
    /// A part of a whole, from 0 to 1.
    Share,
}

/// A field of a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Field {
    /// Where it stands in the row's JSON: a key, or keys with points between them.
    pub name: &'static str,
    /// What its values are.
    pub kind: Kind,
    /// Whether it is written only when it is asked for by name.
    pub rare: bool,
}

/// A kind of row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Listing {
    /// What a row is.
    pub row: &'static str,
    /// Its fields, in the order in which they are written.
    pub fields: &'static [Field],
}

/// Why fields cannot be had.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum FieldError {
    /// A row has no such field.
    #[error("{row} has no field `{name}`")]
    Unknown {
        /// What a row is.
        row: &'static str,
        /// What was asked for.
        name: String,
    },
    /// A field is named twice.
    #[error("the field `{0}` is named twice")]
    Twice(String),
}

impl Field {
    const fn new(name: &'static str, kind: Kind) -> Self {
        Self { name, kind, rare: false }
    }

    const fn rare(self) -> Self {
        Self { rare: true, ..self }
    }

    /// Its value in a row; null where there is none.
    pub fn of<'v>(&self, row: &'v Value) -> &'v Value {
        const NONE: &Value = &Value::Null;
        // A key may hold a point only where an object does: none of ours does.
        self.name.split('.').try_fold(row, |value, key| value.get(key)).unwrap_or(NONE)
    }
}

impl Listing {
    /// The fields of these names, in that order.
    ///
    /// # Errors
    /// When there is no such field, or one is named twice.
    pub fn choose(&self, names: &[impl AsRef<str>]) -> Result<Vec<&'static Field>, FieldError> {
        let mut chosen: Vec<&'static Field> = Vec::with_capacity(names.len());
        for name in names.iter().map(|name| name.as_ref().trim()) {
            let known = self.fields.iter().find(|field| field.name == name);
            let Some(field) = known else {
                let name = super::super::printable(name).into_owned();
                return Err(FieldError::Unknown { row: self.row, name });
            };
            if chosen.contains(&field) {
                return Err(FieldError::Twice(name.to_owned()));
            }
            chosen.push(field);
        }
        Ok(chosen)
    }

    /// The names of all fields.
    pub fn names(&self) -> impl Iterator<Item = &'static str> {
        self.fields.iter().map(|field| field.name)
    }
}

impl fmt::Display for Listing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.names().collect::<Vec<_>>().join(", "))
    }
}

const fn text(name: &'static str) -> Field {
    Field::new(name, Kind::Text)
}

const fn number(name: &'static str) -> Field {
    Field::new(name, Kind::Number)
}

const fn bytes(name: &'static str) -> Field {
    Field::new(name, Kind::Bytes)
}

const fn millis(name: &'static str) -> Field {
    Field::new(name, Kind::Millis)
}

const fn time(name: &'static str) -> Field {
    Field::new(name, Kind::Time)
}

const fn flag(name: &'static str) -> Field {
    Field::new(name, Kind::Flag)
}

const fn share(name: &'static str) -> Field {
    Field::new(name, Kind::Share)
}

/// Runs in their place: `otto list`.
pub static RUNS: Listing = Listing {
    row: "a run",
    fields: &[
        text("id"),
        text("project"),
        text("project_base64").rare(),
        text("project_name"),
        text("project_hash"),
        text("run"),
        number("timestamp"),
        time("started_at"),
        text("status"),
        text("status_source"),
        millis("duration_ms"),
        number("tasks_total"),
        number("tasks_failed"),
        text("missing"),
        text("thinned"),
        bytes("size_bytes"),
        bytes("disk_bytes"),
        flag("pinned"),
        text("tags"),
        text("path"),
        text("path_base64").rare(),
        text("ottofile"),
        text("cwd"),
        text("user"),
        text("args"),
    ],
};

/// Runs of every state, or a task across them: `otto history`.
pub static HISTORY: Listing = Listing {
    row: "a run in history",
    fields: &[
        text("id"),
        text("project"),
        text("project_base64").rare(),
        text("project_name"),
        text("project_hash"),
        text("run"),
        number("timestamp"),
        time("started_at"),
        text("status"),
        text("status_source"),
        millis("duration_ms"),
        text("duration_source"),
        number("tasks_total"),
        number("tasks_failed"),
        text("missing"),
        text("thinned"),
        bytes("size_bytes"),
        bytes("disk_bytes"),
        flag("pinned"),
        text("tags"),
        text("path"),
        text("path_base64").rare(),
        text("ottofile"),
        text("cwd"),
        text("user"),
        text("args"),
        text("state"),
        time("left_at"),
        text("task.name"),
        text("task.name_base64").rare(),
        text("task.status"),
        text("task.status_source"),
        number("task.exit_code"),
        time("task.started_at"),
        time("task.ended_at"),
        millis("task.duration_ms"),
        text("task.duration_source"),
    ],
};

/// Tasks by what they took: `otto stats`.
pub static TASK_STATISTICS: Listing = Listing {
    row: "a task of the statistics",
    fields: &[
        text("name"),
        text("name_base64").rare(),
        text("project"),
        text("project_base64").rare(),
        text("project_name"),
        number("time_rank"),
        number("failure_rank"),
        number("runs"),
        number("outcome.success"),
        number("outcome.failed"),
        number("outcome.running"),
        number("outcome.interrupted"),
        number("outcome.unknown"),
        number("outcome.ended"),
        share("outcome.success_rate"),
        number("outcome.timed"),
        millis("outcome.spent_ms"),
        millis("outcome.mean_ms"),
        millis("outcome.min_ms"),
        millis("outcome.median_ms"),
        millis("outcome.p95_ms"),
        millis("outcome.max_ms"),
        text("trend.speed"),
        share("trend.slowdown"),
        text("trend.reliability"),
    ],
};

/// Operations of the audit log: `otto audit`.
pub static OPERATIONS: Listing = Listing {
    row: "an operation",
    fields: &[
        text("operation"),
        text("kind"),
        text("ending"),
        time("started_at"),
        number("timestamp"),
        time("ended_at"),
        millis("duration_ms"),
        text("who"),
        text("command"),
        text("policy"),
        text("plan"),
        text("archive"),
        number("removed_runs"),
        number("removed_cache_entries"),
        bytes("removed_size_bytes"),
        bytes("removed_disk_bytes"),
        bytes("freed_size_bytes"),
        bytes("freed_disk_bytes"),
        time("keep_until"),
        number("failed_total"),
        number("skipped_total"),
        text("runs").rare(),
        text("cache").rare(),
        text("failed").rare(),
        text("skipped").rare(),
        text("note"),
        text("tags_added"),
        text("tags_removed"),
        text("removed_by"),
    ],
};

/// Weeks of operations: `otto audit --summary`.
pub static WEEKS: Listing = Listing {
    row: "a week",
    fields: &[
        text("week"),
        number("operations"),
        number("runs"),
        number("cache_entries"),
        bytes("freed_size_bytes"),
        bytes("freed_disk_bytes"),
    ],
};

/// What lies in the trash: `otto trash list`.
pub static TRASH: Listing = Listing {
    row: "an item in the trash",
    fields: &[
        text("operation"),
        time("at"),
        text("command"),
        text("kind"),
        text("id"),
        text("project"),
        text("project_base64").rare(),
        text("run"),
        text("entry"),
        text("entry_base64").rare(),
        text("state"),
        time("keep_until"),
        number("keep_until_timestamp").rare(),
        flag("pinned"),
        text("reasons"),
        bytes("size_bytes"),
        bytes("disk_bytes"),
    ],
};

/// Projects by what they take: `otto usage`.
pub static PROJECTS: Listing = Listing {
    row: "a project",
    fields: &[
        text("project"),
        text("project_base64").rare(),
        text("project_name"),
        number("runs"),
        bytes("run_size_bytes"),
        bytes("run_disk_bytes"),
        number("cache_entries"),
        bytes("cache_size_bytes"),
        bytes("cache_disk_bytes"),
        time("oldest_run_at"),
        number("oldest_run_days"),
    ],
};

/// Lines that match: `otto logs --grep`.
pub static HITS: Listing = Listing {
    row: "a line that matches",
    fields: &[
        text("id"),
        text("project"),
        text("project_base64").rare(),
        text("run"),
        number("timestamp"),
        text("task"),
        text("task_base64").rare(),
        text("stream"),
        number("line"),
        text("text"),
        text("text_base64").rare(),
        flag("cut"),
    ],
};

/// What a check found: `otto check`.
pub static FINDINGS: Listing = Listing {
    row: "a finding",
    fields: &[
        text("kind"),
        text("severity"),
        text("what"),
        text("path"),
        text("path_base64").rare(),
        flag("fixable"),
        text("fix"),
    ],
};

/// The tasks of a run: `otto info`.
pub static TASKS: Listing = Listing {
    row: "a task",
    fields: &[
        text("name"),
        text("name_base64").rare(),
        text("status"),
        text("status_source"),
        number("exit_code"),
        time("started_at"),
        time("ended_at"),
        millis("duration_ms"),
        text("duration_source"),
        number("earlier.timed_runs"),
        millis("earlier.median_ms"),
        millis("earlier.p95_ms"),
        flag("earlier.slower_than_p95"),
        bytes("size_bytes"),
        bytes("disk_bytes"),
        text("stdout.path"),
        text("stdout.path_base64").rare(),
        bytes("stdout.bytes"),
        text("stderr.path"),
        text("stderr.path_base64").rare(),
        bytes("stderr.bytes"),
        text("script.path"),
        text("script.path_base64").rare(),
        text("script.cache_entry"),
        text("script.cache_entry_base64").rare(),
        flag("script.exists"),
    ],
};

/// Every kind of row, with the schema that has it and where it stands there.
pub static LISTINGS: &[(&Listing, &str, &str)] = &[
    (&RUNS, "otto.list/1", ""),
    (&HISTORY, "otto.history/1", "runs"),
    (&TASK_STATISTICS, "otto.stats/1", "tasks"),
    (&OPERATIONS, "otto.operations/1", "operations"),
    (&WEEKS, "otto.audit-summary/1", "weeks"),
    (&PROJECTS, "otto.usage/1", "projects"),
    (&HITS, "otto.logs/1", "hits"),
    (&FINDINGS, "otto.check/1", "findings"),
    (&TASKS, "otto.info/1", "tasks"),
];
