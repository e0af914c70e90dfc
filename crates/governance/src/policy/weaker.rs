//! Whether a policy asks less than the one before it.
//!
//! What cannot be told to ask as much or more counts as less: the answer decides who may apply it.

use super::window::Window;
use super::written::{Approvals, CheckDemand, DataDemand, Policy, Rollback};

impl Policy {
    /// In which ways `next` asks less than this policy; nothing when it asks as much or more.
    #[must_use]
    pub fn weaker_in(&self, next: &Self) -> Vec<String> {
        let mut ways = Vec::new();
        self.guarding(next, &mut ways);
        self.requirements(next, &mut ways);
        self.documents(next, &mut ways);
        self.fewer_people(next, &mut ways);
        self.other_times(next, &mut ways);
        self.exceptions(next, &mut ways);
        ways
    }

    fn guarding(&self, next: &Self, ways: &mut Vec<String>) {
        if next.tier != self.tier {
            ways.push(format!("the policy is for tier `{}` instead of `{}`", next.tier, self.tier));
        }
        if self.aliases.is_empty() && !next.aliases.is_empty() {
            ways.push("the policy guards some aliases only".to_owned());
        }
        for alias in self.aliases.iter().filter(|alias| !next.guards(alias)) {
            ways.push(format!("the policy does not guard `{alias}` any more"));
        }
        if next.admission() < self.admission() {
            ways.push("versions need less before they get a share of the traffic".to_owned());
        }
    }

    fn requirements(&self, next: &Self, ways: &mut Vec<String>) {
        let (old, new) = (&self.require, &next.require);
        if old.gates && !new.gates {
            ways.push("the promotion rules need not hold any more".to_owned());
        }
        for check in old.checks.iter().filter(|check| !new.checks.iter().any(|other| as_strict(check, other)))
        {
            ways.push(format!("check `{}` is not asked for as it was", check.id));
        }
        if rank(new.data) < rank(old.data) {
            ways.push("the data need not be as good any more".to_owned());
        }
        if old.schema.is_some() && new.schema.is_none() {
            ways.push("requests that are good now need not stay good any more".to_owned());
        }
        for kind in old.quiet.iter().filter(|kind| !new.quiet.contains(kind)) {
            ways.push(format!("alerts of kind `{kind}` may fire"));
        }
        for evidence in old.evidence.iter().filter(|evidence| !new.evidence.contains(evidence)) {
            ways.push(format!("this need not be recorded any more: {}", evidence.words()));
        }
    }

    fn documents(&self, next: &Self, ways: &mut Vec<String>) {
        for (what, old, new) in
            [("card", &self.card, &next.card), ("datasheet", &self.datasheet, &next.datasheet)]
        {
            for field in old.iter().filter(|field| !new.contains(field)) {
                ways.push(format!("field `{field}` of the {what} may stay blank"));
            }
        }
    }

    fn fewer_people(&self, next: &Self, ways: &mut Vec<String>) {
        let (Approvals::By(old), new) = (&self.approvals, &next.approvals) else { return };
        let Approvals::By(new) = new else {
            if !old.is_empty() {
                ways.push("the policy approves by itself".to_owned());
            }
            return;
        };
        for demand in old {
            let before: u32 =
                old.iter().filter(|other| other.from == demand.from).map(|other| other.count).sum();
            let after: u32 =
                new.iter().filter(|other| other.from == demand.from).map(|other| other.count).sum();
            if after < before {
                ways.push(format!("{after} instead of {before} must approve from `{}`", demand.from));
            }
            let (Some(were), Some(are)) = (self.groups.get(&demand.from), next.groups.get(&demand.from))
            else {
                continue;
            };
            for person in are.iter().filter(|person| !were.contains(person)) {
                ways.push(format!("`{person}` may approve as one of `{}`", demand.from));
            }
        }
    }

    fn other_times(&self, next: &Self, ways: &mut Vec<String>) {
        let covered = |window: &Window| {
            let day = |day| {
                let holds = |old: &Window| {
                    old.days.contains(day) && old.from <= window.from && window.until <= old.until
                };
                self.windows.iter().any(holds)
            };
            window.days.iter().all(day)
        };
        if !self.windows.is_empty() && (next.windows.is_empty() || !next.windows.iter().all(covered)) {
            ways.push("moves may be carried out at more times".to_owned());
        }
        for freeze in &self.freezes {
            if !next.freezes.iter().any(|other| other.from <= freeze.from && freeze.until <= other.until) {
                ways.push(format!("the freeze until {} is lifted", freeze.until));
            }
        }
    }

    fn exceptions(&self, next: &Self, ways: &mut Vec<String>) {
        match (self.break_glass, next.break_glass) {
            (None, Some(_)) => ways.push("there is a glass to break".to_owned()),
            (Some(old), Some(new)) if new.longest > old.longest => {
                ways.push(format!("a broken glass stands for {}", new.longest.in_words()));
            }
            _ => {}
        }
        if self.rollback == Rollback::Reviewed && next.rollback == Rollback::Free {
            ways.push("going back needs no review any more".to_owned());
        }
    }
}

/// Whether `new` asks of the check what `old` asks, or more.
fn as_strict(old: &CheckDemand, new: &CheckDemand) -> bool {
    let age = match (old.within, new.within) {
        (None, _) => true,
        (Some(_), None) => false,
        (Some(old), Some(new)) => new <= old,
    };
    new.id == old.id && (old.warnings || !new.warnings) && age
}

fn rank(demand: Option<DataDemand>) -> u8 {
    match demand {
        None => 0,
        Some(DataDemand::NotBlocked) => 1,
        Some(DataDemand::NoFailures) => 2,
        Some(DataDemand::NoWarnings) => 3,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    #[expect(clippy::needless_pass_by_value, reason = "values are written where they are handed over")]
    fn policy(rest: Value) -> Policy {
        let mut whole = json!({ "policy": "p", "tier": "high" });
        whole.as_object_mut().unwrap().extend(rest.as_object().unwrap().clone());
        serde_json::from_value(whole).unwrap()
    }

    fn check(before: Value, after: Value, expected: &[&str]) {
        let told = format!("{before} -> {after}");
        assert_eq!(policy(before).weaker_in(&policy(after)), expected, "{told}");
    }

    fn by(count: u32, from: &str) -> Value {
        json!([{ "count": count, "from": from }])
    }

    fn window(days: &[&str], from: &str, until: &str) -> Value {
        json!({ "windows": [{ "days": days, "from": from, "until": until }] })
    }

    #[test]
    fn asking_more_is_not_weaker() {
        let nothing = || json!({});
        let risk = |people: &[&str]| json!({ "groups": { "risk": people }, "approvals": by(1, "risk") });
        let demand = |within: &str, warnings: bool| json!({ "require": { "checks": [{ "id": "a", "within": within, "warnings": warnings }] } });
        for (before, after) in [
            (
                nothing(),
                json!({ "require": { "gates": true, "checks": ["a"], "data": "not_blocked" }, "card": ["purpose"] }),
            ),
            (json!({ "approvals": "automatic" }), json!({ "approvals": by(1, "approver") })),
            (json!({ "approvals": by(1, "approver") }), json!({ "approvals": by(2, "approver") })),
            (demand("30d", true), demand("7d", false)),
            (json!({ "break_glass": { "longest": "8h" } }), nothing()),
            (json!({ "aliases": ["champion"] }), nothing()),
            (json!({ "traffic": "checked" }), json!({ "traffic": "approved" })),
            (risk(&["ada", "bo"]), risk(&["ada"])),
            (window(&["mon", "tue"], "08:00", "16:00"), window(&["tue"], "09:00", "12:00")),
        ] {
            check(before, after, &[]);
        }
    }

    #[test]
    fn every_way_of_asking_less_is_named() {
        let nothing = || json!({});
        let require = |what: Value| json!({ "require": what });
        let risk = |people: &[&str]| json!({ "groups": { "risk": people }, "approvals": by(1, "risk") });
        let freeze =
            json!({ "freezes": [{ "from": "2026-12-20T00:00:00Z", "until": "2027-01-03T00:00:00Z" }] });
        for (before, after, expected) in [
            (require(json!({ "gates": true })), nothing(), "the promotion rules need not hold any more"),
            (
                require(json!({ "checks": ["a"] })),
                require(json!({ "checks": [{ "id": "a", "warnings": true }] })),
                "check `a` is not asked for as it was",
            ),
            (
                require(json!({ "checks": ["a"] })),
                require(json!({ "checks": ["b"] })),
                "check `a` is not asked for as it was",
            ),
            (
                require(json!({ "data": "no_failures" })),
                require(json!({ "data": "not_blocked" })),
                "the data need not be as good any more",
            ),
            (
                require(json!({ "schema": "compatible" })),
                nothing(),
                "requests that are good now need not stay good any more",
            ),
            (require(json!({ "quiet": ["drift"] })), nothing(), "alerts of kind `drift` may fire"),
            (
                require(json!({ "evidence": ["code"] })),
                nothing(),
                "this need not be recorded any more: the code that made it",
            ),
            (json!({ "card": ["purpose"] }), nothing(), "field `purpose` of the card may stay blank"),
            (nothing(), json!({ "approvals": "automatic" }), "the policy approves by itself"),
            (
                json!({ "approvals": by(2, "approver") }),
                nothing(),
                "1 instead of 2 must approve from `approver`",
            ),
            (risk(&["ada"]), risk(&["ada", "bo"]), "`bo` may approve as one of `risk`"),
            (window(&["mon"], "08:00", "16:00"), nothing(), "moves may be carried out at more times"),
            (freeze, nothing(), "the freeze until 2027-01-03T00:00:00Z is lifted"),
            (nothing(), json!({ "break_glass": { "longest": "8h" } }), "there is a glass to break"),
            (
                json!({ "break_glass": { "longest": "4h" } }),
                json!({ "break_glass": { "longest": "8h" } }),
                "a broken glass stands for 8 hours",
            ),
            (json!({ "rollback": "reviewed" }), nothing(), "going back needs no review any more"),
            (nothing(), json!({ "aliases": ["champion"] }), "the policy guards some aliases only"),
            (
                json!({ "aliases": ["champion", "best"] }),
                json!({ "aliases": ["best"] }),
                "the policy does not guard `champion` any more",
            ),
            (
                nothing(),
                json!({ "traffic": "checked" }),
                "versions need less before they get a share of the traffic",
            ),
        ] {
            check(before, after, &[expected]);
        }
    }

    #[test]
    fn a_policy_for_a_lower_tier_is_weaker() {
        let before = policy(json!({}));
        let low = Policy { tier: "low".to_owned(), ..before.clone() };
        assert_eq!(before.weaker_in(&low).len(), 2);
    }
}
