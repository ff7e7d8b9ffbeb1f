//! `otto usage`

mod page;

use super::args::TEMPLATE;
use super::exit::{Exit, Failure};
use super::output::{OutputArgs, QuietArgs, Wanted, rows_of};
use super::ui::Ui;
use super::{Context, budgets, policy_file, select, when};
use clap::Args;
use otto_catalog::catalog::Catalog;
use otto_catalog::clean::trash::{self, Lying};
use otto_catalog::clean::{self, CacheMode, Removals, Request, Totals};
use otto_catalog::model::{Age, Project, ProjectDir, Size};
use otto_catalog::report::records::PROJECTS;
use otto_catalog::report::{Recommendation, RecommendationKind, TrashFigures, Usage, human, view};
use otto_catalog::retention::Rules;
use otto_catalog::session::{Error, Session, Settings};
use otto_catalog::store::measure;
use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

/// The largest runs that are named.
const LARGEST: u64 = 10;
/// The age that a recommendation is about, the policy of who has none.
const OLD_DAYS: u64 = 30;

/// Runs of which parts may go are looked at for their parts up to this number: about a second of work.
const LOOKED_AT: usize = 2000;

/// From here on what the trash holds is worth a word, whatever the rest takes: a gibibyte.
const MUCH: u64 = 1 << 30;

/// Show what takes the room, and what would free some
#[derive(Args, Debug)]
#[command(help_template = TEMPLATE, before_help = "\
Examples:
  otto usage                             the whole store, as du counts it
  otto usage --project web               one project, in every figure
  otto usage --json | jq .total.disk_bytes
  otto usage --html usage.html           a treemap, to be opened in a browser
  otto usage --format csv                the projects, for a spreadsheet")]
pub(crate) struct UsageArgs {
    /// Of this project: directory name, hash, the beginning of a hash (4 or more), or name
    #[arg(short, long, value_name = "P")]
    pub(crate) project: Option<OsString>,
    /// Write one page with a treemap of projects, runs and caches, to be opened in a browser; it needs no network
    #[arg(long, value_name = "FILE", conflicts_with_all = ["json", "format", "fields"], help_heading = "Output")]
    pub(crate) html: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) output: OutputArgs,
}

pub(crate) fn run(context: &Context<'_>, ui: &mut Ui, args: &UsageArgs) -> Result<Exit, Failure> {
    let output = args.output.of(&PROJECTS, QuietArgs::default())?;
    context.with_session(ui, context.reading(), |session, ui| {
        let chosen = select::project_keys(&session.catalog, args.project.as_deref())?;
        let (usage, exit) = gather(context, ui, session, chosen.as_deref(), args)?;
        if let Some(path) = &args.html {
            return page::write(context, ui, session, &usage, path).map(|_| exit);
        }
        let (look, now) = (ui.look, context.settings.clock.now);
        match &output {
            Wanted::Document => ui.out.json(&view::Usage::new(&usage, now))?,
            Wanted::Text => {
                let project = args.project.as_ref().map(|word| word.to_string_lossy());
                let labels = select::labels(&session.catalog)?;
                ui.out.text(|out| human::usage(&usage, project.as_deref(), &labels, &look, out))?;
            }
            Wanted::Rows(rows) => {
                rows.write_all(ui, &rows_of(&view::Usage::new(&usage, now), "projects")?)?;
            }
        }
        Ok(exit)
    })
}

/// What is told, and whether it is all of it: a trash that cannot be read takes nothing from what is known of the rest.
fn gather(
    context: &Context<'_>,
    ui: &Ui,
    session: &Session,
    chosen: Option<&[Project]>,
    args: &UsageArgs,
) -> Result<(Usage, Exit), Failure> {
    let catalog = &session.catalog;
    let home = session.root.as_ref().map_or(&*context.settings.home, |root| root.path());
    let projects = match chosen {
        Some(chosen) => chosen.to_vec(),
        None => catalog.projects()?,
    };
    let mut cache = Totals::default();
    let mut orphaned = Totals::default();
    for project in &projects {
        cache.count += project.cache_entries;
        cache.size += project.cache_size;
        for entry in clean::orphaned(catalog, project.id)? {
            orphaned.add(entry.size);
        }
    }
    let keys: Option<Vec<i64>> = chosen.map(|chosen| chosen.iter().map(|p| p.id).collect());
    let other = other(session, home, keys.as_deref())?;
    let in_store = session.root.is_some();
    let total = clean::standing(catalog, keys.as_deref())?.size + other;
    let mut recommendations = recommendations(context, ui, session, home, keys.as_ref(), args)?;
    let (mut trash, mut exit) = (TrashFigures::default(), Exit::Done);
    if in_store && chosen.is_none() {
        match in_trash(session, &context.settings) {
            Ok(figures) => {
                trash = figures;
                recommendations.extend(empty_trash(context, session, total)?);
            }
            Err(error @ Error::Io { .. }) => {
                ui.warning(&format!("the trash is not counted: {}", Failure::from(error).text()));
                exit = Exit::Partly;
            }
            Err(error) => return Err(error.into()),
        }
    }
    let usage = Usage {
        home: home.to_owned(),
        total,
        cache,
        orphaned,
        months: catalog.months(keys.as_deref())?,
        largest: largest(catalog, keys.as_deref())?,
        other,
        trash,
        recommendations,
        projects,
    };
    Ok((usage, exit))
}

/// What is neither run nor cache entry: directories, strangers, the runner's database.
fn other(session: &Session, home: &Path, keys: Option<&[i64]>) -> Result<Size, Failure> {
    let catalog = &session.catalog;
    let place = |(project, name): (Option<ProjectDir>, Vec<u8>)| -> PathBuf {
        let above = match project.filter(|project| !project.is_root()) {
            Some(project) => home.join(OsStr::from_bytes(project.as_bytes())),
            None => home.to_owned(),
        };
        above.join(OsStr::from_bytes(&name))
    };
    let scopes: Vec<Option<i64>> = match keys {
        None => vec![None],
        Some(keys) => keys.iter().copied().map(Some).collect(),
    };
    let mut strangers = Vec::new();
    let mut size = Size::ZERO;
    for scope in scopes {
        strangers.extend(catalog.others(scope)?.into_iter().map(place));
        let (own, rest) = catalog.rest(scope)?;
        size += own + rest;
    }
    if keys.is_none() && session.root.is_some() {
        size.disk += catalog.store_state()?.own_disk;
    }
    Ok(size + measure::trees(strangers))
}

fn largest(catalog: &Catalog, keys: Option<&[i64]>) -> Result<Vec<otto_catalog::model::Run>, Failure> {
    let Some(keys) = keys else { return Ok(catalog.largest_runs(None, LARGEST)?) };
    let mut runs = Vec::new();
    for key in keys {
        runs.extend(catalog.largest_runs(Some(*key), LARGEST)?);
    }
    runs.sort_by_key(|run| std::cmp::Reverse((run.size.disk, run.timestamp(), run.dir().number())));
    runs.truncate(LARGEST as usize);
    Ok(runs)
}

/// What lies in the trash: waiting to be restored, left by a crash, or out of sight and still being unlinked.
fn in_trash(session: &Session, settings: &Settings<'_>) -> Result<TrashFigures, Error> {
    let contents = trash::contents(session, settings)?;
    let items = contents.operations.iter().flat_map(|operation| &operation.items);
    Ok(TrashFigures {
        operations: contents.operations.len() as u64,
        runs: items.filter(|item| matches!(item.lying, Lying::Run { .. })).count() as u64,
        size: contents.size,
    })
}

/// What emptying the trash would free, if that is worth a word.
fn empty_trash(context: &Context<'_>, session: &Session, total: Size) -> Result<Option<Recommendation>, Failure> {
    let plan = trash::plan_empty(session, &context.settings, None)?;
    let is_much = plan.frees.disk >= MUCH.min(total.disk / 10);
    Ok((is_much && !plan.is_empty()).then(|| Recommendation {
        kind: RecommendationKind::Trash,
        command: context.command("trash empty"),
        runs: plan.runs(),
        over_budget: 0,
        thinned: 0,
        not_looked_at: 0,
        cache_entries: plan.entries(),
        frees: plan.frees,
        into_trash: None,
    }))
}

/// Commands that free room, with the figures of their own plans: what they promise is what they do.
fn recommendations(
    context: &Context<'_>,
    ui: &Ui,
    session: &Session,
    home: &Path,
    keys: Option<&Vec<i64>>,
    args: &UsageArgs,
) -> Result<Vec<Recommendation>, Failure> {
    // A command that is copied has to mean the same project, and the same store.
    let of = args
        .project
        .as_ref()
        .map_or_else(String::new, |project| format!(" --project {}", super::clean::quoted(&project.to_string_lossy())));
    let keep = Rules { keep: Some(Age::days(OLD_DAYS)), ..Rules::default() };
    let kinds = [
        (RecommendationKind::OldRuns, keep, CacheMode::Leave, context.command(&format!("clean --keep {OLD_DAYS}{of}"))),
        (
            RecommendationKind::OrphanedCache,
            Rules::default(),
            CacheMode::Only,
            context.command(&format!("clean --cache-only{of}")),
        ),
    ];
    policy_file::tell_misnamed(ui, home);
    let mut found = Vec::new();
    for (kind, flags, cache, command) in kinds {
        let plan = policy_file::read(home).and_then(|config| {
            // What the configuration adds to a clean without flags for the cache belongs to what the command does.
            let cache = if config.cache() && cache == CacheMode::Leave { CacheMode::Collect } else { cache };
            // Parts of runs go beside the runs, where they are not among those that go.
            let thins = session.root.is_some() && config.drops_parts(&flags) && cache != CacheMode::Only;
            let removals = if thins { Removals::Listed } else { Removals::Counted };
            let (projects, trash) = (keys.cloned(), config.trash());
            let zone = when::zone();
            let request = Request {
                flags,
                zone,
                config,
                projects,
                cache,
                removals,
                trash,
                sums_alone: true,
                ..Request::default()
            };
            let request = budgets::informed(context, session, request, LOOKED_AT)?;
            let plan = clean::plan(&session.catalog, &request, context.settings.clock.now)?;
            budgets::tell_unasked(ui, &plan.budgets);
            Ok(match thins {
                true => clean::with_few_parts(session, &context.settings, plan, &request, LOOKED_AT)?,
                false => (plan, 0),
            })
        });
        match plan {
            Ok((plan, 0)) if plan.is_empty() => {}
            Ok((plan, not_looked_at)) => found.push(Recommendation {
                kind,
                command,
                runs: plan.removes.count,
                over_budget: plan.budgets.iter().map(|budget| budget.takes.count).sum(),
                thinned: plan.thin.len() as u64,
                not_looked_at,
                cache_entries: plan.cache.delete.len() as u64,
                frees: if plan.trash.is_some() { Size::ZERO } else { plan.frees },
                into_trash: plan.trash.map(|_| plan.frees),
            }),
            Err(failure) if failure.is_damage() => return Err(failure),
            Err(failure) => {
                ui.warning(&format!("nothing is recommended: {}", failure.text()));
                return Ok(Vec::new());
            }
        }
    }
    Ok(found)
}
