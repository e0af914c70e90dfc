/** Windows of live data, their reports, and alerts. */
import { queryOptions, useMutation, useQueryClient } from "@tanstack/react-query";
import { all, get, post } from "./client.ts";
import type { Model } from "./models.ts";
import type { Actor, Json, Severity } from "./objects.ts";

/** How good predictions were on labelled rows. */
export type WindowMetric = {
  mae: number;
  rmse: number;
  bias: number;
  median_absolute_error?: number;
  max_error?: number;
  r2?: number | null;
  mape?: number | null;
  wape?: number | null;
  rows?: number;
  [key: string]: number | null | undefined;
};

export type MonitorWindow = {
  from: string;
  to: string;
  version?: number | null;
  rows: number;
  labelled: number;
  maturity?: number | null;
  state: string;
  metric?: WindowMetric | null;
  reference_metric?: number | null;
  drift_state?: string | null;
  worst?: { column: string; statistic: string; value: number; threshold?: number } | null;
  /** The drift statistic of every column, where the server sends it. */
  drift?: Record<string, number | null> | null;
  /** From where on each column's statistic counts as drift. */
  drift_thresholds?: Record<string, number> | null;
};

export type MonitorSpec = {
  window?: string;
  performance?: { metric?: string; worse_than?: number; [key: string]: Json | undefined };
  drift?: { reference?: string; threshold?: number; [key: string]: Json | undefined };
  [key: string]: Json | undefined | object;
};

export type Monitor = { model: string; spec?: MonitorSpec | null; windows: MonitorWindow[] };

export type ColumnDrift = {
  column: string;
  state: string;
  statistic: string;
  value: number | null;
  threshold?: number | null;
  p_value?: number | null;
  breached_windows?: number;
  judged_windows?: number;
  reference?: string;
  reference_rows?: number;
  null_share?: number | null;
  reference_null_share?: number | null;
  unseen?: { value: string; rows: number }[];
  median?: number | null;
  reference_median?: number | null;
  bins?: { label: string; reference: number; current: number }[];
  words?: string;
};

export type Performance = {
  state: string;
  metric: string;
  value: number | null;
  reference: number | null;
  worse_than?: number;
  metrics?: WindowMetric | null;
  worst_days?: { date: string; mae: number; rows: number; share: number }[];
  words?: string;
};

export type RangeBreach = { column: string; value: number; at: string; rows: number; training_min: number; training_max: number; limit: number; words?: string };
export type GapFound = { from: string; to: string; open?: boolean; words?: string };

export type WindowReport = {
  from: string;
  to: string;
  version?: number | null;
  state?: string;
  volume?: { rows: number; labelled: number; maturity?: number | null; failed?: number };
  drift_state?: string;
  drift?: ColumnDrift[];
  performance?: Performance | null;
  ranges?: RangeBreach[];
  gaps?: GapFound[];
};

/** What a person can do: on the command line, over HTTP, or with a button. */
export type Act = { label: string; command: string; api?: { method: string; path: string; body?: Json }; automatic?: boolean };

export type Alert = {
  id: string;
  fingerprint?: string;
  model?: string | null;
  version?: number | null;
  kind: string;
  severity: Severity;
  state: string;
  title: string;
  what_changed?: string;
  since?: string;
  cause?: string;
  impact?: string;
  action?: Act | null;
  more_actions?: Act[];
  details?: { columns?: ColumnDrift[]; performance?: Performance; range?: RangeBreach; gap?: GapFound; [key: string]: unknown } | null;
  opened_at?: string;
  updated_at?: string;
  closed_at?: string | null;
  silenced_until?: string | null;
  history?: { at: string; from?: string | null; state: string; actor?: Actor; reason?: string | null }[];
};

export const monitorQuery = (model: string) =>
  queryOptions({
    queryKey: ["monitors", model],
    queryFn: async ({ signal }) => {
      const at = encodeURIComponent(model);
      const monitor = await get<Monitor>(`/monitors/${at}`, {}, signal);
      if (monitor.spec) return monitor;
      // The monitor stands in the model's file; a server that does not repeat it here keeps it there.
      const file = (await get<Model>(`/models/${at}`, {}, signal)).spec as { monitor?: MonitorSpec } | null | undefined;
      return { ...monitor, spec: file?.monitor ?? null };
    },
  });

export const reportQuery = (model: string, from: string | undefined) =>
  queryOptions({
    queryKey: ["monitors", model, "report", from],
    queryFn: ({ signal }) => get<WindowReport>(`/monitors/${encodeURIComponent(model)}/windows/${encodeURIComponent(from ?? "")}/report`, {}, signal),
    enabled: from !== undefined,
  });

export type AlertFilter = { state?: string; model?: string };

export const alertsQuery = (filter: AlertFilter = {}) =>
  queryOptions({
    queryKey: ["alerts", filter],
    queryFn: ({ signal }) => all<Alert>("/alerts", { ...filter }, signal),
  });

export const alertQuery = (id: string) =>
  queryOptions({ queryKey: ["alerts", "one", id], queryFn: ({ signal }) => get<Alert>(`/alerts/${encodeURIComponent(id)}`, {}, signal) });

export function useAlertAct(id: string) {
  const client = useQueryClient();
  return useMutation({
    mutationFn: (act: { verb: "acknowledge" | "resolve" | "silence"; reason: string; until?: string }) =>
      post<Alert>(`/alerts/${encodeURIComponent(id)}/${act.verb}`, act.until ? { reason: act.reason, until: act.until } : { reason: act.reason }),
    onSuccess: () => client.invalidateQueries(),
  });
}

export function useEvaluate(model: string) {
  const client = useQueryClient();
  return useMutation({
    mutationFn: () => post<{ windows_evaluated: number }>(`/monitors/${encodeURIComponent(model)}/evaluate`, {}),
    onSuccess: () => client.invalidateQueries({ queryKey: ["monitors", model] }),
  });
}

/** The error that a window may not pass, from what it is compared with and the rule's factor. */
export function allowedLimit(window: MonitorWindow, spec: MonitorSpec | null | undefined): number | null {
  const factor = spec?.performance?.worse_than;
  const reference = window.reference_metric;
  return typeof reference !== "number" || typeof factor !== "number" ? null : reference * factor;
}

export function metricName(spec: MonitorSpec | null | undefined): string {
  return spec?.performance?.metric ?? "mae";
}

export function isOpen(alert: Alert): boolean {
  return alert.state !== "resolved" && alert.state !== "expired";
}

export type Simulation = {
  from?: string | null;
  to?: string | null;
  windows: number;
  words: string;
  rules: { rule: string; judged: number; breached: number; fires: string[]; firing_windows: number; words: string }[];
};

/** How often a monitor would have fired over the windows that have been judged; nothing is saved by asking. */
export function useSimulate(model: string) {
  return useMutation({ mutationFn: (monitor: MonitorSpec) => post<Simulation>(`/monitors/${encodeURIComponent(model)}/simulate`, { monitor }) });
}

export type Notifier = { name: string; kind: string; models: string[]; severity: string; resolved: boolean; after_minutes?: number | null; repeat_minutes?: number | null; most_per_hour: number };

export const notifiersQuery = queryOptions({
  queryKey: ["notifiers"],
  queryFn: ({ signal }) => get<{ file: string; items: Notifier[] }>("/notifiers", {}, signal),
  retry: false,
});

export function useTestNotifier() {
  return useMutation({ mutationFn: (name: string) => post<{ delivered: boolean }>(`/notifiers/${encodeURIComponent(name)}/test`, {}) });
}

export type ProfileView = {
  from: string;
  to: string;
  segment: string;
  rows: number;
  failed: number;
  drift: { state: string; words: string; drifted: number; judged: number; exact: boolean; columns: { column: string; state: string; words: string; adjusted_p_value?: number | null; tests: { about: string; effect: number; limit: number; measure: string }[] }[] };
  volume: { at: string; grain: string; rows: number }[];
  segments: { segment: string; rows: number }[];
  elapsed_ms: number;
};

/** Inputs over the last days, from what was kept of them as they arrived. */
export const profileQuery = (model: string, asked: { from?: string; to?: string; segment?: string }) =>
  queryOptions({
    queryKey: ["monitors", model, "profile", asked],
    queryFn: ({ signal }) => get<ProfileView>(`/monitors/${encodeURIComponent(model)}/profile`, { ...asked }, signal),
    retry: false,
  });
