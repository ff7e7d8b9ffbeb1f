//! Rows for programs: every format of every listing says what its JSON says, whatever the names hold; and ids travel from
//! one command to the next.

use super::*;
use serde_json::json;

/// A listing, and the key below which its JSON document has the rows.
const LISTINGS: [(&str, &str); 9] = [
    ("list", ""),
    ("history", "runs"),
    ("history test", "runs"),
    ("stats", "tasks"),
    ("usage", "projects"),
    ("audit", "operations"),
    ("audit --summary", "weeks"),
    ("info latest", "tasks"),
    ("compare web:latest-1 web:latest", "tasks"),
];

/// A store with some history: a clean into the trash, a pin, tags.
fn used() -> (Room, Shop) {
    let (room, shop) = Room::shop();
    room.otto("clean --keep 30 --trash --cache --yes").code(0);
    room.otto("tag latest +release +look").code(0);
    room.otto_with(&["pin", "latest", "--note", "=cmd()"]).code(0);
    (room, shop)
}

fn rows(document: &Value, key: &str) -> Vec<Value> {
    let rows = if key.is_empty() { document } else { &document[key] };
    rows.as_array().unwrap().clone()
}

/// A value of a row, as a cell without any escapes has it.
fn cell(row: &Value, field: &str) -> String {
    match field.split('.').try_fold(row, |value, key| value.get(key)).unwrap_or(&Value::Null) {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

/// Reads CSV back: the head, and the rows without their defusing.
#[track_caller]
fn read_csv(text: &str) -> (Vec<String>, Vec<Vec<String>>) {
    assert!(text.ends_with("\r\n"), "{text:?}");
    let mut reader = csv::ReaderBuilder::new().from_reader(text.as_bytes());
    let head = reader.headers().unwrap().iter().map(str::to_owned).collect();
    let plain = |cell: &str| cell.strip_prefix('\'').unwrap_or(cell).to_owned();
    let rows = reader.records().map(|row| row.unwrap().iter().map(plain).collect()).collect();
    (head, rows)
}

/// Undoes the escapes of TSV.
fn unescaped(cell: &str) -> String {
    let mut text = String::new();
    let mut rest = cell.chars();
    while let Some(c) = rest.next() {
        match (c, if c == '\\' { rest.next() } else { None }) {
            ('\\', Some('t')) => text.push('\t'),
            ('\\', Some('n')) => text.push('\n'),
            ('\\', Some('r')) => text.push('\r'),
            ('\\', Some('\\')) => text.push('\\'),
            ('\\', Some('u')) => {
                let code: String = rest.by_ref().take(4).collect();
                text.push(char::from_u32(u32::from_str_radix(&code, 16).unwrap()).unwrap());
            }
            ('\\', other) => panic!("an escape that is not documented: {other:?} in {cell}"),
            (c, _) => text.push(c),
        }
    }
    text
}

#[track_caller]
fn says_the_same(room: &Room, line: &str, expected: &[Value]) {
    let words = |format: &str| -> Vec<String> {
        line.split(' ').map(str::to_owned).chain(["--format".to_owned(), format.to_owned()]).collect()
    };
    let run = |format: &str| {
        let words = words(format);
        room.otto_with(&words.iter().map(String::as_str).collect::<Vec<_>>()).done()
    };
    let lines: Vec<Value> = run("ndjson").lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines, expected, "{line}");
    let (head, found) = read_csv(&run("csv"));
    assert!(!head.is_empty() && found.len() == expected.len(), "{line}: {found:#?}");
    for (found, row) in found.iter().zip(expected) {
        let cells: Vec<String> = head.iter().map(|field| cell(row, field)).collect();
        assert_eq!(*found, cells, "{line}");
    }
    let text = run("tsv");
    let mut lines = text.strip_suffix('\n').unwrap().split('\n');
    assert_eq!(lines.next().unwrap().split('\t').collect::<Vec<_>>(), head, "{line}");
    let found: Vec<Vec<String>> = lines.map(|line| line.split('\t').map(unescaped).collect()).collect();
    assert_eq!(found.len(), expected.len(), "{line}: {text}");
    for (found, row) in found.iter().zip(expected) {
        let cells: Vec<String> = head.iter().map(|field| cell(row, field)).collect();
        assert_eq!(*found, cells, "{line}");
    }
    let chosen = format!("{},{}", head[1], head[0]);
    let fields = format!("{line} --fields {chosen} --format");
    let objects = room.otto(&format!("{fields} json")).json();
    let wanted: Vec<Value> = expected
        .iter()
        .map(|row| {
            let value = |field: &str| field.split('.').try_fold(row, |v, key| v.get(key)).cloned().unwrap_or_default();
            json!({ head[1].as_str(): value(&head[1]), head[0].as_str(): value(&head[0]) })
        })
        .collect();
    assert_eq!(objects, Value::Array(wanted), "{line}");
    assert!(room.otto(&format!("{fields} csv")).done().starts_with(&format!("{chosen}\r\n")), "{line}");
}

#[test]
fn every_format_of_a_listing_says_what_its_json_says() {
    let (room, _) = used();
    for (line, key) in LISTINGS {
        let document = room.otto(&format!("{line} --format json")).json();
        assert_eq!(document, room.otto(&format!("{line} --json")).json(), "{line}");
        let expected = rows(&document, key);
        assert!(!expected.is_empty(), "{line}");
        says_the_same(&room, line, &expected);
    }
    room.otto("export --older-than 0 --output all.tar.zst").code(0);
    let archived = room.otto("export --list all.tar.zst --json").json()["runs"].as_array().unwrap().clone();
    assert!(!archived.is_empty());
    says_the_same(&room, "export --list all.tar.zst", &archived);
    // What is here already is said again and again.
    let items = room.otto("import all.tar.zst --json").json()["items"].as_array().unwrap().clone();
    assert_eq!((items.len(), &items[0]["outcome"]), (archived.len(), &json!("already")));
    says_the_same(&room, "import all.tar.zst", &items);
    let hits = room.otto_with(&["logs", "--grep", "o", "--json"]).json()["hits"].as_array().unwrap().clone();
    assert!(!hits.is_empty());
    says_the_same(&room, "logs --grep o", &hits);
}

#[test]
fn names_with_anything_in_them_come_back_from_every_format() {
    let room = Room::empty();
    let mut builder = room.builder();
    for (days, cwd) in [(3, "/home/dev/=1+2"), (2, "/home/dev/a,\"b\"\n\tc\\d\r\u{1b}[31m"), (1, "/home/dev/'x\u{9b}y")]
    {
        builder.run(run(cwd, days, false).task(TaskSpec::ok("-t,\"\n"))).unwrap();
    }
    let list = room.otto("list --json").json();
    assert_eq!(list.as_array().unwrap().len(), 3);
    says_the_same(&room, "list", list.as_array().unwrap());
    let stats = room.otto("stats --json").json();
    says_the_same(&room, "stats", stats["tasks"].as_array().unwrap());
    let csv = room.otto("list --format csv --fields project_name").done();
    assert!(csv.contains("'=1+2\r\n"), "a spreadsheet takes it for a formula: {csv:?}");
}

#[test]
fn the_trash_and_what_a_check_found_are_listed_row_by_row() {
    let (room, shop) = used();
    let trash = room.otto("trash list --json").json();
    let all: Vec<Value> = ["runs", "cache"].iter().flat_map(|key| rows(&trash["operations"][0], key)).collect();
    let lines = room.otto("trash list --format ndjson").done();
    let lines: Vec<Value> = lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines.len(), all.len());
    for row in &lines {
        assert_eq!(row["operation"], trash["operations"][0]["operation"]);
        let same = |item: &&Value| {
            item["id"] == row["id"] && item["entry"] == row["entry"] && item["project"] == row["project"]
        };
        let item = all.iter().find(same).unwrap_or_else(|| panic!("{row:#}"));
        assert_eq!((&item["disk_bytes"], &item["state"]), (&row["disk_bytes"], &row["state"]));
    }
    says_the_same(&room, "trash list", &lines);
    let script = own_script(&room, &shop.web, 1);
    room.otto("list").code(0);
    fs::remove_file(&script).unwrap();
    let ran = room.otto("check --format csv --fields kind,severity,path,what");
    let (head, found) = read_csv(&ran.stdout);
    assert_eq!(head, ["kind", "severity", "path", "what"]);
    let document: Value = serde_json::from_str(&room.otto("check --json").stdout).unwrap();
    let expected = rows(&document, "findings");
    assert!(!expected.is_empty() && found.len() == expected.len(), "{found:?}");
    for (found, row) in found.iter().zip(&expected) {
        assert_eq!(*found, head.iter().map(|field| cell(row, field)).collect::<Vec<_>>());
    }
}

#[test]
fn a_field_that_is_not_there_is_refused_with_those_that_are() {
    let room = Room::empty();
    for line in [
        "list",
        "history",
        "stats",
        "usage",
        "audit",
        "audit --summary",
        "trash list",
        "check",
        "info 1",
        "logs --grep x",
    ] {
        let ran =
            room.otto(&format!("{line} --fields colour")).refused(2, &["no field `colour`", "hint: ", "fields are: "]);
        assert!(ran.stderr.lines().count() == 2, "{ran:#?}");
    }
    room.otto("list --fields id,stauts").refused(2, &["no field `stauts`", "did you mean `status`", "disk_bytes"]);
    room.otto("list --fields id,id").refused(2, &["`id` is named twice"]);
    room.otto("list --fields disk_bytes, --format csv").refused(2, &["no field ``"]);
    room.otto("list --json --format csv").refused(2, &["--json", "--format"]);
    room.otto("list -q --json").refused(2, &["--quiet", "--json"]);
    room.otto("list --format yaml").refused(2, &["yaml", "ndjson"]);
    room.otto("logs latest --format csv").refused(2, &["--format is for what lists"]);
    for flags in
        ["--format json --fields x", "--format=ndjson --fields x", "--json --limit x", "--format json --limit x"]
    {
        let ran = room.otto(&format!("list {flags}")).refused(2, &[]);
        let error: Value = serde_json::from_str(&ran.stderr).unwrap_or_else(|e| panic!("{flags}: {e}: {ran:#?}"));
        json::fits("otto.error/1", &error);
    }
    assert!(!room.store.exists(), "a refusal made a store");
}

#[test]
fn an_empty_listing_has_its_head_and_no_rows() {
    let room = Room::empty();
    assert_eq!(room.otto("list --format csv --fields id,status").done(), "id,status\r\n");
    assert_eq!(room.otto("list --format tsv --fields id,status").done(), "id\tstatus\n");
    assert_eq!(room.otto("list --format ndjson").done(), "");
    assert_eq!(room.otto("list --format json --fields id").done(), "[]\n");
    assert_eq!(room.otto("list -q").code(0).stdout, "");
}

#[test]
fn chosen_columns_make_a_table_for_people() {
    let (room, shop) = Room::shop();
    let text = room.otto("list --fields id,status,started_at --limit 2").done();
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines[0].split_whitespace().collect::<Vec<_>>(), ["ID", "STATUS", "STARTED"]);
    let words: Vec<_> = lines[2].split_whitespace().collect();
    assert_eq!(words, [shop.web(1).as_str(), "success", "1", "day", "ago"], "{text}");
    let exact = room.otto("list --fields id,status,started_at --limit 2 -v").done();
    assert!(exact.contains("2025-06-14 14:06:40"), "{exact}");
}

#[test]
fn ids_travel_from_one_command_to_the_next() {
    let (room, shop) = Room::shop();
    let failed = [shop.web(20), shop.api(35), shop.web(50)];
    assert_eq!(room.otto("list --status failed -q").done().lines().collect::<Vec<_>>(), failed);
    room.shell("otto list --status failed -q | otto pin -").code(0);
    assert_eq!(room.otto("list --pinned --quiet").done().lines().collect::<Vec<_>>(), failed);
    room.shell("otto list --pinned -q | otto tag - +kept").code(0);
    room.shell("otto list --tag kept -q | otto unpin -").code(0);
    assert_eq!(room.otto("list --pinned -q").code(0).stdout, "");
    let newest = shop.web(1);
    for line in ["info -", "why -", "logs -", "logs - --grep o", "info - --json"] {
        let ran = room.shell(&format!("otto list --limit 1 -q | otto {line}")).code(0);
        assert!(!ran.stdout.is_empty() || line.contains("--grep"), "{line}");
        room.shell(&format!("otto list --limit 2 -q | otto {line}")).refused(2, &["names 2 runs"]);
        room.shell(&format!("otto list --limit 0 -q | otto {line}")).code(2).complains(&["names no run"]);
    }
    assert!(room.shell("otto list --limit 1 -q | otto info -").stdout.contains(&newest));
    room.shell("otto list --limit 2 -q | otto compare -").code(0).says(&[&newest, &shop.api(5)]);
    room.shell("otto list --limit 1 -q | otto compare latest-1 -").code(0).says(&[&newest, &shop.api(5)]);
    room.otto("compare latest").refused(2, &["two runs are compared, and 1 named"]);
    let mut with_hits = ids(&room.otto("logs --grep o --json").json()["hits"]);
    with_hits.dedup();
    assert_eq!(room.otto("logs --grep o -q").done().lines().collect::<Vec<_>>(), with_hits, "each run once");
    room.shell("otto list --older-than 60 -q | otto clean --run - --trash --yes").code(0);
    assert_eq!(room.otto("trash list -q").done().lines().count(), 2);
    room.shell("otto trash list -q | otto trash restore -").code(0);
    assert_eq!(room.listed().len(), 9);
    assert_eq!(room.otto("history -q").done().lines().count(), 9);
}

#[test]
fn an_id_that_would_break_its_line_is_left_out_and_that_is_said() {
    let room = Room::empty();
    room.builder().run(run("/home/dev/red\nweb", 40, false)).unwrap();
    room.builder().run(run("/home/dev/ blank ", 30, false)).unwrap();
    let ran = room.otto("list -q").code(3).complains(&["1 left out", "--json"]);
    assert_eq!(ran.stdout.lines().count(), 1, "{ran:#?}");
    room.shell("otto list -q 2>/dev/null | otto pin -").code(0);
    assert_eq!(ids(&room.otto("list --pinned --json").json()), [ran.stdout.trim_end_matches('\n')]);
}

#[test]
fn list_is_sorted_by_what_was_asked_for() {
    let (room, shop) = Room::shop();
    let listed = |line: &str| ids(&room.otto(&format!("list --json {line}")).json());
    let newest_first = listed("");
    let mut oldest_first = newest_first.clone();
    oldest_first.reverse();
    assert_eq!(listed("--sort time"), newest_first);
    assert_eq!(listed("--reverse"), oldest_first);
    assert_eq!(listed("--reverse --limit 2"), [shop.api(90), shop.web(70)]);
    assert_eq!(listed("--reverse --limit 2 --project web"), [shop.web(70), shop.web(50)]);
    fs::write(room.store.join(shop.web(70)).join("tasks/build/large.bin"), vec![1; 300_000]).unwrap();
    room.otto("index --full").code(0);
    assert_eq!(listed("--sort size --limit 1"), [shop.web(70)]);
    assert_eq!(listed("--sort size --reverse").last(), Some(&shop.web(70)));
    assert_eq!(listed("--sort failed --limit 3"), [shop.web(20), shop.api(35), shop.web(50)]);
    assert_eq!(listed("--sort project --limit 3 --status success"), [shop.api(5), shop.api(90), shop.web(1)]);
    let mut sorted = listed("--sort duration --older-than 45");
    sorted.sort();
    assert_eq!(sorted.len(), 3);
    room.otto("list --sort colour").refused(2, &["colour", "size", "duration"]);
}
