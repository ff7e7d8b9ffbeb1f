//! `otto retention`

use super::args::TEMPLATE;
use super::exit::{Exit, Failure};
use super::rules::RuleArgs;
use super::ui::Ui;
use super::{Context, policy_file, select, when};
use clap::Args;
use otto_catalog::clean::{self, Plan, PlanError, Removals, Request};
use otto_catalog::model::Project;
use otto_catalog::report::{human, view};
use otto_catalog::retention::{Config, Policy, Rules};
use otto_catalog::session::Session;
use std::ffi::OsString;
use std::io::Write as _;

/// Show which rules hold for each project, what sets them, and what others would do
///
/// Without rules: those in force, each with the flag, the key of config.yml or the pattern that sets it. With rules: the
/// lines for config.yml that state them. With --simulate: both policies side by side. Nothing is removed.
#[derive(Args, Debug)]
#[command(help_template = TEMPLATE, before_help = "\
Examples:
  otto retention                                  the rules in force, and where each comes from
  otto retention --keep 30 --keep-last 50         the lines for config.yml
  otto retention --keep 7 --project web           those for one project
  otto retention --simulate --keep 0 --keep-daily 7   what would go, beside what goes now")]
pub(crate) struct RetentionArgs {
    #[command(flatten)]
    pub(crate) rules: RuleArgs,
    /// Only this project: directory name, hash, the beginning of a hash (4 or more), or name
    #[arg(long, value_name = "P")]
    pub(crate) project: Option<OsString>,
    /// Show what these rules would let go beside what the configured ones do
    #[arg(long)]
    pub(crate) simulate: bool,
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
}

pub(crate) fn run(context: &Context<'_>, ui: &mut Ui, args: &RetentionArgs) -> Result<Exit, Failure> {
    let flags = args.rules.rules();
    let states = flags != Rules::default();
    if args.simulate && !states {
        return Err(Failure::usage("--simulate compares the configured rules with others, and none were given")
            .hint("give some, as in `otto retention --simulate --keep 7`"));
    }
    context.with_session(ui, context.reading(), |session, ui| {
        let chosen = select::project_keys(&session.catalog, args.project.as_deref())?;
        if states && !args.simulate && !args.json {
            return lines(context, ui, chosen.as_deref(), &flags);
        }
        let configured = plan(context, session, chosen.as_deref(), Rules::default())?;
        let shown = if states { plan(context, session, chosen.as_deref(), flags.clone())? } else { configured.clone() };
        let config = policy_file::read(&context.settings.home)?;
        let default = Policy::resolve(&flags, None, config.default_rules());
        if args.json {
            let view = view::Retention::new(&default, &shown.projects);
            let view = if args.simulate { view.with_simulation(&configured, &shown) } else { view };
            ui.out.json(&view)?;
        } else if args.simulate {
            let look = ui.look;
            ui.out.text(|out| human::simulation(&configured, &shown, &look, out))?;
        } else {
            ui.out.text(|out| human::retention(&default, &shown.projects, out))?;
        }
        Ok(Exit::Done)
    })
}

/// What a clean with these rules would do.
fn plan(context: &Context<'_>, session: &Session, chosen: Option<&[Project]>, flags: Rules) -> Result<Plan, Failure> {
    let home = &context.settings.home;
    let request = Request {
        flags,
        config: policy_file::read(home)?,
        zone: when::zone(),
        space: super::budgets::space(session),
        projects: chosen.map(|projects| projects.iter().map(|project| project.id).collect()),
        removals: Removals::Listed,
        sums_alone: true,
        ..Request::default()
    };
    clean::plan(&session.catalog, &request, context.settings.clock.now).map_err(|error| match error {
        PlanError::Config(error) => policy_file::refused(&policy_file::path(home), error),
        other => other.into(),
    })
}

/// Prints the lines that state the rules. The file is the user's, with his comments and his order: he puts them in.
fn lines(context: &Context<'_>, ui: &mut Ui, chosen: Option<&[Project]>, flags: &Rules) -> Result<Exit, Failure> {
    let policy = Policy::resolve(flags, None, &Rules::default());
    let stated = policy.stated().into_iter().filter(|stated| stated.source != "built-in");
    let rules: Vec<String> = stated.map(|stated| format!("{}: {}", stated.rule.key(), stated.value)).collect();
    let mut text = String::from("retention:\n");
    match chosen {
        None => {
            text.push_str("  default:\n");
            rules.iter().for_each(|rule| text.push_str(&format!("    {rule}\n")));
        }
        Some(projects) => {
            text.push_str("  per_project:\n");
            for project in projects {
                text.push_str(&format!("    {:?}:\n", project.dir.lossy()));
                rules.iter().for_each(|rule| text.push_str(&format!("      {rule}\n")));
            }
        }
    }
    // What is printed must be read as it was meant.
    Config::parse(&text).map_err(|error| policy_file::refused(&policy_file::path(&context.settings.home), error))?;
    policy.validate(otto_catalog::retention::Selection::Narrowed).map_err(PlanError::from)?;
    write!(ui.out, "{text}")?;
    ui.say(&format!(
        "Nothing was written: your comments and your order stay yours. Put these lines into {}, below the keys that are \
         there already.",
        policy_file::path(&context.settings.home).display()
    ));
    Ok(Exit::Done)
}
