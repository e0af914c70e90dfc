/** Small charts in SVG: bars, sparklines. */
import { figure } from "~/lib/format.ts";

/** Horizontal bars with their figures; a list already, so it needs no table behind it. */
export function Bars({ rows, format = figure }: { rows: readonly { label: string; value: number }[]; format?: (value: number) => string }) {
  const most = Math.max(...rows.map((row) => Math.abs(row.value)), Number.MIN_VALUE);
  return (
    <div className="bars">
      {rows.map((row) => (
        <div key={row.label} style={{ display: "contents" }}>
          <span className="truncate" title={row.label}>
            {row.label}
          </span>
          <span className="track">
            <span className="fill" style={{ display: "block", width: `${Math.max(0.5, (Math.abs(row.value) / most) * 100)}%` }} />
          </span>
          <span className="value">{format(row.value)}</span>
        </div>
      ))}
    </div>
  );
}

const isPoint = (value: number | null | undefined): value is number => typeof value === "number" && Number.isFinite(value);

/** The shape of a series in the height of a line of text; from its lowest to its highest, not from nought. */
export function Sparkline({ values, limit, label, width = 120, height = 24 }: { values: readonly (number | null)[]; limit?: number | null; label: string; width?: number; height?: number }) {
  const known = values.filter(isPoint);
  if (known.length < 2) return <span className="faint small">–</span>;
  const top = Math.max(...known, limit ?? Number.NEGATIVE_INFINITY);
  const low = Math.min(...known, limit ?? Number.POSITIVE_INFINITY);
  const reach = top - low || 1;
  const step = width / Math.max(1, values.length - 1);
  const y = (value: number) => height - 2 - ((value - low) / reach) * (height - 4);
  const path = values.map((value, index) => (isPoint(value) ? `${isPoint(values[index - 1]) ? "L" : "M"}${(index * step).toFixed(1)} ${y(value).toFixed(1)}` : "")).join("");
  return (
    <svg className="spark" width={width} height={height} role="img" aria-label={label}>
      {limit ? <path d={`M0 ${y(limit)}H${width}`} stroke="var(--chart-limit)" strokeWidth="1" strokeDasharray="3 3" opacity="0.7" /> : null}
      <path d={path} fill="none" stroke="var(--chart-1)" strokeWidth="1.5" strokeLinejoin="round" />
    </svg>
  );
}
