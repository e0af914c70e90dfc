//! What a pack looks like: records one after the other, then a footer that lists them, then a trailer.
//!
//! ```text
//! "GNGPACK1"  record*  footer  trailer
//! footer:   entry*   = kind and coding (1 byte), digest (32), offset (8), stored (4) and raw length (4)
//! trailer:  footer length (4), entries (4), BLAKE3 of the footer (32), "GNGPACK1"
//! ```
//!
//! Numbers are little-endian. A pack is named by the digest of its footer, which names every record
//! in it: equal packs have equal names, and a pack never changes.

use base::Digest;

/// The first and last bytes of a pack.
pub(crate) const MAGIC: &[u8; 8] = b"GNGPACK1";
/// The bytes of an entry of the footer.
const ENTRY_BYTES: usize = 49;
/// The bytes of the trailer.
pub(crate) const TRAILER_BYTES: usize = 48;
/// The most bytes of a footer that is read: half a million records.
const MOST_FOOTER_BYTES: usize = ENTRY_BYTES << 19;

/// What a record holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Part {
    /// Bytes that are named by their own digest.
    Chunk,
    /// Which chunks make the blob that has this digest.
    Layout,
}

/// How the bytes of a record are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Coding {
    /// As they are.
    Plain,
    /// With zstd.
    Zstd,
}

/// One record of a pack.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Record {
    /// What it holds.
    pub(crate) part: Part,
    /// The digest of the chunk, or of the blob that it lays out.
    pub(crate) digest: Digest,
    /// How it is written.
    pub(crate) coding: Coding,
    /// Where it begins, in bytes from the start of the pack.
    pub(crate) at: u64,
    /// How long it is there, in bytes.
    pub(crate) stored: u32,
    /// How long it is once decoded, in bytes.
    pub(crate) raw: u32,
}

/// What the trailer says.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Trailer {
    /// The length of the footer, in bytes.
    pub(crate) footer_bytes: usize,
    entries: usize,
    digest: Digest,
}

/// The footer and trailer of a pack with these records, and its name.
pub(crate) fn close(records: &[Record]) -> (Digest, Vec<u8>) {
    let mut bytes = Vec::with_capacity(records.len() * ENTRY_BYTES + TRAILER_BYTES);
    for record in records {
        let part = match record.part {
            Part::Chunk => 0,
            Part::Layout => 1,
        };
        let coding = match record.coding {
            Coding::Plain => 0,
            Coding::Zstd => 2,
        };
        bytes.push(part | coding);
        bytes.extend_from_slice(record.digest.as_bytes());
        bytes.extend_from_slice(&record.at.to_le_bytes());
        bytes.extend_from_slice(&record.stored.to_le_bytes());
        bytes.extend_from_slice(&record.raw.to_le_bytes());
    }
    let digest = Digest::of(&bytes);
    let footer_bytes = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
    bytes.extend_from_slice(&footer_bytes.to_le_bytes());
    bytes.extend_from_slice(&u32::try_from(records.len()).unwrap_or(u32::MAX).to_le_bytes());
    bytes.extend_from_slice(digest.as_bytes());
    bytes.extend_from_slice(MAGIC);
    (digest, bytes)
}

/// Reads the last bytes of a pack; says what is wrong with them.
pub(crate) fn trailer(bytes: &[u8]) -> Result<Trailer, &'static str> {
    let mut rest = Numbers(bytes);
    let (footer_bytes, entries) = (rest.u32()? as usize, rest.u32()? as usize);
    let digest = rest.digest()?;
    if rest.0 != MAGIC {
        return Err("it does not end as a pack does");
    }
    if footer_bytes > MOST_FOOTER_BYTES || entries.checked_mul(ENTRY_BYTES) != Some(footer_bytes) {
        return Err("the length of its footer makes no sense");
    }
    Ok(Trailer { footer_bytes, entries, digest })
}

/// Reads the footer that a trailer tells of. Every record lies within `records_end`.
pub(crate) fn footer(trailer: &Trailer, bytes: &[u8], records_end: u64) -> Result<Vec<Record>, &'static str> {
    if bytes.len() != trailer.footer_bytes || Digest::of(bytes) != trailer.digest {
        return Err("its footer does not have the digest it was written with");
    }
    let mut rest = Numbers(bytes);
    let mut records = Vec::with_capacity(trailer.entries);
    for _ in 0..trailer.entries {
        let flags = rest.u8()?;
        let record = Record {
            part: if flags & 1 == 0 { Part::Chunk } else { Part::Layout },
            coding: if flags & 2 == 0 { Coding::Plain } else { Coding::Zstd },
            digest: rest.digest()?,
            at: rest.u64()?,
            stored: rest.u32()?,
            raw: rest.u32()?,
        };
        if flags > 3 || record.at.saturating_add(u64::from(record.stored)) > records_end {
            return Err("a record lies outside of it");
        }
        records.push(record);
    }
    Ok(records)
}

/// The records of a whole pack in memory; says what is wrong with it.
pub(crate) fn records_of(pack: &[u8]) -> Result<(Digest, Vec<Record>), &'static str> {
    let (rest, end) =
        pack.split_at_checked(pack.len().saturating_sub(TRAILER_BYTES)).ok_or("it is cut short")?;
    let trailer = trailer(end)?;
    let at = rest.len().checked_sub(trailer.footer_bytes).ok_or("it is cut short")?;
    let (records, footer_bytes) = rest.split_at_checked(at).ok_or("it is cut short")?;
    if !records.starts_with(MAGIC) {
        return Err("it does not begin as a pack does");
    }
    Ok((trailer.digest, footer(&trailer, footer_bytes, records.len() as u64)?))
}

impl Trailer {
    /// The name that the pack must have.
    pub(crate) fn name(&self) -> Digest {
        self.digest
    }
}

/// Numbers one after the other.
pub(crate) struct Numbers<'a>(pub(crate) &'a [u8]);

impl Numbers<'_> {
    fn take<const N: usize>(&mut self) -> Result<[u8; N], &'static str> {
        let (first, rest) = self.0.split_first_chunk::<N>().ok_or("it is cut short")?;
        self.0 = rest;
        Ok(*first)
    }

    pub(crate) fn u8(&mut self) -> Result<u8, &'static str> {
        self.take::<1>().map(|[byte]| byte)
    }

    pub(crate) fn u32(&mut self) -> Result<u32, &'static str> {
        self.take().map(u32::from_le_bytes)
    }

    pub(crate) fn u64(&mut self) -> Result<u64, &'static str> {
        self.take().map(u64::from_le_bytes)
    }

    pub(crate) fn digest(&mut self) -> Result<Digest, &'static str> {
        self.take().map(Digest::from_bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(name: &str, at: u64) -> Record {
        Record { part: Part::Layout, digest: Digest::of(name), coding: Coding::Zstd, at, stored: 5, raw: 9 }
    }

    fn pack() -> Vec<u8> {
        let mut bytes = [MAGIC.as_slice(), b"helloworld"].concat();
        bytes.extend(close(&[record("a", 8), record("b", 13)]).1);
        bytes
    }

    #[test]
    fn a_pack_is_read_as_it_was_written() {
        let (name, records) = records_of(&pack()).unwrap();
        assert_eq!(records, [record("a", 8), record("b", 13)]);
        assert_eq!(name, close(&records).0);
    }

    #[test]
    fn a_damaged_footer_or_trailer_is_seen() {
        let sound = pack();
        for at in (0..sound.len()).filter(|at| !(8..18).contains(at)) {
            let mut bad = sound.clone();
            bad[at] ^= 4;
            assert!(records_of(&bad).is_err(), "byte {at}");
        }
        for length in 0..sound.len() {
            assert!(records_of(&sound[..length]).is_err(), "{length} bytes");
        }
    }

    #[test]
    fn a_record_outside_the_pack_is_refused() {
        let mut bytes = MAGIC.to_vec();
        bytes.extend(close(&[record("a", 8)]).1);
        assert_eq!(records_of(&bytes).unwrap_err(), "a record lies outside of it");
    }
}
