//! `otto trash list`

use crate::cli::Context;
use crate::cli::args::TEMPLATE;
use crate::cli::exit::{Exit, Failure};
use crate::cli::output::{OutputArgs, QuietArgs, Row, Wanted};
use crate::cli::ui::Ui;
use clap::Args;
use otto_catalog::clean::trash;
use otto_catalog::report::records::TRASH;
use otto_catalog::report::{human, view};
use std::io;

/// Show what is in the trash, and until when it can be restored
#[derive(Args, Debug)]
#[command(help_template = TEMPLATE, before_help = "\
Examples:
  otto trash list
  otto trash list -q | otto trash restore -")]
pub(crate) struct TrashListArgs {
    #[command(flatten)]
    pub(super) output: OutputArgs,
    #[command(flatten)]
    pub(super) quiet: QuietArgs,
}

pub(super) fn run(context: &Context<'_>, ui: &mut Ui, args: &TrashListArgs) -> Result<Exit, Failure> {
    let output = args.output.of(&TRASH, args.quiet)?;
    context.with_session(ui, context.reading(), |session, ui| {
        let contents = trash::contents(session, &context.settings)?;
        let home = session.root.as_ref().map_or(&*context.settings.home, |root| root.path());
        let look = ui.look;
        match &output {
            Wanted::Document => ui.out.json(&view::Trash::new(home, &contents))?,
            Wanted::Text => ui.out.text(|out| human::trash(&contents, &look, out))?,
            Wanted::Rows(rows) => {
                let mut items = view::trash_rows(&contents).filter(|item| !args.quiet.quiet || item.is_run());
                let write = |row: &mut dyn FnMut(&dyn Row) -> io::Result<()>| {
                    items.try_for_each(|item| row(&item)).map_err(Failure::from)
                };
                return Ok(rows.write(ui, write)?.0);
            }
        }
        Ok(Exit::Done)
    })
}
