//! Values given in a check, made ready to be looked for in a column.

use base::Timestamp;
use tables::{Bits, ColumnType, Lane, Texts};

use crate::check::Scalar;

/// Values to be looked for, sorted.
#[derive(Debug, Clone)]
pub(super) enum Wanted {
    Bool {
        yes: bool,
        no: bool,
    },
    Int(Vec<i64>),
    /// Compared as real numbers; the two zeros are alike.
    Real(Vec<u64>),
    Time(Vec<i64>),
    Text(Vec<String>),
}

/// Fewer are compared one by one.
const FEW: usize = 12;

fn among<T: Ord>(sorted: &[T], value: &T) -> bool {
    if sorted.len() <= FEW { sorted.contains(value) } else { sorted.binary_search(value).is_ok() }
}

/// The bits by which real numbers are told apart.
pub(super) fn real_bits(value: f64) -> u64 {
    (value + 0.0).to_bits()
}

#[expect(clippy::cast_precision_loss, reason = "compared as real numbers")]
pub(super) const fn as_real(value: i64) -> f64 {
    value as f64
}

impl Wanted {
    /// The values for a column of a type; nothing when one does not fit.
    pub(super) fn of(values: &[Scalar], kind: ColumnType) -> Option<Self> {
        let real = |value: &Scalar| match value {
            Scalar::Int(value) => Some(real_bits(as_real(*value))),
            Scalar::Real(value) if value.is_finite() => Some(real_bits(*value)),
            _ => None,
        };
        let all_whole = values.iter().all(|value| matches!(value, Scalar::Int(_)));
        let values = values.iter();
        Some(match kind {
            ColumnType::Int if all_whole => Self::Int(sorted(values.map(|value| match value {
                Scalar::Int(value) => Some(*value),
                _ => None,
            }))?),
            ColumnType::Int | ColumnType::Real => Self::Real(sorted(values.map(real))?),
            ColumnType::Time => Self::Time(sorted(values.map(|value| match value {
                Scalar::Text(text) => Timestamp::parse(text).ok().map(Timestamp::as_micros),
                _ => None,
            }))?),
            ColumnType::Text => Self::Text(sorted(values.map(|value| match value {
                Scalar::Text(text) => Some(text.clone()),
                _ => None,
            }))?),
            ColumnType::Bool => {
                let found = sorted(values.map(|value| match value {
                    Scalar::Bool(truth) => Some(*truth),
                    _ => None,
                }))?;
                Self::Bool { yes: found.contains(&true), no: found.contains(&false) }
            }
        })
    }

    /// The rows whose value is among them.
    pub(super) fn held_by(&self, lane: &Lane<'_>, rows: usize) -> Bits {
        match (self, lane) {
            (Self::Int(wanted), Lane::Int(values)) | (Self::Time(wanted), Lane::Time(values)) => {
                Bits::of_slice(values, |value| among(wanted, &value))
            }
            (Self::Real(wanted), Lane::Int(values)) => {
                Bits::of_slice(values, |value| among(wanted, &real_bits(as_real(value))))
            }
            (Self::Real(wanted), Lane::Real(values)) => {
                Bits::of_slice(values, |value| among(wanted, &real_bits(value)))
            }
            (Self::Text(wanted), Lane::Text(texts)) => of_texts(texts, rows, |text| {
                wanted.binary_search_by(|wanted| wanted.as_str().cmp(text)).is_ok()
            }),
            (Self::Bool { yes, no }, Lane::Bool(truths)) => {
                Bits::of(rows, |row| if truths.get(row) { *yes } else { *no })
            }
            _ => Bits::all(rows, false),
        }
    }
}

fn sorted<T: Ord>(values: impl Iterator<Item = Option<T>>) -> Option<Vec<T>> {
    let mut values = values.collect::<Option<Vec<T>>>()?;
    values.sort_unstable();
    values.dedup();
    Some(values)
}

/// The rows whose text holds; a text that is meant by many rows is looked at once.
pub(super) fn of_texts(texts: &Texts<'_>, rows: usize, mut holds: impl FnMut(&str) -> bool) -> Bits {
    match texts.keys() {
        Some(keys) if texts.words().len() <= rows => {
            let words: Vec<bool> = texts.words().map(holds).collect();
            Bits::of_slice(keys, |key| {
                usize::try_from(key).ok().and_then(|key| words.get(key)).copied().unwrap_or_default()
            })
        }
        _ => Bits::of(rows, |row| holds(texts.of_row(row))),
    }
}
