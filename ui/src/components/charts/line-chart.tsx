/** Lines over time on a canvas (uPlot), with gaps, markers, a walkable cursor and brushing. */
import { useEffect, useRef, useState, type KeyboardEvent, type ReactNode } from "react";
import uPlot from "uplot";
import "uplot/dist/uPlot.min.css";
import { onThemeChange, token } from "~/lib/theme.ts";
import { figure } from "~/lib/format.ts";
import { drawFlags, drawGapLabels, drawGaps, drawMarkers, drawPick, type Flag, type Gap, type Marker } from "./overlays.ts";

export type Line = {
  label: string;
  values: readonly (number | null)[];
  colour: `--${string}`;
  dash?: [number, number];
  stepped?: boolean;
  width?: number;
  points?: boolean;
};

type LineChartProps = {
  label: string;
  x: readonly number[];
  lines: readonly Line[];
  gaps?: readonly Gap[];
  markers?: readonly Marker[];
  flags?: readonly Flag[];
  height?: number;
  time?: boolean;
  zero?: boolean;
  log?: boolean;
  range?: readonly [number, number] | undefined;
  picked?: number | undefined;
  onPick?: (index: number) => void;
  onRange?: (range: [number, number] | undefined) => void;
  tip?: (index: number) => ReactNode;
};

type Hover = { index: number; left: number; width: number };

export default function LineChart(props: LineChartProps) {
  const { label, x, lines, gaps, markers, flags, height = 240, time = true, zero = true, log = false, range, picked, onPick, onRange, tip } = props;
  const host = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot | null>(null);
  const acts = useRef({ onPick, onRange });
  const [hover, setHover] = useState<Hover | null>(null);

  // Keeps what the canvas calls back current without building the canvas anew.
  useEffect(() => {
    acts.current = { onPick, onRange };
  });

  // The canvas is a world of its own: built when its content changes, torn down after.
  useEffect(() => {
    const element = host.current;
    if (!element) return;
    const at = picked;
    const chart = new uPlot(options({ element, lines, gaps, markers, flags, height, time, zero, log, range, picked: at }), [x as number[], ...lines.map((line) => line.values as (number | null)[])], element);
    chart.over.addEventListener("click", () => {
      const index = chart.cursor.idx;
      if (typeof index === "number" && chart.select.width < 4) acts.current.onPick?.(index);
    });
    chart.over.addEventListener("dblclick", () => acts.current.onRange?.(undefined));
    plot.current = chart;
    const resize = new ResizeObserver(() => {
      if (element.clientWidth > 0 && element.clientWidth !== chart.width) chart.setSize({ width: element.clientWidth, height });
    });
    resize.observe(element);
    const forget = onThemeChange(() => chart.redraw(false, true));
    return () => {
      resize.disconnect();
      forget();
      chart.destroy();
      plot.current = null;
      setHover(null);
    };

    function options(given: Given): uPlot.Options {
      return chartOptions(given, setHover, (from, to) => acts.current.onRange?.([from, to]), acts.current.onRange !== undefined);
    }
  }, [x, lines, gaps, markers, flags, height, time, zero, log, range, picked]);

  const walk = (event: KeyboardEvent) => {
    const chart = plot.current;
    if (!chart || x.length === 0) return;
    const first = range ? Math.max(0, x.findIndex((at) => at >= range[0])) : 0;
    const last = range ? x.findLastIndex((at) => at <= range[1]) : x.length - 1;
    const now = chart.cursor.idx ?? picked ?? -1;
    if (event.key === "ArrowRight" || event.key === "ArrowLeft") {
      event.preventDefault();
      const to = Math.min(last, Math.max(first, now + (event.key === "ArrowRight" ? 1 : -1)));
      chart.setCursor({ left: chart.valToPos(x[to] ?? 0, "x"), top: 10 });
    } else if (event.key === "Enter" && now >= 0) {
      onPick?.(now);
    }
  };

  return (
    // oxlint-disable-next-line jsx-a11y/no-noninteractive-tabindex -- walked with the arrow keys; a table stands behind it
    <div className="chart" role="img" aria-label={`${label}. Arrow keys walk along it.`} tabIndex={0} onKeyDown={walk} onMouseLeave={() => setHover(null)}>
      <div ref={host} style={{ minHeight: height, cursor: onPick ? "pointer" : undefined }} />
      {hover && tip && (
        <div className="chart-tip" style={hover.left > hover.width / 2 ? { right: hover.width - hover.left + 14, top: 12 } : { left: hover.left + 14, top: 12 }}>
          {tip(hover.index)}
        </div>
      )}
    </div>
  );
}

type Given = Pick<LineChartProps, "lines" | "gaps" | "markers" | "flags" | "range" | "picked"> & { element: HTMLElement; height: number; time: boolean; zero: boolean; log: boolean };

function chartOptions(given: Given, hover: (to: Hover | null) => void, zoomed: (from: number, to: number) => void, brush: boolean): uPlot.Options {
  const { element, lines, height, time, zero, log, range } = given;
  const axis: uPlot.Axis = {
    stroke: () => token("--chart-axis"),
    grid: { stroke: () => token("--chart-grid"), width: 1 },
    ticks: { show: false, size: 0 },
    gap: 6,
    font: `11px ${getComputedStyle(element).fontFamily}`,
  };
  return {
    width: Math.max(element.clientWidth, 200),
    height,
    tzDate: (seconds) => uPlot.tzDate(new Date(seconds * 1000), "UTC"),
    padding: [given.markers?.length || given.flags?.length ? 22 : 8, 10, 0, 0],
    legend: { show: false },
    cursor: { y: false, drag: { x: brush, y: false, setScale: false }, points: { size: 7 } },
    scales: {
      x: { time, ...(range ? { range: [range[0], range[1]] as [number, number] } : {}) },
      y: { distr: log ? 3 : 1, range: log ? undefined : (_, low, high) => bounds(low, high, zero) } as uPlot.Scale,
    },
    axes: [
      { ...axis, space: 64, size: 22, ...(time ? { values: timeLabels } : {}) },
      { ...axis, size: (_, values) => 14 + 6.4 * Math.max(3, ...(values ?? []).map((value) => value.length)), values: (_, splits) => splits.map((value) => (value === null ? "" : figure(value))) },
    ],
    series: [
      {},
      ...lines.map(
        (line): uPlot.Series => ({
          label: line.label,
          stroke: () => token(line.colour),
          width: line.width ?? 1.7,
          spanGaps: false,
          points: { show: line.points ?? false, size: 4 },
          ...(line.dash ? { dash: line.dash } : {}),
          ...(line.stepped && uPlot.paths.stepped ? { paths: uPlot.paths.stepped({ align: 1 }) } : {}),
        }),
      ),
    ],
    hooks: {
      drawClear: [(chart) => drawGaps(chart, given.gaps ?? []), (chart) => drawPick(chart, given.picked)],
      draw: [(chart) => drawGapLabels(chart, given.gaps ?? []), (chart) => drawMarkers(chart, given.markers ?? []), (chart) => drawFlags(chart, given.flags ?? [])],
      setCursor: [
        (chart) => {
          const { idx, left } = chart.cursor;
          hover(typeof idx === "number" && left !== undefined && left >= 0 ? { index: idx, left: left + chart.bbox.left / devicePixelRatio, width: chart.width } : null);
        },
      ],
      setSelect: [
        (chart) => {
          const { left, width } = chart.select;
          if (width < 6) return;
          const [from, to] = [chart.posToVal(left, "x"), chart.posToVal(left + width, "x")];
          chart.setSelect({ left: 0, top: 0, width: 0, height: 0 }, false);
          zoomed(from, to);
        },
      ],
    },
  };
}

function bounds(low: number | null, high: number | null, zero: boolean): [number, number] {
  if (low === null || high === null || !Number.isFinite(low) || !Number.isFinite(high)) return [0, 1];
  const from = zero && low >= 0 ? 0 : low;
  const room = (high - from || Math.abs(high) || 1) * 0.08;
  return [from === 0 ? 0 : from - room, high + room];
}

const MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

/** Day and month; the year where it changes; the clock when the ticks are closer than a day. */
function timeLabels(_: uPlot, splits: number[]): string[] {
  const step = (splits[1] ?? 0) - (splits[0] ?? 0);
  let year = -1;
  return splits.map((at) => {
    const date = new Date(at * 1000);
    const turned = date.getUTCFullYear() !== year;
    year = date.getUTCFullYear();
    if (step < 86_400) return `${String(date.getUTCHours()).padStart(2, "0")}:${String(date.getUTCMinutes()).padStart(2, "0")}`;
    const month = MONTHS[date.getUTCMonth()] ?? "";
    const head = step < 27 * 86_400 ? `${date.getUTCDate()} ${month}` : month;
    return turned ? `${head} ${year}` : head;
  });
}
