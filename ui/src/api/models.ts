/** Models, versions, aliases, promotions. */
import { queryOptions, useMutation, useQueryClient } from "@tanstack/react-query";
import { all, get, post } from "./client.ts";
import type { Actor, Json, Scalars } from "./objects.ts";
import type { Job } from "./jobs.ts";

export type ModelSummary = {
  name: string;
  project?: string;
  description?: string;
  owner?: string;
  latest_version?: number | null;
  aliases?: Record<string, number>;
  deployment?: string | null;
  alerts_firing?: number;
  metric?: { name: string; value: number | null } | null;
  updated_at?: string;
};

export type Alias = { alias: string; version: number; since?: string; reason?: string; actor?: Actor };

export type Rule = {
  rule: string;
  passed: boolean;
  observed?: number | string | null;
  required?: number | string | null;
  why?: string;
};

export type Promotion = { promoted: boolean; decision?: string; rules?: Rule[]; at?: string };

export type Field = { name: string; kind?: string; type?: string; required?: boolean };
/** The output may come with its kind or as a bare name. */
export type Signature = { inputs?: Field[]; output?: Field | string };

export type DatasetUse = { dataset: string; number: number; rows?: number; from?: string; to?: string; digest?: string };
export type RowRange = { from?: string; to?: string; rows?: number };

export type Version = {
  model: string;
  number: number;
  created_at: string;
  digest?: string | null;
  flavor?: string;
  engine?: string;
  trainer?: string;
  source_run?: string | null;
  pipeline_run?: string | null;
  signature?: Signature;
  metrics?: Scalars;
  baseline_metrics?: Record<string, Scalars>;
  dataset_versions?: DatasetUse[];
  training_rows?: RowRange | null;
  evaluation_rows?: RowRange | null;
  aliases?: string[];
  promotion?: Promotion | null;
  feature_importance?: { feature: string; gain: number }[];
  reference_profile?: Json;
};

export type Model = Omit<ModelSummary, "aliases"> & { spec?: Json; spec_yaml?: string | null; revision?: number | null; aliases?: Alias[] | Record<string, number>; versions?: Version[] };

export type PromotionEvent = {
  decision?: string;
  actor?: Actor;
  version: number;
  previous?: number | null;
  alias: string;
  at: string;
  reason?: string;
  promoted: boolean;
  rules?: Rule[];
};

export const modelsQuery = queryOptions({
  queryKey: ["models"],
  queryFn: ({ signal }) => all<ModelSummary>("/models", {}, signal),
});

export const modelQuery = (name: string) =>
  queryOptions({ queryKey: ["models", name], queryFn: ({ signal }) => get<Model>(`/models/${encodeURIComponent(name)}`, {}, signal) });

export const versionsQuery = (name: string) =>
  queryOptions({
    queryKey: ["models", name, "versions"],
    queryFn: ({ signal }) => all<Version>(`/models/${encodeURIComponent(name)}/versions`, {}, signal),
  });

export const versionQuery = (name: string, number: string) =>
  queryOptions({
    queryKey: ["models", name, "versions", number],
    queryFn: ({ signal }) => get<Version>(`/models/${encodeURIComponent(name)}/versions/${encodeURIComponent(number)}`, {}, signal),
  });

export const promotionsQuery = (name: string) =>
  queryOptions({
    queryKey: ["models", name, "promotions"],
    queryFn: ({ signal }) => all<PromotionEvent>(`/models/${encodeURIComponent(name)}/promotions`, {}, signal),
  });

export function useTrain(name: string) {
  const client = useQueryClient();
  return useMutation({
    mutationFn: () => post<Job>(`/models/${encodeURIComponent(name)}/train`, {}),
    onSuccess: () => client.invalidateQueries(),
  });
}

export function useMoveAlias(name: string) {
  const client = useQueryClient();
  return useMutation({
    mutationFn: (move: { alias: string; version: number; expected_version?: number; reason: string }) => {
      const { alias, ...body } = move;
      return post<Json>(`/models/${encodeURIComponent(name)}/aliases/${encodeURIComponent(alias)}`, body);
    },
    onSuccess: () => client.invalidateQueries(),
  });
}

/** Aliases as a list, however the server spelt them. */
export function aliasList(aliases: Model["aliases"] | ModelSummary["aliases"]): Alias[] {
  if (!aliases) return [];
  return Array.isArray(aliases) ? aliases : Object.entries(aliases).map(([alias, version]) => ({ alias, version }));
}

/** The metric by which a version is judged: the one its rules name, else MAE, else the first. */
export function headline(metrics: Scalars | undefined, preferred?: string): { name: string; value: number | null } | undefined {
  if (!metrics) return undefined;
  const name = preferred && preferred in metrics ? preferred : "mae" in metrics ? "mae" : Object.keys(metrics)[0];
  return name === undefined ? undefined : { name, value: metrics[name] ?? null };
}
