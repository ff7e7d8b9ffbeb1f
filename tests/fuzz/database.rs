//! The runner's database, of random tables, columns and types, and torn.

use crate::support::tree::Snapshot;
use crate::support::*;
use otto_catalog::session::Access;
use otto_catalog::store::runner_db::{self, Cursor, Request};
use proptest::prelude::*;
use rusqlite::{Connection, types::Value};
use std::fs;

/// Tables that the runner has, and one that it has not.
const TABLES: [&str; 5] = ["runs", "tasks", "projects", "schema_version", "machines"];
/// Columns that it reads, and some that it does not.
const COLUMNS: [&str; 24] = [
    "id",
    "run_id",
    "project_id",
    "timestamp",
    "status",
    "name",
    "hash",
    "cwd",
    "user",
    "args",
    "hostname",
    "ended_at",
    "started_at",
    "duration_seconds",
    "size_bytes",
    "exit_code",
    "stdout_path",
    "stderr_path",
    "script_path",
    "run_dir",
    "ottofile_path",
    "version",
    "skip_reason",
    "Ünknown",
];
const TYPES: [&str; 8] =
    ["", "INTEGER", "TEXT", "REAL", "BLOB", "INTEGER PRIMARY KEY", "TEXT NOT NULL DEFAULT 'x'", "ANY"];

/// A table: its name, its columns by number with a type, its rows.
#[derive(Clone, Debug)]
struct Table {
    name: usize,
    columns: Vec<(usize, usize)>,
    rows: Vec<Vec<Value>>,
    as_view: bool,
}

fn value() -> impl Strategy<Value = Value> {
    let words = [
        "running",
        "success",
        "failed",
        "completed",
        "",
        "/home/dev/.otto/web-0011aabb/1700000000",
        "[\"otto\"]",
        "{",
        "1700000000",
        "1e400",
    ];
    prop_oneof![
        Just(Value::Null),
        prop_oneof![any::<i64>(), Just(0), Just(1), Just(i64::MAX), Just(1_700_000_000)].prop_map(Value::Integer),
        prop_oneof![any::<f64>().prop_filter("SQLite has none", |x| !x.is_nan()), Just(f64::INFINITY), Just(1.5)]
            .prop_map(Value::Real),
        prop::sample::select(words.to_vec()).prop_map(|word| Value::Text(word.to_owned())),
        ".{0,20}".prop_map(Value::Text),
        prop::collection::vec(any::<u8>(), 0..20).prop_map(Value::Blob),
    ]
}

fn table() -> impl Strategy<Value = Table> {
    let columns = prop::collection::vec((0..COLUMNS.len(), 0..TYPES.len()), 1..14);
    let rows = prop::collection::vec(prop::collection::vec(value(), 14), 0..5);
    (0..TABLES.len(), columns, rows, prop::bool::weighted(0.1)).prop_map(|(name, columns, rows, as_view)| Table {
        name,
        columns,
        rows,
        as_view,
    })
}

/// Makes what SQLite lets be made.
fn make(db: &Connection, table: &Table) {
    let name = TABLES[table.name];
    let mut columns: Vec<(usize, usize)> = Vec::new();
    for column in &table.columns {
        if !columns.iter().any(|(known, _)| *known == column.0) {
            columns.push(*column);
        }
    }
    let defined: Vec<String> = columns.iter().map(|(c, t)| format!("\"{}\" {}", COLUMNS[*c], TYPES[*t])).collect();
    let of = if table.as_view { format!("{name}_below") } else { name.to_owned() };
    if db.execute_batch(&format!("CREATE TABLE \"{of}\" ({})", defined.join(", "))).is_err() {
        return;
    }
    let marks = vec!["?"; columns.len()].join(", ");
    for row in &table.rows {
        let _ = db.execute(
            &format!("INSERT INTO \"{of}\" VALUES ({marks})"),
            rusqlite::params_from_iter(&row[..columns.len()]),
        );
    }
    if table.as_view {
        let _ = db.execute_batch(&format!("CREATE VIEW \"{name}\" AS SELECT * FROM \"{of}\""));
    }
}

proptest! {
    #![proptest_config(cases(64))]

    #[test]
    fn a_runner_s_database_of_any_shape_is_read_as_far_as_it_goes(
        tables in prop::collection::vec(table(), 0..6), wal in any::<bool>(), torn in prop::option::of((0.0_f64..1.0, any::<u8>())),
    ) {
        let store = Store::in_memory();
        for days in [1, 40] {
            store.write(small("/a/web", store.days_ago(days)));
        }
        let path = store.root.join("otto.db");
        let db = Connection::open(&path).unwrap();
        if wal {
            db.pragma_update(None, "journal_mode", "wal").unwrap();
            db.set_db_config(rusqlite::config::DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true).unwrap();
        }
        for table in &tables {
            make(&db, table);
        }
        drop(db);
        if let Some((part, byte)) = torn {
            for path in [path.clone(), store.root.join("otto.db-wal")] {
                let Ok(mut bytes) = fs::read(&path) else { continue };
                let at = (bytes.len() as f64 * part) as usize;
                if byte % 2 == 0 {
                    bytes.truncate(at);
                } else if let Some(end) = bytes.get_mut(at..) {
                    end.iter_mut().take(64).for_each(|b| *b = byte);
                }
                fs::write(path, bytes).unwrap();
            }
        }
        let before: Vec<_> = ["otto.db", "otto.db-wal"].map(|name| fs::read(store.root.join(name)).ok()).into();
        let scratch = store.outside("scratch");
        let request = Request { db: &path, scratch: &scratch, after: Cursor::default(), again: &[] };
        let _ = runner_db::read(&request);

        let whole = Snapshot::of(&store.root);
        let session = store.open(Access::Read);
        prop_assert_eq!(session.catalog.runs(&Default::default()).unwrap().len(), 2, "{:?}", session.report.problems);
        drop(session);
        whole.assert_same(&Snapshot::of(&store.root), "looking changed something");
        let done = store.clean(&keep(30));
        prop_assert!(done.gone().len() <= 1, "{:?}", done.gone());
        let after: Vec<_> = ["otto.db", "otto.db-wal"].map(|name| fs::read(store.root.join(name)).ok()).into();
        prop_assert!(before == after, "the runner's database was written");
        crate::support::digest::assert_same(
            &crate::support::digest::digest(&store.open(Access::Read).catalog), &store.digest_from_nothing(), "refreshed");
    }
}
