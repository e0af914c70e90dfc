//! What made a prediction, and what a version leans on.

use std::sync::Arc;

use archive::Cell;
use base::Period;
use checks::model::{InputKind, Predictor, metric_of};
use inference::{ElementType, Engine, Input};
use registry::Version;
use serde::Serialize;
use serde_json::{Value, json};
use stats::PermutationImportance;
use tables::{Table, Values};
use uuid::Uuid;

use crate::proving::{EnginePredictor, SEED, TestOrder};
use crate::rows::RowRange;
use crate::{Error, Platform, specs};

/// How far back archived requests are looked for.
const BACKGROUND_DAYS: i64 = 365;
/// Rows that are sent through trees whose file does not say how many rows came to each node.
const MOST_BACKGROUND: usize = 10_000;
/// Rows on which inputs are shuffled, and how often.
const MOST_SHUFFLED: usize = 20_000;
const REPEATS: u32 = 5;

/// What each input added to a prediction.
#[derive(Debug, Clone, Serialize)]
pub struct Explained {
    /// The prediction.
    pub prediction_id: Uuid,
    /// The model.
    pub model: String,
    /// The version that answered.
    pub version: i64,
    /// The name of what is predicted.
    pub output: String,
    /// What the trees sum up to: the prediction, or what it is before the link.
    pub prediction: f64,
    /// What they are expected to sum up to when nothing is known.
    pub base: f64,
    /// What each input adds, the greatest first.
    pub features: Vec<Contribution>,
    /// How it was worked out.
    pub method: String,
}

/// What an input adds.
#[derive(Debug, Clone, Serialize)]
pub struct Contribution {
    /// The input.
    pub feature: String,
    /// Its value.
    pub value: Value,
    /// What it adds.
    pub contribution: f64,
}

/// What a version leans on.
#[derive(Debug, Clone, Serialize)]
pub struct Leaning {
    /// The model.
    pub model: String,
    /// The version.
    pub version: i64,
    /// The metric.
    pub metric: String,
    /// The metric with all inputs as they are.
    pub value: f64,
    /// Rows on which inputs were shuffled.
    pub rows: u64,
    /// By how much the metric becomes worse when an input is shuffled, the most important first.
    pub features: Vec<PermutationImportance>,
    /// In a sentence.
    pub summary: String,
}

impl Platform {
    /// Says what each input added to an archived prediction; `None` when the archive has no such prediction.
    ///
    /// # Errors
    /// When its version is gone or is no sum of trees (`not_explainable`), or when the parts do not add up.
    pub async fn explain(&self, id: Uuid) -> Result<Option<Explained>, Error> {
        let Some(stored) = self.archive.prediction(id).await? else { return Ok(None) };
        let prediction = stored.prediction;
        let version =
            registry::get_version(&mut self.db.read().await?, &prediction.model, prediction.version).await?;
        let engine = self.engine_of_version(&version).await?;
        let fields = &engine.columns().fields;
        let of =
            |name: &str| prediction.features.iter().find(|(known, _)| **known == *name).map(|(_, cell)| cell);
        let columns: Vec<Input> = fields
            .iter()
            .map(|field| match (field.element_type, of(&field.name)) {
                (ElementType::Text, Some(Cell::Text(word))) => Input::Words(vec![Some(word.clone())]),
                (ElementType::Text, _) => Input::Words(vec![None]),
                (_, Some(Cell::Real(number))) => Input::Numbers(vec![*number]),
                _ => Input::Numbers(vec![f64::NAN]),
            })
            .collect();
        let learnt = self.background(&version, &engine).await?;
        let from_archive = learnt.is_none();
        let background = match learnt {
            Some(learnt) => Some(learnt),
            None => self.asked_before(&version, &engine).await?,
        };
        let explanation = engine.explain(columns, background, usize::MAX)?;
        if !explanation.is_additive() {
            let reason = format!("the parts do not add up: they are {:e} off", explanation.gap());
            return Err(inference::Error::NotExplainable { reason }.into());
        }
        let added = explanation.contributions.first().cloned().unwrap_or_default();
        let mut features: Vec<Contribution> = fields
            .iter()
            .zip(added)
            .map(|(field, contribution)| Contribution {
                feature: field.name.clone(),
                value: of(&field.name).map_or(Value::Null, value_of),
                contribution,
            })
            .collect();
        features.sort_by(|left, right| right.contribution.abs().total_cmp(&left.contribution.abs()));
        let about = engine.about();
        let covers = match explanation.covers {
            "file" => "rows at the nodes as the file has them".to_owned(),
            _ if from_archive => "rows at the nodes from the archived requests that it answered".to_owned(),
            _ => "rows at the nodes from the rows it learnt from".to_owned(),
        };
        Ok(Some(Explained {
            prediction_id: id,
            model: prediction.model.clone(),
            version: prediction.version,
            output: about.outputs.get(about.primary).map(|output| output.name.clone()).unwrap_or_default(),
            prediction: explanation.sums.first().copied().unwrap_or_default(),
            base: explanation.base,
            features,
            method: format!("TreeSHAP along the paths, {covers}; parts and base add up to the prediction"),
        }))
    }

    /// Rows that the version learnt from, as the engine takes them; none when they are not known.
    async fn background(
        &self,
        version: &Version,
        engine: &Arc<dyn Engine>,
    ) -> Result<Option<Vec<Input>>, Error> {
        let range =
            version.training_rows.clone().and_then(|range| serde_json::from_value::<RowRange>(range).ok());
        let Some(range) = range else { return Ok(None) };
        let applied = specs::find(&mut self.db.read().await?, &version.model).await?;
        let prepared = self.stored_table(range.table).await?;
        let rows = match &applied {
            Some(applied) => crate::proving::between(&prepared, &applied.spec.pipeline.time, &range)?,
            None => prepared,
        };
        let step = rows.row_count().div_ceil(MOST_BACKGROUND).max(1);
        let keep: Vec<bool> = (0..rows.row_count()).map(|row| row % step == 0).collect();
        crate::proving::columns_for(engine.as_ref(), &rows.filter(&keep)?)
            .map(Some)
            .map_err(|reason| inference::Error::NotExplainable { reason }.into())
    }

    /// Archived requests that the version answered, as the engine takes them: what stands in for the rows that it learnt
    /// from where those are not known.
    async fn asked_before(
        &self,
        version: &Version,
        engine: &Arc<dyn Engine>,
    ) -> Result<Option<Vec<Input>>, Error> {
        let Some(newest) = self.archive.watermark(&version.model) else { return Ok(None) };
        let until = newest.plus(Period::from_micros(1));
        let from = newest.minus(Period::from_days(BACKGROUND_DAYS));
        let rows = self.archive.scored(&version.model, from, until).await?;
        let own: Vec<bool> =
            rows.numbers("version")?.iter().map(|number| *number == Some(version.number as f64)).collect();
        let rows = rows.filter(&own)?;
        if rows.row_count() == 0 {
            return Ok(None);
        }
        let step = rows.row_count().div_ceil(MOST_BACKGROUND).max(1);
        let keep: Vec<bool> = (0..rows.row_count()).map(|row| row % step == 0).collect();
        let (inputs, _) =
            crate::backtest::inputs_of(&EnginePredictor::new(Arc::clone(engine)), &rows.filter(&keep)?)?;
        crate::proving::columns_for(engine.as_ref(), &inputs)
            .map(Some)
            .map_err(|reason| inference::Error::NotExplainable { reason }.into())
    }

    /// Says how much worse a version gets when one of its inputs is shuffled among the rows it was evaluated on.
    ///
    /// # Errors
    /// [`Error::Untestable`] when there are no such rows, or the metric has no value on them.
    pub async fn leaning(&self, model: &str, number: i64, order: &TestOrder) -> Result<Leaning, Error> {
        let version = self.version(model, number).await?.version;
        let applied = specs::find(&mut self.db.read().await?, model).await?;
        let (rows, target) = self.rows_with_truth(&version, applied.as_ref(), order).await?;
        let metric = applied
            .as_ref()
            .map_or_else(|| "mae".to_owned(), |applied| applied.spec.pipeline.evaluate.metric.clone());
        let step = rows.row_count().div_ceil(MOST_SHUFFLED).max(1);
        let keep: Vec<bool> = (0..rows.row_count()).map(|row| row % step == 0).collect();
        let rows = rows.filter(&keep)?;
        let engine = EnginePredictor::new(self.engine_of_version(&version).await?);
        let truth: Vec<f64> =
            rows.numbers(&target)?.into_iter().map(|number| number.unwrap_or(f64::NAN)).collect();
        let untestable =
            |reason: String| Error::Untestable { model: model.to_owned(), version: number, reason };
        let inputs = engine.inputs();
        let names: Vec<String> = inputs.iter().map(|input| input.name.clone()).collect();
        let greater = stats::RegressionMetrics::greater_is_better(&metric);
        let score = |shuffled: Option<(usize, &[usize])>| -> Result<f64, Error> {
            let rows = match shuffled.and_then(|(place, order)| Some((inputs.get(place)?, order))) {
                Some((input, order)) if rows.schema().find(&input.name).is_some() => {
                    rows.with_column(&input.name, reordered(&rows, &input.name, input.kind, order)?)?
                }
                _ => rows.clone(),
            };
            let predicted = engine.predict(&rows).map_err(&untestable)?;
            let value = metric_of(&metric, &truth, &predicted)
                .ok_or_else(|| untestable(format!("`{metric}` has no value on these rows")))?;
            Ok(if greater { value } else { -value })
        };
        let value = score(None)?.abs();
        let mut features = stats::permutation_importance(&names, rows.row_count(), REPEATS, SEED, score)?;
        features.sort_by(|left, right| right.mean.total_cmp(&left.mean));
        let first = features.first().map(|first| first.feature.clone()).unwrap_or_default();
        Ok(Leaning {
            summary: format!(
                "{metric} of {model}@{number} is {} on {} rows; it becomes worst when `{first}` is shuffled",
                crate::backtest::figure(value),
                rows.row_count()
            ),
            model: model.to_owned(),
            version: number,
            metric,
            value,
            rows: rows.row_count() as u64,
            features,
        })
    }
}

/// A column in another order of rows.
fn reordered(rows: &Table, name: &str, kind: InputKind, order: &[usize]) -> Result<Values, tables::Error> {
    Ok(match kind {
        InputKind::Word => {
            let texts = rows.texts(name)?;
            Values::Text(order.iter().map(|row| texts.get(*row).cloned().flatten()).collect())
        }
        InputKind::Number => {
            let numbers = rows.numbers(name)?;
            Values::Real(order.iter().map(|row| numbers.get(*row).copied().flatten()).collect())
        }
    })
}

fn value_of(cell: &Cell) -> Value {
    match cell {
        Cell::Real(number) => json!(number),
        Cell::Text(word) => json!(word),
        _ => Value::Null,
    }
}
