//! The nouns: names, instants, sizes, states. Plain values that know nothing of disks, databases or terminals.

mod name;
mod problem;
mod run;
mod size;
mod stamp;
mod status;
mod tally;
mod time;

pub use name::{NotARunName, ProjectDir, RunDir, RunId};
pub use problem::Problem;
pub use run::{CacheEntry, Dropped, Parts, PastRun, Pin, Project, Run, RunContext, RunState, Task};
pub use size::{HumanBytes, Month, Size};
pub use stamp::Stamp;
pub use status::{Class, DurationSource, Status, StatusSource, Statuses};
pub use tally::{Tally, bucket};
pub use time::{AHEAD, Age, AgeError, Clock, DAY, Timestamp, rfc3339};
