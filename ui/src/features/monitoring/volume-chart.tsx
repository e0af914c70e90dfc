/** Rows and labels by window. */
import { lazy, useMemo } from "react";
import type { Monitor, MonitorWindow } from "~/api/monitoring.ts";
import { ChartCard, Legend } from "~/components/charts/chart-card.tsx";
import { errorSeries } from "~/components/charts/error-series.ts";
import type { Line } from "~/components/charts/line-chart.tsx";
import { count, span } from "~/lib/view-text.ts";

const LineChart = lazy(() => import("~/components/charts/line-chart.tsx"));

type VolumeChartProps = { monitor: Monitor; range: readonly [number, number] | undefined; picked: string | undefined; onPick: (window: MonitorWindow) => void };

export function VolumeChart({ monitor, range, picked, onPick }: VolumeChartProps) {
  const { x, windows, gaps, lines } = useMemo(() => {
    const series = errorSeries(monitor, []);
    const own: Line[] = [
      { label: "rows", values: series.windows.map((window) => window?.rows ?? null), colour: "--chart-3" },
      { label: "labelled", values: series.windows.map((window) => window?.labelled ?? null), colour: "--chart-4", dash: [3, 3] },
    ];
    return { ...series, lines: own };
  }, [monitor]);
  const at = windows.findIndex((window) => window !== undefined && window.from === picked);
  return (
    <ChartCard
      title="Rows by window"
      height={150}
      chart={
        <LineChart
          label={`Rows and labels of ${monitor.windows.length} windows`}
          x={x}
          lines={lines}
          gaps={gaps}
          height={150}
          range={range}
          picked={at >= 0 ? at : undefined}
          onPick={(index) => {
            const window = windows[index];
            if (window) onPick(window);
          }}
          tip={(index) => (
            <>
              <div className="head">{span(windows[index]?.from, windows[index]?.to)}</div>
              <dl>
                <dt>rows</dt>
                <dd>{count(windows[index]?.rows)}</dd>
                <dt>labelled</dt>
                <dd>{count(windows[index]?.labelled)}</dd>
              </dl>
            </>
          )}
        />
      }
      legend={
        <Legend
          entries={[
            { label: "predictions", colour: "--chart-3" },
            { label: "labels arrived", colour: "--chart-4", shape: "dash" },
          ]}
        />
      }
      table={{ columns: ["Window", "Rows", "Labelled"], rows: monitor.windows.map((window) => [span(window.from, window.to), count(window.rows), count(window.labelled)]) }}
    />
  );
}
