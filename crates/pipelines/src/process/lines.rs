//! Bytes into lines of bounded length, and the end of a stream of any length.

/// Splits bytes into lines as they come.
pub(super) struct Lines<F> {
    most: usize,
    pending: Vec<u8>,
    /// Whether the rest of a line that was cut is being skipped.
    skipping: bool,
    count: u64,
    on_line: F,
}

impl<F: FnMut(&str)> Lines<F> {
    pub(super) fn new(most: usize, on_line: F) -> Self {
        Self { most: most.max(1), pending: Vec::new(), skipping: false, count: 0, on_line }
    }

    pub(super) fn push(&mut self, bytes: &[u8]) {
        for part in bytes.split_inclusive(|byte| *byte == b'\n') {
            let (text, ends) = match part.split_last() {
                Some((b'\n', text)) => (text, true),
                _ => (part, false),
            };
            if !self.skipping {
                let room = self.most - self.pending.len();
                self.pending.extend(text.iter().take(room));
                if ends || text.len() > room {
                    self.tell();
                    self.skipping = true;
                }
            }
            if ends {
                self.skipping = false;
            }
        }
    }

    /// Tells a last line without an end, and answers how many lines there were.
    pub(super) fn finish(mut self) -> u64 {
        if !self.pending.is_empty() {
            self.tell();
        }
        self.count
    }

    fn tell(&mut self) {
        let line = String::from_utf8_lossy(&self.pending);
        (self.on_line)(line.strip_suffix('\r').unwrap_or(&line));
        self.count += 1;
        self.pending.clear();
    }
}

/// Keeps the last bytes of a stream.
pub(super) struct Tail {
    most: usize,
    kept: Vec<u8>,
}

impl Tail {
    pub(super) fn new(most: usize) -> Self {
        Self { most, kept: Vec::new() }
    }

    pub(super) fn push(&mut self, bytes: &[u8]) {
        self.kept.extend_from_slice(bytes);
        // Cut only now and then, so that many small pieces are not moved each time.
        if self.kept.len() > 2 * self.most {
            self.cut();
        }
    }

    pub(super) fn into_text(mut self) -> String {
        self.cut();
        String::from_utf8_lossy(&self.kept).into_owned()
    }

    fn cut(&mut self) {
        let excess = self.kept.len().saturating_sub(self.most);
        self.kept.drain(..excess);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn lines(pieces: &[&[u8]], most: usize) -> Vec<String> {
        let mut found = Vec::new();
        let mut lines = Lines::new(most, |line: &str| found.push(line.to_owned()));
        pieces.iter().for_each(|piece| lines.push(piece));
        lines.finish();
        found
    }

    #[test]
    fn lines_are_whole_however_they_come() {
        assert_eq!(lines(&[b"one\ntw", b"o\r\n", b"\nlast"], 99), ["one", "two", "", "last"]);
        assert_eq!(lines(&[b"abc", b"def\nxy\n"], 4), ["abcd", "xy"]);
        assert_eq!(lines(&[b"abcd\nxy\n"], 4), ["abcd", "xy"]);
        assert_eq!(lines(&[b"ab\xff\n"], 4), ["ab\u{fffd}"]);
    }

    #[test]
    fn the_tail_is_the_end() {
        let mut tail = Tail::new(5);
        for piece in ["abc", "defgh", "ij", "k"] {
            tail.push(piece.as_bytes());
        }
        assert_eq!(tail.into_text(), "ghijk");
    }

    proptest! {
        #[test]
        fn cutting_into_pieces_changes_nothing(text in "[ab\n]{0,60}", cut in 0usize..60) {
            let cut = cut.min(text.len());
            let (left, right) = text.as_bytes().split_at(cut);
            prop_assert_eq!(lines(&[left, right], 7), lines(&[text.as_bytes()], 7));
        }
    }
}
