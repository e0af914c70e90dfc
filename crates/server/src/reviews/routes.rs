//! Judging moves, asking for them, and what people do with what is asked.

use std::time::Duration;

use axum::extract::State;
use axum::http::StatusCode;
use base::{Kind, PageRequest};
use governance::policy::Opinion;
use governance::reviews::{self, NewException, Review, ReviewFilter, ReviewState};
use governance::{Action, ObjectKind};
use platform::{Asked, Opined};
use serde_json::Value;
use utoipa_axum::routes;

use super::wire::{
    AskBody, CloseBody, CommentBody, GlassBody, JudgeBody, MentionBody, Mentions, OpinionBody, OverrideBody,
    Overrides, PolicyVerdictBody, ReviewBody, ReviewComment, ReviewDetail, ReviewPage, ReviseBody, Which,
    WhichOverrides,
};
use crate::app::App;
use crate::extract::{Caller, Json, Path, Query};
use crate::problem::Problem;
use crate::routes::{Routes, may};

/// A version is loaded and warmed before it serves.
const SWITCH_DEADLINE: Duration = Duration::from_secs(120);

pub(crate) fn routes() -> Routes {
    let view = may(Action::View, ObjectKind::Review);
    let talk = may(Action::Change, ObjectKind::Review).named_by("number").deadline(SWITCH_DEADLINE);
    let approve = may(Action::Approve, ObjectKind::Review).named_by("number").deadline(SWITCH_DEADLINE);
    let ask = may(Action::Create, ObjectKind::Review).deadline(SWITCH_DEADLINE);
    let carry_out = may(Action::Promote, ObjectKind::Review).named_by("number").deadline(SWITCH_DEADLINE);
    Routes::new()
        .documented(may(Action::View, ObjectKind::Model).named_by("model"), routes!(judge_move))
        .documented(view, routes!(list_reviews))
        .documented(view.named_by("number"), routes!(get_review))
        .documented(view, routes!(list_mentions))
        .documented(view, routes!(list_overrides))
        .documented(ask, routes!(ask_review))
        .documented(approve, routes!(approve_review))
        .documented(approve, routes!(request_changes))
        .documented(talk, routes!(comment_review))
        .documented(ask.named_by("number"), routes!(revise_review))
        .documented(ask.named_by("number"), routes!(close_review))
        .documented(carry_out, routes!(carry_out_review))
        .documented(carry_out, routes!(break_glass))
}

/// Whether a move of an alias would be allowed, rule by rule; asks for nothing and changes nothing.
#[utoipa::path(
    post,
    path = "/api/v1/models/{model}/policy-verdict",
    tag = "reviews",
    params(("model" = String, Path)),
    request_body = JudgeBody,
    responses((status = 200, body = PolicyVerdictBody))
)]
async fn judge_move(
    State(app): State<App>,
    Path(model): Path<String>,
    Json(asked): Json<JudgeBody>,
) -> Result<Json<PolicyVerdictBody>, Problem> {
    let word = match &asked.version {
        Value::String(word) => word.clone(),
        other => other.to_string(),
    };
    let version = registry::resolve(&mut app.db().read().await?, &model, &word.parse()?).await?.number;
    let file = asked.file.as_deref().unwrap_or("policy");
    let policy = asked.policy.as_deref().map(|text| (file, text));
    let verdict = app.platform().judge_move((&model, &asked.alias, version), policy).await?;
    Ok(Json(PolicyVerdictBody::from(verdict)))
}

/// Reviews, newest first, each with how it stands.
#[utoipa::path(get, path = "/api/v1/reviews", tag = "reviews", params(Which), responses((status = 200, body = ReviewPage)))]
async fn list_reviews(
    State(app): State<App>,
    Query(which): Query<Which>,
) -> Result<Json<ReviewPage>, Problem> {
    let state = match which.state.as_deref().filter(|word| !word.is_empty()) {
        None => None,
        Some(word) => Some(ReviewState::parse(word).ok_or_else(|| {
            Problem::new(Kind::Invalid, "invalid_query", format!("`{word}` is no state of a review"))
                .with_hint("write `open`, `carried_out` or `closed`")
        })?),
    };
    let filter = ReviewFilter { state, model: which.model, requester: which.requester };
    let cursor = which.cursor.filter(|cursor| !cursor.is_empty());
    let page = PageRequest::after(which.limit.unwrap_or(PageRequest::default().limit), cursor);
    let found = app.platform().reviews(&filter, &page).await?;
    let items = found.items.into_iter().map(|(review, verdict)| ReviewBody::of(review, verdict)).collect();
    Ok(Json(ReviewPage { items, next_cursor: found.next_cursor }))
}

/// A review: what changes, the verdict, opinions, the discussion, and what happened.
#[utoipa::path(get, path = "/api/v1/reviews/{number}", tag = "reviews", params(("number" = i64, Path)), responses((status = 200, body = ReviewDetail)))]
async fn get_review(
    State(app): State<App>,
    caller: Caller,
    Path(number): Path<i64>,
) -> Result<Json<ReviewDetail>, Problem> {
    let view = app.platform().review(number).await?;
    let (person, now) = (caller.principal().name().to_owned(), app.now());
    if view.comments.iter().any(|comment| reviews::mentioned_in(&comment.text).contains(&person)) {
        let seen: Result<(), governance::Error> = app
            .db()
            .write(move |tx| Box::pin(async move { reviews::mark_seen(tx, &person, number, now).await }))
            .await;
        seen?;
    }
    Ok(Json(ReviewDetail::of(view, now)))
}

/// Comments that name the one who asks, in reviews that they have not opened since.
#[utoipa::path(get, path = "/api/v1/review-mentions", tag = "reviews", responses((status = 200, body = Mentions)))]
async fn list_mentions(State(app): State<App>, caller: Caller) -> Result<Json<Mentions>, Problem> {
    let found = reviews::mentions_of(&mut app.db().read().await?, caller.principal().name()).await?;
    let item = |(review, comment)| MentionBody { review, comment: ReviewComment::from(comment) };
    Ok(Json(Mentions { items: found.into_iter().map(item).collect() }))
}

/// Broken glass, newest first: what stands and what has expired without an approval in its place.
#[utoipa::path(get, path = "/api/v1/overrides", tag = "reviews", params(WhichOverrides), responses((status = 200, body = Overrides)))]
async fn list_overrides(
    State(app): State<App>,
    Query(which): Query<WhichOverrides>,
) -> Result<Json<Overrides>, Problem> {
    let model = which.model.as_deref().filter(|model| !model.is_empty());
    let found = reviews::exceptions(&mut app.db().read().await?, model, !which.all).await?;
    let now = app.now();
    Ok(Json(Overrides { items: found.into_iter().map(|each| OverrideBody::of(each, now)).collect() }))
}

async fn answer(app: &App, review: Review) -> Result<Json<ReviewDetail>, Problem> {
    Ok(Json(ReviewDetail::of(app.platform().review(review.number).await?, app.now())))
}

/// Asks for a move of a guarded alias. Where the policy approves by itself and every rule holds, the alias has moved when
/// the answer comes.
#[utoipa::path(post, path = "/api/v1/reviews", tag = "reviews", request_body = AskBody, responses((status = 201, body = ReviewDetail)))]
async fn ask_review(
    State(app): State<App>,
    caller: Caller,
    Json(asked): Json<AskBody>,
) -> Result<(StatusCode, Json<ReviewDetail>), Problem> {
    let AskBody { model, version, alias, reason, at_once } = asked;
    let asked = Asked { model, alias, version, reason, at_once };
    let review = app.platform().ask_review(asked, &caller.actor()).await?;
    Ok((StatusCode::CREATED, answer(&app, review).await?))
}

/// Approves what a review asks for. Whoever asked for it or trained the version cannot.
#[utoipa::path(post, path = "/api/v1/reviews/{number}/approve", tag = "reviews", params(("number" = i64, Path)), request_body = OpinionBody, responses((status = 200, body = ReviewDetail)))]
async fn approve_review(
    State(app): State<App>,
    caller: Caller,
    Path(number): Path<i64>,
    Json(body): Json<OpinionBody>,
) -> Result<Json<ReviewDetail>, Problem> {
    let opined = Opined { opinion: Opinion::Approve, digest: body.digest, comment: body.comment };
    let review = app.platform().opine(number, opined, &caller.actor()).await?;
    answer(&app, review).await
}

/// Asks for changes; the review does not pass until it is about something else, or the one who asked approves.
#[utoipa::path(post, path = "/api/v1/reviews/{number}/request-changes", tag = "reviews", params(("number" = i64, Path)), request_body = OpinionBody, responses((status = 200, body = ReviewDetail)))]
async fn request_changes(
    State(app): State<App>,
    caller: Caller,
    Path(number): Path<i64>,
    Json(body): Json<OpinionBody>,
) -> Result<Json<ReviewDetail>, Problem> {
    let opined = Opined { opinion: Opinion::RequestChanges, digest: body.digest, comment: body.comment };
    let review = app.platform().opine(number, opined, &caller.actor()).await?;
    answer(&app, review).await
}

/// Adds to the discussion.
#[utoipa::path(post, path = "/api/v1/reviews/{number}/comments", tag = "reviews", params(("number" = i64, Path)), request_body = CommentBody, responses((status = 201, body = ReviewComment)))]
async fn comment_review(
    State(app): State<App>,
    caller: Caller,
    Path(number): Path<i64>,
    Json(body): Json<CommentBody>,
) -> Result<(StatusCode, Json<ReviewComment>), Problem> {
    let comment = app.platform().comment_review(number, body.parent, &body.text, &caller.actor()).await?;
    Ok((StatusCode::CREATED, Json(ReviewComment::from(comment))))
}

/// Lets a review ask for another version, or for the same one as things are now; approvals begin anew.
#[utoipa::path(post, path = "/api/v1/reviews/{number}/revise", tag = "reviews", params(("number" = i64, Path)), request_body = ReviseBody, responses((status = 200, body = ReviewDetail)))]
async fn revise_review(
    State(app): State<App>,
    caller: Caller,
    Path(number): Path<i64>,
    Json(body): Json<ReviseBody>,
) -> Result<Json<ReviewDetail>, Problem> {
    let review = app.platform().revise_review(number, body.version, &caller.actor()).await?;
    answer(&app, review).await
}

/// Closes a review without a move.
#[utoipa::path(post, path = "/api/v1/reviews/{number}/close", tag = "reviews", params(("number" = i64, Path)), request_body = CloseBody, responses((status = 200, body = ReviewDetail)))]
async fn close_review(
    State(app): State<App>,
    caller: Caller,
    Path(number): Path<i64>,
    Json(body): Json<CloseBody>,
) -> Result<Json<ReviewDetail>, Problem> {
    let review = app.platform().close_review(number, &body.reason, &caller.actor()).await?;
    answer(&app, review).await
}

/// Moves the alias, if the policy allows it now; the deployments that follow it serve that version before the answer
/// comes.
#[utoipa::path(post, path = "/api/v1/reviews/{number}/carry-out", tag = "reviews", params(("number" = i64, Path)), responses((status = 200, body = ReviewDetail)))]
async fn carry_out_review(
    State(app): State<App>,
    caller: Caller,
    Path(number): Path<i64>,
) -> Result<Json<ReviewDetail>, Problem> {
    let review = app.platform().carry_out_review(number, &caller.actor()).await?;
    answer(&app, review).await
}

/// Moves the alias although a rule does not hold. The reason is kept and the override listed until it is made good.
#[utoipa::path(post, path = "/api/v1/reviews/{number}/break-glass", tag = "reviews", params(("number" = i64, Path)), request_body = GlassBody, responses((status = 200, body = ReviewDetail)))]
async fn break_glass(
    State(app): State<App>,
    caller: Caller,
    Path(number): Path<i64>,
    Json(body): Json<GlassBody>,
) -> Result<Json<ReviewDetail>, Problem> {
    let new = NewException { reason: body.reason, ticket: body.ticket, lasts: body.lasts };
    let review = app.platform().break_glass(number, new, &caller.actor()).await?;
    answer(&app, review).await
}
