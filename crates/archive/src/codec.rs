//! Rows as bytes in the log.
//!
//! Integers and lengths are little-endian. A record is a kind byte and its fields; records follow each other. The
//! kind byte is also the version of the format: a changed record gets a new one.

use base::Timestamp;
use tables::{Column, Part, Table};
use uuid::Uuid;

use crate::{Cell, Label, Prediction};

const PREDICTION: u8 = 1;
const LABEL: u8 = 2;
/// Predictions of one model as columns: the model, how many rows, the columns whose value is the same in all of them as an
/// Arrow IPC stream of one row, and the others as one of all rows.
const TABLE: u8 = 3;

/// A row of either kind.
#[derive(Debug, Clone)]
#[cfg_attr(test, derive(PartialEq))]
pub(crate) enum Record {
    Prediction(Prediction),
    Label(Label),
    Table(Columns),
}

/// Predictions of one model as columns.
#[derive(Debug, Clone)]
pub(crate) struct Columns {
    pub(crate) model: String,
    pub(crate) rows: Table,
}

#[cfg(test)]
impl PartialEq for Columns {
    fn eq(&self, other: &Self) -> bool {
        self.model == other.model && self.rows.json_rows(usize::MAX) == other.rows.json_rows(usize::MAX)
    }
}

/// Bytes that are no record, in words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Unreadable(pub(crate) &'static str);

pub(crate) fn put_prediction(out: &mut Vec<u8>, row: &Prediction) {
    out.push(PREDICTION);
    out.extend_from_slice(row.id.as_bytes());
    put_int(out, row.event_time.as_micros());
    put_int(out, row.received_time.as_micros());
    put_text(out, &row.model);
    put_int(out, row.version);
    put_text(out, &row.deployment);
    put_text(out, &row.variant);
    put_length(out, row.features.len());
    for (name, cell) in &row.features {
        put_text(out, name);
        put_cell(out, cell);
    }
    put_cell(out, &row.prediction);
    put_int(out, row.latency_us);
    put_text(out, &row.status);
    put_optional(out, row.trace_id.as_deref());
    put_optional(out, row.entity.as_deref());
    out.extend_from_slice(&row.weight.to_le_bytes());
}

pub(crate) fn put_label(out: &mut Vec<u8>, row: &Label) {
    out.push(LABEL);
    match row.prediction_id {
        Some(id) => {
            out.push(1);
            out.extend_from_slice(id.as_bytes());
        }
        None => out.push(0),
    }
    put_optional(out, row.entity.as_deref());
    match row.event_time {
        Some(time) => {
            out.push(1);
            put_int(out, time.as_micros());
        }
        None => out.push(0),
    }
    put_text(out, &row.model);
    put_cell(out, &row.value);
    put_int(out, row.label_time.as_micros());
    put_int(out, row.received_time.as_micros());
    put_text(out, &row.source);
}

/// Columns without any value are left out: the table has them.
pub(crate) fn put_table(out: &mut Vec<u8>, model: &str, rows: &Table) -> crate::Result<()> {
    let (mut same, mut each) = (Vec::new(), Vec::new());
    for name in rows.schema().names() {
        if rows.missing(name)? == rows.row_count() {
            continue;
        }
        if rows.is_constant(name)? { same.push(name) } else { each.push(name) }
    }
    out.push(TABLE);
    put_text(out, model);
    put_length(out, rows.row_count());
    for part in [rows.slice(0, 1).select(&same)?, rows.select(&each)?] {
        let bytes = part.to_ipc()?;
        put_length(out, bytes.len());
        out.extend_from_slice(&bytes);
    }
    Ok(())
}

fn put_int(out: &mut Vec<u8>, value: i64) {
    out.extend_from_slice(&value.to_le_bytes());
}

/// Lengths above four billion cannot occur: a call is limited to far less.
fn put_length(out: &mut Vec<u8>, length: usize) {
    out.extend_from_slice(&u32::try_from(length).unwrap_or(u32::MAX).to_le_bytes());
}

fn put_text(out: &mut Vec<u8>, text: &str) {
    put_length(out, text.len());
    out.extend_from_slice(text.as_bytes());
}

fn put_optional(out: &mut Vec<u8>, text: Option<&str>) {
    match text {
        Some(text) => {
            out.push(1);
            put_text(out, text);
        }
        None => out.push(0),
    }
}

fn put_cell(out: &mut Vec<u8>, cell: &Cell) {
    match cell {
        Cell::Null => out.push(0),
        Cell::Int(value) => {
            out.push(1);
            put_int(out, *value);
        }
        Cell::Real(value) => {
            out.push(2);
            out.extend_from_slice(&value.to_le_bytes());
        }
        Cell::Text(value) => {
            out.push(3);
            put_text(out, value);
        }
        Cell::Bool(value) => out.extend_from_slice(&[4, u8::from(*value)]),
        Cell::Time(value) => {
            out.push(5);
            put_int(out, *value);
        }
    }
}

/// All records of `bytes`.
pub(crate) fn read_all(bytes: &[u8]) -> Result<Vec<Record>, Unreadable> {
    let mut reader = Reader { rest: bytes };
    let mut records = Vec::new();
    while !reader.rest.is_empty() {
        records.push(match reader.byte()? {
            PREDICTION => Record::Prediction(reader.prediction()?),
            LABEL => Record::Label(reader.label()?),
            TABLE => Record::Table(reader.table()?),
            _ => return Err(Unreadable("a record is of a kind that this version does not know")),
        });
    }
    Ok(records)
}

struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    fn take(&mut self, count: usize) -> Result<&'a [u8], Unreadable> {
        let (head, tail) = self.rest.split_at_checked(count).ok_or(Unreadable("a record ends too early"))?;
        self.rest = tail;
        Ok(head)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], Unreadable> {
        self.take(N)?.try_into().map_err(|_| Unreadable("a record ends too early"))
    }

    fn byte(&mut self) -> Result<u8, Unreadable> {
        self.array::<1>().map(|[byte]| byte)
    }

    fn int(&mut self) -> Result<i64, Unreadable> {
        self.array().map(i64::from_le_bytes)
    }

    fn real(&mut self) -> Result<f64, Unreadable> {
        self.array().map(f64::from_le_bytes)
    }

    fn time(&mut self) -> Result<Timestamp, Unreadable> {
        self.int().map(Timestamp::from_micros)
    }

    fn length(&mut self) -> Result<usize, Unreadable> {
        self.array().map(|bytes| u32::from_le_bytes(bytes) as usize)
    }

    fn text(&mut self) -> Result<String, Unreadable> {
        let length = self.length()?;
        let bytes = self.take(length)?;
        std::str::from_utf8(bytes).map(str::to_owned).map_err(|_| Unreadable("a text is not UTF-8"))
    }

    fn optional<T>(
        &mut self,
        read: impl FnOnce(&mut Self) -> Result<T, Unreadable>,
    ) -> Result<Option<T>, Unreadable> {
        match self.byte()? {
            0 => Ok(None),
            1 => read(self).map(Some),
            _ => Err(Unreadable("an optional value has an impossible mark")),
        }
    }

    fn uuid(&mut self) -> Result<Uuid, Unreadable> {
        self.array().map(Uuid::from_bytes)
    }

    fn cell(&mut self) -> Result<Cell, Unreadable> {
        Ok(match self.byte()? {
            0 => Cell::Null,
            1 => Cell::Int(self.int()?),
            2 => Cell::Real(self.real()?),
            3 => Cell::Text(self.text()?),
            4 => Cell::Bool(self.byte()? != 0),
            5 => Cell::Time(self.int()?),
            _ => return Err(Unreadable("a value is of a kind that this version does not know")),
        })
    }

    fn prediction(&mut self) -> Result<Prediction, Unreadable> {
        Ok(Prediction {
            id: self.uuid()?,
            event_time: self.time()?,
            received_time: self.time()?,
            model: self.text()?,
            version: self.int()?,
            deployment: self.text()?,
            variant: self.text()?,
            features: {
                let count = self.length()?;
                (0..count).map(|_| Ok((self.text()?.into(), self.cell()?))).collect::<Result<_, _>>()?
            },
            prediction: self.cell()?,
            latency_us: self.int()?,
            status: self.text()?,
            trace_id: self.optional(Self::text)?,
            entity: self.optional(Self::text)?,
            weight: self.real()?,
        })
    }

    fn table(&mut self) -> Result<Columns, Unreadable> {
        /// Far more than one call may bring.
        const MOST_ROWS: usize = 1 << 24;
        let unreadable = |_| Unreadable("columns of rows do not read back");
        let model = self.text()?;
        let rows = self.length()?;
        let mut parts = Vec::with_capacity(2);
        for _ in 0..2 {
            let length = self.length()?;
            parts.push(Table::from_ipc(self.take(length)?).map_err(unreadable)?);
        }
        let [same, each] = parts.as_slice() else { return Err(Unreadable("columns of rows are not there")) };
        if rows > MOST_ROWS || same.row_count() > 1 {
            return Err(Unreadable("columns of rows have an impossible length"));
        }
        let mut columns = Vec::new();
        for column in &same.schema().columns {
            let value = same.column(&column.name).map_err(unreadable)?;
            columns.push((Column::new(column.name.clone(), column.kind), Part::Same(value)));
        }
        for column in &each.schema().columns {
            columns.push((Column::new(column.name.clone(), column.kind), Part::Of(each, &column.name)));
        }
        Ok(Columns { model, rows: Table::assemble(columns, rows).map_err(unreadable)? })
    }

    fn label(&mut self) -> Result<Label, Unreadable> {
        Ok(Label {
            prediction_id: self.optional(Self::uuid)?,
            entity: self.optional(Self::text)?,
            event_time: self.optional(Self::time)?,
            model: self.text()?,
            value: self.cell()?,
            label_time: self.time()?,
            received_time: self.time()?,
            source: self.text()?,
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn cells() -> impl Strategy<Value = Cell> {
        prop_oneof![
            Just(Cell::Null),
            any::<i64>().prop_map(Cell::Int),
            any::<f64>().prop_filter("comparable", |value| !value.is_nan()).prop_map(Cell::Real),
            ".{0,20}".prop_map(Cell::Text),
            any::<bool>().prop_map(Cell::Bool),
            any::<i64>().prop_map(Cell::Time),
        ]
    }

    proptest! {
        #[test]
        fn rows_survive_as_bytes(
            features in proptest::collection::vec((".{0,10}", cells()), 0..8),
            cell in cells(),
            times in any::<[i64; 3]>(),
            entity in proptest::option::of(".{0,9}"),
            id in any::<u128>(),
            keyed in any::<bool>(),
        ) {
            let prediction = Prediction {
                id: Uuid::from_u128(id),
                event_time: Timestamp::from_micros(times[0]),
                received_time: Timestamp::from_micros(times[1]),
                model: "traffic".into(),
                version: times[2],
                deployment: "d".into(),
                variant: "primary".into(),
                features: features.into_iter().map(|(name, cell)| (name.into(), cell)).collect(),
                prediction: cell.clone(),
                latency_us: 5,
                status: "ok".into(),
                trace_id: None,
                entity: entity.clone(),
                weight: 1.5,
            };
            let label = Label {
                prediction_id: (!keyed).then(|| Uuid::from_u128(id)),
                entity,
                event_time: keyed.then(|| Timestamp::from_micros(times[0])),
                model: "m".into(),
                value: cell,
                label_time: Timestamp::from_micros(times[1]),
                received_time: Timestamp::from_micros(times[2]),
                source: "s".into(),
            };
            let mut bytes = Vec::new();
            put_prediction(&mut bytes, &prediction);
            put_label(&mut bytes, &label);
            let records = read_all(&bytes).unwrap();
            prop_assert_eq!(records, vec![Record::Prediction(prediction), Record::Label(label)]);
            prop_assert!(read_all(&bytes[..bytes.len() - 1]).is_err());
        }

        #[test]
        fn columns_survive_as_bytes(
            numbers in proptest::collection::vec(proptest::option::of(any::<i64>()), 1..20),
            word in proptest::option::of(".{0,9}"),
            cut in any::<proptest::sample::Index>(),
        ) {
            use tables::Values;
            let count = numbers.len();
            let rows = Table::from_columns(vec![
                ("same".into(), Values::Text(vec![word; count])),
                ("n".into(), Values::Int(numbers)),
                ("each".into(), Values::Real((0..count).map(|n| Some(n as f64)).collect())),
            ]).unwrap();
            let mut bytes = Vec::new();
            put_table(&mut bytes, "traffic", &rows).unwrap();
            let whole = bytes.len();
            put_table(&mut bytes, "traffic", &rows).unwrap();
            let records = read_all(&bytes).unwrap();
            prop_assert_eq!(records.len(), 2);
            for record in records {
                let Record::Table(columns) = record else { panic!("a table was written") };
                prop_assert_eq!(columns.rows.row_count(), count);
                for name in columns.rows.schema().names() {
                    prop_assert_eq!(columns.rows.column(name).unwrap(), rows.column(name).unwrap());
                }
                for name in rows.schema().names().filter(|name| columns.rows.schema().find(name).is_none()) {
                    prop_assert_eq!(rows.missing(name).unwrap(), count);
                }
            }
            let cut = 1 + cut.index(whole - 1);
            prop_assert!(read_all(&bytes[..cut]).is_err());
        }

        #[test]
        fn no_bytes_make_the_reader_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = read_all(&bytes);
        }
    }
}
