//! The operators, by name.

mod arithmetic;
mod broadcast;
mod cast;
mod compare;
mod encode;
mod ensemble;
mod linear;
mod matrix;
mod move_data;
mod pick;
mod post;
mod prepare;
mod reduce;
mod shape;
mod support_vectors;
mod unary;

use super::{Attributes, Inputs, Kernel, Outputs, Problem};

pub(crate) use cast::converted;
pub(crate) use encode::zipmap_labels;
pub(crate) use ensemble::{Ensemble, Planted};

/// An operator of a file, about to become a kernel.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Node<'a> {
    pub(crate) attributes: Attributes<'a>,
    /// The version of its operator set.
    pub(crate) opset: i64,
    pub(crate) op_type: &'a str,
    pub(crate) outputs: usize,
    /// The classes that the columns of its first input stand for, after a `ZipMap`.
    pub(crate) labels: Option<&'a Vec<String>>,
}

/// Makes the kernel of an operator.
pub(crate) type Make = fn(&Node<'_>) -> Result<Kernel, Problem>;

/// How to make an operator; `None` for one that is not known here.
pub(crate) fn find(domain: &str, op_type: &str) -> Option<Make> {
    match domain {
        "" | "ai.onnx" => plain(op_type),
        "ai.onnx.ml" => classical(op_type),
        _ => None,
    }
}

fn plain(op_type: &str) -> Option<Make> {
    Some(match op_type {
        "Add" | "Sub" | "Mul" | "Div" | "Mod" | "Max" | "Min" | "Sum" | "Mean" => arithmetic::make,
        "Pow" => arithmetic::power,
        "Abs" | "Neg" | "Exp" | "Log" | "Sqrt" | "Floor" | "Ceil" | "Round" | "Reciprocal" | "Relu"
        | "Sigmoid" | "Tanh" | "Sign" | "Erf" | "Softplus" | "Softsign" | "LeakyRelu" | "Elu" | "Sin"
        | "Cos" | "Clip" => unary::make,
        "IsNaN" | "IsInf" | "Not" => unary::flags,
        "Equal" | "Less" | "LessOrEqual" | "Greater" | "GreaterOrEqual" => compare::make,
        "And" | "Or" | "Xor" => compare::logic,
        "Where" => compare::choose,
        "Cast" | "CastLike" => cast::make,
        "Identity" | "Dropout" => move_data::identity,
        "Constant" => move_data::constant,
        "ConstantOfShape" => move_data::constant_of_shape,
        "Reshape" => shape::reshape,
        "Flatten" => shape::flatten,
        "Squeeze" => shape::squeeze,
        "Unsqueeze" => shape::unsqueeze,
        "Shape" => shape::shape,
        "Size" => shape::size,
        "Transpose" => move_data::transpose,
        "Concat" => move_data::concat,
        "Slice" => pick::slice,
        "Split" => pick::split,
        "Gather" => pick::gather,
        "GatherElements" => pick::gather_elements,
        "Expand" => move_data::expand,
        "Tile" => move_data::tile,
        "Range" => move_data::range,
        "OneHot" => pick::one_hot,
        "TopK" => reduce::top_k,
        "ArgMax" | "ArgMin" => reduce::arg,
        "Softmax" | "LogSoftmax" => reduce::softmax,
        "CumSum" => reduce::running_sum,
        "ReduceSum" | "ReduceMean" | "ReduceMax" | "ReduceMin" | "ReduceProd" | "ReduceL1" | "ReduceL2"
        | "ReduceSumSquare" | "ReduceLogSumExp" | "ReduceLogSum" => reduce::make,
        "MatMul" => matrix::multiply,
        "Gemm" => matrix::gemm,
        _ => return None,
    })
}

fn classical(op_type: &str) -> Option<Make> {
    Some(match op_type {
        "TreeEnsembleClassifier" => ensemble::classifier,
        "TreeEnsembleRegressor" => ensemble::regressor,
        "TreeEnsemble" => ensemble::general,
        "LinearClassifier" => linear::classifier,
        "LinearRegressor" => linear::regressor,
        "SVMClassifier" => support_vectors::classifier,
        "SVMRegressor" => support_vectors::regressor,
        "Scaler" => prepare::scaler,
        "Normalizer" => prepare::normalizer,
        "Imputer" => prepare::imputer,
        "Binarizer" => prepare::binarizer,
        "FeatureVectorizer" => prepare::feature_vectorizer,
        "ArrayFeatureExtractor" => pick::features,
        "OneHotEncoder" => encode::one_hot,
        "LabelEncoder" => encode::label,
        "CategoryMapper" => encode::category,
        "ZipMap" => encode::zipmap,
        "DictVectorizer" => encode::dictionary,
        _ => return None,
    })
}

/// Reads the trees of an operator.
type Plant = fn(&Node<'_>) -> Result<Planted, Problem>;

/// How to make an operator that is a sum of trees, together with its trees; `None` for others.
pub(crate) fn planted(domain: &str, op_type: &str) -> Option<Plant> {
    match (domain, op_type) {
        ("ai.onnx.ml", "TreeEnsembleClassifier") => Some(ensemble::planted_classifier),
        ("ai.onnx.ml", "TreeEnsembleRegressor") => Some(ensemble::planted_regressor),
        ("ai.onnx.ml", "TreeEnsemble") => Some(ensemble::planted_general),
        _ => None,
    }
}

/// The place of an axis that may be counted from the end.
fn axis_of(axis: i64, rank: usize) -> Result<usize, Problem> {
    let counted = if axis < 0 { axis + rank as i64 } else { axis };
    usize::try_from(counted)
        .ok()
        .filter(|axis| *axis < rank)
        .ok_or_else(|| Problem(format!("there is no axis {axis} in {rank} dimensions")))
}

fn wrong_type(kind: crate::ElementType) -> Problem {
    Problem(format!("it does not take {}", kind.name()))
}

fn one(tensor: Option<crate::Tensor>) -> Outputs {
    tensor.map(|tensor| vec![tensor]).ok_or_else(|| Problem::from("the shapes do not fit"))
}
