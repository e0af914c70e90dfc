/** A chart and the table behind it: the same figures, for eyes and for everything else. */
import { BarChart3, Table2 } from "lucide-react";
import { Suspense, useState, type ReactNode } from "react";
import { Card } from "~/components/card.tsx";

type ChartCardProps = {
  title: ReactNode;
  hint?: ReactNode;
  legend?: ReactNode;
  tools?: ReactNode;
  height?: number;
  chart: ReactNode;
  table: { columns: string[]; rows: readonly (readonly ReactNode[])[] };
};

export function ChartCard({ title, hint, legend, tools, height = 240, chart, table }: ChartCardProps) {
  const [asTable, setAsTable] = useState(false);
  return (
    <Card
      title={title}
      hint={hint}
      flush={asTable}
      tools={
        <>
          {tools}
          <button type="button" className="button ghost icon small" aria-pressed={asTable} aria-label={asTable ? "Show as chart" : "Show as table"} title={asTable ? "Show as chart" : "Show as table"} onClick={() => setAsTable(!asTable)}>
            {asTable ? <BarChart3 size={15} /> : <Table2 size={15} />}
          </button>
        </>
      }
      foot={!asTable && legend}
    >
      {asTable ? <FigureTable {...table} /> : <Suspense fallback={<span className="skeleton" style={{ height }} />}>{chart}</Suspense>}
    </Card>
  );
}

function FigureTable({ columns, rows }: ChartCardProps["table"]) {
  return (
    <div className="table-wrap" style={{ maxHeight: 420, overflowY: "auto" }}>
      <table className="table">
        <thead>
          <tr>
            {columns.map((column, index) => (
              <th key={column} scope="col" className={index > 0 ? "num" : undefined}>
                {column}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {rows.map((row, index) => (
            <tr key={index}>
              {row.map((cell, at) => (
                <td key={columns[at]} className={at > 0 ? "num" : undefined}>
                  {cell}
                </td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

export function Legend({ entries }: { entries: readonly { label: string; colour: string; shape?: "line" | "dash" | "gap" | "flag" | "mark" }[] }) {
  return (
    <ul className="legend">
      {entries.map(({ label, colour, shape = "line" }) => (
        <li key={label}>
          <svg width="18" height="10" aria-hidden="true">
            {shape === "flag" ? (
              <path d="M9 1l5 8H4z" fill={`var(${colour})`} />
            ) : shape === "gap" ? (
              <rect width="18" height="10" fill={`var(${colour})`} />
            ) : shape === "mark" ? (
              <path d="M9 0v10" stroke={`var(${colour})`} strokeDasharray="2 2" />
            ) : (
              <path d="M0 5h18" stroke={`var(${colour})`} strokeWidth="2" strokeDasharray={shape === "dash" ? "5 3" : undefined} />
            )}
          </svg>
          {label}
        </li>
      ))}
    </ul>
  );
}
