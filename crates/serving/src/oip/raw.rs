//! Tensors as bytes: little-endian, row-major; `BOOL` is one byte, `BYTES` a length of four bytes and the text.

use super::{Datatype, OutputData, Scalar};

/// The elements as numbers. Fails with what is wrong with the bytes.
///
/// # Errors
/// When the bytes are not `count` elements of `datatype`, or a `BOOL` is neither 0 nor 1.
#[expect(
    clippy::cast_precision_loss,
    reason = "models compute in FP64; a larger whole number is the nearest one"
)]
pub fn numbers(datatype: Datatype, bytes: &[u8], count: usize) -> Result<Vec<f64>, String> {
    let width = datatype.width().ok_or_else(|| "BYTES are no numbers".to_owned())?;
    if count.checked_mul(width) != Some(bytes.len()) {
        return Err(format!(
            "{count} elements of {} are {} bytes, {} were sent",
            datatype.word(),
            count.saturating_mul(width),
            bytes.len()
        ));
    }
    let found = match datatype {
        Datatype::Bool => {
            if let Some(at) = bytes.iter().position(|byte| *byte > 1) {
                return Err(format!("element {at} is neither 0 nor 1, which is no BOOL"));
            }
            bytes.iter().map(|byte| f64::from(*byte)).collect()
        }
        Datatype::Uint8 => bytes.iter().map(|byte| f64::from(*byte)).collect(),
        Datatype::Int8 => bytes.iter().map(|byte| f64::from(i8::from_le_bytes([*byte]))).collect(),
        Datatype::Uint16 => each(bytes, |bytes| f64::from(u16::from_le_bytes(bytes))),
        Datatype::Int16 => each(bytes, |bytes| f64::from(i16::from_le_bytes(bytes))),
        Datatype::Fp16 => each(bytes, |bytes| half(u16::from_le_bytes(bytes))),
        Datatype::Bf16 => {
            each(bytes, |bytes| f64::from(f32::from_bits(u32::from(u16::from_le_bytes(bytes)) << 16)))
        }
        Datatype::Uint32 => each(bytes, |bytes| f64::from(u32::from_le_bytes(bytes))),
        Datatype::Int32 => each(bytes, |bytes| f64::from(i32::from_le_bytes(bytes))),
        Datatype::Fp32 => each(bytes, |bytes| f64::from(f32::from_le_bytes(bytes))),
        Datatype::Uint64 => each(bytes, |bytes| u64::from_le_bytes(bytes) as f64),
        Datatype::Int64 => each(bytes, |bytes| i64::from_le_bytes(bytes) as f64),
        Datatype::Fp64 => each(bytes, f64::from_le_bytes),
        Datatype::Bytes => Vec::new(),
    };
    Ok(found)
}

fn each<const WIDTH: usize>(bytes: &[u8], read: impl Fn([u8; WIDTH]) -> f64) -> Vec<f64> {
    let (elements, _) = bytes.as_chunks::<WIDTH>();
    elements.iter().map(|element| read(*element)).collect()
}

/// A number of IEEE 754 with 5 bits of exponent and 10 of fraction.
fn half(bits: u16) -> f64 {
    let sign = if bits & 0x8000 == 0 { 1.0 } else { -1.0 };
    let (exponent, fraction) = (i32::from((bits >> 10) & 0x1f), f64::from(bits & 0x3ff));
    let size = match exponent {
        0 => fraction * 2.0_f64.powi(-24),
        31 if fraction == 0.0 => f64::INFINITY,
        31 => f64::NAN,
        _ => (1.0 + fraction / 1024.0) * 2.0_f64.powi(exponent - 15),
    };
    sign * size
}

/// The elements as texts.
///
/// # Errors
/// When the lengths do not add up to the bytes, or a text is not UTF-8.
pub fn words(bytes: &[u8], count: usize) -> Result<Vec<Option<String>>, String> {
    let mut words = Vec::with_capacity(count.min(bytes.len() / 4));
    let mut rest = bytes;
    while !rest.is_empty() {
        let cut = rest.split_first_chunk::<4>().and_then(|(length, after)| {
            let length = usize::try_from(u32::from_le_bytes(*length)).ok()?;
            after.split_at_checked(length)
        });
        let Some((text, after)) = cut else {
            return Err(format!("element {} is cut off", words.len()));
        };
        let text = std::str::from_utf8(text).map_err(|_| format!("element {} is not UTF-8", words.len()))?;
        words.push(Some(text.to_owned()));
        rest = after;
        if words.len() > count {
            break;
        }
    }
    if words.len() == count {
        return Ok(words);
    }
    let more = if words.len() > count { "more" } else { "fewer" };
    Err(format!("its shape says {count} elements, its bytes hold {more}"))
}

/// The elements one by one, for tensors that are neither features nor many.
///
/// # Errors
/// As [`numbers`] and [`words`].
pub fn scalars(datatype: Datatype, bytes: &[u8], count: usize) -> Result<Vec<Scalar>, String> {
    if datatype == Datatype::Bytes {
        let texts = words(bytes, count)?;
        return Ok(texts.into_iter().map(|text| text.map_or(Scalar::Null, Scalar::Text)).collect());
    }
    let reals = numbers(datatype, bytes, count)?;
    if datatype == Datatype::Int64 {
        let (elements, _) = bytes.as_chunks::<8>();
        return Ok(elements.iter().map(|element| Scalar::Int(i64::from_le_bytes(*element))).collect());
    }
    Ok(reals.into_iter().map(Scalar::Real).collect())
}

/// Writes the elements behind `to`.
pub fn write(data: &OutputData, to: &mut Vec<u8>) {
    match data {
        OutputData::Numbers(values) => values.iter().for_each(|value| to.extend(value.to_le_bytes())),
        OutputData::Integers(values) => values.iter().for_each(|value| to.extend(value.to_le_bytes())),
        OutputData::Texts(values) => {
            for value in values {
                // A text of ours is far from 4 GiB.
                to.extend(u32::try_from(value.len()).unwrap_or(u32::MAX).to_le_bytes());
                to.extend_from_slice(value.as_bytes());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_of_every_type_are_read() {
        let check = |datatype, bytes: &[u8], expected: &[f64]| {
            let found = numbers(datatype, bytes, expected.len()).unwrap();
            assert_eq!(found, expected, "{}", datatype.word());
        };
        check(Datatype::Bool, &[0, 1], &[0.0, 1.0]);
        check(Datatype::Uint8, &[255], &[255.0]);
        check(Datatype::Int8, &[255], &[-1.0]);
        check(Datatype::Uint16, &[0xff, 0xff, 1, 0], &[65_535.0, 1.0]);
        check(Datatype::Int16, &[0xff, 0xff], &[-1.0]);
        check(Datatype::Uint32, &u32::MAX.to_le_bytes(), &[4_294_967_295.0]);
        check(Datatype::Int32, &(-7_i32).to_le_bytes(), &[-7.0]);
        check(Datatype::Uint64, &u64::MAX.to_le_bytes(), &[18_446_744_073_709_551_616.0]);
        check(Datatype::Int64, &(-7_i64).to_le_bytes(), &[-7.0]);
        check(Datatype::Fp32, &1.5_f32.to_le_bytes(), &[1.5]);
        check(Datatype::Fp64, &[1.5_f64.to_le_bytes(), (-2.0_f64).to_le_bytes()].concat(), &[1.5, -2.0]);
        // 1, -2, the largest, the smallest, and infinity, by the tables of the standard.
        let halves = [0x3c00_u16, 0xc000, 0x7bff, 0x0001, 0x7c00].map(u16::to_le_bytes).concat();
        check(Datatype::Fp16, &halves, &[1.0, -2.0, 65_504.0, 2.0_f64.powi(-24), f64::INFINITY]);
        assert!(numbers(Datatype::Fp16, &0x7e00_u16.to_le_bytes(), 1).unwrap()[0].is_nan());
        check(Datatype::Bf16, &[0x3f80_u16, 0xc049].map(u16::to_le_bytes).concat(), &[1.0, -3.140_625]);
    }

    #[test]
    fn bytes_that_do_not_add_up_are_refused() {
        assert_eq!(
            numbers(Datatype::Fp64, &[0; 12], 2).unwrap_err(),
            "2 elements of FP64 are 16 bytes, 12 were sent"
        );
        assert!(numbers(Datatype::Bool, &[2], 1).unwrap_err().contains("neither 0 nor 1"));
        assert!(numbers(Datatype::Fp64, &[], usize::MAX).is_err());
        assert_eq!(words(&[5, 0, 0, 0, b'a'], 1).unwrap_err(), "element 0 is cut off");
        assert_eq!(words(&[1, 0, 0, 0, 0xff], 1).unwrap_err(), "element 0 is not UTF-8");
        assert!(words(&[0, 0, 0, 0], 2).unwrap_err().contains("fewer"));
        assert!(words(&[0; 12], 2).unwrap_err().contains("more"));
        assert_eq!(
            words(&[2, 0, 0, 0, b'a', b'b', 0, 0, 0, 0], 2).unwrap(),
            [Some("ab".into()), Some(String::new())]
        );
    }

    #[test]
    fn what_is_written_is_read() {
        let mut bytes = Vec::new();
        write(&OutputData::Numbers(vec![1.5, -2.0]), &mut bytes);
        assert_eq!(numbers(Datatype::Fp64, &bytes, 2).unwrap(), [1.5, -2.0]);
        bytes.clear();
        write(&OutputData::Texts(vec!["a".into(), "bc".into()]), &mut bytes);
        assert_eq!(words(&bytes, 2).unwrap(), [Some("a".into()), Some("bc".into())]);
        bytes.clear();
        write(&OutputData::Integers(vec![-3]), &mut bytes);
        assert_eq!(scalars(Datatype::Int64, &bytes, 1).unwrap(), [Scalar::Int(-3)]);
    }
}
