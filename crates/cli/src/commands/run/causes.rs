//! Why two runs may differ: only what the two records show, each cause with its evidence.

use std::collections::BTreeMap;

use serde::Serialize;

use super::compare::Difference;
use super::record::{Environment, Record};

/// The most packages that are named.
const MOST_NAMED: usize = 5;
/// Variables that say how many threads there are.
const THREADS: &str = "_THREADS";
/// Variables that fix chance.
const SEEDS: &[&str] = &["PYTHONHASHSEED", "TF_DETERMINISTIC_OPS", "CUBLAS_WORKSPACE_CONFIG"];

/// A likely cause.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct Cause {
    /// `environment`, `threads`, `time`, `network`, `code` or `seed`.
    pub(super) kind: &'static str,
    pub(super) evidence: String,
}

/// Likely causes, the likeliest first. The last one stands when nothing that was captured differs.
pub(super) fn causes(then: &Record, now: &Record, differences: &[Difference]) -> Vec<Cause> {
    let mut causes = Vec::new();
    let mut add = |kind, evidence: String| causes.push(Cause { kind, evidence });
    if then.code.tree != now.code.tree {
        add("code", "the code is not the same".to_owned());
    }
    if !then.code.left_out.is_empty() {
        add("code", format!("not all of it was captured: {}", then.code.left_out.join("; ")));
    }
    for evidence in environments(&then.environment, &now.environment) {
        add("environment", evidence);
    }
    let (old, new) = (&then.environment, &now.environment);
    if old.cores != new.cores {
        add("threads", format!("{} processors then, {} now", old.cores, new.cores));
    }
    for (name, value) in old.variables.iter().chain(&new.variables) {
        let (before, after) = (old.variables.get(name), new.variables.get(name));
        let cause = Cause {
            kind: if name.ends_with(THREADS) { "threads" } else { "environment" },
            evidence: format!("{name} was {} and is {}", shown(before), shown(after)),
        };
        if before != after && !value.is_empty() && !causes.contains(&cause) {
            causes.push(cause);
        }
    }
    if let Some(evidence) = libraries(then, now) {
        causes.push(Cause { kind: "environment", evidence });
    }
    let days = [then, now].map(|record| record.ended.as_ref().map(|ended| day_of(&ended.started_at)));
    let has_time =
        |text: &str| days.iter().flatten().any(|day| !day.is_empty() && text.contains(day.as_str()));
    if let Some(found) = differences.iter().find(|found| has_time(&found.then) || has_time(&found.now)) {
        let evidence = format!("what differs in {} at {} holds the day of the run", found.what, found.place);
        causes.push(Cause { kind: "time", evidence });
    }
    let mut connections: Vec<&String> = [then, now]
        .iter()
        .filter_map(|record| record.ended.as_ref())
        .flat_map(|ended| &ended.usage.connections)
        .collect();
    connections.sort();
    connections.dedup();
    if !connections.is_empty() {
        let named: Vec<&str> = connections.iter().take(MOST_NAMED).map(|name| name.as_str()).collect();
        causes.push(Cause { kind: "network", evidence: format!("it was connected to {}", named.join(", ")) });
    }
    if then.environment.python.is_some() {
        let unset: Vec<&str> =
            SEEDS.iter().take(1).filter(|name| !old.variables.contains_key(**name)).copied().collect();
        if !unset.is_empty() {
            let evidence =
                format!("{} is not set, so that the order of sets changes from run to run", unset.join(", "));
            causes.push(Cause { kind: "seed", evidence });
        }
    }
    let has_seed = then.params.iter().any(|param| param.name.to_lowercase().contains("seed"));
    if !has_seed && !then.command.iter().any(|word| word.to_lowercase().contains("seed")) {
        let evidence = "no param and no word of the command names a seed".to_owned();
        causes.push(Cause { kind: "seed", evidence });
    }
    let most = |record: &Record| record.ended.as_ref().map_or(0, |ended| ended.usage.most_threads);
    if most(then).max(most(now)) > 1 {
        let evidence = format!(
            "it had up to {} threads at work; sums that are added in another order differ in the last bits",
            most(then).max(most(now))
        );
        causes.push(Cause { kind: "threads", evidence });
    }
    causes
}

/// Libraries of the system that were loaded in one of the runs under a name with another version. Those of the
/// interpreter's packages are told by the packages themselves.
fn libraries(then: &Record, now: &Record) -> Option<String> {
    let of = |record: &Record| -> BTreeMap<String, String> {
        let all = record.ended.as_ref().map(|ended| ended.usage.libraries.clone()).unwrap_or_default();
        let system = all.into_iter().filter(|path| !path.contains("/site-packages/"));
        system
            .filter_map(|path| {
                let name = path.rsplit('/').next()?;
                Some((
                    name.split(".so").next()?.trim_end_matches(char::is_numeric).to_owned(),
                    name.to_owned(),
                ))
            })
            .collect()
    };
    let (old, new) = (of(then), of(now));
    let changed: Vec<String> = old
        .iter()
        .filter_map(|(name, before)| {
            let after = new.get(name).filter(|after| *after != before)?;
            Some(format!("library {before} then, {after} now"))
        })
        .take(MOST_NAMED)
        .collect();
    (!changed.is_empty()).then(|| changed.join(", "))
}

fn environments(then: &Environment, now: &Environment) -> Vec<String> {
    let mut evidence = Vec::new();
    let pairs = [
        ("operating system", &then.os, &now.os),
        ("architecture", &then.arch, &now.arch),
        ("processor", &then.cpu, &now.cpu),
        ("distribution", &then.distribution, &now.distribution),
        ("kernel", &then.kernel, &now.kernel),
    ];
    for (what, before, after) in pairs {
        if before != after {
            evidence.push(format!("{what} was `{before}` and is `{after}`"));
        }
    }
    if then.gpus != now.gpus {
        evidence.push(format!("GPUs were [{}] and are [{}]", then.gpus.join(", "), now.gpus.join(", ")));
    }
    if let (Some(before), Some(after)) = (&then.python, &now.python) {
        if before.version != after.version || before.implementation != after.implementation {
            evidence.push(format!(
                "{} {} then, {} {} now",
                before.implementation, before.version, after.implementation, after.version
            ));
        }
        let mut changed: Vec<String> = Vec::new();
        for name in before.packages.keys().chain(after.packages.keys()) {
            let (old, new) = (before.packages.get(name), after.packages.get(name));
            let words = format!("{name} was {} and is {}", shown(old), shown(new));
            if old != new && !changed.contains(&words) {
                changed.push(words);
            }
        }
        if !changed.is_empty() {
            let more = changed.len().saturating_sub(MOST_NAMED);
            changed.truncate(MOST_NAMED);
            let more = if more > 0 { format!(", and {more} packages more") } else { String::new() };
            evidence.push(format!("{}{more}", changed.join(", ")));
        }
    }
    evidence
}

fn shown(value: Option<&String>) -> &str {
    value.map_or("not there", String::as_str)
}

fn day_of(time: &str) -> String {
    time.chars().take(10).collect()
}

#[cfg(test)]
mod tests {
    use super::super::record::{Ended, Python, Usage};
    use super::*;

    fn kinds(then: &Record, now: &Record, differences: &[Difference]) -> Vec<&'static str> {
        causes(then, now, differences).into_iter().map(|cause| cause.kind).collect()
    }

    fn seeded() -> Record {
        Record { command: vec!["train".into(), "--seed=1".into()], ..Record::default() }
    }

    #[test]
    fn without_evidence_no_cause_is_named() {
        assert_eq!(kinds(&seeded(), &seeded(), &[]), Vec::<&str>::new());
    }

    #[test]
    fn each_fact_that_differs_is_evidence() {
        let mut now = seeded();
        now.environment.cores = 4;
        now.environment.variables.insert("OMP_NUM_THREADS".into(), "4".into());
        assert_eq!(kinds(&seeded(), &now, &[]), ["threads", "threads"]);

        let python = |version: &str| {
            let packages = std::iter::once(("numpy".to_owned(), version.to_owned())).collect();
            let mut record = seeded();
            record.environment.python = Some(Python { packages, ..Python::default() });
            record.environment.variables.insert("PYTHONHASHSEED".into(), "0".into());
            record
        };
        let found = causes(&python("1.0"), &python("2.0"), &[]);
        assert_eq!(found.first().map(|cause| cause.evidence.as_str()), Some("numpy was 1.0 and is 2.0"));
    }

    #[test]
    fn connections_threads_and_chance_without_a_seed_are_named() {
        let mut then = Record { command: vec!["train".into()], ..Record::default() };
        then.ended = Some(Ended::default());
        let mut now = then.clone();
        if let Some(ended) = &mut now.ended {
            ended.usage.connections = vec!["10.1.2.3 port 443".into()];
            ended.usage.most_threads = 8;
        }
        assert_eq!(kinds(&then, &now, &[]), ["network", "seed", "threads"]);
        let found = causes(&then, &now, &[]);
        assert_eq!(found[0].evidence, "it was connected to 10.1.2.3 port 443");
        let with = |library: &str| {
            let mut record = seeded();
            let usage =
                Usage { libraries: vec![library.into(), "/usr/lib/libc.so.6".into()], ..Usage::default() };
            record.ended = Some(Ended { usage, ..Ended::default() });
            record
        };
        let found =
            causes(&with("/usr/lib/libopenblas-r0.3.20.so"), &with("/usr/lib/libopenblas-r0.3.20.so"), &[]);
        assert!(found.is_empty(), "{found:?}");
        let found = causes(&with("/usr/lib/libblas.so.3.9"), &with("/usr/lib/libblas.so.3.12"), &[]);
        assert_eq!(found[0].evidence, "library libblas.so.3.9 then, libblas.so.3.12 now");
    }

    #[test]
    fn a_day_in_what_differs_is_evidence_for_time() {
        let mut then = seeded();
        then.ended = Some(Ended { started_at: "2026-11-22T10:00:00Z".into(), ..Ended::default() });
        let difference = Difference {
            what: "report.txt".into(),
            place: "line 1".into(),
            then: "made 2026-11-22".into(),
            now: "made 2026-11-23".into(),
            is_tolerated: false,
        };
        assert_eq!(kinds(&then, &seeded(), &[difference]), ["time"]);
    }
}
