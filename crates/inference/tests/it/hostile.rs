//! Damaged files: an engine or an error, never a panic, a hang or a flood of memory.

use inference::{OpenOptions, RuntimeOptions, Tensor, open};

use crate::case;

/// Numbers that look random and are the same each time.
struct Dice(u64);

impl Dice {
    fn below(&mut self, most: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % most.max(1)
    }
}

fn try_it(bytes: &[u8], inputs: &[Tensor]) -> bool {
    // The library of ONNX Runtime is not ours to shield from damage in this process.
    let runtime = RuntimeOptions::default();
    assert!(runtime.library().is_none(), "run these tests without ORT_DYLIB_PATH");
    match open(bytes, &OpenOptions { runtime, ..OpenOptions::default() }) {
        Ok(engine) => {
            let _ = engine.run(inputs.to_vec());
            true
        }
        Err(_) => false,
    }
}

#[test]
fn damaged_models_are_errors_and_no_panics() {
    let Some(folder) = case::folder() else {
        eprintln!("GINGHAM_ENGINE_CASES is not set: no models to damage");
        return;
    };
    if std::env::var_os("ORT_DYLIB_PATH").is_some() {
        return;
    }
    let mut dice = Dice(7);
    let (mut opened, mut refused) = (0, 0);
    for case in case::all(&folder).iter().filter(|case| case.model.len() < 200_000) {
        let inputs: Vec<Tensor> = case.inputs.iter().map(|(_, tensor)| tensor.clone()).collect();
        for _ in 0..12 {
            let mut bytes = case.model.clone();
            for _ in 0..=dice.below(3) {
                let at = dice.below(bytes.len());
                match dice.below(4) {
                    0 => bytes.truncate(at.max(1)),
                    1 => bytes[at] = 0xff,
                    2 => bytes[at] ^= 1 << dice.below(8),
                    _ => bytes[at] = dice.below(256) as u8,
                }
            }
            if try_it(&bytes, &inputs) { opened += 1 } else { refused += 1 }
        }
    }
    assert!(opened > 100 && refused > 100, "{opened} opened, {refused} refused: the damage is of one kind");
}

#[test]
fn a_model_that_names_a_file_is_refused() {
    // ModelProto { opset_import: { version: 17 }, graph: { initializer: { name: "w", data_type: 1,
    // external_data: { key: "location", value: "/etc/passwd" }, data_location: 1 }, input and output "x" } }
    let field = |number: u8, body: &[u8]| {
        let mut bytes = vec![number << 3 | 2, u8::try_from(body.len()).unwrap()];
        bytes.extend(body);
        bytes
    };
    let entry = [field(1, b"location"), field(2, b"/etc/passwd")].concat();
    let tensor = [vec![2 << 3, 1], field(8, b"w"), field(13, &entry), vec![14 << 3, 1]].concat();
    let value = [field(1, b"x"), field(2, &field(1, &[1 << 3, 1]))].concat();
    let graph = [field(5, &tensor), field(11, &value), field(12, &value)].concat();
    let model = [vec![1 << 3, 8], field(7, &graph), field(8, &[2 << 3, 17])].concat();
    let error = open(&model, &OpenOptions::default()).unwrap_err().to_string();
    assert!(error.contains("the constant `w`") && error.contains("models cannot name files"), "{error}");
}
