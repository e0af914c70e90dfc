//! Runs and points of metrics as MLflow's clients read them, written straight into the answer: a page of runs may hold
//! a hundred thousand values, and a tree of JSON values built first would cost many times the writing.

use std::collections::BTreeMap;

use axum::body::Body;
use axum::http::{HeaderValue, header};
use axum::response::Response;
use base::Timestamp;
use experiments::{DatasetInput, Metric, ModelLink, Run};
use serde::ser::SerializeStruct;
use serde::{Serialize, Serializer};

use super::failure::Failure;

/// A page of runs.
pub(super) fn runs(runs: &[Run], next_token: Option<&str>) -> Result<Response, Failure> {
    #[derive(Serialize)]
    struct Page<'a> {
        #[serde(skip_serializing_if = "Seq::is_empty")]
        runs: Seq<'a, Run, RunShape<'a>>,
        #[serde(skip_serializing_if = "Option::is_none")]
        next_page_token: Option<&'a str>,
    }
    written(&Page { runs: Seq(runs, RunShape), next_page_token: next_token })
}

/// A page of a metric's points.
pub(super) fn points(points: &[Metric], next_token: Option<&str>) -> Result<Response, Failure> {
    #[derive(Serialize)]
    struct Page<'a> {
        #[serde(skip_serializing_if = "Seq::is_empty")]
        metrics: Seq<'a, Metric, MetricShape<'a>>,
        #[serde(skip_serializing_if = "Option::is_none")]
        next_page_token: Option<&'a str>,
    }
    written(&Page { metrics: Seq(points, MetricShape), next_page_token: next_token })
}

fn written(page: &impl Serialize) -> Result<Response, Failure> {
    let bytes = serde_json::to_vec(page)
        .map_err(|error| Failure::invalid(format!("The answer cannot be written as JSON: {error}")))?;
    let mut response = Response::new(Body::from(bytes));
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    Ok(response)
}

/// A list whose elements are wrapped while they are written.
struct Seq<'a, T, W>(&'a [T], fn(&'a T) -> W);

impl<T, W> Seq<'_, T, W> {
    fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl<T, W: Serialize> Serialize for Seq<'_, T, W> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.0.iter().map(self.1))
    }
}

/// A whole run.
pub(super) struct RunShape<'a>(pub &'a Run);

impl Serialize for RunShape<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Self(run) = self;
        let mut shape = serializer.serialize_struct("Run", 4)?;
        shape.serialize_field("info", &InfoShape(run))?;
        shape.serialize_field(
            "data",
            &DataShape {
                metrics: Seq(&run.metrics, MetricShape),
                params: Pairs(&run.params),
                tags: Pairs(&run.tags),
            },
        )?;
        shape.serialize_field(
            "inputs",
            &InputsShape {
                dataset_inputs: Seq(&run.inputs, DatasetShape),
                model_inputs: Seq(&run.model_inputs, InputModel::of),
            },
        )?;
        shape.serialize_field(
            "outputs",
            &OutputsShape { model_outputs: Seq(&run.model_outputs, OutputModel::of) },
        )?;
        shape.end()
    }
}

/// What a run is, without what it logged.
pub(super) struct InfoShape<'a>(pub &'a Run);

impl Serialize for InfoShape<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Self(run) = self;
        let mut shape = serializer.serialize_struct("RunInfo", 10)?;
        shape.serialize_field("run_id", &run.id)?;
        shape.serialize_field("run_uuid", &run.id)?;
        shape.serialize_field("run_name", &run.name)?;
        shape.serialize_field("experiment_id", &run.experiment_id.to_string())?;
        shape.serialize_field("user_id", &run.user)?;
        shape.serialize_field("status", run.status.word())?;
        shape.serialize_field("start_time", &run.start_time.as_millis())?;
        if let Some(end) = run.end_time {
            shape.serialize_field("end_time", &Timestamp::as_millis(end))?;
        }
        shape.serialize_field("artifact_uri", &run.artifact_uri)?;
        shape.serialize_field("lifecycle_stage", run.lifecycle.word())?;
        shape.end()
    }
}

#[derive(Serialize)]
struct DataShape<'a> {
    #[serde(skip_serializing_if = "Seq::is_empty")]
    metrics: Seq<'a, Metric, MetricShape<'a>>,
    #[serde(skip_serializing_if = "Pairs::is_empty")]
    params: Pairs<'a>,
    #[serde(skip_serializing_if = "Pairs::is_empty")]
    tags: Pairs<'a>,
}

/// One point of a metric.
pub(super) struct MetricShape<'a>(pub &'a Metric);

impl Serialize for MetricShape<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Self(metric) = self;
        let mut shape = serializer.serialize_struct("Metric", 4)?;
        shape.serialize_field("key", &metric.key)?;
        shape.serialize_field("value", &Number(metric.value))?;
        shape.serialize_field("timestamp", &metric.time.as_millis())?;
        shape.serialize_field("step", &metric.step)?;
        shape.end()
    }
}

/// A number as this protocol writes it: `"NaN"` as text, infinities as the greatest numbers there are.
struct Number(f64);

impl Serialize for Number {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if self.0.is_nan() {
            serializer.serialize_str("NaN")
        } else {
            serializer.serialize_f64(self.0.clamp(f64::MIN, f64::MAX))
        }
    }
}

/// `[{key, value}, …]`
struct Pairs<'a>(&'a BTreeMap<String, String>);

impl Pairs<'_> {
    fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl Serialize for Pairs<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct Pair<'a> {
            key: &'a str,
            value: &'a str,
        }
        serializer.collect_seq(self.0.iter().map(|(key, value)| Pair { key, value }))
    }
}

#[derive(Serialize)]
struct InputsShape<'a> {
    #[serde(skip_serializing_if = "Seq::is_empty")]
    dataset_inputs: Seq<'a, DatasetInput, DatasetShape<'a>>,
    #[serde(skip_serializing_if = "Seq::is_empty")]
    model_inputs: Seq<'a, ModelLink, InputModel<'a>>,
}

struct DatasetShape<'a>(&'a DatasetInput);

impl Serialize for DatasetShape<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct Dataset<'a> {
            name: &'a str,
            digest: &'a str,
            source_type: &'a str,
            source: &'a str,
            #[serde(skip_serializing_if = "Option::is_none")]
            schema: Option<&'a str>,
            #[serde(skip_serializing_if = "Option::is_none")]
            profile: Option<&'a str>,
        }
        let Self(input) = self;
        let mut shape = serializer.serialize_struct("DatasetInput", 2)?;
        if !input.tags.is_empty() {
            shape.serialize_field("tags", &Pairs(&input.tags))?;
        }
        shape.serialize_field(
            "dataset",
            &Dataset {
                name: &input.name,
                digest: &input.digest,
                source_type: &input.source_type,
                source: &input.source,
                schema: input.schema.as_deref(),
                profile: input.profile.as_deref(),
            },
        )?;
        shape.end()
    }
}

#[derive(Serialize)]
struct InputModel<'a> {
    model_id: &'a str,
}

impl<'a> InputModel<'a> {
    fn of(link: &'a ModelLink) -> Self {
        Self { model_id: &link.model_id }
    }
}

#[derive(Serialize)]
struct OutputsShape<'a> {
    #[serde(skip_serializing_if = "Seq::is_empty")]
    model_outputs: Seq<'a, ModelLink, OutputModel<'a>>,
}

#[derive(Serialize)]
struct OutputModel<'a> {
    model_id: &'a str,
    step: i64,
}

impl<'a> OutputModel<'a> {
    fn of(link: &'a ModelLink) -> Self {
        Self { model_id: &link.model_id, step: link.step }
    }
}
