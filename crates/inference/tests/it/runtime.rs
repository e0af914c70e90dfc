//! ONNX Runtime by its library, where `GINGHAM_ONNX_RUNTIME` names one.

use std::path::PathBuf;

use inference::{OpenOptions, Provider, RuntimeOptions, Tensor, onnx_runtime, open};

use crate::case::{self, difference};

#[test]
fn a_library_that_is_none_is_refused_with_a_sentence() {
    let file = std::env::temp_dir().join(format!("gingham-no-library-{}.so", std::process::id()));
    std::fs::write(&file, "not a library").unwrap();
    let refused = |library: PathBuf| {
        onnx_runtime(&RuntimeOptions { library: Some(library), ..RuntimeOptions::default() })
            .unwrap_err()
            .to_string()
    };
    assert!(refused(file.clone()).starts_with("the engine `onnxruntime` cannot be used: failed to load"));
    std::fs::remove_file(&file).unwrap();
    assert!(refused(file).contains("No such file"));
    // A real library that is another one.
    let other = ["/lib/x86_64-linux-gnu/libm.so.6", "/usr/lib/libm.so.6", "/lib64/libm.so.6"];
    if let Some(other) = other.iter().map(PathBuf::from).find(|path| path.exists()) {
        assert!(refused(other).contains("does not export"), "libm is no ONNX Runtime");
    }
}

#[test]
fn what_only_the_processor_computes_is_refused_on_a_card() {
    let provider = Provider::Cuda { device: 1, memory_bytes: None };
    let runtime = RuntimeOptions { provider, ..RuntimeOptions::default() };
    let refused = open(b"{}", &OpenOptions { runtime, ..OpenOptions::default() }).unwrap_err();
    assert_eq!(
        refused.to_string(),
        "the engine `gingham` cannot be used: it computes on the processor only, and a model of the format `gingham` is \
         wanted on another device"
    );
}

#[test]
fn graphs_answer_alike_in_onnx_runtime_and_in_our_engine() {
    let (Some(folder), Some(library)) = (case::folder(), std::env::var_os("GINGHAM_ONNX_RUNTIME")) else {
        eprintln!("GINGHAM_ENGINE_CASES or GINGHAM_ONNX_RUNTIME is not set: nothing to compare");
        return;
    };
    let runtime = RuntimeOptions { library: Some(PathBuf::from(library)), ..RuntimeOptions::default() };
    println!("{}", onnx_runtime(&runtime).unwrap());
    let cuda = Provider::Cuda { device: 0, memory_bytes: Some(1 << 30) };
    let mut compared = 0;
    for case in case::all(&folder) {
        // Half of the cases are enough, and maps are ours alone.
        if case.inputs.len() != 1 || !case.model.starts_with(&[0x08]) || case.name.len() % 2 == 0 {
            continue;
        }
        let options = OpenOptions {
            runtime: RuntimeOptions { provider: cuda, ..runtime.clone() },
            ..OpenOptions::default()
        };
        // The library for processors has no CUDA: that is an error, never a silent way back.
        let refused = open(&case.model, &options).unwrap_err().to_string();
        assert!(refused.starts_with("the engine `onnxruntime` cannot be used"), "{}: {refused}", case.name);
        let inputs: Vec<Tensor> = vec![case.inputs[0].1.clone()];
        let Ok(engine) = inference::open_in_runtime(&case.model, &runtime) else { continue };
        assert_eq!((engine.about().engine, engine.about().device.as_str()), ("onnxruntime", "cpu"));
        let outputs = engine.run(inputs).unwrap();
        for (found, (name, expected)) in outputs.iter().zip(&case.outputs) {
            assert_eq!(difference(found, expected, 1e-6), None, "{}: `{name}`", case.name);
        }
        compared += 1;
    }
    assert!(compared > 50, "only {compared} graphs were compared");
}
