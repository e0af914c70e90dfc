//! Records in, one JSON object a line; and what has come in whole.

use std::time::Duration;

use axum::extract::State;
use base::Kind;
use governance::{Action, Object, ObjectKind, decide};
use platform::carry::{MOST_RECORDS, Origin, Record};
use utoipa_axum::routes;

use super::wire::{CarriedBody, CarryQuery, WholeBody, WholePage, WholeQuery};
use crate::app::App;
use crate::extract::{Body, Caller, Json, Paging, Query};
use crate::problem::Problem;
use crate::routes::{Routes, may};

/// The largest batch in bytes.
const BATCH_BYTES: usize = 32 * 1024 * 1024;
/// How long a batch may take: one that is refused as a whole is applied record by record.
const DEADLINE: Duration = Duration::from_secs(300);
/// The longest name of a source or a batch, in characters.
const NAME_CHARS: usize = 500;

pub(crate) fn routes() -> Routes {
    let write = may(Action::Create, ObjectKind::Run).body_limit_bytes(BATCH_BYTES).deadline(DEADLINE);
    Routes::new()
        .documented(write, routes!(carry_records))
        .documented(may(Action::View, ObjectKind::Run), routes!(list_carried))
}

/// Applies records of runs and models that were made elsewhere: a JSON object a line. Applying one again changes nothing.
#[utoipa::path(
    post,
    path = "/api/v1/records",
    tag = "runs",
    params(CarryQuery),
    request_body(content = String, content_type = "application/x-ndjson"),
    responses((status = 200, body = CarriedBody))
)]
async fn carry_records(
    State(app): State<App>,
    caller: Caller,
    Query(asked): Query<CarryQuery>,
    Body(body): Body,
) -> Result<Json<CarriedBody>, Problem> {
    for name in [Some(&asked.source), asked.batch.as_ref()].into_iter().flatten() {
        if name.is_empty() || name.chars().count() > NAME_CHARS {
            return Err(Problem::invalid(
                "invalid_name",
                format!("the name of the source or batch is empty or longer than {NAME_CHARS} characters"),
            ));
        }
    }
    let records = parse(&body)?;
    allow(&caller, &records)?;
    let origin = Origin { source: asked.source, batch: asked.batch, actor: caller.actor() };
    Ok(Json(app.platform().carry(origin, records).await?.into()))
}

fn parse(body: &[u8]) -> Result<Vec<Record>, Problem> {
    let mut records = Vec::new();
    for (index, line) in body.split(|byte| *byte == b'\n').enumerate() {
        if line.iter().all(u8::is_ascii_whitespace) {
            continue;
        }
        if records.len() == MOST_RECORDS {
            return Err(Problem::new(
                Kind::TooLarge,
                "body_too_large",
                format!("a batch holds at most {MOST_RECORDS} records"),
            ));
        }
        let record = serde_json::from_slice(line)
            .map_err(|error| Problem::invalid("invalid_record", format!("line {}: {error}", index + 1)))?;
        records.push(record);
    }
    Ok(records)
}

/// The rule of the route allows to make runs; models and the bin need more.
fn allow(caller: &Caller, records: &[Record]) -> Result<(), Problem> {
    let registers = records.iter().any(Record::registers);
    let deletes = records.iter().any(Record::deletes);
    let needed = [
        (registers, Action::Create, ObjectKind::Model),
        (registers, Action::Promote, ObjectKind::Model),
        (deletes, Action::Delete, ObjectKind::Run),
    ];
    for (is_needed, action, kind) in needed {
        let decision = decide(caller.principal(), action, &Object::of(kind));
        if is_needed && !decision.allowed {
            return Err(Problem::new(Kind::Denied, "denied", decision.reason));
        }
    }
    Ok(())
}

/// What has been brought in whole from a source.
#[utoipa::path(get, path = "/api/v1/records/whole", tag = "runs", params(WholeQuery), responses((status = 200, body = WholePage)))]
async fn list_carried(
    State(app): State<App>,
    Query(asked): Query<WholeQuery>,
) -> Result<Json<WholePage>, Problem> {
    let page = Paging { limit: asked.limit, cursor: asked.cursor }.request();
    let after = page.cursor.unwrap_or_default();
    let found = app.platform().carried(&asked.source, &asked.kind, &after, page.limit + 1).await?;
    let more = found.len() > page.limit;
    let items: Vec<WholeBody> = found
        .into_iter()
        .take(page.limit)
        .map(|whole| WholeBody { id: whole.id, fingerprint: whole.fingerprint })
        .collect();
    let next_cursor = items.last().filter(|_| more).map(|whole| whole.id.clone());
    Ok(Json(WholePage { items, next_cursor }))
}
