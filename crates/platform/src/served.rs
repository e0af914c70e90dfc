//! What serving asks of other rooms: an engine to predict with, and a place where predictions are kept.

use std::sync::Arc;

use archive::{Archive, Cell, Name, Prediction};
use inference::{Data, ElementType, Input, Tensor, TensorSpec};
use serving::oip::Datatype;
use serving::{
    Answer, Column, Cost, Engine, EngineFailure, FieldKind, InputField, InputTensor, Output, OutputKind,
    Place, PredictionSink, ServedPrediction, Signature, SinkFailure, SinkFuture, Values,
};

/// An engine of `inference`, as serving takes it.
#[derive(Debug)]
pub(crate) struct ServedEngine {
    engine: Arc<dyn inference::Engine>,
    signature: Signature,
    platform: String,
    /// The places of the outputs among those of the engine: the first is the prediction.
    places: Vec<usize>,
    /// The classes, where the prediction is one of them.
    classes: Vec<String>,
}

impl ServedEngine {
    pub(crate) fn new(engine: Arc<dyn inference::Engine>) -> Self {
        let inputs = engine
            .columns()
            .fields
            .iter()
            .map(|field| InputField {
                name: field.name.clone(),
                kind: match field.element_type {
                    ElementType::Text => FieldKind::Category,
                    _ => FieldKind::Number,
                },
                required: field.required,
                width: 1,
            })
            .collect();
        let about = engine.about();
        let widths = widths(&*engine);
        let output =
            |place: usize| about.outputs.get(place).map(|spec| output(spec, widths.get(place).copied()));
        let places: Vec<usize> = std::iter::once(about.primary)
            .chain((0..about.outputs.len()).filter(|place| *place != about.primary))
            .collect();
        let mut outputs = places.iter().filter_map(|place| output(*place));
        let first = outputs.next();
        let signature = Signature {
            inputs,
            tensors: tensors(&*engine),
            output: first.as_ref().map(|first| first.name.clone()).unwrap_or_default(),
            // One real number a row needs no other form than that in which it is archived.
            shown: first.filter(|first| first.kind != OutputKind::Real || first.width != 1),
            more_outputs: outputs.collect(),
        };
        let classes =
            about.scores.and_then(|scores| about.outputs.get(scores)).map(|scores| scores.labels.clone());
        Self { platform: about.platform(), classes: classes.unwrap_or_default(), signature, places, engine }
    }

    /// One number a row: the prediction itself, or the place of a class among those of the model.
    #[expect(clippy::cast_precision_loss, reason = "few classes")]
    fn numbers(&self, primary: &Tensor, rows: usize) -> Vec<f64> {
        if let Data::Text(labels) = primary.data() {
            let place = |label: &String| self.classes.iter().position(|class| class == label);
            return labels.iter().map(|label| place(label).map_or(f64::NAN, |place| place as f64)).collect();
        }
        let numbers = primary.to_numbers();
        let width = numbers.len().checked_div(rows).unwrap_or(0);
        // Of several numbers a row the last is archived: the probability of the last class.
        let last = |row: &[f64]| row.last().copied().unwrap_or(f64::NAN);
        if width > 1 { numbers.chunks_exact(width).map(last).collect() } else { numbers }
    }

    /// All outputs of these columns, in the order of the engine.
    pub(crate) fn run(&self, columns: &[Column]) -> Result<Vec<Tensor>, inference::Error> {
        let inputs = columns
            .iter()
            .map(|column| match column {
                Column::Numbers(values) => Input::Numbers(values.clone()),
                Column::Words(words) => Input::Words(words.clone()),
            })
            .collect();
        self.engine.run_columns(inputs)
    }

    /// What the engine says of itself.
    pub(crate) fn about(&self) -> &inference::About {
        self.engine.about()
    }
}

/// The inputs of an engine that several columns fill.
fn tensors(engine: &dyn inference::Engine) -> Vec<InputTensor> {
    let shapes = engine.about().inputs.iter().map(|spec| spec.shape.get(1..).unwrap_or_default());
    let inputs = engine.columns().inputs().zip(shapes).filter(|((_, _, places), _)| places.len() > 1);
    inputs
        .map(|((name, element_type, places), shape)| {
            let known: Option<Vec<u32>> =
                shape.iter().map(|length| length.and_then(|length| u32::try_from(length).ok())).collect();
            let whole =
                |row: &Vec<u32>| row.iter().map(|length| *length as usize).product::<usize>() == places.len();
            let flat = || vec![u32::try_from(places.len()).unwrap_or(u32::MAX)];
            InputTensor {
                name: name.to_owned(),
                datatype: datatype(element_type),
                row: known.filter(whole).unwrap_or_else(flat),
                first: places.start,
            }
        })
        .collect()
}

/// A type of elements in the words of the protocol.
const fn datatype(of: ElementType) -> Datatype {
    match of {
        ElementType::Bool => Datatype::Bool,
        ElementType::Int8 => Datatype::Int8,
        ElementType::Int16 => Datatype::Int16,
        ElementType::Int32 => Datatype::Int32,
        ElementType::Int64 => Datatype::Int64,
        ElementType::Uint8 => Datatype::Uint8,
        ElementType::Uint16 => Datatype::Uint16,
        ElementType::Uint32 => Datatype::Uint32,
        ElementType::Uint64 => Datatype::Uint64,
        ElementType::Float16 => Datatype::Fp16,
        ElementType::Float32 => Datatype::Fp32,
        ElementType::Float64 => Datatype::Fp64,
        ElementType::Text => Datatype::Bytes,
    }
}

/// An output of an engine in the words of serving.
fn output(spec: &TensorSpec, width: Option<u32>) -> Output {
    let kind = match spec.element_type {
        ElementType::Text => OutputKind::Word,
        kind if kind.is_float() => OutputKind::Real,
        _ => OutputKind::Integer,
    };
    Output { labels: spec.labels.clone(), ..Output::new(spec.name.clone(), kind, width.unwrap_or(1)) }
}

/// How many elements each output has in a row. Where the model does not say, a made-up row does.
fn widths(engine: &dyn inference::Engine) -> Vec<u32> {
    let about = engine.about();
    let said = |spec: &TensorSpec| spec.shape.iter().skip(1).all(Option::is_some);
    let count = |width: usize| u32::try_from(width).unwrap_or(u32::MAX).max(1);
    let tried = if about.outputs.iter().all(said) {
        Vec::new()
    } else {
        let made_up = engine.columns().fields.iter().map(|field| match field.element_type {
            ElementType::Text => Input::Words(vec![Some(String::new())]),
            _ => Input::Numbers(vec![0.0]),
        });
        engine.run_columns(made_up.collect()).unwrap_or_default()
    };
    let outputs = about.outputs.iter().enumerate();
    outputs
        .map(|(place, spec)| match tried.get(place) {
            Some(tensor) if !said(spec) => count(tensor.data().len()),
            _ => count(spec.width()),
        })
        .collect()
}

/// The elements of an output as serving takes them.
fn values(tensor: Tensor, kind: OutputKind) -> Values {
    #[expect(clippy::cast_possible_truncation, reason = "whole numbers, but for those beyond 2^63")]
    match (kind, tensor) {
        (OutputKind::Integer, tensor) => match tensor.into_data() {
            Data::Int64(whole) => Values::Integers(whole),
            data => Values::Integers(
                Tensor::vector(data).to_numbers().into_iter().map(|number| number as i64).collect(),
            ),
        },
        (OutputKind::Word, tensor) => match tensor.into_data() {
            Data::Text(words) => Values::Words(words),
            _ => Values::Words(Vec::new()),
        },
        (OutputKind::Real, tensor) => Values::Reals(tensor.to_numbers()),
    }
}

impl Engine for ServedEngine {
    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn predict(&self, columns: &[Column]) -> Result<Vec<f64>, EngineFailure> {
        self.answer(columns).map(|answer| answer.predictions)
    }

    fn answer(&self, columns: &[Column]) -> Result<Answer, EngineFailure> {
        let rows = columns.first().map_or(0, Column::len);
        let outputs = self.run(columns).map_err(|error| EngineFailure::of(&error))?;
        let mut outputs: Vec<Option<Tensor>> = outputs.into_iter().map(Some).collect();
        let mut take = |place: usize| {
            let tensor = outputs.get_mut(place).and_then(Option::take);
            tensor.ok_or_else(|| EngineFailure::internal(format!("the engine gave no output {place}")))
        };
        let mut places = self.places.iter();
        let primary = take(places.next().copied().unwrap_or(0))?;
        let predictions = self.numbers(&primary, rows);
        let shown = self.signature.shown.as_ref().map(|shown| values(primary, shown.kind));
        let more = places
            .zip(&self.signature.more_outputs)
            .map(|(place, output)| Ok(values(take(*place)?, output.kind)))
            .collect::<Result<_, EngineFailure>>()?;
        Ok(Answer { predictions, shown, more })
    }

    fn name(&self) -> &str {
        &self.platform
    }

    fn place(&self) -> Place {
        let about = self.engine.about();
        Place {
            engine: about.engine.to_owned(),
            provider: about.provider.clone(),
            device: about.device.clone(),
            release: about.release.clone(),
        }
    }

    /// MLflow gives all outputs of a graph, and what `predict` gives of everything else.
    fn gives_first_alone(&self) -> bool {
        self.engine.about().model != "onnx"
    }

    fn cost(&self) -> Cost {
        let about = self.engine.about();
        if about.engine == "python" || about.device != "cpu" { Cost::Dear } else { Cost::Cheap }
    }
}

/// Keeps predictions in the archive.
pub(crate) struct ArchiveSink {
    archive: Arc<Archive>,
}

impl ArchiveSink {
    pub(crate) const fn new(archive: Arc<Archive>) -> Self {
        Self { archive }
    }
}

impl std::fmt::Debug for ArchiveSink {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("ArchiveSink")
    }
}

impl PredictionSink for ArchiveSink {
    fn take(&self, predictions: Vec<ServedPrediction>) -> SinkFuture<'_> {
        Box::pin(async move {
            let rows = predictions.into_iter().map(kept).collect();
            self.archive.append(rows).await.map_err(|error| SinkFailure(error.to_string()))
        })
    }
}

fn kept(served: ServedPrediction) -> Prediction {
    let names = served.feature_names.iter().chain(served.output_names.iter());
    let features = names
        .zip(served.features.into_iter().chain(served.outputs))
        .map(|(name, cell)| {
            let cell = match cell {
                serving::Cell::Missing => Cell::Null,
                serving::Cell::Number(number) => Cell::Real(number),
                serving::Cell::Word(word) => Cell::Text(word),
            };
            (Name::from(Arc::clone(name)), cell)
        })
        .collect();
    Prediction {
        id: served.id,
        event_time: served.event_time,
        received_time: served.received_time,
        model: served.model.to_string(),
        version: served.version,
        deployment: served.deployment.to_string(),
        variant: served.variant.to_owned(),
        features,
        prediction: if served.prediction.is_nan() { Cell::Null } else { Cell::Real(served.prediction) },
        latency_us: served.latency_us,
        status: "ok".to_owned(),
        trace_id: served.trace_id,
        entity: served.entity,
        weight: 1.0,
    }
}
