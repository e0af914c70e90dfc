//! The event log as it grows, as server-sent events.

use std::convert::Infallible;
use std::time::Duration;

use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::sse::{self, KeepAlive, Sse};
use base::Event;
use db::EventFilter;
use futures::stream::{self, Stream, StreamExt};
use tokio::sync::watch;

use super::routes::filter_of;
use super::wire::{EventBody, EventQuery};
use crate::app::App;
use crate::extract::Query;
use crate::problem::Problem;

/// How many events are read at a time.
const BATCH: usize = 200;
/// How often a line is sent when nothing happens, so that proxies keep the connection.
const KEEP_ALIVE: Duration = Duration::from_secs(15);
/// How often the log is looked at even if this process wrote nothing: another server may have.
const LOOK_AGAIN: Duration = Duration::from_secs(5);

/// New entries of the log as they are written. Begins after `after`, after the header `Last-Event-ID`, or now.
#[utoipa::path(
    get,
    path = "/api/v1/events/stream",
    tag = "events",
    params(EventQuery),
    responses((status = 200, description = "one event a message; its id is its `seq`", content_type = "text/event-stream", body = String))
)]
pub(super) async fn stream_events(
    State(app): State<App>,
    headers: HeaderMap,
    Query(query): Query<EventQuery>,
) -> Result<Sse<impl Stream<Item = Result<sse::Event, Infallible>>>, Problem> {
    let mut filter = filter_of(&query)?;
    let last_seen = headers.get("last-event-id").and_then(|value| value.to_str().ok()?.parse::<i64>().ok());
    let newest = app.db().subscribe();
    filter.after = match last_seen.or(query.after) {
        Some(seq) => seq,
        None => newest_seq(&app).await?,
    };
    let follower = Follower { stopping: app.stopping(), app, filter, newest };
    let events = stream::unfold(follower, |mut follower| async move {
        let batch = follower.next_batch().await?;
        Some((stream::iter(batch.into_iter().filter_map(message).map(Ok)), follower))
    });
    Ok(Sse::new(events.flatten()).keep_alive(KeepAlive::new().interval(KEEP_ALIVE)))
}

async fn newest_seq(app: &App) -> Result<i64, Problem> {
    let filter = EventFilter { newest_first: true, ..EventFilter::default() };
    Ok(app.db().events(&filter, 1).await?.first().map_or(0, |event| event.seq))
}

struct Follower {
    app: App,
    filter: EventFilter,
    newest: watch::Receiver<i64>,
    stopping: watch::Receiver<bool>,
}

impl Follower {
    /// The next events that fit; `None` when the server stops or the log cannot be read, so that the client connects
    /// again later and goes on where it was.
    async fn next_batch(&mut self) -> Option<Vec<Event>> {
        loop {
            if *self.stopping.borrow() {
                return None;
            }
            self.newest.mark_unchanged();
            match self.app.db().events(&self.filter, BATCH).await {
                Ok(batch) if !batch.is_empty() => {
                    self.filter.after = batch.last().map_or(self.filter.after, |event| event.seq);
                    return Some(batch);
                }
                Ok(_) => {}
                Err(error) => {
                    tracing::warn!(%error, "could not read the event log for a stream");
                    return None;
                }
            }
            tokio::select! {
                _ = self.newest.changed() => {}
                _ = self.stopping.changed() => {}
                () = tokio::time::sleep(LOOK_AGAIN) => {}
            }
        }
    }
}

fn message(event: Event) -> Option<sse::Event> {
    let id = event.seq.to_string();
    sse::Event::default().id(id).json_data(EventBody::from(event)).ok()
}
