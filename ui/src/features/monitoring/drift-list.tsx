/** Every column of a window with its drift; open one to see how its distribution moved. */
import type { ColumnDrift } from "~/api/monitoring.ts";
import { Badge, toneOf } from "~/components/badge.tsx";
import { Facts } from "~/components/card.tsx";
import { Distribution } from "~/components/charts/distribution.tsx";
import { Prose } from "~/components/prose.tsx";
import { Empty } from "~/components/states.tsx";
import { count, figure, fixed, share, words } from "~/lib/format.ts";

const reach = (row: ColumnDrift) => (row.value ?? -1) / (row.threshold || 1);

export function DriftList({ drift }: { drift: readonly ColumnDrift[] }) {
  if (drift.length === 0) return <Empty title="No drift measured" why="This window has too few rows, or nothing to be compared with." />;
  const sorted = drift.toSorted((a, b) => reach(b) - reach(a));
  return (
    <ul className="list" style={{ borderTop: "1px solid var(--line-soft)" }} aria-label="Drift by column">
      {sorted.map((row) => (
        <li key={`${row.column}:${row.statistic}`}>
          <details className="drift-row">
            <summary>
              <span className="truncate">
                <span className="strong">{row.column}</span>
                {row.words && toneOf(row.state) !== "ok" && (
                  <span className="small muted" style={{ display: "block", whiteSpace: "normal" }}>
                    <Prose text={row.words} />
                  </span>
                )}
              </span>
              <span className="right nowrap">
                <span className="small faint">{words(row.statistic)}</span> {fixed(row.value, 3)}
                <span className="small faint"> of {fixed(row.threshold, 2)}</span>
              </span>
              <Badge state={row.state}>{words(row.state)}</Badge>
            </summary>
            <div>
              {row.words && toneOf(row.state) === "ok" && (
                <p className="muted">
                  <Prose text={row.words} />
                </p>
              )}
              {row.bins && row.bins.length > 0 && <Distribution column={row.column} bins={row.bins} />}
              <Facts entries={facts(row)} />
            </div>
          </details>
        </li>
      ))}
    </ul>
  );
}

function facts(row: ColumnDrift) {
  return [
    ["against", row.reference ? `${words(row.reference)}, ${count(row.reference_rows)} rows` : undefined],
    ["over the threshold", row.judged_windows ? `${count(row.breached_windows)} of the last ${count(row.judged_windows)} windows` : undefined],
    ["p-value", row.p_value === null || row.p_value === undefined ? undefined : figure(row.p_value)],
    ["median", row.median === null || row.median === undefined ? undefined : `${figure(row.median)}, was ${figure(row.reference_median)}`],
    ["empty", row.null_share ? `${share(row.null_share)}, was ${share(row.reference_null_share)}` : undefined],
    ["never seen before", row.unseen && row.unseen.length > 0 ? row.unseen.map((each) => `${each.value} (${count(each.rows)})`).join(", ") : undefined],
  ] as const;
}
