//! What is in which pack. Kept in memory, read from the footers of the packs.

use std::collections::{HashMap, HashSet};

use base::Digest;
use futures::{StreamExt, TryStreamExt, stream};

use super::format::{self, Coding, Part, Record, TRAILER_BYTES};
use crate::store::{Object, Store};
use crate::{Error, Result};

/// How many footers are read at once.
const AT_ONCE: usize = 16;
/// Bytes at the end of a pack that are read at first: the footers of most packs are shorter.
const END_BYTES: usize = 64 << 10;

/// Where a record is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Place {
    /// The number of its pack in the index.
    pub(crate) pack: u32,
    /// Where it begins there; packs are far shorter than 4 GiB.
    pub(crate) at: u32,
    /// How long it is there.
    pub(crate) stored: u32,
    /// How long it is once decoded.
    pub(crate) raw: u32,
    /// How it is written.
    pub(crate) coding: Coding,
}

/// What is in which pack.
#[derive(Debug, Default)]
pub(crate) struct Index {
    names: Vec<Digest>,
    numbers: HashMap<Digest, u32>,
    chunks: HashMap<Digest, Place>,
    layouts: HashMap<Digest, Place>,
    /// Packs that are going to be collected: nothing new may rely on them.
    condemned: HashSet<Digest>,
    /// Copies of chunks that were found damaged, as pack and chunk: they count as not there.
    damaged: HashSet<(Digest, Digest)>,
    /// Whether the packs of the store were read.
    pub(crate) loaded: bool,
}

impl Index {
    /// Where a record is, and the name of its pack.
    pub(crate) fn find(&self, part: Part, digest: Digest) -> Option<(Digest, Place)> {
        let places = match part {
            Part::Chunk => &self.chunks,
            Part::Layout => &self.layouts,
        };
        let place = places.get(&digest)?;
        Some((*self.names.get(place.pack as usize)?, *place))
    }

    /// Where a record is that something new may rely on.
    pub(crate) fn find_lasting(&self, part: Part, digest: Digest) -> Option<(Digest, Place)> {
        self.find(part, digest).filter(|(pack, _)| !self.condemned.contains(pack))
    }

    /// Whether a pack is known.
    pub(crate) fn knows(&self, pack: Digest) -> bool {
        self.numbers.contains_key(&pack)
    }

    /// Whether a pack can be taken over as it is: it is not known, and nothing is to happen to what has its name.
    pub(crate) fn may_take(&self, pack: Digest) -> bool {
        !self.knows(pack)
            && !self.condemned.contains(&pack)
            && !self.damaged.iter().any(|(damaged, _)| *damaged == pack)
    }

    /// Takes up the records of a pack.
    pub(crate) fn add(&mut self, pack: Digest, records: &[Record]) {
        if self.knows(pack) {
            return;
        }
        let Ok(number) = u32::try_from(self.names.len()) else { return };
        self.names.push(pack);
        self.numbers.insert(pack, number);
        let lasting = !self.condemned.contains(&pack);
        for record in records {
            let Ok(at) = u32::try_from(record.at) else { continue };
            let place =
                Place { pack: number, at, stored: record.stored, raw: record.raw, coding: record.coding };
            let places = match record.part {
                Part::Chunk => &mut self.chunks,
                Part::Layout => &mut self.layouts,
            };
            if self.damaged.contains(&(pack, record.digest)) {
                continue;
            }
            // Of two copies the one that is not going to be collected counts.
            let keep = places.get(&record.digest).is_some_and(|known| {
                let name = self.names.get(known.pack as usize);
                !lasting || name.is_some_and(|name| !self.condemned.contains(name))
            });
            if !keep {
                places.insert(record.digest, place);
            }
        }
    }

    /// Forgets everything, so that it is read anew.
    pub(crate) fn forget(&mut self) {
        let (condemned, damaged) = (std::mem::take(&mut self.condemned), std::mem::take(&mut self.damaged));
        *self = Self { condemned, damaged, ..Self::default() };
    }

    /// Sets the packs that nothing new may rely on.
    pub(crate) fn condemn(&mut self, condemned: HashSet<Digest>) {
        self.condemned = condemned;
    }

    /// Sets the copies that are known to be damaged. Call it before packs are added.
    pub(crate) fn set_damaged(&mut self, damaged: HashSet<(Digest, Digest)>) {
        for (pack, chunk) in damaged {
            self.mark_damaged(pack, chunk);
        }
    }

    /// Leaves a damaged copy of a chunk out, so that storing the chunk again makes a sound one.
    pub(crate) fn mark_damaged(&mut self, pack: Digest, chunk: Digest) {
        self.damaged.insert((pack, chunk));
        let number = self.numbers.get(&pack).copied();
        if self.chunks.get(&chunk).is_some_and(|place| Some(place.pack) == number) {
            self.chunks.remove(&chunk);
        }
        if self.layouts.get(&chunk).is_some_and(|place| Some(place.pack) == number) {
            self.layouts.remove(&chunk);
        }
    }

    /// Whether some copy of a chunk was found damaged.
    pub(crate) fn is_damaged(&self, chunk: Digest) -> bool {
        self.damaged.iter().any(|(_, damaged)| *damaged == chunk)
    }
}

/// The packs of a store.
pub(crate) async fn list(store: &Store) -> Result<Vec<(Digest, Object)>> {
    let found = store.objects_below(super::FOLDER).await?;
    Ok(found.into_iter().filter_map(|object| Some((super::name(&object.key)?, object))).collect())
}

/// The records of packs, in the order of their age; a pack that cannot be read is left out and named in the log.
pub(crate) async fn read_records(
    store: &Store,
    packs: Vec<(Digest, Object)>,
) -> Result<Vec<(Digest, Vec<Record>)>> {
    let mut packs = packs;
    packs.sort_by_key(|(_, object)| object.written);
    stream::iter(packs)
        .map(|(name, object)| async move {
            match records(store, name).await {
                Ok(records) => Ok(records.map(|records| (name, records))),
                Err(Error::Damaged { why, .. }) => {
                    tracing::error!(pack = %object.key, why, "a pack of artifacts cannot be used");
                    Ok(None)
                }
                Err(error) => Err(error),
            }
        })
        .buffered(AT_ONCE)
        .try_filter_map(|found| async move { Ok(found) })
        .try_collect()
        .await
}

/// The records of one pack; nothing when it is not there.
pub(crate) async fn records(store: &Store, name: Digest) -> Result<Option<Vec<Record>>> {
    records_at(store, name, &super::key(name)).await
}

/// The records of the pack that lies at a key; nothing when there is none.
pub(crate) async fn records_at(store: &Store, name: Digest, key: &str) -> Result<Option<Vec<Record>>> {
    let damaged = |why: &str| Error::Damaged { digest: name, why: format!("of its pack {why}") };
    let Some((end, length)) = store.get_end(key, END_BYTES).await? else { return Ok(None) };
    let (rest, trailer) = end
        .split_at_checked(end.len().saturating_sub(TRAILER_BYTES))
        .ok_or_else(|| damaged("the end is missing"))?;
    let trailer = format::trailer(trailer).map_err(damaged)?;
    if trailer.name() != name {
        return Err(damaged("the footer is that of another pack"));
    }
    let records_end = length
        .checked_sub((TRAILER_BYTES + trailer.footer_bytes) as u64)
        .ok_or_else(|| damaged("the beginning is missing"))?;
    let footer = match rest.len().checked_sub(trailer.footer_bytes) {
        Some(at) => rest.get(at..).unwrap_or_default().to_vec(),
        None => match store.get_range(key, records_end, trailer.footer_bytes).await? {
            Some(footer) => footer.to_vec(),
            None => return Ok(None),
        },
    };
    format::footer(&trailer, &footer, records_end).map(Some).map_err(damaged)
}
