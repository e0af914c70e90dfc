//! Six years of real traffic, week by week, with a simple model.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::io::Read;

use base::{PageRequest, Period, Timestamp};
use monitoring::store::{self, AlertFilter};
use monitoring::{
    Alert, AlertKind, AlertState, Column, MonitorSpec, Reference, Rows, State, WindowInput, WindowReport,
    due_windows, evaluate_window, findings,
};

pub(crate) const NUMBERS: [&str; 7] =
    ["temp", "rain_1h", "snow_1h", "clouds_all", "hour", "weekday", "month"];

pub(crate) struct Hour {
    pub(crate) at: Timestamp,
    pub(crate) numbers: Vec<Option<f64>>,
    pub(crate) weather: String,
    pub(crate) volume: f64,
}

impl Hour {
    fn slot(&self) -> (u64, u64) {
        let at = |place: usize| self.numbers[place].unwrap() as u64;
        (at(4), at(5))
    }
}

/// One row an hour, as the example's `prepare.sql` makes them.
pub(crate) fn hours() -> Vec<Hour> {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../examples/traffic/traffic.csv.gz");
    let mut text = String::new();
    flate2::read::GzDecoder::new(std::fs::File::open(path).unwrap()).read_to_string(&mut text).unwrap();
    let mut reader = csv::Reader::from_reader(text.as_bytes());
    let mut hours: BTreeMap<Timestamp, Hour> = BTreeMap::new();
    for record in reader.records() {
        let record = record.unwrap();
        let number = |place: usize| record[place].parse::<f64>().unwrap();
        let at = Timestamp::parse(&record[7]).unwrap();
        let day = at.as_micros().div_euclid(86_400_000_000);
        let weekday = (day + 3).rem_euclid(7) as f64;
        let month: f64 = at.date()[5..7].parse().unwrap();
        let temp = Some(number(1)).filter(|temp| *temp > 0.0);
        let hour = f64::from(at.hour());
        let rest = [number(2), number(3), number(4), hour, weekday, month].map(Some);
        let numbers = std::iter::once(temp).chain(rest).collect();
        let (weather, volume) = (record[5].to_owned(), number(8));
        hours.entry(at).or_insert(Hour { at, numbers, weather, volume });
    }
    hours.into_values().collect()
}

pub(crate) fn rows(hours: &[Hour], model: &HashMap<(u64, u64), f64>) -> Rows {
    let mut columns: Vec<(String, Column)> = NUMBERS
        .iter()
        .enumerate()
        .map(|(at, name)| {
            ((*name).to_owned(), Column::Numbers(hours.iter().map(|hour| hour.numbers[at]).collect()))
        })
        .collect();
    let weather = hours.iter().map(|hour| Some(hour.weather.clone())).collect();
    columns.push(("weather_main".to_owned(), Column::Texts(weather)));
    Rows::new(hours.iter().map(|hour| hour.at).collect(), columns)
        .unwrap()
        .with_predictions(hours.iter().map(|hour| model.get(&hour.slot()).copied()).collect())
        .unwrap()
        .with_labels(hours.iter().map(|hour| Some(hour.volume)).collect())
        .unwrap()
}

/// The mean of each hour of the week.
pub(crate) fn learn(hours: &[Hour]) -> HashMap<(u64, u64), f64> {
    let mut sums: HashMap<(u64, u64), (f64, f64)> = HashMap::new();
    for hour in hours {
        let sum = sums.entry(hour.slot()).or_default();
        *sum = (sum.0 + hour.volume, sum.1 + 1.0);
    }
    sums.into_iter().map(|(slot, (sum, count))| (slot, sum / count)).collect()
}

pub(crate) fn spec() -> MonitorSpec {
    serde_json::from_value(serde_json::json!({
        "window": "1w", "label_delay": "1d", "min_rows": 100,
        "gap": { "longer_than": "2d" }, "value_range": { "factor": 3 },
        "drift": { "reference": "same_season", "persist": { "windows": 3, "of": 4 } },
        "performance": { "metric": "mae", "worse_than": 1.3, "persist": { "windows": 2, "of": 3 } },
    }))
    .unwrap()
}

pub(crate) fn story() -> Vec<WindowReport> {
    let spec = spec();
    let hours = hours();
    let until = |day: &str| {
        let day = Timestamp::parse(day).unwrap();
        hours.partition_point(|hour| hour.at < day)
    };
    let (trained, known) = (until("2013-08-07"), until("2013-10-02"));
    let model = learn(&hours[..trained]);
    let held_out = &hours[trained..known];
    let mae = held_out.iter().map(|hour| (model[&hour.slot()] - hour.volume).abs()).sum::<f64>()
        / held_out.len() as f64;
    let reference =
        Reference::new(rows(&hours[..trained], &model), BTreeMap::from([("mae".to_owned(), mae)]));
    let last = hours.last().unwrap().at.plus(Period::from_days(9));
    let mut reports: Vec<WindowReport> = Vec::new();
    for window in due_windows(&spec, hours[known].at, None, last) {
        let place = |at: Timestamp| hours.partition_point(|hour| hour.at < at);
        let (from, to) = (place(window.from).max(known), place(window.to));
        let rows = rows(&hours[from..to], &model);
        let earlier = &reports[reports.len().saturating_sub(spec.look_back())..];
        let report = evaluate_window(
            &spec,
            &WindowInput {
                model: "traffic",
                version: 1,
                window,
                rows: &rows,
                profile: None,
                reference: Some(&reference),
                earlier,
                previous_event: hours[..from].last().map(|hour| hour.at),
                next_event: hours.get(to).map(|hour| hour.at),
                watermark: window.to.plus(Period::from_days(1)),
                segments: &[],
                business: &[],
            },
        );
        if std::env::var("SHOW").is_ok() {
            show(&spec, &report, earlier);
        }
        reports.push(report);
    }
    reports
}

/// `SHOW=1 cargo nextest run -p monitoring --no-capture traffic` tells the whole story.
#[expect(clippy::print_stdout, reason = "asked for by the environment")]
fn show(spec: &MonitorSpec, report: &WindowReport, earlier: &[WindowReport]) {
    let day = report.window.from.date();
    println!("{day} {}, drift {}", report.state.as_str(), report.drift_state.as_str());
    for finding in findings(spec, report, earlier) {
        println!("  {}", finding.title);
        println!("    what: {}\n    since: {}", finding.what_changed, finding.since);
        println!("    cause: {}\n    impact: {}", finding.cause, finding.impact);
        println!("    do: {}", finding.suggested_action.command);
    }
}

#[test]
fn what_happened_to_the_traffic_is_found_and_little_else() {
    let reports = story();
    let gaps: Vec<&str> =
        reports.iter().flat_map(|report| &report.gaps).map(|gap| gap.words.as_str()).collect();
    assert!(gaps.contains(&"no predictions from 2014-08-08 01:00 to 2015-06-11 20:00: 307 days"), "{gaps:?}");
    let ranges: Vec<&str> =
        reports.iter().flat_map(|report| &report.ranges).map(|range| range.words.as_str()).collect();
    assert_eq!(ranges.len(), 1, "{ranges:?}");
    assert!(ranges[0].starts_with("`rain_1h` reached 9,831.3"), "{ranges:?}");
    assert!(ranges[0].ends_with("in 1 row at 2016-07-11 17:00"), "{ranges:?}");

    // Rain was not measured in the first winter, and that is the only lasting change of the inputs.
    let drifted: BTreeSet<&str> = reports
        .iter()
        .flat_map(|report| &report.drift)
        .filter(|column| column.state == State::Drift)
        .map(|column| column.column.as_str())
        .collect();
    assert_eq!(drifted, BTreeSet::from(["rain_1h"]));
    let count = |state: State| reports.iter().filter(|report| report.state == state).count();
    assert!(reports.len() > 250);
    assert!((1..=10).contains(&count(State::Drift)), "{}", count(State::Drift));
    assert!((1..=12).contains(&count(State::Degraded)), "{}", count(State::Degraded));

    // An hourly mean knows nothing of holidays: Thanksgiving is told by its date.
    let thanksgiving = reports.iter().find(|report| report.window.from.date() == "2013-11-25").unwrap();
    let performance = thanksgiving.performance.as_ref().unwrap();
    assert_eq!(performance.worst_days[0].date, "2013-11-28");
    assert_eq!(performance.state, State::Warn);
}

#[tokio::test]
async fn the_story_makes_few_alerts_and_each_says_what_happened() {
    let database = testing::sqlite().await;
    let reports = story();
    for (at, report) in reports.iter().enumerate() {
        let (report, earlier) = (report.clone(), reports[at.saturating_sub(3)..at].to_vec());
        database
            .write::<_, monitoring::Error, _>(move |tx| {
                Box::pin(async move { store::record_window(tx, &spec(), &report, &earlier).await })
            })
            .await
            .unwrap();
    }
    let mut read = database.read().await.unwrap();
    let page = PageRequest::first(1000);
    let all = store::list_alerts(&mut read, &AlertFilter::default(), &page).await.unwrap().items;
    let mut fired = Vec::new();
    for alert in &all {
        let alert = store::get_alert(&mut read, &alert.id).await.unwrap();
        if std::env::var("SHOW").is_ok() {
            tell(&alert);
        }
        if alert.history.iter().any(|step| step.to == AlertState::Firing) {
            fired.push(alert);
        }
    }
    let of = |kind: AlertKind| fired.iter().filter(|alert| alert.kind == kind).collect::<Vec<_>>();
    assert!(of(AlertKind::Gap).iter().any(|alert| alert.title == "traffic: 307 days without predictions"));
    assert_eq!(of(AlertKind::ValueRange).len(), 1);
    assert!((1..=4).contains(&of(AlertKind::Drift).len()), "{}", of(AlertKind::Drift).len());
    assert!((1..=8).contains(&of(AlertKind::Performance).len()), "{}", of(AlertKind::Performance).len());
    assert!(of(AlertKind::ValueRange)[0].state == AlertState::Resolved);
}

#[expect(clippy::print_stdout, reason = "asked for by the environment")]
fn tell(alert: &Alert) {
    let path: Vec<String> =
        alert.history.iter().map(|step| format!("{} {}", step.at.date(), step.to.as_str())).collect();
    println!("{} [{}]", alert.title, path.join(", "));
}
