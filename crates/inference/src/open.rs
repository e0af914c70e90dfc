//! From the bytes of a model of any kind to an engine, and what can be said of it beforehand.

use std::sync::Arc;

use crate::boosters::{LightGbm, XgBoost};
use crate::engine::Engine;
use crate::native::{Boosted, Graph};
use crate::onnxruntime::{Provider, RuntimeModel, RuntimeOptions};
use crate::{Error, inspect, load};

/// The format of a model file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Format {
    /// Our own.
    Gingham,
    /// An ONNX graph.
    Onnx,
    /// JSON or binary JSON of XGBoost.
    XgBoost,
    /// The text of LightGBM.
    LightGbm,
}

impl Format {
    /// What these bytes look like; they may still be damaged.
    #[must_use]
    pub fn of(bytes: &[u8]) -> Option<Self> {
        if LightGbm::recognises(bytes) {
            return Some(Self::LightGbm);
        }
        if XgBoost::recognises(bytes) {
            return Some(Self::XgBoost);
        }
        match bytes.first() {
            Some(b'{') => Some(Self::Gingham),
            // The first field of an ONNX file is its format number.
            Some(0x08) if inspect(bytes).is_ok() => Some(Self::Onnx),
            Some(_) if inspect(bytes).is_ok() => Some(Self::Onnx),
            _ => None,
        }
    }

    /// Its name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Gingham => "gingham",
            Self::Onnx => "onnx",
            Self::XgBoost => "xgboost",
            Self::LightGbm => "lightgbm",
        }
    }
}

/// How a model is to be loaded.
#[derive(Debug, Clone, Default)]
pub struct OpenOptions {
    /// The names of the columns, where the file does not say.
    pub columns: Option<Vec<String>>,
    /// Whether a classifier of a boosting library answers its label in the first place, as the
    /// interface that scikit-learn knows does, and not its probability.
    pub prefer_label: bool,
    /// How ONNX Runtime is used for what our own evaluator cannot run.
    pub runtime: RuntimeOptions,
}

/// What is known of a model before it is run.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Examination {
    /// The format.
    pub format: Format,
    /// The engine that runs it: `gingham`, or `onnxruntime` where ours lacks something.
    pub engine: &'static str,
    /// The operators of a graph.
    pub operators: Vec<String>,
    /// Those that our own engine lacks.
    pub missing: Vec<String>,
    /// Why our own engine cannot run it, in words; absent when it can.
    pub why: Option<String>,
}

/// Says which engine can run a model and which operators are missing in ours. Fails when it is of
/// no known format, or when it is damaged.
pub fn examine(bytes: &[u8]) -> Result<Examination, Error> {
    let format = format_of(bytes)?;
    let mut found =
        Examination { format, engine: "gingham", operators: Vec::new(), missing: Vec::new(), why: None };
    if format == Format::Onnx {
        let inspection = inspect(bytes)?;
        found.operators = inspection.operators;
        found.missing = inspection.missing;
    }
    let ours = match format {
        Format::Onnx => Graph::new(bytes, None).map(drop),
        _ => open(bytes, &OpenOptions::default()).map(drop),
    };
    match ours {
        Ok(()) => Ok(found),
        Err(error) if format == Format::Onnx => {
            found.engine = "onnxruntime";
            found.why = Some(error.to_string());
            Ok(found)
        }
        Err(error) => Err(error),
    }
}

fn format_of(bytes: &[u8]) -> Result<Format, Error> {
    Format::of(bytes).ok_or_else(|| Error::UnknownFormat {
        reason:
            "it is neither a model file of Gingham nor one of ONNX, XGBoost (JSON, UBJ) or LightGBM (text)"
                .to_owned(),
    })
}

/// Loads a model: with our own evaluator where it can run it, else with ONNX Runtime if its library is
/// at hand. Another device than the processor is always that of ONNX Runtime.
pub fn open(bytes: &[u8], options: &OpenOptions) -> Result<Arc<dyn Engine>, Error> {
    let format = format_of(bytes)?;
    if format != Format::Onnx && options.runtime.provider != Provider::Cpu {
        return Err(Error::EngineUnavailable {
            engine: "gingham",
            reason: format!(
                "it computes on the processor only, and a model of the format `{}` is wanted on another device",
                format.name()
            ),
            hint: "take the line `device` away, or register the model as an ONNX graph".to_owned(),
        });
    }
    Ok(match format {
        Format::Gingham => load(bytes)?,
        Format::Onnx => return graph(bytes, options),
        Format::XgBoost => Arc::new(Boosted::xgboost(bytes, options)?),
        Format::LightGbm => Arc::new(Boosted::lightgbm(bytes, options)?),
    })
}

fn graph(bytes: &[u8], options: &OpenOptions) -> Result<Arc<dyn Engine>, Error> {
    let names = options.columns.as_deref();
    if options.runtime.provider != Provider::Cpu {
        return Ok(Arc::new(RuntimeModel::new(bytes, names, &options.runtime)?));
    }
    match Graph::new(bytes, names) {
        Ok(graph) => Ok(Arc::new(graph)),
        Err(Error::OperatorsMissing { .. } | Error::BadGraph { .. })
            if options.runtime.library().is_some() =>
        {
            Ok(Arc::new(RuntimeModel::new(bytes, names, &options.runtime)?))
        }
        Err(error) => Err(error),
    }
}

/// Loads a graph in ONNX Runtime, even where our own evaluator could run it: to compare both.
pub fn open_in_runtime(bytes: &[u8], options: &RuntimeOptions) -> Result<Arc<dyn Engine>, Error> {
    Ok(Arc::new(RuntimeModel::new(bytes, None, options)?))
}
