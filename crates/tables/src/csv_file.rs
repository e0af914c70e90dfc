//! CSV files to tables: types inferred over the whole file, every error with its line.

mod infer;

use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::sync::Arc;

use arrow::datatypes::{Field, Schema as ArrowSchema};
use flate2::bufread::MultiGzDecoder;

use self::infer::RawColumn;
pub(crate) use self::infer::parse_time;
use crate::{Error, Result, Schema, Table};

/// How a CSV file is read.
///
/// An empty field is always missing. The words of `null_words` are missing in every column. `None` is
/// missing in columns of numbers, truth values and times, and an ordinary word in text columns (there it
/// often is one: *no holiday*).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CsvOptions {
    /// What stands between two fields.
    pub delimiter: u8,
    /// The words that stand for a missing value in every column.
    pub null_words: Vec<String>,
    /// The most bytes to read, counted after decompression.
    pub max_bytes: u64,
    /// The most rows to read.
    pub max_rows: usize,
    /// Columns whose type is known beforehand: a value that does not fit is then an error with its line
    /// and column, where inference would have made the column text. Other columns are inferred.
    pub known: Option<Schema>,
}

impl Default for CsvOptions {
    fn default() -> Self {
        Self {
            delimiter: b',',
            null_words: ["NA", "N/A", "null", "NULL", "NaN", "nan"].map(str::to_owned).to_vec(),
            max_bytes: 1 << 30,
            max_rows: 50_000_000,
            known: None,
        }
    }
}

/// Reads a CSV file with a header line; gzip is recognised by its content.
///
/// The type of a column is the narrowest that holds all of its values: whole numbers (without leading
/// zeros, so that `007` stays a word), real numbers, `true`/`false`, times (`2013-10-02`,
/// `2013-10-02 09:00:00`, RFC 3339; a time without offset is taken as UTC), and text otherwise. A column
/// without any value is text.
///
/// # Errors
/// [`Error::Csv`] names the line, counted from 1 with the header, and the column where one is at fault.
pub fn read_csv(path: &Path, options: &CsvOptions) -> Result<Table> {
    let file = File::open(path).map_err(|error| Error::Storage {
        doing: "open",
        location: path.display().to_string(),
        problem: error.to_string(),
    })?;
    read(&path.display().to_string(), BufReader::with_capacity(1 << 16, file), options)
}

/// Reads CSV from memory; `name` stands for the file in errors. See [`read_csv`].
pub fn read_csv_bytes(name: &str, bytes: &[u8], options: &CsvOptions) -> Result<Table> {
    read(name, bytes, options)
}

fn read(file: &str, mut source: impl BufRead, options: &CsvOptions) -> Result<Table> {
    let start = source.fill_buf().map_err(|error| Error::Storage {
        doing: "read",
        location: file.to_owned(),
        problem: error.to_string(),
    })?;
    if start.starts_with(&[0x1f, 0x8b]) {
        let plain = BufReader::with_capacity(1 << 16, MultiGzDecoder::new(source));
        read_plain(file, plain, options)
    } else {
        read_plain(file, source, options)
    }
}

fn read_plain(file: &str, source: impl Read, options: &CsvOptions) -> Result<Table> {
    let mut reader =
        csv::ReaderBuilder::new().has_headers(false).flexible(true).delimiter(options.delimiter).from_reader(
            QuoteCounter { source: source.take(options.max_bytes.saturating_add(1)), quotes: 0 },
        );
    let broken = |line, column: Option<&str>, problem: String| Error::Csv {
        file: file.to_owned(),
        line,
        column: column.map(str::to_owned),
        problem,
    };
    let too_large =
        || Error::TooLarge { what: file.to_owned(), limit: format!("{} bytes", options.max_bytes) };

    let mut record = csv::ByteRecord::new();
    let unreadable = |error: csv::Error, line: u64| broken(line, None, read_problem(&error));
    if !reader.read_byte_record(&mut record).map_err(|error| unreadable(error, 1))? {
        return Err(broken(1, None, "the file is empty, a header line was expected".to_owned()));
    }
    let mut columns =
        header(&record, options).map_err(|(column, problem)| broken(1, column.as_deref(), problem))?;

    let mut rows = 0usize;
    let mut last_lines = (1, 1);
    loop {
        let next_line = reader.position().line();
        if !reader.read_byte_record(&mut record).map_err(|error| unreadable(error, next_line))? {
            break;
        }
        let line = record.position().map_or(next_line, csv::Position::line);
        let after = reader.position();
        if after.byte() > options.max_bytes {
            return Err(too_large());
        }
        last_lines = (line, after.line());
        if record.len() != columns.len() {
            let fields = if record.len() == 1 { "field" } else { "fields" };
            let mut problem = format!("has {} {fields}, the header has {}", record.len(), columns.len());
            if after.line() > line + 1 {
                problem.push_str("; it runs over several lines: is a quote left open?");
            }
            return Err(broken(line, None, problem));
        }
        if rows == options.max_rows {
            return Err(Error::TooLarge {
                what: file.to_owned(),
                limit: format!("{} rows", options.max_rows),
            });
        }
        rows += 1;
        for (column, field) in columns.iter_mut().zip(record.iter()) {
            let Ok(word) = std::str::from_utf8(field) else {
                return Err(broken(line, Some(&column.name), "is not UTF-8".to_owned()));
            };
            column.push(word).map_err(|problem| broken(line, Some(&column.name), problem))?;
        }
    }
    if reader.position().byte() > options.max_bytes {
        return Err(too_large());
    }
    let (line, end) = last_lines;
    if end > line + 1 && reader.get_ref().quotes % 2 == 1 {
        return Err(broken(line, None, "a quote is opened and never closed".to_owned()));
    }

    let mut fields = Vec::with_capacity(columns.len());
    let mut arrays = Vec::with_capacity(columns.len());
    for column in columns {
        let name = column.name.clone();
        let array = column.finish();
        fields.push(Field::new(name, array.data_type().clone(), array.null_count() > 0));
        arrays.push(array);
    }
    Table::of_arrays(Arc::new(ArrowSchema::new(fields)), arrays, rows)
}

/// Counts the quotes that pass: an odd number of them means that one was left open.
struct QuoteCounter<R> {
    source: R,
    quotes: u64,
}

impl<R: Read> Read for QuoteCounter<R> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let count = self.source.read(buffer)?;
        self.quotes += buffer.iter().take(count).filter(|byte| **byte == b'"').count() as u64;
        Ok(count)
    }
}

type HeaderProblem = (Option<String>, String);

fn header(
    record: &csv::ByteRecord,
    options: &CsvOptions,
) -> std::result::Result<Vec<RawColumn>, HeaderProblem> {
    let mut columns: Vec<RawColumn> = Vec::with_capacity(record.len());
    for (place, field) in record.iter().enumerate() {
        let place = place + 1;
        let name = std::str::from_utf8(field)
            .map_err(|_| (None, format!("the name of column {place} is not UTF-8")))?
            .trim();
        if name.is_empty() {
            return Err((None, format!("column {place} has no name")));
        }
        if columns.iter().any(|column| column.name == name) {
            return Err((Some(name.to_owned()), "the name appears twice in the header".to_owned()));
        }
        let known = options.known.as_ref().and_then(|schema| schema.find(name)).map(|column| column.kind);
        columns.push(RawColumn::new(name, known, &options.null_words));
    }
    Ok(columns)
}

fn read_problem(error: &csv::Error) -> String {
    match error.kind() {
        csv::ErrorKind::Io(io) => format!("cannot be read: {io}"),
        _ => error.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use base::Failure;
    use proptest::prelude::*;

    use super::*;
    use crate::{Column, ColumnType, Values};

    fn parse(text: &str) -> Result<Table> {
        read_csv_bytes("test.csv", text.as_bytes(), &CsvOptions::default())
    }

    #[track_caller]
    fn check_kind(words: &str, kind: ColumnType) {
        let text = format!("a,b\n{}\n", words.replace(';', ",1\n") + ",1");
        assert_eq!(parse(&text).unwrap().schema().columns[0].kind, kind, "{words}");
    }

    #[track_caller]
    fn check_error(text: &str, message: &str) {
        assert_eq!(parse(text).unwrap_err().to_string(), message);
    }

    #[test]
    fn the_narrowest_type_that_holds_all_values_is_taken() {
        check_kind("1;-2;+3", ColumnType::Int);
        check_kind("1;2.5;1e3", ColumnType::Real);
        check_kind("9223372036854775808;1", ColumnType::Real);
        check_kind("true;FALSE", ColumnType::Bool);
        check_kind("2012-10-02 09:00:00;2012-10-02T09:00:00Z;2012-10-02", ColumnType::Time);
        check_kind("1;x", ColumnType::Text);
        check_kind("007;8", ColumnType::Text);
        check_kind("0.5;0;-0.1", ColumnType::Real);
        check_kind("1;2012-10-02", ColumnType::Text);
        check_kind(";", ColumnType::Text);
        check_kind("NA;1", ColumnType::Int);
        check_kind("2012-02-30", ColumnType::Text);
    }

    #[test]
    fn none_is_a_word_among_words_and_missing_among_numbers() {
        let table = parse("holiday,n\nNone,None\nLabor Day,4\n,NaN\n").unwrap();
        let holiday = vec![Some("None".to_owned()), Some("Labor Day".to_owned()), None];
        assert_eq!(table.column("holiday").unwrap(), Values::Text(holiday));
        assert_eq!(table.column("n").unwrap(), Values::Int(vec![None, Some(4), None]));
    }

    #[test]
    fn the_traffic_example_is_read_with_its_types() {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/traffic/traffic.csv.gz");
        let table = read_csv(&path, &CsvOptions::default()).unwrap();
        assert_eq!(table.row_count(), 48_204);
        let kinds: Vec<_> =
            table.schema().columns.iter().map(|column| (column.name.as_str(), column.kind)).collect();
        let expected = [
            ("holiday", ColumnType::Text),
            ("temp", ColumnType::Real),
            ("rain_1h", ColumnType::Real),
            ("snow_1h", ColumnType::Real),
            ("clouds_all", ColumnType::Int),
            ("weather_main", ColumnType::Text),
            ("weather_description", ColumnType::Text),
            ("date_time", ColumnType::Time),
            ("traffic_volume", ColumnType::Int),
        ];
        assert_eq!(kinds, expected);
        assert_eq!(table.json_rows(1)[0]["date_time"], "2012-10-02T09:00:00Z");
        assert_eq!(table.json_rows(1)[0]["holiday"], "None");
    }

    #[test]
    fn a_short_row_is_named_by_its_line() {
        check_error("a,b\n1,2\n3\n", "test.csv: line 3: has 1 field, the header has 2");
        check_error("a,b\n\"x\ny\",2\n3,4,5\n", "test.csv: line 4: has 3 fields, the header has 2");
        check_error("a,b\n1,\"2\n3,4\n5,6\n7\n", "test.csv: line 2: a quote is opened and never closed");
        check_error(
            "a,b,c\n1,\"2\n3,4\n5,6\n7\n",
            "test.csv: line 2: has 2 fields, the header has 3; it runs over several lines: is a quote left open?",
        );
    }

    #[test]
    fn headers_are_checked() {
        check_error("", "test.csv: line 1: the file is empty, a header line was expected");
        check_error("a,,b\n", "test.csv: line 1: column 2 has no name");
        check_error("a,b,a\n", "test.csv: line 1, column `a`: the name appears twice in the header");
        assert_eq!(parse("a,b\n").unwrap().row_count(), 0);
    }

    #[test]
    fn a_value_that_does_not_fit_a_known_type_is_named_by_line_and_column() {
        let known = Schema::new(vec![Column::new("temp", ColumnType::Real)]);
        let options = CsvOptions { known: Some(known), ..CsvOptions::default() };
        let error = read_csv_bytes("t.csv", b"at,temp\n1,2\n2,warm\n", &options).unwrap_err();
        assert_eq!(error.to_string(), "t.csv: line 3, column `temp`: `warm` is not a real number");
        let table = read_csv_bytes("t.csv", b"at,temp\n1,2\n2,\n", &options).unwrap();
        assert_eq!(table.column("temp").unwrap(), Values::Real(vec![Some(2.0), None]));
    }

    #[test]
    fn bytes_that_are_no_text_are_named_by_line_and_column() {
        let error = read_csv_bytes("t.csv", b"a,b\n1,\xff\n", &CsvOptions::default()).unwrap_err();
        assert_eq!(error.to_string(), "t.csv: line 2, column `b`: is not UTF-8");
    }

    #[test]
    fn limits_hold_after_decompression() {
        let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        gzip.write_all(b"a\n").unwrap();
        gzip.write_all("1\n".repeat(1_000_000).as_bytes()).unwrap();
        let bytes = gzip.finish().unwrap();
        let options = CsvOptions { max_bytes: 10_000, ..CsvOptions::default() };
        let error = read_csv_bytes("bomb.csv.gz", &bytes, &options).unwrap_err();
        assert_eq!(error.kind(), base::Kind::TooLarge);
        let options = CsvOptions { max_rows: 10, ..CsvOptions::default() };
        let error = read_csv_bytes("bomb.csv.gz", &bytes, &options).unwrap_err();
        assert_eq!(error.to_string(), "bomb.csv.gz is larger than the limit of 10 rows");
        let half = &bytes[..bytes.len() / 2];
        let error = read_csv_bytes("cut.csv.gz", half, &CsvOptions::default()).unwrap_err();
        assert!(error.to_string().contains("line "), "{error}");
    }

    proptest! {
        #[test]
        fn csv_written_by_us_reads_back_the_same(
            numbers in proptest::collection::vec(proptest::option::of(-1e18f64..1e18), 1..40),
            word in "[a-z\",\n\r ;é]{1,12}",
        ) {
            let rows = numbers.len();
            let table = Table::from_columns(vec![
                ("word".into(), Values::Text(vec![Some(format!("x{word}x")); rows])),
                ("number".into(), Values::Real(numbers.clone())),
                ("at".into(), Values::Time((0..rows).map(|row| Some(row as i64 * 1_234_567)).collect())),
            ]).unwrap();
            let back = parse(&table.to_csv().unwrap()).unwrap();
            prop_assert_eq!(back.column("word").unwrap(), table.column("word").unwrap());
            prop_assert_eq!(back.column("at").unwrap(), table.column("at").unwrap());
            if numbers.iter().any(Option::is_some) {
                prop_assert_eq!(back.numbers("number").unwrap(), numbers);
            }
        }

        #[test]
        fn no_bytes_make_the_reader_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            let _ = read_csv_bytes("x", &bytes, &CsvOptions::default());
        }
    }
}
