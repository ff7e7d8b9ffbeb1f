//! Tests of both readers, and that they agree.

use super::*;
use proptest::prelude::*;
use std::time::{Duration, Instant};

const REAL: &str = "prog: otto\ncwd: /home/dev/work/alpha\nuser: tester\ntimestamp: 1795224748\nhash: f6102f52\n\
                    ottofile: /home/dev/work/alpha/otto.yml\nargs:\n- otto\n- build\n";

fn yaml(text: &str) -> RunYaml {
    parse(text.as_bytes()).unwrap()
}

#[test]
fn the_runners_shape_is_read_by_hand() {
    assert!(parse_plain(REAL).is_some());
    let real = yaml(REAL);
    assert_eq!(real.context.cwd.as_deref(), Some("/home/dev/work/alpha"));
    assert_eq!(real.context.ottofile.as_deref(), Some("/home/dev/work/alpha/otto.yml"));
    assert_eq!(real.context.user.as_deref(), Some("tester"));
    assert_eq!(real.context.args, ["otto", "build"]);
    assert_eq!((real.timestamp, real.hash.as_deref()), (Some(1_795_224_748), Some("f6102f52")));
    assert_eq!(parse_any(REAL), Ok(real));
}

#[test]
fn a_scalar_is_its_text_whatever_yaml_would_type_it_as() {
    for text in ["123", "0x1F", "1e3", "0e123456", "true", "no", "2026-01-01", "1_000", ".inf", "007"] {
        let plain = format!("cwd: {text}\nargs:\n- {text}\n");
        assert_eq!(yaml(&plain).context.cwd.as_deref(), Some(text));
        assert_eq!(yaml(&plain).context.args, [text]);
        // A comment sends the same document to the YAML crate.
        assert_eq!(yaml(&format!("# {text}\n{plain}")), yaml(&plain), "{text}");
    }
}

#[test]
fn what_is_unusual_is_left_to_the_yaml_crate() {
    let cases = [
        ("cwd: '/a b'", Some("/a b")),
        ("cwd: \"\\x41\"", Some("A")),
        ("cwd: /a # comment", Some("/a")),
        ("cwd: /a#b", Some("/a#b")),
        ("cwd: /a  ", Some("/a")),
        ("cwd: /a\n  b", Some("/a b")),
        ("cwd: >-\n  /a\n  b", Some("/a b")),
        ("cwd: ~", None),
        ("cwd: null", None),
        ("cwd:", None),
        ("cwd: ", None),
        ("cwd: !!str 5", Some("5")),
        ("cwd: &anchor /a", Some("/a")),
        ("{cwd: /a, user: b}", Some("/a")),
        ("---\ncwd: /a\n...\n", Some("/a")),
        ("cwd: /a\r\nuser: b\r\n", Some("/a")),
        ("other: {x: [1, 2]}\ncwd: /a", Some("/a")),
        ("cwd: /caf\u{e9} \u{1f980}", Some("/caf\u{e9} \u{1f980}")),
    ];
    for (text, cwd) in cases {
        assert_eq!(yaml(text).context.cwd.as_deref(), cwd, "{text}");
    }
}

#[test]
fn a_value_of_the_wrong_type_is_absent_and_the_others_are_read() {
    let foreign = yaml("cwd: [a, b]\nuser: {x: 1}\ntimestamp: soon\nhash: 12\nargs: otto\nottofile: /o");
    let context = RunContext { ottofile: Some("/o".into()), ..RunContext::default() };
    assert_eq!(foreign, RunYaml { context, timestamp: None, hash: Some("12".into()) });
    assert_eq!(yaml("cwd: []\nargs: [otto, 7, null, {a: b}, 'x y']").context.args, ["otto", "7", "x y"]);
    assert_eq!(yaml("args:\n  - a\n  - b\n").context.args, ["a", "b"]);
    assert_eq!(yaml("args: []\n"), RunYaml::default());
}

#[test]
fn what_tells_nothing_is_an_error() {
    assert_eq!(parse(b"cwd: \xff"), Err(RunYamlError::NotUtf8));
    for text in ["", "\n", "just a text", "- a\n- b\n", "~"] {
        assert_eq!(parse(text.as_bytes()), Err(RunYamlError::NotAMapping), "{text:?}");
    }
    for text in ["cwd: [", "cwd: a: b", "\t- x", "cwd: /a\ncwd: /b\n", "cwd: \u{7}"] {
        assert!(
            matches!(parse(text.as_bytes()), Err(RunYamlError::Syntax(_))),
            "{text:?}: {:?}",
            parse(text.as_bytes())
        );
    }
}

#[test]
fn bombs_are_refused_quickly() {
    let mut bomb = String::from("a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n");
    for level in 1..200 {
        let before = level - 1;
        bomb.push_str(&format!("a{level}: &a{level} [*a{before}, *a{before}, *a{before}, *a{before}]\n"));
    }
    assert_eq!(parse(bomb.as_bytes()), Err(RunYamlError::Aliases));
    assert_eq!(parse(b"a: &a\n- [*a]\n"), Err(RunYamlError::Aliases));
    assert_eq!(parse("[".repeat(60_000).as_bytes()), Err(RunYamlError::TooNested));
    assert!(matches!(parse("[".repeat(1000).as_bytes()), Err(RunYamlError::Syntax(_))));
    let begun = Instant::now();
    for piece in ["[", "{", "- ", "{a: ", "? ", "- - ", "a: [", "!a ", "\n- ", "[x, ", "'", "\"\\", "|\n "] {
        let deep = piece.repeat(65536 / piece.len());
        assert!(parse(deep.as_bytes()).is_err(), "{piece:?}");
        let _ = parse(format!("args: {deep}").as_bytes());
    }
    assert!(begun.elapsed() < Duration::from_secs(10), "took {:?}", begun.elapsed());
}

/// Scalars of the characters that mean something, so that each rule is met often.
fn scalar() -> impl Strategy<Value = String> {
    prop_oneof![
        "[-a-z0-9/._:#&*!|>'\"%@`~?,{}\\[\\] =+\\\\\u{e9}\u{85}\u{2028}\u{feff}\t]{0,8}",
        "(null|Null|NULL|~|true|no|[0-9]{1,4}|0x[0-9a-f]{2}|[0-9]e[0-9]|\\.nan|\\.\\.\\.|---)",
        "/[a-z]{1,4}( |: |:| #|#|  |-)?[a-z]{0,3} ?",
    ]
}

proptest! {
    #![proptest_config(crate::cases::cases(2000))]

    #[test]
    fn both_readers_agree_on_every_document_that_is_read_by_hand(
        keys in prop::collection::vec(("(prog|cwd|user|timestamp|hash|ottofile|other)", scalar()), 0..4),
        args in prop::collection::vec(scalar(), 0..4),
        last_break in any::<bool>(),
    ) {
        let mut text: String = keys.iter().map(|(key, value)| format!("{key}: {value}\n")).collect();
        if !args.is_empty() {
            text.push_str("args:\n");
            text.extend(args.iter().map(|arg| format!("- {arg}\n")));
        }
        if !last_break {
            text.pop();
        }
        if let Some(fields) = parse_plain(&text) {
            prop_assert_eq!(Ok(fields.into_run_yaml()), parse_any(&text), "{:?}", text);
        }
    }

    #[test]
    fn arbitrary_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = parse(&bytes);
    }

    #[test]
    fn arbitrary_lines_never_panic(lines in prop::collection::vec((".{0,6}", scalar()), 0..6)) {
        let text: String = lines.iter().map(|(key, value)| format!("{key}{value}\n")).collect();
        let _ = parse(text.as_bytes());
    }
}
