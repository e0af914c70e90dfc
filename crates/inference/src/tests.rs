//! Facts about loading and evaluating, whole.

use std::collections::BTreeMap;
use std::sync::Arc;

use proptest::prelude::*;

use crate::{
    Batch, Body, Error, FORMAT, Fallback, Field, Input, ModelFile, SeasonalMean, Signature, Term, Trained,
    TrainedModel, Tree, Value, engine_of, load,
};

fn signature() -> Signature {
    Signature {
        inputs: vec![
            Field::number("last_week"),
            Field::number("hour").required(),
            Field::category("weather"),
        ],
        output: Field::number("volume"),
    }
}

fn file(body: Body) -> ModelFile {
    let weather = vec!["Clear".to_owned(), "Rain".to_owned(), "Snow".to_owned()];
    ModelFile {
        format: FORMAT,
        signature: signature(),
        vocabularies: BTreeMap::from([("weather".to_owned(), weather)]),
        body,
        trained: Trained { trainer: "by hand".to_owned(), ..Trained::default() },
    }
}

fn naive() -> ModelFile {
    let means = vec![SeasonalMean { value: 7.0, mean: 5000.0 }, SeasonalMean { value: 8.0, mean: 4500.0 }];
    let fallback = Some(Fallback { column: "hour".to_owned(), means });
    file(Body::SeasonalNaive { column: "last_week".to_owned(), fallback, mean: 3000.0 })
}

fn linear() -> ModelFile {
    let last_week = Term::Number {
        input: "last_week".to_owned(),
        mean: 3000.0,
        scale: 1000.0,
        weight: 500.0,
        missing_weight: -7.0,
    };
    let weather = Term::Category {
        input: "weather".to_owned(),
        weights: vec![10.0, 20.0, 30.0],
        unknown_weight: 1.0,
        missing_weight: 2.0,
    };
    file(Body::Linear { intercept: 3000.0, terms: vec![last_week, weather] })
}

/// `last_week <= 2000` (missing right) ? (weather in {Rain, unknown} (missing left) ? 1 : 2) : 4,
/// and a second tree that is one leaf.
fn trees() -> ModelFile {
    let first = Tree {
        feature: vec![0, 2, -1, -1, -1],
        value: vec![2000.0, 0.0, 4.0, 1.0, 2.0],
        left: vec![1, 3, 0, 0, 0],
        missing_left: vec![1],
        sets: BTreeMap::from([(1, vec![1, 3])]),
    };
    let second = Tree { feature: vec![-1], value: vec![0.5], left: vec![0], ..Tree::default() };
    file(Body::Trees { base: 100.0, trees: vec![first, second] })
}

fn engine(file: &ModelFile) -> Arc<TrainedModel> {
    load(&file.to_bytes().unwrap()).unwrap()
}

fn check_row(file: &ModelFile, last_week: f64, hour: f64, weather: Option<&str>, expected: f64) {
    let engine = engine(file);
    let row = [Value::Number(last_week), Value::Number(hour), Value::Word(weather)];
    assert_eq!(engine.predict_row(&row).unwrap(), expected, "{row:?}");
    assert_eq!(engine.predict(&batch(&[(last_week, hour, weather)])).unwrap(), [expected], "{row:?}");
}

fn batch(rows: &[(f64, f64, Option<&str>)]) -> Batch {
    let columns = vec![
        ("hour".to_owned(), Input::Numbers(rows.iter().map(|row| row.1).collect())),
        ("weather".to_owned(), Input::Words(rows.iter().map(|row| row.2.map(str::to_owned)).collect())),
        ("last_week".to_owned(), Input::Numbers(rows.iter().map(|row| row.0).collect())),
    ];
    Batch::from_columns(&signature(), columns).unwrap()
}

#[test]
fn naive_takes_the_value_then_the_like_mean_then_the_mean() {
    check_row(&naive(), 4321.0, 7.0, None, 4321.0);
    check_row(&naive(), f64::NAN, 7.0, None, 5000.0);
    check_row(&naive(), f64::NAN, 9.0, None, 3000.0);
}

#[test]
fn linear_adds_its_terms() {
    check_row(&linear(), 4000.0, 7.0, Some("Rain"), 3520.0);
    check_row(&linear(), f64::NAN, 7.0, Some("Fog"), 2994.0);
    check_row(&linear(), 3000.0, 7.0, None, 3002.0);
}

#[test]
fn trees_ask_about_numbers_words_and_holes() {
    check_row(&trees(), 2000.0, 7.0, Some("Rain"), 101.5);
    check_row(&trees(), 2000.0, 7.0, Some("Fog"), 101.5);
    check_row(&trees(), 2000.0, 7.0, Some("Clear"), 102.5);
    check_row(&trees(), 2000.0, 7.0, None, 101.5);
    check_row(&trees(), 2000.5, 7.0, Some("Rain"), 104.5);
    check_row(&trees(), f64::NAN, 7.0, Some("Rain"), 104.5);
}

#[test]
fn a_row_that_does_not_fit_names_its_field() {
    let engine = engine(&linear());
    let check = |row: &[Value<'_>], expected: &str| {
        assert_eq!(engine.predict_row(row).unwrap_err().to_string(), expected);
    };
    let (number, word) = (Value::Number(1.0), Value::Word(Some("Rain")));
    check(&[number], "the rows have 1 inputs, the model takes 3");
    check(&[number, number, number], "the field `weather` takes words, but numbers were given");
    check(&[word, number, word], "the field `last_week` takes numbers, but words were given");
    check(&[number, Value::Number(f64::NAN), word], "the required field `hour` has no value in row 0");
    check(
        &[Value::Number(f64::INFINITY), number, word],
        "the field `last_week` has an infinite number in row 0",
    );
}

fn check_damaged(file: &ModelFile, expected: &str) {
    assert_eq!(file.check().unwrap_err().to_string(), expected);
}

fn with_tree(change: impl FnOnce(&mut Tree)) -> ModelFile {
    let mut file = trees();
    let Body::Trees { trees, .. } = &mut file.body else { panic!() };
    change(&mut trees[0]);
    file
}

#[test]
fn damage_is_named_by_its_place() {
    check_damaged(
        &with_tree(|tree| tree.feature[1] = 9),
        "the model file is damaged at `body.trees.trees[0].node[1]`: there is no input 9",
    );
    check_damaged(
        &with_tree(|tree| tree.left[1] = 1),
        "the model file is damaged at `body.trees.trees[0].node[1]`: its children are not among the nodes after it",
    );
    check_damaged(
        &with_tree(|tree| tree.left[1] = u64::MAX),
        "the model file is damaged at `body.trees.trees[0].node[1]`: its children are not among the nodes after it",
    );
    check_damaged(
        &with_tree(|tree| tree.left[1] = 2),
        "the model file is damaged at `body.trees.trees[0].node[1]`: its child has another parent too",
    );
    check_damaged(
        &with_tree(|tree| tree.sets.clear()),
        "the model file is damaged at `body.trees.trees[0].node[1]`: a category needs a set",
    );
    check_damaged(
        &with_tree(|tree| tree.sets = BTreeMap::from([(1, vec![4])])),
        "the model file is damaged at `body.trees.trees[0].sets.1`: the vocabulary has no code 4",
    );
    check_damaged(
        &with_tree(|tree| tree.missing_left = vec![77]),
        "the model file is damaged at `body.trees.trees[0].missing_left`: node 77 asks nothing",
    );
    check_damaged(
        &with_tree(|tree| tree.value.truncate(2)),
        "the model file is damaged at `body.trees.trees[0]`: the lists of nodes are empty or differ in length",
    );
}

#[test]
fn a_tree_that_is_a_long_stick_is_refused() {
    let mut tree = Tree::default();
    for level in 0..5000u64 {
        // Node 2k asks, 2k+1 is a leaf and 2k+2 asks again: pairs begin at odd places.
        tree.feature.push(1);
        tree.value.push(0.0);
        tree.left.push(2 * level + 1);
        tree.feature.push(-1);
        tree.value.push(0.0);
        tree.left.push(0);
    }
    tree.feature.push(-1);
    tree.value.push(0.0);
    tree.left.push(0);
    let error = file(Body::Trees { base: 0.0, trees: vec![tree] }).check().unwrap_err();
    assert_eq!(error, Error::TooLarge { what: "levels in a tree", found: 4097, most: 4096 });
}

#[test]
fn formats_and_keys_that_are_not_known_are_refused() {
    let check = |from: &str, to: &str, expected: &str| {
        let text = String::from_utf8(naive().to_bytes().unwrap()).unwrap();
        assert!(text.contains(from));
        let error = load(text.replacen(from, to, 1).as_bytes()).unwrap_err().to_string();
        assert!(error.starts_with(expected), "{error}");
    };
    check(
        "\"format\":1",
        "\"format\":2,\"novelty\":1",
        "the model file has format 2, this release reads format 1",
    );
    check("\"format\":1", "\"format\":0", "the model file is damaged at `format`: there is no format 0");
    check("\"mean\":3000", "\"meen\":3000", "this is not a model file of Gingham: unknown field `meen`");
    check("\"mean\":3000.0", "\"mean\":1e999", "this is not a model file of Gingham: number out of range");
    assert!(load(b"").is_err() && load(b"[[[[").is_err() && load(b"\xff\x00").is_err());
    assert!(load("[".repeat(1_000_000).as_bytes()).is_err());
}

#[test]
fn a_prediction_that_overflows_is_an_error() {
    let huge = Tree { feature: vec![-1], value: vec![f64::MAX], left: vec![0], ..Tree::default() };
    let engine = engine_of(&file(Body::Trees { base: f64::MAX, trees: vec![huge] })).unwrap();
    let error = engine.predict(&batch(&[(1.0, 1.0, None)])).unwrap_err();
    assert_eq!(error, Error::NotFiniteOutput { row: 0 });
}

#[test]
fn a_file_is_read_back_as_it_was_written() {
    for file in [naive(), linear(), trees()] {
        assert_eq!(ModelFile::from_bytes(&file.to_bytes().unwrap()).unwrap(), file);
    }
}

/// Loads and, if that works, predicts; the only wrong answer is a panic or a hang.
fn exercise(bytes: &[u8]) {
    if let Ok(engine) = load(bytes) {
        let columns = engine.signature().inputs.iter().map(|field| {
            let column = match field.kind {
                crate::FeatureKind::Number => Input::Numbers(vec![1.0, -5e9, 2000.0]),
                crate::FeatureKind::Category => {
                    Input::Words(vec![Some("Rain".to_owned()), None, Some(String::new())])
                }
            };
            (field.name.clone(), column)
        });
        if let Ok(batch) = Batch::from_columns(engine.signature(), columns.collect()) {
            let _ = engine.predict(&batch);
        }
    }
}

/// Replaces the `pick`-th number or list anywhere in the JSON by something nasty.
fn spoil(value: &mut serde_json::Value, pick: &mut usize, with: &serde_json::Value) {
    if *pick == 0 {
        *value = with.clone();
        *pick = usize::MAX;
        return;
    }
    *pick -= 1;
    match value {
        serde_json::Value::Array(items) => items.iter_mut().for_each(|item| spoil(item, pick, with)),
        serde_json::Value::Object(items) => items.values_mut().for_each(|item| spoil(item, pick, with)),
        _ => {}
    }
}

fn nasty() -> impl Strategy<Value = serde_json::Value> {
    prop_oneof![
        Just(serde_json::json!(null)),
        Just(serde_json::json!([])),
        Just(serde_json::json!({})),
        Just(serde_json::json!("")),
        (-3i64..12).prop_map(|number| serde_json::json!(number)),
        any::<i64>().prop_map(|number| serde_json::json!(number)),
        any::<u64>().prop_map(|number| serde_json::json!(number)),
        any::<f64>().prop_map(|number| serde_json::json!(number)),
        proptest::collection::vec(-2i64..7, 0..7).prop_map(|numbers| serde_json::json!(numbers)),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        exercise(&bytes);
    }

    #[test]
    fn no_flipped_bytes_make_it_panic(flips in proptest::collection::vec((any::<u16>(), any::<u8>()), 1..4)) {
        for file in [naive(), linear(), trees()] {
            let mut bytes = file.to_bytes().unwrap();
            for (place, byte) in &flips {
                let place = usize::from(*place) % bytes.len();
                bytes[place] = *byte;
            }
            exercise(&bytes);
        }
    }

    #[test]
    fn no_spoilt_value_makes_it_panic(spoils in proptest::collection::vec((0usize..90, nasty()), 1..4)) {
        for file in [naive(), linear(), trees()] {
            let mut value = serde_json::to_value(&file).unwrap();
            for (pick, with) in &spoils {
                spoil(&mut value, &mut pick.clone(), with);
            }
            exercise(&serde_json::to_vec(&value).unwrap());
        }
    }

    #[test]
    fn a_row_alone_and_a_row_in_a_batch_agree_to_the_bit(
        rows in proptest::collection::vec(
            (prop_oneof![Just(f64::NAN), -1e6f64..1e6], 0f64..24.0, proptest::option::of(proptest::sample::select(vec!["Clear", "Rain", "Snow", "Fog"]))),
            1..600,
        ),
    ) {
        for file in [naive(), linear(), trees()] {
            let engine = engine(&file);
            let together = engine.predict(&batch(&rows)).unwrap();
            for (row, expected) in rows.iter().zip(&together) {
                let alone = [Value::Number(row.0), Value::Number(row.1), Value::Word(row.2)];
                prop_assert_eq!(engine.predict_row(&alone).unwrap().to_bits(), expected.to_bits());
            }
        }
    }
}
