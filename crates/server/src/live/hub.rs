//! One look at the database for all who watch the same run.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use base::Kind;

use super::topic::{Look, Topic};
use crate::app::App;
use crate::problem::Problem;

/// How often a watched run is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(700);
/// For how long a run that nobody watches any more is still looked at, so that those cut off can go on.
const LINGER: Duration = Duration::from_secs(30);
/// Runs that are watched at a time.
const MOST_RUNS: usize = 200;
/// Watchers of one run.
const MOST_WATCHERS: usize = 1_000;

/// The runs that are being watched. Cheap to clone.
#[derive(Clone, Default)]
pub(crate) struct Hub(Arc<Mutex<HashMap<String, Arc<Topic>>>>);

impl Hub {
    /// The topic of a run; the first who asks makes someone look at it.
    ///
    /// Fails when there is no such run, and when too many runs or watchers of it are there already.
    pub(super) async fn topic(&self, app: &App, run: &str) -> Result<Arc<Topic>, Problem> {
        if let Some(topic) = self.known(run) {
            return admitted(topic);
        }
        let topic = Arc::new(Topic::of(app, run).await?);
        let topic = {
            let mut topics = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            if let Some(known) = topics.get(run) {
                return admitted(Arc::clone(known));
            }
            if topics.len() >= MOST_RUNS {
                return Err(too_many(format!("{MOST_RUNS} runs are being watched already")));
            }
            topics.insert(run.to_owned(), Arc::clone(&topic));
            topic
        };
        tokio::spawn(self.clone().look(app.clone(), run.to_owned(), Arc::clone(&topic)));
        Ok(topic)
    }

    fn known(&self, run: &str) -> Option<Arc<Topic>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(run).cloned()
    }

    async fn look(self, app: App, run: String, topic: Arc<Topic>) {
        let mut stopping = app.stopping();
        let mut alone = Duration::ZERO;
        while alone < LINGER && !*stopping.borrow() {
            tokio::select! {
                () = tokio::time::sleep(LOOK_EVERY) => {}
                _ = stopping.changed() => break,
            }
            match topic.look(&app).await {
                Ok(Look::Going) => {}
                Ok(Look::Over) => break,
                Err(problem) => {
                    tracing::warn!(run.id = %run, problem = %problem.detail, "could not look at a watched run");
                }
            }
            alone = if topic.watchers() == 0 { alone + LOOK_EVERY } else { Duration::ZERO };
        }
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(&run);
        topic.close();
    }
}

fn admitted(topic: Arc<Topic>) -> Result<Arc<Topic>, Problem> {
    if topic.watchers() >= MOST_WATCHERS {
        return Err(too_many(format!("{MOST_WATCHERS} watch this run already")));
    }
    Ok(topic)
}

fn too_many(detail: String) -> Problem {
    Problem::new(Kind::Busy, "too_many_watchers", detail)
        .with_hint("close pages that are not looked at, or ask for the run now and then")
}
