//! The few kinds of failure that callers tell apart.

use std::error::Error;

/// What sort of failure it is; decides HTTP status and exit code in one place each.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// The request makes no sense as it stands; sending it again will not help.
    Invalid,
    /// Nothing has that name.
    NotFound,
    /// It clashes with what is there, or somebody else was faster.
    Conflict,
    /// Nobody has said who is asking.
    Unauthenticated,
    /// The one who asks may not do this.
    Denied,
    /// It is larger than a stated limit.
    TooLarge,
    /// A bounded queue is full or a rate is exceeded; try again later.
    Busy,
    /// A check did not hold.
    CheckFailed,
    /// It took longer than its deadline.
    TimedOut,
    /// It is not offered here.
    Unsupported,
    /// Something below (disk, database, network) does not answer.
    Unavailable,
    /// A fault of ours, or damaged data.
    Internal,
}

/// A domain error that knows its kind, its code and what the user can do.
pub trait Failure: Error {
    /// Which of the few kinds it is.
    fn kind(&self) -> Kind;

    /// A stable word for programs, such as `model_not_found`; it has a page under `docs/errors`.
    fn code(&self) -> &'static str;

    /// What to do about it, if there is something.
    fn hint(&self) -> Option<String> {
        None
    }
}
