//! Reviews: requests to move an alias, with opinions, discussion and overrides.

mod discussion;
mod overrides;
mod store;
mod types;

#[cfg(test)]
mod tests;

pub use discussion::{comment, comments, mark_seen, mentioned_in, mentions_of};
pub use overrides::{
    Exception, NewException, break_glass, end_exceptions, exceptions, expire_exceptions, standing_exception,
};
pub use store::{
    end_review, find_open, get_review, hold_review, list_reviews, open_review, opine, opinions, revise,
};
pub use types::{Comment, Ended, NewReview, OpinionGiven, Review, ReviewFilter, ReviewState, Subject};
