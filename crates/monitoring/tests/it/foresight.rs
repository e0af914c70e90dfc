//! Performance before the labels come, on six years of real traffic.

use std::collections::HashMap;

use base::Period;
use monitoring::{Rows, Window, foresee, weak_segments};

use crate::traffic::{Hour, hours, learn, rows};

fn windows(hours: &[Hour], model: &HashMap<(u64, u64), f64>, weeks: usize) -> Vec<(Window, Rows)> {
    let week = Period::from_days(7);
    let mut cut: Vec<(Window, Rows)> = Vec::new();
    let mut at = 0;
    while at < hours.len() && cut.len() < weeks {
        let window = Window::containing(hours[at].at, week);
        let to = hours.partition_point(|hour| hour.at < window.to);
        cut.push((window, rows(&hours[at..to], model)));
        at = to;
    }
    cut
}

#[test]
fn what_is_foreseen_is_near_what_comes_and_its_record_is_told() {
    let hours = hours();
    let model = learn(&hours[..4_000]);
    let cut = windows(&hours[4_000..], &model, 40);
    let foresight = foresee(&cut, 100);
    assert_eq!((foresight.method.as_str(), foresight.metric.as_str()), ("dle", "mae"));
    assert_eq!(foresight.windows[0].foreseen, None, "nothing is known before the first labels");
    let typical = foresight.typical_error.unwrap();
    println!("{}", foresight.words);
    assert!(typical < 0.5, "{typical}");
    assert!(foresight.words.contains("wrong by"));
    let unlabelled: Vec<(Window, Rows)> = cut
        .iter()
        .map(|(window, rows)| {
            let bare = Rows::new(rows.times().to_vec(), rows.columns().to_vec()).unwrap();
            (*window, bare.with_predictions(rows.predictions().to_vec()).unwrap())
        })
        .collect();
    let blind = foresee(&unlabelled, 100);
    assert!(blind.windows.iter().all(|window| window.foreseen.is_none() && window.realised.is_none()));
    assert!(blind.words.contains("no record yet"));
}

#[test]
fn probabilities_of_a_yes_or_no_are_foreseen_by_their_calibration() {
    let hours = hours();
    let model = learn(&hours[..8_000]);
    let busy = |hour: &Hour| f64::from(u8::from(hour.volume > 4_000.0));
    let cut: Vec<(Window, Rows)> = windows(&hours[8_000..], &model, 30)
        .into_iter()
        .map(|(window, whole)| {
            let score =
                |value: &Option<f64>| value.map(|value| 1.0 / (1.0 + (-(value - 4_000.0) / 900.0).exp()));
            let within: Vec<&Hour> = hours.iter().filter(|hour| window.holds(hour.at)).collect();
            let kept = within.len().min(whole.len());
            let bare = Rows::new(whole.times().to_vec(), whole.columns().to_vec()).unwrap();
            let truth = within[within.len() - kept..].iter().map(|hour| Some(busy(hour))).collect();
            let scored = bare.with_predictions(whole.predictions().iter().map(score).collect()).unwrap();
            (window, scored.with_labels(truth).unwrap())
        })
        .collect();
    let foresight = foresee(&cut, 50);
    assert_eq!((foresight.method.as_str(), foresight.metric.as_str()), ("cbpe", "accuracy"));
    assert!(foresight.typical_error.unwrap() < 0.1, "{}", foresight.words);
}

#[test]
fn a_model_that_knows_nothing_of_holidays_is_weak_at_some_hours() {
    let hours = hours();
    let model = learn(&hours[..8_000]);
    let cut = windows(&hours[8_000..], &model, 8);
    let weak: Vec<_> = cut.iter().flat_map(|(_, rows)| weak_segments(rows)).collect();
    assert!(!weak.is_empty());
    for segment in weak {
        assert!(segment.mae > segment.elsewhere && segment.adjusted_p_value <= 0.01);
    }
}
