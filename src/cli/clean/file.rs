//! Plan files on the command line: reading the one to apply, writing the one that was asked for.

use super::quoted;
use super::shown::Shown;
use crate::cli::Context;
use crate::cli::exit::{Exit, Failure, outside_hint};
use crate::cli::ui::Ui;
use otto_catalog::clean::plan_file::{self, Maker, PlanFile, PlanFileError};
use otto_catalog::report::{printable, times};
use otto_catalog::session::{Error, Session};
use otto_catalog::store::outside::{self, OutsideError};
use std::io::Write as _;
use std::path::Path;

/// The program as a plan names it.
const PROGRAM: &str = concat!("otto ", env!("CARGO_PKG_VERSION"));

/// Reads the plan that is to be applied.
pub(super) fn load(path: &Path) -> Result<PlanFile, Failure> {
    plan_file::load(path).map_err(|error| refused(path, error))
}

/// Writes the plan as a file, and says how to apply it.
pub(super) fn save(context: &Context<'_>, session: &Session, shown: &mut Shown, path: &Path) -> Result<(), Failure> {
    if path == Path::new("-") {
        return Err(Failure::usage("--plan-out takes the name of a file, not `-`")
            .hint("name a file; --json prints the plan, but not in a form that can be applied"));
    }
    let settings = &context.settings;
    if let Some(root) = &session.root {
        outside::may_lie(root, path).map_err(|error| unwritten(path, error.into()))?;
    }
    // A plan that nobody could apply, or that was judged by a clock that lies, is none.
    if !session.catalog.is_on_disk() {
        return Err(Error::NoCatalog("the catalog is in memory, and a plan of it would fit no other".to_owned()).into());
    }
    session.check_clock(settings)?;
    shown.plan.check_limit()?;
    session.store_id(settings)?;
    let home = session.root.as_ref().map_or(&*settings.home, |root| root.path());
    let command = super::command_line(&context.typed, |_| true, &[]);
    let maker = Maker {
        at: settings.clock.wall(),
        who: &context.environment.who,
        command: &command,
        program: PROGRAM,
        home,
        policy: &shown.policy,
        default: &shown.default,
    };
    let encoded = plan_file::encode(&shown.plan, &maker).map_err(|error| unwritten(path, error))?;
    plan_file::save(&settings.hook, path, &encoded).map_err(|error| unwritten(path, error))?;
    shown.plan.file_id = Some(encoded.id);
    Ok(())
}

/// Says where the plan is, and the command that does what it says.
pub(super) fn told(context: &Context<'_>, ui: &mut Ui, shown: &Shown, path: &Path) -> Result<(), Failure> {
    let id = shown.plan.file_id.as_deref().unwrap_or_default();
    let mut what = vec![times(shown.plan.removes.count, "run")];
    if shown.plan.parts_alone {
        what.clear();
    }
    if shown.plan.parts_alone || !shown.plan.thin.is_empty() {
        what.push(format!("parts of {}", times(shown.plan.thin.len() as u64, "run")));
    }
    what.push(times(
        shown.plan.cache.delete.len() as u64,
        if shown.plan.parts_alone { "stray file" } else { "cache entry" },
    ));
    let (name, what) = (printable(&path.to_string_lossy()).into_owned(), what.join(", "));
    writeln!(ui.out, "Nothing was deleted. The plan {id} is in `{name}`: {what}.")?;
    writeln!(ui.out, "To do it: {}", apply_command(context, path))?;
    Ok(())
}

/// The command that applies a plan to the same store.
fn apply_command(context: &Context<'_>, path: &Path) -> String {
    let mut words = vec!["otto".to_owned()];
    let catalog = context.global.catalog.as_ref().map(|path| path.as_os_str());
    for (flag, value) in [("--home", context.stated_home()), ("--catalog", catalog)] {
        if let Some(value) = value {
            words.extend([flag.to_owned(), quoted(&value.to_string_lossy())]);
        }
    }
    words.extend(["clean".to_owned(), "--apply".to_owned(), quoted(&path.to_string_lossy())]);
    words.join(" ")
}

fn refused(path: &Path, error: PlanFileError) -> Failure {
    let hint = match &error {
        PlanFileError::Io(_) => None,
        PlanFileError::OtherSchema { .. } => Some("apply it with the otto that wrote it, or make it anew"),
        _ => Some("nothing was touched; make it anew: otto clean ... --plan-out FILE"),
    };
    let (exit, verb) = match &error {
        PlanFileError::Io(_) => (Exit::CouldNot, "cannot be read"),
        _ => (Exit::Refused, "is refused"),
    };
    let text = format!("the plan file `{}` {verb}", path.display());
    let failure = match error {
        PlanFileError::Io(source) => Failure::new(exit, anyhow::Error::new(source).context(text)),
        error => Failure::new(exit, anyhow::Error::new(error).context(text)),
    };
    match hint {
        Some(hint) => failure.hint(hint),
        None => failure,
    }
}

/// Where nothing else helps to know.
const NOTHING: &str = "nothing was written and nothing was deleted";

fn unwritten(path: &Path, error: PlanFileError) -> Failure {
    let (exit, hint) = match &error {
        PlanFileError::Place(OutsideError::NoName(_)) => (Exit::Usage, "name a file"),
        PlanFileError::Place(OutsideError::Taken { .. }) => (Exit::Refused, "name another file, or move that one away"),
        PlanFileError::Place(error) => (Exit::CouldNot, outside_hint(error, false).unwrap_or(NOTHING)),
        PlanFileError::TooLarge { .. } => (Exit::Refused, "plan a part of it, with --project"),
        _ => (Exit::CouldNot, NOTHING),
    };
    let text = format!("the plan was not written to `{}`", path.display());
    Failure::new(exit, anyhow::Error::new(error).context(text)).hint(hint)
}
