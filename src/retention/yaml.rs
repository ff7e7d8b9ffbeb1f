//! YAML as a tree whose nodes know their line.
//!
//! A strict reader must say which line is wrong, and the parser gives lines only with its own errors. So every key and
//! every value gets its ordinal in the order of reading, and [`Document::line`] reads the text once more, stops at that
//! ordinal with an error, and takes the line the parser puts on it: exact for every way of writing YAML, where a search
//! in the text would have to guess. It costs a parse, so it is asked only when something is to be said.
//!
//! Four things are not left to the parser. **Keys are text as written**: a project's hash may be `12345678` or
//! `12e45678`, which YAML calls numbers. **Every entry of a map is kept**, so that a key that is there twice is seen.
//! **Aliases are paid for**: a few lines of them can stand for more than memory holds, so nodes and text are counted,
//! and more than twice the largest text is refused. **Brackets are counted** before it starts: its time grows with the
//! depth of open ones, and a megabyte of `{a: ` would keep it busy for minutes.

use serde::de::{DeserializeSeed, MapAccess, SeqAccess, Visitor};
use serde_yaml_ng::{Deserializer, Error};
use std::cell::Cell;
use std::fmt;

/// What a tree may weigh: one for each node, and the bytes of its text. A text without aliases weighs at most one and a
/// half times its length (`"\L"`, two bytes, is a character of three).
const HEAVIEST: usize = 2 * super::MAX_CONFIG_BYTES;

/// How many brackets may be open. The policy needs four.
pub(super) const DEEPEST: usize = 100;

/// A text and the tree it states.
#[derive(Clone, Debug, Default)]
pub(super) struct Document {
    text: String,
    /// `None` when the text states nothing.
    pub(super) root: Option<Node>,
}

/// A value.
#[derive(Clone, Debug)]
pub(super) struct Node {
    pub(super) ordinal: usize,
    pub(super) content: Content,
}

/// What a value is.
#[derive(Clone, Debug)]
pub(super) enum Content {
    Null,
    Bool(bool),
    Integer(i128),
    /// Any other number, as text.
    Number(String),
    Text(String),
    List(Vec<Node>),
    Map(Vec<(Key, Node)>),
}

/// A key, as written.
#[derive(Clone, Debug)]
pub(super) struct Key {
    pub(super) ordinal: usize,
    pub(super) text: String,
}

/// Why a text is no single YAML document.
#[derive(Debug)]
pub(super) enum NotADocument {
    Syntax(Error),
    /// A second document begins, at that line.
    Second(Option<usize>),
    /// More than [`DEEPEST`] brackets are open, at that line.
    Deep(usize),
}

impl Document {
    /// Reads a text that holds one document, or none.
    pub(super) fn parse(text: &str) -> Result<Self, NotADocument> {
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        if let Some(line) = too_deep(text) {
            return Err(NotADocument::Deep(line));
        }
        let mut documents = Deserializer::from_str(text);
        let mut root = None;
        if let Some(first) = documents.next() {
            let node = Reader(&Pass::default()).deserialize(first).map_err(NotADocument::Syntax)?;
            root = (!matches!(node.content, Content::Null)).then_some(node);
        }
        if let Some(second) = documents.next() {
            let stopped = Reader(&Pass::until(0)).deserialize(second).err();
            return Err(NotADocument::Second(stopped.and_then(|error| line(&error))));
        }
        Ok(Self { text: text.to_owned(), root })
    }

    /// The line, from 1, of the key or value with that ordinal.
    pub(super) fn line(&self, ordinal: usize) -> Option<usize> {
        let document = Deserializer::from_str(&self.text).next()?;
        line(&Reader(&Pass::until(ordinal)).deserialize(document).err()?)
    }

    /// How many bytes each question for a line reads.
    pub(super) fn len(&self) -> usize {
        self.text.len()
    }
}

/// The line, from 1, at which more than [`DEEPEST`] brackets are open. Those in quotes and comments count as well: the
/// bound guards against a file of something else, and a policy is far from it either way.
fn too_deep(text: &str) -> Option<usize> {
    let mut open = 0_usize;
    let deep = text.bytes().position(|byte| {
        match byte {
            b'{' | b'[' => open += 1,
            b'}' | b']' => open = open.saturating_sub(1),
            _ => {}
        }
        open > DEEPEST
    })?;
    Some(1 + text.bytes().take(deep).filter(|byte| *byte == b'\n').count())
}

/// The line, from 1, at which the parser saw an error.
pub(super) fn line(error: &Error) -> Option<usize> {
    error.location().map(|location| location.line())
}

impl Content {
    /// The value as a message names it.
    pub(super) fn described(&self) -> String {
        match self {
            Self::Null => "empty".to_owned(),
            Self::Bool(value) => format!("`{value}`"),
            Self::Integer(value) => format!("`{value}`"),
            Self::Number(value) => format!("`{value}`"),
            Self::Text(value) => format!("the text `{}`", shortened(value)),
            Self::List(_) => "a list".to_owned(),
            Self::Map(_) => "a map".to_owned(),
        }
    }
}

/// A text that fits in a message.
pub(super) fn shortened(text: &str) -> String {
    const LONGEST: usize = 80;
    match text.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}...", &text[..end]),
        None => text.to_owned(),
    }
}

/// One reading of a text: how far it is, what it weighs, and where it shall stop.
#[derive(Default)]
struct Pass {
    next: Cell<usize>,
    weight: Cell<usize>,
    stop: Option<usize>,
}

impl Pass {
    fn until(ordinal: usize) -> Self {
        Self { stop: Some(ordinal), ..Self::default() }
    }

    /// The ordinal of a key or value that begins here, with text of that length.
    fn enter<E: serde::de::Error>(&self, text: usize) -> Result<usize, E> {
        let ordinal = self.next.get();
        self.next.set(ordinal + 1);
        if self.stop == Some(ordinal) {
            return Err(E::custom("here"));
        }
        let weight = self.weight.get() + 1 + text;
        self.weight.set(weight);
        if weight > HEAVIEST {
            return Err(E::custom("aliases repeat more than a configuration may hold"));
        }
        Ok(ordinal)
    }
}

/// Reads a value.
struct Reader<'a>(&'a Pass);

impl Reader<'_> {
    fn leaf<E: serde::de::Error>(self, content: Content) -> Result<Node, E> {
        let text = match &content {
            Content::Text(text) | Content::Number(text) => text.len(),
            _ => 0,
        };
        Ok(Node { ordinal: self.0.enter(text)?, content })
    }
}

impl<'de> DeserializeSeed<'de> for Reader<'_> {
    type Value = Node;

    fn deserialize<D: serde::Deserializer<'de>>(self, deserializer: D) -> Result<Node, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Reader<'_> {
    type Value = Node;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value without a tag")
    }

    fn visit_unit<E: serde::de::Error>(self) -> Result<Node, E> {
        self.leaf(Content::Null)
    }

    fn visit_none<E: serde::de::Error>(self) -> Result<Node, E> {
        self.leaf(Content::Null)
    }

    fn visit_bool<E: serde::de::Error>(self, value: bool) -> Result<Node, E> {
        self.leaf(Content::Bool(value))
    }

    fn visit_i64<E: serde::de::Error>(self, value: i64) -> Result<Node, E> {
        self.leaf(Content::Integer(value.into()))
    }

    fn visit_u64<E: serde::de::Error>(self, value: u64) -> Result<Node, E> {
        self.leaf(Content::Integer(value.into()))
    }

    fn visit_i128<E: serde::de::Error>(self, value: i128) -> Result<Node, E> {
        self.leaf(Content::Integer(value))
    }

    fn visit_u128<E: serde::de::Error>(self, value: u128) -> Result<Node, E> {
        self.leaf(i128::try_from(value).map_or_else(|_| Content::Number(value.to_string()), Content::Integer))
    }

    fn visit_f64<E: serde::de::Error>(self, value: f64) -> Result<Node, E> {
        self.leaf(Content::Number(format!("{value:?}")))
    }

    fn visit_str<E: serde::de::Error>(self, value: &str) -> Result<Node, E> {
        // Weighed before it is copied: an alias may name it a million times.
        let ordinal = self.0.enter(value.len())?;
        Ok(Node { ordinal, content: Content::Text(value.to_owned()) })
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Node, A::Error> {
        let ordinal = self.0.enter(0)?;
        let mut items = Vec::new();
        while let Some(item) = list.next_element_seed(Reader(self.0))? {
            items.push(item);
        }
        Ok(Node { ordinal, content: Content::List(items) })
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Node, A::Error> {
        let ordinal = self.0.enter(0)?;
        let mut entries = Vec::new();
        while let Some(key) = map.next_key_seed(KeyReader(self.0))? {
            entries.push((key, map.next_value_seed(Reader(self.0))?));
        }
        Ok(Node { ordinal, content: Content::Map(entries) })
    }
}

/// Reads a key as the text it is written as.
struct KeyReader<'a>(&'a Pass);

impl<'de> DeserializeSeed<'de> for KeyReader<'_> {
    type Value = Key;

    fn deserialize<D: serde::Deserializer<'de>>(self, deserializer: D) -> Result<Key, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl Visitor<'_> for KeyReader<'_> {
    type Value = Key;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a key that is a word")
    }

    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Key, E> {
        let ordinal = self.0.enter(text.len())?;
        Ok(Key { ordinal, text: text.to_owned() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entries(document: &Document) -> &[(Key, Node)] {
        match &document.root.as_ref().unwrap().content {
            Content::Map(entries) => entries,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn each_key_and_value_knows_its_line() {
        let text = "# head\n\"a\": 1\n? b\n: {c: 2,\n    d: [3,\n 4], e: 5}\n'f':\n\n  |\n   a: b\n   g: h\n\ng: i\n";
        let document = Document::parse(text).unwrap();
        let lines = |entries: &[(Key, Node)]| -> Vec<(String, usize, usize)> {
            let line = |ordinal| document.line(ordinal).unwrap();
            entries.iter().map(|(k, v)| (k.text.clone(), line(k.ordinal), line(v.ordinal))).collect()
        };
        let expected = [("a", 2, 2), ("b", 3, 4), ("f", 7, 9), ("g", 13, 13)].map(|(k, a, b)| (k.to_owned(), a, b));
        assert_eq!(lines(entries(&document)), expected);
        let Content::Map(inner) = &entries(&document)[1].1.content else { panic!("no map") };
        let expected = [("c", 4, 4), ("d", 5, 5), ("e", 6, 6)].map(|(k, a, b)| (k.to_owned(), a, b));
        assert_eq!(lines(inner), expected);
    }

    #[test]
    fn keys_are_text_whatever_yaml_makes_of_them() {
        let text = "12345678: 1\n12e45678: 1\n0x1234ab: 1\ntrue: 1\n~: 1\n0123: 1\n";
        let document = Document::parse(text).unwrap();
        let keys: Vec<_> = entries(&document).iter().map(|(key, _)| key.text.as_str()).collect();
        assert_eq!(keys, ["12345678", "12e45678", "0x1234ab", "true", "~", "0123"]);
    }

    #[test]
    fn aliases_that_repeat_too_much_are_refused_and_a_few_are_not() {
        let few = "a: &x {k: 1}\nb: *x\nc: *x\n";
        assert_eq!(entries(&Document::parse(few).unwrap()).len(), 3);

        let many = format!("a: &x {{{}}}\n", (0..20_000).map(|i| format!("k{i}: 1, ")).collect::<String>());
        let many = (0..20_000).fold(many, |text, i| text + &format!("b{i}: *x\n"));
        let long = format!("a: &x {}\n", "x".repeat(500_000));
        let long = (0..20_000).fold(long, |text, i| text + &format!("b{i}: *x\n"));
        let lists = (1..40).fold("a0: &a0 {k: v}\n".to_owned(), |text, i| {
            let before = i - 1;
            text + &format!("a{i}: &a{i} {{x: *a{before}, y: *a{before}}}\n")
        });
        let itself = "a: &a {b: *a}\n".to_owned();
        for text in [many, long, lists, itself] {
            assert!(matches!(Document::parse(&text), Err(NotADocument::Syntax(_))), "{}", shortened(&text));
        }
    }
}
