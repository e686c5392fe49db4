//! An input as bytes of plain UTF-8 text, whatever it was stored as.
//!
//! gzip, Zstandard and UTF-16 are told by their first bytes, so a name without an ending and standard input are read as
//! well; what is no text at all is named. Nothing is held but a window, and both the whole and a line have a limit, so
//! that a small file that unpacks to a huge one ends in an answer.

use std::io::{self, BufRead, BufReader, Read};

use flate2::read::MultiGzDecoder;
use ruzstd::decoding::StreamingDecoder;

use super::ImportError;

/// Of an input once it is unpacked.
const MOST_BYTES: u64 = 8 << 30;
/// Of one line: a longer one is no table.
const LONGEST_LINE: usize = 16 << 20;
/// How far ahead the head of a text is looked at.
const HEAD: usize = 1 << 16;

/// A text that has been opened: its first bytes, and all of it.
pub(super) struct Opened<'r> {
    /// As much as was looked at; whole lines where there are any.
    pub head: Vec<u8>,
    pub reader: Box<dyn Read + 'r>,
    /// What was found out about its form and should be known.
    pub notes: Vec<String>,
}

pub(super) fn open<'r>(reader: impl Read + 'r, file: &str) -> Result<Opened<'r>, ImportError> {
    let unreadable = |problem: String| ImportError::Unreadable { file: file.to_owned(), problem };
    let mut notes = Vec::new();
    let mut raw = unpack(Box::new(BufReader::with_capacity(HEAD, reader)), file)?;
    let start = raw.fill_buf().map_err(|error| unreadable(problem(&error)))?;
    let encoding = Encoding::of(start);
    if let Some(what) = stranger(start) {
        return Err(unreadable(what.to_owned()));
    }
    let mut text: Box<dyn Read + 'r> = match encoding {
        Encoding::Utf8 => raw,
        Encoding::Utf16 { big_endian } => {
            notes.push("the file is in UTF-16 and is read as that".to_owned());
            Box::new(Utf16 { reader: raw, big_endian, high: None, ready: Vec::new(), given: 0, is_over: false })
        }
    };
    let mut head = Vec::new();
    let mut bounded = Bounded { reader: &mut text, total: 0, line: 0 };
    while head.len() < HEAD {
        let mut chunk = [0; 4096];
        let read = bounded.read(&mut chunk).map_err(|error| unreadable(problem(&error)))?;
        if read == 0 {
            break;
        }
        head.extend_from_slice(&chunk[..read]);
    }
    let reader = Bounded { reader: io::Cursor::new(head.clone()).chain(text), total: 0, line: 0 };
    Ok(Opened { head, reader: Box::new(reader), notes })
}

/// The whole text of an input, for formats that are no tables.
pub(super) fn text(reader: impl Read, file: &str) -> Result<(String, Vec<String>), ImportError> {
    let unreadable = |problem: String| ImportError::Unreadable { file: file.to_owned(), problem };
    let mut opened = open(reader, file)?;
    let mut bytes = Vec::new();
    let limit = 1 << 30;
    (&mut opened.reader).take(limit + 1).read_to_end(&mut bytes).map_err(|error| unreadable(problem(&error)))?;
    if bytes.len() as u64 > limit {
        return Err(unreadable(format!("it has more than {} MB", limit >> 20)));
    }
    let text = String::from_utf8(bytes).map_err(|error| {
        unreadable(format!("it is not text (byte {} is not UTF-8)", error.utf8_error().valid_up_to()))
    })?;
    let text = match text.strip_prefix('\u{feff}') {
        Some(rest) => rest.to_owned(),
        None => text,
    };
    Ok((text, opened.notes))
}

/// The bytes of an input, unpacked where it was packed, for formats that are no text.
pub(super) fn bytes(reader: impl Read, file: &str) -> Result<Vec<u8>, ImportError> {
    let unreadable = |problem: String| ImportError::Unreadable { file: file.to_owned(), problem };
    let mut bytes = Vec::new();
    let limit = 1u64 << 30;
    let unpacked = unpack(Box::new(BufReader::with_capacity(HEAD, reader)), file)?;
    unpacked.take(limit + 1).read_to_end(&mut bytes).map_err(|error| unreadable(problem(&error)))?;
    if bytes.len() as u64 > limit {
        return Err(unreadable(format!("it has more than {} MB", limit >> 20)));
    }
    Ok(bytes)
}

type Packed<'r> = Box<dyn BufRead + 'r>;

fn unpack<'r>(mut raw: Packed<'r>, file: &str) -> Result<Packed<'r>, ImportError> {
    let unreadable = |problem: String| ImportError::Unreadable { file: file.to_owned(), problem };
    let start = raw.fill_buf().map_err(|error| unreadable(problem(&error)))?;
    Ok(if start.starts_with(&[0x1f, 0x8b]) {
        Box::new(BufReader::with_capacity(HEAD, MultiGzDecoder::new(raw)))
    } else if is_zstandard(start) {
        Box::new(BufReader::with_capacity(HEAD, Frames { packed: Some(raw), frame: None }))
    } else {
        raw
    })
}

/// A frame, or one of those that readers are to skip.
fn is_zstandard(start: &[u8]) -> bool {
    start.starts_with(&[0x28, 0xb5, 0x2f, 0xfd]) || matches!(start, [0x50..=0x5f, 0x2a, 0x4d, 0x18, ..])
}

fn problem(error: &io::Error) -> String {
    format!("it can't be read: {error}")
}

/// What a file is that no reader here takes, by its first bytes.
fn stranger(start: &[u8]) -> Option<&'static str> {
    const KNOWN: [(&[u8], &str); 6] = [
        (b"PAR1", "it is a Parquet file; export it as CSV"),
        (b"PK\x03\x04", "it is a zip archive or a spreadsheet; unpack it, or export it as CSV"),
        (b"BZh", "it is packed by bzip2; unpack it, or pack it by gzip or zstd"),
        (b"\xfd7zXZ\x00", "it is packed by xz; unpack it, or pack it by gzip or zstd"),
        (b"SQLite format 3", "it is an SQLite database; export the table as CSV"),
        (b"%PDF", "it is a PDF"),
    ];
    KNOWN.iter().find(|(magic, _)| start.starts_with(magic)).map(|(_, what)| *what)
}

#[derive(Clone, Copy)]
enum Encoding {
    Utf8,
    Utf16 { big_endian: bool },
}

impl Encoding {
    /// By a byte order mark, or by ASCII whose every other byte is zero.
    fn of(start: &[u8]) -> Encoding {
        match start {
            [0xff, 0xfe, ..] => Encoding::Utf16 { big_endian: false },
            [0xfe, 0xff, ..] => Encoding::Utf16 { big_endian: true },
            [a, 0, b, 0, ..] if *a != 0 && *b != 0 => Encoding::Utf16 { big_endian: false },
            [0, a, 0, b, ..] if *a != 0 && *b != 0 => Encoding::Utf16 { big_endian: true },
            _ => Encoding::Utf8,
        }
    }
}

/// UTF-16 as UTF-8; halves of pairs become the replacement character.
struct Utf16<'r> {
    reader: Box<dyn BufRead + 'r>,
    big_endian: bool,
    /// The first half of a pair.
    high: Option<u16>,
    ready: Vec<u8>,
    given: usize,
    is_over: bool,
}

impl Utf16<'_> {
    fn fill(&mut self) -> io::Result<()> {
        self.ready.clear();
        self.given = 0;
        let mut bytes = Vec::with_capacity(8192);
        (&mut self.reader).take(8192).read_to_end(&mut bytes)?;
        self.is_over = bytes.len() < 8192;
        let unit = |pair: &[u8]| match (self.big_endian, pair) {
            (true, &[high, low]) => u16::from_be_bytes([high, low]),
            (false, &[low, high]) => u16::from_le_bytes([low, high]),
            (_, _) => 0xfffd,
        };
        let mut units: Vec<u16> = self.high.take().into_iter().chain(bytes.chunks(2).map(unit)).collect();
        if !self.is_over && units.last().is_some_and(|last| (0xd800..0xdc00).contains(last)) {
            self.high = units.pop();
        }
        for character in char::decode_utf16(units) {
            let mut buffer = [0; 4];
            let text = character.unwrap_or(char::REPLACEMENT_CHARACTER).encode_utf8(&mut buffer);
            self.ready.extend_from_slice(text.as_bytes());
        }
        Ok(())
    }
}

impl Read for Utf16<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.given == self.ready.len() {
            if self.is_over {
                return Ok(0);
            }
            self.fill()?;
        }
        let count = buffer.len().min(self.ready.len() - self.given);
        buffer[..count].copy_from_slice(&self.ready[self.given..self.given + count]);
        self.given += count;
        Ok(count)
    }
}

/// Zstandard frames one after the other, as `cat` and parallel packers leave them.
struct Frames<'r> {
    /// Between two frames.
    packed: Option<Packed<'r>>,
    frame: Option<Box<StreamingDecoder<Packed<'r>, ruzstd::decoding::FrameDecoder>>>,
}

impl Frames<'_> {
    /// Whether there is another frame.
    fn next_frame(&mut self) -> io::Result<bool> {
        let Some(mut packed) = self.packed.take() else { return Ok(self.frame.is_some()) };
        loop {
            let start = packed.fill_buf()?;
            if start.is_empty() {
                self.packed = Some(packed);
                return Ok(false);
            }
            if !matches!(start, [0x50..=0x5f, 0x2a, 0x4d, 0x18, ..]) {
                break;
            }
            let mut header = [0; 8];
            packed.read_exact(&mut header)?;
            let length = u32::from_le_bytes([header[4], header[5], header[6], header[7]]);
            io::copy(&mut (&mut packed).take(u64::from(length)), &mut io::sink())?;
        }
        let frame = StreamingDecoder::new(packed)
            .map_err(|error| io::Error::new(io::ErrorKind::InvalidData, format!("bad Zstandard frame: {error}")))?;
        self.frame = Some(Box::new(frame));
        Ok(true)
    }
}

impl Read for Frames<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if buffer.is_empty() {
            return Ok(0);
        }
        while self.next_frame()? {
            let Some(frame) = &mut self.frame else { break };
            let read = frame.read(buffer)?;
            if read > 0 {
                return Ok(read);
            }
            self.packed = self.frame.take().map(|frame| frame.into_inner());
        }
        Ok(0)
    }
}

/// Stops where the whole or a line is longer than any table's.
struct Bounded<R> {
    reader: R,
    total: u64,
    line: usize,
}

impl<R: Read> Read for Bounded<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.reader.read(buffer)?;
        self.total += read as u64;
        if self.total > MOST_BYTES {
            return Err(io::Error::other(format!("it has more than {} GB once unpacked", MOST_BYTES >> 30)));
        }
        match buffer[..read].iter().rposition(|byte| *byte == b'\n') {
            Some(at) => self.line = read - at - 1,
            None => self.line += read,
        }
        if self.line > LONGEST_LINE {
            return Err(io::Error::other(format!("a line has more than {} MB", LONGEST_LINE >> 20)));
        }
        Ok(read)
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    fn read(bytes: &[u8]) -> Result<(String, Vec<String>), String> {
        text(bytes, "t").map_err(|error| error.to_string())
    }

    fn gzip(text: &[u8]) -> Vec<u8> {
        let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
        packed.write_all(text).unwrap();
        packed.finish().unwrap()
    }

    fn zstd(text: &[u8]) -> Vec<u8> {
        ruzstd::encoding::compress_to_vec(text, ruzstd::encoding::CompressionLevel::Fastest)
    }

    #[test]
    fn what_a_text_is_stored_as_is_told_by_its_bytes() {
        let text = "name,µ\nα,𝄞\n";
        assert_eq!(read(text.as_bytes()).unwrap(), (text.to_owned(), vec![]));
        assert_eq!(read(&gzip(text.as_bytes())).unwrap().0, text);
        assert_eq!(read(&zstd(text.as_bytes())).unwrap().0, text);
        let utf16 = |big: bool| -> Vec<u8> {
            text.encode_utf16().flat_map(|unit| if big { unit.to_be_bytes() } else { unit.to_le_bytes() }).collect()
        };
        for (mark, bytes) in [(vec![0xff, 0xfe], utf16(false)), (vec![0xfe, 0xff], utf16(true)), (vec![], utf16(false))]
        {
            let (found, notes) = read(&[mark, bytes].concat()).unwrap();
            assert_eq!(found, text);
            assert!(notes[0].contains("UTF-16"));
        }
        assert_eq!(read(&gzip(&utf16(true))).unwrap().0, text);
    }

    #[test]
    fn packed_parts_one_after_the_other_are_one_text() {
        assert_eq!(read(&[gzip(b"a\n"), gzip(b"b\n")].concat()).unwrap().0, "a\nb\n");
        let skipped = [&[0x50, 0x2a, 0x4d, 0x18, 3, 0, 0, 0][..], b"xyz"].concat();
        assert_eq!(read(&[zstd(b"a\n"), skipped, zstd(b"b\n")].concat()).unwrap().0, "a\nb\n");
    }

    #[test]
    fn pairs_of_halves_that_lie_across_two_fills_are_one_character() {
        let text = format!("{}𝄞", "a".repeat(4095));
        let bytes: Vec<u8> = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
        assert_eq!(read(&bytes).unwrap().0, text);
    }

    #[test]
    fn what_is_no_text_is_named() {
        for (bytes, what) in [
            (&b"PAR1xxxx"[..], "Parquet"),
            (b"PK\x03\x04xx", "zip"),
            (b"BZh91", "bzip2"),
            (b"a,b\n\xff\n", "byte 4 is not UTF-8"),
            (&gzip(b"a,b\n")[..12], "can't be read"),
            (&zstd(b"a,b\n")[..6], "can't be read"),
        ] {
            let error = read(bytes).unwrap_err();
            assert!(error.contains(what), "{error}");
        }
    }

    #[test]
    fn a_line_without_an_end_is_refused() {
        let error = read(&gzip(&vec![b'a'; LONGEST_LINE + 2])).unwrap_err();
        assert!(error.contains("a line has more than"), "{error}");
    }
}
