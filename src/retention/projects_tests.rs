//! Tests of matching project keys with projects.

use super::*;

fn config(keys: &[&str]) -> Config {
    let lines: String = keys.iter().map(|key| format!("    '{key}': {{ keep_last_n: 1 }}\n")).collect();
    Config::parse(&format!("retention:\n  per_project:\n{lines}")).unwrap()
}

fn project(dir: &str, name: &str) -> (ProjectDir, String) {
    (ProjectDir::new(dir), name.to_owned())
}

#[test]
fn directory_name_beats_hash_beats_name_beats_pattern() {
    let keys = ["*", "web*", "web", "e259db19", "web-e259db19"];
    for count in 1..=keys.len() {
        for order in [keys[..count].to_vec(), keys[..count].iter().rev().copied().collect()] {
            let config = config(&order);
            let found = config.project_rules(&ProjectDir::new("web-e259db19"), "web").unwrap();
            assert_eq!(found.map(|(key, _)| key), Some(keys[count - 1]), "{order:?}");
        }
    }
}

#[test]
fn a_pattern_matches_directory_names_and_names_but_no_hash() {
    let matches =
        |key: &str, dir: &str, name: &str| config(&[key]).project_rules(&ProjectDir::new(dir), name).unwrap().is_some();
    assert!(matches("prod-*", "prod-web-e259db19", "prod-web"));
    assert!(matches("api?", "otto-e259db19", "api1"));
    assert!(!matches("e259*", "web-e259db19", "web"));
    assert!(matches("we?-*", "we?-e259db19", "we?"), "a directory may be called like a pattern");
    assert!(matches(".", ".", "."), "the runs without a project have one");
}

#[test]
fn two_patterns_of_one_length_are_refused_unless_a_stronger_key_decides() {
    let dir = ProjectDir::new("prod-web-e259db19");
    let error = config(&["prod-*", "*web-*"]).project_rules(&dir, "prod-web").unwrap_err();
    assert_eq!(
        error.to_string(),
        "line 3: project `prod-web-e259db19` matches both `prod-*` and `*web-*` (line 4), and neither beats the other"
    );
    assert_eq!(error.line(), Some(3));
    for keys in [["prod-*", "*web-*", "prod-w*"], ["prod-*", "*web-*", "prod-web"], ["prod-w*", "*web-*", "prod-*"]] {
        assert!(config(&keys).project_rules(&dir, "prod-web").unwrap().is_some(), "{keys:?}");
    }
    assert!(config(&["prod-*", "*web-*"]).check_projects(&[(dir, "prod-web".into())]).is_err());
}

#[test]
fn a_key_that_no_project_has_is_a_notice() {
    let projects = [project("web-e259db19", "web"), project("otto-abc123", "api")];
    let notices = config(&["web", "long-gone", "old-*", "a*"]).check_projects(&projects).unwrap();
    let texts: Vec<_> = notices.iter().map(Notice::to_string).collect();
    assert_eq!(
        texts,
        [
            "line 4: no project is called `long-gone`, so its rules have no effect",
            "line 5: no project matches `old-*`, so its rules have no effect",
        ]
    );
}

#[test]
fn a_key_beaten_by_a_stronger_one_is_not_gone() {
    let projects = [project("web-e259db19", "web")];
    let notices = config(&["web-e259db19", "e259db19", "web", "w*"]).check_projects(&projects).unwrap();
    assert_eq!(notices, []);
}

#[test]
fn a_slip_of_the_pen_is_refused_where_a_project_would_lose_its_rules() {
    let projects = [project("web-e259db19", "web"), project("frontend-0badcafe", "frontend")];
    let refused = [
        ("web-e259db18", "web-e259db19"),
        ("wbe-e259db19", "web-e259db19"),
        ("e259bd19", "e259db19"),
        ("wbe", "web"),
        ("fronted", "frontend"),
        ("Frontend", "frontend"),
        ("forntedn", "frontend"),
    ];
    for (key, near) in refused {
        let error = config(&["long-gone", key]).check_projects(&projects).unwrap_err();
        assert!(matches!(&error, ConfigError::NearMiss { line: Some(4), near: n, .. } if n == near), "{key}: {error}");
        assert!(error.to_string().contains("would remove runs"), "{error}");
        assert!(error.hint().is_some_and(|hint| hint.contains(&format!("write `{near}`"))), "{key}");
        // The same with a pattern over all: its own rules are still lost.
        assert!(config(&["*", key]).check_projects(&projects).is_err(), "{key}");
    }
    for key in ["we", "w", "xyb", "abc", "wxyz", "frontier-9", "fro?tent"] {
        assert_eq!(config(&[key]).check_projects(&projects).unwrap().len(), 1, "{key}");
    }
}

#[test]
fn a_project_with_a_key_of_its_own_loses_nothing() {
    let projects = [project("api-1-0badcafe", "api-1"), project("api-2-e259db19", "api-2")];
    assert!(config(&["api-3", "api-1"]).check_projects(&projects).is_err());
    let notices = config(&["api-3", "api-1", "api-2"]).check_projects(&projects).unwrap();
    assert_eq!(notices.len(), 1);
}
