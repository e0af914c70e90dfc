/** The slice by the value of a column: how many predictions, and how wrong they were. A bar narrows the slice to itself. */
import { useQuery } from "@tanstack/react-query";
import { sliceChartQuery, type Slice, type SliceBar } from "~/api/explorer.ts";
import { Card } from "~/components/card.tsx";
import { Failure, Skeleton } from "~/components/states.tsx";
import { count, figure, share } from "~/lib/view-text.ts";

type SliceChartProps = { slice: Slice; columns: readonly string[]; by: string; onBy: (column: string) => void; onNarrow: (filter: string) => void };

export function SliceChart({ slice, columns, by, onBy, onNarrow }: SliceChartProps) {
  const query = useQuery(sliceChartQuery(slice, by));
  const chart = query.data;
  return (
    <Card
      title="By value"
      hint={chart && `${count(chart.rows)} predictions, ${count(chart.labelled)} with their outcome${chart.error === null ? "" : `, off by ${figure(chart.error)} on average`}`}
      tools={
        <select className="select" aria-label="Column" value={by} onChange={(event) => onBy(event.target.value)}>
          {columns.map((column) => (
            <option key={column}>{column}</option>
          ))}
        </select>
      }
    >
      {query.error ? <Failure error={query.error} retry={() => void query.refetch()} /> : !chart ? <Skeleton rows={5} /> : chart.bars.length === 0 ? <p className="muted">No value in this slice.</p> : <Bars chart={chart.bars} rows={chart.rows} column={by} onNarrow={onNarrow} />}
    </Card>
  );
}

function Bars({ chart, rows, column, onNarrow }: { chart: readonly SliceBar[]; rows: number; column: string; onNarrow: (filter: string) => void }) {
  const most = Math.max(...chart.map((bar) => bar.rows), 1);
  const worst = Math.max(...chart.map((bar) => bar.error ?? 0), Number.MIN_VALUE);
  return (
    <table className="distribution" aria-label={`Predictions by ${column}`}>
      <thead>
        <tr>
          <th scope="col">{column}</th>
          <th scope="col">
            <span className="dot current" /> predictions <span className="dot reference" /> mean error
          </th>
          <th scope="col" className="num">
            share
          </th>
          <th scope="col" className="num">
            off by
          </th>
        </tr>
      </thead>
      <tbody>
        {chart.map((bar) => (
          <tr key={bar.label}>
            <th scope="row">
              <button type="button" className="button ghost small" title={`Only where ${bar.filter}`} onClick={() => onNarrow(bar.filter)}>
                {bar.label}
              </button>
            </th>
            <td>
              <span className="bar current" style={{ width: `${(bar.rows / most) * 100}%` }} />
              <span className="bar reference" style={{ width: `${((bar.error ?? 0) / worst) * 100}%` }} />
            </td>
            <td className="num">{share(rows > 0 ? bar.rows / rows : 0)}</td>
            <td className="num">{bar.error === null ? "–" : figure(bar.error)}</td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}
