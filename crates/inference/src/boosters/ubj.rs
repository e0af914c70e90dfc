//! Universal Binary JSON, as XGBoost writes it, turned into plain JSON.
//!
//! Numbers are written with as many digits as bring back the same bits.

use std::fmt::Write;

/// How deep lists and objects may lie in each other.
const MOST_LEVELS: usize = 64;

/// The same document as JSON. Fails with what cannot be read and where.
pub(super) fn to_json(bytes: &[u8]) -> Result<String, String> {
    let mut reader = Reader { bytes, at: 0, text: String::with_capacity(bytes.len() * 2) };
    let marker = reader.marker()?;
    reader.value(marker, 0)?;
    Ok(reader.text)
}

struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
    text: String,
}

/// The type of all items, how many there are, and the marker that was read in looking for both.
type Head = (Option<u8>, Option<usize>, Option<u8>);

impl Reader<'_> {
    fn take<const N: usize>(&mut self) -> Result<[u8; N], String> {
        let end = self.at.checked_add(N);
        let bytes = end.and_then(|end| self.bytes.get(self.at..end)).and_then(|bytes| bytes.try_into().ok());
        self.at += N;
        bytes.ok_or_else(|| "the file ends too early".to_owned())
    }

    fn marker(&mut self) -> Result<u8, String> {
        loop {
            let [marker] = self.take()?;
            if marker != b'N' {
                return Ok(marker);
            }
        }
    }

    fn wrong<T>(&self, what: &str) -> Result<T, String> {
        Err(format!("{what} at byte {}", self.at))
    }

    fn whole(&mut self, marker: u8) -> Result<i64, String> {
        Ok(match marker {
            b'i' => i64::from(i8::from_be_bytes(self.take()?)),
            b'U' => i64::from(u8::from_be_bytes(self.take()?)),
            b'I' => i64::from(i16::from_be_bytes(self.take()?)),
            b'l' => i64::from(i32::from_be_bytes(self.take()?)),
            b'L' => i64::from_be_bytes(self.take()?),
            _ => return self.wrong("there is no whole number"),
        })
    }

    fn length(&mut self) -> Result<usize, String> {
        let marker = self.marker()?;
        let length = self.whole(marker)?;
        match usize::try_from(length) {
            Ok(length) if length <= self.bytes.len() => Ok(length),
            _ => self.wrong("there is a length that cannot be"),
        }
    }

    fn string(&mut self) -> Result<(), String> {
        let length = self.length()?;
        let bytes = self.bytes.get(self.at..self.at + length).ok_or("the file ends too early")?;
        let text = std::str::from_utf8(bytes).map_err(|_| "a text is not UTF-8".to_owned())?;
        self.text.push_str(&serde_json::to_string(text).map_err(|error| error.to_string())?);
        self.at += length;
        Ok(())
    }

    fn number(&mut self, number: f64, written: &str) {
        // JSON has no NaN and no infinity.
        if number.is_finite() { self.text.push_str(written) } else { self.text.push_str("null") }
    }

    fn value(&mut self, marker: u8, level: usize) -> Result<(), String> {
        if level > MOST_LEVELS {
            return self.wrong("lists lie too deep in each other");
        }
        match marker {
            b'Z' => self.text.push_str("null"),
            b'T' => self.text.push_str("true"),
            b'F' => self.text.push_str("false"),
            b'i' | b'U' | b'I' | b'l' | b'L' => {
                let whole = self.whole(marker)?;
                let _ = write!(self.text, "{whole}");
            }
            b'd' => {
                let number = f32::from_be_bytes(self.take()?);
                self.number(f64::from(number), &format!("{number:e}"));
            }
            b'D' => {
                let number = f64::from_be_bytes(self.take()?);
                self.number(number, &format!("{number:e}"));
            }
            b'C' => {
                let [character] = self.take()?;
                let text = char::from(character).to_string();
                self.text.push_str(&serde_json::to_string(&text).map_err(|error| error.to_string())?);
            }
            b'S' | b'H' => self.string()?,
            b'[' => self.list(level)?,
            b'{' => self.object(level)?,
            other => return self.wrong(&format!("the marker {other} is not known")),
        }
        Ok(())
    }

    /// The type and number of what follows, where they are said.
    fn head(&mut self, marker: u8) -> Result<Head, String> {
        match marker {
            b'$' => {
                let [kind] = self.take()?;
                if matches!(kind, b'Z' | b'T' | b'F' | b'N') {
                    return self.wrong("there is a list of nothing");
                }
                match self.take()? {
                    [b'#'] => Ok((Some(kind), Some(self.length()?), None)),
                    _ => self.wrong("there is a type without a length"),
                }
            }
            b'#' => Ok((None, Some(self.length()?), None)),
            first => Ok((None, None, Some(first))),
        }
    }

    fn list(&mut self, level: usize) -> Result<(), String> {
        let marker = self.marker()?;
        let (kind, count, mut first) = self.head(marker)?;
        self.text.push('[');
        let mut index = 0usize;
        while count.is_none_or(|count| index < count) {
            let marker = match (kind, first.take()) {
                (Some(kind), _) => kind,
                (None, Some(first)) => first,
                (None, None) => self.marker()?,
            };
            if count.is_none() && marker == b']' {
                break;
            }
            if index > 0 {
                self.text.push(',');
            }
            self.value(marker, level + 1)?;
            index += 1;
        }
        self.text.push(']');
        Ok(())
    }

    fn object(&mut self, level: usize) -> Result<(), String> {
        let marker = self.marker()?;
        let (kind, count, mut first) = self.head(marker)?;
        self.text.push('{');
        let mut index = 0usize;
        while count.is_none_or(|count| index < count) {
            let marker = match first.take() {
                Some(first) => first,
                None => self.marker()?,
            };
            if count.is_none() && marker == b'}' {
                break;
            }
            if index > 0 {
                self.text.push(',');
            }
            // A key is a text without its marker: its length comes first.
            let length = self.whole(marker)?;
            let length = usize::try_from(length).map_err(|_| "a name has a negative length".to_owned())?;
            let end = self.at.checked_add(length).ok_or("a name is too long")?;
            let bytes = self.bytes.get(self.at..end).ok_or("the file ends too early")?;
            let name = std::str::from_utf8(bytes).map_err(|_| "a name is not UTF-8".to_owned())?;
            self.text.push_str(&serde_json::to_string(name).map_err(|error| error.to_string())?);
            self.text.push(':');
            self.at = end;
            let marker = match kind {
                Some(kind) => kind,
                None => self.marker()?,
            };
            self.value(marker, level + 1)?;
            index += 1;
        }
        self.text.push('}');
        Ok(())
    }
}
