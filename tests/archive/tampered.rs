//! Archives that are not as they were written: refused whole, with nothing in the store, and nothing outside touched.

use super::raw::{Raw, compressed, parts, sealed, tar, tar_of};
use super::*;
use crate::support::tree::Snapshot;
use proptest::prelude::*;
use serde_json::{Value, json};
use std::fs;

/// An archive, and a store into which it is to come.
struct Scene {
    path: PathBuf,
    store: Store,
    before: Snapshot,
}

impl Scene {
    fn new() -> Self {
        let origin = small();
        let task = origin.root.join(&origin.runs_in_place()[0]).join("tasks/build");
        fs::hard_link(task.join("stdout.log"), task.join("second")).unwrap();
        std::os::unix::fs::symlink("../..", task.join("ws")).unwrap();
        fs::create_dir(task.join("sub")).unwrap();
        fs::write(task.join("sub/artifact"), "artifact").unwrap();
        drop(origin.open(Access::Index { full: true }));
        let path = origin.export("good.tar.zst");
        let store = Store::in_memory();
        store.write(small_run(&store));
        store.look();
        fs::copy(&path, store.outside("good.tar.zst")).unwrap();
        let path = store.outside("good.tar.zst");
        let before = Snapshot::of(&store.root);
        Self { path, store, before }
    }

    /// Tries to bring in those bytes; nothing may come of it.
    #[track_caller]
    fn assert_refused(&self, bytes: &[u8], what: &str) -> String {
        let path = self.store.outside("bad.tar.zst");
        fs::write(&path, bytes).unwrap();
        let outside = Snapshot::of(&self.store.outside(""));
        let error = match self.store.try_import(&path) {
            Err(error) => error,
            Ok(imported) => panic!("{what}: {imported:?}"),
        };
        self.before.assert_same(&Snapshot::of(&self.store.root), what);
        outside.assert_same(&Snapshot::of(&self.store.outside("")), what);
        assert!(!self.store.root.join(".catalog/import").exists(), "{what}: a leftover");
        error.to_string()
    }
}

fn small_run(store: &Store) -> RunSpec {
    RunSpec::new(Era::J, "/home/dev/other", store.days_ago(4)).task(TaskSpec::ok("build"))
}

type Spoil = fn(&mut Value, &mut Vec<Raw>);

/// Where in the manifest of the run that has all of it a member stands.
fn member(manifest: &mut Value, end: &str) -> (usize, usize) {
    let runs = manifest["runs"].as_array().unwrap();
    for (r, run) in runs.iter().enumerate() {
        for (m, member) in run["members"].as_array().unwrap().iter().enumerate() {
            if member["path"].as_str().is_some_and(|path| path.ends_with(end)) {
                return (r, m);
            }
        }
    }
    panic!("no member {end}")
}

fn at<'m>(manifest: &'m mut Value, end: &str) -> &'m mut Value {
    let (r, m) = member(manifest, end);
    &mut manifest["runs"][r]["members"][m]
}

fn raw<'m>(members: &'m mut [Raw], end: &str) -> &'m mut Raw {
    members.iter_mut().find(|raw| raw.path.ends_with(end.as_bytes())).unwrap()
}

/// Names another path, in the manifest and in the tar.
fn rename(manifest: &mut Value, members: &mut [Raw], end: &str, to: &str) {
    let (r, m) = member(manifest, end);
    let run = manifest["runs"][r]["row"]["run"].as_str().unwrap().to_owned();
    let project = manifest["runs"][r]["row"]["project"].as_str().unwrap().to_owned();
    let from = manifest["runs"][r]["members"][m]["path"].as_str().unwrap().to_owned();
    manifest["runs"][r]["members"][m]["path"] = json!(to);
    let path = format!("{project}/{run}/{from}").into_bytes();
    let raw = members.iter_mut().find(|raw| raw.path == path).unwrap();
    let to = format!("{project}/{run}/{to}").into_bytes();
    raw.path = to.into_iter().filter(|byte| *byte != 0).take(100).collect();
}

/// Names another project or run, in the manifest and in the tar.
fn rename_run(manifest: &mut Value, members: &mut [Raw], project: &str, run: &str) {
    let row = &mut manifest["runs"][0]["row"];
    let old = format!("{}/{}", row["project"].as_str().unwrap(), row["run"].as_str().unwrap());
    (row["project"], row["run"]) = (json!(project), json!(run));
    for raw in members {
        for text in [&mut raw.path, &mut raw.link] {
            if text.starts_with(old.as_bytes()) {
                *text = [format!("{project}/{run}").as_bytes(), &text[old.len()..]].concat();
            }
        }
    }
}

fn rename_entry(manifest: &mut Value, members: &mut [Raw], to: &str) {
    let project = manifest["entries"][0]["project"].as_str().unwrap().to_owned();
    manifest["entries"][0]["entry"] = json!(to);
    members[0].path = format!("{project}/.cache/{to}").into_bytes();
}

/// Adds a file to the manifest's last run, and to the tar.
fn add(manifest: &mut Value, members: &mut Vec<Raw>, path: &str, kind: Value, mut new: Raw) {
    let last = manifest["runs"].as_array().unwrap().len() - 1;
    let run = &mut manifest["runs"][last];
    let place = format!("{}/{}", run["row"]["project"].as_str().unwrap(), run["row"]["run"].as_str().unwrap());
    let mut member = json!({"path": path, "mode": 0o644, "mtime_ns": 0});
    for (key, value) in kind.as_object().unwrap() {
        member[key] = value.clone();
    }
    run["members"].as_array_mut().unwrap().push(member);
    new.path = format!("{place}/{path}").into_bytes();
    if !new.link.is_empty() && new.kind == b'1' {
        new.link = [place.as_bytes(), b"/", &new.link].concat();
    }
    members.push(new);
}

fn empty() -> Value {
    json!({"kind": "file", "size_bytes": 0, "blake3": blake3::hash(b"").to_hex().to_string()})
}

fn linked(kind: u8, to: &str) -> Raw {
    Raw { kind, link: to.into(), ..Raw::file("", "") }
}

/// What was done, and a word of what is said of it.
#[rustfmt::skip]
const KINDS: &[(&str, &str, Spoil)] = &[
    ("a path with ..", "no path below", |m, t| rename(m, t, "sub/artifact", "tasks/../../../evil")),
    ("a path that only begins with ..", "no path below", |m, t| rename(m, t, "sub/artifact", "../evil")),
    ("an absolute path", "no path below", |m, t| rename(m, t, "sub/artifact", "/tmp/evil")),
    ("a path with .", "no path below", |m, t| rename(m, t, "sub/artifact", "tasks/./evil")),
    ("a path with //", "no path below", |m, t| rename(m, t, "sub/artifact", "tasks//evil")),
    ("a path that ends in /", "no path below", |m, t| rename(m, t, "sub/artifact", "tasks/")),
    ("an empty path", "no path below", |m, t| rename(m, t, "sub/artifact", "")),
    ("a name with a NUL", "no path below", |m, t| rename(m, t, "sub/artifact", "tasks/a\0b")),
    ("a name of 300 bytes", "no path below", |m, t| rename(m, t, "sub/artifact", &"n".repeat(300))),
    ("a path through a link", "no directory before it", |m, t| rename(m, t, "sub/artifact", "tasks/build/ws/evil")),
    ("a path through a file", "no directory before it", |m, t| rename(m, t, "sub/artifact", "tasks/build/stdout.log/evil")),
    ("a directory after what it holds", "no directory before it", |m, t| rename(m, t, "sub/artifact", "later/artifact")),
    ("a project that is none", "no project's name", |m, t| rename_run(m, t, "backups", "1700000000")),
    ("a project that is ours", "no project's name", |m, t| rename_run(m, t, ".catalog", "1700000000")),
    ("a project that leads out", "no project's name", |m, t| rename_run(m, t, "..", "1700000000")),
    ("a project in another", "no project's name", |m, t| rename_run(m, t, "a-00000000/b-00000000", "1700000000")),
    ("an absolute project", "no project's name", |m, t| rename_run(m, t, "/tmp/a-00000000", "1700000000")),
    ("a project with a NUL", "no project's name", |m, t| { rename_run(m, t, "x", "1700000000"); m["runs"][0]["row"]["project"] = json!("a\0-00000000") }),
    ("a run that is none", "no run's name", |m, t| rename_run(m, t, "web-12345678", "latest")),
    ("a run that is the cache", "no run's name", |m, t| rename_run(m, t, "web-12345678", ".cache")),
    ("a run that leads out", "no run's name", |m, t| rename_run(m, t, "web-12345678", "../1700000000")),
    ("a run of no time", "no run's name", |m, t| rename_run(m, t, "web-12345678", "999999999999999")),
    ("a cache entry that leads out", "no cache entry's name", |m, t| rename_entry(m, t, "../evil")),
    ("a hidden cache entry", "no cache entry's name", |m, t| rename_entry(m, t, ".evil")),
    ("an absolute cache entry", "no cache entry's name", |m, t| rename_entry(m, t, "/tmp/evil")),
    ("a cache entry that lies deep", "no cache entry's name", |m, t| rename_entry(m, t, "a/b/c")),
    ("a cache entry twice", "named twice", |m, t| { let e = m["entries"][0].clone(); m["entries"].as_array_mut().unwrap().insert(0, e); t.insert(0, t[0].clone()) }),
    ("a cache entry of the store itself", "no project's name", |m, _| m["entries"][0]["project"] = json!(".")),
    ("a member twice", "named twice", |m, t| add(m, t, "run.yaml", empty(), Raw::file("", ""))),
    ("a run twice", "named twice", |m, t| { let run = m["runs"][0].clone(); m["runs"].as_array_mut().unwrap().push(run); let more = t.clone(); t.extend(more) }),
    ("a run without a directory", "does not come first", |m, _| { m["runs"][0]["members"].as_array_mut().unwrap().remove(0); }),
    ("a run whose first directory is another", "does not come first", |m, _| m["runs"][0]["members"][0]["path"] = json!("tasks")),
    ("a run without anything", "nothing is named", |m, _| m["runs"][0]["members"] = json!([])),
    ("a run that is a link", "does not come first", |m, _| m["runs"][0]["members"][0] = json!({"path": "", "mode": 511, "mtime_ns": 0, "kind": "link", "to": "/tmp"})),
    ("a second name of what is outside", "second name of what is no file", |m, t| add(m, t, "x", json!({"kind": "hard_link", "to": "../../otto.db"}), linked(b'1', "../../otto.db"))),
    ("a second name of an absolute path", "second name of what is no file", |m, t| add(m, t, "x", json!({"kind": "hard_link", "to": "/etc/passwd"}), linked(b'1', "/etc/passwd"))),
    ("a second name of a directory", "second name of what is no file", |m, t| add(m, t, "x", json!({"kind": "hard_link", "to": "tasks"}), linked(b'1', "tasks"))),
    ("a second name of nothing", "second name of what is no file", |m, t| add(m, t, "x", json!({"kind": "hard_link", "to": "nothing"}), linked(b'1', "nothing"))),
    ("a link without a text", "link without a text", |m, t| add(m, t, "x", json!({"kind": "link", "to": ""}), linked(b'2', ""))),
    ("a link with an endless text", "link without a text", |m, t| add(m, t, "x", json!({"kind": "link", "to": "x".repeat(5000)}), linked(b'2', "x"))),
    ("a device in the manifest", "cannot be read", |m, t| add(m, t, "x", json!({"kind": "device"}), linked(b'3', ""))),
    ("a device in the tar", "another kind", |_, t| raw(t, "sub/artifact").kind = b'3'),
    ("a block device in the tar", "another kind", |_, t| raw(t, "sub/artifact").kind = b'4'),
    ("a FIFO in the tar", "another kind", |_, t| raw(t, "sub/artifact").kind = b'6'),
    ("a link in the place of a directory", "another kind", |_, t| { let r = raw(t, "tasks/build/sub"); (r.kind, r.link) = (b'2', b"/tmp".to_vec()) }),
    ("a link in the place of a file", "another kind", |_, t| { let r = raw(t, "sub/artifact"); (r.kind, r.link, r.data) = (b'2', b"/etc/passwd".to_vec(), vec![]) }),
    ("a file in the place of a link", "another kind", |_, t| raw(t, "build/ws").kind = b'0'),
    ("a sparse file of GNU", "", |_, t| raw(t, "sub/artifact").kind = b'S'),
    ("another text of a link", "another link", |_, t| raw(t, "build/ws").link = b"/".to_vec()),
    ("a second name that leads elsewhere", "another link", |_, t| { let link = t.iter().position(|r| r.kind == b'1').unwrap(); t[link].link = b"../../../etc/passwd".to_vec() }),
    ("more in the tar, at its end", "not in the manifest", |_, t| t.push(Raw::file("web-12345678/1700000000/evil", "evil"))),
    ("more in the tar, outside", "not in the manifest", |_, t| t.push(Raw::file("../evil", "evil"))),
    ("more in the tar, in between", "another name", |_, t| t.insert(3, Raw::file("web-12345678/1700000000/evil", "evil"))),
    ("more in the tar, at its beginning", "another name", |_, t| t.insert(0, Raw::file("evil", "evil"))),
    ("less in the tar, at its end", "is missing", |_, t| { t.pop(); }),
    ("less in the tar, in between", "there is", |_, t| { t.remove(5); }),
    ("nothing in the tar", "is missing", |_, t| t.clear()),
    ("another order", "there is", |_, t| t.swap(4, 5)),
    ("other bytes", "not what it was", |_, t| raw(t, "sub/artifact").data = b"Artifact".to_vec()),
    ("other bytes of a script", "not what it was", |_, t| t[0].data[0] ^= 1),
    ("more bytes", "another length", |_, t| raw(t, "sub/artifact").data.push(b'!')),
    ("fewer bytes", "another length", |_, t| _ = raw(t, "sub/artifact").data.pop()),
    ("a length that is not its own", "", |_, t| raw(t, "sub/artifact").length = Some(1 << 40)),
    ("a length of the extended header", "another", |_, t| raw(t, "sub/artifact").pax.push(("size".into(), "3".into()))),
    ("a path of the extended header", "another", |_, t| raw(t, "sub/artifact").pax.push(("path".into(), "../../evil".into()))),
    ("a link of the extended header", "another", |_, t| raw(t, "build/ws").pax.push(("linkpath".into(), "/".into()))),
    ("rights", "other rights", |_, t| raw(t, "sub/artifact").mode = 0o777),
    ("rights of a directory", "other rights", |_, t| raw(t, "tasks/build/sub").mode = 0o777),
    ("a set-user-id program", "no rights", |m, t| { at(m, "sub/artifact")["mode"] = json!(0o4755); raw(t, "sub/artifact").mode = 0o4755 }),
    ("rights that are none", "no rights", |m, _| at(m, "sub/artifact")["mode"] = json!(0o100_644)),
    ("a time", "another time", |_, t| raw(t, "sub/artifact").mtime += 1),
    ("a time's digits", "another time", |_, t| raw(t, "sub/artifact").pax[0].1 = "1.5".into()),
    ("no time", "another time", |_, t| raw(t, "sub/artifact").pax.clear()),
    ("another hash", "not what it was", |m, _| at(m, "sub/artifact")["blake3"] = json!("0".repeat(64))),
    ("a hash that is none", "no hash", |m, _| at(m, "sub/artifact")["blake3"] = json!("../evil")),
    ("another length in the manifest", "it states", |m, _| at(m, "sub/artifact")["size_bytes"] = json!(3)),
    ("another sum", "it states", |m, _| m["size_bytes"] = json!(1)),
    ("sums beyond all numbers", "no number", |m, _| { at(m, "sub/artifact")["size_bytes"] = json!(u64::MAX); m["size_bytes"] = json!(u64::MAX) }),
    ("a negative length", "cannot be read", |m, _| at(m, "sub/artifact")["size_bytes"] = json!(-1)),
    ("a schema of later", "does not know", |m, _| m["schema"] = json!("otto.archive/2")),
    ("a schema of another", "another's", |m, _| m["schema"] = json!("borg/1")),
    ("no schema", "cannot be read", |m, _| _ = m.as_object_mut().unwrap().remove("schema")),
    ("no runs", "cannot be read", |m, _| _ = m.as_object_mut().unwrap().remove("runs")),
    ("a name that is no base64", "cannot be read", |m, _| at(m, "sub/artifact")["path"] = json!({"base64": "!!"})),
    ("a path in base64 that leads out", "no path below", |m, _| at(m, "sub/artifact")["path"] = json!({"base64": "Li4vZXZpbA=="})),
];

#[test]
fn every_kind_of_tampering_is_refused_whole() {
    let scene = Scene::new();
    let (manifest, members) = parts(&scene.path);
    let text = serde_json::to_vec(&manifest).unwrap();
    fs::write(scene.store.outside("again.tar.zst"), sealed(compressed(&tar(&text, &members)))).unwrap();
    let twin = Store::in_memory();
    assert_eq!(twin.import(&scene.store.outside("again.tar.zst")).runs.len(), 2, "put together again it is good");
    for (what, word, spoil) in KINDS {
        let (mut manifest, mut members) = (manifest.clone(), members.clone());
        spoil(&mut manifest, &mut members);
        let bytes = sealed(compressed(&tar(&serde_json::to_vec(&manifest).unwrap(), &members)));
        let error = scene.assert_refused(&bytes, what);
        assert!(error.contains(word), "{what}: {error}");
    }
}

#[test]
fn a_file_that_is_no_archive_of_ours_is_refused() {
    let scene = Scene::new();
    let good = fs::read(&scene.path).unwrap();
    let tar_bytes = tar_of(&scene.path);
    let (manifest, members) = parts(&scene.path);
    let text = serde_json::to_vec(&manifest).unwrap();
    let stream = &good[..good.len() - 8 - 86];
    let with = |spoil: &dyn Fn(&mut Vec<u8>)| {
        let mut tar = tar(&text, &members);
        spoil(&mut tar);
        sealed(compressed(&tar))
    };
    let cases: Vec<(&str, Vec<u8>)> = vec![
        ("nothing", vec![]),
        ("text", b"not an archive".to_vec()),
        ("a plain tar", tar_bytes.clone()),
        ("an archive without a seal", stream.to_vec()),
        ("a tar that somebody compressed", compressed(&tar_bytes)),
        ("bytes after the seal", [good.as_slice(), b"x"].concat()),
        ("two archives", [good.as_slice(), &good].concat()),
        ("two streams", sealed([stream, stream].concat())),
        ("a stream and rubbish", sealed([stream, b"rubbish"].concat())),
        ("a stream cut short", sealed(stream[..stream.len() - 5].to_vec())),
        ("a tar without an end", with(&|tar| tar.truncate(tar.len() - 1024))),
        ("a tar with half an end", with(&|tar| tar.truncate(tar.len() - 512))),
        ("a tar with more after its end", with(&|tar| tar.extend_from_slice(&tar_bytes))),
        ("a tar with zeros after its end", with(&|tar| tar.extend_from_slice(&[0; 512]))),
        ("a tar without a manifest", {
            let mut bytes = Vec::new();
            bytes.extend_from_slice(&tar(b"", &members)[512..]);
            sealed(compressed(&bytes))
        }),
        ("a manifest that is none", sealed(compressed(&tar(b"{}", &members)))),
        ("a manifest of zeros", sealed(compressed(&tar(&[0; 4096], &members)))),
        ("a seal without a stream", sealed(vec![0x28, 0xb5, 0x2f, 0xfd])),
        ("a gzip header with a zstd seal", sealed(vec![0x1f, 0x8b, 0x08, 0, 0, 0, 0, 0, 0, 0])),
    ];
    for (what, bytes) in cases {
        assert_ne!(bytes, good, "{what}");
        scene.assert_refused(&bytes, what);
    }
    let fifo = scene.store.outside("fifo.tar.zst");
    rustix::fs::mknodat(rustix::fs::CWD, &fifo, rustix::fs::FileType::Fifo, rustix::fs::Mode::RWXU, 0).unwrap();
    assert!(scene.store.try_import(&fifo).is_err() && scene.store.try_import(&scene.store.root).is_err());
}

#[test]
fn a_bomb_takes_neither_memory_nor_room() {
    let scene = Scene::new();
    let (manifest, members) = parts(&scene.path);
    let text = serde_json::to_vec(&manifest).unwrap();
    // A hundred megabytes of zeros are some ten thousand bytes: as a name, as a content that the manifest has not, as an extended
    // header, after the tar's end.
    let mut zeros = tar(&text, &[]);
    zeros.truncate(zeros.len() - 1024);
    let bomb = |kind: u8| {
        let mut encoder = zstd::Encoder::new(Vec::new(), 3).unwrap();
        let mut head = Vec::new();
        let long = Raw { kind, length: Some(1 << 27), pax: Vec::new(), ..Raw::file("././@LongLink", "") };
        head.extend_from_slice(&tar(b"", &[long])[512..]);
        head.truncate(512);
        std::io::Write::write_all(&mut encoder, &zeros).unwrap();
        std::io::Write::write_all(&mut encoder, &head).unwrap();
        std::io::copy(&mut std::io::Read::take(std::io::repeat(0), 1 << 27), &mut encoder).unwrap();
        sealed(encoder.finish().unwrap())
    };
    for kind in [b'L', b'K', b'x', b'g', b'0', b'S'] {
        let bytes = bomb(kind);
        assert!(bytes.len() < 1 << 20);
        scene.assert_refused(&bytes, &format!("a bomb of kind {}", kind as char));
    }
    // What the manifest states honestly is still more than was allowed.
    let error = Archive::open(&scene.path, Limits { size: 10 }).unwrap_err();
    assert!(matches!(error, Error::TooLarge { allowed: 10, .. }), "{error}");
    drop(members);
}

#[test]
fn an_archive_cut_short_anywhere_is_refused() {
    for name in ["good.tar.zst", "good.tar.gz"] {
        let scene = Scene::new();
        let store = small();
        let good = fs::read(store.export(name)).unwrap();
        let path = scene.store.outside(name);
        for length in 0..good.len() {
            fs::write(&path, &good[..length]).unwrap();
            assert!(Archive::open(&path, Limits::USUAL).is_err(), "{length} of {} bytes", good.len());
        }
        for length in (0..good.len()).step_by(good.len() / 20) {
            scene.assert_refused(&good[..length], &format!("{length} bytes"));
        }
    }
}

#[test]
fn an_archive_with_a_bit_flipped_anywhere_is_refused() {
    for name in ["good.tar.zst", "good.tar.gz"] {
        let scene = Scene::new();
        let store = small();
        let good = fs::read(store.export(name)).unwrap();
        let path = scene.store.outside(name);
        for at in 0..good.len() {
            let mut bytes = good.clone();
            bytes[at] ^= 1 << (at % 8);
            fs::write(&path, &bytes).unwrap();
            assert!(Archive::open(&path, Limits::USUAL).is_err(), "bit {} of byte {at}", at % 8);
        }
        for at in (0..good.len()).step_by(good.len() / 20) {
            let mut bytes = good.clone();
            bytes[at] ^= 0x10;
            scene.assert_refused(&bytes, &format!("byte {at}"));
        }
    }
}

proptest! {
    #![proptest_config(cases(60))]

    /// Even whoever seals it again cannot bring in other files than those that the manifest names: what a byte of the tar
    /// says is either refused or says nothing of them.
    #[test]
    fn a_byte_changed_below_the_seal_is_refused_or_changes_no_file(at in any::<prop::sample::Index>(), to in 1_u8..=255) {
        let origin = small();
        let path = origin.export("good.tar.zst");
        let mut tar = tar_of(&path);
        let manifest_ends = 512 + usize::try_from(tar::Header::from_byte_slice(&tar[..512]).size().unwrap()).unwrap();
        let at = manifest_ends + at.index(tar.len() - manifest_ends);
        tar[at] ^= to;
        let bad = origin.outside("bad.tar.zst");
        fs::write(&bad, sealed(compressed(&tar))).unwrap();
        let store = Store::in_memory();
        match store.try_import(&bad) {
            Err(_) => prop_assert_eq!(store.runs_in_place(), Vec::<String>::new()),
            Ok(_) => {
                let (there, here) = (Snapshot::of(&origin.root).copied(), Snapshot::of(&store.root).copied());
                for run in origin.runs_in_place() {
                    prop_assert_eq!(there.at(&run).difference(&here.at(&run)), Vec::<String>::new(), "byte {}", at);
                }
            }
        }
        prop_assert!(!store.root.join(".catalog/import").exists());
    }

    /// Whatever stands in the file, it is refused without a panic.
    #[test]
    fn random_bytes_are_refused(head in 0_usize..3, bytes in prop::collection::vec(any::<u8>(), 0..2000)) {
        let scene = Store::in_memory();
        let magic: &[u8] = [&[][..], &[0x28, 0xb5, 0x2f, 0xfd], &[0x1f, 0x8b, 0x08]][head];
        let path = scene.outside("bad.tar.zst");
        let stream = [magic, &bytes].concat();
        for bytes in [sealed(stream.clone()), stream.clone(), sealed(compressed(&stream))] {
            fs::write(&path, bytes).unwrap();
            prop_assert!(Archive::open(&path, Limits::USUAL).is_err());
        }
    }
}
