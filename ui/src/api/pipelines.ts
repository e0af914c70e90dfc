/** Pipeline runs and their steps. */
import { queryOptions } from "@tanstack/react-query";
import { all, get } from "./client.ts";
import type { Json } from "./objects.ts";

export type Step = {
  name: string;
  state: string;
  cached?: boolean;
  key?: string;
  started_at?: string | null;
  finished_at?: string | null;
  outputs?: Json;
  message?: string | null;
  run_id?: string | null;
};

export type PipelineRun = {
  id: string;
  model: string;
  cause?: string | null;
  state: string;
  started_at?: string | null;
  finished_at?: string | null;
  steps?: Step[];
};

export const pipelineRunsQuery = (model: string | undefined) =>
  queryOptions({
    queryKey: ["pipeline-runs", model ?? ""],
    queryFn: ({ signal }) => all<PipelineRun>("/pipeline-runs", { model }, signal, 500),
  });

export const pipelineRunQuery = (id: string) =>
  queryOptions({
    queryKey: ["pipeline-run", id],
    queryFn: ({ signal }) => get<PipelineRun>(`/pipeline-runs/${encodeURIComponent(id)}`, {}, signal),
    refetchInterval: (query) => (query.state.data?.state === "running" ? 1_500 : false),
  });
