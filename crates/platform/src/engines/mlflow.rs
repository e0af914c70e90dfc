//! Folders that MLflow's `log_model` makes: the file `MLmodel` says which flavors they have.

use std::collections::BTreeMap;

use artifacts::Tree;
use base::Digest;
use inference::OpenOptions;
use serde::Deserialize;
use serde_json::Value;

use super::MOST_BYTES;
use crate::{Error, Platform};

/// An `MLmodel` file is short.
const MOST_DESCRIPTION: u64 = 1024 * 1024;

/// What is needed of an `MLmodel` file.
#[derive(Deserialize)]
struct Description {
    #[serde(default)]
    flavors: BTreeMap<String, Flavor>,
    #[serde(default)]
    signature: Option<Signature>,
}

#[derive(Deserialize)]
struct Flavor {
    #[serde(default)]
    data: Option<String>,
    #[serde(default)]
    model_class: Option<String>,
}

#[derive(Deserialize)]
struct Signature {
    /// JSON within the YAML.
    #[serde(default)]
    inputs: Option<String>,
}

/// The file of a model that an engine reads, and how.
pub(super) struct Found {
    pub(super) bytes: bytes::Bytes,
    pub(super) options: OpenOptions,
}

impl Platform {
    /// The model in a folder of MLflow; the inner error says in words why no engine here can run it.
    pub(super) async fn mlflow_model(&self, digest: Digest) -> Result<Result<Found, String>, Error> {
        let tree = self.artifacts.get_tree(digest).await?;
        let Some(entry) = tree.find("MLmodel") else {
            return Ok(Err("its folder has no file `MLmodel`".to_owned()));
        };
        let text = self.artifacts.read_bytes(entry.digest, MOST_DESCRIPTION).await?;
        let description: Description = match serde_yaml_ng::from_slice(&text) {
            Ok(description) => description,
            Err(error) => return Ok(Err(format!("its file `MLmodel` cannot be read: {error}"))),
        };
        let (file, options) = match choose(&description, &tree) {
            Ok(chosen) => chosen,
            Err(reason) => return Ok(Err(reason)),
        };
        let bytes = self.artifacts.read_bytes(file, MOST_BYTES).await?;
        Ok(Ok(Found { bytes, options }))
    }
}

/// The file that one of our engines reads.
fn choose(description: &Description, tree: &Tree) -> Result<(Digest, OpenOptions), String> {
    let columns = description.signature.as_ref().and_then(|signature| columns(signature.inputs.as_deref()?));
    for name in ["onnx", "xgboost", "lightgbm"] {
        let Some(flavor) = description.flavors.get(name) else { continue };
        let Some(path) = flavor.data.as_deref() else { continue };
        // Pickles are for Python alone.
        if path.ends_with(".pkl") || path.ends_with(".cloudpickle") || path.ends_with(".skops") {
            continue;
        }
        let entry = tree.find(path).ok_or_else(|| format!("its folder has no file `{path}`"))?;
        let class = flavor.model_class.as_deref().unwrap_or_default();
        // The classifiers of the scikit-learn interface answer labels, boosters probabilities.
        let prefer_label = class.ends_with("Classifier");
        return Ok((entry.digest, OpenOptions { columns, prefer_label, ..OpenOptions::default() }));
    }
    let flavors: Vec<&str> = description.flavors.keys().map(String::as_str).collect();
    Err(format!(
        "no engine here runs the flavors {}: log it with `mlflow.onnx`, or with `mlflow.xgboost` or `mlflow.lightgbm` \
         and their own file formats",
        flavors.join(", ")
    ))
}

/// The names of the columns, where a signature has some.
fn columns(inputs: &str) -> Option<Vec<String>> {
    let columns: Vec<Value> = serde_json::from_str(inputs).ok()?;
    let name = |column: &Value| {
        if column.get("type")?.as_str()? == "tensor" {
            return None;
        }
        column.get("name")?.as_str().map(str::to_owned)
    };
    columns.iter().map(name).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_named_by_a_signature_of_columns_only() {
        let named = r#"[{"type": "double", "name": "a", "required": true}, {"type": "long", "name": "b"}]"#;
        assert_eq!(columns(named), Some(vec!["a".to_owned(), "b".to_owned()]));
        let tensor = r#"[{"type": "tensor", "tensor-spec": {"dtype": "float32", "shape": [-1, 3]}}]"#;
        assert_eq!(columns(tensor), None);
        assert_eq!(columns("no JSON"), None);
    }
}
