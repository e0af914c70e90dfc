//! A run as it goes, as server-sent events.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::sse::{self, KeepAlive, Sse};
use futures::stream::{self, Stream};
use governance::{Action, ObjectKind};
use tokio::sync::broadcast::{self, error::RecvError};
use tokio::sync::watch;
use utoipa_axum::routes;

use super::topic::{Frame, Topic};
use crate::app::App;
use crate::extract::Path;
use crate::problem::Problem;
use crate::routes::{Routes, may};

/// How often a line is sent when nothing happens, so that proxies keep the connection.
const KEEP_ALIVE: Duration = Duration::from_secs(15);

pub(crate) fn routes() -> Routes {
    Routes::new().documented(may(Action::View, ObjectKind::Run).named_by("run"), routes!(watch_run))
}

/// A run as it goes: a `snapshot` of it, then `points` of its metrics and its `state` as they change, and `end`. Goes on
/// after the header `Last-Event-ID`; what is no longer kept comes as another `snapshot`.
#[utoipa::path(
    get,
    path = "/api/v1/runs/{run}/live",
    tag = "runs",
    params(("run" = String, Path)),
    responses((status = 200, description = "`snapshot`, `points`, `state` and `end`, each with an id", content_type = "text/event-stream", body = String))
)]
async fn watch_run(
    State(app): State<App>,
    Path(run): Path<String>,
    headers: HeaderMap,
) -> Result<Sse<impl Stream<Item = Result<sse::Event, Infallible>>>, Problem> {
    let topic = app.hub().topic(&app, &run).await?;
    let seen = headers.get("last-event-id").and_then(|id| seen_of(id.to_str().ok()?, topic.epoch()));
    let watcher = Watcher::of(topic, seen, app.stopping());
    let events = stream::unfold(watcher, |mut watcher| async move {
        let frame = watcher.next().await?;
        let id = format!("{}-{}", watcher.topic.epoch(), frame.number);
        let event = sse::Event::default().id(id).event(frame.kind).data(&*frame.body);
        Some((Ok(event), watcher))
    });
    Ok(Sse::new(events).keep_alive(KeepAlive::new().interval(KEEP_ALIVE)))
}

/// The number of the last frame seen, if it is one of this topic.
fn seen_of(id: &str, epoch: &str) -> Option<u64> {
    id.strip_prefix(epoch)?.strip_prefix('-')?.parse().ok()
}

/// Someone who watches a run.
pub(super) struct Watcher {
    topic: Arc<Topic>,
    first: VecDeque<Frame>,
    frames: broadcast::Receiver<Frame>,
    closed: watch::Receiver<bool>,
    stopping: watch::Receiver<bool>,
    over: bool,
}

impl Watcher {
    pub(super) fn of(topic: Arc<Topic>, seen: Option<u64>, stopping: watch::Receiver<bool>) -> Self {
        let (first, frames, closed) = topic.subscribe(seen);
        Self { first: first.into(), frames, closed, topic, over: false, stopping }
    }

    /// The next frame; nothing after the end, or when the server stops.
    pub(super) async fn next(&mut self) -> Option<Frame> {
        if self.over || *self.stopping.borrow() {
            return None;
        }
        let frame = match self.first.pop_front() {
            Some(frame) => frame,
            None => self.wait().await?,
        };
        self.over = frame.kind == "end";
        Some(frame)
    }

    async fn wait(&mut self) -> Option<Frame> {
        if *self.closed.borrow() && self.frames.is_empty() {
            return None;
        }
        tokio::select! {
            biased;
            frame = self.frames.recv() => match frame {
                Ok(frame) => Some(frame),
                // Too slow for all the frames: one that holds everything takes their place, those still waiting included.
                Err(RecvError::Lagged(_)) => {
                    let (first, frames, _) = self.topic.subscribe(None);
                    self.frames = frames;
                    self.first = first.into();
                    self.first.pop_front()
                }
                Err(RecvError::Closed) => None,
            },
            _ = self.closed.changed() => None,
            _ = self.stopping.changed() => None,
        }
    }
}
