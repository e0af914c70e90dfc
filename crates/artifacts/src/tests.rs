//! What the store promises, on a folder and on a bucket alike.

use std::io;
use std::sync::Arc;

use base::{Digest, Failure, Kind, PageRequest};
use bytes::Bytes;
use futures::{StreamExt, stream};
use object_store::memory::InMemory;

use crate::store::Store;
use crate::{Artifacts, ArtifactsConfig, Entry, Error, FileKind, Limits, Packer, SafePath};

fn path(text: &str) -> SafePath {
    SafePath::parse(text).unwrap()
}

fn noise(bytes: usize, seed: u8) -> Bytes {
    let mut content = Vec::with_capacity(bytes + 32);
    let mut block = *Digest::of([seed]).as_bytes();
    while content.len() < bytes {
        content.extend_from_slice(&block);
        block = *Digest::of(block).as_bytes();
    }
    content.truncate(bytes);
    content.into()
}

async fn in_folder(folder: &tempfile::TempDir) -> Artifacts {
    Artifacts::open(&ArtifactsConfig::at(format!("file://{}", folder.path().display()))).await.unwrap()
}

/// A folder and a bucket; the folder is kept as long as the guard.
async fn stores() -> (tempfile::TempDir, Vec<Artifacts>) {
    let folder = tempfile::tempdir().unwrap();
    let on_disk = in_folder(&folder).await;
    let bucket = Store::Bucket { objects: Arc::new(InMemory::new()), prefix: "some/prefix".into() };
    (folder, vec![on_disk, Artifacts::over(bucket, Limits::default())])
}

fn in_pieces(content: &Bytes, step: usize) -> impl futures::Stream<Item = io::Result<Bytes>> + Send {
    let content = content.clone();
    let starts: Vec<usize> = (0..content.len()).step_by(step).collect();
    stream::iter(starts).map(move |start| Ok(content.slice(start..(start + step).min(content.len()))))
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_stored_is_read_again_whole_and_in_ranges() {
    let (_folder, stores) = stores().await;
    for artifacts in stores {
        for bytes in [0, 1, 1000, 300 << 10, 11 << 20, 70 << 20] {
            let content = noise(bytes, 3);
            let blob = artifacts.put_blob(in_pieces(&content, 65_537)).await.unwrap();
            assert_eq!(blob.digest, Digest::of(&content));
            assert_eq!(artifacts.read_bytes(blob.digest, u64::MAX).await.unwrap(), content);
            let length = content.len() as u64;
            for range in [0..length, length / 3..length / 2, length..length + 10, length / 2..u64::MAX] {
                let reader = artifacts.get_blob(blob.digest, Some(range.clone())).await.unwrap();
                let part = reader.into_bytes(u64::MAX).await.unwrap();
                let (from, to) = (range.start.min(length), range.end.min(length));
                assert_eq!(part, content.slice(from as usize..to as usize), "{range:?} of {length}");
            }
            let beyond = artifacts.get_blob(blob.digest, Some(length + 1..length + 2)).await;
            assert!(matches!(beyond, Err(Error::BadRange { .. })));
        }
    }
}

#[tokio::test]
async fn what_is_not_there_is_not_found() {
    let (_folder, stores) = stores().await;
    for artifacts in stores {
        let digest = Digest::of("nothing");
        assert_eq!(artifacts.find_blob(digest).await.unwrap(), None);
        assert_eq!(artifacts.get_blob(digest, None).await.unwrap_err().kind(), Kind::NotFound);
        let missing = artifacts.read(&path("run"), &path("a"), None).await.unwrap_err();
        assert_eq!(missing.to_string(), "there is no file `a` in `run`");
    }
}

async fn stored_bytes(artifacts: &Artifacts) -> u64 {
    artifacts.store.objects_below("packs").await.unwrap().iter().map(|object| object.bytes).sum()
}

#[tokio::test(flavor = "multi_thread")]
async fn equal_parts_are_stored_once() {
    let (_folder, stores) = stores().await;
    for artifacts in stores {
        let content = noise(12 << 20, 4);
        artifacts.put_bytes(content.clone()).await.unwrap();
        let before = stored_bytes(&artifacts).await;
        artifacts.put_bytes(content.clone()).await.unwrap();
        assert_eq!(stored_bytes(&artifacts).await, before);
        let changed = [&content[..5 << 20], b"a line more\n".as_slice(), &content[5 << 20..]].concat();
        let blob = artifacts.put_bytes(changed.clone()).await.unwrap();
        let more = stored_bytes(&artifacts).await - before;
        assert!(more < 600_000, "{more} bytes more for 12 bytes put in");
        assert_eq!(artifacts.read_bytes(blob.digest, u64::MAX).await.unwrap(), changed);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_shrinks_is_packed_and_what_does_not_is_not() {
    let folder = tempfile::tempdir().unwrap();
    let artifacts = in_folder(&folder).await;
    let lines = "2026-11-22,12.5,north,true\n".repeat(200_000);
    let blob = artifacts.put_bytes(lines.clone()).await.unwrap();
    assert!(stored_bytes(&artifacts).await < lines.len() as u64 / 20);
    assert_eq!(artifacts.read_bytes(blob.digest, u64::MAX).await.unwrap(), lines);
    let before = stored_bytes(&artifacts).await;
    artifacts.put_bytes(noise(8 << 20, 11)).await.unwrap();
    let more = stored_bytes(&artifacts).await - before;
    assert!(more < (8 << 20) + 40_000, "{more}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_opened_anew_finds_what_another_wrote_before_and_after() {
    let folder = tempfile::tempdir().unwrap();
    let (one, other) = (in_folder(&folder).await, in_folder(&folder).await);
    let first = one.put_bytes(noise(3 << 20, 1)).await.unwrap();
    assert!(other.find_blob(first.digest).await.unwrap().is_some());
    let second = one.put_bytes(noise(3 << 20, 2)).await.unwrap();
    assert_eq!(other.read_bytes(second.digest, u64::MAX).await.unwrap(), noise(3 << 20, 2));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_shares_packs_among_many_blobs_of_many_threads() {
    let (_folder, stores) = stores().await;
    for artifacts in stores {
        let writer = artifacts.clone();
        let digests = tokio::task::spawn_blocking(move || {
            let batch = writer.begin().unwrap();
            let digests: Vec<Digest> = std::thread::scope(|threads| {
                let workers: Vec<_> = (0..4_u8)
                    .map(|worker| {
                        let batch = &batch;
                        threads.spawn(move || {
                            let mut packer = Packer::default();
                            (0..50_u8)
                                .map(|n| {
                                    let content = noise(1_000 + usize::from(n), n ^ worker);
                                    batch.add(&mut &content[..], &mut packer).unwrap().digest
                                })
                                .collect::<Vec<_>>()
                        })
                    })
                    .collect();
                workers.into_iter().flat_map(|worker| worker.join().unwrap()).collect()
            });
            batch.finish().unwrap();
            digests
        })
        .await
        .unwrap();
        assert_eq!(artifacts.store.below("packs").await.unwrap().len(), 1);
        assert!(artifacts.store.below("leases").await.unwrap().is_empty());
        for digest in digests {
            let content = artifacts.read_bytes(digest, 10_000).await.unwrap();
            assert_eq!(Digest::of(&content), digest);
            let reader = artifacts.clone();
            let copied = tokio::task::spawn_blocking(move || {
                let mut copied = Vec::new();
                reader.copy_blob(digest, &mut copied).unwrap();
                copied
            });
            assert_eq!(copied.await.unwrap(), content);
        }
    }
}

#[tokio::test]
async fn an_upload_that_breaks_leaves_nothing_to_see() {
    let (_folder, stores) = stores().await;
    for artifacts in stores {
        let content = noise(6 << 20, 5);
        let broken = in_pieces(&content, 1 << 20).chain(stream::iter([Err(io::Error::other("gone"))]));
        let error = artifacts.write(&path("run"), &path("model.bin"), broken).await.unwrap_err();
        assert!(matches!(error, Error::Upload(_)));
        assert_eq!(artifacts.find_blob(Digest::of(&content)).await.unwrap(), None);
        assert_eq!(artifacts.find_file(&path("run"), &path("model.bin")).await.unwrap(), None);
    }
}

#[tokio::test]
async fn a_blob_over_the_limit_is_refused() {
    let (_folder, stores) = stores().await;
    for mut artifacts in stores {
        artifacts.limits.blob_bytes = 1000;
        let refused = artifacts.put_bytes(noise(1001, 6)).await.unwrap_err();
        assert_eq!(refused.to_string(), "an artifact may have at most 1000 bytes");
        assert!(artifacts.put_bytes(noise(1000, 6)).await.is_ok());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn damaged_content_is_never_served_and_healed_by_storing_it_again() {
    let content = noise(2 << 20, 7);
    let folder = tempfile::tempdir().unwrap();
    let blob = in_folder(&folder).await.put_bytes(content.clone()).await.unwrap();
    let pack = folder.path().join(&in_folder(&folder).await.store.below("packs").await.unwrap()[0]);
    let sound = std::fs::read(&pack).unwrap();
    for at in (8..sound.len()).step_by(9_973) {
        let mut flipped = sound.clone();
        flipped[at] ^= 1;
        std::fs::write(&pack, flipped).unwrap();
        let artifacts = in_folder(&folder).await;
        let error = artifacts.read_bytes(blob.digest, u64::MAX).await.unwrap_err();
        assert!(matches!(error, Error::Damaged { .. } | Error::BlobNotFound { .. }), "{error}");
    }
    for length in [0, 7, 1_000, sound.len() - 1] {
        std::fs::write(&pack, &sound[..length]).unwrap();
        assert!(in_folder(&folder).await.read_bytes(blob.digest, u64::MAX).await.is_err());
    }
    let mut flipped = sound.clone();
    flipped[sound.len() / 2] ^= 1;
    std::fs::write(&pack, flipped).unwrap();
    let artifacts = in_folder(&folder).await;
    assert!(artifacts.read_bytes(blob.digest, u64::MAX).await.is_err());
    assert_eq!(artifacts.put_bytes(content.clone()).await.unwrap(), blob);
    assert_eq!(artifacts.read_bytes(blob.digest, u64::MAX).await.unwrap(), content);
    assert!(stored_bytes(&artifacts).await < sound.len() as u64 + 600_000, "only what was damaged is new");
}

#[tokio::test]
async fn a_damaged_small_blob_is_healed_by_storing_it_again() {
    let folder = tempfile::tempdir().unwrap();
    let artifacts = in_folder(&folder).await;
    let content = noise(1000, 8);
    let blob = artifacts.put_bytes(content.clone()).await.unwrap();
    let file = folder.path().join(&artifacts.store.below("chunks").await.unwrap()[0]);
    for bad in [noise(1000, 9), content.slice(..999), Bytes::new()] {
        std::fs::write(&file, bad).unwrap();
        assert!(matches!(artifacts.read_bytes(blob.digest, 1000).await, Err(Error::Damaged { .. })));
    }
    artifacts.put_bytes(content.clone()).await.unwrap();
    assert_eq!(artifacts.read_bytes(blob.digest, 1000).await.unwrap(), content);
}

#[tokio::test]
async fn what_the_first_version_stored_can_be_read() {
    let (_folder, stores) = stores().await;
    for artifacts in stores {
        let parts = [noise(300 << 10, 1), noise(2 << 20, 2)];
        let mut listed = Vec::new();
        for part in &parts {
            let digest = Digest::of(part);
            let key = format!("chunks/{}/{digest}", &digest.to_string()[..2]);
            artifacts.store.put(&key, part.clone()).await.unwrap();
            listed.push(format!(r#"{{"digest":"{digest}","bytes":{}}}"#, part.len()));
        }
        let body = format!(r#"{{"format":1,"chunks":[{}]}}"#, listed.join(","));
        let whole = Digest::of(parts.concat());
        let key = format!("layouts/{}/{whole}", &whole.to_string()[..2]);
        artifacts.store.put(&key, format!("{}\n{body}", Digest::of(&body)).into()).await.unwrap();
        assert_eq!(artifacts.read_bytes(whole, u64::MAX).await.unwrap(), parts.concat());
        let damaged = format!("{}\n{body} ", Digest::of(&body));
        artifacts.store.put(&key, damaged.into()).await.unwrap();
        assert!(matches!(artifacts.find_blob(whole).await, Err(Error::Damaged { .. })));
    }
}

#[tokio::test]
async fn names_move_are_listed_in_pages_and_go() {
    let (_folder, stores) = stores().await;
    for artifacts in stores {
        let root = path("7/0a1b/artifacts");
        for name in ["model/MLmodel", "model/data/a b.txt", "model/data/ü%.txt", "plot.png", "10%.csv"] {
            artifacts.write(&root, &path(name), stream::iter([Ok(Bytes::from(name))])).await.unwrap();
        }
        artifacts.write(&root, &path("plot.png"), stream::iter([Ok(Bytes::from("newer"))])).await.unwrap();
        let all = artifacts.list(&root, None, &PageRequest::default()).await.unwrap();
        let names: Vec<_> = all.items.iter().map(|item| (item.path.as_str(), item.kind)).collect();
        assert_eq!(
            names,
            [("model", FileKind::Folder), ("10%.csv", FileKind::File), ("plot.png", FileKind::File)]
        );
        assert_eq!(all.items[2].blob.unwrap().bytes, 5);
        let mut seen = Vec::new();
        let mut page = PageRequest::first(1);
        loop {
            let listed = artifacts.list(&root, Some(&path("model/data")), &page).await.unwrap();
            seen.extend(listed.items.iter().map(|item| item.path.to_string()));
            match listed.next_cursor {
                Some(cursor) => page = PageRequest::after(1, Some(cursor)),
                None => break,
            }
        }
        assert_eq!(seen, ["model/data/a b.txt", "model/data/ü%.txt"]);
        let content = artifacts.read(&root, &path("model/data/ü%.txt"), None).await.unwrap();
        assert_eq!(content.into_bytes(100).await.unwrap(), "model/data/ü%.txt");
        let of_file = artifacts.list(&root, Some(&path("plot.png")), &PageRequest::default()).await.unwrap();
        assert_eq!(of_file.items.len(), 1);

        let tree = artifacts.freeze(&root, Some(&path("model"))).await.unwrap();
        assert_eq!(tree.files, 3);
        assert!(artifacts.get_tree(tree.digest).await.unwrap().find("data/ü%.txt").is_some());

        artifacts.delete(&root, &path("model")).await.unwrap();
        artifacts.delete(&root, &path("plot.png")).await.unwrap();
        let left = artifacts.list(&root, None, &PageRequest::default()).await.unwrap();
        assert_eq!(left.items.len(), 1, "{left:?}");
        assert_eq!(artifacts.delete(&root, &path("model")).await.unwrap_err().kind(), Kind::NotFound);
        let kept = artifacts.get_tree(tree.digest).await.unwrap();
        assert!(
            artifacts.find_blob(kept.entries()[0].digest).await.unwrap().is_some(),
            "content outlives its names"
        );
    }
}

#[tokio::test]
async fn a_file_is_no_folder_and_a_folder_no_file() {
    let (_folder, stores) = stores().await;
    for artifacts in stores {
        let root = path("run");
        let content = || stream::iter([Ok(Bytes::from("x"))]);
        artifacts.write(&root, &path("a/b"), content()).await.unwrap();
        let below_file = artifacts.write(&root, &path("a/b/c"), content()).await.unwrap_err();
        assert_eq!(below_file.to_string(), "`a/b` is a file in `run` and cannot be a folder as well");
        let on_folder = artifacts.write(&root, &path("a"), content()).await.unwrap_err();
        assert_eq!(on_folder.kind(), Kind::Conflict);
    }
}

#[tokio::test]
async fn trees_are_whole_and_named_by_their_content() {
    let (_folder, stores) = stores().await;
    for artifacts in stores {
        let blob = artifacts.put_bytes("content").await.unwrap();
        let entry = |name: &str| Entry { path: path(name), digest: blob.digest, bytes: blob.bytes };
        let tree = artifacts.put_tree(vec![entry("b"), entry("a/x")]).await.unwrap();
        assert_eq!(tree, artifacts.put_tree(vec![entry("a/x"), entry("b")]).await.unwrap());
        let read = artifacts.get_tree(tree.digest).await.unwrap();
        assert_eq!(read.entries().iter().map(|entry| entry.path.as_str()).collect::<Vec<_>>(), ["a/x", "b"]);
        assert_eq!(read.bytes(), 14);
        for refused in [vec![entry("a"), entry("a")], vec![entry("a"), entry("a.b"), entry("a/b")]] {
            assert!(matches!(artifacts.put_tree(refused).await, Err(Error::BadTree { .. })));
        }
        let missing = Entry { path: path("a"), digest: Digest::of("no"), bytes: 2 };
        assert!(matches!(artifacts.put_tree(vec![missing]).await, Err(Error::BlobNotFound { .. })));
        let hostile = r#"{"format":1,"entries":[{"path":"../x","digest":"DIGEST","bytes":1}]}"#;
        let hostile = artifacts.put_bytes(hostile.replace("DIGEST", &blob.digest.to_string())).await.unwrap();
        assert!(matches!(artifacts.get_tree(hostile.digest).await, Err(Error::BadTree { .. })));
    }
}

#[tokio::test]
async fn a_symbolic_link_in_the_folder_leads_nowhere() {
    let (folder, outside) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    std::fs::write(outside.path().join("secret=file"), format!("{} 6\n", Digest::of("secret"))).unwrap();
    let artifacts = in_folder(&folder).await;
    std::fs::create_dir_all(folder.path().join("files/run")).unwrap();
    std::os::unix::fs::symlink(outside.path(), folder.path().join("files/run/out")).unwrap();
    let (run, name) = (path("run"), path("out/secret"));
    assert!(artifacts.find_file(&run, &name).await.is_err());
    assert!(artifacts.write(&run, &name, stream::iter([Ok(Bytes::from("x"))])).await.is_err());
    assert!(artifacts.delete(&run, &name).await.is_err());
    assert!(artifacts.list(&run, Some(&path("out")), &PageRequest::default()).await.is_err());
    assert!(artifacts.list(&run, None, &PageRequest::default()).await.unwrap().items.is_empty());
    assert!(outside.path().join("secret=file").exists());
}

#[tokio::test]
async fn a_store_that_cannot_be_opened_says_why() {
    for (url, why) in [
        ("ftp://x", "only `file://`, `s3://`, `gs://` and `az://` are known"),
        ("file://relative", "must be absolute"),
    ] {
        let error = Artifacts::open(&ArtifactsConfig::at(url)).await.unwrap_err();
        assert!(error.to_string().contains(why), "{error}");
    }
    let mut config = ArtifactsConfig::at("s3://bucket/prefix");
    config.options.insert("no_such_setting".into(), "1".into());
    let error = Artifacts::open(&config).await.unwrap_err();
    assert!(error.to_string().contains("`no_such_setting` is no setting"), "{error}");
}

#[tokio::test]
async fn writers_of_the_same_content_do_not_disturb_each_other() {
    let folder = tempfile::tempdir().unwrap();
    let artifacts = in_folder(&folder).await;
    let content = noise(5 << 20, 9);
    let writers = (0..8).map(|n| {
        let (artifacts, content) = (artifacts.clone(), content.clone());
        tokio::spawn(async move {
            let name = path(&format!("file-{n}"));
            artifacts.write(&path("run"), &name, in_pieces(&content, 100_000)).await.unwrap()
        })
    });
    for blob in futures::future::join_all(writers).await {
        assert_eq!(artifacts.read_bytes(blob.unwrap().digest, u64::MAX).await.unwrap(), content);
    }
    assert_eq!(std::fs::read_dir(folder.path().join("tmp")).unwrap().count(), 0);
}
