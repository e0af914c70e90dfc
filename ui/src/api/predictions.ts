/** The prediction archive, lineage, SQL. */
import { infiniteQueryOptions, keepPreviousData, queryOptions } from "@tanstack/react-query";
import { get, post, type Page } from "./client.ts";
import type { Json } from "./objects.ts";

export type Prediction = {
  id: string;
  event_time?: string;
  received_time?: string;
  model?: string;
  version?: number;
  deployment?: string;
  variant?: string;
  features?: Record<string, Json> | [string, Json][];
  prediction: Json;
  label?: Json;
  label_time?: string | null;
  latency_us?: number | null;
  status?: string;
  trace_id?: string | null;
  entity?: string | null;
  lineage?: Lineage | null;
};

export type LineageNode = { id: string; kind: string; title: string; detail?: string | null; link?: string | null };
export type Lineage = { nodes: LineageNode[]; edges: { from: string; to: string; label?: string | null }[] };

export type PredictionFilter = { model?: string; from?: string; to?: string; filter?: string };

/** The features that a model's newest prediction has, by name. */
export const predictionsSampleQuery = (model: string | undefined) =>
  queryOptions({
    queryKey: ["predictions", "features", model],
    queryFn: async ({ signal }) => {
      const page = await get<Page<Prediction>>("/predictions", { model, limit: 1 }, signal);
      return featureList(page.items?.[0]?.features).map(([name]) => name);
    },
    staleTime: 60_000,
  });

export const predictionsQuery = (filter: PredictionFilter) =>
  infiniteQueryOptions({
    queryKey: ["predictions", filter],
    queryFn: ({ pageParam, signal }) => get<Page<Prediction>>("/predictions", { ...filter, limit: 50, cursor: pageParam }, signal),
    initialPageParam: "" as string,
    getNextPageParam: (last) => last.next_cursor || undefined,
    placeholderData: keepPreviousData,
  });

export const predictionQuery = (id: string) =>
  queryOptions({ queryKey: ["prediction", id], queryFn: ({ signal }) => get<Prediction>(`/predictions/${encodeURIComponent(id)}`, {}, signal) });

export type Replay = {
  prediction: string;
  model: string;
  version: number;
  digest?: string | null;
  engine?: string | null;
  verdict: "equal" | "differs" | "missing";
  archived?: number | null;
  recomputed?: number | null;
  difference?: number | null;
  why?: string | null;
};

/** The prediction computed again by the version that answered then; asked for by a person. */
export const replay = (id: string) => get<Replay>(`/predictions/${encodeURIComponent(id)}/replay`);

export const lineageQuery = (object: string) =>
  queryOptions({ queryKey: ["lineage", object], queryFn: ({ signal }) => get<Lineage>("/lineage", { object }, signal) });

export type SqlAnswer = { columns: { name: string; type?: string }[]; rows: Json[][]; truncated?: boolean; elapsed_ms?: number };

/** The answer to a query, asked once and again only when a person wants it. */
export const sqlQuery = (query: string | undefined) =>
  queryOptions({
    queryKey: ["sql", query],
    queryFn: () => post<SqlAnswer>("/sql", { query, limit: 1000 }),
    enabled: query !== undefined,
    staleTime: Number.POSITIVE_INFINITY,
    refetchOnWindowFocus: false,
    retry: false,
  });

export function featureList(features: Prediction["features"]): [string, Json][] {
  return !features ? [] : Array.isArray(features) ? features : Object.entries(features);
}
