//! Reviews on both engines.

use base::{Actor, Digest, PageRequest, Period, Timestamp};
use db::Tx;
use steps::run;

use super::*;
use crate::NewMember;
use crate::error::Error;
use crate::policy::Opinion;

mod steps {
    //! Runs the same steps on every engine.

    use super::{Error, Tx};

    /// A boxed step.
    pub(super) type Step<'a> = std::pin::Pin<Box<dyn Future<Output = Result<(), Error>> + Send + 'a>>;

    /// Runs the steps in one transaction of each engine.
    pub(super) async fn run(steps: for<'a> fn(&'a mut Tx) -> Step<'a>) {
        for database in testing::databases().await {
            database.write::<_, Error, _>(move |tx| steps(tx)).await.unwrap();
        }
    }
}

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_millis(seconds * 1_000)
}

fn subject(version: i64) -> Subject {
    Subject {
        version,
        previous: Some(1),
        digest: Digest::of(version.to_string()),
        policy: "p".into(),
        tier: "low".into(),
    }
}

async fn opened(tx: &mut Tx, version: i64) -> Result<Review, Error> {
    let new = NewReview {
        model: "traffic".into(),
        alias: "champion".into(),
        subject: subject(version),
        reason: "better".into(),
        at_once: false,
    };
    open_review(tx, &new, &Actor::named("rita"), at(1)).await
}

#[tokio::test]
async fn the_same_move_is_under_review_once() {
    run(|tx| {
        Box::pin(async move {
            let first = opened(tx, 2).await?;
            assert_eq!((first.number, first.state, first.requester.as_str()), (1, ReviewState::Open, "rita"));
            assert!(matches!(opened(tx, 2).await, Err(Error::ReviewExists { number: 1 })));
            opened(tx, 3).await?;
            let filter = ReviewFilter { model: Some("traffic".into()), ..ReviewFilter::default() };
            let page = list_reviews(tx, &filter, &PageRequest::first(1)).await?;
            assert_eq!(page.items[0].version, 3);
            let rest = list_reviews(tx, &filter, &PageRequest::after(1, page.next_cursor)).await?;
            assert_eq!((rest.items[0].version, rest.next_cursor), (2, None));
            let bad = list_reviews(tx, &filter, &PageRequest::after(1, Some("x".into()))).await;
            assert!(matches!(bad, Err(Error::BadCursor { .. })));
            Ok(())
        })
    })
    .await;
}

#[tokio::test]
async fn a_review_ends_once() {
    run(|tx| {
        Box::pin(async move {
            let review = opened(tx, 2).await?;
            let ended = Ended { state: ReviewState::Closed, outcome: "no".into(), verdict: None };
            let after = end_review(tx, review.number, &ended, &Actor::named("ada"), at(2)).await?;
            assert_eq!((after.state, after.ended_by.as_deref()), (ReviewState::Closed, Some("ada")));
            let again = end_review(tx, review.number, &ended, &Actor::named("ada"), at(3)).await;
            assert!(matches!(again, Err(Error::ReviewEnded { .. })));
            assert!(matches!(hold_review(tx, 1, at(3)).await, Err(Error::ReviewEnded { .. })));
            assert!(matches!(hold_review(tx, 9, at(3)).await, Err(Error::ReviewNotFound { .. })));
            opened(tx, 2).await?;
            Ok(())
        })
    })
    .await;
}

#[tokio::test]
async fn a_later_opinion_takes_the_place_of_the_earlier_one() {
    run(|tx| {
        Box::pin(async move {
            let review = opened(tx, 2).await?;
            let ada = Actor::named("ada");
            opine(tx, &review, Opinion::RequestChanges, "why?", &ada, at(2)).await?;
            let revised = revise(tx, &review, &subject(3), "another version", &ada, at(3)).await?;
            assert_eq!((revised.version, revised.digest), (3, Digest::of("3")));
            opine(tx, &revised, Opinion::Approve, "", &ada, at(4)).await?;
            let given = opinions(tx, review.number).await?;
            assert_eq!(
                (given.len(), given[0].opinion, given[0].digest),
                (1, Opinion::Approve, Digest::of("3"))
            );
            Ok(())
        })
    })
    .await;
}

#[tokio::test]
async fn comments_answer_each_other_and_find_those_they_name() {
    run(|tx| {
        Box::pin(async move {
            let (rita, now) = (Actor::named("rita"), at(1));
            crate::create_member(tx, &NewMember::person("ada"), &rita, now).await?;
            let review = opened(tx, 2).await?.number;
            let first = comment(tx, review, None, "@ada, look; @nobody too", &rita, now).await?;
            let second = comment(tx, review, Some(first.number), "fine", &Actor::named("ada"), now).await?;
            assert_eq!(comments(tx, review).await?[1].parent, Some(first.number));
            assert!(matches!(
                comment(tx, review, Some(99), "?", &rita, now).await,
                Err(Error::Comment { .. })
            ));
            assert!(matches!(comment(tx, review, None, "  ", &rita, now).await, Err(Error::Comment { .. })));
            assert_eq!(mentions_of(tx, "ada").await?, [(review, first)]);
            assert!(mentions_of(tx, "nobody").await?.is_empty());
            mark_seen(tx, "ada", review, at(2)).await?;
            assert!(mentions_of(tx, "ada").await?.is_empty());
            assert_eq!(second.author, "ada");
            Ok(())
        })
    })
    .await;
}

#[test]
fn names_in_texts_are_told_from_addresses_and_versions() {
    let names = |text: &str| mentioned_in(text).into_iter().collect::<Vec<_>>();
    assert_eq!(names("@ada. (@bo-2) and @ada!"), ["ada", "bo-2"]);
    assert!(names("traffic@3 ada@example.org @@x https://h/@u @").is_empty());
}

#[tokio::test]
async fn a_broken_glass_needs_a_reason_stands_for_one_digest_and_expires() {
    run(|tx| {
        Box::pin(async move {
            let review = opened(tx, 2).await?;
            let (ada, day) = (Actor::named("ada"), Period::from_hours(24));
            let new = |reason: &str, hours| NewException {
                reason: reason.into(),
                ticket: "INC-1".into(),
                lasts: Period::from_hours(hours),
            };
            for wrong in [
                new("", 1),
                new("because", 1),
                new("forecasts are all zero", 25),
                new("forecasts are all zero", 0),
            ] {
                let refused = break_glass(tx, &review, &wrong, day, &ada, at(0)).await;
                assert!(matches!(refused, Err(Error::Override { .. })), "{wrong:?}");
            }
            break_glass(tx, &review, &new("forecasts are all zero", 1), day, &ada, at(0)).await?;
            let stands = |digest: &str, seconds| (Digest::of(digest), at(seconds));
            for ((digest, now), expected) in
                [(stands("2", 3_599), true), (stands("2", 3_600), false), (stands("3", 1), false)]
            {
                let found = standing_exception(tx, review.number, digest, now).await?;
                assert_eq!(found.is_some(), expected, "{now}");
            }
            assert!(expire_exceptions(tx, at(3_599)).await?.is_empty());
            assert_eq!(expire_exceptions(tx, at(3_600)).await?.len(), 1);
            assert!(expire_exceptions(tx, at(3_601)).await?.is_empty());
            let listed = exceptions(tx, None, true).await?;
            assert_eq!((listed.len(), listed[0].state(at(3_601))), (1, "expired"));
            end_exceptions(tx, "traffic", "champion", "approved", &ada, at(4_000)).await?;
            assert!(exceptions(tx, None, true).await?.is_empty());
            assert_eq!(exceptions(tx, Some("traffic"), false).await?[0].state(at(4_000)), "over");
            Ok(())
        })
    })
    .await;
}
