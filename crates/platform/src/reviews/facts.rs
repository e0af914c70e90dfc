//! What is known of a move, asked of the rooms that know it.

use std::collections::{BTreeMap, BTreeSet};

use base::{Digest, Hasher, ObjectRef, PageRequest, Timestamp};
use checks::gate::RuleResult;
use db::Sql;
use governance::documents::{Document, fields_of};
use governance::policy::{
    AlertFact, ApprovalFact, CheckFact, DataFact, DatasheetFact, Evidence, Facts, GateFact, Known,
    OverrideFact,
};
use governance::reviews::{self, Review};
use monitoring::AlertState;
use monitoring::store::AlertFilter;
use registry::Version;
use serde_json::Value;

use super::guard::Guard;
use super::schema;
use crate::Error;

/// How many verdicts on a version are looked through for the newest result of each check.
const MOST_VERDICTS: usize = 200;
/// The nouns under which verdicts on versions are kept.
const VERSION_NOUNS: [&str; 3] = ["version", "model-version", "model"];

/// A move that is asked about.
#[derive(Debug, Clone, Copy)]
pub(super) struct Move<'a> {
    pub(super) model: &'a str,
    pub(super) alias: &'a str,
    pub(super) version: i64,
    /// The review that asks for it, if there is one.
    pub(super) review: Option<&'a Review>,
    /// What the promotion rules said, when that is not written down yet.
    pub(super) gates: Option<&'a [RuleResult]>,
    pub(super) now: Timestamp,
}

/// Everything about a move.
pub(super) async fn gather(sql: &mut impl Sql, guard: &Guard, asked: Move<'_>) -> Result<Facts, Error> {
    let Move { model, alias, version: number, review, gates, now } = asked;
    let version = registry::get_version(sql, model, number).await?;
    let previous = registry::get_model(sql, model).await?.alias(alias);
    let holder = match previous {
        Some(previous) => Some(registry::get_version(sql, model, previous).await?),
        None => None,
    };
    let card = card_of(sql, &guard.applied.spec, &version).await?;
    let digest = digest_of(guard, &version, alias, previous, &card);
    let approvals = match review {
        Some(review) => opinions(sql, review.number, &guard.applied.spec.project).await?,
        None => Vec::new(),
    };
    let exception = match review {
        Some(review) => reviews::standing_exception(sql, review.number, digest, now).await?,
        None => None,
    };
    Ok(Facts {
        model: model.to_owned(),
        alias: alias.to_owned(),
        version: number,
        previous,
        digest,
        gates: gates_of(sql, model, number, gates).await?,
        checks: checks_of(sql, model, number).await?,
        data: data_of(sql, &version).await?,
        schema: schema::compare(holder.as_ref(), &version),
        alerts: alerts_of(sql, model).await?,
        evidence: evidence_of(sql, &version).await?,
        card: card.into_keys().collect(),
        datasheets: datasheets_of(sql, guard, &version).await?,
        approvals,
        requester: review.map(|review| review.requester.clone()),
        trainers: trainers_of(sql, &version).await?,
        exception: exception.map(|exception| OverrideFact {
            number: exception.number,
            by: exception.by,
            reason: exception.reason,
            expires_at: exception.expires_at,
        }),
        stale: review.and_then(|review| stale(review, previous)),
        now,
    })
}

/// Why a review does not fit what is there any more: somebody moved the alias.
fn stale(review: &Review, previous: Option<i64>) -> Option<String> {
    if review.previous == previous {
        return None;
    }
    let at =
        |version: Option<i64>| version.map_or("nothing".to_owned(), |version| format!("version {version}"));
    Some(format!(
        "`{}` pointed at {} when this was asked for and points at {} now; revise the review",
        review.alias,
        at(review.previous),
        at(previous)
    ))
}

/// What an approval is given for: the version as it is recorded, its card, the move, and the policy.
pub(super) fn digest_of(
    guard: &Guard,
    version: &Version,
    alias: &str,
    previous: Option<i64>,
    card: &BTreeMap<String, String>,
) -> Digest {
    let mut hasher = Hasher::new();
    let text = |digest: Option<Digest>| digest.map(|digest| digest.to_string()).unwrap_or_default();
    hasher.field("move").field(&version.model).field(version.number.to_string()).field(alias);
    hasher.field(previous.map(|previous| previous.to_string()).unwrap_or_default());
    hasher.field(text(version.digest)).field(text(version.artifact)).field(&version.source);
    hasher.field(&version.storage_location).field(version.source_run.as_deref().unwrap_or_default());
    hasher.field(&version.description);
    let recorded = [
        &version.signature,
        &version.metrics,
        &version.baseline_metrics,
        &version.dataset_versions,
        &version.training_rows,
        &version.evaluation_rows,
    ];
    for value in recorded {
        hasher.field(value.as_ref().map(Value::to_string).unwrap_or_default());
    }
    hasher.field(guard.digest.to_string());
    for (field, text) in card {
        hasher.field(field).field(text);
    }
    hasher.finish()
}

/// The fields of a version's card that are filled: what its file says, and what was written about it.
pub(crate) async fn card_of(
    sql: &mut impl Sql,
    spec: &crate::spec::Spec,
    version: &Version,
) -> Result<BTreeMap<String, String>, Error> {
    let model = registry::get_model(sql, &version.model).await?;
    let mut card =
        BTreeMap::from([("description".to_owned(), model.description), ("owner".to_owned(), model.owner)]);
    card.extend(spec.card.clone());
    let written = Document::Card { model: version.model.clone(), version: version.number };
    card.extend(fields_of(sql, &written).await?.into_iter().map(|(field, written)| (field, written.text)));
    card.retain(|_, text| !text.trim().is_empty());
    Ok(card)
}

async fn gates_of(
    sql: &mut impl Sql,
    model: &str,
    version: i64,
    fresh: Option<&[RuleResult]>,
) -> Result<Option<Vec<GateFact>>, Error> {
    let rules: Option<Vec<RuleResult>> = match fresh {
        Some(rules) => Some(rules.to_vec()),
        None => registry::promotion_of(sql, model, version)
            .await?
            .and_then(|decision| serde_json::from_value(decision.rules).ok()),
    };
    let gate = |rule: RuleResult| GateFact { rule: rule.rule, passed: rule.passed, why: rule.why };
    Ok(rules.map(|rules| rules.into_iter().map(gate).collect()))
}

pub(super) async fn checks_of(
    sql: &mut impl Sql,
    model: &str,
    version: i64,
) -> Result<BTreeMap<String, CheckFact>, Error> {
    let mut newest: BTreeMap<String, CheckFact> = BTreeMap::new();
    for noun in VERSION_NOUNS {
        let object = ObjectRef::new(noun, format!("{model}@{version}"));
        let page = PageRequest::first(MOST_VERDICTS);
        for head in checks::store::list_verdicts(sql, Some(&object), &page).await?.items {
            let stored = checks::store::get_verdict(sql, &head.id).await?;
            for result in stored.verdict.results {
                let fact = CheckFact {
                    outcome: result.outcome.word().to_owned(),
                    message: result.message,
                    at: stored.created_at,
                    verdict: stored.id.clone(),
                };
                let known = newest.entry(result.check_id).or_insert_with(|| fact.clone());
                if (fact.at, &fact.verdict) > (known.at, &known.verdict) {
                    *known = fact;
                }
            }
        }
    }
    Ok(newest)
}

/// The dataset versions that a version says it learnt from, as name and number.
pub(crate) fn learnt_from(version: &Version) -> Option<Vec<(String, i64)>> {
    let listed = version.dataset_versions.as_ref()?.as_array()?;
    let name = |dataset: &Value| {
        Some((dataset.get("dataset")?.as_str()?.to_owned(), dataset.get("number")?.as_i64()?))
    };
    listed.iter().map(name).collect()
}

async fn data_of(sql: &mut impl Sql, version: &Version) -> Result<Option<Vec<DataFact>>, Error> {
    let Some(sets) = learnt_from(version) else { return Ok(None) };
    let mut facts = Vec::with_capacity(sets.len());
    for (name, number) in sets {
        let dataset = format!("{name}@{number}");
        let newest = checks::store::latest_verdict(sql, &ObjectRef::new("dataset", &dataset)).await?;
        let verdict = newest.map(|stored| {
            let verdict = stored.verdict;
            (stored.id, verdict.outcome.word().to_owned(), verdict.blocked, verdict.in_words())
        });
        facts.push(DataFact { dataset, verdict });
    }
    Ok(Some(facts))
}

async fn alerts_of(sql: &mut impl Sql, model: &str) -> Result<Vec<AlertFact>, Error> {
    let filter = AlertFilter {
        states: vec![AlertState::Firing, AlertState::Acknowledged],
        model: Some(model.to_owned()),
        ..AlertFilter::default()
    };
    let page = PageRequest::first(PageRequest::MOST);
    let alerts = monitoring::store::list_alerts(sql, &filter, &page).await?.items;
    let fact = |alert: monitoring::Alert| AlertFact {
        id: alert.id,
        kind: alert.kind.as_str().to_owned(),
        title: alert.title,
    };
    Ok(alerts.into_iter().map(fact).collect())
}

async fn evidence_of(sql: &mut impl Sql, version: &Version) -> Result<BTreeMap<Evidence, Known>, Error> {
    let page = format!("/models/{}/versions/{}", version.model, version.number);
    let mut known = BTreeMap::new();
    let mut note = |what: Evidence, link: String| drop(known.insert(what, Known { link }));
    let filled = |value: &Option<Value>| {
        value.as_ref().is_some_and(|value| match value {
            Value::Null => false,
            Value::Object(fields) => !fields.is_empty(),
            Value::Array(items) => !items.is_empty(),
            _ => true,
        })
    };
    let recorded = [
        (Evidence::Datasets, &version.dataset_versions),
        (Evidence::Signature, &version.signature),
        (Evidence::Metrics, &version.metrics),
        (Evidence::Baselines, &version.baseline_metrics),
        (Evidence::ReferenceProfile, &version.reference_profile),
    ];
    for (what, _) in recorded.into_iter().filter(|(_, value)| filled(value)) {
        note(what, page.clone());
    }
    // A pipeline of ours keeps its file, its SQL and the trainer's release with the run.
    if let Some(run) = &version.pipeline_run {
        note(Evidence::Code, format!("/pipelines/{run}"));
        note(Evidence::Environment, format!("/pipelines/{run}"));
    }
    let Some(run) = &version.source_run else { return Ok(known) };
    let Ok(run) = experiments::get_run(sql, run).await else { return Ok(known) };
    let link = format!("/runs/{}", run.id);
    note(Evidence::SourceRun, link.clone());
    if run.tags.keys().any(|tag| tag == "mlflow.source.git.commit") {
        note(Evidence::Code, link.clone());
    }
    if let Some(capture) = experiments::find_capture(sql, &run.id).await? {
        for (what, key) in [(Evidence::Code, "code"), (Evidence::Environment, "environment")] {
            if capture.record.get(key).is_some_and(|part| !part.is_null()) {
                note(what, link.clone());
            }
        }
    }
    Ok(known)
}

async fn datasheets_of(
    sql: &mut impl Sql,
    guard: &Guard,
    version: &Version,
) -> Result<Vec<DatasheetFact>, Error> {
    let names: BTreeSet<String> =
        learnt_from(version).unwrap_or_default().into_iter().map(|(name, _)| name).collect();
    let mut sheets = Vec::with_capacity(names.len());
    for dataset in names {
        let fields = datasheet_of(sql, &guard.applied.spec, &dataset).await?;
        sheets.push(DatasheetFact { dataset, fields: fields.into_keys().collect() });
    }
    Ok(sheets)
}

/// The fields of a dataset's datasheet that are filled: what the file of a model over it says, and what was written.
pub(crate) async fn datasheet_of(
    sql: &mut impl Sql,
    spec: &crate::spec::Spec,
    dataset: &str,
) -> Result<BTreeMap<String, String>, Error> {
    let mut fields = BTreeMap::new();
    if spec.data.dataset == dataset {
        fields.extend(spec.data.datasheet.clone());
    }
    let written = Document::Datasheet { dataset: dataset.to_owned() };
    fields.extend(fields_of(sql, &written).await?.into_iter().map(|(field, written)| (field, written.text)));
    fields.retain(|_, text| !text.trim().is_empty());
    Ok(fields)
}

async fn trainers_of(sql: &mut impl Sql, version: &Version) -> Result<BTreeSet<String>, Error> {
    let mut trainers = BTreeSet::from([version.actor.clone()]);
    if let Some(run) = &version.source_run
        && let Ok(run) = experiments::get_run(sql, run).await
        && !run.user.is_empty()
    {
        trainers.insert(run.user);
    }
    Ok(trainers)
}

async fn opinions(sql: &mut impl Sql, review: i64, project: &str) -> Result<Vec<ApprovalFact>, Error> {
    let mut facts = Vec::new();
    for given in reviews::opinions(sql, review).await? {
        let roles = roles_of(sql, &given.author, project).await?;
        facts.push(ApprovalFact {
            by: given.author,
            roles,
            opinion: given.opinion,
            digest: given.digest,
            at: given.at,
        });
    }
    Ok(facts)
}

/// The roles that somebody holds now in a project. Whoever sits at the machine may do what an admin may.
async fn roles_of(sql: &mut impl Sql, person: &str, project: &str) -> Result<BTreeSet<String>, Error> {
    if person == governance::Principal::Local.name() {
        return Ok(BTreeSet::from([governance::Role::Admin.as_str().to_owned()]));
    }
    let member = governance::find_member(sql, person).await?.filter(|member| member.disabled_at.is_none());
    let grants = member.map(|member| member.grants).unwrap_or_default();
    let covering = grants.iter().filter(|grant| grant.covers(Some(project)));
    Ok(covering.map(|grant| grant.role.as_str().to_owned()).collect())
}
