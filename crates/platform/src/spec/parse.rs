//! From text to a spec that makes sense as a whole.

use std::collections::{BTreeMap, HashSet};

use base::names::{check_name, nearest};
use serde::{Deserialize, Serialize};

use super::positions::Positions;
use super::{Position, Spec, SpecError};

/// The text of a `gingham.yaml` and of the files it names.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SpecSource {
    /// The text of the file.
    pub spec_yaml: String,
    /// The text of each file that it names, by its name there.
    #[serde(default)]
    pub files: BTreeMap<String, String>,
}

const FILE: &str = "gingham.yaml";
/// How the names of files with policies end.
const POLICY_FILE: &str = ".policy.yaml";
const MOST_BYTES: usize = 256 * 1024;
const MOST_CANDIDATES: usize = 50;
const MOST_FEATURES: usize = 2_000;
const METRICS: [&str; 5] = ["mae", "rmse", "wape", "mape", "r2"];

/// Reads a spec; an error says where it is and what was probably meant.
pub fn parse(source: &SpecSource) -> Result<Spec, SpecError> {
    let (positions, value) = read_value(&source.spec_yaml)?;
    let mut spec: Spec =
        serde_path_to_error::deserialize(value).map_err(|cause| shape_error(&positions, &cause))?;
    let sense = Sense { positions: &positions, source };
    sense.check(&spec)?;
    spec.policy = sense.policy(&spec)?;
    Ok(spec)
}

/// The values of a file beside the places of its parts.
pub(super) fn read_value(yaml: &str) -> Result<(Positions, serde_json::Value), SpecError> {
    if yaml.len() > MOST_BYTES {
        return Err(error(
            None,
            format!("the file has {} bytes, at most {MOST_BYTES} are taken", yaml.len()),
        ));
    }
    let positions = Positions::of(yaml).map_err(|broken| error(Some(broken.at), broken.why))?;
    let value: serde_json::Value = serde_yaml_ng::from_str(yaml).map_err(|cause| {
        let at = cause.location().map(|at| Position { line: at.line(), column: at.column() });
        error(at, cause.to_string())
    })?;
    if value.is_null() {
        return Err(error(None, "the file is empty".to_owned()));
    }
    Ok((positions, value))
}

fn error(position: Option<Position>, message: String) -> SpecError {
    SpecError { file: FILE.to_owned(), position, message, hint: None }
}

/// Places an error of shape, and looks for the word that was probably meant.
pub(super) fn shape_error(
    positions: &Positions,
    cause: &serde_path_to_error::Error<serde_json::Error>,
) -> SpecError {
    let message = cause.inner().to_string();
    let path = match cause.path().to_string() {
        path if path == "." => String::new(),
        path => path,
    };
    let mut quoted = message.split('`').skip(1).step_by(2);
    let word = quoted.next().unwrap_or_default();
    let candidates: Vec<&str> = quoted.collect();
    let is_word = message.starts_with("unknown field") || message.starts_with("unknown variant");
    let full = if path.is_empty() { word.to_owned() } else { format!("{path}.{word}") };
    let position =
        if is_word && !path.ends_with(word) { positions.nearest(&full) } else { positions.nearest(&path) };
    let hint =
        if is_word { nearest(word, candidates).map(|near| format!("did you mean `{near}`?")) } else { None };
    SpecError { file: FILE.to_owned(), position, message, hint }
}

/// The rules that hold between the parts.
struct Sense<'a> {
    positions: &'a Positions,
    source: &'a SpecSource,
}

impl Sense<'_> {
    fn check(&self, spec: &Spec) -> Result<(), SpecError> {
        self.names(spec)?;
        self.pipeline(spec)?;
        self.kubernetes(spec)?;
        self.model_checks(spec)?;
        self.monitor(spec)
    }

    fn kubernetes(&self, spec: &Spec) -> Result<(), SpecError> {
        let Some(target) = crate::cluster_target(spec) else { return Ok(()) };
        target.kubernetes.check(&target.deployment).map_err(|misfit| {
            let path = match misfit.path.as_str() {
                "" => "deployment.name".to_owned(),
                path => format!("deployment.kubernetes.{path}"),
            };
            SpecError { hint: misfit.hint, ..self.wrong(&path, misfit.message) }
        })
    }

    /// The policy that the file names, read and found to be for its tier; cards and datasheets on the way.
    fn policy(&self, spec: &Spec) -> Result<Option<governance::policy::Policy>, SpecError> {
        for (part, fields) in [("card", &spec.card), ("data.datasheet", &spec.data.datasheet)] {
            for (field, text) in fields {
                governance::documents::check(field, text)
                    .map_err(|cause| self.wrong(&format!("{part}.{field}"), cause.to_string()))?;
            }
        }
        let Some(risk) = &spec.risk else { return Ok(None) };
        check_name("tier", &risk.tier).map_err(|cause| self.wrong("risk.tier", cause.to_string()))?;
        if !risk.policy.ends_with(POLICY_FILE) || risk.policy.contains(['/', '\\']) {
            let message = format!("a policy is a file beside {FILE} whose name ends with `{POLICY_FILE}`");
            return Err(self.wrong("risk.policy", message));
        }
        let Some(text) = self.source.files.get(&risk.policy) else {
            let message = format!("the file `{}` was not found beside {FILE}", risk.policy);
            return Err(self.wrong("risk.policy", message));
        };
        super::parse_policy(&risk.policy, text, Some(&risk.tier)).map(Some)
    }

    fn wrong(&self, path: &str, message: String) -> SpecError {
        error(self.positions.nearest(path), message)
    }

    fn names(&self, spec: &Spec) -> Result<(), SpecError> {
        let deployment = spec.deployment.as_ref().map(|deployment| deployment.name.as_str());
        let named = [
            ("model", "model", Some(spec.model.as_str())),
            ("project", "project", Some(spec.project.as_str())),
            ("dataset", "data.dataset", Some(spec.data.dataset.as_str())),
            ("alias", "promotion.alias", Some(spec.promotion.alias.as_str())),
            ("deployment", "deployment.name", deployment),
        ];
        for (noun, path, name) in named {
            if let Some(name) = name {
                check_name(noun, name).map_err(|cause| self.wrong(path, cause.to_string()))?;
            }
        }
        let mut ids = HashSet::new();
        for (index, check) in spec.checks.iter().enumerate() {
            if !ids.insert(check.id.as_str()) {
                return Err(self
                    .wrong(&format!("checks[{index}].id"), format!("two checks are called `{}`", check.id)));
            }
            if let Some(fault) = checks::fault(check) {
                let path = format!("checks[{index}].{}", fault.key);
                return Err(SpecError { hint: fault.hint, ..self.wrong(&path, fault.message) });
            }
        }
        Ok(())
    }

    fn pipeline(&self, spec: &Spec) -> Result<(), SpecError> {
        let pipeline = &spec.pipeline;
        if !self.source.files.contains_key(&pipeline.prepare) {
            let message = format!("the file `{}` was not found beside {FILE}", pipeline.prepare);
            return Err(self.wrong("pipeline.prepare", message));
        }
        if pipeline.features.is_empty() || pipeline.features.len() > MOST_FEATURES {
            let message = format!("a model has between 1 and {MOST_FEATURES} features");
            return Err(self.wrong("pipeline.features", message));
        }
        if let Some(index) = pipeline.features.iter().position(|feature| *feature == pipeline.target) {
            let message = format!(
                "`{}` is the target; a model that is given it has nothing to predict",
                pipeline.target
            );
            return Err(self.wrong(&format!("pipeline.features[{index}]"), message));
        }
        let mut seen = HashSet::new();
        for (index, feature) in pipeline.features.iter().enumerate() {
            if !seen.insert(feature) {
                return Err(
                    self.wrong(&format!("pipeline.features[{index}]"), format!("`{feature}` is there twice"))
                );
            }
        }
        self.metric("pipeline.evaluate.metric", &pipeline.evaluate.metric)?;
        self.candidates(spec)
    }

    fn candidates(&self, spec: &Spec) -> Result<(), SpecError> {
        let candidates = &spec.pipeline.candidates;
        if candidates.len() > MOST_CANDIDATES || candidates.iter().all(|candidate| candidate.baseline) {
            let message = format!(
                "a pipeline has between 1 and {MOST_CANDIDATES} candidates, one at least no baseline"
            );
            return Err(self.wrong("pipeline.candidates", message));
        }
        let known: Vec<&str> = training::trainers().iter().map(|trainer| trainer.name()).collect();
        let mut ids = HashSet::new();
        for (index, candidate) in candidates.iter().enumerate() {
            let path = format!("pipeline.candidates[{index}]");
            check_name("candidate", &candidate.id)
                .map_err(|cause| self.wrong(&format!("{path}.id"), cause.to_string()))?;
            if !ids.insert(&candidate.id) {
                return Err(self
                    .wrong(&format!("{path}.id"), format!("two candidates are called `{}`", candidate.id)));
            }
            if !known.contains(&candidate.trainer.as_str()) {
                let message = format!(
                    "no trainer is called `{}`; there are `{}`",
                    candidate.trainer,
                    known.join("`, `")
                );
                let hint = nearest(&candidate.trainer, known.iter().copied())
                    .map(|near| format!("did you mean `{near}`?"));
                return Err(SpecError { hint, ..self.wrong(&format!("{path}.trainer"), message) });
            }
        }
        Ok(())
    }

    fn model_checks(&self, spec: &Spec) -> Result<(), SpecError> {
        let mut ids = HashSet::new();
        for (index, check) in spec.model_checks.iter().enumerate() {
            let path = format!("model_checks[{index}]");
            if !ids.insert(&check.id) || check.id.starts_with("promotion-") {
                let message = if check.id.starts_with("promotion-") {
                    format!("`{}` is the name of a rule of promotion", check.id)
                } else {
                    format!("two checks are called `{}`", check.id)
                };
                return Err(self.wrong(&format!("{path}.id"), message));
            }
        }
        Ok(())
    }

    fn monitor(&self, spec: &Spec) -> Result<(), SpecError> {
        match spec.monitor.as_ref().map(monitoring::MonitorSpec::check) {
            Some(Err(cause)) => Err(self.wrong("monitor", cause.to_string())),
            _ => Ok(()),
        }
    }

    fn metric(&self, path: &str, metric: &str) -> Result<(), SpecError> {
        if METRICS.contains(&metric) {
            return Ok(());
        }
        let message = format!("no metric is called `{metric}`; there are `{}`", METRICS.join("`, `"));
        let hint = nearest(metric, METRICS).map(|near| format!("did you mean `{near}`?"));
        Err(SpecError { hint, ..self.wrong(path, message) })
    }
}
