//! JSON shapes of verdicts and reviews.

use base::{Digest, Period, Timestamp};
use governance::policy::{Mark, Opinion, PolicyVerdict, Proof, RuleVerdict, Standing};
use governance::reviews::{Comment, Exception, OpinionGiven, Review, ReviewState};
use platform::{CardChange, CheckChange, MetricChange, ReviewView, Told};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::{IntoParams, ToSchema};

use crate::events::EventBody;

/// Whether a move may be carried out, rule by rule.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct PolicyVerdictBody {
    /// The policy.
    pub policy: String,
    /// Its tier of risk.
    pub tier: String,
    /// The model.
    pub model: String,
    /// The alias.
    pub alias: String,
    /// The version.
    pub version: i64,
    /// The version that the alias points at.
    pub previous: Option<i64>,
    /// What approvals are given for.
    #[schema(value_type = String)]
    pub digest: Digest,
    /// `allowed`, `overridden`, `waits` or `refused`.
    #[schema(value_type = String)]
    pub standing: Standing,
    /// Whether it may be carried out now.
    pub allowed: bool,
    /// Whether the policy itself approves when all else holds.
    pub automatic: bool,
    /// In a sentence.
    pub summary: String,
    /// Every rule.
    pub rules: Vec<PolicyRuleBody>,
    /// When it was judged.
    #[schema(value_type = String, format = DateTime)]
    pub at: Timestamp,
}

/// One rule of a policy with how it came out.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct PolicyRuleBody {
    /// Its place in the policy, such as `require.schema`.
    pub rule: String,
    /// What it asks, in words.
    pub asks: String,
    /// `pass`, `waits` or `fail`.
    #[schema(value_type = String)]
    pub mark: Mark,
    /// Why, in a sentence.
    pub why: String,
    /// Pages that show what it was judged by.
    pub proofs: Vec<ProofBody>,
}

/// A page that shows what a rule was judged by.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ProofBody {
    /// What it is.
    pub title: String,
    /// Where it is.
    pub link: String,
}

/// Which move is to be judged.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct JudgeBody {
    /// The version: a number, an alias or `latest`.
    pub version: Value,
    /// The alias that would move.
    #[serde(default = "champion")]
    pub alias: String,
    /// The text of another policy than the one in force, to try it.
    #[serde(default)]
    pub policy: Option<String>,
    /// The name of the file that this text is from; errors name it.
    #[serde(default)]
    pub file: Option<String>,
}

/// A move that is asked for.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct AskBody {
    /// The model.
    pub model: String,
    /// The version that the alias is to point at.
    pub version: i64,
    /// The alias.
    #[serde(default = "champion")]
    pub alias: String,
    /// Why.
    pub reason: String,
    /// Whether it is carried out as soon as the policy allows; when absent, if the policy approves by itself.
    #[serde(default)]
    pub at_once: Option<bool>,
}

fn champion() -> String {
    "champion".to_owned()
}

/// What somebody thinks of a review.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct OpinionBody {
    /// The digest that was looked at; if the review is about another one by now, the answer is 409.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    pub digest: Option<Digest>,
    /// In words.
    #[serde(default)]
    pub comment: String,
}

/// A wish for other content.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ReviseBody {
    /// The version that is asked for from now on; the same one, as things are now, when absent.
    #[serde(default)]
    pub version: Option<i64>,
}

/// Why a review is closed.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct CloseBody {
    /// Why.
    #[serde(default)]
    pub reason: String,
}

/// A part of a discussion that is about to be written.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct CommentBody {
    /// Markdown; `@name` tells that person.
    pub text: String,
    /// The comment that it answers.
    #[serde(default)]
    pub parent: Option<i64>,
}

/// Broken glass.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct GlassBody {
    /// Why; kept for ever.
    pub reason: String,
    /// The ticket or incident.
    #[serde(default)]
    pub ticket: String,
    /// How long it stands, such as `4h`.
    #[schema(value_type = String)]
    pub lasts: Period,
}

/// Which reviews are listed.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct Which {
    /// `open`, `carried_out` or `closed`; all when absent.
    pub state: Option<String>,
    /// Of this model.
    pub model: Option<String>,
    /// That this person asked for.
    pub requester: Option<String>,
    /// How many items at most: 1 to 1000, 50 if not said.
    pub limit: Option<usize>,
    /// The `next_cursor` of the page before.
    pub cursor: Option<String>,
}

/// Which overrides are listed.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct WhichOverrides {
    /// Of this model.
    pub model: Option<String>,
    /// Those that are over too.
    #[serde(default)]
    pub all: bool,
}

/// What links begin with.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct LinkBase {
    /// The address of the server, put before each link; links stay relative without it.
    #[serde(default)]
    pub base: String,
}

/// A request to move an alias.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ReviewBody {
    /// 1, 2, 3 …
    pub number: i64,
    /// The model.
    pub model: String,
    /// The alias.
    pub alias: String,
    /// The version that it is to point at.
    pub version: i64,
    /// The version that it pointed at when this was asked for.
    pub previous: Option<i64>,
    /// What approvals are given for.
    #[schema(value_type = String)]
    pub digest: Digest,
    /// The policy.
    pub policy: String,
    /// Its tier.
    pub tier: String,
    /// Why it is asked for.
    pub reason: String,
    /// Who asked.
    pub requester: String,
    /// Whether it is carried out as soon as the policy allows.
    pub at_once: bool,
    /// `open`, `carried_out` or `closed`.
    #[schema(value_type = String)]
    pub state: ReviewState,
    /// When it was opened.
    #[schema(value_type = String, format = DateTime)]
    pub created_at: Timestamp,
    /// When something happened to it last.
    #[schema(value_type = String, format = DateTime)]
    pub updated_at: Timestamp,
    /// When it ended.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub ended_at: Option<Timestamp>,
    /// Who ended it.
    pub ended_by: Option<String>,
    /// How it ended, in a sentence.
    pub outcome: String,
    /// How it stands now, or stood when it ended.
    pub verdict: Option<PolicyVerdictBody>,
}

/// A page of reviews.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ReviewPage {
    /// The reviews, newest first.
    pub items: Vec<ReviewBody>,
    /// Where the next page begins; absent on the last one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_cursor: Option<String>,
}

/// A review with everything about it.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ReviewDetail {
    /// The review.
    #[serde(flatten)]
    pub review: ReviewBody,
    /// What people think.
    pub opinions: Vec<OpinionGivenBody>,
    /// The discussion.
    pub comments: Vec<ReviewComment>,
    /// Overrides that were made for it.
    pub overrides: Vec<OverrideBody>,
    /// Who was told of them by which notifier, and whether that arrived; nobody when no notifier hears of the model.
    pub told: Vec<ToldBody>,
    /// The metrics of both versions.
    pub metrics: Vec<MetricChangeBody>,
    /// The fields of the card that differ.
    pub card: Vec<CardChangeBody>,
    /// The newest result of each check, on both versions.
    pub checks: Vec<CheckChangeBody>,
    /// The results of the backtest on real traffic.
    pub backtest: Vec<CheckChangeBody>,
    /// What else differs between the versions, as the comparison of two versions tells it.
    pub changes: Option<Value>,
    /// What happened, oldest first.
    pub history: Vec<EventBody>,
}

/// What somebody thinks.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct OpinionGivenBody {
    /// Who.
    pub author: String,
    /// `approve` or `request_changes`.
    #[schema(value_type = String)]
    pub opinion: Opinion,
    /// What they looked at.
    #[schema(value_type = String)]
    pub digest: Digest,
    /// Whether the review is still about that.
    pub current: bool,
    /// In their words.
    pub comment: String,
    /// When.
    #[schema(value_type = String, format = DateTime)]
    pub at: Timestamp,
}

/// A part of the discussion.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ReviewComment {
    /// Its number.
    pub number: i64,
    /// The comment that it answers.
    pub parent: Option<i64>,
    /// Who wrote it.
    pub author: String,
    /// Markdown.
    pub text: String,
    /// When.
    #[schema(value_type = String, format = DateTime)]
    pub at: Timestamp,
}

/// A comment that names the one who asks.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct MentionBody {
    /// The review.
    pub review: i64,
    /// The comment.
    #[serde(flatten)]
    pub comment: ReviewComment,
}

/// Comments that name the one who asks and that they have not looked at.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Mentions {
    /// The comments, oldest first.
    pub items: Vec<MentionBody>,
}

/// Broken glass.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct OverrideBody {
    /// 1, 2, 3 …
    pub number: i64,
    /// The review whose rules it stands in for.
    pub review: i64,
    /// The model.
    pub model: String,
    /// The alias.
    pub alias: String,
    /// The version.
    pub version: i64,
    /// Who answers for it.
    pub by: String,
    /// Why.
    pub reason: String,
    /// The ticket or incident.
    pub ticket: String,
    /// `standing`, `expired` or `over`.
    pub state: &'static str,
    /// When it was made.
    #[schema(value_type = String, format = DateTime)]
    pub at: Timestamp,
    /// Until when it stands.
    #[schema(value_type = String, format = DateTime)]
    pub expires_at: Timestamp,
    /// Why it was over.
    pub ended_why: String,
}

/// A message about an override.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ToldBody {
    /// The override.
    pub number: i64,
    /// By which notifier.
    pub notifier: String,
    /// `waiting`, `sent` or `dropped`.
    pub state: String,
    /// When it was written.
    #[schema(value_type = String, format = DateTime)]
    pub at: Timestamp,
    /// When it arrived, or was dropped.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub ended_at: Option<Timestamp>,
    /// Why it waits or was dropped.
    pub reason: Option<String>,
}

/// Overrides, newest first.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Overrides {
    /// The overrides.
    pub items: Vec<OverrideBody>,
}

/// A metric of both versions.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct MetricChangeBody {
    /// Its name.
    pub key: String,
    /// Of the version that answers now.
    pub before: Option<f64>,
    /// Of the version that is to answer.
    pub after: Option<f64>,
}

/// A field of the card that differs.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct CardChangeBody {
    /// The field.
    pub field: String,
    /// On the card of the version that answers now.
    pub before: Option<String>,
    /// On the card of the version that is to answer.
    pub after: Option<String>,
}

/// How a check came out on both versions: `pass`, `warn`, `fail` or `error`.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct CheckChangeBody {
    /// The check.
    pub id: String,
    /// On the version that answers now.
    pub before: Option<String>,
    /// On the version that is to answer.
    pub after: Option<String>,
    /// The result on that version, in a sentence.
    pub message: Option<String>,
    /// The verdict that holds it.
    pub verdict: Option<String>,
}

impl From<PolicyVerdict> for PolicyVerdictBody {
    fn from(verdict: PolicyVerdict) -> Self {
        PolicyVerdictBody {
            policy: verdict.policy,
            tier: verdict.tier,
            model: verdict.model,
            alias: verdict.alias,
            version: verdict.version,
            previous: verdict.previous,
            digest: verdict.digest,
            standing: verdict.standing,
            allowed: verdict.allowed,
            automatic: verdict.automatic,
            summary: verdict.summary,
            rules: verdict.rules.into_iter().map(PolicyRuleBody::from).collect(),
            at: verdict.at,
        }
    }
}

impl From<RuleVerdict> for PolicyRuleBody {
    fn from(rule: RuleVerdict) -> Self {
        let proof = |Proof { title, link }| ProofBody { title, link };
        PolicyRuleBody {
            rule: rule.rule,
            asks: rule.asks,
            mark: rule.mark,
            why: rule.why,
            proofs: rule.proofs.into_iter().map(proof).collect(),
        }
    }
}

impl ReviewBody {
    pub(crate) fn of(review: Review, verdict: Option<PolicyVerdict>) -> Self {
        ReviewBody {
            number: review.number,
            model: review.model,
            alias: review.alias,
            version: review.version,
            previous: review.previous,
            digest: review.digest,
            policy: review.policy,
            tier: review.tier,
            reason: review.reason,
            requester: review.requester,
            at_once: review.at_once,
            state: review.state,
            created_at: review.created_at,
            updated_at: review.updated_at,
            ended_at: review.ended_at,
            ended_by: review.ended_by,
            outcome: review.outcome,
            verdict: verdict.map(PolicyVerdictBody::from),
        }
    }
}

impl ReviewDetail {
    pub(crate) fn of(view: ReviewView, now: Timestamp) -> Self {
        let digest = view.standing.as_ref().map_or(view.review.digest, |verdict| verdict.digest);
        let opinion = |given: OpinionGiven| OpinionGivenBody {
            current: given.digest == digest,
            author: given.author,
            opinion: given.opinion,
            digest: given.digest,
            comment: given.comment,
            at: given.at,
        };
        ReviewDetail {
            opinions: view.opinions.into_iter().map(opinion).collect(),
            comments: view.comments.into_iter().map(ReviewComment::from).collect(),
            overrides: view.overrides.into_iter().map(|each| OverrideBody::of(each, now)).collect(),
            told: view.told.into_iter().map(ToldBody::from).collect(),
            metrics: view.metrics.into_iter().map(MetricChangeBody::from).collect(),
            card: view.card.into_iter().map(CardChangeBody::from).collect(),
            checks: view.checks.into_iter().map(CheckChangeBody::from).collect(),
            backtest: view.backtest.into_iter().map(CheckChangeBody::from).collect(),
            changes: view.changes,
            history: view.history.into_iter().map(EventBody::from).collect(),
            review: ReviewBody::of(view.review, view.standing),
        }
    }
}

impl OverrideBody {
    pub(crate) fn of(exception: Exception, now: Timestamp) -> Self {
        OverrideBody {
            state: exception.state(now),
            number: exception.number,
            review: exception.review,
            model: exception.model,
            alias: exception.alias,
            version: exception.version,
            by: exception.by,
            reason: exception.reason,
            ticket: exception.ticket,
            at: exception.at,
            expires_at: exception.expires_at,
            ended_why: exception.ended_why,
        }
    }
}

impl From<Comment> for ReviewComment {
    fn from(comment: Comment) -> Self {
        let Comment { number, parent, author, text, at } = comment;
        ReviewComment { number, parent, author, text, at }
    }
}

impl From<MetricChange> for MetricChangeBody {
    fn from(change: MetricChange) -> Self {
        let MetricChange { key, before, after } = change;
        MetricChangeBody { key, before, after }
    }
}

impl From<CardChange> for CardChangeBody {
    fn from(change: CardChange) -> Self {
        let CardChange { field, before, after } = change;
        CardChangeBody { field, before, after }
    }
}

impl From<CheckChange> for CheckChangeBody {
    fn from(change: CheckChange) -> Self {
        let CheckChange { id, before, after, message, verdict } = change;
        CheckChangeBody { id, before, after, message, verdict }
    }
}

impl From<Told> for ToldBody {
    fn from(told: Told) -> Self {
        let Told { number, notifier, state, at, ended_at, reason } = told;
        ToldBody { number, notifier, state, at, ended_at, reason }
    }
}
