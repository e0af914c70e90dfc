//! A check of a model as it is written: one key says what must hold.

use serde::{Deserialize, Serialize};

use super::{Case, Disturbance, FairnessBound, METRIC_NAMES, ModelCheck, ModelCheckKind, Step, Way};
use crate::gate::{Demand, Evidence, Others, Rule, Share};
use crate::{DriftBounds, Scalar, Severity};

/// Parts with fewer rows are not judged, if nothing else is said.
const MIN_ROWS: u64 = 50;
const MOST_CASES: usize = 1_000;

/// The shape on the page. Unknown keys are refused.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Written {
    id: String,
    #[serde(default = "block")]
    severity: Severity,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    mostly: Option<f64>,
    #[serde(default, rename = "where", skip_serializing_if = "Option::is_none")]
    where_sql: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    owner: Option<String>,

    #[serde(default, skip_serializing_if = "Option::is_none")]
    metric: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    beats: Option<Others>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    no_worse_than: Option<Others>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    by: Option<Share>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    evidence: Option<Evidence>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    at_most: Option<f64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    at_least: Option<f64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    each: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    min_rows: Option<u64>,

    #[serde(default, skip_serializing_if = "Option::is_none")]
    weak_slices: Option<WeakWritten>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    calibration: Option<CalibrationWritten>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    fairness: Option<FairnessWritten>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    invariant: Option<InvariantWritten>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    direction: Option<DirectionWritten>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    cases: Option<Vec<Case>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    leakage: Option<LeakageWritten>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    parity: Option<ParityWritten>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    robust: Option<RobustWritten>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    overfit: Option<OverfitWritten>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    latency: Option<LatencyWritten>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    size: Option<SizeWritten>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    consumers: Option<bool>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    licences: Option<LicencesWritten>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    no_unsafe_files: Option<bool>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    drift: Option<DriftWritten>,
}

const fn block() -> Severity {
    Severity::Block
}

macro_rules! parts {
    ($($(#[$doc:meta])* $name:ident { $($(#[$of:meta])* $field:ident: $kind:ty,)* })*) => {
        $($(#[$doc])*
        #[derive(Debug, Clone, Serialize, Deserialize)]
        #[serde(deny_unknown_fields)]
        struct $name { $($(#[$of])* $field: $kind,)* })*
    };
}

parts! {
    /// `weak_slices: { at_most: 5% }`.
    WeakWritten { at_most: Share, }
    /// `calibration: { ece: 0.05 }`.
    CalibrationWritten {
        #[serde(default, skip_serializing_if = "Option::is_none")]
        ece: Option<f64>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        brier: Option<f64>,
    }
    /// `fairness: { column: sex, metric: demographic_parity_difference, at_most: 0.1 }`.
    FairnessWritten {
        column: String,
        metric: String,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        at_most: Option<f64>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        at_least: Option<f64>,
        #[serde(default = "half")]
        threshold: f64,
        #[serde(default)]
        against: stats::Against,
    }
    /// `invariant: { column: name, values: [a, b], tolerance: 0.01 }`.
    InvariantWritten {
        column: String,
        values: Vec<Option<Scalar>>,
        #[serde(default)]
        tolerance: f64,
    }
    /// `direction: { column: rain, step: { plus: 5 }, may: not_higher }`.
    DirectionWritten {
        column: String,
        step: Step,
        may: Way,
        #[serde(default)]
        tolerance: f64,
    }
    /// `leakage: { alone: 0.95 }`.
    LeakageWritten {
        #[serde(default = "nearly_all")]
        alone: f64,
        #[serde(default)]
        duplicates: f64,
    }
    /// `parity: { with: champion, tolerance: 1e-9 }`.
    ParityWritten {
        with: String,
        #[serde(default)]
        tolerance: f64,
    }
    /// `robust: { to: { nulls: 0.1 }, metric: mae, worse_by: 20% }`.
    RobustWritten {
        to: Disturbance,
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        columns: Vec<String>,
        metric: String,
        worse_by: Growth,
    }
    /// `overfit: { metric: mae, by: 50% }`.
    OverfitWritten { metric: String, by: Growth, }
    /// `latency: { rows: 1, p99_ms: 5 }`.
    LatencyWritten {
        #[serde(default = "one")]
        rows: u64,
        p99_ms: f64,
    }
    /// `size: { file_mb: 10, memory_mb: 50 }`.
    SizeWritten {
        #[serde(default, skip_serializing_if = "Option::is_none")]
        file_mb: Option<f64>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        memory_mb: Option<f64>,
    }
    /// `licences: { allow: [MIT, BSD-3-Clause] }`.
    LicencesWritten {
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        allow: Vec<String>,
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        deny: Vec<String>,
    }
    /// `drift: { against: champion, at_most: 0 }`.
    DriftWritten {
        against: String,
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        columns: Vec<String>,
        #[serde(default)]
        at_most: u64,
        #[serde(default)]
        bounds: DriftBounds,
    }
}

/// A share that may be above one, written as `150%` or `1.5`.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
enum Growth {
    Number(f64),
    Text(PercentText),
}

#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
struct PercentText(f64);

impl TryFrom<String> for PercentText {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let number = text.trim().strip_suffix('%').and_then(|number| number.trim().parse::<f64>().ok());
        number.map(|number| Self(number / 100.0)).ok_or_else(|| format!("`{text}` is no share such as `20%`"))
    }
}

impl From<PercentText> for String {
    fn from(share: PercentText) -> Self {
        format!("{}%", share.0 * 100.0)
    }
}

impl Growth {
    fn share(self, id: &str) -> Result<Share, String> {
        let (Self::Number(share) | Self::Text(PercentText(share))) = self;
        if share.is_finite() && share >= 0.0 {
            Ok(Share(share))
        } else {
            Err(format!("check `{id}`: a share is a number from 0 on, such as `20%` or `0.2`"))
        }
    }
}

const fn half() -> f64 {
    0.5
}

const fn nearly_all() -> f64 {
    0.98
}

const fn one() -> u64 {
    1
}

const LIVES: [&str; 5] = ["training", "champion", "previous", "season", "live"];
const BYTES: f64 = 1_000_000.0;

impl TryFrom<Written> for ModelCheck {
    type Error = String;

    fn try_from(written: Written) -> Result<Self, String> {
        let id = written.id.clone();
        base::names::check_name("check", &id).map_err(|error| error.to_string())?;
        let mut kinds = Vec::new();
        gates(&written, &mut kinds)?;
        figures(&written, &mut kinds)?;
        behaviours(&written, &mut kinds)?;
        surroundings(&written, &mut kinds)?;
        let mut kinds = kinds.into_iter();
        let kind = match (kinds.next(), kinds.next()) {
            (Some(kind), None) => kind,
            (None, _) => {
                return Err(format!("check `{id}`: it says nothing that must hold, such as `metric: mae`"));
            }
            _ => {
                return Err(format!("check `{id}`: it says two things that must hold; write two checks"));
            }
        };
        let of_metric = matches!(kind, ModelCheckKind::Metric { .. } | ModelCheckKind::NoWorse { .. });
        let strays = written.by.is_some()
            || written.at_most.is_some()
            || written.at_least.is_some()
            || written.each.is_some()
            || written.evidence.is_some();
        if !of_metric && strays {
            return Err(format!(
                "check `{id}`: `at_most`, `at_least`, `by`, `evidence` and `each` go with `metric`"
            ));
        }
        let of_rows = matches!(
            kind,
            ModelCheckKind::Invariant { .. }
                | ModelCheckKind::Direction { .. }
                | ModelCheckKind::Parity { .. }
        );
        if written.mostly.is_some() && !of_rows {
            return Err(format!(
                "check `{id}`: `mostly` goes with checks of single rows: `invariant`, `direction`, `parity`"
            ));
        }
        let takes_where = of_rows
            || of_metric
            || matches!(kind, ModelCheckKind::Calibration { .. } | ModelCheckKind::Fairness { .. })
            || matches!(kind, ModelCheckKind::Robust { .. } | ModelCheckKind::WeakSlices { .. });
        if written.where_sql.is_some() && !takes_where {
            return Err(format!("check `{id}`: `where` has no meaning here"));
        }
        let mostly = written.mostly.unwrap_or(1.0);
        if !(mostly > 0.0 && mostly <= 1.0) {
            return Err(format!("check `{id}`: `mostly` is a share of rows, above 0 and at most 1"));
        }
        Ok(Self {
            id,
            kind,
            severity: written.severity,
            mostly,
            where_sql: written.where_sql,
            reason: written.reason,
            owner: written.owner,
        })
    }
}

fn known_metric(id: &str, metric: &str) -> Result<String, String> {
    if METRIC_NAMES.contains(&metric) {
        return Ok(metric.to_owned());
    }
    let near = base::names::nearest(metric, METRIC_NAMES).map_or_else(
        || format!("known are {}", METRIC_NAMES.join(", ")),
        |near| format!("did you mean `{near}`?"),
    );
    Err(format!("check `{id}`: there is no metric `{metric}`: {near}"))
}

fn gates(written: &Written, kinds: &mut Vec<ModelCheckKind>) -> Result<(), String> {
    let id = &written.id;
    let Some(metric) = &written.metric else {
        if written.beats.is_some() || written.no_worse_than.is_some() {
            return Err(format!("check `{id}`: it needs a `metric`"));
        }
        return Ok(());
    };
    let metric = known_metric(id, metric)?;
    let (by, min_rows) = (written.each.clone(), written.min_rows.unwrap_or(MIN_ROWS));
    let share = written.by.unwrap_or_default();
    let evidence = written.evidence.unwrap_or_default();
    let plain = written.by.is_none() && written.evidence.is_none();
    let demand = match (written.beats, written.no_worse_than, written.at_most, written.at_least) {
        (Some(others), None, None, None) => Demand::Beats { others, by: share, evidence },
        (None, Some(Others::Champion), None, None) if written.evidence.is_none() => {
            kinds.push(ModelCheckKind::NoWorse { metric, by_share: share, by, min_rows });
            return Ok(());
        }
        (None, Some(_), None, None) => {
            return Err(format!("check `{id}`: `no_worse_than` takes `champion`, without `evidence`"));
        }
        (None, None, Some(most), None) if plain => Demand::AtMost(most),
        (None, None, None, Some(least)) if plain => Demand::AtLeast(least),
        (None, None, Some(_), None) | (None, None, None, Some(_)) => {
            return Err(format!("check `{id}`: `by` and `evidence` go with `beats` only"));
        }
        _ => {
            return Err(format!(
                "check `{id}`: a metric says one of `beats`, `no_worse_than`, `at_most` and `at_least`"
            ));
        }
    };
    kinds.push(ModelCheckKind::Metric { rule: Rule { metric, demand, on: None }, by, min_rows });
    Ok(())
}

fn figures(written: &Written, kinds: &mut Vec<ModelCheckKind>) -> Result<(), String> {
    let id = &written.id;
    if let Some(weak) = &written.weak_slices {
        kinds.push(ModelCheckKind::WeakSlices { at_most: weak.at_most });
    }
    if let Some(CalibrationWritten { ece, brier }) = &written.calibration {
        if ece.is_none() && brier.is_none() {
            return Err(format!("check `{id}`: `calibration` says `ece` or `brier`, or both"));
        }
        kinds.push(ModelCheckKind::Calibration { ece: *ece, brier: *brier });
    }
    if let Some(fairness) = &written.fairness {
        let names = stats::Fairness::NAMES;
        if !names.contains(&fairness.metric.as_str()) {
            let near =
                base::names::nearest(&fairness.metric, names).unwrap_or("demographic_parity_difference");
            return Err(format!(
                "check `{id}`: there is no fairness metric `{}`; did you mean `{near}`?",
                fairness.metric
            ));
        }
        let is_ratio = fairness.metric.ends_with("ratio");
        let bound = match (fairness.at_most, fairness.at_least) {
            (Some(most), None) if !is_ratio => FairnessBound::AtMost(most),
            (None, Some(least)) if is_ratio => FairnessBound::AtLeast(least),
            _ => return Err(format!("check `{id}`: a difference takes `at_most`, a ratio `at_least`")),
        };
        kinds.push(ModelCheckKind::Fairness {
            column: fairness.column.clone(),
            metric: fairness.metric.clone(),
            bound,
            threshold: fairness.threshold,
            against: fairness.against,
        });
    }
    if let Some(overfit) = &written.overfit {
        kinds.push(ModelCheckKind::Overfit {
            metric: known_metric(id, &overfit.metric)?,
            by_share: overfit.by.share(id)?,
        });
    }
    Ok(())
}

fn behaviours(written: &Written, kinds: &mut Vec<ModelCheckKind>) -> Result<(), String> {
    let id = &written.id;
    let tolerance = |tolerance: f64| {
        if tolerance.is_finite() && tolerance >= 0.0 {
            Ok(tolerance)
        } else {
            Err(format!("check `{id}`: `tolerance` is a number from 0 on"))
        }
    };
    if let Some(invariant) = &written.invariant {
        if invariant.values.is_empty() || invariant.values.len() > 100 {
            return Err(format!("check `{id}`: `values` are 1 to 100"));
        }
        kinds.push(ModelCheckKind::Invariant {
            column: invariant.column.clone(),
            values: invariant.values.clone(),
            tolerance: tolerance(invariant.tolerance)?,
        });
    }
    if let Some(direction) = &written.direction {
        kinds.push(ModelCheckKind::Direction {
            column: direction.column.clone(),
            step: direction.step,
            may: direction.may,
            tolerance: tolerance(direction.tolerance)?,
        });
    }
    if let Some(cases) = &written.cases {
        if cases.is_empty() || cases.len() > MOST_CASES {
            return Err(format!("check `{id}`: `cases` are 1 to {MOST_CASES}"));
        }
        if cases.iter().any(|case| case.between == (None, None)) {
            return Err(format!("check `{id}`: a case has a bound, such as `between: [0, null]`"));
        }
        kinds.push(ModelCheckKind::Cases { cases: cases.clone() });
    }
    if let Some(robust) = &written.robust {
        let share = match robust.to {
            Disturbance::Nulls(share) => (0.0..=1.0).contains(&share),
            Disturbance::Noise(share) => share.is_finite() && share >= 0.0,
        };
        if !share {
            return Err(format!(
                "check `{id}`: `nulls` is a share of values from 0 to 1, `noise` a number from 0 on"
            ));
        }
        kinds.push(ModelCheckKind::Robust {
            disturbance: robust.to,
            columns: robust.columns.clone(),
            metric: known_metric(id, &robust.metric)?,
            worse_by: robust.worse_by.share(id)?,
        });
    }
    if let Some(parity) = &written.parity {
        let tolerance = tolerance(parity.tolerance)?;
        kinds.push(ModelCheckKind::Parity { with: parity.with.clone(), tolerance });
    }
    Ok(())
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "sizes from a page")]
fn surroundings(written: &Written, kinds: &mut Vec<ModelCheckKind>) -> Result<(), String> {
    let id = &written.id;
    if let Some(LeakageWritten { alone, duplicates }) = written.leakage {
        if !(0.0..=1.0).contains(&alone) || !(0.0..=1.0).contains(&duplicates) {
            return Err(format!("check `{id}`: `alone` and `duplicates` are shares from 0 to 1"));
        }
        kinds.push(ModelCheckKind::Leakage { alone, duplicates });
    }
    if let Some(LatencyWritten { rows, p99_ms }) = written.latency {
        if !((1..=100_000).contains(&rows) && p99_ms > 0.0 && p99_ms.is_finite()) {
            return Err(format!("check `{id}`: `rows` are 1 to 100000, `p99_ms` is above 0"));
        }
        kinds.push(ModelCheckKind::Latency { rows, p99_ms });
    }
    if let Some(SizeWritten { file_mb, memory_mb }) = written.size {
        if file_mb.is_none() && memory_mb.is_none() {
            return Err(format!("check `{id}`: `size` says `file_mb` or `memory_mb`, or both"));
        }
        let bytes = |mb: f64| (mb * BYTES).round() as u64;
        kinds.push(ModelCheckKind::Size {
            file_bytes: file_mb.map(bytes),
            memory_bytes: memory_mb.map(bytes),
        });
    }
    for (key, flag, kind) in [
        ("consumers", written.consumers, ModelCheckKind::Consumers),
        ("no_unsafe_files", written.no_unsafe_files, ModelCheckKind::NoUnsafeFiles),
    ] {
        match flag {
            Some(true) => kinds.push(kind),
            Some(false) => return Err(format!("check `{id}`: `{key}: false` asserts nothing")),
            None => {}
        }
    }
    if let Some(LicencesWritten { allow, deny }) = &written.licences {
        if allow.is_empty() && deny.is_empty() {
            return Err(format!("check `{id}`: `licences` says `allow` or `deny`, or both"));
        }
        kinds.push(ModelCheckKind::Licences { allow: allow.clone(), deny: deny.clone() });
    }
    if let Some(drift) = &written.drift {
        if !LIVES.contains(&drift.against.as_str()) {
            return Err(format!(
                "check `{id}`: drift is against one of {}, not `{}`",
                LIVES.join(", "),
                drift.against
            ));
        }
        kinds.push(ModelCheckKind::Drift {
            against: drift.against.clone(),
            columns: drift.columns.clone(),
            at_most: drift.at_most,
            bounds: drift.bounds,
        });
    }
    Ok(())
}

impl From<ModelCheck> for Written {
    fn from(check: ModelCheck) -> Self {
        let mut written = Self {
            id: check.id,
            severity: check.severity,
            mostly: (check.mostly < 1.0).then_some(check.mostly),
            where_sql: check.where_sql,
            reason: check.reason,
            owner: check.owner,
            ..Self::default()
        };
        let some_rows = |rows: u64| (rows != MIN_ROWS).then_some(rows);
        let megabytes = |bytes: u64| bytes as f64 / BYTES;
        let growth = |share: Share| Growth::Number(share.0);
        match check.kind {
            ModelCheckKind::Metric { rule, by, min_rows } => {
                written.metric = Some(rule.metric);
                (written.each, written.min_rows) = (by, some_rows(min_rows));
                match rule.demand {
                    Demand::Beats { others, by, evidence } => {
                        written.beats = Some(others);
                        written.by = (by.0 > 0.0).then_some(by);
                        written.evidence = (evidence == Evidence::Optional).then_some(evidence);
                    }
                    Demand::AtMost(most) => written.at_most = Some(most),
                    Demand::AtLeast(least) => written.at_least = Some(least),
                }
            }
            ModelCheckKind::NoWorse { metric, by_share, by, min_rows } => {
                written.metric = Some(metric);
                written.no_worse_than = Some(Others::Champion);
                written.by = (by_share.0 > 0.0).then_some(by_share);
                (written.each, written.min_rows) = (by, some_rows(min_rows));
            }
            ModelCheckKind::WeakSlices { at_most } => written.weak_slices = Some(WeakWritten { at_most }),
            ModelCheckKind::Calibration { ece, brier } => {
                written.calibration = Some(CalibrationWritten { ece, brier });
            }
            ModelCheckKind::Fairness { column, metric, bound, threshold, against } => {
                let (at_most, at_least) = match bound {
                    FairnessBound::AtMost(most) => (Some(most), None),
                    FairnessBound::AtLeast(least) => (None, Some(least)),
                };
                written.fairness =
                    Some(FairnessWritten { column, metric, at_most, at_least, threshold, against });
            }
            ModelCheckKind::Invariant { column, values, tolerance } => {
                written.invariant = Some(InvariantWritten { column, values, tolerance });
            }
            ModelCheckKind::Direction { column, step, may, tolerance } => {
                written.direction = Some(DirectionWritten { column, step, may, tolerance });
            }
            ModelCheckKind::Cases { cases } => written.cases = Some(cases),
            ModelCheckKind::Leakage { alone, duplicates } => {
                written.leakage = Some(LeakageWritten { alone, duplicates });
            }
            ModelCheckKind::Parity { with, tolerance } => {
                written.parity = Some(ParityWritten { with, tolerance });
            }
            ModelCheckKind::Robust { disturbance, columns, metric, worse_by } => {
                let worse_by = growth(worse_by);
                written.robust = Some(RobustWritten { to: disturbance, columns, metric, worse_by });
            }
            ModelCheckKind::Overfit { metric, by_share } => {
                written.overfit = Some(OverfitWritten { metric, by: growth(by_share) });
            }
            ModelCheckKind::Latency { rows, p99_ms } => {
                written.latency = Some(LatencyWritten { rows, p99_ms });
            }
            ModelCheckKind::Size { file_bytes, memory_bytes } => {
                written.size = Some(SizeWritten {
                    file_mb: file_bytes.map(megabytes),
                    memory_mb: memory_bytes.map(megabytes),
                });
            }
            ModelCheckKind::Consumers => written.consumers = Some(true),
            ModelCheckKind::Licences { allow, deny } => {
                written.licences = Some(LicencesWritten { allow, deny });
            }
            ModelCheckKind::NoUnsafeFiles => written.no_unsafe_files = Some(true),
            ModelCheckKind::Drift { against, columns, at_most, bounds } => {
                written.drift = Some(DriftWritten { against, columns, at_most, bounds });
            }
        }
        written
    }
}
