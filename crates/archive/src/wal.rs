//! The write-ahead log: what was acknowledged is on the disk.
//!
//! The log is a folder of segments, each named by the sequence number of its first frame. A frame holds all rows
//! that shared one flush. It is written, flushed and only then acknowledged; the next frame is written after that.
//! Hence only the very end of the last segment can be torn, and it was never acknowledged: opening cuts it off.
//! Anything else that does not read back is damage, and opening says so instead of skipping it.
//!
//! ```text
//! segment: "GNGWAL01" | first sequence i64 | crc32 of both u32 | frames
//! frame:   "FRM1" | payload length u32 | sequence i64 | crc32 of length, sequence and payload u32 | payload
//! ```

mod segment;
#[cfg(test)]
mod tests;

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use self::segment::Tail;
use crate::faults::{FaultPoint, Faults};
use crate::{Error, Result};

/// An open log. Not shared: one thread writes it.
#[derive(Debug)]
pub(crate) struct Wal {
    folder: PathBuf,
    /// Held for as long as the log is open, so that no second process opens it.
    _lock: File,
    active: Active,
    sealed: Vec<Sealed>,
    next_sequence: i64,
    segment_bytes: u64,
    /// Set when the disk could not be brought back to the last acknowledged frame.
    torn: bool,
    faults: Faults,
}

#[derive(Debug)]
struct Active {
    path: PathBuf,
    file: File,
    first_sequence: i64,
    end: u64,
}

#[derive(Debug)]
struct Sealed {
    path: PathBuf,
    last_sequence: i64,
    bytes: u64,
}

impl Wal {
    /// Opens the log in `folder`, or begins one there, and gives every frame to `replay` in order. A log that
    /// holds nothing yet begins at `first_sequence`.
    pub(crate) fn open(
        folder: &Path,
        segment_bytes: u64,
        first_sequence: i64,
        faults: Faults,
        mut replay: impl FnMut(i64, &[u8]) -> Result<()>,
    ) -> Result<Self> {
        create_folder(folder).map_err(|error| failure("create", folder, &error))?;
        let lock = lock(folder)?;
        let mut segments = segment::list(folder)?;
        // A segment whose head was torn while it was begun holds nothing.
        if let Some(last) = segments.last()
            && segment::is_unfinished(&last.path)?
        {
            fs::remove_file(&last.path).map_err(|error| failure("clean", &last.path, &error))?;
            sync_folder(folder)?;
            segments.pop();
        }

        let mut sealed = Vec::with_capacity(segments.len());
        let mut expected = None;
        let mut last_end = 0;
        let count = segments.len();
        for (place, found) in segments.iter().enumerate() {
            if let Some(expected) = expected
                && expected != found.first_sequence
            {
                return Err(Error::Damaged {
                    file: found.path.display().to_string(),
                    offset: 0,
                    problem: format!("frames {expected} to {} are missing", found.first_sequence - 1),
                });
            }
            let tail = if place + 1 == count { Tail::MayBeTorn } else { Tail::MustBeWhole };
            let read = segment::read(found, tail, &mut replay)?;
            expected = Some(read.next_sequence);
            last_end = read.end;
            sealed.push(Sealed {
                path: found.path.clone(),
                last_sequence: read.next_sequence - 1,
                bytes: read.end,
            });
        }

        let next_sequence = expected.unwrap_or(first_sequence);
        let active = match (sealed.pop(), segments.last()) {
            (Some(last), Some(found)) => reopen(&last.path, found.first_sequence, last_end)?,
            _ => begin(folder, next_sequence)?,
        };
        Ok(Self {
            folder: folder.to_owned(),
            _lock: lock,
            active,
            sealed,
            next_sequence,
            segment_bytes,
            torn: false,
            faults,
        })
    }

    /// The sequence number of the next frame.
    pub(crate) const fn next_sequence(&self) -> i64 {
        self.next_sequence
    }

    /// How many bytes the log takes on the disk.
    pub(crate) fn bytes(&self) -> u64 {
        self.active.end + self.sealed.iter().map(|segment| segment.bytes).sum::<u64>()
    }

    /// Writes one frame and flushes it; returns its sequence number. On failure nothing of it remains.
    pub(crate) fn append(&mut self, payload: &[&[u8]]) -> Result<i64> {
        if self.torn {
            self.cut_back()?;
        }
        let sequence = self.next_sequence;
        let frame = segment::frame(sequence, payload)?;
        if let Err(error) = self.write(&frame) {
            let words = failure("write", &self.active.path, &error);
            self.torn = true;
            // If the disk does not allow it now, the next append tries again before it writes.
            if let Err(error) = self.cut_back() {
                tracing::error!(%error, "the archive's log could not be brought back to its last whole frame");
            }
            return Err(words);
        }
        self.active.end += frame.len() as u64;
        self.next_sequence += 1;
        if self.active.end >= self.segment_bytes {
            self.rotate();
        }
        Ok(sequence)
    }

    fn write(&mut self, frame: &[u8]) -> io::Result<()> {
        if let Err(error) = self.faults.at(FaultPoint::LogWrite) {
            self.active.file.write_all(frame.get(..frame.len() / 2).unwrap_or_default())?;
            return Err(error);
        }
        self.active.file.write_all(frame)?;
        self.faults.at(FaultPoint::LogSync)?;
        self.active.file.sync_data()
    }

    /// Brings the file back to the last acknowledged frame.
    fn cut_back(&mut self) -> Result<()> {
        let end = self.active.end;
        let file = &mut self.active.file;
        let cut =
            file.set_len(end).and_then(|()| file.seek(SeekFrom::Start(end))).and_then(|_| file.sync_all());
        cut.map_err(|error| failure("cut back", &self.active.path, &error))?;
        self.torn = false;
        Ok(())
    }

    /// Goes on in a new segment. If that fails, the present one grows on: nothing is lost by it.
    pub(crate) fn rotate(&mut self) {
        if self.active.first_sequence == self.next_sequence || self.torn {
            return;
        }
        match begin(&self.folder, self.next_sequence) {
            Ok(next) => {
                let old = std::mem::replace(&mut self.active, next);
                self.sealed.push(Sealed {
                    path: old.path,
                    last_sequence: self.next_sequence - 1,
                    bytes: old.end,
                });
            }
            Err(error) => tracing::warn!(%error, "could not begin a new segment of the archive's log"),
        }
    }

    /// Removes the segments that hold nothing after `sequence`; the active one stays.
    pub(crate) fn truncate(&mut self, sequence: i64) -> Result<()> {
        let (done, kept): (Vec<_>, Vec<_>) = std::mem::take(&mut self.sealed)
            .into_iter()
            .partition(|segment| segment.last_sequence <= sequence);
        self.sealed = kept;
        let mut removed = Ok(());
        for segment in done {
            if let Err(error) = fs::remove_file(&segment.path) {
                removed = Err(failure("remove", &segment.path, &error));
                self.sealed.insert(0, segment);
                break;
            }
        }
        removed.and_then(|()| sync_folder(&self.folder))
    }

    /// How many bytes the active segment has.
    pub(crate) const fn active_bytes(&self) -> u64 {
        self.active.end
    }
}

fn begin(folder: &Path, first_sequence: i64) -> Result<Active> {
    let path = folder.join(segment::name(first_sequence));
    let created = (|| {
        let mut file = OpenOptions::new().write(true).create(true).truncate(true).open(&path)?;
        let head = segment::head(first_sequence);
        file.write_all(&head)?;
        file.sync_all()?;
        File::open(folder)?.sync_all()?;
        Ok((file, head.len() as u64))
    })();
    match created {
        Ok((file, end)) => Ok(Active { path, file, first_sequence, end }),
        Err(error) => {
            let _ = fs::remove_file(&path);
            Err(failure("begin", &path, &error))
        }
    }
}

/// Opens the last segment for writing and cuts off what lies behind its last whole frame.
fn reopen(path: &Path, first_sequence: i64, end: u64) -> Result<Active> {
    let opened: io::Result<File> = (|| {
        let mut file = OpenOptions::new().write(true).open(path)?;
        if file.metadata()?.len() != end {
            file.set_len(end)?;
            file.sync_all()?;
        }
        file.seek(SeekFrom::Start(end))?;
        Ok(file)
    })();
    let file = opened.map_err(|error| failure("open", path, &error))?;
    Ok(Active { path: path.to_owned(), file, first_sequence, end })
}

fn lock(folder: &Path) -> Result<File> {
    let path = folder.join("lock");
    let file = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(false)
        .open(&path)
        .map_err(|error| failure("lock", &path, &error))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(Error::InUse { folder: folder.display().to_string() }),
        Err(TryLockError::Error(error)) => Err(failure("lock", &path, &error)),
    }
}

fn create_folder(folder: &Path) -> io::Result<()> {
    if folder.is_dir() {
        return Ok(());
    }
    if let Some(above) = folder.parent().filter(|above| !above.as_os_str().is_empty()) {
        create_folder(above)?;
        match fs::create_dir(folder) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
            _ => File::open(above)?.sync_all()?,
        }
        return Ok(());
    }
    fs::create_dir_all(folder)
}

fn sync_folder(folder: &Path) -> Result<()> {
    File::open(folder).and_then(|folder| folder.sync_all()).map_err(|error| failure("flush", folder, &error))
}

fn failure(doing: &'static str, path: &Path, error: &io::Error) -> Error {
    Error::Storage { doing, location: path.display().to_string(), problem: error.to_string() }
}
