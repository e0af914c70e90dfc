//! Time, size, what consumers send, licences and unsafe files.

use std::time::{Duration, Instant};

use super::bench::{Bench, Failed, Found};
use super::pickle::{Finding, look, unsafe_imports};
use super::words::{figure, megabytes};

/// A measurement takes at most so many requests, and at most so long.
const MOST_REQUESTS: usize = 400;
const LONGEST: Duration = Duration::from_secs(5);
/// With fewer requests 99 of 100 says nothing.
const FEWEST_REQUESTS: usize = 20;

/// How long requests take, one after another, after a few to warm up.
pub(super) fn latency(bench: &Bench<'_>, rows: u64, p99_ms: f64) -> Result<Found, Failed> {
    let there = bench.rows().row_count();
    if there == 0 {
        return Err(Failed::new("there is no row to ask with".to_owned()));
    }
    let size = usize::try_from(rows).unwrap_or(usize::MAX).min(there);
    let started = Instant::now();
    let mut taken: Vec<f64> = Vec::with_capacity(MOST_REQUESTS);
    for request in 0..MOST_REQUESTS + 5 {
        let part = bench.rows().slice((request * size) % (there - size + 1), size);
        let begun = Instant::now();
        bench.predict(bench.subject.model, &part)?;
        if request >= 5 {
            taken.push(begun.elapsed().as_secs_f64() * 1_000.0);
        }
        if started.elapsed() > LONGEST {
            break;
        }
    }
    if taken.len() < FEWEST_REQUESTS {
        let observed = format!("{} requests in {} s", taken.len(), LONGEST.as_secs());
        let message = format!("{observed}: too slow to be measured");
        return Ok(Found::of(false, size as u64, observed, message));
    }
    let sample = stats::Sample::new(taken);
    let (half, most) = (sample.quantile(0.5).unwrap_or_default(), sample.quantile(0.99).unwrap_or_default());
    let observed = format!("{} ms", figure(most));
    let message = format!(
        "99 of 100 requests of {size} rows are answered within {} ms, half of them within {} ms; at most {} ms is allowed",
        figure(most),
        figure(half),
        figure(p99_ms)
    );
    Ok(Found::of(most <= p99_ms, size as u64, observed, message))
}

/// How large the model is.
pub(super) fn size(bench: &Bench<'_>, file: Option<u64>, memory: Option<u64>) -> Result<Found, Failed> {
    let footprint = bench.subject.footprint;
    let (mut holds, mut parts) = (true, Vec::new());
    for (what, found, most) in [
        ("its files take", footprint.file_bytes, file),
        ("it keeps in memory", footprint.memory_bytes, memory),
    ] {
        let Some(most) = most else { continue };
        let found = found.ok_or_else(|| Failed::new(format!("how much {what} is not known")))?;
        holds &= found <= most;
        parts.push(format!("{what} {}, at most {} is allowed", megabytes(found), megabytes(most)));
    }
    let message = parts.join("; ");
    let observed = message.split(',').next().unwrap_or_default().to_owned();
    Ok(Found::of(holds, 0, observed, message))
}

/// Whether what consumers send is still taken.
pub(super) fn consumers(bench: &Bench<'_>) -> Result<Found, Failed> {
    let Some(consumers) = &bench.subject.consumers else {
        return Err(Failed::new("who asks this model is not known here".to_owned()));
    };
    if consumers.is_empty() {
        return Ok(Found::nothing(0, "nothing to check: nobody asks this model yet".to_owned()));
    }
    let mut breaks = Vec::new();
    for consumer in consumers {
        for (name, kind) in &consumer.sends {
            match bench.inputs().iter().find(|input| input.name == *name) {
                None => {
                    breaks.push(format!("{} sends `{name}`, which the model does not take", consumer.name));
                }
                Some(input) if input.kind != *kind => breaks.push(format!(
                    "{} sends {} as `{name}`, the model takes {}",
                    consumer.name,
                    kind.words(),
                    input.kind.words()
                )),
                Some(_) => {}
            }
        }
        for input in bench.inputs().iter().filter(|input| input.required) {
            if !consumer.sends.iter().any(|(name, _)| *name == input.name) {
                breaks.push(format!(
                    "{} does not send `{}`, which the model must have",
                    consumer.name, input.name
                ));
            }
        }
        if let Some(reads) = consumer.reads.as_deref().filter(|reads| *reads != bench.subject.output) {
            breaks.push(format!(
                "{} reads the output `{reads}`, the model calls it `{}`",
                consumer.name, bench.subject.output
            ));
        }
    }
    let names: Vec<&str> = consumers.iter().map(|consumer| consumer.name.as_str()).collect();
    let observed = format!("{} breaks", breaks.len());
    let message = if breaks.is_empty() {
        format!("takes what {} send{}", names.join(", "), if names.len() == 1 { "s" } else { "" })
    } else {
        breaks.join("; ")
    };
    Ok(Found::of(breaks.is_empty(), 0, observed, message))
}

/// Whether the environment's licences are allowed.
pub(super) fn licences(bench: &Bench<'_>, allow: &[String], deny: &[String]) -> Result<Found, Failed> {
    let Some(packages) = &bench.subject.packages else {
        return Err(Failed::new("its environment is not known".to_owned()));
    };
    let same = |one: &String, other: &str| one.trim().eq_ignore_ascii_case(other.trim());
    let mut wrong = Vec::new();
    for package in packages {
        let named = format!("`{} {}`", package.name, package.version);
        match &package.licence {
            // An expression such as `MIT OR Apache-2.0` offers a choice; with `AND` all of it holds.
            Some(licence) => {
                let choices: Vec<Vec<&str>> =
                    licence.split(" OR ").map(|choice| choice.split(" AND ").collect()).collect();
                let allowed = choices.iter().any(|choice| {
                    choice.iter().all(|part| {
                        let part = part.trim_matches(['(', ')', ' ']);
                        let listed = allow.is_empty() || allow.iter().any(|name| same(name, part));
                        listed && !deny.iter().any(|name| same(name, part))
                    })
                });
                if !allowed {
                    wrong.push(format!("{named} has the licence {licence}"));
                }
            }
            None if allow.is_empty() => {}
            None => wrong.push(format!("{named} does not say its licence")),
        }
    }
    let total = packages.len() as u64;
    let observed = format!("{} of {total} packages", wrong.len());
    let message = if wrong.is_empty() {
        format!("all {total} packages have a licence that is allowed")
    } else {
        format!(
            "{observed} are not allowed: {}",
            wrong.iter().take(5).cloned().collect::<Vec<_>>().join("; ")
        )
    };
    let mut found = Found::of(wrong.is_empty(), total, observed, message);
    found.failing = wrong.len() as u64;
    Ok(found)
}

/// Whether any file could run code when it is loaded.
pub(super) fn files(bench: &Bench<'_>) -> Result<Found, Failed> {
    let Some(files) = &bench.subject.files else {
        return Err(Failed::new("its files are not known here".to_owned()));
    };
    let (mut wrong, mut pickles) = (Vec::new(), 0);
    for file in files {
        let imports = match look(&file.path, &file.content, file.whole) {
            Finding::NoPickle => continue,
            Finding::Imports(imports) => imports,
            Finding::Unreadable(why, imports) => {
                wrong.push(format!("`{}` is a pickle that cannot be looked through: {why}", file.path));
                imports
            }
        };
        pickles += 1;
        let bad = unsafe_imports(&imports);
        if !bad.is_empty() {
            let names: Vec<String> = bad.iter().take(4).map(|name| format!("`{name}`")).collect();
            wrong.push(format!("`{}` imports {} when it is loaded", file.path, names.join(", ")));
        }
    }
    let total = files.len() as u64;
    let observed = format!("{} of {total} files", wrong.len());
    let message = match (wrong.as_slice(), pickles) {
        ([], 0) => format!("none of {total} files is a pickle"),
        ([], _) => format!("{pickles} pickles among {total} files import only what builds data"),
        (wrong, _) => wrong.join("; "),
    };
    let mut found = Found::of(wrong.is_empty(), total, observed, message);
    found.failing = wrong.len() as u64;
    Ok(found)
}
