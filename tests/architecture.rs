//! The source, held to two tables: who knows whom, and where each dangerous word lives.
//!
//! A new module must be entered in [`USES`]: that is the moment to think. Test parts of the source are left out, since a
//! test may reach for anything.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::fs;
use std::path::{Path, PathBuf};

/// The modules of the library and what each may use. Arrows go down only.
const USES: &[(&str, &[&str])] = &[
    ("model", &[]),
    ("progress", &[]),
    ("store", &["model"]),
    ("catalog", &["model"]),
    ("retention", &["model"]),
    ("index", &["model", "store", "catalog", "progress"]),
    ("audit", &["model", "store", "catalog"]),
    ("session", &["model", "store", "catalog", "index", "audit", "progress"]),
    ("archive", &["model", "store", "catalog", "retention", "audit", "progress", "session"]),
    ("clean", &["model", "store", "catalog", "retention", "audit", "progress", "session", "archive"]),
    ("logs", &["model", "store"]),
    ("stats", &["model", "catalog"]),
    ("compare", &["model", "store", "catalog"]),
    ("marks", &["model", "store", "catalog", "audit", "session"]),
    ("configure", &["store", "retention", "audit", "session", "marks"]),
    ("check", &["model", "store", "catalog", "index", "audit", "progress", "session", "archive", "clean"]),
    // Shown are values; whoever draws them cannot ask the catalog or the disk for more.
    (
        "report",
        &[
            "model",
            "retention",
            "audit",
            "clean",
            "index",
            "session",
            "stats",
            "marks",
            "compare",
            "logs",
            "check",
            "archive",
        ],
    ),
    // Beside the others: it writes what the runner writes, and knows nothing of those who read it.
    ("practice", &[]),
];

/// Files of the binary, which may use all of the library; nothing of the library may use them.
const BINARY: &[&str] = &["main.rs", "cli", "cli.rs"];

/// A word, and the files or folders below `src/` that may say it.
const HOMES: &[(&str, &[&str])] = &[
    ("rusqlite", &["catalog/", "store/runner_db/", "practice/"]),
    ("refinery", &["catalog/"]),
    ("remove_file", &["store/change.rs", "store/own_files.rs", "store/runner_db/open.rs", "practice/files.rs"]),
    ("remove_dir", &["store/change.rs", "store/own_files.rs", "store/runner_db/open.rs"]),
    ("remove_dir_all", &[]),
    ("fs::rename", &["store/own_files.rs"]),
    ("renameat", &["store/change.rs"]),
    ("renameat_with", &["store/change.rs"]),
    ("unlinkat", &["store/change.rs"]),
    ("linkat", &["store/change/"]),
    ("set_len", &[]),
    ("Utc::now", &["main.rs", "cli/"]),
    ("Local::now", &["main.rs", "cli/"]),
    ("SystemTime", &["main.rs", "cli/"]),
    ("Instant::now", &["main.rs", "cli/"]),
    ("std::env", &["main.rs", "cli/"]),
    ("env::var", &["main.rs", "cli/"]),
    ("process::exit", &["main.rs", "cli/"]),
    ("thread::sleep", &["main.rs", "cli/"]),
    ("println!", &["main.rs", "cli/"]),
    ("print!", &["main.rs", "cli/"]),
    ("eprintln!", &["main.rs", "cli/"]),
    ("eprint!", &["main.rs", "cli/"]),
    ("anyhow", &["main.rs", "cli/"]),
    ("clap", &["main.rs", "cli/"]),
    ("comfy_table", &["report/", "report.rs"]),
    ("indicatif", &["main.rs", "cli/"]),
    ("unsafe", &[]),
    ("follow_links(true)", &[]),
];

/// Where statements may be put together. The runner's schemas have different columns, so what is selected there follows
/// from what the database has; every part is a constant of that file.
const SQL_OF_PARTS: &[&str] = &["store/runner_db/read.rs"];

/// A source file without its test parts and comments.
struct Source {
    /// Below `src/`.
    path: String,
    text: String,
}

impl Source {
    /// The top-level module that it belongs to.
    fn module(&self) -> &str {
        let first = self.path.split('/').next().unwrap();
        first.strip_suffix(".rs").unwrap_or(first)
    }

    fn is_of_the_binary(&self) -> bool {
        BINARY.contains(&self.path.split('/').next().unwrap())
    }

    /// How many `super::` lead from here to the crate's root.
    fn depth(&self) -> usize {
        let parts = self.path.split('/').count();
        if self.path.ends_with("/mod.rs") { parts - 1 } else { parts }
    }

    /// The top-level modules that it names.
    fn used(&self) -> BTreeSet<String> {
        let up = "super::".repeat(self.depth());
        let mut found = BTreeSet::new();
        for start in ["crate::", up.as_str()] {
            for (at, _) in self.text.match_indices(start) {
                let preceded = self.text[..at].ends_with("super::") || self.text[..at].ends_with(is_word);
                if preceded {
                    continue;
                }
                let rest = &self.text[at + start.len()..];
                if let Some(group) = rest.strip_prefix('{') {
                    let group = &group[..group.find("};").unwrap_or(group.len())];
                    found.extend(top_of_group(group));
                } else {
                    found.extend(word_at(rest));
                }
            }
        }
        found
    }
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

fn word_at(text: &str) -> Option<String> {
    let word: String = text.chars().take_while(|c| is_word(*c)).collect();
    word.starts_with(|c: char| c.is_lowercase()).then_some(word)
}

/// The first components of what stands in the braces of a `use`.
fn top_of_group(group: &str) -> Vec<String> {
    let mut depth = 0_usize;
    let mut begins = true;
    let mut found = Vec::new();
    for (at, c) in group.char_indices() {
        match c {
            '{' => depth += 1,
            '}' => depth = depth.saturating_sub(1),
            ',' if depth == 0 => begins = true,
            c if begins && is_word(c) => {
                begins = false;
                found.extend(word_at(&group[at..]));
            }
            _ => {}
        }
    }
    found
}

/// Whether a text says a word, and not only a longer one that holds it.
fn says(text: &str, word: &str) -> bool {
    let ends_in_word = word.ends_with(is_word);
    text.match_indices(word).any(|(at, _)| {
        let before = text[..at].chars().next_back();
        let after = text[at + word.len()..].chars().next();
        let is_longer = before.is_some_and(is_word) || ends_in_word && after.is_some_and(is_word);
        !is_longer
    })
}

/// Takes out comments, and whatever `#[cfg(test)]` stands before. Gives the names of modules that are tests as well.
fn without_tests(text: &str) -> (String, Vec<String>) {
    let mut kept = String::new();
    let mut tests = Vec::new();
    let mut lines = text.lines();
    while let Some(line) = lines.next() {
        if line.trim_start().starts_with("//") {
            continue;
        }
        if line.trim() != "#[cfg(test)]" {
            kept.push_str(line);
            kept.push('\n');
            continue;
        }
        let indent = line.len() - line.trim_start().len();
        let mut item = lines.next().unwrap_or_default();
        while item.trim_start().starts_with("#[") {
            item = lines.next().unwrap_or_default();
        }
        if item.trim_end().ends_with('{') {
            let close = format!("{}}}", " ".repeat(indent));
            lines.by_ref().take_while(|l| *l != close).for_each(drop);
        } else if let Some(name) = item.trim().strip_prefix("mod ") {
            tests.push(name.trim_end_matches(';').to_owned());
        }
    }
    (kept, tests)
}

/// The source that is no test.
fn sources() -> Vec<Source> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = Vec::new();
    let mut folders = vec![root.clone()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|e| e == "rs") {
                files.push(path);
            }
        }
    }
    let mut tests: HashSet<PathBuf> = HashSet::new();
    let mut read = Vec::new();
    for path in files {
        let (text, modules) = without_tests(&fs::read_to_string(&path).unwrap());
        let folder = match path.file_stem().unwrap().to_str().unwrap() {
            "mod" | "lib" | "main" => path.parent().unwrap().to_owned(),
            stem => path.with_file_name(stem),
        };
        for module in modules {
            tests.insert(folder.join(&module).with_extension("rs"));
            tests.insert(folder.join(module).join("mod.rs"));
        }
        read.push((path, text));
    }
    let is_test = |path: &Path| {
        let name = path.file_name().unwrap().to_str().unwrap();
        name == "tests.rs" || name.ends_with("_tests.rs") || tests.contains(path)
    };
    let mut sources: Vec<Source> = read
        .into_iter()
        .filter(|(path, _)| !is_test(path))
        .map(|(path, text)| Source { path: path.strip_prefix(&root).unwrap().to_str().unwrap().to_owned(), text })
        .collect();
    sources.sort_by(|a, b| a.path.cmp(&b.path));
    assert!(sources.len() > 30, "the source was not found: {}", sources.len());
    sources
}

#[test]
fn every_module_uses_only_what_lies_below_it() {
    let table: BTreeMap<&str, &[&str]> = USES.iter().copied().collect();
    let mut wrong = Vec::new();
    for source in sources() {
        let module = source.module();
        if source.is_of_the_binary() || module == "lib" {
            continue;
        }
        let Some(allowed) = table.get(module) else {
            wrong.push(format!("src/{}: the module `{module}` is not in the table of uses", source.path));
            continue;
        };
        for used in source.used() {
            let known = table.contains_key(used.as_str()) || BINARY.contains(&used.as_str());
            if known && used != module && !allowed.contains(&used.as_str()) {
                wrong.push(format!("src/{}: `{module}` must not use `{used}`", source.path));
            }
        }
    }
    assert_eq!(wrong, Vec::<String>::new());
}

#[test]
fn the_table_of_uses_has_no_circle() {
    let mut below: BTreeSet<&str> = BTreeSet::new();
    for (module, uses) in USES {
        for used in *uses {
            assert!(below.contains(used), "`{module}` uses `{used}`, which stands below it in the table");
        }
        below.insert(module);
    }
}

#[test]
fn every_word_stays_in_its_home() {
    let mut wrong = Vec::new();
    for source in sources() {
        for (word, homes) in HOMES {
            let is_home = homes.iter().any(|home| source.path.starts_with(home));
            if !is_home && says(&source.text, word) {
                wrong.push(format!("src/{} says `{word}`, whose home is {homes:?}", source.path));
            }
        }
    }
    assert_eq!(wrong, Vec::<String>::new());
}

#[test]
fn no_statement_is_put_together_by_format() {
    const WORDS: &[&str] = &["SELECT ", "INSERT ", "UPDATE ", "DELETE ", "PRAGMA ", " FROM ", "WHERE "];
    let mut wrong = Vec::new();
    for source in sources().iter().filter(|s| !SQL_OF_PARTS.contains(&s.path.as_str())) {
        for (at, _) in source.text.match_indices("format!(") {
            let call = &source.text[at..];
            let call = &call[..call.find(';').unwrap_or(call.len()).min(400)];
            if WORDS.iter().any(|word| call.contains(word)) {
                let line = source.text[..at].lines().count();
                wrong.push(format!("src/{}, about line {line}", source.path));
            }
        }
    }
    assert_eq!(wrong, Vec::<String>::new(), "values belong into parameters");
}

#[test]
fn the_reader_of_the_source_sees_what_it_should() {
    let source = |path: &str, text: &str| Source { path: path.to_owned(), text: without_tests(text).0 };
    let used = |path: &str, text: &str| source(path, text).used().into_iter().collect::<Vec<_>>().join(" ");
    assert_eq!(used("store/a.rs", "use crate::catalog::Catalog;"), "catalog");
    assert_eq!(used("store/a.rs", "use crate::{catalog::{A, B}, clean};"), "catalog clean");
    assert_eq!(used("store/a.rs", "use super::super::catalog::Catalog;"), "catalog");
    assert_eq!(used("store/mod.rs", "use super::catalog::Catalog;"), "catalog");
    assert_eq!(used("store/a.rs", "use super::dir;"), "");
    assert_eq!(used("store/a.rs", "// crate::catalog\n#[cfg(test)]\nmod tests {\n    use crate::clean;\n}\n"), "");
    assert!(says("fs::remove_dir_all(x)", "remove_dir_all") && !says("fs::remove_dir_all(x)", "remove_dir"));
    assert!(says("eprintln!(\"\")", "eprintln!") && !says("eprintln!(\"\")", "println!"));
    assert!(!says("forbid(unsafe_code)", "unsafe"));
    let (kept, tests) = without_tests("a\n#[cfg(test)]\n#[path = \"x_tests.rs\"]\nmod tests;\nb\n");
    assert_eq!((kept.as_str(), tests), ("a\nb\n", vec!["tests".to_owned()]));
}
