//! A pager, for answers that are longer than the screen.
//!
//! What is printed is held until it fills the screen. If it never does, it is printed as if there were no pager; if it
//! does, the pager is started and gets all of it, as it comes. A pager that is closed early has shown enough: what would
//! follow is dropped, the command goes on to its end, and the exit code is the command's.

use rustix::termios::tcgetwinsize;
use std::ffi::OsString;
use std::io::{self, Write};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

/// What shows a long answer.
pub(super) struct Pager {
    command: String,
    columns: usize,
    /// Lines that are left on the screen.
    room: usize,
    /// Bytes of the line at hand.
    line: usize,
    full: bool,
    running: Option<Child>,
    closed: bool,
}

impl Pager {
    /// The pager that the environment names, or `less`; none where that is `cat` or nothing, or where there is none.
    pub(super) fn of_the_environment() -> Option<Self> {
        let variable = |name: &str| std::env::var_os(name).map(|value| value.to_string_lossy().trim().to_owned());
        if variable("TERM").is_some_and(|term| term == "dumb") {
            return None;
        }
        let command = match variable("OTTO_PAGER").or_else(|| variable("PAGER").filter(|value| !value.is_empty())) {
            Some(stated) => stated,
            None => "less -FRX".to_owned(),
        };
        let program = command.split_whitespace().next().unwrap_or_default();
        if program.is_empty() || program == "cat" || !is_there(program) {
            return None;
        }
        let size = tcgetwinsize(io::stdout()).map_or((0, 0), |size| (size.ws_row, size.ws_col));
        let or = |seen: u16, usual: usize| if seen == 0 { usual } else { usize::from(seen) };
        // A line is for the prompt of the shell.
        let room = or(size.0, 24).saturating_sub(1);
        Some(Self { command, columns: or(size.1, 80), room, line: 0, full: false, running: None, closed: false })
    }

    /// Takes note of what is to be printed; whether the screen is full.
    pub(super) fn fills_the_screen(&mut self, bytes: &[u8]) -> bool {
        for byte in bytes {
            self.full |= self.room == 0;
            if *byte == b'\n' {
                self.room = self.room.saturating_sub(1);
                self.line = 0;
            } else {
                self.line += 1;
                if self.line > self.columns {
                    self.room = self.room.saturating_sub(1);
                    self.line = 1;
                }
            }
        }
        self.full
    }

    /// Starts it, unless it runs; whether it could be.
    fn start(&mut self) -> bool {
        if self.running.is_some() {
            return true;
        }
        let mut command = Command::new("/bin/sh");
        command.arg("-c").arg(&self.command).stdin(Stdio::piped());
        // What `less -FRX` does, for a `less` that was named without its flags.
        for (name, value) in [("LESS", "FRX"), ("LV", "-c")] {
            if std::env::var_os(name).is_none() {
                command.env(name, value);
            }
        }
        let Ok(child) = command.spawn() else { return false };
        // An interrupt is for the pager: the user goes on reading, and leaves it when they like.
        let _ = signal_hook::flag::register(signal_hook::consts::SIGINT, Arc::new(AtomicBool::new(false)));
        self.running = Some(child);
        true
    }

    /// Hands it what is to be shown; `false` when there is no pager after all.
    pub(super) fn show(&mut self, bytes: &[u8]) -> io::Result<bool> {
        if !self.start() {
            return Ok(false);
        }
        let pipe = self.running.as_mut().and_then(|child| child.stdin.as_mut());
        match pipe.filter(|_| !self.closed).map(|pipe| pipe.write_all(bytes)) {
            None | Some(Ok(())) => Ok(true),
            Some(Err(error)) if error.kind() == io::ErrorKind::BrokenPipe => {
                self.closed = true;
                Ok(true)
            }
            Some(Err(error)) => Err(error),
        }
    }

    /// Whether it runs.
    pub(super) fn is_running(&self) -> bool {
        self.running.is_some()
    }

    /// Whether nobody reads any more.
    pub(super) fn is_closed(&self) -> bool {
        self.closed
    }

    /// Waits until it is left.
    pub(super) fn wait(mut self) {
        if let Some(mut child) = self.running.take() {
            drop(child.stdin.take());
            // How it ended is its own affair.
            let _ = child.wait();
        }
    }
}

/// Whether a program can be started: by its path, or as one of `PATH`.
fn is_there(program: &str) -> bool {
    let runs = |path: &Path| path.metadata().is_ok_and(|m| m.is_file() && m.permissions().mode() & 0o111 != 0);
    // A word with signs of the shell is for the shell to understand.
    if program.contains(['=', '$', '"', '\'', '\\', '~', '(', '{']) {
        return true;
    }
    if program.contains('/') {
        return runs(Path::new(program));
    }
    let path = std::env::var_os("PATH").unwrap_or_else(|| OsString::from("/usr/bin:/bin"));
    std::env::split_paths(&path).any(|folder| runs(&folder.join(program)))
}
