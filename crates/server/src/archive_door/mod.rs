//! The archive's doors: rows of models that are served elsewhere, exports, and the rules by which rows are kept.

mod events;
mod export;
mod keeping;
mod rows;
mod wire;

use crate::routes::Routes;

/// The routes of this part.
pub(crate) fn routes() -> Routes {
    Routes::new().and(rows::routes()).and(events::routes()).and(export::routes()).and(keeping::routes())
}
