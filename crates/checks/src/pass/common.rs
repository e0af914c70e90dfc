//! The most frequent values of a column.

use std::collections::HashSet;

use tables::{ColumnType, Schema};

use super::keys::{Key, Keys, MOST_KEYS, Spread};
use super::wanted::Wanted;
use super::{Asked, Ended, Found, Look};
use crate::check::Scalar;

/// Counts the rows of each value.
struct CommonLook<K> {
    column: usize,
    wanted: Wanted,
    keys: Keys<K>,
    /// The keys of values that are among those wanted.
    among: HashSet<K, Spread>,
    /// The most rows that one value has, how many values have as many, and how many of those are not wanted.
    most: u64,
    modes: u64,
    outside: u64,
}

pub(super) fn most_common(schema: &Schema, column: usize, values: &[Scalar]) -> Option<Box<dyn Look>> {
    let kind = schema.columns.get(column)?.kind;
    let wanted = Wanted::of(values, kind)?;
    if values.is_empty() {
        return None;
    }
    Some(match kind {
        ColumnType::Text => Box::new(CommonLook::<u128>::new(column, wanted, MOST_KEYS / 4)),
        _ => Box::new(CommonLook::<u64>::new(column, wanted, MOST_KEYS / 2)),
    })
}

impl<K: Key> CommonLook<K> {
    fn new(column: usize, wanted: Wanted, most: usize) -> Self {
        let (keys, among) = (Keys::new(most), HashSet::default());
        Self { column, wanted, keys, among, most: 0, modes: 0, outside: 0 }
    }
}

impl<K: Key> Look for CommonLook<K> {
    fn see(&mut self, asked: &Asked<'_>) {
        let question = asked.there(&[self.column]);
        let Some(lane) = asked.lane(self.column) else { return };
        let keys = K::of(asked, &[self.column]);
        let among = &mut self.among;
        let held = self.wanted.held_by(&lane, asked.piece_rows());
        keys.counted(&question.and(&held), |key, _| {
            among.insert(key);
        });
        keys.counted(&question, |key, rows| {
            self.keys.enter(key, rows);
        });
    }

    fn end(&mut self) -> Ended {
        for (key, rows) in self.keys.found() {
            if rows > self.most {
                (self.most, self.modes, self.outside) = (rows, 0, 0);
            }
            if rows == self.most {
                self.modes += 1;
                self.outside += u64::from(!self.among.contains(&key));
            }
        }
        if self.keys.next_part() {
            return Ended::Again;
        }
        Ended::Found(Found::failing(self.modes, self.outside, Vec::new()))
    }
}
