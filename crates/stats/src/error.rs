//! What can go wrong when profiles meet or are read back.

/// Why a profile could not be merged or read.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum Error {
    /// A profile of numbers met a profile of texts.
    #[error("a profile of numbers and a profile of texts cannot be merged")]
    KindsDiffer,
    /// The two profiles count rows in different bins.
    #[error("the two profiles were counted in different bins, so their counts cannot be added")]
    EdgesDiffer,
    /// A stored sketch is not one that this version writes.
    #[error("the stored sketch cannot be read: {reason}")]
    BrokenSketch {
        /// What is wrong with it.
        reason: String,
    },
}
