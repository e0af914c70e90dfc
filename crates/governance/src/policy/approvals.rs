//! Who may say yes, and whether enough have: each person counts once, for the demand where they are needed.

use std::collections::BTreeSet;

use super::facts::{ApprovalFact, Facts, Opinion};
use super::written::{Demand, Policy};
use crate::role::Role;

/// Why an opinion does not count; nothing when it does.
pub(super) fn excluded(facts: &Facts, person: &str) -> Option<&'static str> {
    if facts.requester.as_deref() == Some(person) {
        return Some("asked for the move");
    }
    facts.trainers.contains(person).then_some("trained the version")
}

/// Whether an approval satisfies a demand. An admin stands in for a role, never for a named group.
fn serves(policy: &Policy, demand: &Demand, approval: &ApprovalFact) -> bool {
    match policy.groups.get(&demand.from) {
        Some(people) => people.contains(&approval.by),
        None => approval.roles.contains(&demand.from) || approval.roles.contains(Role::Admin.as_str()),
    }
}

/// The approvals that count: given for this digest, by somebody who neither asked nor trained.
pub(super) fn standing(facts: &Facts) -> Vec<&ApprovalFact> {
    facts
        .approvals
        .iter()
        .filter(|given| given.opinion == Opinion::Approve && given.digest == facts.digest)
        .filter(|given| excluded(facts, &given.by).is_none())
        .collect()
}

/// How many places of each demand are taken when people are seated so that most places are.
///
/// Augmenting paths, as in Kuhn's method for matchings in bipartite graphs: places on one side, people on the other.
pub(super) fn seated(policy: &Policy, demands: &[Demand], approvals: &[&ApprovalFact]) -> Vec<u32> {
    let places: Vec<usize> = demands
        .iter()
        .enumerate()
        .flat_map(|(index, demand)| std::iter::repeat_n(index, demand.count as usize))
        .collect();
    let mut seats: Vec<Option<usize>> = vec![None; approvals.len()];
    for place in 0..places.len() {
        seat(policy, demands, approvals, &places, place, &mut seats, &mut BTreeSet::new());
    }
    let mut taken = vec![0; demands.len()];
    for place in seats.into_iter().flatten() {
        if let Some(count) = places.get(place).and_then(|demand| taken.get_mut(*demand)) {
            *count += 1;
        }
    }
    taken
}

/// Seats somebody at `place`, moving others to places where they serve too.
fn seat(
    policy: &Policy,
    demands: &[Demand],
    approvals: &[&ApprovalFact],
    places: &[usize],
    place: usize,
    seats: &mut [Option<usize>],
    tried: &mut BTreeSet<usize>,
) -> bool {
    let Some(demand) = places.get(place).and_then(|demand| demands.get(*demand)) else { return false };
    for (person, approval) in approvals.iter().enumerate() {
        if !serves(policy, demand, approval) || !tried.insert(person) {
            continue;
        }
        let free = match seats.get(person).copied().flatten() {
            None => true,
            Some(other) => seat(policy, demands, approvals, places, other, seats, tried),
        };
        if free && let Some(its) = seats.get_mut(person) {
            *its = Some(place);
            return true;
        }
    }
    false
}
