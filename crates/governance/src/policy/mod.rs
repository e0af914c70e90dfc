//! Policies: what a move of an alias needs, and the verdict on one.
//!
//! | Module | Subject |
//! | --- | --- |
//! | `written` | a policy as its file says it, and what is wrong with one |
//! | `window` | when moves may be carried out |
//! | `facts` | what is known of a move |
//! | `approvals` | who may say yes, and whether enough have |
//! | `judge` | from a policy and facts to a verdict |
//! | `admission` | what a share of the requests needs before the alias moves |
//! | `weaker` | whether a policy asks less than the one before it |
//!
//! [`judge()`] is a pure function: the same policy and facts give the same verdict in the command line, in the
//! API, in the interface and in CI. What is not known does not pass.

mod admission;
mod approvals;
mod facts;
mod judge;
mod weaker;
mod window;
mod written;

#[cfg(test)]
mod tests;

pub use admission::Admission;
pub use facts::{
    AlertFact, ApprovalFact, CheckFact, DataFact, DatasheetFact, Facts, GateFact, Known, Opinion,
    OverrideFact, SchemaFact,
};
pub use judge::{Mark, PolicyVerdict, Proof, RuleVerdict, Standing, judge};
pub use window::{Day, Freeze, TimeOfDay, Window};
pub use written::{
    Approvals, BreakGlass, CheckDemand, DataDemand, Demand, Evidence, Fault, Policy, Require, Rollback,
    SchemaDemand,
};
