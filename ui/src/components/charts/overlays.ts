/** What is drawn under and over the lines of a chart: gaps, marks, flags, the chosen point. */
import type uPlot from "uplot";
import { token } from "~/lib/theme.ts";

/** A stretch without data. */
export type Gap = { from: number; to: number; label?: string };
/** A moment that the lines should be read against, such as a new version. */
export type Marker = { at: number; label: string };
/** Something that needs a person's eye at that time. */
export type Flag = { at: number; colour: `--${string}` };

const clamp = (chart: uPlot, at: number) => Math.min(chart.bbox.left + chart.bbox.width, Math.max(chart.bbox.left, chart.valToPos(at, "x", true)));

function font(chart: uPlot): string {
  return `${10.5 * devicePixelRatio}px ${getComputedStyle(chart.root).fontFamily}`;
}

export function drawGaps(chart: uPlot, gaps: readonly Gap[]): void {
  const { ctx, bbox } = chart;
  for (const gap of gaps) {
    const [left, right] = [clamp(chart, gap.from), clamp(chart, gap.to)];
    if (right - left < 1) continue;
    ctx.save();
    ctx.beginPath();
    ctx.rect(left, bbox.top, right - left, bbox.height);
    ctx.clip();
    ctx.fillStyle = token("--chart-gap");
    ctx.fillRect(left, bbox.top, right - left, bbox.height);
    ctx.strokeStyle = token("--chart-gap");
    ctx.lineWidth = 2 * devicePixelRatio;
    ctx.beginPath();
    for (let x = left - bbox.height; x < right; x += 9 * devicePixelRatio) {
      ctx.moveTo(x, bbox.top + bbox.height);
      ctx.lineTo(x + bbox.height, bbox.top);
    }
    ctx.stroke();
    ctx.restore();
  }
}

/** Said over the grid, on a patch of its own, where there is room for it. */
export function drawGapLabels(chart: uPlot, gaps: readonly Gap[]): void {
  const { ctx, bbox } = chart;
  ctx.save();
  ctx.font = font(chart);
  ctx.textAlign = "center";
  ctx.textBaseline = "middle";
  for (const gap of gaps) {
    const [left, right] = [clamp(chart, gap.from), clamp(chart, gap.to)];
    const room = 6 * devicePixelRatio;
    const width = gap.label ? ctx.measureText(gap.label).width + 2 * room : 0;
    if (!gap.label || width > right - left - room) continue;
    const [x, y] = [(left + right) / 2, bbox.top + bbox.height * 0.42];
    ctx.fillStyle = token("--surface");
    ctx.beginPath();
    ctx.roundRect(x - width / 2, y - 9 * devicePixelRatio, width, 18 * devicePixelRatio, 4 * devicePixelRatio);
    ctx.fill();
    ctx.fillStyle = token("--text-2");
    ctx.fillText(gap.label, x, y);
  }
  ctx.restore();
}

export function drawMarkers(chart: uPlot, markers: readonly Marker[]): void {
  const { ctx, bbox } = chart;
  const seen: number[] = [];
  for (const marker of markers) {
    const x = chart.valToPos(marker.at, "x", true);
    if (x < bbox.left - 1 || x > bbox.left + bbox.width + 1) continue;
    ctx.save();
    ctx.strokeStyle = token("--text-3");
    ctx.lineWidth = devicePixelRatio;
    ctx.setLineDash([2 * devicePixelRatio, 3 * devicePixelRatio]);
    ctx.beginPath();
    ctx.moveTo(x, bbox.top - 4 * devicePixelRatio);
    ctx.lineTo(x, bbox.top + bbox.height);
    ctx.stroke();
    if (seen.every((other) => Math.abs(other - x) > 26 * devicePixelRatio)) {
      ctx.font = `600 ${font(chart)}`;
      ctx.fillStyle = token("--text-2");
      ctx.textAlign = x > bbox.left + bbox.width - 24 * devicePixelRatio ? "right" : "left";
      ctx.textBaseline = "bottom";
      ctx.fillText(marker.label, x, bbox.top - 6 * devicePixelRatio);
      seen.push(x);
    }
    ctx.restore();
  }
}

export function drawFlags(chart: uPlot, flags: readonly Flag[]): void {
  const { ctx, bbox } = chart;
  const size = 4.5 * devicePixelRatio;
  for (const flag of flags) {
    const x = chart.valToPos(flag.at, "x", true);
    if (x < bbox.left || x > bbox.left + bbox.width) continue;
    const y = bbox.top + bbox.height - size;
    ctx.save();
    ctx.fillStyle = token(flag.colour);
    ctx.strokeStyle = token("--surface");
    ctx.lineWidth = 1.5 * devicePixelRatio;
    ctx.beginPath();
    ctx.moveTo(x, y - size * 1.2);
    ctx.lineTo(x + size * 1.15, y + size * 0.8);
    ctx.lineTo(x - size * 1.15, y + size * 0.8);
    ctx.closePath();
    ctx.stroke();
    ctx.fill();
    ctx.restore();
  }
}

/** A soft column behind the point whose details are open. */
export function drawPick(chart: uPlot, index: number | undefined): void {
  const at = index === undefined ? undefined : chart.data[0][index];
  if (at === undefined || at === null || index === undefined) return;
  const { ctx, bbox } = chart;
  const next = chart.data[0][index + 1] ?? at;
  const half = Math.max(3 * devicePixelRatio, Math.min(12 * devicePixelRatio, Math.abs(chart.valToPos(next, "x", true) - chart.valToPos(at, "x", true)) / 2));
  const x = chart.valToPos(at, "x", true);
  ctx.save();
  ctx.fillStyle = token("--accent");
  ctx.globalAlpha = 0.16;
  ctx.fillRect(x - half, bbox.top, half * 2, bbox.height);
  ctx.restore();
}
