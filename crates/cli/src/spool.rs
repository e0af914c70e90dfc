//! `sync`: brings up what the Python package logged while the server could not be reached.
//!
//! A spool is a file of records, a JSON object a line, that its writer only appends to. Beside it, `….at` says how far
//! it has been brought up, and which lines are on their way: it is written before they are sent. Sent again, they carry
//! the same id, and the server applies a batch of one id only once.

use std::fs::{File, TryLockError};
use std::io::{BufRead, BufReader, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result, bail};
use clap::Args;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::carry::send;
use crate::client::Client;
use crate::output::{self, faint};

/// Lines and bytes of one batch.
const LINES: u64 = 500;
const BYTES: usize = 4 * 1024 * 1024;
/// The form of spools that this program reads.
const FORM: u64 = 1;

#[derive(Debug, Clone, Args)]
pub(crate) struct SyncArguments {
    /// The folder of spools; `GINGHAM_SPOOL`, or `.gingham/spool` in the home folder when not given.
    #[arg(long, env = "GINGHAM_SPOOL")]
    pub(crate) folder: Option<PathBuf>,
}

/// How far a spool has been brought up.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
struct At {
    /// The byte after the last line that is known to have arrived.
    done: u64,
    /// The byte after the last line of the batch that is on its way.
    sending: Option<u64>,
}

/// What bringing up did.
#[derive(Debug, Default, Serialize)]
struct Synced {
    spools: u64,
    records: u64,
    /// Spools whose writer is still at work, or that another program is bringing up.
    open: u64,
    refused: Vec<Value>,
}

/// Brings up all spools of the folder.
pub(crate) async fn sync(client: &Client, arguments: &SyncArguments, json: bool) -> Result<ExitCode> {
    let folder = match &arguments.folder {
        Some(folder) => folder.clone(),
        None => match std::env::var_os("HOME") {
            Some(home) => PathBuf::from(home).join(".gingham/spool"),
            None => bail!("there is no home folder: name the folder of spools with --folder"),
        },
    };
    let mut synced = Synced::default();
    for spool in spools(&folder)? {
        bring_up(client, &spool, &mut synced)
            .await
            .with_context(|| format!("the spool {} was not brought up whole", spool.display()))?;
    }
    if json {
        output::json(&serde_json::to_value(&synced)?);
    } else if synced.records == 0 && synced.refused.is_empty() {
        output::line(&faint("nothing waits to be brought up"));
    } else {
        output::line(&format!("{} records of {} spools brought up", synced.records, synced.spools));
        for refused in &synced.refused {
            output::line(&format!("  left out: {}", output::text(refused)));
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn spools(folder: &Path) -> Result<Vec<PathBuf>> {
    if !folder.is_dir() {
        return Ok(Vec::new());
    }
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).with_context(|| format!("{} cannot be read", folder.display()))? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "jsonl") {
            found.push(path);
        }
    }
    found.sort();
    Ok(found)
}

async fn bring_up(client: &Client, spool: &Path, synced: &mut Synced) -> Result<()> {
    let mark = spool.with_added_extension("at");
    let lock = File::create(spool.with_added_extension("lock"))?;
    match lock.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => {
            synced.open += 1;
            return Ok(());
        }
        Err(TryLockError::Error(error)) => return Err(error.into()),
    }
    let file = match File::open(spool) {
        Ok(file) => file,
        // Another program has brought it up between our looking and our locking.
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error.into()),
    };
    let mut reader = BufReader::new(file);
    let Some((id, header)) = read_header(&mut reader)? else { return Ok(()) };
    let mut at: At = match std::fs::read(&mark) {
        Ok(bytes) => serde_json::from_slice(&bytes).unwrap_or_default(),
        Err(_) => At::default(),
    };
    at.done = at.done.max(header);
    synced.spools += 1;
    loop {
        reader.seek(SeekFrom::Start(at.done))?;
        let (body, lines, end) = read_batch(&mut reader, at.done, at.sending)?;
        if lines == 0 {
            break;
        }
        at.sending = Some(end);
        keep(&mark, at)?;
        let query: String = url::form_urlencoded::Serializer::new(String::new())
            .append_pair("source", "spool")
            .append_pair("batch", &format!("{id}:{}-{end}", at.done))
            .finish();
        let answer = send(client, &format!("/api/v1/records?{query}"), body).await?;
        if answer.get("repeated") != Some(&json!(true)) {
            synced.records += lines;
        }
        synced.refused.extend(answer.get("refused").and_then(Value::as_array).cloned().unwrap_or_default());
        at = At { done: end, sending: None };
        keep(&mark, at)?;
    }
    // Its writer holds a lock for as long as it lives; what it has left behind whole is not needed any more.
    let file = reader.into_inner();
    if file.try_lock().is_ok() && file.metadata()?.len() == at.done {
        std::fs::remove_file(spool)?;
        let _ = std::fs::remove_file(&mark);
        let _ = std::fs::remove_file(spool.with_added_extension("lock"));
    } else {
        synced.open += 1;
    }
    Ok(())
}

/// The id of the spool, and where its records begin; nothing while its first line is not whole.
fn read_header(reader: &mut BufReader<File>) -> Result<Option<(String, u64)>> {
    let mut line = String::new();
    reader.read_line(&mut line)?;
    if !line.ends_with('\n') {
        return Ok(None);
    }
    let header: Value = serde_json::from_str(&line).context("its first line is no JSON")?;
    if header.get("spool").and_then(Value::as_u64) != Some(FORM) {
        bail!("it has a form that this version does not know");
    }
    let id = header.get("id").and_then(Value::as_str).context("its first line has no id")?;
    Ok(Some((id.to_owned(), line.len() as u64)))
}

/// Whole lines from `from` on: up to `until` if those are on their way already, else as many as a batch holds.
fn read_batch(reader: &mut BufReader<File>, from: u64, until: Option<u64>) -> Result<(Vec<u8>, u64, u64)> {
    let (mut body, mut lines, mut end) = (Vec::new(), 0, from);
    loop {
        let full = match until {
            Some(until) => end >= until,
            None => lines >= LINES || body.len() >= BYTES,
        };
        if full {
            break;
        }
        let before = body.len();
        let read = reader.read_until(b'\n', &mut body)?;
        if read == 0 || body.last() != Some(&b'\n') {
            // The last line is not whole: its writer was cut off, or is at it.
            body.truncate(before);
            break;
        }
        lines += 1;
        end += read as u64;
    }
    Ok((body, lines, end))
}

/// Writes the mark so that it is whole, the old one or the new one, whatever happens.
fn keep(mark: &Path, at: At) -> Result<()> {
    let part = mark.with_added_extension("part");
    let mut file = File::create(&part)?;
    file.write_all(&serde_json::to_vec(&at)?)?;
    file.sync_all()?;
    std::fs::rename(&part, mark)?;
    if let Some(folder) = mark.parent() {
        File::open(folder)?.sync_all()?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reader(text: &str) -> (tempfile::TempDir, BufReader<File>) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.jsonl");
        std::fs::write(&path, text).unwrap();
        let reader = BufReader::new(File::open(path).unwrap());
        (folder, reader)
    }

    #[test]
    fn a_line_that_is_not_whole_waits() {
        let (_kept, mut reader) = reader("{\"spool\":1,\"id\":\"x\"}\n{}\n{\"a\"");
        let (id, begin) = read_header(&mut reader).unwrap().unwrap();
        assert_eq!((id.as_str(), begin), ("x", 21));
        let (body, lines, end) = read_batch(&mut reader, begin, None).unwrap();
        assert_eq!((body.as_slice(), lines, end), (b"{}\n".as_slice(), 1, begin + 3));
    }

    #[test]
    fn what_is_on_its_way_is_sent_again_as_it_was() {
        let (_kept, mut reader) = reader("{}\n{}\n{}\n");
        let (body, lines, end) = read_batch(&mut reader, 0, Some(6)).unwrap();
        assert_eq!((body.len(), lines, end), (6, 2, 6));
    }
}
