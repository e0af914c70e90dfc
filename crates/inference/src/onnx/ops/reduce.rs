//! Many elements to one, along axes; order along an axis.

use super::{Inputs, Kernel, Node, Outputs, Problem, axis_of, one, wrong_type};
use crate::{Data, Shape, Tensor};

#[derive(Clone, Copy, PartialEq)]
enum Reduction {
    Sum,
    Mean,
    Max,
    Min,
    Product,
    SumOfSizes,
    Length,
    SumOfSquares,
    LogOfSum,
    LogOfExponentials,
}

pub(super) fn make(node: &Node<'_>) -> Result<Kernel, Problem> {
    let reduction = match node.op_type {
        "ReduceSum" => Reduction::Sum,
        "ReduceMean" => Reduction::Mean,
        "ReduceMax" => Reduction::Max,
        "ReduceMin" => Reduction::Min,
        "ReduceProd" => Reduction::Product,
        "ReduceL1" => Reduction::SumOfSizes,
        "ReduceL2" => Reduction::Length,
        "ReduceSumSquare" => Reduction::SumOfSquares,
        "ReduceLogSum" => Reduction::LogOfSum,
        _ => Reduction::LogOfExponentials,
    };
    let fixed = node.attributes.has("axes").then(|| node.attributes.ints("axes").to_vec());
    let keep = node.attributes.flag("keepdims", true);
    let none_means_nothing = node.attributes.flag("noop_with_empty_axes", false);
    Ok(Box::new(move |inputs: &mut Inputs<'_>| -> Outputs {
        let axes = match &fixed {
            Some(axes) => axes.clone(),
            None => inputs.whole_numbers(1)?.unwrap_or_default(),
        };
        if axes.is_empty() && none_means_nothing {
            return Ok(vec![inputs.take(0)?]);
        }
        let tensor = inputs.get(0)?;
        let rank = tensor.shape().rank();
        let mut reduced = vec![axes.is_empty(); rank];
        for axis in axes {
            if let Some(reduced) = reduced.get_mut(axis_of(axis, rank)?) {
                *reduced = true;
            }
        }
        let groups = Groups::new(tensor.shape(), &reduced, keep).ok_or("its result would be too large")?;
        macro_rules! reduced {
            ($values:expr, $kind:ident, $type:ty) => {{
                let sums: Vec<f64> = groups.reduce(reduction, &$values.iter().map(|value| *value as f64));
                Data::$kind(sums.into_iter().map(|sum| sum as $type).collect())
            }};
        }
        let data = match tensor.data() {
            Data::Float32(values) => reduced!(values, Float32, f32),
            Data::Float64(values) => reduced!(values, Float64, f64),
            Data::Int64(values) => reduced!(values, Int64, i64),
            Data::Int32(values) => reduced!(values, Int32, i32),
            other => return Err(wrong_type(other.element_type())),
        };
        one(Tensor::new(groups.shape, data))
    }))
}

/// Which elements come together.
struct Groups {
    shape: Shape,
    /// The group of each element, in order.
    of: Vec<usize>,
    groups: usize,
}

impl Groups {
    fn new(from: &Shape, reduced: &[bool], keep: bool) -> Option<Self> {
        let lengths = from.lengths();
        let kept: Vec<usize> = lengths
            .iter()
            .zip(reduced)
            .filter_map(|(length, reduced)| if *reduced { keep.then_some(1) } else { Some(*length) })
            .collect();
        let shape = Shape::new(&kept)?;
        let mut steps = vec![0usize; lengths.len()];
        let mut step = 1;
        for ((slot, length), reduced) in steps.iter_mut().zip(lengths).zip(reduced).rev() {
            if !reduced {
                *slot = step;
                step *= length;
            }
        }
        let mut at = vec![0usize; lengths.len()];
        let mut group = 0usize;
        let of = (0..from.elements())
            .map(|_| {
                let here = group;
                for ((index, length), step) in at.iter_mut().zip(lengths).zip(&steps).rev() {
                    *index += 1;
                    group += step;
                    if *index < *length {
                        break;
                    }
                    group -= step * *index;
                    *index = 0;
                }
                here
            })
            .collect();
        Some(Self { groups: shape.elements(), shape, of })
    }

    fn reduce(&self, reduction: Reduction, values: &(impl Iterator<Item = f64> + Clone)) -> Vec<f64> {
        let start = match reduction {
            Reduction::Max | Reduction::LogOfExponentials => f64::NEG_INFINITY,
            Reduction::Min => f64::INFINITY,
            Reduction::Product => 1.0,
            _ => 0.0,
        };
        let mut sums = vec![start; self.groups];
        let mut counts = vec![0u32; self.groups];
        let fold = |sums: &mut Vec<f64>, with: &dyn Fn(f64, f64) -> f64| {
            for (value, group) in values.clone().zip(&self.of) {
                if let Some(sum) = sums.get_mut(*group) {
                    *sum = with(*sum, value);
                }
            }
        };
        match reduction {
            Reduction::Sum | Reduction::Mean | Reduction::LogOfSum => {
                fold(&mut sums, &|sum, value| sum + value);
            }
            Reduction::Max | Reduction::LogOfExponentials => {
                fold(&mut sums, &|sum, value| if value.is_nan() || value > sum { value } else { sum });
            }
            Reduction::Min => {
                fold(&mut sums, &|sum, value| if value.is_nan() || value < sum { value } else { sum });
            }
            Reduction::Product => fold(&mut sums, &|sum, value| sum * value),
            Reduction::SumOfSizes => fold(&mut sums, &|sum, value| sum + value.abs()),
            Reduction::Length | Reduction::SumOfSquares => fold(&mut sums, &|sum, value| sum + value * value),
        }
        match reduction {
            Reduction::Mean => {
                for group in &self.of {
                    if let Some(count) = counts.get_mut(*group) {
                        *count += 1;
                    }
                }
                sums.iter_mut().zip(&counts).for_each(|(sum, count)| *sum /= f64::from(*count));
            }
            Reduction::Length => sums.iter_mut().for_each(|sum| *sum = sum.sqrt()),
            Reduction::LogOfSum => sums.iter_mut().for_each(|sum| *sum = sum.ln()),
            Reduction::LogOfExponentials => {
                let greatest = sums.clone();
                sums.iter_mut().for_each(|sum| *sum = 0.0);
                for (value, group) in values.clone().zip(&self.of) {
                    if let (Some(sum), Some(greatest)) = (sums.get_mut(*group), greatest.get(*group)) {
                        *sum += (value - greatest).exp();
                    }
                }
                sums.iter_mut().zip(&greatest).for_each(|(sum, greatest)| *sum = sum.ln() + greatest);
            }
            _ => {}
        }
        sums
    }
}

/// The lists of numbers along an axis: calls `visit` with the places of each.
fn lists(shape: &Shape, axis: usize, mut visit: impl FnMut(&[usize])) {
    let lengths = shape.lengths();
    let outer: usize = lengths.iter().take(axis).product();
    let length = lengths.get(axis).copied().unwrap_or(1);
    let inner: usize = lengths.iter().skip(axis + 1).product();
    let mut places = vec![0; length];
    for block in 0..outer {
        for within in 0..inner {
            for (at, place) in places.iter_mut().enumerate() {
                *place = (block * length + at) * inner + within;
            }
            visit(&places);
        }
    }
}

/// Whether `left` stands before `right` in descending order, or ascending; NaN stands last.
fn before(left: f64, right: f64, descending: bool) -> std::cmp::Ordering {
    let order = if descending { right.partial_cmp(&left) } else { left.partial_cmp(&right) };
    order.unwrap_or_else(|| left.is_nan().cmp(&right.is_nan()))
}

pub(super) fn arg(node: &Node<'_>) -> Result<Kernel, Problem> {
    let axis = node.attributes.int("axis", 0);
    let keep = node.attributes.flag("keepdims", true);
    let last = node.attributes.flag("select_last_index", false);
    let greatest = node.op_type == "ArgMax";
    Ok(Box::new(move |inputs: &mut Inputs<'_>| -> Outputs {
        let tensor = inputs.get(0)?;
        let axis = axis_of(axis, tensor.shape().rank())?;
        let values = tensor.to_numbers();
        let mut found = Vec::new();
        lists(tensor.shape(), axis, |places| {
            let mut best = (0usize, f64::NAN);
            for (at, place) in places.iter().enumerate() {
                let value = values.get(*place).copied().unwrap_or(f64::NAN);
                let better = if greatest { value > best.1 } else { value < best.1 };
                if at == 0 || better || (last && value == best.1) {
                    best = (at, value);
                }
            }
            found.push(best.0 as i64);
        });
        let mut lengths = tensor.shape().lengths().to_vec();
        if lengths.get(axis) == Some(&0) {
            return Err("it has nothing to choose from".into());
        }
        if keep {
            if let Some(length) = lengths.get_mut(axis) {
                *length = 1;
            }
        } else {
            lengths.remove(axis);
        }
        one(Shape::new(&lengths).and_then(|shape| Tensor::new(shape, Data::Int64(found))))
    }))
}

/// Before operator set 13 all dimensions from the axis on are one list; from then on only the axis is.
pub(super) fn softmax(node: &Node<'_>) -> Result<Kernel, Problem> {
    let old = node.opset < 13;
    let axis = node.attributes.int("axis", if old { 1 } else { -1 });
    let logarithm = node.op_type == "LogSoftmax";
    Ok(Box::new(move |inputs: &mut Inputs<'_>| -> Outputs {
        let tensor = inputs.take(0)?;
        let shape = *tensor.shape();
        let axis = axis_of(axis, shape.rank())?;
        let flat = {
            let rows = shape.lengths().iter().take(axis).product();
            Shape::matrix(rows, shape.lengths().iter().skip(axis).product())
        };
        let (shape_of_lists, axis) = if old { (flat, 1) } else { (shape, axis) };
        macro_rules! soft {
            ($values:expr) => {{
                let values = $values;
                lists(&shape_of_lists, axis, |places| {
                    let numbers = || places.iter().filter_map(|place| values.get(*place).copied());
                    let greatest = numbers()
                        .fold(f64::NEG_INFINITY as _, |most, value| if value > most { value } else { most });
                    let mut made: Vec<_> = numbers().map(|value| (value - greatest).exp()).collect();
                    let sum: f64 = made.iter().map(|value| f64::from(*value)).sum();
                    for (value, place) in made.iter_mut().zip(places) {
                        if let Some(slot) = values.get_mut(*place) {
                            *slot = if logarithm {
                                (f64::from(*slot) - f64::from(greatest) - sum.ln()) as _
                            } else {
                                (f64::from(*value) / sum) as _
                            };
                        }
                    }
                });
            }};
        }
        let mut data = tensor.into_data();
        match &mut data {
            Data::Float32(values) => {
                let mut wide: Vec<f64> = values.iter().map(|value| f64::from(*value)).collect();
                soft!(&mut wide);
                values.iter_mut().zip(wide).for_each(|(value, wide)| *value = wide as f32);
            }
            Data::Float64(values) => soft!(values),
            other => return Err(wrong_type(other.element_type())),
        }
        one(Tensor::new(shape, data))
    }))
}

pub(super) fn top_k(node: &Node<'_>) -> Result<Kernel, Problem> {
    let axis = node.attributes.int("axis", -1);
    let descending = node.attributes.flag("largest", true);
    let fixed = node.attributes.has("k").then(|| node.attributes.int("k", 1));
    Ok(Box::new(move |inputs: &mut Inputs<'_>| -> Outputs {
        let count = match fixed {
            Some(count) => count,
            None => inputs
                .whole_numbers(1)?
                .and_then(|counts| counts.first().copied())
                .ok_or("its k is missing")?,
        };
        let tensor = inputs.get(0)?;
        let axis = axis_of(axis, tensor.shape().rank())?;
        let length = tensor.shape().lengths().get(axis).copied().unwrap_or(0);
        let count = usize::try_from(count).ok().filter(|count| *count <= length);
        let count = count.ok_or("it wants more than there are")?;
        let mut lengths = tensor.shape().lengths().to_vec();
        if let Some(length) = lengths.get_mut(axis) {
            *length = count;
        }
        let shape = Shape::new(&lengths).ok_or("its result would be too large")?;
        let values = tensor.to_numbers();
        let mut targets = Vec::new();
        lists(&shape, axis, |places| targets.push(places.to_vec()));
        let (mut picked, mut found) = (vec![0usize; shape.elements()], vec![0i64; shape.elements()]);
        let mut target = targets.iter();
        lists(tensor.shape(), axis, |places| {
            let mut order: Vec<usize> = (0..places.len()).collect();
            let value =
                |at: usize| places.get(at).and_then(|place| values.get(*place)).copied().unwrap_or(f64::NAN);
            order
                .sort_by(|left, right| before(value(*left), value(*right), descending).then(left.cmp(right)));
            for (at, to) in order.iter().zip(target.next().into_iter().flatten()) {
                if let (Some(pick), Some(index), Some(place)) =
                    (picked.get_mut(*to), found.get_mut(*to), places.get(*at))
                {
                    (*pick, *index) = (*place, *at as i64);
                }
            }
        });
        let data = tensor.data().take(picked.into_iter()).ok_or("the shapes do not fit")?;
        let best = Tensor::new(shape, data).ok_or("the shapes do not fit")?;
        let indices = Tensor::new(shape, Data::Int64(found)).ok_or("the shapes do not fit")?;
        Ok(vec![best, indices])
    }))
}

pub(super) fn running_sum(node: &Node<'_>) -> Result<Kernel, Problem> {
    let exclusive = node.attributes.flag("exclusive", false);
    let backwards = node.attributes.flag("reverse", false);
    Ok(Box::new(move |inputs: &mut Inputs<'_>| -> Outputs {
        let axis =
            inputs.whole_numbers(1)?.and_then(|axes| axes.first().copied()).ok_or("its axis is missing")?;
        let tensor = inputs.get(0)?;
        let axis = axis_of(axis, tensor.shape().rank())?;
        let values = tensor.to_numbers();
        let mut sums = vec![0.0; values.len()];
        lists(tensor.shape(), axis, |places| {
            let mut sum = 0.0;
            let mut step = |place: &usize| {
                let value = values.get(*place).copied().unwrap_or(0.0);
                if let Some(slot) = sums.get_mut(*place) {
                    *slot = if exclusive { sum } else { sum + value };
                }
                sum += value;
            };
            if backwards {
                places.iter().rev().for_each(&mut step);
            } else {
                places.iter().for_each(&mut step);
            }
        });
        let kind = tensor.element_type();
        let data = super::cast::converted(Data::Float64(sums), kind)?;
        one(Tensor::new(*tensor.shape(), data))
    }))
}
