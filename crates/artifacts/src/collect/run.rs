//! One collection, from the marks to the bin.

use std::collections::{BTreeMap, BTreeSet};

use base::{Digest, Timestamp};
use futures::future::BoxFuture;

use super::mark::Reachable;
use super::state::State;
use super::{CollectOptions, CollectReport, Collected, Fate, Root, bin};
use crate::blob::LOOSE;
use crate::packs::format::{Part, Record};
use crate::packs::index;
use crate::reading::OLD_LAYOUTS;
use crate::store::Object;
use crate::{Artifacts, Error, Result, lease};

/// A writer that has not said for so long that it goes on is taken for dead.
const WRITER_DEAD_AFTER_MICROS: i64 = 3_600_000_000;
/// An upload in parts that was begun so long ago is given up.
const UPLOAD_DEAD_AFTER_MICROS: i64 = 7 * 86_400_000_000;
/// A pack goes when at least this part of it is garbage, in percent.
const LEAST_GARBAGE_PERCENT: u64 = 40;
/// Lines of a report.
const MOST_LINES: usize = 1_000;
/// Where the collector at work says that it is.
const COLLECTING: &str = "gc/collecting";

/// Asks for the roots there are at this moment.
pub type AskRoots<'a, E> = &'a (dyn Fn() -> FutureRoots<'a, E> + Send + Sync);

/// The roots, as soon as they are known.
pub type FutureRoots<'a, E> = BoxFuture<'a, Result<Vec<Root>, E>>;

/// A pack, and how much of it is reachable.
struct Weighed {
    name: Digest,
    object: Object,
    records: Vec<Record>,
    reachable: u64,
    unreachable: u64,
}

impl Artifacts {
    /// Collects garbage as the module's text says. `roots` is asked each time the roots are marked: what it
    /// answers must hold everything that lasts at that moment.
    ///
    /// # Errors
    /// [`Error::RootUnreadable`] when something reachable is missing or damaged, [`Error::Busy`] when another
    /// collector is at work, and a store that fails; what was begun is finished the next time.
    pub async fn collect<E: From<Error>>(
        &self,
        options: CollectOptions,
        now: Timestamp,
        roots: AskRoots<'_, E>,
    ) -> Result<CollectReport, E> {
        if !options.dry_run {
            self.begin_collecting(now).await?;
        }
        let done = self.collect_alone(options, now, roots).await;
        if !options.dry_run {
            self.store.delete(COLLECTING).await?;
        }
        done
    }

    async fn begin_collecting(&self, now: Timestamp) -> Result<()> {
        let content = format!("{}\n", now.as_micros());
        let seen = self.store.see(COLLECTING).await?;
        let other =
            seen.as_ref().and_then(|(content, _)| std::str::from_utf8(content).ok()?.trim().parse().ok());
        let is_alive = other.is_some_and(|since: i64| since + WRITER_DEAD_AFTER_MICROS > now.as_micros());
        if is_alive || !self.store.put_if(COLLECTING, content.into(), seen.map(|(_, seen)| seen)).await? {
            return Err(Error::Busy { what: "another collection of garbage is under way".into() });
        }
        Ok(())
    }

    async fn collect_alone<E: From<Error>>(
        &self,
        options: CollectOptions,
        now: Timestamp,
        roots: AskRoots<'_, E>,
    ) -> Result<CollectReport, E> {
        let before =
            |time: Timestamp| time.as_micros().saturating_add(options.grace.as_micros()) <= now.as_micros();
        let mut report = CollectReport { dry_run: options.dry_run, ..CollectReport::default() };
        let mut state = self.collector_state().await?;
        if !options.dry_run {
            let past = now.as_micros().saturating_sub(UPLOAD_DEAD_AFTER_MICROS);
            self.abort_uploads_before(Timestamp::from_micros(past)).await?;
        }
        let reachable = self.mark(&roots().await?).await?;
        if let Some(why) = reachable.broken.first() {
            let more = reachable.broken.len() - 1;
            let why = if more > 0 { format!("{why} (and {more} more)") } else { why.clone() };
            return Err(Error::RootUnreadable { why }.into());
        }
        report.roots = reachable.roots;

        // Condemn: what no writer shall rely on from now on.
        let packs = self.weigh(&reachable).await?;
        let is_garbage = |pack: &Weighed| {
            let all = (pack.reachable + pack.unreachable).max(1);
            pack.unreachable * 100 >= all * LEAST_GARBAGE_PERCENT && before(pack.object.written)
        };
        report.reachable_bytes = packs.iter().map(|pack| pack.reachable).sum();
        report.unreachable_bytes = packs.iter().map(|pack| pack.unreachable).sum();
        let garbage: BTreeSet<Digest> =
            packs.iter().filter(|pack| is_garbage(pack)).map(|pack| pack.name).collect();
        let ripe: BTreeSet<Digest> = match state.condemned_at {
            Some(since) if before(since) => state.condemned.intersection(&garbage).copied().collect(),
            _ => BTreeSet::new(),
        };
        let waits = state.condemned_at.is_some_and(|since| !before(since));
        if !options.dry_run && !waits {
            // With no grace period what is condemned now goes now, unless somebody is writing.
            state.condemned_at = Some(now);
            state.condemned = garbage.clone();
            self.set_collector_state(&state).await?;
        }
        let ripe = if options.grace.as_micros() == 0 { garbage.clone() } else { ripe };

        // Throw away: marked anew, since somebody may have come to rely on it before it was condemned.
        let writers = self.writers(now, options.dry_run).await?;
        report.writers = writers;
        let may_throw = writers == 0 && !options.dry_run;
        let reachable = if may_throw { self.mark(&roots().await?).await? } else { reachable };
        let mut gone = BTreeSet::new();
        if may_throw && reachable.broken.is_empty() {
            let packs = self.weigh(&reachable).await?;
            let condemned: Vec<Weighed> =
                packs.into_iter().filter(|pack| ripe.contains(&pack.name)).collect();
            self.rescue(&condemned, &reachable).await?;
            for pack in &condemned {
                self.throw_away(&pack.object, now, &mut state).await?;
                report.thrown_away_bytes += pack.object.bytes;
                gone.insert(pack.name);
            }
            state.condemned.retain(|name| !gone.contains(name));
            self.set_collector_state(&state).await?;
            if !gone.is_empty() {
                self.open_packs.close();
                self.index_mut().forget();
                self.read_new_packs().await?;
            }
        }
        for pack in packs.iter().filter(|pack| pack.unreachable > 0) {
            let (fate, why) = if gone.contains(&pack.name) {
                (Fate::ThrownAway, "nothing refers to what it held alone")
            } else if !garbage.contains(&pack.name) {
                let old = before(pack.object.written);
                (
                    Fate::Stays,
                    if old { "most of it is in use" } else { "it is younger than the grace period" },
                )
            } else if writers > 0 {
                (Fate::Condemned, "somebody is writing")
            } else {
                (Fate::Condemned, "nothing refers to it; the grace period runs")
            };
            report.found.push(Collected {
                object: pack.object.key.clone(),
                unreachable_bytes: pack.unreachable,
                reachable_bytes: pack.reachable,
                fate,
                why: why.into(),
            });
        }
        self.collect_loose(&reachable, may_throw, &before, now, &mut state, &mut report).await?;
        self.empty_bin(options, now, &mut state, &mut report).await?;
        if !options.dry_run {
            self.set_collector_state(&state).await?;
        }
        report.found.sort_by_key(|found| std::cmp::Reverse(found.unreachable_bytes));
        report.found.truncate(MOST_LINES);
        Ok(report)
    }

    /// Writers that are at work. Leases of dead ones are removed.
    async fn writers(&self, now: Timestamp, dry_run: bool) -> Result<u64> {
        let mut alive = 0;
        for object in self.store.objects_below(lease::FOLDER).await? {
            if object.written.as_micros().saturating_add(WRITER_DEAD_AFTER_MICROS) > now.as_micros() {
                alive += 1;
            } else if !dry_run {
                self.store.delete(&object.key).await?;
            }
        }
        Ok(alive)
    }

    async fn weigh(&self, reachable: &Reachable) -> Result<Vec<Weighed>> {
        let packs = index::list(&self.store).await?;
        let mut objects: BTreeMap<Digest, Object> = packs.iter().cloned().collect();
        let mut weighed = Vec::new();
        for (name, records) in index::read_records(&self.store, packs).await? {
            let Some(object) = objects.remove(&name) else { continue };
            let live = |record: &&Record| reachable.parts.contains(&(record.part, record.digest));
            let held: u64 = records.iter().filter(live).map(|record| u64::from(record.stored)).sum();
            let all: u64 = records.iter().map(|record| u64::from(record.stored)).sum();
            weighed.push(Weighed { name, object, records, reachable: held, unreachable: all - held });
        }
        Ok(weighed)
    }

    /// Copies what is reachable of packs that are going to go, and is nowhere else.
    async fn rescue(&self, packs: &[Weighed], reachable: &Reachable) -> Result<()> {
        let wanted: Vec<(Part, Digest)> = packs
            .iter()
            .flat_map(|pack| &pack.records)
            .map(|record| (record.part, record.digest))
            .filter(|part| reachable.parts.contains(part))
            .collect();
        if wanted.is_empty() {
            return Ok(());
        }
        let artifacts = self.clone();
        let copied = tokio::task::spawn_blocking(move || {
            // No lease: this collector is the only one that could throw away what it writes.
            let batch = artifacts.begin_without_lease()?;
            for (part, digest) in wanted {
                if batch.has(part, digest)? {
                    continue;
                }
                let record = artifacts.raw_record(part, digest)?;
                let (coding, stored, raw) = record.ok_or(Error::BlobNotFound { digest })?;
                batch.append(part, digest, coding, &stored, raw)?;
            }
            batch.finish()
        });
        copied.await.map_err(|error| Error::Upload(std::io::Error::other(error)))??;
        Ok(())
    }

    async fn throw_away(&self, object: &Object, now: Timestamp, state: &mut State) -> Result<()> {
        // Written down first: what is in the bin without a date would never leave it.
        state.binned.insert(object.key.clone(), now);
        self.set_collector_state(state).await?;
        self.store.rename(&object.key, &bin::key(&object.key)).await
    }

    /// Small blobs, and what the first version wrote, each an object of its own.
    async fn collect_loose(
        &self,
        reachable: &Reachable,
        may_throw: bool,
        before: &(impl Fn(Timestamp) -> bool + Send + Sync),
        now: Timestamp,
        state: &mut State,
        report: &mut CollectReport,
    ) -> Result<()> {
        for (folder, part) in [(LOOSE, Part::Chunk), (OLD_LAYOUTS, Part::Layout)] {
            for object in self.store.objects_below(folder).await? {
                let Some(digest) = crate::packs::name(&object.key) else { continue };
                if reachable.parts.contains(&(part, digest)) {
                    report.reachable_bytes += object.bytes;
                    continue;
                }
                report.unreachable_bytes += object.bytes;
                // Whoever relies on a small blob writes it again: it is young then.
                let (fate, why) = if !before(object.written) {
                    (Fate::Stays, "it is younger than the grace period")
                } else if !may_throw {
                    (Fate::Condemned, "nothing refers to it")
                } else {
                    self.throw_away(&object, now, state).await?;
                    report.thrown_away_bytes += object.bytes;
                    (Fate::ThrownAway, "nothing refers to it")
                };
                report.found.push(Collected {
                    object: object.key,
                    unreachable_bytes: object.bytes,
                    reachable_bytes: 0,
                    fate,
                    why: why.into(),
                });
            }
        }
        Ok(())
    }

    async fn empty_bin(
        &self,
        options: CollectOptions,
        now: Timestamp,
        state: &mut State,
        report: &mut CollectReport,
    ) -> Result<()> {
        let mut dates = BTreeMap::new();
        for object in self.store.objects_below(bin::FOLDER).await? {
            let Some(key) = object.key.strip_prefix("bin/").map(str::to_owned) else { continue };
            let since = state.binned.get(&key).copied().unwrap_or(now);
            let over = since.as_micros().saturating_add(options.keep_in_bin.as_micros()) <= now.as_micros();
            if over && !options.dry_run {
                self.store.delete(&object.key).await?;
                report.emptied_bytes += object.bytes;
            } else {
                report.in_bin_bytes += object.bytes;
                dates.insert(key, since);
            }
        }
        state.binned = dates;
        Ok(())
    }

    /// Takes everything out of the bin; how many bytes that were.
    ///
    /// # Errors
    /// A store that fails; a second try carries on.
    pub async fn restore_bin(&self) -> Result<u64> {
        let mut bytes = 0;
        for object in self.store.objects_below(bin::FOLDER).await? {
            let Some(key) = object.key.strip_prefix("bin/") else { continue };
            self.store.rename(&object.key, key).await?;
            bytes += object.bytes;
        }
        let state = State::default();
        self.set_collector_state(&state).await?;
        self.read_new_packs().await?;
        Ok(bytes)
    }
}
