//! What time brings about: change windows open, overrides expire.

use std::sync::Arc;
use std::time::Duration;

use base::{Actor, PageRequest};
use governance::reviews::{self, Exception, Review, ReviewFilter, ReviewState};
use tokio::sync::watch;

use super::carry_out::{Attempt, attempt, judge_review};
use super::guard::guard_of;
use crate::{Error, Platform};

/// How often reviews that wait are looked at.
const EVERY: Duration = Duration::from_secs(10);

impl Platform {
    /// Looks at reviews that wait and at overrides that stand, every ten seconds, until `stop` becomes true.
    pub async fn keep_reviews(self: Arc<Self>, mut stop: watch::Receiver<bool>) {
        while !*stop.borrow() {
            tokio::select! {
                _ = stop.changed() => return,
                () = tokio::time::sleep(EVERY) => {}
            }
            if let Err(error) = self.settle_reviews().await {
                tracing::error!(%error, "reviews that wait cannot be looked at");
            }
        }
    }

    /// Carries out the reviews that wait for nothing any more, and notes which overrides have expired. Answers the
    /// numbers of the reviews that were carried out.
    ///
    /// # Errors
    /// When the database fails. A review that cannot be judged is told of in the log and does not keep the others.
    pub async fn settle_reviews(&self) -> Result<Vec<i64>, Error> {
        self.expire_overrides().await?;
        let filter = ReviewFilter { state: Some(ReviewState::Open), ..ReviewFilter::default() };
        let page = PageRequest::first(PageRequest::MOST);
        let open = reviews::list_reviews(&mut self.db.read().await?, &filter, &page).await?.items;
        let mut done = Vec::new();
        for review in open.into_iter().filter(|review| review.at_once) {
            match self.try_review(&review).await {
                Ok(true) => done.push(review.number),
                Ok(false) => {}
                Err(error) => {
                    tracing::warn!(review.number = review.number, %error, "review {} cannot be settled", review.number);
                }
            }
        }
        Ok(done)
    }

    async fn try_review(&self, review: &Review) -> Result<bool, Error> {
        let now = self.clock.now();
        let mut read = self.db.read().await?;
        let Some(guard) = guard_of(&mut read, &review.model, &review.alias).await? else { return Ok(false) };
        if !judge_review(&mut read, &guard, review, None, now).await?.allowed {
            return Ok(false);
        }
        drop(read);
        let number = review.number;
        let attempted = self
            .db
            .write(move |tx| {
                Box::pin(async move {
                    let review = reviews::hold_review(tx, number, now).await?;
                    let Some(guard) = guard_of(tx, &review.model, &review.alias).await? else {
                        return Ok(None);
                    };
                    let actor = Actor::platform("policy");
                    Ok::<Option<Attempt>, Error>(Some(attempt(tx, &guard, review, None, &actor, now).await?))
                })
            })
            .await?;
        let Some(attempted) = attempted else { return Ok(false) };
        let moved = attempted.moved.is_some();
        self.after(attempted).await?;
        Ok(moved)
    }

    async fn expire_overrides(&self) -> Result<(), Error> {
        let now = self.clock.now();
        let due = |exception: &Exception| exception.ended_at.is_none() && exception.expires_at <= now;
        if !reviews::exceptions(&mut self.db.read().await?, None, true).await?.iter().any(due) {
            return Ok(());
        }
        let expired: Result<Vec<Exception>, governance::Error> =
            self.db.write(move |tx| Box::pin(async move { reviews::expire_exceptions(tx, now).await })).await;
        for exception in expired? {
            tracing::warn!(
                review.number = exception.review,
                "the override of `{}` for `{}` of `{}` has expired",
                exception.by,
                exception.alias,
                exception.model
            );
        }
        Ok(())
    }
}
