/** Datasets, their versions, and verdicts of checks. */
import { queryOptions } from "@tanstack/react-query";
import { get, items, type Page } from "./client.ts";
import type { Actor, Json } from "./objects.ts";

export type Dataset = {
  name: string;
  project?: string;
  description?: string;
  latest_version?: number | null;
  versions?: number;
  rows_total?: number;
  updated_at?: string;
  models?: string[];
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
  from?: string;
  to?: string;
  time_range?: { from?: string; to?: string } | null;
  origin?: Json;
  profile?: Json;
  created_at: string;
  actor?: Actor;
  verdict?: { id?: string; outcome?: string } | string | null;
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
  reason?: string | null;
};

export type Verdict = { id: string; object?: Json; outcome: string; at?: string; created_at?: string; results?: CheckResult[] };

export type Preview = { columns?: (string | { name: string; type?: string })[]; rows: (Json[] | Record<string, Json>)[]; items?: never };

export const datasetsQuery = queryOptions({
  queryKey: ["datasets"],
  queryFn: async ({ signal }) => items(await get<Page<Dataset>>("/datasets", { limit: 200 }, signal)),
});

export const datasetQuery = (name: string) =>
  queryOptions({ queryKey: ["datasets", name], queryFn: ({ signal }) => get<Dataset>(`/datasets/${encodeURIComponent(name)}`, {}, signal) });

export const datasetVersionsQuery = (name: string) =>
  queryOptions({
    queryKey: ["datasets", name, "versions"],
    queryFn: async ({ signal }) => items(await get<Page<DatasetVersion>>(`/datasets/${encodeURIComponent(name)}/versions`, { limit: 200 }, signal)),
  });

export const previewQuery = (name: string, number: number | undefined) =>
  queryOptions({
    queryKey: ["datasets", name, "preview", number],
    queryFn: ({ signal }) => get<Preview | Page<Record<string, Json>>>(`/datasets/${encodeURIComponent(name)}/versions/${number}/preview`, { limit: 50 }, signal),
    enabled: number !== undefined,
  });

export const verdictsQuery = (object: string | undefined) =>
  queryOptions({
    queryKey: ["verdicts", object],
    queryFn: async ({ signal }) => items(await get<Page<Verdict>>("/verdicts", { object, limit: 50 }, signal)),
    enabled: object !== undefined,
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
