// Answers `/api/v1` from the invented history: the mock server and the unit tests both ask it.
import { datasetVersions, events, history, lineage, pipelineRuns, predictions, preview, runs, verdicts } from "./records.mjs";
import { overrides, review, reviews, sheet } from "./reviews.mjs";
import { EXPLORE } from "./explore.mjs";
import { alerts, before, CLOUDS, hex, iso, monitorWindows, promotions, signature, spec, versions } from "./world.mjs";

const windows = monitorWindows();
const page = (items, query = new URLSearchParams()) => {
  const limit = Number(query.get("limit") ?? 100);
  const from = Number(query.get("cursor") || 0);
  return { items: items.slice(from, from + limit), next_cursor: from + limit < items.length ? String(from + limit) : null };
};
const missing = (what) => ({ status: 404, body: { code: "not_found", title: "not found", status: 404, detail: `${what} does not exist`, hint: "`gingham ls` lists what there is", request_id: hex(1, 12) } });
const one = (found, what) => (found ? { status: 200, body: found } : missing(what));

const deployment = {
  name: "traffic",
  model: "traffic",
  alias: "champion",
  version: 4,
  previous_version: 2,
  state: "serving",
  since: before(14),
  requests_total: 36_204,
  errors_total: 0,
  latency_ms: { p50: 0.11, p95: 0.19, p99: 0.42 },
};

const traffic = {
  name: "traffic",
  project: "default",
  description: "Hourly westbound traffic volume",
  owner: "traffic-team",
  latest_version: 4,
  aliases: { champion: 4 },
  deployment: "traffic",
  alerts_firing: 1,
  metric: { name: "mae", value: 229.3 },
  updated_at: before(14),
};
const deliveries = { name: "deliveries", project: "default", description: "Minutes until a meal is at the door", owner: "kitchen", latest_version: 1, aliases: {}, deployment: null, alerts_firing: 0, metric: { name: "mae", value: 3.812 }, updated_at: before(2100) };

const dataset = { name: "traffic", description: "Hourly westbound traffic with weather", latest_version: 4, rows_total: 33_950, from: "2012-10-02T09:00:00Z", to: "2017-02-15T00:00:00Z", created_at: before(36), actor: "local" };

const firing = () => alerts.filter((alert) => alert.state === "firing");

function status() {
  return {
    needs_attention: [
      ...alerts.filter((alert) => alert.state === "firing").map((alert) => ({ kind: "alert", title: alert.title, detail: alert.impact, object: `alert:${alert.id}`, link: `/alerts/${alert.id}`, since: before(31), severity: alert.severity })),
      { kind: "version", title: "traffic v3 was not promoted", detail: "not better than the champion on the same recent rows", object: "model:traffic@3", link: "/models/traffic/versions/3", since: before(23), severity: "info" },
    ],
    models: [traffic, deliveries],
    deployments: [deployment],
    alerts_firing: firing().length,
    jobs_running: 1,
    recent_events: events(),
  };
}

function report(from) {
  const window = windows.find((each) => each.from === from);
  if (!window) return undefined;
  const words = { clouds_all: "1% cloud came up from 4% to 31% of the hours", volume_last_week: "the median moved from 3,310 to 3,590" };
  const over = window.metric.mae > window.reference_metric * 1.3;
  return {
    model: "traffic",
    from: window.from,
    to: window.to,
    version: window.version,
    watermark: window.to,
    state: window.state,
    drift_state: window.drift_state,
    volume: { rows: window.rows, labelled: window.labelled, maturity: 1, failed: 0 },
    drift: Object.entries(window.drift).map(([column, value]) => ({
      column,
      statistic: column === "weather_main" || column === "holiday" ? "jensen_shannon" : "psi",
      value,
      threshold: 0.25,
      p_value: value > 0.25 ? 0.00003 : 0.21,
      state: value >= 0.25 ? "drift" : "ok",
      breached_windows: value >= 0.25 ? 3 : 0,
      judged_windows: 4,
      reference: "same_season",
      reference_rows: 2_184,
      bins: CLOUDS,
      unseen: [],
      words: value >= 0.25 ? (words[column] ?? "the distribution has moved") : "as in the same season of the reference",
    })),
    performance: { state: over ? "degraded" : "ok", metric: "mae", value: window.metric.mae, reference: window.reference_metric, worse_than: 1.3, metrics: window.metric, worst_days: [], words: `mae is ${window.metric.mae}, ${over ? "over" : "within"} the ${(window.reference_metric * 1.3).toFixed(1)} that is allowed` },
    ranges: [],
    gaps: [],
  };
}


const experiments = [{ id: "1", name: "traffic", runs: 12, updated_at: before(14) }];

function search(q) {
  const all = [
    { kind: "model", title: "traffic", detail: "Hourly westbound traffic volume", link: "/models/traffic" },
    { kind: "dataset", title: "traffic", detail: "4 versions", link: "/data/traffic" },
    { kind: "deployment", title: "traffic", detail: "serves v4", link: "/deployments/traffic" },
    ...alerts.map((alert) => ({ kind: "alert", title: alert.title, detail: alert.state, link: `/alerts/${alert.id}` })),
    ...runs().map((run) => ({ kind: "run", title: run.name, detail: run.status, link: `/runs/${run.id}` })),
  ];
  return all.filter((hit) => `${hit.kind} ${hit.title}`.toLowerCase().includes(q.toLowerCase())).slice(0, 12);
}

function sql(query) {
  if (!/^\s*(select|with)/i.test(query)) return { status: 400, body: { code: "query_refused", title: "query refused", status: 400, detail: "only `select` can be asked here", hint: "the archive is read-only", request_id: hex(4, 12) } };
  const rows = predictions().slice(0, 40).map((row) => [row.event_time, row.version, row.prediction, row.label, row.features.weather_main]);
  return { status: 200, body: { columns: [["event_time", "time"], ["version", "int"], ["prediction", "real"], ["label", "real"], ["weather_main", "text"]].map(([name, type]) => ({ name, type })), rows, truncated: false, elapsed_ms: 6.4 } };
}

function act(id, verb, body) {
  const alert = alerts.find((each) => each.id === id);
  if (!alert) return missing(`alert \`${id}\``);
  alert.state = { acknowledge: "acknowledged", resolve: "resolved", silence: "silenced" }[verb];
  alert.history = [{ at: iso(Date.now()), state: alert.state, actor: { kind: "user", name: "local" }, reason: body?.reason ?? "" }, ...alert.history];
  return { status: 200, body: alert };
}

const ROUTES = [
  ["GET", /^\/reviews$/, (_, query) => page(reviews().filter((each) => !query.get("model") || each.model === query.get("model")), query)],
  ["GET", /^\/reviews\/(\d+)$/, ([number]) => review(number)],
  ["POST", /^\/reviews\/(\d+)\/[a-z-]+$/, ([number]) => review(number)],
  ["GET", /^\/overrides$/, () => ({ items: overrides() })],
  ["GET", /^\/models\/([^/]+)\/versions\/([^/]+)\/card$/, ([model, number]) => sheet(`${model}, version ${number}`)],
  ["GET", /^\/datasets\/([^/]+)\/datasheet$/, ([dataset]) => sheet(dataset)],
  ...EXPLORE,
  ["GET", /^\/info$/, () => ({ name: "gingham", version: "0.1.0", started_at: before(46), data_folder: "./gingham-data", principal: { name: "local", kind: "user" }, engines: ["gingham"] })],
  ["GET", /^\/status$/, status],
  ["GET", /^\/models$/, (_, query) => page([traffic, deliveries], query)],
  ["GET", /^\/models\/([^/]+)$/, ([name]) => (name === "traffic" ? { ...traffic, spec: { model: "traffic", owner: "traffic-team", data: { dataset: "traffic", time: "date_time" }, monitor: spec, promotion: { alias: "champion" } }, aliases: [{ alias: "champion", version: 4, since: before(14), reason: "every rule held", actor: { kind: "system", name: "system" } }], versions: versions() } : name === "deliveries" ? { ...deliveries, aliases: [], versions: [] } : undefined)],
  ["GET", /^\/models\/([^/]+)\/versions$/, ([name], query) => page(name === "traffic" ? versions() : [], query)],
  ["GET", /^\/models\/([^/]+)\/versions\/([^/]+)$/, ([name, number]) => (name === "traffic" ? versions().find((version) => String(version.number) === number) : undefined)],
  ["POST", /^\/models\/([^/]+)\/versions\/([^/]+)\/importance$/, () => ({ metric: "mae", value: 229.3, rows: 1344, features: [["hour", 811.2, 9.1], ["volume_last_week", 402.6, 7.7], ["rain_1h", -0.1, 0.4]].map(([feature, mean, deviation]) => ({ feature, mean, deviation, repeats: [mean] })), summary: "mae of traffic@4 becomes worst when `hour` is shuffled" })],
  ["GET", /^\/models\/([^/]+)\/promotions$/, ([name], query) => page(name === "traffic" ? promotions : [], query)],
  ["POST", /^\/models\/([^/]+)\/train$/, ([name]) => ({ id: hex(42), kind: "train", model: name, state: "queued", created_at: before(0) })],
  ["POST", /^\/models\/([^/]+)\/aliases\/([^/]+)$/, ([, alias], _, body) => ({ alias, ...body })],
  ["GET", /^\/jobs$/, (_, query) => page([{ id: hex(41), kind: "train", model: "traffic", state: "running", progress: 0.42, message: "boosting round 126 of 300", cause: "asked by local", created_at: before(0.4), started_at: before(0.4) }, { id: hex(40), kind: "train", model: "traffic", state: "succeeded", progress: 1, message: "registered as version 4", created_at: before(16), started_at: before(16), finished_at: before(14) }], query)],
  ["GET", /^\/experiments$/, () => page(experiments)],
  ["GET", /^\/experiments\/([^/]+)\/runs$/, (_, query) => page(order(runs().filter((run) => fits(run, query.get("filter"))), query.get("order_by")), query)],
  ["GET", /^\/runs$/, (_, query) => page(order(runs().filter((run) => fits(run, query.get("filter"))), query.get("order_by")), query)],
  ["GET", /^\/differences$/, (_, query) => difference(query.get("left"), query.get("right"))],
  ["GET", /^\/runs\/([^/]+)$/, ([id]) => runs().find((run) => run.id === id)],
  ["GET", /^\/runs\/([^/]+)\/metrics\/([^/]+)$/, ([, key]) => history(key)],
  ["GET", /^\/datasets$/, () => page([dataset])],
  ["GET", /^\/datasets\/([^/]+)$/, ([name]) => (name === "traffic" ? dataset : undefined)],
  ["GET", /^\/datasets\/([^/]+)\/versions$/, (_, query) => page(datasetVersions, query)],
  ["GET", /^\/datasets\/([^/]+)\/versions\/([^/]+)\/preview$/, (_, query) => preview(Number(query.get("limit") ?? 50))],
  ["GET", /^\/verdicts$/, (_, query) => page(verdicts.filter((verdict) => !query.get("object") || verdict.object === query.get("object")))],
  ["GET", /^\/verdicts\/([^/]+)$/, ([id]) => verdicts.find((verdict) => verdict.id === id)],
  ["GET", /^\/pipeline-runs$/, (_, query) => page(pipelineRuns().map(({ steps, ...run }) => ({ ...run, steps })), query)],
  ["GET", /^\/pipeline-runs\/([^/]+)$/, ([id]) => pipelineRuns().find((run) => run.id === id)],
  ["GET", /^\/deployments$/, () => page([deployment])],
  ["GET", /^\/deployments\/([^/]+)$/, ([name]) => (name === "traffic" ? { ...deployment, endpoint: "/v2/models/traffic/infer", signature, history: [{ version: 4, at: before(14), reason: "alias champion moved" }, { version: 2, at: before(32), reason: "alias champion moved" }, { version: 1, at: before(41), reason: "created" }] } : undefined)],
  ["GET", /^\/deployments\/([^/]+)\/traffic$/, ([name]) => (name === "traffic" ? { deployment: name, traffic: { canary: { version: 5, share: 0.1, sticky: "key" } }, summary: "canary: version 5 gets 10 %", branches: [{ variant: "primary", version: 4, share: 0.9, requests_total: 1210, errors_total: 0, p50_ms: 0.4, p99_ms: 2.1 }, { variant: "canary", version: 5, share: 0.1, requests_total: 131, errors_total: 1, p50_ms: 0.5, p99_ms: 2.9 }], history: [{ revision: 1, summary: "canary: version 5 gets 10 %", reason: "new features", actor: "ada", at: before(2) }] } : undefined)],
  ["GET", /^\/deployments\/([^/]+)\/cluster$/, ([name]) => (name === "traffic" ? { deployment: name, target: "kubernetes", configured: true, cluster: "https://10.0.0.1:6443", status: { rollout: "ready", message: "all 3 replicas are ready", wanted_replicas: 3, ready_replicas: 3, updated_replicas: 3, objects: [["NetworkPolicy", ""], ["Service", "at 10.96.12.4"], ["PodDisruptionBudget", "1 replicas may go now"], ["Deployment", "3 of 3 replicas ready"]].map(([kind, message]) => ({ kind, namespace: "models", name, exists: true, message })) }, drift: [{ kind: "Deployment", name, missing: false, differences: [{ field: "spec.template.spec.containers[replica].image", found: "gingham:test", applied: "registry.example.com/gingham:0.1.0", by: "kubectl-edit" }] }], outdated: true, history: [{ revision: 2, objects: ["Service", "Deployment"], reason: "three replicas for the summer", actor: "ada", at: before(3) }, { revision: 1, objects: ["Service", "Deployment"], reason: "first replicas", actor: "ada", at: before(20) }] } : undefined)],
  ["GET", /^\/monitors\/([^/]+)$/, ([model]) => (model === "traffic" ? { model, spec, windows } : model === "deliveries" ? { model, spec, windows: [] } : undefined)],
  ["GET", /^\/monitors\/([^/]+)\/windows\/([^/]+)\/report$/, ([, from]) => report(from)],
  ["POST", /^\/monitors\/([^/]+)\/evaluate$/, () => ({ windows_evaluated: 0, alerts_opened: [], jobs: [], watermark: windows.at(-1).to })],
  ["GET", /^\/alerts$/, (_, query) => page(alerts.filter((alert) => (!query.get("model") || alert.model === query.get("model")) && (!query.get("state") || alert.state === query.get("state"))))],
  ["GET", /^\/alerts\/([^/]+)$/, ([id]) => alerts.find((alert) => alert.id === id)],
  ["GET", /^\/predictions$/, (_, query) => page(predictions().filter((row) => (!query.get("model") || row.model === query.get("model")) && (!query.get("from") || row.event_time >= query.get("from")) && (!query.get("to") || row.event_time < query.get("to"))), query)],
  ["GET", /^\/predictions\/([^/]+)$/, ([id]) => { const found = predictions().find((row) => row.id === id); return found && { ...found, lineage: lineage(`prediction:${id}`) }; }],
  ["GET", /^\/lineage$/, (_, query) => lineage(query.get("object") ?? "")],
  ["GET", /^\/events$/, (_, query) => page(events().filter((event) => (!query.get("kind") || event.kind.startsWith(query.get("kind").replace("*", ""))) && (!query.get("object") || `${event.object.kind}:${event.object.name}`.startsWith(query.get("object")))), query)],
  ["GET", /^\/events\/verify$/, () => ({ entries: events().length, head: hex(5000, 64), ok: true })],
  ["GET", /^\/search$/, (_, query) => ({ items: search(query.get("q") ?? "") })],
];

function fits(run, filter) {
  const found = filter?.replace(/(^| and )tags\.`gingham\.archived` is null$/, "").match(/^\s*(metrics|params|tags)\.(\w+)\s*(<|>|=|<=|>=)\s*'?([^']+)'?\s*$/);
  if (!found) return true;
  const [, group, key, sign, wanted] = found;
  const value = run[group]?.[key];
  if (sign === "=") return String(value) === wanted;
  return sign.startsWith("<") ? value <= Number(wanted) : value >= Number(wanted);
}

function order(list, by) {
  const found = by?.match(/^(metrics|params)\.(\w+)\s*(ASC|DESC)?$/i);
  if (!found) return list;
  const [, group, key, way] = found;
  return list.toSorted((a, b) => ((a[group][key] ?? 0) - (b[group][key] ?? 0)) * (/desc/i.test(way ?? "") ? -1 : 1));
}

/** The status and the body for a request; `path` lies below `/api/v1`. */
export function handle(method, path, query, body) {
  if (method === "POST" && path === "/sql") return sql(String(body?.query ?? ""));
  const acting = method === "POST" && path.match(/^\/alerts\/([^/]+)\/(acknowledge|resolve|silence)$/);
  if (acting) return act(acting[1], acting[2], body);
  for (const [verb, pattern, answer] of ROUTES) {
    const found = verb === method && path.match(pattern);
    if (found) return one(answer(found.slice(1).map(decodeURIComponent), query, body), `\`${path}\``);
  }
  return missing(`\`${method} ${path}\``);
}

const side = (run) => ({ kind: "run", id: run.id, name: run.name, run: run.id, experiment_id: "1" });

/** Why two runs differ, as a server with many runs would tell. */
function difference(left, right) {
  const [a, b] = [left, right].map((subject) => runs().find((run) => `run:${run.id}` === subject) ?? runs()[0]);
  const metrics = Object.keys(a.metrics).map((key) => ({ key, left: a.metrics[key], right: b.metrics[key], change: b.metrics[key] - a.metrics[key] }));
  const causes = Object.keys(a.params).map((name, at) => ({ area: "params", name, left: String(a.params[name]), right: String(b.params[name] ?? ""), effect: at === 0 ? { change: -12.5, error: 1.5, runs: 8 } : null, why: at === 0 ? "8 other runs differ in this and nothing else" : "effect unknown: the other runs do not tell it apart" }));
  return { left: side(a), right: side(b), metric: metrics[0], causes, metrics, same: 4, runs: 10 };
}
