//! The vocabulary of a category.

use std::collections::HashMap;

/// The most frequent words, at most `most` of them, in alphabetical order.
pub(crate) fn vocabulary(words: &[Option<String>], most: usize) -> Vec<String> {
    let mut counts: HashMap<&str, usize> = HashMap::new();
    for word in words.iter().flatten() {
        *counts.entry(word).or_default() += 1;
    }
    let mut counts: Vec<_> = counts.into_iter().collect();
    counts.sort_by(|left, right| right.1.cmp(&left.1).then(left.0.cmp(right.0)));
    counts.truncate(most);
    let mut words: Vec<String> = counts.into_iter().map(|(word, _)| word.to_owned()).collect();
    words.sort();
    words
}

/// The code of each word: its place in `vocabulary`, the length of it for other words, and one
/// more for missing ones.
pub(crate) fn codes(words: &[Option<String>], vocabulary: &[String]) -> Vec<usize> {
    let places: HashMap<&str, usize> =
        vocabulary.iter().enumerate().map(|(code, word)| (word.as_str(), code)).collect();
    let code = |word: &Option<String>| match word {
        None => vocabulary.len() + 1,
        Some(word) => places.get(word.as_str()).copied().unwrap_or(vocabulary.len()),
    };
    words.iter().map(code).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rare_words_are_left_out_and_missing_ones_set_apart() {
        let words: Vec<_> = ["b", "a", "b", "c", ""]
            .iter()
            .map(|word| (!word.is_empty()).then(|| (*word).to_owned()))
            .collect();
        let vocabulary = vocabulary(&words, 2);
        assert_eq!(vocabulary, ["a", "b"]);
        assert_eq!(codes(&words, &vocabulary), [1, 0, 1, 2, 3]);
    }
}
