//! Which chunks make a blob.
//!
//! A layout is a list of chunks, or, of a long blob, a list of segments, each of which is a chunk that
//! holds a list of chunks. Segments are cut by content too: a change in the middle of a file of many
//! gigabytes makes one new segment, not a new list of everything.

use base::Digest;

use crate::packs::format::Numbers;

/// The bytes of a chunk in a list.
const CHUNK_BYTES: usize = 36;
/// Blobs of at most so many chunks list them without segments.
const MOST_INLINE: usize = 256;
/// A segment ends after a chunk whose digest ends in so many zero bits …
const CUT_BITS: u32 = 7;
/// … but is not shorter than this many chunks
const LEAST_IN_SEGMENT: usize = 32;
/// … and not longer than this many.
const MOST_IN_SEGMENT: usize = 512;
/// The most bytes that a segment has.
pub(crate) const MOST_SEGMENT_BYTES: usize = MOST_IN_SEGMENT * CHUNK_BYTES;

/// One chunk of a blob.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Chunk {
    /// The digest of its bytes.
    pub(crate) digest: Digest,
    /// How long it is.
    pub(crate) bytes: u32,
}

/// A run of chunks that is stored as a chunk of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Segment {
    /// The digest of the list.
    pub(crate) digest: Digest,
    /// How long the chunks are together.
    pub(crate) bytes: u64,
    /// How many chunks it lists.
    pub(crate) chunks: u32,
}

/// Which chunks make a blob.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Layout {
    /// These.
    Chunks(Vec<Chunk>),
    /// Those that these segments list.
    Segments(Vec<Segment>),
}

impl Layout {
    /// How long the blob is.
    pub(crate) fn bytes(&self) -> u64 {
        match self {
            Self::Chunks(chunks) => chunks.iter().map(|chunk| u64::from(chunk.bytes)).sum(),
            Self::Segments(segments) => segments.iter().map(|segment| segment.bytes).sum(),
        }
    }

    /// The layout of a blob of these chunks, and the segments to store with it.
    pub(crate) fn of(chunks: Vec<Chunk>) -> (Self, Vec<Vec<u8>>) {
        if chunks.len() <= MOST_INLINE {
            return (Self::Chunks(chunks), Vec::new());
        }
        let (mut segments, mut lists) = (Vec::new(), Vec::new());
        let mut rest = chunks.as_slice();
        while !rest.is_empty() {
            let end = rest
                .iter()
                .take(MOST_IN_SEGMENT)
                .skip(LEAST_IN_SEGMENT)
                .position(|chunk| ends_segment(chunk.digest))
                .map_or(rest.len().min(MOST_IN_SEGMENT), |at| at + LEAST_IN_SEGMENT + 1);
            let (segment, after) = rest.split_at(end.min(rest.len()));
            let list = write_chunks(segment);
            segments.push(Segment {
                digest: Digest::of(&list),
                bytes: segment.iter().map(|chunk| u64::from(chunk.bytes)).sum(),
                chunks: u32::try_from(segment.len()).unwrap_or(u32::MAX),
            });
            lists.push(list);
            rest = after;
        }
        (Self::Segments(segments), lists)
    }

    /// The layout as bytes that carry their own digest.
    pub(crate) fn to_bytes(&self) -> Vec<u8> {
        let body = match self {
            Self::Chunks(chunks) => [[0_u8].as_slice(), &write_chunks(chunks)].concat(),
            Self::Segments(segments) => {
                let mut body = vec![1_u8];
                for segment in segments {
                    body.extend_from_slice(segment.digest.as_bytes());
                    body.extend_from_slice(&segment.bytes.to_le_bytes());
                    body.extend_from_slice(&segment.chunks.to_le_bytes());
                }
                body
            }
        };
        [Digest::of(&body).as_bytes().as_slice(), &body].concat()
    }

    /// Reads what [`Layout::to_bytes`] wrote; says what is wrong with it.
    pub(crate) fn from_bytes(bytes: &[u8]) -> Result<Self, &'static str> {
        let (sum, body) = bytes.split_at_checked(32).ok_or("its layout is cut short")?;
        if Digest::of(body).as_bytes() != sum {
            return Err("its layout does not have the digest it was stored with");
        }
        match body.split_first() {
            Some((0, list)) => Ok(Self::Chunks(read_chunks(list)?)),
            Some((1, list)) => {
                let mut rest = Numbers(list);
                let mut segments = Vec::with_capacity(list.len() / 44);
                while !rest.0.is_empty() {
                    segments.push(Segment {
                        digest: rest.digest()?,
                        bytes: rest.u64()?,
                        chunks: rest.u32()?,
                    });
                }
                Ok(Self::Segments(segments))
            }
            _ => Err("its layout was written by a newer version"),
        }
    }
}

fn ends_segment(digest: Digest) -> bool {
    digest.as_bytes().last().is_some_and(|byte| byte.trailing_zeros() >= CUT_BITS)
}

fn write_chunks(chunks: &[Chunk]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(chunks.len() * CHUNK_BYTES);
    for chunk in chunks {
        bytes.extend_from_slice(chunk.digest.as_bytes());
        bytes.extend_from_slice(&chunk.bytes.to_le_bytes());
    }
    bytes
}

/// Reads the list of a segment, or of a layout without segments.
pub(crate) fn read_chunks(list: &[u8]) -> Result<Vec<Chunk>, &'static str> {
    let mut rest = Numbers(list);
    let mut chunks = Vec::with_capacity(list.len() / CHUNK_BYTES);
    while !rest.0.is_empty() {
        chunks.push(Chunk { digest: rest.digest()?, bytes: rest.u32()? });
    }
    Ok(chunks)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chunks(count: u64) -> Vec<Chunk> {
        (0..count).map(|n| Chunk { digest: Digest::of(n.to_le_bytes()), bytes: 100 }).collect()
    }

    #[test]
    fn a_layout_is_read_as_it_was_written_however_long() {
        for count in [2, 256, 257, 5_000] {
            let (layout, lists) = Layout::of(chunks(count));
            assert_eq!(layout.bytes(), count * 100);
            assert_eq!(Layout::from_bytes(&layout.to_bytes()).unwrap(), layout);
            let listed: Vec<Chunk> = match &layout {
                Layout::Chunks(chunks) => chunks.clone(),
                Layout::Segments(_) => lists.iter().flat_map(|list| read_chunks(list).unwrap()).collect(),
            };
            assert_eq!(listed, chunks(count));
        }
    }

    #[test]
    fn a_change_in_the_middle_makes_few_new_segments() {
        let before = chunks(30_000);
        let mut after = before.clone();
        after.splice(15_000..15_001, (0..8_u64).map(|n| Chunk { digest: Digest::of([n as u8]), bytes: 9 }));
        let (_, old) = Layout::of(before);
        let (_, new) = Layout::of(after);
        assert!(new.iter().filter(|list| !old.contains(list)).count() <= 3);
    }

    #[test]
    fn a_damaged_layout_is_seen() {
        let sound = Layout::of(chunks(3)).0.to_bytes();
        for at in 0..sound.len() {
            let mut bad = sound.clone();
            bad[at] ^= 1;
            assert!(Layout::from_bytes(&bad).is_err());
        }
    }
}
