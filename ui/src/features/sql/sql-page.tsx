/** A question in SQL, its answer as a table and as a file. */
import { useQuery } from "@tanstack/react-query";
import { Download, Play } from "lucide-react";
import { useState, type KeyboardEvent } from "react";
import { sqlQuery, type SqlAnswer } from "~/api/predictions.ts";
import { Page } from "~/components/page.tsx";
import { CopyAs, origin } from "~/components/snippet.tsx";
import { Empty, Failure, Skeleton } from "~/components/states.tsx";
import { download, toCsv } from "~/lib/csv.ts";
import { cell, milliseconds, plural } from "~/lib/view-text.ts";
import { useView } from "~/lib/view.ts";

const EXAMPLES: readonly (readonly [string, string])[] = [
  ["Latest predictions", "select event_time, model, version, prediction, label\nfrom scored\norder by event_time desc\nlimit 100"],
  ["Error by version", "select version, count(*) as n, avg(abs(prediction - label)) as mae\nfrom traffic.scored\nwhere label is not null\ngroup by version\norder by version"],
  ["Error by hour of day", "select hour, count(*) as n, avg(abs(prediction - label)) as mae\nfrom traffic.scored\nwhere label is not null\ngroup by hour\norder by hour"],
  ["Impossible rain", "select event_time, rain_1h, prediction, label\nfrom traffic.scored\nwhere rain_1h > 305"],
];

export function SqlPage() {
  const [view, setView] = useView();
  const [text, setText] = useState(view["q"] ?? EXAMPLES[0]?.[1] ?? "");
  const asked = view["q"];
  const sql = useQuery(sqlQuery(asked));
  const run = (query = text) => {
    if (query === asked) void sql.refetch();
    else setView({ q: query });
  };
  const press = (event: KeyboardEvent) => {
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) {
      event.preventDefault();
      run();
    }
  };
  return (
    <Page
      title="SQL"
      lead={
        <>
          Reads the archive: <code>predictions</code>, <code>labels</code> and <code>scored</code> of all models, or of one with its features as columns, such as <code>traffic.scored</code>.
        </>
      }
      actions={<CopyAs snippets={{ CLI: `gingham sql "${text.replaceAll('"', '\\"')}"`, curl: `curl ${origin()}/api/v1/sql \\\n  -H "content-type: application/json" \\\n  -d '${JSON.stringify({ query: text.replaceAll("\n", " "), limit: 1000 }).replaceAll("'", "'\\''")}'`, Python: `import gingham\n\nclient = gingham.connect("${origin()}")\nrows = client.sql("""\n${text}\n""")` }} />}
    >
      <section className="card">
        <textarea className="sql-editor" aria-label="SQL" spellCheck={false} value={text} onChange={(event) => setText(event.target.value)} onKeyDown={press} />
        <div className="pager">
          <button type="button" className="button primary" disabled={sql.isFetching || !text.trim()} onClick={() => run()}>
            <Play size={13} /> Run
          </button>
          <kbd>{/Mac/.test(navigator.userAgent) ? "⌘" : "Ctrl"} Enter</kbd>
          <span className="tools">
            <select
              className="select"
              aria-label="Examples"
              value=""
              onChange={(event) => {
                const query = EXAMPLES.find(([name]) => name === event.target.value)?.[1] ?? "";
                setText(query);
                run(query);
              }}
            >
              <option value="">Examples</option>
              {EXAMPLES.map(([name]) => (
                <option key={name}>{name}</option>
              ))}
            </select>
          </span>
        </div>
      </section>
      <section className="card">
        {sql.isFetching ? <Skeleton rows={7} /> : sql.error ? <Failure error={sql.error} /> : sql.data ? <Answer answer={sql.data} /> : <Empty title="Nothing asked yet" why="Run the query above, or choose an example; rows that came a moment ago are seen too." />}
      </section>
    </Page>
  );
}

function Answer({ answer }: { answer: SqlAnswer }) {
  const columns = answer.columns.map((column) => column.name);
  const numeric = answer.columns.map((_, index) => answer.rows.some((row) => typeof row[index] === "number"));
  return (
    <>
      <header className="card-head">
        <h2>{plural(answer.rows.length, "row")}</h2>
        <span className="hint">
          {answer.elapsed_ms !== undefined && milliseconds(answer.elapsed_ms)}
          {answer.truncated && ", cut at the limit"}
        </span>
        <div className="tools">
          <button type="button" className="button small" disabled={answer.rows.length === 0} onClick={() => download("gingham.csv", toCsv(columns, answer.rows))}>
            <Download size={13} /> CSV
          </button>
        </div>
      </header>
      {answer.rows.length === 0 ? (
        <Empty title="No rows" why="The query ran, and nothing fits it." />
      ) : (
        <div className="table-wrap" style={{ maxHeight: "62vh", overflowY: "auto" }}>
          <table className="table" aria-label="Result">
            <thead style={{ position: "sticky", top: 0 }}>
              <tr>
                {answer.columns.map((column, index) => (
                  <th key={column.name} scope="col" title={column.type} className={numeric[index] ? "num" : undefined}>
                    {column.name}
                  </th>
                ))}
              </tr>
            </thead>
            <tbody>
              {answer.rows.map((row, index) => (
                <tr key={index}>
                  {row.map((value, at) => (
                    <td key={columns[at]} className={numeric[at] ? "num" : "nowrap"}>
                      {value === null ? <span className="faint">null</span> : cell(value)}
                    </td>
                  ))}
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      )}
    </>
  );
}
