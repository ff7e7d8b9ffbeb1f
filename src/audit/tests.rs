use super::log::rotated;
use super::*;
use crate::store::change::Hook;
use crate::store::lock::{StoreLock, Taking, try_take};
use crate::store::trash::JsonName;
use std::fs::{self, File};
use std::io::Write as _;
use std::os::fd::AsFd as _;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

fn heading(operation: &str) -> Heading<'_> {
    Heading { operation, now: 1_750_000_000, who: "ada@host", command: "otto x", policy: "p", plan: None }
}

fn name(run: &str) -> RunName {
    RunName { project: JsonName::new(b"web-e259db19"), run: run.to_owned() }
}

fn lock(directory: &File) -> StoreLock {
    match try_take(directory.as_fd(), c"lock", "a test").unwrap() {
        Taking::Taken(lock) => lock,
        Taking::Busy(holder) => panic!("{holder}"),
    }
}

fn read(directory: &Path) -> (Vec<Line>, usize) {
    let mut reader = Reader::open(File::open(directory).unwrap().as_fd()).unwrap();
    let mut lines = Vec::new();
    while let Some((_, line)) = reader.next_line() {
        lines.push(line);
    }
    (lines, reader.problems().0.len() + reader.problems().1 as usize)
}

/// One of every kind, as full as it can be.
fn events() -> Vec<Event> {
    let odd = JsonName::new(b"odd \xff");
    let task = TaskLine { name: odd.clone(), status: "failed".into(), exit_code: Some(7), ..TaskLine::default() };
    let run = RemovedRun {
        id: "web-e259db19/1700000000".into(),
        project: odd.clone(),
        run: "1700000000".into(),
        reasons: vec!["older than 30 days".into()],
        tags: vec!["a".into()],
        pin: Some(PinLine { note: Some("n".into()), at: 5, who: "w".into() }),
        manifest: Some("00".repeat(32)),
        tasks: vec![task],
        ..RemovedRun::default()
    };
    let entry = EntryName { project: odd.clone(), entry: odd.clone() };
    let gone = RemovedEntry { project: odd.clone(), entry: odd, size_bytes: 3, disk_bytes: 4096 };
    let runs = vec![name("1700000000"), name("1700000001-2")];
    let thinned = ThinnedRun {
        run: name("1"),
        parts: vec!["logs".into()],
        reasons: vec!["r".into()],
        size_bytes: 1,
        disk_bytes: 2,
        row: None,
    };
    vec![
        Event::Removed(Removed { runs: vec![run], cache: vec![gone], keep_until: Some(9) }),
        Event::Finished(Finished {
            duration_ms: Some(12),
            failed: vec!["x: y".into()],
            failed_total: 1,
            skipped: vec![Skipped { id: "i".into(), reason: "r".into() }],
            skipped_total: 1,
            freed_size_bytes: Some(1),
            interrupted: true,
            ..Finished::default()
        }),
        Event::Pinned(Pinned { runs: runs.clone(), note: Some("why".into()) }),
        Event::Unpinned(Named { runs: runs.clone() }),
        Event::Tagged(Tagged { runs: runs.clone(), added: vec!["a".into()], removed: vec!["b".into()] }),
        Event::Restored(Restored {
            runs: runs.clone(),
            cache: vec![entry.clone()],
            removed_by: Some("o".into()),
            ..Restored::default()
        }),
        Event::Emptied(Emptied { runs, cache: vec![entry], removed_by: Some("o".into()), ..Emptied::default() }),
        Event::Thinned(Thinned { runs: vec![thinned], keep_until: None }),
    ]
}

#[test]
fn every_kind_of_line_reads_back_as_it_was_written() {
    let dir = tempfile::tempdir().unwrap();
    let directory = File::open(dir.path()).unwrap();
    let hook = Hook::default();
    let log = Log { hook: &hook, directory: directory.as_fd(), limit: ROTATE_AT };
    let plan = Heading { plan: Some("plan-1"), ..heading("op") };
    let mut journal = Journal::new(log, &plan);
    for event in events() {
        journal.append(None, &event).unwrap();
    }
    let (lines, problems) = read(dir.path());
    assert_eq!(problems, 0);
    assert_eq!(lines.iter().map(|line| line.event.clone()).collect::<Vec<_>>(), events());
    for (at, line) in lines.iter().enumerate() {
        assert_eq!((line.head.sequence, line.head.operation.as_str()), (at as u64 + 1, "op"));
        assert_eq!(line.head.plan.as_deref(), Some("plan-1"));
        assert_eq!(line.head.at.as_deref(), Some("2025-06-15T15:06:40Z"));
    }
}

#[test]
fn what_the_first_version_wrote_is_read() {
    let removed = r#"{"schema":"otto.audit/1","kind":"removed","operation":"20250101T000000Z-0","sequence":1,"at":null,
        "timestamp":5,"who":"u","command":"c","policy":"p","runs":[{"id":"a-1/7","project":"a-1","run":"7","reasons":["r"],
        "status":"success","status_source":"output","duration_ms":null,"size_bytes":1,"disk_bytes":2,"tags":[],"ottofile":null,
        "cwd":null,"user":null,"args":[],"tasks":[{"name":"t","status":"success","status_source":"output","exit_code":null,
        "started_at":null,"ended_at":null,"duration_ms":null,"size_bytes":1}]}],"cache":[{"project":"a-1","entry":"e.sh",
        "size_bytes":1,"disk_bytes":2}],"failed":[],"freed_size_bytes":null,"freed_disk_bytes":null}"#;
    let line = Line::parse(removed.replace('\n', " ").as_bytes()).unwrap();
    let Event::Removed(removed) = line.event else { panic!("{line:?}") };
    assert_eq!((removed.runs[0].run.as_str(), removed.runs[0].tasks.len(), removed.cache.len()), ("7", 1, 1));
    let finished = r#"{"schema":"otto.audit/1","kind":"finished","operation":"o","sequence":2,"at":null,"timestamp":5,"who":"u",
        "command":"c","policy":"p","runs":[],"cache":[],"failed":["x"],"freed_size_bytes":10,"freed_disk_bytes":20}"#;
    let line = Line::parse(finished.replace('\n', " ").as_bytes()).unwrap();
    assert!(matches!(line.event, Event::Finished(Finished { freed_disk_bytes: Some(20), .. })), "{line:?}");
}

#[test]
fn what_is_no_line_is_a_problem_and_costs_nothing_but_itself() {
    let dir = tempfile::tempdir().unwrap();
    let mut file = File::create(dir.path().join("audit.jsonl")).unwrap();
    let good =
        r#"{"schema":"otto.audit/1","kind":"unpinned","operation":"o","sequence":1,"runs":[],"later":{"a":[1]}}"#;
    let later = r#"{"schema":"otto.audit/9","kind":"archived","operation":"o","sequence":2,"runs":17}"#;
    let bad: [&[u8]; 6] = [
        br#"{"schema":"otto.audit/1","kind":"removed","oper"#,
        b"\xff\xfe garbage",
        br#"{"schema":"someone.else/1","kind":"removed"}"#,
        br#"{"schema":"otto.audit/1","kind":"pinned","runs":"all"}"#,
        b"[]",
        b"null",
    ];
    for line in [good.as_bytes(), b"", b"   ", later.as_bytes()].into_iter().chain(bad).chain([good.as_bytes()]) {
        file.write_all(line).unwrap();
        file.write_all(b"\n").unwrap();
    }
    file.write_all(&vec![b'x'; LONGEST_LINE + 1]).unwrap();
    file.write_all(b"\n").unwrap();
    file.write_all(good.as_bytes()).unwrap();
    file.write_all(b"\n{\"schema\":\"otto.audit/1\",\"kind\":\"rem").unwrap();
    drop(file);
    let (lines, problems) = read(dir.path());
    let kinds: Vec<_> = lines.iter().map(|line| line.event.kind()).collect();
    assert_eq!(kinds, ["unpinned", "unknown", "unpinned", "unpinned"]);
    assert_eq!(problems, bad.len() + 2);
}

#[test]
fn a_torn_line_is_closed_by_the_next_one() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("audit.jsonl"), b"{\"schema\":\"otto.audit/1\",\"kind\":\"pin").unwrap();
    let (directory, hook) = (File::open(dir.path()).unwrap(), Hook::default());
    let log = Log { hook: &hook, directory: directory.as_fd(), limit: ROTATE_AT };
    Journal::new(log, &heading("op")).append(None, &Event::Unpinned(Named::default())).unwrap();
    let (lines, problems) = read(dir.path());
    assert_eq!((lines.len(), problems), (1, 1));
}

#[test]
fn many_runs_are_parted_into_lines_that_can_be_read() {
    let dir = tempfile::tempdir().unwrap();
    let (directory, hook) = (File::open(dir.path()).unwrap(), Hook::default());
    let log = Log { hook: &hook, directory: directory.as_fd(), limit: ROTATE_AT };
    let run = |n: usize, tasks: usize| RemovedRun {
        run: n.to_string(),
        tasks: vec![TaskLine { name: JsonName::new(b"a task"), ..TaskLine::default() }; tasks],
        ..RemovedRun::default()
    };
    let mut runs: Vec<RemovedRun> = (0..300).map(|n| run(n, 50)).collect();
    runs.push(run(300, 100_000));
    Journal::new(log, &heading("op")).removed(None, &runs, &[], None).unwrap();
    let (lines, problems) = read(dir.path());
    assert_eq!(problems, 0);
    let told: Vec<String> = lines
        .iter()
        .flat_map(|line| match &line.event {
            Event::Removed(removed) => removed.runs.iter().map(|run| run.run.clone()).collect(),
            _ => Vec::new(),
        })
        .collect();
    assert_eq!(told, (0..=300).map(|n| n.to_string()).collect::<Vec<_>>());
    assert!(lines.len() > 5, "one line for all of them");
    let sequence: Vec<_> = lines.iter().map(|line| line.head.sequence).collect();
    assert_eq!(sequence, (1..=lines.len() as u64).collect::<Vec<_>>());
    let longest = fs::read(dir.path().join("audit.jsonl")).unwrap().split(|b| *b == b'\n').map(<[u8]>::len).max();
    assert!(longest.unwrap() <= LONGEST_LINE);
}

#[test]
fn a_large_log_is_renamed_and_none_of_it_is_lost() {
    let dir = tempfile::tempdir().unwrap();
    let (directory, hook) = (File::open(dir.path()).unwrap(), Hook::default());
    let log = Log { hook: &hook, directory: directory.as_fd(), limit: 500 };
    let lock = lock(&directory);
    // The clock goes back on the way.
    for (n, now) in [50, 60, 60, 60, 40, 40, 70, 10].into_iter().enumerate() {
        let operation = format!("op-{n}");
        let heading = Heading { now: 1_750_000_000 + now, ..heading(&operation) };
        let mut journal = Journal::new(log, &heading);
        let note = "x".repeat(400);
        journal.append(Some(&lock), &Event::Pinned(Pinned { runs: Vec::new(), note: Some(note) })).unwrap();
    }
    let (lines, problems) = read(dir.path());
    assert_eq!(problems, 0);
    let order: Vec<_> = lines.iter().map(|line| line.head.operation.clone()).collect();
    assert_eq!(order, (0..8).map(|n| format!("op-{n}")).collect::<Vec<_>>(), "in the order in which they were written");
    let files = rotated(directory.as_fd()).unwrap();
    assert_eq!(files.len(), 7, "{files:?}");
    assert!(fs::metadata(dir.path().join("audit.jsonl")).unwrap().len() > 500);
}

#[test]
fn a_rename_replaces_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let (directory, hook) = (File::open(dir.path()).unwrap(), Hook::default());
    let log = Log { hook: &hook, directory: directory.as_fd(), limit: 1 };
    let taken = dir.path().join("audit-20250615T150640Z.jsonl");
    fs::create_dir(&taken).unwrap();
    fs::write(dir.path().join("audit.jsonl"), "old\n").unwrap();
    let name = log.rotate(&lock(&directory), 1_750_000_000).unwrap();
    assert_eq!(name.as_deref(), Some("audit-20250615T150640Z-2.jsonl"));
    assert!(taken.is_dir());
    assert_eq!(fs::read(dir.path().join("audit-20250615T150640Z-2.jsonl")).unwrap(), b"old\n");
}

#[test]
fn a_small_log_stays_as_it_is() {
    let dir = tempfile::tempdir().unwrap();
    let (directory, hook) = (File::open(dir.path()).unwrap(), Hook::default());
    let lock = lock(&directory);
    let log = Log { hook: &hook, directory: directory.as_fd(), limit: 10 };
    assert_eq!(log.rotate(&lock, 0).unwrap(), None);
    fs::write(dir.path().join("audit.jsonl"), "123456789").unwrap();
    assert_eq!(log.rotate(&lock, 0).unwrap(), None);
    fs::write(dir.path().join("audit.jsonl"), "1234567890").unwrap();
    assert!(log.rotate(&lock, 0).unwrap().is_some());
}

#[test]
fn whoever_reads_while_files_are_renamed_misses_nothing_that_was_there() {
    let dir = tempfile::tempdir().unwrap();
    let stop = AtomicBool::new(false);
    let written = std::sync::atomic::AtomicU64::new(0);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let (directory, hook) = (File::open(dir.path()).unwrap(), Hook::default());
            let log = Log { hook: &hook, directory: directory.as_fd(), limit: 300 };
            let lock = lock(&directory);
            let mut journal = Journal::new(log, &heading("op"));
            for n in 1..=400 {
                journal.append(Some(&lock), &Event::Unpinned(Named::default())).unwrap();
                written.store(n, Ordering::SeqCst);
            }
            stop.store(true, Ordering::SeqCst);
        });
        while !stop.load(Ordering::SeqCst) {
            let before = written.load(Ordering::SeqCst);
            let (lines, _) = read(dir.path());
            let sequence: Vec<_> = lines.iter().map(|line| line.head.sequence).collect();
            let whole: Vec<_> = (1..=sequence.len() as u64).collect();
            assert_eq!(sequence, whole, "in order, each once");
            assert!(sequence.len() as u64 >= before, "{} lines of {before}", sequence.len());
        }
    });
    assert_eq!(read(dir.path()).0.len(), 400);
}

#[test]
fn a_line_is_found_again_at_its_place() {
    let dir = tempfile::tempdir().unwrap();
    let (directory, hook) = (File::open(dir.path()).unwrap(), Hook::default());
    let log = Log { hook: &hook, directory: directory.as_fd(), limit: 300 };
    let lock = lock(&directory);
    let mut journal = Journal::new(log, &heading("op"));
    for _ in 0..9 {
        journal.append(Some(&lock), &Event::Unpinned(Named::default())).unwrap();
    }
    let mut reader = Reader::open(directory.as_fd()).unwrap();
    let mut places = Vec::new();
    while let Some((place, line)) = reader.next_line() {
        places.push((place, line));
    }
    assert_eq!(places.len(), 9);
    for (place, line) in places.iter().rev() {
        assert_eq!(reader.line_at(*place).as_ref(), Some(line));
    }
}

#[test]
fn a_pipe_or_a_link_in_the_place_of_the_log_is_an_error_and_never_waited_for() {
    let dir = tempfile::tempdir().unwrap();
    let directory = File::open(dir.path()).unwrap();
    let path = dir.path().join("audit.jsonl");
    std::os::unix::fs::symlink("/etc/hostname", &path).unwrap();
    assert!(Reader::open(directory.as_fd()).is_err());
    fs::remove_file(&path).unwrap();
    rustix::fs::mknodat(
        rustix::fs::CWD,
        &path,
        rustix::fs::FileType::Fifo,
        rustix::fs::Mode::RUSR | rustix::fs::Mode::WUSR,
        0,
    )
    .unwrap();
    assert!(Reader::open(directory.as_fd()).is_err());
}

proptest::proptest! {
    #![proptest_config(crate::cases::cases(200))]

    #[test]
    fn no_bytes_make_the_reader_fail(bytes in proptest::collection::vec(proptest::prelude::any::<u8>(), 0..2000), cut in 0_usize..400) {
        let dir = tempfile::tempdir().unwrap();
        let mut text = bytes;
        for event in events() {
            let head = Head { kind: event.kind().into(), ..Head::begin("op", 5) };
            let line = Line::bytes(&head, &event).unwrap();
            text.extend_from_slice(&line[..line.len().saturating_sub(cut % 7 * 13)]);
            text.push(b'\n');
        }
        fs::write(dir.path().join("audit.jsonl"), text).unwrap();
        read(dir.path());
    }
}

#[test]
fn a_name_that_leads_elsewhere_names_no_project() {
    let named = |bytes: &[u8]| RunName { project: JsonName::new(bytes), run: "1".to_owned() }.project();
    assert!(named(b"web-0011aabb").is_some() && named(b".").is_some());
    for name in [b"../web-0011aabb".as_slice(), b"..", b"/", b".catalog", b"a/otto-x", b"otto-x/../../etc", b""] {
        assert_eq!(named(name), None, "{}", String::from_utf8_lossy(name));
    }
}
