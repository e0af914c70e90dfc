//! The part of the stored graph around a thing.

use std::collections::{BTreeSet, HashMap, HashSet};

use db::{Row, Sql, SqlText, params};

use crate::telling::kept_id;
use crate::{Edge, Error, Graph, Neighbourhood, Node};

/// How many things are asked for in one statement.
const AT_ONCE: usize = 400;

/// The part of the graph around a thing, level by level: what is nearer is never left out for what is farther.
///
/// # Errors
/// [`Error::ObjectNotFound`].
pub async fn neighbourhood(sql: &mut impl Sql, object: &str, asked: Neighbourhood) -> Result<Graph, Error> {
    let id = kept_id(object);
    let row = sql.fetch_optional("select number from lineage_nodes where id = $1", params![&*id]).await?;
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
    Ok(Graph::of(nodes.into_iter().map(|(_, node)| node).collect(), edges, is_cut))
}

/// The steps from, or to, these things; no more than some multiple of what may be shown.
async fn around(
    sql: &mut impl Sql,
    level: &[i64],
    is_up: bool,
    most_nodes: usize,
) -> Result<Vec<(i64, i64, String)>, Error> {
    let begin = if is_up {
        "select source, target, label from lineage_steps where target in ("
    } else {
        "select source, target, label from lineage_steps where source in ("
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
