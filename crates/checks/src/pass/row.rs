//! Checks that hold or not for each row.

use std::cmp::Ordering;

use base::Timestamp;
use regex::Regex;
use tables::{Bits, ColumnType, Lane, Schema};

use super::asked::place;
use super::wanted::{Wanted, as_real, of_texts};
use super::{Asked, Ended, Found, Look, keep_first};
use crate::check::{Bounds, Check, CheckKind, Form, Operator, Scalar};
use crate::shape;

/// More pairs are left to a query.
const MOST_PAIRS: usize = 64;

/// Counts the rows that are in question and those of them that fail.
#[derive(Debug)]
pub(super) struct RowLook {
    test: Test,
    columns: Vec<usize>,
    /// Whether rows without a value are in question too.
    missing_too: bool,
    rows: u64,
    failing: u64,
    first: Vec<u64>,
}

/// What must hold.
#[derive(Debug)]
enum Test {
    Present,
    Missing,
    WholeWithin {
        low: i64,
        high: i64,
    },
    RealWithin {
        low: f64,
        high: f64,
    },
    /// Whole numbers between bounds of which one is real.
    MixedWithin {
        low: Option<Scalar>,
        high: Option<Scalar>,
    },
    TextWithin {
        low: Option<String>,
        high: Option<String>,
    },
    Among(Wanted),
    NotAmong(Wanted),
    Matches(Regex),
    NotMatches(Regex),
    Length(Bounds<u64>),
    Parses(Form),
    Compare(Operator),
    Sum(Bounds<f64>),
    Pairs(Vec<(Wanted, Wanted)>),
}

impl RowLook {
    /// The look of a check of rows; nothing for other kinds.
    pub(super) fn of(check: &Check, schema: &Schema, columns: &[usize], now: Timestamp) -> Option<Self> {
        let kind = |name: &str| schema.find(name).map(|column| column.kind);
        let test = match &check.kind {
            CheckKind::NotNull { .. } => Test::Present,
            CheckKind::IsNull { .. } => Test::Missing,
            CheckKind::Between { column, bounds } => within(bounds, kind(column)?)?,
            CheckKind::InSet { column, values } if !values.is_empty() => {
                Test::Among(Wanted::of(values, kind(column)?)?)
            }
            CheckKind::NotInSet { column, values } if !values.is_empty() => {
                Test::NotAmong(Wanted::of(values, kind(column)?)?)
            }
            CheckKind::Matches { pattern, .. } => Test::Matches(Regex::new(pattern).ok()?),
            CheckKind::NotMatches { pattern, .. } => Test::NotMatches(Regex::new(pattern).ok()?),
            CheckKind::Length { bounds, .. } => Test::Length(*bounds),
            CheckKind::Parses { form, .. } => Test::Parses(form.clone()),
            CheckKind::Compare { operator, .. } => Test::Compare(*operator),
            CheckKind::MaxAge { age, .. } => {
                Test::WholeWithin { low: now.minus(*age).as_micros(), high: i64::MAX }
            }
            CheckKind::RowSum { bounds, .. } => Test::Sum(*bounds),
            CheckKind::PairInSet { left, right, values } => {
                if values.is_empty() || values.len() > MOST_PAIRS {
                    return None;
                }
                let (left, right) = (kind(left)?, kind(right)?);
                let one = |value: &Scalar, kind| Wanted::of(std::slice::from_ref(value), kind);
                let pairs = values.iter().map(|(a, b)| Some((one(a, left)?, one(b, right)?)));
                Test::Pairs(pairs.collect::<Option<_>>()?)
            }
            _ => return None,
        };
        let missing_too = matches!(test, Test::Present | Test::Missing);
        let columns = columns.to_vec();
        Some(Self { test, columns, missing_too, rows: 0, failing: 0, first: Vec::new() })
    }

    /// The rows that hold; what it says of rows that are not in question means nothing.
    fn holds(&self, asked: &Asked<'_>) -> Option<Bits> {
        let rows = asked.piece_rows();
        let column = *self.columns.first()?;
        let lane = asked.lane(column)?;
        Some(match (&self.test, lane) {
            (Test::Present, _) => asked.has_value(column),
            (Test::Missing, _) => asked.has_value(column).inverted(),
            (Test::WholeWithin { low, high }, Lane::Int(values) | Lane::Time(values)) => {
                Bits::of_slice(values, |value| value >= *low && value <= *high)
            }
            (Test::RealWithin { low, high }, Lane::Real(values)) => {
                Bits::of_slice(values, |value| value >= *low && value <= *high)
            }
            (Test::MixedWithin { low, high }, Lane::Int(values)) => Bits::of_slice(values, |value| {
                low.as_ref().is_none_or(|low| whole_is(value, low, Ordering::is_ge))
                    && high.as_ref().is_none_or(|high| whole_is(value, high, Ordering::is_le))
            }),
            (Test::TextWithin { low, high }, Lane::Text(texts)) => of_texts(&texts, rows, |text| {
                low.as_deref().is_none_or(|low| text >= low)
                    && high.as_deref().is_none_or(|high| text <= high)
            }),
            (Test::Among(wanted), lane) => wanted.held_by(&lane, rows),
            (Test::NotAmong(wanted), lane) => wanted.held_by(&lane, rows).inverted(),
            (Test::Matches(pattern), Lane::Text(texts)) => {
                of_texts(&texts, rows, |text| pattern.is_match(text))
            }
            (Test::NotMatches(pattern), Lane::Text(texts)) => {
                of_texts(&texts, rows, |text| !pattern.is_match(text))
            }
            (Test::Length(bounds), Lane::Text(texts)) => {
                of_texts(&texts, rows, |text| bounds.hold(&(text.chars().count() as u64)))
            }
            (Test::Parses(form), Lane::Text(texts)) => {
                of_texts(&texts, rows, |text| shape::parses(form, text))
            }
            (Test::Compare(operator), left) => {
                compared(*operator, left, asked.lane(*self.columns.get(1)?)?, rows)?
            }
            (Test::Sum(bounds), _) => {
                let mut sums: Vec<f64> = Vec::new();
                for column in &self.columns {
                    let add = |sums: &mut Vec<f64>, value: &mut dyn Iterator<Item = f64>| {
                        if sums.is_empty() {
                            sums.extend(value);
                        } else {
                            sums.iter_mut().zip(value).for_each(|(sum, value)| *sum += value);
                        }
                    };
                    match asked.lane(*column)? {
                        Lane::Real(values) => add(&mut sums, &mut values.iter().copied()),
                        Lane::Int(values) => add(&mut sums, &mut values.iter().copied().map(as_real)),
                        _ => return None,
                    }
                }
                Bits::of_slice(&sums, |sum| bounds.hold(&sum))
            }
            (Test::Pairs(pairs), left) => {
                let right = asked.lane(*self.columns.get(1)?)?;
                let mut any = Bits::all(rows, false);
                for (one, other) in pairs {
                    let mut both = one.held_by(&left, rows);
                    both.and(&other.held_by(&right, rows));
                    any.or(&both);
                }
                any
            }
            _ => return None,
        })
    }
}

impl Look for RowLook {
    fn see(&mut self, asked: &Asked<'_>) {
        let question = if self.missing_too { asked.met() } else { asked.there(&self.columns) };
        self.rows += question.count();
        let holds = self.holds(asked).unwrap_or_else(|| Bits::all(asked.piece_rows(), false));
        let failing = question.failing(holds);
        let count = failing.count();
        if count > 0 {
            self.failing += count;
            keep_first(&mut self.first, asked.first(), failing.ones());
        }
    }

    fn end(&mut self) -> Ended {
        Ended::Found(Found::failing(self.rows, self.failing, std::mem::take(&mut self.first)))
    }
}

/// Bounds of values of a type; nothing where they do not fit.
fn within(bounds: &Bounds<Scalar>, kind: ColumnType) -> Option<Test> {
    let (low, high) = (bounds.low.as_ref(), bounds.high.as_ref());
    if low.is_none() && high.is_none() {
        return None;
    }
    let whole = |bound: &Scalar| match bound {
        Scalar::Int(value) => Some(*value),
        _ => None,
    };
    let real = |bound: &Scalar| match bound {
        Scalar::Int(value) => Some(as_real(*value)),
        Scalar::Real(value) if value.is_finite() => Some(*value),
        _ => None,
    };
    let text = |bound: &Scalar| match bound {
        Scalar::Text(text) => Some(text.clone()),
        _ => None,
    };
    Some(match kind {
        ColumnType::Int if [low, high].into_iter().flatten().all(|bound| whole(bound).is_some()) => {
            Test::WholeWithin {
                low: low.and_then(whole).unwrap_or(i64::MIN),
                high: high.and_then(whole).unwrap_or(i64::MAX),
            }
        }
        ColumnType::Int => {
            [low, high].into_iter().flatten().map(real).collect::<Option<Vec<f64>>>()?;
            Test::MixedWithin { low: low.cloned(), high: high.cloned() }
        }
        ColumnType::Real => Test::RealWithin {
            low: low.map_or(Some(f64::NEG_INFINITY), real)?,
            high: high.map_or(Some(f64::INFINITY), real)?,
        },
        ColumnType::Time => {
            let micros = |bound| Some(Timestamp::parse(&text(bound)?).ok()?.as_micros());
            Test::WholeWithin {
                low: low.map_or(Some(i64::MIN), micros)?,
                high: high.map_or(Some(i64::MAX), micros)?,
            }
        }
        ColumnType::Text => {
            [low, high].into_iter().flatten().map(text).collect::<Option<Vec<String>>>()?;
            Test::TextWithin { low: low.and_then(text), high: high.and_then(text) }
        }
        ColumnType::Bool => return None,
    })
}

/// Whether a whole number stands so to a bound: as whole numbers where both are, else as real ones.
fn whole_is(value: i64, bound: &Scalar, so: impl Fn(Ordering) -> bool) -> bool {
    match bound {
        Scalar::Int(bound) => so(value.cmp(bound)),
        Scalar::Real(bound) => as_real(value).partial_cmp(bound).is_some_and(so),
        _ => false,
    }
}

/// The rows in which two columns stand in an order; numbers of two types are compared as real ones.
fn compared(operator: Operator, left: Lane<'_>, right: Lane<'_>, rows: usize) -> Option<Bits> {
    let mixed = |whole: i64| place(as_real(whole));
    Some(match (left, right) {
        (Lane::Int(left), Lane::Int(right)) | (Lane::Time(left), Lane::Time(right)) => {
            two(operator, left, right, |value| value, |value| value)
        }
        (Lane::Real(left), Lane::Real(right)) => two(operator, left, right, place, place),
        (Lane::Int(left), Lane::Real(right)) => two(operator, left, right, mixed, place),
        (Lane::Real(left), Lane::Int(right)) => two(operator, left, right, place, mixed),
        (Lane::Bool(left), Lane::Bool(right)) => {
            Bits::of(rows, |row| stands(operator, &left.get(row), &right.get(row)))
        }
        (Lane::Text(left), Lane::Text(right)) => {
            Bits::of(rows, |row| stands(operator, left.of_row(row), right.of_row(row)))
        }
        _ => return None,
    })
}

fn stands<T: PartialOrd + ?Sized>(operator: Operator, left: &T, right: &T) -> bool {
    match operator {
        Operator::Less => left < right,
        Operator::AtMost => left <= right,
        Operator::Equal => left == right,
        Operator::NotEqual => left != right,
        Operator::AtLeast => left >= right,
        Operator::Greater => left > right,
    }
}

/// One loop for each operator, so that none is decided row by row.
fn two<L: Copy, R: Copy>(
    operator: Operator,
    left: &[L],
    right: &[R],
    of_left: impl Fn(L) -> i64,
    of_right: impl Fn(R) -> i64,
) -> Bits {
    match operator {
        Operator::Less => Bits::of_two(left, right, |left, right| of_left(left) < of_right(right)),
        Operator::AtMost => Bits::of_two(left, right, |left, right| of_left(left) <= of_right(right)),
        Operator::Equal => Bits::of_two(left, right, |left, right| of_left(left) == of_right(right)),
        Operator::NotEqual => Bits::of_two(left, right, |left, right| of_left(left) != of_right(right)),
        Operator::AtLeast => Bits::of_two(left, right, |left, right| of_left(left) >= of_right(right)),
        Operator::Greater => Bits::of_two(left, right, |left, right| of_left(left) > of_right(right)),
    }
}
