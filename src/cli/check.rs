//! `otto check`

use super::Context;
use super::args::TEMPLATE;
use super::clean::command_line;
use super::exit::{Exit, Failure};
use super::interrupted::Interrupted;
use super::output::{OutputArgs, QuietArgs, Wanted, rows_of};
use super::ui::Ui;
use clap::Args;
use otto_catalog::check::{self, Report};
use otto_catalog::clean::Execution;
use otto_catalog::report::records::FINDINGS;
use otto_catalog::report::{human, times, view};
use std::io::Write as _;

/// Hold the store against the catalog, the audit log, the runner's database and the trash
///
/// Walks every run again and reads every cached script. Without --fix, nothing is changed: not a byte in the store, nor in
/// its .catalog. With it, what is certain is mended, and everything is checked once more. No run, no cache entry and no
/// line of the audit log is ever removed by it, but for what a clean had decided about before it died.
///
/// Exit code: 0 if nothing was found that is more than worth knowing, 3 if something is left.
#[derive(Args, Debug)]
#[command(help_template = TEMPLATE, before_help = "\
Examples:
  otto check             what does not fit together
  otto check --fix       and mend what can be mended for certain
  otto check --json | jq '.findings[] | select(.severity != \"info\")'")]
pub(crate) struct CheckArgs {
    /// Mend what is certain, and check again
    #[arg(long)]
    pub(crate) fix: bool,
    #[command(flatten)]
    pub(crate) output: OutputArgs,
}

pub(crate) fn run(context: &Context<'_>, ui: &mut Ui, args: &CheckArgs) -> Result<Exit, Failure> {
    let output = args.output.of(&FINDINGS, QuietArgs::default())?;
    let as_text = matches!(output, Wanted::Text);
    let settings = &context.settings;
    let now = settings.clock.now;
    let found = check::check(settings)?;
    if !args.fix {
        if as_text {
            tell(ui, &found)?;
            advise(context, ui, &found)?;
        } else {
            print(ui, &output, &view::Check::new(&found, None, now))?;
        }
        return Ok(exit_of(&found));
    }
    if as_text {
        tell(ui, &found)?;
    }
    let interrupted = Interrupted::new();
    let execution = Execution {
        command: &command_line(&context.typed, |_| true, &[]),
        who: &context.environment.who,
        policy: "",
        interrupted: &|| interrupted.is_set(),
    };
    let fixed = check::fix(settings, &found, &execution)?;
    interrupted.heed()?;
    if fixed.is_empty() && as_text {
        let left = if found.is_sound() { "Nothing to mend." } else { "Nothing that can be mended for certain." };
        writeln!(ui.out, "{left}")?;
        return Ok(exit_of(&found));
    }
    let left = check::check(settings)?;
    if !as_text {
        print(ui, &output, &view::Check::new(&left, Some((&fixed, &found)), now))?;
        return Ok(exit_of(&left));
    }
    let look = ui.look;
    writeln!(ui.out)?;
    ui.out.text(|out| human::fixed(&fixed, &look, out))?;
    writeln!(ui.out, "\nAnd checked again:")?;
    tell(ui, &left)?;
    Ok(exit_of(&left))
}

/// Prints for programs.
fn print(ui: &mut Ui, output: &Wanted, check: &view::Check) -> Result<(), Failure> {
    if let Wanted::Rows(rows) = output {
        rows.write_all(ui, &rows_of(check, "findings")?)?;
        return Ok(());
    }
    Ok(ui.out.json(check)?)
}

fn tell(ui: &mut Ui, report: &Report) -> Result<(), Failure> {
    let look = ui.look;
    Ok(ui.out.text(|out| human::check(report, &look, out))?)
}

/// How much of it can be mended.
fn advise(context: &Context<'_>, ui: &mut Ui, report: &Report) -> Result<(), Failure> {
    let fixable = report.findings.list().iter().filter(|finding| finding.mend.is_some()).count() as u64;
    if fixable > 0 {
        let command = command_line(&context.typed, |_| true, &["--fix"]);
        writeln!(ui.out, "Nothing was changed. To mend {} of it:\n  {command}", times(fixable, "finding"))?;
    }
    Ok(())
}

fn exit_of(report: &Report) -> Exit {
    if report.is_sound() { Exit::Done } else { Exit::Partly }
}
