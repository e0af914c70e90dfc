//! Whether each step of the story really happened, as the server tells it.

use anyhow::Result;
use serde_json::{Value, json};

use crate::client::Client;
use crate::commands::FeedReport;
use crate::output::{self, at, bold, faint, text_at};
use crate::project::Project;

/// One step of the story, and whether it happened.
pub(super) struct Fact {
    step: &'static str,
    happened: bool,
    seen: String,
}

/// Asks the server for every step.
pub(super) async fn ask(client: &Client, project: &Project, report: &FeedReport) -> Result<Vec<Fact>> {
    let asked = Asked { client, model: &project.spec.model, dataset: &project.spec.data.dataset };
    let mut facts = vec![asked.first_rows(project).await?, asked.checks_found_the_faults().await?];
    facts.extend(asked.trained_and_promoted(project).await?);
    facts.extend(asked.served_and_archived(report).await?);
    facts.extend(asked.watched().await?);
    facts.push(asked.reviewed().await?);
    facts.push(asked.retrained().await?);
    facts.push(asked.deployment_followed().await?);
    facts.push(asked.traced_back().await?);
    facts.push(asked.log_is_whole().await?);
    Ok(facts)
}

/// Prints the facts; answers whether all of them hold.
pub(super) fn print(facts: &[Fact]) -> bool {
    output::line(&format!("\n{}", bold("What the server says happened")));
    for fact in facts {
        let sign = if fact.happened { "✓" } else { "✗" };
        output::line(&format!("  {sign} {}  {}", fact.step, faint(&fact.seen)));
    }
    facts.iter().all(|fact| fact.happened)
}

struct Asked<'a> {
    client: &'a Client,
    model: &'a str,
    dataset: &'a str,
}

fn items(value: &Value, path: &str) -> Vec<Value> {
    at(value, path).as_array().cloned().unwrap_or_default()
}

/// How many days the title of an alert about a gap speaks of.
fn days_in(alert: &Value) -> u64 {
    let title = text_at(alert, "title");
    let words: Vec<&str> = title.split(' ').collect();
    let days = words.iter().zip(words.iter().skip(1)).find(|(_, unit)| unit.starts_with("day"));
    days.and_then(|(number, _)| number.parse().ok()).unwrap_or(0)
}

impl Asked<'_> {
    async fn first_rows(&self, project: &Project) -> Result<Fact> {
        let version = self.first_version().await?;
        let end = at(&version, "to").as_str().and_then(|text| base::Timestamp::parse(text).ok());
        let in_time = match (end, project.spec.data.first_until) {
            (Some(end), Some(until)) => end < until,
            (end, None) => end.is_some(),
            (None, _) => false,
        };
        let seen = format!(
            "{} rows, {} to {}",
            text_at(&version, "rows_total"),
            text_at(&version, "from"),
            text_at(&version, "to")
        );
        Ok(Fact { step: "the first dataset version holds the first year", happened: in_time, seen })
    }

    async fn first_version(&self) -> Result<Value> {
        let versions =
            self.client.list(&format!("/api/v1/datasets/{}/versions", self.dataset), &[], 1_000).await?;
        Ok(versions.into_iter().find(|version| at(version, "number") == json!(1)).unwrap_or_default())
    }

    /// The first year has hours with several rows; the readings of 0 K come in a later version.
    async fn checks_found_the_faults(&self) -> Result<Fact> {
        let versions =
            self.client.list(&format!("/api/v1/datasets/{}/versions", self.dataset), &[], 1_000).await?;
        let mut found: Vec<(String, String)> = Vec::new();
        for version in versions.iter().rev() {
            let object = format!("dataset:{}@{}", self.dataset, text_at(version, "number"));
            let verdicts = self.client.list("/api/v1/verdicts", &[("object", Some(object))], 1).await?;
            let Some(id) = verdicts.first().map(|verdict| text_at(verdict, "id")) else { continue };
            let verdict = self.client.get(&format!("/api/v1/verdicts/{id}")).await?;
            for result in
                items(&verdict, "results").iter().filter(|result| text_at(result, "outcome") != "pass")
            {
                let said = format!("version {}: {}", text_at(version, "number"), text_at(result, "observed"));
                found.push((text_at(result, "check_id"), said));
            }
        }
        let first = |id: &str| {
            found.iter().find(|(check, _)| check == id).map(|(check, said)| format!("{check} in {said}"))
        };
        let faults = ["one-row-per-hour", "temperature-is-physical", "rain-is-possible"].map(first);
        let happened = faults.iter().all(Option::is_some);
        let seen = faults.into_iter().flatten().collect::<Vec<_>>().join("; ");
        Ok(Fact { step: "data checks found duplicated hours, 0 K and impossible rain", happened, seen })
    }

    async fn trained_and_promoted(&self, project: &Project) -> Result<Vec<Fact>> {
        let runs = self.client.list(&format!("/api/v1/experiments/{}/runs", self.model), &[], 200).await?;
        let candidates = project.spec.pipeline.candidates.len();
        let measured = runs.iter().filter(|run| at(run, "metrics.mae").is_number()).count();
        let first = self.client.get(&format!("/api/v1/models/{}/versions/1", self.model)).await?;
        let promoted = at(&first, "promotion.promoted") == Value::Bool(true);
        let complete = ["signature", "reference_profile", "metrics", "dataset_versions", "source_run"]
            .iter()
            .all(|field| !at(&first, field).is_null());
        Ok(vec![
            Fact {
                step: "each candidate was trained, tracked and evaluated",
                happened: measured >= candidates,
                seen: format!("{measured} runs with metrics for {candidates} candidates"),
            },
            Fact {
                step: "version 1 became champion, as the rules say",
                happened: promoted && complete,
                seen: text_at(&first, "promotion.decision"),
            },
        ])
    }

    /// Every version that became champion did so by a review in which every rule of the policy held.
    async fn reviewed(&self) -> Result<Fact> {
        let query = [("model", Some(self.model.to_owned()))];
        let reviews = self.client.list("/api/v1/reviews", &query, 1_000).await?;
        let carried_out = |review: &&Value| {
            text_at(review, "state") == "carried_out"
                && text_at(review, "verdict.standing") == "allowed"
                && items(review, "verdict.rules").iter().all(|rule| text_at(rule, "mark") == "pass")
        };
        let by_review: Vec<u64> =
            reviews.iter().filter(carried_out).filter_map(|review| at(review, "version").as_u64()).collect();
        let promotions =
            self.client.list(&format!("/api/v1/models/{}/promotions", self.model), &[], 100).await?;
        let promoted: Vec<u64> = promotions
            .iter()
            .filter(|promotion| at(promotion, "promoted") == Value::Bool(true))
            .filter_map(|promotion| at(promotion, "version").as_u64())
            .collect();
        let all = promoted.iter().all(|version| by_review.contains(version));
        let seen = match reviews.last() {
            Some(first) => {
                format!("{} reviews; the first: {}", reviews.len(), text_at(first, "verdict.summary"))
            }
            None => "no review".to_owned(),
        };
        let happened = !promoted.is_empty() && all;
        Ok(Fact { step: "each promotion went through the policy and a review", happened, seen })
    }

    async fn count(&self, query: &str) -> Result<u64> {
        let answer = self.client.post("/api/v1/sql", &json!({ "query": query, "limit": 1 })).await?;
        Ok(items(&answer, "rows").first().and_then(|row| row.get(0)?.as_u64()).unwrap_or(0))
    }

    async fn served_and_archived(&self, report: &FeedReport) -> Result<Vec<Fact>> {
        let predictions = self.count("select count(distinct prediction_id) from predictions").await?;
        let labelled = self.count("select count(*) from scored where label is not null").await?;
        Ok(vec![
            Fact {
                step: "no request failed",
                happened: report.failed == 0 && report.predictions > 0,
                seen: format!("{} requests, slowest {:.0} ms", report.predictions, report.slowest_ms),
            },
            Fact {
                step: "every prediction is archived, once",
                happened: predictions == report.predictions as u64,
                seen: format!("{predictions} of {}", report.predictions),
            },
            Fact {
                step: "true volumes arrived as labels",
                happened: labelled == report.labels as u64 && labelled > 0,
                seen: format!("{labelled} of {}", report.labels),
            },
        ])
    }

    async fn watched(&self) -> Result<Vec<Fact>> {
        let monitor = self.client.get(&format!("/api/v1/monitors/{}", self.model)).await?;
        let windows = items(&monitor, "windows");
        let judged = windows.iter().filter(|window| at(window, "metric.mae").is_number()).count();
        let alerts =
            self.client.list("/api/v1/alerts", &[("model", Some(self.model.to_owned()))], 1_000).await?;
        let longest =
            alerts.iter().filter(|alert| text_at(alert, "kind") == "gap").max_by_key(|alert| days_in(alert));
        let gap = longest.map(|alert| text_at(alert, "title"));
        let rain = alerts
            .iter()
            .find(|alert| {
                text_at(alert, "kind") == "value_range" && text_at(alert, "what_changed").contains("rain_1h")
            })
            .map(|alert| text_at(alert, "what_changed"));
        Ok(vec![
            Fact {
                step: "each week was looked at",
                happened: judged > 50,
                seen: format!("{} windows, {judged} with labels", windows.len()),
            },
            Fact { step: "the gap raised an alert", happened: gap.is_some(), seen: gap.unwrap_or_default() },
            Fact {
                step: "the impossible rain raised an alert",
                happened: rain.is_some(),
                seen: rain.unwrap_or_default(),
            },
        ])
    }

    async fn retrained(&self) -> Result<Fact> {
        let runs =
            self.client.list("/api/v1/pipeline-runs", &[("model", Some(self.model.to_owned()))], 100).await?;
        let by_alert = runs.iter().filter(|run| text_at(run, "cause").contains("alert")).count();
        let promotions =
            self.client.list(&format!("/api/v1/models/{}/promotions", self.model), &[], 100).await?;
        let judged = promotions.iter().filter(|promotion| !items(promotion, "rules").is_empty()).count();
        let taken =
            promotions.iter().filter(|promotion| at(promotion, "promoted") == Value::Bool(true)).count();
        Ok(Fact {
            step: "a performance alert retrained, and rules decided",
            happened: by_alert > 0 && judged > by_alert,
            seen: format!("{by_alert} retrainings by alert, {taken} of {judged} versions promoted"),
        })
    }

    async fn deployment_followed(&self) -> Result<Fact> {
        let deployments = self.client.list("/api/v1/deployments", &[], 100).await?;
        let model = self.client.get(&format!("/api/v1/models/{}", self.model)).await?;
        let champion =
            items(&model, "aliases").into_iter().find(|alias| text_at(alias, "alias") == "champion");
        let champion = champion.map(|alias| at(&alias, "version")).unwrap_or_default();
        let deployment = deployments.iter().find(|deployment| text_at(deployment, "model") == self.model);
        let version = deployment.map(|deployment| at(deployment, "version")).unwrap_or_default();
        let errors = deployment.map(|deployment| at(deployment, "errors_total")).unwrap_or_default();
        Ok(Fact {
            step: "the deployment follows the champion",
            happened: !champion.is_null() && champion == version && errors == json!(0),
            seen: format!("serves version {version}, {errors} errors"),
        })
    }

    async fn traced_back(&self) -> Result<Fact> {
        let answer = self
            .client
            .post("/api/v1/sql", &json!({ "query": "select prediction_id from predictions order by event_time desc limit 1", "limit": 1 }))
            .await?;
        let id = items(&answer, "rows")
            .first()
            .map(|row| row.get(0).map(output::text).unwrap_or_default())
            .unwrap_or_default();
        let graph =
            self.client.get_with("/api/v1/lineage", &[("object", Some(format!("prediction:{id}")))]).await?;
        let kinds: Vec<String> = items(&graph, "nodes").iter().map(|node| text_at(node, "kind")).collect();
        let has = |kind: &str| kinds.iter().any(|other| other == kind);
        Ok(Fact {
            step: "a prediction leads back to its training rows",
            happened: has("prediction") && has("version") && has("dataset"),
            seen: kinds.join(" ← "),
        })
    }

    async fn log_is_whole(&self) -> Result<Fact> {
        let report = self.client.get("/api/v1/events/verify").await?;
        let entries = text_at(&report, "entries");
        Ok(Fact {
            step: "the log of events is whole",
            happened: at(&report, "ok") == Value::Bool(true),
            seen: format!("{entries} entries, each with the hash of the one before"),
        })
    }
}
