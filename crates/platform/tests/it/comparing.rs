//! Checks that look at other rows: other datasets, earlier versions, other times.

use checks::Outcome;
use platform::Platform;
use tables::{Table, Values};

use crate::harness::{Home, actor, rows, spec};

/// The example with these checks of data instead of its own.
async fn with_checks(home: &Home, checks: &str) {
    let source = spec();
    let (before, rest) = source.spec_yaml.split_once("\nchecks:").unwrap();
    let (_, after) = rest.split_once("\npipeline:").unwrap();
    let spec_yaml = format!("{before}\nchecks:\n{checks}\npipeline:{after}");
    home.platform.apply(&platform::spec::SpecSource { spec_yaml, ..source }, &actor()).await.unwrap();
}

async fn pushed(platform: &Platform, rows: Table) -> Vec<(Outcome, String)> {
    let pushed = platform.push_rows("traffic", rows, "a test", &actor()).await.unwrap();
    pushed.verdict.results.into_iter().map(|result| (result.outcome, result.message)).collect()
}

#[tokio::test]
async fn keys_are_found_in_another_dataset_or_not() {
    let home = Home::new().await;
    let check = "  - { id: words, references: { columns: [weather_main], source: vocabulary, to: [word] } }\n\
                 \x20 - { id: share, rows_as_in: { source: vocabulary, share: [1, null] } }";
    with_checks(&home, check).await;
    let found = pushed(&home.platform, rows("2012-10-02", "2012-10-09")).await;
    assert!(
        found[0].0 == Outcome::Error && found[0].1.contains("no source `vocabulary`"),
        "nobody has pushed the other dataset: {found:?}"
    );
    let words = ["Clear", "Clouds"].map(|word| Some(word.to_owned()));
    let vocabulary = Table::from_columns(vec![("word".into(), Values::Text(words.into()))]).unwrap();
    home.platform.push_rows("vocabulary", vocabulary, "a test", &actor()).await.unwrap();
    let found = pushed(&home.platform, rows("2012-10-09", "2012-10-23")).await;
    assert!(found[0].0 == Outcome::Fail && found[0].1.contains("not in `vocabulary`"), "{found:?}");
    assert_eq!(found[1].0, Outcome::Pass, "{found:?}");
}

#[tokio::test]
async fn new_rows_are_compared_with_those_before_them() {
    let home = Home::new().await;
    let check = "  - { id: previous, drift: { against: previous, columns: [traffic_volume], bounds: { shift: 0.25, distance: 0.8 } } }\n\
                 \x20 - { id: season, drift: { against: season, columns: [traffic_volume], bounds: { shift: 0.25, distance: 0.8 } } }\n\
                 \x20 - { id: window, drift: { against: 2012-10-02..2012-11-01, columns: [traffic_volume], bounds: { shift: 0.25, distance: 0.8 } } }\n\
                 \x20 - { id: trained, drift: { against: training } }\n\
                 \x20 - { id: typo, drift: { against: yesterday } }";
    with_checks(&home, check).await;
    let found = pushed(&home.platform, rows("2012-10-02", "2012-11-06")).await;
    for (outcome, message) in &found {
        assert!(*outcome == Outcome::Pass && message.contains("no rows before"), "{message}");
    }
    let same = pushed(&home.platform, rows("2012-11-06", "2012-12-04")).await;
    for (outcome, message) in same.iter().take(3) {
        assert!(*outcome == Outcome::Pass && message.contains("no drift"), "{message}");
    }
    assert!(same[3].1.contains("no model has learnt"), "{}", same[3].1);
    assert!(same[4].0 == Outcome::Error && same[4].1.contains("`yesterday` names no rows"), "{}", same[4].1);

    let count = rows("2013-01-08", "2013-01-22");
    let third = count.numbers("traffic_volume").unwrap();
    let third = third.into_iter().map(|volume| volume.map(|volume| volume as i64 / 3)).collect();
    let count = count.with_column("traffic_volume", Values::Int(third)).unwrap();
    let other = pushed(&home.platform, count).await;
    for (outcome, message) in other.iter().take(3) {
        assert!(*outcome == Outcome::Fail && message.contains("1 of 1 columns drifted"), "{message}");
    }
}
