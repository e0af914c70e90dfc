/** The shapes that the pages read are shapes that the server writes: checked by the compiler. */
import { expect, test } from "vitest";
import type { Alias, Model, ModelSummary, PromotionEvent, Version } from "~/api/models.ts";
import type { Attention, Event, Hit, Info } from "~/api/system.ts";
import type { Alert, MonitorWindow } from "~/api/monitoring.ts";
import type { CheckResult, Dataset, DatasetVersion, Verdict } from "~/api/datasets.ts";
import type { Deployment } from "~/api/deployments.ts";
import type { Job } from "~/api/jobs.ts";
import type { Lineage, Prediction, SqlAnswer } from "~/api/predictions.ts";
import type { MetricHistory, Run } from "~/api/runs.ts";
import type { PipelineRun } from "~/api/pipelines.ts";
import type { components } from "~/api/schema.d.ts";

type Wire = components["schemas"];

/** Free JSON (`unknown` on the wire) may be read as any shape; everything else must fit. */
type Loose<Theirs, Ours> = unknown extends Theirs
  ? Ours
  : Theirs extends readonly (infer T)[]
    ? NonNullable<Ours> extends readonly (infer O)[]
      ? Loose<T, O>[]
      : Theirs
    : Theirs extends { [key: string]: unknown }
      ? string extends keyof Theirs
        ? Ours
        : { [K in keyof Theirs]: K extends keyof NonNullable<Ours> ? Loose<Theirs[K], NonNullable<Ours>[K]> : Theirs[K] }
      : Theirs;

/** Fails to compile where the server's `Theirs` cannot be read as our `Ours`. */
function reads<Theirs, Ours>(read: (theirs: Loose<Theirs, Ours>) => Ours): number {
  return read.length;
}

test("what the server writes is what the pages read", () => {
  const read = [
    reads<Wire["ModelSummary"], ModelSummary>((it) => it),
    reads<Wire["AliasBody"], Alias>((it) => it),
    reads<Wire["ModelBody"], Model>((it) => it),
    reads<Wire["VersionBody"], Version>((it) => it),
    reads<Wire["PromotionBody"], PromotionEvent>((it) => it),
    reads<Wire["AttentionBody"], Attention>((it) => it),
    reads<Wire["EventBody"], Event>((it) => it),
    reads<Wire["HitBody"], Hit>((it) => it),
    reads<Wire["Info"], Info>((it) => it),
    reads<Wire["AlertBody"], Alert>((it) => it),
    reads<Wire["WindowBody"], MonitorWindow>((it) => it),
    reads<Wire["DatasetBody"], Dataset>((it) => it),
    reads<Wire["DatasetVersionBody"], DatasetVersion>((it) => it),
    reads<Wire["VerdictBody"], Verdict>((it) => it),
    reads<Wire["ResultBody"], CheckResult>((it) => it),
    reads<Wire["DeploymentBody"], Deployment>((it) => it),
    reads<Wire["JobBody"], Job>((it) => it),
    reads<Wire["LineageBody"], Lineage>((it) => it),
    reads<Wire["PredictionBody"], Prediction>((it) => it),
    reads<Wire["AnswerBody"], SqlAnswer>((it) => it),
    reads<Wire["HistoryBody"], MetricHistory>((it) => it),
    reads<Wire["RunBody"], Run>((it) => it),
    reads<Wire["PipelineRunBody"], PipelineRun>((it) => it),
  ];
  expect(read).toHaveLength(23);
});
