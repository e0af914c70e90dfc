//! People, grants and tokens in the database.

mod project;

use base::{Actor, Digest, NewEvent, ObjectRef, Period, Timestamp};
use db::{Row, Sql, Tx, params};
use serde::Serialize;
use serde_json::json;

use crate::error::Error;
use crate::principal::{Account, AccountKind, Principal};
use crate::role::{Grant, Role};
use crate::token::{IssuedToken, Secret};

pub use project::{
    create_project, delete_project, find_project, has_several_projects, list_projects, update_project,
};

/// The longest life of a token that is given one.
const MOST_TOKEN_DAYS: i64 = 366;
/// The account that the first start makes.
const FIRST_MEMBER: &str = "admin";

/// A person or a service account.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Member {
    /// Its id.
    pub id: String,
    /// Its unique name.
    pub name: String,
    /// Person or service.
    pub kind: AccountKind,
    /// The roles it holds.
    pub grants: Vec<Grant>,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was switched off, if it was.
    pub disabled_at: Option<Timestamp>,
}

/// An account that is about to be made.
#[derive(Clone, Debug)]
pub struct NewMember {
    /// Its unique name.
    pub name: String,
    /// Person or service.
    pub kind: AccountKind,
    /// The roles it begins with.
    pub grants: Vec<Grant>,
}

impl NewMember {
    /// A person without any role yet.
    pub fn person(name: impl Into<String>) -> Self {
        NewMember { name: name.into(), kind: AccountKind::Person, grants: Vec::new() }
    }

    /// A service account without any role yet.
    pub fn service(name: impl Into<String>) -> Self {
        NewMember { name: name.into(), kind: AccountKind::Service, grants: Vec::new() }
    }

    /// The same account with one role more.
    #[must_use]
    pub fn with(mut self, grant: Grant) -> Self {
        self.grants.push(grant);
        self
    }
}

/// A token that is about to be issued.
#[derive(Clone, Debug)]
pub struct NewToken {
    /// What it is for, in its owner's words.
    pub name: String,
    /// How long it lives; `None` until it is revoked.
    pub lifetime: Option<Period>,
}

/// A token as it can be listed: without its secret, which nobody has but the owner.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct TokenRecord {
    /// Its id.
    pub id: String,
    /// The account it stands for.
    pub member: String,
    /// What it is for.
    pub name: String,
    /// When it was issued.
    pub created_at: Timestamp,
    /// When it ends, if it does by itself.
    pub expires_at: Option<Timestamp>,
    /// When it was last used, to the minute.
    pub last_used_at: Option<Timestamp>,
    /// When it was revoked, if it was.
    pub revoked_at: Option<Timestamp>,
}

/// Makes the account `admin` and a token for it if there are no accounts at all, and answers that token; otherwise
/// changes nothing. The caller writes the secret where only the owner of the data folder can read it.
pub async fn bootstrap(tx: &mut Tx, now: Timestamp) -> Result<Option<IssuedToken>, Error> {
    if tx.fetch_optional("select id from members limit 1", params![]).await?.is_some() {
        return Ok(None);
    }
    let actor = Actor::platform("governance");
    let admin = NewMember::person(FIRST_MEMBER).with(Grant::everywhere(Role::Admin));
    create_member(tx, &admin, &actor, now).await?;
    let token = NewToken { name: "first start".to_owned(), lifetime: None };
    issue_token(tx, FIRST_MEMBER, &token, &actor, now).await.map(Some)
}

/// Makes an account. Fails with [`Error::MemberExists`] when the name is taken.
pub async fn create_member(
    tx: &mut Tx,
    member: &NewMember,
    actor: &Actor,
    now: Timestamp,
) -> Result<String, Error> {
    base::names::check_name(member.kind.as_str(), &member.name)?;
    let id = base::id::new_hex_id();
    let added = tx
        .execute(
            "insert into members (id, name, kind, created_at) values ($1, $2, $3, $4) on conflict (name) do nothing",
            params![&id, &member.name, member.kind.as_str(), now],
        )
        .await?;
    if added == 0 {
        return Err(Error::MemberExists { name: member.name.clone() });
    }
    for grant in &member.grants {
        insert_grant(tx, &id, grant, now).await?;
    }
    let summary = format!("the account `{}` was made", member.name);
    let event = NewEvent::new("member.created", actor, object(&member.name), summary)
        .with(json!({ "kind": member.kind, "grants": member.grants }));
    tx.append_event(event).await?;
    Ok(id)
}

/// Switches an account off: its tokens stop working at once.
pub async fn disable_member(tx: &mut Tx, name: &str, actor: &Actor, now: Timestamp) -> Result<(), Error> {
    let touched = tx
        .execute(
            "update members set disabled_at = $1 where name = $2 and disabled_at is null",
            params![now, name],
        )
        .await?;
    if touched == 0 {
        member_id(tx, name).await?;
        return Ok(());
    }
    let summary = format!("the account `{name}` was disabled");
    tx.append_event(NewEvent::new("member.disabled", actor, object(name), summary)).await?;
    Ok(())
}

/// Gives an account a role; holding it already is no failure.
pub async fn add_grant(
    tx: &mut Tx,
    name: &str,
    grant: &Grant,
    actor: &Actor,
    now: Timestamp,
) -> Result<(), Error> {
    let id = member_id(tx, name).await?;
    if insert_grant(tx, &id, grant, now).await? == 0 {
        return Ok(());
    }
    let summary = format!("`{name}` was given the role `{}`{}", grant.role, place(grant));
    tx.append_event(NewEvent::new("grant.added", actor, object(name), summary).with(json!(grant))).await?;
    Ok(())
}

/// Takes a role from an account; not holding it is no failure.
pub async fn remove_grant(tx: &mut Tx, name: &str, grant: &Grant, actor: &Actor) -> Result<(), Error> {
    let id = member_id(tx, name).await?;
    let removed = tx
        .execute(
            "delete from member_grants where member_id = $1 and role = $2 and project = $3",
            params![id, grant.role.as_str(), grant.project.as_deref().unwrap_or_default()],
        )
        .await?;
    if removed == 0 {
        return Ok(());
    }
    let summary = format!("the role `{}`{} was taken from `{name}`", grant.role, place(grant));
    tx.append_event(NewEvent::new("grant.removed", actor, object(name), summary).with(json!(grant))).await?;
    Ok(())
}

/// Every account, by name.
pub async fn list_members(sql: &mut impl Sql) -> Result<Vec<Member>, Error> {
    let rows = sql
        .fetch_all("select id, name, kind, created_at, disabled_at from members order by name", params![])
        .await?;
    let mut members = Vec::with_capacity(rows.len());
    for row in &rows {
        members.push(member(sql, row).await?);
    }
    Ok(members)
}

/// The account with that name, if there is one.
pub async fn find_member(sql: &mut impl Sql, name: &str) -> Result<Option<Member>, Error> {
    let row = sql
        .fetch_optional(
            "select id, name, kind, created_at, disabled_at from members where name = $1",
            params![name],
        )
        .await?;
    match row {
        Some(row) => member(sql, &row).await.map(Some),
        None => Ok(None),
    }
}

/// Issues a token for the account `name`. The secret is in the answer and nowhere else.
pub async fn issue_token(
    tx: &mut Tx,
    name: &str,
    token: &NewToken,
    actor: &Actor,
    now: Timestamp,
) -> Result<IssuedToken, Error> {
    if let Some(lifetime) = token.lifetime {
        let (least, most) = (Period::from_micros(60_000_000), Period::from_days(MOST_TOKEN_DAYS));
        if !(least.as_micros()..=most.as_micros()).contains(&lifetime.as_micros()) {
            return Err(Error::TokenLifetime { most_days: MOST_TOKEN_DAYS });
        }
    }
    let member_id = member_id(tx, name).await?;
    let issued = IssuedToken { id: base::id::new_hex_id(), secret: Secret::generate() };
    let expires_at = token
        .lifetime
        .map(|lifetime| Timestamp::from_micros(now.as_micros().saturating_add(lifetime.as_micros())));
    tx.execute(
        "insert into tokens (id, member_id, name, hash, created_at, expires_at) values ($1, $2, $3, $4, $5, $6)",
        params![&issued.id, member_id, &token.name, issued.secret.digest(), now, expires_at],
    )
    .await?;
    let summary = format!("a token `{}` was issued for `{name}`", token.name);
    let event = NewEvent::new("token.issued", actor, ObjectRef::new("token", &issued.id), summary)
        .with(json!({ "member": name, "expires_at": expires_at }));
    tx.append_event(event).await?;
    Ok(issued)
}

/// Ends a token; ending it twice is no failure.
pub async fn revoke_token(tx: &mut Tx, id: &str, actor: &Actor, now: Timestamp) -> Result<(), Error> {
    let touched = tx
        .execute("update tokens set revoked_at = $1 where id = $2 and revoked_at is null", params![now, id])
        .await?;
    if touched == 0 {
        return match tx.fetch_optional("select id from tokens where id = $1", params![id]).await? {
            Some(_) => Ok(()),
            None => Err(Error::TokenNotFound { id: id.to_owned() }),
        };
    }
    let event = NewEvent::new(
        "token.revoked",
        actor,
        ObjectRef::new("token", id),
        format!("the token `{id}` was revoked"),
    );
    tx.append_event(event).await?;
    Ok(())
}

/// Every token, newest first, those of `member` alone when it is given.
pub async fn list_tokens(sql: &mut impl Sql, member: Option<&str>) -> Result<Vec<TokenRecord>, Error> {
    let rows = sql
        .fetch_all(
            "select t.id, m.name as member, t.name, t.created_at, t.expires_at, t.last_used_at, t.revoked_at \
             from tokens t join members m on m.id = t.member_id \
             where ($1 = '' or m.name = $1) order by t.created_at desc, t.id desc",
            params![member.unwrap_or_default()],
        )
        .await?;
    rows.iter().map(token_record).collect()
}

/// The principal behind the token with this hash, unless it or its account has ended by `now`.
pub async fn find_principal(
    sql: &mut impl Sql,
    hash: Digest,
    now: Timestamp,
) -> Result<Option<Principal>, Error> {
    let row = sql
        .fetch_optional(
            "select t.id as token_id, m.id, m.name, m.kind from tokens t join members m on m.id = t.member_id \
             where t.hash = $1 and t.revoked_at is null and (t.expires_at is null or t.expires_at > $2) \
             and m.disabled_at is null",
            params![hash, now],
        )
        .await?;
    let Some(row) = row else { return Ok(None) };
    let id = row.text("id")?;
    let grants = grants_of(sql, &id).await?;
    let account = Account { id, name: row.text("name")?, token_id: row.text("token_id")?, grants };
    Ok(Some(match kind(&row)? {
        AccountKind::Person => Principal::Person(account),
        AccountKind::Service => Principal::Service(account),
    }))
}

/// Remembers that a token was used at `now`.
pub async fn note_use(tx: &mut Tx, token_id: &str, now: Timestamp) -> Result<(), Error> {
    tx.execute("update tokens set last_used_at = $1 where id = $2", params![now, token_id]).await?;
    Ok(())
}

async fn member_id(sql: &mut impl Sql, name: &str) -> Result<String, Error> {
    match sql.fetch_optional("select id from members where name = $1", params![name]).await? {
        Some(row) => Ok(row.text("id")?),
        None => Err(Error::MemberNotFound { name: name.to_owned() }),
    }
}

async fn insert_grant(tx: &mut Tx, member_id: &str, grant: &Grant, now: Timestamp) -> Result<u64, Error> {
    let added = tx
        .execute(
            "insert into member_grants (member_id, role, project, created_at) values ($1, $2, $3, $4) \
             on conflict (member_id, role, project) do nothing",
            params![member_id, grant.role.as_str(), grant.project.as_deref().unwrap_or_default(), now],
        )
        .await?;
    Ok(added)
}

async fn grants_of(sql: &mut impl Sql, member_id: &str) -> Result<Vec<Grant>, Error> {
    let rows = sql
        .fetch_all(
            "select role, project from member_grants where member_id = $1 order by project, role",
            params![member_id],
        )
        .await?;
    rows.iter()
        .map(|row| {
            let project = Some(row.text("project")?).filter(|project| !project.is_empty());
            Ok(Grant { role: row.text("role")?.parse()?, project })
        })
        .collect()
}

async fn member(sql: &mut impl Sql, row: &Row) -> Result<Member, Error> {
    let id = row.text("id")?;
    let grants = grants_of(sql, &id).await?;
    Ok(Member {
        id,
        name: row.text("name")?,
        kind: kind(row)?,
        grants,
        created_at: row.time("created_at")?,
        disabled_at: row.opt_time("disabled_at")?,
    })
}

fn kind(row: &Row) -> Result<AccountKind, Error> {
    match row.text("kind")?.as_str() {
        "person" => Ok(AccountKind::Person),
        "service" => Ok(AccountKind::Service),
        _ => Err(db::Error::Column { column: "kind".to_owned(), expected: "`person` or `service`" }.into()),
    }
}

fn token_record(row: &Row) -> Result<TokenRecord, Error> {
    Ok(TokenRecord {
        id: row.text("id")?,
        member: row.text("member")?,
        name: row.text("name")?,
        created_at: row.time("created_at")?,
        expires_at: row.opt_time("expires_at")?,
        last_used_at: row.opt_time("last_used_at")?,
        revoked_at: row.opt_time("revoked_at")?,
    })
}

fn object(name: &str) -> ObjectRef {
    ObjectRef::new("member", name)
}

fn place(grant: &Grant) -> String {
    grant.project.as_ref().map(|project| format!(" in project `{project}`")).unwrap_or_default()
}
