//! One box for everything that has a name.

use base::PageRequest;
use registry::{Filter, ModelQuery};
use serde::Serialize;

use crate::{Error, Platform};

const PER_KIND: usize = 10;
const LOOKED_AT: usize = 500;

/// Something that fits what was typed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Hit {
    /// What kind of thing it is.
    pub kind: String,
    /// Its name.
    pub title: String,
    /// What it is.
    pub detail: String,
    /// The page about it.
    pub link: String,
}

impl Platform {
    /// Models, datasets, deployments, alerts and events whose words hold what was typed, best kinds first.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn search(&self, typed: &str) -> Result<Vec<Hit>, Error> {
        let words = typed.trim().to_lowercase();
        let mut hits = Vec::new();
        if words.is_empty() {
            return Ok(hits);
        }
        let all =
            ModelQuery { filter: Filter::everything(), order: Vec::new(), limit: LOOKED_AT, token: None };
        let models = registry::search_models(&mut self.db.read().await?, &all).await?.items;
        hits.extend(fitting(
            &words,
            models.iter().map(|model| {
                hit("model", &model.name, &model.description, format!("/models/{}", model.name))
            }),
        ));
        let page = PageRequest::first(LOOKED_AT);
        let known = datasets::list_datasets(&mut self.db.read().await?, &page).await?.items;
        hits.extend(fitting(
            &words,
            known.iter().map(|dataset| {
                hit("dataset", &dataset.name, &dataset.description, format!("/data/{}", dataset.name))
            }),
        ));
        let deployments = self.deployments().await?;
        hits.extend(fitting(
            &words,
            deployments.iter().map(|view| {
                let deployment = &view.deployment;
                hit(
                    "deployment",
                    &deployment.name,
                    &format!("serves {}", deployment.model),
                    format!("/deployments/{}", deployment.name),
                )
            }),
        ));
        let alerts = monitoring::store::list_alerts(
            &mut self.db.read().await?,
            &monitoring::store::AlertFilter::default(),
            &page,
        )
        .await?
        .items;
        hits.extend(fitting(
            &words,
            alerts.iter().map(|alert| {
                hit("alert", &alert.title, alert.state.as_str(), format!("/alerts/{}", alert.id))
            }),
        ));
        Ok(hits)
    }
}

fn hit(kind: &str, title: &str, detail: &str, link: String) -> Hit {
    Hit { kind: kind.to_owned(), title: title.to_owned(), detail: detail.to_owned(), link }
}

fn fitting(words: &str, hits: impl Iterator<Item = Hit>) -> Vec<Hit> {
    hits.filter(|hit| hit.title.to_lowercase().contains(words) || hit.detail.to_lowercase().contains(words))
        .take(PER_KIND)
        .collect()
}
