//! Where a stream is cut.
//!
//! The cuts follow the content (FastCDC), so that two versions of a file that share most of their
//! bytes share most of their chunks, wherever bytes were put in or taken out.

use std::sync::OnceLock;

use fastcdc::v2020::{Normalization, get_gear_with_seed, select_masks};

/// The least bytes of a chunk that is not the last.
pub(crate) const LEAST_BYTES: usize = 64 << 10;
/// Where a chunk begins to be usual: from here on a cut is likelier. The mean is about 160 KiB.
const USUAL_BYTES: usize = 128 << 10;
/// The most bytes of a chunk.
pub(crate) const MOST_BYTES: usize = 512 << 10;

/// Bytes that are gone over one after the other.
const LANE_BYTES: usize = 1 << 10;
/// So many lanes are gone over side by side: each step waits for the one before it, but not for those of other lanes.
const LANES: usize = 4;
/// Bytes of a lane between two looks at whether it ends.
const TOGETHER: usize = 8;
/// A hash knows of so many bytes before it: each step moves it by one bit.
const REMEMBERED_BYTES: usize = 64;

/// What each byte adds to the hash.
type Gear = [u64; 256];

/// Where FastCDC cuts: behind bytes whose hash has no bit in common with a mask.
struct Rule {
    gear: Gear,
    /// Up to the usual length.
    strict: u64,
    /// From there on.
    loose: u64,
}

fn rule() -> &'static Rule {
    static RULE: OnceLock<Rule> = OnceLock::new();
    RULE.get_or_init(|| {
        let mut gear = [0; 256];
        for (own, known) in gear.iter_mut().zip(get_gear_with_seed(0).0.iter()) {
            *own = *known;
        }
        let (strict, loose) = select_masks(USUAL_BYTES, Normalization::Level1);
        Rule { gear, strict, loose }
    })
}

/// How long the first chunk of `bytes` is. Unless these are the last bytes, give at least [`MOST_BYTES`].
///
/// The cuts are those of FastCDC (Xia et al., "The Design of Fast Content-Defined Chunking for Data Deduplication
/// Based Storage Systems", 2020), found several stretches at once.
pub(crate) fn first(bytes: &[u8]) -> usize {
    let end = bytes.len().min(MOST_BYTES);
    // The last byte of an odd number is never a place to cut at.
    let last = end - end % 2;
    if last <= LEAST_BYTES {
        return end;
    }
    let Rule { gear, strict, loose } = rule();
    let middle = last.min(USUAL_BYTES);
    let mut hash = 0;
    let found = find(bytes, LEAST_BYTES, middle, *strict, gear, &mut hash);
    found.or_else(|| find(bytes, middle, last, *loose, gear, &mut hash)).unwrap_or(end)
}

fn step(hash: u64, byte: u8, gear: &Gear) -> u64 {
    (hash << 1).wrapping_add(gear.get(usize::from(byte)).copied().unwrap_or_default())
}

/// The hash behind the last of these bytes.
fn hash_of_end(bytes: &[u8], gear: &Gear) -> u64 {
    let end = bytes.get(bytes.len().saturating_sub(REMEMBERED_BYTES)..).unwrap_or_default();
    end.iter().fold(0, |hash, byte| step(hash, *byte, gear))
}

/// Notes where something was found, unless something before it was. It happens once a chunk.
#[cold]
#[inline(never)]
fn note(first: &mut usize, at: usize) {
    *first = at.min(*first);
}

/// The first place to cut at in `bytes[from..to]`; `hash` is that of the bytes before, and that of all bytes when
/// nothing was found.
fn find(bytes: &[u8], from: usize, to: usize, mask: u64, gear: &Gear, hash: &mut u64) -> Option<usize> {
    let (blocks, rest) = bytes.get(from..to).unwrap_or_default().as_chunks::<{ LANE_BYTES * LANES }>();
    let mut at = from;
    for block in blocks {
        let ([one, two, three, four], _) = block.as_chunks::<LANE_BYTES>() else { break };
        let mut hashes = [*hash, hash_of_end(one, gear), hash_of_end(two, gear), hash_of_end(three, gear)];
        let mut first = usize::MAX;
        // A few bytes of each lane at a time, so that counting costs little.
        let [one, two, three, four] = [one, two, three, four].map(|lane| lane.as_chunks::<TOGETHER>().0);
        for (group, (((one, two), three), four)) in one.iter().zip(two).zip(three).zip(four).enumerate() {
            for place in 0..TOGETHER {
                let bytes = [one[place], two[place], three[place], four[place]];
                for (lane, (hash, byte)) in hashes.iter_mut().zip(bytes).enumerate() {
                    *hash = step(*hash, byte, gear);
                    if *hash & mask == 0 {
                        note(&mut first, lane * LANE_BYTES + group * TOGETHER + place);
                    }
                }
            }
        }
        if first != usize::MAX {
            return Some(at + first);
        }
        [_, _, _, *hash] = hashes;
        at += block.len();
    }
    for (place, byte) in rest.iter().enumerate() {
        *hash = step(*hash, *byte, gear);
        if *hash & mask == 0 {
            return Some(at + place);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn noise(bytes: usize, seed: u8) -> Vec<u8> {
        let mut content = Vec::with_capacity(bytes);
        let mut block = *base::Digest::of([seed]).as_bytes();
        while content.len() < bytes {
            content.extend_from_slice(&block);
            block = *base::Digest::of(block).as_bytes();
        }
        content.truncate(bytes);
        content
    }

    fn chunks(content: &[u8]) -> Vec<&[u8]> {
        let mut found = Vec::new();
        let mut rest = content;
        while !rest.is_empty() {
            let (chunk, after) = rest.split_at(first(rest));
            found.push(chunk);
            rest = after;
        }
        found
    }

    #[test]
    fn the_cuts_are_those_that_were_made_before() {
        use fastcdc::v2020::FastCDC;
        let mut poor = noise(5 << 20, 7);
        // Few different bytes, and stretches without a cut.
        poor.iter_mut().for_each(|byte| *byte &= 3);
        poor.splice(1 << 20..1 << 20, vec![0; 1_500_000]);
        for content in [noise((9 << 20) + 1, 4), poor, vec![7; 3 << 20], vec![0; LEAST_BYTES + 1]] {
            let mut rest = content.as_slice();
            while !rest.is_empty() {
                // Also where little is left, an odd number among them.
                for length in [rest.len(), rest.len().min(LEAST_BYTES + 4_097), rest.len().min(200_001)] {
                    let some = &rest[..length];
                    let known = FastCDC::new(some, LEAST_BYTES, USUAL_BYTES, MOST_BYTES).cut(0, length).1;
                    assert_eq!(first(some), known);
                }
                rest = &rest[first(rest)..];
            }
        }
    }

    #[test]
    fn chunks_are_the_content_and_none_is_too_long() {
        let content = noise(9 << 20, 1);
        let whole = chunks(&content);
        assert_eq!(whole.concat(), content);
        assert!(whole.iter().all(|chunk| chunk.len() <= MOST_BYTES));
    }

    #[test]
    fn bytes_put_in_anywhere_leave_most_chunks_as_they_were() {
        let content = noise(16 << 20, 2);
        let before: std::collections::HashSet<&[u8]> = chunks(&content).into_iter().collect();
        for at in [0, 1 << 20, 7_654_321, 15 << 20] {
            let mut changed = content.clone();
            changed.splice(at..at, noise(100_000, 3));
            let new: usize = chunks(&changed).iter().filter(|c| !before.contains(*c)).map(|c| c.len()).sum();
            assert!(new < 1_600_000, "{new} bytes are new after 100,000 were put in at {at}");
        }
    }
}
