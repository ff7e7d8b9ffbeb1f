//! Which name in a cache a word means, for a question: more lenient than what a removal takes, and names that links use
//! although no file is there do as well.

use super::{SHOWN, nearest, projects};
use crate::cli::exit::Failure;
use otto_catalog::catalog::{CacheName, Catalog};
use otto_catalog::model::Project;
use otto_catalog::report::printable;

/// What stands between a project and the name of an entry of its cache.
const CACHE: &str = "/.cache/";
/// What the runner puts behind the hash of a script.
const EXTENSIONS: [&str; 3] = ["", ".sh", ".py"];

/// The cache entry that a word means: `PROJECT/NAME`, `PROJECT/.cache/NAME`, or the name alone where only one project has
/// it. The ending of a script may be left out.
pub(crate) fn cache_name(catalog: &Catalog, word: &str) -> Result<CacheName, Failure> {
    let all = catalog.projects()?;
    let (scope, name) = match word.split_once(CACHE).or_else(|| word.split_once('/')) {
        Some((project, name)) => match projects(&all, project) {
            Ok(scope) => (scope, name),
            // In the caches of June 2025, a name has a slash of its own.
            Err(failure) if word.contains(CACHE) => return Err(failure),
            Err(failure) => match found(catalog, &all, word)? {
                found if found.is_empty() => return Err(failure),
                found => return one_of(found, word),
            },
        },
        None => (all, word),
    };
    match found(catalog, &scope, name)? {
        found if found.is_empty() => Err(no_entry(catalog, &scope, name, word)?),
        found => one_of(found, word),
    }
}

/// The entries of that name in those projects.
fn found(catalog: &Catalog, scope: &[Project], name: &str) -> Result<Vec<CacheName>, Failure> {
    for ending in EXTENSIONS {
        let path = format!("{name}{ending}");
        let mut found = Vec::new();
        for project in scope {
            found.extend(catalog.cache_name(project.id, path.as_bytes())?);
        }
        if !found.is_empty() {
            return Ok(found);
        }
    }
    Ok(Vec::new())
}

fn one_of(mut found: Vec<CacheName>, word: &str) -> Result<CacheName, Failure> {
    if found.len() == 1 {
        return Ok(found.swap_remove(0));
    }
    let ids: Vec<String> = found.iter().take(SHOWN).map(id).collect();
    let more = if found.len() > SHOWN { ", ..." } else { "" };
    let text = format!("`{}` means several cache entries: {}{more}", printable(word), ids.join(", "));
    Err(Failure::usage(text).hint("name one by its project: PROJECT/.cache/NAME"))
}

fn id(name: &CacheName) -> String {
    let path = String::from_utf8_lossy(&name.entry.path);
    printable(&format!("{}/.cache/{path}", name.entry.project)).into_owned()
}

fn no_entry(catalog: &Catalog, scope: &[Project], name: &str, word: &str) -> Result<Failure, Failure> {
    let failure = Failure::usage(format!("there is no cache entry `{}`", printable(word)));
    let mut names = Vec::new();
    if let [project] = scope {
        let entries = catalog.cache_entries(project.id)?;
        names.extend(entries.iter().map(|entry| String::from_utf8_lossy(&entry.path).into_owned()));
    }
    let near = nearest(name, names.into_iter());
    Ok(match near.as_slice() {
        [] => failure.hint("write PROJECT/NAME, as in `otto why web/1a2b3c4d.sh`"),
        near => failure.hint(format!("did you mean {}?", near.join(" or "))),
    })
}
