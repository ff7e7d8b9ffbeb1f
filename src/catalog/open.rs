//! Opening, making and finishing a catalog file.
//!
//! An existing catalog is opened with one check: the version in its header (`user_version`) against ours. Only an older one
//! meets the migrations, grouped in one transaction, and only in the hands of a caller that holds the store's lock: two
//! processes that migrate at once can collide.
//!
//! A first catalog, or one that is rebuilt, is made aside, without a journal, with its indexes after the load, and the
//! caller renames it into its place: whoever looks meanwhile finds the old one or none, never half of one.
//!
//! SQLite would fold the log back into the file whenever the last connection closes: three waits for the disk after each
//! command that wrote a row, and two files made and removed by each that wrote none. Here the log stays beside the file
//! when a command ends, and is folded back by the one that finds it long. Nothing is at stake: what is in the log is
//! committed, and each opening reads it.

use super::error::{Error, Result};
use refinery::Target;
use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags, Transaction};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

mod embedded {
    refinery::embed_migrations!("migrations");
}

/// The newest schema this program knows.
pub const SCHEMA: i64 = 11;
/// The schema at which loading begins; what is above adds indexes, and [`FILLED_BY_LOADING`].
const SCHEMA_TO_LOAD: i32 = 1;
/// Tables of later migrations that loading fills. Their text does no harm when it is run again.
const FILLED_BY_LOADING: &str =
    concat!(include_str!("../../migrations/V4__history.sql"), include_str!("../../migrations/V10__months.sql"));
/// The schema from which on history is kept.
const SCHEMA_OF_HISTORY: i64 = 4;
/// The schema from which on months are added up.
const SCHEMA_OF_MONTHS: i64 = 10;
/// The schema below which parts of tasks that never began count as missing.
const SCHEMA_OF_INCOMPLETE: i64 = 5;

/// The mark of a catalog in the header of its file: "otto".
const MARK: i32 = 0x6f74_746f;
/// Where SQLite keeps that mark.
const MARK_AT: std::ops::Range<usize> = 68..72;

/// How many parsed statements are kept: more than there are.
const STATEMENTS: usize = 128;

/// How long a statement waits for another process's transaction. Ours hold one only while rows are written.
const BUSY: Duration = Duration::from_millis(2_000);

/// A log that is longer than this is folded back. Every opening reads the whole log, at a rate of some hundred microseconds
/// for this much; one run more is a tenth of it.
const LONG_LOG: u64 = 256 * 1024;

/// An open catalog. It reads; whatever changes it goes through [`Catalog::begin`].
#[derive(Debug)]
pub struct Catalog {
    pub(super) connection: Connection,
    pub(super) path: PathBuf,
    pub(super) kind: Kind,
}

/// A state of the catalog that stays as it is.
#[derive(Debug)]
pub struct Snapshot<'c>(#[expect(dead_code, reason = "the open transaction is the snapshot")] Transaction<'c>);

/// Where a catalog lives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// In a file with this inode.
    File(u64),
    Loading,
    Memory,
}

impl Catalog {
    /// Opens the catalog at `path`, which must be current.
    ///
    /// # Errors
    /// [`Error::Missing`], [`Error::Damaged`], [`Error::Newer`], [`Error::Locked`], [`Error::ReadOnly`]; an older schema is
    /// brought up to date, for which the caller must hold the store's lock (`may_migrate`), else it is [`Error::Locked`].
    pub fn open(path: &Path, may_migrate: bool) -> Result<Self> {
        let inode = match std::fs::symlink_metadata(path) {
            Ok(meta) if meta.is_file() => meta.ino(),
            Ok(_) => {
                return Err(Error::Damaged { path: path.to_owned(), cause: "it is not a regular file".to_owned() });
            }
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Err(Error::Missing(path.to_owned())),
            Err(source) => return Err(Error::Io { act: "look at", path: path.to_owned(), source }),
        };
        let sql = |act| move |source| Error::of(act, path, source);
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = Connection::open_with_flags(path, flags).map_err(sql("open"))?;
        connection.busy_timeout(BUSY).map_err(sql("configure"))?;
        let version: i64 =
            connection.query_row("PRAGMA user_version", [], |row| row.get(0)).map_err(sql("read the version"))?;
        if version > SCHEMA {
            return Err(Error::Newer { path: path.to_owned(), found: version, known: SCHEMA });
        }
        let mut catalog = Self { connection, path: path.to_owned(), kind: Kind::File(inode) };
        if version < i64::from(SCHEMA_TO_LOAD) {
            return Err(Error::Damaged { path: path.to_owned(), cause: "its making was never finished".to_owned() });
        }
        if version < SCHEMA {
            if !may_migrate {
                return Err(Error::Locked(path.to_owned()));
            }
            catalog.upgrade(version)?;
        }
        catalog.pragmas(
            "PRAGMA foreign_keys = ON; PRAGMA synchronous = NORMAL; PRAGMA temp_store = MEMORY; PRAGMA cache_size = -4096",
        )?;
        catalog
            .connection
            .set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true)
            .map_err(|source| Error::of("configure", path, source))?;
        Ok(catalog)
    }

    /// The schema version of the catalog at `path`, whatever it is.
    ///
    /// # Errors
    /// [`Error::Damaged`] and the like when the file cannot be read as a database.
    pub fn version(path: &Path) -> Result<i64> {
        let sql = |act| move |source| Error::of(act, path, source);
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = Connection::open_with_flags(path, flags).map_err(sql("open"))?;
        connection.query_row("PRAGMA user_version", [], |row| row.get(0)).map_err(sql("read the version"))
    }

    /// Whether the file at `path` bears the mark of a catalog, in whatever state it is otherwise. Only such a file, or one in
    /// our own directory, may be set aside.
    pub fn is_marked(path: &Path) -> bool {
        use std::io::Read as _;
        let mut header = [0_u8; 72];
        let read = std::fs::File::open(path).and_then(|mut file| file.read_exact(&mut header));
        read.is_ok() && header[MARK_AT] == MARK.to_be_bytes()
    }

    /// Begins a new catalog in the empty file at `path`, to be loaded and then [finished](Self::finish).
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn create(path: &Path, store_id: &str) -> Result<Self> {
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = Connection::open_with_flags(path, flags).map_err(|source| Error::of("make", path, source))?;
        let mut catalog = Self { connection, path: path.to_owned(), kind: Kind::Loading };
        // Until the rename nobody depends on this file, and a crash leaves it to be overwritten: no journal is needed.
        catalog.pragmas(
            "PRAGMA application_id = 1869902959; PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF; PRAGMA locking_mode = EXCLUSIVE; \
             PRAGMA temp_store = MEMORY; PRAGMA cache_size = -16384",
        )?;
        catalog.begin_schema(store_id)?;
        Ok(catalog)
    }

    /// No catalog: what a session has before it opened one. Every question to it fails.
    ///
    /// # Errors
    /// None that can be expected.
    pub fn none() -> Result<Self> {
        let path = PathBuf::from(":memory:");
        let connection = Connection::open_in_memory().map_err(|source| Error::of("make", &path, source))?;
        Ok(Self { connection, path, kind: Kind::Memory })
    }

    /// A catalog that lives as long as this value: for a store that cannot be written.
    ///
    /// # Errors
    /// None that can be expected.
    pub fn in_memory(store_id: &str) -> Result<Self> {
        let path = PathBuf::from(":memory:");
        let connection = Connection::open_in_memory().map_err(|source| Error::of("make", &path, source))?;
        let mut catalog = Self { connection, path, kind: Kind::Memory };
        catalog.pragmas("PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF")?;
        catalog.begin_schema(store_id)?;
        Ok(catalog)
    }

    /// Ends the first load by making the indexes. One in a file is closed, ready to be put in its place and opened there;
    /// one in memory is given back.
    ///
    /// # Errors
    /// When the indexes cannot be made.
    pub fn finish(mut self) -> Result<Option<Self>> {
        self.migrate(Target::Latest)?;
        self.note_version(SCHEMA)?;
        if self.kind == Kind::Memory {
            return Ok(Some(self));
        }
        // ANALYZE is not run: with the partial indexes the planner needs no statistics, and without them the plans are the
        // same on every machine.
        self.pragmas("PRAGMA locking_mode = NORMAL; PRAGMA journal_mode = WAL")?;
        Ok(None)
    }

    /// Brings an older catalog up to date. The version is noted last: if this dies, the next opening does all of it again.
    fn upgrade(&mut self, from: i64) -> Result<()> {
        self.migrate(Target::Latest)?;
        if from < SCHEMA_OF_HISTORY {
            let mut tx = self.begin()?;
            tx.count_all_runs()?;
            tx.commit()?;
        }
        if from < SCHEMA_OF_INCOMPLETE {
            let mut tx = self.begin()?;
            tx.unsettle_incomplete()?;
            tx.commit()?;
        }
        if from < SCHEMA_OF_MONTHS {
            let mut tx = self.begin()?;
            tx.recount_months()?;
            tx.commit()?;
        }
        self.note_version(SCHEMA)
    }

    fn begin_schema(&mut self, store_id: &str) -> Result<()> {
        self.migrate(Target::Version(SCHEMA_TO_LOAD))?;
        self.note_version(i64::from(SCHEMA_TO_LOAD))?;
        self.connection.execute_batch(FILLED_BY_LOADING).map_err(|source| Error::of("begin", &self.path, source))?;
        self.connection
            .execute(
                "INSERT INTO store (id, store_id) VALUES (1, :store_id)",
                rusqlite::named_params! {":store_id": store_id},
            )
            .map_err(|source| Error::of("begin", &self.path, source))?;
        Ok(())
    }

    fn migrate(&mut self, target: Target) -> Result<()> {
        let path = self.path.clone();
        embedded::migrations::runner()
            .set_grouped(true)
            .set_target(target)
            .run(&mut self.connection)
            .map_err(|source| Error::Migration { path, source: Box::new(source) })?;
        Ok(())
    }

    fn note_version(&mut self, version: i64) -> Result<()> {
        self.connection
            .pragma_update(None, "user_version", version)
            .map_err(|source| Error::of("note the version", &self.path, source))
    }

    fn pragmas(&mut self, text: &str) -> Result<()> {
        // More statements than rusqlite keeps by itself (16) are in use at once: without this each is parsed again and again.
        self.connection.set_prepared_statement_cache_capacity(STATEMENTS);
        // A plan that does not depend on the values that are bound: else SQLite parses a statement again for each of them.
        self.connection
            .set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)
            .map_err(|source| Error::of("configure", &self.path, source))?;
        self.connection.execute_batch(text).map_err(|source| Error::of("configure", &self.path, source))
    }

    /// Folds the log back into the file when it has grown long. For whoever holds the store's lock and has written.
    ///
    /// A reader that is at work keeps part of the log in use, and a full disk all of it: it stays as it is then, and is as
    /// good as it was, for the next to fold.
    pub fn fold_long_log(&self) {
        let mut log = self.path.as_os_str().to_owned();
        log.push("-wal");
        if matches!(self.kind, Kind::File(_)) && std::fs::symlink_metadata(log).is_ok_and(|meta| meta.len() > LONG_LOG)
        {
            let _ = self.fold_log();
        }
    }

    /// Folds the whole log back, so that the file by itself holds everything: before it is given another name, and before
    /// its log is removed. Nobody is waited for.
    ///
    /// # Errors
    /// [`Error::Locked`] when a reader is at work, or when the database refuses.
    pub fn fold_log(&self) -> Result<()> {
        let act = "fold the log";
        self.connection.busy_timeout(Duration::ZERO).map_err(self.error(act))?;
        let busy = self.connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| row.get::<_, bool>("busy"));
        self.connection.busy_timeout(BUSY).map_err(self.error(act))?;
        match busy.map_err(self.error(act))? {
            true => Err(Error::Locked(self.path.clone())),
            false => Ok(()),
        }
    }

    /// Where it is, `:memory:` for one that is nowhere.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Whether it is on disk, so that what is decided by it can be recorded.
    pub fn is_on_disk(&self) -> bool {
        self.kind != Kind::Memory
    }

    /// Whether the file that was opened still has its place: if somebody made another meanwhile, nobody will read what is
    /// written into this one.
    pub fn is_in_place(&self) -> bool {
        match self.kind {
            Kind::File(inode) => std::fs::symlink_metadata(&self.path).is_ok_and(|meta| meta.ino() == inode),
            Kind::Loading | Kind::Memory => true,
        }
    }

    /// Whether it is being loaded for the first time.
    pub fn is_loading(&self) -> bool {
        self.kind == Kind::Loading
    }

    /// Several questions asked of one state: what others commit meanwhile is not seen. Ends when the value is dropped.
    ///
    /// # Errors
    /// The catalog's.
    pub fn snapshot(&self) -> Result<Snapshot<'_>> {
        self.connection.unchecked_transaction().map(Snapshot).map_err(self.error("begin to read"))
    }

    /// The error of a query.
    pub(super) fn error(&self, act: &'static str) -> impl Fn(rusqlite::Error) -> Error + '_ {
        move |source| Error::of(act, &self.path, source)
    }
}
