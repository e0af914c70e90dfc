/** The graph of lineage, and what `gingham run` captured of a run. */
import { queryOptions } from "@tanstack/react-query";
import { get, headers, Problem } from "./client.ts";
import type { Json } from "./objects.ts";

export type GraphNode = { id: string; kind: string; title: string; detail: string };
export type GraphEdge = { source: string; target: string; label: string };
export type Graph = { nodes: GraphNode[]; edges: GraphEdge[]; is_cut: boolean };

export type Direction = "both" | "up" | "down";

export const graphQuery = (object: string, direction: Direction = "both", depth = 3, limit = 120) =>
  queryOptions({
    queryKey: ["lineage", "graph", object, direction, depth, limit],
    queryFn: ({ signal }) => get<Graph>("/lineage/graph", { object, depth, limit, up: direction === "down" ? undefined : true, down: direction === "up" ? undefined : true }, signal),
    enabled: object !== "",
  });

export type CapturedFiles = { path: string; is_file: boolean; tree?: string | null; files: number; bytes: number };
export type Capture = {
  command: string[];
  folder: string;
  code: {
    tree?: string | null;
    files: number;
    bytes: number;
    git?: { commit?: string | null; branch?: string | null; remote?: string | null; is_dirty: boolean; untracked: string[] } | null;
    left_out: string[];
  };
  environment: {
    distribution: string;
    kernel: string;
    arch: string;
    cpu: string;
    cores: number;
    gpus: string[];
    python?: { implementation: string; version: string; packages: Record<string, string> } | null;
    locks: Record<string, string>;
    variables: Record<string, string>;
  };
  params: { name: string; value: string; origin: string }[];
  inputs: CapturedFiles[];
  outputs: CapturedFiles[];
  secrets: string[];
  ended?: {
    exit_code?: number | null;
    signal?: number | null;
    usage: { wall_seconds: number; user_cpu_seconds: number; system_cpu_seconds: number; peak_memory_bytes: number; most_threads: number; connections: string[] };
  } | null;
  rerun_of?: string | null;
};

/** What was captured of a run; null for runs that nobody captured. */
export const captureQuery = (run: string) =>
  queryOptions({
    queryKey: ["runs", run, "capture"],
    queryFn: async ({ signal }) => {
      try {
        return (await get<{ record: Json }>(`/runs/${encodeURIComponent(run)}/capture`, {}, signal)).record as unknown as Capture;
      } catch (error) {
        if (error instanceof Problem && error.status === 404) return null;
        throw error;
      }
    },
  });

/** The most of a log that a page shows, in bytes. */
const MOST_LOG = 400_000;

/** What a run has printed so far: its log, or the parts that have come while it is at work. */
export const logQuery = (run: string, paths: readonly string[], isAtWork: boolean) =>
  queryOptions({
    queryKey: ["runs", run, "log", isAtWork ? paths.length : "whole"],
    queryFn: async ({ signal }) => {
      const texts = [];
      for (const path of paths) {
        const response = await fetch(`/get-artifact?${new URLSearchParams({ run_id: run, path }).toString()}`, { headers: headers(), signal });
        if (response.ok) texts.push(await response.text());
      }
      const text = texts.join("");
      return { text: text.slice(-MOST_LOG), isCut: text.length > MOST_LOG };
    },
    enabled: paths.length > 0,
    placeholderData: (before) => before,
  });
