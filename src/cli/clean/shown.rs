//! A plan with what its text needs: made from the arguments, shown for people or as JSON.

use super::args::CleanArgs;
use super::choice::Chosen;
use super::{command_line, refusal};
use crate::cli::exit::{Exit, Failure};
use crate::cli::ui::Ui;
use crate::cli::{Context, budgets, policy_file, select, when};
use otto_catalog::clean::plan_file::PlanFile;
use otto_catalog::clean::{self, CacheMode, Choice, NO_ROW, Plan, PlanError, Removals, Request, Skipped};
use otto_catalog::model::Age;
use otto_catalog::report::{Look, human, view};
use otto_catalog::retention::{Config, Policy, PolicyError, Room, Rule};
use otto_catalog::session::Session;
use std::collections::HashMap;
use std::io::Write as _;

/// A plan with what its text needs.
pub(super) struct Shown {
    pub(super) plan: Plan,
    pub(super) default: Policy,
    pub(super) policy: String,
    /// Rows of the projects that it is about; `None` is all.
    pub(super) keys: Option<Vec<i64>>,
    /// Rows of the cache entries that were named.
    pub(super) entries: Vec<i64>,
    /// What an execution would skip now; only of a plan file.
    pub(super) skips: Option<Vec<Skipped>>,
}

/// What a policy that keeps nothing may do all the same.
const NARROW_IT: &str = "nothing was deleted; let one rule keep something, or say which runs are meant: --project, --status, \
                         --incomplete, --run, --all";

/// What one in `config.yml` may not: there, a zero is no more meant where less is asked about.
const SAY_IT: &str = "nothing was deleted; let one rule keep something in config.yml, or, for one project, say the zero as a \
                      flag: --project P --keep 0";

impl Shown {
    pub(super) fn new(
        context: &Context<'_>,
        session: &Session,
        args: &CleanArgs,
        chosen: Chosen,
    ) -> Result<Self, Failure> {
        let home = &context.settings.home;
        let config = policy_file::read(home).map_err(Failure::nothing_deleted)?;
        let flags = args.rules.rules();
        let default = Policy::resolve(&flags, None, config.default_rules());
        let details = args.json || args.explain || context.global.verbose;
        let named = matches!(chosen.narrow.choice, Choice::Named(_));
        let thins = !args.only.is_empty() || config.drops_parts(&flags);
        let removals = match (args.dry_run && args.plan_out.is_none(), details || named) {
            _ if thins => Removals::Executable,
            (false, _) => Removals::Executable,
            (true, true) => Removals::Listed,
            (true, false) => Removals::Counted,
        };
        let request = Request {
            flags,
            zone: when::zone(),
            budgets: args.budgets.budgets(),
            room: Room::default(),
            parts: None,
            cache: if args.only.is_empty() { cache_mode(args, &config) } else { CacheMode::Leave },
            only: args.only.clone(),
            trash: trash(args, &config),
            config,
            projects: chosen.projects,
            narrow: chosen.narrow,
            entries: chosen.entries,
            cache_grace: args.cache_grace,
            stale: args.stale,
            details,
            removals,
            max_delete: args.max_delete,
            sums_alone: false,
        };
        let request = budgets::informed(context, session, request, usize::MAX)?;
        let plan =
            clean::plan(&session.catalog, &request, context.settings.clock.now).map_err(|error| match error {
                PlanError::Config(error) => policy_file::refused(&policy_file::path(home), error).nothing_deleted(),
                PlanError::RunsStay(runs) => refusal::runs_stay(&session.catalog, &runs),
                PlanError::EntriesStay(entries) => refusal::entries_stay(context, &entries),
                PlanError::Policy(error @ PolicyError::KeepsNothing { .. }) => {
                    let by_flag =
                        matches!(&error, PolicyError::KeepsNothing { keep, .. } if *keep == Rule::Keep.flag());
                    let hint = if by_flag { NARROW_IT } else { SAY_IT };
                    Failure::new(Exit::Usage, error.into()).hint(hint)
                }
                refused @ PlanError::Policy(_) => Failure::from(refused).nothing_deleted(),
                other => other.into(),
            })?;
        let plan = clean::with_parts(session, &context.settings, plan, &request)?;
        let policy = human::policy_text(&plan, &default);
        Ok(Self { plan, default, policy, keys: request.projects, entries: request.entries, skips: None })
    }

    /// The plan of a file, with the rows that it has in this store.
    pub(super) fn of_file(
        context: &Context<'_>,
        session: &Session,
        args: &CleanArgs,
        file: &PlanFile,
    ) -> Result<Self, Failure> {
        let mut plan = file.plan(&session.catalog)?;
        plan.limit = clean::limit(args.max_delete, &policy_file::read(&context.settings.home)?);
        let keys = plan.projects.iter().map(|planned| planned.project.id).filter(|key| *key != NO_ROW).collect();
        let default = file.default_policy().clone();
        let policy = file.policy().to_owned();
        Ok(Self { plan, default, policy, keys: Some(keys), entries: Vec::new(), skips: None })
    }

    pub(super) fn json(&self, dry_run: bool) -> view::Clean {
        let view = view::Clean::new(&self.plan, &self.policy, dry_run);
        match &self.skips {
            Some(skips) => view.with_rehearsal(skips),
            None => view,
        }
    }

    pub(super) fn print(
        &self,
        context: &Context<'_>,
        ui: &mut Ui,
        session: &Session,
        args: &CleanArgs,
    ) -> Result<(), Failure> {
        if args.json {
            return Ok(ui.out.json(&self.json(args.dry_run || args.plan_out.is_some()))?);
        }
        let mut parts = HashMap::new();
        if context.global.verbose {
            for removal in &self.plan.runs {
                if let Some(run) = session.catalog.run(removal.key)? {
                    parts.insert(removal.key, human::parts(&run));
                }
            }
        }
        let home = session.root.as_ref().map_or(&*context.settings.home, |root| root.path());
        let labels = select::labels(&session.catalog)?;
        let plan_context =
            human::PlanContext { home, default: &self.default, labels: &labels, parts: &parts, explain: args.explain };
        let look = ui.look;
        ui.out.text(|out| human::plan(&self.plan, &plan_context, &look, out))?;
        if let Some(skips) = &self.skips {
            ui.out.text(|out| human::rehearsal(&self.plan, skips, &look, out))?;
        }
        if args.dry_run { self.print_stale_advice(context, ui) } else { Ok(()) }
    }

    pub(super) fn stale_advice(&self, context: &Context<'_>, look: &Look) -> Result<String, Failure> {
        // A plan file is done as it is, without a flag more.
        if self.plan.file_id.is_some() {
            return Ok(String::new());
        }
        let command = command_line(&context.typed, |word| word != "--dry-run", &["--stale"]);
        let mut text = String::new();
        human::stale_advice(&self.plan, &command, look, &mut text)?;
        Ok(text)
    }

    pub(super) fn print_stale_advice(&self, context: &Context<'_>, ui: &mut Ui) -> Result<(), Failure> {
        let text = self.stale_advice(context, &ui.look)?;
        Ok(write!(ui.out, "{text}")?)
    }
}

/// For how long what goes is kept, if it is.
fn trash(args: &CleanArgs, config: &Config) -> Option<Age> {
    match (args.permanent, args.trash) {
        (true, _) => None,
        (false, true) => Some(config.trash().unwrap_or(Request::TRASH)),
        (false, false) => config.trash(),
    }
}

/// What the flags say about caches; where they say nothing, the configuration.
fn cache_mode(args: &CleanArgs, config: &Config) -> CacheMode {
    if !args.choice.entry.is_empty() {
        return CacheMode::Named;
    }
    match (args.cache_only, args.cache || config.cache()) {
        (true, _) => CacheMode::Only,
        (false, true) => CacheMode::Collect,
        (false, false) => CacheMode::Leave,
    }
}
