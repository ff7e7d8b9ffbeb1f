//! What the text of a link refers to: entries of the caches.

use super::layout::CACHE;

/// A cache entry, or a directory of entries, that a link's text names.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Reference {
    /// The project directory named before `.cache`, where one is. The run's own project is meant besides.
    pub project: Option<Vec<u8>>,
    /// What follows `.cache`; empty when the text names the whole cache.
    pub path: Vec<u8>,
}

/// What a link's text refers to. The text alone counts, never what it resolves to: in a moved store all links dangle, and
/// still name their entry. A text with several `.cache` components yields a reference for each, and one whose way leads
/// out of the cache again (`..`) names all of it: counting too much is safe.
pub fn references(text: &[u8]) -> Vec<Reference> {
    if memchr::memmem::find(text, CACHE).is_none() {
        return Vec::new();
    }
    let mut parts = text.split(|&b| b == b'/').filter(|part| !part.is_empty() && *part != b".");
    let mut found = Vec::with_capacity(1);
    let mut before = None;
    while let Some(part) = parts.next() {
        if part == CACHE {
            let project = before.filter(|name| *name != b"..".as_slice()).map(<[u8]>::to_vec);
            found.push(Reference { project, path: way_below(parts.clone(), text.len()) });
        }
        before = Some(part);
    }
    found
}

/// A way down from a cache; empty, and so the cache itself, where it leads out again.
fn way_below<'t>(parts: impl Iterator<Item = &'t [u8]>, at_most: usize) -> Vec<u8> {
    let mut path = Vec::with_capacity(at_most);
    for part in parts {
        if part == b".." {
            return Vec::new();
        }
        if !path.is_empty() {
            path.push(b'/');
        }
        path.extend_from_slice(part);
    }
    path
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_refers_by_its_text() {
        let one = |project: Option<&str>, path: &str| {
            vec![Reference { project: project.map(|p| p.as_bytes().to_vec()), path: path.as_bytes().to_vec() }]
        };
        let cases: &[(&str, Vec<Reference>)] = &[
            ("../../../.cache/123f52a3.sh", one(None, "123f52a3.sh")),
            ("../../../.cache/build/af9e28c3", one(None, "build/af9e28c3")),
            ("/home/dev/.otto/otto-b690ce0e/.cache/build/af9e28c3", one(Some("otto-b690ce0e"), "build/af9e28c3")),
            ("../../.cache/x.sh", one(None, "x.sh")),
            ("../other-00000000/.cache//x.sh", one(Some("other-00000000"), "x.sh")),
            (".cache/x.sh", one(None, "x.sh")),
            ("../../../.cache", one(None, "")),
            ("../../../.cache/", one(None, "")),
            ("../../../.cache/a/../b", one(None, "")),
            ("../build/output.build.json", vec![]),
            ("../.cache-f44a5125/x", vec![]),
        ];
        for (text, expected) in cases {
            assert_eq!(&references(text.as_bytes()), expected, "{text}");
        }
        let twice = references(b"/home/u/.cache/.otto/p-00000000/.cache/x.sh");
        assert_eq!(twice.len(), 2);
        assert_eq!(twice[1], Reference { project: Some(b"p-00000000".to_vec()), path: b"x.sh".to_vec() });
    }
}
