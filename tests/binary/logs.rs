//! Logs: printed, followed, searched.

use super::json::fits;
use super::*;
use std::fs::File;
use std::io::{BufReader, Read as _, Write as _};
use std::os::unix::process::ExitStatusExt as _;
use std::process::Child;
use std::time::{SystemTime, UNIX_EPOCH};

/// What no text holds.
const BYTES: &[u8] = b"one\n\xff\xfe\0two \x1b[2J\x1b]0;owned\x07\r\nlast without end";

/// Two projects: `web` with three runs, the newest of which failed; `api` with one.
fn said() -> (Room, [String; 4]) {
    let room = Room::empty();
    let mut builder = room.builder();
    let mut run = |cwd: &str, days: i64, build: &str, test: TaskSpec| {
        let build = TaskSpec::ok("build").stdout(build).stderr("");
        let path = builder.run(RunSpec::new(Era::J, cwd, began(days)).task(build).task(test)).unwrap();
        crate::support::id_of(&path)
    };
    let ok = |said: &str| TaskSpec::ok("test").stdout(said).stderr("");
    let ids = [
        run("/home/dev/web", 30, "building\nwarning: old\n", ok("ok 1\nok 2\n")),
        run("/home/dev/web", 2, "building\nwarning: new\n", ok("ok 1\n")),
        run("/home/dev/api", 3, "building\nWARNING: loud\n", ok("")),
        run(
            "/home/dev/web",
            1,
            "building\n",
            TaskSpec::failed("test", 3).stdout("ok 1\n").stderr("Error: boom\n  at x\n"),
        ),
    ];
    (room, ids)
}

fn raw(room: &Room, arguments: &[&str]) -> Vec<u8> {
    let output = room.command(arguments).output().unwrap();
    assert_eq!((output.status.code(), output.stderr.as_slice()), (Some(0), &b""[..]), "{output:?}");
    output.stdout
}

#[test]
fn one_log_goes_into_a_pipe_byte_for_byte() {
    let (room, ids) = said();
    let log = room.store.join(&ids[3]).join("tasks/build/stdout.log");
    fs::write(&log, BYTES).unwrap();
    assert_eq!(raw(&room, &["logs", &ids[3], "build", "--stdout"]), BYTES);
    assert_eq!(raw(&room, &["logs", "web:latest", "test", "--stderr"]), b"Error: boom\n  at x\n");
    fs::write(&log, vec![b'x'; 3_000_000]).unwrap();
    assert_eq!(raw(&room, &["logs", &ids[3], "build", "--stdout"]).len(), 3_000_000);
}

#[test]
fn several_logs_stand_below_their_names_and_empty_ones_are_left_out() {
    let (room, ids) = said();
    let text = room.otto_with(&["logs", &ids[3]]).done();
    let build = "==> build stdout <==\nbuilding\n\n";
    let test = "==> test stdout <==\nok 1\n\n==> test stderr <==\nError: boom\n  at x\n";
    assert_eq!(text, format!("{build}{test}"));
    assert_eq!(room.otto_with(&["logs", &ids[3], "test"]).done(), test);
    assert_eq!(room.otto_with(&["logs", &ids[3], "--stderr"]).done(), "==> test stderr <==\nError: boom\n  at x\n");
    assert_eq!(room.otto_with(&["logs", &ids[0], "--stderr"]).done(), "");
    // A last line without an end is ended where another log follows.
    fs::write(room.store.join(&ids[3]).join("tasks/build/stdout.log"), "no end").unwrap();
    assert_eq!(room.otto_with(&["logs", &ids[3]]).done(), format!("==> build stdout <==\nno end\n\n{test}"));
}

#[test]
fn why_it_failed_is_found_without_reading_what_did_not() {
    let (room, ids) = said();
    let test = "==> test stdout <==\nok 1\n\n==> test stderr <==\nError: boom\n  at x\n";
    assert_eq!(room.otto_with(&["logs", &ids[3], "--failed"]).done(), test);
    assert_eq!(room.otto_with(&["logs", &ids[3], "--failed", "--stderr"]).done(), "Error: boom\n  at x\n");
    let none = room.otto_with(&["logs", &ids[0], "--failed"]).code(0);
    assert_eq!((none.stdout.as_str(), none.stderr.as_str()), ("", "no task failed\n"));
    let hits = room.otto("logs --grep . --failed").done();
    let of_test = |line: &str| line.starts_with(&format!("{} test ", ids[3]));
    assert!(hits.lines().count() == 3 && hits.lines().all(of_test), "{hits}");
    assert_eq!(room.otto_with(&["logs", &ids[3], "--grep", "building", "--failed"]).code(0).stdout, "");
    room.otto("logs latest --failed --follow").refused(2, &["--failed"]);
}

#[test]
fn info_ends_each_failed_task_with_its_last_words() {
    let (room, ids) = said();
    let info = room.otto_with(&["info", &ids[3]]).done();
    assert!(info.contains("    \u{2502} Error: boom\n    \u{2502}   at x\n"), "{info}");
    assert!(!info.contains("\u{2502} ok 1") && !info.contains("\u{2502} building"), "{info}");
    // No more than a few lines, and nothing that a terminal would obey.
    let test = room.store.join(&ids[3]).join("tasks/test");
    let long: Vec<u8> = (1..=9).flat_map(|n| format!("line {n} \x1b[2J{}\n", "x".repeat(5_000)).into_bytes()).collect();
    fs::write(test.join("stderr.log"), [&long[..], b"line 10\nthe end\x1b]0;owned\x07\n\n"].concat()).unwrap();
    let info = room.otto_with(&["info", &ids[3]]).done();
    let words: Vec<&str> = info.lines().filter(|line| line.starts_with("    \u{2502}")).collect();
    assert_eq!(
        words[words.len() - 2..],
        ["    \u{2502} line 10", "    \u{2502} the end\\u{1b}]0;owned\\u{7}"],
        "{info}"
    );
    assert!(words.len() <= 5 && words.concat().len() < 5_000 && !info.contains('\u{1b}'), "{info}");
    // What it wrote on standard output, where it said nothing else; nothing, where a log is no file.
    fs::write(test.join("stderr.log"), "\n").unwrap();
    assert!(room.otto_with(&["info", &ids[3]]).done().contains("\u{2502} ok 1\n"));
    for log in ["stderr.log", "stdout.log"] {
        fs::remove_file(test.join(log)).unwrap();
        std::os::unix::fs::symlink(room.store.join(&ids[0]).join("tasks/build/stdout.log"), test.join(log)).unwrap();
    }
    assert!(!room.otto_with(&["info", &ids[3]]).done().contains('\u{2502}'));
}

#[test]
fn a_task_is_named_in_either_way() {
    let (room, _) = Room::shop();
    let by_word = room.otto("logs latest test --stdout").done();
    assert!(!by_word.is_empty());
    assert_eq!(room.otto("logs latest --task test --stdout").done(), by_word);
    assert_eq!(room.otto("logs latest --grep . --task test").done(), room.otto("logs latest test --grep .").done());
    room.otto("logs latest test --task build").refused(2, &["--task"]);
    room.otto("logs --task test").refused(2, &["RUN"]);
    room.otto("logs latest --task nothing").refused(2, &["nothing"]);
}

#[test]
fn the_tail_is_that_of_each_log() {
    let (room, ids) = said();
    let tail = |n: &str| room.otto_with(&["logs", &ids[0], "--tail", n]).done();
    assert_eq!(tail("1"), "==> build stdout <==\nwarning: old\n\n==> test stdout <==\nok 2\n");
    assert_eq!(tail("0"), "");
    assert_eq!(tail("99"), room.otto_with(&["logs", &ids[0]]).done());
    room.otto("logs latest --tail -1").refused(2, &["`-1` is not a whole number of lines"]);
}

#[test]
fn a_terminal_is_shown_what_it_must_not_obey() {
    let (room, ids) = said();
    let log = room.store.join(&ids[3]).join("tasks/build/stdout.log");
    fs::write(&log, [BYTES, b"\n\x1b[1;31mred\x1b[0m\n"].concat()).unwrap();
    let shown = |arguments: &[&str]| room.on_screen(arguments);
    let log = shown(&["logs", &ids[3], "build", "--stdout", "--color", "never"]);
    assert!(
        log.contains("one\n\\xff\\xfe\\u{0}two \\u{1b}[2J\\u{1b}]0;owned\\u{7}\nlast without end\nred\n"),
        "{log:?}"
    );
    assert!(!log.contains('\u{1b}') && !log.contains('\u{7}'), "{log:?}");
    let hit = shown(&["logs", "--grep", "two", "--color", "never"]);
    assert!(hit.contains("build stdout:2: \\xff\\xfe\\u{0}two \\u{1b}[2J"), "{hit:?}");
    assert!(!hit.contains('\u{1b}'), "{hit:?}");
    let coloured = shown(&["logs", "--grep", "two"]);
    assert!(coloured.contains("\u{1b}[31mtwo\u{1b}[0m \\u{1b}[2J"), "{coloured:?}");
}

#[test]
fn words_are_found_newest_run_first_after_run_task_and_line() {
    let (room, ids) = said();
    let [old, new, api, bad] = &ids;
    let grep = |line: &str| room.otto(&format!("logs --grep {line}")).done();
    assert_eq!(
        grep("(?i)warning"),
        format!(
            "{new} build stdout:2: warning: new\n{api} build stdout:2: WARNING: loud\n{old} build stdout:2: warning: old\n"
        )
    );
    assert_eq!(grep("^warning --newer-than 7d"), format!("{new} build stdout:2: warning: new\n"));
    assert_eq!(grep("building --project api"), format!("{api} build stdout:1: building\n"));
    assert_eq!(grep("ok.1$ --status failed"), format!("{bad} test stdout:1: ok 1\n"));
    assert_eq!(grep("o --task test --stderr"), format!("{bad} test stderr:1: Error: boom\n"));
    assert_eq!(grep("ok --limit 2"), format!("{bad} test stdout:1: ok 1\n{new} test stdout:1: ok 1\n"));
    assert_eq!(room.otto_with(&["logs", old, "--grep", "ok"]).done().lines().count(), 2);
    assert_eq!(room.otto_with(&["logs", old, "build", "--grep", "ok"]).code(0).stdout, "");
    let none = room.otto("logs --grep nowhere").code(0);
    assert_eq!((none.stdout.as_str(), none.stderr.as_str()), ("", "no line matches\n"));
    let empty = Room::empty().otto("logs --grep x").code(0);
    assert_eq!((empty.stdout.as_str(), empty.stderr.as_str()), ("", "no line matches\n"));
}

#[test]
fn matching_lines_are_bytes_in_a_pipe_and_base64_in_json() {
    let (room, ids) = said();
    fs::write(room.store.join(&ids[3]).join("tasks/build/stdout.log"), BYTES).unwrap();
    // An ended run was read when its logs were otherwise; a search reads what is there.
    let hit = raw(&room, &["logs", "--grep", "two"]);
    let line = BYTES.split(|byte| *byte == b'\n').nth(1).unwrap();
    assert_eq!(hit, [format!("{} build stdout:2: ", ids[3]).as_bytes(), line, b"\n"].concat());
    let json = room.otto("logs --grep two|WARNING --json").json();
    fits("otto.logs/1", &json);
    assert_eq!(json["pattern"], "two|WARNING");
    let hits = json["hits"].as_array().unwrap();
    assert_eq!((&hits[0]["id"], &hits[0]["line"], &hits[0]["cut"]), (&(*ids[3]).into(), &2.into(), &false.into()));
    assert!(hits[0]["text_base64"].is_string() && hits[1].get("text_base64").is_none(), "{json:#}");
    let nothing = room.otto("logs --grep nowhere --json").json();
    fits("otto.logs/1", &nothing);
    assert_eq!(nothing["hits"], Value::Array(Vec::new()));
}

#[test]
fn a_search_finds_what_grep_finds() {
    let room = Room::mixed(60);
    let found = room.otto("logs --grep warning|error").done();
    let mut expected = Vec::new();
    for id in room.listed() {
        let tasks = room.store.join(id.trim_start_matches("./")).join("tasks");
        for task in crate::support::names_in(&tasks) {
            for stream in ["stdout", "stderr"] {
                let Ok(log) = fs::read_to_string(tasks.join(&task).join(format!("{stream}.log"))) else { continue };
                for (number, line) in log.lines().enumerate() {
                    if line.contains("warning") || line.contains("error") {
                        expected.push(format!("{id} {task} {stream}:{}: {line}", number + 1));
                    }
                }
            }
        }
    }
    let mut found: Vec<&str> = found.lines().collect();
    found.sort_unstable();
    expected.sort();
    assert!(expected.len() > 5, "{expected:?}");
    assert_eq!(found, expected);
}

#[test]
fn what_is_no_log_is_neither_opened_nor_followed() {
    let (room, ids) = said();
    let task = room.store.join(&ids[3]).join("tasks/test");
    let secret = room.path("secret");
    fs::write(&secret, "secret words\n").unwrap();
    for name in ["stdout.log", "stderr.log"] {
        fs::remove_file(task.join(name)).unwrap();
    }
    std::os::unix::fs::symlink(&secret, task.join("stdout.log")).unwrap();
    let fifo = rustix::fs::FileType::Fifo;
    rustix::fs::mknodat(rustix::fs::CWD, task.join("stderr.log"), fifo, rustix::fs::Mode::RWXU, 0).unwrap();
    room.otto("index --full").code(0);
    let shown = room.otto_with(&["logs", &ids[3], "test"]).code(0);
    assert_eq!((shown.stdout.as_str(), shown.stderr.as_str()), ("", "no logs\n"));
    assert_eq!(room.otto("logs --grep secret").code(0).stdout, "");
    assert_eq!(room.otto_with(&["logs", &ids[3], "--follow"]).code(0).stdout, "==> build stdout <==\nbuilding\n");
}

#[test]
fn what_cannot_be_meant_is_refused() {
    let (room, ids) = said();
    room.otto("logs").refused(2, &["<RUN>"]);
    room.otto("logs latest tset").refused(2, &["has no task `tset`", "`test`"]);
    room.otto("logs latest zzzzzz").refused(2, &["its tasks: `build`, `test`"]);
    room.otto("logs nothing").refused(2, &["no run `nothing`"]);
    room.otto("logs --grep (").refused(2, &["no regular expression", "unclosed group"]);
    room.otto("logs --grep ( --json").refused(2, &["otto.error/1", "unclosed group"]);
    room.otto("logs latest --stdout --stderr").refused(2, &["--stdout", "--stderr"]);
    room.otto("logs latest --status failed").refused(2, &["--status"]);
    room.otto("logs latest --limit 3").refused(2, &["--grep"]);
    room.otto("logs latest --json").refused(2, &["otto.error/1", "--json is for what lists"]);
    room.otto("logs --grep x --follow").refused(2, &["--follow"]);
    room.otto("logs latest --grep x --project web").refused(2, &["--project"]);
    room.otto("logs --grep x --project wbe").refused(2, &["`web`"]);
    room.otto("clean --keep 20 --yes").code(0);
    room.otto_with(&["logs", &ids[0]]).refused(2, &["not there any more", "removed"]);
}

#[test]
fn a_closed_pipe_ends_a_search_silently() {
    let room = Room::mixed(80);
    let ran = room
        .shell("otto logs --grep . | head -n 1; otto logs latest | head -c 5; otto logs --grep . --json | head -c 5");
    assert_eq!((ran.code, ran.stderr.as_str()), (0, ""), "{ran:#?}");
}

/// A run at work: its lock is held, its task has no end.
struct AtWork {
    room: Room,
    id: String,
    log: PathBuf,
    lock: File,
}

impl AtWork {
    fn new() -> Self {
        let mut room = Room::empty();
        room.now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs() as i64;
        let mut builder = room.builder();
        let killed = TaskSpec::killed("serve").stdout("first\n");
        let path = builder.run(RunSpec::new(Era::L, "/home/dev/web", room.now - HOUR).task(killed)).unwrap();
        let lock = File::open(path.join(".lock")).unwrap();
        lock.lock().unwrap();
        Self { id: crate::support::id_of(&path), log: path.join("tasks/serve/stdout.log"), lock, room }
    }

    fn follow(&self, arguments: &[&str]) -> Child {
        let arguments = [&["logs", self.id.as_str(), "--follow"], arguments].concat();
        let mut command = self.room.command(&arguments);
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        command.spawn().unwrap()
    }

    fn write(&self, text: &str) {
        File::options().append(true).open(&self.log).unwrap().write_all(text.as_bytes()).unwrap();
    }
}

/// The next line that a program prints.
fn next(lines: &mut impl std::io::BufRead) -> String {
    let mut line = String::new();
    lines.read_line(&mut line).unwrap();
    line
}

#[test]
fn following_prints_what_is_written_and_ends_with_the_run() {
    let at_work = AtWork::new();
    let mut child = at_work.follow(&["serve", "--stdout"]);
    let mut lines = BufReader::new(child.stdout.take().unwrap());
    assert_eq!(next(&mut lines), "first\n");
    at_work.write("second\n");
    assert_eq!(next(&mut lines), "second\n");
    at_work.write("half a ");
    std::thread::sleep(Duration::from_millis(300));
    at_work.write("line\n");
    assert_eq!(next(&mut lines), "half a line\n");
    // A second log of another task that begins meanwhile is none of its business; the end is.
    at_work.write("last\n");
    at_work.lock.unlock().unwrap();
    // A lock that is free says that the run has ended.
    let mut rest = String::new();
    lines.read_to_string(&mut rest).unwrap();
    assert_eq!(rest, "last\n");
    assert_eq!(child.wait().unwrap().code(), Some(0));
}

#[test]
fn following_a_run_shows_tasks_that_begin_meanwhile() {
    let at_work = AtWork::new();
    at_work.write("second\n");
    let mut child = at_work.follow(&["--tail", "1"]);
    let mut lines = BufReader::new(child.stdout.take().unwrap());
    assert_eq!([next(&mut lines), next(&mut lines)], ["==> serve stdout <==\n", "second\n"]);
    let task = at_work.log.parent().unwrap().with_file_name("lint");
    fs::create_dir(&task).unwrap();
    fs::write(task.join("stderr.log"), "begun\n").unwrap();
    assert_eq!([next(&mut lines), next(&mut lines), next(&mut lines)], ["\n", "==> lint stderr <==\n", "begun\n"]);
    at_work.lock.unlock().unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(0));
}

#[test]
fn an_interrupt_ends_following_with_130() {
    let at_work = AtWork::new();
    let mut child = at_work.follow(&[]);
    let mut lines = BufReader::new(child.stdout.take().unwrap());
    assert_eq!([next(&mut lines), next(&mut lines)], ["==> serve stdout <==\n", "first\n"]);
    let pid = rustix::process::Pid::from_child(&child);
    rustix::process::kill_process(pid, rustix::process::Signal::INT).unwrap();
    let ended = child.wait_with_output().unwrap();
    assert_eq!((ended.status.code(), ended.status.signal()), (Some(130), None), "{ended:?}");
    assert_eq!(ended.stderr, b"");
}

#[test]
fn following_a_run_that_has_ended_prints_it() {
    let (room, ids) = said();
    let all = room.otto_with(&["logs", &ids[0]]).done();
    assert_eq!(room.otto_with(&["logs", &ids[0], "-f"]).done(), all);
    assert_eq!(room.otto_with(&["logs", &ids[0], "build", "--stdout", "-f", "--tail", "1"]).done(), "warning: old\n");
}
