/** One run: params, metrics with their history, tags, inputs, files. */
import { useQuery, useQueryClient } from "@tanstack/react-query";
import { File } from "lucide-react";
import { lazy, useEffect, useMemo, useState } from "react";
import { followRun } from "~/api/live-run.ts";
import { objectLink } from "~/api/objects.ts";
import { metricQuery, runQuery, type MetricHistory, type Run } from "~/api/runs.ts";
import { AroundCard } from "~/components/around.tsx";
import { Badge } from "~/components/badge.tsx";
import { Card, Facts, Stat, Stats } from "~/components/card.tsx";
import { ChartCard } from "~/components/charts/chart-card.tsx";
import { To } from "~/components/link.tsx";
import { Page } from "~/components/page.tsx";
import { CopyAs, origin } from "~/components/snippet.tsx";
import { Empty, Loaded } from "~/components/states.tsx";
import { When } from "~/components/when.tsx";
import { bytes, cell, count, duration, figure, metricOrder, toDate } from "~/lib/view-text.ts";
import { usePart, useView } from "~/lib/view.ts";
import { Captured, CapturedFacts } from "./captured.tsx";

const LineChart = lazy(() => import("~/components/charts/line-chart.tsx"));

const iso = (at: Run["start_time"]) => toDate(at)?.toISOString();

export function RunPage() {
  const id = usePart("run");
  const query = useQuery(runQuery(id));
  const isLive = useLive(id, query.data?.status === "RUNNING" || query.data?.status === "SCHEDULED");
  return (
    <Page
      title={query.data?.name || `Run ${id.slice(0, 10)}`}
      badges={query.data && <Badge state={query.data.status.toLowerCase()} />}
      lead={
        <>
          <code>{id}</code> {isLive && <span className="muted">· followed as it goes</span>}
        </>
      }
      actions={<CopyAs snippets={{ CLI: `gingham show run ${id}`, "Python (MLflow)": `import mlflow\n\nmlflow.set_tracking_uri("${origin()}")\nrun = mlflow.get_run("${id}")`, curl: `curl ${origin()}/api/v1/runs/${id}` }} />}
    >
      <Loaded page query={query}>{(run) => <Body run={run} />}</Loaded>
    </Page>
  );
}

/** Follows a run while it is at work: what it logs is written into what this page has read. */
function useLive(id: string, isAtWork: boolean): boolean {
  const client = useQueryClient();
  const [isUp, setUp] = useState(false);
  // The line to the server is outside React.
  useEffect(() => {
    if (!isAtWork) return;
    const stop = new AbortController();
    void followRun(client, id, stop.signal, setUp);
    return () => {
      stop.abort();
      setUp(false);
    };
  }, [client, id, isAtWork]);
  return isUp;
}

function Body({ run }: { run: Run }) {
  const [view, setView] = useView();
  const metrics = metricOrder(Object.keys(run.metrics ?? {})).map((name) => [name, run.metrics?.[name] ?? null] as const);
  const chosen = view["metric"] ?? metrics.find(([name]) => /valid|loss|train/.test(name))?.[0] ?? metrics[0]?.[0];
  return (
    <>
      <Stats>
        {metrics.slice(0, 4).map(([name, value]) => (
          <Stat key={name} label={name}>
            {figure(value)}
          </Stat>
        ))}
        <Stat label="Took" wordy sub={<When at={run.start_time} exact />}>
          {run.end_time ? duration(iso(run.start_time), iso(run.end_time)) : "still running"}
        </Stat>
      </Stats>
      <div className="grid">
        <div className="c7 stack">
          <Card title="Metrics" hint="click one for its history" flush>
            {metrics.length === 0 ? (
              <Empty title="No metric" why="This run has logged none." />
            ) : (
              <div className="table-wrap">
                <table className="table">
                  <thead>
                    <tr>
                      <th scope="col">Metric</th>
                      <th scope="col" className="num">
                        Last value
                      </th>
                    </tr>
                  </thead>
                  <tbody>
                    {metrics.map(([name, value]) => (
                      <tr key={name} className={name === chosen ? "selected" : undefined}>
                        <td>
                          <button type="button" className="button ghost small" style={{ paddingInline: 0 }} aria-pressed={name === chosen} onClick={() => setView({ metric: name })}>
                            {name}
                          </button>
                        </td>
                        <td className="num">{figure(value)}</td>
                      </tr>
                    ))}
                  </tbody>
                </table>
              </div>
            )}
          </Card>
          {chosen && <History run={run.id} metric={chosen} />}
          <Captured run={run} />
          <Files run={run} />
          <AroundCard object={`run:${run.id}`} />
        </div>
        <div className="c5 stack">
          <Card title="Params" hint={count(Object.keys(run.params ?? {}).length)}>
            <Pairs values={run.params} none="This run has no params." />
          </Card>
          <Card title="Tags">
            <Pairs values={run.tags} none="This run has no tags." />
          </Card>
          {run.inputs && run.inputs.length > 0 && (
            <Card title="Inputs">
              <ul className="stack tight">
                {run.inputs.map((input, index) => (
                  <li key={index} className="wrap-anywhere">
                    <span className="strong">{input.source && objectLink(input.source) ? <To to={objectLink(input.source) ?? ""}>{input.name}</To> : input.name}</span>{" "}
                    <span className="muted">
                      {input.context} <code title={input.digest}>{input.digest?.slice(0, 12)}</code>
                    </span>
                  </li>
                ))}
              </ul>
            </Card>
          )}
          <CapturedFacts run={run} />
        </div>
      </div>
    </>
  );
}

function Pairs({ values, none }: { values: Record<string, unknown> | undefined; none: string }) {
  const entries = Object.entries(values ?? {});
  return entries.length > 0 ? <Facts entries={entries.map(([name, value]) => [name, <Value key={name} name={name} text={cell(value)} />] as const)} /> : <span className="muted">{none}</span>;
}

/** Tags that name an object lead to it. */
function Value({ name, text }: { name: string; text: string }) {
  const kind = name === "gingham.pipeline_run" ? "pipeline_run" : name === "gingham.dataset" ? "dataset" : name === "gingham.model" ? "model" : undefined;
  const to = kind && objectLink(`${kind}:${text}`);
  const shown = <code title={text}>{text.length > 44 && /^[0-9a-f]+$/.test(text) ? `${text.slice(0, 20)}…` : text || "–"}</code>;
  return to ? <To to={to}>{shown}</To> : shown;
}

function History({ run, metric }: { run: string; metric: string }) {
  const query = useQuery(metricQuery(run, metric));
  return <Loaded query={query}>{(history) => (history.points.length > 1 ? <HistoryChart history={history} /> : null)}</Loaded>;
}

function HistoryChart({ history }: { history: MetricHistory }) {
  const { x, lines } = useMemo(() => {
    const points = history.points.toSorted((a, b) => a.step - b.step);
    return { x: points.map((point) => point.step), lines: [{ label: history.key, values: points.map((point) => point.value ?? null), colour: "--chart-1" as const }] };
  }, [history]);
  return (
    <ChartCard
      title={`${history.key} by step`}
      hint={history.sampled ? "thinned on the server, lowest and highest kept" : undefined}
      height={220}
      chart={
        <LineChart
          label={`${history.key}, ${x.length} points`}
          x={x}
          lines={lines}
          height={220}
          time={false}
          zero={false}
          tip={(index) => (
            <dl>
              <dt>step</dt>
              <dd>{count(x[index])}</dd>
              <dt>{history.key}</dt>
              <dd>{figure(lines[0]?.values[index])}</dd>
            </dl>
          )}
        />
      }
      table={{ columns: ["Step", history.key], rows: history.points.map((point) => [count(point.step), figure(point.value)]) }}
    />
  );
}

function Files({ run }: { run: Run }) {
  const files = run.artifacts ?? [];
  return (
    <Card title="Files" flush>
      {files.length === 0 ? (
        <div className="list-row muted">This run has kept no files.</div>
      ) : (
        <ul className="list">
          {files.map((file) => (
            <li key={file.path} className="list-row" style={{ padding: "7px 14px" }}>
              <File size={14} className="icon faint" aria-hidden="true" />
              <span className="grow wrap-anywhere mono">{file.path}</span>
              <span className="when">{bytes(file.bytes)}</span>
            </li>
          ))}
        </ul>
      )}
    </Card>
  );
}
