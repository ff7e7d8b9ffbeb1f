//! The page of `otto usage --html`: whole by itself, harmless whatever names hold, and written over nothing but a file.

use super::*;
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
    for markup in ["<script", "<img", "<link", "<iframe", "@import", "url(", "src=\"", "href"] {
        assert!(!page.contains(markup), "`{markup}` in\n{page}");
    }
    assert!(page.contains("&lt;script&gt;alert(1)"), "{page}");
    assert!(!page.contains('\u{1b}') && page.contains("\\u{1b}[31m\\nb"), "{page}");
    assert_eq!(page.matches("<section ").count(), 2);
    assert!(page.matches("class=\"leaf failed\"").count() == 1 && page.matches("class=\"leaf success\"").count() == 1);
    let mode = fs::metadata(room.path("page.html")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
}

#[test]
fn the_page_replaces_a_file_and_nothing_else() {
    let (room, _) = Room::shop();
    fs::write(room.path("old.html"), "old").unwrap();
    room.otto("usage --html old.html").code(0);
    assert!(fs::read_to_string(room.path("old.html")).unwrap().starts_with("<!doctype"));
    fs::write(room.path("target"), "mine").unwrap();
    symlink("target", room.path("link.html")).unwrap();
    fs::create_dir(room.path("folder")).unwrap();
    for name in ["link.html", "folder"] {
        room.otto(&format!("usage --html {name}")).refused(1, &[name, "left alone", "hint: name another file"]);
    }
    assert_eq!(fs::read_to_string(room.path("target")).unwrap(), "mine");
    assert_eq!(crate::support::names_in(&room.work()), ["folder", "link.html", "old.html", "target"]);
    room.otto("usage --html missing/page.html").refused(1, &["cannot open `missing`"]);
    room.otto("usage --html x --json").refused(2, &["--html"]);
    Room::empty().otto("usage --html empty.html").code(0);
}
