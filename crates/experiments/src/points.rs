//! Points of metrics as bytes: as they come from clients, and packed by column when they are settled.
//!
//! A packed block is one byte of version, one of flags, the length of its body as a variable-length number, and the
//! body, compressed with Zstandard when that is worth it. The body holds a directory (for each key: its number as the
//! difference to the one before, how many points, how many bytes of steps and of times), then all steps and all times
//! as differences of differences, then the values as eight planes: first the lowest byte of every value, last the
//! highest. Signs, exponents and the steady beat of steps and times lie together so, and compress well.

mod zstandard;

use std::cmp::Ordering;

use base::Timestamp;

use crate::{Error, Metric};

const VERSION: u8 = 1;
const COMPRESSED: u8 = 1;
const WHOLE_MILLIS: u8 = 2;
/// Blocks below this are not worth compressing, in bytes.
const LEAST_COMPRESSED: usize = 256;
/// The most bytes that a block may unpack to.
const MOST_BYTES: usize = 256 * 1_024 * 1_024;

/// One point, without the name of its metric. Times are microseconds since 1970.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Point {
    pub step: i64,
    pub time: i64,
    pub value: f64,
}

/// The points of one metric, by its number.
pub(crate) type Column = (i64, Vec<Point>);

impl Point {
    pub(crate) fn of(metric: &Metric) -> Self {
        Self { step: metric.step, time: metric.time.as_micros(), value: metric.value }
    }

    pub(crate) fn named(self, key: String) -> Metric {
        Metric { key, value: self.value, time: Timestamp::from_micros(self.time), step: self.step }
    }

    /// By step, then time, then value. What is not a number counts as 0, and comes before a number that is 0.
    pub(crate) fn cmp(&self, other: &Self) -> Ordering {
        let rank = |value: f64| if value.is_nan() { (0.0, false) } else { (value, true) };
        let ((left, left_is), (right, right_is)) = (rank(self.value), rank(other.value));
        (self.step, self.time)
            .cmp(&(other.step, other.time))
            .then(left.partial_cmp(&right).unwrap_or(Ordering::Equal))
            .then(left_is.cmp(&right_is))
    }
}

/// Sorts points and keeps one of those that are the same.
pub(crate) fn settle_order(points: &mut Vec<Point>) {
    points.sort_by(Point::cmp);
    points.dedup_by(|left, right| left.cmp(right).is_eq());
}

/// Points as they came: for each run of equal names the name, how many points, and the points.
pub(crate) fn pack_named(metrics: &[Metric]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(metrics.len() * 24 + 8);
    for same in metrics.chunk_by(|left, right| left.key == right.key) {
        let Some(first) = same.first() else { continue };
        put(&mut bytes, first.key.len() as u64);
        bytes.extend_from_slice(first.key.as_bytes());
        put(&mut bytes, same.len() as u64);
        for metric in same {
            put(&mut bytes, zigzag(metric.step));
            put(&mut bytes, zigzag(metric.time.as_micros()));
            bytes.extend_from_slice(&metric.value.to_le_bytes());
        }
    }
    bytes
}

/// Hands each name and its points on, as often as the name stands in the bytes.
pub(crate) fn unpack_named(bytes: &[u8], mut each: impl FnMut(&str, &[Point])) -> Result<(), Error> {
    let mut reader = Reader(bytes);
    let mut points = Vec::new();
    while !reader.0.is_empty() {
        let mut next = || {
            let length = reader.length()?;
            let name = std::str::from_utf8(reader.take(length)?).ok()?;
            let count = reader.length()?;
            points.clear();
            for _ in 0..count {
                let (step, time) = (unzigzag(reader.number()?), unzigzag(reader.number()?));
                let value = f64::from_le_bytes(reader.take(8)?.try_into().ok()?);
                points.push(Point { step, time, value });
            }
            Some(name)
        };
        let name = next().ok_or_else(damaged)?;
        each(name, &points);
    }
    Ok(())
}

/// Packs columns, which must be in the order of their keys.
pub(crate) fn pack<'a>(columns: impl Iterator<Item = (i64, &'a [Point])> + Clone) -> Vec<u8> {
    let millis = columns.clone().all(|(_, points)| points.iter().all(|point| point.time % 1_000 == 0));
    let (unit, mut flags) = if millis { (1_000, WHOLE_MILLIS) } else { (1, 0) };
    let (mut directory, mut steps, mut times) = (Vec::new(), Vec::new(), Vec::new());
    let mut values: Vec<[u8; 8]> = Vec::new();
    let (mut keys, mut before) = (0_u64, 0_i64);
    for (key, points) in columns {
        keys += 1;
        put(&mut directory, zigzag(key.wrapping_sub(before)));
        before = key;
        let (steps_before, times_before) = (steps.len(), times.len());
        put_beats(&mut steps, points.iter().map(|point| point.step));
        put_beats(&mut times, points.iter().map(|point| point.time / unit));
        values.extend(points.iter().map(|point| point.value.to_le_bytes()));
        put(&mut directory, points.len() as u64);
        put(&mut directory, (steps.len() - steps_before) as u64);
        put(&mut directory, (times.len() - times_before) as u64);
    }
    let mut body = Vec::with_capacity(directory.len() + steps.len() + times.len() + values.len() * 8 + 8);
    put(&mut body, keys);
    body.append(&mut directory);
    body.append(&mut steps);
    body.append(&mut times);
    for plane in 0..8 {
        body.extend(values.iter().filter_map(|value| value.get(plane)));
    }
    let mut bytes = vec![VERSION, 0];
    put(&mut bytes, body.len() as u64);
    let small = if body.len() < LEAST_COMPRESSED { None } else { zstandard::compressed(&body) };
    match small {
        Some(small) if small.len() < body.len() => {
            flags |= COMPRESSED;
            bytes.extend_from_slice(&small);
        }
        _ => bytes.append(&mut body),
    }
    if let Some(place) = bytes.get_mut(1) {
        *place = flags;
    }
    bytes
}

/// All columns of a block, in the order of their keys.
pub(crate) fn unpack(bytes: &[u8]) -> Result<Vec<Column>, Error> {
    unpack_where(bytes, |_| true)
}

/// The points of one key of a block; none when the block has no such key.
pub(crate) fn unpack_key(bytes: &[u8], key: i64) -> Result<Vec<Point>, Error> {
    Ok(unpack_where(bytes, |there| there == key)?.pop().map(|(_, points)| points).unwrap_or_default())
}

fn unpack_where(bytes: &[u8], wanted: impl Fn(i64) -> bool) -> Result<Vec<Column>, Error> {
    body_of(bytes).and_then(|(body, unit)| columns_of(&body, unit, wanted)).ok_or_else(damaged)
}

fn body_of(bytes: &[u8]) -> Option<(std::borrow::Cow<'_, [u8]>, i64)> {
    let mut reader = Reader(bytes);
    let [version, flags] = reader.take(2)? else { return None };
    let length = usize::try_from(reader.number()?).ok().filter(|length| *length <= MOST_BYTES)?;
    let unit = if flags & WHOLE_MILLIS == 0 { 1 } else { 1_000 };
    let body: std::borrow::Cow<'_, [u8]> = if flags & COMPRESSED == 0 {
        reader.0.into()
    } else {
        zstandard::decompressed(reader.0, length)?.into()
    };
    (*version == VERSION && body.len() == length).then_some((body, unit))
}

fn columns_of(body: &[u8], unit: i64, wanted: impl Fn(i64) -> bool) -> Option<Vec<Column>> {
    struct Entry {
        key: i64,
        points: usize,
        steps: usize,
        times: usize,
    }
    let mut reader = Reader(body);
    let keys = reader.length()?;
    let mut entries = Vec::with_capacity(keys);
    let (mut key, mut total, mut steps, mut times) = (0_i64, 0_usize, 0_usize, 0_usize);
    for _ in 0..keys {
        key = key.wrapping_add(unzigzag(reader.number()?));
        let entry = Entry { key, points: reader.length()?, steps: reader.length()?, times: reader.length()? };
        total = total.checked_add(entry.points)?;
        steps = steps.checked_add(entry.steps)?;
        times = times.checked_add(entry.times)?;
        entries.push(entry);
    }
    let (mut steps, mut times) = (Reader(reader.take(steps)?), Reader(reader.take(times)?));
    let planes = reader.take(total.checked_mul(8)?)?;
    let mut columns = Vec::new();
    let mut at = 0;
    for entry in entries {
        let (mut steps, mut times) = (Reader(steps.take(entry.steps)?), Reader(times.take(entry.times)?));
        if wanted(entry.key) {
            let (mut step, mut time) = (Beat::default(), Beat::default());
            let mut points = Vec::with_capacity(entry.points);
            for index in at..at + entry.points {
                let mut value = [0; 8];
                for (plane, byte) in value.iter_mut().enumerate() {
                    *byte = *planes.get(plane * total + index)?;
                }
                points.push(Point {
                    step: step.next(&mut steps)?,
                    time: time.next(&mut times)?.wrapping_mul(unit),
                    value: f64::from_le_bytes(value),
                });
            }
            columns.push((entry.key, points));
        }
        at += entry.points;
    }
    Some(columns)
}

/// Numbers as differences of differences: a steady beat is all zeros.
fn put_beats(bytes: &mut Vec<u8>, numbers: impl Iterator<Item = i64>) {
    let (mut before, mut stride) = (0_i64, 0_i64);
    for number in numbers {
        let new_stride = number.wrapping_sub(before);
        put(bytes, zigzag(new_stride.wrapping_sub(stride)));
        (before, stride) = (number, new_stride);
    }
}

#[derive(Default)]
struct Beat {
    before: i64,
    stride: i64,
}

impl Beat {
    fn next(&mut self, reader: &mut Reader<'_>) -> Option<i64> {
        self.stride = self.stride.wrapping_add(unzigzag(reader.number()?));
        self.before = self.before.wrapping_add(self.stride);
        Some(self.before)
    }
}

/// A number in groups of seven bits, lowest first; the high bit says that more follow.
fn put(bytes: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        bytes.push((number & 0x7f) as u8 | 0x80);
        number >>= 7;
    }
    bytes.push(number as u8);
}

/// Small numbers of either sign as small numbers.
const fn zigzag(number: i64) -> u64 {
    ((number << 1) ^ (number >> 63)).cast_unsigned()
}

const fn unzigzag(number: u64) -> i64 {
    (number >> 1).cast_signed() ^ -((number & 1).cast_signed())
}

struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn take(&mut self, count: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        Some(taken)
    }

    fn number(&mut self) -> Option<u64> {
        let mut number = 0_u64;
        for (place, byte) in self.0.iter().enumerate().take(10) {
            number |= u64::from(byte & 0x7f) << (7 * place);
            if byte & 0x80 == 0 {
                self.0 = self.0.get(place + 1..)?;
                return Some(number);
            }
        }
        None
    }

    /// How many of something follow; never more than there are bytes, as each takes at least one.
    fn length(&mut self) -> Option<usize> {
        let number = usize::try_from(self.number()?).ok()?;
        (number <= self.0.len()).then_some(number)
    }
}

fn damaged() -> Error {
    db::Error::Column { column: "data".to_owned(), expected: "packed points of metrics" }.into()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn point() -> impl Strategy<Value = Point> {
        let value = prop_oneof![
            any::<f64>(),
            Just(f64::NAN),
            Just(f64::INFINITY),
            Just(f64::NEG_INFINITY),
            Just(-0.0),
            -1.0..1.0_f64
        ];
        (any::<i64>(), any::<i64>(), value).prop_map(|(step, time, value)| Point { step, time, value })
    }

    fn bits(points: &[Point]) -> Vec<(i64, i64, u64)> {
        points.iter().map(|point| (point.step, point.time, point.value.to_bits())).collect()
    }

    proptest! {
        #[test]
        fn what_is_packed_comes_back_to_the_last_bit(
            columns in proptest::collection::btree_map(any::<i64>(), proptest::collection::vec(point(), 0..40), 0..20),
        ) {
            let packed = pack(columns.iter().map(|(key, points)| (*key, points.as_slice())));
            let back = unpack(&packed).unwrap();
            prop_assert_eq!(back.len(), columns.len());
            for ((key, points), (there, before)) in back.iter().zip(&columns) {
                prop_assert_eq!(key, there);
                prop_assert_eq!(bits(points), bits(before));
                prop_assert_eq!(bits(&unpack_key(&packed, *key).unwrap()), bits(before));
            }
        }

        #[test]
        fn names_and_points_come_back_as_they_were_sent(
            metrics in proptest::collection::vec(("[a-c]{1,3}", point()), 0..60),
        ) {
            let metrics: Vec<Metric> = metrics.into_iter().map(|(key, point)| point.named(key)).collect();
            let mut back = Vec::new();
            unpack_named(&pack_named(&metrics), |name, points| {
                back.extend(points.iter().map(|point| point.named(name.to_owned())));
            })
            .unwrap();
            let same = |metric: &Metric| (metric.key.clone(), bits(&[Point::of(metric)]));
            prop_assert_eq!(back.iter().map(same).collect::<Vec<_>>(), metrics.iter().map(same).collect::<Vec<_>>());
        }

        #[test]
        fn damaged_bytes_are_an_error_and_never_a_panic(
            bytes in proptest::collection::vec(any::<u8>(), 0..200),
            at in 0_usize..200,
        ) {
            let _ = unpack(&bytes);
            let _ = unpack_named(&bytes, |_, _| ());
            let points = [Point { step: 1, time: 2, value: 3.0 }; 50];
            let mut packed = pack([(1, points.as_slice()), (9, points.as_slice())].into_iter());
            if let Some(byte) = packed.get_mut(at) {
                *byte ^= 0x55;
            }
            let _ = unpack(&packed);
        }
    }

    #[test]
    fn a_steady_series_takes_little_more_than_its_values() {
        let points: Vec<Point> = (0..1_000)
            .map(|step| Point { step, time: 1_700_000_000_000_000 + step * 1_000_000, value: 0.5 })
            .collect();
        let packed = pack([(7, points.as_slice())].into_iter());
        assert!(packed.len() < 200, "{} bytes", packed.len());
    }

    #[test]
    fn the_same_point_is_kept_once_whatever_it_is() {
        let point = |value| Point { step: 1, time: 1, value };
        let mut points =
            vec![point(f64::NAN), point(1.0), point(0.0), point(f64::NAN), point(-0.0), point(1.0)];
        settle_order(&mut points);
        assert_eq!(points.len(), 3);
        assert!(points[0].value.is_nan() && points[1].value == 0.0 && points[2].value == 1.0);
    }
}
