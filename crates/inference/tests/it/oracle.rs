//! Outputs equal those of ONNX Runtime, XGBoost and LightGBM.

use std::sync::Arc;

use inference::{Engine, OpenOptions, Tensor, open};

use crate::case::{self, Case, difference};

/// The engine of a case, and its inputs in order.
fn opened(case: &Case) -> Result<(Arc<dyn Engine>, Vec<Tensor>), String> {
    let columns = (case.inputs.len() > 1).then(|| case.inputs.iter().map(|(name, _)| name.clone()).collect());
    let engine = open(&case.model, &OpenOptions { columns, ..OpenOptions::default() })
        .map_err(|error| error.to_string())?;
    let by_name =
        |name: &String| case.inputs.iter().find(|(other, _)| other == name).map(|(_, tensor)| tensor.clone());
    let wanted = &engine.about().inputs;
    let inputs = if wanted.len() == case.inputs.len() && case.inputs.len() > 1 {
        wanted
            .iter()
            .map(|spec| by_name(&spec.name).ok_or(format!("there is no input `{}`", spec.name)))
            .collect()
    } else if wanted.len() == case.inputs.len() {
        Ok(vec![case.inputs[0].1.clone()])
    } else {
        // A matrix given, columns wanted.
        let (rows, width) = case.inputs[0].1.shape().as_matrix();
        let take = |column: usize| {
            let data = case.inputs[0].1.data().take((0..rows).map(|row| row * width + column)).unwrap();
            Tensor::vector(data)
        };
        Ok((0..width).map(take).collect())
    };
    inputs.map(|inputs| (engine, inputs))
}

fn row(inputs: &[Tensor], row: usize) -> Vec<Tensor> {
    let one = |tensor: &Tensor| {
        let width = tensor.shape().lengths().iter().skip(1).product::<usize>();
        let mut lengths = tensor.shape().lengths().to_vec();
        lengths[0] = 1;
        let data = tensor.data().take(row * width..(row + 1) * width).unwrap();
        Tensor::new(inference::Shape::new(&lengths).unwrap(), data).unwrap()
    };
    inputs.iter().map(one).collect()
}

fn check(case: &Case) -> Result<(), String> {
    let (engine, inputs) = opened(case)?;
    let outputs = engine.run(inputs.clone()).map_err(|error| error.to_string())?;
    if outputs.len() < case.outputs.len() {
        return Err(format!("{} outputs instead of {}", outputs.len(), case.outputs.len()));
    }
    for (found, (name, expected)) in outputs.iter().zip(&case.outputs) {
        if let Some(difference) = difference(found, expected, case.tolerance) {
            return Err(format!("`{name}`: {difference}"));
        }
    }
    // A row alone is answered as in company, unless the graph mixes rows.
    let rows = inputs[0].shape().lengths().first().copied().unwrap_or(0);
    if case.name.starts_with("hand_") {
        return Ok(());
    }
    for at in [0, rows / 2, rows - 1] {
        let alone = engine.run(row(&inputs, at)).map_err(|error| error.to_string())?;
        for (alone, all) in alone.iter().zip(&outputs) {
            let width = all.shape().elements() / rows;
            let data = all.data().take(at * width..(at + 1) * width).unwrap();
            if let Some(difference) = difference(alone, &Tensor::vector(data), 1e-6) {
                return Err(format!("row {at} alone: {difference}"));
            }
        }
    }
    Ok(())
}

#[test]
fn outputs_equal_those_of_the_library_that_made_the_model() {
    let Some(folder) = case::folder() else {
        eprintln!("GINGHAM_ENGINE_CASES is not set: no models to run");
        return;
    };
    let cases = case::all(&folder);
    let failures: Vec<String> = cases
        .iter()
        .filter_map(|case| check(case).err().map(|reason| format!("{}: {reason}", case.name)))
        .collect();
    assert!(
        failures.is_empty(),
        "{} of {} cases differ:\n{}",
        failures.len(),
        cases.len(),
        failures.join("\n")
    );
    assert!(cases.len() > 200, "only {} cases were made", cases.len());
}
