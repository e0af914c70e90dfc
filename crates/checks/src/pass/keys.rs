//! Sets of keys in bounded memory.
//!
//! A set that grows too large keeps a part of the keys only, told by their hash; the other parts are gone over
//! afterwards, one by one. Numbers are their own keys. Texts and keys of several columns are told apart by 128 bits of
//! a hash with a secret: two of a thousand million are alike with a chance below 10⁻²⁰.

use std::collections::HashMap;
use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher, Hash, Hasher};
use std::sync::OnceLock;

use tables::{Bits, Lane};

use super::wanted::real_bits;
use super::{Asked, asked::Question};

/// So many keys at most are kept at once.
pub(super) const MOST_KEYS: usize = 7 << 18;

/// What tells values apart.
pub(super) trait Key: Copy + Eq + Hash + Send + 'static {
    /// The keys of all rows of a piece, also of those not in question, where they mean nothing.
    fn of(asked: &Asked<'_>, columns: &[usize]) -> KeysOf<Self>;
}

/// The keys of a piece.
pub(super) struct KeysOf<K> {
    /// One a row, or the different ones.
    keys: Vec<K>,
    /// For each row which of them it has; nothing when each row has its own.
    rows: Option<Vec<usize>>,
}

impl<K: Key> KeysOf<K> {
    /// The keys of the rows in question, in order.
    pub(super) fn each(&self, question: &Question<'_>, mut see: impl FnMut(usize, K)) {
        for row in question.rows() {
            let index = match &self.rows {
                None => Some(row),
                Some(rows) => rows.get(row).copied(),
            };
            if let Some(key) = index.and_then(|index| self.keys.get(index)) {
                see(row, *key);
            }
        }
    }

    /// The different keys among the rows in question with how many rows have them; a key may come several times.
    pub(super) fn counted(&self, question: &Question<'_>, mut see: impl FnMut(K, u64)) {
        let Some(rows) = &self.rows else {
            return self.each(question, |_, key| see(key, 1));
        };
        let mut counts = vec![0_u64; self.keys.len()];
        for row in question.rows() {
            if let Some(count) = rows.get(row).and_then(|index| counts.get_mut(*index)) {
                *count += 1;
            }
        }
        self.keys
            .iter()
            .zip(counts)
            .filter(|(_, count)| *count > 0)
            .for_each(|(key, count)| see(*key, count));
    }
}

impl Key for u64 {
    fn of(asked: &Asked<'_>, columns: &[usize]) -> KeysOf<Self> {
        let lane = columns.first().and_then(|column| asked.lane(*column));
        let keys = lane.map(|lane| fixed(&lane, asked.piece_rows())).unwrap_or_default();
        KeysOf { keys, rows: None }
    }
}

impl Key for u128 {
    fn of(asked: &Asked<'_>, columns: &[usize]) -> KeysOf<Self> {
        if let ([column], secret) = (columns, secret())
            && let Some(Lane::Text(texts)) = asked.lane(*column)
        {
            return match texts.keys() {
                Some(keys) if texts.words().len() <= asked.piece_rows() => KeysOf {
                    keys: texts.words().map(|text| secret.text(text)).collect(),
                    rows: Some(keys.iter().map(|key| usize::try_from(*key).unwrap_or(usize::MAX)).collect()),
                },
                _ => KeysOf {
                    keys: (0..asked.piece_rows()).map(|row| secret.text(texts.of_row(row))).collect(),
                    rows: None,
                },
            };
        }
        let secret = secret();
        let mut keys = vec![0_u128; asked.piece_rows()];
        for column in columns {
            match asked.lane(*column) {
                Some(Lane::Text(_)) => {
                    let texts = Self::of(asked, std::slice::from_ref(column));
                    for (row, key) in keys.iter_mut().enumerate() {
                        let index = texts.rows.as_ref().map_or(Some(row), |rows| rows.get(row).copied());
                        let text = index.and_then(|index| texts.keys.get(index)).copied().unwrap_or_default();
                        #[expect(clippy::cast_possible_truncation, reason = "both halves are taken")]
                        let halves = [(text >> 64) as u64, text as u64];
                        *key = halves.into_iter().fold(*key, |key, half| secret.join(key, half));
                    }
                }
                Some(lane) => {
                    let values = fixed(&lane, asked.piece_rows());
                    keys.iter_mut().zip(values).for_each(|(key, value)| *key = secret.join(*key, value));
                }
                None => {}
            }
        }
        KeysOf { keys, rows: None }
    }
}

/// Values of fixed size as 64 bits; the two zeros are alike.
fn fixed(lane: &Lane<'_>, rows: usize) -> Vec<u64> {
    match lane {
        Lane::Int(values) | Lane::Time(values) => values.iter().map(|value| value.cast_unsigned()).collect(),
        Lane::Real(values) => values.iter().map(|value| real_bits(*value)).collect(),
        Lane::Bool(truths) => of_truths(truths, rows),
        Lane::Text(_) => Vec::new(),
    }
}

fn of_truths(truths: &Bits, rows: usize) -> Vec<u64> {
    (0..rows).map(|row| u64::from(truths.get(row))).collect()
}

/// Drawn once a process, so that nobody can write rows whose keys collide.
struct Secret {
    texts: [RandomState; 2],
    odd: [u64; 2],
}

fn secret() -> &'static Secret {
    static SECRET: OnceLock<Secret> = OnceLock::new();
    SECRET.get_or_init(|| {
        let texts = [RandomState::new(), RandomState::new()];
        let odd = [&texts[0], &texts[1]].map(|state| state.hash_one("gingham") | 1);
        Secret { texts, odd }
    })
}

impl Secret {
    fn text(&self, text: &str) -> u128 {
        let [high, low] = &self.texts;
        (u128::from(high.hash_one(text)) << 64) | u128::from(low.hash_one(text))
    }

    fn join(&self, key: u128, value: u64) -> u128 {
        let [high, low] = self.odd;
        #[expect(clippy::cast_possible_truncation, reason = "both halves are taken")]
        let (before_high, before_low) = ((key >> 64) as u64, key as u64);
        let one = folded(before_high.rotate_left(23) ^ value ^ low, high);
        let other = folded(before_low.rotate_left(41) ^ value ^ high, low);
        (u128::from(one) << 64) | u128::from(other)
    }
}

/// The two halves of a product, joined.
#[expect(clippy::cast_possible_truncation, reason = "both halves are taken")]
const fn folded(value: u64, odd: u64) -> u64 {
    let product = value as u128 * odd as u128;
    (product >> 64) as u64 ^ product as u64
}

/// Spreads keys over a table; they are numbers already.
#[derive(Debug, Clone)]
pub(super) struct Spread(u64);

impl Default for Spread {
    fn default() -> Self {
        Self(secret().odd[0])
    }
}

impl BuildHasher for Spread {
    type Hasher = Spreading;

    fn build_hasher(&self) -> Spreading {
        Spreading { odd: self.0, found: 0 }
    }
}

/// One key on its way.
#[derive(Debug)]
pub(super) struct Spreading {
    odd: u64,
    found: u64,
}

impl Hasher for Spreading {
    fn finish(&self) -> u64 {
        self.found
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.write_u64(u64::from(*byte));
        }
    }

    fn write_u64(&mut self, value: u64) {
        self.found = folded(self.found ^ value ^ (self.odd >> 1), self.odd);
    }

    fn write_u128(&mut self, value: u128) {
        #[expect(clippy::cast_possible_truncation, reason = "a hash already")]
        self.write_u64(value as u64);
    }
}

/// Keys with how many rows have each: all of them, or those of one part at a time.
#[derive(Debug)]
pub(super) struct Keys<K> {
    rows: HashMap<K, u64, Spread>,
    most: usize,
    part: u64,
    parts: u64,
    /// Whether keys were let go that had been seen more than once.
    let_go: bool,
}

impl<K: Key> Keys<K> {
    pub(super) fn new(most: usize) -> Self {
        Self { rows: HashMap::default(), most, part: 0, parts: 1, let_go: false }
    }

    /// Enters a key that so many rows have; answers how many had it before, or nothing for a key of another part.
    pub(super) fn enter(&mut self, key: K, rows: u64) -> Option<u64> {
        if self.parts > 1 && self.part_of(&key) != self.part {
            return None;
        }
        let count = self.rows.entry(key).or_default();
        let before = *count;
        *count += rows;
        if before == 0 && self.part == 0 && self.rows.len() > self.most {
            self.divide();
        }
        Some(before)
    }

    /// The keys of this part with their rows.
    pub(super) fn found(&self) -> impl ExactSizeIterator<Item = (K, u64)> {
        self.rows.iter().map(|(key, rows)| (*key, *rows))
    }

    /// Makes ready for the next part; false when all are done.
    pub(super) fn next_part(&mut self) -> bool {
        self.part += 1;
        self.rows.clear();
        self.part < self.parts
    }

    /// Makes ready for the first part once more, if some of its rows were counted as those of other parts.
    pub(super) fn again_from_the_first(&mut self) -> bool {
        let again = std::mem::take(&mut self.let_go);
        if again {
            self.rows.clear();
        }
        again
    }

    fn part_of(&self, key: &K) -> u64 {
        // Neither the low bits nor the highest, by which the table itself tells keys apart.
        (self.rows.hasher().hash_one(key) >> 36) & (self.parts - 1)
    }

    fn divide(&mut self) {
        self.parts *= 2;
        let (parts, part, spread) = (self.parts, self.part, self.rows.hasher().clone());
        let mut let_go = false;
        self.rows.retain(|key, rows| {
            let stays = (spread.hash_one(key) >> 36) & (parts - 1) == part;
            let_go |= !stays && *rows > 1;
            stays
        });
        self.let_go |= let_go;
    }
}
