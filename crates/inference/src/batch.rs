//! Rows that fit a signature.

use crate::{Error, FeatureKind, Field, Signature};

/// One column of values.
#[derive(Debug, Clone, PartialEq)]
pub enum Input {
    /// Quantities; NaN is missing.
    Numbers(Vec<f64>),
    /// Words; `None` is missing.
    Words(Vec<Option<String>>),
}

/// One value of a single row.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Value<'a> {
    /// A quantity; NaN is missing.
    Number(f64),
    /// A word; `None` is missing.
    Word(Option<&'a str>),
}

impl Input {
    /// How many values it has.
    #[must_use]
    pub fn len(&self) -> usize {
        match self {
            Self::Numbers(values) => values.len(),
            Self::Words(values) => values.len(),
        }
    }

    /// Whether it has no values.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn all_missing(field: &Field, rows: usize) -> Self {
        match field.kind {
            FeatureKind::Number => Self::Numbers(vec![f64::NAN; rows]),
            FeatureKind::Category => Self::Words(vec![None; rows]),
        }
    }

    fn first_missing(&self) -> Option<usize> {
        match self {
            Self::Numbers(values) => values.iter().position(|value| value.is_nan()),
            Self::Words(values) => values.iter().position(Option::is_none),
        }
    }

    /// The column as `field` takes it. A column of nothing but holes fits either kind.
    fn fitted(self, field: &Field) -> Result<Self, Error> {
        let input = match (self, field.kind) {
            (Self::Numbers(values), FeatureKind::Number) => {
                if let Some(row) = values.iter().position(|value| value.is_infinite()) {
                    return Err(Error::NotFiniteInput { field: field.name.clone(), row });
                }
                Self::Numbers(values)
            }
            (Self::Words(values), FeatureKind::Category) => Self::Words(values),
            (Self::Words(values), FeatureKind::Number) => {
                if values.iter().any(Option::is_some) {
                    return Err(wrong_type(field));
                }
                Self::Numbers(vec![f64::NAN; values.len()])
            }
            (Self::Numbers(values), FeatureKind::Category) => {
                if !values.iter().all(|value| value.is_nan()) {
                    return Err(wrong_type(field));
                }
                Self::Words(vec![None; values.len()])
            }
        };
        match input.first_missing() {
            Some(row) if field.required => Err(Error::MissingValue { field: field.name.clone(), row }),
            _ => Ok(input),
        }
    }

    fn slice(&self, from: usize, to: usize) -> Self {
        match self {
            Self::Numbers(values) => Self::Numbers(values.get(from..to).unwrap_or_default().to_vec()),
            Self::Words(values) => Self::Words(values.get(from..to).unwrap_or_default().to_vec()),
        }
    }

    fn take(&self, rows: &[usize]) -> Self {
        match self {
            Self::Numbers(values) => {
                Self::Numbers(rows.iter().map(|row| values.get(*row).copied().unwrap_or(f64::NAN)).collect())
            }
            Self::Words(values) => {
                Self::Words(rows.iter().map(|row| values.get(*row).cloned().flatten()).collect())
            }
        }
    }
}

fn wrong_type(field: &Field) -> Error {
    let (expected, found) = match field.kind {
        FeatureKind::Number => ("numbers", "words"),
        FeatureKind::Category => ("words", "numbers"),
    };
    Error::WrongType { field: field.name.clone(), expected, found }
}

/// Rows in columns, checked against a signature and in its order.
#[derive(Debug, Clone, PartialEq)]
pub struct Batch {
    inputs: Vec<Input>,
    rows: usize,
}

impl Batch {
    /// Puts named columns into the order of `signature`. An optional field that is not given is
    /// missing in every row. Fails, naming the field, when one is unknown, given twice, required
    /// and missing, of the wrong type, infinite, or of another length than the rest.
    pub fn from_columns(signature: &Signature, columns: Vec<(String, Input)>) -> Result<Self, Error> {
        let rows = columns.first().map_or(0, |(_, column)| column.len());
        let mut places: Vec<Option<Input>> = signature.inputs.iter().map(|_| None).collect();
        for (name, column) in columns {
            if column.len() != rows {
                return Err(Error::UnequalRows { field: name, expected: rows, found: column.len() });
            }
            let place = signature.position(&name).and_then(|position| places.get_mut(position));
            match place {
                None => {
                    let nearest = signature.nearest(&name).map(str::to_owned);
                    return Err(Error::UnknownField { field: name, nearest });
                }
                Some(Some(_)) => return Err(Error::RepeatedField { field: name }),
                Some(place) => *place = Some(column),
            }
        }
        let mut inputs = Vec::with_capacity(places.len());
        for (field, place) in signature.inputs.iter().zip(places) {
            match place {
                Some(column) => inputs.push(column.fitted(field)?),
                None if field.required => return Err(Error::MissingField { field: field.name.clone() }),
                None => inputs.push(Input::all_missing(field, rows)),
            }
        }
        Ok(Self { inputs, rows })
    }

    /// The columns, in the order of the signature.
    #[must_use]
    pub fn inputs(&self) -> &[Input] {
        &self.inputs
    }

    /// How many rows there are.
    #[must_use]
    pub const fn rows(&self) -> usize {
        self.rows
    }

    /// The rows from `from` up to but without `to`, cut at the end of the batch.
    #[must_use]
    pub fn slice(&self, from: usize, to: usize) -> Self {
        let to = to.min(self.rows);
        let from = from.min(to);
        Self { inputs: self.inputs.iter().map(|input| input.slice(from, to)).collect(), rows: to - from }
    }

    /// The named rows in that order; a row that is not there is missing throughout.
    #[must_use]
    pub fn take(&self, rows: &[usize]) -> Self {
        Self { inputs: self.inputs.iter().map(|input| input.take(rows)).collect(), rows: rows.len() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn signature() -> Signature {
        Signature {
            inputs: vec![Field::number("temp").required(), Field::category("weather")],
            output: Field::number("volume"),
        }
    }

    fn check(columns: &[(&str, Input)], expected: &str) {
        let columns = columns.iter().map(|(name, input)| ((*name).to_owned(), input.clone())).collect();
        let found = match Batch::from_columns(&signature(), columns) {
            Ok(batch) => format!("{} rows", batch.rows()),
            Err(error) => error.to_string(),
        };
        assert_eq!(found, expected);
    }

    fn numbers(values: &[f64]) -> Input {
        Input::Numbers(values.to_vec())
    }

    fn words(values: &[&str]) -> Input {
        Input::Words(values.iter().map(|word| Some((*word).to_owned())).collect())
    }

    #[test]
    fn what_does_not_fit_names_its_field() {
        let (temp, weather) = (numbers(&[280.0, 281.0]), words(&["Clear", "Rain"]));
        check(&[("weather", weather.clone()), ("temp", temp.clone())], "2 rows");
        check(&[("temp", temp.clone())], "2 rows");
        check(&[("temp", temp.clone()), ("weather", Input::Numbers(vec![f64::NAN; 2]))], "2 rows");
        check(&[("weather", weather.clone())], "the required field `temp` is missing");
        check(&[("temp", numbers(&[1.0, f64::NAN]))], "the required field `temp` has no value in row 1");
        check(&[("temp", numbers(&[f64::INFINITY]))], "the field `temp` has an infinite number in row 0");
        check(&[("temp", weather)], "the field `temp` takes numbers, but words were given");
        check(
            &[("temp", temp.clone()), ("weather", temp.clone())],
            "the field `weather` takes words, but numbers were given",
        );
        check(&[("temp", temp.clone()), ("wether", temp.clone())], "the model has no field `wether`");
        check(&[("temp", temp.clone()), ("temp", temp.clone())], "the field `temp` was given twice");
        check(
            &[("temp", temp), ("weather", words(&["Clear"]))],
            "the field `weather` has 1 rows, others have 2",
        );
    }

    #[test]
    fn the_nearest_field_is_the_hint() {
        let error =
            Batch::from_columns(&signature(), vec![("wether".to_owned(), numbers(&[1.0]))]).unwrap_err();
        assert_eq!(base::Failure::hint(&error).unwrap(), "did you mean `weather`?");
    }

    #[test]
    fn slices_are_cut_at_the_end() {
        let batch =
            Batch::from_columns(&signature(), vec![("temp".to_owned(), numbers(&[1.0, 2.0, 3.0]))]).unwrap();
        assert_eq!(batch.slice(1, 99).rows(), 2);
        assert_eq!(batch.slice(7, 9).rows(), 0);
        assert_eq!(batch.take(&[2, 0]).inputs()[0], numbers(&[3.0, 1.0]));
    }
}
