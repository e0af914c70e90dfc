// Invented reviews: one that waits for an approval, one that the policy approved.
import { before } from "./world.mjs";

const rule = (place, asks, mark, why, proofs = []) => ({ rule: place, asks, mark, why, proofs });
const verdict = (standing, version, summary, rules) => ({
  policy: "high-risk",
  tier: "high",
  model: "traffic",
  alias: "champion",
  version,
  previous: version - 1,
  digest: "c".repeat(64),
  standing,
  allowed: standing === "allowed",
  automatic: false,
  summary,
  rules,
  at: before(1),
});

const base = { model: "traffic", alias: "champion", digest: "c".repeat(64), policy: "high-risk", tier: "high", at_once: false };

const waiting = {
  ...base,
  number: 2,
  version: 4,
  previous: 3,
  reason: "better on weeks with snow",
  requester: "rita",
  state: "open",
  created_at: before(20),
  updated_at: before(2),
  ended_at: null,
  ended_by: null,
  outcome: "",
  verdict: verdict("waits", 4, "waits for 1 approval from `approver`", [
    rule("require.schema", "requests that are good now stay good", "pass", "those who ask version 3 can go on as they do", [{ title: "version 4", link: "/models/traffic/versions/4" }]),
    rule("require.checks", "check `slices` passes", "pass", "no slice is worse than before", [{ title: "verdict of 2017-02-15", link: "/api/v1/verdicts/1" }]),
    rule("approvals[0]", "1 approval from `approver`", "waits", "waits for 1 approval from `approver`"),
  ]),
};

const done = {
  ...base,
  number: 1,
  version: 2,
  previous: 1,
  reason: "it beats every baseline by 5 %",
  requester: "local",
  at_once: true,
  state: "carried_out",
  created_at: before(300),
  updated_at: before(300),
  ended_at: before(300),
  ended_by: "gingham/policy",
  outcome: "`champion` of `traffic` points at version 2",
  verdict: verdict("allowed", 2, "approved by policy `low-risk`: all 2 rules hold", [rule("require.gates", "beats every baseline on mae by 5 %", "pass", "mae 262.1 beats 320.4")]),
};

const event = (seq, kind, actor, summary) => ({ seq, at: before(20 - seq), kind, actor, object: { kind: "review", name: "2" }, summary, data: null, previous_hash: "0".repeat(64), hash: "1".repeat(64) });

const detail = (review) => ({
  ...review,
  opinions: review.number === 2 ? [{ author: "bo", opinion: "approve", digest: "b".repeat(64), current: false, comment: "fine", at: before(10) }] : [],
  comments: [
    { number: 1, parent: null, author: "rita", text: "@ada, is the rain right?", at: before(9) },
    { number: 2, parent: 1, author: "ada", text: "It is: the sensor was replaced.", at: before(8) },
  ],
  overrides: review.number === 1 ? [{ number: 2, review: 1, model: "traffic", alias: "champion", version: 2, by: "max", reason: "forecasts are all zero", ticket: "INC-9", state: "over", at: before(300), expires_at: before(296), ended_why: "made good" }] : [],
  told: review.number === 1 ? [{ number: 2, notifier: "on-call", state: "sent", at: before(300), ended_at: before(300), reason: null }] : [],
  metrics: [{ key: "mae", before: 240.1, after: 229.3 }],
  card: [{ field: "limitations", before: null, after: "one counter on one road" }],
  checks: [{ id: "slices", before: "pass", after: "pass", message: "no slice is worse than before", verdict: "1" }],
  backtest: [],
  changes: { causes: [{ area: "data", name: "traffic", left: "version 3", right: "version 4" }] },
  history: [event(1, "review.opened", "rita", "review 2: `champion` of `traffic` to version 4 asked for under policy `high-risk`")],
});

export const reviews = () => [waiting, done];
export const review = (number) => {
  const found = reviews().find((each) => String(each.number) === number);
  return found && detail(found);
};
export const overrides = () => [
  { number: 1, review: 1, model: "deliveries", alias: "champion", version: 1, by: "max", reason: "forecasts are all zero", ticket: "INC-7", state: "expired", at: before(30), expires_at: before(6), ended_why: "expired" },
];

export const sheet = (title) => ({
  title,
  lead: "Hourly westbound traffic volume",
  fields: { purpose: "Staff planning for the coming hours" },
  blank: ["limitations"],
  tables: [{ title: "Performance", columns: ["metric", "version 4"], rows: [[{ text: "mae" }, { text: "229.3", link: "/runs/1" }]] }],
  metadata: {},
});
