//! Folders become trees and trees folders; what is odd is refused by name.

use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::time::Duration;

use tempfile::TempDir;

use super::*;
use crate::{Artifacts, ArtifactsConfig, Error};

async fn store(folder: &TempDir) -> Artifacts {
    Artifacts::open(&ArtifactsConfig::at(format!("file://{}", folder.path().display()))).await.unwrap()
}

/// Runs what blocks with a store, a folder to store, and a place for the index.
async fn check(work: impl FnOnce(&Artifacts, &Path, &AddOptions) + Send + 'static) {
    let folder = tempfile::tempdir().unwrap();
    let artifacts = store(&folder).await;
    tokio::task::spawn_blocking(move || {
        let (source, index) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let options = AddOptions { index: Some(index.path().join("index")), ..AddOptions::default() };
        work(&artifacts, source.path(), &options);
    })
    .await
    .unwrap();
}

fn quiet(_: Step) {}

#[tokio::test(flavor = "multi_thread")]
async fn a_folder_becomes_a_tree_and_the_tree_the_same_folder() {
    check(|artifacts, source, options| {
        fs::create_dir_all(source.join("a b/ü")).unwrap();
        fs::write(source.join("a b/ü/%x.txt"), "odd").unwrap();
        fs::write(source.join("empty"), "").unwrap();
        fs::write(source.join("long"), "0123456789".repeat(700_000)).unwrap();
        fs::create_dir(source.join(".gingham")).unwrap();
        fs::write(source.join(".gingham/own"), "not stored").unwrap();
        let added = artifacts.add_folder(source, options, &quiet).unwrap();
        assert_eq!((added.tree.files, added.files_read), (3, 3));
        let target = tempfile::tempdir().unwrap();
        let written = artifacts.write_folder(added.tree.digest, target.path(), &|_| {}).unwrap();
        assert_eq!((written.files, written.unchanged_files), (3, 0));
        for name in ["a b/ü/%x.txt", "empty", "long"] {
            assert_eq!(fs::read(target.path().join(name)).unwrap(), fs::read(source.join(name)).unwrap());
        }
        fs::write(target.path().join("long"), "x".repeat(7_000_000)).unwrap();
        fs::write(target.path().join("other"), "left alone").unwrap();
        let again = artifacts.write_folder(added.tree.digest, target.path(), &|_| {}).unwrap();
        assert_eq!((again.files, again.unchanged_files), (1, 2));
        assert_eq!(fs::read(target.path().join("long")).unwrap(), fs::read(source.join("long")).unwrap());
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn unchanged_files_are_not_read_and_changed_ones_are() {
    check(|artifacts, source, options| {
        for n in 0..20 {
            fs::write(source.join(format!("{n}")), format!("content {n}")).unwrap();
        }
        std::thread::sleep(Duration::from_millis(120));
        let first = artifacts.add_folder(source, options, &quiet).unwrap();
        let second = artifacts.add_folder(source, options, &quiet).unwrap();
        assert_eq!((second.tree, second.files_read), (first.tree, 0));
        fs::write(source.join("7"), "content X").unwrap();
        fs::remove_file(source.join("8")).unwrap();
        let third = artifacts.add_folder(source, options, &quiet).unwrap();
        assert_eq!((third.tree.files, third.files_read), (19, 1));
        // It was written so shortly before that it may have been written again since.
        fs::write(source.join("7"), "content Y").unwrap();
        assert_eq!(artifacts.add_folder(source, options, &quiet).unwrap().files_read, 1);
        let all = AddOptions { read_all: true, ..options.clone() };
        assert_eq!(artifacts.add_folder(source, &all, &quiet).unwrap().files_read, 19);
        fs::write(options.index.as_ref().unwrap(), "torn").unwrap();
        assert_eq!(artifacts.add_folder(source, options, &quiet).unwrap().files_read, 19);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn many_files_in_many_folders_are_all_looked_at_each_time() {
    check(|artifacts, source, options| {
        // More files than are looked at together, more folders than are open together, and many files in one folder.
        let name = |n: usize| if n < 3_000 { format!("wide/{n}") } else { format!("{}/{n}", n % 70) };
        for n in 0..5_000 {
            let file = source.join(name(n));
            fs::create_dir_all(file.parent().unwrap()).unwrap();
            fs::write(file, format!("content {n}")).unwrap();
        }
        std::thread::sleep(Duration::from_millis(120));
        let first = artifacts.add_folder(source, options, &quiet).unwrap();
        assert_eq!((first.tree.files, first.files_read), (5_000, 5_000));
        assert_eq!(artifacts.add_folder(source, options, &quiet).unwrap().files_read, 0);
        for n in [0, 2_999, 3_000, 4_999] {
            fs::write(source.join(name(n)), "content X").unwrap();
        }
        let third = artifacts.add_folder(source, options, &quiet).unwrap();
        assert_eq!((third.tree.files, third.files_read), (5_000, 4));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn links_are_refused_skipped_or_followed_as_is_said() {
    check(|artifacts, source, options| {
        fs::create_dir(source.join("folder")).unwrap();
        fs::write(source.join("folder/file"), "x").unwrap();
        symlink("folder/file", source.join("link")).unwrap();
        let refused = artifacts.add_folder(source, options, &quiet).unwrap_err();
        assert!(refused.to_string().contains("link` is a symbolic link"), "{refused}");
        let skip = AddOptions { links: Links::Skip, ..options.clone() };
        assert_eq!(artifacts.add_folder(source, &skip, &quiet).unwrap().tree.files, 1);
        let follow = AddOptions { links: Links::Follow, ..options.clone() };
        assert_eq!(artifacts.add_folder(source, &follow, &quiet).unwrap().tree.files, 2);
        symlink("..", source.join("folder/loop")).unwrap();
        let looped = artifacts.add_folder(source, &follow, &quiet).unwrap_err();
        assert!(looped.to_string().contains("leads back to a folder that it lies in"), "{looped}");
        fs::remove_file(source.join("folder/loop")).unwrap();
        symlink("nowhere", source.join("dangling")).unwrap();
        let dangling = artifacts.add_folder(source, &follow, &quiet).unwrap_err();
        assert!(dangling.to_string().contains("leads nowhere"), "{dangling}");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn odd_names_and_things_that_are_no_files_are_named() {
    check(|artifacts, source, options| {
        for name in [b"bad\xff".as_slice(), b"back\\slash", b"new\nline"] {
            let file = source.join(std::ffi::OsStr::from_bytes(name));
            fs::write(&file, "x").unwrap();
            let refused = artifacts.add_folder(source, options, &quiet).unwrap_err();
            assert!(matches!(refused, Error::Source { .. }), "{refused}");
            fs::remove_file(file).unwrap();
        }
        let _socket = std::os::unix::net::UnixListener::bind(source.join("socket")).unwrap();
        let refused = artifacts.add_folder(source, options, &quiet).unwrap_err();
        assert!(refused.to_string().contains("neither a file nor a folder"), "{refused}");
        let gone = artifacts.add_folder(&source.join("gone"), options, &quiet).unwrap_err();
        assert!(gone.to_string().contains("No such file"), "{gone}");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_half_written_when_a_process_was_killed_goes_with_the_next_try() {
    check(|artifacts, source, options| {
        fs::create_dir(source.join("in")).unwrap();
        fs::write(source.join("in/file"), "text").unwrap();
        let tree = artifacts.add_folder(source, options, &quiet).unwrap().tree.digest;
        let target = tempfile::tempdir().unwrap();
        fs::create_dir(target.path().join("in")).unwrap();
        let left = [target.path(), &target.path().join("in")].map(|folder| {
            let path = folder.join(format!(".gingham-{}", base::id::new_hex_id()));
            fs::write(&path, "half").unwrap();
            path
        });
        let written_now = target.path().join(format!(".gingham-{}", base::id::new_hex_id()));
        let held = fs::File::create_new(&written_now).unwrap();
        held.lock().unwrap();
        let own = target.path().join(".gingham-of-mine");
        fs::write(&own, "mine").unwrap();
        artifacts.write_folder(tree, target.path(), &|_| {}).unwrap();
        assert!(left.iter().all(|path| !path.exists()) && written_now.exists() && own.exists());
        assert_eq!(fs::read_dir(target.path().join("in")).unwrap().count(), 1);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_link_in_the_target_leads_nothing_outside() {
    check(|artifacts, source, options| {
        fs::create_dir(source.join("a")).unwrap();
        fs::write(source.join("a/b"), "x").unwrap();
        let added = artifacts.add_folder(source, options, &quiet).unwrap();
        let (target, outside) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        symlink(outside.path(), target.path().join("a")).unwrap();
        let refused = artifacts.write_folder(added.tree.digest, target.path(), &|_| {}).unwrap_err();
        assert!(refused.to_string().contains("stands where a folder is to be"), "{refused}");
        assert!(!outside.path().join("b").exists());
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_other_store_lacks_is_sent_and_fetched() {
    let far = tempfile::tempdir().unwrap();
    let there = store(&far).await;
    check(move |artifacts, source, options| {
        for n in 0..300 {
            fs::write(source.join(format!("small-{n}")), format!("{n}").repeat(300)).unwrap();
        }
        let noise: Vec<u8> =
            (0..6_u32 << 18).flat_map(|n| n.wrapping_mul(2_654_435_761).to_le_bytes()).collect();
        fs::write(source.join("long"), &noise).unwrap();
        let added = artifacts.add_folder(source, options, &quiet).unwrap();
        let moved = artifacts.send_tree(added.tree.digest, &there, &|_, _| {}).unwrap();
        assert_eq!(moved.parts, moved.sent_parts);
        let again = artifacts.send_tree(added.tree.digest, &there, &|_, _| {}).unwrap();
        assert_eq!((again.sent_parts, again.sent_bytes), (0, 0));
        let mut changed = noise.clone();
        changed.splice(3_000_000..3_000_000, *b"put in");
        fs::write(source.join("long"), &changed).unwrap();
        let second = artifacts.add_folder(source, options, &quiet).unwrap();
        let more = artifacts.send_tree(second.tree.digest, &there, &|_, _| {}).unwrap();
        assert!(more.sent_bytes < 1_200_000, "{more:?}");

        let third = tempfile::tempdir().unwrap();
        let url = format!("file://{}", third.path().display());
        let here = artifacts.runtime.block_on(Artifacts::open(&ArtifactsConfig::at(url))).unwrap();
        here.fetch_tree(second.tree.digest, &there, &|_, _| {}).unwrap();
        let target = tempfile::tempdir().unwrap();
        here.write_folder(second.tree.digest, target.path(), &|_| {}).unwrap();
        assert_eq!(fs::read(target.path().join("long")).unwrap(), changed);
        assert_eq!(fs::read_dir(target.path()).unwrap().count(), 301);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_put_by_itself_is_fetched_whether_it_is_small_or_large() {
    let far = tempfile::tempdir().unwrap();
    let there = store(&far).await;
    let large: Vec<u8> = (0..1_u32 << 20).flat_map(|n| n.wrapping_mul(2_654_435_761).to_le_bytes()).collect();
    let small = b"a model of two trees".to_vec();
    let put = [there.put_bytes(small.clone()).await.unwrap(), there.put_bytes(large.clone()).await.unwrap()];
    check(move |here, _, _| {
        for (blob, bytes) in put.iter().zip([small, large]) {
            here.fetch_blob(blob.digest, &there).unwrap();
            let read = here.runtime.block_on(here.read_bytes(blob.digest, 1 << 30)).unwrap();
            assert_eq!(read, bytes);
            // What is here is not fetched again.
            assert_eq!(here.fetch_blob(blob.digest, &there).unwrap().sent_parts, 0);
        }
        let nowhere = base::Digest::of(b"nobody has this");
        assert!(matches!(here.fetch_blob(nowhere, &there), Err(Error::BlobNotFound { .. })));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_vanishes_or_changes_while_it_is_read_is_named_and_a_second_try_carries_on() {
    check(|artifacts, source, options| {
        for n in 0..40 {
            fs::write(source.join(format!("{n:02}")), format!("{n}").repeat(50_000)).unwrap();
        }
        // Progress is told before the files are read: what is done then happens in between.
        let remove = |step: Step| {
            if matches!(step, Step::Begin { .. }) {
                fs::remove_file(source.join("39")).unwrap();
            }
        };
        let refused = artifacts.add_folder(source, options, &remove).unwrap_err();
        assert!(refused.to_string().contains("39` cannot be stored: No such file"), "{refused}");
        let replace = |step: Step| {
            if matches!(step, Step::Begin { .. }) {
                fs::remove_file(source.join("38")).unwrap();
                fs::create_dir(source.join("38")).unwrap();
            }
        };
        let refused = artifacts.add_folder(source, options, &replace).unwrap_err();
        assert!(refused.to_string().contains("38` cannot be stored: "), "{refused}");
        fs::remove_dir(source.join("38")).unwrap();
        assert_eq!(artifacts.add_folder(source, options, &quiet).unwrap().tree.files, 38);
        let all = artifacts.runtime.block_on(artifacts.all_named_data()).unwrap();
        assert!(all.is_empty(), "nothing has a name before it is whole");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_others_go_on_writing_is_refused_rather_than_kept_half() {
    check(|artifacts, source, options| {
        let path = source.join("log");
        fs::write(&path, "0123456789".repeat(4_000_000)).unwrap();
        let (stop, begun) = (std::sync::atomic::AtomicBool::new(false), std::sync::Barrier::new(2));
        let writing = path.clone();
        let refused = std::thread::scope(|scope| {
            let writer = scope.spawn(|| {
                use std::io::Write;
                let mut file = fs::OpenOptions::new().append(true).open(&writing).unwrap();
                begun.wait();
                while !stop.load(std::sync::atomic::Ordering::Relaxed) {
                    file.write_all(b"more").unwrap();
                }
            });
            begun.wait();
            let refused = artifacts.add_folder(source, options, &quiet);
            stop.store(true, std::sync::atomic::Ordering::Relaxed);
            writer.join().unwrap();
            refused
        });
        let refused = refused.unwrap_err();
        assert!(refused.to_string().contains("it changes while it is read"), "{refused}");
        let whole = artifacts.add_folder(source, options, &quiet).unwrap();
        assert_eq!(whole.tree.bytes, fs::metadata(&path).unwrap().len());
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_index_in_another_order_counts_as_none() {
    check(|artifacts, source, options| {
        for name in ["a", "b/c", "b.d", "ü"] {
            fs::create_dir_all(source.join(name).parent().unwrap()).unwrap();
            fs::write(source.join(name), name).unwrap();
        }
        let first = artifacts.add_folder(source, options, &quiet).unwrap();
        std::thread::sleep(Duration::from_millis(80));
        artifacts.add_folder(source, options, &quiet).unwrap();
        assert_eq!(artifacts.add_folder(source, options, &quiet).unwrap().files_read, 0);
        fs::write(options.index.as_ref().unwrap(), b"GNGSTAT1 and something else").unwrap();
        let again = artifacts.add_folder(source, options, &quiet).unwrap();
        assert_eq!((again.files_read, again.tree), (4, first.tree));
    })
    .await;
}
