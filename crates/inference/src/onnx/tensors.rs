//! Constants of a file as tensors.

use half::f16;

use super::Problem;
use super::proto::TensorProto;
use crate::{Data, ElementType, Shape, Tensor};

/// The element type of its number in onnx.proto3.
pub(crate) fn element_type(number: i32) -> Option<ElementType> {
    Some(match number {
        1 => ElementType::Float32,
        2 => ElementType::Uint8,
        3 => ElementType::Int8,
        4 => ElementType::Uint16,
        5 => ElementType::Int16,
        6 => ElementType::Int32,
        7 => ElementType::Int64,
        8 => ElementType::Text,
        9 => ElementType::Bool,
        10 => ElementType::Float16,
        11 => ElementType::Float64,
        12 => ElementType::Uint32,
        13 => ElementType::Uint64,
        _ => return None,
    })
}

/// Reads a constant. Data in files beside the model is refused: a model cannot name files.
pub(crate) fn read(proto: &TensorProto) -> Result<Tensor, Problem> {
    if proto.data_location != 0 || !proto.external_data.is_empty() {
        return Err(
            "it keeps its numbers in another file, and models cannot name files here; save it with the \
                    numbers inside"
                .into(),
        );
    }
    let lengths = proto.dims.iter().map(|length| usize::try_from(*length).ok()).collect::<Option<Vec<_>>>();
    let shape = lengths.and_then(|lengths| Shape::new(&lengths)).ok_or("its shape cannot be")?;
    let kind = element_type(proto.data_type)
        .ok_or_else(|| Problem(format!("elements of type {} are not known", proto.data_type)))?;
    let raw = proto.raw_data.as_slice();
    let ints = || proto.int32_data.iter().copied();
    let data = match kind {
        ElementType::Float32 if raw.is_empty() => Data::Float32(proto.float_data.clone()),
        ElementType::Float32 => Data::Float32(chunks(raw, f32::from_le_bytes)?),
        ElementType::Float64 if raw.is_empty() => Data::Float64(proto.double_data.clone()),
        ElementType::Float64 => Data::Float64(chunks(raw, f64::from_le_bytes)?),
        ElementType::Int64 if raw.is_empty() => Data::Int64(proto.int64_data.clone()),
        ElementType::Int64 => Data::Int64(chunks(raw, i64::from_le_bytes)?),
        ElementType::Int32 if raw.is_empty() => Data::Int32(proto.int32_data.clone()),
        ElementType::Int32 => Data::Int32(chunks(raw, i32::from_le_bytes)?),
        ElementType::Bool if raw.is_empty() => Data::Bool(ints().map(|value| value != 0).collect()),
        ElementType::Bool => Data::Bool(raw.iter().map(|value| *value != 0).collect()),
        ElementType::Uint8 if raw.is_empty() => Data::Uint8(ints().map(|value| value as u8).collect()),
        ElementType::Uint8 => Data::Uint8(raw.to_vec()),
        ElementType::Int8 if raw.is_empty() => Data::Int8(ints().map(|value| value as i8).collect()),
        ElementType::Int8 => Data::Int8(chunks(raw, i8::from_le_bytes)?),
        ElementType::Uint16 if raw.is_empty() => Data::Uint16(ints().map(|value| value as u16).collect()),
        ElementType::Uint16 => Data::Uint16(chunks(raw, u16::from_le_bytes)?),
        ElementType::Int16 if raw.is_empty() => Data::Int16(ints().map(|value| value as i16).collect()),
        ElementType::Int16 => Data::Int16(chunks(raw, i16::from_le_bytes)?),
        ElementType::Uint32 if raw.is_empty() => {
            Data::Uint32(proto.uint64_data.iter().map(|value| *value as u32).collect())
        }
        ElementType::Uint32 => Data::Uint32(chunks(raw, u32::from_le_bytes)?),
        ElementType::Uint64 if raw.is_empty() => Data::Uint64(proto.uint64_data.clone()),
        ElementType::Uint64 => Data::Uint64(chunks(raw, u64::from_le_bytes)?),
        ElementType::Float16 if raw.is_empty() => {
            Data::Float16(ints().map(|value| f16::from_bits(value as u16)).collect())
        }
        ElementType::Float16 => Data::Float16(chunks(raw, f16::from_le_bytes)?),
        ElementType::Text => {
            let texts = proto.string_data.iter().map(|bytes| super::attributes::utf8(bytes));
            Data::Text(texts.collect::<Result<_, _>>()?)
        }
    };
    let found = data.len();
    Tensor::new(shape, data)
        .ok_or_else(|| Problem(format!("its shape is {shape:?}, but it has {found} elements")))
}

fn chunks<const N: usize, T>(raw: &[u8], read: impl Fn([u8; N]) -> T) -> Result<Vec<T>, Problem> {
    if !raw.len().is_multiple_of(N) {
        return Err("its bytes are no whole number of elements".into());
    }
    Ok(raw.as_chunks::<N>().0.iter().map(|bytes| read(*bytes)).collect())
}
