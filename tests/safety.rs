//! The README's table of proofs, held to the tests that there are.

use std::fs;
use std::path::{Path, PathBuf};

/// The source of a module of this test binary: a file, or the files of a directory.
fn sources(module: &[&str]) -> Vec<PathBuf> {
    let path: PathBuf = [&["tests"], module].concat().iter().collect();
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
    let file = path.with_extension("rs");
    if file.is_file() {
        return vec![file];
    }
    let Ok(entries) = fs::read_dir(path) else { return Vec::new() };
    entries.map(|entry| entry.unwrap().path()).filter(|path| path.extension().is_some_and(|e| e == "rs")).collect()
}

/// Whether that names a module with tests in it, or a test.
fn is_there(name: &str) -> bool {
    let parts: Vec<&str> = name.split("::").collect();
    let has = |module: &[&str], text: &str| {
        sources(module).iter().any(|path| fs::read_to_string(path).unwrap().contains(text))
    };
    let (last, module) = parts.split_last().unwrap();
    has(&parts, "#[test]") || has(module, &format!("    fn {last}(")) || has(module, &format!("\nfn {last}("))
}

#[test]
fn every_test_that_the_readme_names_is_there() {
    let readme = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md")).unwrap();
    let section = readme.split("\n## Safety\n").nth(1).unwrap().split("\n## ").next().unwrap();
    let rows: Vec<&str> = section.lines().filter(|line| line.starts_with("| ")).skip(1).collect();
    assert!(rows.len() > 10, "{rows:?}");
    for row in rows {
        let proofs = row.split('|').nth(2).unwrap();
        let names: Vec<&str> = proofs.split('`').skip(1).step_by(2).collect();
        assert!(!names.is_empty(), "a promise without a proof: {row}");
        for name in names {
            assert!(is_there(name), "no such test: {name}");
        }
    }
    assert!(!is_there("crash::no_such_test") && !is_there("nothing"));
}
