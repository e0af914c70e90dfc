//! Facts about boosting.

use inference::{Batch, Field, Input, Signature, engine_of, load};
use proptest::prelude::*;
use serde_json::{Map, Value, json};

use super::Chance;
use crate::{Progress, Silent, Task, train};

fn signature() -> Signature {
    Signature {
        inputs: vec![Field::number("x"), Field::number("noise"), Field::category("word")],
        output: Field::number("y"),
    }
}

/// A step in x, another where x is missing, an effect of some words, and a feature of no use.
fn rows(count: usize) -> (Batch, Vec<f64>) {
    let mut chance = Chance(3);
    let mut unit = || (chance.next() >> 11) as f64 / 2f64.powi(53);
    let (mut x, mut noise, mut words, mut y) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for row in 0..count {
        let value = unit();
        let hole = row % 9 == 0;
        let word = row % 12;
        x.push(if hole { f64::NAN } else { value });
        noise.push(unit());
        words.push((word != 11).then(|| format!("w{word}")));
        y.push(
            if hole {
                30.0
            } else if value > 0.5 {
                10.0
            } else {
                0.0
            } + if word % 2 == 1 { 4.0 } else { 0.0 },
        );
    }
    let columns = vec![
        ("x".to_owned(), Input::Numbers(x)),
        ("noise".to_owned(), Input::Numbers(noise)),
        ("word".to_owned(), Input::Words(words)),
    ];
    (Batch::from_columns(&signature(), columns).unwrap(), y)
}

fn params(value: &Value) -> Map<String, Value> {
    value.as_object().unwrap().clone()
}

#[test]
fn steps_holes_and_words_are_learnt() {
    let signature = signature();
    let (batch, target) = rows(2_000);
    let params = params(&json!({"trees": 200}));
    let task = Task { signature: &signature, batch: &batch, target: &target, params: &params, seed: 0 };
    let model = train("gradient_boosting", &task, &mut Silent).unwrap();
    let predictions = load(&model.to_bytes().unwrap()).unwrap().predict(&batch).unwrap();
    // Rows whose bin lies across the step are between its sides.
    let close =
        predictions.iter().zip(&target).filter(|(found, truth)| (*found - *truth).abs() < 0.5).count();
    assert!(close >= 1_900, "{close}");
    let order: Vec<_> = model.trained.importance.iter().map(|entry| entry.feature.as_str()).collect();
    assert_eq!(order, ["x", "word", "noise"]);
    assert!(model.trained.importance[2].gain < 0.01);
}

#[test]
fn the_same_task_gives_the_same_bytes_and_another_seed_others() {
    let signature = signature();
    let (batch, target) = rows(600);
    let params = params(&json!({"trees": 20, "column_fraction": 0.67}));
    let bytes = |seed| {
        let task = Task { signature: &signature, batch: &batch, target: &target, params: &params, seed };
        train("gradient_boosting", &task, &mut Silent).unwrap().to_bytes().unwrap()
    };
    assert_eq!(bytes(1), bytes(1));
    assert_ne!(bytes(1), bytes(2));
}

#[derive(Default)]
struct Notes {
    shares: Vec<f64>,
    last_step: u64,
}

impl Progress for Notes {
    fn progress(&mut self, share: f64) {
        self.shares.push(share);
    }

    fn metric(&mut self, key: &str, _value: f64, step: u64) {
        if key == "validation_mae" {
            self.last_step = step;
        }
    }
}

#[test]
fn it_stops_when_later_rows_gain_nothing() {
    let signature = signature();
    let (batch, mut target) = rows(1_000);
    // What comes last has nothing to do with what came before.
    for (row, value) in target.iter_mut().enumerate() {
        *value = if row >= 900 { 15.0 } else { *value };
    }
    let params = params(&json!({"trees": 500, "early_stopping_rounds": 10}));
    let task = Task { signature: &signature, batch: &batch, target: &target, params: &params, seed: 0 };
    let mut notes = Notes::default();
    let model = train("gradient_boosting", &task, &mut notes).unwrap();
    assert!(notes.last_step < 100, "{}", notes.last_step);
    assert_eq!(model.trained.figures["trees"] as u64, notes.last_step - 10);
    assert!(notes.shares.is_sorted());
    assert_eq!((notes.shares.first(), notes.shares.last()), (Some(&0.0), Some(&1.0)));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    /// What training believes of its rows is what the loaded file says: the residuals that
    /// boosting kept agree with the predictions of the engine.
    #[test]
    fn training_and_serving_see_the_same_model(
        rows in proptest::collection::vec(
            (prop_oneof![2 => -1e3f64..1e3, 1 => (0i32..4).prop_map(f64::from), 1 => Just(f64::NAN)], 0usize..6, -1e3f64..1e3),
            2..120,
        ),
        leaf in 1usize..8,
    ) {
        let signature = signature();
        let words = rows.iter().map(|row| (row.1 > 0).then(|| format!("w{}", row.1))).collect();
        let numbers = |sign: f64| Input::Numbers(rows.iter().map(|row| sign * row.0).collect());
        let columns = vec![
            ("x".to_owned(), numbers(1.0)),
            ("noise".to_owned(), numbers(-0.3)),
            ("word".to_owned(), Input::Words(words)),
        ];
        let batch = Batch::from_columns(&signature, columns).unwrap();
        let target: Vec<f64> = rows.iter().map(|row| row.2).collect();
        let params = params(&json!({"trees": 8, "min_leaf_rows": leaf, "max_bins": 16}));
        let task = Task { signature: &signature, batch: &batch, target: &target, params: &params, seed: 0 };

        struct TrainingMae(f64);
        impl Progress for TrainingMae {
            fn progress(&mut self, _share: f64) {}
            fn metric(&mut self, _key: &str, value: f64, _step: u64) {
                self.0 = value;
            }
        }
        let mut believed = TrainingMae(f64::NAN);
        let model = train("gradient_boosting", &task, &mut believed).unwrap();
        let stored = load(&model.to_bytes().unwrap()).unwrap().predict(&batch).unwrap();
        let errors: f64 = stored.iter().zip(&target).map(|(found, truth)| (found - truth).abs()).sum();
        prop_assert!((errors / target.len() as f64 - believed.0).abs() < 1e-6, "{} {}", errors, believed.0);
        let in_memory = engine_of(&model).unwrap().predict(&batch).unwrap();
        prop_assert_eq!(
            stored.iter().map(|value| value.to_bits()).collect::<Vec<_>>(),
            in_memory.iter().map(|value| value.to_bits()).collect::<Vec<_>>()
        );
    }
}
