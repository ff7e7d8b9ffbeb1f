//! `otto completions`: the scripts that make a shell ask `otto __complete` while a command line is typed.

use super::args::TEMPLATE;
use super::exit::{Exit, Failure};
use super::ui::Ui;
use clap::{Args, ValueEnum};
use std::io::Write as _;

/// Print the script that completes commands, flags, runs, projects, tasks and tags in a shell
#[derive(Args, Debug)]
#[command(help_template = TEMPLATE, before_help = "\
Examples:
  otto completions fish >~/.config/fish/completions/otto.fish
  source <(otto completions bash)        in ~/.bashrc
  source <(otto completions zsh)         in ~/.zshrc, after compinit
  otto completions powershell | Out-String | Invoke-Expression",
  after_help = "\
Runs, projects, tasks and tags come from the index as it is: no lock is taken,
nothing is written, and a run that began since the last command is not among
them.")]
pub(crate) struct CompletionsArgs {
    /// Which shell
    #[arg(value_enum, value_name = "SHELL")]
    shell: Shell,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Shell {
    Bash,
    Zsh,
    Fish,
    Powershell,
}

pub(crate) fn run(ui: &mut Ui, args: &CompletionsArgs) -> Result<Exit, Failure> {
    let script = match args.shell {
        Shell::Bash => include_str!("otto.bash"),
        Shell::Zsh => include_str!("otto.zsh"),
        Shell::Fish => include_str!("otto.fish"),
        Shell::Powershell => include_str!("otto.ps1"),
    };
    ui.out.write_all(script.as_bytes())?;
    Ok(Exit::Done)
}
