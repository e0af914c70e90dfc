//! Pages that go on where the last one ended: the token holds the sort values of the last row, so that a page far down
//! costs no more than the first, and rows that come or go in between neither hide nor repeat others.

use serde::{Deserialize, Serialize};

use crate::{Error, Row, SqlText, Value};

const PREFIX: &str = "k1-";
/// The longest token that is read, in bytes.
const MOST_TOKEN_BYTES: usize = 100_000;

/// One column of an inner select by which rows are sorted. Missing values come last in either direction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SortKey {
    /// How the inner select calls it.
    pub column: &'static str,
    /// Whether it holds text, which is sorted by its bytes.
    pub is_text: bool,
    /// Whether it may be missing.
    pub is_optional: bool,
    /// Whether the greatest comes first.
    pub descending: bool,
}

/// Which page is asked for.
#[derive(Debug, Clone, Copy)]
pub struct Page<'a> {
    /// By what rows are sorted; the last key must tell any two rows apart.
    pub keys: &'a [SortKey],
    /// What the token belongs to: a token of another listing is refused.
    pub listing: &'a str,
    /// Where the page before ended.
    pub token: Option<&'a str>,
    /// How many rows at most.
    pub limit: usize,
}

/// The first sort value of a token, to narrow a select before it is sorted; nothing when that value is missing or the
/// token is none of this listing's.
#[must_use]
pub fn first_mark(page: &Page<'_>) -> Option<Value> {
    let token = page.token.filter(|token| !token.is_empty())?;
    read(token, page)?.into_iter().next().filter(|mark| *mark != Value::Text(None))
}

/// A sort value within a token. Numbers are kept as bits, so that none changes on its way to the client and back.
#[derive(Debug, Serialize, Deserialize)]
enum Mark {
    #[serde(rename = "n")]
    Nothing,
    #[serde(rename = "i")]
    Int(i64),
    #[serde(rename = "r")]
    Real(u64),
    #[serde(rename = "t")]
    Text(String),
}

#[derive(Debug, Serialize, Deserialize)]
struct Token {
    listing: String,
    marks: Vec<Mark>,
}

/// Wraps `inner`, a select whose columns have the names of the keys, into one that answers the page's rows in order,
/// and one row more when there is a next page. Answers nothing when the token is none of this listing's.
#[must_use]
pub fn in_order(inner: SqlText, page: &Page<'_>) -> Option<SqlText> {
    let mut text = SqlText::new("select * from (").append(inner).push(") q");
    if let Some(token) = page.token.filter(|token| !token.is_empty()) {
        let marks = read(token, page)?;
        text = after(text.push(" where "), page.keys, &marks);
    }
    text = text.push(" order by ");
    for (index, key) in page.keys.iter().enumerate() {
        text = column(text.push(if index == 0 { "" } else { ", " }), key);
        // Where nothing can be missing nothing is said of it: so an index serves either direction on both engines.
        text = text.push(match (key.descending, key.is_optional) {
            (true, true) => " desc nulls last",
            (true, false) => " desc",
            (false, true) => " asc nulls last",
            (false, false) => " asc",
        });
    }
    let most = i64::try_from(page.limit).unwrap_or(i64::MAX - 1).saturating_add(1);
    Some(text.push(" limit ").bind(most))
}

/// Drops the row that only told of a next page, and answers the token of that page.
pub fn ended_at(rows: &mut Vec<Row>, page: &Page<'_>) -> Result<Option<String>, Error> {
    if rows.len() <= page.limit {
        return Ok(None);
    }
    rows.truncate(page.limit);
    let Some(last) = rows.last() else { return Ok(None) };
    let marks = page.keys.iter().map(|key| mark(last, key)).collect::<Result<_, Error>>()?;
    let token = Token { listing: fingerprint(page.listing), marks };
    let text = serde_json::to_string(&token).map_err(|cause| Error::Failed { cause: cause.to_string() })?;
    Ok(Some(format!("{PREFIX}{}", hex(text.as_bytes()))))
}

fn mark(row: &Row, key: &SortKey) -> Result<Mark, Error> {
    Ok(match row.any(key.column)? {
        Value::Int(Some(value)) => Mark::Int(*value),
        Value::Real(Some(value)) => Mark::Real(value.to_bits()),
        Value::Text(Some(value)) => Mark::Text(value.clone()),
        _ => Mark::Nothing,
    })
}

fn read(token: &str, page: &Page<'_>) -> Option<Vec<Value>> {
    if token.len() > MOST_TOKEN_BYTES {
        return None;
    }
    let token: Token = serde_json::from_slice(&unhex(token.strip_prefix(PREFIX)?)?).ok()?;
    if token.listing != fingerprint(page.listing) || token.marks.len() != page.keys.len() {
        return None;
    }
    token
        .marks
        .into_iter()
        .zip(page.keys)
        .map(|(mark, key)| match mark {
            Mark::Nothing => Some(Value::Text(None)),
            Mark::Int(value) if !key.is_text => Some(Value::from(value)),
            Mark::Real(bits) if !key.is_text => {
                Some(f64::from_bits(bits)).filter(|value| !value.is_nan()).map(Value::from)
            }
            Mark::Text(text) if key.is_text && !text.contains('\0') => Some(Value::from(text)),
            _ => None,
        })
        .collect()
}

/// `(a > 1 or a is null) or (a = 1 and (b > 2 or b is null)) …`
fn after(mut text: SqlText, keys: &[SortKey], marks: &[Value]) -> SqlText {
    text = text.push("(1 = 0");
    for (index, (key, mark)) in keys.iter().zip(marks).enumerate() {
        if *mark == Value::Text(None) {
            // Nothing comes after what is missing.
            continue;
        }
        text = text.push(" or (");
        for (key, mark) in keys.iter().zip(marks).take(index) {
            text = match mark {
                Value::Text(None) => text.push("q.").push(key.column).push(" is null and "),
                mark => column(text, key).push(" = ").bind(mark.clone()).push(" and "),
            };
        }
        text = column(text.push("("), key).push(if key.descending { " < " } else { " > " });
        text = text.bind(mark.clone());
        if key.is_optional {
            text = text.push(" or q.").push(key.column).push(" is null");
        }
        text = text.push("))");
    }
    text.push(")")
}

fn column(text: SqlText, key: &SortKey) -> SqlText {
    let text = text.push("q.").push(key.column);
    if key.is_text { text.push(" collate \"C\"") } else { text }
}

/// A short name of a listing, the same in every process.
fn fingerprint(listing: &str) -> String {
    blake3::hash(listing.as_bytes()).to_hex().chars().take(12).collect()
}

fn hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let digit = |at: u8| DIGITS.get(usize::from(at)).copied().map_or('0', char::from);
    bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).collect()
}

fn unhex(text: &str) -> Option<Vec<u8>> {
    let digits: Vec<u8> = text
        .chars()
        .map(|c| c.to_digit(16).and_then(|digit| u8::try_from(digit).ok()))
        .collect::<Option<_>>()?;
    if digits.len() % 2 == 1 {
        return None;
    }
    Some(digits.chunks(2).map(|pair| pair.iter().fold(0, |byte, digit| (byte << 4) | digit)).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEYS: &[SortKey] = &[
        SortKey { column: "a", is_text: false, is_optional: true, descending: true },
        SortKey { column: "b", is_text: true, is_optional: false, descending: false },
    ];

    fn page(token: Option<&str>) -> Page<'_> {
        Page { keys: KEYS, listing: "things by a", token, limit: 10 }
    }

    #[test]
    fn the_first_page_only_sorts() {
        let (sql, _) = in_order(SqlText::new("select a, b from t"), &page(None))
            .unwrap()
            .render(crate::text::Places::Numbered);
        assert_eq!(
            sql,
            "select * from (select a, b from t) q order by q.a desc nulls last, \
             q.b collate \"C\" asc limit $1"
        );
    }

    #[test]
    fn a_token_of_another_listing_or_of_nobody_is_refused() {
        let token = Token { listing: fingerprint("things by b"), marks: vec![Mark::Int(1), Mark::Nothing] };
        let foreign = format!("{PREFIX}{}", hex(serde_json::to_string(&token).unwrap().as_bytes()));
        for token in ["whatever", "k1-", "k1-zz", "k1-7", foreign.as_str()] {
            assert!(in_order(SqlText::new("select 1"), &page(Some(token))).is_none(), "{token}");
        }
    }

    proptest::proptest! {
        #[test]
        fn no_token_makes_reading_panic(token in "k1-[0-9a-f]{0,80}|\\PC{0,40}") {
            let _ = in_order(SqlText::new("select 1"), &page(Some(&token)));
        }
    }
}
