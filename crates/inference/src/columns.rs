//! Columns of a table as the inputs of an engine.

use crate::batch::Input;
use crate::onnx::converted;
use crate::{Data, ElementType, Error, Tensor, TensorSpec};

/// One column.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ColumnField {
    /// Its name.
    pub name: String,
    /// What its values become.
    pub element_type: ElementType,
    /// Whether each row must have a value.
    pub required: bool,
}

/// Which columns go into which input.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Columns {
    /// The columns, in their order.
    pub fields: Vec<ColumnField>,
    /// For each input of the engine: its type, and how many columns it takes, and whether it is a
    /// matrix.
    inputs: Vec<(String, ElementType, usize, bool)>,
}

impl Columns {
    /// The columns that inputs take. `names` names them where there are as many as columns; else an
    /// input of one column gives its own name, and one of several numbers them.
    #[must_use]
    pub fn of(specs: &[TensorSpec], names: Option<&[String]>) -> Self {
        let open = specs.iter().filter(|spec| is_open(spec)).count();
        let known: usize = specs.iter().filter(|spec| !is_open(spec)).map(TensorSpec::width).sum();
        let rest = names.map_or(0, <[String]>::len).saturating_sub(known);
        let width =
            |spec: &TensorSpec| if is_open(spec) && open == 1 && rest > 0 { rest } else { spec.width() };
        let total: usize = specs.iter().map(width).sum();
        let names = names.filter(|names| names.len() == total);
        // Inputs of one column each are found by their own names, whatever the order of `names` is.
        let by_name = names.is_some_and(|names| {
            specs.iter().all(|spec| width(spec) == 1) && specs.iter().all(|spec| names.contains(&spec.name))
        });
        let mut given = names.filter(|_| !by_name).map(|names| names.iter());
        let mut fields = Vec::with_capacity(total);
        for spec in specs {
            let width = width(spec);
            for column in 0..width {
                let own = if width == 1 { spec.name.clone() } else { format!("{}_{column}", spec.name) };
                let name = given.as_mut().and_then(Iterator::next).cloned().unwrap_or(own);
                let required = !(spec.element_type.is_float() || spec.element_type == ElementType::Text);
                fields.push(ColumnField { name, element_type: spec.element_type, required });
            }
        }
        let inputs = specs
            .iter()
            .map(|spec| (spec.name.clone(), spec.element_type, width(spec), spec.shape.len() > 1))
            .collect();
        Self { fields, inputs }
    }

    /// The inputs of the engine in their order: name, type, and the places of their columns among `fields`.
    pub fn inputs(&self) -> impl Iterator<Item = (&str, ElementType, std::ops::Range<usize>)> {
        let mut from = 0;
        self.inputs.iter().map(move |(name, element_type, width, _)| {
            let places = from..from + width;
            from = places.end;
            (name.as_str(), *element_type, places)
        })
    }

    /// The inputs, from columns in the order of `fields`. Missing numbers become NaN and missing
    /// texts empty; where there is no such value, as among whole numbers, they are refused.
    pub fn tensors(&self, columns: Vec<Input>) -> Result<Vec<Tensor>, Error> {
        if columns.len() != self.fields.len() {
            return Err(Error::WrongInputs { expected: self.fields.len(), found: columns.len() });
        }
        let rows = columns.first().map_or(0, Input::len);
        let mut columns = columns.into_iter().zip(&self.fields);
        let mut tensors = Vec::with_capacity(self.inputs.len());
        for (name, element_type, width, matrix) in &self.inputs {
            let parts: Vec<(Input, &ColumnField)> = columns.by_ref().take(*width).collect();
            if let Some((column, field)) = parts.iter().find(|(column, _)| column.len() != rows) {
                return Err(Error::UnequalRows {
                    field: field.name.clone(),
                    expected: rows,
                    found: column.len(),
                });
            }
            let data = if *element_type == ElementType::Text {
                texts(parts, rows)?
            } else {
                numbers(parts, rows, *element_type)?
            };
            let tensor =
                if *matrix { Tensor::matrix(rows, *width, data) } else { Some(Tensor::vector(data)) };
            tensors.push(tensor.ok_or_else(|| Error::BadTensor {
                input: name.clone(),
                reason: "its columns do not make a matrix".to_owned(),
            })?);
        }
        Ok(tensors)
    }
}

fn is_open(spec: &TensorSpec) -> bool {
    spec.shape.get(1..).unwrap_or_default().iter().any(Option::is_none)
}

fn texts(parts: Vec<(Input, &ColumnField)>, rows: usize) -> Result<Data, Error> {
    let mut cells = vec![String::new(); rows * parts.len()];
    let width = parts.len();
    for (place, (column, field)) in parts.into_iter().enumerate() {
        match column {
            Input::Words(words) => {
                for (cell, word) in cells.iter_mut().skip(place).step_by(width).zip(words) {
                    if let Some(word) = word {
                        *cell = word;
                    }
                }
            }
            Input::Numbers(numbers) if numbers.iter().all(|number| number.is_nan()) => {}
            Input::Numbers(_) => {
                return Err(Error::WrongType {
                    field: field.name.clone(),
                    expected: "words",
                    found: "numbers",
                });
            }
        }
    }
    Ok(Data::Text(cells))
}

fn numbers(parts: Vec<(Input, &ColumnField)>, rows: usize, element_type: ElementType) -> Result<Data, Error> {
    let width = parts.len();
    let mut cells = vec![f64::NAN; rows * width];
    for (place, (column, field)) in parts.into_iter().enumerate() {
        let numbers = match column {
            Input::Numbers(numbers) => numbers,
            Input::Words(words) if words.iter().all(Option::is_none) => vec![f64::NAN; rows],
            Input::Words(_) => {
                return Err(Error::WrongType {
                    field: field.name.clone(),
                    expected: "numbers",
                    found: "words",
                });
            }
        };
        if !element_type.is_float() {
            if let Some(row) = numbers.iter().position(|number| number.is_nan()) {
                return Err(Error::MissingValue { field: field.name.clone(), row });
            }
            if numbers.iter().any(|number| number.fract() != 0.0) {
                return Err(Error::WrongType {
                    field: field.name.clone(),
                    expected: "whole numbers",
                    found: "fractions",
                });
            }
        }
        for (cell, number) in cells.iter_mut().skip(place).step_by(width).zip(numbers) {
            *cell = number;
        }
    }
    converted(Data::Float64(cells), element_type)
        .map_err(|problem| Error::BadTensor { input: String::new(), reason: problem.0 })
}
