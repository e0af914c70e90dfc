//! Policies judged: a line for each fact, and what the rule says to it.

use std::collections::{BTreeMap, BTreeSet};

use base::{Digest, Period, Timestamp};
use serde_json::{Value, json};

use super::*;

/// 2026-11-24, a Tuesday.
const NOW: &str = "2026-11-24T10:00:00Z";

fn at(text: &str) -> Timestamp {
    Timestamp::parse(text).unwrap()
}

#[expect(clippy::needless_pass_by_value, reason = "values are written where they are handed over")]
fn policy(rest: Value) -> Policy {
    let mut whole = json!({ "policy": "p", "tier": "t", "approvals": "automatic" });
    whole.as_object_mut().unwrap().extend(rest.as_object().unwrap().clone());
    let policy: Policy = serde_json::from_value(whole).unwrap();
    assert_eq!(policy.fault(&["drift", "performance"]), None);
    policy
}

fn facts() -> Facts {
    Facts {
        model: "traffic".into(),
        alias: "champion".into(),
        version: 2,
        previous: Some(1),
        digest: Digest::of("2"),
        gates: None,
        checks: BTreeMap::new(),
        data: None,
        schema: SchemaFact::Compatible,
        alerts: Vec::new(),
        evidence: BTreeMap::new(),
        card: BTreeSet::new(),
        datasheets: Vec::new(),
        approvals: Vec::new(),
        requester: Some("rita".into()),
        trainers: BTreeSet::from(["tom".to_owned()]),
        exception: None,
        stale: None,
        now: at(NOW),
    }
}

fn says(by: &str, role: &str, opinion: Opinion, digest: &str) -> ApprovalFact {
    ApprovalFact {
        by: by.into(),
        roles: BTreeSet::from([role.to_owned()]),
        opinion,
        digest: Digest::of(digest),
        at: at(NOW),
    }
}

fn yes(by: &str, role: &str) -> ApprovalFact {
    says(by, role, Opinion::Approve, "2")
}

/// Judges, and answers the standing with the reasons that speak against it.
fn judged(policy: &Policy, facts: &Facts) -> (Standing, String) {
    let verdict = judge(policy, facts);
    let whys: Vec<&str> = verdict.objections().map(|rule| rule.why.as_str()).collect();
    (verdict.standing, whys.join(" | "))
}

#[expect(clippy::needless_pass_by_value, reason = "values are written where they are handed over")]
fn check(asked: Value, change: impl FnOnce(&mut Facts), standing: Standing, why: &str) {
    let mut facts = facts();
    change(&mut facts);
    let found = judged(&policy(asked.clone()), &facts);
    assert_eq!((found.0, found.1.as_str()), (standing, why), "{asked}");
}

fn result(outcome: &str, when: &str) -> CheckFact {
    CheckFact {
        outcome: outcome.into(),
        message: format!("it {outcome}s"),
        at: at(when),
        verdict: "v".into(),
    }
}

#[test]
fn a_policy_that_asks_nothing_allows() {
    check(json!({}), |_| {}, Standing::Allowed, "");
}

#[test]
fn gates_must_have_been_weighed_and_have_held() {
    let gates = || json!({ "require": { "gates": true } });
    check(gates(), |_| {}, Standing::Refused, "version 2 was never weighed by the promotion rules");
    check(
        gates(),
        |facts| facts.gates = Some(vec![]),
        Standing::Refused,
        "there are no promotion rules to hold",
    );
    let gate = |passed, why: &str| GateFact { rule: "beats".into(), passed, why: why.into() };
    let both = vec![gate(true, "better"), gate(false, "worse than the champion")];
    check(gates(), |facts| facts.gates = Some(both), Standing::Refused, "worse than the champion");
    check(gates(), |facts| facts.gates = Some(vec![gate(true, "better")]), Standing::Allowed, "");
}

#[test]
fn a_check_must_be_there_be_good_and_be_new() {
    let slices = || json!({ "require": { "checks": ["slices"] } });
    let missing = "no result of check `slices` is kept for version 2";
    check(slices(), |_| {}, Standing::Refused, missing);
    let with = |outcome: &'static str| {
        move |facts: &mut Facts| drop(facts.checks.insert("slices".into(), result(outcome, NOW)))
    };
    check(slices(), with("pass"), Standing::Allowed, "");
    for bad in ["warn", "fail", "error"] {
        check(slices(), with(bad), Standing::Refused, &format!("it {bad}s"));
    }
    let lenient = json!({ "require": { "checks": [{ "id": "slices", "warnings": true }] } });
    check(lenient, with("warn"), Standing::Allowed, "");
    let fresh = || json!({ "require": { "checks": [{ "id": "slices", "within": "7d" }] } });
    let old = |facts: &mut Facts| drop(facts.checks.insert("slices".into(), result("pass", "2026-11-01")));
    let why = "the result of `slices` is from 2026-11-01T00:00:00Z, which is too long ago";
    check(fresh(), old, Standing::Refused, why);
    check(fresh(), with("pass"), Standing::Allowed, "");
}

#[test]
fn a_star_takes_all_that_begin_so_and_asks_for_one_at_least() {
    let stars = || json!({ "require": { "checks": ["slice-*"] } });
    check(stars(), |_| {}, Standing::Refused, "no result of check `slice-*` is kept for version 2");
    let two = |second: &'static str| {
        move |facts: &mut Facts| {
            facts.checks.insert("slice-a".into(), result("pass", NOW));
            facts.checks.insert("slice-b".into(), result(second, NOW));
            facts.checks.insert("other".into(), result("fail", NOW));
        }
    };
    check(stars(), two("pass"), Standing::Allowed, "");
    check(stars(), two("fail"), Standing::Refused, "it fails");
}

#[test]
fn data_must_be_known_and_checked() {
    let data = |demand: &str| json!({ "require": { "data": demand } });
    let unknown = "it is not recorded from which data version 2 learnt";
    check(data("not_blocked"), |_| {}, Standing::Refused, unknown);
    check(data("not_blocked"), |facts| facts.data = Some(vec![]), Standing::Refused, unknown);
    let set = |verdict: Option<(&str, bool)>| {
        let verdict = verdict.map(|(outcome, blocked)| ("v".into(), outcome.into(), blocked, "words".into()));
        move |facts: &mut Facts| facts.data = Some(vec![DataFact { dataset: "t@3".into(), verdict }])
    };
    check(data("not_blocked"), set(None), Standing::Refused, "`t@3` was never checked");
    for (demand, outcome, blocked, standing) in [
        ("not_blocked", "fail", false, Standing::Allowed),
        ("not_blocked", "fail", true, Standing::Refused),
        ("no_failures", "fail", false, Standing::Refused),
        ("no_failures", "warn", false, Standing::Allowed),
        ("no_failures", "error", false, Standing::Refused),
        ("no_warnings", "warn", false, Standing::Refused),
        ("no_warnings", "pass", false, Standing::Allowed),
    ] {
        let why = if standing == Standing::Allowed { "" } else { "`t@3`: words" };
        check(data(demand), set(Some((outcome, blocked))), standing, why);
    }
}

#[test]
fn a_broken_schema_or_one_that_cannot_be_told_is_refused() {
    let schema = || json!({ "require": { "schema": "compatible" } });
    check(schema(), |facts| facts.schema = SchemaFact::Nobody, Standing::Allowed, "");
    check(schema(), |_| {}, Standing::Allowed, "");
    let breaks =
        |facts: &mut Facts| facts.schema = SchemaFact::Breaks(vec!["`a` is gone".into(), "`b` too".into()]);
    check(schema(), breaks, Standing::Refused, "`a` is gone; `b` too");
    check(schema(), |facts| facts.schema = SchemaFact::Unknown("no".into()), Standing::Refused, "no");
}

#[test]
fn alerts_of_the_kinds_named_must_not_fire() {
    let quiet = || json!({ "require": { "quiet": ["drift"] } });
    let fires = |kind: &'static str| {
        move |facts: &mut Facts| {
            facts.alerts =
                vec![AlertFact { id: "1".into(), kind: kind.into(), title: "rain drifted".into() }];
        }
    };
    check(quiet(), fires("drift"), Standing::Refused, "an alert fires: rain drifted");
    check(quiet(), fires("performance"), Standing::Allowed, "");
}

#[test]
fn evidence_and_documents_must_be_there() {
    let wants =
        || json!({ "require": { "evidence": ["code"] }, "card": ["purpose"], "datasheet": ["origin"] });
    let why = "nothing is recorded of the code that made it for version 2 | the card of version 2 is blank in `purpose` \
               | it is not recorded from which data version 2 learnt";
    check(wants(), |_| {}, Standing::Refused, why);
    let sheet =
        |field: &str| DatasheetFact { dataset: "t".into(), fields: BTreeSet::from([field.to_owned()]) };
    let filled = move |field: &'static str| {
        move |facts: &mut Facts| {
            facts.evidence.insert(Evidence::Code, Known { link: "/x".into() });
            facts.card.insert("purpose".into());
            facts.datasheets = vec![sheet(field)];
        }
    };
    check(wants(), filled("basis"), Standing::Refused, "the datasheet of `t` is blank in `origin`");
    check(wants(), filled("origin"), Standing::Allowed, "");
}

#[test]
fn approvals_count_once_a_person_never_the_requesters_or_trainers_and_only_for_this_digest() {
    let one = || json!({ "approvals": [{ "from": "approver" }] });
    let given = |all: Vec<ApprovalFact>| move |facts: &mut Facts| facts.approvals = all;
    let waits = |more: &str| format!("waits for 1 approval from `approver`{more}");
    check(one(), |_| {}, Standing::Waits, &waits(""));
    check(one(), given(vec![yes("ada", "approver")]), Standing::Allowed, "");
    check(one(), given(vec![yes("ada", "admin")]), Standing::Allowed, "");
    check(one(), given(vec![yes("ada", "viewer")]), Standing::Waits, &waits(""));
    let not = |who: &str, why: &str| waits(&format!(" (that of `{who}` does not count, who {why})"));
    check(one(), given(vec![yes("rita", "approver")]), Standing::Waits, &not("rita", "asked for the move"));
    check(one(), given(vec![yes("tom", "approver")]), Standing::Waits, &not("tom", "trained the version"));
    let stale = vec![says("ada", "approver", Opinion::Approve, "1")];
    let why = waits(&format!(" (that of `ada` was for {})", Digest::of("1").short()));
    check(one(), given(stale), Standing::Waits, &why);
    let two = || json!({ "approvals": [{ "count": 2, "from": "approver" }] });
    check(two(), given(vec![yes("ada", "approver")]), Standing::Waits, &waits(""));
    let both = vec![yes("ada", "approver"), yes("bo", "approver")];
    check(two(), given(both), Standing::Allowed, "");
}

#[test]
fn one_person_fills_one_place_and_people_are_seated_where_they_are_needed() {
    let wants = || {
        json!({
            "approvals": [{ "from": "approver" }, { "from": "risk" }],
            "groups": { "risk": ["ada"] },
        })
    };
    let given = |all: Vec<ApprovalFact>| move |facts: &mut Facts| facts.approvals = all;
    // Ada serves both demands and is one person.
    check(wants(), given(vec![yes("ada", "approver")]), Standing::Waits, "waits for 1 approval from `risk`");
    // Ada takes the first place until Bo, who serves that one alone, comes.
    let both = vec![yes("ada", "approver"), yes("bo", "approver")];
    check(wants(), given(both), Standing::Allowed, "");
    // An admin stands in for a role, never for a group.
    let admins = vec![yes("bo", "admin"), yes("cy", "admin")];
    check(wants(), given(admins), Standing::Waits, "waits for 1 approval from `risk`");
}

#[test]
fn a_wish_for_changes_stops_even_an_automatic_approval_until_the_digest_changes() {
    let against = |digest: &'static str| {
        move |facts: &mut Facts| {
            facts.approvals = vec![says("ada", "approver", Opinion::RequestChanges, digest)];
        }
    };
    check(json!({}), against("2"), Standing::Refused, "`ada` asked for changes");
    check(json!({}), against("1"), Standing::Allowed, "");
}

#[test]
fn outside_of_windows_and_within_freezes_a_move_waits() {
    let office = |day: &str| json!({ "windows": [{ "days": [day], "from": "08:00", "until": "16:00" }] });
    check(office("tue"), |_| {}, Standing::Allowed, "");
    let why = "no change window is open at 2026-11-24T10:00:00Z; it may from 2026-11-25T08:00:00Z on";
    check(office("wed"), |_| {}, Standing::Waits, why);
    let frozen = json!({ "freezes": [{ "from": "2026-11-24", "until": "2026-11-26", "reason": "peak" }] });
    let why = "nothing moves until 2026-11-26T00:00:00Z (peak); it may from 2026-11-26T00:00:00Z on";
    check(frozen, |_| {}, Standing::Waits, why);
}

#[test]
fn a_broken_glass_allows_and_leaves_the_rules_as_they_are() {
    let policy = policy(json!({ "card": ["purpose"], "break_glass": { "longest": "24h" } }));
    let exception = OverrideFact { number: 1, by: "ada".into(), reason: "fire".into(), expires_at: at(NOW) };
    let verdict = judge(&policy, &Facts { exception: Some(exception), ..facts() });
    assert!(verdict.allowed);
    assert_eq!(verdict.standing, Standing::Overridden);
    assert_eq!(verdict.objections().count(), 1);
    assert_eq!(verdict.summary, "`ada` answers for it until 2026-11-24T10:00:00Z: fire");
}

#[test]
fn a_request_that_does_not_fit_any_more_is_refused_whatever_else_holds() {
    let exception = OverrideFact { number: 1, by: "ada".into(), reason: "fire".into(), expires_at: at(NOW) };
    for exception in [None, Some(exception)] {
        let stale = move |facts: &mut Facts| {
            facts.stale = Some("it moved".into());
            facts.exception = exception;
        };
        check(json!({}), stale, Standing::Refused, "it moved");
    }
}

#[test]
fn faults_are_placed() {
    for (rest, path, message) in [
        (json!({ "approvals": [{ "from": "aprover" }] }), "approvals[0].from", "neither a group"),
        (
            json!({ "approvals": [{ "from": "approver", "count": 0 }] }),
            "approvals[0].count",
            "between 1 and 20",
        ),
        (
            json!({ "approvals": [{ "from": "risk", "count": 2 }], "groups": { "risk": ["ada"] } }),
            "approvals[0].count",
            "between 1 and 1",
        ),
        (json!({ "groups": { "admin": ["ada"] } }), "groups.admin", "is a role"),
        (json!({ "require": { "quiet": ["drfit"] } }), "require.quiet[0]", "no alert is of kind"),
        (json!({ "require": { "checks": ["a*b"] } }), "require.checks[0]", "by its id"),
        (json!({ "card": ["Purpose!"] }), "card[0]", "names no field"),
        (
            json!({ "windows": [{ "days": ["mon"], "from": "16:00", "until": "08:00" }] }),
            "windows[0]",
            "ends after it begins",
        ),
        (json!({ "break_glass": { "longest": "90d" } }), "break_glass.longest", "at most 30 days"),
        (json!({ "tier": "very high" }), "tier", "tier"),
    ] {
        let mut whole = json!({ "policy": "p", "tier": "t" });
        whole.as_object_mut().unwrap().extend(rest.as_object().unwrap().clone());
        let fault = serde_json::from_value::<Policy>(whole).unwrap().fault(&["drift"]).unwrap();
        assert_eq!(fault.path, path);
        assert!(fault.message.contains(message), "{}", fault.message);
    }
}

#[test]
fn a_policy_survives_its_written_form() {
    let policy = policy(json!({
        "require": { "checks": ["a", { "id": "b-*", "warnings": true, "within": "7d" }], "schema": "compatible" },
        "approvals": [{ "count": 2, "from": "approver" }],
        "windows": [{ "days": ["mon"], "from": "08:00", "until": "24:00" }],
        "break_glass": { "longest": "24h" },
    }));
    assert_eq!(serde_json::from_value::<Policy>(json!(policy)).unwrap(), policy);
    assert_eq!(policy.break_glass.unwrap().longest, Period::from_hours(24));
}
