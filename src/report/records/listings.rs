//! The fields of each kind of row. They are those of its JSON Schema, which a test holds them to.

use super::fields::{Field, Kind, Listing};

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
        text("pin_note"),
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
        text("pin_note"),
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
        number("other_runs"),
        number("other_cache_entries"),
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
        text("changes").rare(),
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

/// The tasks of two runs side by side: `otto compare`.
pub static COMPARED_TASKS: Listing = Listing {
    row: "a task of two runs",
    fields: &[
        text("name"),
        text("name_base64").rare(),
        text("left.status"),
        text("left.status_source"),
        number("left.exit_code"),
        millis("left.duration_ms"),
        bytes("left.size_bytes"),
        bytes("left.disk_bytes"),
        text("left.cache_entry"),
        text("left.cache_entry_base64").rare(),
        text("right.status"),
        text("right.status_source"),
        number("right.exit_code"),
        millis("right.duration_ms"),
        bytes("right.size_bytes"),
        bytes("right.disk_bytes"),
        text("right.cache_entry"),
        text("right.cache_entry_base64").rare(),
        flag("script.changed"),
        text("script.diff").rare(),
        text("script.hidden"),
        flag("inputs.changed"),
        number("inputs.files_left"),
        number("inputs.files_right"),
        text("inputs.differences").rare(),
        flag("outputs.changed"),
        number("outputs.files_left"),
        number("outputs.files_right"),
        text("outputs.differences").rare(),
    ],
};

/// Rules and settings in force: `otto retention`.
pub static RULES_IN_FORCE: Listing = Listing {
    row: "a rule in force",
    fields: &[text("scope"), text("project"), text("key"), text("value"), text("source")],
};

/// The runs in an archive: `otto export --list`.
pub static ARCHIVED_RUNS: Listing = Listing {
    row: "a run in an archive",
    fields: &[
        text("id"),
        text("project"),
        text("project_base64").rare(),
        text("run"),
        number("timestamp"),
        time("started_at"),
        text("status"),
        text("status_source"),
        millis("duration_ms"),
        number("tasks_total"),
        number("tasks_failed"),
        text("tags"),
        number("files"),
        bytes("size_bytes"),
        text("left_out").rare(),
    ],
};

/// What became of what is in an archive: `otto import`.
pub static IMPORTED: Listing = Listing {
    row: "something in an archive",
    fields: &[text("id"), text("outcome"), text("kind"), number("files"), bytes("size_bytes"), text("reason")],
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
    (&COMPARED_TASKS, "otto.compare/1", "tasks"),
    (&ARCHIVED_RUNS, "otto.archive-list/1", "runs"),
    (&IMPORTED, "otto.import/1", "items"),
];
