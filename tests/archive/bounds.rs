//! Archives that state, or hold, more than anybody wrote: refused, in little time and memory.

use super::raw::{Raw, compressed, sealed, tar};
use super::*;
use std::fs;
use std::process::Command;

/// Memory that a command may take here, in KiB: several times what it takes.
const MOST: u64 = 1_500_000;

/// Members, or tasks, of which a manifest may have as many.
const MANY: usize = 100_000;

/// A manifest with that text in the place of its runs.
fn manifest(runs: &str) -> String {
    format!(r#"{{"schema":"otto.archive/1","store_id":"x","size_bytes":0,"entries":[],"runs":[{runs}]}}"#)
}

/// A run with these members beside its directory, and these tasks.
fn run(members: &str, tasks: &str) -> String {
    let root = r#"{"path":"","mode":448,"mtime_ns":0,"kind":"directory"}"#;
    let row = format!(r#"{{"project":"web-12345678","run":"1700000000","status":"success","tasks":[{tasks}]}}"#);
    format!(r#"{{"row":{row},"members":[{root}{members}]}}"#)
}

/// What a command says of an archive with that manifest, as if memory were short; it must not be that it has none left.
#[track_caller]
fn said_of(text: &str, members: &[Raw], word: &str, what: &str) {
    said_within(MOST, &sealed(compressed(&tar(text.as_bytes(), members))), word, what);
}

#[track_caller]
fn said_within(most: u64, bytes: &[u8], word: &str, what: &str) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("bad.tar.zst");
    fs::write(&path, bytes).unwrap();
    fs::create_dir(dir.path().join("store")).unwrap();
    let line = format!("ulimit -v {most}; exec \"$0\" --home \"$1\" import \"$2\"");
    let binary = env!("CARGO_BIN_EXE_otto");
    let mut command = Command::new("sh");
    command.args(["-c", &line, binary]).arg(dir.path().join("store")).arg(&path);
    let out = command.output().unwrap();
    let stderr = String::from_utf8_lossy(&out.stderr);
    assert!(matches!(out.status.code(), Some(1 | 5)), "{what}: {:?} {stderr}", out.status);
    assert!(stderr.len() < 1000, "{what}: {} bytes of error", stderr.len());
    assert!(stderr.contains(word), "{what}: {stderr}");
    let there = names_in(&dir.path().join("store"));
    assert!(there.iter().all(|name| name == ".catalog"), "{what}: {there:?}");
    assert!(!dir.path().join("store/.catalog/import").exists(), "{what}: a leftover");
}

fn many(count: usize, one: impl Fn(usize) -> String) -> String {
    let mut text = String::new();
    for n in 0..count {
        text.push(',');
        text.push_str(&one(n));
    }
    text
}

#[test]
fn a_manifest_of_many_members_takes_memory_by_its_length_alone() {
    let directory = |n: usize| format!(r#"{{"path":"{n}","mode":448,"mtime_ns":0,"kind":"directory"}}"#);
    said_of(&manifest(&run(&many(MANY, directory), "")), &[], "is missing", "members");
    let nested =
        |n: usize| format!(r#"{{"path":"{}","mode":448,"mtime_ns":0,"kind":"directory"}}"#, "d/".repeat(n % 200));
    said_of(&manifest(&run(&many(MANY / 10, nested), "")), &[], "no path below", "deep paths");
    let tasks = many(MANY, |n| format!(r#"{{"name":"{n}","status":"success"}}"#));
    said_of(&manifest(&run("", &tasks[1..])), &[], "is missing", "tasks");
}

#[test]
fn a_manifest_of_more_than_is_read_is_not_parsed_however_short_its_text_is() {
    let word = "names more than is read";
    said_of(&manifest(&run("", &"{},".repeat(1_100_000))), &[], word, "a million of empty tasks");
    said_of(&manifest(&"{},".repeat(1_100_000)), &[], word, "a million of empty runs");
    let args = format!(r#"{{"row":{{"project":"a","run":"1","args":[{}""]}}}}"#, "0,".repeat(23_000_000));
    said_of(&manifest(&args), &[], word, "23 million arguments");
}

#[test]
fn a_manifest_longer_than_one_that_is_read_is_not_read() {
    let long = Raw { length: Some((256 << 20) + 1), pax: Vec::new(), ..Raw::file("manifest.json", "{}") };
    let bytes = tar(b"", &[long]);
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("bad.tar.zst");
    fs::write(&path, sealed(compressed(&bytes[512..]))).unwrap();
    let error = Archive::open(&path, Limits::USUAL).unwrap_err();
    assert!(error.to_string().contains("longer than one that is read"), "{error}");
}

#[test]
fn names_and_nesting_beyond_all_bounds_are_refused() {
    let directory = |path: &str| format!(r#",{{"path":"{path}","mode":448,"mtime_ns":0,"kind":"directory"}}"#);
    let said = |members: &str, word: &str, what: &str| said_of(&manifest(&run(members, "")), &[], word, what);
    said(&directory(&"n".repeat(1 << 20)), "no path below", "a name of a mebibyte");
    let deep: String = (1..=130).map(|n| directory(&vec!["d"; n].join("/"))).collect();
    said(&deep, "no path below", "130 levels");
    said(&directory(&"d/".repeat(1 << 19)), "no path below", "half a million levels");
    said_of(&manifest(&"[".repeat(1 << 20)), &[], "cannot be read", "nested brackets");
}

#[test]
fn a_name_that_unpacks_to_half_a_gibibyte_is_not_unpacked() {
    let good = tar(manifest("").as_bytes(), &[]);
    for kind in [b'L', b'K', b'x'] {
        let long = Raw { kind, length: Some(1 << 29), pax: Vec::new(), ..Raw::file("././@LongLink", "") };
        let head = tar(b"", &[long])[512..1024].to_vec();
        let mut encoder = zstd::Encoder::new(Vec::new(), -7).unwrap();
        std::io::Write::write_all(&mut encoder, &good[..good.len() - 1024]).unwrap();
        std::io::Write::write_all(&mut encoder, &head).unwrap();
        std::io::copy(&mut std::io::Read::take(std::io::repeat(0), 1 << 29), &mut encoder).unwrap();
        let bytes = sealed(encoder.finish().unwrap());
        said_within(400_000, &bytes, "longer than the manifest says", &format!("of kind {}", char::from(kind)));
    }
}

#[test]
fn nothing_is_exported_that_an_import_of_the_same_bound_refuses() {
    let store = small();
    let size = Archive::open(&store.export("all.tar.zst"), Limits { size: u64::MAX }).unwrap().manifest().size_bytes;
    let session = store.open(Access::Read);
    let runs = session.catalog.runs(&RunFilter::default()).unwrap();
    let output = store.outside("bounded.tar.zst");
    let export = |size: u64| {
        let limits = Limits { size };
        let request = Request { runs: &runs, entries: &[], output: &output, force: true, limits, verify: false };
        archive::export(&session, &store.settings(), &request, &asked())
    };
    // The runs fit in, and their scripts do not.
    match export(size - 1) {
        Err(Error::TooMuch { bytes, allowed }) => assert_eq!((bytes, allowed), (size, size - 1)),
        other => panic!("{other:?}"),
    }
    assert!(!output.exists());
    assert_eq!(export(size).unwrap().runs.len(), 2);
    assert!(Archive::open(&output, Limits { size }).is_ok());
    // Of what does not fit in, the whole bound is named, and what to do.
    let of_one = fs::metadata(&output).map(|_| runs[0].size.size).unwrap();
    let exported = export(of_one + size / 4);
    let skipped = exported.unwrap().skipped;
    assert_eq!(skipped.len(), 1, "{skipped:?}");
    let bound = (of_one + size / 4).to_string();
    assert!(
        skipped[0].reason.contains(&bound) && skipped[0].reason.contains("export fewer runs at once"),
        "{skipped:?}"
    );
    let skipped = export(10).unwrap().skipped;
    assert!(
        skipped.iter().all(|one| one.reason.contains("than the 10 bytes that one archive may hold")),
        "{skipped:?}"
    );
}
