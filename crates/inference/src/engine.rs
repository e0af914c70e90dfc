//! What every engine promises.

use std::fmt;

use crate::batch::Input;
use crate::columns::Columns;
use crate::onnx::converted;
use crate::{Error, Explanation, Shape, Tensor, TensorSpec};

/// What an engine says of itself and of the model that it has loaded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct About {
    /// The engine: `gingham`, `onnxruntime` or `python`.
    pub engine: &'static str,
    /// What kind of model it runs, such as `onnx` or `xgboost`.
    pub model: String,
    /// What computes: `cpu`, `cuda` or the like.
    pub provider: String,
    /// On which device, such as `cpu` or `cuda:0`.
    pub device: String,
    /// The release of the engine.
    pub release: String,
    /// What it takes.
    pub inputs: Vec<TensorSpec>,
    /// What it gives.
    pub outputs: Vec<TensorSpec>,
    /// Which output is the prediction.
    pub primary: usize,
    /// Which output holds scores or probabilities, where one does.
    pub scores: Option<usize>,
    /// About how many bytes the model keeps in memory.
    pub bytes: u64,
}

impl About {
    /// Of our own evaluator, without inputs and outputs yet.
    #[must_use]
    pub fn built_in(model: &str) -> Self {
        Self {
            engine: "gingham",
            model: model.to_owned(),
            provider: "cpu".to_owned(),
            device: "cpu".to_owned(),
            release: env!("CARGO_PKG_VERSION").to_owned(),
            inputs: Vec::new(),
            outputs: Vec::new(),
            primary: 0,
            scores: None,
            bytes: 0,
        }
    }

    /// The name of engine and model, as the inference protocol's `platform` has it; with the device where that is not
    /// the processor.
    #[must_use]
    pub fn platform(&self) -> String {
        match self.device.as_str() {
            "cpu" => format!("{}_{}", self.engine, self.model),
            device => format!("{}_{}_{device}", self.engine, self.model),
        }
    }

    /// The inputs as the model takes them: each of the wanted type, with the wanted number of
    /// columns. Numbers are converted when nothing is lost but precision; a list stands for one
    /// column. Fails naming the input.
    pub fn fit(&self, inputs: Vec<Tensor>) -> Result<Vec<Tensor>, Error> {
        if inputs.len() != self.inputs.len() {
            return Err(Error::WrongInputs { expected: self.inputs.len(), found: inputs.len() });
        }
        let fitted: Vec<Tensor> = inputs
            .into_iter()
            .zip(&self.inputs)
            .map(|(tensor, spec)| fitted(tensor, spec))
            .collect::<Result<_, _>>()?;
        let rows = |tensor: &Tensor| tensor.shape().lengths().first().copied().unwrap_or(1);
        if let Some(expected) = fitted.first().map(rows) {
            for (tensor, spec) in fitted.iter().zip(&self.inputs) {
                if rows(tensor) != expected {
                    return Err(Error::UnequalRows {
                        field: spec.name.clone(),
                        expected,
                        found: rows(tensor),
                    });
                }
            }
        }
        Ok(fitted)
    }
}

/// Elements of a row with these dimensions, where all are known.
fn product(row: &[Option<usize>]) -> Option<usize> {
    row.iter().try_fold(1_usize, |all, length| all.checked_mul((*length)?))
}

fn fitted(tensor: Tensor, spec: &TensorSpec) -> Result<Tensor, Error> {
    let bad = |reason: String| Error::BadTensor { input: spec.name.clone(), reason };
    let shape = *tensor.shape();
    let wanted = spec.shape.as_slice();
    let reshaped = match (shape.lengths(), wanted) {
        // A list of rows where one column is wanted, and one column where a list is wanted.
        ([rows], [_, columns]) if columns.is_none_or(|columns| columns == 1) => Some(Shape::matrix(*rows, 1)),
        ([rows, 1], [_]) => Some(Shape::vector(*rows)),
        // Columns of a table, for rows that have several dimensions.
        ([rows, width], [_, row @ ..]) if row.len() > 1 && product(row) == Some(*width) => {
            let lengths: Vec<usize> = std::iter::once(*rows).chain(row.iter().copied().flatten()).collect();
            Shape::new(&lengths)
        }
        _ => None,
    };
    let tensor = match reshaped {
        Some(shape) => tensor.reshaped(shape).ok_or_else(|| bad("its shape cannot be".to_owned()))?,
        None => tensor,
    };
    let lengths = tensor.shape().lengths();
    let fits = lengths.len() == wanted.len()
        && lengths
            .iter()
            .zip(wanted)
            .skip(1)
            .all(|(length, wanted)| wanted.is_none_or(|wanted| wanted == *length));
    if !fits {
        let open: Vec<String> = wanted
            .iter()
            .map(|length| length.map_or_else(|| "n".to_owned(), |length| length.to_string()))
            .collect();
        return Err(bad(format!("its shape is {shape:?}, the model takes [{}]", open.join(", "))));
    }
    let found = tensor.element_type();
    if found == spec.element_type {
        return Ok(tensor);
    }
    let text = crate::ElementType::Text;
    let loses = found.is_float() && !spec.element_type.is_float();
    if found == text || spec.element_type == text || loses {
        return Err(bad(format!("it is {}, the model takes {}", found.name(), spec.element_type.name())));
    }
    let shape = *tensor.shape();
    let data = converted(tensor.into_data(), spec.element_type).map_err(|problem| bad(problem.0))?;
    Tensor::new(shape, data).ok_or_else(|| bad("its shape cannot be".to_owned()))
}

/// A loaded model.
///
/// Engines hold no state between calls; calls from many threads do not disturb each other. The
/// outputs of a row depend on that row alone. Whatever is in the model and in the inputs, the
/// answer is outputs or an error; no engine reads files or reaches hosts that a model names.
pub trait Engine: fmt::Debug + Send + Sync {
    /// What it is and what it takes and gives.
    fn about(&self) -> &About;

    /// How its inputs are filled from columns of a table.
    fn columns(&self) -> &Columns;

    /// Computes all outputs from all inputs, both in the order of [`About`]. Fails naming the
    /// input that does not fit.
    fn run(&self, inputs: Vec<Tensor>) -> Result<Vec<Tensor>, Error>;

    /// What each input adds to the prediction of each row, for models that are sums of trees; see [`Explanation`].
    /// `background` are rows like those it learnt from, for files that do not say how many rows came to each node.
    /// `output` is which of several sums is explained. Fails with [`Error::NotExplainable`] for other models.
    fn explain(
        &self,
        _columns: Vec<Input>,
        _background: Option<Vec<Input>>,
        _output: usize,
    ) -> Result<Explanation, Error> {
        Err(Error::NotExplainable {
            reason: format!("a model of `{}` is no sum of trees", self.about().model),
        })
    }

    /// The same from columns, in the order of [`Engine::columns`].
    fn run_columns(&self, columns: Vec<Input>) -> Result<Vec<Tensor>, Error> {
        self.run(self.columns().tensors(columns)?)
    }
}
