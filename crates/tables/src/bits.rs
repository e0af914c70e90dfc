//! One bit a row: which values are there, which rows are asked for, which hold.

use arrow::buffer::BooleanBuffer;

/// A bit for each row of a piece.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bits {
    words: Vec<u64>,
    rows: usize,
}

impl Bits {
    /// The same bit for all rows.
    #[must_use]
    pub fn all(rows: usize, bit: bool) -> Self {
        let mut bits = Self { words: vec![if bit { u64::MAX } else { 0 }; rows.div_ceil(64)], rows };
        bits.clear_the_rest();
        bits
    }

    /// For each row what `holds` says of its index.
    pub fn of(rows: usize, mut holds: impl FnMut(usize) -> bool) -> Self {
        let word = |from: usize| {
            (from..rows.min(from + 64)).fold(0, |word, row| word | (u64::from(holds(row)) << (row - from)))
        };
        Self { words: (0..rows).step_by(64).map(word).collect(), rows }
    }

    /// For each row what `holds` says of its value.
    pub fn of_slice<T: Copy>(values: &[T], holds: impl Fn(T) -> bool) -> Self {
        let word = |part: &[T]| {
            part.iter().enumerate().fold(0, |word, (bit, value)| word | (u64::from(holds(*value)) << bit))
        };
        Self { words: values.chunks(64).map(word).collect(), rows: values.len() }
    }

    /// For each row what `holds` says of its two values.
    pub fn of_two<L: Copy, R: Copy>(left: &[L], right: &[R], holds: impl Fn(L, R) -> bool) -> Self {
        let word = |(left, right): (&[L], &[R])| {
            let pairs = left.iter().zip(right).enumerate();
            pairs.fold(0, |word, (bit, (left, right))| word | (u64::from(holds(*left, *right)) << bit))
        };
        let rows = left.len().min(right.len());
        Self { words: left.chunks(64).zip(right.chunks(64)).map(word).collect(), rows }
    }

    pub(crate) fn of_arrow(buffer: &BooleanBuffer) -> Self {
        Self {
            words: buffer.bit_chunks().iter_padded().take(buffer.len().div_ceil(64)).collect(),
            rows: buffer.len(),
        }
    }

    /// How many rows there are.
    #[must_use]
    pub const fn rows(&self) -> usize {
        self.rows
    }

    /// The bit of a row; false beyond the last.
    #[must_use]
    pub fn get(&self, row: usize) -> bool {
        self.words.get(row / 64).is_some_and(|word| word >> (row % 64) & 1 == 1)
    }

    /// How many rows have it.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.words.iter().map(|word| u64::from(word.count_ones())).sum()
    }

    /// Leaves those that the other has too.
    pub fn and(&mut self, other: &Self) {
        self.words.iter_mut().zip(&other.words).for_each(|(word, other)| *word &= other);
    }

    /// Leaves those that the other has not.
    pub fn and_not(&mut self, other: &Self) {
        self.words.iter_mut().zip(&other.words).for_each(|(word, other)| *word &= !other);
    }

    /// Adds those that the other has.
    pub fn or(&mut self, other: &Self) {
        self.words.iter_mut().zip(&other.words).for_each(|(word, other)| *word |= other);
    }

    /// Turns every bit round.
    #[must_use]
    pub fn inverted(mut self) -> Self {
        self.words.iter_mut().for_each(|word| *word = !*word);
        self.clear_the_rest();
        self
    }

    /// The rows that have it, in order.
    pub fn ones(&self) -> impl Iterator<Item = usize> {
        self.words.iter().enumerate().flat_map(|(index, word)| {
            let mut left = *word;
            std::iter::from_fn(move || {
                (left != 0).then(|| {
                    let bit = left.trailing_zeros() as usize;
                    left &= left - 1;
                    index * 64 + bit
                })
            })
        })
    }

    /// The values of the rows that have it, in order.
    #[must_use]
    pub fn pick<T: Copy>(&self, values: &[T]) -> Vec<T> {
        #[expect(clippy::cast_possible_truncation, reason = "at most the rows of a piece")]
        let mut picked = Vec::with_capacity(self.count() as usize);
        for (word, part) in self.words.iter().zip(values.chunks(64)) {
            if *word == u64::MAX {
                picked.extend_from_slice(part);
                continue;
            }
            let mut left = *word;
            while left != 0 {
                if let Some(value) = part.get(left.trailing_zeros() as usize) {
                    picked.push(*value);
                }
                left &= left - 1;
            }
        }
        picked
    }

    /// Bits beyond the last row are never set.
    fn clear_the_rest(&mut self) {
        let rest = self.rows % 64;
        if let (Some(last), true) = (self.words.last_mut(), rest > 0) {
            *last &= (1 << rest) - 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bits_count_join_and_pick_as_booleans_do() {
        for rows in [0, 1, 63, 64, 65, 200] {
            let numbers: Vec<usize> = (0..rows).collect();
            let thirds = Bits::of(rows, |row| row % 3 == 0);
            assert_eq!(thirds, Bits::of_slice(&numbers, |n| n % 3 == 0));
            let halves = Bits::of_two(&numbers, &numbers, |left, right| (left + right) % 4 == 0);
            let expected: Vec<usize> = numbers.iter().copied().filter(|n| n % 6 == 0).collect();
            let mut both = thirds.clone();
            both.and(&halves);
            assert_eq!(both.ones().collect::<Vec<_>>(), expected);
            assert_eq!(both.pick(&numbers), expected);
            let mut either = thirds.clone();
            either.or(&halves);
            let mut neither = Bits::all(rows, true);
            neither.and_not(&either);
            assert_eq!(neither, either.clone().inverted());
            assert_eq!(neither.count() + either.count(), rows as u64);
            assert!(numbers.iter().all(|row| thirds.get(*row) == (row % 3 == 0)) && !thirds.get(rows));
        }
    }

    #[test]
    fn bits_of_a_part_of_a_buffer_start_at_its_first_row() {
        let buffer = BooleanBuffer::collect_bool(300, |row| row % 7 == 0).slice(5, 130);
        assert_eq!(Bits::of_arrow(&buffer), Bits::of(130, |row| (row + 5) % 7 == 0));
    }
}
