//! Names that people give to things, and the nearest name to one that does not exist.

/// The most characters a name may have.
pub const MOST_CHARS: usize = 100;

/// A name that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    /// Nothing was given.
    #[error("a {noun} needs a name")]
    Empty {
        /// What was to be named.
        noun: &'static str,
    },
    /// It is too long.
    #[error("the name of a {noun} has at most {MOST_CHARS} characters, this one has {chars}")]
    TooLong {
        /// What was to be named.
        noun: &'static str,
        /// How long the name is.
        chars: usize,
    },
    /// It holds a character that would not survive in an address, a path or SQL.
    #[error(
        "the {noun} name `{name}` may hold letters, digits, `-`, `_` and `.` only, and begin with a letter or digit"
    )]
    BadCharacter {
        /// What was to be named.
        noun: &'static str,
        /// The name as given.
        name: String,
    },
}

/// Checks a name of a model, dataset, deployment or project: ASCII letters, digits, `-`, `_`
/// and `.`, beginning with a letter or digit. Such a name is safe in paths, addresses and SQL.
pub fn check_name(noun: &'static str, name: &str) -> Result<(), NameError> {
    let chars = name.chars().count();
    if chars == 0 {
        return Err(NameError::Empty { noun });
    }
    if chars > MOST_CHARS {
        return Err(NameError::TooLong { noun, chars });
    }
    let starts_well = name.starts_with(|first: char| first.is_ascii_alphanumeric());
    let only_safe = name.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.'));
    if starts_well && only_safe {
        Ok(())
    } else {
        Err(NameError::BadCharacter { noun, name: name.to_owned() })
    }
}

/// The candidate that `word` was most likely meant to be, if one is near enough.
pub fn nearest<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let word = word.to_lowercase();
    candidates
        .into_iter()
        .map(|candidate| (strsim::damerau_levenshtein(&word, &candidate.to_lowercase()), candidate))
        .filter(|(distance, candidate)| *distance <= 1 + word.len().max(candidate.len()) / 3)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_could_be_paths_are_refused() {
        for name in ["", "..", "a/b", "a\\b", "-a", "naïve", "a b", "a\0"] {
            assert!(check_name("model", name).is_err(), "{name:?}");
        }
        assert!(check_name("model", "traffic-2.v1_x").is_ok());
    }

    #[test]
    fn the_nearest_word_is_offered() {
        assert_eq!(nearest("chekcs", ["data", "checks", "pipeline"]), Some("checks"));
        assert_eq!(nearest("zebra", ["data", "checks"]), None);
    }
}
