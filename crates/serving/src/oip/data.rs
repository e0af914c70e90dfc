//! The elements of a tensor in JSON, flat or nested.

use std::fmt;

use serde::Deserialize;
use serde::de::{DeserializeSeed, Deserializer, Error as _, SeqAccess, Visitor};

/// The elements of a tensor in row-major order, with the shape they were nested in.
#[derive(Debug, Clone, PartialEq)]
pub struct Data {
    /// The elements.
    pub values: Vec<Scalar>,
    /// How they were nested; one number when flat.
    pub nesting: Vec<usize>,
}

/// An element as JSON has it.
#[derive(Debug, Clone, PartialEq)]
pub enum Scalar {
    /// No value.
    Null,
    /// True or false.
    Bool(bool),
    /// A whole number.
    Int(i64),
    /// A whole number beyond those.
    Uint(u64),
    /// A number with a fraction or an exponent.
    Real(f64),
    /// A text.
    Text(String),
}

impl fmt::Display for Scalar {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Null => formatter.write_str("null"),
            Self::Bool(value) => value.fmt(formatter),
            Self::Int(value) => value.fmt(formatter),
            Self::Uint(value) => value.fmt(formatter),
            Self::Real(value) => value.fmt(formatter),
            Self::Text(value) => write!(formatter, "\"{}\"", value.chars().take(40).collect::<String>()),
        }
    }
}

/// How deep tensors may be nested.
const DEEPEST: usize = 8;

impl<'de> Deserialize<'de> for Data {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Outermost;
        impl<'de> Visitor<'de> for Outermost {
            type Value = Data;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("an array of elements")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, elements: A) -> Result<Data, A::Error> {
                let mut data = Data { values: Vec::new(), nesting: Vec::new() };
                read_array(&mut data, 0, elements)?;
                Ok(data)
            }
        }
        deserializer.deserialize_seq(Outermost)
    }
}

/// Reads one array at a depth; all arrays at one depth must have one length.
fn read_array<'de, A: SeqAccess<'de>>(
    data: &mut Data,
    depth: usize,
    mut elements: A,
) -> Result<(), A::Error> {
    if depth >= DEEPEST {
        return Err(A::Error::custom("the data is nested too deeply"));
    }
    // Its place is taken before those of the arrays within it.
    let first = data.nesting.len() == depth;
    if first {
        data.nesting.push(0);
    }
    let mut length = 0;
    while elements.next_element_seed(Element { data: &mut *data, depth: depth + 1 })?.is_some() {
        length += 1;
    }
    match data.nesting.get_mut(depth) {
        Some(known) if first => *known = length,
        Some(known) if *known == length => {}
        _ => return Err(A::Error::custom("the nested arrays have different lengths")),
    }
    Ok(())
}

/// One element, which may be an array again.
struct Element<'a> {
    data: &'a mut Data,
    depth: usize,
}

impl Element<'_> {
    fn push<E: serde::de::Error>(self, value: Scalar) -> Result<(), E> {
        if self.data.nesting.len() != self.depth {
            return Err(E::custom("the data mixes elements and arrays"));
        }
        self.data.values.push(value);
        Ok(())
    }
}

impl<'de> DeserializeSeed<'de> for Element<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Element<'_> {
    type Value = ();

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a number, a text, true, false, null or an array of them")
    }

    fn visit_unit<E: serde::de::Error>(self) -> Result<(), E> {
        self.push(Scalar::Null)
    }

    fn visit_bool<E: serde::de::Error>(self, value: bool) -> Result<(), E> {
        self.push(Scalar::Bool(value))
    }

    fn visit_i64<E: serde::de::Error>(self, value: i64) -> Result<(), E> {
        self.push(Scalar::Int(value))
    }

    fn visit_u64<E: serde::de::Error>(self, value: u64) -> Result<(), E> {
        self.push(i64::try_from(value).map_or(Scalar::Uint(value), Scalar::Int))
    }

    fn visit_f64<E: serde::de::Error>(self, value: f64) -> Result<(), E> {
        self.push(Scalar::Real(value))
    }

    fn visit_str<E: serde::de::Error>(self, value: &str) -> Result<(), E> {
        self.push(Scalar::Text(value.to_owned()))
    }

    fn visit_string<E: serde::de::Error>(self, value: String) -> Result<(), E> {
        self.push(Scalar::Text(value))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, elements: A) -> Result<(), A::Error> {
        // An array after an element at the same depth finds no place for its length.
        if self.data.nesting.len() == self.depth && !self.data.values.is_empty() {
            return Err(A::Error::custom("the data mixes elements and arrays"));
        }
        read_array(self.data, self.depth, elements)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn data(json: &str) -> Result<Data, String> {
        serde_json::from_str(json).map_err(|error| error.to_string())
    }

    #[test]
    fn flat_and_nested_data_are_one() {
        let flat = data("[1, 2.5, null, \"x\", true, 18446744073709551615]").unwrap();
        assert_eq!(flat.nesting, [6]);
        assert_eq!(flat.values[5], Scalar::Uint(u64::MAX));
        let nested = data("[[[1, 2]], [[3, 4]], [[5, 6]]]").unwrap();
        assert_eq!(nested.nesting, [3, 1, 2]);
        assert_eq!(nested.values, (1..=6).map(Scalar::Int).collect::<Vec<_>>());
        assert_eq!(data("[]").unwrap(), Data { values: Vec::new(), nesting: vec![0] });
    }

    #[test]
    fn uneven_data_is_refused() {
        for (json, why) in [
            ("[[1], [2, 3]]", "different lengths"),
            ("[1, [2]]", "mixes elements and arrays"),
            ("[[1], 2]", "mixes elements and arrays"),
            ("[[[[[[[[[1]]]]]]]]]", "nested too deeply"),
            ("[{}]", "invalid type: map"),
            ("3", "an array of elements"),
            ("[1e999]", "number out of range"),
        ] {
            let error = data(json).unwrap_err();
            assert!(error.contains(why), "{json}: {error}");
        }
    }
}
