//! Waiting for work that the server does in the background.

use std::time::Duration;

use anyhow::{Result, bail};
use serde_json::Value;

use crate::client::Client;
use crate::output::text_at;
use crate::progress;

const POLL: Duration = Duration::from_millis(100);

/// Waits until the job has ended and answers it; fails when the job failed.
pub(crate) async fn wait_for(client: &Client, id: &str, what: &str) -> Result<Value> {
    let bar = progress::bar(100, what);
    loop {
        let job = client.get(&format!("/api/v1/jobs/{id}")).await?;
        let progress = job.get("progress").and_then(Value::as_f64).unwrap_or(0.0).clamp(0.0, 1.0);
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "between 0 and 100")]
        bar.set_position((progress * 100.0) as u64);
        bar.set_message(text_at(&job, "message"));
        match text_at(&job, "state").as_str() {
            "succeeded" => {
                bar.finish_and_clear();
                return Ok(job);
            }
            state @ ("failed" | "cancelled") => {
                bar.finish_and_clear();
                bail!("{what} {state}: {}", text_at(&job, "error"));
            }
            _ => tokio::time::sleep(POLL).await,
        }
    }
}
