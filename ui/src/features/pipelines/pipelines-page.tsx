/** Pipeline runs, newest first. */
import { useQuery } from "@tanstack/react-query";
import { pipelineRunsQuery, type PipelineRun } from "~/api/pipelines.ts";
import { Badge } from "~/components/badge.tsx";
import { To } from "~/components/link.tsx";
import { Prose } from "~/components/prose.tsx";
import { Page } from "~/components/page.tsx";
import { CopyAs, origin } from "~/components/snippet.tsx";
import { Empty, Loaded } from "~/components/states.tsx";
import { Table, type Column } from "~/components/table.tsx";
import { When } from "~/components/when.tsx";
import { duration, seconds } from "~/lib/view-text.ts";
import { useView } from "~/lib/view.ts";

const link = (run: PipelineRun) => `/pipelines/${encodeURIComponent(run.id)}`;

const COLUMNS: readonly Column<PipelineRun>[] = [
  {
    key: "run",
    title: "Run",
    cell: (run) => (
      <To to={link(run)} className="strong">
        <code>{run.id.slice(-8)}</code>
      </To>
    ),
  },
  { key: "model", title: "Model", cell: (run) => <To to={`/models/${encodeURIComponent(run.model)}`}>{run.model}</To> },
  { key: "cause", title: "Why it ran", cell: (run) => <div style={{ minWidth: 200 }}>{run.cause ? <Prose text={run.cause} /> : "–"}</div> },
  { key: "steps", title: "Steps", cell: (run) => (run.steps ? <StepDots run={run} /> : "–") },
  { key: "state", title: "State", cell: (run) => <Badge state={run.state} /> },
  { key: "took", title: "Took", num: true, cell: (run) => (run.finished_at ? duration(run.started_at, run.finished_at) : "–") },
  { key: "started", title: "Started", num: true, cell: (run) => <When at={run.started_at} /> },
];

const colour = (state: string, cached: boolean | undefined) => (state === "failed" ? "var(--bad)" : cached ? "var(--text-3)" : state === "running" ? "var(--accent)" : state === "succeeded" ? "var(--ok)" : "var(--line-strong)");

function StepDots({ run }: { run: PipelineRun }) {
  const steps = run.steps ?? [];
  return (
    <svg width={steps.length * 11} height="10" role="img" aria-label={steps.map((step) => `${step.name} ${step.state}`).join(", ")}>
      {steps.map((step, index) => (
        <rect key={step.name} x={index * 11} y="0.5" width="9" height="9" rx="2" fill={colour(step.state, step.cached)}>
          <title>{`${step.name}: ${step.cached ? "from the cache" : step.state}`}</title>
        </rect>
      ))}
    </svg>
  );
}

export function PipelinesPage() {
  const [view] = useView();
  const query = useQuery(pipelineRunsQuery(view["model"]));
  return (
    <Page title="Pipelines" lead="Each run goes from data to a judged version; steps whose inputs have not changed come from the cache." actions={<CopyAs snippets={{ CLI: "gingham ls pipelines", curl: `curl ${origin()}/api/v1/pipeline-runs` }} />}>
      <section className="card">
        <Loaded query={query} isEmpty={(runs) => runs.length === 0} empty={<Empty title="No pipeline has run" why="Applying a model's file runs its pipeline once; after that new data, an alert or a person starts it." snippet={"gingham train traffic"} />}>
          {(runs) => <Table label="Pipeline runs" columns={COLUMNS.filter((column) => column.key !== "steps" || runs.some((run) => run.steps?.length))} rows={runs.toSorted((a, b) => seconds(b.started_at) - seconds(a.started_at))} rowKey={(run) => run.id} href={link} keys />}
        </Loaded>
      </section>
    </Page>
  );
}
