//! An archive taken apart and put together again by hand, so that it can be spoiled in any way.

use serde_json::Value;
use std::io::{Read as _, Write as _};
use std::path::Path;

/// A member of a tar, as its header has it.
#[derive(Clone, Debug)]
pub(super) struct Raw {
    pub(super) path: Vec<u8>,
    pub(super) kind: u8,
    pub(super) link: Vec<u8>,
    pub(super) mode: u32,
    pub(super) mtime: u64,
    pub(super) data: Vec<u8>,
    /// The records of the extended header before it; none without one.
    pub(super) pax: Vec<(String, String)>,
    /// What the header says the length is, where that is not the data's.
    pub(super) length: Option<u64>,
}

impl Raw {
    pub(super) fn file(path: &str, data: &str) -> Self {
        Self {
            path: path.into(),
            kind: b'0',
            link: Vec::new(),
            mode: 0o644,
            mtime: 0,
            data: data.into(),
            pax: vec![("mtime".into(), "0.000000000".into())],
            length: None,
        }
    }

    fn write(&self, out: &mut Vec<u8>) {
        if !self.pax.is_empty() {
            let mut data = Vec::new();
            for (key, value) in &self.pax {
                let rest = key.len() + value.len() + 3;
                let mut length = rest + 1;
                while length != rest + length.to_string().len() {
                    length = rest + length.to_string().len();
                }
                data.extend_from_slice(format!("{length} {key}={value}\n").as_bytes());
            }
            header(b'x', b"pax", b"", 0, 0, data.len() as u64, out);
            padded(&data, out);
        }
        let length = self.length.unwrap_or(self.data.len() as u64);
        header(self.kind, &self.path, &self.link, self.mode, self.mtime, length, out);
        padded(&self.data, out);
    }
}

fn padded(data: &[u8], out: &mut Vec<u8>) {
    out.extend_from_slice(data);
    out.resize(out.len().next_multiple_of(512), 0);
}

fn header(kind: u8, path: &[u8], link: &[u8], mode: u32, mtime: u64, length: u64, out: &mut Vec<u8>) {
    let mut header = tar::Header::new_gnu();
    let gnu = header.as_gnu_mut().unwrap();
    gnu.name[..path.len()].copy_from_slice(path);
    gnu.linkname[..link.len()].copy_from_slice(link);
    header.set_entry_type(tar::EntryType::new(kind));
    header.set_mode(mode);
    header.set_mtime(mtime);
    header.set_size(length);
    header.set_uid(0);
    header.set_gid(0);
    header.set_cksum();
    out.extend_from_slice(header.as_bytes());
}

/// The tar in an archive.
pub(super) fn tar_of(path: &Path) -> Vec<u8> {
    let bytes = std::fs::read(path).unwrap();
    let mut tar = Vec::new();
    zstd::Decoder::new(&bytes[..]).unwrap().single_frame().read_to_end(&mut tar).unwrap();
    tar
}

/// The manifest and the members of an archive, none of which has a long name.
pub(super) fn parts(path: &Path) -> (Value, Vec<Raw>) {
    let tar = tar_of(path);
    let mut archive = tar::Archive::new(&tar[..]);
    let mut raws: Vec<Raw> = archive
        .entries()
        .unwrap()
        .map(|entry| {
            let mut entry = entry.unwrap();
            let pax = entry.pax_extensions().unwrap().map(|records| {
                let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
                records.map(|r| r.map(|r| (text(r.key_bytes()), text(r.value_bytes()))).unwrap()).collect()
            });
            let mut raw = Raw {
                path: entry.path_bytes().into_owned(),
                kind: entry.header().entry_type().as_byte(),
                link: entry.link_name_bytes().map(|l| l.into_owned()).unwrap_or_default(),
                mode: entry.header().mode().unwrap(),
                mtime: entry.header().mtime().unwrap(),
                data: Vec::new(),
                pax: pax.unwrap_or_default(),
                length: None,
            };
            entry.read_to_end(&mut raw.data).unwrap();
            raw
        })
        .collect();
    let manifest = raws.remove(0);
    assert_eq!(manifest.path, b"manifest.json");
    (serde_json::from_slice(&manifest.data).unwrap(), raws)
}

/// The tar of some parts.
pub(super) fn tar(manifest: &[u8], members: &[Raw]) -> Vec<u8> {
    let mut out = Vec::new();
    let mut first = Raw::file("manifest.json", "");
    (first.data, first.pax, first.mode) = (manifest.to_vec(), Vec::new(), 0o600);
    first.write(&mut out);
    members.iter().for_each(|member| member.write(&mut out));
    out.resize(out.len() + 1024, 0);
    out
}

/// Compresses a tar.
pub(super) fn compressed(tar: &[u8]) -> Vec<u8> {
    let mut encoder = zstd::Encoder::new(Vec::new(), 3).unwrap();
    encoder.include_checksum(true).unwrap();
    encoder.write_all(tar).unwrap();
    encoder.finish().unwrap()
}

/// Seals a compressed stream, as whoever writes an archive does.
pub(super) fn sealed(mut stream: Vec<u8>) -> Vec<u8> {
    let text = format!("otto.archive/1 blake3 {}", blake3::hash(&stream).to_hex());
    stream.extend_from_slice(&[0x5e, 0x2a, 0x4d, 0x18]);
    stream.extend_from_slice(&u32::try_from(text.len()).unwrap().to_le_bytes());
    stream.extend_from_slice(text.as_bytes());
    stream
}
