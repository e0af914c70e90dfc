//! Windows, references, drift, performance and alerts.
//!
//! The flow is one way and driven by event time only; nothing here reads a clock:
//!
//! 1. [`MonitorSpec`] is the `monitor:` part of a model's file.
//! 2. [`due_windows`] says which windows are complete at a watermark.
//! 3. [`evaluate_window`] turns the rows of one window, a [`Reference`] and the reports of earlier windows into a
//!    [`WindowReport`]: a pure function.
//! 4. [`findings`] puts what is wrong into words, with cause, impact and what to do.
//! 5. [`store::record_window`] keeps the report and moves the alerts, each move leaving an event, in one transaction.

#![cfg_attr(
    test,
    allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests fail by panicking")
)]

mod alert;
mod current;
mod drift;
mod error;
mod evaluate;
mod finding;
mod foresight;
mod gap;
mod groups;
mod judgement;
mod multivariate;
mod page;
mod performance;
mod range;
mod report;
mod rows;
mod segment_drift;
mod segments;
mod simulate;
mod spec;
pub mod store;
mod stretch;
mod window;
mod words;

pub use alert::{Alert, AlertState, Step, Transition, Verdict};
pub use error::Error;
pub use evaluate::{WindowInput, evaluate_window};
pub use finding::{Act, AlertKind, ApiCall, Finding, Observation, findings, observations};
pub use foresight::{ForeseenWindow, Foresight, foresee};
pub use gap::{Gap, find_gaps};
pub use groups::{GroupFigures, GroupReport};
pub use judgement::{ColumnTest, ComparedColumn, DriftLimits, DriftReport, JudgedColumn, judge_columns};
pub use multivariate::Multivariate;
pub use page::MonitoringReport;
pub use range::out_of_range;
pub use report::{
    BinShare, BusinessValue, ColumnDrift, DayError, Performance, RangeBreach, SegmentDrift, State, Unseen,
    Volume, WindowReport, WindowSummary, Worst,
};
pub use rows::{Column, Reference, Rows};
pub use segment_drift::judge_segments;
pub use segments::{WeakSegment, weak_segments};
pub use simulate::{SimulatedRule, Simulation, simulate};
pub use spec::{
    Action, BusinessFigure, DriftReference, DriftRule, FairnessRule, GapRule, MonitorSpec,
    PerformanceReference, PerformanceRule, Persist, Severity, ValueRangeRule,
};
pub use stretch::{Examples, Grain, HOURS_KEPT, Lot, Shape, StretchKey, StretchProfile, cover};
pub use window::{Window, due_windows};
