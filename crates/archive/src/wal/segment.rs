//! One segment of the log: its bytes, and what to make of bytes that do not fit.

use std::fs;
use std::path::{Path, PathBuf};

use super::failure;
use crate::{Error, Result};

const HEAD_MAGIC: &[u8; 8] = b"GNGWAL01";
const HEAD_BYTES: usize = 20;
const FRAME_MAGIC: &[u8; 4] = b"FRM1";
const FRAME_HEAD_BYTES: usize = 20;

/// A segment in the folder.
#[derive(Debug, Clone)]
pub(super) struct Found {
    pub(super) path: PathBuf,
    pub(super) first_sequence: i64,
}

/// What a broken end of a segment means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Tail {
    /// The last segment: its last frame may have been cut by a crash before it was acknowledged.
    MayBeTorn,
    /// A later segment exists, so this one was whole.
    MustBeWhole,
}

/// What was read from a segment.
#[derive(Debug, Clone, Copy)]
pub(super) struct Read {
    pub(super) next_sequence: i64,
    /// Where the last whole frame ends.
    pub(super) end: u64,
}

pub(super) fn name(first_sequence: i64) -> String {
    format!("{first_sequence:020}.wal")
}

pub(super) fn head(first_sequence: i64) -> Vec<u8> {
    let mut head = HEAD_MAGIC.to_vec();
    head.extend_from_slice(&first_sequence.to_le_bytes());
    let check = crc32fast::hash(&head);
    head.extend_from_slice(&check.to_le_bytes());
    head
}

/// A frame of these parts, one after the other.
pub(super) fn frame(sequence: i64, parts: &[&[u8]]) -> Result<Vec<u8>> {
    let bytes: usize = parts.iter().map(|part| part.len()).sum();
    let length =
        u32::try_from(bytes).map_err(|_| Error::TooLarge { bytes, limit_bytes: u32::MAX as usize })?;
    let mut frame = Vec::with_capacity(FRAME_HEAD_BYTES + bytes);
    frame.extend_from_slice(FRAME_MAGIC);
    frame.extend_from_slice(&length.to_le_bytes());
    frame.extend_from_slice(&sequence.to_le_bytes());
    frame.extend_from_slice(&check(length, sequence, parts).to_le_bytes());
    for part in parts {
        frame.extend_from_slice(part);
    }
    Ok(frame)
}

fn check(length: u32, sequence: i64, parts: &[&[u8]]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(&length.to_le_bytes());
    hasher.update(&sequence.to_le_bytes());
    for part in parts {
        hasher.update(part);
    }
    hasher.finalize()
}

/// The segments of a folder in order.
pub(super) fn list(folder: &Path) -> Result<Vec<Found>> {
    let failed = |error: std::io::Error| failure("read", folder, &error);
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).map_err(failed)? {
        let path = entry.map_err(failed)?.path();
        let first =
            path.file_name().and_then(|name| name.to_str()).and_then(|name| name.strip_suffix(".wal"));
        if let Some(first_sequence) = first.and_then(|digits| digits.parse().ok()) {
            found.push(Found { path, first_sequence });
        }
    }
    found.sort_by_key(|segment| segment.first_sequence);
    Ok(found)
}

/// Whether a crash left a segment without a whole head. No frame was written to such a segment.
pub(super) fn is_unfinished(path: &Path) -> Result<bool> {
    let bytes = fs::read(path).map_err(|error| failure("read", path, &error))?;
    Ok(read_head(&bytes).is_none() && !holds_frame(&bytes, i64::MIN))
}

fn read_head(bytes: &[u8]) -> Option<i64> {
    let head = bytes.get(..HEAD_BYTES)?;
    let (known, check) = head.split_at(HEAD_BYTES - 4);
    let whole = known.starts_with(HEAD_MAGIC) && crc32fast::hash(known).to_le_bytes() == check;
    let sequence = known.get(HEAD_MAGIC.len()..)?.try_into().ok()?;
    whole.then(|| i64::from_le_bytes(sequence))
}

/// The frame that begins `bytes`: its sequence, its payload and its length with its head.
fn read_frame(bytes: &[u8]) -> Option<(i64, &[u8], usize)> {
    let rest = bytes.strip_prefix(FRAME_MAGIC)?;
    let length = u32::from_le_bytes(rest.get(..4)?.try_into().ok()?);
    let sequence = i64::from_le_bytes(rest.get(4..12)?.try_into().ok()?);
    let checked = u32::from_le_bytes(rest.get(12..16)?.try_into().ok()?);
    let payload = rest.get(16..16usize.checked_add(length as usize)?)?;
    (check(length, sequence, &[payload]) == checked)
        .then(|| (sequence, payload, FRAME_HEAD_BYTES + payload.len()))
}

/// Whether a whole frame with at least that sequence number begins anywhere in `bytes`.
fn holds_frame(bytes: &[u8], at_least: i64) -> bool {
    (0..bytes.len()).any(|start| {
        let rest = bytes.get(start..).unwrap_or_default();
        rest.starts_with(FRAME_MAGIC) && read_frame(rest).is_some_and(|(sequence, ..)| sequence >= at_least)
    })
}

/// Gives every frame to `replay`, and says where the last whole one ends.
pub(super) fn read(
    found: &Found,
    tail: Tail,
    replay: &mut impl FnMut(i64, &[u8]) -> Result<()>,
) -> Result<Read> {
    let bytes = fs::read(&found.path).map_err(|error| failure("read", &found.path, &error))?;
    let damaged = |offset: usize, problem: String| Error::Damaged {
        file: found.path.display().to_string(),
        offset: offset as u64,
        problem,
    };
    match read_head(&bytes) {
        Some(first) if first == found.first_sequence => {}
        Some(first) => return Err(damaged(0, format!("it says that it begins at frame {first}"))),
        None => return Err(damaged(0, "its head does not read back".to_owned())),
    }
    let mut offset = HEAD_BYTES;
    let mut next = found.first_sequence;
    loop {
        let rest = bytes.get(offset..).unwrap_or_default();
        if rest.is_empty() {
            break;
        }
        match read_frame(rest) {
            Some((sequence, payload, length)) if sequence == next => {
                replay(sequence, payload)?;
                next += 1;
                offset += length;
            }
            Some((sequence, ..)) => {
                return Err(damaged(offset, format!("frame {sequence} stands where frame {next} should")));
            }
            // A frame is only begun when the one before it is flushed, so a whole one behind a broken one proves damage.
            None if tail == Tail::MustBeWhole || holds_frame(rest, next) => {
                return Err(damaged(offset, format!("frame {next} does not read back")));
            }
            None => {
                tracing::warn!(
                    file = %found.path.display(),
                    bytes = rest.len(),
                    "cut a torn end off the archive's log; it was never acknowledged"
                );
                break;
            }
        }
    }
    Ok(Read { next_sequence: next, end: offset as u64 })
}
