//! Projects in the database.

use base::{Actor, NewEvent, ObjectRef, Timestamp};
use db::{Row, Sql, Tx, params};

use crate::error::Error;
use crate::project::{DEFAULT_PROJECT, NewProject, Project, ProjectChange, check_project_name};

/// The most projects that a list tells of.
const MOST_LISTED: i64 = 10_000;

/// Makes a project. Fails with [`Error::ProjectExists`] when the name is taken.
pub async fn create_project(
    tx: &mut Tx,
    new: &NewProject,
    actor: &Actor,
    now: Timestamp,
) -> Result<Project, Error> {
    check_project_name(&new.name)?;
    let made = tx
        .execute(
            "insert into projects (name, description, artifact_root, created_at, created_by) \
             values ($1, $2, $3, $4, $5) on conflict (name) do nothing",
            params![&new.name, new.description.clone(), new.artifact_root.clone(), now, actor.as_str()],
        )
        .await?;
    if made == 0 {
        return Err(Error::ProjectExists { name: new.name.clone() });
    }
    tx.append_event(event("project.created", actor, &new.name, "created")).await?;
    get_project(tx, &new.name).await
}

/// Every project, by name.
pub async fn list_projects(sql: &mut impl Sql) -> Result<Vec<Project>, Error> {
    let rows = sql
        .fetch_all(
            "select name, description, artifact_root, created_at from projects order by name limit $1",
            params![MOST_LISTED],
        )
        .await?;
    rows.iter().map(project).collect()
}

/// The project with that name, if there is one.
pub async fn find_project(sql: &mut impl Sql, name: &str) -> Result<Option<Project>, Error> {
    let row = sql
        .fetch_optional(
            "select name, description, artifact_root, created_at from projects where name = $1",
            params![name],
        )
        .await?;
    row.as_ref().map(project).transpose()
}

/// Whether there is a project besides the default one.
pub async fn has_several_projects(sql: &mut impl Sql) -> Result<bool, db::Error> {
    let row = sql
        .fetch_optional("select name from projects where name <> $1 limit 1", params![DEFAULT_PROJECT])
        .await?;
    Ok(row.is_some())
}

/// Changes what is said about a project.
pub async fn update_project(
    tx: &mut Tx,
    name: &str,
    change: ProjectChange,
    actor: &Actor,
) -> Result<Project, Error> {
    let before = get_project(tx, name).await?;
    tx.execute(
        "update projects set description = $1, artifact_root = $2 where name = $3",
        params![
            change.description.or(before.description),
            change.artifact_root.unwrap_or(before.artifact_root),
            name
        ],
    )
    .await?;
    tx.append_event(event("project.changed", actor, name, "changed")).await?;
    get_project(tx, name).await
}

/// Removes a project. What belongs to it must have been seen to before, in the same transaction.
pub async fn delete_project(tx: &mut Tx, name: &str, actor: &Actor) -> Result<(), Error> {
    if tx.execute("delete from projects where name = $1", params![name]).await? == 0 {
        return Err(Error::ProjectNotFound { name: name.to_owned() });
    }
    tx.execute("delete from member_grants where project = $1", params![name]).await?;
    tx.append_event(event("project.deleted", actor, name, "deleted")).await?;
    Ok(())
}

async fn get_project(sql: &mut impl Sql, name: &str) -> Result<Project, Error> {
    find_project(sql, name).await?.ok_or_else(|| Error::ProjectNotFound { name: name.to_owned() })
}

fn project(row: &Row) -> Result<Project, Error> {
    Ok(Project {
        name: row.text("name")?,
        description: row.opt_text("description")?,
        artifact_root: row.opt_text("artifact_root")?,
        created_at: row.time("created_at")?,
    })
}

fn event(kind: &str, actor: &Actor, name: &str, verb: &str) -> NewEvent {
    NewEvent::new(kind, actor, ObjectRef::new("project", name), format!("project `{name}` {verb}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_project_is_made_once_changed_and_removed() {
        for database in testing::databases().await {
            let seen = database
                .write::<_, Error, _>(|tx| {
                    Box::pin(async move {
                        let me = Actor::named("ada");
                        let now = Timestamp::from_millis(1);
                        let new = NewProject { name: "pricing".into(), ..NewProject::default() };
                        create_project(tx, &new, &me, now).await?;
                        assert!(matches!(
                            create_project(tx, &new, &me, now).await,
                            Err(Error::ProjectExists { .. })
                        ));
                        let change = ProjectChange {
                            description: Some("prices".into()),
                            artifact_root: Some(Some("s3://b/p".into())),
                        };
                        update_project(tx, "pricing", change, &me).await?;
                        let names: Vec<_> =
                            list_projects(tx).await?.into_iter().map(|project| project.name).collect();
                        assert_eq!(names, ["default", "pricing"]);
                        let seen = find_project(tx, "pricing").await?;
                        delete_project(tx, "pricing", &me).await?;
                        assert!(matches!(
                            delete_project(tx, "pricing", &me).await,
                            Err(Error::ProjectNotFound { .. })
                        ));
                        Ok(seen.unwrap())
                    })
                })
                .await
                .unwrap();
            assert_eq!(seen.description.as_deref(), Some("prices"));
            assert_eq!(seen.artifact_root.as_deref(), Some("s3://b/p"));
        }
    }
}
