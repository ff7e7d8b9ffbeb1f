//! Tasks in few bytes.
//!
//! What the database says is held for all runs of a refresh at once, and at the first index that is every row there is: a
//! store can have 600,000 tasks. As plain values they take about a hundred bytes each; packed, a dozen and a shared name.

use super::rows::{RowStatus, RunEvidence, TaskDir, TaskEvidence, TaskRowStatus};
use crate::model::{RunContext, Timestamp};
use std::sync::Arc;

/// [`RunEvidence`] as it is held for many runs at once.
#[derive(Clone, Debug, PartialEq)]
pub struct PackedEvidence {
    /// `runs.id`.
    pub row: i64,
    /// The row's status.
    pub status: RowStatus,
    /// When the run ended.
    pub ended_at: Option<Timestamp>,
    /// How long it took, in milliseconds.
    pub duration_ms: Option<i64>,
    /// How it was started; runs that were started alike share it.
    pub context: Arc<RunContext>,
    /// Its tasks.
    pub tasks: PackedTasks,
}

impl PackedEvidence {
    /// What was packed.
    pub fn unpack(self) -> RunEvidence {
        let Self { row, status, ended_at, duration_ms, context, tasks } = self;
        RunEvidence {
            row,
            status,
            ended_at,
            duration_ms,
            context: Arc::unwrap_or_clone(context),
            tasks: tasks.unpack(),
        }
    }
}

/// The tasks of a run, in their order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PackedTasks {
    names: Box<[Arc<str>]>,
    /// For each: its head, then the numbers that the head says are there.
    bytes: Box<[u8]>,
}

/// What a head says: the status in the lowest bits, then what follows it, in this order.
const STATUS: u8 = 0b111;
const EXIT_CODE: u8 = 1 << 3;
const STARTED: u8 = 1 << 4;
const ENDED: u8 = 1 << 5;
const DURATION: u8 = 1 << 6;
/// A second head follows: the task's files are not where they usually are.
const UNUSUAL: u8 = 1 << 7;

const STATUSES: [TaskRowStatus; 6] = [
    TaskRowStatus::Pending,
    TaskRowStatus::Running,
    TaskRowStatus::Completed,
    TaskRowStatus::Failed,
    TaskRowStatus::Skipped,
    TaskRowStatus::Other,
];

impl PackedTasks {
    /// Packs tasks.
    pub fn pack(tasks: &[TaskEvidence]) -> Self {
        let mut bytes = Vec::with_capacity(tasks.len() * 12);
        for task in tasks {
            pack(task, &mut bytes);
        }
        let names = tasks.iter().map(|task| Arc::clone(&task.name)).collect();
        Self { names, bytes: bytes.into_boxed_slice() }
    }

    /// The tasks that were packed.
    pub fn unpack(&self) -> Vec<TaskEvidence> {
        let mut bytes = &*self.bytes;
        self.names.iter().map_while(|name| unpack(name, &mut bytes)).collect()
    }
}

fn pack(task: &TaskEvidence, bytes: &mut Vec<u8>) {
    let status = STATUSES.iter().position(|status| *status == task.status).unwrap_or(STATUSES.len() - 1);
    let flag = |there: bool, flag: u8| if there { flag } else { 0 };
    let head = u8::try_from(status).unwrap_or(STATUS)
        | flag(task.exit_code.is_some(), EXIT_CODE)
        | flag(task.started_at.is_some(), STARTED)
        | flag(task.ended_at.is_some(), ENDED)
        | flag(task.duration_ms.is_some(), DURATION)
        | flag(task.dir != TaskDir::Usual, UNUSUAL);
    bytes.push(head);
    // An end is a few seconds after its start, and the start of a run's tasks is one of few digits more.
    let ended = task.ended_at.map(|ended| ended.wrapping_sub(task.started_at.unwrap_or(0)));
    for number in [task.exit_code.map(i64::from), task.started_at, ended, task.duration_ms].into_iter().flatten() {
        push_number(number, bytes);
    }
    match &task.dir {
        TaskDir::Usual => {}
        // No directory has a negative length.
        TaskDir::Outside => push_number(-1, bytes),
        TaskDir::Elsewhere(dir) => {
            push_number(i64::try_from(dir.len()).unwrap_or(0), bytes);
            bytes.extend_from_slice(dir.as_bytes());
        }
    }
}

fn unpack(name: &Arc<str>, bytes: &mut &[u8]) -> Option<TaskEvidence> {
    let (head, rest) = bytes.split_first()?;
    *bytes = rest;
    let mut number = |flag: u8| (head & flag != 0).then(|| take_number(bytes)).flatten();
    let exit_code = number(EXIT_CODE).and_then(|code| i32::try_from(code).ok());
    let started_at = number(STARTED);
    let ended_at = number(ENDED).map(|after| after.wrapping_add(started_at.unwrap_or(0)));
    let duration_ms = number(DURATION);
    let dir = match number(UNUSUAL) {
        None => TaskDir::Usual,
        Some(length) => match usize::try_from(length) {
            Err(_) => TaskDir::Outside,
            Ok(length) => {
                let (dir, rest) = bytes.split_at_checked(length)?;
                *bytes = rest;
                TaskDir::Elsewhere(String::from_utf8_lossy(dir).into())
            }
        },
    };
    let status = *STATUSES.get(usize::from(head & STATUS))?;
    Some(TaskEvidence { name: Arc::clone(name), status, exit_code, started_at, ended_at, duration_ms, dir })
}

/// Seven bits a byte, the lowest first; small numbers of either sign are short.
fn push_number(number: i64, bytes: &mut Vec<u8>) {
    let mut left = (number << 1 ^ number >> 63).cast_unsigned();
    while left >= 1 << 7 {
        bytes.push(left as u8 | 1 << 7);
        left >>= 7;
    }
    bytes.push(left as u8);
}

fn take_number(bytes: &mut &[u8]) -> Option<i64> {
    let mut found = 0_u64;
    for place in 0..10 {
        let (byte, rest) = bytes.split_first()?;
        *bytes = rest;
        found |= u64::from(byte & 0x7f) << (7 * place);
        if byte & 0x80 == 0 {
            break;
        }
    }
    Some((found >> 1).cast_signed() ^ -(found & 1).cast_signed())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn any_number() -> impl Strategy<Value = i64> {
        prop_oneof![-3..200_i64, Just(1_749_564_400), any::<i64>(), Just(i64::MIN), Just(i64::MAX)]
    }

    fn any_task() -> impl Strategy<Value = TaskEvidence> {
        let dir = prop_oneof![
            4 => Just(TaskDir::Usual),
            1 => Just(TaskDir::Outside),
            1 => ".{0,20}".prop_map(|dir| TaskDir::Elsewhere(dir.into())),
        ];
        let maybe = || proptest::option::of(any_number());
        let numbers = (proptest::option::of(any::<i32>()), maybe(), maybe(), maybe());
        ("[a-c]{1,2}", 0..STATUSES.len(), numbers, dir).prop_map(|(name, status, (exit, start, end, ms), dir)| {
            TaskEvidence {
                name: name.as_str().into(),
                status: STATUSES[status],
                exit_code: exit,
                started_at: start,
                ended_at: end,
                duration_ms: ms,
                dir,
            }
        })
    }

    proptest! {
        #![proptest_config(crate::cases::cases(256))]
        #[test]
        fn what_was_packed_comes_out(tasks in proptest::collection::vec(any_task(), 0..6)) {
            prop_assert_eq!(PackedTasks::pack(&tasks).unpack(), tasks);
        }
    }

    #[test]
    fn a_usual_task_takes_few_bytes() {
        let task = TaskEvidence {
            name: "build".into(),
            status: TaskRowStatus::Completed,
            exit_code: Some(0),
            started_at: Some(1_749_564_400),
            ended_at: Some(1_749_564_460),
            duration_ms: Some(60_000),
            dir: TaskDir::Usual,
        };
        let packed = PackedTasks::pack(&[task]);
        assert!(packed.bytes.len() <= 12, "{} bytes", packed.bytes.len());
    }
}
