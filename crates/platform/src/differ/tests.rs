//! Two runs compared among others, on a real database.

use base::Actor;
use experiments::{Batch, Metric, NewRun};

use super::*;
use crate::fixture;

/// Runs with the params `rate` and `depth`, the tag of a commit, and the mean error that they had.
async fn platform_with(
    runs: &'static [(&'static str, &'static str, &'static str, f64)],
) -> (std::sync::Arc<Platform>, Vec<String>, impl Sized) {
    let (platform, kept) = fixture::empty().await;
    let ids = platform
        .db
        .write::<_, experiments::Error, _>(move |tx| {
            Box::pin(async move {
                let mut ids = Vec::new();
                for (rate, depth, commit, error) in runs {
                    let run = experiments::create_run(tx, NewRun::default(), &Actor::named("ada")).await?;
                    let text = |key: &str, value: &str| (key.to_owned(), value.to_owned());
                    let batch = Batch {
                        params: vec![text("rate", rate), text("depth", depth)],
                        tags: vec![text("mlflow.source.git.commit", commit)],
                        metrics: vec![Metric {
                            key: "mae".into(),
                            value: *error,
                            time: run.start_time,
                            step: 0,
                        }],
                    };
                    experiments::log_batch(tx, &run.id, batch).await?;
                    ids.push(run.id);
                }
                Ok(ids)
            })
        })
        .await
        .unwrap();
    (platform, ids, kept)
}

#[tokio::test]
async fn causes_are_ordered_by_their_effect_as_other_runs_tell_it() {
    // Of the two compared everything differs; among the others the depth is worth 10, the rate 1, the commit unknown.
    let (platform, ids, _kept) = platform_with(&[
        ("0.1", "3", "aaa", 50.0),
        ("0.2", "4", "bbb", 61.0),
        ("0.1", "3", "aaa", 50.0),
        ("0.2", "3", "aaa", 51.0),
        ("0.1", "4", "aaa", 60.0),
        ("0.2", "4", "aaa", 61.0),
    ])
    .await;
    let found = platform.differ(&format!("run:{}", ids[0]), &format!("run:{}", ids[1]), None).await.unwrap();
    let shown: Vec<_> = found
        .causes
        .iter()
        .map(|cause| (cause.area, cause.name.as_str(), cause.effect.map(|effect| effect.change)))
        .collect();
    let expected = [
        (Area::Params, "depth", Some(10.0)),
        (Area::Params, "rate", Some(1.0)),
        (Area::Code, "mlflow.source.git.commit", None),
    ];
    assert_eq!(shown, expected);
    assert_eq!(found.metric.unwrap().change, Some(11.0));
    assert_eq!(found.runs, 4);
}

#[tokio::test]
async fn without_other_runs_effects_are_unknown_and_said_to_be() {
    let (platform, ids, _kept) = platform_with(&[("0.1", "3", "aaa", 50.0), ("0.2", "4", "aaa", 61.0)]).await;
    let found = platform.differ(&format!("run:{}", ids[0]), &format!("run:{}", ids[1]), None).await.unwrap();
    assert_eq!(found.causes.len(), 2);
    assert!(found.causes.iter().all(|cause| cause.effect.is_none() && cause.why.contains("unknown")));
}

#[tokio::test]
async fn a_single_difference_has_the_whole_change_with_a_warning() {
    let (platform, ids, _kept) = platform_with(&[("0.1", "3", "aaa", 50.0), ("0.2", "3", "aaa", 47.0)]).await;
    let found =
        platform.differ(&format!("run:{}", ids[0]), &format!("run:{}", ids[1]), Some("mae")).await.unwrap();
    assert_eq!(found.causes[0].effect.unwrap().change, -3.0);
    assert!(found.causes[0].why.contains("chance"));
    let missing = platform.differ(&format!("run:{}", ids[0]), "run:nothing", None).await.unwrap_err();
    assert_eq!(missing.code(), "run_not_found");
    assert_eq!(platform.differ("a", "b", None).await.unwrap_err().code(), "difference_of_what");
}
