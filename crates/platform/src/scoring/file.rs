//! One file in, one file out: read, computed and written side by side, in the order of the rows.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};

use serde_json::{Map, Value};
use tables::{Progress, RowFormat, RowReader, RowWriter, Table, Values};

use super::scorer::{PREDICTION, Scorer};
use crate::Error;

/// Rows of one part. Some parts for each processor are in memory at once, and never more.
const ROWS_AT_ONCE: usize = 16_384;

/// How a file is scored.
#[derive(Debug, Clone, Default)]
pub struct ScoreOptions {
    /// The columns that are passed on; all when absent.
    pub keep: Option<Vec<String>>,
    /// The column that says when a row happens, for the archive.
    pub event_time: Option<String>,
    /// The column that says whom or what a row is about, for the archive.
    pub entity: Option<String>,
}

/// What came of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Scored {
    /// Its rows.
    pub rows: u64,
}

/// Rows for the archive: the number of their part, and the rows.
pub type Sent<'a> = &'a mut dyn FnMut(u64, Vec<Map<String, Value>>) -> Result<(), Error>;

/// A part on its way: its number, the number of its first row, its rows.
type Unscored = (u64, u64, Table);

/// Scores the rows of a file into another. The other appears when all rows are in it. `archive` is told of the rows
/// in their order, before they are written; `progress` of how far it has come. Blocks.
///
/// # Errors
/// The first row that cannot be read or scored, by its number; then there is no output.
pub fn score_file(
    scorer: &Scorer,
    (input, input_format): (&Path, RowFormat),
    (output, output_format): (&Path, RowFormat),
    options: &ScoreOptions,
    mut archive: Option<Sent<'_>>,
    progress: &(dyn Fn(Progress, u64) + Sync),
) -> Result<Scored, Error> {
    let mut reader = RowReader::open(input, input_format, &scorer.numbers(), ROWS_AT_ONCE)?;
    let mut writer = RowWriter::create(output, output_format)?;
    let threads = std::thread::available_parallelism().map_or(2, std::num::NonZero::get).clamp(1, 16);
    let (give, take): (SyncSender<Unscored>, Receiver<Unscored>) = sync_channel(threads);
    let take = Arc::new(Mutex::new(take));
    let (tell, told) = sync_channel(threads);
    std::thread::scope(|scope| {
        let errors = tell.clone();
        let reading = scope.spawn(move || {
            let (mut number, mut first) = (0, 0);
            loop {
                match reader.next_rows() {
                    Ok(None) => return,
                    Ok(Some(rows)) => {
                        let count = rows.row_count() as u64;
                        progress(reader.progress(), first);
                        // Nobody takes it when writing has failed.
                        if give.send((number, first, rows)).is_err() {
                            return;
                        }
                        number += 1;
                        first += count;
                    }
                    Err(error) => {
                        let _ = errors.send((number, Err(Error::from(error))));
                        return;
                    }
                }
            }
        });
        for _ in 0..threads {
            let (take, tell) = (Arc::clone(&take), tell.clone());
            let keep = options.keep.as_deref();
            scope.spawn(move || {
                loop {
                    let next = take.lock().unwrap_or_else(PoisonError::into_inner).recv();
                    let Ok((number, first, rows)) = next else { return };
                    let part = scorer.score(&rows, first, keep).map(|part| (rows, part));
                    if tell.send((number, part)).is_err() {
                        return;
                    }
                }
            });
        }
        drop(tell);
        drop(take);
        let mut waiting = BTreeMap::new();
        let (mut next, mut rows) = (0, 0);
        let mut ended = Ok(());
        for (number, part) in &told {
            waiting.insert(number, part);
            while let Some(part) = waiting.remove(&next) {
                let written = part.and_then(|(input, part)| {
                    if let Some(archive) = &mut archive {
                        archive(next, archived(scorer, &input, &part.predictions, options)?)?;
                    }
                    rows += part.rows.row_count() as u64;
                    Ok(writer.write(&part.rows)?)
                });
                if let Err(error) = written {
                    ended = Err(error);
                    break;
                }
                next += 1;
            }
            if ended.is_err() {
                break;
            }
        }
        // With nobody to tell, whoever still works stops.
        drop(told);
        let _ = reading.join();
        ended?;
        if next == 0 {
            // Without rows there is still a file, with the one column that is certain.
            let none = Table::from_columns(vec![(PREDICTION.to_owned(), Values::Real(Vec::new()))])?;
            writer.write(&none)?;
        }
        writer.finish()?;
        Ok(Scored { rows })
    })
}

/// The rows as the archive takes them: features, prediction, time, entity.
fn archived(
    scorer: &Scorer,
    input: &Table,
    predictions: &[f64],
    options: &ScoreOptions,
) -> Result<Vec<Map<String, Value>>, Error> {
    let features = scorer.features();
    let there: Vec<&str> =
        features.iter().map(String::as_str).filter(|name| input.schema().find(name).is_some()).collect();
    let rows = input.select(&there)?.json_rows(input.row_count());
    let times = options.event_time.as_deref().map(|name| input.texts(name)).transpose()?;
    let entities = options.entity.as_deref().map(|name| input.texts(name)).transpose()?;
    let own = crate::elsewhere::read::OWN;
    let mut all = Vec::with_capacity(rows.len());
    for (at, row) in rows.into_iter().enumerate() {
        let mut sent: Map<String, Value> = row
            .into_iter()
            .filter(|(_, value)| !value.is_null())
            .map(|(name, value)| {
                (if own.contains(&name.as_str()) { format!("features.{name}") } else { name }, value)
            })
            .collect();
        sent.insert(PREDICTION.to_owned(), Value::from(predictions.get(at).copied()));
        sent.insert("version".to_owned(), Value::from(scorer.version));
        let said = |column: &Option<Vec<Option<String>>>| {
            column.as_ref().and_then(|all| all.get(at).cloned().flatten())
        };
        if let Some(time) = said(&times) {
            sent.insert("event_time".to_owned(), Value::from(time));
        }
        if let Some(entity) = said(&entities) {
            sent.insert("entity".to_owned(), Value::from(entity));
        }
        all.push(sent);
    }
    Ok(all)
}
