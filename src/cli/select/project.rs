//! Which projects a word means.

use super::{SHORTEST_PREFIX, SHOWN, nearest, slips};
use crate::cli::Context;
use crate::cli::exit::Failure;
use crate::cli::ui::Ui;
use otto_catalog::catalog::Catalog;
use otto_catalog::model::Project;
use otto_catalog::report::{Labels, printable, times};
use std::collections::BTreeSet;
use std::ffi::OsStr;

/// The projects that a word means: a directory name, a hash, a name (all directories of that name), or the beginning of
/// one hash.
pub(crate) fn projects(all: &[Project], word: &str) -> Result<Vec<Project>, Failure> {
    let by = |fits: &dyn Fn(&Project) -> bool| all.iter().filter(|p| fits(p)).cloned().collect::<Vec<_>>();
    let word = word.trim_end_matches('/');
    let directory = by(&|p| p.dir.lossy() == word);
    if !directory.is_empty() {
        return Ok(directory);
    }
    // From a line of standard input, without the blanks around it.
    let directory = by(&|p| p.dir.lossy().trim_ascii() == word);
    if !directory.is_empty() {
        return only_one(word, "name but for blanks", directory);
    }
    let hash = by(&|p| !word.is_empty() && p.dir.hash() == word);
    if !hash.is_empty() {
        return only_one(word, "hash", hash);
    }
    let name = by(&|p| p.name == word);
    if !name.is_empty() {
        return Ok(name);
    }
    if word.len() >= SHORTEST_PREFIX {
        let prefix = by(&|p| p.dir.hash().starts_with(word));
        if !prefix.is_empty() {
            return only_one(word, "beginning of a hash", prefix);
        }
    }
    Err(no_project(all, word))
}

/// Rows of the projects that a flag means; `None` when it was not given.
pub(crate) fn project_keys(catalog: &Catalog, word: Option<&OsStr>) -> Result<Option<Vec<Project>>, Failure> {
    word.map(|word| projects(&catalog.projects()?, &word.to_string_lossy())).transpose()
}

/// What tables call the projects of a store.
pub(crate) fn labels(catalog: &Catalog) -> Result<Labels, Failure> {
    Ok(Labels::of(&catalog.known_projects()?))
}

/// As [`project_keys`], with those that are not there any more: history knows them. Who spells the command as the runner
/// does means what the runner means.
pub(crate) fn known_project_keys(
    context: &Context<'_>,
    ui: &Ui,
    catalog: &Catalog,
    word: Option<&OsStr>,
) -> Result<Option<Vec<Project>>, Failure> {
    let Some(word) = word else { return Ok(None) };
    let all = catalog.known_projects()?;
    if context.as_runner {
        holding(ui, &all, word).map(Some)
    } else {
        projects(&all, &word.to_string_lossy()).map(Some)
    }
}

/// The projects whose directory names hold a word, as the runner's own filter has it; a word that names a project means
/// that one and no other.
pub(crate) fn holding(ui: &Ui, all: &[Project], word: &OsStr) -> Result<Vec<Project>, Failure> {
    let word = word.to_string_lossy();
    let failure = match projects(all, &word) {
        Ok(named) => return Ok(named),
        Err(failure) => failure,
    };
    let found: Vec<Project> =
        all.iter().filter(|p| !word.is_empty() && p.dir.lossy().contains(&*word)).cloned().collect();
    if found.is_empty() {
        return Err(failure);
    }
    let names: Vec<_> = found.iter().take(SHOWN).map(|p| printable(&p.dir.lossy()).into_owned()).collect();
    let more = if found.len() > SHOWN { ", ..." } else { "" };
    let many = if found.len() == 1 { "is in the name of" } else { "is in the names of" };
    ui.notice(&format!(
        "`{}` {many} {}: {}{more}",
        printable(&word),
        times(found.len() as u64, "project"),
        names.join(", ")
    ));
    Ok(found)
}

fn only_one(word: &str, kind: &str, found: Vec<Project>) -> Result<Vec<Project>, Failure> {
    if found.len() == 1 {
        return Ok(found);
    }
    let names: Vec<String> = found.iter().map(|p| printable(&p.dir.lossy()).into_owned()).collect();
    Err(Failure::usage(format!(
        "`{}` is the {kind} of {} projects: {}",
        printable(word),
        found.len(),
        names.join(", ")
    ))
    .hint("name one by its directory"))
}

fn no_project(all: &[Project], word: &str) -> Failure {
    let failure = Failure::usage(format!("there is no project `{}`", printable(word)));
    if word.contains(['*', '?']) {
        return failure.hint("a pattern stands for projects in config.yml, under `per_project`; here one is named");
    }
    let near = near(all, word);
    match (near.as_slice(), all) {
        ([], []) => failure.hint("the store has no project"),
        ([], all) => {
            let names: BTreeSet<_> = all.iter().map(|p| printable(&p.name).into_owned()).collect();
            let shown: Vec<_> = names.iter().take(SHOWN).map(String::as_str).collect();
            let more = if names.len() > SHOWN { ", ..." } else { "" };
            failure.hint(format!("projects here: {}{more}", shown.join(", ")))
        }
        (near, _) => failure.hint(format!("did you mean {}?", near.join(" or "))),
    }
}

/// Names and hashes that a word may have been meant to be: first those that hold it, then those that look like it.
fn near(all: &[Project], word: &str) -> Vec<String> {
    /// So many letters of a name are no accident.
    const PART: usize = 3;
    /// So many are offered.
    const OFFERED: usize = 3;
    let names: BTreeSet<&str> = all.iter().map(|p| p.name.as_str()).collect();
    let holding = names.iter().filter(|name| word.chars().count() >= PART && name.contains(word));
    let mut near: Vec<String> = holding.map(|name| format!("`{}`", printable(name))).collect();
    // A directory where its name would be enough is the same thing twice.
    let named = |p: &Project| word.starts_with(&p.name) || !near.contains(&format!("`{}`", printable(&p.name)));
    let others = all.iter().filter(|p| named(p)).flat_map(|p| [p.name.clone(), p.dir.hash()]);
    let alike = nearest(word, others.chain(all.iter().map(|p| p.dir.lossy()).filter(|dir| slips(word, dir).is_some())));
    near.extend(alike.into_iter().filter(|name| !near.contains(name)).collect::<Vec<_>>());
    near.truncate(OFFERED);
    near
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every store of some of these projects, most of which could be taken for another.
    #[test]
    fn a_label_means_its_project_and_no_other() {
        let pool = [
            ("web-1701a0b6", "web"),
            ("otto-1701a0b6", "web"),
            ("otto-1aa3d14e", "web"),
            ("web-1701a0b6-2cb9dd24", "web-1701a0b6"),
            ("otto-ef11e295", "ef11e295"),
            ("ef11e295-00000000", "ef11e295"),
            ("otto-3600d0f4", "otto-1aa3d14e"),
            ("mail-3fd9785a", "mail"),
            ("1701-a28cbab9", "1701"),
        ];
        let project = |(id, (dir, name)): (usize, &(&str, &str))| super::super::tests::project(id as i64, dir, name);
        let pool: Vec<Project> = pool.iter().enumerate().map(project).collect();
        for chosen in 1_usize..1 << pool.len() {
            let all: Vec<Project> = pool.iter().filter(|p| chosen >> p.id & 1 == 1).cloned().collect();
            let labels = Labels::of(&all);
            for one in &all {
                let label = labels.label(&one.dir);
                let meant = projects(&all, &label).map(|found| found.into_iter().map(|p| p.id).collect::<Vec<_>>());
                assert!(meant.is_ok_and(|meant| meant == [one.id]), "{label} of {:?} among {all:?}", one.dir);
            }
        }
        let labels = Labels::of(&pool);
        let shown: Vec<_> = pool.iter().map(|p| labels.label(&p.dir).into_owned()).collect();
        assert_eq!(shown[7..], ["mail", "1701"]);
        assert_eq!(shown[1], "otto-1701a0b6");
    }
}
