/** Windows of live data, their reports, and alerts. */
import { queryOptions, useMutation, useQueryClient } from "@tanstack/react-query";
import { get, items, post, type Page } from "./client.ts";
import type { Actor, Json, Severity } from "./objects.ts";

export type WindowMetric = { mae?: number | null; rmse?: number | null; wape?: number | null; bias?: number | null; [key: string]: number | null | undefined };

export type MonitorWindow = {
  from: string;
  to: string;
  version?: number | null;
  rows: number;
  labelled: number;
  state: string;
  metric?: WindowMetric | null;
  reference_metric?: number | WindowMetric | null;
  drift_state?: string | null;
  worst?: { column: string; statistic: string; value: number } | null;
  /** The drift statistic of every column, where the server sends it. */
  drift?: Record<string, number | null> | null;
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
  statistic: string;
  value: number | null;
  threshold?: number | null;
  p_value?: number | null;
  state: string;
  words?: string;
};

export type WindowReport = {
  from: string;
  to: string;
  version?: number | null;
  state?: string;
  rows?: number;
  labelled?: number;
  drift?: ColumnDrift[];
  performance?: Record<string, Json> | null;
  quality?: Json;
  volume?: Json;
};

export type Alert = {
  id: string;
  fingerprint?: string;
  model?: string | null;
  kind: string;
  severity: Severity;
  title: string;
  what_changed?: string;
  since?: string;
  cause?: string;
  impact?: string;
  suggested_action?: { label?: string; command?: string; api?: string | { method?: string; path?: string; body?: Json } } | null;
  action?: { label?: string; command?: string; api?: string } | null;
  state: string;
  status?: string;
  opened_at?: string;
  updated_at?: string;
  resolved_at?: string | null;
  window?: { from: string; to: string } | null;
  history?: { at: string; state?: string; from?: string; to?: string; actor?: Actor; reason?: string | null }[];
};

export const monitorQuery = (model: string) =>
  queryOptions({ queryKey: ["monitors", model], queryFn: ({ signal }) => get<Monitor>(`/monitors/${encodeURIComponent(model)}`, {}, signal) });

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
    queryFn: async ({ signal }) => items(await get<Page<Alert>>("/alerts", { limit: 200, ...filter }, signal)),
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
  const metric = metricName(spec);
  const reference = typeof window.reference_metric === "number" ? window.reference_metric : (window.reference_metric?.[metric] ?? null);
  const factor = spec?.performance?.worse_than;
  return reference === null || typeof factor !== "number" ? null : reference * factor;
}

export function metricName(spec: MonitorSpec | null | undefined): string {
  return spec?.performance?.metric ?? "mae";
}

export function alertAction(alert: Alert) {
  return alert.suggested_action ?? alert.action ?? undefined;
}

export function alertState(alert: Alert): string {
  return alert.state ?? alert.status ?? "firing";
}

export const OPEN_STATES = new Set(["pending", "firing", "acknowledged", "silenced"]);
