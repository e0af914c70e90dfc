/** Who the server is, how things stand, search and the event log. */
import { infiniteQueryOptions, keepPreviousData, queryOptions } from "@tanstack/react-query";
import { get, items, type Page } from "./client.ts";
import type { Actor, Json, ObjectRef, Severity } from "./objects.ts";
import type { ModelSummary } from "./models.ts";

export type Info = {
  name: string;
  version: string;
  started_at?: string;
  data_folder?: string | null;
  principal?: { name: string; kind?: string } | null;
  engines?: (string | { name: string })[];
};

export type Attention = {
  kind: string;
  title: string;
  detail?: string;
  object?: ObjectRef;
  link?: string;
  since?: string;
  severity?: Severity;
};

export type Event = {
  seq: number;
  at: string;
  kind: string;
  actor?: Actor;
  object?: ObjectRef;
  summary?: string;
  data?: Json;
  hash?: string;
  previous_hash?: string;
};

export type Status = {
  needs_attention: Attention[];
  models: ModelSummary[];
  alerts_firing: number;
  jobs_running: number;
  recent_events: Event[];
};

export type Hit = { kind: string; title: string; detail?: string; link: string };

export const infoQuery = queryOptions({ queryKey: ["info"], queryFn: ({ signal }) => get<Info>("/info", {}, signal), staleTime: 60_000 });

export const statusQuery = queryOptions({
  queryKey: ["status"],
  queryFn: ({ signal }) => get<Status>("/status", {}, signal),
  refetchInterval: 15_000,
});

export const searchQuery = (q: string) =>
  queryOptions({
    queryKey: ["search", q],
    queryFn: async ({ signal }) => items(await get<Page<Hit>>("/search", { q }, signal)),
    enabled: q.trim().length > 0,
    placeholderData: keepPreviousData,
  });

export type EventFilter = { kind?: string; object?: string };

export const eventsQuery = (filter: EventFilter) =>
  infiniteQueryOptions({
    queryKey: ["events", filter],
    queryFn: ({ pageParam, signal }) => get<Page<Event>>("/events", { limit: 100, cursor: pageParam, ...filter }, signal),
    initialPageParam: "" as string,
    getNextPageParam: (last) => last.next_cursor || undefined,
  });

export const verifyQuery = queryOptions({
  queryKey: ["events", "verify"],
  queryFn: ({ signal }) => get<{ entries: number; head: string; ok: boolean; problem?: string }>("/events/verify", {}, signal),
});
