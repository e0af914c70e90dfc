//! `gingham.yaml`: the one declarative file a model has.

mod error;
mod parse;
mod policy;
mod positions;
mod shape;
mod suite;

pub use error::SpecError;
pub use parse::{SpecSource, parse};
pub use policy::{alert_kinds, parse_policy};
pub use positions::Position;
pub use shape::{
    ArchiveSpec, Candidate, DataSpec, DeploymentSpec, EvaluateSpec, PipelineSpec, PromotionSpec, RetrainSpec,
    RetrainWindow, RiskSpec, Spec,
};
pub use suite::{Places, Suite, SuiteSource, parse_suite, suite_yaml, yaml_value};
