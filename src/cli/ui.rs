//! The terminal: data on stdout, talk on stderr, colour only where it is wanted, and a closed pipe that is no accident.

use super::args::{Colour, Global};
use super::pager::Pager;
use super::when;
use otto_catalog::report::{Look, printable};
use rustix::termios::{isatty, tcgetwinsize};
use std::cell::RefCell;
use std::fmt;
use std::io::{self, Write};

/// What is gathered before it is written: also how much can be taken back when a catalog proves damaged.
const BUFFER: usize = 64 * 1024;

/// What is handed to a pager at a time.
const PIECE: usize = 4096;

/// The narrowest terminal that tables are made for.
const NARROWEST: usize = 60;

/// Where a command talks.
pub(crate) struct Ui {
    /// The answer.
    pub(crate) out: Output,
    /// How the answer looks.
    pub(crate) look: Look,
    stdin_is_terminal: bool,
    stdout_is_terminal: bool,
    stderr_is_terminal: bool,
    talk: Talk,
    /// How commands begin that are told.
    program: String,
    /// What is said once the pager is left.
    held: RefCell<Vec<String>>,
}

/// How to talk on stderr; can be passed on while the answer is written.
#[derive(Clone, Copy)]
pub(crate) struct Talk {
    colour: bool,
}

impl Talk {
    /// A line on stderr. If nobody reads there, there is nobody to tell.
    pub(crate) fn say(self, text: &str) {
        // In one write: another process may be talking on the same terminal.
        let _ = io::stderr().lock().write_all(format!("{text}\n").as_bytes());
    }

    fn label(self, label: &str, code: &str, text: &str) -> String {
        let text = printable(text);
        if self.colour { format!("\u{1b}[{code}m{label}:\u{1b}[0m {text}") } else { format!("{label}: {text}") }
    }

    /// Something that is not as it should be.
    pub(crate) fn warning(self, text: &str) {
        self.say(&self.label("warning", "1;33", text));
    }

    /// Something that the user should know.
    pub(crate) fn notice(self, text: &str) {
        self.say(&self.label("notice", "1", text));
    }
}

impl Ui {
    pub(crate) fn new(global: &Global) -> Self {
        let (stdout, stderr) = (isatty(io::stdout()), isatty(io::stderr()));
        let allowed = std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
            && std::env::var_os("TERM").is_none_or(|term| term != "dumb");
        let colour = |terminal: bool| match global.color {
            Colour::Always => true,
            Colour::Never => false,
            Colour::Auto => terminal && allowed,
        };
        let look = Look {
            width: width(stdout),
            colour: colour(stdout),
            verbose: global.verbose,
            ascii: !has_utf8(),
            now: 0,
            local: when::local,
        };
        Self {
            out: Output::default(),
            look,
            stdin_is_terminal: isatty(io::stdin()),
            stdout_is_terminal: stdout,
            stderr_is_terminal: stderr,
            talk: Talk { colour: colour(stderr) },
            program: "otto".to_owned(),
            held: RefCell::default(),
        }
    }

    /// Sets how a command begins that can be copied, and means the same store.
    pub(crate) fn set_program(&mut self, program: String) {
        self.program = program;
    }

    /// A command that can be copied, and means the same store.
    pub(crate) fn command(&self, words: &str) -> String {
        format!("{} {words}", self.program)
    }

    /// Shows the answer in a pager if it is longer than the screen.
    pub(crate) fn page(&mut self) {
        if self.stdout_is_terminal {
            self.out.pager = Pager::of_the_environment();
        }
    }

    /// Writes what is left, waits until a pager is left, and then says what was to be said meanwhile.
    pub(crate) fn finish(&mut self) -> io::Result<()> {
        let done = self.out.flush();
        if let Some(pager) = self.out.pager.take() {
            pager.wait();
        }
        for text in self.held.take() {
            self.talk.say(&text);
        }
        done
    }

    /// Sets the instant from which relative ages count.
    pub(crate) fn set_now(&mut self, now: i64) {
        self.look.now = now;
    }

    pub(crate) fn talk(&self) -> Talk {
        self.talk
    }

    /// Whether the answer goes to a terminal, which acts on what it is sent.
    pub(crate) fn prints_to_a_terminal(&self) -> bool {
        self.stdout_is_terminal
    }

    /// Whether stderr is a terminal, so that progress can be drawn.
    pub(crate) fn talks_to_a_terminal(&self) -> bool {
        self.stderr_is_terminal
    }

    /// Whether a question can be asked and answered.
    pub(crate) fn can_ask(&self) -> bool {
        self.stdin_is_terminal && self.stderr_is_terminal
    }

    pub(crate) fn say(&self, text: &str) {
        self.hold_or_say(text.to_owned());
    }

    pub(crate) fn error(&self, text: &str) {
        self.hold_or_say(self.talk.label("error", "1;31", text));
    }

    pub(crate) fn warning(&self, text: &str) {
        self.hold_or_say(self.talk.label("warning", "1;33", text));
    }

    pub(crate) fn notice(&self, text: &str) {
        self.hold_or_say(self.talk.label("notice", "1", text));
    }

    /// While a pager has the terminal, whatever else is written there spoils its screen.
    fn hold_or_say(&self, text: String) {
        if self.out.pager.as_ref().is_some_and(Pager::is_running) {
            self.held.borrow_mut().push(text);
        } else {
            self.talk.say(&text);
        }
    }
}

/// The columns of the terminal; none where lines may be as long as they like. `COLUMNS` decides where it is set.
fn width(terminal: bool) -> Option<usize> {
    let stated = std::env::var("COLUMNS").ok().and_then(|columns| columns.parse::<usize>().ok()).filter(|c| *c > 0);
    let seen = || {
        let columns = tcgetwinsize(io::stdout()).map_or(80, |size| usize::from(size.ws_col));
        if columns == 0 { 80 } else { columns }
    };
    stated.or_else(|| terminal.then(seen)).map(|columns| columns.max(NARROWEST))
}

/// Whether the locale's characters are UTF-8: as the C library asks, the first of these that is set decides.
fn has_utf8() -> bool {
    let set =
        ["LC_ALL", "LC_CTYPE", "LANG"].into_iter().find_map(|name| std::env::var_os(name).filter(|v| !v.is_empty()));
    set.is_some_and(|locale| {
        let locale = locale.to_string_lossy().to_ascii_lowercase();
        locale.contains("utf-8") || locale.contains("utf8")
    })
}

/// Standard output, gathered: until it is first written, all of it can be taken back.
#[derive(Default)]
pub(crate) struct Output {
    buffer: Vec<u8>,
    written: bool,
    /// Why a formatter failed: `fmt::Error` cannot say.
    failure: Option<io::Error>,
    pager: Option<Pager>,
}

impl Output {
    /// Forgets what was said, if none of it has left; whether that was so.
    pub(crate) fn take_back(&mut self) -> bool {
        if !self.written {
            self.buffer.clear();
        }
        !self.written
    }

    /// Runs what formats text; an error of the system comes out as itself.
    pub(crate) fn text(&mut self, write: impl FnOnce(&mut dyn fmt::Write) -> fmt::Result) -> io::Result<()> {
        match write(self) {
            Ok(()) => Ok(()),
            Err(_) => Err(self.failure.take().unwrap_or_else(|| io::Error::other("a text could not be formatted"))),
        }
    }

    /// A value as JSON on a line.
    pub(crate) fn json(&mut self, value: &impl serde::Serialize) -> io::Result<()> {
        serde_json::to_writer_pretty(&mut *self, value)?;
        self.write_all(b"\n")
    }

    /// Stops whoever lists more than anybody reads: the pager is left.
    pub(crate) fn is_read(&self) -> io::Result<()> {
        match self.pager.as_ref().is_some_and(Pager::is_closed) {
            true => Err(io::ErrorKind::BrokenPipe.into()),
            false => Ok(()),
        }
    }
}

impl Write for Output {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.buffer.extend_from_slice(bytes);
        match &mut self.pager {
            Some(pager) => {
                let full = pager.fills_the_screen(bytes);
                if full && (!pager.is_running() || self.buffer.len() >= PIECE) {
                    self.written = true;
                    let shown = pager.show(&self.buffer)?;
                    if shown {
                        self.buffer.clear();
                    } else {
                        self.pager = None;
                    }
                }
            }
            None if self.buffer.len() >= BUFFER => self.flush()?,
            None => {}
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        if self.buffer.is_empty() {
            return Ok(());
        }
        self.written = true;
        if let Some(pager) = self.pager.as_mut().filter(|pager| pager.is_running()) {
            let done = pager.show(&self.buffer).map(|_| ());
            self.buffer.clear();
            return done;
        }
        let mut stdout = io::stdout().lock();
        let done = stdout.write_all(&self.buffer).and_then(|()| stdout.flush());
        self.buffer.clear();
        done
    }
}

impl fmt::Write for Output {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.write_all(text.as_bytes()).map_err(|error| {
            self.failure = Some(error);
            fmt::Error
        })
    }
}
