/** Rows of a version, a page at a time. */
import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { PREVIEW_ROWS, previewQuery, previewTable } from "~/api/datasets.ts";
import { Card } from "~/components/card.tsx";
import { Empty, Loaded } from "~/components/states.tsx";
import { cell, count } from "~/lib/format.ts";

export function PreviewTable({ name, number, onVersion }: { name: string; number: number; onVersion: (number: number) => void }) {
  const [offset, setOffset] = useState(0);
  const query = useQuery(previewQuery(name, number, offset));
  return (
    <Card
      title="Rows"
      hint={`of v${number}`}
      flush
      tools={
        number > 1 && (
          <button type="button" className="button small" onClick={() => onVersion(number - 1)}>
            As it was in v{number - 1}
          </button>
        )
      }
    >
      <Loaded query={query} isEmpty={(preview) => previewTable(preview).rows.length === 0} empty={<Empty title="No rows" why="This version is empty." />}>
        {(preview) => {
          const { columns, rows } = previewTable(preview);
          return (
            <>
              <div className="table-wrap" style={{ maxHeight: 380, overflowY: "auto" }}>
                <table className="table">
                  <thead style={{ position: "sticky", top: 0 }}>
                    <tr>
                      {columns.map((column, index) => (
                        <th key={column} scope="col" className={typeof rows[0]?.[index] === "number" ? "num" : undefined}>
                          {column}
                        </th>
                      ))}
                    </tr>
                  </thead>
                  <tbody>
                    {rows.map((row, index) => (
                      <tr key={index}>
                        {row.map((value, at) => (
                          <td key={columns[at]} className={typeof value === "number" ? "num" : "nowrap"}>
                            {cell(value)}
                          </td>
                        ))}
                      </tr>
                    ))}
                  </tbody>
                </table>
              </div>
              <div className="pager row">
                <button type="button" className="button small" disabled={offset === 0} onClick={() => setOffset(Math.max(0, offset - PREVIEW_ROWS))}>
                  Before
                </button>
                <span>
                  {count(offset + 1)} to {count(offset + rows.length)}
                  {"rows_total" in preview && preview.rows_total !== undefined && ` of ${count(preview.rows_total)}`}
                </span>
                <button type="button" className="button small" disabled={rows.length < PREVIEW_ROWS || ("rows_total" in preview && offset + rows.length >= (preview.rows_total ?? 0))} onClick={() => setOffset(offset + PREVIEW_ROWS)}>
                  After
                </button>
              </div>
            </>
          );
        }}
      </Loaded>
    </Card>
  );
}
