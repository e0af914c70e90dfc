/** Some runs side by side: what differs in params, how metrics compare, and the lines between both. */
import { useQueries, useQuery } from "@tanstack/react-query";
import { lazy, useMemo, useState } from "react";
import { metricQuery, runsOf, type Run } from "~/api/runs.ts";
import { Card } from "~/components/card.tsx";
import { ChartCard } from "~/components/charts/chart-card.tsx";
import { To } from "~/components/link.tsx";
import { Page } from "~/components/page.tsx";
import { CopyAs } from "~/components/snippet.tsx";
import { Empty, Loaded } from "~/components/states.tsx";
import { cell, count, figure, metricOrder, plural } from "~/lib/view-text.ts";
import { useView } from "~/lib/view.ts";
import { ParallelChart } from "./parallel-chart.tsx";

const LineChart = lazy(() => import("~/components/charts/line-chart.tsx"));

/** Runs that are laid side by side at most, and the colours of their lines. */
const MOST = 20;
const COLOURS = ["--chart-1", "--chart-2", "--chart-3", "--chart-4", "--chart-5"] as const;

export function ComparePage() {
  const [view] = useView();
  const ids = useMemo(() => (view["runs"] ?? "").split(",").filter(Boolean).slice(0, MOST), [view]);
  const query = useQuery(runsOf(ids));
  return (
    <Page title="Compare runs" lead={plural(ids.length, "run")} actions={<CopyAs snippets={{ CLI: `gingham diff ${ids.slice(0, 2).join(" ")}` }} />}>
      {ids.length < 2 ? (
        <div className="card">
          <Empty title="Nothing to compare" why="Choose two or more runs in the run table." />
        </div>
      ) : (
        <Loaded page query={query}>
          {(runs) => <Body runs={runs} />}
        </Loaded>
      )}
    </Page>
  );
}

function Body({ runs }: { runs: readonly Run[] }) {
  const metrics = metricOrder([...new Set(runs.flatMap((run) => Object.keys(run.metrics ?? {})))]);
  const params = [...new Set(runs.flatMap((run) => Object.keys(run.params ?? {})))].toSorted();
  const [onlyDiffering, setOnlyDiffering] = useState(true);
  const differs = (name: string) => new Set(runs.map((run) => cell(run.params?.[name]))).size > 1;
  const differing = params.filter(differs);
  const shown = onlyDiffering ? differing : params;
  const [metric, setMetric] = useState(metrics[0]);
  return (
    <>
      <ParallelChart runs={runs} params={differing} metric={metric} />
      <Card
        title="Side by side"
        hint={`${differing.length} of ${plural(params.length, "param")} differ`}
        flush
        tools={
          <label className="row small">
            <input type="checkbox" checked={onlyDiffering} onChange={(event) => setOnlyDiffering(event.target.checked)} /> only what differs
          </label>
        }
      >
        <div className="table-wrap">
          <table className="table" aria-label="Runs side by side">
            <thead>
              <tr>
                <th scope="col" />
                {runs.map((run) => (
                  <th key={run.id} scope="col" className="num">
                    <To to={`/runs/${encodeURIComponent(run.id)}`}>{run.name || run.id.slice(0, 10)}</To>
                  </th>
                ))}
              </tr>
            </thead>
            <tbody>
              {metrics.map((name) => (
                <MetricRow key={name} name={name} runs={runs} chosen={name === metric} onChoose={() => setMetric(name)} />
              ))}
              {shown.map((name) => (
                <tr key={`params.${name}`} className={differs(name) ? undefined : "faint"}>
                  <th scope="row">
                    <span className="group">params.</span>
                    {name}
                  </th>
                  {runs.map((run) => (
                    <td key={run.id} className="num">
                      {run.params && name in run.params ? cell(run.params[name]) : "–"}
                    </td>
                  ))}
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      </Card>
      {metric && <Histories runs={runs} metric={metric} />}
    </>
  );
}

function MetricRow({ name, runs, chosen, onChoose }: { name: string; runs: readonly Run[]; chosen: boolean; onChoose: () => void }) {
  const values = runs.map((run) => run.metrics?.[name]).filter((value): value is number => typeof value === "number");
  const [low, high] = [Math.min(...values), Math.max(...values)];
  return (
    <tr className={chosen ? "selected" : undefined}>
      <th scope="row">
        <span className="group">metrics.</span>
        <button type="button" className="button ghost small" style={{ paddingInline: 0 }} aria-pressed={chosen} onClick={onChoose}>
          {name}
        </button>
      </th>
      {runs.map((run) => {
        const value = run.metrics?.[name];
        const end = typeof value === "number" && low < high ? (value === low ? " lowest" : value === high ? " highest" : "") : "";
        return (
          <td key={run.id} className="num">
            {figure(value ?? null)}
            {end && <span className="small faint">{end}</span>}
          </td>
        );
      })}
    </tr>
  );
}

function Histories({ runs, metric }: { runs: readonly Run[]; metric: string }) {
  const queries = useQueries({ queries: runs.map((run) => metricQuery(run.id, metric)) });
  const histories = queries.map((query) => query.data);
  const key = queries.map((query) => query.dataUpdatedAt).join();
  const { x, lines } = useMemo(() => {
    const steps = [...new Set(histories.flatMap((history) => history?.points.map((point) => point.step) ?? []))].toSorted((a, b) => a - b);
    const drawn = runs.map((run, index) => {
      const at = new Map(histories[index]?.points.map((point) => [point.step, point.value ?? null]));
      return { label: run.name || run.id.slice(0, 10), values: steps.map((step) => at.get(step) ?? null), colour: COLOURS[index % COLOURS.length] ?? "--chart-1", ...(index >= COLOURS.length ? { dash: [4, 3] as [number, number] } : {}) };
    });
    return { x: steps, lines: drawn };
    // oxlint-disable-next-line react-hooks/exhaustive-deps -- `key` changes with the histories
  }, [key, runs, metric]);
  if (x.length < 2) return null;
  return (
    <ChartCard
      title={`${metric} by step`}
      height={260}
      legend={<Legend lines={lines} />}
      chart={<LineChart label={`${metric} of ${lines.length} runs`} x={x} lines={lines} height={260} time={false} zero={false} />}
      table={{ columns: ["Step", ...lines.map((line) => line.label)], rows: x.map((step, index) => [count(step), ...lines.map((line) => figure(line.values[index] ?? null))]) }}
    />
  );
}

function Legend({ lines }: { lines: readonly { label: string; colour: string }[] }) {
  return (
    <ul className="row" style={{ flexWrap: "wrap" }}>
      {lines.map((line, index) => (
        <li key={index} className="row small" style={{ gap: 6 }}>
          <span aria-hidden="true" style={{ width: 14, height: 3, background: `var(${line.colour})` }} />
          {line.label}
        </li>
      ))}
    </ul>
  );
}
