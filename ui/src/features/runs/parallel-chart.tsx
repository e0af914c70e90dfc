/** A line for each run through its params to the metric: which values go with which outcome. */
import type { Run } from "~/api/runs.ts";
import { Card } from "~/components/card.tsx";
import { cell, figure } from "~/lib/view-text.ts";

const WIDTH = 1000;
const HEIGHT = 240;
const TOP = 34;
const BOTTOM = 26;
/** Axes that can be told apart. */
const MOST_AXES = 8;

type Axis = { name: string; at: (run: Run) => number | undefined; low: string; high: string };

export function ParallelChart({ runs, params, metric }: { runs: readonly Run[]; params: readonly string[]; metric: string | undefined }) {
  const axes = [...params.slice(0, MOST_AXES - 1).map((name) => axisOf(name, runs, (run) => run.params?.[name])), ...(metric ? [axisOf(metric, runs, (run) => run.metrics?.[metric])] : [])];
  if (axes.length < 2) return null;
  const across = (index: number) => 60 + (index * (WIDTH - 120)) / (axes.length - 1);
  const down = (share: number) => TOP + (1 - share) * (HEIGHT - TOP - BOTTOM);
  const outcome = axes.at(-1);
  return (
    <Card title="Params and outcome" hint={params.length >= MOST_AXES ? `the first ${MOST_AXES - 1} of ${params.length} params that differ` : undefined}>
      <svg viewBox={`0 0 ${WIDTH} ${HEIGHT}`} role="img" aria-label={`${runs.length} runs through ${axes.map((axis) => axis.name).join(", ")}`} style={{ width: "100%", height: "auto" }}>
        {axes.map((axis, index) => (
          <g key={axis.name}>
            <line x1={across(index)} x2={across(index)} y1={TOP} y2={HEIGHT - BOTTOM} stroke="var(--line-strong)" />
            <text x={across(index)} y={14} textAnchor="middle" fontSize={12} fontWeight={600} fill="var(--text)">
              {short(axis.name)}
            </text>
            <text x={across(index)} y={28} textAnchor="middle" fontSize={11} fill="var(--text-3)">
              {short(axis.high)}
            </text>
            <text x={across(index)} y={HEIGHT - 10} textAnchor="middle" fontSize={11} fill="var(--text-3)">
              {short(axis.low)}
            </text>
          </g>
        ))}
        {runs.map((run) => {
          const points = axes.map((axis, index) => [across(index), axis.at(run)] as const).filter((point): point is readonly [number, number] => point[1] !== undefined);
          return (
            <polyline key={run.id} points={points.map(([x, share]) => `${x},${down(share)}`).join(" ")} fill="none" stroke="var(--chart-1)" strokeWidth={2} opacity={0.35 + 0.65 * (outcome?.at(run) ?? 0.5)}>
              <title>{run.name || run.id}</title>
            </polyline>
          );
        })}
      </svg>
    </Card>
  );
}

/** Numbers by their size, words by their order; the share of the way up, 0 to 1. */
function axisOf(name: string, runs: readonly Run[], of: (run: Run) => unknown): Axis {
  const values = runs.map(of).filter((value) => value !== undefined && value !== null && value !== "");
  const numbers = values.map(Number);
  if (values.length > 0 && numbers.every(Number.isFinite)) {
    const [low, high] = [Math.min(...numbers), Math.max(...numbers)];
    const share = (value: unknown) => (value === undefined || value === null || value === "" ? undefined : high > low ? (Number(value) - low) / (high - low) : 0.5);
    return { name, at: (run) => share(of(run)), low: figure(low), high: figure(high) };
  }
  const words = [...new Set(values.map((value) => cell(value as string)))].toSorted();
  const share = (value: unknown) => {
    const index = words.indexOf(cell(value as string));
    return index < 0 ? undefined : words.length > 1 ? index / (words.length - 1) : 0.5;
  };
  return { name, at: (run) => share(of(run)), low: words[0] ?? "", high: words.at(-1) ?? "" };
}

function short(text: string): string {
  return text.length > 18 ? `${text.slice(0, 17)}…` : text;
}
