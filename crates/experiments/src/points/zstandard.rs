//! Zstandard with contexts that each thread keeps: making one costs more than a small block.

use std::cell::RefCell;

use zstd::bulk::{Compressor, Decompressor};

/// Blocks are written once and read often; more effort makes them hardly smaller.
const LEVEL: i32 = 1;

thread_local! {
    static COMPRESSOR: RefCell<Option<Compressor<'static>>> = const { RefCell::new(None) };
    static DECOMPRESSOR: RefCell<Option<Decompressor<'static>>> = const { RefCell::new(None) };
}

/// The bytes made smaller; nothing when Zstandard fails, which is no reason not to keep them as they are.
pub(super) fn compressed(bytes: &[u8]) -> Option<Vec<u8>> {
    COMPRESSOR.with_borrow_mut(|kept| {
        let compressor = match kept {
            Some(compressor) => compressor,
            None => kept.insert(Compressor::new(LEVEL).ok()?),
        };
        compressor.compress(bytes).ok()
    })
}

/// What was compressed, of at most `most` bytes; nothing when it is damaged or longer.
pub(super) fn decompressed(bytes: &[u8], most: usize) -> Option<Vec<u8>> {
    DECOMPRESSOR.with_borrow_mut(|kept| {
        let decompressor = match kept {
            Some(decompressor) => decompressor,
            None => kept.insert(Decompressor::new().ok()?),
        };
        decompressor.decompress(bytes, most).ok()
    })
}
