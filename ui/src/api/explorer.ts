/** Looking through predictions: charts, similar ones, wrong labels, slices; and explanations where there are any. */
import { queryOptions, useMutation, useQueryClient } from "@tanstack/react-query";
import { get, post } from "./client.ts";
import type { Json } from "./objects.ts";

export type Slice = { model: string; from?: string; to?: string; filter?: string };
export type SliceBar = { label: string; filter: string; rows: number; labelled: number; error: number | null };
export type SliceChart = { column: string; rows: number; labelled: number; error: number | null; bars: SliceBar[] };

export const sliceChartQuery = (slice: Slice, column: string) =>
  queryOptions({
    queryKey: ["prediction-charts", slice, column],
    queryFn: ({ signal }) => get<SliceChart>("/prediction-charts", { ...slice, column }, signal),
    retry: false,
  });

export type Similar = { id: string; event_time: string; prediction: Json; label: Json; distance: number; differs: string[] };

export const similarQuery = (id: string) =>
  queryOptions({
    queryKey: ["predictions", "similar", id],
    queryFn: async ({ signal }) => (await get<{ items: Similar[] }>(`/predictions/${encodeURIComponent(id)}/similar`, { limit: 8 }, signal)).items,
    staleTime: 60_000,
  });

export function useFlagLabel(id: string) {
  const client = useQueryClient();
  return useMutation({
    mutationFn: (flag: { reason: string; value?: Json }) => post<{ corrected: boolean }>("/labels/flag", { prediction: id, ...flag }),
    onSuccess: () => client.invalidateQueries(),
  });
}

export function useSaveSlice() {
  const client = useQueryClient();
  return useMutation({
    mutationFn: (asked: Slice & { dataset: string }) => post<{ dataset: string; version: number; rows: number }>("/prediction-slices", asked),
    onSuccess: () => client.invalidateQueries({ queryKey: ["datasets"] }),
  });
}
