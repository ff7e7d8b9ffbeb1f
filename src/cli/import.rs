//! `otto import`

use super::Context;
use super::args::TEMPLATE;
use super::exit::{Exit, Failure};
use super::interrupted::Interrupted;
use super::output::{OutputArgs, QuietArgs, Wanted, rows_of};
use super::ui::Ui;
use clap::Args;
use otto_catalog::archive::{self, Archive, Asked, Imported, Limits};
use otto_catalog::report::records::IMPORTED;
use otto_catalog::report::{human, view};
use otto_catalog::session::Access;
use std::path::PathBuf;

/// Bring the runs of an archive into the store
///
/// Every hash is compared before anything appears in the store, and an archive that is not as it was written is refused
/// whole. A store that is not there is made. A run that is there already is left alone; one that differs from that in the archive is never overwritten
/// (exit 3).
#[derive(Args, Debug)]
#[command(help_template = TEMPLATE, before_help = "\
Examples:
  otto export --list web.tar.zst         what it holds
  otto import web.tar.zst                bring it into the store
  otto import web.tar.zst --home /tmp/look   into another one, to look at it")]
pub(crate) struct ImportArgs {
    /// The archive
    #[arg(value_name = "FILE", required_unless_present = "from")]
    file: Option<PathBuf>,
    /// The same as FILE
    #[arg(long, value_name = "FILE", conflicts_with = "file")]
    from: Option<PathBuf>,
    /// Refuse an archive whose files have more bytes in all (10G, 500M)
    #[arg(long, value_name = "SIZE", value_parser = size, default_value = "64G")]
    max_size: u64,
    #[command(flatten)]
    pub(crate) print: OutputArgs,
}

/// Bytes, or a number of KiB, MiB, GiB or TiB.
fn size(text: &str) -> Result<u64, String> {
    let digits = text.len() - text.trim_start_matches(|c: char| c.is_ascii_digit()).len();
    let (number, unit) = text.split_at(digits);
    let unit = unit.trim().to_ascii_uppercase();
    let power = match unit.trim_end_matches('B').trim_end_matches('I') {
        "" => 0,
        "K" => 10,
        "M" => 20,
        "G" => 30,
        "T" => 40,
        _ => return Err(format!("`{text}` is no size: write 10G, 500M or a number of bytes")),
    };
    let number: u64 =
        number.parse().map_err(|_| format!("`{text}` is no size: write 10G, 500M or a number of bytes"))?;
    number.checked_mul(1 << power).ok_or_else(|| format!("`{text}` is more than there is"))
}

pub(crate) fn run(context: &Context<'_>, ui: &mut Ui, args: &ImportArgs) -> Result<Exit, Failure> {
    let Some(path) = args.file.as_ref().or(args.from.as_ref()) else { return Err(Failure::usage("no FILE is named")) };
    let wanted = args.print.of(&IMPORTED, QuietArgs::default())?;
    let archive = Archive::open(path, Limits { size: args.max_size })?;
    archive::make_store(&context.settings)?;
    let interrupted = Interrupted::new();
    interrupted.heed()?;
    context.with_session(ui, Access::Mark, |session, ui| {
        let command = context.command_line();
        let stop = || interrupted.is_set();
        let asked = Asked { command: &command, who: &context.environment.who, interrupted: &stop };
        let imported = archive::import(session, &context.settings, &archive, &asked)?;
        session.unlock();
        told(ui, &imported, &archive, &wanted).map_err(Failure::final_one)
    })
}

fn told(ui: &mut Ui, imported: &Imported, archive: &Archive, wanted: &Wanted) -> Result<Exit, Failure> {
    let look = ui.look;
    let mut exit = Exit::Done;
    match wanted {
        Wanted::Document => ui.out.json(&view::Import::new(imported, archive.path()))?,
        Wanted::Text => ui.out.text(|out| human::imported(imported, &look, out))?,
        Wanted::Rows(rows) => {
            exit = rows.write_all(ui, &rows_of(&view::Import::new(imported, archive.path()), "items")?)?;
        }
    }
    for notice in &imported.notices {
        ui.warning(notice);
    }
    Ok(if imported.skipped.is_empty() { exit } else { Exit::Partly })
}

#[cfg(test)]
mod tests {
    use super::size;

    #[test]
    fn a_size_is_a_number_with_a_unit() {
        let cases = [("0", 0), ("17", 17), ("1K", 1024), ("5g", 5 << 30), ("2MiB", 2 << 20), ("1TB", 1 << 40)];
        for (text, bytes) in cases {
            assert_eq!(size(text), Ok(bytes), "{text}");
        }
        for text in ["", "G", "-1", "1X", "1.5G", "99999999T"] {
            assert!(size(text).is_err(), "{text}");
        }
    }
}
