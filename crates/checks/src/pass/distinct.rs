//! How many different values there are, which of those given, and which rows repeat a key.

use std::collections::{BTreeSet, HashSet};

use tables::{Bits, ColumnType, Lane, Schema};

use super::asked::place;
use super::keys::{Key, Keys, MOST_KEYS, Spread};
use super::wanted::Wanted;
use super::{Asked, Ended, Found, Look, keep_first};
use crate::check::Scalar;
use crate::compile::literal;
use crate::evaluate::SAMPLE_ROWS;

/// What is asked of the keys.
#[derive(Debug)]
pub(super) enum Of {
    /// How many there are.
    Count,
    /// As a share of the rows in question.
    Share,
    /// The rows that repeat one.
    Repeats,
    /// Which of some values are there, and, if asked, how many others.
    Values { wanted: Wanted, given: usize, exactly: bool },
}

/// Tells keys apart and counts them.
pub(super) struct DistinctLook<K> {
    of: Of,
    columns: Vec<usize>,
    order: Rising,
    keys: Keys<K>,
    /// The different ones of the values given that are there.
    among: HashSet<K, Spread>,
    /// Whether it has not been gone over yet.
    first_time: bool,
    /// Whether what is left of this going-over tells nothing.
    lost: bool,
    rows: u64,
    distinct: u64,
    first: Vec<u64>,
    /// The first repeats of the part that is gone over.
    first_of_part: Vec<u64>,
}

/// Values that never fall need no set: equal ones are neighbours.
#[derive(Debug)]
enum Rising {
    Unknown,
    Yes(i64),
    No,
}

pub(super) fn unique(schema: &Schema, columns: &[usize]) -> Option<Box<dyn Look>> {
    look(schema, columns, Of::Repeats)
}

pub(super) fn count(schema: &Schema, columns: &[usize]) -> Option<Box<dyn Look>> {
    look(schema, columns, Of::Count)
}

pub(super) fn share(schema: &Schema, columns: &[usize]) -> Option<Box<dyn Look>> {
    look(schema, columns, Of::Share)
}

pub(super) fn values(
    schema: &Schema,
    index: usize,
    column: &str,
    values: &[Scalar],
    exactly: bool,
) -> Option<Box<dyn Look>> {
    let kind = schema.find(column)?.kind;
    let given: BTreeSet<String> = values.iter().filter_map(|value| literal(value, kind)).collect();
    let wanted = Wanted::of(values, kind)?;
    look(schema, &[index], Of::Values { wanted, given: given.len(), exactly })
}

fn look(schema: &Schema, columns: &[usize], of: Of) -> Option<Box<dyn Look>> {
    match columns {
        [] => None,
        [one] if schema.columns.get(*one)?.kind != ColumnType::Text => {
            Some(Box::new(DistinctLook::<u64>::new(columns, of, MOST_KEYS)))
        }
        _ => Some(Box::new(DistinctLook::<u128>::new(columns, of, MOST_KEYS / 2))),
    }
}

impl<K: Key> DistinctLook<K> {
    pub(super) fn new(columns: &[usize], of: Of, most: usize) -> Self {
        Self {
            of,
            columns: columns.to_vec(),
            order: Rising::Unknown,
            keys: Keys::new(most),
            among: HashSet::default(),
            first_time: true,
            lost: false,
            rows: 0,
            distinct: 0,
            first: Vec::new(),
            first_of_part: Vec::new(),
        }
    }

    /// Counts values that never fall; false when they do.
    fn see_rising(&mut self, asked: &Asked<'_>) -> bool {
        let [column] = self.columns.as_slice() else { return false };
        if matches!(self.of, Of::Values { .. }) {
            return false;
        }
        let question = asked.there(&self.columns);
        let places = match asked.lane(*column) {
            Some(Lane::Int(values) | Lane::Time(values)) => question.pick(values),
            Some(Lane::Real(values)) => question.pick(values).iter().map(|value| place(*value)).collect(),
            _ => return false,
        };
        let mut last = match self.order {
            Rising::Yes(last) => Some(last),
            _ => None,
        };
        let (mut distinct, mut repeats) = (0, Vec::new());
        for (at, place) in places.iter().enumerate() {
            match last {
                Some(last) if *place < last => return false,
                Some(last) if *place == last => repeats.push(at),
                _ => distinct += 1,
            }
            last = Some(*place);
        }
        self.distinct += distinct;
        if self.first.len() < SAMPLE_ROWS && !repeats.is_empty() {
            let rows: Vec<usize> = question.rows().collect();
            let repeats = repeats.iter().filter_map(|at| rows.get(*at).copied());
            keep_first(&mut self.first, asked.first(), repeats);
        }
        if let Some(last) = last {
            self.order = Rising::Yes(last);
        }
        true
    }
}

impl<K: Key> Look for DistinctLook<K> {
    fn see(&mut self, asked: &Asked<'_>) {
        let question = asked.there(&self.columns);
        if self.first_time {
            self.rows += question.count();
        }
        match self.order {
            Rising::Unknown | Rising::Yes(_) => {
                if self.see_rising(asked) {
                    return;
                }
                let known = matches!(self.order, Rising::Yes(_));
                self.order = Rising::No;
                (self.distinct, self.first) = (0, Vec::new());
                if known {
                    // What went by is gone: everything is gone over again, with a set.
                    self.lost = true;
                    return;
                }
            }
            Rising::No if self.lost => return,
            Rising::No => {}
        }
        let keys = K::of(asked, &self.columns);
        match &self.of {
            Of::Repeats => {
                let (set, first) = (&mut self.keys, &mut self.first_of_part);
                keys.each(&question, |row, key| {
                    if set.enter(key, 1).is_some_and(|before| before > 0) {
                        keep_first(first, asked.first(), std::iter::once(row));
                    }
                });
            }
            Of::Count | Of::Share => keys.counted(&question, |key, rows| {
                self.keys.enter(key, rows);
            }),
            Of::Values { wanted, exactly, .. } => {
                let Some(lane) = self.columns.first().and_then(|column| asked.lane(*column)) else { return };
                let held = wanted.held_by(&lane, asked.piece_rows());
                let among = &mut self.among;
                keys.counted(&question.and(&held), |key, _| {
                    among.insert(key);
                });
                if *exactly {
                    let strange: Bits = held.inverted();
                    keys.counted(&question.and(&strange), |key, rows| {
                        self.keys.enter(key, rows);
                    });
                }
            }
        }
    }

    fn end(&mut self) -> Ended {
        self.first_time = false;
        if std::mem::take(&mut self.lost) {
            return Ended::Again;
        }
        if !matches!(self.order, Rising::Yes(_)) {
            if matches!(self.of, Of::Repeats) && self.keys.again_from_the_first() {
                self.first_of_part.clear();
                return Ended::Again;
            }
            self.distinct += self.keys.found().len() as u64;
            self.first.append(&mut self.first_of_part);
            self.first.sort_unstable();
            self.first.truncate(SAMPLE_ROWS);
            if self.keys.next_part() {
                return Ended::Again;
            }
        }
        let rows = self.rows;
        #[expect(clippy::cast_precision_loss, reason = "a count of values")]
        let (distinct, given_rows) = (self.distinct as f64, rows as f64);
        let figure = |value| Found { rows, value, first: Vec::new() };
        Ended::Found(match &self.of {
            Of::Repeats => Found::failing(rows, rows - self.distinct, std::mem::take(&mut self.first)),
            Of::Count => figure(Some(distinct)),
            Of::Share => figure((rows > 0).then(|| distinct / given_rows)),
            #[expect(clippy::cast_precision_loss, reason = "a count of values")]
            Of::Values { given, .. } => figure(Some(*given as f64 - self.among.len() as f64 + distinct)),
        })
    }
}
