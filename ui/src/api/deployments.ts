/** Deployments and what they serve. */
import { queryOptions } from "@tanstack/react-query";
import { all, get } from "./client.ts";
import type { Signature } from "./models.ts";

export type DeploymentSummary = {
  name: string;
  model: string;
  alias?: string | null;
  version?: number | null;
  state: string;
  since?: string;
  requests_total?: number;
  errors_total?: number;
  latency_ms?: { p50?: number | null; p95?: number | null; p99?: number | null } | null;
};

export type Deployment = DeploymentSummary & {
  previous_version?: number | null;
  message?: string | null;
  endpoint?: string;
  signature?: Signature;
  history?: { version: number; at: string; reason?: string }[];
};

export const deploymentsQuery = queryOptions({
  queryKey: ["deployments"],
  queryFn: ({ signal }) => all<DeploymentSummary>("/deployments", {}, signal),
});

export const deploymentQuery = (name: string) =>
  queryOptions({
    queryKey: ["deployments", name],
    queryFn: ({ signal }) => get<Deployment>(`/deployments/${encodeURIComponent(name)}`, {}, signal),
    refetchInterval: 5_000,
  });
