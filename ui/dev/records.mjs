// Runs, data, pipelines, predictions and events of the invented history.
import { alerts, before, chance, FEATURES, hex, iso } from "./world.mjs";

const TRAINERS = [
  ["gradient_boosting", { trees: 300, learning_rate: 0.05, leaves: 31 }],
  ["linear", { l2: 1 }],
  ["seasonal_naive", { column: "volume_last_week" }],
];

export function runs() {
  const list = [];
  for (let version = 4; version >= 1; version -= 1) {
    TRAINERS.forEach(([trainer, params], index) => {
      const mae = [229.3, 408.8, 478.6][index] + (4 - version) * 11.2;
      list.push({
        id: index === 0 ? hex(100 + version) : hex(1000 + version * 10 + index),
        name: `${["boosted", "linear", "same-hour-last-week"][index]}-${version}`,
        experiment_id: "1",
        status: version === 2 && index === 1 ? "FAILED" : "FINISHED",
        start_time: before(46 - (4 - version) * 9 + 0.4),
        end_time: before(46 - (4 - version) * 9),
        params: { trainer, seed: 1, ...params },
        metrics: { mae, rmse: mae * 1.53, r2: 1 - (mae / 2000) ** 1.1, bias: (2 - index) * 3.4, ...(index === 0 ? { validation_mae: mae * 1.01 } : {}) },
        tags: { "gingham.model": "traffic", "gingham.candidate": ["boosted", "linear", "same-hour-last-week"][index], "gingham.dataset": `traffic@${version}` },
        inputs: [{ name: "traffic", digest: hex(version, 12), context: "training", source_type: "gingham", source: `dataset:traffic@${version}` }],
        artifacts: [
          { path: "model/model.json", bytes: [812_233, 4_210, 310][index] },
          { path: "evaluation/predictions.parquet", bytes: 41_003 },
          { path: "evaluation/report.json", bytes: 2_311 },
        ],
      });
    });
  }
  return list;
}

export function history(key) {
  const next = chance(key.length * 13);
  const points = Array.from({ length: 300 }, (_, step) => ({ step, timestamp: iso(Date.parse(before(40)) + step * 40), value: 230 + 1500 * Math.exp(-step / 38) + next() * 6 }));
  return { key, points: key === "validation_mae" ? points : points.slice(-1), sampled: false };
}

const COLUMNS = [["holiday", "text"], ["temp", "real"], ["rain_1h", "real"], ["snow_1h", "real"], ["clouds_all", "int"], ["weather_main", "text"], ["weather_description", "text"], ["date_time", "time"], ["traffic_volume", "int"]].map(([name, kind]) => ({ name, type: kind, nullable: false }));

export const datasetVersions = [
  [1, 9_602, 9_602, "2013-10-02"],
  [2, 19_012, 9_410, "2015-08-05"],
  [3, 26_114, 7_102, "2016-04-06"],
  [4, 33_950, 7_836, "2017-02-15"],
]
  .map(([number, total, added, to]) => ({
    dataset: "traffic",
    number,
    delta_version: number - 1,
    digest: hex(number, 64),
    rows_total: total,
    rows_added: added,
    schema: { columns: COLUMNS },
    from: "2012-10-02T09:00:00Z",
    to: `${to}T00:00:00Z`,
    origin: { kind: "upload", file: "traffic.csv.gz", bytes: 405_373 },
    created_at: before(45 - number * 9),
    actor: "local",
  }))
  .toReversed();

const check = (check_id, outcome, severity, observed, expected, failing_rows, message, sample = null) => ({ check_id, outcome, severity, observed, expected, failing_rows, message, sample });
export const verdicts = [4, 3, 2, 1].map((number) => ({
  id: hex(700 + number),
  object: `dataset:traffic@${number}`,
  outcome: number >= 4 ? "fail" : "warn",
  blocked: false,
  summary: number >= 4 ? "5 checks: 2 pass, 2 warn, 1 fails" : "5 checks: 3 pass, 2 warn",
  created_at: before(45 - number * 9),
  results: [
    check("one-row-per-hour", "warn", "warn", "1,327 hours with more than one row", "each `date_time` once", 1_327, "several weather rows for one hour; prepare keeps one", [{ date_time: "2012-10-10T07:00:00Z", weather_main: "Rain", traffic_volume: 6_793 }, { date_time: "2012-10-10T07:00:00Z", weather_main: "Drizzle", traffic_volume: 6_793 }]),
    check("temperature-is-physical", number >= 2 ? "warn" : "pass", "warn", number >= 2 ? "lowest 0 K" : "lowest 243.4 K", "between 200 and 330 K", number >= 2 ? 10 : 0, number >= 2 ? "10 rows say 0 K, in the early hours of 31 January and 2 February 2014" : "", number >= 2 ? [{ date_time: "2014-01-31T03:00:00Z", temp: 0, traffic_volume: 361 }] : null),
    check("rain-is-possible", number >= 4 ? "fail" : "pass", "error", number >= 4 ? "highest 9,831.3 mm" : "highest 55.6 mm", "between 0 and 305 mm", number >= 4 ? 1 : 0, number >= 4 ? "one row says 9,831.3 mm in an hour" : "", number >= 4 ? [{ date_time: "2016-07-11T17:00:00Z", rain_1h: 9831.3 }] : null),
    check("volume-is-there", "pass", "block", "0 empty", "none empty", 0, ""),
    check("known-weather", "pass", "warn", "100%", "at least 99% of 11 known words", 0, ""),
  ],
}));

const WEATHER = ["Clear", "Clouds", "Rain", "Mist", "Snow"];
export function preview(limit) {
  const next = chance(3);
  return {
    columns: COLUMNS,
    rows: Array.from({ length: limit }, (_, i) => ["None", Number((288.3 - i * 0.2).toFixed(2)), 0, 0, Math.floor(next() * 90), WEATHER[Math.floor(next() * 5)], "scattered clouds", iso(Date.parse("2012-10-02T09:00:00Z") + i * 3_600_000), Math.floor(900 + next() * 5000)]),
  };
}

export function pipelineRuns() {
  return [4, 3, 2, 1].map((version) => {
    const start = 47 - version * 9;
    const step = (name, offset, seconds, extra = {}) => ({ name, state: "succeeded", cached: false, key: hex(version * 50 + name.length, 64), started_at: iso(Date.parse(before(start)) + offset * 1000), finished_at: iso(Date.parse(before(start)) + (offset + seconds) * 1000), outputs: {}, message: null, run_id: null, ...extra });
    return {
      id: hex(200 + version),
      model: "traffic",
      cause: version === 1 ? "applied examples/traffic/gingham.yaml" : "alert: MAE was worse than allowed for 2 of 3 weeks",
      state: "succeeded",
      started_at: before(start),
      finished_at: iso(Date.parse(before(start)) + 8_900),
      steps: [
        step("prepare", 0, 0.6, { outputs: { rows: 8_275 + version * 7000 }, message: "8,275 rows of 9,602 kept: one row an hour, no temperature under 200 K", cached: version === 3 }),
        step("train same-hour-last-week", 0.6, 0.2, { run_id: hex(1000 + version * 10 + 2) }),
        step("train linear", 0.8, 0.7, { run_id: hex(1000 + version * 10 + 1), ...(version === 2 ? { state: "failed", message: "the solver did not converge; the candidate is left out" } : {}) }),
        step("train boosted", 1.5, 5.1, { run_id: hex(100 + version) }),
        step("evaluate", 6.6, 1.6, { message: "best of 3: boosted" }),
        step("register", 8.2, 0.3, { outputs: { version }, message: `registered as version ${version}` }),
        step("promote", 8.5, 0.4, { message: version === 3 ? "kept v2: not better on the same recent rows" : `champion is v${version}` }),
      ],
    };
  });
}

export function predictions() {
  const next = chance(11);
  return Array.from({ length: 120 }, (_, i) => {
    const at = Date.parse("2018-09-25T23:00:00Z") - i * 3_600_000;
    const hour = new Date(at).getUTCHours();
    const volume = 900 + 4800 * Math.max(0, Math.sin(((hour - 4) / 20) * Math.PI)) + next() * 500;
    return {
      id: `0199a${hex(3000 + i, 27)}`.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, "$1-$2-$3-$4-$5"),
      event_time: iso(at),
      received_time: before(5),
      model: "traffic",
      version: 4,
      deployment: "traffic",
      variant: "primary",
      features: Object.fromEntries(FEATURES.map((name) => [name, { hour, weekday: new Date(at).getUTCDay(), month: 9, temp: 287.4, rain_1h: 0, snow_1h: 0, clouds_all: 40, weather_main: "Clouds", holiday: "None", volume_last_week: Math.round(volume * 0.97) }[name]])),
      prediction: Number(volume.toFixed(1)),
      label: i < 24 ? null : Math.round(volume * (0.93 + next() * 0.14)),
      label_time: i < 24 ? null : iso(at + 86_400_000),
      latency_us: 92 + Math.floor(next() * 80),
      status: "ok",
      trace_id: null,
      entity: null,
    };
  });
}

const words = {
  "alert.acknowledged": () => "acknowledged: looking at it with the road office",
  "deployment.switched": () => "deployment `traffic` serves version 4 in place of 2",
  "alias.moved": (object) => `\`champion\` is now ${object.replace("version:", "")}: every rule held`,
  "version.registered": (object) => `registered ${object.replace("version:", "")} from 3 candidates`,
  "alert.fired": () => "an alert fired for model `traffic`",
  "alert.resolved": () => "version 2 is within the limit",
};

export function events() {
  const rows = [
    ["alert.acknowledged", `alert:${alerts[1].id}`, "local", 12],
    ["deployment.switched", "deployment:traffic", "system", 14],
    ["alias.moved", "version:traffic@4", "system", 14],
    ["version.registered", "version:traffic@4", "system", 14.2],
    ["pipeline_run.finished", `pipeline_run:${hex(204)}`, "system", 14.3],
    ["alert.fired", `alert:${alerts[1].id}`, "system", 20],
    ["version.registered", "version:traffic@3", "system", 23],
    ["alert.fired", `alert:${alerts[0].id}`, "system", 31],
    ["alert.resolved", `alert:${alerts[2].id}`, "system", 31],
    ["alias.moved", "version:traffic@2", "system", 32],
    ["alert.fired", `alert:${alerts[2].id}`, "system", 34],
    ["deployment.created", "deployment:traffic", "system", 41],
    ["dataset_version.added", "dataset:traffic@1", "local", 44],
    ["model.created", "model:traffic", "local", 45],
  ];
  return rows.map(([kind, object, actor, minutes], index) => ({ seq: rows.length - index, at: before(minutes), kind, object: { kind: object.split(":")[0], name: object.split(":")[1] }, actor: actor === "local" ? "local" : "gingham/platform", summary: words[kind]?.(object) ?? kind, data: { reason: "as the file says" }, hash: hex(5000 + index, 64), previous_hash: hex(5001 + index, 64) }));
}

export function lineage(object) {
  const version = Number(object.match(/@(\d+)/)?.[1] ?? 4);
  const nodes = [
    { id: "source:traffic.csv.gz", kind: "source", title: "traffic.csv.gz", detail: "uploaded, 405 kB" },
    { id: `dataset:traffic@${version}`, kind: "dataset_version", title: `traffic v${version}`, detail: "33,950 rows", link: `/data/traffic?version=${version}` },
    { id: `pipeline_run:${hex(200 + version)}`, kind: "pipeline_run", title: "pipeline run", detail: "retrained by alert", link: `/pipelines/${hex(200 + version)}` },
    { id: `run:${hex(100 + version)}`, kind: "run", title: `boosted-${version}`, detail: "MAE 229.3", link: `/runs/${hex(100 + version)}` },
    { id: `version:traffic@${version}`, kind: "version", title: `traffic v${version}`, detail: "champion", link: `/models/traffic/versions/${version}` },
    { id: "deployment:traffic", kind: "deployment", title: "traffic", detail: "serves v4", link: "/deployments/traffic" },
  ];
  const edges = [
    [0, 1, "rows"],
    [1, 2, "read by"],
    [2, 3, "tracked"],
    [3, 4, "registered"],
    [4, 5, "served by"],
  ].map(([from, to, label]) => ({ from: nodes[from].id, to: nodes[to].id, label }));
  if (object.startsWith("prediction:")) {
    nodes.push({ id: object, kind: "prediction", title: "this prediction", detail: "archived" });
    edges.push({ from: "deployment:traffic", to: object, label: "answered" });
  }
  return { nodes, edges };
}
