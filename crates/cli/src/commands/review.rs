//! `review`: asks for moves of guarded aliases, looks at them, approves, carries out.

use anyhow::Result;
use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::policy::model_and_version;
use crate::client::Client;
use crate::exit::hinted;
use crate::output::{self, at, bold, columns, faint, text_at};

/// `gingham review …`
#[derive(Debug, Clone, Subcommand)]
pub(crate) enum ReviewCommand {
    /// List reviews, newest first.
    Ls {
        /// Only those in this state.
        #[arg(long, value_parser = ["open", "carried_out", "closed"])]
        state: Option<String>,
        /// Only those of this model.
        #[arg(long)]
        model: Option<String>,
        /// At most so many.
        #[arg(long, default_value_t = 30)]
        limit: usize,
    },
    /// Show what a review changes, how it stands, and what was said.
    Show {
        /// Its number.
        number: i64,
    },
    /// Ask for a move of an alias.
    Ask(AskArguments),
    /// Approve what a review asks for.
    Approve(OpinionArguments),
    /// Ask for changes.
    RequestChanges(OpinionArguments),
    /// Add to the discussion; `@name` tells that person.
    Comment {
        /// The review.
        number: i64,
        /// The text, in Markdown.
        text: String,
        /// The comment that it answers.
        #[arg(long)]
        parent: Option<i64>,
    },
    /// Let a review ask for another version, or for the same one as things are now.
    Revise {
        /// The review.
        number: i64,
        /// The version that it asks for from then on; the same one when not given.
        #[arg(long, value_name = "VERSION")]
        to: Option<i64>,
    },
    /// Move the alias, if the policy allows it now.
    CarryOut {
        /// The review.
        number: i64,
    },
    /// Close a review without a move.
    Close {
        /// The review.
        number: i64,
        /// Why.
        #[arg(long, default_value = "")]
        reason: String,
    },
    /// Move the alias although a rule does not hold; the reason is kept, and the override listed until it is made good.
    BreakGlass {
        /// The review.
        number: i64,
        /// Why; ten characters at least.
        #[arg(long)]
        reason: String,
        /// The ticket or incident.
        #[arg(long, default_value = "")]
        ticket: String,
        /// How long the override stands.
        #[arg(long, default_value = "4h")]
        lasts: base::Period,
    },
    /// List broken glass: what stands, and what has expired without an approval in its place.
    Overrides {
        /// Of this model.
        #[arg(long)]
        model: Option<String>,
        /// Those that are over too.
        #[arg(long)]
        all: bool,
    },
    /// List comments that name you, in reviews that you have not opened since.
    Mentions,
}

#[derive(Debug, Clone, Args)]
pub(crate) struct AskArguments {
    /// The version, as `MODEL@NUMBER`.
    model_version: String,
    /// The alias that is to move.
    #[arg(long, default_value = "champion")]
    alias: String,
    /// Why; kept for ever.
    #[arg(long)]
    reason: String,
    /// Carry it out as soon as the policy allows.
    #[arg(long)]
    at_once: bool,
}

#[derive(Debug, Clone, Args)]
pub(crate) struct OpinionArguments {
    /// The review.
    number: i64,
    /// In your words.
    #[arg(long, default_value = "")]
    comment: String,
    /// The digest that you looked at, as `show` tells it; refused if the review is about another one by now.
    #[arg(long)]
    digest: Option<String>,
}

/// Does what was asked.
pub(super) async fn review(client: &Client, command: &ReviewCommand, json: bool) -> Result<()> {
    let of = |number: &i64, what: &str| format!("/api/v1/reviews/{number}/{what}");
    let answered = match command {
        ReviewCommand::Ls { state, model, limit } => {
            return list(client, state.as_ref(), model.as_ref(), *limit, json).await;
        }
        ReviewCommand::Overrides { model, all } => {
            return overrides(client, model.as_ref(), *all, json).await;
        }
        ReviewCommand::Mentions => return mentions(client, json).await,
        ReviewCommand::Comment { number, text, parent } => {
            let body = json!({ "text": text, "parent": parent });
            let comment = client.post(&of(number, "comments"), &body).await?;
            if json {
                output::json(&comment);
            } else {
                output::line(&format!("comment {} on review {number}", text_at(&comment, "number")));
            }
            return Ok(());
        }
        ReviewCommand::Show { number } => client.get(&format!("/api/v1/reviews/{number}")).await?,
        ReviewCommand::Ask(ask) => client.post("/api/v1/reviews", &asked(ask)?).await?,
        ReviewCommand::Approve(given) => client.post(&of(&given.number, "approve"), &opinion(given)).await?,
        ReviewCommand::RequestChanges(given) => {
            client.post(&of(&given.number, "request-changes"), &opinion(given)).await?
        }
        ReviewCommand::Revise { number, to } => {
            client.post(&of(number, "revise"), &json!({ "version": to })).await?
        }
        ReviewCommand::CarryOut { number } => client.post(&of(number, "carry-out"), &json!({})).await?,
        ReviewCommand::Close { number, reason } => {
            client.post(&of(number, "close"), &json!({ "reason": reason })).await?
        }
        ReviewCommand::BreakGlass { number, reason, ticket, lasts } => {
            let body = json!({ "reason": reason, "ticket": ticket, "lasts": lasts });
            client.post(&of(number, "break-glass"), &body).await?
        }
    };
    if json {
        output::json(&answered);
    } else {
        print(&answered);
    }
    Ok(())
}

fn asked(ask: &AskArguments) -> Result<Value> {
    let (model, version) = model_and_version(&ask.model_version)?;
    let version: i64 = version.parse().map_err(|_| {
        hinted(format!("`{version}` is no number of a version"), "write `MODEL@NUMBER`, such as `traffic@2`")
    })?;
    let at_once = ask.at_once.then_some(true);
    Ok(
        json!({ "model": model, "version": version, "alias": ask.alias, "reason": ask.reason, "at_once": at_once }),
    )
}

fn opinion(given: &OpinionArguments) -> Value {
    json!({ "comment": given.comment, "digest": given.digest })
}

async fn list(
    client: &Client,
    state: Option<&String>,
    model: Option<&String>,
    limit: usize,
    json: bool,
) -> Result<()> {
    let query = [("state", state.cloned()), ("model", model.cloned())];
    let items = client.list("/api/v1/reviews", &query, limit).await?;
    if json {
        output::json(&Value::Array(items));
        return Ok(());
    }
    let shown = columns(&[
        ("review", "number"),
        ("model", "model"),
        ("alias", "alias"),
        ("version", "version"),
        ("state", "state"),
        ("stands", "verdict.standing"),
        ("why", "verdict.summary"),
        ("asked by", "requester"),
        ("opened", "created_at"),
    ]);
    output::table(&items, &shown, "no reviews: `gingham review ask MODEL@VERSION --reason …` opens one");
    Ok(())
}

async fn overrides(client: &Client, model: Option<&String>, all: bool, json: bool) -> Result<()> {
    let query = [("model", model.cloned()), ("all", all.then(|| "true".to_owned()))];
    let found = client.get_with("/api/v1/overrides", &query).await?;
    if json {
        output::json(&found);
        return Ok(());
    }
    let items = at(&found, "items").as_array().cloned().unwrap_or_default();
    let shown = columns(&[
        ("review", "review"),
        ("model", "model"),
        ("alias", "alias"),
        ("version", "version"),
        ("state", "state"),
        ("by", "by"),
        ("reason", "reason"),
        ("ticket", "ticket"),
        ("until", "expires_at"),
    ]);
    output::table(&items, &shown, "no glass is broken");
    Ok(())
}

async fn mentions(client: &Client, json: bool) -> Result<()> {
    let found = client.get("/api/v1/review-mentions").await?;
    if json {
        output::json(&found);
        return Ok(());
    }
    let items = at(&found, "items").as_array().cloned().unwrap_or_default();
    let shown = columns(&[("review", "review"), ("by", "author"), ("text", "text"), ("when", "at")]);
    output::table(&items, &shown, "nobody names you in a review that you have not seen");
    Ok(())
}

/// Prints a review as `show` does.
fn print(review: &Value) {
    let previous = at(review, "previous");
    let from = if previous.is_null() {
        "nothing".to_owned()
    } else {
        format!("version {}", output::text(&previous))
    };
    output::line(&bold(&format!(
        "review {}: {} of {} from {from} to version {}",
        text_at(review, "number"),
        text_at(review, "alias"),
        text_at(review, "model"),
        text_at(review, "version")
    )));
    output::facts(&[
        ("state", text_at(review, "state").replace('_', " ")),
        ("outcome", text_at(review, "outcome")),
        ("asked by", text_at(review, "requester")),
        ("why", text_at(review, "reason")),
        ("policy", format!("{} (tier {})", text_at(review, "policy"), text_at(review, "tier"))),
        ("digest", text_at(review, "digest")),
    ]);
    changes(review);
    if !at(review, "verdict").is_null() {
        output::line("");
        print_verdict(&at(review, "verdict"));
    }
    glass(review);
    said(review);
}

/// Broken glass, and whom that was told.
fn glass(review: &Value) {
    let part = |path: &str| at(review, path).as_array().cloned().unwrap_or_default();
    let (overrides, told) = (part("overrides"), part("told"));
    if overrides.is_empty() {
        return;
    }
    output::line(&format!("\n{}", bold("Broken glass")));
    for each in &overrides {
        let (by, state) = (text_at(each, "by"), text_at(each, "state"));
        output::line(&format!(
            "  {by}, {state}, until {}  {}",
            text_at(each, "expires_at"),
            text_at(each, "reason")
        ));
    }
    if told.is_empty() {
        output::line("  no notifier hears of this model: nobody was told but those named in the discussion");
    }
    for one in &told {
        let (notifier, state) = (text_at(one, "notifier"), text_at(one, "state"));
        let why = text_at(one, "reason");
        output::line(&format!("  told by `{notifier}`: {state} {}", faint(&why)));
    }
}

fn changes(review: &Value) {
    let part = |path: &str| at(review, path).as_array().cloned().unwrap_or_default();
    let metrics = part("metrics");
    if !metrics.is_empty() {
        output::line(&format!("\n{}", bold("Metrics")));
        output::table(&metrics, &columns(&[("metric", "key"), ("now", "before"), ("then", "after")]), "");
    }
    let causes = part("changes.causes");
    if !causes.is_empty() {
        output::line(&format!("\n{}", bold("What else differs")));
        let shown = columns(&[("what", "area"), ("name", "name"), ("now", "left"), ("then", "right")]);
        output::table(causes.get(..causes.len().min(15)).unwrap_or_default(), &shown, "");
    }
    for (title, path) in [("Checks", "checks"), ("Backtest", "backtest")] {
        let items = part(path);
        if !items.is_empty() {
            output::line(&format!("\n{}", bold(title)));
            let shown =
                columns(&[("check", "id"), ("now", "before"), ("then", "after"), ("in words", "message")]);
            output::table(&items, &shown, "");
        }
    }
    let card = part("card");
    if !card.is_empty() {
        output::line(&format!("\n{}", bold("Card")));
        output::table(&card, &columns(&[("field", "field"), ("now", "before"), ("then", "after")]), "");
    }
}

fn said(review: &Value) {
    let part = |path: &str| at(review, path).as_array().cloned().unwrap_or_default();
    let (opinions, comments) = (part("opinions"), part("comments"));
    if opinions.is_empty() && comments.is_empty() {
        return;
    }
    output::line(&format!("\n{}", bold("What was said")));
    for given in &opinions {
        let stale = if at(given, "current") == Value::Bool(true) { "" } else { " (for what it was before)" };
        let verb = if text_at(given, "opinion") == "approve" { "approved" } else { "asked for changes" };
        output::line(&format!("  {} {verb}{stale}  {}", text_at(given, "author"), text_at(given, "comment")));
    }
    for comment in &comments {
        let indent = if at(comment, "parent").is_null() { "  " } else { "    ↳ " };
        let head = format!("{} {}", text_at(comment, "author"), faint(&text_at(comment, "at")));
        output::line(&format!("{indent}{head}  {}", text_at(comment, "text")));
    }
}

/// Prints a verdict, rule by rule.
pub(super) fn print_verdict(verdict: &Value) {
    let standing = text_at(verdict, "standing");
    output::line(&format!("{}  {}", bold(&standing), text_at(verdict, "summary")));
    for rule in at(verdict, "rules").as_array().into_iter().flatten() {
        let sign = match text_at(rule, "mark").as_str() {
            "pass" => "✓",
            "waits" => "…",
            _ => "✗",
        };
        output::line(&format!("  {sign} {}  {}", text_at(rule, "asks"), faint(&text_at(rule, "why"))));
    }
}
