//! Looking up who stands behind a token, quickly enough to do it for each request.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use base::{Digest, Timestamp};
use db::Db;

use crate::error::Error;
use crate::principal::Principal;
use crate::store;
use crate::token::Secret;

/// For how long an answer is reused: a revoked token fails on this process within this time.
const FRESH_US: i64 = 1_000_000;
/// How often the time of last use is written, at most.
const NOTE_USE_EVERY_US: i64 = 60 * 1_000_000;
/// How many answers are kept.
const MOST_ANSWERS: usize = 4_096;

/// The accounts behind tokens. Answers are reused for a second, so that a busy client costs one look-up a second.
pub struct Directory {
    db: Db,
    answers: Mutex<HashMap<Digest, Answer>>,
}

#[derive(Clone, Debug)]
struct Answer {
    principal: Principal,
    read_at: Timestamp,
    noted_at: Timestamp,
}

impl Directory {
    /// The accounts kept in `db`.
    #[must_use]
    pub fn new(db: Db) -> Self {
        Directory { db, answers: Mutex::new(HashMap::new()) }
    }

    /// The account whose token `presented` is, at the time `now`; `None` when it is unknown, revoked or expired, or
    /// when its account is disabled. A revoked token stops working within a second.
    pub async fn authenticate(&self, presented: &str, now: Timestamp) -> Result<Option<Principal>, Error> {
        let Some(secret) = Secret::parse(presented) else { return Ok(None) };
        let digest = secret.digest();
        let known = self.answer(digest);
        if let Some(answer) = &known
            && (0..FRESH_US).contains(&(now.as_micros() - answer.read_at.as_micros()))
        {
            return Ok(Some(answer.principal.clone()));
        }
        let mut read = self.db.read().await?;
        let Some(principal) = store::find_principal(&mut read, digest, now).await? else {
            self.forget(digest);
            return Ok(None);
        };
        drop(read);
        let noted_at = match known {
            Some(answer) if now.as_micros() - answer.noted_at.as_micros() < NOTE_USE_EVERY_US => {
                answer.noted_at
            }
            _ => self.note_use(&principal, now).await?,
        };
        self.keep(digest, Answer { principal: principal.clone(), read_at: now, noted_at });
        Ok(Some(principal))
    }

    async fn note_use(&self, principal: &Principal, now: Timestamp) -> Result<Timestamp, Error> {
        if let Some(token_id) = principal.token_id().map(str::to_owned) {
            self.db
                .write(move |tx| Box::pin(async move { store::note_use(tx, &token_id, now).await }))
                .await?;
        }
        Ok(now)
    }

    fn answer(&self, digest: Digest) -> Option<Answer> {
        self.answers.lock().unwrap_or_else(PoisonError::into_inner).get(&digest).cloned()
    }

    fn keep(&self, digest: Digest, answer: Answer) {
        let mut answers = self.answers.lock().unwrap_or_else(PoisonError::into_inner);
        if answers.len() >= MOST_ANSWERS {
            answers.clear();
        }
        answers.insert(digest, answer);
    }

    fn forget(&self, digest: Digest) {
        self.answers.lock().unwrap_or_else(PoisonError::into_inner).remove(&digest);
    }
}

#[cfg(test)]
mod tests {
    use base::{Actor, Period};

    use super::*;
    use crate::{Grant, NewMember, NewToken, Role};

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_micros(1_800_000_000_000_000 + seconds * 1_000_000)
    }

    #[tokio::test]
    async fn a_token_works_until_it_is_revoked_or_expires() {
        for database in testing::databases().await {
            let db: &Db = &database;
            let directory = Directory::new(db.clone());
            let issued = db
                .write::<_, Error, _>(|tx| {
                    Box::pin(async move {
                        let actor = Actor::named("test");
                        let member = NewMember::person("ada").with(Grant::everywhere(Role::Analyst));
                        store::create_member(tx, &member, &actor, at(0)).await?;
                        let token = NewToken {
                            name: "laptop".into(),
                            lifetime: Some(Period::from_micros(3_600_000_000)),
                        };
                        store::issue_token(tx, "ada", &token, &actor, at(0)).await
                    })
                })
                .await
                .unwrap();
            let secret = issued.secret.reveal().to_owned();

            let principal = directory.authenticate(&secret, at(1)).await.unwrap().unwrap();
            assert_eq!((principal.name(), principal.kind()), ("ada", "person"));
            assert_eq!(directory.authenticate(&secret, at(3_601)).await.unwrap(), None, "expired");
            assert!(directory.authenticate(&secret, at(10)).await.unwrap().is_some());

            let id = issued.id.clone();
            db.write::<_, Error, _>(move |tx| {
                Box::pin(async move { store::revoke_token(tx, &id, &Actor::named("test"), at(11)).await })
            })
            .await
            .unwrap();
            assert_eq!(directory.authenticate(&secret, at(12)).await.unwrap(), None, "revoked");
            assert_eq!(
                directory.authenticate(Secret::generate().reveal(), at(12)).await.unwrap(),
                None,
                "unknown"
            );
        }
    }
}
