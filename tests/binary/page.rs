//! The page of `otto usage --html`: whole by itself, harmless whatever names hold, and written over nothing but a file.

use super::*;
use base64::Engine as _;
use sha2::Digest as _;
use std::os::unix::fs::{PermissionsExt as _, symlink};

#[test]
fn the_page_needs_nothing_but_itself_and_names_are_text() {
    let room = Room::empty();
    let hostile = "<script>alert(1)</script>\"'><img src=http://x.example/y onerror=z>";
    room.builder().run(run(&format!("/home/dev/{}", hostile.replace('/', ":")), 3, false)).unwrap();
    room.builder().run(run("/home/dev/a\u{1b}[31m\nb", 2, true)).unwrap();
    let ran = room.otto("usage --html page.html").code(0);
    assert_eq!((ran.stdout.as_str(), ran.stderr.as_str()), ("", "wrote page.html\n"));
    let page = fs::read_to_string(room.path("page.html")).unwrap();
    assert!(page.starts_with("<!doctype html>") && page.ends_with("</html>\n"), "{page}");
    assert!(page.contains("default-src 'none'"), "{page}");
    for markup in ["<img", "<link", "<iframe", "@import", "url(", "src=\"", "http", "onclick", "javascript:"] {
        assert!(!page.replace("http-equiv", "").replace("http:", "").contains(markup), "`{markup}` in\n{page}");
    }
    assert_eq!(page.matches("<script").count(), 1, "{page}");
    for link in page.split("href=\"").skip(1) {
        assert!(link.starts_with('#'), "a link out of the page: {}", &link[..40]);
    }
    assert!(page.contains("&lt;script&gt;alert(1)"), "{page}");
    assert!(!page.contains('\u{1b}') && page.contains("\\u{1b}[31m\\nb"), "{page}");
    assert_eq!(page.matches("<section ").count(), 2);
    assert!(page.matches("class=\"leaf failed\"").count() == 1 && page.matches("class=\"leaf success\"").count() == 1);
    let mode = fs::metadata(room.path("page.html")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
}

/// What stands between two marks, the first time.
fn between<'t>(text: &'t str, before: &str, after: &str) -> &'t str {
    text.split_once(before).and_then(|(_, rest)| rest.split_once(after)).unwrap().0
}

#[test]
fn no_script_runs_in_the_page_but_its_own() {
    let (room, _) = Room::shop();
    room.otto("usage --html page.html").code(0);
    let page = fs::read_to_string(room.path("page.html")).unwrap();
    let script = between(&page, "<script>", "</script>");
    let hash = base64::engine::general_purpose::STANDARD.encode(sha2::Sha256::digest(script));
    let policy = between(&page, "Content-Security-Policy\" content=\"", "\"");
    assert!(policy.starts_with("default-src 'none'; "), "{policy}");
    assert_eq!(between(policy, "script-src ", ";"), format!("'sha256-{hash}'"), "the policy lets another script in");
    for word in ["Escape", "section:target"] {
        assert!(script.contains(word), "{script}");
    }
}

#[test]
fn every_project_can_be_looked_into_and_left_without_a_script() {
    let (room, shop) = Room::shop();
    room.otto("usage --html page.html").code(0);
    let page = fs::read_to_string(room.path("page.html")).unwrap();
    assert_eq!(page.matches("<section id=\"").count(), 2);
    for project in [&shop.web, &shop.api] {
        let section =
            page.split("<section id=\"").find(|part| part.contains(&format!("<bdi>{project}</bdi></a>"))).unwrap();
        let key = section.split('"').next().unwrap();
        assert!(section.contains("<a href=\"#map\">All projects</a>"), "the way back: {section}");
        assert!(section.contains(&format!("<a class=\"name\" href=\"#{key}\">")), "{section}");
        assert!(
            section.contains(&format!("aria-label=\"{project}: ")) && section.contains("tabindex=\"-1\""),
            "{section}"
        );
        assert!(page.contains(&format!("<td><a href=\"#{key}\"><bdi>{project}</bdi></a>")), "from the table: {page}");
        // Each part has a place on the whole sheet and one on that of its project.
        let parts = section.matches("class=\"leaf ").count();
        assert!(parts > 3 && section.matches("--l:").count() == parts && section.matches("--L:").count() == parts);
    }
    assert_eq!(page.matches("id=\"map\"").count(), 1);
    assert!(page.contains("section:target") && page.contains("section:not(:target){visibility:hidden}"), "{page}");
}

#[test]
fn the_page_replaces_a_page_and_nothing_else() {
    let (room, _) = Room::shop();
    for old in ["", "<!DOCTYPE HTML>\nold", "<!doctype html><p>mine"] {
        fs::write(room.path("old.html"), old).unwrap();
        room.otto("usage --html old.html").code(0);
        assert!(fs::read_to_string(room.path("old.html")).unwrap().starts_with("<!doctype html>\n<html"));
    }
    let before = room.snapshot();
    let log = room.store.join(room.runs()[0].clone()).join("tasks/test/stdout.log");
    for path in [log, room.store.join("page.html"), room.store.join(".catalog/catalog.db")] {
        let path = path.to_str().unwrap();
        room.otto_with(&["usage", "--html", path]).refused(1, &["cannot write into", "in the store itself"]);
    }
    before.assert_same(&room.snapshot(), "a page in the store");
    fs::write(room.path("notes.txt"), "mine").unwrap();
    room.otto("usage --html notes.txt").refused(1, &["`notes.txt` is not an HTML page, and is left alone"]);
    fs::remove_file(room.path("notes.txt")).unwrap();
    fs::write(room.path("target"), "mine").unwrap();
    symlink("target", room.path("link.html")).unwrap();
    fs::create_dir(room.path("folder")).unwrap();
    for name in ["link.html", "folder"] {
        room.otto(&format!("usage --html {name}")).refused(1, &[name, "left alone", "hint: name another file"]);
    }
    assert_eq!(fs::read_to_string(room.path("target")).unwrap(), "mine");
    assert_eq!(crate::support::names_in(&room.work()), ["folder", "link.html", "old.html", "target"]);
    room.otto("usage --html missing/page.html").refused(1, &["cannot write into `missing`"]);
    room.otto("usage --html x --json").refused(2, &["--html"]);
    Room::empty().otto("usage --html empty.html").code(0);
}
