//! Reads the parameters of a trainer and remembers what they came to.

use std::ops::RangeInclusive;

use serde_json::{Map, Value};

use crate::Error;

/// One parameter that a trainer takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Param {
    /// Its name.
    pub name: &'static str,
    /// What it does, with its default.
    pub meaning: &'static str,
}

/// The parameters as given, read one by one.
#[derive(Debug)]
pub(crate) struct Params<'a> {
    trainer: &'static str,
    given: &'a Map<String, Value>,
    used: Map<String, Value>,
}

impl<'a> Params<'a> {
    /// Refuses names that are not in `known`.
    pub(crate) fn new(
        trainer: &'static str,
        known: &[Param],
        given: &'a Map<String, Value>,
    ) -> Result<Self, Error> {
        for name in given.keys() {
            if !known.iter().any(|param| param.name == name) {
                let nearest = base::names::nearest(name, known.iter().map(|param| param.name))
                    .and_then(|near| known.iter().find(|param| param.name == near))
                    .map(|param| param.name);
                return Err(Error::UnknownParam { trainer, name: name.clone(), nearest });
            }
        }
        Ok(Self { trainer, given, used: Map::new() })
    }

    /// A number within `range`.
    pub(crate) fn number(
        &mut self,
        name: &'static str,
        default: f64,
        range: RangeInclusive<f64>,
    ) -> Result<f64, Error> {
        let value = match self.given.get(name) {
            None => default,
            Some(value) => match value.as_f64().filter(|number| range.contains(number)) {
                Some(number) => number,
                None => {
                    let expected = format!("a number from {} to {}", range.start(), range.end());
                    return Err(self.bad(name, expected, value));
                }
            },
        };
        self.used.insert(name.to_owned(), Value::from(value));
        Ok(value)
    }

    /// A whole number within `range`.
    pub(crate) fn count(
        &mut self,
        name: &'static str,
        default: u64,
        range: RangeInclusive<u64>,
    ) -> Result<usize, Error> {
        let value = match self.given.get(name) {
            None => default,
            Some(value) => match value.as_u64().filter(|number| range.contains(number)) {
                Some(number) => number,
                None => {
                    let expected = format!("a whole number from {} to {}", range.start(), range.end());
                    return Err(self.bad(name, expected, value));
                }
            },
        };
        self.used.insert(name.to_owned(), Value::from(value));
        Ok(usize::try_from(value).unwrap_or(usize::MAX))
    }

    /// A word, if one was given.
    pub(crate) fn word(&mut self, name: &'static str) -> Result<Option<String>, Error> {
        match self.given.get(name) {
            None => Ok(None),
            Some(Value::String(word)) => Ok(Some(word.clone())),
            Some(value) => Err(self.bad(name, "a word".to_owned(), value)),
        }
    }

    /// A word that must be given.
    pub(crate) fn required_word(&mut self, name: &'static str) -> Result<String, Error> {
        match self.word(name)? {
            Some(word) => Ok(word),
            None => Err(self.bad(name, "given".to_owned(), &Value::Null)),
        }
    }

    /// Remembers a word that was settled on.
    pub(crate) fn settle(&mut self, name: &'static str, word: &str) {
        self.used.insert(name.to_owned(), Value::from(word));
    }

    /// What the parameters came to, defaults included.
    pub(crate) fn into_used(self) -> Map<String, Value> {
        self.used
    }

    fn bad(&self, name: &'static str, expected: String, found: &Value) -> Error {
        Error::BadParam { trainer: self.trainer, name, expected, found: found.to_string() }
    }
}
