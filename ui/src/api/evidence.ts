/** What is known about a version and a prediction: verdicts of checks, tests, explanations. */
import { queryOptions } from "@tanstack/react-query";
import { get, items, post, type Page } from "./client.ts";

export type CheckOutcome = {
  check_id: string;
  outcome: string;
  severity: string;
  message: string;
  observed?: string;
  expected?: string;
  reason?: string;
};

export type VersionVerdict = { id: string; created_at: string; results?: CheckOutcome[] };

export type Explanation = {
  model: string;
  version: number;
  output: string;
  prediction: number;
  base: number;
  features: { feature: string; value: unknown; contribution: number }[];
  method: string;
};

/** How much worse a version gets when one of its inputs is shuffled. */
export type Leaning = {
  metric: string;
  value: number;
  rows: number;
  features: { feature: string; mean: number; deviation: number; repeats: number[] }[];
  summary: string;
};

/** Of the newest verdicts of a version, the newest result of each check. */
export function newestOfEach(verdicts: readonly VersionVerdict[]): CheckOutcome[] {
  const seen = new Map<string, CheckOutcome>();
  for (const verdict of verdicts) {
    for (const result of verdict.results ?? []) {
      if (!seen.has(result.check_id)) seen.set(result.check_id, result);
    }
  }
  return [...seen.values()];
}

export const versionVerdictsQuery = (model: string, number: number) =>
  queryOptions({
    queryKey: ["version-verdicts", model, number],
    queryFn: async ({ signal }) => newestOfEach(items(await get<Page<VersionVerdict>>("/verdicts", { object: `version:${model}@${number}`, limit: 5 }, signal))),
  });

export const testVersion = (model: string, number: number) =>
  post<VersionVerdict>(`/models/${encodeURIComponent(model)}/versions/${number}/test`, {});

export const explain = (prediction: string) => get<Explanation>(`/predictions/${encodeURIComponent(prediction)}/explanation`);

export const leanings = (model: string, number: number) =>
  post<Leaning>(`/models/${encodeURIComponent(model)}/versions/${number}/importance`, {});
