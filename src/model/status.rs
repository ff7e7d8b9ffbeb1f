//! What became of a run or a task, and what that rests on.

use std::fmt;

macro_rules! words {
    ($(#[$doc:meta])* $name:ident { $($(#[$variant_doc:meta])* $variant:ident = $code:literal, $word:literal;)+ }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum $name { $($(#[$variant_doc])* $variant = $code,)+ }

        impl $name {
            /// Every value, in the order of its codes.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)+];

            /// The word in JSON, tables and flags.
            pub const fn word(self) -> &'static str {
                match self { $(Self::$variant => $word,)+ }
            }

            /// The number kept in the catalog.
            pub const fn code(self) -> i64 {
                self as i64
            }

            /// The value with that number in the catalog.
            pub const fn from_code(code: i64) -> Option<Self> {
                match code { $($code => Some(Self::$variant),)+ _ => None }
            }

            /// The value with that word.
            pub fn from_word(word: &str) -> Option<Self> {
                match word { $($word => Some(Self::$variant),)+ _ => None }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(self.word())
            }
        }
    };
}

words! {
    /// What became of a run or a task.
    Status {
        /// Everything that began ended well.
        Success = 0, "success";
        /// Something ended badly.
        Failed = 1, "failed";
        /// Somebody works in it, or it was written to within the last ten minutes and has an open task.
        Running = 2, "running";
        /// It began, no end is recorded, and nobody is alive.
        Interrupted = 3, "interrupted";
        /// Nothing to judge by.
        Unknown = 4, "unknown";
    }
}

words! {
    /// The evidence that a status rests on, the strongest first.
    StatusSource {
        /// The run's `.lock` is held (runner 2.4 and later).
        Lock = 0, "lock";
        /// A live process works in the run's directory.
        Process = 1, "process";
        /// Rows of the runner's `otto.db`.
        RunnerDb = 2, "runner-db";
        /// `output.<task>.json`, or its absence where the runner always writes it (0.6.6 and later).
        Output = 3, "output";
        /// An exit code in the last lines of a log.
        ExitCode = 4, "exit-code";
        /// `stderr.log` is empty, or not: an inference.
        Stderr = 5, "stderr";
        /// Nothing.
        None = 6, "none";
    }
}

words! {
    /// Where a duration comes from.
    DurationSource {
        /// The runner's `otto.db`.
        RunnerDb = 0, "runner-db";
        /// Times of files.
        Files = 1, "files";
    }
}

words! {
    /// The class by which retention treats a run. A run whose status rests on `stderr` alone has a class of its own,
    /// so that a strict policy can treat it as unknown without looking at each run again.
    Class {
        /// Success, and whatever has no age rule of its own.
        Ok = 0, "ok";
        /// Failed or interrupted.
        Failed = 1, "failed";
        /// Nothing to judge by.
        Unknown = 2, "unknown";
        /// Success by an empty `stderr.log` alone.
        InferredOk = 3, "inferred-ok";
        /// Failed by a non-empty `stderr.log` alone.
        InferredFailed = 4, "inferred-failed";
    }
}

impl Status {
    /// Whether it came to an end, well or badly. What was interrupted has none on record.
    pub const fn is_ended(self) -> bool {
        matches!(self, Self::Success | Self::Failed)
    }
}

/// Some statuses, of which a run may have any; all of them unless narrowed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Statuses(u8);

impl Statuses {
    /// Every status.
    pub const ALL: Self = Self((1 << Status::ALL.len()) - 1);

    /// These; all of them where none is named.
    pub fn any_of(statuses: &[Status]) -> Self {
        let bits = statuses.iter().fold(0, |bits, status| bits | 1 << *status as u8);
        if bits == 0 { Self::ALL } else { Self(bits) }
    }

    /// Whether a status is among them.
    pub const fn contains(self, status: Status) -> bool {
        self.0 >> status as u8 & 1 == 1
    }

    /// Whether no status is left out.
    pub const fn is_all(self) -> bool {
        self.0 == Self::ALL.0
    }

    /// A bit for the code of each.
    pub const fn bits(self) -> i64 {
        self.0 as i64
    }

    /// Those that are among them, in the order of their codes.
    pub fn iter(self) -> impl Iterator<Item = Status> {
        Status::ALL.iter().copied().filter(move |status| self.contains(*status))
    }
}

impl Default for Statuses {
    fn default() -> Self {
        Self::ALL
    }
}

impl fmt::Display for Statuses {
    /// As in "failed or interrupted".
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, status) in self.iter().enumerate() {
            if at > 0 {
                f.write_str(" or ")?;
            }
            f.write_str(status.word())?;
        }
        Ok(())
    }
}

impl Class {
    /// The class of a run with that status and evidence.
    pub const fn of(status: Status, source: StatusSource) -> Self {
        let inferred = matches!(source, StatusSource::Stderr);
        match status {
            Status::Success if inferred => Self::InferredOk,
            Status::Success | Status::Running => Self::Ok,
            Status::Failed | Status::Interrupted if inferred => Self::InferredFailed,
            Status::Failed | Status::Interrupted => Self::Failed,
            Status::Unknown => Self::Unknown,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_and_codes_lead_back_to_the_value() {
        for &status in Status::ALL {
            assert_eq!(Status::from_word(status.word()), Some(status));
            assert_eq!(Status::from_code(status.code()), Some(status));
        }
        for &source in StatusSource::ALL {
            assert_eq!(StatusSource::from_code(source.code()), Some(source));
        }
        assert_eq!(Status::from_word("Success"), None);
        assert_eq!(Class::from_code(5), None);
    }

    #[test]
    fn no_status_named_means_all() {
        assert_eq!(Statuses::any_of(&[]), Statuses::default());
        let some = Statuses::any_of(&[Status::Interrupted, Status::Failed]);
        assert_eq!(some.to_string(), "failed or interrupted");
        assert!(some.contains(Status::Failed) && !some.contains(Status::Success) && !some.is_all());
        assert!(Status::ALL.iter().all(|status| Statuses::ALL.contains(*status)));
        assert_eq!(Statuses::any_of(&[Status::Unknown]).bits(), 1 << Status::Unknown.code());
    }
}
