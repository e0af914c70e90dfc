//! Policies, reviews, and the cards that they ask for, over HTTP.

mod cards;
mod routes;
mod wire;

pub(crate) use cards::routes as card_routes;
pub(crate) use routes::routes;
