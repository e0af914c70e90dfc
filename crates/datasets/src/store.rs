//! The tables of this room; nothing else knows them.

use base::{Actor, NewEvent, ObjectRef, Page, PageRequest, Timestamp};
use db::{Row, Sql, SqlText, Tx, params};
use serde_json::{Value, json};

use crate::{Dataset, DatasetVersion, Error, NewVersion};

const DATASETS: &str = "select d.name, d.description, d.created_at, d.created_by, \
    v.number, v.rows_total, v.last_at, v.first_at \
    from datasets d left join dataset_versions v on v.dataset = d.name \
    and v.number = (select max(number) from dataset_versions where dataset = d.name)";

const VERSIONS: &str = "select dataset, number, delta_version, digest, rows_total, rows_added, columns, \
    first_at, last_at, origin, created_at, created_by";

/// Makes a dataset without versions.
pub async fn create_dataset(
    tx: &mut Tx,
    name: &str,
    description: &str,
    actor: &Actor,
    now: Timestamp,
) -> Result<Dataset, Error> {
    base::names::check_name("dataset", name)?;
    if find_dataset(tx, name).await?.is_some() {
        return Err(Error::DatasetExists { dataset: name.to_owned() });
    }
    tx.execute(
        "insert into datasets (name, description, created_at, created_by) values ($1, $2, $3, $4)",
        params![name, description, now, actor.as_str()],
    )
    .await?;
    let event = NewEvent::new(
        "dataset.created",
        actor,
        ObjectRef::new("dataset", name),
        format!("dataset `{name}` was made"),
    );
    tx.append_event(event).await?;
    get_dataset(tx, name).await
}

/// The dataset, if there is one of that name.
pub async fn find_dataset(sql: &mut impl Sql, name: &str) -> Result<Option<Dataset>, Error> {
    let text = SqlText::new(DATASETS).push(" where d.name = ").bind(name);
    sql.fetch_all_text(text).await?.first().map(dataset).transpose()
}

/// The dataset.
pub async fn get_dataset(sql: &mut impl Sql, name: &str) -> Result<Dataset, Error> {
    find_dataset(sql, name).await?.ok_or_else(|| Error::DatasetNotFound { dataset: name.to_owned() })
}

/// Datasets by name, a page at a time.
pub async fn list_datasets(sql: &mut impl Sql, page: &PageRequest) -> Result<Page<Dataset>, Error> {
    let text = SqlText::new(DATASETS)
        .push(" where d.name > ")
        .bind(page.cursor.clone().unwrap_or_default())
        .push(" order by d.name limit ")
        .bind(one_more(page));
    let items = sql.fetch_all_text(text).await?.iter().map(dataset).collect::<Result<_, _>>()?;
    Ok(Page::from_overfetched(items, page.limit, |dataset: &Dataset| dataset.name.clone()))
}

/// Writes down the next version, with its event.
pub async fn add_version(
    tx: &mut Tx,
    new: &NewVersion,
    actor: &Actor,
    now: Timestamp,
) -> Result<DatasetVersion, Error> {
    get_dataset(tx, &new.dataset).await?;
    let before = latest(tx, &new.dataset).await?;
    let number = before.as_ref().map_or(0, |before| before.number) + 1;
    let kept = before.as_ref().filter(|_| !new.replaces);
    let rows = kept.map_or(0, |before| before.rows) + new.rows_added;
    let earlier =
        |mine: Option<Timestamp>, theirs: Option<Timestamp>| [mine, theirs].into_iter().flatten().min();
    let later = |mine: Option<Timestamp>, theirs: Option<Timestamp>| mine.max(theirs);
    let from = earlier(new.from, kept.and_then(|before| before.from));
    let to = later(new.to, kept.and_then(|before| before.to));
    tx.execute(
        "insert into dataset_versions (dataset, number, delta_version, digest, rows_total, rows_added, columns, \
         first_at, last_at, origin, profile, created_at, created_by) \
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)",
        params![
            &new.dataset,
            number,
            new.delta_version,
            new.digest,
            to_bigint(rows),
            to_bigint(new.rows_added),
            json!(new.schema),
            from,
            to,
            &new.origin,
            &new.profile,
            now,
            actor.as_str()
        ],
    )
    .await?;
    let object = ObjectRef::new("dataset", format!("{}@{number}", new.dataset));
    let summary = if new.replaces {
        format!("`{}` version {number} has {rows} rows in place of those before", new.dataset)
    } else {
        format!("`{}` version {number} has {} rows more, {rows} in all", new.dataset, new.rows_added)
    };
    let event = NewEvent::new("dataset.version_added", actor, object, summary);
    tx.append_event(event.with(json!({ "number": number, "digest": new.digest, "rows": rows }))).await?;
    get_version(tx, &new.dataset, number).await
}

/// The newest version, if there is one.
pub async fn latest(sql: &mut impl Sql, dataset: &str) -> Result<Option<DatasetVersion>, Error> {
    let text = SqlText::new(VERSIONS)
        .push(" from dataset_versions where dataset = ")
        .bind(dataset)
        .push(" order by number desc limit 1");
    sql.fetch_all_text(text).await?.first().map(version).transpose()
}

/// One version, with the profile of its columns.
pub async fn get_version(sql: &mut impl Sql, dataset: &str, number: i64) -> Result<DatasetVersion, Error> {
    let text = SqlText::new(VERSIONS)
        .push(", profile from dataset_versions where dataset = ")
        .bind(dataset)
        .push(" and number = ")
        .bind(number);
    let rows = sql.fetch_all_text(text).await?;
    let row = rows.first().ok_or_else(|| Error::VersionNotFound { dataset: dataset.to_owned(), number })?;
    Ok(DatasetVersion { profile: row.json("profile")?, ..version(row)? })
}

/// The versions of a dataset, newest first, a page at a time.
pub async fn list_versions(
    sql: &mut impl Sql,
    dataset: &str,
    page: &PageRequest,
) -> Result<Page<DatasetVersion>, Error> {
    get_dataset(sql, dataset).await?;
    let before = match &page.cursor {
        None => i64::MAX,
        Some(cursor) => cursor.parse().map_err(|_| Error::BadCursor { cursor: cursor.clone() })?,
    };
    let text = SqlText::new(VERSIONS)
        .push(" from dataset_versions where dataset = ")
        .bind(dataset)
        .push(" and number < ")
        .bind(before)
        .push(" order by number desc limit ")
        .bind(one_more(page));
    let items = sql.fetch_all_text(text).await?.iter().map(version).collect::<Result<_, _>>()?;
    Ok(Page::from_overfetched(items, page.limit, |version: &DatasetVersion| version.number.to_string()))
}

fn dataset(row: &Row) -> Result<Dataset, Error> {
    Ok(Dataset {
        name: row.text("name")?,
        description: row.text("description")?,
        created_at: row.time("created_at")?,
        created_by: row.text("created_by")?,
        latest_version: row.opt_int("number")?,
        rows: from_bigint(row.opt_int("rows_total")?.unwrap_or(0)),
        from: row.opt_time("first_at")?,
        to: row.opt_time("last_at")?,
    })
}

fn version(row: &Row) -> Result<DatasetVersion, Error> {
    Ok(DatasetVersion {
        name: row.text("dataset")?,
        number: row.int("number")?,
        delta_version: row.int("delta_version")?,
        digest: row.digest("digest")?,
        rows: from_bigint(row.int("rows_total")?),
        rows_added: from_bigint(row.int("rows_added")?),
        schema: row.json("columns")?,
        from: row.opt_time("first_at")?,
        to: row.opt_time("last_at")?,
        origin: row.json("origin")?,
        profile: Value::Null,
        created_at: row.time("created_at")?,
        created_by: row.text("created_by")?,
    })
}

fn one_more(page: &PageRequest) -> i64 {
    i64::try_from(page.limit.saturating_add(1)).unwrap_or(i64::MAX)
}

fn to_bigint(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

fn from_bigint(count: i64) -> u64 {
    u64::try_from(count).unwrap_or(0)
}
