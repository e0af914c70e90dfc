//! The use cases that join rooms: apply, push, train, promote, deploy, watch, look up.
//!
//! Domains hold each other's ids and nothing more; here they meet. What must be written together is
//! written in one transaction, and what one domain needs of another is handed over here.

#![cfg_attr(
    test,
    allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests fail by panicking")
)]

mod backtest;
mod birth;
pub mod bulk;
mod capture;
mod cards;
pub mod carry;
mod cluster;
mod collect;
mod compare;
mod data_alerts;
mod deploy;
mod derive;
pub mod differ;
mod elsewhere;
mod engines;
mod error;
mod explain;
mod explorer;
mod export;
#[cfg(test)]
mod fixture;
mod follow;
mod jobs;
mod keeping;
mod labels;
mod lineage;
mod models;
mod notify;
mod objection;
mod open;
pub mod parity;
mod plan;
mod profiles;
mod projects;
mod proving;
mod purge;
mod push;
mod python;
mod replay;
pub mod replica;
mod reports;
mod reviews;
mod rows;
pub mod scoring;
mod search;
mod served;
mod settle;
pub mod spec;
mod specs;
mod sql;
mod status;
mod traffic;
mod train;
mod watch;
mod weaker;
pub mod webhooks;
pub mod worker;

pub use backtest::{Backtest, BacktestOrder, Changed, Moved, ServedBy, SliceCompared};
pub use cards::{Cell, Sheet, SheetForm, SheetTable};
pub use cluster::{ClusterChange, ClusterOrder, ClusterView, cluster_target};
pub use compare::{CompareOptions, Named, compare_rows};
pub use deploy::DeploymentView;
pub use elsewhere::{CloudEvent, EventTaken, RowsTaken, Sent, table_of_json};
pub use engines::Endpoint;
pub use error::{Error, GuardedShare};
pub use explain::{Contribution, Explained, Leaning};
pub use explorer::{Similar, Slice, SliceBar, SliceChart};
pub use export::Export;
pub use follow::{OpenLineage, Target as LineageTarget, TargetKind as LineageTargetKind};
pub use keeping::{ErasedRows, ErasureReport, KeepingRule};
pub use labels::{LabelsTaken, NewLabel};
pub use lineage::{Edge, Lineage, Node};
pub use models::{ModelSummary, ModelView, VersionView};
pub use monitoring::DriftReport;
pub use notify::Notifiers;
pub use open::{Platform, PlatformOptions, Worker};
pub use plan::{Change, ChangeAction, Plan};
pub use profiles::{ProfileAsked, ProfileView, SegmentView};
pub use projects::Emptying;
pub use proving::{SourceDrifts, TestOrder, keep_verdict, version_object};
pub use purge::Purged;
pub use push::{Origin, Pushed};
pub use python::PythonSettings;
pub use replay::{MOST_REPLAYED, Replay, ReplayReport, ReplayVerdict};
pub use reviews::{Asked, CardChange, CheckChange, MetricChange, Opined, ReviewView, Told};
pub use search::Hit;
pub use specs::AppliedSpec;
pub use sql::SqlAnswer;
pub use status::{Attention, Status};
pub use traffic::TrafficView;
pub use train::{RetrainVerdict, Retrained, TrainOrder, TrainOutcome};
pub use watch::Watched;
