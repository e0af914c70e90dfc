//! Reading and writing long files past the page cache.
//!
//! A pack is flushed before anybody relies on it, so the cache saves it no wait; but through the cache each byte is copied
//! once more, which is most of what storing a large file costs the processor. Whole blocks that lie right in memory go
//! to the disk as they are, and come from it so. Short files, the last part of a block, and file systems that cannot do
//! it go the usual way.

use std::fs::{File, OpenOptions};
use std::io::{self, Read};
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::Path;

use nix::fcntl::{FcntlArg, OFlag, fcntl};

/// Where bytes must begin, in memory and in the file, and of how many there must be a multiple. Disks want 512 or 4,096.
const BLOCK_BYTES: usize = 4_096;
/// Bytes that are collected before they are written.
const BUFFER_BYTES: usize = 2 << 20;

/// Memory that begins where disks want it to.
#[derive(Debug)]
pub(crate) struct Aligned {
    memory: Vec<u8>,
    begin: usize,
    length: usize,
}

impl Aligned {
    /// So many bytes. They cost nothing before they are touched.
    pub(crate) fn of(length: usize) -> Self {
        let memory = vec![0; length + BLOCK_BYTES];
        let begin = memory.as_ptr().align_offset(BLOCK_BYTES);
        // An offset that cannot be had is only slower: such memory goes the usual way.
        Self { memory, begin: if begin < BLOCK_BYTES { begin } else { 0 }, length }
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        self.memory.get(self.begin..self.begin + self.length).unwrap_or_default()
    }

    pub(crate) fn bytes_mut(&mut self) -> &mut [u8] {
        self.memory.get_mut(self.begin..self.begin + self.length).unwrap_or_default()
    }
}

/// Whether bytes begin where disks want them to.
fn lies_right(bytes: &[u8]) -> bool {
    bytes.as_ptr().addr().is_multiple_of(BLOCK_BYTES)
}

/// A file that is read from its beginning to its end: past the cache wherever the memory to read into allows it.
#[derive(Debug)]
pub(crate) struct LongReader {
    file: File,
    at: u64,
    /// Whether the file is set to be read past the cache, and whether it can be.
    is_direct: bool,
    can: bool,
}

impl LongReader {
    /// Over a file that nobody else reads through the same handle.
    pub(crate) fn over(file: File) -> Self {
        Self { file, at: 0, is_direct: false, can: true }
    }

    fn set_direct(&mut self, wanted: bool) -> bool {
        if self.is_direct != wanted {
            let flags = if wanted { OFlag::O_DIRECT } else { OFlag::empty() };
            if fcntl(&self.file, FcntlArg::F_SETFL(flags)).is_err() {
                self.can = false;
                return false;
            }
            self.is_direct = wanted;
        }
        true
    }
}

impl Read for LongReader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let whole = buffer.len() - buffer.len() % BLOCK_BYTES;
        let fits = self.can && whole > 0 && self.at.is_multiple_of(BLOCK_BYTES as u64) && lies_right(buffer);
        let mut read = None;
        if fits && self.set_direct(true) {
            match self.file.read_at(buffer.get_mut(..whole).unwrap_or_default(), self.at) {
                // The file system takes the setting and then does not read so, or wants larger blocks.
                Err(error) if error.kind() == io::ErrorKind::InvalidInput => self.can = false,
                other => read = Some(other?),
            }
        }
        let read = match read {
            Some(read) => read,
            None => {
                self.set_direct(false);
                self.file.read_at(buffer, self.at)?
            }
        };
        self.at += read as u64;
        Ok(read)
    }
}

/// A file that is written from its beginning to its end.
#[derive(Debug)]
pub(crate) struct LongFile {
    file: File,
    way: Way,
    memory: Aligned,
    /// How many bytes are held in memory.
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
    pub(crate) fn over(file: File) -> Self {
        Self { file, way: Way::Unknown, memory: Aligned::of(BUFFER_BYTES), held: 0, written: 0 }
    }

    /// Adds bytes; `path` is where the file lies. Whole blocks that lie right in memory are not copied.
    pub(crate) fn write(&mut self, mut content: &[u8], path: &Path) -> io::Result<()> {
        while !content.is_empty() {
            if self.held == 0 && content.len() >= BUFFER_BYTES && lies_right(content) {
                let (now, later) = content.split_at(content.len() - content.len() % BLOCK_BYTES);
                self.open(path);
                put(&self.file, &mut self.way, now, self.written)?;
                self.written += now.len() as u64;
                content = later;
                continue;
            }
            let (now, later) = content.split_at(content.len().min(BUFFER_BYTES - self.held));
            let at = self.held;
            if let Some(place) = self.memory.bytes_mut().get_mut(at..at + now.len()) {
                place.copy_from_slice(now);
            }
            self.held += now.len();
            content = later;
            if self.held == BUFFER_BYTES {
                self.open(path);
                self.put_held(BUFFER_BYTES)?;
                self.held = 0;
            }
        }
        Ok(())
    }

    /// Writes the rest; all of it is durable when this returns.
    pub(crate) fn finish(&mut self) -> io::Result<()> {
        let rest = self.held % BLOCK_BYTES;
        let whole = self.held - rest;
        self.put_held(whole)?;
        let rest = self.memory.bytes().get(whole..whole + rest).unwrap_or_default();
        self.file.write_all_at(rest, self.written)?;
        self.written += rest.len() as u64;
        self.held = 0;
        self.file.sync_all()
    }

    fn open(&mut self, path: &Path) {
        if matches!(self.way, Way::Unknown) {
            let flags = OFlag::O_DIRECT.bits();
            let direct = OpenOptions::new().write(true).custom_flags(flags).open(path);
            self.way = direct.map_or(Way::Cached, Way::Direct);
        }
    }

    /// Writes so many of the bytes that are held, whole blocks.
    fn put_held(&mut self, count: usize) -> io::Result<()> {
        let bytes = self.memory.bytes().get(..count).unwrap_or_default();
        put(&self.file, &mut self.way, bytes, self.written)?;
        self.written += count as u64;
        Ok(())
    }
}

/// Writes whole blocks.
fn put(file: &File, way: &mut Way, bytes: &[u8], at: u64) -> io::Result<()> {
    let direct = match way {
        Way::Direct(file) if !bytes.is_empty() && lies_right(bytes) => Some(file.write_all_at(bytes, at)),
        _ => None,
    };
    match direct {
        Some(Ok(())) => Ok(()),
        // The file system opens files so and then does not write to them so, or wants larger blocks.
        Some(Err(error)) if error.kind() == io::ErrorKind::InvalidInput => {
            *way = Way::Cached;
            file.write_all_at(bytes, at)
        }
        Some(Err(error)) => Err(error),
        None => file.write_all_at(bytes, at),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_that_lie_right_are_written_from_where_they_lie() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("long");
        let mut memory = Aligned::of((5 << 20) + 77);
        for (at, byte) in memory.bytes_mut().iter_mut().enumerate() {
            *byte = ((at * 2_654_435_761) >> 13) as u8;
        }
        let mut file = LongFile::over(File::create_new(&path).unwrap());
        file.write(memory.bytes(), &path).unwrap();
        assert_eq!((file.written, file.held), (5 << 20, 77));
        file.write(memory.bytes(), &path).unwrap();
        file.finish().unwrap();
        assert!(std::fs::read(&path).unwrap() == [memory.bytes(), memory.bytes()].concat());
    }

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
                let mut memory = Aligned::of(bytes.next_multiple_of(BLOCK_BYTES).max(BLOCK_BYTES));
                let mut reader = LongReader::over(File::open(&path).unwrap());
                let mut filled = 0;
                loop {
                    // Odd lengths now and then lead off the blocks, and back to the usual way.
                    let rest = &mut memory.bytes_mut()[filled..];
                    let most = rest.len().min(piece);
                    match reader.read(&mut rest[..most]).unwrap() {
                        0 => break,
                        more => filled += more,
                    }
                }
                assert!(memory.bytes()[..filled] == *wanted, "{bytes} bytes read in pieces of {piece}");
            }
        }
    }
}
