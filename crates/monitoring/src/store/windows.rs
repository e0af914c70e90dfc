//! Reports of windows.

use base::{Page, PageRequest, Timestamp};
use db::{Sql, SqlText, Tx, params};

use crate::error::Error;
use crate::report::{State, WindowReport, WindowSummary};
use crate::store::{cursor_as_int, overfetch, page_of};
use crate::window::Window;

/// Keeps a report in place of the one there was of the same window; answers the state of the window before it.
pub(super) async fn save(tx: &mut Tx, report: &WindowReport) -> Result<Option<State>, Error> {
    let before = state_before(tx, &report.model, report.window.from).await?;
    tx.execute(
        "insert into monitor_windows (model, window_from, window_to, version, state, summary, report) \
         values ($1, $2, $3, $4, $5, $6, $7) \
         on conflict (model, window_from) do update set window_to = excluded.window_to, \
         version = excluded.version, state = excluded.state, summary = excluded.summary, \
         report = excluded.report",
        params![
            &report.model,
            report.window.from,
            report.window.to,
            report.version,
            report.state.as_str(),
            serde_json::to_string(&report.summary())?,
            serde_json::to_string(report)?,
        ],
    )
    .await?;
    Ok(before)
}

async fn state_before(sql: &mut impl Sql, model: &str, from: Timestamp) -> Result<Option<State>, Error> {
    let row = sql
        .fetch_optional(
            "select summary from monitor_windows where model = $1 and window_from < $2 \
             order by window_from desc limit 1",
            params![model, from],
        )
        .await?;
    Ok(row.map(|row| row.json::<WindowSummary>("summary")).transpose()?.map(|summary| summary.state))
}

/// The report of the window that begins at `from`, if it was evaluated.
///
/// # Errors
/// When the database fails.
pub async fn find_report(
    sql: &mut impl Sql,
    model: &str,
    from: Timestamp,
) -> Result<Option<WindowReport>, Error> {
    let row = sql
        .fetch_optional(
            "select report from monitor_windows where model = $1 and window_from = $2",
            params![model, from],
        )
        .await?;
    Ok(row.map(|row| row.json("report")).transpose()?)
}

/// The report of the window that begins at `from`.
///
/// # Errors
/// [`Error::WindowNotFound`], or when the database fails.
pub async fn get_report(sql: &mut impl Sql, model: &str, from: Timestamp) -> Result<WindowReport, Error> {
    find_report(sql, model, from)
        .await?
        .ok_or_else(|| Error::WindowNotFound { model: model.to_owned(), from })
}

/// The last `count` reports of windows that begin before `before`, oldest first: what
/// [`evaluate_window`](crate::evaluate_window) looks back on.
///
/// # Errors
/// When the database fails.
pub async fn earlier_reports(
    sql: &mut impl Sql,
    model: &str,
    before: Timestamp,
    count: usize,
) -> Result<Vec<WindowReport>, Error> {
    let rows = sql
        .fetch_all(
            "select report from monitor_windows where model = $1 and window_from < $2 \
             order by window_from desc limit $3",
            params![model, before, i64::try_from(count).unwrap_or(i64::MAX)],
        )
        .await?;
    rows.iter().rev().map(|row| Ok(row.json("report")?)).collect()
}

/// The last window that was evaluated.
///
/// # Errors
/// When the database fails.
pub async fn last_window(sql: &mut impl Sql, model: &str) -> Result<Option<Window>, Error> {
    let row = sql
        .fetch_optional(
            "select window_from, window_to from monitor_windows where model = $1 \
             order by window_from desc limit 1",
            params![model],
        )
        .await?;
    row.map(|row| Ok(Window { from: row.time("window_from")?, to: row.time("window_to")? })).transpose()
}

/// The windows of a model, newest first.
///
/// # Errors
/// [`Error::BadCursor`], or when the database fails.
pub async fn list_windows(
    sql: &mut impl Sql,
    model: &str,
    page: &PageRequest,
) -> Result<Page<WindowSummary>, Error> {
    let before = cursor_as_int(page)?.unwrap_or(i64::MAX);
    let text = SqlText::new("select summary from monitor_windows where model = ")
        .bind(model)
        .push(" and window_from < ")
        .bind(before)
        .push(" order by window_from desc limit ")
        .bind(overfetch(page));
    let rows = sql.fetch_all_text(text).await?;
    let items = rows.iter().map(|row| row.json("summary")).collect::<Result<Vec<WindowSummary>, _>>()?;
    Ok(page_of(items, page, |summary| summary.window.from.as_micros().to_string()))
}
