//! `otto export`

use super::args::TEMPLATE;
use super::exit::{Exit, Failure};
use super::interrupted::Interrupted;
use super::output::{FormatName, OutputArgs, QuietArgs, Wanted, rows_of};
use super::select;
use super::ui::Ui;
use super::{Context, when};
use clap::Args;
use otto_catalog::archive::{self, Archive, Asked, Exported, Limits, Request};
use otto_catalog::catalog::{self, Catalog, RunFilter};
use otto_catalog::model::Run;
use otto_catalog::report::records::ARCHIVED_RUNS;
use otto_catalog::report::{human, view};
use std::collections::HashSet;
use std::ffi::OsString;
use std::io;
use std::path::{Path, PathBuf};

/// Things that were left out that are named; the others are counted.
const SHOWN: usize = 5;

/// Write runs into an archive, with the scripts that they name, or look into one
///
/// The archive is a tar that any tar unpacks; its first member says what is known of each run, and the blake3 of every
/// file. A run that is at work or changes while it is read is left out (exit 3). `otto import` brings the runs back.
#[derive(Args, Debug)]
#[command(help_template = TEMPLATE, before_help = "\
Examples:
  otto export latest --output run.tar.zst
  otto export --project web --older-than 90d --output web.tar.zst
  otto list --json --status failed | jq -r '.[].id' | otto export - --output failed.tar.gz
  otto export --list web.tar.zst         what it holds
  otto export --list web.tar.zst --format csv --fields id,status,size_bytes
  otto import web.tar.zst                bring it back")]
pub(crate) struct ExportArgs {
    /// Which runs: id, timestamp or the beginning of one, latest, latest-N, PROJECT:latest; - reads them from
    /// standard input, one a line
    #[arg(value_name = "RUN", conflicts_with = "list")]
    runs: Vec<OsString>,
    /// The same as RUN
    #[arg(long = "run", value_name = "RUN", conflicts_with = "list")]
    run: Vec<OsString>,
    /// Of this project: directory name, hash, the beginning of a hash (4 or more), or name
    #[arg(short, long, value_name = "P", conflicts_with = "list")]
    project: Option<OsString>,
    /// Begun before: an age (30, 36h, 6mo), a date (2025-06-01) or an RFC 3339 instant
    #[arg(long, value_name = "AGE", allow_hyphen_values = true, value_parser = when::When::parse, conflicts_with = "list")]
    older_than: Option<when::When>,
    /// The archive to write: its name ends in .tar.zst or .tar.gz
    #[arg(long, short, value_name = "FILE", required_unless_present = "list", conflicts_with = "list")]
    output: Option<PathBuf>,
    /// Replace a file that is there
    #[arg(long, conflicts_with = "list")]
    force: bool,
    /// Read the archive again and compare every hash: before it gets its name, or before --list shows it
    #[arg(long)]
    verify: bool,
    /// Show what an archive holds, without a look at the store
    #[arg(long, value_name = "FILE")]
    list: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) print: OutputArgs,
}

pub(crate) fn run(context: &Context<'_>, ui: &mut Ui, args: &ExportArgs) -> Result<Exit, Failure> {
    if let Some(path) = &args.list {
        return list(ui, path, args);
    }
    let is_document = matches!(args.print.format, None | Some(FormatName::Json));
    if !args.print.fields.is_empty() || !is_document {
        return Err(Failure::usage("--fields, and any --format but json, are for what lists: they need --list FILE")
            .hint("of an export there is text, and --json"));
    }
    let Some(output) = &args.output else { return Err(Failure::usage("--output FILE is missing")) };
    archive::Format::of_name(output)?;
    let words: Vec<OsString> = args.runs.iter().chain(&args.run).cloned().collect();
    if words.is_empty() && args.project.is_none() && args.older_than.is_none() {
        return Err(Failure::usage("which runs are meant is not said")
            .hint("name runs, or say --project P, --older-than AGE or both"));
    }
    let words = select::expanded(&words, &mut io::stdin().lock())?;
    let interrupted = Interrupted::new();
    interrupted.heed()?;
    context.with_session(ui, context.reading(), |session, ui| {
        let runs = chosen(&session.catalog, args, &words, context.settings.clock.now)?;
        let request = Request {
            runs: &runs,
            entries: &[],
            output,
            force: args.force,
            limits: Limits::USUAL,
            verify: args.verify,
        };
        let command = context.command_line();
        let stop = || interrupted.is_set();
        let asked = Asked { command: &command, who: &context.environment.who, interrupted: &stop };
        let exported = archive::export(session, &context.settings, &request, &asked)?;
        told(ui, &exported, args.print.is_json())
    })
}

/// The runs that are meant: those that are named, or all, narrowed by the filters.
fn chosen(catalog: &Catalog, args: &ExportArgs, words: &[OsString], now: i64) -> Result<Vec<Run>, Failure> {
    let projects = select::project_keys(catalog, args.project.as_deref())?;
    let projects: Option<HashSet<i64>> = projects.map(|all| all.iter().map(|project| project.id).collect());
    let before = args.older_than.map(|when| when.instant(now));
    let within = |run: &Run| {
        projects.as_ref().is_none_or(|keys| keys.contains(&run.project_key))
            && before.is_none_or(|before| run.timestamp() < before)
    };
    if !args.runs.is_empty() || !args.run.is_empty() {
        let mut runs = select::runs(catalog, words, &mut io::empty())?;
        runs.retain(within);
        return Ok(runs);
    }
    let mut runs = Vec::new();
    catalog.each_run::<catalog::Error>(&RunFilter { before, ..RunFilter::default() }, |run| {
        if within(&run) {
            runs.push(run);
        }
        Ok(())
    })?;
    Ok(runs)
}

fn told(ui: &mut Ui, exported: &Exported, json: bool) -> Result<Exit, Failure> {
    if json {
        ui.out.json(&view::Export::new(exported))?;
    } else {
        let look = ui.look;
        ui.out.text(|out| human::exported(exported, &look, out))?;
    }
    for (id, left) in exported.left_out.iter().take(SHOWN) {
        let path = left.path.bytes().unwrap_or_default();
        let path = String::from_utf8_lossy(&path);
        ui.notice(&format!("not all of {id} is in the archive: `{path}`, {}", left.what()));
    }
    if exported.left_out.len() > SHOWN {
        ui.notice(&format!("{} more are not in the archive; --json has them all", exported.left_out.len() - SHOWN));
    }
    // Whoever goes on after this one counts on a file.
    if exported.path.is_none() && exported.skipped.is_empty() {
        ui.say("no run is meant, and no file was written");
        return Ok(Exit::CouldNot);
    }
    let is_whole = exported.skipped.is_empty() && exported.left_out.is_empty();
    Ok(if is_whole { Exit::Done } else { Exit::Partly })
}

fn list(ui: &mut Ui, path: &Path, args: &ExportArgs) -> Result<Exit, Failure> {
    let wanted = args.print.of(&ARCHIVED_RUNS, QuietArgs::default())?;
    // Nothing is unpacked: whatever size it states may be looked at.
    let archive = Archive::open(path, Limits { size: u64::MAX })?;
    if args.verify {
        let interrupted = Interrupted::new();
        interrupted.heed()?;
        archive.verify(&|| interrupted.is_set())?;
    }
    match wanted {
        Wanted::Document => ui.out.json(&view::ArchiveList::new(&archive)?)?,
        Wanted::Rows(rows) => return rows.write_all(ui, &rows_of(&view::ArchiveList::new(&archive)?, "runs")?),
        Wanted::Text => {
            let look = ui.look;
            let bytes = archive.length()?;
            ui.out.text(|out| human::archive(archive.manifest(), bytes, &look, out))?;
        }
    }
    Ok(Exit::Done)
}
