//! Python workers: what they answer, and what becomes of models that crash, hang, leak or answer nonsense.

use std::path::PathBuf;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use inference::{Data, Engine, Error, Input, Launch, PoolLimits, PythonModel, PythonOptions, Tensor};
use serde_json::json;

struct Home {
    folder: tempfile::TempDir,
    interpreter: PathBuf,
}

/// A folder with the odd model; `None` where there is no Python for it.
fn home() -> Option<Home> {
    let Some(interpreter) = std::env::var_os("GINGHAM_WORKER_PYTHON").map(PathBuf::from) else {
        eprintln!("GINGHAM_WORKER_PYTHON is not set: no workers to start");
        return None;
    };
    let folder = tempfile::tempdir().unwrap();
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it/odd_model.py");
    let made = Command::new(&interpreter).arg(script).arg(folder.path().join("model.pkl")).status().unwrap();
    assert!(made.success());
    Some(Home { folder, interpreter })
}

impl Home {
    fn options(&self, change: impl FnOnce(&mut PoolLimits)) -> PythonOptions {
        let mut limits = PoolLimits { call: Duration::from_secs(20), ..PoolLimits::default() };
        change(&mut limits);
        PythonOptions {
            launch: Launch {
                interpreter: self.interpreter.clone(),
                folder: self.folder.path().to_owned(),
                order: json!({"loader": "sklearn", "folder": self.folder.path(), "file": "model.pkl"}),
                memory_bytes: 8 << 30,
                threads: 1,
                env: Vec::new(),
            },
            limits,
            inputs: Vec::new(),
            sample: None,
        }
    }

    fn start(&self, change: impl FnOnce(&mut PoolLimits)) -> PythonModel {
        PythonModel::start(&self.options(change)).unwrap()
    }
}

fn ask(model: &PythonModel, values: &[f64]) -> Result<Vec<f64>, Error> {
    let outputs = model.run_columns(vec![Input::Numbers(values.to_vec())])?;
    Ok(outputs[0].to_numbers())
}

fn refused(model: &PythonModel, values: &[f64]) -> String {
    ask(model, values).unwrap_err().to_string()
}

#[test]
fn a_model_says_what_it_takes_and_answers_rows() {
    let Some(home) = home() else { return };
    let model = home.start(|limits| limits.processes = 1);
    let about = model.about();
    assert_eq!((about.engine, about.model.as_str(), about.device.as_str()), ("python", "sklearn", "cpu"));
    assert_eq!((about.inputs[0].name.as_str(), about.outputs[0].name.as_str()), ("x", "prediction"));
    assert_eq!(ask(&model, &[20.0, 30.5]).unwrap(), [40.0, 61.0]);
    let tensor = Tensor::vector(Data::Float64(vec![50.0]));
    assert_eq!(model.run(vec![tensor]).unwrap()[0].to_numbers(), [100.0]);
    assert!(matches!(model.run(vec![]), Err(Error::WrongInputs { .. })));
    assert_eq!(model.restarts(), 0);
}

#[test]
fn a_model_that_prints_and_reads_disturbs_nobody_and_sees_no_secrets() {
    let Some(home) = home() else { return };
    let model = home.start(|limits| limits.processes = 1);
    assert_eq!(ask(&model, &[10.0, 99.0]).unwrap(), [10.0, 99.0], "there is nothing to read");
    assert!(std::env::var_os("CARGO_MANIFEST_DIR").is_some(), "the test has it");
    assert_eq!(ask(&model, &[11.0]).unwrap(), [0.0], "and a worker has not");
    assert_eq!(model.restarts(), 0);
}

#[test]
fn a_crash_is_told_and_the_next_rows_are_answered() {
    let Some(home) = home() else { return };
    let model = home.start(|_| ());
    let told = refused(&model, &[1.0]);
    let expected = "the engine `python` failed: two workers ended on these rows: one crashed (SIGSEGV)";
    assert!(told.starts_with(expected), "{told}");
    assert_eq!(ask(&model, &[20.0]).unwrap(), [40.0]);
    let told = refused(&model, &[7.0]);
    assert!(told.contains("ended with code 3"), "{told}");
    assert_eq!(ask(&model, &[20.0]).unwrap(), [40.0]);
    assert_eq!(model.restarts(), 4);
}

#[test]
fn a_hang_is_ended_after_its_time() {
    let Some(home) = home() else { return };
    let model = home.start(|limits| limits.call = Duration::from_secs(3));
    let began = Instant::now();
    assert_eq!(ask(&model, &[2.0]), Err(Error::EngineTimeout { engine: "python", seconds: 3 }));
    assert!(began.elapsed() < Duration::from_secs(10));
    let until = Instant::now() + Duration::from_secs(60);
    while ask(&model, &[20.0]) != Ok(vec![40.0]) {
        assert!(Instant::now() < until, "another worker takes its place");
    }
    assert_eq!(model.restarts(), 1);
}

#[test]
fn a_leak_is_answered_and_its_worker_replaced() {
    let Some(home) = home() else { return };
    let model = home.start(|limits| {
        limits.processes = 1;
        limits.resident_bytes = 450 << 20;
    });
    let mut calls = 0;
    while model.restarts() == 0 {
        assert_eq!(ask(&model, &[3.0]).unwrap(), [6.0], "whoever asks notices nothing");
        calls += 1;
        assert!(calls < 10, "200 MB are kept of each call");
    }
    assert_eq!(ask(&model, &[20.0]).unwrap(), [40.0]);
}

#[test]
fn more_memory_than_allowed_is_told() {
    let Some(home) = home() else { return };
    let model = home.start(|_| ());
    let told = refused(&model, &[8.0]);
    assert!(told.contains("MemoryError"), "{told}");
    assert_eq!(ask(&model, &[20.0]).unwrap(), [40.0]);
}

#[test]
fn what_is_no_answer_to_the_rows_is_told() {
    let Some(home) = home() else { return };
    let model = home.start(|limits| limits.processes = 1);
    let check = |values: &[f64], expected: &str| {
        let told = refused(&model, values);
        assert_eq!(told, format!("the engine `python` failed: {expected}"));
    };
    check(&[4.0, 20.0], "the model gave 1 rows of `prediction` for 2 rows");
    check(&[5.0], "the model raised ValueError: no such row");
    check(
        &[6.0],
        "the model gave `prediction` (3 a row of float64) instead of `prediction` (1 a row of float64)",
    );
    check(&[9.0], "the model gave values of type `dict` in `prediction`");
    assert_eq!(ask(&model, &[20.0]).unwrap(), [40.0]);
    assert_eq!(model.restarts(), 0, "the process is none the worse for it");
}

#[test]
fn what_cannot_be_loaded_is_told() {
    let Some(home) = home() else { return };
    std::fs::write(home.folder.path().join("model.pkl"), b"no pickle").unwrap();
    let told = PythonModel::start(&home.options(|_| ())).unwrap_err().to_string();
    assert!(told.contains("the model cannot be loaded") && told.contains("UnpicklingError"), "{told}");
    let mut options = home.options(|_| ());
    options.launch.interpreter = "/nonexistent/python".into();
    let told = PythonModel::start(&options).unwrap_err().to_string();
    assert!(told.contains("ended with code 127"), "{told}");
}

#[test]
fn no_call_fails_while_workers_are_killed() {
    let Some(home) = home() else { return };
    let model = Arc::new(home.start(|limits| limits.processes = 3));
    let (stop, answered) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
    let askers: Vec<_> = (0..4)
        .map(|_| {
            let (model, stop, answered) = (Arc::clone(&model), Arc::clone(&stop), Arc::clone(&answered));
            std::thread::spawn(move || {
                while !stop.load(Ordering::Relaxed) {
                    assert_eq!(ask(&model, &[20.0, 21.0]).unwrap(), [40.0, 42.0]);
                    answered.fetch_add(1, Ordering::Relaxed);
                }
            })
        })
        .collect();
    for _ in 0..5 {
        let until = Instant::now() + Duration::from_secs(30);
        let victim = loop {
            assert!(Instant::now() < until, "a worker is idle now and then");
            if let Some(process) = model.idle_processes().first() {
                break *process;
            }
        };
        assert!(Command::new("kill").args(["-9", &victim.to_string()]).status().unwrap().success());
        let before = answered.load(Ordering::Relaxed);
        while answered.load(Ordering::Relaxed) < before + 50 {
            assert!(askers.iter().all(|asker| !asker.is_finished()), "an asker has failed");
            std::thread::sleep(Duration::from_millis(2));
        }
    }
    stop.store(true, Ordering::Relaxed);
    askers.into_iter().for_each(|asker| asker.join().unwrap());
    assert!(model.restarts() >= 4, "{} were replaced", model.restarts());
}
