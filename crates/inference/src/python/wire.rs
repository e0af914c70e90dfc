//! Rows and outputs as Arrow, and the frames they travel in.

use std::collections::HashMap;
use std::io::{self, Read, Write};
use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, BooleanArray, FixedSizeListArray, Float32Array, Float64Array, Int8Array, Int16Array,
    Int32Array, Int64Array, LargeStringArray, RecordBatch, StringArray, UInt8Array, UInt16Array, UInt32Array,
    UInt64Array,
};
use arrow::datatypes::{DataType, Field, Schema};
use arrow::ipc::reader::StreamReader;
use arrow::ipc::writer::StreamWriter;

use crate::{Data, ElementType, Tensor, TensorSpec};

/// The most bytes of one frame.
pub(super) const MOST_BYTES: u64 = 256 * 1024 * 1024;

/// Words of frames to a worker.
pub(super) const LOAD: u32 = 1;
pub(super) const PREDICT: u32 = 2;
pub(super) const PING: u32 = 3;
/// Words of frames from a worker.
pub(super) const ANSWER: u32 = 0;
pub(super) const FAILURE: u32 = 1;

/// Writes a frame.
pub(super) fn write_frame(to: &mut impl Write, word: u32, content: &[u8]) -> io::Result<()> {
    let mut head = [0u8; 12];
    let (first, second) = head.split_at_mut(4);
    first.copy_from_slice(&word.to_le_bytes());
    second.copy_from_slice(&(content.len() as u64).to_le_bytes());
    to.write_all(&head)?;
    to.write_all(content)
}

/// Reads a frame of at most [`MOST_BYTES`].
pub(super) fn read_frame(from: &mut impl Read) -> io::Result<(u32, Vec<u8>)> {
    let mut head = [0u8; 12];
    from.read_exact(&mut head)?;
    let [a, b, c, d, rest @ ..] = head;
    let (word, length) = (u32::from_le_bytes([a, b, c, d]), u64::from_le_bytes(rest));
    if length > MOST_BYTES {
        let message = format!("an answer of {length} bytes, at most {MOST_BYTES} are taken");
        return Err(io::Error::new(io::ErrorKind::InvalidData, message));
    }
    // What is said to come is not trusted until it comes.
    let mut content = Vec::new();
    from.take(length).read_to_end(&mut content)?;
    if content.len() as u64 != length {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    Ok((word, content))
}

/// One input on its way to a worker.
pub(super) enum Outgoing {
    /// Words that may be missing.
    Words(Vec<Option<String>>),
    /// Elements of one type, a row of so many.
    Tensor(Tensor),
}

/// The inputs as an Arrow stream of one batch.
pub(super) fn encode(inputs: Vec<(String, Outgoing)>) -> Result<Vec<u8>, String> {
    let mut fields = Vec::with_capacity(inputs.len());
    let mut columns: Vec<ArrayRef> = Vec::with_capacity(inputs.len());
    for (name, input) in inputs {
        let array = match input {
            Outgoing::Words(words) => Arc::new(StringArray::from(words)) as ArrayRef,
            Outgoing::Tensor(tensor) => {
                let (_, width) = tensor.shape().as_matrix();
                let several = tensor.shape().rank() > 1;
                let flat = array_of(tensor.into_data());
                if several { listed(flat, width)? } else { flat }
            }
        };
        fields.push(Field::new(name, array.data_type().clone(), true));
        columns.push(array);
    }
    let schema = Arc::new(Schema::new(fields));
    let told = |error: arrow::error::ArrowError| error.to_string();
    let batch = RecordBatch::try_new(Arc::clone(&schema), columns).map_err(told)?;
    let mut bytes = Vec::new();
    let mut writer = StreamWriter::try_new(&mut bytes, &schema).map_err(told)?;
    writer.write(&batch).map_err(told)?;
    writer.finish().map_err(told)?;
    drop(writer);
    Ok(bytes)
}

fn listed(flat: ArrayRef, width: usize) -> Result<ArrayRef, String> {
    let width = i32::try_from(width).map_err(|_| "a row is too wide".to_owned())?;
    let item = Arc::new(Field::new("item", flat.data_type().clone(), true));
    let list = FixedSizeListArray::try_new(item, width, flat, None).map_err(|error| error.to_string())?;
    Ok(Arc::new(list))
}

fn array_of(data: Data) -> ArrayRef {
    match data {
        Data::Bool(values) => Arc::new(BooleanArray::from(values)),
        Data::Int8(values) => Arc::new(Int8Array::from(values)),
        Data::Int16(values) => Arc::new(Int16Array::from(values)),
        Data::Int32(values) => Arc::new(Int32Array::from(values)),
        Data::Int64(values) => Arc::new(Int64Array::from(values)),
        Data::Uint8(values) => Arc::new(UInt8Array::from(values)),
        Data::Uint16(values) => Arc::new(UInt16Array::from(values)),
        Data::Uint32(values) => Arc::new(UInt32Array::from(values)),
        Data::Uint64(values) => Arc::new(UInt64Array::from(values)),
        Data::Float16(values) => {
            Arc::new(Float32Array::from(values.into_iter().map(f32::from).collect::<Vec<_>>()))
        }
        Data::Float32(values) => Arc::new(Float32Array::from(values)),
        Data::Float64(values) => Arc::new(Float64Array::from(values)),
        Data::Text(values) => Arc::new(StringArray::from(values)),
    }
}

/// The outputs of an Arrow stream: what each is, and its elements.
pub(super) fn decode(bytes: &[u8], rows: usize) -> Result<Vec<(TensorSpec, Tensor)>, String> {
    let told = |error: arrow::error::ArrowError| error.to_string();
    let reader = StreamReader::try_new(bytes, None).map_err(told)?;
    let schema = reader.schema();
    let batches = reader.collect::<Result<Vec<_>, _>>().map_err(told)?;
    let labels: HashMap<String, Vec<String>> = schema
        .metadata()
        .get("labels")
        .and_then(|labels| serde_json::from_str(labels).ok())
        .unwrap_or_default();
    let mut outputs = Vec::with_capacity(schema.fields().len());
    for (place, field) in schema.fields().iter().enumerate() {
        let mut parts = batches.iter().map(|batch| batch.column(place));
        let (element, width) = match field.data_type() {
            DataType::FixedSizeList(item, width) => (item.data_type(), usize::try_from(*width).ok()),
            other => (other, None),
        };
        let element_type = element_type(element)
            .ok_or_else(|| format!("the output `{}` is of the type {element}", field.name()))?;
        let data = parts.try_fold(Data::empty(element_type), |mut data, part| {
            let flat = match part.as_any().downcast_ref::<FixedSizeListArray>() {
                Some(list) => list.values(),
                None => part,
            };
            let flat = data_of(flat, element_type).filter(|flat| data.append(flat));
            flat.map(|_| data).ok_or_else(|| format!("the output `{}` has holes", field.name()))
        })?;
        let shape = match width {
            Some(width) => vec![None, Some(width)],
            None => vec![None],
        };
        let mut spec = TensorSpec::new(field.name().as_str(), element_type, shape);
        spec.labels = labels
            .get(field.name())
            .filter(|labels| Some(labels.len()) == width)
            .cloned()
            .unwrap_or_default();
        let tensor = match width {
            Some(width) => Tensor::matrix(rows, width, data),
            None if data.len() == rows => Some(Tensor::vector(data)),
            None => None,
        };
        let tensor = tensor.ok_or_else(|| format!("the output `{}` has not {rows} rows", field.name()))?;
        outputs.push((spec, tensor));
    }
    if outputs.is_empty() {
        return Err("the model gave no output".to_owned());
    }
    Ok(outputs)
}

const fn element_type(kind: &DataType) -> Option<ElementType> {
    Some(match kind {
        DataType::Boolean => ElementType::Bool,
        DataType::Int8 => ElementType::Int8,
        DataType::Int16 => ElementType::Int16,
        DataType::Int32 => ElementType::Int32,
        DataType::Int64 => ElementType::Int64,
        DataType::UInt8 => ElementType::Uint8,
        DataType::UInt16 => ElementType::Uint16,
        DataType::UInt32 => ElementType::Uint32,
        DataType::UInt64 => ElementType::Uint64,
        DataType::Float32 => ElementType::Float32,
        DataType::Float64 => ElementType::Float64,
        DataType::Utf8 | DataType::LargeUtf8 => ElementType::Text,
        _ => return None,
    })
}

/// The elements of an array without holes.
fn data_of(array: &ArrayRef, kind: ElementType) -> Option<Data> {
    if array.null_count() > 0 {
        return None;
    }
    macro_rules! numbers {
        ($variant:ident, $array:ty) => {
            Data::$variant(array.as_any().downcast_ref::<$array>()?.values().to_vec())
        };
    }
    Some(match kind {
        ElementType::Bool => {
            Data::Bool(array.as_any().downcast_ref::<BooleanArray>()?.values().iter().collect())
        }
        ElementType::Int8 => numbers!(Int8, Int8Array),
        ElementType::Int16 => numbers!(Int16, Int16Array),
        ElementType::Int32 => numbers!(Int32, Int32Array),
        ElementType::Int64 => numbers!(Int64, Int64Array),
        ElementType::Uint8 => numbers!(Uint8, UInt8Array),
        ElementType::Uint16 => numbers!(Uint16, UInt16Array),
        ElementType::Uint32 => numbers!(Uint32, UInt32Array),
        ElementType::Uint64 => numbers!(Uint64, UInt64Array),
        ElementType::Float32 => numbers!(Float32, Float32Array),
        ElementType::Float64 => numbers!(Float64, Float64Array),
        ElementType::Float16 => return None,
        ElementType::Text => match array.as_any().downcast_ref::<StringArray>() {
            Some(texts) => Data::Text(texts.iter().flatten().map(str::to_owned).collect()),
            None => {
                let texts = array.as_any().downcast_ref::<LargeStringArray>()?;
                Data::Text(texts.iter().flatten().map(str::to_owned).collect())
            }
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_back() {
        let tensors = [
            ("a", Tensor::vector(Data::Float64(vec![1.5, f64::NAN]))),
            ("b", Tensor::matrix(2, 3, Data::Int64((0..6).collect())).unwrap()),
            ("c", Tensor::vector(Data::Text(vec!["x".into(), "é".into()]))),
        ];
        let inputs =
            tensors.iter().map(|(name, tensor)| ((*name).to_owned(), Outgoing::Tensor(tensor.clone())));
        let bytes = encode(inputs.collect()).unwrap();
        let back = decode(&bytes, 2).unwrap();
        for ((name, tensor), (spec, found)) in tensors.iter().zip(&back) {
            assert_eq!((*name, tensor.shape()), (spec.name.as_str(), found.shape()));
            assert_eq!(format!("{:?}", tensor.data()), format!("{:?}", found.data()));
        }
        assert!(decode(&bytes, 3).unwrap_err().contains("has not 3 rows"));
        assert!(decode(&bytes[..40], 2).is_err());
    }

    #[test]
    fn holes_and_huge_frames_are_refused() {
        let bytes = encode(vec![("a".into(), Outgoing::Words(vec![None, Some("x".into())]))]).unwrap();
        assert_eq!(decode(&bytes, 2).unwrap_err(), "the output `a` has holes");
        let mut frame = Vec::new();
        write_frame(&mut frame, ANSWER, b"abc").unwrap();
        assert_eq!(read_frame(&mut frame.as_slice()).unwrap(), (ANSWER, b"abc".to_vec()));
        assert_eq!(read_frame(&mut &frame[..14]).unwrap_err().kind(), io::ErrorKind::UnexpectedEof);
        frame[4..12].copy_from_slice(&u64::MAX.to_le_bytes());
        assert_eq!(read_frame(&mut frame.as_slice()).unwrap_err().kind(), io::ErrorKind::InvalidData);
    }
}
