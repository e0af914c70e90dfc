/** A state as shape, word and colour together. */
import { AlertTriangle, BellOff, Check, CheckCircle2, Circle, CircleDashed, CircleDot, Hourglass, LoaderCircle, Minus, OctagonAlert, RefreshCw, XCircle, type LucideIcon } from "lucide-react";
import type { ReactNode } from "react";
import { words } from "~/lib/format.ts";

export type Tone = "ok" | "warn" | "bad" | "info" | "plain";

const STATES: Record<string, [Tone, LucideIcon]> = {
  ok: ["ok", Check],
  pass: ["ok", Check],
  passed: ["ok", Check],
  good: ["ok", Check],
  healthy: ["ok", Check],
  ready: ["ok", Check],
  serving: ["ok", CircleDot],
  live: ["ok", CircleDot],
  active: ["ok", CircleDot],
  succeeded: ["ok", CheckCircle2],
  success: ["ok", CheckCircle2],
  finished: ["ok", CheckCircle2],
  promoted: ["ok", CheckCircle2],
  resolved: ["ok", CheckCircle2],
  stable: ["ok", Check],
  no_drift: ["ok", Check],
  warn: ["warn", AlertTriangle],
  warning: ["warn", AlertTriangle],
  drift: ["warn", AlertTriangle],
  drifted: ["warn", AlertTriangle],
  moved: ["warn", AlertTriangle],
  possible: ["warn", AlertTriangle],
  degraded: ["bad", OctagonAlert],
  worse: ["bad", OctagonAlert],
  breach: ["bad", OctagonAlert],
  bad: ["bad", OctagonAlert],
  fail: ["bad", XCircle],
  failed: ["bad", XCircle],
  error: ["bad", XCircle],
  critical: ["bad", OctagonAlert],
  block: ["bad", OctagonAlert],
  blocked: ["bad", OctagonAlert],
  firing: ["bad", OctagonAlert],
  rejected: ["bad", XCircle],
  killed: ["bad", XCircle],
  acknowledged: ["info", Circle],
  running: ["info", LoaderCircle],
  started: ["info", LoaderCircle],
  deploying: ["info", LoaderCircle],
  draining: ["info", LoaderCircle],
  scheduled: ["info", Hourglass],
  queued: ["plain", Hourglass],
  waiting: ["plain", Hourglass],
  stopped: ["plain", Minus],
  pending: ["warn", Hourglass],
  cached: ["plain", RefreshCw],
  skipped: ["plain", Minus],
  silenced: ["plain", BellOff],
  expired: ["plain", Minus],
  cancelled: ["plain", Minus],
  info: ["info", Circle],
  gap: ["warn", CircleDashed],
  empty: ["plain", CircleDashed],
  not_enough_data: ["plain", CircleDashed],
  no_reference: ["plain", CircleDashed],
  no_labels: ["plain", CircleDashed],
};

export function toneOf(state: string | null | undefined): Tone {
  return STATES[(state ?? "").toLowerCase()]?.[0] ?? "plain";
}

export function StateIcon({ state, size = 15 }: { state: string | null | undefined; size?: number }) {
  const [tone, Icon] = STATES[(state ?? "").toLowerCase()] ?? (["plain", Circle] as const);
  return <Icon size={size} className={`icon tone-${tone}`} aria-hidden="true" />;
}

export function Badge({ state, children }: { state: string | null | undefined; children?: ReactNode }) {
  const [tone, Icon] = STATES[(state ?? "").toLowerCase()] ?? (["plain", Circle] as const);
  const busy = Icon === LoaderCircle ? " busy" : "";
  return (
    <span className={`badge ${tone}${busy}`}>
      <Icon size={11} strokeWidth={2.6} aria-hidden="true" />
      {children ?? words(state) ?? "unknown"}
    </span>
  );
}

export function AliasTag({ alias }: { alias: string }) {
  return <span className="alias">{alias}</span>;
}
