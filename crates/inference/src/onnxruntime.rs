//! ONNX Runtime, when its library is at hand: for graphs that our own evaluator lacks operators for,
//! and for other devices.
//!
//! The library is loaded once, when the first model needs it, and its release is looked at before it
//! is used. A provider that cannot be had is an error: there is no silent way back to the processor.

use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

use ort::environment::Environment;
use ort::ep::{self, ExecutionProviderDispatch};
use ort::session::{Session, SessionInputValue, SessionOutputs};
use ort::value::{Outlet, TensorElementType, Value, ValueType};

use crate::columns::Columns;
use crate::engine::{About, Engine};
use crate::native::scores_of;
use crate::onnx::refuse_external_data;
use crate::{Data, ElementType, Error, Shape, Tensor, TensorSpec};

const ENGINE: &str = "onnxruntime";
/// The variable that names the library, as everywhere else.
pub const LIBRARY_VARIABLE: &str = "ORT_DYLIB_PATH";

/// What computes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Provider {
    /// The processor.
    #[default]
    Cpu,
    /// A graphics card of NVIDIA.
    Cuda {
        /// Its number.
        device: i32,
        /// How many bytes of its memory may be taken; all when absent.
        memory_bytes: Option<usize>,
    },
}

/// How ONNX Runtime is used.
#[derive(Debug, Clone, Default)]
pub struct RuntimeOptions {
    /// The library; what the variable `ORT_DYLIB_PATH` names when absent.
    pub library: Option<PathBuf>,
    /// What computes.
    pub provider: Provider,
    /// Threads of one call; one when zero.
    pub threads: usize,
}

impl RuntimeOptions {
    /// Where the library is said to be.
    #[must_use]
    pub fn library(&self) -> Option<PathBuf> {
        let named = || std::env::var_os(LIBRARY_VARIABLE).filter(|path| !path.is_empty()).map(PathBuf::from);
        self.library.clone().or_else(named)
    }
}

/// Tries to load the library. Answers its release, or says in words why it cannot be used.
pub fn onnx_runtime(options: &RuntimeOptions) -> Result<String, Error> {
    environment(options)?;
    Ok(ort::info().to_owned())
}

fn unavailable(reason: impl Into<String>) -> Error {
    let hint = format!(
        "`pip download onnxruntime` has the library in its wheel, as `onnxruntime/capi/libonnxruntime.so.*`, of release \
         1.{} or newer; let `{LIBRARY_VARIABLE}` name that file",
        ort::MINOR_VERSION
    );
    Error::EngineUnavailable { engine: ENGINE, reason: reason.into(), hint }
}

fn failed(error: impl std::fmt::Display) -> Error {
    Error::EngineFailed { engine: ENGINE, reason: error.to_string() }
}

/// The one environment of this process; loaded by the first that asks.
fn environment(options: &RuntimeOptions) -> Result<Environment, Error> {
    static LOADED: Mutex<Option<(PathBuf, Environment)>> = Mutex::new(None);
    let path = options
        .library()
        .ok_or_else(|| unavailable(format!("its library is not at hand: `{LIBRARY_VARIABLE}` is not set")))?;
    let mut loaded = LOADED.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some((of, environment)) = loaded.as_ref() {
        if *of == path {
            return Ok(environment.clone());
        }
        return Err(unavailable(format!("its library was loaded from `{}` already", of.display())));
    }
    let path = path.canonicalize().map_err(|error| unavailable(format!("`{}`: {error}", path.display())))?;
    // A library of another kind, or of an older release, is refused here, before anything of it is called.
    let builder = ort::init_from(&path).map_err(|error| unavailable(error.to_string()))?;
    let environment = builder.with_name("gingham").build().map_err(|error| unavailable(error.to_string()))?;
    *loaded = Some((options.library().unwrap_or(path), environment.clone()));
    Ok(environment)
}

/// A model in ONNX Runtime.
pub(crate) struct RuntimeModel {
    /// One call at a time: the interface of the library wants it for itself.
    session: Mutex<Session>,
    about: About,
    columns: Columns,
    _environment: Environment,
}

impl std::fmt::Debug for RuntimeModel {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("RuntimeModel").field("about", &self.about).finish_non_exhaustive()
    }
}

impl RuntimeModel {
    pub(crate) fn new(
        bytes: &[u8],
        names: Option<&[String]>,
        options: &RuntimeOptions,
    ) -> Result<Self, Error> {
        refuse_external_data(bytes)?;
        let environment = environment(options)?;
        let mut builder = Session::builder(&environment)
            .map_err(failed)?
            .with_intra_threads(options.threads.max(1))
            .map_err(failed)?;
        if let Some(provider) = dispatch(options.provider) {
            builder = builder
                .with_execution_providers([provider.error_on_failure()])
                .map_err(|error| unavailable(error.to_string()))?;
        }
        let session = builder.commit_from_memory(bytes).map_err(failed)?;
        let specs = |outlets: &[Outlet]| outlets.iter().map(spec).collect::<Result<Vec<_>, _>>();
        let (inputs, outputs) = (specs(session.inputs())?, specs(session.outputs())?);
        let (provider, device) = match options.provider {
            Provider::Cpu => ("cpu", "cpu".to_owned()),
            Provider::Cuda { device, .. } => ("cuda", format!("cuda:{device}")),
        };
        let about = About {
            engine: ENGINE,
            provider: provider.to_owned(),
            device,
            release: release(),
            scores: scores_of(&outputs),
            bytes: bytes.len() as u64,
            inputs,
            outputs,
            ..About::built_in("onnx")
        };
        let columns = Columns::of(&about.inputs, names);
        Ok(Self { session: Mutex::new(session), about, columns, _environment: environment })
    }
}

/// The release of the loaded library, from what it says of its build.
fn release() -> String {
    let info = ort::info();
    info.split(&[',', ' ']).find_map(|word| word.strip_prefix("git-branch=rel-")).unwrap_or(info).to_owned()
}

fn dispatch(provider: Provider) -> Option<ExecutionProviderDispatch> {
    match provider {
        Provider::Cpu => None,
        Provider::Cuda { device, memory_bytes } => {
            let mut cuda = ep::CUDA::default().with_device_id(device);
            if let Some(bytes) = memory_bytes {
                cuda = cuda.with_memory_limit(bytes);
            }
            Some(cuda.build())
        }
    }
}

fn spec(outlet: &Outlet) -> Result<TensorSpec, Error> {
    let refuse = |reason: String| Error::BadGraph { node: format!("`{}`", outlet.name()), reason };
    let ValueType::Tensor { ty, shape, .. } = outlet.dtype() else {
        return Err(refuse("it is no tensor; export classifiers with `zipmap=False`".to_owned()));
    };
    let element_type =
        element_type(*ty).ok_or_else(|| refuse(format!("elements of type {ty} are not supported")))?;
    let mut lengths: Vec<Option<usize>> =
        shape.iter().map(|length| usize::try_from(*length).ok().filter(|length| *length > 0)).collect();
    if let Some(first) = lengths.first_mut()
        && *first == Some(1)
    {
        *first = None;
    }
    let spec = TensorSpec::new(outlet.name(), element_type, lengths);
    spec.check()?;
    Ok(spec)
}

fn element_type(kind: TensorElementType) -> Option<ElementType> {
    Some(match kind {
        TensorElementType::Bool => ElementType::Bool,
        TensorElementType::Int8 => ElementType::Int8,
        TensorElementType::Int16 => ElementType::Int16,
        TensorElementType::Int32 => ElementType::Int32,
        TensorElementType::Int64 => ElementType::Int64,
        TensorElementType::Uint8 => ElementType::Uint8,
        TensorElementType::Uint16 => ElementType::Uint16,
        TensorElementType::Uint32 => ElementType::Uint32,
        TensorElementType::Uint64 => ElementType::Uint64,
        TensorElementType::Float32 => ElementType::Float32,
        TensorElementType::Float64 => ElementType::Float64,
        TensorElementType::String => ElementType::Text,
        _ => return None,
    })
}

fn value_of(tensor: Tensor) -> Result<SessionInputValue<'static>, Error> {
    let shape: Vec<usize> = tensor.shape().lengths().to_vec();
    macro_rules! value {
        ($values:expr) => {
            Value::from_array((shape, $values)).map_err(failed)?.into()
        };
    }
    Ok(match tensor.into_data() {
        Data::Bool(values) => value!(values),
        Data::Int8(values) => value!(values),
        Data::Int16(values) => value!(values),
        Data::Int32(values) => value!(values),
        Data::Int64(values) => value!(values),
        Data::Uint8(values) => value!(values),
        Data::Uint16(values) => value!(values),
        Data::Uint32(values) => value!(values),
        Data::Uint64(values) => value!(values),
        Data::Float32(values) => value!(values),
        Data::Float64(values) => value!(values),
        Data::Float16(_) => return Err(failed("half precision is not supported")),
        Data::Text(values) => Value::from_string_array((shape, values.as_slice())).map_err(failed)?.into(),
    })
}

fn tensor_of(outputs: &SessionOutputs<'_>, spec: &TensorSpec) -> Result<Tensor, Error> {
    let value = outputs.get(&spec.name).ok_or_else(|| failed(format!("it did not give `{}`", spec.name)))?;
    macro_rules! extracted {
        ($kind:ident, $type:ty) => {{
            let (shape, values) = value.try_extract_tensor::<$type>().map_err(failed)?;
            (shape.to_vec(), Data::$kind(values.to_vec()))
        }};
    }
    let (shape, data) = match spec.element_type {
        ElementType::Bool => extracted!(Bool, bool),
        ElementType::Int8 => extracted!(Int8, i8),
        ElementType::Int16 => extracted!(Int16, i16),
        ElementType::Int32 => extracted!(Int32, i32),
        ElementType::Int64 => extracted!(Int64, i64),
        ElementType::Uint8 => extracted!(Uint8, u8),
        ElementType::Uint16 => extracted!(Uint16, u16),
        ElementType::Uint32 => extracted!(Uint32, u32),
        ElementType::Uint64 => extracted!(Uint64, u64),
        ElementType::Float32 => extracted!(Float32, f32),
        ElementType::Float64 => extracted!(Float64, f64),
        ElementType::Text => {
            let (shape, texts) = value.try_extract_strings().map_err(failed)?;
            (shape.to_vec(), Data::Text(texts))
        }
        ElementType::Float16 => return Err(failed("half precision is not supported")),
    };
    let lengths: Option<Vec<usize>> = shape.iter().map(|length| usize::try_from(*length).ok()).collect();
    lengths
        .and_then(|lengths| Shape::new(&lengths))
        .and_then(|shape| Tensor::new(shape, data))
        .ok_or_else(|| failed(format!("the shape of `{}` cannot be", spec.name)))
}

impl Engine for RuntimeModel {
    fn about(&self) -> &About {
        &self.about
    }

    fn columns(&self) -> &Columns {
        &self.columns
    }

    fn run(&self, inputs: Vec<Tensor>) -> Result<Vec<Tensor>, Error> {
        let inputs = self.about.fit(inputs)?;
        let values = inputs.into_iter().map(value_of).collect::<Result<Vec<_>, _>>()?;
        let mut session = self.session.lock().unwrap_or_else(PoisonError::into_inner);
        let outputs = session.run(values.as_slice()).map_err(failed)?;
        self.about.outputs.iter().map(|spec| tensor_of(&outputs, spec)).collect()
    }
}
