//! Secrets: known by name, and their values masked wherever text is kept.

use crate::exit::hinted;

/// What stands in the place of a value.
const MASK: &[u8] = b"***";
/// The shortest value that can be masked without tearing ordinary text.
const SHORTEST: usize = 4;

/// The values of secrets, longest first.
#[derive(Debug, Clone, Default)]
pub(super) struct Secrets {
    pub(super) names: Vec<String>,
    values: Vec<Vec<u8>>,
}

impl Secrets {
    /// The secrets of these names, from the environment.
    pub(super) fn from_environment(names: &[String]) -> anyhow::Result<Self> {
        let mut values = Vec::new();
        for name in names {
            let value = std::env::var(name).map_err(|_| {
                hinted(
                    format!("the secret `{name}` is not in the environment"),
                    format!("set the variable, such as `{name}=… gingham run …`"),
                )
            })?;
            if value.len() < SHORTEST {
                return Err(hinted(
                    format!("the value of the secret `{name}` is shorter than {SHORTEST} bytes"),
                    "it could not be masked in logs",
                ));
            }
            // A value of several lines is also printed line by line.
            values.extend(
                value.lines().filter(|line| line.len() >= SHORTEST).map(|line| line.as_bytes().to_vec()),
            );
            values.push(value.into_bytes());
        }
        values.sort_unstable_by(|left, right| right.len().cmp(&left.len()).then_with(|| left.cmp(right)));
        values.dedup();
        Ok(Self { names: names.to_vec(), values })
    }

    /// Whether some value stands in the bytes.
    pub(super) fn are_in(&self, bytes: &[u8]) -> bool {
        self.values.iter().any(|value| bytes.windows(value.len()).any(|part| part == value))
    }

    /// A text without the values.
    pub(super) fn masked(&self, text: &str) -> String {
        let mut masker = Masker::new(self.clone());
        let mut bytes = masker.push(text.as_bytes());
        bytes.extend(masker.finish());
        String::from_utf8_lossy(&bytes).into_owned()
    }

    fn starting(&self, bytes: &[u8]) -> Option<usize> {
        self.values.iter().find(|value| bytes.starts_with(value)).map(Vec::len)
    }

    /// Whether the bytes, to their end, are the beginning of a value.
    fn may_begin_in(&self, bytes: &[u8]) -> bool {
        self.values.iter().any(|value| value.len() > bytes.len() && value.starts_with(bytes))
    }
}

/// Masks a stream: a value is found however the stream is cut.
#[derive(Debug)]
pub(super) struct Masker {
    secrets: Secrets,
    held: Vec<u8>,
}

impl Masker {
    pub(super) fn new(secrets: Secrets) -> Self {
        Self { secrets, held: Vec::new() }
    }

    /// Takes bytes and answers those that are safe by now.
    pub(super) fn push(&mut self, bytes: &[u8]) -> Vec<u8> {
        if self.secrets.values.is_empty() {
            return bytes.to_vec();
        }
        self.held.extend_from_slice(bytes);
        self.take(false)
    }

    /// What is left at the end.
    pub(super) fn finish(&mut self) -> Vec<u8> {
        self.take(true)
    }

    /// Masks what is held. Until the end, what may be the beginning of a value stays held, and nothing else: a line
    /// goes out whole.
    fn take(&mut self, is_end: bool) -> Vec<u8> {
        let mut safe = Vec::with_capacity(self.held.len());
        let mut at = 0;
        while let Some(rest) = self.held.get(at..).filter(|rest| !rest.is_empty()) {
            if !is_end && self.secrets.may_begin_in(rest) {
                break;
            }
            if let Some(length) = self.secrets.starting(rest) {
                safe.extend_from_slice(MASK);
                at += length;
            } else {
                safe.extend(rest.first());
                at += 1;
            }
        }
        self.held.drain(..at);
        safe
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secrets(values: &[&str]) -> Secrets {
        let mut values: Vec<Vec<u8>> = values.iter().map(|value| value.as_bytes().to_vec()).collect();
        values.sort_unstable_by_key(|value| std::cmp::Reverse(value.len()));
        Secrets { names: Vec::new(), values }
    }

    #[test]
    fn a_value_is_masked_wherever_the_stream_is_cut() {
        let text = b"token=hunter22; again hunter22\nhunter2 is none";
        for cut in 0..text.len() {
            let mut masker = Masker::new(secrets(&["hunter22"]));
            let mut out = masker.push(&text[..cut]);
            out.extend(masker.push(&text[cut..]));
            out.extend(masker.finish());
            assert_eq!(String::from_utf8(out).unwrap(), "token=***; again ***\nhunter2 is none", "cut {cut}");
        }
    }

    #[test]
    fn a_line_goes_out_whole_as_soon_as_it_is_printed() {
        let mut masker = Masker::new(secrets(&["hunter22"]));
        assert_eq!(masker.push(b"it is hunter22\n"), b"it is ***\n");
        assert_eq!(masker.push(b"and hunt"), b"and ");
        assert_eq!(masker.push(b"ed\n"), b"hunted\n");
    }

    #[test]
    fn the_longer_of_two_values_is_masked_whole() {
        assert_eq!(secrets(&["abcd", "abcdefgh"]).masked("xabcdefghx abcd"), "x***x ***");
    }

    #[test]
    fn without_secrets_nothing_is_held_back() {
        let mut masker = Masker::new(Secrets::default());
        assert_eq!(masker.push(b"a"), b"a");
    }
}
