//! Choosing what goes: named runs, all, a status, the incomplete; and what that never takes.

use super::*;

/// What is gone after a clean with these flags, of a fresh shop.
#[track_caller]
fn goes(flags: &str, gone: impl Fn(&Shop) -> Vec<String>) {
    let (room, shop) = Room::shop();
    let dry = room.otto(&format!("clean --dry-run --json {flags}")).json();
    room.otto(&format!("clean --yes {flags}")).code(0);
    let mut gone = gone(&shop);
    assert_eq!(room.runs(), shop.all_but(&gone), "clean {flags}");
    assert_eq!(room.listed(), room.runs(), "list after clean {flags}");
    gone.sort();
    assert_eq!(sorted_ids(&dry["runs"]["delete"]), gone, "the dry run of {flags}");
}

#[test]
fn a_status_narrows_what_the_policy_lets_go() {
    goes("--status failed", |s| vec![s.web(50), s.api(35)]);
    goes("--status success", |s| vec![s.web(70), s.web(40), s.api(90)]);
    goes("--status failed,success --keep 45", |s| vec![s.web(70), s.web(50), s.api(90)]);
    goes("--status failed --status success --keep 45", |s| vec![s.web(70), s.web(50), s.api(90)]);
    goes("--status failed --keep 0", |s| vec![s.web(50), s.web(20), s.api(35)]);
    goes("--status failed --keep 0 --project web", |s| vec![s.web(50), s.web(20)]);
    goes("--status failed --keep 0 --keep-last 4", |s| vec![s.web(50)]);
    goes("--status interrupted,unknown --keep 0", |_| Vec::new());
    goes("--keep 0 --project api --allow-empty", |s| vec![s.api(90), s.api(35), s.api(5)]);
}

#[test]
fn a_status_means_the_same_to_list() {
    let (room, shop) = Room::shop();
    let listed = |flags: &str| sorted_ids(&room.otto(&format!("list --json {flags}")).json());
    let mut failed = vec![shop.web(50), shop.web(20), shop.api(35)];
    failed.sort();
    assert_eq!(listed("--status failed"), failed);
    assert_eq!(listed("--status failed,interrupted"), failed);
    assert_eq!(listed("--status failed --status success").len(), 9);
    assert_eq!(listed("--status running"), Vec::<String>::new());
}

#[test]
fn the_runs_named_go_whatever_the_policy_says_and_no_other() {
    goes(&format!("--run {}", began(1)), |s| vec![s.web(1)]);
    goes("--run latest", |s| vec![s.web(1)]);
    goes("--run web:latest api:latest web:latest-1", |s| vec![s.web(1), s.web(10), s.api(5)]);
    goes(&format!("--run {} --run {}", began(70), began(70)), |s| vec![s.web(70)]);
    let (room, shop) = Room::shop();
    fs::write(room.store.join("config.yml"), "retention: { default: { keep_days: 1000, keep_last_n: 99 } }").unwrap();
    let ran = room.otto_with(&["clean", "--yes", "--run", &shop.web(1)]).code(0);
    ran.says(&["Policy: the runs named", "goes: named (--run)", "Runs found: 6", "Stays: 5 runs"]);
    assert_eq!(room.runs(), shop.all_but(&[shop.web(1)]));
}

#[test]
fn runs_of_other_projects_hide_none_of_those_that_a_word_may_mean() {
    let room = Room::empty();
    let mut builder = room.builder();
    let (home, work) = ("/home/dev/twin", "/srv/dev/twin");
    let mut twins: Vec<String> = Vec::new();
    for (cwd, second) in [(home, 0), (work, 1)] {
        twins.push(crate::support::id_of(&builder.run(RunSpec::new(Era::L, cwd, began(60) + second)).unwrap()));
    }
    for second in 2..40 {
        builder.run(RunSpec::new(Era::L, "/home/dev/busy", began(60) + second)).unwrap();
    }
    let before = room.snapshot();
    let digits = began(60).to_string();
    for word in [format!("twin/{}", &digits[..8]), "twin/2025-04-16 14:06".to_owned()] {
        room.otto_with(&["clean", "--run", &word, "--yes", "--allow-empty"])
            .refused(2, &["means several runs", &twins[0], &twins[1]]);
    }
    before.assert_same(&room.snapshot(), "a word that means two runs");
}

#[test]
fn what_can_be_restored_is_chosen_among_whole_runs_and_parts() {
    let (room, shop) = Room::shop();
    let (whole, parts) = (shop.api(35), shop.web(40));
    let shared: String = began(35)
        .to_string()
        .chars()
        .zip(began(40).to_string().chars())
        .map_while(|(a, b)| (a == b).then_some(a))
        .collect();
    assert!(shared.len() >= 4, "{shared}");
    room.otto_with(&["clean", "--run", &parts, "--only", "logs", "--trash", "--yes"]).code(0);
    room.otto_with(&["clean", "--run", &whole, "--trash", "--yes"]).code(0);
    let before = room.snapshot();
    room.otto(&format!("trash restore {shared}")).refused(2, &["means several runs", &whole, &parts]);
    before.assert_same(&room.snapshot(), "a word that means two");
    // A name that is whole is that run, whatever begins with it.
    room.otto(&format!("trash restore {}", began(40))).says(&[&format!("restored parts of {parts}")]);
    room.otto(&format!("trash restore {shared}")).says(&[&whole]);
    assert_eq!(room.runs(), shop.all_but(&[]));
}

#[test]
fn all_takes_every_run_of_its_projects_and_only_with_the_word() {
    goes("--all --confirm DELETE --allow-empty", |s| {
        let web = Shop::WEB.iter().map(|(days, _)| s.web(*days));
        web.chain(Shop::API.iter().map(|(days, _)| s.api(*days))).collect()
    });
    goes("--all --project api --confirm DELETE --allow-empty", |s| vec![s.api(90), s.api(35), s.api(5)]);
    goes("--all --status failed --confirm DELETE", |s| vec![s.web(50), s.web(20), s.api(35)]);

    let (room, shop) = Room::shop();
    let before = room.snapshot();
    let cases: [(&[&str], &[&str]); 5] = [
        (&["--yes"], &["--confirm DELETE is missing", "otto clean --all --allow-empty --yes --confirm DELETE"]),
        (&["--confirm", "DELETE"], &["--yes is missing"]),
        (&[], &["no terminal", "--yes --confirm DELETE is missing"]),
        (&["--json", "--confirm", "DELETE"], &["--json asks no question"]),
        (&["--json", "--yes"], &["--confirm DELETE is missing"]),
    ];
    for (more, words) in cases {
        let line = [&["clean", "--all", "--allow-empty"], more].concat();
        room.otto_with(&line).code(4).complains(words);
    }
    room.otto("clean --all --yes --confirm delete").refused(2, &["--confirm", "DELETE"]);
    room.otto("clean --keep 30 --yes --confirm DELETE").refused(2, &["--confirm", "--all"]);
    for keys in ["y\n", "yes\n", "delete\n", "DELETE THEM\n", "\n", keys::END] {
        let ran = room.at_terminal("clean --all --allow-empty", keys).code(4);
        ran.complains(&["Type DELETE to delete them:", "Nothing was deleted."]);
    }
    before.assert_same(&room.snapshot(), "all, without the word");
    room.at_terminal("clean --all --allow-empty", "DELETE\n").code(0);
    assert_eq!(room.runs(), Vec::<String>::new());
    assert!(shop.orphan.exists(), "the cache was not asked for");
}

/// An interrupted run, one that lacks its `run.yaml`, one without its logs, one that nobody can judge; ids in this order.
fn broken(room: &Room) -> [String; 4] {
    let mut builder = room.builder();
    builder.run(run("/home/dev/web", 70, true)).unwrap();
    let cwd = "/home/dev/broken";
    let id = |path: PathBuf| crate::support::id_of(&path);
    let spec = |days| RunSpec::new(Era::J, cwd, began(days));
    let interrupted = builder.run(spec(3).task(TaskSpec::killed("build"))).unwrap();
    let without_yaml = builder.run(spec(4).task(TaskSpec::ok("build")).run_yaml(practice::Written::Absent)).unwrap();
    let without_log = builder.run(spec(5).task(TaskSpec::ok("build"))).unwrap();
    fs::remove_file(without_log.join("tasks/build/stdout.log")).unwrap();
    // Nothing was started, so nobody knows what would have become of it.
    let unknown = builder.run(spec(6)).unwrap();
    fs::remove_dir(unknown.join("tasks")).unwrap();
    builder.run(spec(7).task(TaskSpec::ok("build")).task(TaskSpec::skipped("deploy"))).unwrap();
    builder.runner_db(2, practice::WalState::LeftBehind).unwrap();
    [id(interrupted), id(without_yaml), id(without_log), id(unknown)]
}

#[test]
fn the_incomplete_are_the_interrupted_and_those_that_lack_parts_and_never_the_uncertain() {
    let room = Room::empty();
    let [interrupted, without_yaml, without_log, unknown] = broken(&room);
    let mut incomplete = vec![interrupted.clone(), without_yaml.clone(), without_log.clone()];
    incomplete.sort();
    assert_eq!(sorted_ids(&room.otto("list --incomplete --json").json()), incomplete);
    let item = room.otto_with(&["info", &unknown, "--json"]).json()["run"].clone();
    assert_eq!((&item["status"], &item["missing"]), (&"unknown".into(), &serde_json::json!(["tasks"])));
    let all = room.runs();
    let found = room.otto("clean --keep 1000 --dry-run").done();
    assert!(found.contains("Runs found: 6 (3 complete, 3 incomplete)"), "{found}");

    room.otto("clean --incomplete --yes")
        .code(0)
        .says(&["Nothing to remove.", "Policy: only incomplete; keep 30 days"]);
    let dry = room.otto("clean --incomplete --keep 0 --dry-run --json").json();
    assert_eq!(sorted_ids(&dry["runs"]["delete"]), incomplete);
    let reasons = |id: &String| {
        let items = dry["runs"]["delete"].as_array().unwrap().iter();
        items.filter(|item| item["id"] == **id).map(|item| item["reasons"].to_string()).collect::<String>()
    };
    assert!(reasons(&interrupted).contains("incomplete: interrupted"), "{dry:#}");
    assert!(reasons(&without_yaml).contains("incomplete: lacks run.yaml"), "{dry:#}");
    assert!(reasons(&without_log).contains("incomplete: lacks logs"), "{dry:#}");
    let kept = dry["runs"]["keep"].as_array().unwrap();
    let failed = format!("{}/{}", Era::J.project_dir("/home/dev/web"), began(70));
    let failed = kept.iter().find(|item| item["id"] == *failed).unwrap();
    assert_eq!(failed["reasons"], serde_json::json!(["not selected (--incomplete)"]));
    assert_eq!(dry["policy"]["selection"], serde_json::json!({"by": "policy", "statuses": [], "incomplete": true}));

    room.otto("clean --incomplete --keep 0 --yes").code(0);
    let left: Vec<String> = all.into_iter().filter(|id| !incomplete.contains(id)).collect();
    assert_eq!(room.runs(), left);
    assert!(left.contains(&unknown), "what nobody can judge stays");
}

#[test]
fn what_would_leave_no_run_of_a_project_needs_to_be_allowed() {
    let (room, shop) = Room::shop();
    let api: Vec<String> = [90, 35, 5].map(|days| shop.api(days)).into();
    let named = ["clean", "--run", &api[0], &api[1], &api[2]];
    let before = room.snapshot();
    for more in [&["--yes"][..], &["--yes", "--json"], &[]] {
        let ran = room.otto_with(&[&named[..], more].concat()).code(5);
        let words = ["nothing was deleted", "no run would be left of", shop.api.as_str(), "--allow-empty is missing"];
        assert!(ran.stdout.contains("api-"), "the plan is shown: {ran:#?}");
        ran.complains(&words);
    }
    for line in [
        "clean --all --project api --yes --confirm DELETE",
        "clean --project api --keep 0 --yes",
        "clean --status success,failed --keep 0 --project api --yes",
    ] {
        room.otto(line).code(5).complains(&[&shop.api, "--allow-empty"]);
    }
    let ran = room.at_terminal_with(&named, "y\n").code(5).complains(&["--allow-empty is missing"]);
    assert!(!ran.stderr.contains("Delete them?"), "what is refused is not asked: {ran:#?}");
    let dry = room.otto_with(&[&named[..], &["--dry-run"]].concat()).done();
    assert!(dry.contains("No run is left of 1 project (--allow-empty):\n    api-"), "{dry}");
    assert!(dry.ends_with(" --allow-empty\n"), "{dry}");
    let dry = room.otto_with(&[&named[..], &["--dry-run", "--json"]].concat()).json();
    assert_eq!(dry["runs"]["emptied_projects"], serde_json::json!([shop.api]));
    before.assert_same(&room.snapshot(), "what would empty a project");

    // A policy that keeps something may come to nothing left: that is what it says.
    let dry = room.otto("clean --keep 1h --project api --dry-run").done();
    assert!(dry.contains("Would remove: 3 runs") && !dry.contains("--allow-empty"), "{dry}");
    room.otto_with(&[&named[..], &["--yes", "--allow-empty"]].concat()).code(0);
    assert_eq!(room.runs(), shop.all_but(&api));
}

#[test]
fn a_protected_run_that_is_named_refuses_the_whole_and_all_goes_around_it() {
    let (room, shop) = Room::shop();
    // A lock tells of life, however old the files are.
    let spec = RunSpec::new(Era::L, "/home/dev/web", began(2)).task(TaskSpec::killed("serve"));
    let running = room.builder().run(spec).unwrap();
    let lock = fs::File::open(running.join(".lock")).unwrap();
    lock.lock().unwrap();
    let future = room.builder().run(run("/home/dev/web", -3, false)).unwrap();
    let (running, future) = (crate::support::id_of(&running), crate::support::id_of(&future));
    let (before, old) = (room.snapshot(), shop.web(70));
    for (named, word) in [(&running, "is running"), (&future, "is dated in the future")] {
        for more in [&["--yes"][..], &["--dry-run"], &["--json", "--yes"], &["--cache"]] {
            let line = [&["clean", "--run", &old, named], more].concat();
            room.otto_with(&line).refused(5, &["nothing was deleted", named, word]);
        }
    }
    before.assert_same(&room.snapshot(), "a protected run was named");
    let ran = room.otto("clean --all --yes --confirm DELETE").code(5).complains(&[&shop.api]);
    assert!(!ran.stderr.contains(&shop.web), "two of its runs stay: {ran:#?}");
    let ran = room.otto("clean --all --yes --confirm DELETE --allow-empty --cache").code(0);
    ran.says(&["protected, although they were meant: 2", ": running", ": dated in the future"]);
    let mut left = vec![running, future];
    left.sort();
    assert_eq!(room.runs(), left);
    assert!(shop.orphan.exists(), "somebody lives in its project");
}

#[test]
fn a_pinned_run_that_is_named_is_refused_with_its_note_and_date() {
    let (room, shop) = Room::shop();
    room.otto_with(&["pin", &shop.web(70), "--note", "the 2.0 release"]).code(0);
    room.otto_with(&["pin", &shop.api(90)]).code(0);
    let before = room.snapshot();
    let (noted, plain) = (shop.web(70), shop.api(90));
    let words =
        [&noted, "is pinned since 2025-06-15 15:06:40 by", ": the 2.0 release", "otto unpin", "nothing was deleted"];
    for more in [&["--yes"][..], &["--dry-run"], &["--json", "--yes"]] {
        room.otto_with(&[&["clean", "--run", "latest", &noted], more].concat()).refused(5, &words);
        let both = [&["clean", "--run", &noted, &plain], more].concat();
        room.otto_with(&both).refused(5, &[&format!("otto unpin {plain} {noted}")]);
    }
    before.assert_same(&room.snapshot(), "a pinned run was named");
    let ran = room.otto("clean --all --yes --confirm DELETE").code(0).says(&["they were meant: 2", ": pinned"]);
    assert!(!ran.stdout.contains("--allow-empty"), "each project keeps its pinned run: {ran:#?}");
    let mut left = [noted.clone(), plain];
    left.sort();
    assert_eq!(room.runs(), left);
    room.otto_with(&["unpin", &noted]).code(0);
    room.otto_with(&["clean", "--run", &noted, "--yes", "--allow-empty"]).code(0);
    assert_eq!(room.runs(), [shop.api(90)]);
}

#[test]
fn ids_come_from_standard_input_and_none_of_them_is_none() {
    let (room, shop) = Room::shop();
    let ids = format!("printf '%s\\n' {} {}", shop.web(70), shop.api(90));
    room.shell(&format!("{ids} | otto clean --run - --yes")).code(0);
    assert_eq!(room.runs(), shop.all_but(&[shop.web(70), shop.api(90)]));
    let before = room.snapshot();
    for input in ["", "\\n\\n", "  \\n"] {
        for flags in ["--yes", "--dry-run", "--yes --json", "--yes --cache", ""] {
            let ran = room.shell(&format!("printf '{input}' | otto clean --run - {flags}")).code(0);
            ran.complains(&["standard input names nothing"]);
        }
    }
    room.shell("printf 'nothing\\n' | otto clean --run - --yes").refused(2, &["there is no run `nothing`"]);
    room.shell(&format!("printf '{}\\nwrong\\n' | otto clean --run - --yes", shop.web(50))).refused(2, &["`wrong`"]);
    // Who pipes ids in has no terminal to answer at.
    room.shell(&format!("echo {} | otto clean --run -", shop.web(50))).code(4).complains(&["--yes is missing"]);
    before.assert_same(&room.snapshot(), "standard input that names nothing");
}

#[test]
fn dangerous_lines_are_refused_and_nothing_goes() {
    let (room, shop) = Room::shop();
    let before = room.snapshot();
    let cases: &[(&[&str], i32, &[&str])] = &[
        (&["--keep", "0"], 2, &["keeps no run at all", "--status"]),
        (&["--all", "--keep", "3", "--confirm", "DELETE"], 2, &["--all", "--keep"]),
        (&["--all", "--keep-last", "3", "--confirm", "DELETE"], 2, &["--all", "--keep-last"]),
        (&["--all", "--run", "latest", "--confirm", "DELETE"], 2, &["--all", "--run"]),
        (&["--all", "--cache-only", "--confirm", "DELETE"], 2, &["--all", "--cache-only"]),
        (&["--run", "latest", "--keep", "3"], 2, &["--run", "--keep"]),
        (&["--run", "latest", "--keep-failed", "3"], 2, &["--run", "--keep-failed"]),
        (&["--run", "latest", "--strict-status"], 2, &["--run", "--strict-status"]),
        (&["--run", "latest", "--project", "web"], 2, &["--run", "--project"]),
        (&["--run", "latest", "--status", "failed"], 2, &["--run", "--status"]),
        (&["--run", "latest", "--incomplete"], 2, &["--run", "--incomplete"]),
        (&["--run", "latest", "--cache-only"], 2, &["--run", "--cache-only"]),
        (&["--run"], 2, &["--run"]),
        (&["--run", ""], 2, &["there is no run ``"]),
        (&["--run", "latest", ""], 2, &["there is no run ``"]),
        (&["--run", "*"], 2, &["there is no run `*`"]),
        (&["--run", &shop.web], 2, &["there is no run"]),
        (&["--run", "../../etc"], 2, &["no project"]),
        (&["--status", ""], 2, &["--status"]),
        (&["--status", "running", "--keep", "0"], 2, &["--status", "running"]),
        (&["--status", "failed,brokne"], 2, &["--status", "brokne"]),
        (&["--project", "wbe", "--keep", "0"], 2, &["no project `wbe`", "`web`"]),
        (&["--project", "", "--keep", "0"], 2, &["no project ``"]),
        (&["--entry", "web"], 2, &["`web`", "PROJECT/NAME"]),
        (&["--entry", "web/"], 2, &["there is no cache entry `web/`"]),
        (&["--entry", "web/.cache"], 2, &["there is no cache entry"]),
        (&["--entry", "web/../api/run.yaml"], 2, &["there is no cache entry"]),
        (&["--entry", "web/x.sh", "--keep", "1"], 2, &["--entry", "--keep"]),
        (&["--entry", "web/x.sh", "--cache"], 2, &["--entry", "--cache"]),
        (&["--entry", "web/x.sh", "--all", "--confirm", "DELETE"], 2, &["--entry", "--all"]),
        (&["--interactive"], 2, &["--interactive", "--yes"]),
    ];
    for (flags, code, words) in cases {
        room.otto_with(&[&["clean", "--yes", "--allow-empty"], *flags].concat()).refused(*code, words);
        if *flags != ["--interactive"] {
            room.otto_with(&[&["clean", "--dry-run", "--allow-empty"], *flags].concat()).refused(*code, words);
        }
    }
    room.otto("clean --interactive").refused(4, &["--interactive", "terminal"]);
    room.shell("printf '' | otto clean --run - --entry - --yes").refused(2, &["--run -", "--entry -"]);
    before.assert_same(&room.snapshot(), "a dangerous line");
}

#[test]
fn a_part_of_a_project_s_name_is_no_name_and_leads_to_it() {
    let room = Room::empty();
    for name in ["storefront-web", "api-orders", "api-catalog", "infra"] {
        room.builder().run(run(&format!("/home/dev/{name}"), 3, false)).unwrap();
    }
    let hint = |word: &str| room.otto_with(&["list", "--project", word]).code(2).stderr;
    assert!(hint("web").ends_with("hint: did you mean `storefront-web`?\n"), "{}", hint("web"));
    assert!(hint("api").ends_with("hint: did you mean `api-catalog` or `api-orders`?\n"), "{}", hint("api"));
    assert!(hint("infar").ends_with("hint: did you mean `infra`?\n"), "{}", hint("infar"));
    assert!(
        hint("zzzz").ends_with("projects here: api-catalog, api-orders, infra, storefront-web\n"),
        "{}",
        hint("zzzz")
    );
    assert!(hint("api-*").contains("a pattern stands for projects in config.yml"), "{}", hint("api-*"));
}
