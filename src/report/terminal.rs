//! Bytes of a log on a terminal: shown, and never obeyed.
//!
//! A log may hold anything, and a terminal acts on control sequences: it can be told to clear the screen, to rename its
//! window, to type. So what is no text is shown as an escape: control characters of both sets, and those that turn the
//! direction of text around. Colours and the like, which logs are full of, are taken out.

/// The longest sequence that can set colours: what is longer is no such thing.
const LONGEST_SEQUENCE: usize = 64;

/// Makes text of bytes as they come, in pieces cut anywhere.
#[derive(Debug, Default)]
pub struct Sanitizer {
    /// The beginning of something that the next piece may end.
    held: Vec<u8>,
}

impl Sanitizer {
    /// Adds the text of more bytes to `out`.
    pub fn push(&mut self, bytes: &[u8], out: &mut String) {
        let mut all = std::mem::take(&mut self.held);
        all.extend_from_slice(bytes);
        let complete = all.len() - unfinished(&all);
        show(&all[..complete], out);
        self.held = all.split_off(complete);
    }

    /// Adds the text of what was held back: nothing follows any more.
    pub fn finish(&mut self, out: &mut String) {
        show(&std::mem::take(&mut self.held), out);
    }
}

/// The text of bytes that belong together.
pub fn sanitized(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len());
    show(bytes, &mut text);
    text
}

/// How many bytes at the end may be the beginning of something: of a character, a sequence, the end of a line.
fn unfinished(bytes: &[u8]) -> usize {
    if bytes.last() == Some(&b'\r') {
        return 1;
    }
    let tail = &bytes[bytes.len().saturating_sub(LONGEST_SEQUENCE)..];
    if let Some(at) = tail.iter().rposition(|byte| *byte == 0x1b)
        && tail[at + 1..].iter().enumerate().all(|(n, byte)| if n == 0 { *byte == b'[' } else { is_parameter(*byte) })
    {
        return tail.len() - at;
    }
    match std::str::from_utf8(&tail[tail.len().saturating_sub(4)..]) {
        Ok(_) => 0,
        Err(_) => (1..=3.min(tail.len())).rev().find(|n| is_begun(&tail[tail.len() - n..])).unwrap_or(0),
    }
}

/// Whether these are the first bytes of a character, and not all of them.
fn is_begun(bytes: &[u8]) -> bool {
    std::str::from_utf8(bytes).is_err_and(|error| error.valid_up_to() == 0 && error.error_len().is_none())
}

fn is_parameter(byte: u8) -> bool {
    byte.is_ascii_digit() || byte == b';' || byte == b':'
}

fn show(bytes: &[u8], out: &mut String) {
    for chunk in bytes.utf8_chunks() {
        let mut rest = chunk.valid();
        while let Some(c) = rest.chars().next() {
            if let Some(after) = after_colour(rest) {
                rest = after;
                continue;
            }
            rest = &rest[c.len_utf8()..];
            match c {
                '\r' if rest.starts_with('\n') => {}
                '\n' | '\t' => out.push(c),
                c if c.is_control() || turns_text(c) => out.extend(c.escape_default()),
                c => out.push(c),
            }
        }
        chunk.invalid().iter().for_each(|byte| out.push_str(&format!("\\x{byte:02x}")));
    }
}

/// What follows a sequence that sets colours, if the text begins with one.
fn after_colour(text: &str) -> Option<&str> {
    let parameters = text.strip_prefix("\u{1b}[")?;
    let rest = parameters.trim_start_matches(|c: char| c.is_ascii() && is_parameter(c as u8));
    rest.strip_prefix('m').filter(|_| parameters.len() - rest.len() <= LONGEST_SEQUENCE)
}

/// Characters that make text read in another order than it stands.
fn turns_text(c: char) -> bool {
    matches!(c, '\u{200e}' | '\u{200f}' | '\u{061c}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn text_is_shown_and_orders_to_the_terminal_are_not_obeyed() {
        let cases: &[(&[u8], &str)] = &[
            (b"plain \xc3\xa9\ttab\n", "plain \u{e9}\ttab\n"),
            (b"dos\r\nbar\rover\n", "dos\nbar\\rover\n"),
            (b"\x1b[1;31mred\x1b[0m \x1b[38:2::1:2:3mx", "red x"),
            (b"\x1b[2J\x1b[H\x1b]0;title\x07\x1bc", "\\u{1b}[2J\\u{1b}[H\\u{1b}]0;title\\u{7}\\u{1b}c"),
            (b"\x1b[31", "\\u{1b}[31"),
            (b"\xff\xfe\x80\x9b31m", "\\xff\\xfe\\x80\\x9b31m"),
            (b"\xc2\x9b31m", "\\u{9b}31m"),
            (b"a\xe2\x80\xaeb\x00\x7f", "a\\u{202e}b\\u{0}\\u{7f}"),
            (b"\xe2\x80", "\\xe2\\x80"),
        ];
        for (bytes, text) in cases {
            assert_eq!(sanitized(bytes), *text, "{bytes:?}");
        }
    }

    proptest! {
        #![proptest_config(crate::cases::cases(256))]

        #[test]
        fn pieces_show_what_the_whole_shows_and_nothing_acts(
            parts in prop::collection::vec(prop_oneof![
                Just(b"\x1b[31m".to_vec()), Just(b"\x1b]0;x\x07".to_vec()), Just(b"\r\n".to_vec()), Just("\u{e9}\u{6f22}\u{1f600}".into()),
                prop::collection::vec(any::<u8>(), 0..6),
            ], 0..12),
            cuts in prop::collection::vec(0_usize..60, 0..6),
        ) {
            let bytes = parts.concat();
            let mut cuts: Vec<usize> = cuts.into_iter().map(|cut| cut.min(bytes.len())).chain([0, bytes.len()]).collect();
            cuts.sort_unstable();
            let (mut sanitizer, mut text) = (Sanitizer::default(), String::new());
            cuts.windows(2).for_each(|pair| sanitizer.push(&bytes[pair[0]..pair[1]], &mut text));
            sanitizer.finish(&mut text);
            prop_assert_eq!(&text, &sanitized(&bytes));
            prop_assert!(!text.chars().any(|c| c.is_control() && c != '\n' && c != '\t'));
        }
    }
}
