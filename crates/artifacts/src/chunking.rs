//! Where a stream is cut.
//!
//! The cuts follow the content (FastCDC), so that two versions of a file that share most of their
//! bytes share most of their chunks, wherever bytes were put in or taken out.

use fastcdc::v2020::FastCDC;

/// The least bytes of a chunk that is not the last.
pub(crate) const LEAST_BYTES: usize = 64 << 10;
/// Where a chunk begins to be usual: from here on a cut is likelier. The mean is about 160 KiB.
const USUAL_BYTES: usize = 128 << 10;
/// The most bytes of a chunk.
pub(crate) const MOST_BYTES: usize = 512 << 10;

/// How long the first chunk of `bytes` is. Unless these are the last bytes, give at least [`MOST_BYTES`].
pub(crate) fn first(bytes: &[u8]) -> usize {
    let length = bytes.len();
    let (_, end) = FastCDC::new(bytes, LEAST_BYTES, USUAL_BYTES, MOST_BYTES).cut(0, length);
    end.clamp(length.min(1), length)
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

    fn chunks(content: &[u8]) -> Vec<&[u8]> {
        let mut found = Vec::new();
        let mut rest = content;
        while !rest.is_empty() {
            let (chunk, after) = rest.split_at(first(rest));
            found.push(chunk);
            rest = after;
        }
        found
    }

    #[test]
    fn chunks_are_the_content_and_none_is_too_long() {
        let content = noise(9 << 20, 1);
        let whole = chunks(&content);
        assert_eq!(whole.concat(), content);
        assert!(whole.iter().all(|chunk| chunk.len() <= MOST_BYTES));
    }

    #[test]
    fn bytes_put_in_anywhere_leave_most_chunks_as_they_were() {
        let content = noise(16 << 20, 2);
        let before: std::collections::HashSet<&[u8]> = chunks(&content).into_iter().collect();
        for at in [0, 1 << 20, 7_654_321, 15 << 20] {
            let mut changed = content.clone();
            changed.splice(at..at, noise(100_000, 3));
            let new: usize = chunks(&changed).iter().filter(|c| !before.contains(*c)).map(|c| c.len()).sum();
            assert!(new < 1_600_000, "{new} bytes are new after 100,000 were put in at {at}");
        }
    }
}
