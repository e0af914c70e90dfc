//! Arrays of one type, as engines take and give them.

use half::f16;

/// The most dimensions a tensor may have.
pub const MOST_DIMENSIONS: usize = 8;

/// The most numbers that one input may have in a row.
const MOST_COLUMNS: usize = 1_000_000;

/// The type of an element.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ElementType {
    /// True or false.
    Bool,
    /// Eight bits with sign.
    Int8,
    /// Sixteen bits with sign.
    Int16,
    /// Thirty-two bits with sign.
    Int32,
    /// Sixty-four bits with sign.
    Int64,
    /// Eight bits.
    Uint8,
    /// Sixteen bits.
    Uint16,
    /// Thirty-two bits.
    Uint32,
    /// Sixty-four bits.
    Uint64,
    /// IEEE half precision.
    Float16,
    /// IEEE single precision.
    Float32,
    /// IEEE double precision.
    Float64,
    /// Text.
    Text,
}

impl ElementType {
    /// Its name, as messages say it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Bool => "bool",
            Self::Int8 => "int8",
            Self::Int16 => "int16",
            Self::Int32 => "int32",
            Self::Int64 => "int64",
            Self::Uint8 => "uint8",
            Self::Uint16 => "uint16",
            Self::Uint32 => "uint32",
            Self::Uint64 => "uint64",
            Self::Float16 => "float16",
            Self::Float32 => "float32",
            Self::Float64 => "float64",
            Self::Text => "text",
        }
    }

    /// Whether it holds fractions.
    #[must_use]
    pub const fn is_float(self) -> bool {
        matches!(self, Self::Float16 | Self::Float32 | Self::Float64)
    }
}

/// The lengths of a tensor's dimensions; none for a single value.
#[derive(Clone, Copy, PartialEq, Eq, Default)]
pub struct Shape {
    lengths: [usize; MOST_DIMENSIONS],
    rank: usize,
}

impl Shape {
    /// A shape, unless it has more than [`MOST_DIMENSIONS`] or more elements than can be counted.
    #[must_use]
    pub fn new(lengths: &[usize]) -> Option<Self> {
        let mut shape = Self { lengths: [0; MOST_DIMENSIONS], rank: lengths.len() };
        shape.lengths.get_mut(..lengths.len())?.copy_from_slice(lengths);
        // A length of zero must not hide that the others are too large together.
        lengths.iter().try_fold(1usize, |count, length| count.checked_mul((*length).max(1)))?;
        Some(shape)
    }

    /// `[length]`.
    #[must_use]
    pub const fn vector(length: usize) -> Self {
        Self { lengths: [length, 0, 0, 0, 0, 0, 0, 0], rank: 1 }
    }

    /// `[rows, columns]`. The product must be the length of a real list.
    #[must_use]
    pub const fn matrix(rows: usize, columns: usize) -> Self {
        Self { lengths: [rows, columns, 0, 0, 0, 0, 0, 0], rank: 2 }
    }

    /// The lengths.
    #[must_use]
    pub fn lengths(&self) -> &[usize] {
        self.lengths.get(..self.rank).unwrap_or_default()
    }

    /// How many dimensions there are.
    #[must_use]
    pub const fn rank(&self) -> usize {
        self.rank
    }

    /// How many elements there are.
    #[must_use]
    pub fn elements(&self) -> usize {
        self.lengths().iter().product()
    }

    /// The shape as rows and columns: the first dimension, and all others together; a single
    /// value is one row, and a vector one column.
    #[must_use]
    pub fn as_matrix(&self) -> (usize, usize) {
        match self.lengths() {
            [] => (1, 1),
            [rows] => (*rows, 1),
            [rows, rest @ ..] => (*rows, rest.iter().product()),
        }
    }
}

impl std::fmt::Debug for Shape {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "{:?}", self.lengths())
    }
}

macro_rules! data {
    ($($variant:ident: $kind:ty),* $(,)?) => {
        /// The elements of a tensor, the last dimension running fastest.
        #[derive(Debug, Clone, PartialEq)]
        #[allow(missing_docs, reason = "each is named by its element type")]
        pub enum Data {
            $($variant(Vec<$kind>),)*
        }

        impl Data {
            /// How many elements there are.
            #[must_use]
            pub fn len(&self) -> usize {
                match self {
                    $(Self::$variant(values) => values.len(),)*
                }
            }

            /// The type of each element.
            #[must_use]
            pub const fn element_type(&self) -> ElementType {
                match self {
                    $(Self::$variant(_) => ElementType::$variant,)*
                }
            }

            /// The elements at `places`, in that order; `None` when one is not there.
            #[must_use]
            pub fn take(&self, places: impl Iterator<Item = usize>) -> Option<Self> {
                Some(match self {
                    $(Self::$variant(values) => Self::$variant(
                        places.map(|place| values.get(place).cloned()).collect::<Option<_>>()?,
                    ),)*
                })
            }

            /// Makes room for `more` elements.
            pub fn reserve(&mut self, more: usize) {
                match self {
                    $(Self::$variant(values) => values.reserve(more),)*
                }
            }

            /// No elements, of this type.
            #[must_use]
            pub fn empty(kind: ElementType) -> Self {
                match kind {
                    $(ElementType::$variant => Self::$variant(Vec::new()),)*
                }
            }

            /// Puts the elements of `other` behind its own; `false` when they differ in type.
            pub fn append(&mut self, other: &Self) -> bool {
                match (self, other) {
                    $((Self::$variant(values), Self::$variant(others)) => {
                        values.extend_from_slice(others);
                        true
                    })*
                    _ => false,
                }
            }

            /// Puts some elements of `other` behind its own; `false` when they differ in type or
            /// are not there.
            pub fn append_range(&mut self, other: &Self, range: std::ops::Range<usize>) -> bool {
                match (self, other) {
                    $((Self::$variant(values), Self::$variant(others)) => match others.get(range) {
                        Some(some) => { values.extend_from_slice(some); true }
                        None => false,
                    })*
                    _ => false,
                }
            }
        }
    };
}

data! {
    Bool: bool, Int8: i8, Int16: i16, Int32: i32, Int64: i64, Uint8: u8, Uint16: u16, Uint32: u32,
    Uint64: u64, Float16: f16, Float32: f32, Float64: f64, Text: String,
}

impl Data {
    /// Whether there are no elements.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// An array of one type.
#[derive(Debug, Clone, PartialEq)]
pub struct Tensor {
    shape: Shape,
    data: Data,
}

impl Tensor {
    /// A tensor, unless the shape has another number of elements than there are.
    #[must_use]
    pub fn new(shape: Shape, data: Data) -> Option<Self> {
        (shape.elements() == data.len()).then_some(Self { shape, data })
    }

    /// A list of elements.
    #[must_use]
    pub fn vector(data: Data) -> Self {
        Self { shape: Shape::vector(data.len()), data }
    }

    /// Rows and columns, unless they are not as many as the elements.
    #[must_use]
    pub fn matrix(rows: usize, columns: usize, data: Data) -> Option<Self> {
        (rows.checked_mul(columns)? == data.len())
            .then_some(Self { shape: Shape::matrix(rows, columns), data })
    }

    /// The lengths of its dimensions.
    #[must_use]
    pub const fn shape(&self) -> &Shape {
        &self.shape
    }

    /// Its elements.
    #[must_use]
    pub const fn data(&self) -> &Data {
        &self.data
    }

    /// Its elements, without it.
    #[must_use]
    pub fn into_data(self) -> Data {
        self.data
    }

    /// The type of its elements.
    #[must_use]
    pub const fn element_type(&self) -> ElementType {
        self.data.element_type()
    }

    /// The same elements in another shape, unless that has another number of elements.
    #[must_use]
    pub fn reshaped(self, shape: Shape) -> Option<Self> {
        Self::new(shape, self.data)
    }

    /// Its elements as double-precision numbers; texts that are no number are NaN.
    #[must_use]
    pub fn to_numbers(&self) -> Vec<f64> {
        match &self.data {
            Data::Bool(values) => values.iter().map(|value| f64::from(u8::from(*value))).collect(),
            Data::Int8(values) => values.iter().map(|value| f64::from(*value)).collect(),
            Data::Int16(values) => values.iter().map(|value| f64::from(*value)).collect(),
            Data::Int32(values) => values.iter().map(|value| f64::from(*value)).collect(),
            Data::Int64(values) => values.iter().map(|value| *value as f64).collect(),
            Data::Uint8(values) => values.iter().map(|value| f64::from(*value)).collect(),
            Data::Uint16(values) => values.iter().map(|value| f64::from(*value)).collect(),
            Data::Uint32(values) => values.iter().map(|value| f64::from(*value)).collect(),
            Data::Uint64(values) => values.iter().map(|value| *value as f64).collect(),
            Data::Float16(values) => values.iter().map(|value| value.to_f64()).collect(),
            Data::Float32(values) => values.iter().map(|value| f64::from(*value)).collect(),
            Data::Float64(values) => values.clone(),
            Data::Text(values) => {
                values.iter().map(|value| value.trim().parse().unwrap_or(f64::NAN)).collect()
            }
        }
    }
}

/// A named input or output of an engine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TensorSpec {
    /// Its name.
    pub name: String,
    /// The type of its elements.
    pub element_type: ElementType,
    /// The lengths of its dimensions; `None` where any length will do. The first is the rows.
    pub shape: Vec<Option<usize>>,
    /// The classes that the columns stand for, where the model says.
    pub labels: Vec<String>,
}

impl TensorSpec {
    /// A spec without labels.
    #[must_use]
    pub fn new(name: impl Into<String>, element_type: ElementType, shape: Vec<Option<usize>>) -> Self {
        Self { name: name.into(), element_type, shape, labels: Vec::new() }
    }

    /// Refuses rows that are wider than a row can be.
    pub(crate) fn check(&self) -> Result<(), crate::Error> {
        match self.width() {
            width if width > MOST_COLUMNS => {
                Err(crate::Error::TooLarge { what: "columns", found: width, most: MOST_COLUMNS })
            }
            _ => Ok(()),
        }
    }

    /// How many columns each row has; one when the spec does not say.
    #[must_use]
    pub fn width(&self) -> usize {
        let lengths = self.shape.get(1..).unwrap_or_default().iter();
        lengths.fold(1usize, |width, length| width.saturating_mul(length.unwrap_or(1)))
    }
}
