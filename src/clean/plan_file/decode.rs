//! Reading: first whether it is ours and whole, then what it says, then which rows that has here.

use super::encode::{DIGEST_BEGINS, DIGEST_ENDS};
use super::parts::ThinShape;
use super::shape::{
    BelowShape, ChoiceShape, Document, EntryShape, ModeShape, NarrowShape, ProjectShape, RunShape, invalid,
};
use super::{ID_DIGITS, LIMIT, PlanFile, PlanFileError, SCHEMA, WITH_PARTS};
use crate::catalog::{Catalog, Fingerprint, OrphanSum, Reader};
use crate::clean::narrowing::{Choice, Narrowing};
use crate::clean::plan::{
    CacheMode, CachePlan, EntryRemoval, NO_ROW, Plan, ProjectPlan, ProtectedRun, RunRemoval, Totals,
};
use crate::clean::planner::standing;
use crate::model::{Age, CacheEntry, Project, ProjectDir, RunDir, RunId, Size, Status, Statuses};
use crate::retention::{Cutoffs, Notice, Protection, Rank};
use crate::session::Error;
use crate::store::layout;
use crate::store::trash::JsonName;
use serde::Deserialize;
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

/// Hex digits of a digest.
const DIGITS: usize = 64;

/// What is asked of any JSON before it is taken for a plan.
#[derive(Deserialize)]
struct Head {
    schema: String,
}

pub(super) fn parse(bytes: &[u8]) -> Result<PlanFile, PlanFileError> {
    if bytes.len() as u64 > LIMIT {
        return Err(PlanFileError::TooLarge { bytes: bytes.len() as u64 });
    }
    let not_a_plan = |error: serde_json::Error| PlanFileError::NotAPlan { cause: error.to_string() };
    let head: Head = serde_json::from_slice(bytes).map_err(not_a_plan)?;
    if head.schema != SCHEMA && head.schema != WITH_PARTS {
        return Err(match head.schema.starts_with("otto.plan/") {
            true => PlanFileError::OtherSchema { found: head.schema },
            false => PlanFileError::NotAPlan { cause: format!("its schema is `{}`", shortened(&head.schema)) },
        });
    }
    let id = digest(bytes).ok_or(PlanFileError::Altered)?;
    let document: Document = serde_json::from_slice(bytes).map_err(|error| invalid(error.to_string()))?;
    check(&document)?;
    let default = document.policy.default.policy();
    Ok(PlanFile { id, document, default })
}

/// The first digits of the digest, if it is that of all bytes before its line.
fn digest(bytes: &[u8]) -> Option<String> {
    let rest = bytes.strip_suffix(DIGEST_ENDS)?;
    let (rest, stated) = rest.split_at_checked(rest.len().checked_sub(DIGITS)?)?;
    let content = rest.strip_suffix(DIGEST_BEGINS)?;
    let found = blake3::hash(content).to_hex();
    (found.as_bytes() == stated).then(|| found[..ID_DIGITS].to_owned())
}

fn shortened(text: &str) -> String {
    text.chars().take(40).collect()
}

/// Holds every name against what a name can be, and every item to be there once. What lies below a name that passes here
/// lies in its project, whatever the file says.
fn check(document: &Document) -> Result<(), PlanFileError> {
    let mut projects = HashSet::new();
    for shape in &document.projects {
        if !projects.insert(project(&shape.project)?) {
            return Err(invalid("a project is named twice"));
        }
    }
    if let Some(word) = document.narrow.statuses.iter().find(|word| Status::from_word(word).is_none()) {
        return Err(invalid(format!("`{}` is no status", shortened(word))));
    }
    let drops = document.parts_alone || !document.thin.is_empty();
    if drops && document.schema != WITH_PARTS {
        return Err(invalid("parts of runs go, and its schema knows none"));
    }
    if document.parts_alone && !document.runs.is_empty() {
        return Err(invalid("runs go although only parts of them do"));
    }
    let mut runs = HashSet::with_capacity(document.runs.len() + document.thin.len());
    document.thin.iter().try_for_each(ThinShape::check)?;
    for shape in document.runs.iter().chain(document.thin.iter().map(|thin| &thin.run)) {
        let id = run_id(&shape.project, &shape.run)?;
        if manifest(&shape.manifest).is_none() {
            return Err(invalid(format!("the manifest of {id} is not 64 hex digits")));
        }
        if !projects.contains(&id.project) {
            return Err(invalid(format!("{id} is of a project that the plan is not about")));
        }
        if !runs.insert((&shape.project, &shape.run)) {
            return Err(invalid(format!("{id} is named twice")));
        }
    }
    if !runs.is_empty() && matches!(document.cache.mode, ModeShape::Only) {
        return Err(invalid("runs go although only the cache is cleaned"));
    }
    for shape in &document.protected {
        run_id(&shape.project, &shape.run)?;
        if Protection::from_word(&shape.reason).is_none() {
            return Err(invalid(format!("`{}` protects nothing", shortened(&shape.reason))));
        }
    }
    let known: HashSet<&JsonName> = document.known_runs.iter().map(|known| &known.project).collect();
    if known.len() != document.known_runs.len() {
        return Err(invalid("the known runs of a project stand there twice"));
    }
    let mut entries = HashSet::with_capacity(document.entries.len());
    for shape in &document.entries {
        let dir = project(&shape.project)?;
        let path = entry_path(&shape.entry)?;
        if !projects.contains(&dir) || !known.contains(&shape.project) {
            return Err(invalid(format!("an entry of {dir}, of which no run is known")));
        }
        if !entries.insert((&shape.project, path)) {
            return Err(invalid(format!("an entry of {dir} is named twice")));
        }
        for reader in &shape.readers {
            run_id(&reader.project, &reader.run)?;
        }
    }
    let strays = |path: &[u8]| document.parts_alone && layout::is_temporary_name(path);
    if matches!(document.cache.mode, ModeShape::Leave) && entries.iter().any(|(_, path)| !strays(path)) {
        return Err(invalid("cache entries go although the cache stays"));
    }
    for shape in &document.projects {
        if let BelowShape::Run(name) = &shape.goes_below {
            run_dir(name)?;
        }
    }
    Ok(())
}

fn project(name: &JsonName) -> Result<ProjectDir, PlanFileError> {
    let bytes = name.bytes().ok_or_else(|| invalid("a project's name is not base64"))?;
    let is_one = bytes == b"." || layout::is_project_name(&bytes);
    if !is_one {
        return Err(invalid(format!("`{}` is no project", shortened(&String::from_utf8_lossy(&bytes)))));
    }
    Ok(ProjectDir::new(bytes))
}

fn run_dir(name: &str) -> Result<RunDir, PlanFileError> {
    RunDir::parse(name.as_bytes()).map_err(|why| invalid(format!("`{}` is no run: {why}", shortened(name))))
}

fn run_id(project_name: &JsonName, run: &str) -> Result<RunId, PlanFileError> {
    Ok(RunId { project: project(project_name)?, run: run_dir(run)? })
}

/// A path below a cache: a name, or one in a directory. None of them can lead up.
fn entry_path(name: &JsonName) -> Result<Vec<u8>, PlanFileError> {
    let path = name.bytes().ok_or_else(|| invalid("an entry's name is not base64"))?;
    let parts: Vec<&[u8]> = path.split(|b| *b == b'/').collect();
    let is_name = |part: &&[u8]| !part.is_empty() && **part != *b"." && **part != *b".." && !part.contains(&0);
    if parts.len() > 2 || !parts.iter().all(is_name) {
        return Err(invalid(format!("`{}` is no cache entry", shortened(&String::from_utf8_lossy(&path)))));
    }
    Ok(path)
}

fn manifest(hex: &str) -> Option<[u8; 32]> {
    blake3::Hash::from_hex(hex).ok().map(|hash| *hash.as_bytes())
}

/// The rows that the names of a plan have in a catalog.
struct Rows<'c> {
    catalog: &'c Catalog,
    projects: HashMap<ProjectDir, i64>,
    /// Rows of the runs in place, by project and name; a project is read when it is first asked for.
    runs: HashMap<ProjectDir, HashMap<String, i64>>,
    entries: HashMap<ProjectDir, HashMap<Vec<u8>, (i64, u64)>>,
}

impl<'c> Rows<'c> {
    fn new(catalog: &'c Catalog) -> Result<Self, Error> {
        let projects = catalog.projects()?.into_iter().map(|project| (project.dir, project.id)).collect();
        Ok(Self { catalog, projects, runs: HashMap::new(), entries: HashMap::new() })
    }

    fn project(&self, dir: &ProjectDir) -> i64 {
        self.projects.get(dir).copied().unwrap_or(NO_ROW)
    }

    fn run(&mut self, dir: &ProjectDir, name: &str) -> Result<i64, Error> {
        if !self.runs.contains_key(dir) {
            let named = self.catalog.run_names(self.project(dir))?;
            self.runs.insert(dir.clone(), named.iter().map(|run| (run.text(), run.key)).collect());
        }
        Ok(self.runs[dir].get(name).copied().unwrap_or(NO_ROW))
    }

    /// The row of an entry, and how many runs name it.
    fn entry(&mut self, dir: &ProjectDir, path: &[u8]) -> Result<(i64, u64), Error> {
        if !self.entries.contains_key(dir) {
            let found = self.catalog.cache_entries(self.project(dir))?;
            let rows = found.into_iter().map(|entry| (entry.path, (entry.key, entry.references))).collect();
            self.entries.insert(dir.clone(), rows);
        }
        Ok(self.entries[dir].get(path).copied().unwrap_or((NO_ROW, 0)))
    }
}

pub(super) fn plan(file: &PlanFile, catalog: &Catalog) -> Result<Plan, Error> {
    let _snapshot = catalog.snapshot()?;
    let document = &file.document;
    file.check_store(catalog)?;
    let mut rows = Rows::new(catalog)?;
    let mut reasons = HashMap::new();
    let mut runs = Vec::with_capacity(document.runs.len());
    for shape in &document.runs {
        runs.push(run_removal(shape, &mut rows, &mut reasons)?);
    }
    let mut thin = Vec::with_capacity(document.thin.len());
    for shape in &document.thin {
        thin.push(shape.thinning(run_removal(&shape.run, &mut rows, &mut reasons)?));
    }
    let mut delete = Vec::with_capacity(document.entries.len());
    for shape in &document.entries {
        delete.push(entry_removal(shape, &mut rows)?);
    }
    let mut protected = Vec::with_capacity(document.protected.len());
    for shape in &document.protected {
        let Ok(id) = run_id(&shape.project, &shape.run) else { continue };
        let Some(protection) = Protection::from_word(&shape.reason) else { continue };
        protected.push(ProtectedRun { key: rows.run(&id.project, &shape.run)?, id, protection });
    }
    let projects: Vec<ProjectPlan> = document.projects.iter().map(|shape| project_plan(shape, &rows)).collect();
    let keys: Vec<i64> = projects.iter().map(|p| p.project.id).filter(|key| *key != NO_ROW).collect();
    let known = document.known_runs.iter().filter_map(|known| {
        let key = rows.project(&project(&known.project).ok()?);
        (key != NO_ROW).then(|| (key, known.runs.iter().cloned().collect()))
    });
    let stale = delete.iter().filter(|removal: &&EntryRemoval| !removal.readers.is_empty()).cloned().collect();
    let cache = &document.cache;
    Ok(Plan {
        store_id: document.store.id.clone(),
        now: document.timestamp,
        narrow: narrowing(&document.narrow, runs.iter().chain(thin.iter().map(|one| &one.run))),
        thin,
        parts_alone: document.parts_alone,
        complete_runs: document.found.complete,
        incomplete_runs: document.found.incomplete,
        removes: runs.iter().fold(Totals::default(), |mut sum, run| {
            sum.add(run.size);
            sum
        }),
        runs,
        inferred: document.found.inferred,
        kept: Vec::new(),
        protected,
        cache: CachePlan {
            mode: match cache.mode {
                ModeShape::Leave => CacheMode::Leave,
                ModeShape::Collect => CacheMode::Collect,
                ModeShape::Only => CacheMode::Only,
                ModeShape::Named => CacheMode::Named,
            },
            stale,
            delete,
            referenced: cache.referenced,
            in_grace: cache.in_grace,
            blocked: cache.blocked.iter().map(|b| (b.project.clone(), b.reason.clone().into())).collect(),
            dangling: cache.dangling.iter().map(|d| (d.project.clone(), d.links, d.examples.clone())).collect(),
            known_runs: known.collect(),
            not_asked: OrphanSum { entries: cache.not_asked.count, size: cache.not_asked.size() },
        },
        trash: document.trash_seconds.map(Age::seconds),
        frees: Size { size: document.frees.size_bytes, disk: document.frees.disk_bytes },
        runs_free: document.frees.runs.into(),
        budgets: document.budgets.iter().filter_map(|budget| budget.plan().ok()).collect(),
        notices: document.notices.iter().map(|n| Notice { key: n.key.clone(), line: n.line }).collect(),
        grace: Age::seconds(cache.grace_seconds),
        before: standing(catalog, Some(&keys))?,
        limit: None,
        file_id: Some(file.id.clone()),
        projects,
    })
}

/// Runs that were chosen one by one are those that go: of others the file says nothing.
fn narrowing<'r>(shape: &NarrowShape, runs: impl Iterator<Item = &'r RunRemoval>) -> Narrowing {
    let keys: HashSet<i64> = runs.map(|run| run.key).filter(|key| *key != NO_ROW).collect();
    let rows = || keys.clone();
    let statuses: Vec<Status> = shape.statuses.iter().filter_map(|word| Status::from_word(word)).collect();
    Narrowing {
        choice: match shape.choice {
            ChoiceShape::Policy => Choice::Policy,
            ChoiceShape::Named => Choice::Named(rows()),
            ChoiceShape::All => Choice::All,
        },
        statuses: Statuses::any_of(&statuses),
        incomplete: shape.incomplete,
        agreed: shape.agreed.then(rows),
    }
}

fn project_plan(shape: &ProjectShape, rows: &Rows<'_>) -> ProjectPlan {
    let dir = ProjectDir::new(shape.project.bytes().unwrap_or_default());
    let before = &shape.goes_before;
    let below = match &shape.goes_below {
        BelowShape::Any => Rank::HIGHEST,
        BelowShape::None => Rank::LOWEST,
        BelowShape::Run(name) => RunDir::parse(name.as_bytes()).map_or(Rank::LOWEST, |run| Rank {
            timestamp: run.timestamp(),
            number: run.number(),
            key: NO_ROW,
        }),
    };
    ProjectPlan {
        project: Project {
            id: rows.project(&dir),
            dir,
            name: shape.name.clone(),
            runs: shape.runs,
            run_size: shape.run_size.into(),
            cache_entries: shape.cache_entries,
            cache_size: shape.cache_size.into(),
            oldest_run: shape.oldest_run,
            listed_whole: shape.listed_whole,
        },
        policy: shape.rules.policy(),
        cutoffs: Cutoffs::of_instants(
            |class| match class {
                crate::model::Class::Ok => before.ok,
                crate::model::Class::Failed => before.failed,
                crate::model::Class::Unknown => before.unknown,
                crate::model::Class::InferredOk => before.inferred_ok,
                crate::model::Class::InferredFailed => before.inferred_failed,
            },
            below,
        ),
        lets_go: Totals { count: shape.lets_go.count, size: shape.lets_go.size() },
        over_budget: Totals::default(),
        kept_range: shape.stays,
    }
}

fn run_removal(
    shape: &RunShape,
    rows: &mut Rows<'_>,
    reasons: &mut HashMap<Vec<String>, Arc<[String]>>,
) -> Result<RunRemoval, Error> {
    let id = run_id(&shape.project, &shape.run).map_err(|_| Error::PreviewOnly)?;
    let shared = match reasons.get(&shape.reasons) {
        Some(shared) => Arc::clone(shared),
        None => {
            let shared: Arc<[String]> = shape.reasons.clone().into();
            reasons.insert(shape.reasons.clone(), Arc::clone(&shared));
            shared
        }
    };
    Ok(RunRemoval {
        key: rows.run(&id.project, &shape.run)?,
        project_key: rows.project(&id.project),
        id,
        size: Size { size: shape.size_bytes, disk: shape.disk_bytes },
        fingerprint: manifest(&shape.manifest).map(|manifest| Fingerprint { inode: shape.inode, manifest }),
        reasons: shared,
    })
}

fn entry_removal(shape: &EntryShape, rows: &mut Rows<'_>) -> Result<EntryRemoval, Error> {
    let project = ProjectDir::new(shape.project.bytes().unwrap_or_default());
    let path = shape.entry.bytes().unwrap_or_default();
    let (key, references) = rows.entry(&project, &path)?;
    let mut readers = Vec::with_capacity(shape.readers.len());
    for reader in &shape.readers {
        let dir = ProjectDir::new(reader.project.bytes().unwrap_or_default());
        readers.push(Reader { key: rows.run(&dir, &reader.run)?, project: dir, dir: reader.run.clone() });
    }
    Ok(EntryRemoval {
        entry: CacheEntry {
            key,
            project_key: rows.project(&project),
            project,
            path,
            size: Size { size: shape.size_bytes, disk: shape.disk_bytes },
            inode: shape.inode,
            written_at: shape.written_at,
            references,
        },
        readers,
    })
}
