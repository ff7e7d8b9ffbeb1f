//! Tests of where a task's files are.

use super::*;

#[test]
fn a_tasks_place_is_told_by_its_paths() {
    let elsewhere = |dir: &str| TaskDir::Elsewhere(dir.into());
    let cases = [
        ("build", Some("/h/.otto/a-1/100/tasks/build/stdout.log"), Some("/h/.otto/a-1/100"), TaskDir::Usual),
        ("s:a/b", Some("/h/a-1/100/tasks/s:a/b/stdout.log"), Some("/h/a-1/100"), TaskDir::Usual),
        ("x:../../../OUT", Some("/h/a-1/100/tasks/x:../../../OUT/script.sh"), Some("/h/a-1/100"), elsewhere("OUT")),
        ("x:/../../../O", Some("/h/a-1/100/tasks/x:/../../../O/stdout.log"), Some("/h/a-1/100"), TaskDir::Outside),
        ("x:1/tasks/y", Some("/h/a-1/100/tasks/x:1/tasks/y/stdout.log"), Some("/h/a-1/100"), TaskDir::Usual),
        ("a/b", Some("/h/a-1/100-2/tasks/a%2Fb/stdout.log"), Some("/h/a-1/100-2"), elsewhere("tasks/a%2Fb")),
        ("q", Some("/h/a-1/5/tasks/t/in/b-2/6/tasks/q/stdout.log"), Some("/h/a-1/5/tasks/t/in/b-2/6"), TaskDir::Usual),
        ("other", Some("/h/a-1/5/tasks/t/b-2/6/tasks/q/out"), Some("/h/a-1/5/tasks/t/b-2/6"), elsewhere("tasks/q")),
        ("build", Some("/nowhere/tasks/build/stdout.log"), None, TaskDir::Usual),
        ("build", None, None, TaskDir::Usual),
        ("..", None, None, TaskDir::Outside),
        ("../..", None, None, TaskDir::Outside),
        (".", None, None, TaskDir::Outside),
    ];
    for (name, path, run_dir, dir) in cases {
        assert_eq!(place_of_task(name, path), (run_dir, dir), "{name} {path:?}");
    }
}
