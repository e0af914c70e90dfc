/** Which columns the run table has: chosen ones, or those that tell the runs apart. */
import type { Run } from "~/api/runs.ts";
import { cell, metricOrder } from "~/lib/view-text.ts";

const MOST_METRICS = 8;
const MOST_PARAMS = 10;

/** A column such as `metrics.mae`, in the words of filters. */
export type ColumnName = `${"metrics" | "params" | "tags"}.${string}`;

/** Every column that one of the runs has, metrics first, each area by how many have it. */
export function allColumns(runs: readonly Run[]): ColumnName[] {
  return [
    ...metricOrder(names(runs, (run) => run.metrics)).map((name): ColumnName => `metrics.${name}`),
    ...names(runs, (run) => run.params).map((name): ColumnName => `params.${name}`),
    ...names(runs, (run) => run.tags)
      .filter((name) => !name.startsWith("mlflow."))
      .map((name): ColumnName => `tags.${name}`),
  ];
}

/** What is shown when nobody chose: metrics, and the params that differ; what is the same everywhere says nothing. */
export function usualColumns(runs: readonly Run[]): ColumnName[] {
  const metrics = metricOrder(names(runs, (run) => run.metrics)).slice(0, MOST_METRICS);
  const params = names(runs, (run) => run.params)
    .filter((name) => new Set(runs.map((run) => cell(run.params?.[name]))).size > 1)
    .slice(0, MOST_PARAMS);
  return [...metrics.map((name): ColumnName => `metrics.${name}`), ...params.map((name): ColumnName => `params.${name}`)];
}

export function chosenColumns(text: string | undefined): ColumnName[] | undefined {
  return text ? (text.split(",").filter(Boolean).map(decodeURIComponent) as ColumnName[]) : undefined;
}

export function writtenColumns(columns: readonly string[]): string {
  return columns.map((column) => encodeURIComponent(column)).join(",");
}

/** The area and the name of a column. */
export function parts(column: ColumnName): ["metrics" | "params" | "tags", string] {
  const dot = column.indexOf(".");
  return [column.slice(0, dot) as "metrics" | "params" | "tags", column.slice(dot + 1)];
}

/** A column as filters and orders write it: odd names stand in backticks. */
export function written(column: string): string {
  const dot = column.indexOf(".");
  const name = column.slice(dot + 1);
  return /^[\w.]+$/.test(name) ? column : `${column.slice(0, dot)}.\`${name}\``;
}

function names(runs: readonly Run[], of: (run: Run) => object | null | undefined): string[] {
  const seen = new Map<string, number>();
  for (const run of runs) for (const name of Object.keys(of(run) ?? {})) seen.set(name, (seen.get(name) ?? 0) + 1);
  return [...seen].toSorted((a, b) => b[1] - a[1]).map(([name]) => name);
}
