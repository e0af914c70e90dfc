//! Moves of guarded aliases: asked for, judged by the policy, approved, carried out.
//!
//! | Module | Subject |
//! | --- | --- |
//! | `guard` | which aliases are guarded, and what goes past a guard |
//! | `admit` | shares of the requests for versions that the alias does not point at |
//! | `facts` | what is known of a move |
//! | `schema` | whether those who ask can go on |
//! | `carry_out` | the one place where a guarded alias moves |
//! | `act` | what people do with reviews |
//! | `tell` | who hears of broken glass |
//! | `view` | a review as people look at it |
//! | `keep` | what time brings about: windows open, overrides expire |

mod act;
mod admit;
mod carry_out;
mod facts;
mod guard;
mod keep;
mod schema;
mod tell;
mod view;

pub use act::{Asked, Opined};
pub use tell::Told;
pub use view::{CardChange, CheckChange, MetricChange, ReviewView};

pub(crate) use admit::{admit, guard_over};
pub(crate) use carry_out::ask_and_attempt;
pub(crate) use facts::{card_of, datasheet_of, learnt_from};
pub(crate) use guard::{Guard, keep, keep_following, let_by};
