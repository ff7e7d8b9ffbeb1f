//! Rules and budgets put into `config.yml`, or printed as the lines to put there, with the reason.

use super::super::exit::{Exit, Failure};
use super::super::ui::Ui;
use super::super::{Context, policy_file, select};
use super::{Flags, RetentionArgs, accepted};
use otto_catalog::clean::PlanError;
use otto_catalog::configure;
use otto_catalog::marks::Asked;
use otto_catalog::model::Project;
use otto_catalog::report::{human, printable, view};
use otto_catalog::retention::{
    Amendment, Config, EditError, KeyChange, MAX_CONFIG_BYTES, Policy, Rules, Selection, edit, lines as lines_of,
};
use otto_catalog::session::{Access, Session};
use otto_catalog::store::user_file::UserFile;
use std::io::Write as _;
use std::path::Path;

/// What becomes of the file.
struct Edited {
    text: String,
    changes: Vec<KeyChange>,
    /// What is worth knowing about the keys.
    remarks: Vec<String>,
}

/// Why it stays as it is.
enum Stop {
    /// The lines are for the user to put in.
    ByHand(anyhow::Error),
    Refused(Failure),
}

impl<E: Into<Failure>> From<E> for Stop {
    fn from(failure: E) -> Self {
        Self::Refused(failure.into())
    }
}

fn by_hand(error: impl Into<anyhow::Error>) -> Stop {
    Stop::ByHand(error.into())
}

pub(super) fn run(context: &Context<'_>, ui: &mut Ui, args: &RetentionArgs, flags: &Flags) -> Result<Exit, Failure> {
    if args.project.is_some() && !flags.budgets.is_none() {
        return Err(Failure::usage("a budget holds for the whole store, and --project names a part of it")
            .hint("write it without --project; rules for a project are written by a command of their own"));
    }
    let stated = Policy::resolve(&flags.rules, None, &Rules::default());
    stated.validate(Selection::Narrowed).map_err(PlanError::from)?;
    let access = if args.dry_run { context.reading() } else { Access::Mark };
    context.with_session(ui, access, |session, ui| {
        // A policy under another name would be passed over for good once there is a config.yml.
        policy_file::read(&context.settings.home)?;
        policy_file::tell_misnamed(ui, &context.settings.home);
        let path = policy_file::path(&context.settings.home);
        let chosen = select::project_keys(&session.catalog, args.project.as_deref())?;
        let done = UserFile::read(&path, MAX_CONFIG_BYTES as u64).map_err(by_hand).and_then(|file| {
            let edited = edited(context, session, file.bytes(), chosen.as_deref(), flags)?;
            let writes = !args.dry_run && !edited.changes.is_empty();
            let mut afterwards = Vec::new();
            if writes {
                let command = context.command_line();
                let asked = Asked { command: &command, who: &context.environment.who };
                let change = (edited.text.as_str(), edited.changes.as_slice());
                afterwards =
                    configure::write(session, &context.settings, &asked, file, change).map_err(|e| match e {
                        configure::Error::Log(error) => Stop::Refused(error.into()),
                        other => by_hand(other),
                    })?;
            }
            Ok((edited, writes, afterwards))
        });
        let (edited, writes, afterwards) = match done {
            Ok(done) => done,
            Err(Stop::Refused(failure)) => return Err(failure),
            Err(Stop::ByHand(error)) => return told(context, session, ui, args, chosen.as_deref(), flags, error),
        };
        session.unlock();
        if args.output.is_json() {
            let view = effective(context, session, chosen.as_deref(), &edited.text)?;
            ui.out.json(&view.with_changes(&path, &edited.changes, writes))?;
        } else {
            ui.out.text(|out| human::changes(&edited.changes, out))?;
        }
        // On a terminal what is said of them comes after them.
        ui.out.flush()?;
        afterwards.iter().for_each(|what| ui.warning(&format!("the policy was changed, but {what}")));
        edited.remarks.iter().for_each(|remark| ui.say(remark));
        let shown = path.display();
        match (edited.changes.is_empty(), args.dry_run) {
            (true, _) => ui.say(&format!("nothing to change: {shown} states this already")),
            (false, true) => ui.say(&format!("nothing was written; without --dry-run these keys change in {shown}")),
            (false, false) => ui.say(&format!("written to {shown}; nothing was removed")),
        }
        Ok(Exit::Done)
    })
}

/// The text with the rules in it, which a clean accepts.
fn edited(
    context: &Context<'_>,
    session: &Session,
    bytes: &[u8],
    chosen: Option<&[Project]>,
    flags: &Flags,
) -> Result<Edited, Stop> {
    let path = policy_file::path(&context.settings.home);
    let text =
        std::str::from_utf8(bytes).map_err(|error| policy_file::unreadable(&path, std::io::Error::other(error)))?;
    let refused = |error| Stop::Refused(policy_file::refused(&path, error));
    let mut all = Edited { text: text.to_owned(), changes: Vec::new(), remarks: Vec::new() };
    let config = Config::parse(text).map_err(refused)?;
    let (amendments, remarks) = amendments(context, session, &config, chosen, flags)?;
    all.remarks = remarks;
    for amendment in &amendments {
        let done = edit(&all.text, amendment).map_err(|error| match error {
            EditError::Config(error) => refused(error),
            other => by_hand(other),
        })?;
        all.text = done.text;
        all.changes.extend(done.changes);
    }
    // What no clean would accept is not written.
    let config = Config::parse(&all.text).map_err(refused)?;
    match accepted(context, session, None, config) {
        Err(failure) if failure.is_of_policy() => {
            let text = format!("nothing was written to `{}`: no clean would accept these rules there", path.display());
            Err(Stop::Refused(failure.context(text)))
        }
        planned => planned.map(|_| all).map_err(Stop::Refused),
    }
}

/// What is put into the file, and what is worth knowing about its keys.
fn amendments(
    context: &Context<'_>,
    session: &Session,
    config: &Config,
    chosen: Option<&[Project]>,
    flags: &Flags,
) -> Result<(Vec<Amendment>, Vec<String>), Failure> {
    let (mut amendments, mut remarks) = (Vec::new(), Vec::new());
    match chosen {
        _ if flags.rules == Rules::default() => {}
        None => amendments.push(Amendment::Default(flags.rules.clone())),
        Some(projects) => {
            let known = session.catalog.projects()?;
            for project in projects {
                let path = policy_file::path(&context.settings.home);
                let (key, rules, remark) = target(config, project, &known, &flags.rules)
                    .map_err(|error| policy_file::refused(&path, error))?;
                amendments.push(Amendment::Project(key, rules));
                remarks.extend(remark);
            }
        }
    }
    if !flags.budgets.is_none() {
        amendments.push(Amendment::Budgets(flags.budgets));
    }
    Ok((amendments, remarks))
}

/// The key under which the rules of a project stand, or are to stand, and the rules for it. A key of its own takes the
/// place of the pattern or the shared name that held for the project: what those state goes along.
fn target(
    config: &Config,
    project: &Project,
    known: &[Project],
    flags: &Rules,
) -> Result<(String, Rules, Option<String>), otto_catalog::retention::ConfigError> {
    let dir = project.dir.lossy();
    let shared = known.iter().filter(|other| other.name == project.name).count() > 1;
    Ok(match config.project_rules(&project.dir, &project.name)? {
        None => (dir, flags.clone(), None),
        Some((key, _)) if key == dir || key == project.dir.hash() || (key == project.name && !shared) => {
            (key.to_owned(), flags.clone(), None)
        }
        Some((key, rules)) => {
            let remark = format!(
                "`{}` held for {} until now: what it states is repeated, since a key of its own takes its place",
                printable(key),
                printable(&dir)
            );
            (dir, flags.over(rules), Some(remark))
        }
    })
}

/// Prints the lines that state the rules, for the user to put in, and says why they were not written.
fn told(
    context: &Context<'_>,
    session: &Session,
    ui: &mut Ui,
    args: &RetentionArgs,
    chosen: Option<&[Project]>,
    flags: &Flags,
    error: anyhow::Error,
) -> Result<Exit, Failure> {
    let path = policy_file::path(&context.settings.home);
    let config = policy_file::read(&context.settings.home)?;
    let (amendments, _) = amendments(context, session, &config, chosen, flags)?;
    // What is printed was read as it is meant.
    let text = lines_of(&amendments).map_err(|error| match error {
        EditError::Config(error) => policy_file::refused(&path, error),
        other => Failure::new(Exit::CouldNot, other.into()),
    })?;
    if args.output.is_json() {
        let policy = Policy::resolve(&Rules::default(), None, config.default_rules());
        let projects = accepted(context, session, chosen, config.clone())?;
        let view = view::Retention::new(&policy, &projects, &config);
        ui.out.json(&view.with_lines(&path, &text, &format!("{error:#}")))?;
    } else {
        write!(ui.out, "{text}")?;
    }
    let text = format!("nothing was written to `{}`", path.display());
    Err(Failure::new(Exit::CouldNot, error.context(text))
        .hint("put the lines above into the file, below the keys that are there already"))
}

/// The rules in force by this text.
fn effective(
    context: &Context<'_>,
    session: &Session,
    chosen: Option<&[Project]>,
    text: &str,
) -> Result<view::Retention, Failure> {
    let refused = |error| policy_file::refused(Path::new(&policy_file::path(&context.settings.home)), error);
    let config = Config::parse(text).map_err(refused)?;
    let policy = Policy::resolve(&Rules::default(), None, config.default_rules());
    let projects = accepted(context, session, chosen, config.clone())?;
    Ok(view::Retention::new(&policy, &projects, &config))
}
