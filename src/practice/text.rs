//! The small texts that accompany a run: `run.yaml`, the helpers, the files that carry values from task to task.

use super::RunSpec;
use super::era::hash8;
use serde::Serialize;
use std::io;

/// What `builtins.sh` holds. Nobody runs it; it is there for its place and its length.
pub(super) const BUILTINS_SH: &str = r#"#!/usr/bin/env bash
# Helpers for the scripts of a practice store. Nothing runs them.

practice_log() {
    printf '%s %s\n' "$(date +%T)" "$*" >&2
}

practice_retry() {
    local left=$1 pause=1
    shift
    until "$@"; do
        left=$((left - 1))
        if [ "$left" -le 0 ]; then
            practice_log "gave up: $*"
            return 1
        fi
        practice_log "once more in ${pause}s: $*"
        sleep "$pause"
        pause=$((pause * 2))
    done
}

practice_put() {
    local key=$1 value=$2
    printf "%s='%s'\n" "$key" "$value" >> "$PRACTICE_OUTPUT"
}

practice_get() {
    local task=$1 key=$2
    sed -n "s/^$key='\(.*\)'$/\1/p" "input.$task.env"
}

practice_need() {
    local tool
    for tool in "$@"; do
        if ! command -v "$tool" > /dev/null; then
            practice_log "missing tool: $tool"
            return 127
        fi
    done
}

practice_timed() {
    local begun=$SECONDS
    "$@"
    local code=$?
    practice_log "$((SECONDS - begun))s: $*"
    return $code
}
"#;

/// What `builtins.py` holds.
pub(super) const BUILTINS_PY: &str = r#"# Helpers for the scripts of a practice store. Nothing runs them.
import json
import os
import sys


def log(*words):
    print(*words, file=sys.stderr)


def get(task, key, default=None):
    with open(f"input.{task}.json", encoding="utf-8") as file:
        return json.load(file).get(key, default)


def put(values):
    with open(os.environ["PRACTICE_OUTPUT"], "w", encoding="utf-8") as file:
        json.dump(values, file, indent=2)
"#;

/// The fields of `run.yaml`, in the order in which every version wrote them.
#[derive(Serialize)]
struct RunYaml<'a> {
    prog: &'a str,
    cwd: &'a str,
    user: &'a str,
    timestamp: i64,
    hash: String,
    ottofile: String,
    args: Vec<String>,
}

/// What `run.yaml` says in the run's era.
pub(super) fn run_yaml(run: &RunSpec) -> io::Result<String> {
    let as_typed = run.era.run_yaml_is_as_typed();
    let hash = if as_typed {
        let dir = run.project_dir();
        dir.rsplit('-').next().unwrap_or_default().to_owned()
    } else {
        hash8(run.ottofile.as_bytes())
    };
    let document = RunYaml {
        prog: "otto",
        cwd: &run.cwd,
        user: &run.user,
        timestamp: run.timestamp + run.tick,
        hash,
        ottofile: if as_typed { "otto.yml".to_owned() } else { ottofile_path(run) },
        args: args(run),
    };
    serde_yaml_ng::to_string(&document).map_err(io::Error::other)
}

/// The absolute path of the ottofile.
pub(super) fn ottofile_path(run: &RunSpec) -> String {
    format!("{}/otto.yml", run.cwd.trim_end_matches('/'))
}

/// The arguments that the era recorded: all of them, the program's name alone, or that and the requested tasks.
pub(super) fn args(run: &RunSpec) -> Vec<String> {
    let mut args = vec![if run.era.run_yaml_is_as_typed() { "/usr/local/bin/otto" } else { "otto" }.to_owned()];
    if run.era.run_yaml_is_as_typed() || run.era.records_requested_tasks() {
        match &run.args {
            Some(asked) => args.extend(asked.iter().cloned()),
            None => args.extend(run.tasks.iter().map(|task| task.name.clone())),
        }
    }
    args
}

/// `output.<task>.json`: `{}` without values, else one to a line.
pub(super) fn output_json(values: &[(String, String)]) -> io::Result<String> {
    let map: serde_json::Map<String, serde_json::Value> =
        values.iter().map(|(key, value)| (key.clone(), value.clone().into())).collect();
    serde_json::to_string_pretty(&map).map_err(io::Error::other)
}

/// `output.<task>.env`, from which the runner makes the JSON.
pub(super) fn output_env(task: &str, values: &[(String, String)]) -> String {
    let mut text = format!("# Values put out by {task}.\n\n");
    for (key, value) in values {
        text.push_str(&format!("{key}='{value}'\n"));
    }
    text
}

/// `input.<dep>.env`, the same values under names that cannot meet others.
pub(super) fn input_env(dep: &str, values: &[(String, String)]) -> String {
    let shell_name = |text: &str| {
        text.chars().map(|c| if c.is_ascii_alphanumeric() { c.to_ascii_uppercase() } else { '_' }).collect::<String>()
    };
    let mut text = format!("# Values from {dep}.\n\n");
    for (key, value) in values {
        text.push_str(&format!("OTTO_INPUT_{}_{}='{value}'\n", shell_name(dep), shell_name(key)));
    }
    text
}
