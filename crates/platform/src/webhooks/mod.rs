//! Telling webhooks of what happened to models.
//!
//! Each webhook reads the log of events from where it was told last: nothing is queued anywhere else, so that what was
//! not delivered when the process ended is delivered after the next start. An event reaches a webhook at least once,
//! in the order of the log; its delivery id is the same each time. Who does not take it is tried again, ever more
//! rarely, and then passed over, which is counted.

mod address;
mod payload;
mod send;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use base::{Event, Period, Timestamp};
use db::EventFilter;
use futures::{StreamExt, stream};
use registry::{Subject, Tried, Webhook};
use tokio::sync::watch;

use crate::{Error, Platform};

pub use address::Targets;
pub use send::{Answered, Delivery};

/// How often webhooks are looked at when nothing seems to have happened, for events of other processes.
const EVERY: Duration = Duration::from_secs(15);
/// How soon a webhook is looked at again after a failure, at the least.
const SHORTEST_PAUSE: Duration = Duration::from_millis(200);
/// For how long one process has the right to tell a webhook, longer than an answer may take: so long an event waits when
/// the process ends in the middle of telling it.
const LEASE: Period = Period::from_micros(30_000_000);
/// How many webhooks are told at the same time.
const AT_ONCE: usize = 8;
/// Events that are read at a time.
const CHUNK: usize = 500;
/// Events that are passed over for one webhook before others have their turn.
const MOST_PASSED: usize = 20_000;

/// How webhooks are told.
#[derive(Debug, Clone)]
pub struct WebhookRules {
    /// Which addresses may be told.
    pub targets: Targets,
    /// How often one event is tried.
    pub most_attempts: i64,
    /// The pause before the second try; each further one is twice as long, up to ten minutes.
    pub first_pause: Duration,
    /// How long an answer may take.
    pub deadline: Duration,
}

impl Default for WebhookRules {
    fn default() -> Self {
        Self {
            targets: Targets::Public,
            most_attempts: 10,
            first_pause: Duration::from_secs(1),
            deadline: Duration::from_secs(20),
        }
    }
}

impl WebhookRules {
    /// The pause after so many failed tries, or what the receiver asked for if that is longer.
    fn pause(&self, failed: i64, asked: Option<Duration>) -> Duration {
        let doubled = self.first_pause.saturating_mul(1 << failed.clamp(1, 20).saturating_sub(1));
        let pause = doubled.min(Duration::from_secs(600));
        asked.map_or(pause, |asked| pause.max(asked.min(Duration::from_secs(3_600))))
    }
}

impl Platform {
    /// Tells webhooks of what happens, until `stop` becomes true.
    pub async fn tell_webhooks(self: Arc<Self>, rules: WebhookRules, mut stop: watch::Receiver<bool>) {
        let mut newest = self.db.subscribe();
        // How far the log has been read for each webhook without finding anything to tell.
        let mut read_to: HashMap<String, i64> = HashMap::new();
        while !*stop.borrow() {
            newest.borrow_and_update();
            let told = match self.tell_each_once(&rules, &mut read_to).await {
                Ok(told) => told,
                Err(error) => {
                    tracing::error!(%error, "webhooks cannot be told");
                    0
                }
            };
            if told > 0 {
                continue;
            }
            let pause = self.until_due().await.clamp(SHORTEST_PAUSE, EVERY);
            tokio::select! {
                _ = stop.changed() => return,
                changed = newest.changed() => if changed.is_err() { return },
                () = tokio::time::sleep(pause) => {}
            }
        }
    }

    /// Tells every webhook of the next event that it is due, and answers how many there were.
    async fn tell_each_once(
        &self,
        rules: &WebhookRules,
        read_to: &mut HashMap<String, i64>,
    ) -> Result<usize, Error> {
        let now = self.clock.now();
        let active = registry::active_webhooks(&mut self.db.read().await?, now).await?;
        read_to.retain(|id, _| active.iter().any(|webhook| webhook.id == *id));
        let mut due = Vec::new();
        for webhook in active {
            let from = read_to.get(&webhook.id).map_or(webhook.after_seq, |seq| webhook.after_seq.max(*seq));
            let (next, seen) = self.next_event(&webhook, from).await?;
            read_to.insert(webhook.id.clone(), seen);
            if let Some((event, subject)) = next {
                due.push((webhook, event, subject));
            }
        }
        let told = stream::iter(due)
            .map(|(webhook, event, subject)| self.tell_webhook(rules, webhook, event, subject))
            .buffer_unordered(AT_ONCE)
            .collect::<Vec<_>>()
            .await;
        let mut count = 0;
        for outcome in told {
            count += usize::from(outcome?);
        }
        Ok(count)
    }

    /// The next event that a webhook is to be told of, and how far the log was read before it.
    async fn next_event(
        &self,
        webhook: &Webhook,
        from: i64,
    ) -> Result<(Option<(Event, Subject)>, i64), Error> {
        let mut seen = from;
        let mut passed = 0;
        while passed < MOST_PASSED {
            let filter = EventFilter { after: seen, ..EventFilter::default() };
            let events = self.db.events(&filter, CHUNK).await?;
            let full = events.len() == CHUNK;
            for event in events {
                let subject = payload::subject_of(&event, &webhook.project);
                if let Some(subject) = subject.filter(|subject| webhook.subjects.contains(subject)) {
                    return Ok((Some((event, subject)), seen));
                }
                seen = event.seq;
                passed += 1;
            }
            if !full {
                break;
            }
        }
        Ok((None, seen))
    }

    async fn tell_webhook(
        &self,
        rules: &WebhookRules,
        webhook: Webhook,
        event: Event,
        subject: Subject,
    ) -> Result<bool, Error> {
        let now = self.clock.now();
        let (id, after, until) = (webhook.id.clone(), webhook.after_seq, later(now, LEASE));
        let claimed: bool = self
            .db
            .write(move |tx| {
                Box::pin(async move { registry::claim_webhook(tx, &id, after, now, until).await })
            })
            .await?;
        if !claimed {
            return Ok(false);
        }
        let delivery = Delivery::of_event(&webhook, &event, subject);
        let answered = send::send(rules, &webhook, &delivery).await;
        let tried = self.judge(rules, &webhook, answered);
        if let Tried::GivenUp { error, .. } = &tried {
            tracing::warn!(webhook.id, event.seq, error, "gave up telling webhook `{}`", webhook.name);
        }
        let (id, seq) = (webhook.id, event.seq);
        self.db
            .write(move |tx| Box::pin(async move { registry::settle_webhook(tx, &id, seq, &tried).await }))
            .await?;
        Ok(true)
    }

    /// What follows from an answer: 2xx and 3xx are taken; too many requests, faults of the receiver and silence are
    /// tried again; anything else never will be taken.
    fn judge(&self, rules: &WebhookRules, webhook: &Webhook, answered: Result<Answered, String>) -> Tried {
        let (status, error, again, asked) = match answered {
            Ok(answer) if answer.status < 400 => {
                return Tried::Delivered { status: i64::from(answer.status) };
            }
            Ok(answer) => {
                let again = answer.status == 429 || (500..600).contains(&answer.status);
                let error = format!("it answered {}", answer.status);
                (Some(i64::from(answer.status)), error, again, answer.retry_after)
            }
            Err(error) => (None, error, true, None),
        };
        let failed = webhook.attempts + 1;
        if !again || failed >= rules.most_attempts {
            return Tried::GivenUp { status, error };
        }
        let pause = i64::try_from(rules.pause(failed, asked).as_micros()).unwrap_or(i64::MAX);
        Tried::Later { at: later(self.clock.now(), Period::from_micros(pause)), status, error }
    }

    /// How long until a webhook that failed is due again.
    async fn until_due(&self) -> Duration {
        let now = self.clock.now();
        let next = match self.db.read().await {
            Ok(mut read) => registry::next_webhook_due(&mut read, now).await.ok().flatten(),
            Err(_) => None,
        };
        next.map_or(EVERY, |at| {
            Duration::from_micros(u64::try_from(at.as_micros() - now.as_micros()).unwrap_or(0))
        })
    }

    /// Checks that an address may be told, by these rules.
    ///
    /// # Errors
    /// [`Error::WebhookAddress`].
    pub async fn check_webhook_address(&self, rules: &WebhookRules, url: &str) -> Result<(), Error> {
        address::check(rules.targets, url).await
    }

    /// Sends an example of what `subject` looks like to a webhook, once.
    ///
    /// # Errors
    /// In words, when no answer came.
    pub async fn try_webhook(
        &self,
        rules: &WebhookRules,
        webhook: &Webhook,
        subject: Subject,
    ) -> Result<Answered, String> {
        send::send(rules, webhook, &Delivery::example(subject, self.clock.now())).await
    }
}

fn later(now: Timestamp, period: Period) -> Timestamp {
    Timestamp::from_micros(now.as_micros().saturating_add(period.as_micros()))
}
