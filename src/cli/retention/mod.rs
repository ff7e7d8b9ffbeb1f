//! `otto retention`

mod write;

use super::args::TEMPLATE;
use super::budgets::BudgetArgs;
use super::exit::{Exit, Failure};
use super::output::{OutputArgs, QuietArgs, Wanted, rows_of};
use super::rules::RuleArgs;
use super::ui::Ui;
use super::{Context, budgets, policy_file, select, when};
use clap::Args;
use otto_catalog::clean::{self, CacheMode, Plan, PlanError, ProjectPlan, Removals, Request};
use otto_catalog::model::Project;
use otto_catalog::report::records::RULES_IN_FORCE;
use otto_catalog::report::{human, view};
use otto_catalog::retention::{Budgets, Config, Policy, Rules};
use otto_catalog::session::Session;
use std::ffi::OsString;

/// Show which rules hold for each project, what sets them, and what others would do
///
/// Without rules: those in force, each with the flag, the key of config.yml or the pattern that sets it. With rules or
/// budgets: they are written to config.yml, where comments and all other keys stay as they are; what cannot be written so is printed as
/// lines to put in. With --simulate: both policies side by side. Nothing is removed.
#[derive(Args, Debug)]
#[command(help_template = TEMPLATE, before_help = "\
Examples:
  otto retention                                  the rules in force
  otto retention --keep 30 --keep-last 50         write them to config.yml
  otto retention --keep 7 --project web           for one project
  otto retention --max-size 5G                    a budget of the whole store
  otto retention --keep 7 --dry-run               what would be written
  otto retention --simulate --keep 0 --keep-daily 7   what would go")]
pub(crate) struct RetentionArgs {
    #[command(flatten)]
    pub(crate) rules: RuleArgs,
    #[command(flatten)]
    pub(crate) budgets: BudgetArgs,
    /// Only this project: directory name, hash, the beginning of a hash (4 or more), or name
    #[arg(short, long, value_name = "P")]
    pub(crate) project: Option<OsString>,
    /// Show which runs these rules and budgets would let go beside those that the configured ones do. Parts of runs that
    /// stay and cache entries are not shown
    #[arg(long)]
    pub(crate) simulate: bool,
    /// Show which keys of config.yml would change, and write nothing
    #[arg(long, conflicts_with = "simulate")]
    pub(crate) dry_run: bool,
    #[command(flatten)]
    pub(crate) output: OutputArgs,
}

/// What flags state.
#[derive(Clone, Default, PartialEq)]
struct Flags {
    rules: Rules,
    budgets: Budgets,
}

pub(crate) fn run(context: &Context<'_>, ui: &mut Ui, args: &RetentionArgs) -> Result<Exit, Failure> {
    let flags = Flags { rules: args.rules.rules(), budgets: args.budgets.budgets() };
    let states = flags != Flags::default();
    if args.simulate && !states {
        return Err(Failure::usage("--simulate compares the configured rules with others, and none were given")
            .hint("give some, as in `otto retention --simulate --keep 7`"));
    }
    if args.dry_run && !states {
        return Err(Failure::usage("--dry-run shows what would be written, and no rules were given")
            .hint("`otto retention` alone shows the rules in force"));
    }
    let output = args.output.of(&RULES_IN_FORCE, QuietArgs::default())?;
    if states && matches!(output, Wanted::Rows(_)) {
        let unless = "`otto retention` alone lists the rules in force; beside rules there is --json";
        return Err(Failure::usage("--format and --fields are for what lists").hint(unless));
    }
    if states && !args.simulate {
        return write::run(context, ui, args, &flags);
    }
    context.with_session(ui, context.reading(), |session, ui| {
        let home = &context.settings.home;
        policy_file::tell_misnamed(ui, home);
        let chosen = select::project_keys(&session.catalog, args.project.as_deref())?;
        // Rules alone are shown without a look at any run.
        let most = if args.simulate { usize::MAX } else { 0 };
        let planned = |flags: Flags| plan(context, session, chosen.as_deref(), policy_file::read(home)?, flags, most);
        let configured = planned(Flags::default())?;
        let shown = if states { planned(flags.clone())? } else { configured.clone() };
        budgets::tell_unasked(ui, &shown.budgets);
        let config = policy_file::read(home)?;
        let default = Policy::resolve(&flags.rules, None, config.default_rules());
        let view = view::Retention::new(&default, &shown.projects, &config);
        let look = ui.look;
        match &output {
            Wanted::Document if args.simulate => ui.out.json(&view.with_simulation(&configured, &shown))?,
            Wanted::Document => ui.out.json(&view)?,
            Wanted::Text if args.simulate => {
                let labels = select::labels(&session.catalog)?;
                ui.out.text(|out| human::simulation(&configured, &shown, &labels, &look, out))?;
            }
            Wanted::Text => ui.out.text(|out| human::retention(&default, &shown.projects, &config, out))?,
            Wanted::Rows(rows) => return rows.write_all(ui, &rows_of(&view.rows(), "rules")?),
        }
        Ok(Exit::Done)
    })
}

/// What a clean with these rules would do. No more than `most` runs are looked at for the parts that go of them.
fn plan(
    context: &Context<'_>,
    session: &Session,
    chosen: Option<&[Project]>,
    config: Config,
    flags: Flags,
    most: usize,
) -> Result<Plan, Failure> {
    let request = budgets::informed(context, session, asked(chosen, config, flags), most)?;
    planned(context, session, &request)
}

/// Which rules hold in which project, by a configuration that every clean accepts. Neither runs nor the trash are looked at:
/// what such a plan says of runs may be wrong, and the lock may be held meanwhile.
fn accepted(
    context: &Context<'_>,
    session: &Session,
    chosen: Option<&[Project]>,
    config: Config,
) -> Result<Vec<ProjectPlan>, Failure> {
    let request = Request { removals: Removals::Counted, ..asked(chosen, config, Flags::default()) };
    planned(context, session, &request).map(|plan| plan.projects)
}

fn asked(chosen: Option<&[Project]>, config: Config, flags: Flags) -> Request {
    Request {
        flags: flags.rules,
        budgets: flags.budgets,
        // What the caches free makes room that no budget has to.
        cache: if config.cache() { CacheMode::Collect } else { CacheMode::Leave },
        config,
        zone: when::zone(),
        projects: chosen.map(|projects| projects.iter().map(|project| project.id).collect()),
        removals: Removals::Listed,
        sums_alone: true,
        ..Request::default()
    }
}

fn planned(context: &Context<'_>, session: &Session, request: &Request) -> Result<Plan, Failure> {
    clean::plan(&session.catalog, request, context.settings.clock.now).map_err(|error| match error {
        PlanError::Config(error) => policy_file::refused(&policy_file::path(&context.settings.home), error),
        other => other.into(),
    })
}
