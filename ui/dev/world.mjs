// A small invented history of the traffic model, in the shapes of /api/v1, for development and unit tests.
// Nothing here is shipped: the pages read a real server.

/** A repeatable stream of numbers between 0 and 1. */
export function chance(seed) {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}

const DAY = 86_400_000;
const NOW = Date.parse("2026-11-22T09:00:00Z");
export const iso = (ms) => new Date(ms).toISOString().replace(".000Z", "Z");
export const before = (minutes) => iso(NOW - minutes * 60_000);
export const hex = (seed, length = 32) => {
  const next = chance(seed);
  return Array.from({ length }, () => Math.floor(next() * 16).toString(16)).join("");
};

export const FEATURES = ["hour", "weekday", "month", "temp", "rain_1h", "snow_1h", "clouds_all", "weather_main", "holiday", "volume_last_week"];
const WORDS = new Set(["weather_main", "holiday"]);
export const signature = {
  inputs: FEATURES.map((name) => ({ name, kind: WORDS.has(name) ? "category" : "number", required: name !== "holiday" })),
  output: { name: "traffic_volume", kind: "number", required: true },
};

const GAP = [Date.parse("2014-08-06T00:00:00Z"), Date.parse("2015-06-10T00:00:00Z")];
const V2_AT = Date.parse("2015-08-05T00:00:00Z");
const V4_AT = Date.parse("2017-02-15T00:00:00Z");

export const spec = {
  window: "1w",
  label_delay: "1d",
  min_rows: 100,
  gap: { longer_than: "2d", severity: "warn" },
  value_range: { factor: 3, severity: "error" },
  drift: { reference: "same_season", threshold: 0.25, persist: { windows: 3, of: 4 }, severity: "warn" },
  performance: { metric: "mae", worse_than: 1.3, than: "evaluation", persist: { windows: 2, of: 3 }, severity: "error", action: "retrain" },
};

export function monitorWindows() {
  const next = chance(7);
  const windows = [];
  for (let from = Date.parse("2013-10-02T00:00:00Z"); from < Date.parse("2018-09-26T00:00:00Z"); from += 7 * DAY) {
    if (from >= GAP[0] && from < GAP[1]) continue;
    const version = from < V2_AT ? 1 : from < V4_AT ? 2 : 4;
    const evaluation = version === 1 ? 268.4 : version === 2 ? 241.7 : 229.3;
    const worse = version === 1 && from >= GAP[1] ? 1.42 : version === 2 ? 1.02 + ((from - V2_AT) / DAY) * 0.00042 : 1;
    const holiday = new Date(from).getUTCMonth() === 11 && new Date(from).getUTCDate() > 17 ? 1.34 : 1;
    const mae = evaluation * worse * holiday * (0.9 + next() * 0.24);
    const rows = 130 + Math.floor(next() * 39);
    const drift = Object.fromEntries(
      [...FEATURES, "prediction"].map((name) => {
        const base = { temp: 0.12, clouds_all: 0.14, weather_main: 0.09, rain_1h: 0.05, volume_last_week: 0.08, prediction: 0.07 }[name] ?? 0.02;
        const shift = name === "clouds_all" && from > Date.parse("2015-06-01T00:00:00Z") && from < Date.parse("2016-03-01T00:00:00Z") ? 0.24 : name === "volume_last_week" && worse > 1.3 ? 0.3 : 0;
        return [name, Number((base * (0.3 + next() * 1.6) + shift * (0.7 + next() * 0.5)).toFixed(4))];
      }),
    );
    const [column, value] = Object.entries(drift).toSorted((a, b) => b[1] - a[1])[0];
    const limit = evaluation * 1.3;
    windows.push({
      from: iso(from),
      to: iso(from + 7 * DAY),
      version,
      rows,
      labelled: rows,
      state: mae > limit ? "degraded" : value >= 0.25 ? "drift" : "ok",
      metric: { mae: Number(mae.toFixed(2)), rmse: Number((mae * 1.52).toFixed(2)), wape: Number((mae / 3260).toFixed(4)), bias: Number(((next() - 0.5) * 60).toFixed(2)) },
      reference_metric: evaluation,
      drift_state: value >= 0.25 ? "drift" : "ok",
      worst: { column, statistic: "psi", value },
      drift,
    });
  }
  return windows;
}

const rule = (name, passed, observed, required, why) => ({ rule: name, passed, observed, required, why });
const RULES = {
  1: [
    rule("beats baselines", true, 268.4, 421.6, "mae 268.4 is 39.5% lower than the best baseline, `linear` with 443.8; 5% was asked"),
    rule("beats champion on recent rows", true, null, null, "there is no champion yet, so there is nothing to beat"),
  ],
  2: [
    rule("beats baselines", true, 241.7, 398.2, "mae 241.7 is 42.3% lower than the best baseline, `linear` with 419.2; 5% was asked"),
    rule("beats champion on recent rows", true, 236.9, 352.1, "on the same 1,176 recent rows the champion has mae 352.1; the paired bootstrap puts the gain between 101.4 and 129.8"),
  ],
  3: [
    rule("beats baselines", true, 238.8, 391.5, "mae 238.8 is 41.9% lower than the best baseline, `linear` with 412.1; 5% was asked"),
    rule("beats champion on recent rows", false, 238.8, 236.1, "on the same 1,169 recent rows the champion has mae 236.1, which is lower; the gain lies between −6.9 and 1.2"),
  ],
  4: [
    rule("beats baselines", true, 229.3, 388.4, "mae 229.3 is 43.9% lower than the best baseline, `linear` with 408.8; 5% was asked"),
    rule("beats champion on recent rows", true, 229.3, 263.5, "on the same 1,288 recent rows the champion has mae 263.5; the paired bootstrap puts the gain between 27.2 and 41.3"),
  ],
};

const DATA = [
  { number: 1, rows: 8_615, from: "2012-10-02", to: "2013-10-02" },
  { number: 2, rows: 17_309, from: "2012-10-02", to: "2015-08-05" },
  { number: 3, rows: 24_018, from: "2012-10-02", to: "2016-04-06" },
  { number: 4, rows: 31_420, from: "2012-10-02", to: "2017-02-15" },
];

export function versions() {
  const importance = [["hour", 48.2], ["volume_last_week", 31.5], ["weekday", 11.9], ["temp", 2.9], ["month", 2.2], ["holiday", 1.4], ["clouds_all", 0.8], ["weather_main", 0.6], ["rain_1h", 0.3], ["snow_1h", 0.2]];
  return DATA.map((data, index) => {
    const number = data.number;
    const promoted = number !== 3;
    const [mae, linear, naive] = [[268.4, 443.8, 501.2], [241.7, 419.2, 487.9], [238.8, 412.1, 480.3], [229.3, 408.8, 478.6]][index];
    const metrics = (value) => ({ mae: value, rmse: Number((value * 1.53).toFixed(1)), r2: Number((1 - (value / 2000) ** 1.1).toFixed(4)), bias: Number(((number - 2.4) * 4.1).toFixed(1)), wape: Number((value / 3260).toFixed(4)), rows: 1176 });
    return {
      model: "traffic",
      number,
      created_at: before(42 - index * 9),
      digest: hex(number * 31, 64),
      flavor: "gingham.trees",
      engine: "gingham",
      trainer: "gradient_boosting",
      source_run: hex(100 + number),
      pipeline_run: hex(200 + number),
      signature,
      metrics: metrics(mae),
      baseline_metrics: { linear: metrics(linear), "same-hour-last-week": metrics(naive) },
      dataset_versions: [{ dataset: "traffic", number, rows: data.rows, from: `${data.from}T00:00:00Z`, to: `${data.to}T00:00:00Z`, digest: hex(number, 64) }],
      training_rows: { from: "2012-10-09T00:00:00Z", to: iso(Date.parse(`${data.to}T00:00:00Z`) - 56 * DAY), rows: data.rows - 1500 },
      evaluation_rows: { from: iso(Date.parse(`${data.to}T00:00:00Z`) - 56 * DAY), to: `${data.to}T00:00:00Z`, rows: 1176 },
      aliases: number === 4 ? ["champion"] : [],
      promotion: { promoted, decision: promoted ? "promoted: every rule held" : "kept v2: the new version is not better than the champion on the same recent rows", rules: RULES[number], at: before(41 - index * 9) },
      feature_importance: importance.map(([feature, gain]) => ({ feature, gain })),
      reference_profile: null,
    };
  }).toReversed();
}

export const promotions = [
  { version: 4, previous: 2, alias: "champion", at: before(14), reason: "retrained because performance was worse than allowed for 2 of 3 windows", promoted: true, rules: RULES[4] },
  { version: 3, previous: 2, alias: "champion", at: before(23), reason: "retrained because performance was worse than allowed for 2 of 3 windows", promoted: false, rules: RULES[3] },
  { version: 2, previous: 1, alias: "champion", at: before(32), reason: "retrained because performance was worse than allowed for 2 of 3 windows", promoted: true, rules: RULES[2] },
  { version: 1, previous: null, alias: "champion", at: before(41), reason: "first version", promoted: true, rules: RULES[1] },
];

export const CLOUDS = [
  ["0", 0.31, 0.05],
  ["1 to 5", 0.04, 0.31],
  ["6 to 20", 0.09, 0.08],
  ["21 to 40", 0.13, 0.12],
  ["41 to 75", 0.14, 0.15],
  ["76 to 90", 0.21, 0.2],
  ["over 90", 0.08, 0.09],
].map(([label, reference, current]) => ({ label, reference, current }));

export const alerts = [
  {
    id: hex(901),
    fingerprint: hex(801, 16),
    model: "traffic",
    kind: "drift",
    severity: "warn",
    title: "`clouds_all` has drifted for 3 of 4 weeks",
    what_changed: "the share of hours with 1% cloud rose from 4% to 31%, against the same season of the years trained on (PSI 0.38, counted from 0.25)",
    since: "2015-07-01T00:00:00Z",
    cause: "the weather service has probably changed how it reports clear skies: the values moved from 0 to 1, nothing else moved with them",
    impact: "`clouds_all` carries 0.8% of the model's gain, so the error has hardly moved: MAE 236.9 against 241.7 at evaluation",
    action: { label: "retrain once eight weeks of the new reading have been seen", command: "gingham train traffic", api: { method: "POST", path: "/api/v1/models/traffic/train", body: {} }, automatic: false },
    more_actions: [{ label: "see the report of the window", command: "gingham show monitor traffic", api: { method: "GET", path: "/api/v1/monitors/traffic/windows/2015-07-01T00:00:00Z/report" }, automatic: false }],
    details: { columns: [{ column: "clouds_all", state: "drift", statistic: "psi", value: 0.38, threshold: 0.25, bins: CLOUDS }] },
    version: 1,
    state: "firing",
    history: [
      { at: before(31), state: "firing", reason: "3 of 4 windows are over the threshold" },
      { at: before(33), state: "pending", reason: "first window over the threshold" },
    ],
  },
  {
    id: hex(902),
    fingerprint: hex(802, 16),
    model: "traffic",
    kind: "value_range",
    severity: "error",
    title: "`rain_1h` is 9,831.3 mm, 32 times the most ever seen",
    what_changed: "one row of 11 July 2016, 17:00, says 9,831.3 mm of rain in an hour; the most among the rows trained on is 55.6 mm",
    since: "2016-07-11T17:00:00Z",
    cause: "a broken reading: the hours around it say 0 mm, and no place on earth has measured more than 305 mm in an hour",
    impact: "one prediction of that hour; its error was 2,210 vehicles, the week's MAE rose by 12.6",
    action: { label: "exclude the row from training and tell the owner of the source", command: "gingham sql \"select * from traffic.predictions where rain_1h > 305\"", api: { method: "POST", path: "/api/v1/sql", body: { query: "select * from traffic.predictions where rain_1h > 305", limit: 1000 } }, automatic: false },
    state: "acknowledged",
    history: [
      { at: before(12), state: "acknowledged", actor: { kind: "user", name: "local" }, reason: "looking at it with the road office" },
      { at: before(20), state: "firing", reason: "the value is over 3 times the range seen in training" },
    ],
  },
  {
    id: hex(903),
    fingerprint: hex(803, 16),
    model: "traffic",
    kind: "performance",
    severity: "error",
    title: "MAE was worse than allowed for 2 of 3 weeks",
    what_changed: "MAE rose to 381.2; 348.9 is allowed, 1.3 times the 268.4 of the evaluation",
    since: "2015-06-17T00:00:00Z",
    cause: "the model was trained before the gap of ten months; the relation between hour and volume has moved since",
    impact: "predictions of weekday mornings are 410 vehicles an hour too low",
    action: { label: "retrain with all rows", command: "gingham train traffic", api: { method: "POST", path: "/api/v1/models/traffic/train", body: {} }, automatic: false },
    state: "resolved",
    closed_at: before(31),
    history: [
      { at: before(31), state: "resolved", reason: "version 2 is champion and within the limit" },
      { at: before(34), state: "firing", reason: "2 of 3 windows are worse than allowed; a retraining was started" },
    ],
  },
  {
    id: hex(904),
    fingerprint: hex(804, 16),
    model: "traffic",
    kind: "gap",
    severity: "warn",
    title: "No row for 308 days",
    what_changed: "after 8 August 2014, 01:00 no row came until 11 June 2015, 20:00",
    since: "2014-08-10T01:00:00Z",
    cause: "the source stopped: predictions stopped at the same hour",
    impact: "nothing was predicted; the model is ten months older than its last label",
    action: { label: "ask the owner of the source, then retrain", command: "gingham train traffic", api: { method: "POST", path: "/api/v1/models/traffic/train", body: {} }, automatic: false },
    state: "resolved",
    closed_at: before(35),
    history: [
      { at: before(35), state: "resolved", reason: "rows come again" },
      { at: before(36), state: "firing", reason: "no row for more than 2 days" },
    ],
  },
];
