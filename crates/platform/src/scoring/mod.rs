//! Batch scoring: rows of files of any size through the engine that also serves, in bounded memory.

mod file;
mod scorer;

pub use file::{ScoreOptions, Scored, Sent, score_file};
pub use scorer::{Local, Scorer};
