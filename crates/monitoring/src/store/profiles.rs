//! Sums of predictions by hour and day, and how far a table is summed up.

use std::collections::BTreeMap;
use std::sync::Arc;

use base::Timestamp;
use db::{Row, Sql, SqlText, Tx, params};

use super::Unpacked;
use crate::error::Error;
use crate::stretch::{Grain, Shape, StretchKey, StretchProfile};

/// Rows of the table of profiles that are looked up in one statement.
const LOOKED_UP: usize = 200;

/// How far the predictions in one table are summed up.
#[derive(Debug, Clone, PartialEq)]
pub struct ProfileSource {
    /// The table, by its id.
    pub source: String,
    /// The model whose predictions it holds.
    pub model: String,
    /// The version of the table up to which they are summed up; -1 while that is being done anew.
    pub version: i64,
    /// By what they are counted.
    pub shape: Shape,
    /// Event time of the newest of them.
    pub newest: Timestamp,
}

/// Profiles as they are kept, with what is needed to read them.
#[derive(Debug, Clone)]
pub struct Stored {
    /// What it is of.
    pub key: StretchKey,
    /// What was kept.
    pub profile: Arc<StretchProfile>,
}

const fn micros(grain: Grain) -> i64 {
    grain.length().as_micros()
}

fn grain_of(micros: i64) -> Grain {
    if micros == Grain::Hour.length().as_micros() { Grain::Hour } else { Grain::Day }
}

/// How far a table is summed up; `None` before the first time.
///
/// # Errors
/// When the database fails.
pub async fn profile_source(sql: &mut impl Sql, source: &str) -> Result<Option<ProfileSource>, Error> {
    let row = sql
        .fetch_optional("select * from monitor_profile_sources where source = $1", params![source])
        .await?;
    row.as_ref().map(source_of).transpose()
}

/// The tables that hold predictions of a model: one, unless several servers share a database.
///
/// # Errors
/// When the database fails.
pub async fn profile_sources(sql: &mut impl Sql, model: &str) -> Result<Vec<ProfileSource>, Error> {
    let rows = sql
        .fetch_all("select * from monitor_profile_sources where model = $1 order by source", params![model])
        .await?;
    rows.iter().map(source_of).collect()
}

fn source_of(row: &Row) -> Result<ProfileSource, Error> {
    Ok(ProfileSource {
        source: row.text("source")?,
        model: row.text("model")?,
        version: row.int("table_version")?,
        shape: row.json("shape")?,
        newest: row.time("newest")?,
    })
}

/// Forgets what was summed up of a table; its version is -1 until [`put_profiles`] has brought it to one.
///
/// # Errors
/// When the database fails; nothing is forgotten then.
pub async fn begin_profiles(tx: &mut Tx, begun: &ProfileSource) -> Result<(), Error> {
    tx.execute("delete from monitor_profiles where source = $1", params![&begun.source]).await?;
    tx.execute("delete from monitor_profile_sources where source = $1", params![&begun.source]).await?;
    tx.execute(
        "insert into monitor_profile_sources (source, model, table_version, shape, newest) \
         values ($1, $2, -1, $3, $4)",
        params![&begun.source, &begun.model, serde_json::to_string(&begun.shape)?, begun.newest],
    )
    .await?;
    Ok(())
}

/// Packed profiles to be put in place of those that there were, and how far the table is summed up with them.
#[derive(Debug, Clone)]
pub struct ProfileChange {
    /// How far it was; nothing is changed unless it still is.
    pub before: i64,
    /// How far it is.
    pub after: ProfileSource,
    /// The profiles with their rows.
    pub profiles: Vec<(StretchKey, u64, Vec<u8>)>,
    /// Hours before this moment are not kept any more.
    pub hours_from: Timestamp,
}

/// Puts profiles in place and moves on how far the table is summed up: both, or neither.
///
/// # Errors
/// [`Error::ProfilesMoved`] when somebody else has moved it on; nothing is changed then.
pub async fn put_profiles(tx: &mut Tx, change: &ProfileChange) -> Result<(), Error> {
    let after = &change.after;
    let moved = tx
        .execute(
            "update monitor_profile_sources set table_version = $1, shape = $2, newest = $3 \
             where source = $4 and table_version = $5",
            params![
                after.version,
                serde_json::to_string(&after.shape)?,
                after.newest,
                &after.source,
                change.before
            ],
        )
        .await?;
    if moved != 1 {
        return Err(Error::ProfilesMoved { model: after.model.clone() });
    }
    for (key, rows, bytes) in &change.profiles {
        tx.execute(
            "insert into monitor_profiles (source, model, version, segment, grain, start, row_count, profile) \
             values ($1, $2, $3, $4, $5, $6, $7, $8) \
             on conflict (source, grain, start, version, segment) \
             do update set row_count = excluded.row_count, profile = excluded.profile",
            params![
                &after.source,
                &after.model,
                key.version,
                &key.segment,
                micros(key.grain),
                key.start,
                i64::try_from(*rows).unwrap_or(i64::MAX),
                bytes.clone(),
            ],
        )
        .await?;
    }
    tx.execute(
        "delete from monitor_profiles where source = $1 and grain = $2 and start < $3",
        params![&after.source, micros(Grain::Hour), change.hours_from],
    )
    .await?;
    Ok(())
}

/// The profiles that there are under these keys.
///
/// # Errors
/// When the database fails, or one cannot be read.
pub async fn find_profiles(
    sql: &mut impl Sql,
    of: &ProfileSource,
    keys: &[&StretchKey],
) -> Result<BTreeMap<StretchKey, StretchProfile>, Error> {
    let mut found = BTreeMap::new();
    let mut starts: BTreeMap<Grain, Vec<i64>> = BTreeMap::new();
    for key in keys {
        let starts = starts.entry(key.grain).or_default();
        if !starts.contains(&key.start.as_micros()) {
            starts.push(key.start.as_micros());
        }
    }
    for (grain, starts) in starts {
        for some in starts.chunks(LOOKED_UP) {
            let text = SqlText::new("select * from monitor_profiles where source = ")
                .bind(&of.source)
                .push(" and grain = ")
                .bind(micros(grain))
                .push(" and start in (")
                .bind_list(some.iter().copied())
                .push(")");
            for row in sql.fetch_all_text(text).await? {
                let key = key_of(&row)?;
                if keys.contains(&&key) {
                    found.insert(key, StretchProfile::unpack(row.bytes("profile")?, &of.shape)?);
                }
            }
        }
    }
    Ok(found)
}

fn key_of(row: &Row) -> Result<StretchKey, Error> {
    Ok(StretchKey {
        grain: grain_of(row.int("grain")?),
        start: row.time("start")?,
        version: row.int("version")?,
        segment: row.text("segment")?,
    })
}

/// The profiles of a model's segment that begin in `[from, to)`, oldest first, of every table.
///
/// # Errors
/// When the database fails, or one cannot be read.
pub async fn profiles_within(
    sql: &mut impl Sql,
    unpacked: &Unpacked,
    sources: &[ProfileSource],
    segment: &str,
    grain: Grain,
    from: Timestamp,
    to: Timestamp,
) -> Result<Vec<Stored>, Error> {
    let Some(first) = sources.first() else { return Ok(Vec::new()) };
    let rows = sql
        .fetch_all(
            "select * from monitor_profiles where model = $1 and segment = $2 and grain = $3 \
             and start >= $4 and start < $5 order by start, version",
            params![&first.model, segment, micros(grain), from, to],
        )
        .await?;
    let mut bins = Vec::with_capacity(sources.len());
    for of in sources {
        bins.push(Unpacked::bins_of(&of.shape)?);
    }
    let mut found = Vec::with_capacity(rows.len());
    for row in &rows {
        let source = row.text("source")?;
        let Some((of, bins)) = sources.iter().zip(&bins).find(|(of, _)| of.source == source) else {
            continue;
        };
        found.push(Stored {
            key: key_of(row)?,
            profile: unpacked.unpack(row.bytes("profile")?, &of.shape, *bins)?,
        });
    }
    Ok(found)
}

/// The segments of a model that have rows in `[from, to)`, with them, most rows first.
///
/// # Errors
/// When the database fails.
pub async fn segments_within(
    sql: &mut impl Sql,
    model: &str,
    from: Timestamp,
    to: Timestamp,
) -> Result<Vec<(String, u64)>, Error> {
    let rows = sql
        .fetch_all(
            "select segment, cast(sum(row_count) as bigint) as row_count from monitor_profiles where model = $1 \
             and segment <> '' and grain = $2 and start >= $3 and start < $4 \
             group by segment order by 2 desc, segment",
            params![model, micros(Grain::Day), from, to],
        )
        .await?;
    rows.iter().map(|row| Ok((row.text("segment")?, row.int("row_count")?.unsigned_abs()))).collect()
}

/// How many predictions each stretch of a segment had that begins in `[from, to)`, oldest first.
///
/// # Errors
/// When the database fails.
pub async fn volumes_within(
    sql: &mut impl Sql,
    sources: &[ProfileSource],
    segment: &str,
    grain: Grain,
    from: Timestamp,
    to: Timestamp,
) -> Result<Vec<(Timestamp, u64)>, Error> {
    let Some(first) = sources.first() else { return Ok(Vec::new()) };
    let rows = sql
        .fetch_all(
            "select start, cast(sum(row_count) as bigint) as row_count from monitor_profiles where model = $1 \
             and segment = $2 and grain = $3 and start >= $4 and start < $5 group by start order by start",
            params![&first.model, segment, micros(grain), from, to],
        )
        .await?;
    rows.iter().map(|row| Ok((row.time("start")?, row.int("row_count")?.unsigned_abs()))).collect()
}
