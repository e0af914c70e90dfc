/** Datasets, their versions, and verdicts of checks. */
import { queryOptions } from "@tanstack/react-query";
import { all, get, items, post, type Page } from "./client.ts";
import type { Actor, Json } from "./objects.ts";

export type Dataset = {
  name: string;
  description?: string;
  latest_version?: number | null;
  rows_total?: number;
  from?: string | null;
  to?: string | null;
  created_at?: string;
  actor?: Actor;
};

export type SchemaColumn = { name: string; kind?: string; type?: string; nullable?: boolean };

export type DatasetVersion = {
  dataset?: string;
  number: number;
  delta_version?: number;
  digest?: string;
  rows_total: number;
  rows_added?: number;
  schema?: { columns: SchemaColumn[] } | SchemaColumn[];
  from?: string | null;
  to?: string | null;
  origin?: Json;
  profile?: Json;
  created_at: string;
  actor?: Actor;
};

export type CheckResult = {
  check_id: string;
  outcome: string;
  severity?: string;
  observed?: Json;
  expected?: Json;
  failing_rows?: number | null;
  sample?: Record<string, Json>[] | null;
  message?: string;
  hint?: string | null;
  reason?: string | null;
};

export type Verdict = { id: string; object: string; outcome: string; blocked?: boolean; summary?: string; rows?: number; created_at?: string; results?: CheckResult[] };

export type Preview = { columns?: (string | { name: string; type?: string })[]; rows: (Json[] | Record<string, Json>)[]; items?: never; offset?: number; rows_total?: number };

export type DatasetTag = { tag: string; version: number; set_at: string; set_by: string };

export const datasetTagsQuery = (name: string) =>
  queryOptions({ queryKey: ["datasets", name, "tags"], queryFn: async ({ signal }) => items(await get<Page<DatasetTag>>(`/datasets/${encodeURIComponent(name)}/tags`, {}, signal)) });

export type DriftColumn = { column: string; state?: string; words?: string };
export type DriftReport = { words: string; judged: number; drifted: number; columns: DriftColumn[] };

/** What the columns of two versions hold, compared. */
export const datasetDriftQuery = (name: string, then: number, now: number) =>
  queryOptions({
    queryKey: ["datasets", name, "drift", then, now],
    queryFn: () => post<DriftReport>("/drift", { reference: `dataset:${name}@${then}`, current: `dataset:${name}@${now}` }),
    staleTime: Number.POSITIVE_INFINITY,
  });

export const datasetsQuery = queryOptions({
  queryKey: ["datasets"],
  queryFn: ({ signal }) => all<Dataset>("/datasets", {}, signal),
});

export const datasetQuery = (name: string) =>
  queryOptions({ queryKey: ["datasets", name], queryFn: ({ signal }) => get<Dataset>(`/datasets/${encodeURIComponent(name)}`, {}, signal) });

export const datasetVersionsQuery = (name: string) =>
  queryOptions({
    queryKey: ["datasets", name, "versions"],
    queryFn: ({ signal }) => all<DatasetVersion>(`/datasets/${encodeURIComponent(name)}/versions`, {}, signal),
  });

/** Rows of one page of a preview. */
export const PREVIEW_ROWS = 50;

export const previewQuery = (name: string, number: number | undefined, offset = 0) =>
  queryOptions({
    queryKey: ["datasets", name, "preview", number, offset],
    queryFn: ({ signal }) => get<Preview | Page<Record<string, Json>>>(`/datasets/${encodeURIComponent(name)}/versions/${number}/preview`, { limit: PREVIEW_ROWS, offset }, signal),
    enabled: number !== undefined,
  });

/** The newest verdict on one version of a dataset; null when no check has looked at it. */
export const verdictQuery = (dataset: string, number: number) =>
  queryOptions({
    queryKey: ["verdicts", dataset, number],
    queryFn: async ({ signal }) => items(await get<Page<Verdict>>("/verdicts", { object: `dataset:${dataset}@${number}`, limit: 1 }, signal))[0] ?? null,
  });

export function schemaColumns(version: DatasetVersion | undefined): SchemaColumn[] {
  const schema = version?.schema;
  return !schema ? [] : Array.isArray(schema) ? schema : (schema.columns ?? []);
}

/** A preview as columns and rows of cells, whichever of the two shapes came. */
export function previewTable(preview: Preview | Page<Record<string, Json>> | undefined): { columns: string[]; rows: Json[][] } {
  if (!preview) return { columns: [], rows: [] };
  const raw: (Json[] | Record<string, Json>)[] = "rows" in preview ? preview.rows : preview.items;
  const named = "columns" in preview ? preview.columns?.map((column) => (typeof column === "string" ? column : column.name)) : undefined;
  const first = raw[0];
  const columns = named ?? (first && !Array.isArray(first) ? Object.keys(first) : []);
  return { columns, rows: raw.map((row) => (Array.isArray(row) ? row : columns.map((column) => row[column] ?? null))) };
}
