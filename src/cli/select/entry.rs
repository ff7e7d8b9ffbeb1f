//! Which cache entry a word means: `PROJECT/NAME`, the name as it is below the project's `.cache`.

use super::many::each_word;
use super::{nearest, projects};
use crate::cli::exit::Failure;
use otto_catalog::catalog::Catalog;
use otto_catalog::model::{CacheEntry, Project};
use otto_catalog::report::{printable, times};
use std::collections::HashSet;
use std::ffi::{OsStr, OsString};
use std::io::BufRead;
use std::os::unix::ffi::OsStrExt as _;

/// The cache entries that some words mean, in the order in which they were named, each once. A word that means none, or
/// several, refuses all of them.
pub(crate) fn entries(
    catalog: &Catalog,
    words: &[OsString],
    stdin: &mut dyn BufRead,
) -> Result<Vec<CacheEntry>, Failure> {
    let mut seen = HashSet::new();
    let mut found = Vec::new();
    each_word(words, stdin, &mut |word| {
        let entry = entry(catalog, word)?;
        if seen.insert(entry.key) {
            found.push(entry);
        }
        Ok(())
    })?;
    Ok(found)
}

/// The cache entry that a word means: the project by any of its selectors, then the path below its `.cache`. As it is
/// printed elsewhere, with `.cache` in between, it does as well.
pub(crate) fn entry(catalog: &Catalog, word: &OsStr) -> Result<CacheEntry, Failure> {
    let text = word.to_string_lossy();
    let Some(slash) = word.as_bytes().iter().position(|b| *b == b'/') else {
        return Err(Failure::usage(format!("`{}` names no cache entry", printable(&text)))
            .hint("write PROJECT/NAME, the name as it is below the project's .cache"));
    };
    let (project, name) = (&word.as_bytes()[..slash], &word.as_bytes()[slash + 1..]);
    let scope = projects(&catalog.projects()?, &String::from_utf8_lossy(project))?;
    let below = name.strip_prefix(b".cache/".as_slice()).unwrap_or(name);
    let mut found = Vec::new();
    for project in &scope {
        // A cache can have a directory of its own name.
        for path in if below == name { vec![name] } else { vec![name, below] } {
            found.extend(catalog.cache_name(project.id, path)?.filter(|name| name.exists).map(|name| name.entry));
        }
    }
    match found.len() {
        1 => Ok(found.swap_remove(0)),
        0 => Err(no_entry(catalog, &scope, below, &text)?),
        _ => {
            let ids: Vec<String> =
                found.iter().map(|e| format!("{}/{}", e.project, String::from_utf8_lossy(&e.path))).collect();
            let (text, ids) = (printable(&text), printable(&ids.join(", ")).into_owned());
            Err(Failure::usage(format!("`{text}` means several cache entries: {ids}"))
                .hint("name the project by its directory"))
        }
    }
}

/// Why there is no such entry: it is a directory of entries, or another was meant.
fn no_entry(catalog: &Catalog, scope: &[Project], name: &[u8], word: &str) -> Result<Failure, Failure> {
    let failure = Failure::usage(format!("there is no cache entry `{}`", printable(word)));
    let mut names = Vec::new();
    for project in scope {
        let inside = if name.is_empty() { 0 } else { catalog.entries_below(project.id, name)?.len() };
        if inside > 0 {
            return Ok(
                failure.hint(format!("it is a directory of {}: name each of them", times(inside as u64, "entry")))
            );
        }
        let entries = catalog.cache_entries(project.id)?;
        names.extend(entries.iter().map(|entry| String::from_utf8_lossy(&entry.path).into_owned()));
    }
    let near = nearest(&String::from_utf8_lossy(name), names.into_iter());
    Ok(match near.as_slice() {
        [] => failure.hint("write PROJECT/NAME, the name as it is below the project's .cache"),
        near => failure.hint(format!("did you mean {}?", near.join(" or "))),
    })
}
