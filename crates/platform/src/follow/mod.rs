//! The log of events, read on for lineage: into the stored graph, and out to others as events of OpenLineage.
//!
//! Both readers remember how far they have read in the transaction that writes what they made of it: nothing is
//! forgotten, and nothing is made twice.

mod around;
mod intake;
mod steps;
mod targets;
mod tell;
#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::time::Duration;

use base::{Event, Timestamp};
use lineage::{Graph, outbox};
use tokio::sync::watch;

use crate::{Error, Platform};

pub(crate) use intake::Intake;
pub use targets::{OpenLineage, Target, TargetKind};

/// How long news may wait before it is read.
const EVERY: Duration = Duration::from_secs(1);
/// How many events are read at once.
const AT_ONCE: usize = 100;
/// The reader that keeps the graph.
const GRAPH: &str = "graph";
/// The reader that tells others.
const TELLER: &str = "openlineage";

/// The events that say something about what came of what.
fn matters(event: &Event) -> bool {
    const KINDS: &[&str] = &[
        "dataset.version_added",
        "version.registered",
        "deployment.switched",
        "deployment.traffic_changed",
        "deployment.rolled_back",
        "deployment.test_ended",
        "run.started",
        "run.finished",
        "run.failed",
    ];
    KINDS.contains(&event.kind.as_str())
}

impl Platform {
    /// Reads the log on, and sends what is due, until `stop` becomes true.
    pub async fn keep_lineage(self: Arc<Self>, mut stop: watch::Receiver<bool>) {
        while !*stop.borrow() {
            tokio::select! {
                _ = stop.changed() => return,
                () = tokio::time::sleep(EVERY) => {}
            }
            if let Err(error) = self.catch_up_lineage().await {
                tracing::error!(%error, "the graph of lineage cannot be kept");
            }
            if let Err(error) = self.tell_lineage().await {
                tracing::error!(%error, "events of lineage cannot be told");
            }
        }
    }

    /// Brings the stored graph up to the newest event.
    ///
    /// # Errors
    /// When the database fails; the graph is then as far as it was.
    pub async fn catch_up_lineage(&self) -> Result<(), Error> {
        let _turn = self.following.lock().await;
        loop {
            let read_to = outbox::read_to(&mut self.db.read().await?, GRAPH).await?;
            let events = self.events_after(read_to.unwrap_or(0)).await?;
            let Some(last) = events.last().map(|event| event.seq) else { return Ok(()) };
            let mut graphs = Vec::new();
            for event in events.iter().filter(|event| matters(event)) {
                graphs.extend(self.steps_of(event).await?);
            }
            self.put_graphs(graphs, read_to, last).await?;
        }
    }

    async fn put_graphs(&self, graphs: Vec<Graph>, from: Option<i64>, to: i64) -> Result<(), Error> {
        let now = self.clock.now();
        let put: Result<(), lineage::Error> = self
            .db
            .write(move |tx| {
                Box::pin(async move {
                    // Another server may have put the same in the meantime: then nothing is left to do.
                    if outbox::move_reader(tx, GRAPH, from, to).await? {
                        lineage::put(tx, &graphs, now).await?;
                    }
                    Ok(())
                })
            })
            .await;
        Ok(put?)
    }

    async fn events_after(&self, after: i64) -> Result<Vec<Event>, Error> {
        let filter = db::EventFilter { after, ..db::EventFilter::default() };
        Ok(self.db.events(&filter, AT_ONCE).await?)
    }

    async fn newest_event(&self) -> Result<i64, Error> {
        let newest = db::EventFilter { newest_first: true, ..db::EventFilter::default() };
        Ok(self.db.events(&newest, 1).await?.first().map_or(0, |event| event.seq))
    }

    /// One round of telling others: makes events of what has happened since, then sends what is due. Answers how many
    /// have arrived.
    ///
    /// # Errors
    /// When the database fails or the file of targets is wrong; nothing is lost then.
    pub async fn tell_lineage(&self) -> Result<usize, Error> {
        let known = self.openlineage()?;
        if known.targets.is_empty() {
            // What happens while nobody is to be told stays untold.
            if outbox::read_to(&mut self.db.read().await?, TELLER).await?.is_some() {
                let forgot: Result<(), lineage::Error> = self
                    .db
                    .write(|tx| Box::pin(async move { outbox::forget_reader(tx, TELLER).await }))
                    .await;
                forgot?;
            }
            return Ok(0);
        }
        self.write_events(&known).await?;
        self.send_events(&known).await
    }

    async fn write_events(&self, known: &OpenLineage) -> Result<(), Error> {
        loop {
            let read_to = outbox::read_to(&mut self.db.read().await?, TELLER).await?;
            let Some(from) = read_to else {
                let newest = self.newest_event().await?;
                return self.keep_events(Vec::new(), known, None, newest).await;
            };
            let events = self.events_after(from).await?;
            let Some(last) = events.last().map(|event| event.seq) else { return Ok(()) };
            let mut told = Vec::new();
            for event in events.iter().filter(|event| matters(event)) {
                told.extend(self.told_of(&known.namespace, event).await?);
            }
            self.keep_events(told, known, Some(from), last).await?;
        }
    }

    async fn keep_events(
        &self,
        told: Vec<serde_json::Value>,
        known: &OpenLineage,
        from: Option<i64>,
        to: i64,
    ) -> Result<(), Error> {
        let targets: Vec<String> = known.targets.iter().map(|target| target.name.clone()).collect();
        let now = self.clock.now();
        let kept: Result<i64, lineage::Error> = self
            .db
            .write(move |tx| {
                Box::pin(async move {
                    let mut lost = 0;
                    if outbox::move_reader(tx, TELLER, from, to).await? {
                        for event in &told {
                            let text = event.to_string();
                            for target in &targets {
                                lost += i64::from(!outbox::keep(tx, target, &text, now).await?);
                            }
                        }
                    }
                    Ok(lost)
                })
            })
            .await;
        let lost = kept?;
        if lost > 0 {
            tracing::error!(
                events.lost = lost,
                "{lost} events of lineage are lost: {} wait already for a target that does not take them",
                outbox::MOST_WAITING
            );
        }
        Ok(())
    }

    async fn send_events(&self, known: &OpenLineage) -> Result<usize, Error> {
        let mut sent = 0;
        loop {
            let due = outbox::due(&mut self.db.read().await?, self.clock.now()).await?;
            if due.is_empty() {
                return Ok(sent);
            }
            for waiting in due {
                let tried = known.attempt(&waiting, self.clock.now()).await;
                sent += usize::from(tried == outbox::Tried::Sent);
                self.note_event(waiting.number, tried, self.clock.now()).await?;
            }
        }
    }

    async fn note_event(&self, number: i64, tried: outbox::Tried, now: Timestamp) -> Result<(), Error> {
        let noted: Result<(), lineage::Error> = self
            .db
            .write(move |tx| {
                Box::pin(async move {
                    outbox::note(tx, number, &tried, now).await?;
                    outbox::forget_ended(tx, now.minus(outbox::SENT_KEPT)).await.map(drop)
                })
            })
            .await;
        Ok(noted?)
    }
}
