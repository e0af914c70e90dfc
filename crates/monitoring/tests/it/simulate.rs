//! Rules tried on the past, beside what really happened.

use std::collections::BTreeMap;

use monitoring::{State, simulate};

use crate::traffic::{spec, story};

#[test]
fn the_rule_that_was_in_force_fires_when_it_did() {
    let (spec, reports) = (spec(), story());
    let played = simulate(&spec, &reports, &BTreeMap::new());
    assert_eq!(played.windows, reports.len());
    let rule = |name: &str| played.rules.iter().find(|rule| rule.rule == name).unwrap();
    let count = |is: &dyn Fn(&monitoring::WindowReport) -> bool| reports.iter().filter(|one| is(one)).count();
    assert_eq!(rule("drift").firing_windows, count(&|one| one.drift_state == State::Drift));
    let degraded = |one: &monitoring::WindowReport| {
        one.performance.as_ref().is_some_and(|performance| performance.state == State::Degraded)
    };
    assert_eq!(rule("performance").firing_windows, count(&degraded));
    assert_eq!(rule("value_range").breached, count(&|one| !one.ranges.is_empty()));
}

#[test]
fn a_looser_rule_never_fires_more_often() {
    let reports = story();
    let mut before = usize::MAX;
    for worse_than in [1.1, 1.3, 2.0, 50.0] {
        let mut tried = spec();
        if let Some(rule) = &mut tried.performance {
            rule.worse_than = worse_than;
        }
        let played = simulate(&tried, &reports, &BTreeMap::new());
        let performance = played.rules.iter().find(|rule| rule.rule == "performance").unwrap();
        assert!(performance.breached <= before, "{worse_than}");
        before = performance.breached;
    }
    assert_eq!(before, 0);
}
