//! The stored graph.

use std::collections::{BTreeSet, HashMap, HashSet};

use base::Timestamp;
use db::{Row, Sql, SqlText, Tx, params};

use crate::{Edge, Error, Graph, Neighbourhood, Node};

/// How many things are asked for in one statement.
const AT_ONCE: usize = 400;
/// The longest id, title and detail that are kept, in characters.
const MOST_CHARS: usize = 2_000;

/// Adds things and steps to the graph. What is there already stays; a thing that is told of with other words takes them,
/// and keeps its detail when none is told.
///
/// # Errors
/// When the database fails.
pub async fn put(tx: &mut Tx, graph: &Graph, now: Timestamp) -> Result<(), Error> {
    let mut numbers: HashMap<&str, i64> = HashMap::new();
    for node in &graph.nodes {
        let row = tx
            .fetch_optional(
                "insert into lineage_nodes (number, id, kind, title, detail, seen_at) \
                 values ((select coalesce(max(number), 0) + 1 from lineage_nodes), $1, $2, $3, $4, $5) \
                 on conflict (id) do update set title = excluded.title, \
                 detail = case when excluded.detail = '' then lineage_nodes.detail else excluded.detail end, \
                 seen_at = excluded.seen_at returning number",
                params![
                    clipped(&node.id),
                    clipped(&node.kind),
                    clipped(&node.title),
                    clipped(&node.detail),
                    now
                ],
            )
            .await?;
        if let Some(row) = row {
            numbers.insert(&node.id, row.int("number")?);
        }
    }
    for edge in &graph.edges {
        let (Some(source), Some(target)) =
            (numbers.get(edge.source.as_str()), numbers.get(edge.target.as_str()))
        else {
            continue;
        };
        tx.execute(
            "insert into lineage_edges (source, target, label, seen_at) values ($1, $2, $3, $4) \
             on conflict (source, target, label) do update set seen_at = excluded.seen_at",
            params![*source, *target, clipped(&edge.label), now],
        )
        .await?;
    }
    Ok(())
}

fn clipped(text: &str) -> String {
    text.chars().take(MOST_CHARS).collect()
}

/// The part of the graph around a thing, level by level: what is nearer is never left out for what is farther.
///
/// # Errors
/// [`Error::ObjectNotFound`].
pub async fn neighbourhood(sql: &mut impl Sql, object: &str, asked: Neighbourhood) -> Result<Graph, Error> {
    let row = sql.fetch_optional("select number from lineage_nodes where id = $1", params![object]).await?;
    let row = row.ok_or_else(|| Error::ObjectNotFound { object: object.to_owned() })?;
    let start = row.int("number")?;
    let mut found: Vec<i64> = vec![start];
    let mut seen: HashSet<i64> = HashSet::from([start]);
    let mut steps: BTreeSet<(i64, i64, String)> = BTreeSet::new();
    let mut is_cut = false;
    for (wanted, is_up) in [(asked.up, true), (asked.down, false)] {
        let mut level = vec![start];
        let mut walked: HashSet<i64> = HashSet::from([start]);
        for _ in 0..if wanted { asked.depth } else { 0 } {
            let mut next = Vec::new();
            for some in level.chunks(AT_ONCE) {
                for (source, target, label) in around(sql, some, is_up, asked.most_nodes).await? {
                    let far = if is_up { source } else { target };
                    if !seen.contains(&far) {
                        if found.len() >= asked.most_nodes {
                            is_cut = true;
                            continue;
                        }
                        seen.insert(far);
                        found.push(far);
                    }
                    if walked.insert(far) {
                        next.push(far);
                    }
                    steps.insert((source, target, label));
                }
            }
            level = next;
        }
    }
    let nodes = nodes_of(sql, &found).await?;
    let ids: HashMap<i64, String> = nodes.iter().map(|(number, node)| (*number, node.id.clone())).collect();
    let edges = steps
        .into_iter()
        .filter_map(|(source, target, label)| {
            Some(Edge { source: ids.get(&source)?.clone(), target: ids.get(&target)?.clone(), label })
        })
        .collect();
    Ok(Graph { nodes: nodes.into_iter().map(|(_, node)| node).collect(), edges, is_cut })
}

/// The steps from, or to, these things; no more than some multiple of what may be shown.
async fn around(
    sql: &mut impl Sql,
    level: &[i64],
    is_up: bool,
    most_nodes: usize,
) -> Result<Vec<(i64, i64, String)>, Error> {
    let begin = if is_up {
        "select source, target, label from lineage_edges where target in ("
    } else {
        "select source, target, label from lineage_edges where source in ("
    };
    let limit = i64::try_from(most_nodes.saturating_mul(4)).unwrap_or(i64::MAX);
    let text = SqlText::new(begin).bind_list(level.iter().copied()).push(") limit ").bind(limit);
    let read = |row: &Row| Ok((row.int("source")?, row.int("target")?, row.text("label")?));
    sql.fetch_all_text(text).await?.iter().map(read).collect()
}

async fn nodes_of(sql: &mut impl Sql, numbers: &[i64]) -> Result<Vec<(i64, Node)>, Error> {
    let mut known: HashMap<i64, Node> = HashMap::new();
    for some in numbers.chunks(AT_ONCE) {
        let text =
            SqlText::new("select number, id, kind, title, detail from lineage_nodes where number in (")
                .bind_list(some.iter().copied())
                .push(")");
        for row in sql.fetch_all_text(text).await? {
            let node = Node {
                id: row.text("id")?,
                kind: row.text("kind")?,
                title: row.text("title")?,
                detail: row.text("detail")?,
            };
            known.insert(row.int("number")?, node);
        }
    }
    Ok(numbers.iter().filter_map(|number| Some((*number, known.remove(number)?))).collect())
}
