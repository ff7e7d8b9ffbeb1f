//! `otto`: list, inspect, weigh and clean the runs that the task runner left.

mod cli;

fn main() -> std::process::ExitCode {
    cli::main(std::env::args_os().collect())
}
