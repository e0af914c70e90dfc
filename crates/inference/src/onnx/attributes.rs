//! Reading the settings of an operator.

use super::Problem;
use super::proto::{AttributeProto, NodeProto};
use super::tensors;
use crate::Tensor;

/// The settings of one node.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Attributes<'a>(&'a [AttributeProto]);

impl<'a> Attributes<'a> {
    pub(crate) fn of(node: &'a NodeProto) -> Self {
        Self(&node.attribute)
    }

    pub(crate) fn find(self, name: &str) -> Option<&'a AttributeProto> {
        self.0.iter().find(|attribute| attribute.name == name)
    }

    pub(crate) fn has(self, name: &str) -> bool {
        self.find(name).is_some()
    }

    pub(crate) fn int(self, name: &str, default: i64) -> i64 {
        self.find(name).map_or(default, |attribute| attribute.i)
    }

    pub(crate) fn flag(self, name: &str, default: bool) -> bool {
        self.int(name, i64::from(default)) != 0
    }

    pub(crate) fn float(self, name: &str, default: f32) -> f32 {
        self.find(name).map_or(default, |attribute| attribute.f)
    }

    pub(crate) fn floats(self, name: &str) -> &'a [f32] {
        self.find(name).map(|attribute| attribute.floats.as_slice()).unwrap_or_default()
    }

    pub(crate) fn ints(self, name: &str) -> &'a [i64] {
        self.find(name).map(|attribute| attribute.ints.as_slice()).unwrap_or_default()
    }

    /// Numbers given as single-precision floats or as a tensor of the same name with `_as_tensor`.
    pub(crate) fn numbers(self, name: &str) -> Result<Vec<f64>, Problem> {
        if let Some(tensor) = self.tensor(&format!("{name}_as_tensor"))? {
            return Ok(tensor.to_numbers());
        }
        Ok(self.floats(name).iter().map(|number| f64::from(*number)).collect())
    }

    pub(crate) fn text(self, name: &str, default: &str) -> Result<String, Problem> {
        match self.find(name) {
            None => Ok(default.to_owned()),
            Some(attribute) => utf8(&attribute.s),
        }
    }

    pub(crate) fn texts(self, name: &str) -> Result<Vec<String>, Problem> {
        let bytes = self.find(name).map(|attribute| attribute.strings.as_slice()).unwrap_or_default();
        bytes.iter().map(|bytes| utf8(bytes)).collect()
    }

    pub(crate) fn tensor(self, name: &str) -> Result<Option<Tensor>, Problem> {
        self.find(name).and_then(|attribute| attribute.t.as_ref()).map(tensors::read).transpose()
    }
}

pub(super) fn utf8(bytes: &[u8]) -> Result<String, Problem> {
    String::from_utf8(bytes.to_vec()).map_err(|_| Problem::from("a text is not UTF-8"))
}
