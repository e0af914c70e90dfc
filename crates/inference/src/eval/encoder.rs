//! Turns words into codes, and columns into rows of numbers.

use std::collections::{BTreeMap, HashMap};

use super::damaged;
use crate::batch::{Batch, Input, Value};
use crate::{Error, FeatureKind, LIMITS, Signature};

/// The known words of each input; `None` for numbers.
#[derive(Debug)]
pub(crate) struct Encoder {
    codes: Vec<Option<HashMap<Box<str>, f64>>>,
}

impl Encoder {
    pub(crate) fn new(
        signature: &Signature,
        vocabularies: &BTreeMap<String, Vec<String>>,
    ) -> Result<Self, Error> {
        let words = vocabularies.values().map(Vec::len).sum();
        if words > LIMITS.words {
            return Err(Error::TooLarge { what: "words", found: words, most: LIMITS.words });
        }
        for name in vocabularies.keys() {
            let field = signature.inputs.iter().find(|field| field.name == *name);
            if field.is_none_or(|field| field.kind != FeatureKind::Category) {
                return Err(damaged(
                    format!("vocabularies.{name}"),
                    "no category of the signature has this name",
                ));
            }
        }
        let codes = signature.inputs.iter().map(|field| match field.kind {
            FeatureKind::Number => Ok(None),
            FeatureKind::Category => {
                let words = vocabularies.get(&field.name).map(Vec::as_slice).unwrap_or_default();
                let mut codes = HashMap::with_capacity(words.len());
                for (code, word) in words.iter().enumerate() {
                    if codes.insert(word.as_str().into(), code as f64).is_some() {
                        let place = format!("vocabularies.{}[{code}]", field.name);
                        return Err(damaged(place, "the word is there twice"));
                    }
                }
                Ok(Some(codes))
            }
        });
        Ok(Self { codes: codes.collect::<Result<_, _>>()? })
    }

    /// The length of the vocabulary of an input, which is the code of unknown words too; `None`
    /// for numbers.
    pub(crate) fn vocabulary_len(&self, input: usize) -> Option<usize> {
        self.codes.get(input).and_then(Option::as_ref).map(HashMap::len)
    }

    /// Fills `block` with the rows from `from` up to but without `to`.
    pub(crate) fn encode_block(
        &self,
        signature: &Signature,
        batch: &Batch,
        from: usize,
        to: usize,
        block: &mut Vec<f64>,
    ) -> Result<(), Error> {
        let width = self.codes.len();
        if batch.inputs().len() != width {
            return Err(Error::WrongInputs { expected: width, found: batch.inputs().len() });
        }
        block.clear();
        block.resize((to - from) * width, f64::NAN);
        for (place, (input, codes)) in batch.inputs().iter().zip(&self.codes).enumerate() {
            let cells = block.iter_mut().skip(place).step_by(width.max(1));
            match (input, codes) {
                (Input::Numbers(values), None) => {
                    for (cell, value) in cells.zip(values.iter().skip(from)) {
                        *cell = *value;
                    }
                }
                (Input::Words(values), Some(codes)) => {
                    for (cell, value) in cells.zip(values.iter().skip(from)) {
                        *cell = code(codes, value.as_deref());
                    }
                }
                (Input::Numbers(_), Some(_)) => return Err(wrong_type(signature, place, "words", "numbers")),
                (Input::Words(_), None) => return Err(wrong_type(signature, place, "numbers", "words")),
            }
        }
        Ok(())
    }

    /// Fills `codes` with one row, checking all that a batch was checked for when it was built.
    pub(crate) fn encode_row(
        &self,
        signature: &Signature,
        row: &[Value<'_>],
        codes: &mut Vec<f64>,
    ) -> Result<(), Error> {
        let width = self.codes.len();
        if row.len() != width {
            return Err(Error::WrongInputs { expected: width, found: row.len() });
        }
        codes.clear();
        codes.reserve(width);
        for ((field, words), value) in signature.inputs.iter().zip(&self.codes).zip(row) {
            let cell = match (value, words) {
                (Value::Number(number), None) => *number,
                (Value::Word(word), Some(words)) => code(words, *word),
                (Value::Word(None), None) => f64::NAN,
                (Value::Number(number), Some(_)) if number.is_nan() => f64::NAN,
                (Value::Number(_), Some(_)) => {
                    return Err(wrong_type(signature, codes.len(), "words", "numbers"));
                }
                (Value::Word(_), None) => return Err(wrong_type(signature, codes.len(), "numbers", "words")),
            };
            if cell.is_infinite() {
                return Err(Error::NotFiniteInput { field: field.name.clone(), row: 0 });
            }
            if field.required && cell.is_nan() {
                return Err(Error::MissingValue { field: field.name.clone(), row: 0 });
            }
            codes.push(cell);
        }
        Ok(())
    }
}

fn code(codes: &HashMap<Box<str>, f64>, word: Option<&str>) -> f64 {
    word.map_or(f64::NAN, |word| codes.get(word).copied().unwrap_or(codes.len() as f64))
}

fn wrong_type(signature: &Signature, place: usize, expected: &'static str, found: &'static str) -> Error {
    let field = signature.inputs.get(place).map(|field| field.name.clone()).unwrap_or_default();
    Error::WrongType { field, expected, found }
}
