//! From the bytes of a file to a plan.

use std::collections::{BTreeSet, HashMap};

use prost::Message;

use super::plan::{Inputs, Place, Plan, Step};
use super::proto::{GraphProto, ModelProto, NodeProto, TypeProto, ValueInfoProto};
use super::{Attributes, Problem, ops, tensors};
use crate::{ElementType, Error, LIMITS, Tensor, TensorSpec};

/// What can be said of an ONNX file without running it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Inspection {
    /// Every operator in it, with its domain where that is not the plain one.
    pub operators: Vec<String>,
    /// Those that our own evaluator lacks.
    pub missing: Vec<String>,
    /// Other reasons why our own evaluator cannot run it.
    pub obstacles: Vec<String>,
}

/// A loaded ONNX file.
#[derive(Debug)]
pub struct OnnxModel {
    pub(super) plan: Plan,
    inputs: Vec<TensorSpec>,
    outputs: Vec<TensorSpec>,
    bytes: usize,
}

/// Reads a file and says which operators are missing. Fails when it is no ONNX file.
pub fn inspect(bytes: &[u8]) -> Result<Inspection, Error> {
    let model = decode(bytes)?;
    Ok(inspection(&model))
}

fn decode(bytes: &[u8]) -> Result<ModelProto, Error> {
    if bytes.len() > LIMITS.bytes {
        return Err(Error::TooLarge { what: "bytes", found: bytes.len(), most: LIMITS.bytes });
    }
    let model = ModelProto::decode(bytes)
        .map_err(|cause| Error::BadGraph { node: "the file".to_owned(), reason: cause.to_string() })?;
    let graph = model.graph.as_ref();
    if graph.is_none_or(|graph| graph.output.is_empty()) || model.opset_import.is_empty() {
        return Err(Error::BadGraph {
            node: "the file".to_owned(),
            reason: "it has no graph with outputs, so it is no ONNX model".to_owned(),
        });
    }
    Ok(model)
}

fn inspection(model: &ModelProto) -> Inspection {
    let mut operators = BTreeSet::new();
    let mut missing = BTreeSet::new();
    let mut obstacles = Vec::new();
    for node in model.graph.iter().flat_map(|graph| &graph.node) {
        let name = operator_name(node);
        if ops::find(&node.domain, &node.op_type).is_none() {
            missing.insert(name.clone());
        }
        operators.insert(name);
    }
    if let Some(function) = model.functions.first() {
        obstacles.push(format!("it has functions of its own, such as `{}`", function.name));
    }
    if model.graph.as_ref().is_some_and(|graph| !graph.sparse_initializer.is_empty()) {
        obstacles.push("it has sparse constants".to_owned());
    }
    Inspection {
        operators: operators.into_iter().collect(),
        missing: missing.into_iter().collect(),
        obstacles,
    }
}

fn operator_name(node: &NodeProto) -> String {
    if plain(&node.domain) { node.op_type.clone() } else { format!("{}.{}", node.domain, node.op_type) }
}

fn plain(domain: &str) -> bool {
    matches!(domain, "" | "ai.onnx")
}

/// What is known about names while a graph is read.
#[derive(Default)]
struct Names<'a> {
    places: HashMap<&'a str, Place>,
    labels: HashMap<&'a str, Vec<String>>,
}

impl OnnxModel {
    /// Loads a file. Fails with [`Error::OperatorsMissing`] when our own evaluator lacks some, and with
    /// [`Error::BadGraph`] when the graph does not hold together.
    pub fn load(bytes: &[u8]) -> Result<Self, Error> {
        let model = decode(bytes)?;
        let found = inspection(&model);
        if !found.missing.is_empty() || !found.obstacles.is_empty() {
            return Err(Error::OperatorsMissing { operators: found.missing, obstacles: found.obstacles });
        }
        let graph = model.graph.as_ref().map_or_else(|| Err(bad("the file", "it has no graph")), Ok)?;
        if graph.node.len() > LIMITS.operators {
            return Err(Error::TooLarge {
                what: "operators",
                found: graph.node.len(),
                most: LIMITS.operators,
            });
        }
        let opset = |domain: &str| {
            let same = |known: &str| known == domain || (plain(known) && plain(domain));
            model.opset_import.iter().find(|set| same(&set.domain)).map_or(1, |set| set.version)
        };
        let mut plan = Plan {
            constants: Vec::new(),
            steps: Vec::with_capacity(graph.node.len()),
            slots: 0,
            inputs: Vec::new(),
            outputs: Vec::new(),
        };
        let mut names = Names::default();
        for proto in &graph.initializer {
            let tensor = tensors::read(proto)
                .map_err(|Problem(reason)| bad(&format!("the constant `{}`", proto.name), reason))?;
            names.places.insert(&proto.name, Place::Constant(plan.constants.len()));
            plan.constants.push(tensor);
        }
        let inputs = read_inputs(graph, &mut plan, &mut names)?;
        for node in &graph.node {
            add_step(node, opset(&node.domain), &mut plan, &mut names)?;
        }
        let mut outputs = Vec::with_capacity(graph.output.len());
        for output in &graph.output {
            let place = names.places.get(output.name.as_str());
            let place =
                place.ok_or_else(|| bad(&format!("the output `{}`", output.name), "nothing makes it"))?;
            plan.outputs.push(*place);
            let labels = names.labels.get(output.name.as_str()).cloned().unwrap_or_default();
            outputs.push(output_spec(output, labels)?);
        }
        mark_last_uses(&mut plan);
        Ok(Self { plan, inputs, outputs, bytes: bytes.len() })
    }

    /// What it takes.
    #[must_use]
    pub fn inputs(&self) -> &[TensorSpec] {
        &self.inputs
    }

    /// What it gives.
    #[must_use]
    pub fn outputs(&self) -> &[TensorSpec] {
        &self.outputs
    }

    /// The size of the file, which is about what it keeps in memory.
    #[must_use]
    pub const fn bytes(&self) -> usize {
        self.bytes
    }

    /// Computes all outputs from all inputs, both in the order of the specs. The inputs must be of
    /// the types and shapes of the specs.
    pub fn run(&self, inputs: Vec<Tensor>) -> Result<Vec<Tensor>, Error> {
        self.plan.run(inputs).map_err(|(node, Problem(reason))| Error::NotComputed { node, reason })
    }
}

fn bad(node: &str, reason: impl Into<String>) -> Error {
    Error::BadGraph { node: node.to_owned(), reason: reason.into() }
}

fn read_inputs<'a>(
    graph: &'a GraphProto,
    plan: &mut Plan,
    names: &mut Names<'a>,
) -> Result<Vec<TensorSpec>, Error> {
    let mut specs = Vec::new();
    for input in &graph.input {
        if names.places.contains_key(input.name.as_str()) {
            continue;
        }
        let here = || format!("the input `{}`", input.name);
        let tensor = input.r#type.as_ref().and_then(|kind| kind.tensor_type.as_ref());
        let tensor = tensor.ok_or_else(|| bad(&here(), "it is no tensor"))?;
        let element_type = tensors::element_type(tensor.elem_type)
            .ok_or_else(|| bad(&here(), format!("elements of type {} are not known", tensor.elem_type)))?;
        let spec = TensorSpec::new(&input.name, element_type, open_shape(input.r#type.as_ref()));
        spec.check()?;
        specs.push(spec);
        let slot = new_slot(plan);
        plan.inputs.push(slot);
        names.places.insert(&input.name, Place::Slot { slot, last: false });
    }
    if specs.is_empty() || specs.len() > LIMITS.inputs {
        return Err(bad("the file", format!("it has {} inputs", specs.len())));
    }
    Ok(specs)
}

fn new_slot(plan: &mut Plan) -> usize {
    plan.slots += 1;
    plan.slots - 1
}

/// The lengths that are said, with an open first one: the number of rows is the caller's.
fn open_shape(kind: Option<&TypeProto>) -> Vec<Option<usize>> {
    let dimensions = kind.and_then(|kind| kind.tensor_type.as_ref()).and_then(|tensor| tensor.shape.as_ref());
    let Some(dimensions) = dimensions else { return vec![None] };
    let length =
        |value: Option<i64>| value.and_then(|value| usize::try_from(value).ok()).filter(|value| *value > 0);
    let mut shape: Vec<_> = dimensions.dim.iter().map(|dimension| length(dimension.dim_value)).collect();
    if let Some(first) = shape.first_mut()
        && *first == Some(1)
    {
        *first = None;
    }
    shape
}

fn output_spec(output: &ValueInfoProto, labels: Vec<String>) -> Result<TensorSpec, Error> {
    let here = || format!("the output `{}`", output.name);
    let mut spec = match output.r#type.as_ref().and_then(|kind| kind.tensor_type.as_ref()) {
        Some(tensor) => {
            let element_type = tensors::element_type(tensor.elem_type).ok_or_else(|| {
                bad(&here(), format!("elements of type {} are not known", tensor.elem_type))
            })?;
            TensorSpec::new(&output.name, element_type, open_shape(output.r#type.as_ref()))
        }
        None if !labels.is_empty() => {
            TensorSpec::new(&output.name, ElementType::Float32, vec![None, Some(labels.len())])
        }
        None => return Err(bad(&here(), "it is neither a tensor nor probabilities by class")),
    };
    spec.labels = labels;
    Ok(spec)
}

fn add_step<'a>(
    node: &'a NodeProto,
    opset: i64,
    plan: &mut Plan,
    names: &mut Names<'a>,
) -> Result<(), Error> {
    let called = if node.name.is_empty() { node.output.first() } else { Some(&node.name) };
    let name = format!("{} `{}`", node.op_type, called.map(String::as_str).unwrap_or_default());
    let mut inputs = Vec::with_capacity(node.input.len());
    for input in &node.input {
        if input.is_empty() {
            inputs.push(None);
            continue;
        }
        let place = names.places.get(input.as_str());
        inputs.push(Some(*place.ok_or_else(|| bad(&name, format!("nothing before it makes `{input}`")))?));
    }
    if node.output.len() > LIMITS.outputs {
        return Err(bad(&name, "it has too many outputs"));
    }
    let make = ops::find(&node.domain, &node.op_type).ok_or_else(|| bad(&name, "it is not known"))?;
    let asked = ops::Node {
        attributes: Attributes::of(node),
        opset,
        op_type: &node.op_type,
        outputs: node.output.len(),
        labels: node.input.first().and_then(|input| names.labels.get(input.as_str())),
    };
    let (kernel, trees) = match ops::planted(&node.domain, &node.op_type) {
        Some(planted) => planted(&asked).map(|(kernel, trees)| (kernel, Some(trees))),
        None => make(&asked).map(|kernel| (kernel, None)),
    }
    .map_err(|Problem(reason)| bad(&name, reason))?;
    if node.op_type == "ZipMap"
        && let (Some(output), Ok(labels)) = (node.output.first(), ops::zipmap_labels(asked.attributes))
    {
        names.labels.insert(output, labels);
    }
    let constant = inputs.iter().all(|place| !matches!(place, Some(Place::Slot { .. })));
    if constant {
        let budget = std::cell::Cell::new(LIMITS.folded_elements);
        let mut none = Vec::new();
        let mut given = Inputs::of_constants(&plan.constants, &mut none, &inputs, &budget);
        let made = kernel(&mut given).map_err(|Problem(reason)| bad(&name, reason))?;
        for (output, tensor) in node.output.iter().zip(made) {
            if tensor.data().len() > LIMITS.folded_elements {
                return Err(bad(&name, "it makes too large a constant"));
            }
            define(names, output, Place::Constant(plan.constants.len()), &name)?;
            plan.constants.push(tensor);
        }
        return Ok(());
    }
    let mut outputs = Vec::with_capacity(node.output.len());
    for output in &node.output {
        if output.is_empty() {
            outputs.push(None);
            continue;
        }
        let slot = new_slot(plan);
        define(names, output, Place::Slot { slot, last: false }, &name)?;
        outputs.push(Some(slot));
    }
    let axis = Attributes::of(node).int("axis", 0);
    plan.steps.push(Step { name, op_type: node.op_type.clone(), axis, kernel, inputs, outputs, trees });
    Ok(())
}

fn define<'a>(names: &mut Names<'a>, output: &'a str, place: Place, node: &str) -> Result<(), Error> {
    match names.places.insert(output, place) {
        None => Ok(()),
        Some(_) => Err(bad(node, format!("`{output}` is made twice"))),
    }
}

/// Marks where each value is asked for the last time, so that it can be moved instead of copied.
/// Outputs of the graph are asked for at the end.
fn mark_last_uses(plan: &mut Plan) {
    let mut asked = vec![false; plan.slots];
    let mark = |place: &mut Place, asked: &mut Vec<bool>| {
        if let Place::Slot { slot, last } = place
            && let Some(asked) = asked.get_mut(*slot)
        {
            *last = !std::mem::replace(asked, true);
        }
    };
    for place in plan.outputs.iter_mut().rev() {
        mark(place, &mut asked);
    }
    for step in plan.steps.iter_mut().rev() {
        for place in step.inputs.iter_mut().flatten() {
            mark(place, &mut asked);
        }
    }
    for (slot, asked) in asked.iter().enumerate() {
        if !asked {
            for step in &mut plan.steps {
                for output in &mut step.outputs {
                    if *output == Some(slot) {
                        *output = None;
                    }
                }
            }
        }
    }
}
