//! What a project is called in tables: its name, where a command that is given this name means that project and no
//! other; else its directory's name. So a label can be copied, and never is the directory of another project.

use super::text::printable;
use crate::model::{Project, ProjectDir};
use std::borrow::Cow;
use std::collections::{HashMap, HashSet};
use unicode_width::UnicodeWidthStr as _;

/// The labels of a store's projects.
#[derive(Default)]
pub struct Labels {
    labels: HashMap<ProjectDir, String>,
    widest: usize,
}

impl Labels {
    /// Those of all projects that the store knows, the ones that are gone included: a name that one of them shares is no
    /// name that history could be asked by, and a project has one label everywhere.
    pub fn of(projects: &[Project]) -> Self {
        let mut meant: HashMap<String, HashSet<&ProjectDir>> = HashMap::new();
        for project in projects {
            let dir = project.dir.lossy();
            for word in [dir.trim_ascii().to_owned(), dir, project.dir.hash(), project.name.clone()] {
                meant.entry(word).or_default().insert(&project.dir);
            }
        }
        let label = |project: &Project| {
            let name = &project.name;
            let is_clear = !name.is_empty() && meant.get(name).is_some_and(|dirs| dirs.len() == 1);
            // What is shown in another spelling cannot be copied.
            let named = is_clear && printable(name) == *name;
            if named { name.clone() } else { printable(&project.dir.lossy()).into_owned() }
        };
        let labels: HashMap<_, _> = projects.iter().map(|project| (project.dir.clone(), label(project))).collect();
        let widest = labels.values().map(|label| label.width()).max().unwrap_or(0);
        Self { labels, widest }
    }

    /// The label of a project; of one that is not known, its directory's name.
    pub fn label(&self, dir: &ProjectDir) -> Cow<'_, str> {
        match self.labels.get(dir) {
            Some(label) => Cow::Borrowed(label),
            None => Cow::Owned(printable(&dir.lossy()).into_owned()),
        }
    }

    /// The columns of the widest one.
    pub(super) fn widest(&self) -> usize {
        self.widest
    }
}
