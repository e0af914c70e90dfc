/** What changed from the version before: columns, rows, and what the columns hold. */
import { useQuery } from "@tanstack/react-query";
import { datasetDriftQuery, schemaColumns, type DatasetVersion } from "~/api/datasets.ts";
import { Badge } from "~/components/badge.tsx";
import { Card } from "~/components/card.tsx";
import { Prose } from "~/components/prose.tsx";
import { Loaded } from "~/components/states.tsx";
import { count } from "~/lib/view-text.ts";

export function VersionChange({ name, then, now }: { name: string; then: DatasetVersion; now: DatasetVersion }) {
  const query = useQuery(datasetDriftQuery(name, then.number, now.number));
  const change = now.rows_total - then.rows_total;
  return (
    <Card title={`From v${then.number} to v${now.number}`} hint={`${count(then.rows_total)} → ${count(now.rows_total)} rows (${change < 0 ? "" : "+"}${count(change)})`} flush>
      {columnChanges(then, now).map((words) => (
        <div key={words} className="list-row">
          {words}
        </div>
      ))}
      <Loaded query={query}>
        {(report) => (
          <>
            <div className="list-row muted">
              <Prose text={report.words} />
            </div>
            <ul className="list">
              {report.columns.map((column) => (
                <li key={column.column} className="list-row" style={{ padding: "7px 14px" }}>
                  <span className="grow small muted">{column.words && <Prose text={column.words} plain />}</span>
                  {column.state && <Badge state={column.state} />}
                </li>
              ))}
            </ul>
          </>
        )}
      </Loaded>
    </Card>
  );
}

const kinds = (version: DatasetVersion) => new Map(schemaColumns(version).map((column) => [column.name, column.type ?? column.kind ?? ""]));

/** Columns that came, went, or have another type. */
export function columnChanges(then: DatasetVersion, now: DatasetVersion): string[] {
  const [old, fresh] = [kinds(then), kinds(now)];
  const gone = [...old].filter(([name]) => !fresh.has(name)).map(([name]) => `column ${name} is gone`);
  const changed = [...old].filter(([name, kind]) => fresh.has(name) && fresh.get(name) !== kind).map(([name, kind]) => `column ${name} was ${kind} and is ${fresh.get(name)}`);
  const added = [...fresh].filter(([name]) => !old.has(name)).map(([name, kind]) => `column ${name} is new: ${kind}`);
  return [...gone, ...changed, ...added];
}
