//! Records on their way to our server: gathered into batches, sent again where the server was only busy.

use std::time::Duration;

use anyhow::Result;
use serde_json::Value;

use super::report::Report;
use crate::client::Client;

/// Bytes, points and records of one batch. Each batch is one transaction, and others write between two of them.
const BYTES: usize = 2 * 1024 * 1024;
const POINTS: usize = 5_000;
const RECORDS: usize = 2_000;
/// How often a batch is sent while the server cannot take it, and the first pause in between.
const TRIES: u32 = 8;
const PAUSE: Duration = Duration::from_millis(250);

/// Sends records to a server.
pub(super) struct Sender<'a> {
    client: &'a Client,
    path: String,
    body: Vec<u8>,
    points: usize,
    records: usize,
}

impl<'a> Sender<'a> {
    pub(super) fn new(client: &'a Client, source: &str) -> Self {
        let query: String =
            url::form_urlencoded::Serializer::new(String::new()).append_pair("source", source).finish();
        Self { client, path: format!("/api/v1/records?{query}"), body: Vec::new(), points: 0, records: 0 }
    }

    /// Adds a record, and sends the batch when it is full.
    pub(super) async fn push(&mut self, record: &Value, points: usize, report: &mut Report) -> Result<()> {
        serde_json::to_writer(&mut self.body, record)?;
        self.body.push(b'\n');
        self.points += points;
        self.records += 1;
        if self.body.len() >= BYTES || self.points >= POINTS || self.records >= RECORDS {
            self.flush(report).await?;
        }
        Ok(())
    }

    /// Sends what is there.
    pub(super) async fn flush(&mut self, report: &mut Report) -> Result<()> {
        if self.body.is_empty() {
            return Ok(());
        }
        let body = std::mem::take(&mut self.body);
        (self.points, self.records) = (0, 0);
        let answer = send(self.client, &self.path, body).await?;
        for refused in answer.get("refused").and_then(Value::as_array).into_iter().flatten() {
            let word = |key: &str| refused.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
            report.leave_out(word("subject"), word("reason"));
        }
        Ok(())
    }
}

/// Sends a batch; one that may have arrived is sent again, as applying it twice changes nothing.
pub(crate) async fn send(client: &Client, path: &str, body: Vec<u8>) -> Result<Value> {
    let mut pause = PAUSE;
    for again in 1.. {
        match client.post_bytes(path, "application/x-ndjson", body.clone()).await {
            Err(error) if again < TRIES && is_passing(&error) => {
                tokio::time::sleep(pause).await;
                pause *= 2;
            }
            outcome => return outcome,
        }
    }
    anyhow::bail!("the server does not take the records")
}

fn is_passing(error: &anyhow::Error) -> bool {
    match error.downcast_ref::<crate::client::ServerError>() {
        Some(refusal) => matches!(refusal.status, 429 | 502 | 503 | 504),
        None => true,
    }
}
