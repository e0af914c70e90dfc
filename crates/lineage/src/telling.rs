//! What is told becomes part of the stored graph.
//!
//! Whatever is told together is joined first, so that a thing that many tell of is written once; then it takes a few
//! statements, each for many things. What is there as it is told costs no write.

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};

use base::{Digest, Timestamp};
use db::{Sql, SqlText, Tx, Value, params};

use crate::{Edge, Error, Graph};

/// How many rows one statement holds: few sizes, so that the engine knows each statement from before; what is missing to
/// the next size is filled up with the last row, which changes nothing the second time. SQLite looks for the name of each
/// value among all of a statement, so that larger ones cost more a row.
const SIZES: &[usize] = &[1, 4, 8, 16, 32, LARGEST];
const LARGEST: usize = 64;
/// The longest id that is kept as it is, in bytes; PostgreSQL indexes no text of more than about 2,700.
const MOST_ID_BYTES: usize = 1_000;
/// The longest title, detail and label that are kept, in characters.
const MOST_CHARS: usize = 2_000;

/// What is known of a thing.
struct Known {
    number: i64,
    title: String,
    detail: String,
}

/// A thing as it is told of.
struct Told<'a> {
    kind: &'a str,
    title: String,
    detail: String,
}

/// Adds things and steps to the graph. What is there already stays; a thing that is told of with other words takes them,
/// and keeps its detail when none is told.
///
/// # Errors
/// When the database fails.
pub async fn put(tx: &mut Tx, graphs: &[Graph], now: Timestamp) -> Result<(), Error> {
    let (order, told) = joined(graphs);
    if order.is_empty() {
        return Ok(());
    }
    // This row is held until the end of the transaction: what is looked up here stays true.
    let row = tx
        .fetch_optional(
            "update lineage_numbers set last = last where name = 'nodes' returning last",
            params![],
        )
        .await?;
    let before = row.map(|row| row.int("last")).transpose()?.unwrap_or_default();
    let mut last = before;
    let mut known = known(tx, &order).await?;
    let mut new = Vec::new();
    for id in &order {
        let Some(told) = told.get(id.as_ref()) else { continue };
        let Told { kind, title, detail } = told;
        let Some(entry) = known.get(id.as_ref()) else {
            last += 1;
            new.push(params![last, id.as_ref(), *kind, title, detail, now]);
            known
                .insert(id.to_string(), Known { number: last, title: title.clone(), detail: detail.clone() });
            continue;
        };
        let detail = if detail.is_empty() { &entry.detail } else { detail };
        if entry.title != *title || entry.detail != *detail {
            tx.execute(
                "update lineage_nodes set title = $2, detail = $3, seen_at = $4 where number = $1",
                params![entry.number, title, detail, now],
            )
            .await?;
        }
    }
    many(
        tx,
        "insert into lineage_nodes (number, id, kind, title, detail, seen_at) values ",
        new,
        " on conflict (id) do nothing",
    )
    .await?;
    if last > before {
        tx.execute("update lineage_numbers set last = $1 where name = 'nodes'", params![last]).await?;
    }
    many(
        tx,
        "insert into lineage_steps (source, target, label, seen_at) values ",
        steps(graphs, &known, now),
        " on conflict (source, target, label) do nothing",
    )
    .await
}

/// Each thing once, in the order in which it is first told of; what is told last counts.
fn joined(graphs: &[Graph]) -> (Vec<Cow<'_, str>>, HashMap<Cow<'_, str>, Told<'_>>) {
    let mut order = Vec::new();
    let mut all: HashMap<Cow<'_, str>, Told<'_>> = HashMap::new();
    for node in graphs.iter().flat_map(|graph| &graph.nodes) {
        let (title, detail) = (clipped(&node.title), clipped(&node.detail));
        match all.get_mut(kept_id(&node.id).as_ref()) {
            Some(told) => {
                told.title = title;
                if !detail.is_empty() {
                    told.detail = detail;
                }
            }
            None => {
                let id = kept_id(&node.id);
                order.push(id.clone());
                all.insert(id, Told { kind: &node.kind, title, detail });
            }
        }
    }
    (order, all)
}

/// Each step once, between the numbers of its things.
fn steps(graphs: &[Graph], known: &HashMap<String, Known>, now: Timestamp) -> Vec<Vec<Value>> {
    let number = |id: &str| known.get(kept_id(id).as_ref()).map(|known| known.number);
    let mut seen: HashSet<(i64, i64, &str)> = HashSet::new();
    let mut rows = Vec::new();
    for Edge { source, target, label } in graphs.iter().flat_map(|graph| &graph.edges) {
        let (Some(source), Some(target)) = (number(source), number(target)) else { continue };
        if seen.insert((source, target, label)) {
            rows.push(params![source, target, clipped(label), now]);
        }
    }
    rows
}

async fn known(tx: &mut Tx, ids: &[Cow<'_, str>]) -> Result<HashMap<String, Known>, Error> {
    let mut known = HashMap::with_capacity(ids.len());
    for some in ids.chunks(LARGEST) {
        let text = SqlText::new("select number, id, title, detail from lineage_nodes where id in (")
            .bind_list(filled(some).map(AsRef::as_ref))
            .push(")");
        for row in tx.fetch_all_text(text).await? {
            let found =
                Known { number: row.int("number")?, title: row.text("title")?, detail: row.text("detail")? };
            known.insert(row.text("id")?, found);
        }
    }
    Ok(known)
}

/// Runs a statement for many rows of values, for each of which a second time changes nothing.
async fn many(
    tx: &mut Tx,
    begin: &'static str,
    rows: Vec<Vec<Value>>,
    end: &'static str,
) -> Result<(), Error> {
    for some in rows.chunks(LARGEST) {
        let mut text = SqlText::new(begin);
        for (place, row) in filled(some).enumerate() {
            text = text.push(if place == 0 { "(" } else { ", (" }).bind_list(row.iter().cloned()).push(")");
        }
        tx.execute_text(text.push(end)).await?;
    }
    Ok(())
}

/// What goes into one statement, with the last of it as often as the statement's size wants.
fn filled<T>(some: &[T]) -> impl Iterator<Item = &T> {
    let size = SIZES.iter().copied().find(|size| *size >= some.len()).unwrap_or(LARGEST);
    some.iter().chain(some.last().into_iter().cycle()).take(size)
}

/// The id under which a thing is kept: its own, or its beginning with the hash of the whole where it is long.
pub(crate) fn kept_id(id: &str) -> Cow<'_, str> {
    if id.len() <= MOST_ID_BYTES {
        return Cow::Borrowed(id);
    }
    let begin = id.get(..id.floor_char_boundary(MOST_ID_BYTES - 100)).unwrap_or_default();
    Cow::Owned(format!("{begin}…{}", Digest::of(id)))
}

fn clipped(text: &str) -> String {
    text.chars().take(MOST_CHARS).collect()
}
