/** Each check with what it saw, what it asked, and some of the rows that broke it. */
import type { CheckResult, Verdict } from "~/api/datasets.ts";
import { Badge, StateIcon } from "~/components/badge.tsx";
import { Prose } from "~/components/prose.tsx";
import { cell, count, plural } from "~/lib/format.ts";

const WEIGHT: Record<string, number> = { error: 0, fail: 1, warn: 2, pass: 3 };

export function VerdictView({ verdict }: { verdict: Verdict }) {
  const results = (verdict.results ?? []).toSorted((a, b) => (WEIGHT[a.outcome] ?? 4) - (WEIGHT[b.outcome] ?? 4));
  return (
    <ul className="list">
      {results.map((result) => (
        <li key={result.check_id} className="list-row">
          <StateIcon state={result.outcome} size={16} />
          <div className="grow stack tight" style={{ gap: 4 }}>
            <div className="row wrap">
              <span className="strong">{result.check_id}</span>
              {result.outcome !== "pass" && result.failing_rows ? <span className="muted">{plural(result.failing_rows, "row")}</span> : null}
            </div>
            {result.message ? (
              <div className={result.outcome === "pass" ? "small muted" : "wrap-anywhere"}>
                <Prose text={result.message} />
              </div>
            ) : (
              <div className="small muted wrap-anywhere">
                {result.observed !== undefined && result.observed !== null && <>saw {cell(result.observed)}, </>}
                asked <Prose text={cell(result.expected)} plain />
              </div>
            )}
            {result.hint && (
              <div className="small muted">
                Hint: <Prose text={result.hint} plain />
              </div>
            )}
            {result.outcome !== "pass" && result.reason && result.reason !== result.message && <div className="small muted"><Prose text={result.reason} /></div>}
            <Sample result={result} />
          </div>
          <Badge state={result.outcome} />
        </li>
      ))}
      {results.length === 0 && <li className="list-row muted">No check was run.</li>}
    </ul>
  );
}

function Sample({ result }: { result: CheckResult }) {
  const rows = result.sample ?? [];
  const first = rows[0];
  if (!first) return null;
  const columns = Object.keys(first);
  return (
    <details>
      <summary className="small" style={{ cursor: "pointer" }}>
        {count(rows.length)} of the rows
      </summary>
      <div className="table-wrap">
        <table className="table small">
          <thead>
            <tr>
              {columns.map((column) => (
                <th key={column} scope="col">
                  {column}
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {rows.map((row, index) => (
              <tr key={index}>
                {columns.map((column) => (
                  <td key={column} className="nowrap">
                    {cell(row[column])}
                  </td>
                ))}
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </details>
  );
}
