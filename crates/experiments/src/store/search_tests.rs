//! Search compared with a plain reading of filter and ordering, on both engines.

use std::cmp::Ordering;

use base::{Actor, Timestamp};
use db::Db;
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;

use super::*;
use crate::compare::Sign;
use crate::filter::{Order, Tree};
use crate::query::{By, TextColumn, TimeColumn, ValueOf, Wanted, run_filter, run_order};
use crate::{Metric, RunStatus, View};

const WORDS: [&str; 8] = ["x", "X", "xy", "Yx", "éx", "É", "ax", "a_%"];
const KEYS: [&str; 3] = ["a", "b", "c"];

/// A run as the reference knows it: everything that was logged, as it was logged.
#[derive(Debug, Clone)]
struct Logged {
    id: String,
    name: String,
    status: RunStatus,
    start: i64,
    end: Option<i64>,
    metrics: Vec<Metric>,
    params: Vec<(String, String)>,
    tags: Vec<(String, String)>,
}

fn word() -> impl Strategy<Value = String> {
    proptest::sample::select(&WORDS[..]).prop_map(str::to_owned)
}

fn pairs() -> impl Strategy<Value = Vec<(String, String)>> {
    proptest::collection::btree_map(proptest::sample::select(&KEYS[..]), word(), 0..4)
        .prop_map(|pairs| pairs.into_iter().map(|(key, value)| (key.to_owned(), value)).collect())
}

fn metric() -> impl Strategy<Value = Metric> {
    let value = prop_oneof![
        6 => (0_i32..4).prop_map(f64::from),
        1 => Just(f64::NAN),
        1 => Just(f64::INFINITY),
        1 => Just(f64::NEG_INFINITY),
    ];
    (proptest::sample::select(&KEYS[..]), value, 0_i64..3, 0_i64..3).prop_map(|(key, value, step, time)| {
        Metric { key: key.to_owned(), value, time: Timestamp::from_millis(time), step }
    })
}

fn logged() -> impl Strategy<Value = Logged> {
    let status = proptest::sample::select(vec![
        RunStatus::Running,
        RunStatus::Finished,
        RunStatus::Failed,
        RunStatus::Killed,
    ]);
    (
        word(),
        status,
        0_i64..4,
        proptest::option::of(0_i64..4),
        proptest::collection::vec(metric(), 0..8),
        pairs(),
        pairs(),
    )
        .prop_map(|(name, status, start, end, metrics, params, tags)| Logged {
            id: String::new(),
            name,
            status,
            start,
            end,
            metrics,
            params,
            tags,
        })
}

fn condition() -> impl Strategy<Value = String> {
    let key = || proptest::sample::select(&KEYS[..]);
    let sign = || proptest::sample::select(vec!["=", "!=", "<", "<=", ">", ">="]);
    let text = || {
        (
            proptest::sample::select(vec!["=", "!=", "like", "ilike"]),
            proptest::sample::select(vec!["x", "X", "xy", "é", "É%", "%x", "x%", "_", "%x_", "a%", "a_%"]),
        )
    };
    prop_oneof![
        4 => (key(), sign(), 0..4).prop_map(|(key, sign, value)| format!("metrics.{key} {sign} {value}")),
        2 => (proptest::sample::select(vec!["min", "max"]), key(), sign(), 0..4)
            .prop_map(|(of, key, sign, value)| format!("{of}(metrics.{key}) {sign} {value}")),
        3 => (key(), 0..4, sign(), 0..4)
            .prop_map(|(key, step, sign, value)| format!("metrics.{key}@{step} {sign} {value}")),
        2 => (key(), text()).prop_map(|(key, (operator, text))| format!("params.{key} {operator} '{text}'")),
        2 => (key(), text()).prop_map(|(key, (operator, text))| format!("tags.{key} {operator} '{text}'")),
        1 => (proptest::sample::select(vec!["tags", "params"]), key(), proptest::sample::select(vec!["", "not "]))
            .prop_map(|(of, key, not)| format!("{of}.{key} is {not}null")),
        1 => (proptest::sample::select(vec!["start_time", "end_time"]), sign(), 0..4)
            .prop_map(|(of, sign, second)| format!("{of} {sign} {}", second * 1_000)),
        1 => proptest::sample::select(vec!["in", "not in"])
            .prop_map(|operator| format!("status {operator} ('FINISHED', 'FAILED')")),
        1 => text().prop_map(|(operator, text)| format!("run_name {operator} '{text}'")),
    ]
}

fn filter() -> impl Strategy<Value = String> {
    condition().prop_recursive(3, 12, 2, |inner| {
        (inner.clone(), proptest::sample::select(vec!["and", "or"]), inner)
            .prop_map(|(left, word, right)| format!("({left} {word} {right})"))
    })
}

fn ordering() -> impl Strategy<Value = Vec<String>> {
    let field = prop_oneof![
        4 => proptest::sample::select(&KEYS[..]).prop_map(|key| format!("metrics.{key}")),
        3 => (proptest::sample::select(vec!["min", "max"]), proptest::sample::select(&KEYS[..]))
            .prop_map(|(of, key)| format!("{of}(metrics.{key})")),
        2 => (proptest::sample::select(&KEYS[..]), 0..4).prop_map(|(key, step)| format!("metrics.{key}@{step}")),
        2 => proptest::sample::select(&KEYS[..]).prop_map(|key| format!("params.{key}")),
        1 => proptest::sample::select(&KEYS[..]).prop_map(|key| format!("tags.{key}")),
        2 => proptest::sample::select(vec!["start_time", "end_time", "run_name", "status", "run_id"])
            .prop_map(str::to_owned),
    ];
    proptest::collection::vec(
        (field, any::<bool>())
            .prop_map(|(field, down)| format!("{field} {}", if down { "DESC" } else { "ASC" })),
        0..4,
    )
}

/// Whether a point counts where this value is meant.
fn at_step(of: ValueOf, metric: &Metric) -> bool {
    !matches!(of, ValueOf::AtStep(step) if step != metric.step)
}

impl Logged {
    /// The value of the newest point, or the least or greatest of all; absent when it is not a number.
    fn value(&self, key: &str, of: ValueOf) -> Option<f64> {
        let points = || self.metrics.iter().filter(|metric| metric.key == key);
        let numbers = || points().map(|metric| metric.value).filter(|value| !value.is_nan());
        match of {
            ValueOf::Least => numbers().min_by(f64::total_cmp),
            ValueOf::Greatest => numbers().max_by(f64::total_cmp),
            ValueOf::Last | ValueOf::AtStep(_) => {
                let rank = |value: f64| if value.is_nan() { (0.0, 0) } else { (value, 1) };
                let newest = points().filter(|metric| at_step(of, metric)).max_by(|left, right| {
                    let values = rank(left.value).partial_cmp(&rank(right.value)).unwrap();
                    (left.step, left.time).cmp(&(right.step, right.time)).then(values)
                });
                newest.map(|metric| metric.value).filter(|value| !value.is_nan())
            }
        }
    }

    fn passes(&self, wanted: &Wanted) -> bool {
        let of = |pairs: &[(String, String)], key: &str| {
            pairs.iter().find(|(there, _)| there == key).map(|(_, value)| value.clone())
        };
        match wanted {
            Wanted::Metric { key, of, sign, value } => {
                let there = self.metrics.iter().any(|metric| metric.key == *key && at_step(*of, metric));
                there
                    && match self.value(key, *of) {
                        Some(number) => sign.holds(&number, value),
                        None => *sign == Sign::NotEqual,
                    }
            }
            Wanted::Param(key, test) => test.holds(of(&self.params, key).as_deref()),
            Wanted::Tag(key, test) => test.holds(of(&self.tags, key).as_deref()),
            Wanted::Text(TextColumn::Name, test) => test.holds(&self.name),
            Wanted::Text(TextColumn::Status, test) => test.holds(self.status.word()),
            Wanted::Text(..) | Wanted::Dataset(..) => unreachable!("no filter here says so"),
            Wanted::Time { column: TimeColumn::End, sign, millis } => {
                self.end.is_some_and(|end| sign.holds(&(end * 1_000), millis))
            }
            Wanted::Time { sign, millis, .. } => sign.holds(&(self.start * 1_000), millis),
        }
    }

    fn cmp(&self, other: &Self, order: &[Order<By>]) -> Ordering {
        let of = |run: &Self, tags: bool, key: &str| {
            let pairs = if tags { &run.tags } else { &run.params };
            pairs.iter().find(|(there, _)| there == key).map(|(_, value)| value.clone())
        };
        for Order { field, descending } in order {
            let down = *descending;
            let ordering = match field {
                By::Metric(key, value_of) => missing_last(
                    self.value(key, *value_of),
                    other.value(key, *value_of),
                    down,
                    f64::total_cmp,
                ),
                By::Param(key) => missing_last(of(self, false, key), of(other, false, key), down, Ord::cmp),
                By::Tag(key) => missing_last(of(self, true, key), of(other, true, key), down, Ord::cmp),
                By::Time(TimeColumn::End) => missing_last(self.end, other.end, down, Ord::cmp),
                By::Time(_) => missing_last(Some(self.start), Some(other.start), down, Ord::cmp),
                By::Text(TextColumn::Name) => {
                    missing_last(Some(&self.name), Some(&other.name), down, Ord::cmp)
                }
                By::Text(TextColumn::Status) => {
                    missing_last(Some(self.status.word()), Some(other.status.word()), down, Ord::cmp)
                }
                By::Text(_) | By::Number => missing_last(Some(&self.id), Some(&other.id), down, Ord::cmp),
            };
            if ordering.is_ne() {
                return ordering;
            }
        }
        other.start.cmp(&self.start).then_with(|| self.id.cmp(&other.id))
    }
}

fn missing_last<T>(
    left: Option<T>,
    right: Option<T>,
    down: bool,
    cmp: impl Fn(&T, &T) -> Ordering,
) -> Ordering {
    match (left, right) {
        (Some(left), Some(right)) if down => cmp(&right, &left),
        (Some(left), Some(right)) => cmp(&left, &right),
        (left, right) => right.is_some().cmp(&left.is_some()),
    }
}

/// Logs the run as a client might: its metrics in two parts, with or without settling in between.
async fn log(db: &Db, run: &Logged, settle_between: bool) {
    let new = NewRun {
        id: Some(run.id.clone()),
        name: Some(run.name.clone()),
        start_time: Timestamp::from_millis(run.start * 1_000),
        ..NewRun::default()
    };
    let (first, second) = run.metrics.split_at(run.metrics.len() / 2);
    let first = Batch { metrics: first.to_vec(), params: run.params.clone(), tags: run.tags.clone() };
    let second = Batch { metrics: second.to_vec(), ..Batch::default() };
    let change = RunChange {
        status: Some(run.status),
        end_time: run.end.map(|end| Timestamp::from_millis(end * 1_000)),
        name: None,
    };
    let id = run.id.clone();
    db.write(move |tx| {
        Box::pin(async move {
            let me = Actor::named("ada");
            create_run(tx, new, &me).await?;
            log_batch(tx, &id, first).await?;
            update_run(tx, &id, change, &me).await
        })
    })
    .await
    .unwrap_or_else(|error: Error| panic!("{error}"));
    if settle_between {
        settle(db).await.unwrap();
    }
    let id = run.id.clone();
    db.write(move |tx| Box::pin(async move { log_batch(tx, &id, second).await })).await.unwrap();
}

/// All pages of a search, one after another.
async fn pages(db: &Db, filter: &Tree<Wanted>, order: &[Order<By>], limit: usize) -> Vec<String> {
    let mut query = RunQuery {
        experiments: vec![0],
        filter: filter.clone(),
        order: order.to_vec(),
        view: View::Active,
        limit,
        token: None,
    };
    let mut ids = Vec::new();
    loop {
        let page = search_runs(db, &query).await.unwrap();
        assert!(page.items.len() <= limit);
        ids.extend(page.items.into_iter().map(|run| run.id));
        query.token = page.next_token;
        if query.token.is_none() {
            return ids;
        }
    }
}

#[tokio::test]
async fn search_answers_what_a_plain_reading_of_filter_and_ordering_does() {
    let mut runner = TestRunner::default();
    let mut draw = TestRunner::deterministic();
    for round in 0..2 {
        // The second round differs from run to run of this test; the first never does.
        let chance = if round == 0 { &mut draw } else { &mut runner };
        let mut runs = proptest::collection::vec(logged(), 50).new_tree(chance).unwrap().current();
        for (number, run) in runs.iter_mut().enumerate() {
            run.id = format!("{}{number:02}", if number % 2 == 0 { "run" } else { "Run" });
        }
        let questions: Vec<_> = (0..60)
            .map(|_| (filter(), ordering(), 1_usize..60).new_tree(chance).unwrap().current())
            .collect();
        for db in testing::databases().await {
            for (number, run) in runs.iter().enumerate() {
                log(&db, run, number % 5 == 0).await;
                if number == runs.len() / 2 {
                    // The steps and bests that this asks for are kept for those who log later; those of `c` are
                    // found afterwards.
                    let half: Vec<String> = (0..3)
                        .flat_map(|step| ["a", "b"].map(|key| format!("metrics.{key}@{step} != 9")))
                        .collect();
                    pages(&db, &run_filter(&half.join(" or ")).unwrap(), &[], 60).await;
                    let bests = "min(metrics.a) < 9 and max(metrics.b) < 9";
                    pages(&db, &run_filter(bests).unwrap(), &[], 60).await;
                }
            }
            for (filter, order, limit) in &questions {
                let (tree, terms) = (run_filter(filter).unwrap(), run_order(order).unwrap());
                let mut expected: Vec<&Logged> =
                    runs.iter().filter(|run| tree.holds(&|wanted| run.passes(wanted))).collect();
                expected.sort_by(|left, right| left.cmp(right, &terms));
                let expected: Vec<&str> = expected.iter().map(|run| run.id.as_str()).collect();
                let found = pages(&db, &tree, &terms, *limit).await;
                assert_eq!(found, expected, "{filter} by {order:?} in pages of {limit} on {}", db.engine);
            }
        }
    }
}

#[tokio::test]
async fn a_token_belongs_to_its_ordering() {
    for db in testing::databases().await {
        for number in 0..5 {
            let new = NewRun { id: Some(format!("run{number}")), ..NewRun::default() };
            db.write(move |tx| Box::pin(async move { create_run(tx, new, &Actor::named("ada")).await }))
                .await
                .unwrap();
        }
        let query = |order: &str, token: Option<String>| RunQuery {
            experiments: vec![0],
            filter: Tree::everything(),
            order: run_order(&[order.to_owned()]).unwrap(),
            view: View::Active,
            limit: 2,
            token,
        };
        let token = search_runs(&db, &query("run_id", None)).await.unwrap().next_token;
        assert!(token.is_some());
        for (order, token) in [("start_time", token), ("run_id", Some("p1-2".to_owned()))] {
            let refused = search_runs(&db, &query(order, token)).await;
            assert!(matches!(refused, Err(Error::BadPageToken { .. })), "{order} on {}", db.engine);
        }
    }
}
