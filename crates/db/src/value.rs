//! Values that go into statements.

/// A value bound to a placeholder. Nulls keep their type, as PostgreSQL wants to know it.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// A whole number, a boolean as 0 or 1, or a time in microseconds.
    Int(Option<i64>),
    /// A floating-point number.
    Real(Option<f64>),
    /// Text, or JSON as text.
    Text(Option<String>),
    /// Bytes.
    Bytes(Option<Vec<u8>>),
}

/// The values for the placeholders of one statement, in order.
#[macro_export]
macro_rules! params {
    ($($value:expr),* $(,)?) => { vec![$($crate::Value::from($value)),*] };
}

macro_rules! value_from {
    ($($from:ty => $variant:ident($convert:expr)),* $(,)?) => {$(
        impl From<$from> for Value {
            fn from(value: $from) -> Self {
                Self::$variant(Some($convert(value)))
            }
        }
        impl From<Option<$from>> for Value {
            fn from(value: Option<$from>) -> Self {
                Self::$variant(value.map($convert))
            }
        }
    )*};
}

value_from! {
    i64 => Int(|value| value),
    i32 => Int(i64::from),
    u32 => Int(i64::from),
    bool => Int(i64::from),
    base::Timestamp => Int(base::Timestamp::as_micros),
    f64 => Real(|value| value),
    String => Text(|value| value),
    &str => Text(|value: &str| value.to_owned()),
    &String => Text(|value: &String| value.clone()),
    Vec<u8> => Bytes(|value| value),
    base::Digest => Text(|value: base::Digest| value.to_string()),
    &serde_json::Value => Text(|value: &serde_json::Value| value.to_string()),
    serde_json::Value => Text(|value: serde_json::Value| value.to_string()),
}
