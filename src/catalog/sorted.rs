//! Runs in another order than newest first.
//!
//! By size they lie in an index, as by time, and so do the oldest: a limited list of those reads no more than it shows. Any
//! other order sorts what the filter leaves. Only keys are sorted, and each row is read when its turn comes, so that a
//! long list takes little memory.

use super::open::Catalog;
use super::rows::{column, incomplete};
use super::runs::{RunFilter, listed};
use crate::model::Run;

/// An order of runs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RunOrder {
    /// By what.
    pub by: SortBy,
    /// The other way round. What is unknown stands last either way.
    pub reverse: bool,
}

/// What runs are ordered by. Those that are alike in it stand newest first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SortBy {
    /// When they began, the newest first.
    #[default]
    Time,
    /// Disk use, the largest first.
    Size,
    /// How long they took, the longest first.
    Duration,
    /// How many tasks they have, most first.
    Tasks,
    /// How many tasks failed, most first.
    Failed,
    /// The project's name and directory, from A to Z.
    Project,
    /// The status in the order success, failed, running, interrupted, unknown.
    Status,
}

/// The statement for an order, and for its reverse. There is no way to hand an order over as a parameter. The join names
/// the outer table, so that an index on runs can give the order; a time with a plus before it keeps SQLite from the index by
/// time, where there is one by size.
#[rustfmt::skip]
macro_rules! in_order {
    ($order:literal) => {
        in_order!("r.timestamp", $order)
    };
    ($time:literal, $order:literal) => {
        concat!(
            "SELECT r.id FROM runs r CROSS JOIN projects p
             WHERE p.id = r.project_id AND NOT EXISTS (SELECT 1 FROM json_each(:tags) w
                        WHERE NOT EXISTS (SELECT 1 FROM tags g WHERE g.run_id = r.id AND g.tag = w.value))
                AND (:project IS NULL OR r.project_id = :project) AND (:pinned = 0 OR r.pinned = 1) AND ",
            listed!($time),
            " ORDER BY ", $order, " LIMIT :limit"
        )
    };
}

impl RunOrder {
    const fn statement(self) -> &'static str {
        match (self.by, self.reverse) {
            (SortBy::Time, false) => in_order!("r.timestamp DESC, r.number DESC, r.project_id"),
            (SortBy::Time, true) => in_order!("r.timestamp, r.number, r.project_id DESC"),
            (SortBy::Size, false) => {
                in_order!("+r.timestamp", "r.disk_bytes DESC, r.timestamp DESC, r.number DESC, r.project_id")
            }
            (SortBy::Size, true) => in_order!("+r.timestamp", "r.disk_bytes, r.timestamp, r.number, r.project_id DESC"),
            (SortBy::Duration, false) => {
                in_order!("r.duration_ms DESC NULLS LAST, r.timestamp DESC, r.number DESC, r.project_id")
            }
            (SortBy::Duration, true) => {
                in_order!("r.duration_ms NULLS LAST, r.timestamp DESC, r.number DESC, r.project_id")
            }
            (SortBy::Tasks, false) => {
                in_order!("r.tasks_total DESC, r.timestamp DESC, r.number DESC, r.project_id")
            }
            (SortBy::Tasks, true) => in_order!("r.tasks_total, r.timestamp DESC, r.number DESC, r.project_id"),
            (SortBy::Failed, false) => {
                in_order!("r.tasks_failed DESC, r.timestamp DESC, r.number DESC, r.project_id")
            }
            (SortBy::Failed, true) => in_order!("r.tasks_failed, r.timestamp DESC, r.number DESC, r.project_id"),
            (SortBy::Project, false) => in_order!("p.name, p.dir, r.timestamp DESC, r.number DESC"),
            (SortBy::Project, true) => in_order!("p.name DESC, p.dir DESC, r.timestamp DESC, r.number DESC"),
            (SortBy::Status, false) => in_order!("r.status, r.timestamp DESC, r.number DESC, r.project_id"),
            (SortBy::Status, true) => in_order!("r.status DESC, r.timestamp DESC, r.number DESC, r.project_id"),
        }
    }
}

impl Catalog {
    /// As [`Catalog::each_run`], in the order of the filter.
    pub(super) fn each_run_sorted<E: From<super::Error>>(
        &self,
        filter: &RunFilter,
        mut each: impl FnMut(Run) -> std::result::Result<(), E>,
    ) -> std::result::Result<(), E> {
        let act = "list runs in order";
        let mut statement = self.connection.prepare_cached(filter.order.statement()).map_err(self.error(act))?;
        let tags = serde_json::to_string(&filter.tags).unwrap_or_default();
        let mut found = filter.ask(&mut statement, &tags).map_err(self.error(act))?;
        while let Some(row) = found.next().map_err(self.error(act))? {
            let key = row.get("id").map_err(column)?;
            if let Some(run) = self.run(key)? {
                each(run)?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::super::history::tests::{NOW, project, run, task};
    use super::*;
    use crate::model::{Size, Status};
    use proptest::prelude::*;
    use std::cmp::Reverse;

    const ALL: [SortBy; 7] =
        [SortBy::Time, SortBy::Size, SortBy::Duration, SortBy::Tasks, SortBy::Failed, SortBy::Project, SortBy::Status];

    fn listed(catalog: &Catalog, by: SortBy, reverse: bool, limit: Option<u64>) -> Vec<Run> {
        let order = RunOrder { by, reverse };
        catalog.runs(&RunFilter { order, limit, ..RunFilter::default() }).unwrap()
    }

    proptest! {
        #![proptest_config(crate::cases::cases(32))]

        #[test]
        fn every_order_is_that_of_a_sort_of_all_runs(
            known in prop::collection::vec(
                (0_usize..3, 0_i64..40, prop::sample::select(Status::ALL), prop::option::of(0_i64..5), 0_u64..4, 0_u8..3), 0..25),
            reverse in any::<bool>(), limit in prop::option::of(0_u64..9),
        ) {
            let mut catalog = Catalog::in_memory("test").unwrap();
            let mut tx = catalog.begin().unwrap();
            let projects: Vec<i64> = ["b-00000002", "a-00000001", "b-00000001"].iter().map(|dir| project(&mut tx, dir)).collect();
            for (of, began, status, ms, disk, failed) in &known {
                let tasks = (0..*failed).map(|n| task(&format!("t{n}"), Status::Failed, None)).collect();
                let mut record = run(projects[*of], NOW - began, *status, *ms, tasks);
                record.size = Size { size: *disk, disk: *disk };
                tx.put_run(&record).unwrap();
            }
            tx.commit().unwrap();
            let catalog = catalog.finish().unwrap().unwrap();
            let newest_first = listed(&catalog, SortBy::Time, false, None);
            for by in ALL {
                let mut expected = newest_first.clone();
                let last = |run: &Run| run.duration_ms.is_none();
                // Stable sorts: what is alike stays newest first.
                match (by, reverse) {
                    (SortBy::Time, false) => {}
                    (SortBy::Time, true) => expected.reverse(),
                    (SortBy::Size, false) => expected.sort_by_key(|run| Reverse(run.size.disk)),
                    (SortBy::Size, true) => {
                        expected.sort_by_key(|run| Reverse(run.size.disk));
                        expected.reverse();
                    }
                    (SortBy::Duration, false) => expected.sort_by_key(|run| (last(run), Reverse(run.duration_ms))),
                    (SortBy::Duration, true) => expected.sort_by_key(|run| (last(run), run.duration_ms)),
                    (SortBy::Tasks, false) => expected.sort_by_key(|run| Reverse(run.tasks_total)),
                    (SortBy::Tasks, true) => expected.sort_by_key(|run| run.tasks_total),
                    (SortBy::Failed, false) => expected.sort_by_key(|run| Reverse(run.tasks_failed)),
                    (SortBy::Failed, true) => expected.sort_by_key(|run| run.tasks_failed),
                    (SortBy::Project, false) => expected.sort_by_key(|run| (run.project_name.clone(), run.project().lossy())),
                    (SortBy::Project, true) => {
                        expected.sort_by_key(|run| Reverse((run.project_name.clone(), run.project().lossy())));
                    }
                    (SortBy::Status, false) => expected.sort_by_key(|run| run.status.code()),
                    (SortBy::Status, true) => expected.sort_by_key(|run| Reverse(run.status.code())),
                }
                expected.truncate(limit.map_or(usize::MAX, |limit| limit as usize));
                let keys = |runs: &[Run]| runs.iter().map(|run| run.key).collect::<Vec<_>>();
                prop_assert_eq!(keys(&listed(&catalog, by, reverse, limit)), keys(&expected), "{:?} {}", by, reverse);
            }
        }
    }
}
