//! Where a stream is cut.
//!
//! The cuts follow the content (FastCDC), so that two versions of a file that share most of their
//! bytes share most of their chunks, wherever bytes were put in or taken out.

use bytes::{Bytes, BytesMut};
use fastcdc::v2020::FastCDC;

/// The least bytes of a chunk that is not the last.
pub(crate) const LEAST_BYTES: usize = 256 << 10;
/// The bytes of a usual chunk.
const USUAL_BYTES: usize = 1 << 20;
/// The most bytes of a chunk; no object of the store that holds content is longer.
pub(crate) const MOST_BYTES: usize = 4 << 20;

/// Cuts a stream; holds at most two chunks.
#[derive(Debug, Default)]
pub(crate) struct Chunker {
    buffer: BytesMut,
}

impl Chunker {
    /// Adds bytes; at most [`MOST_BYTES`] at a time, and [`Chunker::next_full`] until it is empty between.
    pub(crate) fn push(&mut self, bytes: &[u8]) {
        self.buffer.extend_from_slice(bytes);
    }

    /// A chunk that more bytes could not change, if there is one.
    pub(crate) fn next_full(&mut self) -> Option<Bytes> {
        (self.buffer.len() >= MOST_BYTES).then(|| self.cut())
    }

    /// The chunks that are left when the stream has ended.
    pub(crate) fn next_rest(&mut self) -> Option<Bytes> {
        (!self.buffer.is_empty()).then(|| self.cut())
    }

    fn cut(&mut self) -> Bytes {
        let length = self.buffer.len();
        let (_, end) = FastCDC::new(&self.buffer, LEAST_BYTES, USUAL_BYTES, MOST_BYTES).cut(0, length);
        self.buffer.split_to(end.clamp(1, length)).freeze()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn noise(bytes: usize, seed: u8) -> Vec<u8> {
        let mut content = Vec::with_capacity(bytes);
        let mut block = *base::Digest::of([seed]).as_bytes();
        while content.len() < bytes {
            content.extend_from_slice(&block);
            block = *base::Digest::of(block).as_bytes();
        }
        content.truncate(bytes);
        content
    }

    fn chunks(content: &[u8], step: usize) -> Vec<Bytes> {
        let mut chunker = Chunker::default();
        let mut found = Vec::new();
        for piece in content.chunks(step) {
            chunker.push(piece);
            found.extend(std::iter::from_fn(|| chunker.next_full()));
        }
        found.extend(std::iter::from_fn(|| chunker.next_rest()));
        found
    }

    #[test]
    fn the_cuts_do_not_depend_on_how_the_bytes_arrive() {
        let content = noise(9 << 20, 1);
        let whole = chunks(&content, 4 << 20);
        assert_eq!(whole, chunks(&content, 70_001));
        assert_eq!(whole.concat(), content);
        assert!(whole.iter().all(|chunk| chunk.len() <= MOST_BYTES));
    }

    #[test]
    fn a_byte_at_the_front_leaves_most_chunks_as_they_were() {
        let content = noise(16 << 20, 2);
        let before = chunks(&content, 1 << 20);
        let after = chunks(&[b"x".as_slice(), &content].concat(), 1 << 20);
        let kept = after.iter().filter(|chunk| before.contains(chunk)).count();
        assert!(kept + 2 >= before.len(), "{kept} of {} chunks kept", before.len());
    }
}
