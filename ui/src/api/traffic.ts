/** Which version of a deployment answers which requests. */
import { queryOptions } from "@tanstack/react-query";
import { get, put } from "./client.ts";

export type Comparison = { rows: number; agreed: number; mean_difference?: number | null; largest_difference?: number | null; failed: number; dropped: number };

export type Branch = {
  variant: string;
  version: number;
  share: number;
  requests_total: number;
  errors_total: number;
  p50_ms?: number | null;
  p99_ms?: number | null;
  comparison?: Comparison | null;
  tripped?: string | null;
};

export type Standing = {
  primary: { labels: number; mean: number };
  canary: { labels: number; mean: number };
  difference: number;
  margin?: number | null;
  verdict: "goes_on" | "canary_better" | "primary_better" | "undecided";
};

export type Settings = { canary?: { version: number | string; share: number } & Record<string, unknown> } & Record<string, unknown>;

export type Traffic = {
  deployment: string;
  traffic: Settings;
  summary: string;
  test?: Standing | null;
  branches: Branch[];
  history: { revision: number; summary: string; reason: string; actor: string; at: string }[];
};

export const trafficQuery = (name: string) =>
  queryOptions({
    queryKey: ["deployments", name, "traffic"],
    queryFn: ({ signal }) => get<Traffic>(`/deployments/${encodeURIComponent(name)}/traffic`, {}, signal),
    refetchInterval: 5_000,
  });

export const setTraffic = (name: string, traffic: Settings, reason: string) => put<Traffic>(`/deployments/${encodeURIComponent(name)}/traffic`, { traffic, reason });
