//! Facts about the log.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use base::Failure;
use proptest::prelude::*;

use super::*;

type Frames = Vec<(i64, Vec<u8>)>;

fn open(folder: &Path, segment_bytes: u64) -> Result<(Wal, Frames)> {
    let mut frames = Vec::new();
    let wal = Wal::open(folder, segment_bytes, 1, Faults::default(), |sequence, payload| {
        frames.push((sequence, payload.to_vec()));
        Ok(())
    })?;
    Ok((wal, frames))
}

fn segments(folder: &Path) -> Vec<PathBuf> {
    segment::list(folder).unwrap().into_iter().map(|found| found.path).collect()
}

fn written(folder: &Path, payloads: &[&[u8]], segment_bytes: u64) {
    let (mut wal, _) = open(folder, segment_bytes).unwrap();
    for payload in payloads {
        wal.append(&[payload]).unwrap();
    }
}

#[test]
fn frames_come_back_in_order_over_segments() {
    let folder = tempfile::tempdir().unwrap();
    written(folder.path(), &[b"one", b"", b"three"], 50);
    assert!(segments(folder.path()).len() > 1);
    let (mut wal, frames) = open(folder.path(), 50).unwrap();
    assert_eq!(frames, [(1, b"one".to_vec()), (2, Vec::new()), (3, b"three".to_vec())]);
    assert_eq!(wal.append(&[b"four"]).unwrap(), 4);
    wal.truncate(2).unwrap();
    drop(wal);
    let (_, frames) = open(folder.path(), 50).unwrap();
    assert_eq!(frames.first().unwrap().0, 3, "committed segments are gone, the others are not");
}

#[test]
fn a_second_process_is_kept_out() {
    let folder = tempfile::tempdir().unwrap();
    let (wal, _) = open(folder.path(), 50).unwrap();
    assert!(matches!(open(folder.path(), 50), Err(Error::InUse { .. })));
    drop(wal);
    assert!(open(folder.path(), 50).is_ok());
}

#[test]
fn an_end_torn_at_any_byte_is_cut_and_writing_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    written(folder.path(), &[b"kept", b"torn away"], 1 << 20);
    let path = segments(folder.path()).remove(0);
    let whole = fs::read(&path).unwrap();
    let last = whole.len() - (20 + b"torn away".len());
    for cut in last..whole.len() {
        fs::write(&path, &whole[..cut]).unwrap();
        let (mut wal, frames) = open(folder.path(), 1 << 20).unwrap();
        assert_eq!(frames, [(1, b"kept".to_vec())], "cut at {cut}");
        assert_eq!(wal.append(&[b"again"]).unwrap(), 2);
        drop(wal);
        assert_eq!(open(folder.path(), 1 << 20).unwrap().1.len(), 2, "cut at {cut}");
    }
}

#[test]
fn a_torn_end_may_also_be_zeros_or_old_bytes() {
    let folder = tempfile::tempdir().unwrap();
    written(folder.path(), &[b"kept", b"torn away"], 1 << 20);
    let path = segments(folder.path()).remove(0);
    let whole = fs::read(&path).unwrap();
    let last = whole.len() - (20 + b"torn away".len());
    for place in last..whole.len() {
        let mut bytes = whole.clone();
        bytes[place..].fill(0);
        fs::write(&path, &bytes).unwrap();
        if bytes != whole {
            assert_eq!(open(folder.path(), 1 << 20).unwrap().1.len(), 1, "zeros from {place}");
        }
    }
}

#[test]
fn a_segment_without_a_whole_head_is_begun_anew() {
    let folder = tempfile::tempdir().unwrap();
    written(folder.path(), &[b"one"], 30);
    let last = segments(folder.path()).pop().unwrap();
    let head = fs::read(&last).unwrap();
    for cut in 0..head.len() {
        fs::write(&last, &head[..cut]).unwrap();
        let (wal, frames) = open(folder.path(), 30).unwrap();
        assert_eq!((frames.len(), wal.next_sequence()), (1, 2));
    }
}

#[test]
fn a_missing_segment_is_reported() {
    let folder = tempfile::tempdir().unwrap();
    written(folder.path(), &[b"one", b"two", b"three"], 30);
    fs::remove_file(&segments(folder.path())[1]).unwrap();
    let error = open(folder.path(), 30).unwrap_err();
    assert!(error.to_string().contains("frames 2 to 2 are missing"), "{error}");
    assert_eq!(error.code(), "archive_log_damaged");
}

#[test]
fn a_full_disk_leaves_nothing_of_the_frame() {
    let folder = tempfile::tempdir().unwrap();
    let full = Arc::new(AtomicBool::new(false));
    let disk = Arc::clone(&full);
    let faults =
        Faults::new(
            move |_| {
                if disk.load(Ordering::SeqCst) { Err(io::Error::from_raw_os_error(28)) } else { Ok(()) }
            },
        );
    let mut wal = Wal::open(folder.path(), 1 << 20, 1, faults, |_, _| Ok(())).unwrap();
    wal.append(&[b"before"]).unwrap();
    full.store(true, Ordering::SeqCst);
    let error = wal.append(&[b"does not fit"]).unwrap_err();
    assert!(error.to_string().contains("No space left on device"), "{error}");
    assert_eq!(error.kind(), base::Kind::Unavailable);
    full.store(false, Ordering::SeqCst);
    assert_eq!(wal.append(&[b"after"]).unwrap(), 2);
    drop(wal);
    let (_, frames) = open(folder.path(), 1 << 20).unwrap();
    assert_eq!(frames, [(1, b"before".to_vec()), (2, b"after".to_vec())]);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    /// Frames before the last are acknowledged: a changed byte among them is never skipped over.
    #[test]
    fn damage_before_the_last_frame_is_reported(place in 0usize..1000, change in 1u8..=255) {
        let folder = tempfile::tempdir().unwrap();
        written(folder.path(), &[b"first", b"second", b"third"], 1 << 20);
        let path = segments(folder.path()).remove(0);
        let mut bytes = fs::read(&path).unwrap();
        let last = bytes.len() - (20 + b"third".len());
        let place = place % last;
        bytes[place] ^= change;
        fs::write(&path, &bytes).unwrap();
        let opened = open(folder.path(), 1 << 20);
        prop_assert!(matches!(opened, Err(Error::Damaged { .. })), "byte {}: {:?}", place, opened.map(|(_, frames)| frames));
    }
}
