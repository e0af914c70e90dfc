//! From a policy and facts to a verdict: each rule with pass, fail or wait, and why.

use base::{Digest, Timestamp};
use serde::{Deserialize, Serialize};

use super::approvals::{excluded, seated, standing};
use super::facts::{Facts, Opinion, SchemaFact};
use super::window::{is_open, next_opening};
use super::written::{Approvals, CheckDemand, DataDemand, Policy};

/// How a rule came out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Mark {
    /// It holds.
    Pass,
    /// It does not hold yet; time or people can still make it hold.
    Waits,
    /// It does not hold.
    Fail,
}

/// Where a move stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Standing {
    /// Every rule holds.
    Allowed,
    /// A rule does not hold, and somebody answers for moving all the same.
    Overridden,
    /// Nothing failed; something is waited for.
    Waits,
    /// A rule does not hold.
    Refused,
}

/// A page that shows what a rule was judged by.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Proof {
    /// What it is.
    pub title: String,
    /// Where it is.
    pub link: String,
}

/// One rule with how it came out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RuleVerdict {
    /// Its place in the policy, such as `require.schema`.
    pub rule: String,
    /// What it asks, in words.
    pub asks: String,
    /// How it came out.
    pub mark: Mark,
    /// Why, in a sentence.
    pub why: String,
    /// What it was judged by.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub proofs: Vec<Proof>,
}

/// Whether a move may be carried out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PolicyVerdict {
    /// The policy.
    pub policy: String,
    /// Its tier.
    pub tier: String,
    /// The model.
    pub model: String,
    /// The alias.
    pub alias: String,
    /// The version.
    pub version: i64,
    /// The version that the alias points at now.
    pub previous: Option<i64>,
    /// What approvals are given for.
    pub digest: Digest,
    /// Where the move stands.
    pub standing: Standing,
    /// Whether it may be carried out now.
    pub allowed: bool,
    /// Whether the policy itself approves.
    pub automatic: bool,
    /// In a sentence.
    pub summary: String,
    /// Every rule.
    pub rules: Vec<RuleVerdict>,
    /// When it was judged.
    pub at: Timestamp,
}

impl PolicyVerdict {
    /// The rules that do not hold.
    pub fn objections(&self) -> impl Iterator<Item = &RuleVerdict> {
        self.rules.iter().filter(|rule| rule.mark != Mark::Pass)
    }
}

/// Judges a move.
#[must_use]
pub fn judge(policy: &Policy, facts: &Facts) -> PolicyVerdict {
    let mut rules = Vec::new();
    if let Some(why) = &facts.stale {
        rules.push(rule("review", "the request fits what is there", Mark::Fail, why.clone()));
    }
    gates(policy, facts, &mut rules);
    checks(policy, facts, &mut rules);
    data(policy, facts, &mut rules);
    schema(policy, facts, &mut rules);
    quiet(policy, facts, &mut rules);
    evidence(policy, facts, &mut rules);
    documents(policy, facts, &mut rules);
    opinions(policy, facts, &mut rules);
    times(policy, facts, &mut rules);
    let any = |mark| rules.iter().any(|rule: &RuleVerdict| rule.mark == mark);
    let standing = match (any(Mark::Fail), any(Mark::Waits), &facts.exception) {
        (false, false, _) => Standing::Allowed,
        (_, _, Some(_)) if facts.stale.is_none() => Standing::Overridden,
        (true, _, _) => Standing::Refused,
        (false, true, _) => Standing::Waits,
    };
    PolicyVerdict {
        policy: policy.policy.clone(),
        tier: policy.tier.clone(),
        model: facts.model.clone(),
        alias: facts.alias.clone(),
        version: facts.version,
        previous: facts.previous,
        digest: facts.digest,
        standing,
        allowed: matches!(standing, Standing::Allowed | Standing::Overridden),
        automatic: policy.approvals == Approvals::Automatic,
        summary: summary(policy, facts, standing, &rules),
        rules,
        at: facts.now,
    }
}

fn summary(policy: &Policy, facts: &Facts, standing: Standing, rules: &[RuleVerdict]) -> String {
    let first = |mark| rules.iter().find(|rule| rule.mark == mark).map_or("", |rule| rule.why.as_str());
    let held = rules.len();
    match (standing, &facts.exception) {
        (Standing::Allowed, _) if policy.approvals == Approvals::Automatic => {
            format!("approved by policy `{}`: all {held} rules hold", policy.policy)
        }
        (Standing::Allowed, _) => format!("all {held} rules of policy `{}` hold", policy.policy),
        (Standing::Overridden, Some(exception)) => {
            format!("`{}` answers for it until {}: {}", exception.by, exception.expires_at, exception.reason)
        }
        (Standing::Overridden | Standing::Refused, _) => first(Mark::Fail).to_owned(),
        (Standing::Waits, _) => first(Mark::Waits).to_owned(),
    }
}

fn rule(rule: impl Into<String>, asks: impl Into<String>, mark: Mark, why: impl Into<String>) -> RuleVerdict {
    RuleVerdict { rule: rule.into(), asks: asks.into(), mark, why: why.into(), proofs: Vec::new() }
}

fn passes(holds: bool) -> Mark {
    if holds { Mark::Pass } else { Mark::Fail }
}

impl RuleVerdict {
    fn seen(mut self, title: impl Into<String>, link: impl Into<String>) -> Self {
        self.proofs.push(Proof { title: title.into(), link: link.into() });
        self
    }
}

fn version_page(facts: &Facts) -> String {
    format!("/models/{}/versions/{}", facts.model, facts.version)
}

fn gates(policy: &Policy, facts: &Facts, rules: &mut Vec<RuleVerdict>) {
    if !policy.require.gates {
        return;
    }
    let place = "require.gates";
    let asks = "the promotion rules held";
    let page = version_page(facts);
    let told = format!("version {}", facts.version);
    match &facts.gates {
        None => {
            let why = format!("version {} was never weighed by the promotion rules", facts.version);
            rules.push(rule(place, asks, Mark::Fail, why).seen(told, page));
        }
        Some(gates) if gates.is_empty() => {
            rules
                .push(rule(place, asks, Mark::Fail, "there are no promotion rules to hold").seen(told, page));
        }
        Some(gates) => rules.extend(gates.iter().map(|gate| {
            rule(place, gate.rule.clone(), passes(gate.passed), gate.why.clone())
                .seen(told.clone(), page.clone())
        })),
    }
}

fn checks(policy: &Policy, facts: &Facts, rules: &mut Vec<RuleVerdict>) {
    for demand in &policy.require.checks {
        let asks = match demand.within {
            None => format!("check `{}` passes", demand.id),
            Some(within) => format!("check `{}` passed within {}", demand.id, within.in_words()),
        };
        let found: Vec<_> = facts.checks.iter().filter(|(id, _)| names(demand, id)).collect();
        if found.is_empty() {
            let why = format!("no result of check `{}` is kept for version {}", demand.id, facts.version);
            rules.push(rule("require.checks", asks.clone(), Mark::Fail, why));
        }
        for (id, result) in found {
            let good = result.outcome == "pass" || (demand.warnings && result.outcome == "warn");
            let old = demand.within.filter(|within| facts.now.since(result.at) > *within);
            let why = match old {
                Some(_) => format!("the result of `{id}` is from {}, which is too long ago", result.at),
                None => result.message.clone(),
            };
            let link = format!("/api/v1/verdicts/{}", result.verdict);
            let verdict = rule("require.checks", asks.clone(), passes(good && old.is_none()), why);
            rules.push(verdict.seen(format!("verdict of {}", result.at.date()), link));
        }
    }
}

fn names(demand: &CheckDemand, id: &str) -> bool {
    match demand.id.strip_suffix('*') {
        Some(beginning) => id.starts_with(beginning),
        None => id == demand.id,
    }
}

fn data(policy: &Policy, facts: &Facts, rules: &mut Vec<RuleVerdict>) {
    let Some(demand) = policy.require.data else { return };
    let (place, asks) = match demand {
        DataDemand::NotBlocked => ("require.data", "no check blocks the data it learnt from"),
        DataDemand::NoFailures => ("require.data", "no check of the data it learnt from fails"),
        DataDemand::NoWarnings => ("require.data", "no check of the data it learnt from warns"),
    };
    let Some(sets) = facts.data.as_ref().filter(|sets| !sets.is_empty()) else {
        let why = format!("it is not recorded from which data version {} learnt", facts.version);
        rules.push(rule(place, asks, Mark::Fail, why));
        return;
    };
    for set in sets {
        let name = set.dataset.split('@').next().unwrap_or_default();
        let verdict = match &set.verdict {
            None => rule(place, asks, Mark::Fail, format!("`{}` was never checked", set.dataset)),
            Some((_, outcome, blocked, words)) => {
                let holds = !blocked
                    && match demand {
                        DataDemand::NotBlocked => true,
                        DataDemand::NoFailures => matches!(outcome.as_str(), "pass" | "warn"),
                        DataDemand::NoWarnings => outcome == "pass",
                    };
                rule(place, asks, passes(holds), format!("`{}`: {words}", set.dataset))
            }
        };
        rules.push(verdict.seen(set.dataset.clone(), format!("/data/{name}")));
    }
}

fn schema(policy: &Policy, facts: &Facts, rules: &mut Vec<RuleVerdict>) {
    if policy.require.schema.is_none() {
        return;
    }
    let (place, asks) = ("require.schema", "requests that are good now stay good");
    let told = |previous: i64| format!("those who ask version {previous} can go on as they do");
    let (mark, why) = match (&facts.schema, facts.previous) {
        (SchemaFact::Nobody, _) => (Mark::Pass, format!("nobody asks `{}` yet", facts.alias)),
        (SchemaFact::Compatible, previous) => (Mark::Pass, told(previous.unwrap_or_default())),
        (SchemaFact::Breaks(reasons), _) => (Mark::Fail, reasons.join("; ")),
        (SchemaFact::Unknown(why), _) => (Mark::Fail, why.clone()),
    };
    rules.push(rule(place, asks, mark, why).seen(format!("version {}", facts.version), version_page(facts)));
}

fn quiet(policy: &Policy, facts: &Facts, rules: &mut Vec<RuleVerdict>) {
    for kind in &policy.require.quiet {
        let firing: Vec<_> = facts.alerts.iter().filter(|alert| alert.kind == *kind).collect();
        let why = match firing.as_slice() {
            [] => format!("no alert of kind `{kind}` fires"),
            [alert, ..] => format!("an alert fires: {}", alert.title),
        };
        let mut verdict =
            rule("require.quiet", format!("no `{kind}` alert fires"), passes(firing.is_empty()), why);
        for alert in firing {
            verdict = verdict.seen(alert.title.clone(), format!("/alerts/{}", alert.id));
        }
        rules.push(verdict);
    }
}

fn evidence(policy: &Policy, facts: &Facts, rules: &mut Vec<RuleVerdict>) {
    for wanted in &policy.require.evidence {
        let (place, asks) = ("require.evidence", format!("recorded: {}", wanted.words()));
        rules.push(match facts.evidence.get(wanted) {
            Some(known) => {
                rule(place, asks, Mark::Pass, "it can be looked at").seen(wanted.words(), known.link.clone())
            }
            None => {
                let why = format!("nothing is recorded of {} for version {}", wanted.words(), facts.version);
                rule(place, asks, Mark::Fail, why)
            }
        });
    }
}

fn documents(policy: &Policy, facts: &Facts, rules: &mut Vec<RuleVerdict>) {
    let blank = |wanted: &[String], filled: &std::collections::BTreeSet<String>| -> Vec<String> {
        wanted.iter().filter(|field| !filled.contains(*field)).map(|field| format!("`{field}`")).collect()
    };
    if !policy.card.is_empty() {
        let missing = blank(&policy.card, &facts.card);
        let why = if missing.is_empty() {
            "every field that must be filled is".to_owned()
        } else {
            format!("the card of version {} is blank in {}", facts.version, missing.join(", "))
        };
        let asks = format!("the model card has {}", policy.card.join(", "));
        let verdict = rule("card", asks, passes(missing.is_empty()), why);
        rules.push(verdict.seen("model card", format!("{}/card", version_page(facts))));
    }
    if policy.datasheet.is_empty() {
        return;
    }
    let asks = format!("each datasheet has {}", policy.datasheet.join(", "));
    if facts.datasheets.is_empty() {
        let why = format!("it is not recorded from which data version {} learnt", facts.version);
        rules.push(rule("datasheet", asks.clone(), Mark::Fail, why));
    }
    for sheet in &facts.datasheets {
        let missing = blank(&policy.datasheet, &sheet.fields);
        let why = if missing.is_empty() {
            format!("the datasheet of `{}` has them", sheet.dataset)
        } else {
            format!("the datasheet of `{}` is blank in {}", sheet.dataset, missing.join(", "))
        };
        let verdict = rule("datasheet", asks.clone(), passes(missing.is_empty()), why);
        rules.push(
            verdict.seen(
                format!("datasheet of {}", sheet.dataset),
                format!("/data/{}/datasheet", sheet.dataset),
            ),
        );
    }
}

fn opinions(policy: &Policy, facts: &Facts, rules: &mut Vec<RuleVerdict>) {
    let against = facts
        .approvals
        .iter()
        .filter(|given| given.opinion == Opinion::RequestChanges && given.digest == facts.digest);
    for given in against {
        let why = format!("`{}` asked for changes", given.by);
        rules.push(rule("approvals", "nobody asks for changes", Mark::Fail, why));
    }
    let demands = match &policy.approvals {
        Approvals::Automatic => {
            let why = format!("policy `{}` approves by itself when all else holds", policy.policy);
            rules.push(rule("approvals", "the policy approves", Mark::Pass, why));
            return;
        }
        Approvals::By(demands) => demands,
    };
    let standing = standing(facts);
    let seated = seated(policy, demands, &standing);
    for (index, (demand, seated)) in demands.iter().zip(seated).enumerate() {
        let asks = format!("{} from `{}`", counted(demand.count, "approval"), demand.from);
        let missing = demand.count.saturating_sub(seated);
        let by: Vec<String> = standing.iter().map(|given| format!("`{}`", given.by)).collect();
        let (mark, why) = if missing == 0 {
            let by = if by.is_empty() { "nobody".to_owned() } else { by.join(", ") };
            (Mark::Pass, format!("approved by {by}"))
        } else {
            (
                Mark::Waits,
                format!("waits for {} from `{}`{}", counted(missing, "approval"), demand.from, gone(facts)),
            )
        };
        rules.push(rule(format!("approvals[{index}]"), asks, mark, why));
    }
}

/// Why approvals that were given do not count.
fn gone(facts: &Facts) -> String {
    let mut reasons = Vec::new();
    for given in facts.approvals.iter().filter(|given| given.opinion == Opinion::Approve) {
        if let Some(why) = excluded(facts, &given.by) {
            reasons.push(format!("that of `{}` does not count, who {why}", given.by));
        } else if given.digest != facts.digest {
            reasons.push(format!("that of `{}` was for {}", given.by, given.digest.short()));
        }
    }
    if reasons.is_empty() { String::new() } else { format!(" ({})", reasons.join("; ")) }
}

fn counted(count: u32, noun: &str) -> String {
    format!("{count} {noun}{}", if count == 1 { "" } else { "s" })
}

fn times(policy: &Policy, facts: &Facts, rules: &mut Vec<RuleVerdict>) {
    let now = facts.now;
    let opens = || match next_opening(&policy.windows, &policy.freezes, now) {
        Some(at) => format!("; it may from {at} on"),
        None => String::new(),
    };
    if !policy.windows.is_empty() {
        let open = is_open(&policy.windows, now);
        let (mark, why) = if open {
            (Mark::Pass, "a change window is open".to_owned())
        } else {
            (Mark::Waits, format!("no change window is open at {now}{}", opens()))
        };
        rules.push(rule("windows", "a change window is open", mark, why));
    }
    if !policy.freezes.is_empty() {
        let frozen = policy.freezes.iter().find(|freeze| freeze.from <= now && now < freeze.until);
        let (mark, why) = match frozen {
            None => (Mark::Pass, "nothing is frozen".to_owned()),
            Some(freeze) => {
                let reason =
                    if freeze.reason.is_empty() { String::new() } else { format!(" ({})", freeze.reason) };
                (Mark::Waits, format!("nothing moves until {}{reason}{}", freeze.until, opens()))
            }
        };
        rules.push(rule("freezes", "nothing is frozen", mark, why));
    }
}
