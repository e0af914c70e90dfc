/** Work that the server does in the background. */
import { queryOptions } from "@tanstack/react-query";
import { get, items, type Page } from "./client.ts";
import type { Json } from "./objects.ts";

export type Job = {
  id: string;
  kind: string;
  model?: string | null;
  /** `queued`, `running`, `succeeded`, `failed` or `cancelled`. */
  state: string;
  progress?: number | null;
  message?: string | null;
  error?: string | null;
  cause?: string | null;
  created_at?: string;
  started_at?: string | null;
  finished_at?: string | null;
  result?: Json;
};

export const jobsQuery = queryOptions({
  queryKey: ["jobs"],
  queryFn: async ({ signal }) => items(await get<Page<Job>>("/jobs", { limit: 50 }, signal)),
  refetchInterval: (query) => (query.state.data?.some((job) => job.state === "running" || job.state === "queued") ? 2_000 : false),
});
