//! No model names files: neither at its top nor anywhere inside.

use prost::Message;

use super::proto::{AttributeProto, GraphProto, ModelProto, NodeProto, TensorProto};
use crate::Error;

/// Fails when any constant, at whatever depth, keeps its numbers in another file.
pub(crate) fn refuse_external_data(bytes: &[u8]) -> Result<(), Error> {
    let model = ModelProto::decode(bytes)
        .map_err(|cause| Error::BadGraph { node: "the file".to_owned(), reason: cause.to_string() })?;
    let graphs =
        model.training_info.iter().flat_map(|info| [&info.initialization, &info.algorithm]).flatten();
    let found = model.graph.iter().chain(graphs).find_map(in_graph);
    let found =
        found.or_else(|| model.functions.iter().flat_map(|function| &function.node).find_map(in_node));
    match found {
        None => Ok(()),
        Some(name) => Err(Error::BadGraph {
            node: format!("the constant `{name}`"),
            reason:
                "it keeps its numbers in another file, and models cannot name files here; save it with the \
                     numbers inside"
                    .to_owned(),
        }),
    }
}

fn in_graph(graph: &GraphProto) -> Option<String> {
    let sparse =
        graph.sparse_initializer.iter().flat_map(|sparse| [&sparse.values, &sparse.indices]).flatten();
    graph.initializer.iter().chain(sparse).find_map(in_tensor).or_else(|| graph.node.iter().find_map(in_node))
}

fn in_node(node: &NodeProto) -> Option<String> {
    node.attribute.iter().find_map(in_attribute)
}

fn in_attribute(attribute: &AttributeProto) -> Option<String> {
    let sparse = attribute.sparse_tensor.iter().chain(&attribute.sparse_tensors);
    let sparse = sparse.flat_map(|sparse| [&sparse.values, &sparse.indices]).flatten();
    let tensors = attribute.t.iter().chain(&attribute.tensors).chain(sparse);
    tensors
        .into_iter()
        .find_map(in_tensor)
        .or_else(|| attribute.g.iter().chain(&attribute.graphs).find_map(in_graph))
}

fn in_tensor(tensor: &TensorProto) -> Option<String> {
    (tensor.data_location != 0 || !tensor.external_data.is_empty()).then(|| tensor.name.clone())
}
