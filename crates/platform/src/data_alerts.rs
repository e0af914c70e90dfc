//! A check of a dataset that fails is an alert of the model that asked for it, one for all checks that fail together.

use base::{Actor, Period, Timestamp};
use checks::{CheckResult, Outcome, Verdict};
use db::Tx;
use monitoring::store::{Look, observe};
use monitoring::{Act, AlertKind, ApiCall, Finding, Observation, Severity};
use serde_json::json;

use crate::specs::AppliedSpec;

/// A dataset that fails again so soon opens the same alert again.
const COOLDOWN: Period = Period::from_days(14);
/// How many failing checks are told in words.
const MOST_TOLD: usize = 5;

/// One push of rows, judged.
#[derive(Debug, Clone)]
pub(crate) struct JudgedPush {
    /// The model whose checks they are.
    model: String,
    dataset: String,
    /// The new version; absent when nothing was taken.
    version: Option<i64>,
    verdict: Verdict,
    /// The first and the last moment of the rows; the present where rows have no time.
    since: Timestamp,
    at: Timestamp,
}

impl JudgedPush {
    /// A push to a dataset; `None` when nobody checks it.
    pub(crate) fn of(
        dataset: &str,
        applied: &[AppliedSpec],
        verdict: &Verdict,
        (since, at): (Timestamp, Timestamp),
    ) -> Option<Self> {
        let failing: Vec<&str> = failing(verdict).map(|result| result.check_id.as_str()).collect();
        let asks = |applied: &&AppliedSpec| {
            let checks = &applied.spec.checks;
            !checks.is_empty()
                && (failing.is_empty() || checks.iter().any(|check| failing.contains(&check.id.as_str())))
        };
        let model = applied.iter().find(asks)?.spec.model.clone();
        let (dataset, verdict) = (dataset.to_owned(), verdict.clone());
        Some(Self { model, dataset, version: None, verdict, since, at })
    }

    /// The version that the rows became.
    pub(crate) fn taken_as(mut self, version: i64) -> Self {
        self.version = Some(version);
        self
    }

    /// Opens, keeps or ends the alert of the dataset. Two pushes in a row without a failing check end it.
    ///
    /// # Errors
    /// When the database fails.
    pub(crate) async fn observe(self, tx: &mut Tx) -> Result<(), monitoring::Error> {
        let fingerprint = format!("{}/data_check", self.dataset);
        let failed: Vec<&CheckResult> = failing(&self.verdict).collect();
        let observation = Observation {
            fingerprint: fingerprint.clone(),
            kind: AlertKind::DataCheck,
            at: self.at,
            verdict: if failed.is_empty() { monitoring::Verdict::Clear } else { monitoring::Verdict::Firing },
            finding: (!failed.is_empty()).then(|| self.finding(fingerprint, &failed)),
        };
        observe(tx, &observation, &Look::single(0, COOLDOWN), &Actor::platform("checks")).await?;
        Ok(())
    }

    fn finding(&self, fingerprint: String, failed: &[&CheckResult]) -> Finding {
        let dataset = &self.dataset;
        let what = match failed {
            [one] => format!("check `{}` failed", one.check_id),
            many => format!("{} checks failed", many.len()),
        };
        let told: Vec<&str> = failed.iter().take(MOST_TOLD).map(|result| result.message.as_str()).collect();
        let rows = failed.iter().map(|result| result.failing_rows).max().unwrap_or_default();
        let broken = failed.iter().any(|result| result.outcome == Outcome::Error);
        let reasons: Vec<String> = failed
            .iter()
            .filter_map(|result| Some(format!("`{}`: {}", result.check_id, result.reason.as_ref()?)))
            .take(MOST_TOLD)
            .collect();
        let cause = match (broken, reasons.is_empty()) {
            (true, _) => {
                "a check could not be evaluated: the columns or the query of it have changed".to_owned()
            }
            (false, true) => format!("the source of `{dataset}` sends rows that it should not"),
            (false, false) => {
                format!("the source of `{dataset}` sends rows that it should not ({})", reasons.join("; "))
            }
        };
        let impact = match self.version {
            None => "nothing of the push was taken: the dataset stays as old as it is until better rows come"
                .to_owned(),
            Some(version) => format!(
                "version {version} of `{dataset}` was taken; {rows} of its {} rows are wrong, and nothing learns from them",
                self.verdict.rows
            ),
        };
        Finding {
            fingerprint,
            model: self.model.clone(),
            version: 0,
            kind: AlertKind::DataCheck,
            severity: Severity::Error,
            title: format!("{dataset}: {what}"),
            what_changed: told.join("; "),
            since: self.since,
            cause,
            impact,
            suggested_action: Act {
                label: "See the rows that failed, correct them at their source and push them again"
                    .to_owned(),
                command: format!("gingham show dataset {dataset}"),
                api: ApiCall {
                    method: "GET".to_owned(),
                    path: match self.version {
                        Some(version) => format!("/api/v1/datasets/{dataset}/versions/{version}"),
                        None => format!("/api/v1/datasets/{dataset}"),
                    },
                    body: None,
                },
                automatic: false,
            },
            more_actions: Vec::new(),
            automatic: None,
            details: json!({
                "dataset": dataset, "version": self.version, "rows": self.verdict.rows,
                "failed": failed.iter().map(|result| json!({
                    "check": result.check_id, "message": result.message, "failing_rows": result.failing_rows,
                    "owner": result.owner,
                })).collect::<Vec<_>>(),
            }),
        }
    }
}

fn failing(verdict: &Verdict) -> impl Iterator<Item = &CheckResult> {
    verdict.results.iter().filter(|result| result.outcome >= Outcome::Fail)
}
