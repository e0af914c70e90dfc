//! Questions to the archive. Every answer covers rows that no Delta table holds yet.

use std::collections::HashMap;

use base::Timestamp;
use tables::{ColumnType, DeltaTable, Query, QueryLimits, Range, Table, Values};

use crate::Result;
use crate::archive::{Archive, Model};
use crate::layout;

impl Archive {
    /// Answers read-only SQL.
    ///
    /// Each model has `<model>.predictions`, `<model>.labels` and `<model>.scored` with its features as
    /// columns; `predictions`, `labels` and `scored` hold all models with the columns that all have. `scored` is
    /// predictions with `label` and `label_time`, both missing until a label comes; the newest label counts, and the
    /// newest one whose source begins with `override` before all others.
    pub async fn sql(&self, sql: &str, limits: QueryLimits) -> Result<Table> {
        Ok(self.query()?.limits(limits).run(sql).await?)
    }

    /// A query over the tables of [`Archive::sql`] as they are now, to which other tables can be added.
    pub fn query(&self) -> Result<Query> {
        self.query_known_by(None)
    }

    /// Like [`Archive::query`], as the archive would have answered at a moment: without what it was told later.
    pub fn query_known_by(&self, known_by: Option<Timestamp>) -> Result<Query> {
        let mut query = Query::new();
        let models = self.inner.all_models();
        for model in &models {
            let (version, rows) = model.predictions.view()?;
            let delta = model.predictions.delta.clone();
            query = add(query, &format!("{}.predictions", model.name), delta, version, rows, known_by);
            let (version, rows) = model.labels.view()?;
            let delta = model.labels.delta.clone();
            query = add(query, &format!("{}.labels", model.name), delta, version, rows, known_by);
            query = query.view(format!("{}.scored", model.name), scored_sql(&model.name));
        }
        for (name, columns) in [
            ("predictions", layout::common_columns().collect::<Vec<_>>()),
            ("labels", layout::label_columns().collect()),
            ("scored", layout::common_columns().chain(["label", "label_time"]).collect()),
        ] {
            query = if models.is_empty() {
                query.table(name, Table::empty(&layout::empty_schema(name))?)
            } else {
                query.view(name, union_sql(&models, name, &columns))
            };
        }
        Ok(query)
    }

    /// The predictions of a model whose event time lies in `[from, to)`, with the columns `label` and
    /// `label_time` added. Reads only files that can hold such rows, and plans no query: made to be called for
    /// each window.
    pub async fn scored(&self, model: &str, from: Timestamp, to: Timestamp) -> Result<Table> {
        self.scored_known_by(model, from, to, None).await
    }

    /// Like [`Archive::scored`], as the archive would have answered at a moment: without predictions and labels that it
    /// was told later.
    pub async fn scored_known_by(
        &self,
        model: &str,
        from: Timestamp,
        to: Timestamp,
        known_by: Option<Timestamp>,
    ) -> Result<Table> {
        let model = self.inner.model(model)?;
        let window = Range::Time { from: from.as_micros(), to: to.as_micros() };
        let predictions = known(model.predictions.within("event_time", &window).await?, known_by)?;
        let mut labels = Labels::of(&model, &predictions, &window).await?;
        labels.rows = known(labels.rows, known_by)?;
        labels.join(&predictions)
    }
}

/// Adds a table to a query; with `known_by` only its rows that the archive had been told by then.
fn add(
    query: Query,
    name: &str,
    delta: DeltaTable,
    version: i64,
    rows: Vec<Table>,
    known_by: Option<Timestamp>,
) -> Query {
    let Some(known_by) = known_by else { return query.delta_and_rows(name, delta, Some(version), rows) };
    let Some((model, table)) = name.rsplit_once('.') else { return query };
    let ever = format!("{table}_ever");
    query
        .delta_and_rows(format!("{model}.{ever}"), delta, Some(version), rows)
        .view(name, format!("select * from \"{model}\".{ever} where received_time <= timestamp '{known_by}'"))
}

/// The rows that the archive had been told by that moment.
fn known(rows: Table, known_by: Option<Timestamp>) -> Result<Table> {
    let Some(known_by) = known_by else { return Ok(rows) };
    let range = Range::Time { from: i64::MIN, to: known_by.as_micros().saturating_add(1) };
    Ok(rows.within("received_time", &range)?)
}

/// The labels that may belong to some predictions.
pub(crate) struct Labels {
    pub(crate) rows: Table,
}

impl Labels {
    pub(crate) async fn of(model: &Model, predictions: &Table, window: &Range) -> Result<Self> {
        let ids = predictions.texts("prediction_id")?;
        let first = ids.iter().flatten().min().cloned().unwrap_or_default();
        let last = ids.iter().flatten().max().cloned().unwrap_or_default();
        let by_id = model.labels.within("prediction_id", &Range::Text { first, last }).await?;
        let by_time = model.labels.within("event_time", window).await?;
        Self::found(by_id, &by_time)
    }

    /// Like [`Labels::of`], of a single prediction: only pages that may hold its labels are read.
    pub(crate) async fn of_one(model: &Model, id: &Range, moment: &Range) -> Result<Self> {
        let by_id = model.labels.find("prediction_id", id).await?;
        let by_time = model.labels.find("event_time", moment).await?;
        Self::found(by_id, &by_time)
    }

    fn found(by_id: Table, by_time: &Table) -> Result<Self> {
        // A label that names its prediction was found by it.
        let loose: Vec<bool> = by_time.texts("prediction_id")?.iter().map(Option::is_none).collect();
        let rows = Table::concat(&[by_id, by_time.filter(&loose)?])?;
        Ok(Self { rows })
    }

    /// For each prediction the row of the label that counts.
    pub(crate) fn newest(&self, predictions: &Table) -> Result<Vec<Option<usize>>> {
        /// What a person decided against the recorded outcome, when it became known, when it was told.
        type Age = (bool, i64, i64);
        let ids = self.rows.texts("prediction_id")?;
        let entities = self.rows.texts("entity")?;
        let moments = self.rows.times("event_time")?;
        let known = self.rows.times("label_time")?;
        let told = self.rows.times("received_time")?;
        let sources = self.rows.texts("source")?;
        let age = |row: usize| -> Age {
            let at = |times: &[Option<i64>]| times.get(row).copied().flatten().unwrap_or(i64::MIN);
            let source = sources.get(row).and_then(Option::as_deref);
            (source.is_some_and(|source| source.starts_with(layout::OVERRIDE)), at(&known), at(&told))
        };
        let mut by_id: HashMap<&str, usize> = HashMap::new();
        let mut by_key: HashMap<(Option<&str>, i64), usize> = HashMap::new();
        for row in 0..self.rows.row_count() {
            let newer = |old: &mut usize| {
                if age(row) >= age(*old) {
                    *old = row;
                }
            };
            match (ids.get(row).and_then(Option::as_deref), moments.get(row).copied().flatten()) {
                (Some(id), _) => {
                    by_id.entry(id).and_modify(newer).or_insert(row);
                }
                (None, Some(moment)) => {
                    let entity = entities.get(row).and_then(Option::as_deref);
                    by_key.entry((entity, moment)).and_modify(newer).or_insert(row);
                }
                (None, None) => {}
            }
        }
        let ids = predictions.texts("prediction_id")?;
        let entities = predictions.texts("entity")?;
        let moments = predictions.times("event_time")?;
        let of = |row: usize| {
            let id = ids.get(row).and_then(Option::as_deref).and_then(|id| by_id.get(id));
            let entity = entities.get(row).and_then(Option::as_deref);
            let key = moments.get(row).copied().flatten().and_then(|moment| by_key.get(&(entity, moment)));
            match (id, key) {
                (Some(id), Some(key)) => Some(if age(*key) > age(*id) { *key } else { *id }),
                (id, key) => id.or(key).copied(),
            }
        };
        Ok((0..predictions.row_count()).map(of).collect())
    }

    pub(crate) fn join(&self, predictions: &Table) -> Result<Table> {
        let rows = self.newest(predictions)?;
        let labels = match self.rows.column("value")? {
            Values::Int(values) => Values::Int(pick(&values, &rows)),
            Values::Real(values) => Values::Real(pick(&values, &rows)),
            Values::Text(values) => Values::Text(pick(&values, &rows)),
            Values::Bool(values) => Values::Bool(pick(&values, &rows)),
            Values::Time(values) => Values::Time(pick(&values, &rows)),
        };
        let times = Values::Time(pick(&self.rows.times("label_time")?, &rows));
        Ok(predictions.with_column("label", labels)?.with_column("label_time", times)?)
    }
}

fn pick<T: Clone>(values: &[Option<T>], rows: &[Option<usize>]) -> Vec<Option<T>> {
    rows.iter().map(|row| row.and_then(|row| values.get(row).cloned().flatten())).collect()
}

/// Predictions with their newest label. Model names hold no quotes: the archive checks them.
fn scored_sql(model: &str) -> String {
    let forced = format!("source like '{}%'", layout::OVERRIDE);
    // Of the label by id and the one by entity and time, the one that counts.
    let keyed_counts = "k.label_time is not null and (n.label_time is null or (k.forced and not n.forced) \
        or (k.forced = n.forced and k.label_time > n.label_time))";
    let order = "order by forced desc, label_time desc, received_time desc";
    format!(
        r#"with told as (
            select *, coalesce({forced}, false) as forced from "{model}".labels
        ), newest as (
            select *, row_number() over (partition by prediction_id {order}) as rank
            from told where prediction_id is not null
        ), keyed as (
            select *, row_number() over (partition by entity, event_time {order}) as rank
            from told where prediction_id is null
        )
        select p.*,
            case when {keyed_counts} then k.value else n.value end as label,
            case when {keyed_counts} then k.label_time else n.label_time end as label_time
        from "{model}".predictions p
        left join newest n on n.prediction_id = p.prediction_id and n.rank = 1
        left join keyed k on k.event_time = p.event_time and coalesce(k.entity, '') = coalesce(p.entity, '') and k.rank = 1"#
    )
}

/// All models under each other; answers of unlike types become text, whole and real numbers real ones.
fn union_sql(models: &[std::sync::Arc<Model>], table: &str, columns: &[&str]) -> String {
    let outputs: Vec<ColumnType> = models
        .iter()
        .map(|model| model.labels.schema().find("value").map_or(ColumnType::Real, |column| column.kind))
        .collect();
    let alike = outputs.windows(2).all(|pair| matches!(pair, [a, b] if a == b));
    let numbers = outputs.iter().all(|kind| matches!(kind, ColumnType::Int | ColumnType::Real));
    let cast = match (alike, numbers) {
        (true, _) => None,
        (false, true) => Some("double"),
        (false, false) => Some("varchar"),
    };
    let columns: Vec<String> = columns
        .iter()
        .map(|column| match (*column, cast) {
            ("prediction" | "label" | "value", Some(kind)) => format!("cast({column} as {kind}) as {column}"),
            _ => (*column).to_owned(),
        })
        .collect();
    let parts: Vec<String> = models
        .iter()
        .map(|model| format!("select {} from \"{}\".{table}", columns.join(", "), model.name))
        .collect();
    parts.join(" union all ")
}
