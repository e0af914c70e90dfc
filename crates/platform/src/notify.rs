//! Alerts and broken glass made into messages, and messages brought to people.
//!
//! A reader of the event log makes messages; they are kept in the same transaction that remembers how far it has read,
//! so that none is forgotten and none made twice. A message is tried until it has arrived, was refused for good, or is a
//! day old.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use base::{Event, Period, Timestamp, id};
use monitoring::store::{self, Attempt, NewOutgoing, NoticeReader, Outgoing};
use monitoring::{Alert, AlertState};
use notices::{Notice, NoticeState, Notifier, pause_after};
use serde::{Deserialize, Serialize};
use tokio::sync::watch;

use crate::{Error, Platform};

/// How often the outbox is looked into.
const EVERY: Duration = Duration::from_secs(2);
/// How many events are read and messages sent at once.
const AT_ONCE: usize = 50;
/// What has not arrived by then is dropped.
const OLDEST: Period = Period::from_days(1);
/// Attempts of one message.
const MOST_ATTEMPTS: i64 = 30;
/// How long a message waits when its notifier has sent as many as it may.
const CROWDED: Period = Period::from_micros(5 * 60 * 1_000_000);
/// How often what is held back is looked at again, as a silence can be ended early.
const HELD: Period = Period::from_micros(60 * 1_000_000);
const HOUR: Period = Period::from_micros(3_600 * 1_000_000);

/// The file of the data folder that says who is told.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Notifiers {
    /// The address under which people reach this server, for links.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub public_url: Option<String>,
    /// Who is told, and how.
    #[serde(default)]
    pub notifiers: Vec<Notifier>,
}

/// Whether a message about an alert that fires is to be sent.
enum Hearing {
    /// Now.
    Open(Box<Alert>),
    /// Not before then: the reason may end while the alert fires on.
    Held(Timestamp, String),
    /// Never: somebody has taken it, or it is over. Should it fire again, a new message is made.
    Over(String),
}

impl Platform {
    /// The file that says who is told.
    #[must_use]
    pub fn notifiers_file(&self) -> PathBuf {
        self.folder.join("notifiers.yaml")
    }

    /// Who is told; nobody without the file.
    ///
    /// # Errors
    /// When the file is wrong.
    pub fn notifiers(&self) -> Result<Notifiers, Error> {
        let path = self.notifiers_file();
        let text = match std::fs::read_to_string(&path) {
            Ok(text) => text,
            Err(cause) if cause.kind() == std::io::ErrorKind::NotFound => return Ok(Notifiers::default()),
            Err(cause) => {
                return Err(Error::Files { doing: format!("`{}` cannot be read", path.display()), cause });
            }
        };
        parse(&text)
    }

    /// Sends a message that only tests the way, at once and without the outbox.
    ///
    /// # Errors
    /// When there is no such notifier; when the message does not arrive.
    pub async fn test_notifier(&self, name: &str) -> Result<(), Error> {
        let known = self.notifiers()?;
        let Some(notifier) = known.notifiers.iter().find(|one| one.name == name) else {
            return Err(Error::UnknownNotifier {
                name: name.to_owned(),
                known: known.notifiers.into_iter().map(|one| one.name).collect(),
            });
        };
        let notice = Notice::test(id::new_hex_id(), self.clock.now());
        Ok(notices::send(&notifier.target, &notice).await?)
    }

    /// Makes and sends messages until `stop` becomes true.
    pub async fn keep_telling(self: Arc<Self>, mut stop: watch::Receiver<bool>) {
        while !*stop.borrow() {
            tokio::select! {
                _ = stop.changed() => return,
                () = tokio::time::sleep(EVERY) => {}
            }
            if let Err(error) = self.tell().await {
                tracing::error!(%error, "alerts cannot be told");
            }
        }
    }

    /// One round: reads new events, then sends what is due. Answers how many messages were sent.
    ///
    /// # Errors
    /// When the database fails or the file is wrong; nothing is lost then.
    pub async fn tell(&self) -> Result<usize, Error> {
        let known = self.notifiers()?;
        self.write_notices(&known).await?;
        let now = self.clock.now();
        let due = store::due_notices(&mut self.db.read().await?, now, AT_ONCE as i64).await?;
        let mut sent = 0;
        for outgoing in due {
            let (attempt, tried) = self.attempt(&known, &outgoing, now).await?;
            sent += usize::from(attempt == Attempt::Sent);
            self.note(&known, outgoing, attempt, tried).await?;
        }
        Ok(sent)
    }

    /// Makes messages of the events since the last time.
    async fn write_notices(&self, known: &Notifiers) -> Result<(), Error> {
        self.read_events(known, NoticeReader::Alerts).await?;
        self.read_events(known, NoticeReader::Reviews).await
    }

    async fn read_events(&self, known: &Notifiers, reader: NoticeReader) -> Result<(), Error> {
        let read_to = store::notices_read_to(&mut self.db.read().await?, reader).await?;
        let Some(mut read_to) = read_to else {
            // What happened before anybody could be told stays untold.
            let newest = db::EventFilter { newest_first: true, ..db::EventFilter::default() };
            let last = self.db.events(&newest, 1).await?.first().map_or(0, |event| event.seq);
            return self.keep(Vec::new(), (reader, last)).await;
        };
        loop {
            let filter = db::EventFilter {
                after: read_to,
                kind: Some(
                    match reader {
                        NoticeReader::Alerts => "alert.*",
                        NoticeReader::Reviews => "review.*",
                    }
                    .to_owned(),
                ),
                ..db::EventFilter::default()
            };
            let events = self.db.events(&filter, AT_ONCE).await?;
            let Some(last) = events.last() else { return Ok(()) };
            read_to = last.seq;
            let mut fresh = Vec::new();
            for event in &events {
                fresh.extend(match reader {
                    NoticeReader::Alerts => self.notices_of(known, event).await?,
                    NoticeReader::Reviews => self.notices_of_override(known, event).await?,
                });
            }
            self.keep(fresh, (reader, read_to)).await?;
        }
    }

    async fn keep(
        &self,
        fresh: Vec<NewOutgoing>,
        (reader, read_to): (NoticeReader, i64),
    ) -> Result<(), Error> {
        let kept: Result<(), monitoring::Error> = self
            .db
            .write(move |tx| {
                Box::pin(async move {
                    for new in fresh {
                        store::put_notice(tx, new).await?;
                    }
                    store::set_notices_read_to(tx, reader, read_to).await
                })
            })
            .await;
        Ok(kept?)
    }

    async fn notices_of(&self, known: &Notifiers, event: &Event) -> Result<Vec<NewOutgoing>, Error> {
        let state = match event.kind.as_str() {
            "alert.firing" => NoticeState::Firing,
            "alert.acknowledged" => NoticeState::Acknowledged,
            "alert.resolved" => NoticeState::Resolved,
            // A suspicion that did not last was never told; what fired and has no data any more is told.
            "alert.expired" if event.data.get("from").and_then(|from| from.as_str()) != Some("pending") => {
                NoticeState::Expired
            }
            _ => return Ok(Vec::new()),
        };
        let ends = matches!(state, NoticeState::Resolved | NoticeState::Expired);
        let found = store::get_alert(&mut self.db.read().await?, &event.object.name).await;
        let Ok(alert) = found else { return Ok(Vec::new()) };
        let names = match crate::specs::find(&mut self.db.read().await?, &alert.model).await? {
            Some(applied) => applied.spec.monitor.and_then(|monitor| monitor.notify),
            None => None,
        };
        let now = self.clock.now();
        let mut fresh = Vec::new();
        for notifier in &known.notifiers {
            let chosen = names.as_ref().is_none_or(|names| names.contains(&notifier.name));
            let heard = match state {
                NoticeState::Resolved | NoticeState::Expired => notifier.resolved,
                NoticeState::Acknowledged => pages(notifier),
                _ => true,
            };
            if !chosen || !heard || !notifier.hears(&alert.model, alert.severity.as_str()) {
                continue;
            }
            // Who never heard of it is not told of its end.
            if ends && !store::may_have_heard(&mut self.db.read().await?, &alert.id, &notifier.name).await? {
                continue;
            }
            let wait = match (state, notifier.after_minutes) {
                (NoticeState::Firing, Some(minutes)) => minutes_of(minutes),
                _ => Period::from_micros(0),
            };
            fresh.push(NewOutgoing {
                alert_id: alert.id.clone(),
                notifier: notifier.name.clone(),
                notice: serde_json::to_value(notice_of(&alert, state, known, now)).unwrap_or_default(),
                only_while_firing: state == NoticeState::Firing,
                due_at: now.plus(wait),
                now,
            });
        }
        Ok(fresh)
    }

    /// Sends a message, if it is still to be sent.
    async fn attempt(
        &self,
        known: &Notifiers,
        outgoing: &Outgoing,
        now: Timestamp,
    ) -> Result<(Attempt, bool), Error> {
        let dropped = |why: &str| Ok((Attempt::Dropped(why.to_owned()), false));
        if now.since(outgoing.created_at) > OLDEST && outgoing.attempts > 0 {
            return dropped("it was a day old");
        }
        let Some(notifier) = known.notifiers.iter().find(|one| one.name == outgoing.notifier) else {
            return dropped("its notifier is no longer there");
        };
        let mut current = None;
        if outgoing.only_while_firing {
            match self.hearing(&outgoing.alert_id, now).await? {
                Hearing::Over(why) => return dropped(&why),
                Hearing::Held(until, why) => return Ok((Attempt::Held(until, why), false)),
                Hearing::Open(alert) => current = Some(alert),
            }
        }
        let sent = store::sent_since(&mut self.db.read().await?, &notifier.name, now.minus(HOUR)).await?;
        if sent >= i64::from(notifier.most_per_hour) {
            let why =
                format!("{sent} messages were sent within an hour, which is all that `most_per_hour` allows");
            return Ok((Attempt::Later(now.plus(CROWDED), why), false));
        }
        let Ok(mut notice) = serde_json::from_value::<Notice>(outgoing.notice.clone()) else {
            return dropped("it cannot be read");
        };
        if let Some(alert) = current {
            // Repeated, or told later: in the words of now.
            notice = Notice { id: notice.id, ..notice_of(&alert, notice.state, known, notice.at) };
        }
        Ok((
            match notices::send(&notifier.target, &notice).await {
                Ok(()) => Attempt::Sent,
                Err(error) if error.is_lasting() || outgoing.attempts + 1 >= MOST_ATTEMPTS => {
                    tracing::warn!(notifier.name = %notifier.name, %error, "a message was given up");
                    Attempt::Dropped(error.to_string())
                }
                Err(error) => {
                    let tried = u32::try_from(outgoing.attempts + 1).unwrap_or(u32::MAX);
                    let pause = error.retry_after().unwrap_or_default().max(pause_after(tried));
                    let pause = i64::try_from(pause.as_micros()).unwrap_or(i64::MAX / 4);
                    Attempt::Later(now.plus(Period::from_micros(pause)), error.to_string())
                }
            },
            true,
        ))
    }

    /// Whether people are to be bothered with an alert now, later or not at all.
    async fn hearing(&self, alert: &str, now: Timestamp) -> Result<Hearing, Error> {
        let mut read = self.db.read().await?;
        let Ok(alert) = store::get_alert(&mut read, alert).await else {
            return Ok(Hearing::Over("its alert is gone".to_owned()));
        };
        if alert.state != AlertState::Firing {
            return Ok(Hearing::Over(format!("the alert is {}", alert.state.as_str())));
        }
        let silences = store::list_silences(&mut read, now).await?;
        let holding = silences.iter().filter(|silence| silence.holds(&alert, now));
        if let Some(silence) = holding.max_by_key(|silence| silence.ends_at) {
            let why = format!("silence {} of {} holds", silence.id, silence.created_by);
            return Ok(Hearing::Held(silence.ends_at.min(now.plus(HELD)), why));
        }
        let filter = store::AlertFilter {
            model: Some(alert.model.clone()),
            states: vec![AlertState::Firing],
            kind: None,
        };
        let firing = store::list_alerts(&mut read, &filter, &base::PageRequest::first(100)).await?;
        let worse = firing.items.iter().find(|other| other.severity > alert.severity);
        Ok(match worse {
            Some(worse) => {
                let why = format!("a worse alert of the model fires: {}", worse.title);
                Hearing::Held(now.plus(HELD), why)
            }
            None => Hearing::Open(Box::new(alert)),
        })
    }

    async fn note(
        &self,
        known: &Notifiers,
        outgoing: Outgoing,
        attempt: Attempt,
        tried: bool,
    ) -> Result<(), Error> {
        let now = self.clock.now();
        let again = known
            .notifiers
            .iter()
            .find(|one| one.name == outgoing.notifier)
            .and_then(|one| one.repeat_minutes)
            .filter(|_| outgoing.only_while_firing && attempt == Attempt::Sent);
        let noted: Result<(), monitoring::Error> = self
            .db
            .write(move |tx| {
                Box::pin(async move {
                    store::note_attempt(tx, &outgoing.id, &attempt, tried, now).await?;
                    store::forget_notices(tx, now.minus(store::NOTICES_KEPT)).await?;
                    if let Some(minutes) = again {
                        let new = NewOutgoing {
                            alert_id: outgoing.alert_id,
                            notifier: outgoing.notifier,
                            notice: outgoing.notice,
                            only_while_firing: true,
                            due_at: now.plus(minutes_of(minutes)),
                            now,
                        };
                        store::put_notice(tx, new).await?;
                    }
                    Ok(())
                })
            })
            .await;
        Ok(noted?)
    }
}

fn parse(text: &str) -> Result<Notifiers, Error> {
    let wrong = |reason: String| Error::NotifiersFile { reason };
    // By way of JSON, so that `{env: NAME}` is a map as anybody would write it.
    let value: serde_json::Value = serde_yaml_ng::from_str(text).map_err(|error| wrong(error.to_string()))?;
    if value.is_null() {
        return Ok(Notifiers::default());
    }
    let known: Notifiers =
        serde_path_to_error::deserialize(value).map_err(|error| wrong(error.to_string()))?;
    let mut names: Vec<&str> = known.notifiers.iter().map(|one| one.name.as_str()).collect();
    names.sort_unstable();
    if let Some((name, _)) = names.iter().zip(names.iter().skip(1)).find(|(one, next)| one == next) {
        return Err(wrong(format!("two notifiers are called `{name}`")));
    }
    Ok(known)
}

/// Whether a target has a notion of somebody having taken it.
fn pages(notifier: &Notifier) -> bool {
    matches!(notifier.target.kind(), "pagerduty" | "opsgenie" | "webhook")
}

fn minutes_of(minutes: u32) -> Period {
    Period::from_micros(i64::from(minutes) * 60_000_000)
}

fn notice_of(alert: &Alert, state: NoticeState, known: &Notifiers, now: Timestamp) -> Notice {
    let what_changed = match state {
        NoticeState::Expired => format!(
            "no data has come that could tell whether it still holds, so it is no longer watched; last seen: {}",
            alert.what_changed
        ),
        _ => alert.what_changed.clone(),
    };
    Notice {
        id: String::new(),
        fingerprint: alert.fingerprint.clone(),
        state,
        model: alert.model.clone(),
        kind: alert.kind.as_str().to_owned(),
        severity: alert.severity.as_str().to_owned(),
        title: alert.title.clone(),
        what_changed,
        since: alert.since,
        cause: alert.cause.clone(),
        impact: alert.impact.clone(),
        act: alert.suggested_action.label.clone(),
        command: alert.suggested_action.command.clone(),
        link: known
            .public_url
            .as_ref()
            .map(|url| format!("{}/alerts/{}", url.trim_end_matches('/'), alert.id)),
        at: now,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_documented_file_is_read() {
        let known = parse(
            "public_url: https://ml.example.org\nnotifiers:\n  - name: ops\n    kind: slack\n    url: {env: SLACK_URL}\n\
             \x20   repeat_minutes: 240\n  - name: boss\n    kind: email\n    server: smtps://mail.example.org\n\
             \x20   from: gingham@example.org\n    to: [boss@example.org]\n    after_minutes: 60\n    severity: error\n",
        )
        .unwrap();
        assert_eq!(known.notifiers.len(), 2);
        assert_eq!(known.notifiers[1].after_minutes, Some(60));
        assert_eq!(parse("").unwrap(), Notifiers::default());
        let twice = "notifiers:\n- {name: a, kind: webhook, url: 'http://h'}\n- {name: a, kind: webhook, url: 'http://h'}";
        assert!(parse(twice).unwrap_err().to_string().contains("`a`"));
        assert!(parse("notifier: []").unwrap_err().to_string().contains("notifier"));
    }
}
