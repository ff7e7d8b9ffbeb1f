//! Tests of reading `config.yml`.

use super::*;
use crate::model::DAY;
use proptest::prelude::*;

fn error(text: &str) -> ConfigError {
    Config::parse(text).expect_err(text)
}

#[test]
fn a_configuration_is_read_as_written() {
    let text = "\u{feff}# ours\nretention:\n  default: { keep_days: 30, keep_last_n: 10, keep_failed_days: 7 }\n  \
                per_project:\n    otto-abc123: { keep_days: 36h, strict_status: true }\n    \
                12e45678: {}\n  cache: true\n";
    let config = Config::parse(text).unwrap();
    let default =
        Rules { keep: Some(Age::days(30)), keep_failed: Some(Age::days(7)), keep_last: Some(10), ..Rules::default() };
    assert_eq!(*config.default_rules(), default);
    assert!(config.cache());
    let project = |dir: &str| config.project_rules(&crate::model::ProjectDir::new(dir), "x").unwrap();
    let rules = Rules { keep: Some(Age::seconds(36 * 3600)), strict_status: Some(true), ..Rules::default() };
    assert_eq!(project("otto-abc123"), Some(("otto-abc123", &rules)));
    assert_eq!(project("web-12e45678"), Some(("12e45678", &Rules::default())));
    assert_eq!(project("web-00000000"), None);
}

#[test]
fn parts_of_runs_have_ages_of_their_own() {
    let text = "retention:\n  default: { keep_logs_days: 7 }\n  per_project:\n    web: { keep_artifacts_days: 36h }\n";
    let config = Config::parse(text).unwrap();
    assert_eq!(config.default_rules().keep_logs, Some(Age::days(7)));
    let web = config.project_rules(&crate::model::ProjectDir::new("web-00000000"), "web").unwrap();
    assert_eq!(web.unwrap().1.keep_artifacts, Some(Age::seconds(36 * 3600)));
    assert!(config.drops_parts(&Rules::default()));
    let none = Config::parse("retention: { default: { keep_days: 7 } }").unwrap();
    assert!(!none.drops_parts(&Rules::default()));
    assert!(none.drops_parts(&Rules { keep_logs: Some(Age::ZERO), ..Rules::default() }));
    let error = error("retention:\n  default:\n    keep_logs_days: -1\n");
    assert!(error.to_string().starts_with("line 3: `retention.default.keep_logs_days` is `-1`"), "{error}");
    let long = Rules { keep_logs: Some(Age::seconds(u64::MAX)), ..Rules::default() };
    let policy = crate::retention::Policy::resolve(&long, None, &Rules::default());
    assert!(policy.validate(crate::retention::Selection::Narrowed).is_err());
}

#[test]
fn a_text_that_states_nothing_is_no_policy() {
    for text in ["", "\n\n", "# only a comment\n", "\u{feff}", "---\n# still nothing\n", "{}", "~\n", "retention: {}"] {
        let config = Config::parse(text).unwrap_or_else(|error| panic!("{text:?}: {error}"));
        assert_eq!(*config.default_rules(), Rules::default(), "{text:?}");
        assert!(!config.cache(), "{text:?}");
        assert!(config.check_projects(&[]).unwrap().is_empty(), "{text:?}");
    }
}

#[test]
fn each_mistake_has_its_line_its_key_and_a_hint() {
    let default = "retention:\n  default:\n    ";
    let cases = [
        // Unknown keys.
        (format!("{default}keep_day: 3"), 3, "retention.default.keep_day", "did you mean `keep_days`?"),
        (format!("{default}keep_failed: 3"), 3, "retention.default.keep_failed", "did you mean `keep_failed_days`?"),
        (format!("{default}keep_last: 3"), 3, "retention.default.keep_last", "did you mean `keep_last_n`?"),
        (format!("{default}colour: 3"), 3, "retention.default.colour", "known here: keep_days"),
        (format!("{default}<<: {{}}"), 3, "retention.default.<<", "known here: keep_days"),
        ("\n\nretention:\n  strict_status: true".into(), 4, "retention.strict_status", "below `retention.default`"),
        ("retention:\n  trash: {}".into(), 2, "retention.trash", "known here: default"),
        ("retention:\ndefault: {}".into(), 2, "default", "belongs below `retention`"),
        ("keep_days: 4".into(), 1, "keep_days", "below `retention.default`"),
        ("# a\nretension: {}".into(), 2, "retension", "did you mean `retention`?"),
        (
            "retention:\n  per_project:\n    web:\n      keepdays: 1".into(),
            4,
            "web.keepdays",
            "did you mean `keep_days`?",
        ),
        ("retention:\n  per_project:\n    '': {}".into(), 3, "retention.per_project.", "a project has a name"),
        ("retention:\n  per_project:\n    <<: {}".into(), 3, "retention.per_project.<<", "merge keys"),
        // Keys stated twice.
        (format!("{default}keep_days: 3\n    keep_days: 4"), 4, "retention.default.keep_days", "remove one"),
        ("retention: {}\nretention: {}".into(), 2, "retention", "remove one"),
        ("retention: {per_project: {web: {},\n 'web': {}}}".into(), 2, "retention.per_project.web", "remove one"),
    ];
    for (text, line, key, hint) in cases {
        let error = error(&text);
        assert_eq!(error.line(), Some(line), "{text:?}: {error}");
        assert!(error.key().is_some_and(|k| k.ends_with(key)), "{text:?}: {error}");
        assert!(error.to_string().starts_with(&format!("line {line}: ")), "{text:?}: {error}");
        assert!(error.hint().is_some_and(|h| h.contains(hint)), "{text:?}: {error}, {:?}", error.hint());
    }
}

#[test]
fn each_bad_value_is_named_with_what_may_be_there() {
    let days = "it takes a whole number of days up to 365000, an age like `36h`, or `unlimited`";
    let runs = "it takes a whole number of runs, from 0 to 1000000000";
    let bool = "it takes `true` or `false`";
    let cases = [
        ("keep_days: -1", "is `-1`", days),
        ("keep_days: 5m", "is the text `5m`", "write `5min` or `5mo`"),
        ("keep_days: 1.5", "is `1.5`", days),
        ("keep_days: 365001", "is `365001`", "more than 1000 years"),
        ("keep_days: 99999999999999999999", "is `99999999999999999999`", days),
        ("keep_days: 1e9", "is `1000000000.0`", days),
        ("keep_days: true", "is `true`", days),
        ("keep_days:", "is empty", days),
        ("keep_days: [30]", "is a list", days),
        ("keep_days: {d: 30}", "is a map", days),
        ("keep_failed_days: thirty", "is the text `thirty`", days),
        ("keep_failed_days: ''", "is the text ``", days),
        ("keep_last_n: -1", "is `-1`", runs),
        ("keep_last_n: '10'", "is the text `10`", runs),
        ("keep_last_n: 10.0", "is `10.0`", runs),
        ("keep_last_n: 1000000001", "is `1000000001`", runs),
        ("strict_status: yes", "is the text `yes`", bool),
        ("strict_status: 1", "is `1`", bool),
    ];
    for (rule, found, expected) in cases {
        let error = error(&format!("retention:\n  default:\n    {rule}\n"));
        let key = rule.split(':').next().unwrap();
        let start = format!("line 3: `retention.default.{key}` {found}; it takes ");
        assert!(error.to_string().starts_with(&start), "{rule}: {error}");
        assert!(error.to_string().contains(expected), "{rule}: {error}");
    }
    for (text, line, key) in [
        ("text", 1, "config.yml"),
        ("- a", 1, "config.yml"),
        ("retention: 3", 1, "retention"),
        ("\nretention:\n", 2, "retention"),
        ("retention:\n  default:\n  cache: true", 2, "retention.default"),
        ("retention:\n  cache: on", 2, "retention.cache"),
        ("retention:\n  per_project:\n    - web", 2, "retention.per_project"),
        ("retention:\n  per_project:\n    web:\n    # keep_days: 90\n", 3, "retention.per_project.web"),
    ] {
        let error = error(text);
        assert!(matches!(error, ConfigError::BadValue { .. }), "{text:?}: {error}");
        assert_eq!((error.line(), error.key()), (Some(line), Some(key)), "{text:?}: {error}");
    }
}

#[test]
fn what_is_no_single_document_of_plain_words_is_refused() {
    for (text, line) in [
        ("retention: {", 1),
        ("a: b\n\tc: d", 2),
        ("retention:\n  default: *missing", 2),
        ("retention: !ours {}", 1),
        ("? {a: b}\n: c", 1),
        ("? [a]\n: c", 1),
    ] {
        let error = error(text);
        assert!(matches!(error, ConfigError::Syntax { .. }), "{text:?}: {error}");
        assert!(error.line().is_some_and(|l| l >= line), "{text:?}: {error}");
    }
    for (text, line) in [("{}\n---\n{}", 3), ("---\nretention: {}\n---\n# a\nretention: {}", 5)] {
        let error = error(text);
        assert!(matches!(error, ConfigError::SecondDocument { .. }), "{text:?}: {error}");
        assert_eq!(error.line(), Some(line), "{text:?}: {error}");
    }
}

#[test]
fn aliases_work_as_yaml_has_them() {
    let text = "retention:\n  default: &base { keep_days: 3 }\n  per_project:\n    web: *base\n";
    let config = Config::parse(text).unwrap();
    let web = config.project_rules(&crate::model::ProjectDir::new("web-e259db19"), "web").unwrap();
    assert_eq!(web, Some(("web", config.default_rules())));
    assert_eq!(config.default_rules().keep.map(Age::as_seconds), Some(3 * DAY));
}

#[test]
fn long_and_deep_texts_are_refused_without_delay() {
    assert!(Config::parse(&"#".repeat(MAX_CONFIG_BYTES)).is_ok());
    assert!(matches!(error(&"#".repeat(MAX_CONFIG_BYTES + 1)), ConfigError::TooLong { .. }));
    for deep in ["[", "{a: ", "- ", "? "] {
        error(&deep.repeat(MAX_CONFIG_BYTES / 8));
    }
    let error = error(&format!("# deep\n{}", "{a: ".repeat(200)));
    assert_eq!(error.to_string(), "line 2: brackets are nested more than 100 deep");
    let wide: String = (0..40_000).map(|i| format!("    project-{i}: {{}}\n")).collect();
    let config = Config::parse(&format!("retention:\n  per_project:\n{wide}")).unwrap();
    let notices = config.check_projects(&[]).unwrap();
    assert_eq!(notices.len(), 40_000);
    assert_eq!((notices[0].line, notices[39_999].line), (Some(3), None), "lines are told while they are cheap");
}

/// Pieces that configurations are made of, so that random texts get past the first line.
fn piece() -> impl Strategy<Value = &'static str> {
    prop::sample::select(vec![
        "retention",
        "default",
        "per_project",
        "cache",
        "keep_days",
        "keep_last_n",
        "strict_status",
        ": ",
        ":",
        ": {",
        "{",
        "}",
        "[",
        "]",
        ", ",
        "\n",
        "\n  ",
        "\n    ",
        "- ",
        "? ",
        "&a ",
        "*a",
        "<<",
        "!t ",
        "!!int ",
        "'",
        "\"",
        "|",
        ">",
        "#",
        "---\n",
        "...\n",
        "30",
        "-1",
        "36h",
        "true",
        "~",
        "web",
        "prod-*",
        "\u{feff}",
        "\u{e9}",
        "\t",
        "%",
        "@",
        "\\",
        "\u{0}",
        "\r",
    ])
}

proptest! {
    #![proptest_config(crate::cases::cases(2000))]

    #[test]
    fn no_text_makes_it_panic(text in any::<String>()) {
        let _ = Config::parse(&text).map_err(|error| (error.to_string(), error.hint()));
    }

    #[test]
    fn no_text_of_its_own_words_makes_it_panic(pieces in prop::collection::vec(piece(), 0..40)) {
        let text = pieces.concat();
        match Config::parse(&text) {
            Ok(config) => drop(config.check_projects(&[(crate::model::ProjectDir::new("web-e259db19"), "web".into())])),
            Err(error) => {
                let lines = text.split(['\n', '\r', '\u{85}', '\u{2028}', '\u{2029}']).count();
                prop_assert!(error.line().is_none_or(|line| (1..=lines + 1).contains(&line)), "{error}");
            }
        }
    }
}
