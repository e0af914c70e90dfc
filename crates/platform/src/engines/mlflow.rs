//! Folders that MLflow's `log_model` makes: the file `MLmodel` says which flavors they have.

use std::collections::BTreeMap;

use artifacts::Tree;
use base::Digest;
use inference::{ElementType, OpenOptions, PythonInput};
use serde::Deserialize;
use serde_json::{Map, Value, json};

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
    #[serde(default)]
    pickled_model: Option<String>,
    #[serde(default)]
    predict_fn: Option<String>,
    #[serde(default)]
    python_version: Option<String>,
}

#[derive(Deserialize)]
struct Signature {
    /// JSON within the YAML.
    #[serde(default)]
    inputs: Option<String>,
}

/// A folder of MLflow.
pub(crate) struct MlflowModel {
    description: Description,
    tree: Tree,
}

/// The file of a model that an engine of ours reads, and how.
pub(super) struct Found {
    pub(super) bytes: bytes::Bytes,
    pub(super) options: OpenOptions,
}

/// How workers are to run a model.
#[derive(Debug)]
pub(crate) struct Wanted {
    /// What they are told to load, but for the folder.
    pub(crate) order: Map<String, Value>,
    /// The inputs; empty where only the model itself knows.
    pub(crate) inputs: Vec<PythonInput>,
    /// The release of Python.
    pub(crate) version: Option<String>,
}

impl Wanted {
    /// The names of the columns; a tensor of several is numbered.
    pub(crate) fn names(&self) -> Vec<String> {
        let names = self.inputs.iter().flat_map(|input| {
            let width: usize = input.shape.iter().product();
            (0..width.max(1)).map(move |at| match width {
                0 | 1 => input.name.clone(),
                _ => format!("{}_{at}", input.name),
            })
        });
        names.collect()
    }
}

impl Platform {
    /// The model in a folder of MLflow; the inner error says in words why it is none.
    pub(super) async fn mlflow_model(&self, digest: Digest) -> Result<Result<MlflowModel, String>, Error> {
        let tree = self.artifacts.get_tree(digest).await?;
        let Some(entry) = tree.find("MLmodel") else {
            return Ok(Err("its folder has no file `MLmodel`".to_owned()));
        };
        let text = self.artifacts.read_bytes(entry.digest, MOST_DESCRIPTION).await?;
        Ok(match serde_yaml_ng::from_slice(&text) {
            Ok(description) => Ok(MlflowModel { description, tree }),
            Err(error) => Err(format!("its file `MLmodel` cannot be read: {error}")),
        })
    }

    /// The file that one of our engines reads, if there is one.
    pub(super) async fn readable(&self, model: &MlflowModel) -> Result<Result<Option<Found>, String>, Error> {
        let (file, options) = match model.choose() {
            Ok(Some(chosen)) => chosen,
            Ok(None) => return Ok(Ok(None)),
            Err(reason) => return Ok(Err(reason)),
        };
        let bytes = self.artifacts.read_bytes(file, MOST_BYTES).await?;
        Ok(Ok(Some(Found { bytes, options })))
    }
}

impl MlflowModel {
    fn choose(&self) -> Result<Option<(Digest, OpenOptions)>, String> {
        let signature = self.description.signature.as_ref();
        let columns = signature.and_then(|signature| columns(signature.inputs.as_deref()?));
        for name in ["onnx", "xgboost", "lightgbm"] {
            let Some(flavor) = self.description.flavors.get(name) else { continue };
            let Some(path) = flavor.data.as_deref() else { continue };
            // Pickles are for Python alone.
            if path.ends_with(".pkl") || path.ends_with(".cloudpickle") || path.ends_with(".skops") {
                continue;
            }
            let entry = self.tree.find(path).ok_or_else(|| format!("its folder has no file `{path}`"))?;
            let class = flavor.model_class.as_deref().unwrap_or_default();
            // The classifiers of the scikit-learn interface answer labels, boosters probabilities.
            let prefer_label = class.ends_with("Classifier");
            return Ok(Some((entry.digest, OpenOptions { columns, prefer_label, ..OpenOptions::default() })));
        }
        Ok(None)
    }

    /// The names of its flavors.
    pub(super) fn flavors(&self) -> String {
        self.description.flavors.keys().map(String::as_str).collect::<Vec<_>>().join(", ")
    }

    /// How workers are to run it; the error says in words why they cannot.
    pub(crate) fn python(&self) -> Result<Wanted, String> {
        let Some(function) = self.description.flavors.get("python_function") else {
            return Err(format!("no engine here runs the flavors {}", self.flavors()));
        };
        let mut order = Map::new();
        let estimator =
            self.description.flavors.get("sklearn").and_then(|flavor| flavor.pickled_model.as_ref());
        match estimator {
            Some(file) => {
                order.insert("loader".to_owned(), json!("sklearn"));
                order.insert("file".to_owned(), json!(file));
                order.insert("method".to_owned(), json!(function.predict_fn));
            }
            None => {
                order.insert("loader".to_owned(), json!("pyfunc"));
            }
        }
        let signature = self.description.signature.as_ref().and_then(|signature| signature.inputs.as_deref());
        let inputs = signature.map(inputs).transpose()?.unwrap_or_default();
        if inputs.is_empty() && estimator.is_none() {
            return Err(
                "it does not say what it takes; log it with a signature or an input example".to_owned()
            );
        }
        Ok(Wanted { order, inputs, version: function.python_version.clone() })
    }
}

/// The inputs of a signature, as workers get them.
fn inputs(signature: &str) -> Result<Vec<PythonInput>, String> {
    let unreadable = || "its signature cannot be read".to_owned();
    let columns: Vec<Value> = serde_json::from_str(signature).map_err(|_| unreadable())?;
    columns
        .iter()
        .map(|column| {
            let name = column.get("name").and_then(Value::as_str);
            let kind = column.get("type").and_then(Value::as_str).ok_or_else(unreadable)?;
            if kind == "tensor" {
                return tensor(name.unwrap_or("input"), column.get("tensor-spec").ok_or_else(unreadable)?);
            }
            let name = name.ok_or("its signature has columns without names")?;
            let (element_type, dtype) = match kind {
                "double" => (ElementType::Float64, None),
                "float" => (ElementType::Float32, None),
                "long" => (ElementType::Int64, None),
                "integer" => (ElementType::Int32, None),
                "boolean" => (ElementType::Bool, None),
                "string" => (ElementType::Text, None),
                "datetime" => (ElementType::Text, Some("datetime64[ns]".to_owned())),
                other => {
                    return Err(format!(
                        "its input `{name}` is of the type `{other}`, which is not served here"
                    ));
                }
            };
            Ok(PythonInput { name: name.to_owned(), element_type, shape: Vec::new(), dtype })
        })
        .collect()
}

fn tensor(name: &str, spec: &Value) -> Result<PythonInput, String> {
    let dtype = spec.get("dtype").and_then(Value::as_str).unwrap_or_default();
    let element_type = match dtype {
        "bool" => ElementType::Bool,
        "int8" => ElementType::Int8,
        "int16" => ElementType::Int16,
        "int32" => ElementType::Int32,
        "int64" => ElementType::Int64,
        "uint8" => ElementType::Uint8,
        "uint16" => ElementType::Uint16,
        "uint32" => ElementType::Uint32,
        "uint64" => ElementType::Uint64,
        "float16" | "float32" => ElementType::Float32,
        "float64" => ElementType::Float64,
        "str" | "object" => ElementType::Text,
        other => {
            return Err(format!(
                "its input `{name}` has elements of the type `{other}`, which is not served here"
            ));
        }
    };
    let lengths = spec.get("shape").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let shape =
        lengths.iter().skip(1).map(|length| length.as_u64().and_then(|length| usize::try_from(length).ok()));
    let shape = shape
        .collect::<Option<Vec<usize>>>()
        .filter(|shape| shape.iter().product::<usize>() <= 1_000_000)
        .ok_or_else(|| format!("its input `{name}` leaves open how long a row is"))?;
    let dtype = (element_type != ElementType::Text).then(|| dtype.to_owned());
    Ok(PythonInput { name: name.to_owned(), element_type, shape, dtype })
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

    #[test]
    fn signatures_become_inputs_of_workers() {
        let of = |text: &str| {
            inputs(text).map(|inputs| {
                let one = |input: &PythonInput| {
                    format!("{} {} {:?}", input.name, input.element_type.name(), input.shape)
                };
                inputs.iter().map(one).collect::<Vec<_>>().join("; ")
            })
        };
        let columns = r#"[{"type": "double", "name": "a"}, {"type": "datetime", "name": "t"}]"#;
        assert_eq!(of(columns).unwrap(), "a float64 []; t text []");
        let tensor = r#"[{"type": "tensor", "tensor-spec": {"dtype": "float32", "shape": [-1, 2, 3]}}]"#;
        assert_eq!(of(tensor).unwrap(), "input float32 [2, 3]");
        let open = r#"[{"type": "tensor", "tensor-spec": {"dtype": "float32", "shape": [-1, -1]}}]"#;
        assert_eq!(of(open).unwrap_err(), "its input `input` leaves open how long a row is");
        let binary = r#"[{"type": "binary", "name": "picture"}]"#;
        assert_eq!(
            of(binary).unwrap_err(),
            "its input `picture` is of the type `binary`, which is not served here"
        );
    }
}
