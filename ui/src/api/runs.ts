/** Experiments, runs, metric histories. */
import { infiniteQueryOptions, keepPreviousData, queryOptions } from "@tanstack/react-query";
import { all, get, type Page } from "./client.ts";
import type { Scalars } from "./objects.ts";

export type Experiment = { id: string; name: string; created_at?: string; updated_at?: string };

export type Run = {
  id: string;
  name?: string;
  experiment_id?: string;
  status: string;
  start_time?: string | number | null;
  end_time?: string | number | null;
  params?: Record<string, string | number | boolean | null>;
  metrics?: Scalars;
  tags?: Record<string, string>;
  user?: string;
  inputs?: { name: string; digest?: string; context?: string | null; source_type?: string; source?: string }[];
  artifacts?: { path: string; bytes?: number | null }[] | null;
};

export type MetricHistory = { key: string; points: { step: number; timestamp: string | number; value?: number | null }[]; sampled?: boolean };

export const experimentsQuery = queryOptions({
  queryKey: ["experiments"],
  queryFn: ({ signal }) => all<Experiment>("/experiments", {}, signal),
});

export const runsQuery = (experiment: string | undefined, filter: string, orderBy: string) =>
  infiniteQueryOptions({
    queryKey: ["runs", experiment, filter, orderBy],
    queryFn: ({ pageParam, signal }) =>
      get<Page<Run>>("/runs", { experiment, limit: 200, cursor: pageParam, filter, order_by: orderBy }, signal),
    initialPageParam: "" as string,
    getNextPageParam: (last) => last.next_cursor || undefined,
    placeholderData: keepPreviousData,
  });

export const runQuery = (id: string) =>
  queryOptions({ queryKey: ["run", id], queryFn: ({ signal }) => get<Run>(`/runs/${encodeURIComponent(id)}`, {}, signal) });

/** Some runs at once, to lay them side by side. */
export const runsOf = (ids: readonly string[]) =>
  queryOptions({
    queryKey: ["runs", "of", ...ids],
    queryFn: ({ signal }) => Promise.all(ids.map((id) => get<Run>(`/runs/${encodeURIComponent(id)}`, {}, signal))),
    enabled: ids.length > 0,
  });

export type MetricPair = { key: string; left?: number | null; right?: number | null; change?: number | null };

export type Difference = {
  left: Side;
  right: Side;
  metric?: MetricPair | null;
  causes: { area: string; name: string; left?: string | null; right?: string | null; effect?: { change: number; error?: number | null; runs: number } | null; why: string }[];
  metrics: MetricPair[];
  same: number;
  runs: number;
};

type Side = { kind: string; id: string; name: string; run?: string | null; experiment_id?: string | null };

/** Why two runs or versions differ; each is `run:ID` or `version:MODEL@NUMBER`. */
export const differenceQuery = (left: string, right: string, metric: string | undefined) =>
  queryOptions({
    queryKey: ["difference", left, right, metric],
    queryFn: ({ signal }) => get<Difference>("/differences", { left, right, metric }, signal),
    enabled: left !== "" && right !== "",
  });

export const metricQuery = (id: string, key: string | undefined) =>
  queryOptions({
    queryKey: ["run", id, "metric", key],
    queryFn: ({ signal }) => get<MetricHistory>(`/runs/${encodeURIComponent(id)}/metrics/${encodeURIComponent(key ?? "")}`, { points: 500 }, signal),
    enabled: key !== undefined,
  });
