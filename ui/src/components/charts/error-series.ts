/** Turns the windows of a monitor into what the error chart draws. */
import { allowedLimit, metricName, type Alert, type Monitor, type MonitorWindow } from "~/api/monitoring.ts";
import { seconds, span } from "~/lib/time.ts";
import type { Line } from "./line-chart.tsx";
import type { Flag, Gap, Marker } from "./overlays.ts";

export type ErrorSeries = {
  x: number[];
  /** The window at each point; points that only break the line have none. */
  windows: (MonitorWindow | undefined)[];
  lines: Line[];
  gaps: Gap[];
  markers: Marker[];
  /** Alerts that lasted; what came and went unnoticed is left to the list. */
  flags: Flag[];
};

export function errorSeries(monitor: Monitor, alerts: readonly Alert[]): ErrorSeries {
  const metric = metricName(monitor.spec);
  const ordered = monitor.windows.toSorted((a, b) => seconds(a.from) - seconds(b.from));
  const width = typicalWidth(ordered);
  const x: number[] = [];
  const windows: (MonitorWindow | undefined)[] = [];
  const gaps: Gap[] = [];
  const markers: Marker[] = [];
  let before: MonitorWindow | undefined;
  let version: number | null | undefined;
  for (const window of ordered) {
    const from = seconds(window.from);
    if (before && from - seconds(before.to) > width * 0.5) {
      addGap(gaps, seconds(before.to), from);
      x.push(seconds(before.to) + 1);
      windows.push(undefined);
    }
    if (window.rows === 0) addGap(gaps, from, seconds(window.to));
    if (window.version && window.version !== version) {
      markers.push({ at: from, label: `v${window.version}` });
      version = window.version;
    }
    x.push(from);
    windows.push(window);
    before = window;
  }
  return {
    x,
    windows,
    gaps: gaps.filter((gap) => gap.to - gap.from > width * 0.5),
    markers,
    flags: alerts.filter((alert) => alert.since && alert.state !== "expired").map((alert) => ({ at: seconds(alert.since), colour: alert.severity === "warn" ? "--warn" : "--bad" })),
    lines: [
      { label: metric, values: windows.map((window) => window?.metric?.[metric] ?? null), colour: "--chart-1", width: 1.8, points: ordered.length < 60 },
      { label: "allowed", values: windows.map((window) => (window && window.rows > 0 ? allowedLimit(window, monitor.spec) : null)), colour: "--chart-limit", dash: [6, 4], stepped: true, width: 1.3 },
    ],
  };
}

function typicalWidth(windows: readonly MonitorWindow[]): number {
  const widths = windows.map((window) => seconds(window.to) - seconds(window.from)).toSorted((a, b) => a - b);
  return widths[Math.floor(widths.length / 2)] ?? 7 * 86_400;
}

/** Joins a gap to the one before when they touch. */
function addGap(gaps: Gap[], from: number, to: number): void {
  const last = gaps.at(-1);
  const start = last && from - last.to < 2 ? last.from : from;
  const gap: Gap = { from: start, to, label: `no data, ${span(new Date(start * 1000).toISOString(), new Date(to * 1000).toISOString())}` };
  if (last && start === last.from) gaps[gaps.length - 1] = gap;
  else gaps.push(gap);
}
