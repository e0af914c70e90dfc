//! What is reachable stays, whoever writes, collects or crashes meanwhile.

use std::collections::BTreeMap;
use std::sync::Arc;

use base::{Clock, Digest, Period, SystemClock, Timestamp};
use bytes::Bytes;
use futures::future::BoxFuture;
use futures::stream;
use object_store::memory::InMemory;
use tokio::sync::Mutex;

use super::{AskRoots, CollectOptions, Fate, Root};
use crate::store::Store;
use crate::{Artifacts, ArtifactsConfig, Entry, Error, Limits, Packer, SafePath};

const NOW: CollectOptions =
    CollectOptions { grace: Period::from_micros(0), keep_in_bin: Period::from_days(1), dry_run: false };

fn path(text: &str) -> SafePath {
    SafePath::parse(text).unwrap()
}

/// Numbers that are the same each time.
struct Chance(u64);

impl Chance {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % limit
    }
}

fn content(seed: u64, bytes: usize) -> Bytes {
    let mut chance = Chance(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1);
    (0..bytes.div_ceil(8)).flat_map(|_| chance.below(u64::MAX).to_le_bytes()).take(bytes).collect()
}

fn none<'a>() -> BoxFuture<'a, Result<Vec<Root>, Error>> {
    Box::pin(async { Ok(Vec::new()) })
}

async fn on_disk() -> (tempfile::TempDir, Artifacts) {
    let folder = tempfile::tempdir().unwrap();
    let url = format!("file://{}", folder.path().display());
    (folder, Artifacts::open(&ArtifactsConfig::at(url)).await.unwrap())
}

fn in_memory() -> Artifacts {
    let bucket = Store::Bucket { objects: Arc::new(InMemory::new()), prefix: "p".into() };
    Artifacts::over(bucket, Limits::default())
}

fn later(hours: i64) -> Timestamp {
    Timestamp::from_micros(SystemClock.now().as_micros() + hours * 3_600_000_000)
}

#[tokio::test(flavor = "multi_thread")]
async fn what_nothing_refers_to_goes_and_what_something_refers_to_stays() {
    let (_folder, disk) = on_disk().await;
    for artifacts in [disk, in_memory()] {
        let kept = artifacts.put_bytes(content(1, 900_000)).await.unwrap();
        let lost = artifacts.put_bytes(content(2, 900_000)).await.unwrap();
        let small = artifacts.put_bytes("small").await.unwrap();
        let entry = Entry { path: path("a/b"), digest: kept.digest, bytes: kept.bytes };
        let tree = artifacts.put_tree(vec![entry]).await.unwrap();
        let root = Root { digest: tree.digest, why: "model `m` version 1".into(), must_be_there: true };
        let kept_root = root.clone();
        let ask =
            move || Box::pin(std::future::ready(Ok::<_, Error>(vec![kept_root.clone()]))) as BoxFuture<'_, _>;
        let roots: AskRoots<'_, Error> = &ask;

        let asked = CollectOptions { dry_run: true, ..NOW };
        let report = artifacts.collect(asked, later(0), roots).await.unwrap();
        assert!(report.unreachable_bytes > 900_000 && report.reachable_bytes > 900_000, "{report:?}");
        assert!(artifacts.find_blob(lost.digest).await.unwrap().is_some());

        let report = artifacts.collect(NOW, later(0), roots).await.unwrap();
        assert_eq!(report.found.iter().filter(|found| found.fate == Fate::ThrownAway).count(), 2);
        assert!(report.in_bin_bytes > 900_000);
        assert!(artifacts.read_bytes(kept.digest, u64::MAX).await.is_ok());
        assert_eq!(artifacts.restore_bin().await.unwrap(), report.in_bin_bytes);
        assert!(artifacts.read_bytes(lost.digest, u64::MAX).await.is_ok());

        artifacts.collect(NOW, later(0), roots).await.unwrap();
        let report = artifacts.collect(NOW, later(30), roots).await.unwrap();
        assert!(report.emptied_bytes > 900_000 && report.in_bin_bytes == 0, "{report:?}");
        assert_eq!(artifacts.find_blob(lost.digest).await.unwrap(), None);
        assert_eq!(artifacts.find_blob(small.digest).await.unwrap(), None);
        assert_eq!(artifacts.read_bytes(kept.digest, u64::MAX).await.unwrap(), content(1, 900_000));
        assert!(artifacts.verify(std::slice::from_ref(&root)).await.unwrap().is_sound());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn garbage_waits_for_the_grace_period_twice() {
    let (_folder, artifacts) = on_disk().await;
    artifacts.put_bytes(content(3, 900_000)).await.unwrap();
    let day = CollectOptions { grace: Period::from_days(1), ..NOW };
    let fates =
        |report: super::CollectReport| report.found.iter().map(|found| found.fate).collect::<Vec<_>>();
    assert_eq!(fates(artifacts.collect(day, later(1), &none).await.unwrap()), [Fate::Stays]);
    assert_eq!(fates(artifacts.collect(day, later(30), &none).await.unwrap()), [Fate::Condemned]);
    assert_eq!(fates(artifacts.collect(day, later(40), &none).await.unwrap()), [Fate::Condemned]);
    assert_eq!(fates(artifacts.collect(day, later(60), &none).await.unwrap()), [Fate::ThrownAway]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_condemned_is_written_anew_by_writers() {
    let (_folder, artifacts) = on_disk().await;
    let blob = artifacts.put_bytes(content(4, 900_000)).await.unwrap();
    let day = CollectOptions { grace: Period::from_days(1), ..NOW };
    artifacts.collect(day, later(30), &none).await.unwrap();
    artifacts.write(&path("run"), &path("model"), stream::iter([Ok(content(4, 900_000))])).await.unwrap();
    artifacts.collect(day, later(60), &none).await.unwrap();
    artifacts.collect(NOW, later(600), &none).await.unwrap();
    assert_eq!(artifacts.read_bytes(blob.digest, u64::MAX).await.unwrap(), content(4, 900_000));
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_goes_while_somebody_writes_or_a_root_cannot_be_read() {
    let (_folder, artifacts) = on_disk().await;
    artifacts.put_bytes(content(5, 900_000)).await.unwrap();
    let writer = artifacts.clone();
    let batch = tokio::task::spawn_blocking(move || writer.begin().unwrap()).await.unwrap();
    let report = artifacts.collect(NOW, later(0), &none).await.unwrap();
    assert_eq!((report.writers, report.thrown_away_bytes), (1, 0));
    tokio::task::spawn_blocking(move || batch.finish().unwrap()).await.unwrap();

    let gone = Root { digest: Digest::of("gone"), why: "model `m` version 1".into(), must_be_there: true };
    let error = artifacts
        .collect(NOW, later(0), &|| Box::pin(std::future::ready(Ok::<_, Error>(vec![gone.clone()]))))
        .await
        .unwrap_err();
    assert!(error.to_string().contains("model `m` version 1"), "{error}");
    assert!(artifacts.collect(NOW, later(0), &none).await.unwrap().thrown_away_bytes > 900_000);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_in_use_of_a_pack_that_goes_is_kept() {
    let (_folder, artifacts) = on_disk().await;
    let writer = artifacts.clone();
    let (kept, whole) = tokio::task::spawn_blocking(move || {
        let batch = writer.begin().unwrap();
        let mut packer = Packer::default();
        let kept = batch.add(&mut content(6, 200_000).as_ref(), &mut packer).unwrap();
        batch.add(&mut content(7, 900_000).as_ref(), &mut packer).unwrap();
        (kept, batch.finish().unwrap().bytes)
    })
    .await
    .unwrap();
    artifacts.link(&path("run"), &path("kept"), kept.digest).await.unwrap();
    let report = artifacts.collect(NOW, later(0), &none).await.unwrap();
    assert_eq!(report.thrown_away_bytes, whole);
    artifacts.collect(NOW, later(48), &none).await.unwrap();
    assert_eq!(artifacts.read_bytes(kept.digest, u64::MAX).await.unwrap(), content(6, 200_000));
    let left: u64 =
        artifacts.store.objects_below("packs").await.unwrap().iter().map(|object| object.bytes).sum();
    assert!(left < 260_000, "{left}");
}

#[tokio::test(flavor = "multi_thread")]
async fn verify_names_what_is_damaged_and_what_uses_it() {
    let (folder, artifacts) = on_disk().await;
    let blob = artifacts.put_bytes(content(8, 900_000)).await.unwrap();
    let root = [Root { digest: blob.digest, why: "run `7`".into(), must_be_there: true }];
    assert!(artifacts.verify(&root).await.unwrap().is_sound());
    let pack = artifacts.store.below("packs").await.unwrap().remove(0);
    let mut bytes = std::fs::read(folder.path().join(&pack)).unwrap();
    bytes[300_000] ^= 1;
    std::fs::write(folder.path().join(&pack), bytes).unwrap();
    let report = artifacts.verify(&root).await.unwrap();
    assert_eq!(report.damaged.len(), 1);
    assert_eq!(report.damaged[0].object, pack);
    assert_eq!(report.broken.len(), 1, "{report:?}");
    artifacts.put_bytes(content(8, 900_000)).await.unwrap();
    assert_eq!(artifacts.read_bytes(blob.digest, u64::MAX).await.unwrap(), content(8, 900_000));
    assert!(artifacts.verify(&root).await.unwrap().broken.is_empty(), "healed");
}

/// Writers of several processes, collectors and crashes in an order of chance; each name must hold what was
/// written under it last.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn chance_finds_no_schedule_that_loses_what_is_reachable() {
    for (round, seed) in [11_u64, 42, 1_234].into_iter().enumerate() {
        let (folder, disk) = on_disk().await;
        let artifacts = if round == 2 { in_memory() } else { disk };
        let names: Arc<Mutex<BTreeMap<String, u64>>> = Arc::default();
        let writers: Vec<_> = (0..3_u64)
            .map(|number| {
                let url = format!("file://{}", folder.path().display());
                let (shared, names) = (artifacts.clone(), Arc::clone(&names));
                tokio::spawn(async move {
                    let mut chance = Chance(seed + number * 7_919);
                    let mut mine = shared.clone();
                    for _ in 0..25 {
                        let what = chance.below(12);
                        let name = format!("{number}/{}", chance.below(4));
                        let size = if chance.below(2) == 0 { 5_000 } else { 400_000 };
                        match chance.below(10) {
                            0..5 => {
                                let bytes = content(what, size);
                                mine.write(&path("run"), &path(&name), stream::iter([Ok(bytes)]))
                                    .await
                                    .unwrap();
                                names.lock().await.insert(name, what << 32 | size as u64);
                            }
                            5..7 => {
                                let was_there = names.lock().await.remove(&name).is_some();
                                if was_there {
                                    mine.delete(&path("run"), &path(&name)).await.unwrap();
                                }
                            }
                            7..9 => {
                                // A writer that dies half way.
                                let writer = mine.clone();
                                tokio::task::spawn_blocking(move || {
                                    let batch = writer.begin().unwrap();
                                    let mut packer = Packer::default();
                                    batch.add(&mut content(what, size).as_ref(), &mut packer).unwrap();
                                    if what.is_multiple_of(2) {
                                        batch.flush().unwrap();
                                    }
                                })
                                .await
                                .unwrap();
                            }
                            _ if round != 2 => {
                                // Another process, which knows nothing of this one.
                                mine = Artifacts::open(&ArtifactsConfig::at(url.clone())).await.unwrap();
                            }
                            _ => {}
                        }
                    }
                })
            })
            .collect();
        let mut collections = 0;
        while !writers.iter().all(tokio::task::JoinHandle::is_finished) {
            match artifacts.collect(NOW, SystemClock.now(), &none).await {
                Ok(_) => collections += 1,
                // A name that was written a moment ago may point to what is still on its way.
                Err(Error::RootUnreadable { .. }) => {}
                Err(error) => panic!("{error}"),
            }
            tokio::task::yield_now().await;
        }
        for writer in writers {
            writer.await.unwrap();
        }
        assert!(collections > 0);
        let at_last = CollectOptions { keep_in_bin: Period::from_micros(0), ..NOW };
        artifacts.collect(at_last, later(2), &none).await.unwrap();
        for (name, what) in names.lock().await.iter() {
            let expected = content(what >> 32, (what & 0xFFFF_FFFF) as usize);
            let read = artifacts.read(&path("run"), &path(name), None).await.unwrap();
            assert_eq!(read.into_bytes(u64::MAX).await.unwrap(), expected, "`{name}` of round {round}");
        }
        assert!(artifacts.verify(&[]).await.unwrap().is_sound());
    }
}
