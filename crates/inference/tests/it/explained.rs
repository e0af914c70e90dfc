//! What the inputs of graphs of trees add, beside what the package `shap` says of the models that the graphs were made of.
//!
//! `GINGHAM_EXPLANATIONS` names the folder that `python/tests/engines/explanations.py` fills; `cargo xtask test` makes it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use inference::{Input, OpenOptions, open};
use serde::Deserialize;
use serde_json::Value;

/// Graphs keep thresholds and leaves in single precision.
const WITHIN: f64 = 1e-4;

#[derive(Deserialize)]
struct Case {
    columns: Vec<String>,
    rows: BTreeMap<String, Vec<Value>>,
    background: BTreeMap<String, Vec<Value>>,
    base: f64,
    contributions: Vec<Vec<f64>>,
}

fn folder() -> Option<PathBuf> {
    std::env::var_os("GINGHAM_EXPLANATIONS").map(PathBuf::from)
}

fn inputs(names: &[String], rows: &BTreeMap<String, Vec<Value>>) -> Vec<Input> {
    let column = |name: &String| {
        let values = &rows[name];
        if values.iter().any(Value::is_string) {
            Input::Words(values.iter().map(|value| value.as_str().map(str::to_owned)).collect())
        } else {
            Input::Numbers(values.iter().map(|value| value.as_f64().unwrap_or(f64::NAN)).collect())
        }
    };
    names.iter().map(column).collect()
}

fn check(place: &Path) -> Result<(), String> {
    let case: Case = serde_json::from_slice(&std::fs::read(place.join("explained.json")).unwrap()).unwrap();
    let model = std::fs::read(place.join("model.onnx")).unwrap();
    let options = OpenOptions { columns: Some(case.columns.clone()), ..OpenOptions::default() };
    let engine = open(&model, &options).map_err(|error| error.to_string())?;
    let names: Vec<String> = engine.columns().fields.iter().map(|field| field.name.clone()).collect();
    let explain = |background| engine.explain(inputs(&names, &case.rows), background, usize::MAX);
    let without = explain(None).unwrap_err().to_string();
    assert!(without.contains("background"), "{without}");
    let found = explain(Some(inputs(&names, &case.background))).map_err(|error| error.to_string())?;
    if !found.is_additive() {
        return Err(format!("the parts are {:e} off the sum of the trees", found.gap()));
    }
    let size = case.contributions.iter().flatten().fold(case.base.abs(), |most, part| most.max(part.abs()));
    if (found.base - case.base).abs() > WITHIN * size {
        return Err(format!("the base is {}, not {}", found.base, case.base));
    }
    assert_eq!(found.contributions.len(), case.contributions.len());
    for (row, (found, expected)) in found.contributions.iter().zip(&case.contributions).enumerate() {
        for (name, part) in names.iter().zip(found) {
            let place = case.columns.iter().position(|column| column == name).unwrap();
            if (part - expected[place]).abs() > WITHIN * size {
                return Err(format!("row {row}: `{name}` adds {part}, not {}", expected[place]));
            }
        }
    }
    Ok(())
}

#[test]
fn what_the_inputs_of_graphs_add_is_what_shap_says() {
    let Some(folder) = folder() else {
        eprintln!("GINGHAM_EXPLANATIONS is not set: nothing to compare with");
        return;
    };
    let names = std::fs::read_to_string(folder.join("complete")).expect("the cases are complete");
    let wrong: Vec<String> = names
        .lines()
        .filter_map(|name| check(&folder.join(name)).err().map(|why| format!("{name}: {why}")))
        .collect();
    assert!(names.lines().count() >= 8 && wrong.is_empty(), "{}", wrong.join("\n"));
}
