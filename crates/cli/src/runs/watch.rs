//! `watch RUN`: a run as it goes, with its last values and how they moved.

use std::collections::{BTreeMap, VecDeque};
use std::io::{IsTerminal, Write};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Result;
use serde_json::{Value, json};

use super::list::called;
use super::run_id;
use crate::client::Client;
use crate::exit::CHECK_FAILED;
use crate::output::{self, at, bold, faint, short_number, text_at};

/// Values of a metric that a line shows.
const DRAWN: usize = 40;
/// Metrics that are shown.
const MOST_METRICS: usize = 30;
const BARS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];

/// What is known of the run that is watched.
#[derive(Default)]
struct Seen {
    name: String,
    status: String,
    metrics: BTreeMap<String, VecDeque<f64>>,
    steps: BTreeMap<String, i64>,
    lines: usize,
}

/// Follows a run until it ends. Exits with 0 if it finished, with 2 if it failed or was stopped.
pub(crate) async fn watch(client: &Client, word: &str, json: bool) -> Result<ExitCode> {
    let id = run_id(word);
    let mut seen = Seen::default();
    let mut last: Option<String> = None;
    let mut failures = 0;
    loop {
        let outcome = follow(client, id, &mut last, &mut seen, json).await;
        match outcome {
            Ok(true) => break,
            Ok(false) => failures = 0,
            Err(error) if last.is_none() || failures >= 10 => return Err(error),
            Err(_) => failures += 1,
        }
        tokio::time::sleep(Duration::from_millis(500 * (failures + 1))).await;
    }
    if !json {
        output::line(&format!("{} ended as {}", bold(&seen.name), seen.status));
    }
    Ok(if seen.status == "FINISHED" { ExitCode::SUCCESS } else { ExitCode::from(CHECK_FAILED) })
}

/// Reads events until the line is cut; answers whether the run has ended.
async fn follow(
    client: &Client,
    id: &str,
    last: &mut Option<String>,
    seen: &mut Seen,
    json: bool,
) -> Result<bool> {
    let mut response = client.follow(&["api", "v1", "runs", id, "live"], last.as_deref()).await?;
    let mut pending = String::new();
    while let Some(chunk) = response.chunk().await? {
        pending.push_str(&String::from_utf8_lossy(&chunk));
        while let Some(end) = pending.find("\n\n") {
            let block: String = pending.drain(..end + 2).collect();
            let Some(event) = Event::read(&block) else { continue };
            *last = event.id.or_else(|| last.take());
            seen.take(&event.kind, &event.data);
            if json {
                output::line(&json!({"event": event.kind, "data": event.data}).to_string());
            } else {
                seen.draw(&event.kind, &event.data);
            }
            if event.kind == "end" {
                return Ok(true);
            }
        }
    }
    Ok(false)
}

struct Event {
    id: Option<String>,
    kind: String,
    data: Value,
}

impl Event {
    /// An event from its lines; nothing for a line that only keeps the connection.
    fn read(block: &str) -> Option<Self> {
        let field = |name: &str| {
            let of = |line: &str| {
                line.strip_prefix(name)?.strip_prefix(':').map(|rest| rest.trim_start().to_owned())
            };
            let found: Vec<String> = block.lines().filter_map(of).collect();
            (!found.is_empty()).then(|| found.join("\n"))
        };
        let data = serde_json::from_str(&field("data")?).ok()?;
        Some(Self { id: field("id"), kind: field("event").unwrap_or_default(), data })
    }
}

impl Seen {
    fn take(&mut self, kind: &str, data: &Value) {
        match kind {
            "snapshot" => {
                let run = at(data, "run");
                self.name = called(&run);
                self.status = text_at(&run, "status");
                for (key, value) in at(&run, "metrics").as_object().into_iter().flatten() {
                    self.value(key, value);
                }
            }
            "points" => {
                for (key, points) in at(data, "metrics").as_object().into_iter().flatten() {
                    for point in points.as_array().into_iter().flatten() {
                        if let Some([step, _, value]) = point.as_array().map(Vec::as_slice) {
                            self.steps.insert(key.clone(), step.as_i64().unwrap_or(0));
                            self.value(key, value);
                        }
                    }
                }
            }
            "state" | "end" => {
                if let Some(status) = data.get("status").and_then(Value::as_str) {
                    status.clone_into(&mut self.status);
                }
            }
            _ => {}
        }
    }

    fn value(&mut self, key: &str, value: &Value) {
        let values = self.metrics.entry(key.to_owned()).or_default();
        values.push_back(value.as_f64().unwrap_or(f64::NAN));
        if values.len() > DRAWN {
            values.pop_front();
        }
    }

    /// Draws over what was drawn before; where nobody watches, a line for each change is written instead.
    fn draw(&mut self, kind: &str, data: &Value) {
        if !std::io::stdout().is_terminal() {
            self.tell(kind, data);
            return;
        }
        if self.lines > 0 {
            let _ = write!(std::io::stdout(), "\u{1b}[{}A\u{1b}[0J", self.lines);
        }
        output::line(&format!("{}  {}", bold(&self.name), self.status));
        let width = self.metrics.keys().map(|key| key.chars().count()).max().unwrap_or(0);
        for (key, values) in self.metrics.iter().take(MOST_METRICS) {
            let newest = values.back().copied().unwrap_or(f64::NAN);
            let step = self.steps.get(key).map(|step| format!("step {step}")).unwrap_or_default();
            output::line(&format!(
                "{key:width$}  {:>10}  {}  {}",
                short_number(newest),
                sparkline(values),
                faint(&step)
            ));
        }
        self.lines = 1 + self.metrics.len().min(MOST_METRICS);
    }

    fn tell(&self, kind: &str, data: &Value) {
        match kind {
            "snapshot" => output::line(&format!("{}  {}", self.name, self.status)),
            "points" => {
                let keys = at(data, "metrics").as_object().map(|map| map.keys().cloned().collect::<Vec<_>>());
                let newest: Vec<String> = keys
                    .unwrap_or_default()
                    .iter()
                    .filter_map(|key| {
                        let value = self.metrics.get(key)?.back()?;
                        let step = self.steps.get(key).copied().unwrap_or(0);
                        Some(format!("{key}={} (step {step})", short_number(*value)))
                    })
                    .collect();
                output::line(&newest.join("  "));
            }
            "state" => output::line(&format!("{}  {}", self.name, self.status)),
            _ => {}
        }
    }
}

/// Values as a row of bars, the lowest and the highest of them as its ends.
fn sparkline(values: &VecDeque<f64>) -> String {
    let finite = || values.iter().copied().filter(|value| value.is_finite());
    let (low, high) = (finite().fold(f64::INFINITY, f64::min), finite().fold(f64::NEG_INFINITY, f64::max));
    values
        .iter()
        .map(|value| {
            if !value.is_finite() {
                return ' ';
            }
            let share = if high > low { (value - low) / (high - low) } else { 0.5 };
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "a share lies between 0 and 1"
            )]
            let index = (share * 7.0).round() as usize;
            BARS.get(index).copied().unwrap_or(' ')
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_of_bars_goes_from_the_lowest_to_the_highest() {
        assert_eq!(sparkline(&VecDeque::from([0.0, 0.5, 1.0, f64::NAN])), "▁▅█ ");
        assert_eq!(sparkline(&VecDeque::from([2.0, 2.0])), "▅▅");
    }

    #[test]
    fn events_are_read_from_their_lines() {
        let event = Event::read("id: ab-3\nevent: end\ndata: {\"status\":\"FINISHED\"}\n\n").unwrap();
        assert_eq!((event.id.as_deref(), event.kind.as_str()), (Some("ab-3"), "end"));
        assert!(Event::read(":\n\n").is_none());
    }
}
