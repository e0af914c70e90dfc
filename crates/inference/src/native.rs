//! Our own evaluator for models that were made elsewhere.

use crate::batch::Input;
use crate::boosters::{LightGbm, XgBoost};
use crate::columns::Columns;
use crate::engine::{About, Engine};
use crate::{Data, ElementType, Error, Explanation, OnnxModel, OpenOptions, Tensor, TensorSpec};

/// An ONNX graph.
#[derive(Debug)]
pub(crate) struct Graph {
    model: OnnxModel,
    about: About,
    columns: Columns,
}

impl Graph {
    pub(crate) fn new(bytes: &[u8], names: Option<&[String]>) -> Result<Self, Error> {
        let model = OnnxModel::load(bytes)?;
        let (inputs, outputs) = (model.inputs().to_vec(), model.outputs().to_vec());
        let about = About {
            scores: scores_of(&outputs),
            bytes: model.bytes() as u64,
            inputs,
            outputs,
            ..About::built_in("onnx")
        };
        let columns = Columns::of(&about.inputs, names);
        Ok(Self { model, about, columns })
    }
}

/// Where a second output of numbers stands beside a label, it holds the scores.
pub(crate) fn scores_of(outputs: &[TensorSpec]) -> Option<usize> {
    outputs.iter().position(|output| !output.labels.is_empty()).or_else(|| {
        let is_scores = |(place, output): &(usize, &TensorSpec)| *place > 0 && output.element_type.is_float();
        outputs.iter().enumerate().find(is_scores).map(|(place, _)| place)
    })
}

impl Engine for Graph {
    fn about(&self) -> &About {
        &self.about
    }

    fn columns(&self) -> &Columns {
        &self.columns
    }

    fn run(&self, inputs: Vec<Tensor>) -> Result<Vec<Tensor>, Error> {
        self.model.run(self.about.fit(inputs)?)
    }

    fn explain(
        &self,
        columns: Vec<Input>,
        background: Option<Vec<Input>>,
        output: usize,
    ) -> Result<Explanation, Error> {
        let fitted = |columns: Vec<Input>| self.about.fit(self.columns.tensors(columns)?);
        let rows = fitted(columns)?;
        self.model.explain(rows, background.map(fitted).transpose()?, output)
    }
}

/// A model of a boosting library.
#[derive(Debug)]
pub(crate) enum Booster {
    XgBoost(XgBoost),
    LightGbm(LightGbm),
}

/// It with its columns.
#[derive(Debug)]
pub(crate) struct Boosted {
    booster: Booster,
    about: About,
    columns: Columns,
    /// Whether the features come as one matrix.
    matrix: bool,
    features: usize,
}

impl Boosted {
    pub(crate) fn xgboost(bytes: &[u8], options: &OpenOptions) -> Result<Self, Error> {
        let model = XgBoost::load(bytes)?;
        let (outputs, size) = (model.outputs.clone(), model.bytes());
        let (features, own, classifier) =
            (model.features, model.feature_names.clone(), model.is_classifier());
        let words = vec![None; features];
        Ok(Self::of(
            Booster::XgBoost(model),
            "xgboost",
            (features, &own, &words),
            options,
            (outputs, size, classifier),
        ))
    }

    pub(crate) fn lightgbm(bytes: &[u8], options: &OpenOptions) -> Result<Self, Error> {
        let model = LightGbm::load(bytes)?;
        let (outputs, size) = (model.outputs.clone(), model.bytes());
        let (features, own, classifier) =
            (model.features, model.feature_names.clone(), model.is_classifier());
        let words = model.words.clone();
        Ok(Self::of(
            Booster::LightGbm(model),
            "lightgbm",
            (features, &own, &words),
            options,
            (outputs, size, classifier),
        ))
    }

    fn of(
        booster: Booster,
        name: &str,
        (features, own, words): (usize, &[String], &[Option<Vec<String>>]),
        options: &OpenOptions,
        (outputs, bytes, classifier): (Vec<TensorSpec>, usize, bool),
    ) -> Self {
        let element = match &booster {
            Booster::XgBoost(_) => ElementType::Float32,
            Booster::LightGbm(_) => ElementType::Float64,
        };
        let names = options.columns.as_deref().filter(|names| names.len() == features).unwrap_or(own);
        let matrix = names.is_empty();
        let inputs = if matrix {
            vec![TensorSpec::new("input", element, vec![None, Some(features)])]
        } else {
            let kind =
                |words: &Option<Vec<String>>| if words.is_some() { ElementType::Text } else { element };
            names
                .iter()
                .zip(words)
                .map(|(name, words)| TensorSpec::new(name, kind(words), vec![None]))
                .collect()
        };
        let about = About {
            inputs,
            outputs,
            primary: usize::from(classifier && options.prefer_label),
            scores: classifier.then_some(2),
            bytes: bytes as u64,
            ..About::built_in(name)
        };
        let columns = Columns::of(&about.inputs, None);
        Self { booster, columns, about, matrix, features }
    }

    /// Columns as rows of numbers, as the trees take them.
    fn numbers(&self, columns: Vec<Input>) -> Result<Vec<f64>, Error> {
        let inputs = self.about.fit(self.columns.tensors(columns)?)?;
        Ok(match (self.matrix, inputs.first()) {
            (true, Some(matrix)) => matrix.to_numbers(),
            _ => self.rows(&inputs),
        })
    }

    /// The columns as rows of numbers; words become their places among the known ones.
    fn rows(&self, columns: &[Tensor]) -> Vec<f64> {
        let rows = columns.first().map_or(0, |column| column.data().len());
        let mut cells = vec![f64::NAN; rows * self.features];
        for (place, column) in columns.iter().enumerate() {
            let numbers = match (column.data(), &self.booster) {
                (Data::Text(texts), Booster::LightGbm(model)) => {
                    let words = model.words.get(place).and_then(Option::as_ref);
                    let code = |text: &String| {
                        words
                            .and_then(|words| words.iter().position(|word| word == text))
                            .map_or(f64::NAN, |at| at as f64)
                    };
                    texts.iter().map(code).collect()
                }
                _ => column.to_numbers(),
            };
            for (cell, number) in cells.iter_mut().skip(place).step_by(self.features).zip(numbers) {
                *cell = number;
            }
        }
        cells
    }
}

impl Engine for Boosted {
    fn about(&self) -> &About {
        &self.about
    }

    fn columns(&self) -> &Columns {
        &self.columns
    }

    fn run_columns(&self, columns: Vec<Input>) -> Result<Vec<Tensor>, Error> {
        self.run(self.columns.tensors(columns)?)
    }

    fn explain(
        &self,
        columns: Vec<Input>,
        background: Option<Vec<Input>>,
        output: usize,
    ) -> Result<Explanation, Error> {
        let rows = self.numbers(columns)?;
        let background = background.map(|columns| self.numbers(columns)).transpose()?;
        let last = |groups: usize| output.min(groups.saturating_sub(1));
        match &self.booster {
            Booster::XgBoost(model) => model.explain(&rows, background.as_deref(), last(model.groups())),
            Booster::LightGbm(model) => model.explain(&rows, background.as_deref(), last(model.groups())),
        }
    }

    fn run(&self, inputs: Vec<Tensor>) -> Result<Vec<Tensor>, Error> {
        let inputs = self.about.fit(inputs)?;
        Ok(match (&self.booster, self.matrix, inputs.first().map(Tensor::data)) {
            (Booster::XgBoost(model), true, Some(Data::Float32(rows))) => model.run(rows),
            (Booster::LightGbm(model), true, Some(Data::Float64(rows))) => model.run(rows),
            (Booster::XgBoost(model), ..) => {
                let rows: Vec<f32> = self.rows(&inputs).into_iter().map(|cell| cell as f32).collect();
                model.run(&rows)
            }
            (Booster::LightGbm(model), ..) => model.run(&self.rows(&inputs)),
        })
    }
}
