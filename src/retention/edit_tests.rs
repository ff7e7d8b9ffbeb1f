//! Texts before and after, and texts that are left alone.

use super::*;
use crate::model::Age;

fn rules() -> Rules {
    Rules { keep: Some(Age::days(30)), keep_last: Some(50), ..Rules::default() }
}

fn edit(text: &str, project: Option<&str>, rules: &Rules) -> Result<Edit, EditError> {
    super::edit(text, &amendment(project, rules))
}

fn amendment(project: Option<&str>, rules: &Rules) -> Amendment {
    match project {
        None => Amendment::Default(rules.clone()),
        Some(key) => Amendment::Project(key.to_owned(), rules.clone()),
    }
}

#[track_caller]
fn becomes(before: &str, project: Option<&str>, rules: &Rules, after: &str) {
    let edited = edit(before, project, rules).unwrap();
    assert_eq!(edited.text, after);
    let again = edit(after, project, rules).unwrap();
    assert_eq!((again.text.as_str(), again.changes.len()), (after, 0), "a second time changes nothing");
}

#[test]
fn values_are_replaced_and_keys_added_and_all_else_stays() {
    let before = "# ours\n\nretention:\n    # all of them\n    default:\n        keep_days: 14   # two weeks\n        \
                  strict_status: true # by hand\n        # the end of it\n\n    # and these\n    per_project:\n        \
                  \"prod-*\": { keep_days: 90 } # long\n        web: {keep_last_n: 3}\n# out\ntrash:\n  keep_days: 3\n";
    let after = before
        .replace("keep_days: 14 ", "keep_days: 30d ")
        .replace("# by hand\n", "# by hand\n        keep_last_n: 50\n");
    becomes(before, None, &rules(), &after);
    let changes = edit(before, None, &rules()).unwrap().changes;
    let change = |key: &str, before: Option<&str>, after: &str| KeyChange {
        key: format!("retention.default.{key}"),
        before: before.map(str::to_owned),
        after: after.to_owned(),
    };
    assert_eq!(changes, [change("keep_days", Some("14d"), "30d"), change("keep_last_n", None, "50")]);
    becomes(before, Some("prod-*"), &rules(), &before.replace("keep_days: 90 }", "keep_days: 30d, keep_last_n: 50 }"));
    let web = before.replace("web: {keep_last_n: 3}", "web: {keep_last_n: 50, keep_days: 30d}");
    becomes(before, Some("web"), &rules(), &web);
    let new = before.replace("# out", "        api-1:\n          keep_days: 30d\n          keep_last_n: 50\n# out");
    becomes(before, Some("api-1"), &rules(), &new);
}

#[test]
fn a_text_without_the_maps_gets_them() {
    let default = "retention:\n  default:\n    keep_days: 30d\n    keep_last_n: 50\n";
    becomes("", None, &rules(), default);
    becomes("# mine", None, &rules(), &format!("# mine\n{default}"));
    becomes("# mine\r\n", None, &rules(), &format!("# mine\n{default}").replace('\n', "\r\n"));
    becomes(
        "# a\ntrash:\n  keep_days: 3 # b\n# c\n",
        None,
        &rules(),
        &format!("# a\ntrash:\n  keep_days: 3 # b\n# c\n{default}"),
    );
    let own = "retention:\n  per_project:\n    \"web-1\":\n      keep_days: 30d\n      keep_last_n: 50\n";
    becomes("", Some("web-1"), &rules(), own);
    assert_eq!(lines(&[amendment(Some("web-1"), &rules())]).unwrap(), own);
    assert_eq!(lines(&[amendment(None, &rules())]).unwrap(), default);
}

#[test]
fn budgets_stand_beside_the_rules() {
    let budgets = Budgets { max_size: "5G".parse().ok(), max_runs: Some(200), min_free: "2.5%".parse().ok() };
    let put = |before: &str| super::edit(before, &Amendment::Budgets(budgets));
    let own = "  max_runs: 200\n  max_size: 5G\n  min_free: 2.5%\n";
    assert_eq!(put("").unwrap().text, format!("retention:\n{own}"));
    let before = "retention:\n  max_size: 4 GiB # the disk is small\n  default: { keep_days: 3 }\n";
    let edited = put(before).unwrap();
    let after = before.replace("4 GiB #", "5G #") + "  max_runs: 200\n  min_free: 2.5%\n";
    assert_eq!(edited.text, after);
    let changes: Vec<_> =
        edited.changes.iter().map(|c| (c.key.as_str(), c.before.as_deref(), c.after.as_str())).collect();
    let (size, runs) = (("retention.max_size", Some("4G"), "5G"), ("retention.max_runs", None, "200"));
    assert_eq!(changes, [runs, size, ("retention.min_free", None, "2.5%")]);
    let again = put(&after).unwrap();
    assert_eq!((again.text, again.changes.len()), (after, 0));
    let all = [Amendment::Default(rules()), Amendment::Budgets(budgets)];
    assert_eq!(lines(&all).unwrap(), format!("retention:\n  default:\n    keep_days: 30d\n    keep_last_n: 50\n{own}"));
}

#[test]
fn other_ways_of_writing_stay_what_they_are() {
    becomes(
        "retention: { default: {} } # c\n",
        None,
        &rules(),
        "retention: { default: {keep_days: 30d, keep_last_n: 50} } # c\n",
    );
    let windows = "retention:\r\n  default:\r\n    keep_days: 14 # x\r\n  cache: true\r\n";
    let after = windows.replace("14 # x\r\n", "30d # x\r\n    keep_last_n: 50\r\n");
    becomes(windows, None, &rules(), &after);
    becomes(
        "'retention':\n  \"default\":\n    'keep_days':\t'14d'\t# x\n",
        None,
        &rules(),
        "'retention':\n  \"default\":\n    'keep_days':\t30d\t# x\n    keep_last_n: 50\n",
    );
    let mixed = "# a\r\nretention:\n  default:\r\n    keep_days: 14\n# b\r\n# c";
    let after = edit(mixed, None, &rules()).unwrap().text;
    assert_eq!(
        after.replace("30d", "14").replace("    keep_last_n: 50\r\n", "").replace("    keep_last_n: 50\n", ""),
        mixed
    );
    // What says the same in other words is not touched.
    let same = "retention:\n  default: { keep_days: 720h, keep_last_n: 50 }\n";
    becomes(same, None, &rules(), same);
}

#[test]
fn what_cannot_be_edited_without_touching_more_is_left_alone() {
    for text in [
        // The same rules stand elsewhere by an alias.
        "retention:\n  default: &all\n    keep_days: 14\n  per_project:\n    web: *all\n",
        // A comment in what is replaced.
        "retention:\n  default:\n    keep_days: 30\n    keep_last_n: 50\n    keep_tag:\n      - a # why\n      - b\n",
    ] {
        let tagged = Rules { keep_tag: Some(vec!["v1".to_owned()]), ..rules() };
        assert!(matches!(edit(text, None, &tagged), Err(EditError::Unsafe(_))), "{:?}", edit(text, None, &tagged));
    }
    // What is an alias itself.
    let alias = "retention:\n  default: &all\n    keep_days: 14\n  per_project:\n    web: *all\n";
    assert!(matches!(edit(alias, Some("web"), &rules()), Err(EditError::Unsafe(_))));
    assert!(matches!(edit("retention: [\n", None, &rules()), Err(EditError::Config(_))));
}

#[test]
fn the_checks_refuse_an_editor_that_does_more_or_less() {
    let before = Config::parse("retention:\n  default: { keep_days: 14 }\n  cache: true\n").unwrap();
    let wanted = [("keep_days", "30d".to_owned())];
    let path = ["retention", "default"];
    let same = |after: &str| {
        let after = Config::parse(after).unwrap();
        same_but(before.document.root.as_ref(), after.document.root.as_ref(), &path, &wanted)
    };
    assert!(same("retention:\n  cache: true\n  default: { keep_days: 30d }\n"));
    for wrong in [
        "retention:\n  default: { keep_days: 14 }\n  cache: true\n",
        "retention:\n  default: { keep_days: 31d }\n  cache: true\n",
        "retention:\n  default: { keep_days: 30d }\n  cache: false\n",
        "retention:\n  default: { keep_days: 30d }\n",
        "retention:\n  default: { keep_days: 30d, keep_last_n: 1 }\n  cache: true\n",
        "retention:\n  default: {}\n  cache: true\n",
        "retention:\n  default: { keep_days: 30d }\n  cache: true\ntrash: { keep_days: 3 }\n",
        "retention:\n  cache: true\n",
        "",
    ] {
        assert!(!same(wrong), "{wrong}");
    }
    let keeps = |before: &str, after: &str| keeps_lines(before, after, &path, &wanted);
    let text = "# a\n  keep_days: 3 # b\n\n  cache: true # c\n";
    assert!(keeps(text, "# a\n  keep_days: 4 # b\n\n  cache: true # c\nnew\n"));
    for wrong in [
        "  keep_days: 4 # b\n\n  cache: true # c\n",
        "# a\n  keep_days: 4\n\n  cache: true # c\n",
        "# a\n  keep_days: 4 # b\n  cache: true # c\n",
        "# a\n  keep_days: 4 # b\n\n  cache: true\n",
        "# a\n\n  cache: true # c\n  keep_days: 4 # b\n",
        "# a\n  keep_days: 4 # b\r\n\n  cache: true # c\n",
        "# a\n  keep_days: 4 # b\n\n  cache: true # c\r\n",
        "# a\nkeep_days: 4 # b\n\n  cache: true # c\n",
    ] {
        assert!(!keeps(text, wrong), "{wrong}");
    }
}
