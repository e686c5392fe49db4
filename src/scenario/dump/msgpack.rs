//! MessagePack as JSON, of which it is a binary form; with limits, for a few bytes can claim to be much.

use serde_json::{Map, Number, Value};

/// Deeper than any Kubernetes object.
const DEEPEST: usize = 100;
/// A value takes a byte in the file and some tens in memory.
const MOST_VALUES: usize = 20_000_000;

/// Reads one value and expects the end. Keys that are no texts become their JSON; binary data becomes null.
///
/// # Errors
/// What is wrong, and at which byte.
pub fn read(bytes: &[u8]) -> Result<Value, String> {
    let mut reader = Reader { bytes, at: 0, values: 0 };
    let value = reader.value(0)?;
    match reader.at {
        at if at == bytes.len() => Ok(value),
        at => Err(format!("something follows its value at byte {at}")),
    }
}

struct Reader<'b> {
    bytes: &'b [u8],
    at: usize,
    values: usize,
}

impl Reader<'_> {
    fn take(&mut self, count: usize) -> Result<&[u8], String> {
        let end = self.at.checked_add(count).filter(|end| *end <= self.bytes.len());
        let Some(end) = end else { return Err(format!("it breaks off at byte {}", self.bytes.len())) };
        let taken = &self.bytes[self.at..end];
        self.at = end;
        Ok(taken)
    }

    /// A big-endian number of so many bytes.
    fn number(&mut self, bytes: usize) -> Result<u64, String> {
        Ok(self.take(bytes)?.iter().fold(0, |value, byte| value << 8 | u64::from(*byte)))
    }

    fn value(&mut self, depth: usize) -> Result<Value, String> {
        self.values += 1;
        if depth > DEEPEST || self.values > MOST_VALUES {
            let what = if depth > DEEPEST { "it is nested too deeply" } else { "it has too many values" };
            return Err(format!("{what} at byte {}", self.at));
        }
        let signed = |value: u64, bits: u32| Value::from((value as i64) << (64 - bits) >> (64 - bits));
        let float = |value: f64| Number::from_f64(value).map_or(Value::Null, Value::Number);
        let kind = self.number(1)? as u8;
        Ok(match kind {
            0x00..=0x7f => Value::from(kind),
            0x80..=0x8f => self.map(usize::from(kind & 0x0f), depth)?,
            0x90..=0x9f => self.array(usize::from(kind & 0x0f), depth)?,
            0xa0..=0xbf => self.text(usize::from(kind & 0x1f))?,
            0xc0 => Value::Null,
            0xc2 | 0xc3 => Value::Bool(kind == 0xc3),
            // Binary data of 1, 2 or 4 bytes of length, then extensions of the same, which have a type as well.
            0xc4..=0xc9 => {
                let is_extension = kind >= 0xc7;
                let width = 1 << ((kind - 0xc4) % 3);
                let length = self.number(width)? as usize;
                self.take(length + usize::from(is_extension))?;
                Value::Null
            }
            0xca => {
                let bits = self.number(4)? as u32;
                float(f64::from(f32::from_bits(bits)))
            }
            0xcb => {
                let bits = self.number(8)?;
                float(f64::from_bits(bits))
            }
            0xcc..=0xcf => Value::from(self.number(1 << (kind - 0xcc))?),
            0xd0..=0xd3 => {
                let bytes = 1 << (kind - 0xd0);
                signed(self.number(bytes)?, bytes as u32 * 8)
            }
            0xd4..=0xd8 => {
                self.take(1 + (1 << (kind - 0xd4)))?;
                Value::Null
            }
            0xd9..=0xdb => {
                let length = self.number(1 << (kind - 0xd9))? as usize;
                self.text(length)?
            }
            0xdc | 0xdd => {
                let length = self.number(if kind == 0xdc { 2 } else { 4 })? as usize;
                self.array(length, depth)?
            }
            0xde | 0xdf => {
                let length = self.number(if kind == 0xde { 2 } else { 4 })? as usize;
                self.map(length, depth)?
            }
            0xc1 | 0xe0..=0xff if kind != 0xc1 => Value::from(kind as i8),
            _ => return Err(format!("byte {} (0x{kind:02x}) is no MessagePack", self.at - 1)),
        })
    }

    fn text(&mut self, length: usize) -> Result<Value, String> {
        let at = self.at;
        let text = std::str::from_utf8(self.take(length)?).map_err(|_| format!("a text at byte {at} is not UTF-8"))?;
        Ok(Value::from(text))
    }

    fn array(&mut self, length: usize, depth: usize) -> Result<Value, String> {
        // Nothing is set aside for what a length only claims.
        let mut items = Vec::new();
        for _ in 0..length {
            items.push(self.value(depth + 1)?);
        }
        Ok(Value::Array(items))
    }

    fn map(&mut self, length: usize, depth: usize) -> Result<Value, String> {
        let mut map = Map::new();
        for _ in 0..length {
            let key = match self.value(depth + 1)? {
                Value::String(text) => text,
                other => other.to_string(),
            };
            map.insert(key, self.value(depth + 1)?);
        }
        Ok(Value::Object(map))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn every_form_of_a_value_is_read() {
        for (bytes, value) in [
            (&[0x2a][..], json!(42)),
            (&[0xff], json!(-1)),
            (&[0xe0], json!(-32)),
            (&[0xcc, 200], json!(200)),
            (&[0xcd, 1, 0], json!(256)),
            (&[0xcf, 0xff, 0, 0, 0, 0, 0, 0, 1], json!(0xff00_0000_0000_0001u64)),
            (&[0xd0, 0x80], json!(-128)),
            (&[0xd3, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xfe], json!(-2)),
            (&[0xca, 0x3f, 0xc0, 0, 0], json!(1.5)),
            (&[0xcb, 0x3f, 0xf8, 0, 0, 0, 0, 0, 0], json!(1.5)),
            (&[0xc0], json!(null)),
            (&[0xc3], json!(true)),
            (&[0xa2, b'h', b'i'], json!("hi")),
            (&[0xd9, 2, b'h', b'i'], json!("hi")),
            (&[0xda, 0, 1, b'x'], json!("x")),
            (&[0x92, 1, 0x91, 2], json!([1, [2]])),
            (&[0xdc, 0, 1, 7], json!([7])),
            (&[0x81, 0xa1, b'a', 0x80], json!({"a": {}})),
            (&[0xde, 0, 1, 0xa1, b'a', 1], json!({"a": 1})),
            (&[0x81, 0x92, 0xa1, b'a', 1, 2], json!({"[\"a\",1]": 2})),
            (&[0x92, 0xc4, 2, 9, 9, 5], json!([null, 5])),
            (&[0x92, 0xd4, 1, 9, 5], json!([null, 5])),
            (&[0x92, 0xc7, 1, 3, 9, 5], json!([null, 5])),
        ] {
            assert_eq!(read(bytes), Ok(value), "{bytes:x?}");
        }
    }

    #[test]
    fn what_is_no_messagepack_ends_in_a_reason() {
        for (bytes, what) in [
            (&[][..], "breaks off at byte 0"),
            (&[0xdd, 0xff, 0xff, 0xff, 0xff], "breaks off"),
            (&[0xdb, 0xff, 0xff, 0xff, 0xff], "breaks off"),
            (&[0xc6, 0xff, 0xff, 0xff, 0xff], "breaks off"),
            (&[0xc1], "byte 0 (0xc1)"),
            (&[0xa1, 0xff], "not UTF-8"),
            (&[1, 1], "something follows"),
            (&[0x91; 200], "nested too deeply"),
        ] {
            let error = read(bytes).unwrap_err();
            assert!(error.contains(what), "{bytes:x?}: {error}");
        }
    }
}
