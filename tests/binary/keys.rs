//! A terminal with somebody at it: what is typed, and what is shown there.

use super::*;
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{LocalModes, OptionalActions, OutputModes, tcgetattr, tcsetattr};
use std::fs::File;
use std::io::{Read as _, Write as _};

/// What ends the input, typed at the beginning of a line.
pub(crate) const END: &str = "\u{4}";

impl Room {
    /// Runs a command at a terminal, typing these keys ahead; stderr is what the terminal showed, stdout is a pipe.
    pub(crate) fn at_terminal(&self, line: &str, keys: &str) -> Ran {
        let words: Vec<_> = line.split_whitespace().collect();
        self.at_terminal_with(&words, keys)
    }

    pub(crate) fn at_terminal_with(&self, words: &[&str], keys: &str) -> Ran {
        let master = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
        grantpt(&master).unwrap();
        unlockpt(&master).unwrap();
        let name = ptsname(&master, Vec::new()).unwrap().into_string().unwrap();
        let slave = File::options().read(true).write(true).open(name).unwrap();
        let mut modes = tcgetattr(&slave).unwrap();
        // What is typed is not shown again, and lines end as they are written.
        modes.local_modes.remove(LocalModes::ECHO);
        modes.output_modes.remove(OutputModes::OPOST);
        tcsetattr(&slave, OptionalActions::Now, &modes).unwrap();
        let mut command = self.command(words);
        command.env("TERM", "dumb");
        command.stdin(slave.try_clone().unwrap()).stderr(slave).stdout(Stdio::piped());
        let mut child = command.spawn().unwrap();
        // The command holds the other ends: the terminal closes with it.
        drop(command);
        let mut terminal = File::from(master);
        terminal.write_all(keys.as_bytes()).unwrap();
        let mut out = child.stdout.take().unwrap();
        let reader = std::thread::spawn(move || {
            let mut text = String::new();
            out.read_to_string(&mut text).unwrap();
            text
        });
        let mut shown = Vec::new();
        let mut buffer = [0; 4096];
        // When nobody has the other end open any more, reading fails.
        while let Ok(length @ 1..) = terminal.read(&mut buffer) {
            shown.extend_from_slice(&buffer[..length]);
        }
        let code = child.wait().unwrap().code().unwrap_or(-1);
        Ran { stdout: reader.join().unwrap(), stderr: String::from_utf8_lossy(&shown).into_owned(), code }
    }
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
