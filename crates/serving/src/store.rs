//! Deployments and their history in the database; each change with its event.

use base::{Actor, NewEvent, ObjectRef, Page, PageRequest, Timestamp};
use db::{Row, Sql, SqlText, Tx, params};
use serde::{Deserialize, Serialize};

use crate::{Error, Result, Settings};

/// Whether a deployment answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// No version has answered yet.
    Waiting,
    /// It answers.
    Ready,
    /// The version that should answer does not; the one before may still.
    Failed,
    /// It was taken away.
    Stopped,
}

impl State {
    const fn word(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Ready => "ready",
            Self::Failed => "failed",
            Self::Stopped => "stopped",
        }
    }

    fn of(word: &str) -> Self {
        match word {
            "ready" => Self::Ready,
            "failed" => Self::Failed,
            "stopped" => Self::Stopped,
            _ => Self::Waiting,
        }
    }
}

/// A deployment as it is kept.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Deployment {
    /// Its name.
    pub name: String,
    /// The project it belongs to.
    pub project: String,
    /// The model.
    pub model: String,
    /// The alias it follows; absent when it is pinned to a version.
    pub alias: Option<String>,
    /// The version that answers.
    pub version: Option<i64>,
    /// The version that answered before.
    pub previous_version: Option<i64>,
    /// Whether it answers.
    pub state: State,
    /// Why it does not, if it does not.
    pub message: Option<String>,
    /// Its limits.
    pub settings: Settings,
    /// Since when this version answers, or since when it is in this state.
    pub since: Timestamp,
    /// When it was made.
    pub created_at: Timestamp,
}

/// What makes a deployment.
#[derive(Debug, Clone, PartialEq)]
pub struct NewDeployment {
    /// Its name.
    pub name: String,
    /// The project it belongs to.
    pub project: String,
    /// The model.
    pub model: String,
    /// The alias it follows.
    pub alias: Option<String>,
    /// Its limits.
    pub settings: Settings,
}

/// A version in the history of a deployment.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Answered {
    /// The version.
    pub version: i64,
    /// From when on it answered.
    pub at: Timestamp,
    /// Why it came.
    pub reason: String,
    /// Who brought it.
    pub actor: Actor,
}

fn event(kind: &str, actor: &Actor, name: &str, summary: String) -> NewEvent {
    NewEvent::new(kind, actor, ObjectRef::new("deployment", name), summary)
}

/// Makes a deployment, or brings its model, alias and limits up to date; the version is left as it is. Whether
/// anything changed.
pub async fn put_deployment(tx: &mut Tx, new: &NewDeployment, actor: &Actor, at: Timestamp) -> Result<bool> {
    base::names::check_name("deployment", &new.name)?;
    let settings = serde_json::to_string(&new.settings).unwrap_or_default();
    let (kind, summary) = match find_deployment(tx, &new.name).await? {
        None => ("deployment.created", format!("deployment `{}` of model `{}`", new.name, new.model)),
        Some(known)
            if known.state != State::Stopped
                && known.model == new.model
                && known.project == new.project
                && known.alias == new.alias
                && known.settings == new.settings =>
        {
            return Ok(false);
        }
        Some(_) => ("deployment.changed", format!("deployment `{}` changed", new.name)),
    };
    tx.execute(
        "insert into deployments \
         (name, project, model, alias, version, previous_version, state, message, settings, since, created_at) \
         values ($1, $2, $3, $4, null, null, 'waiting', null, $5, $6, $6) \
         on conflict (name) do update set project = excluded.project, model = excluded.model, \
         alias = excluded.alias, settings = excluded.settings, \
         state = case when deployments.state = 'stopped' then 'waiting' else deployments.state end",
        params![&new.name, &new.project, &new.model, new.alias.as_deref(), settings, at],
    )
    .await?;
    let facts = serde_json::json!({"model": new.model, "alias": new.alias, "settings": new.settings});
    tx.append_event(event(kind, actor, &new.name, summary).with(facts)).await?;
    Ok(true)
}

/// Writes down that a version answers from now on; nothing is written when it did before, as after a restart.
/// Whether anything changed.
pub async fn record_version(
    tx: &mut Tx,
    name: &str,
    version: i64,
    reason: &str,
    actor: &Actor,
    at: Timestamp,
) -> Result<bool> {
    let known = get_deployment(tx, name).await?;
    if known.version == Some(version) && known.state == State::Ready {
        return Ok(false);
    }
    let previous = if known.version == Some(version) { known.previous_version } else { known.version };
    tx.execute(
        "update deployments set version = $2, previous_version = $3, state = 'ready', message = null, since = $4 \
         where name = $1",
        params![name, version, previous, at],
    )
    .await?;
    tx.execute(
        "insert into deployment_history (deployment, number, version, at, reason, actor) \
         select $1, coalesce(max(number), 0) + 1, $2, $3, $4, $5 from deployment_history where deployment = $1",
        params![name, version, at, reason, actor.as_str()],
    )
    .await?;
    let summary = match known.version {
        Some(before) if before != version => {
            format!("deployment `{name}` answers with version {version} instead of {before}")
        }
        _ => format!("deployment `{name}` answers with version {version}"),
    };
    let facts = serde_json::json!({
        "model": known.model, "version": version, "previous_version": known.version, "reason": reason
    });
    tx.append_event(event("deployment.switched", actor, name, summary).with(facts)).await?;
    Ok(true)
}

/// Writes down that a deployment does not answer as it should, or was taken away, and why.
pub async fn set_state(
    tx: &mut Tx,
    name: &str,
    state: State,
    message: &str,
    actor: &Actor,
    at: Timestamp,
) -> Result<()> {
    let known = get_deployment(tx, name).await?;
    if known.state == state && known.message.as_deref().unwrap_or_default() == message {
        return Ok(());
    }
    let told = (!message.is_empty()).then_some(message);
    tx.execute(
        "update deployments set state = $2, message = $3, since = $4 where name = $1",
        params![name, state.word(), told, at],
    )
    .await?;
    let mut summary = format!("deployment `{name}` is {}", state.word());
    if let Some(told) = told {
        summary.push_str(": ");
        summary.push_str(told);
    }
    let kind = format!("deployment.{}", state.word());
    tx.append_event(event(&kind, actor, name, summary)).await?;
    Ok(())
}

const COLUMNS: &str = "select name, project, model, alias, version, previous_version, state, message, settings, \
     since, created_at from deployments";

/// The deployment of that name, if there is one.
pub async fn find_deployment(sql: &mut impl Sql, name: &str) -> Result<Option<Deployment>> {
    let rows = sql.fetch_all_text(SqlText::new(COLUMNS).push(" where name = ").bind(name)).await?;
    rows.first().map(deployment).transpose()
}

/// The deployment of that name. Fails with [`Error::DeploymentNotFound`] and a name that is near.
pub async fn get_deployment(sql: &mut impl Sql, name: &str) -> Result<Deployment> {
    if let Some(found) = find_deployment(sql, name).await? {
        return Ok(found);
    }
    let names = sql.fetch_all("select name from deployments order by name limit 1000", params![]).await?;
    let names = names.iter().map(|row| row.text("name")).collect::<Result<Vec<_>, _>>()?;
    Err(Error::DeploymentNotFound {
        name: name.to_owned(),
        nearest: base::names::nearest(name, names.iter().map(String::as_str)).map(str::to_owned),
    })
}

/// Deployments in the order of their names; those of one model when it is given.
pub async fn list_deployments(
    sql: &mut impl Sql,
    model: Option<&str>,
    page: &PageRequest,
) -> Result<Page<Deployment>> {
    let mut text = SqlText::new(COLUMNS).push(" where 1 = 1");
    if let Some(model) = model {
        text = text.push(" and model = ").bind(model);
    }
    if let Some(after) = &page.cursor {
        text = text.push(" and name > ").bind(after);
    }
    let most = i64::try_from(page.limit).unwrap_or(i64::MAX).saturating_add(1);
    let rows = sql.fetch_all_text(text.push(" order by name limit ").bind(most)).await?;
    let items = rows.iter().map(deployment).collect::<Result<Vec<_>>>()?;
    Ok(Page::from_overfetched(items, page.limit, |item| item.name.clone()))
}

/// The versions that answered, newest first.
pub async fn history(sql: &mut impl Sql, name: &str, limit: usize) -> Result<Vec<Answered>> {
    let most = i64::try_from(limit).unwrap_or(i64::MAX);
    let rows = sql
        .fetch_all(
            "select version, at, reason, actor from deployment_history where deployment = $1 \
             order by number desc limit $2",
            params![name, most],
        )
        .await?;
    let answered = |row: &Row| {
        Ok(Answered {
            version: row.int("version")?,
            at: row.time("at")?,
            reason: row.text("reason")?,
            actor: Actor::named(row.text("actor")?),
        })
    };
    rows.iter().map(answered).collect()
}

fn deployment(row: &Row) -> Result<Deployment> {
    Ok(Deployment {
        name: row.text("name")?,
        project: row.text("project")?,
        model: row.text("model")?,
        alias: row.opt_text("alias")?,
        version: row.opt_int("version")?,
        previous_version: row.opt_int("previous_version")?,
        state: State::of(&row.text("state")?),
        message: row.opt_text("message")?,
        settings: row.json("settings")?,
        since: row.time("since")?,
        created_at: row.time("created_at")?,
    })
}
