//! Content by its digest, for `gingham data` and for whoever looks after the store: which parts are missing,
//! packs of parts in and out, names of data, collecting garbage, verifying.
//!
//! Packs travel as they are stored; `docs/data.md` tells of the protocol.

mod care;
mod names;
mod parts;

use std::time::Duration;

use governance::{Action, ObjectKind};

use crate::routes::{Routes, may};

/// The largest pack that is taken, in bytes.
const PACK_LIMIT_BYTES: usize = 64 * 1024 * 1024;
/// How long a pack may take to arrive, and a store to be verified.
const DEADLINE: Duration = Duration::from_secs(4 * 3_600);

pub(crate) fn routes() -> Routes {
    let view = may(Action::View, ObjectKind::Artifact);
    let create = may(Action::Create, ObjectKind::Artifact);
    let administer = may(Action::Administer, ObjectKind::Server).deadline(DEADLINE);
    Routes::new()
        .post("/api/content/search/missing", view, parts::missing)
        .post("/api/content/search/parts", view.deadline(DEADLINE), parts::take)
        .post("/api/content/packs", create.body_limit_bytes(PACK_LIMIT_BYTES).deadline(DEADLINE), parts::give)
        .get("/api/content/names", view, names::list)
        .get("/api/content/names/{name}", view, names::get)
        .post("/api/content/names/{name}/versions", create.deadline(DEADLINE), names::add_version)
        .post("/api/content/collect", administer, care::collect)
        .post("/api/content/restore", administer, care::restore)
        .post("/api/content/verify", administer, care::verify)
}
