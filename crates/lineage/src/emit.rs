//! Events of OpenLineage that tell others what happened here, after the specification 2-0-2.
//!
//! The same facts always give the same bytes, and an id of a run is derived from ours: a try that is repeated, also
//! after a crash, says nothing new.

use base::{Digest, Timestamp};
use serde_json::{Map, Value, json};
use uuid::Uuid;

/// The specification that events follow.
const SPECIFICATION: &str = "https://openlineage.io/spec/2-0-2/OpenLineage.json";
/// Where the shapes of facets are described.
const FACETS: &str = "https://openlineage.io/spec/facets";
/// The longest text of a facet, in characters.
const MOST_CHARS: usize = 20_000;

/// Who tells: this program in this version.
#[must_use]
pub fn producer() -> String {
    format!("urn:gingham:{}", env!("CARGO_PKG_VERSION"))
}

/// How far a run is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RunState {
    /// It began.
    Start,
    /// It ended well.
    Complete,
    /// It ended badly.
    Fail,
    /// It was ended.
    Abort,
    /// Nothing of this: more is known of it.
    Other,
}

impl RunState {
    const fn word(self) -> &'static str {
        match self {
            Self::Start => "START",
            Self::Complete => "COMPLETE",
            Self::Fail => "FAIL",
            Self::Abort => "ABORT",
            Self::Other => "OTHER",
        }
    }
}

/// What was done, each time that it is done.
#[derive(Debug, Clone, PartialEq)]
pub struct TellJob {
    namespace: String,
    name: String,
    facets: Map<String, Value>,
}

impl TellJob {
    /// A job that begins and ends, of a kind such as `TRAINING`.
    #[must_use]
    pub fn batch(namespace: &str, name: impl Into<String>, kind: &str) -> Self {
        Self::of(namespace, name.into(), "BATCH", kind)
    }

    /// A job that goes on, such as a deployment.
    #[must_use]
    pub fn service(namespace: &str, name: impl Into<String>, kind: &str) -> Self {
        Self::of(namespace, name.into(), "SERVICE", kind)
    }

    fn of(namespace: &str, name: String, processing: &str, kind: &str) -> Self {
        let about = json!({"processingType": processing, "integration": "GINGHAM", "jobType": kind});
        let mut job = Self { namespace: namespace.to_owned(), name, facets: Map::new() };
        put_facet(&mut job.facets, "jobType", "2-0-4/JobTypeJobFacet", about);
        job
    }

    /// The same with the query that it runs.
    #[must_use]
    pub fn with_sql(mut self, query: &str, dialect: &str) -> Self {
        let facet = json!({"query": clipped(query), "dialect": dialect});
        put_facet(&mut self.facets, "sql", "1-1-0/SQLJobFacet", facet);
        self
    }

    /// The same with where its code lies in git. An address that is no URI cannot be told and is left out.
    #[must_use]
    pub fn with_git(mut self, remote: &str, commit: Option<&str>, branch: Option<&str>) -> Self {
        let Ok(url) = url::Url::parse(remote) else { return self };
        let mut url_shown = url.clone();
        // Credentials in the address of a remote are nobody's business.
        if url_shown.set_username("").is_err() || url_shown.set_password(None).is_err() {
            url_shown = url;
        }
        let mut facet = json!({"type": "git", "url": url_shown.as_str(), "repoUrl": url_shown.as_str()});
        if let Some(fields) = facet.as_object_mut() {
            fields.extend(commit.map(|commit| ("version".to_owned(), json!(commit))));
            fields.extend(branch.map(|branch| ("branch".to_owned(), json!(branch))));
        }
        put_facet(&mut self.facets, "sourceCodeLocation", "1-1-0/SourceCodeLocationJobFacet", facet);
        self
    }

    fn body(&self) -> Value {
        json!({"namespace": self.namespace, "name": self.name, "facets": self.facets})
    }
}

/// What is read or written.
#[derive(Debug, Clone, PartialEq)]
pub struct TellDataset {
    namespace: String,
    name: String,
    facets: Map<String, Value>,
    output_facets: Map<String, Value>,
}

impl TellDataset {
    /// Something of that name.
    #[must_use]
    pub fn new(namespace: &str, name: impl Into<String>) -> Self {
        Self {
            namespace: namespace.to_owned(),
            name: name.into(),
            facets: Map::new(),
            output_facets: Map::new(),
        }
    }

    /// The same in a version. A version is never part of a name: that is how graphs of different tools join.
    #[must_use]
    #[expect(clippy::needless_pass_by_value, reason = "numbers and names are handed over as they come")]
    pub fn with_version(mut self, version: impl ToString) -> Self {
        let facet = json!({"datasetVersion": version.to_string()});
        put_facet(&mut self.facets, "version", "1-0-1/DatasetVersionDatasetFacet", facet);
        self
    }

    /// The same with its columns, as names and types.
    #[must_use]
    pub fn with_columns<'a>(mut self, columns: impl IntoIterator<Item = (&'a str, &'a str)>) -> Self {
        let field = |(name, kind): (&str, &str)| json!({"name": name, "type": kind});
        let fields: Vec<Value> = columns.into_iter().map(field).collect();
        put_facet(&mut self.facets, "schema", "1-2-0/SchemaDatasetFacet", json!({"fields": fields}));
        self
    }

    /// The same with what kind of thing it is, such as `MODEL`.
    #[must_use]
    pub fn with_type(mut self, kind: &str) -> Self {
        let facet = json!({"datasetType": kind});
        put_facet(&mut self.facets, "datasetType", "1-0-1/DatasetTypeDatasetFacet", facet);
        self
    }

    /// The same with how many rows were written.
    #[must_use]
    pub fn with_rows_written(mut self, rows: u64) -> Self {
        let facet = json!({"rowCount": rows});
        put_facet(
            &mut self.output_facets,
            "outputStatistics",
            "1-0-2/OutputStatisticsOutputDatasetFacet",
            facet,
        );
        self
    }

    fn body(&self) -> Value {
        json!({"namespace": self.namespace, "name": self.name, "facets": self.facets})
    }

    fn body_as_output(&self) -> Value {
        let mut body = self.body();
        if let Some(fields) = body.as_object_mut().filter(|_| !self.output_facets.is_empty()) {
            fields.insert("outputFacets".to_owned(), json!(self.output_facets));
        }
        body
    }
}

/// A moment in the life of a run.
#[derive(Debug, Clone, PartialEq)]
pub struct TellRun {
    /// When it happened.
    pub at: Timestamp,
    /// What happened.
    pub state: RunState,
    /// Our id of the run.
    pub run: String,
    /// What was run.
    pub job: TellJob,
    /// What it read.
    pub inputs: Vec<TellDataset>,
    /// What it wrote.
    pub outputs: Vec<TellDataset>,
    /// Why it failed.
    pub problem: Option<String>,
}

impl TellRun {
    /// The event.
    #[must_use]
    pub fn event(&self) -> Value {
        let mut facets = Map::new();
        let engine = json!({"version": env!("CARGO_PKG_VERSION"), "name": "gingham"});
        put_facet(&mut facets, "processing_engine", "1-1-1/ProcessingEngineRunFacet", engine);
        if let Some(problem) = &self.problem {
            let facet = json!({"message": clipped(problem), "programmingLanguage": "unknown"});
            put_facet(&mut facets, "errorMessage", "1-0-1/ErrorMessageRunFacet", facet);
        }
        let inputs: Vec<Value> = self.inputs.iter().map(TellDataset::body).collect();
        let outputs: Vec<Value> = self.outputs.iter().map(TellDataset::body_as_output).collect();
        json!({
            "eventTime": self.at.to_string(), "producer": producer(),
            "schemaURL": format!("{SPECIFICATION}#/$defs/RunEvent"), "eventType": self.state.word(),
            "run": {"runId": run_uuid(&self.run).to_string(), "facets": facets},
            "job": self.job.body(), "inputs": inputs, "outputs": outputs,
        })
    }
}

/// What a job reads and writes, whenever it runs: an event without a run.
#[must_use]
pub fn job_event(at: Timestamp, job: &TellJob, inputs: &[TellDataset], outputs: &[TellDataset]) -> Value {
    let inputs: Vec<Value> = inputs.iter().map(TellDataset::body).collect();
    let outputs: Vec<Value> = outputs.iter().map(TellDataset::body_as_output).collect();
    json!({
        "eventTime": at.to_string(), "producer": producer(),
        "schemaURL": format!("{SPECIFICATION}#/$defs/JobEvent"),
        "job": job.body(), "inputs": inputs, "outputs": outputs,
    })
}

/// What is known of a dataset, without a run.
#[must_use]
pub fn dataset_event(at: Timestamp, dataset: &TellDataset) -> Value {
    json!({
        "eventTime": at.to_string(), "producer": producer(),
        "schemaURL": format!("{SPECIFICATION}#/$defs/DatasetEvent"), "dataset": dataset.body(),
    })
}

/// The id under which a run is told: ours, if it is a UUID, else one that is derived from it.
#[must_use]
pub fn run_uuid(run: &str) -> Uuid {
    run.parse().unwrap_or_else(|_| {
        let mut bytes = [0; 16];
        bytes.iter_mut().zip(Digest::of(run).as_bytes()).for_each(|(to, from)| *to = *from);
        uuid::Builder::from_random_bytes(bytes).into_uuid()
    })
}

fn put_facet(facets: &mut Map<String, Value>, name: &str, shape: &str, mut facet: Value) {
    let shape_name = shape.split_once('/').map_or(shape, |(_, name)| name);
    if let Some(fields) = facet.as_object_mut() {
        fields.insert("_producer".to_owned(), json!(producer()));
        fields.insert("_schemaURL".to_owned(), json!(format!("{FACETS}/{shape}.json#/$defs/{shape_name}")));
    }
    facets.insert(name.to_owned(), facet);
}

fn clipped(text: &str) -> String {
    text.chars().take(MOST_CHARS).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told() -> TellRun {
        TellRun {
            at: Timestamp::from_millis(1_700_000_000_123),
            state: RunState::Complete,
            run: "0196d9a0000070008000000000000001".to_owned(),
            job: TellJob::batch("here", "experiments/a", "RUN")
                .with_git("https://user:secret@git.example/a.git", Some("abc"), None)
                .with_sql("select 1", "datafusion"),
            inputs: vec![TellDataset::new("here", "roads").with_version(3).with_columns([("a", "int")])],
            outputs: vec![
                TellDataset::new("here", "models/m")
                    .with_type("MODEL")
                    .with_version("1")
                    .with_rows_written(5),
            ],
            problem: Some("it broke".to_owned()),
        }
    }

    #[test]
    fn what_is_told_is_taken_by_our_own_door() {
        let graph = crate::graph_of_event(&told().event()).unwrap();
        let ids: Vec<&str> = graph.nodes.iter().map(|node| node.id.as_str()).collect();
        assert_eq!(
            ids,
            [
                "job:here/experiments/a",
                "run:0196d9a0000070008000000000000001",
                "dataset:here/roads",
                "dataset:here/models/m"
            ]
        );
        let job = TellJob::service("here", "deployments/d", "DEPLOYMENT");
        let outputs = [TellDataset::new("here", "predictions/m")];
        assert!(
            crate::graph_of_event(&job_event(Timestamp::from_millis(1), &job, &outputs, &outputs)).is_ok()
        );
        let alone = dataset_event(Timestamp::from_millis(1), &TellDataset::new("here", "a"));
        assert_eq!(crate::graph_of_event(&alone).unwrap().nodes.len(), 1);
    }

    #[test]
    fn the_same_facts_give_the_same_bytes_and_no_credentials() {
        let text = told().event().to_string();
        assert_eq!(text, told().event().to_string());
        assert!(text.contains("https://git.example/a.git") && !text.contains("secret"), "{text}");
        assert!(text.contains("\"eventTime\":\"2023-11-14T22:13:20.123"), "{text}");
    }

    #[test]
    fn a_run_with_a_foreign_id_keeps_one_uuid() {
        assert_eq!(run_uuid("my-run"), run_uuid("my-run"));
        assert_ne!(run_uuid("my-run"), run_uuid("my-other-run"));
        assert_eq!(
            run_uuid("0196d9a0000070008000000000000001").simple().to_string(),
            "0196d9a0000070008000000000000001"
        );
    }
}
