//! Writing a long file past the page cache.
//!
//! A pack is flushed before anybody relies on it, so the cache saves it no wait; but through the cache each byte is copied
//! once more, which is most of what storing a large file costs the processor. Whole blocks that lie right in memory go
//! to the disk as they are. Short files, the last part of a block, and file systems that cannot do it go the usual way.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::Path;

use nix::fcntl::OFlag;

/// Where bytes must begin, in memory and in the file, and of how many there must be a multiple. Disks want 512 or 4,096.
const BLOCK_BYTES: usize = 4_096;
/// Bytes that are collected before they are written.
const BUFFER_BYTES: usize = 2 << 20;

/// A file that is written from its beginning to its end.
#[derive(Debug)]
pub(super) struct LongFile {
    file: File,
    way: Way,
    memory: Vec<u8>,
    /// Where the bytes that are held begin in memory, and how many there are.
    begin: usize,
    held: usize,
    written: u64,
}

/// How whole blocks are written.
#[derive(Debug)]
enum Way {
    /// Nothing was written yet.
    Unknown,
    /// Past the cache.
    Direct(File),
    /// Through the cache.
    Cached,
}

impl LongFile {
    /// Over a file that is empty.
    pub(super) fn over(file: File) -> Self {
        // Memory that nobody has touched costs nothing.
        let memory = vec![0; BUFFER_BYTES + BLOCK_BYTES];
        let begin = memory.as_ptr().align_offset(BLOCK_BYTES);
        let (begin, way) = if begin < BLOCK_BYTES { (begin, Way::Unknown) } else { (0, Way::Cached) };
        Self { file, way, memory, begin, held: 0, written: 0 }
    }

    /// Adds bytes; `path` is where the file lies.
    pub(super) fn write(&mut self, mut content: &[u8], path: &Path) -> io::Result<()> {
        while !content.is_empty() {
            let (now, later) = content.split_at(content.len().min(BUFFER_BYTES - self.held));
            let at = self.begin + self.held;
            if let Some(place) = self.memory.get_mut(at..at + now.len()) {
                place.copy_from_slice(now);
            }
            self.held += now.len();
            content = later;
            if self.held == BUFFER_BYTES {
                if matches!(self.way, Way::Unknown) {
                    let flags = OFlag::O_DIRECT.bits();
                    let direct = OpenOptions::new().write(true).custom_flags(flags).open(path);
                    self.way = direct.map_or(Way::Cached, Way::Direct);
                }
                self.put(BUFFER_BYTES)?;
                self.held = 0;
            }
        }
        Ok(())
    }

    /// Writes the rest; all of it is durable when this returns.
    pub(super) fn finish(&mut self) -> io::Result<()> {
        let rest = self.held % BLOCK_BYTES;
        let whole = self.held - rest;
        self.put(whole)?;
        let at = self.begin + whole;
        let rest = self.memory.get(at..at + rest).unwrap_or_default();
        self.file.write_all_at(rest, self.written)?;
        self.written += rest.len() as u64;
        self.held = 0;
        self.file.sync_all()
    }

    /// Writes so many of the bytes that are held, whole blocks.
    fn put(&mut self, count: usize) -> io::Result<()> {
        let bytes = self.memory.get(self.begin..self.begin + count).unwrap_or_default();
        let direct = match &self.way {
            Way::Direct(file) if !bytes.is_empty() => Some(file.write_all_at(bytes, self.written)),
            _ => None,
        };
        match direct {
            Some(Ok(())) => {}
            // The file system opens files so and then does not write to them so, or wants larger blocks.
            Some(Err(error)) if error.kind() == io::ErrorKind::InvalidInput => {
                self.way = Way::Cached;
                self.file.write_all_at(bytes, self.written)?;
            }
            Some(Err(error)) => return Err(error),
            None => self.file.write_all_at(bytes, self.written)?,
        }
        self.written += count as u64;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_of_any_length_written_in_pieces_of_any_length_are_whole() {
        let folder = tempfile::tempdir().unwrap();
        let content: Vec<u8> =
            (0..5_u32 << 20).map(|at| (at.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
        for bytes in
            [0, 1, 4_095, 4_096, 4_097, 70_000, BUFFER_BYTES - 1, BUFFER_BYTES, BUFFER_BYTES + 1, 5 << 20]
        {
            for piece in [999, 300_000, 5 << 20] {
                let path = folder.path().join(format!("{bytes}-{piece}"));
                let mut file = LongFile::over(File::create_new(&path).unwrap());
                let wanted = &content[..bytes];
                for piece in wanted.chunks(piece) {
                    file.write(piece, &path).unwrap();
                }
                file.finish().unwrap();
                assert!(std::fs::read(&path).unwrap() == wanted, "{bytes} bytes in pieces of {piece}");
            }
        }
    }
}
