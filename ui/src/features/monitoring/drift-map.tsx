/** Drift of each column in each window, as a map: time runs right, the darker the farther. */
import { useState } from "react";
import type { Monitor, MonitorWindow } from "~/api/monitoring.ts";
import { ChartCard, Legend } from "~/components/charts/chart-card.tsx";
import { Empty } from "~/components/states.tsx";
import { day, fixed, seconds, span } from "~/lib/view-text.ts";

type Props = { monitor: Monitor; picked: string | undefined; onPick: (window: MonitorWindow) => void };

/** From where on a value counts as drift: each column has its own threshold, where its own windows vary much. */
function thresholdOf(window: MonitorWindow, column: string, usual: number): number {
  return window.drift_thresholds?.[column] ?? (window.worst?.column === column ? window.worst.threshold : undefined) ?? usual;
}

/** What is known of a column in a window: every column if the server sends it, else the worst one. */
function value(window: MonitorWindow, column: string): number | null {
  if (window.drift) return window.drift[column] ?? null;
  return window.worst?.column === column ? window.worst.value : null;
}

function columnsOf(windows: readonly MonitorWindow[], usual: number): string[] {
  const over = new Map<string, number>();
  for (const window of windows) {
    const entries = window.drift ? Object.entries(window.drift) : window.worst ? [[window.worst.column, window.worst.value] as const] : [];
    for (const [column, drift] of entries) over.set(column, (over.get(column) ?? 0) + ((drift ?? 0) >= thresholdOf(window, column, usual) ? 1 : 0));
  }
  return [...over].toSorted((a, b) => b[1] - a[1]).map(([column]) => column);
}

export function DriftMap({ monitor, picked, onPick }: Props) {
  const { windows } = monitor;
  const threshold = monitor.spec?.drift?.threshold ?? 0.25;
  const columns = columnsOf(windows, threshold);
  const complete = windows.some((window) => window.drift);
  const [hover, setHover] = useState<{ window: MonitorWindow; column: string } | null>(null);
  if (columns.length === 0) {
    return (
      <section className="card">
        <Empty title="No drift has been measured" why="A window needs a reference and enough rows before its columns can be compared." />
      </section>
    );
  }
  return (
    <ChartCard
      title="Drift by column"
      hint={hover ? `${hover.column}, ${span(hover.window.from, hover.window.to)}: ${fixed(value(hover.window, hover.column), 3)} of ${fixed(thresholdOf(hover.window, hover.column, threshold), 2)}` : complete ? "most often drifted first" : "the worst column of each window"}
      chart={
        <div style={{ margin: "0 -14px" }}>
          <table className="heat" onMouseLeave={() => setHover(null)}>
            <tbody>
              {columns.map((column) => (
                <tr key={column}>
                  <th scope="row">{column}</th>
                  <td>
                    <Cells column={column} windows={windows} threshold={threshold} picked={picked} onPick={onPick} onHover={setHover} />
                  </td>
                </tr>
              ))}
              <tr>
                <td />
                <td>
                  <div className="heat-axis">
                    <span>{day(windows[0]?.from)}</span>
                    <span>{day(windows.at(-1)?.to)}</span>
                  </div>
                </td>
              </tr>
            </tbody>
          </table>
        </div>
      }
      legend={
        <Legend
          entries={[
            { label: "over its threshold", colour: "--chart-2" },
            { label: "no rows", colour: "--chart-gap", shape: "gap" },
          ]}
        />
      }
      table={{
        columns: ["Window", ...columns],
        rows: windows.map((window) => [span(window.from, window.to), ...columns.map((column) => fixed(value(window, column), 3))]),
      }}
    />
  );
}

type CellsProps = Props & { column: string; windows: readonly MonitorWindow[]; threshold: number; onHover: (at: { window: MonitorWindow; column: string }) => void };

function Cells({ column, windows, threshold, picked, onPick, onHover }: Omit<CellsProps, "monitor">) {
  const begin = seconds(windows[0]?.from);
  const end = seconds(windows.at(-1)?.to);
  const peak = windows.reduce((most, window) => Math.max(most, value(window, column) ?? 0), 0);
  return (
    <svg className="heat-cells" viewBox={`0 0 ${(end - begin) / 3600} 10`} preserveAspectRatio="none" role="img" aria-label={`${column}: at most ${fixed(peak, 3)}`}>
      <rect width={(end - begin) / 3600} height="10" fill="var(--chart-gap)" />
      {windows.map((window) => {
        const drift = value(window, column);
        const reach = drift === null ? 0 : drift / thresholdOf(window, column, threshold);
        const strength = Math.min(1, reach / 2);
        const over = reach >= 1;
        return (
          // oxlint-disable-next-line jsx-a11y/click-events-have-key-events, jsx-a11y/no-static-element-interactions -- the error chart walks the same windows by keyboard
          <rect
            key={window.from}
            x={(seconds(window.from) - begin) / 3600}
            y="0"
            width={((seconds(window.to) - seconds(window.from)) / 3600) * 0.92}
            height="10"
            fill={window.rows === 0 ? "transparent" : drift === null ? "var(--surface-3)" : `rgb(from var(--chart-2) r g b / ${(over ? 0.45 + 0.55 * strength : 0.06 + 0.5 * strength).toFixed(2)})`}
            stroke={window.from === picked ? "var(--accent)" : undefined}
            strokeWidth={window.from === picked ? 1.5 : undefined}
            vectorEffect="non-scaling-stroke"
            onMouseEnter={() => onHover({ window, column })}
            onClick={() => onPick(window)}
          />
        );
      })}
    </svg>
  );
}
