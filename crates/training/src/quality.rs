//! On real traffic: how far each trainer gets, on eight weeks that it has not seen.

use std::collections::{BTreeMap, HashMap};
use std::time::Instant;

use base::{Period, Timestamp};
use inference::{Batch, Field, Input, Signature, load};
use serde_json::{Map, Value, json};

use crate::{Silent, Task, split_by_time, train};

struct Hour {
    temp: f64,
    clouds: f64,
    rain: f64,
    weather: String,
    volume: f64,
}

/// The first row of each hour of the file's first year.
fn first_year() -> BTreeMap<i64, Hour> {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../examples/traffic/traffic.csv.gz");
    let unzipped = flate2::read::GzDecoder::new(std::fs::File::open(path).unwrap());
    let mut hours = BTreeMap::new();
    let end = Timestamp::parse("2013-10-02T00:00:00Z").unwrap();
    for record in csv::Reader::from_reader(unzipped).deserialize::<HashMap<String, String>>() {
        let record = record.unwrap();
        let time = Timestamp::parse(&format!("{}Z", record["date_time"].replace(' ', "T"))).unwrap();
        let number = |name: &str| record[name].parse::<f64>().unwrap();
        if time < end {
            hours.entry(time.as_micros()).or_insert_with(|| Hour {
                temp: if number("temp") > 0.0 { number("temp") } else { f64::NAN },
                clouds: number("clouds_all"),
                rain: number("rain_1h"),
                weather: record["weather_main"].clone(),
                volume: number("traffic_volume"),
            });
        }
    }
    hours
}

fn signature() -> Signature {
    let mut inputs: Vec<Field> =
        ["hour", "weekday", "month", "temp", "clouds", "rain", "last_week"].map(Field::number).to_vec();
    inputs.push(Field::category("weather"));
    Signature { inputs, output: Field::number("volume") }
}

fn table(hours: &BTreeMap<i64, Hour>) -> (Batch, Vec<f64>, Vec<Timestamp>) {
    const WEEK: i64 = 7 * 86_400_000_000;
    let times: Vec<Timestamp> = hours.keys().copied().map(Timestamp::from_micros).collect();
    let of_time = |turn: &dyn Fn(Timestamp) -> f64| Input::Numbers(times.iter().copied().map(turn).collect());
    let of_row = |turn: &dyn Fn(&Hour) -> f64| Input::Numbers(hours.values().map(turn).collect());
    let columns = vec![
        ("hour", of_time(&|time| f64::from(time.hour()))),
        ("weekday", of_time(&|time| ((time.as_micros().div_euclid(86_400_000_000) + 3) % 7) as f64)),
        ("month", of_time(&|time| time.date().split('-').nth(1).unwrap().parse().unwrap())),
        ("temp", of_row(&|row| row.temp)),
        ("clouds", of_row(&|row| row.clouds)),
        ("rain", of_row(&|row| row.rain)),
        (
            "last_week",
            of_time(&|time| hours.get(&(time.as_micros() - WEEK)).map_or(f64::NAN, |row| row.volume)),
        ),
        ("weather", Input::Words(hours.values().map(|row| Some(row.weather.clone())).collect())),
    ];
    let columns = columns.into_iter().map(|(name, column)| (name.to_owned(), column)).collect();
    let batch = Batch::from_columns(&signature(), columns).unwrap();
    (batch, hours.values().map(|row| row.volume).collect(), times)
}

#[test]
fn boosting_beats_the_baselines_on_real_traffic() {
    let hours = first_year();
    let (batch, volumes, times) = table(&hours);
    let split = split_by_time(&times, Period::from_days(56)).unwrap();
    let pick = |rows: &[usize]| (batch.take(rows), rows.iter().map(|row| volumes[*row]).collect::<Vec<_>>());
    let (learn, learn_target) = pick(&split.train);
    let (held_out, truth) = pick(&split.evaluation);
    println!("{} rows to train on, {} to evaluate on", learn.rows(), held_out.rows());

    let signature = signature();
    let error_of = |trainer: &str, params: &Value| {
        let params: Map<String, Value> = params.as_object().unwrap().clone();
        let task =
            Task { signature: &signature, batch: &learn, target: &learn_target, params: &params, seed: 0 };
        let start = Instant::now();
        let model = train(trainer, &task, &mut Silent).unwrap();
        let trained = start.elapsed();
        let bytes = model.to_bytes().unwrap();
        let start = Instant::now();
        let engine = load(&bytes).unwrap();
        let loaded = start.elapsed();
        let start = Instant::now();
        let predictions = engine.predict(&held_out).unwrap();
        let predicted = start.elapsed();
        let errors: f64 = predictions.iter().zip(&truth).map(|(found, truth)| (found - truth).abs()).sum();
        let mae = errors / truth.len() as f64;
        println!(
            "{trainer}: MAE {mae:.1}; trained in {trained:.1?}, {} bytes, loaded in {loaded:.1?}, {} rows in {predicted:.1?}; {:?}",
            bytes.len(),
            truth.len(),
            model.trained.figures
        );
        mae
    };
    let naive = error_of("seasonal_naive", &json!({"column": "last_week"}));
    let linear = error_of("linear", &json!({}));
    let boosted = error_of("gradient_boosting", &json!({"trees": 300, "learning_rate": 0.05, "leaves": 31}));
    // A straight line through hours and weekdays does not even reach last week's value here; that
    // the baselines are what they should be was checked against scikit-learn (ridge: 682.3).
    assert!(boosted < 0.8 * naive && boosted < 0.5 * linear, "{boosted} {linear} {naive}");
    let usual = volumes.iter().sum::<f64>() / volumes.len() as f64;
    let mean_error = truth.iter().map(|truth| (truth - usual).abs()).sum::<f64>() / truth.len() as f64;
    assert!(linear < 0.5 * mean_error, "{linear} {mean_error}");
    // With the same settings scikit-learn's histogram boosting comes to 261.7.
    assert!(boosted < 270.0, "{boosted}");
}
