//! Moves of guarded aliases: asked for, judged by the policy, approved, carried out.
//!
//! | Module | Subject |
//! | --- | --- |
//! | `guard` | which aliases are guarded, and what goes past a guard |
//! | `facts` | what is known of a move |
//! | `schema` | whether those who ask can go on |
//! | `carry_out` | the one place where a guarded alias moves |
//! | `act` | what people do with reviews |
//! | `view` | a review as people look at it |
//! | `keep` | what time brings about: windows open, overrides expire |

mod act;
mod carry_out;
mod facts;
mod guard;
mod keep;
mod schema;
mod view;

pub use act::{Asked, Opined};
pub use view::{CardChange, CheckChange, MetricChange, ReviewView};

pub(crate) use carry_out::ask_and_attempt;
pub(crate) use facts::{card_of, datasheet_of, learnt_from};
pub(crate) use guard::{Guard, keep, let_by};
