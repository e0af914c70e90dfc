//! Alerts on both engines, week by week.

use base::{Actor, Failure, Kind, PageRequest, Timestamp};
use db::{Db, EventFilter};
use monitoring::store::{self, AlertFilter, Moved};
use monitoring::{Alert, AlertKind, AlertState, WindowReport};

use crate::evaluate::{Plant, evaluate, reference, rows, spec};

async fn record(db: &Db, report: WindowReport) -> Vec<Moved> {
    let mut read = db.read().await.unwrap();
    let earlier = store::earlier_reports(&mut read, &report.model, report.window.from, 3).await.unwrap();
    drop(read);
    db.write::<_, monitoring::Error, _>(move |tx| {
        Box::pin(async move { store::record_window(tx, &spec(), &report, &earlier).await })
    })
    .await
    .unwrap()
}

/// Evaluates and records weeks with the given plants, from week `first` on.
async fn weeks(db: &Db, first: i64, plants: &[Plant]) -> Vec<Vec<Moved>> {
    let reference = reference();
    let mut moved = Vec::new();
    for (at, plant) in plants.iter().enumerate() {
        let week = first + at as i64;
        let mut read = db.read().await.unwrap();
        let rows = rows(week, 1, *plant, 7);
        let from = rows.times()[0];
        let earlier = store::earlier_reports(&mut read, "traffic", from, 3).await.unwrap();
        drop(read);
        moved.push(record(db, evaluate(week, &rows, Some(&reference), &earlier)).await);
    }
    moved
}

async fn alerts(db: &Db, kind: AlertKind) -> Vec<Alert> {
    let mut read = db.read().await.unwrap();
    let filter = AlertFilter { kind: Some(kind), ..AlertFilter::default() };
    let page = store::list_alerts(&mut read, &filter, &PageRequest::default()).await.unwrap();
    let mut full = Vec::new();
    for alert in page.items {
        full.push(store::get_alert(&mut read, &alert.id).await.unwrap());
    }
    full
}

fn path(alert: &Alert) -> Vec<AlertState> {
    alert.history.iter().map(|step| step.to).collect()
}

#[tokio::test]
async fn an_alert_waits_fires_once_and_ends_when_it_is_quiet_for_long_enough() {
    use Plant::{Nothing, Wrong};
    for database in testing::databases().await {
        let moved = weeks(&database, 0, &[Nothing, Wrong, Wrong, Wrong, Nothing, Nothing, Nothing]).await;
        let fired: Vec<bool> = moved.iter().map(|week| week.iter().any(Moved::began_to_fire)).collect();
        assert_eq!(fired, [false, false, true, false, false, false, false], "{}", database.engine);
        let found = alerts(&database, AlertKind::Performance).await;
        assert_eq!(found.len(), 1);
        let alert = &found[0];
        assert_eq!(path(alert), [AlertState::Pending, AlertState::Firing, AlertState::Resolved]);
        assert_eq!(alert.since.date(), "2024-01-08");
        assert_eq!(alert.closed_at.unwrap().date(), "2024-02-12");
        let filter = EventFilter { kind: Some("alert.firing".to_owned()), ..EventFilter::default() };
        let events = database.events(&filter, 10).await.unwrap();
        assert_eq!(events.len(), 1);
        assert_eq!(events[0].object.name, alert.id);
        assert_eq!(events[0].data["since"], "2024-01-08T00:00:00Z");
        database.verify_chain().await.unwrap();
    }
}

#[tokio::test]
async fn the_same_cause_soon_again_opens_the_same_alert() {
    use Plant::{Nothing, Wrong};
    for database in testing::databases().await {
        weeks(&database, 0, &[Wrong, Wrong, Nothing, Nothing, Wrong, Wrong]).await;
        let found = alerts(&database, AlertKind::Performance).await;
        assert_eq!(found.len(), 1);
        use AlertState::{Firing, Pending, Resolved};
        assert_eq!(path(&found[0]), [Pending, Firing, Resolved, Pending, Firing]);
        assert_eq!(found[0].flaps, 1);
    }
}

#[tokio::test]
async fn one_bad_week_never_fires() {
    for database in testing::databases().await {
        weeks(&database, 0, &[Plant::Wrong, Plant::Nothing, Plant::Nothing]).await;
        let found = alerts(&database, AlertKind::Performance).await;
        assert_eq!(path(&found[0]), [AlertState::Pending, AlertState::Expired]);
    }
}

#[tokio::test]
async fn evaluating_a_window_again_moves_nothing() {
    for database in testing::databases().await {
        weeks(&database, 0, &[Plant::Wrong, Plant::Wrong, Plant::Nothing]).await;
        let before = alerts(&database, AlertKind::Performance).await;
        for _ in 0..3 {
            assert!(weeks(&database, 2, &[Plant::Nothing]).await[0].is_empty());
        }
        assert_eq!(alerts(&database, AlertKind::Performance).await, before);
        assert_eq!(before[0].state, AlertState::Firing);
    }
}

#[tokio::test]
async fn a_new_version_ends_what_the_old_one_was_blamed_for() {
    for database in testing::databases().await {
        weeks(&database, 0, &[Plant::Wrong, Plant::Wrong]).await;
        let reference = reference();
        let mut report = evaluate(2, &rows(2, 1, Plant::Nothing, 7), Some(&reference), &[]);
        report.version = 2;
        record(&database, report).await;
        let found = alerts(&database, AlertKind::Performance).await;
        assert_eq!(found[0].state, AlertState::Resolved);
        assert_eq!(found[0].history.last().unwrap().reason, "version 2 has taken over");
    }
}

#[tokio::test]
async fn people_move_alerts_within_the_rules() {
    for database in testing::databases().await {
        weeks(&database, 0, &[Plant::Wrong, Plant::Wrong]).await;
        let id = alerts(&database, AlertKind::Performance).await[0].id.clone();
        let at = Timestamp::parse("2024-01-16").unwrap();
        let go = |what: &'static str| {
            let (id, ada) = (id.clone(), Actor::named("ada"));
            database.write::<Alert, monitoring::Error, _>(move |tx| {
                Box::pin(async move {
                    match what {
                        "acknowledge" => store::acknowledge(tx, &id, &ada, "looking", at).await,
                        "silence" => {
                            let until = Timestamp::parse("2024-01-25").unwrap();
                            store::silence(tx, &id, until, &ada, "road works", at).await
                        }
                        _ => store::resolve(tx, &id, &ada, "fixed", at).await,
                    }
                })
            })
        };
        assert_eq!(go("acknowledge").await.unwrap().state, AlertState::Acknowledged);
        assert_eq!(go("acknowledge").await.unwrap_err().kind(), Kind::Conflict);
        let silenced = go("silence").await.unwrap();
        assert_eq!(silenced.history.last().unwrap().actor, "ada");
        weeks(&database, 2, &[Plant::Wrong]).await;
        assert_eq!(alerts(&database, AlertKind::Performance).await[0].state, AlertState::Silenced);
        weeks(&database, 3, &[Plant::Wrong]).await;
        assert_eq!(alerts(&database, AlertKind::Performance).await[0].state, AlertState::Firing);
        assert_eq!(go("resolve").await.unwrap().state, AlertState::Resolved);
        assert_eq!(go("resolve").await.unwrap_err().code(), "alert_state_conflict");
        let mut read = database.read().await.unwrap();
        let missing = store::get_alert(&mut read, "nope").await.unwrap_err();
        assert_eq!(missing.kind(), Kind::NotFound);
    }
}

#[tokio::test]
async fn windows_and_alerts_are_paged() {
    for database in testing::databases().await {
        weeks(&database, 0, &[Plant::Shift, Plant::Wrong, Plant::Wrong, Plant::Shift, Plant::Shift]).await;
        let mut read = database.read().await.unwrap();
        let mut page = PageRequest::first(2);
        let mut days = Vec::new();
        loop {
            let found = store::list_windows(&mut read, "traffic", &page).await.unwrap();
            days.extend(found.items.iter().map(|summary| summary.window.from.date()));
            let Some(cursor) = found.next_cursor else { break };
            page = PageRequest::after(2, Some(cursor));
        }
        assert_eq!(days, ["2024-01-29", "2024-01-22", "2024-01-15", "2024-01-08", "2024-01-01"]);
        let bad = PageRequest::after(2, Some("x".to_owned()));
        assert_eq!(
            store::list_windows(&mut read, "traffic", &bad).await.unwrap_err().code(),
            "invalid_cursor"
        );
        let last = store::last_window(&mut read, "traffic").await.unwrap().unwrap();
        assert_eq!(last.from.date(), "2024-01-29");
        let report = store::get_report(&mut read, "traffic", last.from).await.unwrap();
        assert_eq!(report.volume.rows, 168);
        assert_eq!(store::find_report(&mut read, "other", last.from).await.unwrap(), None);
        let all = AlertFilter { model: Some("traffic".to_owned()), ..AlertFilter::default() };
        let first = store::list_alerts(&mut read, &all, &PageRequest::first(1)).await.unwrap();
        let next = PageRequest::after(1, first.next_cursor.clone());
        let rest = store::list_alerts(&mut read, &all, &next).await.unwrap();
        let firing = AlertFilter { states: vec![AlertState::Firing], ..all };
        let firing = store::list_alerts(&mut read, &firing, &PageRequest::default()).await.unwrap();
        assert_eq!(firing.items.len(), 1);
        assert_eq!(store::count_firing(&mut read, Some("traffic")).await.unwrap(), 1);
        assert_eq!(store::count_firing(&mut read, None).await.unwrap(), 1);
        assert_eq!(rest.next_cursor, None);
        let kinds: Vec<AlertKind> = first.items.iter().chain(&rest.items).map(|alert| alert.kind).collect();
        assert!(kinds.contains(&AlertKind::Performance) && kinds.contains(&AlertKind::Drift), "{kinds:?}");
    }
}

#[tokio::test]
async fn a_gap_and_an_impossible_value_are_one_alert_each_and_end_by_themselves() {
    for database in testing::databases().await {
        let reference = reference();
        let mut first = evaluate(0, &rows(0, 1, Plant::Nothing, 7), Some(&reference), &[]);
        let gap = monitoring::find_gaps(
            &[],
            Some(first.window.to),
            Some(Timestamp::parse("2024-03-04").unwrap()),
            Timestamp::parse("2024-03-05").unwrap(),
            base::Period::from_days(2),
        );
        first.gaps.clone_from(&gap);
        record(&database, first).await;
        for week in 1..8 {
            let empty = monitoring::Rows::default();
            let mut silent = evaluate(week, &empty, Some(&reference), &[]);
            silent.gaps.clone_from(&gap);
            record(&database, silent).await;
        }
        let found = alerts(&database, AlertKind::Gap).await;
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].state, AlertState::Firing);
        assert_eq!(found[0].title, "traffic: 56 days without predictions");
        weeks(&database, 9, &[Plant::Nothing, Plant::Unit, Plant::Nothing, Plant::Nothing]).await;
        assert_eq!(alerts(&database, AlertKind::Gap).await[0].state, AlertState::Resolved);
        let range = alerts(&database, AlertKind::ValueRange).await;
        assert_eq!(range.len(), 1);
        assert_eq!(path(&range[0]), [AlertState::Firing, AlertState::Resolved]);
        assert!(range[0].what_changed.starts_with("`heat` reached 1,"), "{}", range[0].what_changed);
    }
}
