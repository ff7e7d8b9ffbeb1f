//! A terminal with somebody at it: what is typed, and what is shown there.

use super::*;
use rustix::process::{Pid, Signal, kill_process};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{LocalModes, OptionalActions, OutputModes, tcgetattr, tcsetattr};
use std::fs::File;
use std::io::{Read as _, Write as _};
use std::process::Child;
use std::thread::JoinHandle;

/// What ends the input, typed at the beginning of a line.
pub(crate) const END: &str = "\u{4}";

impl Room {
    /// Runs a command at a terminal, typing these keys ahead; stderr is what the terminal showed, stdout is a pipe.
    pub(crate) fn at_terminal(&self, line: &str, keys: &str) -> Ran {
        let words: Vec<_> = line.split_whitespace().collect();
        self.at_terminal_with(&words, keys)
    }

    /// What a terminal shows of a command's answer.
    pub(crate) fn on_screen(&self, words: &[&str]) -> String {
        Self::screen_of(self.command(words)).0
    }

    /// What a terminal shows of what a command prints, and how the command ends.
    pub(crate) fn screen_of(mut command: Command) -> (String, i32) {
        let (mut terminal, slave) = terminal();
        command.env("TERM", "xterm").stdout(slave);
        let mut child = command.spawn().unwrap();
        drop(command);
        let mut shown = Vec::new();
        let mut buffer = [0; 4096];
        while let Ok(length @ 1..) = terminal.read(&mut buffer) {
            shown.extend_from_slice(&buffer[..length]);
        }
        let code = child.wait().unwrap().code().unwrap_or(-1);
        (String::from_utf8(shown).unwrap(), code)
    }

    pub(crate) fn at_terminal_with(&self, words: &[&str], keys: &str) -> Ran {
        let mut terminal = self.terminal(words);
        terminal.type_keys(keys);
        terminal.end()
    }

    /// Starts a command at a terminal of its own.
    pub(crate) fn terminal(&self, words: &[&str]) -> Terminal {
        Terminal::of(self.command(words))
    }
}

/// A program at a terminal.
pub(crate) struct Terminal {
    child: Child,
    master: File,
    shown: Vec<u8>,
    stdout: JoinHandle<String>,
    /// As long as this is here, somebody has patience with the program, up to a point.
    _patient: mpsc::Sender<()>,
}

impl Terminal {
    /// Starts a command that was sealed in.
    pub(crate) fn of(mut command: Command) -> Self {
        let (master, slave) = terminal();
        command.env("TERM", "dumb");
        command.stdin(slave.try_clone().unwrap()).stderr(slave).stdout(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let mut out = child.stdout.take().unwrap();
        let stdout = std::thread::spawn(move || {
            let mut text = String::new();
            out.read_to_string(&mut text).unwrap();
            text
        });
        // Who waits for an answer that nobody gives is ended.
        let (patient, ended) = mpsc::channel::<()>();
        let pid = Pid::from_child(&child);
        std::thread::spawn(move || {
            if ended.recv_timeout(PATIENCE) == Err(mpsc::RecvTimeoutError::Timeout) {
                let _ = kill_process(pid, Signal::KILL);
            }
        });
        // The command, dropped here, holds the other ends: the terminal closes with the program.
        Self { child, master, shown: Vec::new(), stdout, _patient: patient }
    }

    /// Types ahead.
    pub(crate) fn type_keys(&mut self, keys: &str) {
        self.master.write_all(keys.as_bytes()).unwrap();
    }

    /// Waits until the program has shown a text.
    pub(crate) fn wait_for(&mut self, text: &str) {
        while !String::from_utf8_lossy(&self.shown).contains(text) {
            assert!(self.read(), "`{text}` was never shown: {}", String::from_utf8_lossy(&self.shown));
        }
    }

    /// Waits for the end; stderr is what the terminal showed.
    pub(crate) fn end(mut self) -> Ran {
        while self.read() {}
        let code = self.child.wait().unwrap().code().unwrap_or(-1);
        let stderr = String::from_utf8_lossy(&self.shown).into_owned();
        Ran { stdout: self.stdout.join().unwrap(), stderr, code }
    }

    /// Whether there was more. When nobody has the other end open any more, reading fails.
    fn read(&mut self) -> bool {
        let mut buffer = [0; 4096];
        match self.master.read(&mut buffer) {
            Ok(length @ 1..) => {
                self.shown.extend_from_slice(&buffer[..length]);
                true
            }
            _ => false,
        }
    }
}

/// Both ends of a terminal: what is typed is not shown again, and lines end as they are written.
fn terminal() -> (File, File) {
    let master = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
    grantpt(&master).unwrap();
    unlockpt(&master).unwrap();
    let name = ptsname(&master, Vec::new()).unwrap().into_string().unwrap();
    let slave = File::options().read(true).write(true).open(name).unwrap();
    let mut modes = tcgetattr(&slave).unwrap();
    modes.local_modes.remove(LocalModes::ECHO);
    modes.output_modes.remove(OutputModes::OPOST);
    tcsetattr(&slave, OptionalActions::Now, &modes).unwrap();
    (File::from(master), slave)
}

#[test]
fn at_a_terminal_a_plain_yes_is_needed_and_nothing_else_will_do() {
    for keys in ["n\n", "\n", "yess\n", "YES PLEASE\n", END] {
        let (room, _) = Room::shop();
        let before = room.snapshot();
        let ran = room.at_terminal("clean --keep 30", keys).code(4);
        ran.complains(&["permanently", "cannot be undone", "Delete them? [y/N]", "Nothing was deleted."]);
        before.assert_same(&room.snapshot(), keys);
    }
    for keys in ["y\n", " YES \n"] {
        let (room, shop) = Room::shop();
        room.at_terminal("clean --keep 30", keys).code(0).complains(&["5. "]);
        assert_eq!(room.runs(), shop.all_but(&[shop.web(70), shop.web(50), shop.web(40), shop.api(90), shop.api(35)]));
    }
}
