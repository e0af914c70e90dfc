/** The run table: only the rows in sight are in the page, so that a hundred thousand runs scroll like ten. */
import { ArrowDown, ArrowUp } from "lucide-react";
import { useEffect, useRef, useState } from "react";
import type { Run } from "~/api/runs.ts";
import { Badge } from "~/components/badge.tsx";
import { To } from "~/components/link.tsx";
import type { Sort } from "~/components/table.tsx";
import { When } from "~/components/when.tsx";
import { cell, duration, figure, toDate } from "~/lib/view-text.ts";
import { parts, written, type ColumnName } from "./run-columns.ts";

/** The height of a row in pixels; rows never wrap. */
const ROW = 34;
/** Rows above and below the window that are there already when it moves. */
const AHEAD = 12;

type RunTableProps = {
  runs: readonly Run[];
  columns: readonly ColumnName[];
  chosen: ReadonlySet<string>;
  onChoose: (id: string) => void;
  sort: Sort | undefined;
  onSort: (sort: Sort) => void;
  /** Called when the end of what is loaded comes into sight. */
  onEnd: () => void;
};

export function RunTable({ runs, columns, chosen, onChoose, sort, onSort, onEnd }: RunTableProps) {
  const box = useRef<HTMLDivElement>(null);
  const [view, setView] = useState({ top: 0, height: 640 });
  const from = Math.max(0, Math.floor(view.top / ROW) - AHEAD);
  const to = Math.min(runs.length, Math.ceil((view.top + view.height) / ROW) + AHEAD);
  const atEnd = to >= runs.length;

  // The size of the window is the browser's to say.
  useEffect(() => {
    const element = box.current;
    if (!element) return;
    const measure = () => setView((was) => ({ ...was, height: element.clientHeight || was.height }));
    const observer = new ResizeObserver(measure);
    observer.observe(element);
    return () => observer.disconnect();
  }, []);

  // More rows come from the server when the last ones are near.
  useEffect(() => {
    if (atEnd) onEnd();
  }, [atEnd, onEnd]);

  const head = (key: string, title: string, group?: string, num = true) => (
    <th key={key} scope="col" className={num ? "num" : undefined} aria-sort={sort?.key === key ? (sort.down ? "descending" : "ascending") : undefined}>
      {group && <span className="group">{group}.</span>}
      <button type="button" title={title} onClick={() => onSort({ key, down: sort?.key === key ? !sort.down : true })}>
        <span className="cut">{title}</span>
        {sort?.key === key && (sort.down ? <ArrowDown size={12} /> : <ArrowUp size={12} />)}
      </button>
    </th>
  );
  return (
    <div ref={box} className="table-wrap tall run-table" style={{ maxHeight: "min(70vh, 900px)" }} onScroll={(event) => setView({ top: event.currentTarget.scrollTop, height: event.currentTarget.clientHeight || view.height })}>
      <table className="table" aria-label="Runs" aria-rowcount={runs.length + 1}>
        <thead>
          <tr>
            <th scope="col" aria-label="Chosen" />
            {head("attributes.run_name", "Run", undefined, false)}
            {head("attributes.status", "Status", undefined, false)}
            {columns.map((column) => {
              const [area, name] = parts(column);
              return head(written(column), name, area, area === "metrics");
            })}
            <th scope="col" className="num">
              Took
            </th>
            {head("attributes.start_time", "Started")}
          </tr>
        </thead>
        <tbody>
          {from > 0 && <tr aria-hidden="true" style={{ height: from * ROW }} />}
          {runs.slice(from, to).map((run, index) => (
            <tr key={run.id} aria-rowindex={from + index + 2} className={chosen.has(run.id) ? "selected" : undefined} style={{ height: ROW }}>
              <td>
                <input type="checkbox" aria-label={`Choose ${run.name || run.id}`} checked={chosen.has(run.id)} onChange={() => onChoose(run.id)} />
              </td>
              <td>
                <To to={`/runs/${encodeURIComponent(run.id)}`} className="strong nowrap">
                  {run.name || run.id.slice(0, 10)}
                </To>
              </td>
              <td>
                <Badge state={run.status.toLowerCase()} />
              </td>
              {columns.map((column) => (
                <Value key={column} run={run} column={column} />
              ))}
              <td className="num">{run.end_time ? duration(iso(run.start_time), iso(run.end_time)) : "–"}</td>
              <td className="num">
                <When at={run.start_time} />
              </td>
            </tr>
          ))}
          {to < runs.length && <tr aria-hidden="true" style={{ height: (runs.length - to) * ROW }} />}
        </tbody>
      </table>
    </div>
  );
}

function Value({ run, column }: { run: Run; column: ColumnName }) {
  const [area, name] = parts(column);
  const values = run[area];
  if (!values || !(name in values)) return <td className={area === "metrics" ? "num faint" : "faint"}>–</td>;
  const text = area === "metrics" ? figure(values[name] as number | null) : cell(values[name]);
  return (
    <td className={area === "metrics" ? "num" : undefined} title={text}>
      <span className="cut">{text}</span>
    </td>
  );
}

const iso = (at: string | number | null | undefined) => toDate(at)?.toISOString();
