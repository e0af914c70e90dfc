/** One pipeline run: its steps on one clock. */
import { useQuery } from "@tanstack/react-query";
import { pipelineRunQuery, type PipelineRun, type Step } from "~/api/pipelines.ts";
import { Badge } from "~/components/badge.tsx";
import { Card, Stat, Stats } from "~/components/card.tsx";
import { To } from "~/components/link.tsx";
import { Prose } from "~/components/prose.tsx";
import { Page } from "~/components/page.tsx";
import { CopyAs, origin } from "~/components/snippet.tsx";
import { Empty, Loaded } from "~/components/states.tsx";
import { Table, type Column } from "~/components/table.tsx";
import { When } from "~/components/when.tsx";
import { cell, count, duration, figure, seconds, shortDigest } from "~/lib/view-text.ts";
import { usePart } from "~/lib/view.ts";

export function PipelinePage() {
  const id = usePart("run");
  const query = useQuery(pipelineRunQuery(id));
  return (
    <Page
      title={query.data ? `Pipeline of ${query.data.model}` : "Pipeline run"}
      badges={query.data && <Badge state={query.data.state} />}
      lead={query.data?.cause && <Prose text={query.data.cause} />}
      actions={<CopyAs snippets={{ CLI: `gingham show pipeline ${id}`, curl: `curl ${origin()}/api/v1/pipeline-runs/${id}` }} />}
    >
      <Loaded page query={query}>{(run) => <Body run={run} />}</Loaded>
    </Page>
  );
}

function Body({ run }: { run: PipelineRun }) {
  const steps = run.steps ?? [];
  const start = seconds(run.started_at);
  const ends = [run.finished_at, ...steps.flatMap((step) => [step.started_at, step.finished_at])].map(seconds).filter(Number.isFinite);
  const end = Math.max(start + 0.001, ...ends);
  const columns: Column<Step>[] = [
    {
      key: "name",
      title: "Step",
      cell: (step) => (
        <div style={{ minWidth: 150 }}>
          <span className="strong">{step.run_id ? <To to={`/runs/${encodeURIComponent(step.run_id)}`}>{step.name}</To> : step.name}</span>
          {step.message && <div className="small muted"><Prose text={step.message} /></div>}
        </div>
      ),
    },
    { key: "clock", title: "When", cell: (step) => <Clock step={step} start={start} length={end - start} /> },
    { key: "took", title: "Took", num: true, cell: (step) => (step.finished_at ? duration(step.started_at, step.finished_at) : "–") },
    { key: "state", title: "State", cell: (step) => (step.cached ? <Badge state="cached">from cache</Badge> : <Badge state={step.state} />) },
    { key: "outputs", title: "Outputs", cell: (step) => <span className="small mono wrap-anywhere">{outputs(step)}</span> },
    { key: "key", title: "Key", cell: (step) => (step.key ? <code title={`the step is not run again while this key is the same: ${step.key}`}>{shortDigest(step.key)}</code> : "–") },
  ];
  return (
    <>
      <Stats>
        <Stat label="Took">{duration(run.started_at, run.finished_at)}</Stat>
        <Stat label="Steps" sub={`${count(steps.filter((step) => step.cached).length)} from the cache`}>
          {count(steps.length)}
        </Stat>
        <Stat label="Started" wordy>
          <When at={run.started_at} exact />
        </Stat>
        <Stat label="Model" wordy>
          <To to={`/models/${encodeURIComponent(run.model)}`}>{run.model}</To>
        </Stat>
      </Stats>
      <Card title="Steps" flush>
        {steps.length > 0 ? <Table label="Steps" columns={columns} rows={steps} rowKey={(step) => step.name} /> : <Empty title="No step yet" why="The run has been asked for and has not begun." />}
      </Card>
    </>
  );
}

function outputs(step: Step): string {
  const value = step.outputs;
  if (!value || typeof value !== "object" || Array.isArray(value)) return cell(value);
  return Object.entries(value)
    .flatMap(([name, each]) => {
      if (each === null || Array.isArray(each)) return [];
      if (typeof each === "object") return typeof each["mae"] === "number" ? [`${name} MAE ${figure(each["mae"])}`] : [];
      return [`${name} ${typeof each === "string" && /^[0-9a-f]{64}$/.test(each) ? `${each.slice(0, 8)}…` : typeof each === "number" ? count(each) : cell(each)}`];
    })
    .join(", ");
}

function Clock({ step, start, length }: { step: Step; start: number; length: number }) {
  const from = seconds(step.started_at);
  if (!Number.isFinite(from)) return <span className="faint">–</span>;
  const to = Number.isFinite(seconds(step.finished_at)) ? seconds(step.finished_at) : start + length;
  return (
    <div className="step-track" role="img" aria-label={`begins after ${(from - start).toFixed(1)} s, takes ${(to - from).toFixed(1)} s`}>
      <i className={step.cached ? "cached" : step.state === "failed" ? "failed" : undefined} style={{ left: `${((from - start) / length) * 100}%`, width: `${Math.max(0.5, ((to - from) / length) * 100)}%` }} />
    </div>
  );
}
