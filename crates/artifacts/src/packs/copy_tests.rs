//! Packs arrive as they were, or not at all.

use std::fs;
use std::path::{Path, PathBuf};

use base::{Clock, Digest, SystemClock};
use tempfile::TempDir;

use crate::working::AddOptions;
use crate::{Artifacts, ArtifactsConfig, Error};

fn noise(bytes: usize, seed: u8) -> Vec<u8> {
    let mut content = Vec::with_capacity(bytes + 32);
    let mut block = *Digest::of([seed]).as_bytes();
    while content.len() < bytes {
        content.extend_from_slice(&block);
        block = *Digest::of(block).as_bytes();
    }
    content.truncate(bytes);
    content
}

fn open(folder: &TempDir) -> Artifacts {
    let url = format!("file://{}", folder.path().display());
    tokio::runtime::Handle::current().block_on(Artifacts::open(&ArtifactsConfig::at(url))).unwrap()
}

fn files_below(folder: &Path) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(folder) else { return Vec::new() };
    let mut found: Vec<PathBuf> = entries
        .flat_map(|entry| {
            let path = entry.unwrap().path();
            if path.is_dir() { files_below(&path) } else { vec![path] }
        })
        .collect();
    found.sort();
    found
}

/// The packs of a store by their names, with what they hold.
fn packs(folder: &TempDir) -> Vec<(String, Vec<u8>)> {
    let name = |path: &PathBuf| path.file_name().unwrap().to_str().unwrap().to_owned();
    files_below(&folder.path().join("packs"))
        .iter()
        .map(|path| (name(path), fs::read(path).unwrap()))
        .collect()
}

/// A store, one to send to, and a tree in the first: a long file, a text, and small files.
async fn check(work: impl FnOnce(&TempDir, &TempDir, &Artifacts, Digest, &Path) + Send + 'static) {
    tokio::task::spawn_blocking(move || {
        let (near, far, source) =
            (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        fs::write(source.path().join("long"), noise(9 << 20, 1)).unwrap();
        fs::write(source.path().join("text"), "one two three ".repeat(100_000)).unwrap();
        for n in 0..20 {
            fs::write(source.path().join(format!("small-{n}")), noise(900, n)).unwrap();
        }
        let here = open(&near);
        let added = here.add_folder(source.path(), &AddOptions::default(), &|_| ()).unwrap();
        work(&near, &far, &here, added.tree.digest, source.path());
    })
    .await
    .unwrap();
}

fn written(from: &Artifacts, tree: Digest, source: &Path) {
    let target = tempfile::tempdir().unwrap();
    from.write_folder(tree, target.path(), &|_| ()).unwrap();
    for file in files_below(source) {
        let copy = target.path().join(file.file_name().unwrap());
        assert!(fs::read(&copy).unwrap() == fs::read(&file).unwrap(), "{}", file.display());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pack_that_is_wanted_whole_arrives_as_it_is_and_goes_back_so() {
    check(|near, far, here, tree, source| {
        let sent = here.send_tree(tree, &open(far), &|_, _| ()).unwrap();
        assert_eq!(packs(far), packs(near));
        assert_eq!(sent.sent_bytes, packs(far).iter().map(|(_, content)| content.len() as u64).sum::<u64>());
        written(&open(far), tree, source);
        let third = tempfile::tempdir().unwrap();
        let again = open(&third);
        again.fetch_tree(tree, &open(far), &|_, _| ()).unwrap();
        written(&open(&third), tree, source);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pack_with_a_damaged_byte_anywhere_does_not_arrive() {
    check(|near, far, _, tree, _| {
        let pack = files_below(&near.path().join("packs")).pop().unwrap();
        let sound = fs::read(&pack).unwrap();
        for at in [0, 8, 77_777, 4 << 20, (8 << 20) + 1] {
            let mut bad = sound.clone();
            bad[at] ^= 16;
            fs::write(&pack, bad).unwrap();
            let there = open(far);
            let failed = open(near).send_tree(tree, &there, &|_, _| ());
            assert!(matches!(failed, Err(Error::Damaged { .. })), "byte {at}: {failed:?}");
            assert_eq!(packs(far).len() + files_below(&far.path().join("tmp")).len(), 0, "byte {at}");
        }
        fs::write(&pack, &sound[..sound.len() / 2]).unwrap();
        assert!(open(near).send_tree(tree, &open(far), &|_, _| ()).is_err());
        assert_eq!(packs(far).len(), 0);
        fs::write(&pack, &sound).unwrap();
        open(near).send_tree(tree, &open(far), &|_, _| ()).unwrap();
        assert_eq!(packs(far), packs(near));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_other_end_is_about_to_throw_away_is_not_relied_on() {
    check(|_, far, here, tree, source| {
        here.send_tree(tree, &open(far), &|_, _| ()).unwrap();
        let name: Digest = packs(far)[0].0.parse().unwrap();
        let there = open(far);
        let state = crate::collect::state::State {
            condemned_at: Some(SystemClock.now()),
            condemned: [name].into(),
            ..Default::default()
        };
        there.runtime.block_on(there.set_collector_state(&state)).unwrap();
        here.send_tree(tree, &open(far), &|_, _| ()).unwrap();
        // The condemned pack can go: all of it lies in others now.
        let condemned = files_below(&far.path().join("packs")).into_iter();
        for path in condemned.filter(|path| path.ends_with(name.to_string())) {
            fs::remove_file(path).unwrap();
        }
        written(&open(far), tree, source);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_who_send_the_same_do_not_disturb_each_other() {
    check(|near, far, here, tree, source| {
        std::thread::scope(|threads| {
            for _ in 0..4 {
                let there = open(far);
                threads.spawn(move || here.send_tree(tree, &there, &|_, _| ()).unwrap());
            }
        });
        assert!(packs(far).len() <= 4 && packs(far).iter().any(|pack| packs(near).contains(pack)));
        assert_eq!(files_below(&far.path().join("tmp")).len(), 0);
        written(&open(far), tree, source);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn packs_that_are_wanted_in_part_are_sent_in_part() {
    check(|near, far, here, _, source| {
        // Of the first pack only the files are wanted, not its list of them.
        fs::write(source.join("more"), noise(3 << 20, 9)).unwrap();
        let second = here.add_folder(source, &AddOptions::default(), &|_| ()).unwrap().tree.digest;
        let moved = here.send_tree(second, &open(far), &|_, _| ()).unwrap();
        assert_eq!(moved.parts, moved.sent_parts);
        assert_eq!(packs(near).len(), 2);
        written(&open(far), second, source);
    })
    .await;
}
