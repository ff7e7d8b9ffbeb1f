//! One task's directory, in the shape of its era.

use super::era::hash8;
use super::files::{Files, bytes_of};
use super::text::{BUILTINS_PY, BUILTINS_SH, input_env, output_env, output_json, run_yaml};
use super::{Era, Outcome, RunSpec, TaskSpec, Written};
use std::io;
use std::path::{Path, PathBuf};

/// Where a run lies: really, and by the texts that absolute links use.
pub(super) struct Place {
    pub(super) project: PathBuf,
    pub(super) run: PathBuf,
    pub(super) project_text: String,
    pub(super) run_text: String,
}

/// What the runner does with a task's script.
enum Script {
    /// A cache entry, and the link that names it.
    Cached { rel: String, bytes: Vec<u8>, link: &'static str },
    /// A regular file in the task's directory (era C).
    Inside { name: String },
}

/// Writes a task that has a directory. Returns the number of cache entries it added.
///
/// Names with a `/` nest, or escape with `..`, as they do in 1.x; the script link then dangles and no output is written,
/// because the runner looks for it under a name that has no directory.
pub(super) fn write(files: &mut Files, run: &RunSpec, task: &TaskSpec, place: &Place, start: i64) -> io::Result<usize> {
    let dir = place.run.join("tasks").join(&task.name);
    files.dir(&dir)?;
    if task.outcome == Outcome::Unstarted {
        files.stamp(&dir, start)?;
        return Ok(0);
    }
    let end = start + task.duration_s;
    if run.era == Era::B {
        files.file(&dir.join("run.yaml"), run_yaml(run)?.as_bytes(), 0o644, start)?;
    }
    let mut added = 0;
    if run.era.writes_outputs() {
        write_inputs(files, run, task, place, &dir, start)?;
        let (name, text, mode) = match task.python {
            true => ("builtins.py", BUILTINS_PY, 0o644),
            false => ("builtins.sh", BUILTINS_SH, 0o755),
        };
        files.file(&dir.join(name), text.as_bytes(), mode, start)?;
    }
    match script(run.era, task) {
        Script::Cached { rel, bytes, link } => {
            let cache = place.project.join(".cache");
            let entry = cache.join(&rel);
            // Written only if absent: an old entry keeps its old time when a new run reuses it.
            if !entry.exists() {
                files.file(&entry, &bytes, 0o755, start)?;
                if let Some(parent) = entry.parent() {
                    files.stamp(parent, start)?;
                }
                files.stamp(&cache, start)?;
                added = 1;
            }
            let target = match run.era.links_are_relative() {
                true => format!("../../../.cache/{rel}"),
                false => format!("{}/.cache/{rel}", place.project_text),
            };
            files.link(&target, &dir.join(link), start)?;
        }
        Script::Inside { name } => files.file(&dir.join(name), task.script.as_bytes(), 0o755, start)?,
    }
    files.file(&dir.join("stdout.log"), &bytes_of(&task.stdout), 0o644, end)?;
    files.file(&dir.join("stderr.log"), &bytes_of(&task.stderr), 0o644, end)?;
    for (path, content) in &task.artifacts {
        files.file(&dir.join(path), &bytes_of(content), 0o644, end)?;
        let below = path.ancestors().skip(1).filter(|ancestor| !ancestor.as_os_str().is_empty());
        for ancestor in below {
            files.stamp(&dir.join(ancestor), end)?;
        }
    }
    write_output(files, run.era, task, &dir, end)?;
    files.stamp(&dir, end)?;
    Ok(added)
}

fn script(era: Era, task: &TaskSpec) -> Script {
    let hash = hash8(task.script.as_bytes());
    match era {
        Era::B => {
            let bytes = match task.script.starts_with("#!") {
                true => task.script.clone(),
                false => format!("#!/bin/sh\n{}", task.script),
            };
            // This version told Python by the word alone.
            let python = task.python || task.script.contains("python");
            let link = if python { "script.py" } else { "script.sh" };
            Script::Cached { rel: format!("{}/{hash}", task.name), bytes: bytes.into_bytes(), link }
        }
        Era::C => Script::Inside { name: format!("{hash}.sh") },
        _ => {
            let (extension, link) = if task.python { ("py", "script.py") } else { ("sh", "script.sh") };
            Script::Cached { rel: format!("{hash}.{extension}"), bytes: task.script.clone().into_bytes(), link }
        }
    }
}

/// Links, and from era J copies, of what the tasks before it put out. Only a task that succeeded has put something out.
fn write_inputs(
    files: &mut Files,
    run: &RunSpec,
    task: &TaskSpec,
    place: &Place,
    dir: &Path,
    start: i64,
) -> io::Result<()> {
    for dep in &task.deps {
        let Some(source) = run.tasks.iter().find(|t| t.name == *dep && t.outcome == Outcome::Success) else {
            continue;
        };
        if dep.contains('/') {
            continue;
        }
        let target = match run.era.links_are_relative() {
            true => format!("../{dep}/output.{dep}.json"),
            false => format!("{}/tasks/{dep}/output.{dep}.json", place.run_text),
        };
        files.link(&target, &dir.join(format!("input.{dep}.json")), start)?;
        if run.era.writes_env_files() {
            let text = input_env(dep, &source.outputs);
            files.file(&dir.join(format!("input.{dep}.env")), text.as_bytes(), 0o644, start)?;
        }
    }
    Ok(())
}

/// The marker of success, and the file of the script's epilogue that it is made from.
fn write_output(files: &mut Files, era: Era, task: &TaskSpec, dir: &Path, end: i64) -> io::Result<()> {
    let succeeded = task.outcome == Outcome::Success && era.writes_outputs() && !task.name.contains('/');
    let json = match &task.output_json {
        Written::ByEra if succeeded => output_json(&task.outputs)?.into_bytes(),
        Written::Bytes(bytes) => bytes.clone(),
        _ => return Ok(()),
    };
    if succeeded && era.writes_env_files() && !task.python {
        let text = output_env(&task.name, &task.outputs);
        files.file(&dir.join(format!("output.{}.env", task.name)), text.as_bytes(), 0o644, end)?;
    }
    files.file(&dir.join(format!("output.{}.json", task.name)), &json, 0o644, end)
}
