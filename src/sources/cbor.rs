//! Reads CBOR, the binary form that CloudWatch speaks, into the JSON it stands for: to compare requests and to read
//! error codes. Answers themselves are the SDK's to read.

use serde_json::{Map, Number, Value};

/// Deeper than anything AWS nests.
const MOST_DEPTH: usize = 32;

/// `None` unless it is one whole value and nothing behind it.
#[must_use]
pub fn read(bytes: &[u8]) -> Option<Value> {
    let mut rest = Rest(bytes);
    match rest.item(0)? {
        Item::Value(value) if rest.0.is_empty() => Some(value),
        _ => None,
    }
}

/// The same value with other texts; names of fields and everything else stay. `None` unless it is one whole value.
#[must_use]
pub fn with_texts(bytes: &[u8], change: &mut impl FnMut(&str) -> String) -> Option<Vec<u8>> {
    let (mut rest, mut told) = (Rest(bytes), Vec::with_capacity(bytes.len()));
    rest.copy(0, &mut told, true, change)?;
    rest.0.is_empty().then_some(told)
}

/// A text with its length before it.
fn write_text(text: &str, told: &mut Vec<u8>) {
    match text.len() {
        short @ 0..=23 => told.push(0x60 | short as u8),
        length => {
            told.push(0x7a);
            told.extend(u32::try_from(length).unwrap_or(u32::MAX).to_be_bytes());
        }
    }
    told.extend(text.as_bytes());
}

struct Rest<'a>(&'a [u8]);

enum Item {
    Value(Value),
    /// The end of a list, map or text of unsaid length.
    Break,
}

impl<'a> Rest<'a> {
    fn take(&mut self, count: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        Some(taken)
    }

    /// The number in or behind an item's first byte: a length, an integer, a tag, or the bits of a float.
    fn argument(&mut self, low: u8) -> Option<u64> {
        let width = match low {
            0..=23 => return Some(u64::from(low)),
            24..=27 => 1 << (low - 24),
            _ => return None,
        };
        Some(self.take(width)?.iter().fold(0, |value, byte| value << 8 | u64::from(*byte)))
    }

    fn value(&mut self, depth: usize) -> Option<Value> {
        match self.item(depth)? {
            Item::Value(value) => Some(value),
            Item::Break => None,
        }
    }

    /// What stands until the break, or as many as the length says.
    fn each(&mut self, low: u8, mut one: impl FnMut(&mut Self) -> Option<Option<()>>) -> Option<()> {
        if low == 31 {
            while one(self)?.is_some() {}
            return Some(());
        }
        for _ in 0..self.argument(low)? {
            one(self)??;
        }
        Some(())
    }

    /// Copies one item; says whether it was a break.
    fn copy(&mut self, depth: usize, told: &mut Vec<u8>, changes: bool, change: &mut impl FnMut(&str) -> String) -> Option<bool> {
        let whole = self.0;
        let first = *self.take(1)?.first()?;
        let (kind, low) = (first >> 5, first & 31);
        if depth > MOST_DEPTH {
            return None;
        }
        match (kind, low) {
            (7, 31) => {
                told.push(first);
                return Some(true);
            }
            (3, _) => {
                self.0 = whole;
                let text = self.value(depth)?;
                let text = text.as_str()?;
                write_text(&if changes { change(text) } else { text.to_owned() }, told);
            }
            (2, _) => {
                self.0 = whole;
                self.value(depth)?;
                told.extend(&whole[..whole.len() - self.0.len()]);
            }
            (4 | 5, 31) => {
                told.push(first);
                let mut is_name = kind == 5;
                while !self.copy(depth + 1, told, !is_name, change)? {
                    is_name = kind == 5 && !is_name;
                }
            }
            (4 | 5, _) => {
                let many = self.argument(low)?;
                told.extend(&whole[..whole.len() - self.0.len()]);
                for _ in 0..many {
                    if kind == 5 {
                        self.copy(depth + 1, told, false, change)?;
                    }
                    self.copy(depth + 1, told, true, change)?;
                }
            }
            (6, _) => {
                self.argument(low)?;
                told.extend(&whole[..whole.len() - self.0.len()]);
                self.copy(depth + 1, told, changes, change)?;
            }
            (7, 0..=23) => told.push(first),
            _ => {
                self.argument(low)?;
                told.extend(&whole[..whole.len() - self.0.len()]);
            }
        }
        Some(false)
    }

    fn item(&mut self, depth: usize) -> Option<Item> {
        let first = *self.take(1)?.first()?;
        let (kind, low) = (first >> 5, first & 31);
        if depth > MOST_DEPTH {
            return None;
        }
        let value = match (kind, low) {
            (7, 31) => return Some(Item::Break),
            (0, _) => Value::from(self.argument(low)?),
            (1, _) => Value::from(-1_i64 - i64::try_from(self.argument(low)?).ok()?),
            (2 | 3, _) => {
                let mut bytes = Vec::new();
                if low == 31 {
                    while let Item::Value(part) = self.item(depth + 1)? {
                        bytes.extend_from_slice(part.as_str()?.as_bytes());
                    }
                } else {
                    let length = usize::try_from(self.argument(low)?).ok()?;
                    bytes.extend_from_slice(self.take(length)?);
                }
                Value::String(if kind == 3 { String::from_utf8(bytes).ok()? } else { aws_smithy_types::base64::encode(bytes) })
            }
            (4, _) => {
                let mut items = Vec::new();
                self.each(low, |rest| match rest.item(depth + 1)? {
                    Item::Value(value) => {
                        items.push(value);
                        Some(Some(()))
                    }
                    Item::Break => Some(None),
                })?;
                Value::Array(items)
            }
            (5, _) => {
                let mut fields = Map::new();
                self.each(low, |rest| match rest.item(depth + 1)? {
                    Item::Value(name) => {
                        fields.insert(name.as_str()?.to_owned(), rest.value(depth + 1)?);
                        Some(Some(()))
                    }
                    Item::Break => Some(None),
                })?;
                Value::Object(fields)
            }
            // A tag says what the value means; a time is its seconds.
            (6, _) => {
                self.argument(low)?;
                self.value(depth + 1)?
            }
            (_, 20) => Value::Bool(false),
            (_, 21) => Value::Bool(true),
            (_, 22 | 23) => Value::Null,
            (_, 25) => number(half(u16::try_from(self.argument(low)?).ok()?)),
            (_, 26) => number(f64::from(f32::from_bits(u32::try_from(self.argument(low)?).ok()?))),
            (_, 27) => number(f64::from_bits(self.argument(low)?)),
            _ => return None,
        };
        Some(Item::Value(value))
    }
}

/// JSON knows no infinity.
fn number(value: f64) -> Value {
    Number::from_f64(value).map_or(Value::Null, Value::Number)
}

fn half(bits: u16) -> f64 {
    let (exponent, fraction) = (i32::from(bits >> 10 & 31), f64::from(bits & 0x3ff));
    let size = match exponent {
        0 => fraction * 2_f64.powi(-24),
        31 if fraction == 0.0 => f64::INFINITY,
        31 => f64::NAN,
        _ => (1.0 + fraction / 1024.0) * 2_f64.powi(exponent - 15),
    };
    if bits >> 15 == 1 { -size } else { size }
}

#[cfg(test)]
pub(super) mod written {
    //! What CloudWatch would send, for tests: the items of `Timestamps` are marked as times.

    use super::Value;

    pub fn bytes(value: &Value) -> Vec<u8> {
        match value {
            Value::Object(fields) => {
                let mut bytes = head(5, fields.len());
                for (name, value) in fields {
                    bytes.extend(self::bytes(&Value::from(name.as_str())));
                    match (name.as_str(), value) {
                        ("Timestamps", Value::Array(times)) => {
                            bytes.extend(head(4, times.len()));
                            times.iter().for_each(|time| bytes.extend([vec![0xc1], self::bytes(time)].concat()));
                        }
                        _ => bytes.extend(self::bytes(value)),
                    }
                }
                bytes
            }
            Value::Array(items) => items.iter().fold(head(4, items.len()), |mut bytes, item| {
                bytes.extend(self::bytes(item));
                bytes
            }),
            Value::String(text) => [head(3, text.len()), text.as_bytes().to_vec()].concat(),
            other => [vec![0xfb], other.as_f64().expect("a number").to_be_bytes().to_vec()].concat(),
        }
    }

    fn head(kind: u8, length: usize) -> Vec<u8> {
        [vec![kind << 5 | 26], u32::try_from(length).expect("a length").to_be_bytes().to_vec()].concat()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_exchanged_and_all_else_comes_back_byte_for_byte() {
        let bytes = b"\xbf\x61a\x82\x63web\xf5\x61b\xc1\xfb\x40\x58\xf3\x33\x33\x33\x33\x33\x61c\x7f\x61w\x62eb\xff\x61d\xa1\x61e\x19\x01\x00\xff";
        let same = with_texts(bytes, &mut str::to_owned).expect("a value");
        assert_eq!((read(&same), read(&same).is_some()), (read(bytes), true));
        let other = with_texts(bytes, &mut |text| text.replace("web", "service-1, and so long that its length takes five bytes")).expect("a value");
        let told = read(&other).expect("a value").to_string();
        assert!(!told.contains("web") && told.matches("service-1").count() == 2, "{told}");
        assert_eq!(with_texts(&bytes[..9], &mut str::to_owned), None);
    }
    use serde_json::json;

    #[test]
    fn lists_maps_texts_times_and_numbers_read_as_json() {
        // {"Id": "m0", "Values": [1.5, -2], "At": 1(1700000000)}, the map of unsaid length
        let bytes = b"\xbf\x62Id\x62m0\x66Values\x82\xf9\x3e\x00\x21\x62At\xc1\x1a\x65\x53\xf1\x00\xff";
        assert_eq!(read(bytes), Some(json!({"Id": "m0", "Values": [1.5, -2], "At": 1_700_000_000})));
        assert_eq!(read(b"\xfb\x40\x58\xf3\x33\x33\x33\x33\x33"), Some(json!(99.8)));
        assert_eq!(read(b"\x7f\x62ab\x61c\xff"), Some(json!("abc")));
    }

    #[test]
    fn what_is_cut_goes_on_or_is_no_cbor_is_none() {
        assert_eq!(read(b"\xa1\x62Id"), None);
        assert_eq!(read(b"\x01\x02"), None);
        assert_eq!(read(b"<html></html>"), None);
        assert_eq!(read(&[0x81; 100]), None);
        assert_eq!(read(b""), None);
    }
}
