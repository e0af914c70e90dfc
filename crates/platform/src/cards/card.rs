//! The card of a version.

use std::collections::BTreeMap;

use base::{ObjectRef, PageRequest};
use db::Read;
use registry::Version;
use serde_json::{Map, Value, json};

use super::{Cell, Sheet, SheetTable, count};
use crate::reviews::{self, card_of};
use crate::{Error, Platform, specs};

/// How many features are told that the model leans on.
const MOST_FEATURES: usize = 20;
/// Metrics in the order in which they are told; others follow by name.
const FIRST_METRICS: [&str; 5] = ["mae", "rmse", "wape", "mape", "r2"];

impl Platform {
    /// The card of a version.
    ///
    /// # Errors
    /// When there is no such version.
    pub async fn card(&self, model: &str, version: i64) -> Result<Sheet, Error> {
        let mut read = self.db.read().await?;
        let version = registry::get_version(&mut read, model, version).await?;
        let applied = specs::find(&mut read, model).await?;
        let wanted = applied
            .as_ref()
            .and_then(|applied| applied.spec.policy.as_ref())
            .map(|policy| policy.card.clone());
        let fields = match applied {
            Some(applied) => card_of(&mut read, &applied.spec, &version).await?,
            None => written(&mut read, &version).await?,
        };
        let blank =
            wanted.unwrap_or_default().into_iter().filter(|field| !fields.contains_key(field)).collect();
        let page = format!("/models/{}/versions/{}", version.model, version.number);
        let tables = vec![
            performance(&version, &page),
            data(&version),
            checks_told(&mut read, &version).await?,
            inputs(&version),
            importance(&version, &page),
            origin(&version, &page),
        ];
        Ok(Sheet {
            title: format!("{}, version {}", version.model, version.number),
            lead: fields.get("description").cloned().unwrap_or_default(),
            metadata: metadata(&version, &fields, &page),
            fields: fields.into_iter().filter(|(field, _)| field != "description").collect(),
            blank,
            tables,
        })
    }
}

/// The fields of a version's card where no `gingham.yaml` says more.
async fn written(read: &mut Read, version: &Version) -> Result<BTreeMap<String, String>, Error> {
    let model = registry::get_model(read, &version.model).await?;
    let document =
        governance::documents::Document::Card { model: version.model.clone(), version: version.number };
    let mut fields =
        BTreeMap::from([("description".to_owned(), model.description), ("owner".to_owned(), model.owner)]);
    let own = governance::documents::fields_of(read, &document).await?;
    fields.extend(own.into_iter().map(|(field, written)| (field, written.text)));
    fields.retain(|_, text| !text.trim().is_empty());
    Ok(fields)
}

fn numbers(value: Option<&Value>) -> Vec<(String, f64)> {
    let fields = value.and_then(Value::as_object);
    let mut numbers: Vec<(String, f64)> = fields
        .into_iter()
        .flatten()
        .filter_map(|(key, value)| Some((key.clone(), value.as_f64()?)))
        .collect();
    let place =
        |key: &str| FIRST_METRICS.iter().position(|first| *first == key).unwrap_or(FIRST_METRICS.len());
    numbers.sort_by(|(left, _), (right, _)| (place(left), left).cmp(&(place(right), right)));
    numbers
}

/// The run that a version's numbers were logged to, or its own page.
fn source(version: &Version, page: &str) -> String {
    version.source_run.as_ref().map_or_else(|| page.to_owned(), |run| format!("/runs/{run}"))
}

fn performance(version: &Version, page: &str) -> SheetTable {
    let baselines = version.baseline_metrics.as_ref().and_then(Value::as_object).cloned().unwrap_or_default();
    let mut columns = vec!["metric".to_owned(), format!("version {}", version.number)];
    columns.extend(baselines.keys().cloned());
    let judged =
        version.pipeline_run.as_ref().map_or_else(|| page.to_owned(), |run| format!("/pipelines/{run}"));
    let row = |(metric, value): (String, f64)| {
        let mut row = vec![Cell::words(&metric), Cell::seen(figure(value), source(version, page))];
        row.extend(baselines.values().map(|baseline| match baseline.get(&metric).and_then(Value::as_f64) {
            Some(value) => Cell::seen(figure(value), judged.clone()),
            None => Cell::words(""),
        }));
        row
    };
    let rows = numbers(version.metrics.as_ref()).into_iter().map(row).collect();
    SheetTable { title: "Performance".to_owned(), columns, rows }
}

fn data(version: &Version) -> SheetTable {
    let words = |value: Option<&Value>| value.and_then(Value::as_str).unwrap_or_default().to_owned();
    let mut rows = Vec::new();
    for (name, number) in reviews::learnt_from(version).unwrap_or_default() {
        let of = |set: &&Value| set.get("dataset").and_then(Value::as_str) == Some(name.as_str());
        let listed = version.dataset_versions.as_ref().and_then(Value::as_array);
        let set = listed.into_iter().flatten().find(of).cloned().unwrap_or_default();
        let link = format!("/data/{name}");
        rows.push(vec![
            Cell::seen(format!("{name} version {number}"), link.clone()),
            set.get("rows")
                .and_then(Value::as_u64)
                .map_or_else(|| Cell::words(""), |rows| Cell::seen(count(rows), link.clone())),
            Cell::words(words(set.get("from"))),
            Cell::words(words(set.get("to"))),
        ]);
    }
    let parts = [("learnt from", &version.training_rows), ("judged on", &version.evaluation_rows)];
    let page = format!("/models/{}/versions/{}", version.model, version.number);
    for (name, part) in parts {
        let Some(part) = part else { continue };
        let rows_told = part.get("rows").and_then(Value::as_u64);
        rows.push(vec![
            Cell::words(name),
            rows_told.map_or_else(|| Cell::words(""), |rows| Cell::seen(count(rows), page.clone())),
            Cell::words(words(part.get("from"))),
            Cell::words(words(part.get("to"))),
        ]);
    }
    let columns = ["rows of", "rows", "from", "to"].map(str::to_owned).to_vec();
    SheetTable { title: "Data".to_owned(), columns, rows }
}

async fn checks_told(read: &mut Read, version: &Version) -> Result<SheetTable, Error> {
    let mut rows = Vec::new();
    let object = ObjectRef::new("version", format!("{}@{}", version.model, version.number));
    let page = PageRequest::first(1);
    for head in checks::store::list_verdicts(read, Some(&object), &page).await?.items {
        let link = format!("/api/v1/verdicts/{}", head.id);
        for result in checks::store::get_verdict(read, &head.id).await?.verdict.results {
            rows.push(vec![
                Cell::words(result.check_id),
                Cell::seen(result.outcome.word(), link.clone()),
                Cell::words(result.message),
            ]);
        }
    }
    let columns = ["check", "outcome", "in words"].map(str::to_owned).to_vec();
    Ok(SheetTable { title: "Checks".to_owned(), columns, rows })
}

fn inputs(version: &Version) -> SheetTable {
    let signature = version.signature.clone().unwrap_or_default();
    let field = |field: &Value, part: &str| {
        let text = |key: &str| field.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
        vec![Cell::words(text("name")), Cell::words(text("kind")), Cell::words(part)]
    };
    let inputs = signature.get("inputs").and_then(Value::as_array).cloned().unwrap_or_default();
    let mut rows: Vec<_> = inputs
        .iter()
        .map(|input| {
            let required = input.get("required") == Some(&Value::Bool(true));
            field(input, if required { "must be given" } else { "may be missing" })
        })
        .collect();
    rows.extend(signature.get("output").map(|output| field(output, "what is predicted")));
    let columns = ["name", "kind", "part"].map(str::to_owned).to_vec();
    SheetTable { title: "What goes in and what comes out".to_owned(), columns, rows }
}

fn importance(version: &Version, page: &str) -> SheetTable {
    let listed = version.feature_importance.as_ref().and_then(Value::as_array).cloned().unwrap_or_default();
    let row = |feature: &Value| {
        let name = feature.get("feature")?.as_str()?;
        let gain = feature.get("gain")?.as_f64()?;
        Some(vec![Cell::words(name), Cell::seen(figure(gain), page.to_owned())])
    };
    let rows = listed.iter().filter_map(row).take(MOST_FEATURES).collect();
    let columns = ["feature", "gain"].map(str::to_owned).to_vec();
    SheetTable { title: "What it leans on".to_owned(), columns, rows }
}

fn origin(version: &Version, page: &str) -> SheetTable {
    let mut rows = vec![
        vec![Cell::words("registered"), Cell::seen(version.created_at.to_string(), page.to_owned())],
        vec![Cell::words("by"), Cell::words(&version.actor)],
    ];
    let mut tell =
        |name: &str, cell: Option<Cell>| rows.extend(cell.map(|cell| vec![Cell::words(name), cell]));
    let word = |text: &str| Some(text).filter(|text| !text.is_empty()).map(Cell::words);
    tell("trainer", word(&version.trainer));
    tell("engine", word(&version.engine));
    tell("format", word(&version.flavor));
    tell("run", version.source_run.as_ref().map(|run| Cell::seen(run, format!("/runs/{run}"))));
    tell(
        "pipeline run",
        version.pipeline_run.as_ref().map(|run| Cell::seen(run, format!("/pipelines/{run}"))),
    );
    tell(
        "digest",
        version.digest.or(version.artifact).map(|digest| Cell::seen(digest.to_string(), page.to_owned())),
    );
    let columns = ["what", "value"].map(str::to_owned).to_vec();
    SheetTable { title: "How it was made".to_owned(), columns, rows }
}

/// Metadata in the words of Hugging Face's model cards.
fn metadata(version: &Version, fields: &BTreeMap<String, String>, page: &str) -> Value {
    let mut metadata = Map::new();
    let listed = |field: &str| -> Vec<String> {
        let words = fields.get(field).map(String::as_str).unwrap_or_default();
        words.split([',', '\n']).map(|word| word.trim().to_owned()).filter(|word| !word.is_empty()).collect()
    };
    let language = listed("language");
    if !language.is_empty() {
        metadata.insert("language".to_owned(), json!(language));
    }
    if let Some(license) = fields.get("license") {
        metadata.insert("license".to_owned(), json!(license.trim().to_lowercase()));
    }
    if let Some(base) = fields.get("base_model") {
        metadata.insert("base_model".to_owned(), json!(base.trim()));
    }
    metadata.insert("library_name".to_owned(), json!("gingham"));
    metadata.insert("pipeline_tag".to_owned(), json!(TASK));
    let mut tags = vec!["gingham".to_owned(), "tabular".to_owned()];
    tags.extend(Some(version.trainer.clone()).filter(|trainer| !trainer.is_empty()));
    tags.extend(listed("tags"));
    metadata.insert("tags".to_owned(), json!(tags));
    let sets: Vec<String> =
        reviews::learnt_from(version).unwrap_or_default().into_iter().map(|(name, _)| name).collect();
    if !sets.is_empty() {
        metadata.insert("datasets".to_owned(), json!(sets));
    }
    let measured = numbers(version.metrics.as_ref());
    if !measured.is_empty() {
        let names: Vec<&String> = measured.iter().map(|(name, _)| name).collect();
        metadata.insert("metrics".to_owned(), json!(names));
        let dataset = sets.first().cloned().unwrap_or_else(|| "unknown".to_owned());
        let metrics: Vec<Value> = measured
            .iter()
            .map(|(name, value)| json!({ "type": name, "name": name, "value": value }))
            .collect();
        metadata.insert(
            "model-index".to_owned(),
            json!([{
                "name": version.model,
                "results": [{
                    "task": { "type": TASK, "name": "Tabular Regression" },
                    "dataset": { "name": dataset, "type": dataset },
                    "metrics": metrics,
                    "source": { "name": "the run that measured it", "url": source(version, page) },
                }],
            }]),
        );
    }
    Value::Object(metadata)
}

const TASK: &str = "tabular-regression";

/// A number with the digits that matter.
fn figure(number: f64) -> String {
    match number.abs() {
        large if large >= 1_000.0 => format!("{number:.0}"),
        medium if medium >= 10.0 => format!("{number:.1}"),
        _ => format!("{number:.4}"),
    }
}
