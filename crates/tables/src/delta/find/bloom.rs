//! The Bloom filters of Parquet files, of which one block of 32 bytes is read: the block that the value falls into.
//!
//! Format: <https://parquet.apache.org/docs/file-format/bloomfilter/>; hash: <https://github.com/Cyan4973/xxHash>, XXH64 with
//! seed 0.

use std::fs::File;
use std::os::unix::fs::FileExt;

use parquet::bloom_filter::Sbbf;
use parquet::file::metadata::ColumnChunkMetaData;

/// What follows the number of bytes in a filter's head: split blocks, hashed by XXH64, not compressed. Other filters than
/// these are not used.
const KIND: [u8; 13] = [0x1c, 0x1c, 0, 0, 0x1c, 0x1c, 0, 0, 0x1c, 0x1c, 0, 0, 0];
/// The head's first field, a whole number of 32 bits.
const BYTES_FIELD: u8 = 0x15;
const BLOCK_BYTES: u64 = 32;
/// The longest head of the kind above.
const HEAD_BYTES: usize = 6 + KIND.len();

/// Where the blocks of a filter are in their file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Filter {
    offset: u64,
    blocks: u64,
}

impl Filter {
    /// The filter of a column of a row group; `None` when there is none that can be used.
    pub(super) fn of(file: &File, chunk: &ColumnChunkMetaData) -> Option<Self> {
        let offset = u64::try_from(chunk.bloom_filter_offset()?).ok()?;
        let mut head = [0; HEAD_BYTES];
        file.read_exact_at(&mut head, offset).ok()?;
        let (bytes, length) = head_of(&head)?;
        let blocks = bytes / BLOCK_BYTES;
        (blocks > 0 && bytes % BLOCK_BYTES == 0).then_some(Self { offset: offset + length, blocks })
    }

    /// Whether the value may be in the row group; `true` when the filter cannot be read.
    pub(super) fn may_hold(self, file: &File, value: &[u8]) -> bool {
        let place = ((xxh64(value) >> 32) * self.blocks) >> 32;
        let mut block = [0; 32];
        if file.read_exact_at(&mut block, self.offset + place * BLOCK_BYTES).is_err() {
            return true;
        }
        // A filter of one block: the value falls into it whatever its hash.
        Sbbf::new(&block).check(value)
    }
}

/// How many bytes the blocks of a filter have, and its head.
fn head_of(head: &[u8]) -> Option<(u64, u64)> {
    let rest = head.strip_prefix(&[BYTES_FIELD])?;
    let (mut zigzag, mut length) = (0_u64, 0_usize);
    for byte in rest.iter().take(5) {
        zigzag |= u64::from(byte & 0x7f) << (7 * length);
        length += 1;
        if byte & 0x80 == 0 {
            let known = rest.get(length..)?.starts_with(&KIND) && zigzag.is_multiple_of(2);
            return known.then_some((zigzag / 2, (1 + length + KIND.len()) as u64));
        }
    }
    None
}

const PRIMES: [u64; 5] = [
    0x9e37_79b1_85eb_ca87,
    0xc2b2_ae3d_27d4_eb4f,
    0x1656_67b1_9e37_79f9,
    0x85eb_ca77_c2b2_ae63,
    0x27d4_eb2f_1656_67c5,
];

fn round(sum: u64, word: u64) -> u64 {
    sum.wrapping_add(word.wrapping_mul(PRIMES[1])).rotate_left(31).wrapping_mul(PRIMES[0])
}

fn word(bytes: &[u8; 8]) -> u64 {
    u64::from_le_bytes(*bytes)
}

/// XXH64 with seed 0.
fn xxh64(value: &[u8]) -> u64 {
    let (stripes, mut rest) = value.as_chunks::<32>();
    let mut hash = if stripes.is_empty() {
        PRIMES[4]
    } else {
        let mut sums = [PRIMES[0].wrapping_add(PRIMES[1]), PRIMES[1], 0, 0_u64.wrapping_sub(PRIMES[0])];
        for stripe in stripes {
            for (sum, lane) in sums.iter_mut().zip(stripe.as_chunks::<8>().0) {
                *sum = round(*sum, word(lane));
            }
        }
        let turned = sums.iter().zip([1, 7, 12, 18]).map(|(sum, by)| sum.rotate_left(by));
        let joined = turned.fold(0_u64, u64::wrapping_add);
        sums.iter()
            .fold(joined, |hash, sum| (hash ^ round(0, *sum)).wrapping_mul(PRIMES[0]).wrapping_add(PRIMES[3]))
    };
    hash = hash.wrapping_add(value.len() as u64);
    let (words, tail) = rest.as_chunks::<8>();
    for lane in words {
        hash = (hash ^ round(0, word(lane))).rotate_left(27).wrapping_mul(PRIMES[0]).wrapping_add(PRIMES[3]);
    }
    rest = tail;
    if let Some((half, tail)) = rest.split_first_chunk::<4>() {
        hash ^= u64::from(u32::from_le_bytes(*half)).wrapping_mul(PRIMES[0]);
        hash = hash.rotate_left(23).wrapping_mul(PRIMES[1]).wrapping_add(PRIMES[2]);
        rest = tail;
    }
    for byte in rest {
        hash = (hash ^ u64::from(*byte).wrapping_mul(PRIMES[4])).rotate_left(11).wrapping_mul(PRIMES[0]);
    }
    hash = (hash ^ (hash >> 33)).wrapping_mul(PRIMES[1]);
    hash = (hash ^ (hash >> 29)).wrapping_mul(PRIMES[2]);
    hash ^ (hash >> 32)
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    #[test]
    fn hashes_are_those_of_the_reference() {
        // From the reference implementation (xxhsum -H64).
        assert_eq!(xxh64(b""), 0xef46_db37_51d8_e999);
        assert_eq!(xxh64(b"a"), 0xd24e_c4f1_a98c_6e5b);
        assert_eq!(xxh64(b"abc"), 0x44bc_2cf5_ad77_0999);
    }

    #[test]
    fn one_block_answers_as_the_whole_filter_does() {
        let values: Vec<String> =
            (0..3_000_u32).map(|n| format!("{n}-{}", "x".repeat(n as usize % 70))).collect();
        let mut whole = Sbbf::new_with_ndv_fpp(2_000, 0.01).unwrap();
        values.iter().take(2_000).for_each(|value| whole.insert(value.as_str()));
        let mut file = tempfile::tempfile().unwrap();
        let mut bytes = b"before".to_vec();
        whole.write(&mut bytes).unwrap();
        file.write_all(&bytes).unwrap();
        let (length, head) = head_of(&bytes[6..]).unwrap();
        assert_eq!(6 + head + length, bytes.len() as u64);
        let filter = Filter { offset: 6 + head, blocks: length / BLOCK_BYTES };
        for value in &values {
            assert_eq!(filter.may_hold(&file, value.as_bytes()), whole.check(value.as_str()), "{value}");
        }
        let wrong =
            values.iter().skip(2_000).filter(|value| filter.may_hold(&file, value.as_bytes())).count();
        assert!(wrong < 60, "{wrong} of 1,000 that are not in it seem to be");
        assert_eq!(head_of(&[0x15, 0x80, 0x80, 0x80, 0x80, 0x80, 0x1c]), None);
        assert_eq!(head_of(b"no filter"), None);
    }
}
