//! What needs attention, and how everything is.

use base::{Event, PageRequest, Timestamp};
use db::EventFilter;
use monitoring::store::{AlertFilter, list_alerts};
use monitoring::{Alert, AlertState};
use pipelines::{JobFilter, JobState, jobs};
use serde::Serialize;

use crate::{DeploymentView, Error, ModelSummary, Platform};

const MODELS: usize = 100;
const EVENTS: usize = 15;
const FAILED_JOBS: usize = 5;

/// One thing that needs attention.
#[derive(Debug, Clone, Serialize)]
pub struct Attention {
    /// `alert`, `override` or `job`.
    pub kind: String,
    /// In a line.
    pub title: String,
    /// More words.
    pub detail: String,
    /// What it is about, such as `model:traffic`.
    pub object: String,
    /// The page about it.
    pub link: String,
    /// Since when.
    pub since: Timestamp,
    /// How bad it is.
    pub severity: String,
}

/// How everything is.
#[derive(Debug, Clone, Serialize)]
pub struct Status {
    /// What needs attention, worst and newest first.
    pub needs_attention: Vec<Attention>,
    /// The models.
    pub models: Vec<ModelSummary>,
    /// The deployments.
    pub deployments: Vec<DeploymentView>,
    /// How many alerts need an act.
    pub alerts_firing: usize,
    /// How many jobs wait or are under way.
    pub jobs_running: i64,
    /// What happened last, newest first.
    pub recent_events: Vec<Event>,
}

impl Platform {
    /// How everything is, at a glance.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn status(&self) -> Result<Status, Error> {
        let alerts = self.firing_alerts(None).await?;
        let mut needs_attention: Vec<Attention> = alerts.iter().map(attention_of).collect();
        needs_attention.extend(self.overrides_in_force().await?);
        needs_attention.extend(self.failed_jobs().await?);
        let (models, _) = self.models(&PageRequest::first(MODELS)).await?;
        let newest = EventFilter { newest_first: true, ..EventFilter::default() };
        Ok(Status {
            alerts_firing: alerts.len(),
            needs_attention,
            models,
            deployments: self.deployments().await?,
            jobs_running: jobs::count_active(&mut self.db.read().await?).await?,
            recent_events: self.db.events(&newest, EVENTS).await?,
        })
    }

    /// The alerts that need an act, newest first.
    pub(crate) async fn firing_alerts(&self, model: Option<&str>) -> Result<Vec<Alert>, Error> {
        let filter = AlertFilter {
            states: vec![AlertState::Firing],
            model: model.map(str::to_owned),
            ..AlertFilter::default()
        };
        let page = PageRequest::first(PageRequest::MOST);
        Ok(list_alerts(&mut self.db.read().await?, &filter, &page).await?.items)
    }

    /// Broken glass, until an approval by the rules takes its place; expired is worse than standing.
    async fn overrides_in_force(&self) -> Result<Vec<Attention>, Error> {
        let now = self.clock.now();
        let open = governance::reviews::exceptions(&mut self.db.read().await?, None, true).await?;
        let attention = open.into_iter().map(|exception| {
            let expired = exception.state(now) == "expired";
            let how = if expired { "has expired" } else { "is in force" };
            Attention {
                kind: "override".to_owned(),
                title: format!(
                    "an override of `{}` for version {} of `{}` {how}",
                    exception.alias, exception.version, exception.model
                ),
                detail: format!("{}: {}, until {}", exception.by, exception.reason, exception.expires_at),
                object: format!("model:{}", exception.model),
                link: format!("/reviews/{}", exception.review),
                since: exception.at,
                severity: if expired { "error" } else { "warn" }.to_owned(),
            }
        });
        Ok(attention.collect())
    }

    async fn failed_jobs(&self) -> Result<Vec<Attention>, Error> {
        let filter = JobFilter { state: Some(JobState::Failed), ..JobFilter::default() };
        let page = jobs::list(&mut self.db.read().await?, &filter, &PageRequest::first(FAILED_JOBS)).await?;
        let attention = page.items.into_iter().map(|job| Attention {
            kind: "job".to_owned(),
            title: format!("{} of {} failed", job.kind, job.model.as_deref().unwrap_or("nothing")),
            detail: job.error.unwrap_or_default(),
            object: format!("job:{}", job.id),
            link: "/pipelines".to_owned(),
            since: job.finished_at.unwrap_or(job.created_at),
            severity: "error".to_owned(),
        });
        Ok(attention.collect())
    }
}

fn attention_of(alert: &Alert) -> Attention {
    Attention {
        kind: "alert".to_owned(),
        title: alert.title.clone(),
        detail: format!("{} → {}", alert.what_changed, alert.suggested_action.label),
        object: format!("model:{}", alert.model),
        link: format!("/alerts/{}", alert.id),
        since: alert.since,
        severity: alert.severity.as_str().to_owned(),
    }
}
