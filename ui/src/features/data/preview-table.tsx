/** The first rows of a version. */
import { useQuery } from "@tanstack/react-query";
import { previewQuery, previewTable } from "~/api/datasets.ts";
import { Card } from "~/components/card.tsx";
import { Empty, Loaded } from "~/components/states.tsx";
import { cell, plural } from "~/lib/format.ts";

export function PreviewTable({ name, number, onVersion }: { name: string; number: number; onVersion: (number: number) => void }) {
  const query = useQuery(previewQuery(name, number));
  return (
    <Card
      title="First rows"
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
              <div className="pager">{plural(rows.length, "row")} shown</div>
            </>
          );
        }}
      </Loaded>
    </Card>
  );
}
