/** Reviews: requests to move an alias, and the cards that policies ask for. */
import { queryOptions, useMutation, useQueryClient } from "@tanstack/react-query";
import { all, get, post, put } from "./client.ts";
import type { components } from "./schema.d.ts";

export type PolicyVerdict = components["schemas"]["PolicyVerdictBody"];
export type PolicyRule = components["schemas"]["PolicyRuleBody"];
export type Review = components["schemas"]["ReviewBody"];
export type ReviewDetail = components["schemas"]["ReviewDetail"];
export type ReviewComment = components["schemas"]["ReviewComment"];
export type CheckChange = components["schemas"]["CheckChangeBody"];
export type Override = components["schemas"]["OverrideBody"];
export type Sheet = components["schemas"]["SheetBody"];

/** What else differs between two versions. */
export type Difference = { causes?: { area: string; name: string; left?: string | null; right?: string | null; why?: string }[] };

export const reviewsQuery = (model?: string) =>
  queryOptions({
    queryKey: ["reviews", "list", model ?? ""],
    queryFn: ({ signal }) => all<Review>("/reviews", model ? { model } : {}, signal),
  });

export const reviewQuery = (number: string) =>
  queryOptions({
    queryKey: ["reviews", number],
    queryFn: ({ signal }) => get<ReviewDetail>(`/reviews/${encodeURIComponent(number)}`, {}, signal),
  });

export const overridesQuery = queryOptions({
  queryKey: ["reviews", "overrides"],
  queryFn: ({ signal }) => get<{ items: Override[] }>("/overrides", {}, signal),
});

/** What a person does with a review: the last part of its address, and what goes with it. */
export type ReviewAct = { what: "approve" | "request-changes" | "carry-out" | "close" | "revise" | "break-glass" | "comments"; body: Record<string, unknown> };

export function useReviewAct(number: number) {
  const client = useQueryClient();
  return useMutation({
    mutationFn: ({ what, body }: ReviewAct) => post<unknown>(`/reviews/${number}/${what}`, body),
    onSuccess: () => client.invalidateQueries(),
  });
}

export function useAskReview() {
  const client = useQueryClient();
  return useMutation({
    mutationFn: (asked: { model: string; version: number; alias: string; reason: string }) => post<ReviewDetail>("/reviews", asked),
    onSuccess: () => client.invalidateQueries(),
  });
}

/** Where a card or a datasheet lies. */
export const cardAt = (model: string, version: string) => `/models/${encodeURIComponent(model)}/versions/${encodeURIComponent(version)}/card`;
export const datasheetAt = (dataset: string) => `/datasets/${encodeURIComponent(dataset)}/datasheet`;

export const sheetQuery = (at: string) =>
  queryOptions({ queryKey: ["sheets", at], queryFn: ({ signal }) => get<Sheet>(at, {}, signal) });

export function useWriteSheet(at: string) {
  const client = useQueryClient();
  return useMutation({
    mutationFn: (fields: Record<string, string>) => put<Sheet>(at, { fields }),
    onSuccess: () => client.invalidateQueries(),
  });
}
