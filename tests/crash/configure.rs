//! A change of the policy: stopped or failing at every step, no policy changed without a line that says by whom and how,
//! and what was left beside the file is found and goes.

use super::*;
use crate::support::fault::{self, until_stopped};
use crate::support::log::Told;
use otto_catalog::audit::{Event, Reader, Summary, summaries};
use otto_catalog::check;
use otto_catalog::configure;
use otto_catalog::marks::Asked;
use otto_catalog::practice::{Era, RunSpec, TaskSpec};
use otto_catalog::retention::{Amendment, Config, edit};
use otto_catalog::session::{Access, Settings};
use otto_catalog::store::user_file::UserFile;
use std::fs::{self, File};
use std::os::fd::AsFd as _;

const OLD: &str = "# mine\nretention:\n  default:\n    keep_days: 30\n";
const NEW: &str = "# mine\nretention:\n  default:\n    keep_days: 7d\n    keep_last_n: 5\n";
const ASIDE: &str = ".config.yml.otto-new";

/// A store with a policy, where there is one.
fn store(there: bool) -> Store {
    let store = Store::in_memory();
    store.write(RunSpec::new(Era::J, "/home/dev/web", store.days_ago(3)).task(TaskSpec::ok("build")));
    drop(store.open(Access::Index { full: true }));
    if there {
        fs::write(store.root.join("config.yml"), OLD).unwrap();
    }
    store
}

fn write(store: &Store, hook: &Hook) -> Result<bool, configure::Error> {
    let session = store.open(Access::Mark);
    let settings = Settings { hook: hook.clone(), ..store.settings() };
    let file = UserFile::read(&store.root.join("config.yml"), 1000).unwrap();
    let rules = Config::parse(NEW).unwrap().default_rules().clone();
    let edited = edit(std::str::from_utf8(file.bytes()).unwrap(), &Amendment::Default(rules)).unwrap();
    let asked = Asked { command: "otto retention --keep 7 --keep-last 5", who: "ada@host" };
    let noted = configure::write(&session, &settings, &asked, file, (&edited.text, &edited.changes))?;
    Ok(noted.is_empty())
}

/// What the log says of changes of the policy.
fn operations(store: &Store) -> Vec<Summary> {
    let Ok(directory) = File::open(store.root.join(".catalog")) else { return Vec::new() };
    let mut reader = Reader::open(directory.as_fd()).unwrap();
    summaries(&mut reader, i64::MIN)
}

/// What a check finds left behind.
fn stray(store: &Store) -> Vec<String> {
    let report = check::check(&store.settings()).unwrap();
    let found = report.findings.list().into_iter().filter(|finding| finding.kind.word() == "stray-file");
    found.map(|finding| finding.what.clone()).collect()
}

fn text(store: &Store) -> Option<String> {
    fs::read_to_string(store.root.join("config.yml")).ok()
}

#[test]
fn a_policy_that_changed_has_a_line_wherever_its_change_stops_or_fails() {
    let mut left = 0;
    for there in [true, false] {
        let (watching, seen) = fault::watch();
        let whole = store(there);
        assert!(write(&whole, &watching).unwrap());
        let new = text(&whole).unwrap();
        let steps = seen.acts().len();
        assert!(steps > 5, "{:?}", seen.acts());
        assert_eq!(operations(&whole)[0].ending().word(), "done");
        let old = there.then(|| OLD.to_owned());
        for n in 1..=steps {
            let at = format!("at {n} of {steps}, {:?}", seen.acts()[n - 1]);
            let failing = store(there);
            let wrote = write(&failing, &fault::fail_at(n, Errno::ACCESS).0);
            assert_eq!(text(&failing).as_ref(), if wrote.is_ok() { Some(&new) } else { old.as_ref() }, "failing {at}");
            assert!(!failing.root.join(ASIDE).exists(), "failing {at}");
            match (operations(&failing).first(), &wrote) {
                (Some(operation), Err(_)) => assert_eq!(operation.ending().word(), "partly", "failing {at}"),
                (None, Err(configure::Error::Log(_))) => assert_eq!(n, 1, "failing {at}"),
                (Some(operation), Ok(whole)) => {
                    let ending = if Act::Audit == seen.acts()[n - 1] { "open" } else { "done" };
                    assert_eq!((operation.ending().word(), *whole), (ending, false), "failing {at}");
                }
                other => panic!("failing {at}: {other:?}"),
            }
            let stopped = store(there);
            assert!(until_stopped(|| write(&stopped, &fault::stop_at(n).0)).is_none(), "{at}");
            let now = text(&stopped);
            assert!(now == old || now.as_ref() == Some(&new), "stopped {at}: {now:?}");
            let lines = Told::of(&stopped.root).lines;
            let told = lines.iter().any(|line| matches!(&line.event, Event::Configured(c) if c.changes.len() == 2));
            assert!(told || now == old, "stopped {at}: a policy changed without a trace");
            if told {
                assert_eq!(operations(&stopped)[0].ending().word(), "open", "stopped {at}");
            }
            let lies_there = stopped.root.join(ASIDE).exists();
            left += usize::from(lies_there);
            let found = stray(&stopped);
            assert_eq!(found.len(), usize::from(lies_there), "stopped {at}: {found:?}");
            assert!(found.iter().all(|what| what.contains(ASIDE)), "{found:?}");
            let report = check::check(&stopped.settings()).unwrap();
            let fixed = check::fix(&stopped.settings(), &report, &execution()).unwrap();
            assert_eq!((fixed.failed.as_slice(), text(&stopped)), ([].as_slice(), now.clone()), "stopped {at}");
            assert!(!stopped.root.join(ASIDE).exists() && stray(&stopped).is_empty(), "stopped {at}");
            if now.as_ref() != Some(&new) {
                assert!(write(&stopped, &Hook::default()).unwrap() && text(&stopped).as_ref() == Some(&new));
            }
        }
    }
    assert!(left > 2, "hardly a write was stopped between its two names");
}

#[test]
fn what_lies_beside_the_policy_and_is_no_file_is_left_alone() {
    let store = store(true);
    let aside = store.root.join(ASIDE);
    std::os::unix::fs::symlink("/etc/passwd", &aside).unwrap();
    assert_eq!(stray(&store), Vec::<String>::new());
    fs::remove_file(&aside).unwrap();
    fs::create_dir(&aside).unwrap();
    assert_eq!(stray(&store), Vec::<String>::new());
    // Between the look and the repair it became something else.
    fs::remove_dir(&aside).unwrap();
    fs::write(&aside, NEW).unwrap();
    let report = check::check(&store.settings()).unwrap();
    fs::remove_file(&aside).unwrap();
    std::os::unix::fs::symlink("/etc/passwd", &aside).unwrap();
    check::fix(&store.settings(), &report, &execution()).unwrap();
    assert!(aside.is_symlink());
}
