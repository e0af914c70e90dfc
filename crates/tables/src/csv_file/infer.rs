//! The words of one CSV column, the types they may still have, and their values in the end.

use std::sync::Arc;

use arrow::array::{
    ArrayRef, BooleanBuilder, Float64Builder, Int64Builder, StringBuilder, TimestampMicrosecondBuilder,
};

use crate::ColumnType;

/// The most bytes of text in one column: offsets are 32 bits wide.
const MOST_TEXT_BYTES: usize = i32::MAX as usize;

/// All words of one column, and which types can hold every one seen so far.
pub(super) struct RawColumn {
    pub(super) name: String,
    known: Option<ColumnType>,
    null_words: Vec<String>,
    text: String,
    ends: Vec<usize>,
    any_value: bool,
    int: bool,
    real: bool,
    boolean: bool,
    time: bool,
}

impl RawColumn {
    pub(super) fn new(name: &str, known: Option<ColumnType>, null_words: &[String]) -> Self {
        Self {
            name: name.to_owned(),
            known,
            null_words: null_words.to_vec(),
            text: String::new(),
            ends: Vec::new(),
            any_value: false,
            int: true,
            real: true,
            boolean: true,
            time: true,
        }
    }

    /// Adds a word; fails in words if it does not fit the known type.
    pub(super) fn push(&mut self, word: &str) -> Result<(), String> {
        if self.text.len() + word.len() > MOST_TEXT_BYTES {
            return Err(format!("holds more than {MOST_TEXT_BYTES} bytes of text"));
        }
        self.text.push_str(word);
        self.ends.push(self.text.len());
        match self.known {
            None => self.narrow(word),
            Some(kind) => {
                if let (Some(wanted), false) = (misfit(kind, word), self.is_missing(kind, word)) {
                    let shown: String = word.chars().take(60).collect();
                    return Err(format!("`{shown}` is not {wanted}"));
                }
            }
        }
        Ok(())
    }

    fn is_missing(&self, kind: ColumnType, word: &str) -> bool {
        let word = if kind == ColumnType::Text { word } else { word.trim() };
        word.is_empty()
            || self.null_words.iter().any(|null| null == word)
            || (kind != ColumnType::Text && word == "None")
    }

    fn narrow(&mut self, word: &str) {
        if !(self.int || self.real || self.boolean || self.time) || self.is_missing(ColumnType::Int, word) {
            return;
        }
        self.any_value = true;
        self.int = self.int && parse_int(word).is_some();
        self.real = self.real && (self.int || parse_real(word).is_some());
        self.boolean = self.boolean && parse_bool(word).is_some();
        self.time = self.time && parse_time(word).is_some();
    }

    fn kind(&self) -> ColumnType {
        match self.known {
            Some(kind) => kind,
            None if !self.any_value => ColumnType::Text,
            None if self.int => ColumnType::Int,
            None if self.real => ColumnType::Real,
            None if self.boolean => ColumnType::Bool,
            None if self.time => ColumnType::Time,
            None => ColumnType::Text,
        }
    }

    fn words(&self) -> impl Iterator<Item = &str> {
        let mut start = 0;
        self.ends.iter().map(move |end| {
            let word = self.text.get(start..*end).unwrap_or_default();
            start = *end;
            word
        })
    }

    /// The values in the type that was found.
    pub(super) fn finish(self) -> ArrayRef {
        let kind = self.kind();
        let words = self.words().map(|word| (!self.is_missing(kind, word)).then_some(word));
        match kind {
            ColumnType::Int => {
                let mut array = Int64Builder::with_capacity(self.ends.len());
                words.for_each(|word| array.append_option(word.and_then(parse_int)));
                Arc::new(array.finish())
            }
            ColumnType::Real => {
                let mut array = Float64Builder::with_capacity(self.ends.len());
                words.for_each(|word| array.append_option(word.and_then(parse_real)));
                Arc::new(array.finish())
            }
            ColumnType::Bool => {
                let mut array = BooleanBuilder::with_capacity(self.ends.len());
                words.for_each(|word| array.append_option(word.and_then(parse_bool)));
                Arc::new(array.finish())
            }
            ColumnType::Time => {
                let mut array =
                    TimestampMicrosecondBuilder::with_capacity(self.ends.len()).with_timezone("UTC");
                words.for_each(|word| array.append_option(word.and_then(parse_time)));
                Arc::new(array.finish())
            }
            ColumnType::Text => {
                let mut array = StringBuilder::with_capacity(self.ends.len(), self.text.len());
                words.for_each(|word| array.append_option(word));
                Arc::new(array.finish())
            }
        }
    }
}

fn misfit(kind: ColumnType, word: &str) -> Option<&'static str> {
    match kind {
        ColumnType::Int => parse_int(word).is_none().then_some("a whole number"),
        ColumnType::Real => parse_real(word).is_none().then_some("a real number"),
        ColumnType::Bool => parse_bool(word).is_none().then_some("`true` or `false`"),
        ColumnType::Time => parse_time(word).is_none().then_some("a time such as `2013-10-02 09:00:00`"),
        ColumnType::Text => None,
    }
}

/// Whether a word such as `007` or `-01.5` would lose its zeros as a number.
fn has_leading_zero(word: &str) -> bool {
    let digits = word.trim_start_matches(['+', '-']).as_bytes();
    matches!(digits, [b'0', next, ..] if next.is_ascii_digit())
}

fn parse_int(word: &str) -> Option<i64> {
    let word = word.trim();
    if has_leading_zero(word) { None } else { word.parse().ok() }
}

fn parse_real(word: &str) -> Option<f64> {
    let word = word.trim();
    let looks_like_a_number = word.bytes().any(|byte| byte.is_ascii_digit())
        || matches!(word.trim_start_matches(['+', '-']), "inf" | "Inf" | "Infinity" | "infinity");
    if !looks_like_a_number || has_leading_zero(word) { None } else { word.parse().ok() }
}

fn parse_bool(word: &str) -> Option<bool> {
    match word.trim() {
        "true" | "True" | "TRUE" => Some(true),
        "false" | "False" | "FALSE" => Some(false),
        _ => None,
    }
}

/// Microseconds since the epoch of `YYYY-MM-DD`, optionally with `HH:MM`, seconds, a fraction and an offset.
pub(crate) fn parse_time(word: &str) -> Option<i64> {
    let bytes = word.trim().as_bytes();
    let (year, month, day) = (digits(bytes, 0, 4)?, digits(bytes, 5, 2)?, digits(bytes, 8, 2)?);
    if bytes.get(4) != Some(&b'-') || bytes.get(7) != Some(&b'-') {
        return None;
    }
    let date = chrono::NaiveDate::from_ymd_opt(
        i32::try_from(year).ok()?,
        u32::try_from(month).ok()?,
        u32::try_from(day).ok()?,
    )?;
    let midnight = date.and_hms_opt(0, 0, 0)?.and_utc().timestamp();
    let Some(separator) = bytes.get(10) else {
        return midnight.checked_mul(1_000_000);
    };
    if !matches!(separator, b' ' | b'T' | b't') || bytes.get(13) != Some(&b':') {
        return None;
    }
    let (hour, minute) = (digits(bytes, 11, 2)?, digits(bytes, 14, 2)?);
    let mut place = 16;
    let mut second = 0;
    let mut micros = 0;
    if bytes.get(place) == Some(&b':') {
        second = digits(bytes, 17, 2)?;
        place = 19;
        if bytes.get(place) == Some(&b'.') {
            let fraction: Vec<u8> =
                bytes.iter().skip(place + 1).copied().take_while(u8::is_ascii_digit).collect();
            if fraction.is_empty() {
                return None;
            }
            place += 1 + fraction.len();
            micros = (0..6)
                .fold(0, |sum, i| sum * 10 + fraction.get(i).map_or(0, |digit| i64::from(digit - b'0')));
        }
    }
    if hour > 23 || minute > 59 || second > 59 {
        return None;
    }
    let offset = offset_seconds(bytes.get(place..)?)?;
    (midnight + hour * 3_600 + minute * 60 + second - offset).checked_mul(1_000_000)?.checked_add(micros)
}

fn offset_seconds(rest: &[u8]) -> Option<i64> {
    let sign = match rest {
        [] | [b'Z' | b'z'] => return Some(0),
        [b'+', ..] => 1,
        [b'-', ..] => -1,
        _ => return None,
    };
    let hours = digits(rest, 1, 2)?;
    let minutes = match rest.len() {
        3 => 0,
        5 => digits(rest, 3, 2)?,
        6 if rest.get(3) == Some(&b':') => digits(rest, 4, 2)?,
        _ => return None,
    };
    (hours < 24 && minutes < 60).then_some(sign * (hours * 3_600 + minutes * 60))
}

fn digits(bytes: &[u8], start: usize, count: usize) -> Option<i64> {
    bytes
        .get(start..start + count)?
        .iter()
        .try_fold(0i64, |sum, byte| byte.is_ascii_digit().then(|| sum * 10 + i64::from(byte - b'0')))
}

#[cfg(test)]
mod tests {
    use super::parse_time;

    #[test]
    fn times_agree_with_the_reference_parser() {
        for word in [
            "2013-10-02",
            "2013-10-02 09:00:00",
            "2013-10-02T09:00:00.25Z",
            "2013-10-02T09:00:00+02:00",
            "1969-12-31T23:59:59.999999Z",
            "2016-02-29 23:59:59",
        ] {
            let expected = base::Timestamp::parse(word).unwrap().as_micros();
            assert_eq!(parse_time(word), Some(expected), "{word}");
        }
        assert_eq!(parse_time("2013-10-02 09:30"), parse_time("2013-10-02 09:30:00"));
    }

    #[test]
    fn what_is_no_time_is_refused() {
        for word in [
            "",
            "2013",
            "2013-13-01",
            "2013-10-02 24:00:00",
            "2013-10-02 09:00:00 x",
            "2013/10/02",
            "2013-10-02T09:00:00+25:00",
        ] {
            assert_eq!(parse_time(word), None, "{word}");
        }
    }
}
