/** The error of each window against what is allowed, with versions, gaps and alerts marked. */
import { lazy, useMemo } from "react";
import { allowedLimit, metricName, type Alert, type Monitor, type MonitorWindow } from "~/api/monitoring.ts";
import { Prose } from "~/components/prose.tsx";
import { figure, plural, words } from "~/lib/format.ts";
import { seconds, span } from "~/lib/time.ts";
import { ChartCard, Legend } from "./chart-card.tsx";
import { errorSeries } from "./error-series.ts";

const LineChart = lazy(() => import("./line-chart.tsx"));

type ErrorChartProps = {
  monitor: Monitor;
  alerts: readonly Alert[];
  title?: string;
  height?: number;
  picked?: string | undefined;
  onPick?: (window: MonitorWindow) => void;
  range?: readonly [number, number] | undefined;
  onRange?: (range: [number, number] | undefined) => void;
};

export function ErrorChart({ monitor, alerts, title, height = 250, picked, onPick, range, onRange }: ErrorChartProps) {
  const series = useMemo(() => errorSeries(monitor, alerts), [monitor, alerts]);
  const metric = metricName(monitor.spec);
  const name = metric.toUpperCase();
  const pickedIndex = picked === undefined ? -1 : series.windows.findIndex((window) => window?.from === picked);
  const pick = (index: number) => {
    const window = series.windows[index];
    if (window) onPick?.(window);
  };
  return (
    <ChartCard
      title={title ?? `${name} by window`}
      hint={onPick ? "Click a window for its report; drag to zoom" : undefined}
      height={height}
      tools={
        range && onRange ? (
          <button type="button" className="button small" onClick={() => onRange(undefined)}>
            Show all
          </button>
        ) : undefined
      }
      chart={
        <LineChart
          label={`${name} of ${plural(monitor.windows.length, "window")} of ${monitor.model}, with the allowed limit`}
          x={series.x}
          lines={series.lines}
          gaps={series.gaps}
          markers={series.markers}
          flags={series.flags}
          height={height}
          range={range}
          picked={pickedIndex >= 0 ? pickedIndex : undefined}
          {...(onPick ? { onPick: pick } : {})}
          {...(onRange ? { onRange } : {})}
          tip={(index) => <Tip window={series.windows[index]} monitor={monitor} alerts={alerts} />}
        />
      }
      legend={
        <Legend
          entries={[
            { label: `${name} of the window`, colour: "--chart-1" },
            { label: "allowed limit", colour: "--chart-limit", shape: "dash" },
            { label: "new version", colour: "--text-3", shape: "mark" },
            ...(series.gaps.length ? [{ label: "no data", colour: "--chart-gap", shape: "gap" as const }] : []),
            ...(series.flags.length ? [{ label: "alert", colour: "--warn", shape: "flag" as const }] : []),
          ]}
        />
      }
      table={{
        columns: ["Window", "Version", name, "Allowed", "Rows", "Labelled", "State"],
        rows: monitor.windows.map((window) => [
          span(window.from, window.to),
          window.version ? `v${window.version}` : "–",
          figure(window.metric?.[metric]),
          figure(allowedLimit(window, monitor.spec)),
          figure(window.rows),
          figure(window.labelled),
          words(window.state),
        ]),
      }}
    />
  );
}

function Tip({ window, monitor, alerts }: { window: MonitorWindow | undefined; monitor: Monitor; alerts: readonly Alert[] }) {
  if (!window) return <span className="muted">no data</span>;
  const metric = metricName(monitor.spec);
  const limit = allowedLimit(window, monitor.spec);
  const here = alerts.filter((alert) => {
    const at = seconds(alert.since);
    return at >= seconds(window.from) && at < seconds(window.to);
  });
  return (
    <>
      <div className="head">{span(window.from, window.to)}</div>
      <dl>
        <dt>{metric.toUpperCase()}</dt>
        <dd>{figure(window.metric?.[metric])}</dd>
        {limit !== null && (
          <>
            <dt>allowed</dt>
            <dd>{figure(limit)}</dd>
          </>
        )}
        <dt>version</dt>
        <dd>{window.version ? `v${window.version}` : "–"}</dd>
        <dt>rows</dt>
        <dd>{figure(window.rows)}</dd>
        <dt>state</dt>
        <dd>{words(window.state)}</dd>
      </dl>
      {here.map((alert) => (
        <div key={alert.id} className="tone-warn">
          ▲ <Prose text={alert.title} plain />
        </div>
      ))}
    </>
  );
}
