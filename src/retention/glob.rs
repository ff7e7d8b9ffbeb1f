//! Patterns of project keys: `*` stands for any text, `?` for one character, and everything else for itself.
//!
//! On a mismatch only the last `*` takes one character more. That is enough, because whatever an earlier one could take
//! in its stead, the last one can take as well; so the cost is at most the product of the two lengths, never more.

/// Whether a key is a pattern.
pub(super) fn is_glob(key: &str) -> bool {
    key.contains(['*', '?'])
}

/// Whether a pattern describes the whole of a text.
pub fn fits(pattern: &str, text: &str) -> bool {
    matches(pattern, text)
}

/// Whether `pattern` describes the whole of `text`.
pub(super) fn matches(pattern: &str, text: &str) -> bool {
    let (mut pattern, mut text) = (pattern.chars(), text.chars());
    // What follows the last `*` met, and the text from where it is tried.
    let mut retry = None;
    loop {
        let (rest, mut after) = (text.clone(), pattern.clone());
        match (after.next(), text.next()) {
            (Some('*'), _) => {
                retry = Some((after.clone(), rest.clone()));
                (pattern, text) = (after, rest);
                continue;
            }
            (Some(p), Some(c)) if p == '?' || p == c => {
                pattern = after;
                continue;
            }
            (None, None) => return true,
            _ => {}
        }
        let Some((after, from)) = &mut retry else { return false };
        if from.next().is_none() {
            return false;
        }
        (pattern, text) = (after.clone(), from.clone());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The definition, by recursion: slow, and plainly right.
    fn defined(pattern: &[char], text: &[char]) -> bool {
        match pattern.split_first() {
            None => text.is_empty(),
            Some(('*', rest)) => (0..=text.len()).any(|taken| defined(rest, &text[taken..])),
            Some((p, rest)) => text.split_first().is_some_and(|(c, more)| (*p == '?' || p == c) && defined(rest, more)),
        }
    }

    #[test]
    fn stars_and_question_marks_stand_for_text() {
        let cases = [
            ("prod-*", "prod-web", true),
            ("prod-*", "prod-", true),
            ("prod-*", "my-prod-web", false),
            ("*", "", true),
            ("?", "", false),
            ("?", "\u{e4}", true),
            ("*-????????", "web-e259db19", true),
            ("*web*", "my-web-1", true),
            ("a*b*c", "abcbc", true),
            ("a*b*c", "abcb", false),
            ("", "", true),
            ("[ab]", "a", false),
        ];
        for (pattern, text, expected) in cases {
            assert_eq!(matches(pattern, text), expected, "`{pattern}` on `{text}`");
        }
    }

    #[test]
    fn a_pattern_of_many_stars_is_no_trap() {
        assert!(!matches(&"a*".repeat(2000), &"a".repeat(1999)));
        assert!(!matches(&format!("{}b", "*a".repeat(100)), &"a".repeat(4000)));
    }

    proptest! {
        #[test]
        fn matching_is_as_defined(pattern in "[ab*?]{0,8}", text in "[ab]{0,10}") {
            let chars = |s: &str| s.chars().collect::<Vec<_>>();
            prop_assert_eq!(matches(&pattern, &text), defined(&chars(&pattern), &chars(&text)));
        }
    }
}
