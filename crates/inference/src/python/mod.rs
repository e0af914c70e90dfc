//! Python models: worker processes in an environment of their own, behind the same trait as every engine.
//!
//! The server never imports, unpickles or evaluates what belongs to a model: that happens in processes that [`Launch`]
//! starts, with limits on memory and time, in a process group of their own. Rows go to them as Arrow, over the socket
//! that is their standard input. A worker that crashes, hangs or grows too large is replaced.

mod pool;
mod process;
mod wire;

use serde::Deserialize;
use serde_json::json;

use crate::batch::Input;
use crate::columns::Columns;
use crate::engine::{About, Engine};
use crate::{ElementType, Error, Shape, Tensor, TensorSpec};
pub use pool::PoolLimits;
use pool::{Greeting, Pool, greet, said};
pub use process::Launch;
use process::Worker;
use wire::{Outgoing, decode, encode};

const ENGINE: &str = "python";

/// One input of a Python model.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PythonInput {
    /// Its name.
    pub name: String,
    /// Its elements.
    pub element_type: ElementType,
    /// The lengths of a row's dimensions; none for a column of a table.
    pub shape: Vec<usize>,
    /// The type that numpy or pandas knows it by, where that matters.
    pub dtype: Option<String>,
}

/// How a Python model is run.
#[derive(Debug, Clone)]
pub struct PythonOptions {
    /// How workers are started; its order says `loader` and `folder`.
    pub launch: Launch,
    /// What they may use.
    pub limits: PoolLimits,
    /// The inputs; what the model says itself when empty.
    pub inputs: Vec<PythonInput>,
    /// A row that every worker answers before it takes others; a made-up one when absent.
    pub sample: Option<Vec<Input>>,
}

/// What a worker says of the model that it has loaded.
#[derive(Debug, Deserialize)]
struct Told {
    python: String,
    library: String,
    columns: Option<Vec<String>>,
    features: Option<usize>,
}

/// A model in worker processes.
#[derive(Debug)]
pub struct PythonModel {
    pool: Pool,
    about: About,
    columns: Columns,
}

impl PythonModel {
    /// Starts the first worker and lets it answer a row, which says what the outputs are. Fails with what the worker
    /// said when it cannot load the model or does not answer in time. Blocks the thread.
    pub fn start(options: &PythonOptions) -> Result<Self, Error> {
        let mut launch = options.launch.clone();
        let limits = options.limits;
        let failed = |reason: String| Error::EngineFailed { engine: ENGINE, reason };
        let begin = |launch: &Launch| {
            Worker::start(launch).map_err(|error| failed(format!("a worker could not be started: {error}")))
        };
        let mut worker = begin(&launch)?;
        let mut inputs = options.inputs.clone();
        let order = order(&launch, &inputs);
        let answered = said(&mut worker, wire::LOAD, &order, limits.load).map_err(|error| {
            Error::EngineFailed { engine: ENGINE, reason: format!("the model cannot be loaded: {error}") }
        })?;
        let told: Told = serde_json::from_slice(&answered)
            .map_err(|error| failed(format!("the worker did not say what it has loaded: {error}")))?;
        if inputs.is_empty() {
            inputs = told_inputs(&told)?;
        }
        launch.order = json!(null);
        let specs: Vec<TensorSpec> = inputs.iter().map(spec).collect();
        let columns = Columns::of(&specs, None);
        let sample = options.sample.clone().filter(|sample| sample.len() == columns.fields.len());
        let sample = sample.unwrap_or_else(|| made_up(&columns));
        let rows = sample.first().map_or(0, Input::len);
        let sample = encode(outgoing(&columns, &specs, sample)?).map_err(failed)?;
        let greeting = Greeting { order: order_of(options, &inputs), sample };
        let first = greet(&mut worker, &greeting, limits.load)?;
        let outputs: Vec<TensorSpec> =
            decode(&first, rows).map_err(failed)?.into_iter().map(|(spec, _)| spec).collect();
        let about = About {
            engine: ENGINE,
            release: format!("python {}, {}", told.python, told.library),
            scores: outputs.iter().position(|output| !output.labels.is_empty()),
            bytes: worker.resident_bytes().unwrap_or(0),
            inputs: specs,
            outputs,
            ..About::built_in(
                options.launch.order.get("loader").and_then(|it| it.as_str()).unwrap_or("pyfunc"),
            )
        };
        let pool = Pool::new(launch, limits, greeting, worker)?;
        Ok(Self { pool, about, columns })
    }

    /// How many workers have ended badly and were replaced.
    #[must_use]
    pub fn restarts(&self) -> u64 {
        self.pool.restarts()
    }

    /// The numbers of the processes that wait for work.
    #[must_use]
    pub fn idle_processes(&self) -> Vec<i32> {
        self.pool.idle_processes()
    }

    fn ask(&self, inputs: Vec<(String, Outgoing)>, rows: usize) -> Result<Vec<Tensor>, Error> {
        let failed = |reason: String| Error::EngineFailed { engine: ENGINE, reason };
        let answer = self.pool.predict(&encode(inputs).map_err(failed)?)?;
        let outputs = decode(&answer, rows).map_err(failed)?;
        let promised = &self.about.outputs;
        let alike = |(found, _): &(TensorSpec, Tensor), promised: &TensorSpec| {
            found.name == promised.name && found.shape == promised.shape && kind(found) == kind(promised)
        };
        if outputs.len() != promised.len() || !outputs.iter().zip(promised).all(|(a, b)| alike(a, b)) {
            let words = |specs: &mut dyn Iterator<Item = &TensorSpec>| {
                let one = |spec: &TensorSpec| {
                    format!("`{}` ({} a row of {})", spec.name, spec.width(), spec.element_type.name())
                };
                specs.map(one).collect::<Vec<_>>().join(", ")
            };
            let found = words(&mut outputs.iter().map(|(spec, _)| spec));
            return Err(failed(format!("the model gave {found} instead of {}", words(&mut promised.iter()))));
        }
        Ok(outputs.into_iter().map(|(_, tensor)| tensor).collect())
    }
}

/// Whole numbers, fractions or words: labels may come in another width than in the first answer.
fn kind(spec: &TensorSpec) -> u8 {
    match spec.element_type {
        ElementType::Text => 2,
        kind => u8::from(kind.is_float()),
    }
}

fn order(launch: &Launch, inputs: &[PythonInput]) -> Vec<u8> {
    let mut order = launch.order.clone();
    let fields: Vec<_> = inputs
        .iter()
        .map(|input| json!({ "name": input.name, "shape": input.shape, "dtype": input.dtype }))
        .collect();
    if let Some(order) = order.as_object_mut() {
        order.insert("inputs".to_owned(), json!(fields));
    }
    order.to_string().into_bytes()
}

fn order_of(options: &PythonOptions, inputs: &[PythonInput]) -> Vec<u8> {
    order(&options.launch, inputs)
}

/// The inputs that the model names itself.
fn told_inputs(told: &Told) -> Result<Vec<PythonInput>, Error> {
    let input = |name: &str, shape| PythonInput {
        name: name.to_owned(),
        element_type: ElementType::Float64,
        shape,
        dtype: None,
    };
    match (&told.columns, told.features) {
        (Some(columns), _) => Ok(columns.iter().map(|name| input(name, Vec::new())).collect()),
        (None, Some(features)) => Ok(vec![input("input", vec![features])]),
        (None, None) => Err(Error::BadSignature {
            field: "inputs".to_owned(),
            reason: "the model does not say what it takes; log it with a signature or an input example"
                .to_owned(),
        }),
    }
}

fn spec(input: &PythonInput) -> TensorSpec {
    let shape = std::iter::once(None).chain(input.shape.iter().copied().map(Some)).collect();
    TensorSpec::new(input.name.as_str(), input.element_type, shape)
}

fn made_up(columns: &Columns) -> Vec<Input> {
    let one = |kind| match kind {
        ElementType::Text => Input::Words(vec![Some(String::new())]),
        _ => Input::Numbers(vec![0.0]),
    };
    columns.fields.iter().map(|field| one(field.element_type)).collect()
}

/// Columns as a worker gets them: checked and typed as all engines do it, but missing words stay missing.
fn outgoing(
    columns: &Columns,
    specs: &[TensorSpec],
    given: Vec<Input>,
) -> Result<Vec<(String, Outgoing)>, Error> {
    let plain = specs.iter().all(|spec| spec.shape.len() == 1);
    let words: Vec<Option<Vec<Option<String>>>> = given
        .iter()
        .map(|column| match column {
            Input::Words(words) if plain => Some(words.clone()),
            _ => None,
        })
        .collect();
    let tensors = columns.tensors(given)?;
    let words = words.into_iter().chain(std::iter::repeat(None));
    let outgoing = specs.iter().zip(tensors).zip(words).map(|((spec, tensor), words)| {
        let outgoing = match words.filter(|_| spec.element_type == ElementType::Text) {
            Some(words) => Outgoing::Words(words),
            None => Outgoing::Tensor(tensor),
        };
        (spec.name.clone(), outgoing)
    });
    Ok(outgoing.collect())
}

impl Engine for PythonModel {
    fn about(&self) -> &About {
        &self.about
    }

    fn columns(&self) -> &Columns {
        &self.columns
    }

    fn run(&self, inputs: Vec<Tensor>) -> Result<Vec<Tensor>, Error> {
        let inputs = self.about.fit(inputs)?;
        let rows = inputs.first().and_then(|input| input.shape().lengths().first().copied()).unwrap_or(1);
        let inputs = inputs.into_iter().zip(&self.about.inputs).map(|(tensor, spec)| {
            let (height, width) = tensor.shape().as_matrix();
            let flat = if tensor.shape().rank() > 2 {
                tensor.clone().reshaped(Shape::matrix(height, width))
            } else {
                None
            };
            (spec.name.clone(), Outgoing::Tensor(flat.unwrap_or(tensor)))
        });
        self.ask(inputs.collect(), rows)
    }

    fn run_columns(&self, columns: Vec<Input>) -> Result<Vec<Tensor>, Error> {
        let rows = columns.first().map_or(0, Input::len);
        self.ask(outgoing(&self.columns, &self.about.inputs, columns)?, rows)
    }
}
