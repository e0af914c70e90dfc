//! Standard base64 with padding, for sketches inside JSON.

const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// Writes bytes as base64.
pub(crate) fn encode(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for chunk in bytes.chunks(3) {
        let mut word = 0_u32;
        for (at, byte) in chunk.iter().enumerate() {
            word |= u32::from(*byte) << (16 - 8 * at);
        }
        for place in 0..4 {
            if place <= chunk.len() {
                let sextet = (word >> (18 - 6 * place)) & 0x3f;
                text.push(char::from(ALPHABET.get(sextet as usize).copied().unwrap_or(b'=')));
            } else {
                text.push('=');
            }
        }
    }
    text
}

/// Reads base64; `None` when a character, the length or the padding is wrong.
pub(crate) fn decode(text: &str) -> Option<Vec<u8>> {
    let bytes = text.as_bytes();
    if !bytes.len().is_multiple_of(4) {
        return None;
    }
    let chunks = bytes.len() / 4;
    let mut out = Vec::with_capacity(chunks * 3);
    for (index, chunk) in bytes.chunks(4).enumerate() {
        let padding = chunk.iter().rev().take_while(|byte| **byte == b'=').count();
        if padding > 2 || (padding > 0 && index + 1 != chunks) {
            return None;
        }
        let mut word = 0_u32;
        for byte in chunk.iter().take(4 - padding) {
            word = (word << 6) | u32::try_from(ALPHABET.iter().position(|letter| letter == byte)?).ok()?;
        }
        word <<= 6 * padding;
        out.extend(word.to_be_bytes().iter().skip(1).take(3 - padding));
    }
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::{decode, encode};

    #[test]
    fn known_words_are_written_as_the_standard_says() {
        for (plain, coded) in
            [("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foobar", "Zm9vYmFy")]
        {
            assert_eq!(encode(plain.as_bytes()), coded);
            assert_eq!(decode(coded).as_deref(), Some(plain.as_bytes()));
        }
    }

    #[test]
    fn broken_text_is_refused() {
        for broken in ["Zg=", "Z===", "Zg==Zg==", "Zm9*", "é"] {
            assert_eq!(decode(broken), None, "{broken}");
        }
    }
}
