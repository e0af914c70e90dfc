//! A report kept and its alerts moved, in one transaction.

use base::{Actor, NewEvent, ObjectRef, Period};
use db::Tx;
use serde_json::json;

use crate::alert::{Patience, Verdict};
use crate::error::Error;
use crate::finding::{AlertKind, Observation, observations};
use crate::report::WindowReport;
use crate::spec::MonitorSpec;
use crate::store::alerts::{self, Look, Moved, OpenAlert};
use crate::store::windows;

/// Windows without data after which an alert expires.
const UNKNOWN_WINDOWS: i64 = 8;
/// Windows in which a single event must not come again.
const QUIET_WINDOWS: i64 = 2;

/// Keeps the report of a window and moves the alerts of its model; answers the alerts whose state changed.
///
/// A window may be recorded again (labels have come late): its report is replaced, and alerts can begin to fire but
/// never go backwards. Alerts about the performance or drift of a version that no longer serves are resolved.
///
/// # Errors
/// When the database fails; nothing is kept then.
pub async fn record_window(
    tx: &mut Tx,
    spec: &MonitorSpec,
    report: &WindowReport,
    earlier: &[WindowReport],
) -> Result<Vec<Moved>, Error> {
    let actor = Actor::platform("monitoring");
    let before = windows::save(tx, report).await?;
    if before != Some(report.state) {
        let summary = format!(
            "model `{}` is {} in the window from {}",
            report.model,
            report.state.as_str(),
            report.window.from.date()
        );
        let event =
            NewEvent::new("monitor.state_changed", &actor, ObjectRef::new("monitor", &report.model), summary);
        let data = json!({ "window": report.window, "before": before, "state": report.state, "version": report.version });
        tx.append_event(event.with(data)).await?;
    }
    let mut open = alerts::open_of_model(tx, &report.model).await?;
    let mut moved = Vec::new();
    let mut kept = Vec::new();
    for alert in open.drain(..) {
        let replaced =
            alert.version < report.version && matches!(alert.kind, AlertKind::Performance | AlertKind::Drift);
        if replaced {
            let reason = format!("version {} has taken over", report.version);
            moved.push(alerts::close(tx, &alert, &actor, &reason, report.window.to).await?);
        } else {
            kept.push(alert);
        }
    }
    for observation in observations(spec, report, earlier) {
        let look = look(spec, report, &observation);
        kept.retain(|alert| alert.fingerprint != observation.fingerprint);
        moved.extend(alerts::observe(tx, &observation, &look, &actor).await?);
    }
    moved.extend(quiet(tx, spec, report, kept, &actor).await?);
    Ok(moved)
}

/// Open alerts about single events that did not come again in this window.
async fn quiet(
    tx: &mut Tx,
    spec: &MonitorSpec,
    report: &WindowReport,
    open: Vec<OpenAlert>,
    actor: &Actor,
) -> Result<Vec<Moved>, Error> {
    let mut moved = Vec::new();
    for alert in open {
        if !matches!(alert.kind, AlertKind::Gap | AlertKind::ValueRange) {
            continue;
        }
        let verdict = if report.volume.rows > 0 { Verdict::Clear } else { Verdict::Unknown };
        let observation = Observation {
            fingerprint: alert.fingerprint,
            kind: alert.kind,
            at: report.window.to,
            verdict,
            finding: None,
        };
        let look = look(spec, report, &observation);
        moved.extend(alerts::observe(tx, &observation, &look, actor).await?);
    }
    Ok(moved)
}

fn look(spec: &MonitorSpec, report: &WindowReport, observation: &Observation) -> Look {
    let persist = match observation.kind {
        AlertKind::Drift => spec.drift.as_ref().map(|rule| rule.persist.windows),
        AlertKind::Performance => spec.performance.as_ref().map(|rule| rule.persist.windows),
        AlertKind::Gap | AlertKind::ValueRange | AlertKind::DataCheck | AlertKind::External => None,
    };
    let clear_windows = persist.map_or(QUIET_WINDOWS, |windows| i64::try_from(windows).unwrap_or(i64::MAX));
    let cooldown = Period::from_micros(spec.window.as_micros().saturating_mul(2));
    Look {
        version: report.version,
        patience: Patience {
            clear_windows: clear_windows.max(QUIET_WINDOWS),
            unknown_windows: UNKNOWN_WINDOWS,
            cooldown,
        },
    }
}
