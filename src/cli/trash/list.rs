//! `otto trash list`

use crate::cli::Context;
use crate::cli::args::TEMPLATE;
use crate::cli::exit::{Exit, Failure};
use crate::cli::ui::Ui;
use clap::Args;
use otto_catalog::clean::trash;
use otto_catalog::report::{human, view};

/// Show what is in the trash, and until when it can be restored
#[derive(Args, Debug)]
#[command(help_template = TEMPLATE, before_help = "\
Examples:
  otto trash list
  otto trash list --json | jq -r '.operations[].runs[].id'")]
pub(crate) struct TrashListArgs {
    /// Print JSON
    #[arg(long)]
    pub(super) json: bool,
}

pub(super) fn run(context: &Context<'_>, ui: &mut Ui, args: &TrashListArgs) -> Result<Exit, Failure> {
    context.with_session(ui, context.reading(), |session, ui| {
        let contents = trash::contents(session, &context.settings)?;
        if args.json {
            let home = session.root.as_ref().map_or(&*context.settings.home, |root| root.path());
            ui.out.json(&view::Trash::new(home, &contents))?;
        } else {
            let look = ui.look;
            ui.out.text(|out| human::trash(&contents, &look, out))?;
        }
        Ok(Exit::Done)
    })
}
