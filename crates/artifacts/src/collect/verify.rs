//! Hashing everything anew, and saying what is damaged.

use std::collections::{BTreeSet, HashSet};

use base::Digest;
use serde::{Deserialize, Serialize};

use super::Root;
use super::state::DamagedCopy;
use crate::blob::LOOSE;
use crate::packs::format::{Part, Record};
use crate::packs::index::{self, Place};
use crate::reading::check_record;
use crate::store::Object;
use crate::{Artifacts, Error, Result, packs};

/// The most bytes of neighbouring records that are read at once.
const READ_BYTES: u64 = 4 << 20;
/// Lines of a report.
const MOST_LINES: usize = 1_000;

/// What hashing everything anew has shown.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct DamageReport {
    /// Objects of the store that were read.
    pub objects: u64,
    /// Bytes that were read.
    pub bytes: u64,
    /// What is damaged; at most 1,000 lines.
    pub damaged: Vec<DamagedPart>,
    /// What is missing or damaged of what is referred to, each with what refers to it; at most 1,000 lines.
    pub broken: Vec<String>,
}

impl DamageReport {
    /// Whether everything is as it was stored.
    #[must_use]
    pub fn is_sound(&self) -> bool {
        self.damaged.is_empty() && self.broken.is_empty()
    }
}

/// Something that is not as it was stored.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DamagedPart {
    /// The object it lies in.
    pub object: String,
    /// Which part of it; absent when the object cannot be read at all.
    pub digest: Option<Digest>,
    /// How it shows.
    pub why: String,
}

impl Artifacts {
    /// Hashes everything that is stored anew and looks whether everything is there that is referred to.
    /// Damaged copies are remembered: whoever stores the same content again heals it.
    ///
    /// # Errors
    /// A store that fails. Damage is no error but in the report.
    pub async fn verify(&self, roots: &[Root]) -> Result<DamageReport> {
        let mut report = DamageReport::default();
        let mut copies = BTreeSet::new();
        for (name, object) in index::list(&self.store).await? {
            report.objects += 1;
            report.bytes += object.bytes;
            self.verify_pack(name, &object, &mut report, &mut copies).await?;
        }
        for object in self.store.objects_below(LOOSE).await? {
            let Some(digest) = packs::name(&object.key) else { continue };
            report.objects += 1;
            report.bytes += object.bytes;
            let Some(content) = self.store.get(&object.key).await? else { continue };
            let found = tokio::task::spawn_blocking(move || Digest::of(&content)).await;
            if found.ok() != Some(digest) {
                report.damaged.push(DamagedPart {
                    object: object.key,
                    digest: Some(digest),
                    why: "it does not have the digest it was stored with".into(),
                });
            }
        }
        self.set_damaged_copies(&copies).await?;
        self.index_mut().forget();
        let damaged: HashSet<_> = copies.iter().map(|copy| (copy.pack, copy.chunk)).collect();
        self.index_mut().set_damaged(damaged);
        let loose: HashSet<Digest> = report.damaged.iter().filter_map(|part| part.digest).collect();
        let reachable = self.mark(roots).await?;
        report.broken = reachable.broken;
        let sound = |digest: Digest| self.index().find(Part::Chunk, digest).is_some();
        for (_, digest) in reachable.parts.iter().filter(|(part, _)| *part == Part::Chunk) {
            if loose.contains(digest) && !sound(*digest) {
                report.broken.push(format!("chunk `{}` is damaged and in use", digest.short()));
            }
        }
        report.damaged.truncate(MOST_LINES);
        report.broken.truncate(MOST_LINES);
        Ok(report)
    }

    async fn verify_pack(
        &self,
        name: Digest,
        object: &Object,
        report: &mut DamageReport,
        copies: &mut BTreeSet<DamagedCopy>,
    ) -> Result<()> {
        let mut note = |digest: Option<Digest>, why: &str| {
            report.damaged.push(DamagedPart { object: object.key.clone(), digest, why: why.to_owned() });
        };
        let records = match index::records(&self.store, name).await {
            Ok(Some(records)) => records,
            Ok(None) => return Ok(()),
            Err(Error::Damaged { why, .. }) => {
                note(None, &why);
                return Ok(());
            }
            Err(error) => return Err(error),
        };
        let mut rest = records.as_slice();
        while let Some(first) = rest.first() {
            let fits = |record: &&Record| record.at + u64::from(record.stored) <= first.at + READ_BYTES;
            let count = rest.iter().take_while(fits).count().max(1);
            let (group, after) = rest.split_at(count);
            let end = group.last().map_or(first.at, |last| last.at + u64::from(last.stored));
            let length = usize::try_from(end.saturating_sub(first.at)).unwrap_or(usize::MAX);
            let Some(stored) = self.store.get_range(&object.key, first.at, length).await? else {
                return Ok(());
            };
            let (group, base) = (group.to_vec(), first.at);
            let checked = tokio::task::spawn_blocking(move || {
                let damaged = |record: &&Record| {
                    let from = usize::try_from(record.at - base).unwrap_or(usize::MAX);
                    let to = from.saturating_add(record.stored as usize);
                    let place = Place {
                        pack: 0,
                        at: 0,
                        stored: record.stored,
                        raw: record.raw,
                        coding: record.coding,
                    };
                    to > stored.len()
                        || check_record(record.part, record.digest, place, &stored.slice(from..to)).is_err()
                };
                group.iter().filter(damaged).map(|record| record.digest).collect::<Vec<_>>()
            });
            let damaged = checked.await.map_err(|error| Error::Upload(std::io::Error::other(error)))?;
            for chunk in damaged {
                note(Some(chunk), "it does not have the digest it was stored with");
                copies.insert(DamagedCopy { pack: name, chunk });
            }
            rest = after;
        }
        Ok(())
    }
}
