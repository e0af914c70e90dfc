// What the explorer, the tried rules and the notifiers ask of the invented history.
import { predictions } from "./records.mjs";

const value = (row, column) => row.features[column] ?? row[column];

/** `name sign value` joined by `and`, as the server reads filters, as far as this history needs it. */
function chosen(query) {
  const parts = (query.get("filter") ?? "").split(/\s+and\s+/).filter(Boolean);
  const fits = (row) =>
    parts.every((part) => {
      const [, name, sign, wanted] = part.match(/^(\w+)\s*(>=|<=|=|>|<)\s*"?(.*?)"?$/) ?? [];
      const own = name && value(row, name);
      if (own === undefined) return false;
      if (sign === "=") return String(own) === wanted;
      return sign.startsWith(">") ? own >= Number(wanted) : own <= Number(wanted);
    });
  return predictions().filter((row) => (!query.get("model") || row.model === query.get("model")) && fits(row));
}

function bar(label, filter, rows) {
  const known = rows.filter((row) => typeof row.label === "number");
  return { label, filter, rows: rows.length, labelled: known.length, error: known.length ? known.reduce((sum, row) => sum + Math.abs(row.prediction - row.label), 0) / known.length : null };
}

function chart(query) {
  const rows = chosen(query);
  const column = query.get("column");
  const named = new Map();
  for (const row of rows) {
    const own = value(row, column);
    const place = typeof own === "number" ? Math.floor(own / 10) * 10 : own;
    named.set(place, [...(named.get(place) ?? []), row]);
  }
  const bars = [...named].slice(0, 12).map(([place, some]) => (typeof place === "number" ? bar(`${place} to ${place + 10}`, `${column} >= ${place} and ${column} <= ${place + 10}`, some) : bar(String(place), `${column} = "${place}"`, some)));
  const { labelled, error } = bar("", "", rows);
  return { column, rows: rows.length, labelled, error, bars };
}

const notifiers = [
  { name: "road-office", kind: "email", models: ["traffic"], severity: "warn", resolved: true, after_minutes: null, repeat_minutes: 240, most_per_hour: 20 },
  { name: "on-call", kind: "pagerduty", models: [], severity: "error", resolved: false, after_minutes: 30, repeat_minutes: null, most_per_hour: 60 },
];

export const EXPLORE = [
  ["GET", /^\/prediction-charts$/, (_, query) => chart(query)],
  ["POST", /^\/prediction-slices$/, (_, __, body) => ({ dataset: body.dataset, version: 1, rows: 120 })],
  ["POST", /^\/labels\/flag$/, (_, __, body) => ({ prediction: body.prediction, corrected: body.value !== undefined })],
  ["GET", /^\/predictions\/([^/]+)\/similar$/, ([id]) => ({ items: predictions().filter((row) => row.id !== id).slice(0, 5).map((row, at) => ({ id: row.id, event_time: row.event_time, prediction: row.prediction, label: row.label, distance: 0.12 * (at + 1), differs: ["temp", "hour"].slice(0, at % 3) })) })],
  ["GET", /^\/notifiers$/, () => ({ file: "./gingham-data/notifiers.yaml", items: notifiers })],
  ["POST", /^\/notifiers\/([^/]+)\/test$/, () => ({ delivered: true })],
  ["POST", /^\/monitors\/([^/]+)\/simulate$/, (_, __, body) => ({ from: "2016-01-04T00:00:00Z", to: "2017-01-02T00:00:00Z", windows: 52, words: `over the last 52 windows it would have fired ${body.monitor.drift?.threshold > 0.3 ? 1 : 4} times`, rules: [{ rule: "drift", judged: 50, breached: 6, fires: ["2016-03-07T00:00:00Z", "2016-11-28T00:00:00Z"], firing_windows: 5, words: "" }] })],
  ["GET", /^\/monitors\/([^/]+)\/profile$/, (_, query) => ({ from: "2016-12-20T00:00:00Z", to: "2016-12-27T00:00:00Z", segment: query.get("segment") ?? "", rows: query.get("segment") ? 61 : 168, failed: 0, elapsed_ms: 7.3, drift: { state: "warn", words: "no drift in 9 columns", drifted: 0, judged: 9, exact: true, columns: [{ column: "temp", state: "warn", words: "`temp` differs, but with so few rows that may be chance", tests: [] }, { column: "hour", state: "ok", words: "`hour` is distributed as in the reference", tests: [] }] }, volume: Array.from({ length: 168 }, (_each, at) => ({ at: new Date(Date.parse("2016-12-20T00:00:00Z") + at * 3_600_000).toISOString(), grain: "hour", rows: 1 })), segments: [{ segment: "weather_main=Clouds", rows: 61 }, { segment: "weather_main=Clear", rows: 40 }] })],
];
