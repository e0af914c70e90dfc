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
      get<Page<Run>>(`/experiments/${encodeURIComponent(experiment ?? "")}/runs`, { limit: 50, cursor: pageParam, filter, order_by: orderBy }, signal),
    initialPageParam: "" as string,
    getNextPageParam: (last) => last.next_cursor || undefined,
    enabled: experiment !== undefined,
    placeholderData: keepPreviousData,
  });

export const runQuery = (id: string) =>
  queryOptions({ queryKey: ["run", id], queryFn: ({ signal }) => get<Run>(`/runs/${encodeURIComponent(id)}`, {}, signal) });

export const metricQuery = (id: string, key: string | undefined) =>
  queryOptions({
    queryKey: ["run", id, "metric", key],
    queryFn: ({ signal }) => get<MetricHistory>(`/runs/${encodeURIComponent(id)}/metrics/${encodeURIComponent(key ?? "")}`, { points: 500 }, signal),
    enabled: key !== undefined,
  });
