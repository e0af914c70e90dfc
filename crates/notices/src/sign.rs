//! Signatures of webhooks, as Standard Webhooks defines them.

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

/// `v1,` and the base64 of HMAC-SHA-256 over `id.timestamp.body`.
///
/// A receiver computes the same with its copy of the key and compares in constant time; `timestamp` (seconds) lets it
/// refuse what is too old.
#[must_use]
pub fn signature(key: &[u8], id: &str, timestamp: i64, body: &[u8]) -> String {
    // HMAC takes keys of any length.
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(key) else { return String::new() };
    mac.update(format!("{id}.{timestamp}.").as_bytes());
    mac.update(body);
    format!("v1,{}", base64(&mac.finalize().into_bytes()))
}

fn base64(bytes: &[u8]) -> String {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for chunk in bytes.chunks(3) {
        let at = |index: usize| u32::from(chunk.get(index).copied().unwrap_or_default());
        let word = (at(0) << 16) | (at(1) << 8) | at(2);
        for place in 0..4_usize {
            let letter = LETTERS.get(((word >> (18 - 6 * place)) & 63) as usize).copied().unwrap_or(b'=');
            text.push(if place > chunk.len() { '=' } else { char::from(letter) });
        }
    }
    text
}
