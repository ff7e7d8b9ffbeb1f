//! The compressed stream around the tar, and the seal at its end.
//!
//! The seal is what its format takes for nothing: a skippable frame of zstd, an empty member of gzip. It holds the blake3
//! of all bytes before it, so that a file that was cut short, or of which a single bit is not what it was, is refused
//! before a decoder sees any of it. It is no signature: who writes an archive anew seals it anew.

use super::error::{Error, io_error};
use super::manifest::SCHEMA;
use std::fs::File;
use std::io::{self, Read, Seek as _, SeekFrom, Write};
use std::path::Path;

/// How an archive is compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// `.tar.zst`.
    Zstd,
    /// `.tar.gz`.
    Gzip,
}

/// What zstd calls level 3: as fast as disks are, a third of the size of logs.
const LEVEL: i32 = 3;
/// A decoder takes no more memory than this power of two: our own level needs 2 MiB.
const WINDOW: u32 = 25;

impl Format {
    /// By the end of a file's name.
    ///
    /// # Errors
    /// [`Error::Ending`].
    pub fn of_name(path: &Path) -> Result<Self, Error> {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        match name {
            _ if name.ends_with(".tar.zst") || name.ends_with(".tzst") => Ok(Self::Zstd),
            _ if name.ends_with(".tar.gz") || name.ends_with(".tgz") => Ok(Self::Gzip),
            _ => Err(Error::Ending(path.to_owned())),
        }
    }

    /// By the first bytes of a file.
    pub(super) fn of_magic(head: &[u8]) -> Option<Self> {
        match head {
            [0x28, 0xb5, 0x2f, 0xfd, ..] => Some(Self::Zstd),
            [0x1f, 0x8b, 0x08, ..] => Some(Self::Gzip),
            _ => None,
        }
    }

    /// The seal of a stream with that hash.
    pub(super) fn seal(self, hash: &blake3::Hash) -> Vec<u8> {
        let text = format!("{SCHEMA} blake3 {}", hash.to_hex());
        match self {
            Self::Zstd => {
                let length = u32::try_from(text.len()).unwrap_or(0).to_le_bytes();
                [&[0x5e, 0x2a, 0x4d, 0x18], length.as_slice(), text.as_bytes()].concat()
            }
            Self::Gzip => {
                // A header with a comment, no content, and the sums of nothing.
                let head = [0x1f, 0x8b, 0x08, 0x10, 0, 0, 0, 0, 0, 0xff];
                let end = [0, 0x03, 0, 0, 0, 0, 0, 0, 0, 0, 0];
                [head.as_slice(), text.as_bytes(), &end].concat()
            }
        }
    }
}

/// Writes a compressed stream and its seal.
pub(super) enum Encoder<W: Write> {
    Zstd(zstd::Encoder<'static, Hashing<W>>),
    Gzip(flate2::write::GzEncoder<Hashing<W>>),
}

impl<W: Write> Encoder<W> {
    pub(super) fn new(format: Format, out: W) -> io::Result<Self> {
        let out = Hashing { out, hasher: blake3::Hasher::new() };
        Ok(match format {
            Format::Zstd => {
                let mut encoder = zstd::Encoder::new(out, LEVEL)?;
                encoder.include_checksum(true)?;
                Self::Zstd(encoder)
            }
            Format::Gzip => Self::Gzip(flate2::write::GzEncoder::new(out, flate2::Compression::default())),
        })
    }

    /// Ends the stream and seals it.
    pub(super) fn finish(self) -> io::Result<W> {
        let (format, hashing) = match self {
            Self::Zstd(encoder) => (Format::Zstd, encoder.finish()?),
            Self::Gzip(encoder) => (Format::Gzip, encoder.finish()?),
        };
        let Hashing { mut out, hasher } = hashing;
        out.write_all(&format.seal(&hasher.finalize()))?;
        Ok(out)
    }
}

impl<W: Write> Write for Encoder<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Zstd(encoder) => encoder.write(bytes),
            Self::Gzip(encoder) => encoder.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Zstd(encoder) => encoder.flush(),
            Self::Gzip(encoder) => encoder.flush(),
        }
    }
}

/// Hashes what goes through it.
pub(super) struct Hashing<W> {
    out: W,
    hasher: blake3::Hasher,
}

impl<W: Write> Write for Hashing<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.out.write(bytes)?;
        self.hasher.update(&bytes[..written]);
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

/// A sealed file: how it is compressed, and how long the stream before the seal is.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sealed {
    format: Format,
    length: u64,
}

impl Sealed {
    /// Checks the seal of a file.
    ///
    /// # Errors
    /// [`Error::NotAnArchive`], [`Error::Tampered`], the system's.
    pub(super) fn check(file: &File, path: &Path) -> Result<Self, Error> {
        let error = || io_error("read", path);
        let length = file.metadata().map_err(error())?.len();
        let mut head = [0_u8; 4];
        let mut reader = file;
        reader.seek(SeekFrom::Start(0)).map_err(error())?;
        let read = reader.read(&mut head).map_err(error())?;
        let Some(format) = Format::of_magic(&head[..read]) else {
            let why = "it is neither a .tar.zst nor a .tar.gz".to_owned();
            return Err(Error::NotAnArchive { path: path.to_owned(), why });
        };
        let tampered = |why: &str| Error::Tampered { path: path.to_owned(), why: why.to_owned() };
        let seal = format.seal(&blake3::hash(b"")).len() as u64;
        let Some(body) = length.checked_sub(seal) else { return Err(tampered("it has no seal")) };
        reader.seek(SeekFrom::Start(0)).map_err(error())?;
        let mut hasher = blake3::Hasher::new();
        hasher.update_reader(reader.take(body)).map_err(error())?;
        if hasher.count() != body {
            return Err(tampered("it changed while it was read"));
        }
        let mut found = Vec::new();
        reader.seek(SeekFrom::Start(body)).map_err(error())?;
        reader.take(seal + 1).read_to_end(&mut found).map_err(error())?;
        if found != format.seal(&hasher.finalize()) {
            return Err(tampered("its seal does not fit: it was cut short, or its bytes are not what they were"));
        }
        Ok(Self { format, length: body })
    }

    /// The decoded stream, from its beginning.
    ///
    /// # Errors
    /// The system's.
    pub(super) fn decoder<'f>(&self, mut file: &'f File) -> io::Result<Decoder<'f>> {
        file.seek(SeekFrom::Start(0))?;
        let stream = io::BufReader::new(file.take(self.length));
        Ok(match self.format {
            Format::Zstd => {
                let mut decoder = zstd::Decoder::with_buffer(stream)?.single_frame();
                decoder.window_log_max(WINDOW)?;
                Decoder::Zstd(decoder)
            }
            Format::Gzip => Decoder::Gzip(flate2::bufread::GzDecoder::new(stream)),
        })
    }
}

type Stream<'f> = io::BufReader<io::Take<&'f File>>;

/// Decodes the stream before the seal.
pub(super) enum Decoder<'f> {
    Zstd(zstd::Decoder<'static, Stream<'f>>),
    Gzip(flate2::bufread::GzDecoder<Stream<'f>>),
}

impl Read for Decoder<'_> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Zstd(decoder) => decoder.read(into),
            Self::Gzip(decoder) => decoder.read(into),
        }
    }
}

impl Decoder<'_> {
    /// Whether nothing follows what was decoded.
    pub(super) fn ends_here(self) -> io::Result<bool> {
        let mut rest = match self {
            Self::Zstd(decoder) => decoder.finish(),
            Self::Gzip(decoder) => decoder.into_inner(),
        };
        Ok(rest.read(&mut [0])? == 0)
    }
}
