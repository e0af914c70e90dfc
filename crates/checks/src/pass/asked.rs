//! A piece as one check sees it: which of its rows are in question, and their values.

use std::borrow::Cow;

use tables::{Bits, Lane, Piece};

/// A piece and the condition of one check on its rows.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Asked<'a> {
    piece: &'a Piece,
    condition: Option<&'a Bits>,
}

/// Which rows are in question.
#[derive(Debug, Clone)]
pub(crate) struct Question<'a> {
    rows: usize,
    /// Nothing when all are.
    bits: Option<Cow<'a, Bits>>,
}

impl<'a> Asked<'a> {
    pub(crate) const fn new(piece: &'a Piece, condition: Option<&'a Bits>) -> Self {
        Self { piece, condition }
    }

    /// How many rows the piece has.
    pub(crate) const fn piece_rows(&self) -> usize {
        self.piece.rows()
    }

    /// The number of its first row.
    pub(crate) const fn first(&self) -> u64 {
        self.piece.first()
    }

    pub(crate) fn lane(&self, column: usize) -> Option<Lane<'a>> {
        self.piece.lane(column)
    }

    /// The rows that meet the condition.
    pub(crate) fn met(&self) -> Question<'a> {
        Question { rows: self.piece.rows(), bits: self.condition.map(Cow::Borrowed) }
    }

    /// The rows that meet the condition and have a value in each of the columns.
    pub(crate) fn there(&self, columns: &[usize]) -> Question<'a> {
        let mut question = self.met();
        for there in columns.iter().filter_map(|column| self.piece.there(*column)) {
            match &mut question.bits {
                None => question.bits = Some(Cow::Borrowed(there)),
                Some(bits) => bits.to_mut().and(there),
            }
        }
        question
    }

    /// Which rows have a value in a column, whatever the condition says.
    pub(crate) fn has_value(&self, column: usize) -> Bits {
        self.piece.there(column).cloned().unwrap_or_else(|| Bits::all(self.piece.rows(), true))
    }

    /// The numbers of a column in the rows that meet the condition and have one. Whole numbers become the nearest
    /// real ones; nothing for columns of other types.
    pub(crate) fn numbers(&self, column: usize) -> Cow<'a, [f64]> {
        let question = self.there(&[column]);
        match self.piece.lane(column) {
            Some(Lane::Real(values)) => question.pick(values),
            #[expect(clippy::cast_precision_loss, reason = "the nearest real number is meant")]
            Some(Lane::Int(values) | Lane::Time(values)) => {
                Cow::Owned(question.pick(values).iter().map(|value| *value as f64).collect())
            }
            _ => Cow::Borrowed(&[]),
        }
    }
}

impl<'a> Question<'a> {
    /// How many rows are in question.
    pub(crate) fn count(&self) -> u64 {
        self.bits.as_ref().map_or(self.rows as u64, |bits| bits.count())
    }

    /// Those in question that do not hold.
    pub(crate) fn failing(&self, holds: Bits) -> Bits {
        let mut failing = holds.inverted();
        if let Some(bits) = &self.bits {
            failing.and(bits);
        }
        failing
    }

    /// Those in question that have a bit.
    pub(crate) fn and(&self, bits: &Bits) -> Question<'static> {
        let mut both = bits.clone();
        if let Some(asked) = &self.bits {
            both.and(asked);
        }
        Question { rows: self.rows, bits: Some(Cow::Owned(both)) }
    }

    /// The rows in question, in order.
    pub(crate) fn rows(&self) -> Box<dyn Iterator<Item = usize> + '_> {
        match &self.bits {
            None => Box::new(0..self.rows),
            Some(bits) => Box::new(bits.ones()),
        }
    }

    /// The values of the rows in question.
    pub(crate) fn pick<T: Copy>(&self, values: &'a [T]) -> Cow<'a, [T]> {
        match &self.bits {
            None => Cow::Borrowed(values),
            Some(bits) => Cow::Owned(bits.pick(values)),
        }
    }
}

/// A real number as a whole one of the same order: by size, the two zeros alike, NaN beyond the infinities.
pub(crate) fn place(value: f64) -> i64 {
    let bits = (value + 0.0).to_bits().cast_signed();
    bits ^ ((bits >> 63).cast_unsigned() >> 1).cast_signed()
}

/// The number whose [`place`] this is.
pub(crate) fn number_at(place: i64) -> f64 {
    f64::from_bits((place ^ ((place >> 63).cast_unsigned() >> 1).cast_signed()).cast_unsigned())
}
