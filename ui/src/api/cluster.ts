/** A deployment in its Kubernetes cluster. */
import { queryOptions } from "@tanstack/react-query";
import { get, post } from "./client.ts";

export type Difference = { field: string; found: unknown; applied: unknown; by?: string | null };

export type Drift = { kind: string; name: string; missing: boolean; differences: Difference[] };

export type ClusterObject = { kind: string; namespace: string; name: string; exists: boolean; message: string };

export type ClusterRevision = { revision: number; objects: string[]; reason: string; actor: string; at: string };

export type Cluster = {
  deployment: string;
  target: "server" | "kubernetes";
  configured: boolean;
  cluster?: string | null;
  status?: {
    rollout: "ready" | "rolling" | "idle" | "degraded" | "missing";
    message: string;
    wanted_replicas: number;
    ready_replicas: number;
    updated_replicas: number;
    objects: ClusterObject[];
  } | null;
  unreachable?: string | null;
  drift: Drift[];
  outdated: boolean;
  history: ClusterRevision[];
};

export const clusterQuery = (name: string) =>
  queryOptions({
    queryKey: ["deployments", name, "cluster"],
    queryFn: ({ signal }) => get<Cluster>(`/deployments/${encodeURIComponent(name)}/cluster`, {}, signal),
    refetchInterval: 15_000,
  });

export type ClusterAct = "apply" | "rollback";

export const changeCluster = (name: string, act: ClusterAct, wish: { reason: string; take_over: boolean; revision?: number }) =>
  post<{ revision: number }>(`/deployments/${encodeURIComponent(name)}/cluster/${act}`, wish);
