//! What a catalog says of a store, as lines: two catalogs that say the same are equal here, whatever their row ids.

use otto_catalog::catalog::{Catalog, RunFilter};
use otto_catalog::model::Size;

fn size(size: Size) -> String {
    format!("{}/{}", size.size, size.disk)
}

/// Everything of the present: projects with their sums, runs with tasks, cache entries with counts, sums over all.
pub(crate) fn digest(catalog: &Catalog) -> Vec<String> {
    let mut lines = Vec::new();
    for project in catalog.projects().unwrap() {
        assert_eq!(catalog.history_differences(project.id).unwrap(), [], "the history of {}", project.dir);
        // What a run that is gone told of its project is known no more to a catalog made anew: that runs of 2023 were there,
        // and what `otto-<hash>` was called.
        if project.dir.is_root() && project.runs == 0 {
            continue;
        }
        let name = if project.dir.as_bytes().starts_with(b"otto-") { "?" } else { project.name.as_str() };
        lines.push(format!(
            "project {} `{}` runs {} {} cache {} {} oldest {:?} whole {} dangling {:?} rest {:?} again {:?}",
            project.dir,
            name,
            project.runs,
            size(project.run_size),
            project.cache_entries,
            size(project.cache_size),
            project.oldest_run,
            project.listed_whole,
            catalog.dangling(project.id).unwrap().0,
            catalog.rest(Some(project.id)).unwrap(),
            catalog.counted_again(Some(project.id)).unwrap(),
        ));
        for entry in catalog.cache_entries(project.id).unwrap() {
            let path = String::from_utf8_lossy(&entry.path).into_owned();
            let mut readers: Vec<String> = catalog
                .readers_of(entry.key)
                .unwrap()
                .into_iter()
                .map(|r| format!("{}/{}", r.project, r.dir))
                .collect();
            readers.sort();
            lines.push(format!(
                "entry {}/{path} {} inode {} written {} named by {} {readers:?}",
                project.dir,
                size(entry.size),
                entry.inode,
                entry.written_at,
                entry.references
            ));
        }
    }
    for run in catalog.runs(&RunFilter::default()).unwrap() {
        lines.push(format!(
            "run {} {} by {} {:?}ms tasks {}/{} missing [{}] {} settled {} whole {} ended {} newest {:?} {:?}",
            run.id,
            run.status,
            run.status_source,
            run.duration_ms,
            run.tasks_failed,
            run.tasks_total,
            run.missing,
            size(run.size),
            run.settled,
            run.read_whole,
            run.end_known,
            run.newest_write,
            run.context,
        ));
        let mut tasks: Vec<String> = catalog
            .tasks(run.key)
            .unwrap()
            .into_iter()
            .map(|task| {
                let name = String::from_utf8_lossy(&task.name).into_owned();
                let entry = task.cache_entry.map(|e| String::from_utf8_lossy(&e).into_owned());
                format!(
                    "task {}/{name} {} by {} exit {:?} {} {:?} {:?} entry {entry:?} {}",
                    run.id,
                    task.status,
                    task.status_source,
                    task.exit_code,
                    size(task.size),
                    task.stdout_bytes,
                    task.stderr_bytes,
                    task.cache_entry_exists
                )
            })
            .collect();
        tasks.sort();
        lines.append(&mut tasks);
    }
    lines.push(format!("again {:?}", catalog.counted_again(None).unwrap()));
    let mut others: Vec<String> = catalog
        .others(None)
        .unwrap()
        .into_iter()
        .map(|(dir, name)| format!("other {dir:?} {}", String::from_utf8_lossy(&name)))
        .collect();
    others.sort();
    lines.append(&mut others);
    lines.sort();
    lines
}

/// Fails with the lines that only one of them says.
pub(crate) fn assert_same(one: &[String], other: &[String], what: &str) {
    let missing: Vec<&String> = one.iter().filter(|line| !other.contains(line)).collect();
    let more: Vec<&String> = other.iter().filter(|line| !one.contains(line)).collect();
    assert!(missing.is_empty() && more.is_empty(), "{what}:\nonly the first: {missing:#?}\nonly the second: {more:#?}");
}
