//! Products of matrices.

use ndarray::{ArrayView2, ArrayViewMut2, LinalgScalar, linalg::general_mat_mul};

use super::broadcast::{common, places};
use super::{Inputs, Kernel, Node, Outputs, Problem, one};
use crate::{Data, Shape, Tensor};

/// Below so many multiplications a plain loop is quicker than packing panels.
const SMALL: usize = 4_096;

/// Rows and columns of a matrix that may lie transposed in its list.
#[derive(Clone, Copy)]
struct Laid {
    rows: usize,
    columns: usize,
    transposed: bool,
}

impl Laid {
    fn view<T>(self, values: &[T]) -> Result<ArrayView2<'_, T>, Problem> {
        let stored = if self.transposed { (self.columns, self.rows) } else { (self.rows, self.columns) };
        let view =
            ArrayView2::from_shape(stored, values).map_err(|_| Problem::from("the shapes do not fit"))?;
        Ok(if self.transposed { view.reversed_axes() } else { view })
    }
}

/// `result = alpha * left * right + beta * result`.
fn product<T: LinalgScalar>(
    (left, left_laid): (&[T], Laid),
    (right, right_laid): (&[T], Laid),
    (alpha, beta): (T, T),
    result: &mut [T],
) -> Result<(), Problem> {
    let (rows, inner, columns) = (left_laid.rows, left_laid.columns, right_laid.columns);
    if !left_laid.transposed
        && !right_laid.transposed
        && rows * inner * columns <= SMALL
        && columns > 0
        && inner > 0
    {
        for (row, sums) in left.chunks_exact(inner).zip(result.chunks_exact_mut(columns)) {
            sums.iter_mut().for_each(|sum| *sum = *sum * beta);
            for (value, others) in row.iter().zip(right.chunks_exact(columns)) {
                let value = *value * alpha;
                for (sum, other) in sums.iter_mut().zip(others) {
                    *sum = *sum + value * *other;
                }
            }
        }
        return Ok(());
    }
    let (a, b) = (left_laid.view(left)?, right_laid.view(right)?);
    let mut c = ArrayViewMut2::from_shape((rows, columns), result)
        .map_err(|_| Problem::from("the shapes do not fit"))?;
    general_mat_mul(alpha, &a, &b, beta, &mut c);
    Ok(())
}

fn plain(rows: usize, columns: usize) -> Laid {
    Laid { rows, columns, transposed: false }
}

pub(super) fn multiply(_: &Node<'_>) -> Result<Kernel, Problem> {
    Ok(Box::new(|inputs: &mut Inputs<'_>| -> Outputs {
        let (left, right) = (inputs.get(0)?, inputs.get(1)?);
        let (a, b) = (left.shape().lengths(), right.shape().lengths());
        let ((Some(last), Some(first)), false) =
            ((a.last(), b.get(b.len().saturating_sub(2))), a.is_empty() || b.is_empty())
        else {
            return Err("it takes no single values".into());
        };
        if last != first {
            return Err(format!("{:?} and {:?} cannot be multiplied", left.shape(), right.shape()).into());
        }
        let inner = *last;
        let rows = if a.len() >= 2 { a.get(a.len() - 2).copied().unwrap_or(1) } else { 1 };
        let columns = if b.len() >= 2 { b.last().copied().unwrap_or(1) } else { 1 };
        let batches = |lengths: &[usize]| {
            Shape::new(lengths.get(..lengths.len().saturating_sub(2)).unwrap_or_default())
                .ok_or_else(|| Problem::from("the shapes do not fit"))
        };
        let (batch_a, batch_b) = (batches(a)?, batches(b)?);
        let batch = common(&batch_a, &batch_b)?;
        let mut lengths = batch.lengths().to_vec();
        if a.len() >= 2 {
            lengths.push(rows);
        }
        if b.len() >= 2 {
            lengths.push(columns);
        }
        let shape = Shape::new(&lengths).ok_or("its result would be too large")?;
        inputs.allow(shape.elements())?;
        let (at_a, at_b) = (places(&batch_a, &batch), places(&batch_b, &batch));
        macro_rules! multiplied {
            ($kind:ident, $a:expr, $b:expr, $zero:expr, $one:expr) => {{
                let mut result = vec![$zero; shape.elements()];
                let wanted = (rows * columns).max(1);
                for ((result, a), b) in result.chunks_exact_mut(wanted).zip(&at_a).zip(&at_b) {
                    let (size_a, size_b) = (rows * inner, inner * columns);
                    let a = $a.get(a * size_a..(a + 1) * size_a).unwrap_or_default();
                    let b = $b.get(b * size_b..(b + 1) * size_b).unwrap_or_default();
                    product((a, plain(rows, inner)), (b, plain(inner, columns)), ($one, $zero), result)?;
                }
                Data::$kind(result)
            }};
        }
        let data = match (left.data(), right.data()) {
            (Data::Float32(a), Data::Float32(b)) => multiplied!(Float32, a, b, 0f32, 1f32),
            (Data::Float64(a), Data::Float64(b)) => multiplied!(Float64, a, b, 0f64, 1f64),
            (Data::Int64(a), Data::Int64(b)) => multiplied!(Int64, a, b, 0i64, 1i64),
            (Data::Int32(a), Data::Int32(b)) => multiplied!(Int32, a, b, 0i32, 1i32),
            (a, b) => {
                let (a, b) = (a.element_type().name(), b.element_type().name());
                return Err(format!("it does not multiply {a} with {b}").into());
            }
        };
        one(Tensor::new(shape, data))
    }))
}

pub(super) fn gemm(node: &Node<'_>) -> Result<Kernel, Problem> {
    let attributes = node.attributes;
    let (alpha, beta) = (attributes.float("alpha", 1.0), attributes.float("beta", 1.0));
    let (turn_a, turn_b) = (attributes.flag("transA", false), attributes.flag("transB", false));
    Ok(Box::new(move |inputs: &mut Inputs<'_>| -> Outputs {
        let (left, right, offset) = (inputs.get(0)?, inputs.get(1)?, inputs.find(2));
        let laid = |tensor: &Tensor, transposed: bool| match tensor.shape().lengths() {
            [rows, columns] if transposed => Ok(Laid { rows: *columns, columns: *rows, transposed }),
            [rows, columns] => Ok(Laid { rows: *rows, columns: *columns, transposed }),
            _ => Err(Problem::from("it takes matrices only")),
        };
        let (a_laid, b_laid) = (laid(left, turn_a)?, laid(right, turn_b)?);
        if a_laid.columns != b_laid.rows {
            return Err(format!("{:?} and {:?} cannot be multiplied", left.shape(), right.shape()).into());
        }
        let shape = Shape::new(&[a_laid.rows, b_laid.columns]).ok_or("its result would be too large")?;
        inputs.allow(shape.elements())?;
        let start = match offset {
            Some(offset) => {
                if common(offset.shape(), &shape)? != shape {
                    return Err("what it adds is larger than the product".into());
                }
                Some((offset, places(offset.shape(), &shape)))
            }
            None => None,
        };
        macro_rules! multiplied {
            ($kind:ident, $a:expr, $b:expr, $type:ty) => {{
                let mut result: Vec<$type> = match &start {
                    None => vec![0.0; shape.elements()],
                    Some((tensor, places)) => {
                        let Data::$kind(values) = tensor.data() else {
                            return Err("what it adds is of another type".into());
                        };
                        places.iter().map(|place| values.get(*place).copied().unwrap_or(0.0)).collect()
                    }
                };
                let factors = (alpha as $type, beta as $type);
                product(($a, a_laid), ($b, b_laid), factors, &mut result)?;
                Data::$kind(result)
            }};
        }
        let data = match (left.data(), right.data()) {
            (Data::Float32(a), Data::Float32(b)) => multiplied!(Float32, a, b, f32),
            (Data::Float64(a), Data::Float64(b)) => multiplied!(Float64, a, b, f64),
            (a, b) => {
                let (a, b) = (a.element_type().name(), b.element_type().name());
                return Err(format!("it does not multiply {a} with {b}").into());
            }
        };
        one(Tensor::new(shape, data))
    }))
}
