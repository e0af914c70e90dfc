//! Verdicts in the database, by what they are about.

use base::{Actor, ObjectRef, Page, PageRequest, Timestamp};
use db::{Row, Sql, SqlText, Tx, params};
use serde::{Deserialize, Serialize};

use crate::{CheckResult, Error, Outcome, Result, Verdict};

/// A verdict as it is kept.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StoredVerdict {
    /// Its id; later verdicts have greater ones.
    pub id: String,
    /// What it is about, such as `dataset-version:traffic@2`.
    pub object: ObjectRef,
    /// When it was given.
    pub created_at: Timestamp,
    /// Who asked for it.
    pub actor: Actor,
    /// The verdict.
    pub verdict: Verdict,
}

/// A verdict without its results, for lists.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct VerdictSummary {
    /// Its id.
    pub id: String,
    /// What it is about.
    pub object: ObjectRef,
    /// When it was given.
    pub created_at: Timestamp,
    /// Who asked for it.
    pub actor: Actor,
    /// How it came out.
    pub outcome: Outcome,
    /// Whether what was checked must not be used.
    pub blocked: bool,
    /// Rows of the table.
    pub rows: u64,
    /// One line for people.
    pub summary: String,
}

fn whole(n: u64) -> i64 {
    i64::try_from(n).unwrap_or(i64::MAX)
}

/// Keeps a verdict with its results.
pub async fn insert_verdict(
    tx: &mut Tx,
    object: &ObjectRef,
    actor: &Actor,
    at: Timestamp,
    verdict: &Verdict,
) -> Result<StoredVerdict> {
    let id = base::id::new_hex_id();
    tx.execute(
        "insert into verdicts (id, object_kind, object_name, created_at, actor, outcome, blocked, rows_total, summary) \
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
        params![
            &id,
            &object.kind,
            &object.name,
            at,
            actor.as_str(),
            verdict.outcome.word(),
            verdict.blocked,
            whole(verdict.rows),
            verdict.in_words()
        ],
    )
    .await?;
    for (position, result) in verdict.results.iter().enumerate() {
        tx.execute(
            "insert into check_results (verdict_id, position, check_id, outcome, failing_rows, rows_checked, message, body) \
             values ($1, $2, $3, $4, $5, $6, $7, $8)",
            params![
                &id,
                whole(position as u64),
                &result.check_id,
                result.outcome.word(),
                whole(result.failing_rows),
                whole(result.rows),
                &result.message,
                serde_json::to_string(result).unwrap_or_default()
            ],
        )
        .await?;
    }
    Ok(StoredVerdict {
        id,
        object: object.clone(),
        created_at: at,
        actor: actor.clone(),
        verdict: verdict.clone(),
    })
}

const COLUMNS: &str = "select id, object_kind, object_name, created_at, actor, outcome, blocked, rows_total, summary from verdicts";

/// The verdict with that id. Fails with [`Error::VerdictNotFound`].
pub async fn get_verdict(sql: &mut impl Sql, id: &str) -> Result<StoredVerdict> {
    let row = sql
        .fetch_all_text(SqlText::new(COLUMNS).push(" where id = ").bind(id))
        .await?
        .into_iter()
        .next()
        .ok_or_else(|| Error::VerdictNotFound { id: id.to_owned() })?;
    let head = summary(&row)?;
    let results = sql
        .fetch_all("select body from check_results where verdict_id = $1 order by position", params![id])
        .await?
        .iter()
        .map(|row| row.json::<CheckResult>("body"))
        .collect::<Result<Vec<_>, _>>()?;
    let VerdictSummary { id, object, created_at, actor, outcome, blocked, rows, .. } = head;
    Ok(StoredVerdict { id, object, created_at, actor, verdict: Verdict { outcome, blocked, rows, results } })
}

/// The verdicts about an object, or about everything, newest first.
pub async fn list_verdicts(
    sql: &mut impl Sql,
    object: Option<&ObjectRef>,
    page: &PageRequest,
) -> Result<Page<VerdictSummary>> {
    let mut text = SqlText::new(COLUMNS).push(" where 1 = 1");
    if let Some(object) = object {
        text = text
            .push(" and object_kind = ")
            .bind(&object.kind)
            .push(" and object_name = ")
            .bind(&object.name);
    }
    if let Some(cursor) = &page.cursor {
        if cursor.len() != 32 || !cursor.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return Err(Error::BadCursor { cursor: cursor.clone() });
        }
        text = text.push(" and id < ").bind(cursor);
    }
    text = text.push(" order by id desc limit ").bind(whole(page.limit as u64 + 1));
    let rows = sql.fetch_all_text(text).await?;
    let items = rows.iter().map(summary).collect::<Result<Vec<_>>>()?;
    Ok(Page::from_overfetched(items, page.limit, |item| item.id.clone()))
}

/// The newest verdict about an object, if there is one.
pub async fn latest_verdict(sql: &mut impl Sql, object: &ObjectRef) -> Result<Option<StoredVerdict>> {
    let newest = list_verdicts(sql, Some(object), &PageRequest::first(1)).await?;
    match newest.items.first() {
        Some(head) => get_verdict(sql, &head.id).await.map(Some),
        None => Ok(None),
    }
}

fn summary(row: &Row) -> Result<VerdictSummary> {
    let outcome = match row.text("outcome")?.as_str() {
        "pass" => Outcome::Pass,
        "warn" => Outcome::Warn,
        "fail" => Outcome::Fail,
        _ => Outcome::Error,
    };
    Ok(VerdictSummary {
        id: row.text("id")?,
        object: ObjectRef { kind: row.text("object_kind")?, name: row.text("object_name")? },
        created_at: row.time("created_at")?,
        actor: Actor::named(row.text("actor")?),
        outcome,
        blocked: row.bool("blocked")?,
        rows: u64::try_from(row.int("rows_total")?).unwrap_or_default(),
        summary: row.text("summary")?,
    })
}

#[cfg(test)]
mod tests {
    use base::Failure;

    use super::*;
    use crate::Severity;

    fn verdict(failing: u64) -> Verdict {
        let result = CheckResult {
            check_id: "temperature".into(),
            target: "column `temp`".into(),
            severity: Severity::Error,
            outcome: if failing > 0 { Outcome::Fail } else { Outcome::Pass },
            observed: format!("{failing} of 10 rows fail"),
            expected: "200 to 330".into(),
            rows: 10,
            failing_rows: failing,
            vacuous: false,
            sample: Vec::new(),
            message: "a sentence".into(),
            hint: None,
            reason: Some("physics".into()),
            owner: None,
        };
        Verdict::of(10, vec![result])
    }

    #[tokio::test]
    async fn verdicts_are_kept_and_listed_newest_first_on_both_engines() {
        for database in testing::databases().await {
            let object = ObjectRef::new("dataset-version", "traffic@1");
            let other = ObjectRef::new("dataset-version", "traffic@2");
            let mut kept = Vec::new();
            for (n, object) in [(0, &object), (1, &object), (2, &other)] {
                let object = object.clone();
                kept.push(
                    database
                        .write(move |tx| {
                            Box::pin(async move {
                                let at = Timestamp::from_millis(i64::try_from(n).unwrap_or_default());
                                insert_verdict(tx, &object, &Actor::named("ada"), at, &verdict(n)).await
                            })
                        })
                        .await
                        .unwrap(),
                );
            }
            let mut read = database.read().await.unwrap();
            assert_eq!(get_verdict(&mut read, &kept[1].id).await.unwrap(), kept[1]);
            assert_eq!(latest_verdict(&mut read, &object).await.unwrap().as_ref(), Some(&kept[1]));
            let first = list_verdicts(&mut read, None, &PageRequest::first(2)).await.unwrap();
            assert_eq!(
                first.items.iter().map(|item| &item.id).collect::<Vec<_>>(),
                [&kept[2].id, &kept[1].id]
            );
            assert_eq!(first.items[0].summary, "1 check: 1 fails");
            let rest =
                list_verdicts(&mut read, None, &PageRequest::after(2, first.next_cursor)).await.unwrap();
            assert_eq!((rest.items.len(), rest.next_cursor), (1, None));
            let missing = get_verdict(&mut read, "0").await.unwrap_err();
            assert_eq!(missing.code(), "verdict_not_found");
            let page = PageRequest::after(2, Some("'; drop".into()));
            assert!(matches!(list_verdicts(&mut read, None, &page).await, Err(Error::BadCursor { .. })));
        }
    }
}
