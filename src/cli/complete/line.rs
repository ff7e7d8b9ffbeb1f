//! A command line that is being typed: which command it is by now, what was given, and what its last word is about.

use clap::{Arg, Command};

/// What stands before the word.
pub(super) struct Line<'c> {
    pub(super) command: &'c Command,
    /// The command's name and those of the groups it is in, as `["trash", "list"]`.
    pub(super) path: Vec<&'c str>,
    /// The ids of the arguments that were given, in order.
    pub(super) given: Vec<&'c str>,
    /// Arguments with their values.
    values: Vec<(&'c str, String)>,
    /// How many words stood for arguments without a name.
    positionals: usize,
    /// A flag whose value is the next word.
    pending: Option<&'c Arg>,
    /// A flag that takes more values after the first.
    open: Option<&'c Arg>,
    /// After `--` nothing is a flag.
    no_flags: bool,
    /// A word stands where a command should, and is none.
    lost: bool,
}

/// What the last word is about.
#[derive(Debug)]
pub(super) enum Wanted<'c, 'w> {
    Commands,
    Flags,
    /// A value, and what of the word stands before it.
    Value {
        argument: &'c Arg,
        before: &'w str,
        value: &'w str,
    },
    Nothing,
}

impl<'c> Line<'c> {
    pub(super) fn read(root: &'c Command, words: &[String]) -> Self {
        let mut line = Self {
            command: root,
            path: Vec::new(),
            given: Vec::new(),
            values: Vec::new(),
            positionals: 0,
            pending: None,
            open: None,
            no_flags: false,
            lost: false,
        };
        words.iter().for_each(|word| line.take(word));
        line
    }

    fn take(&mut self, word: &str) {
        if let Some(flag) = self.pending.take() {
            self.open = takes_several(flag).then_some(flag);
            self.note(flag, word);
        } else if !self.no_flags && word == "--" {
            (self.no_flags, self.open) = (true, None);
        } else if !self.no_flags && word.starts_with("--") {
            self.take_long(&word[2..]);
        } else if !self.no_flags && word.len() > 1 && word.starts_with('-') {
            self.take_short(&word[1..]);
        } else if let Some(flag) = self.open {
            self.note(flag, word);
        } else if self.positionals == 0
            && let Some(command) = self.command.find_subcommand(word)
        {
            self.command = command;
            self.path.push(command.get_name());
        } else if self.positionals == 0 && self.command.has_subcommands() {
            self.lost = true;
        } else {
            if let Some(argument) = self.positional() {
                self.note(argument, word);
            }
            self.positionals += 1;
        }
    }

    fn take_long(&mut self, text: &str) {
        let (name, value) = match text.split_once('=') {
            Some((name, value)) => (name, Some(value)),
            None => (text, None),
        };
        self.open = None;
        let Some(flag) = self.long(name) else { return };
        self.given.push(flag.get_id().as_str());
        match value {
            Some(value) => self.note(flag, value),
            None if flag.get_action().takes_values() => self.pending = Some(flag),
            None => {}
        }
    }

    fn take_short(&mut self, letters: &str) {
        self.open = None;
        for (at, letter) in letters.char_indices() {
            let Some(flag) = self.command.get_arguments().find(|flag| flag.get_short() == Some(letter)) else { return };
            self.given.push(flag.get_id().as_str());
            if flag.get_action().takes_values() {
                match &letters[at + letter.len_utf8()..] {
                    "" => self.pending = Some(flag),
                    value => self.note(flag, value.trim_start_matches('=')),
                }
                return;
            }
        }
    }

    fn note(&mut self, argument: &'c Arg, value: &str) {
        self.given.push(argument.get_id().as_str());
        self.values.push((argument.get_id().as_str(), value.to_owned()));
    }

    fn long(&self, name: &str) -> Option<&'c Arg> {
        let command: &'c Command = self.command;
        command.get_arguments().find(|flag| {
            flag.get_long() == Some(name) || flag.get_all_aliases().is_some_and(|names| names.contains(&name))
        })
    }

    /// The argument without a name that the next word would be.
    fn positional(&self) -> Option<&'c Arg> {
        let command: &'c Command = self.command;
        let last = command.get_positionals().last().filter(|last| takes_several(last));
        command.get_positionals().nth(self.positionals).or(last)
    }

    /// The arguments that were given.
    pub(super) fn given_arguments(&self) -> Vec<&'c Arg> {
        let command: &'c Command = self.command;
        command.get_arguments().filter(|argument| self.given.contains(&argument.get_id().as_str())).collect()
    }

    /// The last value of an argument, by its id.
    pub(super) fn value(&self, id: &str) -> Option<&str> {
        self.values.iter().rev().find(|(of, _)| *of == id).map(|(_, value)| value.as_str())
    }

    /// All values of an argument, in order.
    pub(super) fn all(&self, id: &str) -> Vec<&str> {
        self.values.iter().filter(|(of, _)| *of == id).map(|(_, value)| value.as_str()).collect()
    }

    /// Whether a word that begins with a hyphen may be no flag.
    pub(super) fn takes_hyphens(&self) -> bool {
        self.pending.is_none() && self.positional().is_some_and(Arg::is_allow_hyphen_values_set)
    }

    /// What a word is about.
    pub(super) fn wanted<'w>(&self, word: &'w str) -> Wanted<'c, 'w> {
        if self.lost {
            return Wanted::Nothing;
        }
        let whole = |argument| Wanted::Value { argument, before: "", value: word };
        if let Some(flag) = self.pending {
            return whole(flag);
        }
        if !self.no_flags && word.starts_with('-') && word != "-" {
            return match word.split_once('=') {
                Some((name, value)) => match self.long(name.trim_start_matches('-')) {
                    Some(argument) => Wanted::Value { argument, before: &word[..=name.len()], value },
                    None => Wanted::Nothing,
                },
                None => Wanted::Flags,
            };
        }
        if let Some(flag) = self.open {
            return whole(flag);
        }
        if self.positionals == 0 && self.command.has_subcommands() {
            return Wanted::Commands;
        }
        match self.positional() {
            Some(argument) => whole(argument),
            None if word.is_empty() || word == "-" => Wanted::Flags,
            None => Wanted::Nothing,
        }
    }
}

fn takes_several(argument: &Arg) -> bool {
    let positional_list = argument.is_positional() && matches!(argument.get_action(), clap::ArgAction::Append);
    positional_list || argument.get_num_args().is_some_and(|range| range.max_values() > 1)
}
