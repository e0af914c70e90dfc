/** The prediction archive, newest first, by model and time. */
import { useInfiniteQuery, useQuery } from "@tanstack/react-query";
import { modelsQuery } from "~/api/models.ts";
import { predictionsQuery, predictionsSampleQuery, type Prediction } from "~/api/predictions.ts";
import { To } from "~/components/link.tsx";
import { Page } from "~/components/page.tsx";
import { CopyAs, origin } from "~/components/snippet.tsx";
import { Empty, Failure, Skeleton } from "~/components/states.tsx";
import { Table, type Column } from "~/components/table.tsx";
import { When } from "~/components/when.tsx";
import { cell, figure, milliseconds, plural } from "~/lib/view-text.ts";
import { useView } from "~/lib/view.ts";
import { SliceBar } from "./slice-bar.tsx";
import { SliceChart } from "./slice-chart.tsx";

const link = (row: Prediction) => `/predictions/${encodeURIComponent(row.id)}`;

function miss(row: Prediction): string {
  return typeof row.prediction === "number" && typeof row.label === "number" ? figure(row.prediction - row.label) : "–";
}

const COLUMNS: readonly Column<Prediction>[] = [
  {
    key: "time",
    title: "Event time",
    cell: (row) => (
      <To to={link(row)} className="strong">
        <When at={row.event_time} exact />
      </To>
    ),
  },
  { key: "model", title: "Model", cell: (row) => <span className="nowrap">{row.model} {row.version ? `v${row.version}` : ""}</span> },
  { key: "prediction", title: "Prediction", num: true, cell: (row) => (typeof row.prediction === "number" ? figure(row.prediction) : cell(row.prediction)) },
  { key: "label", title: "Came true", num: true, cell: (row) => (row.label === null || row.label === undefined ? <span className="faint">not yet</span> : typeof row.label === "number" ? figure(row.label) : cell(row.label)) },
  { key: "miss", title: "Off by", num: true, cell: miss },
  { key: "variant", title: "Variant", cell: (row) => row.variant ?? "–" },
  { key: "latency", title: "Took", num: true, cell: (row) => (row.latency_us === null || row.latency_us === undefined ? "–" : milliseconds(row.latency_us / 1000)) },
  { key: "id", title: "Id", cell: (row) => <code className="faint nowrap">…{row.id.slice(-8)}</code> },
];

export function PredictionsPage() {
  const [view, setView] = useView();
  const models = useQuery(modelsQuery).data ?? [];
  const features = useQuery({ ...predictionsSampleQuery(view["model"]), enabled: Boolean(view["model"]) }).data ?? [];
  const slice = view["model"] ? { model: view["model"], ...(view["from"] ? { from: `${view["from"]}T00:00:00Z` } : {}), ...(view["to"] ? { to: `${view["to"]}T00:00:00Z` } : {}), ...(view["filter"] ? { filter: view["filter"] } : {}) } : undefined;
  const by = view["by"] ?? "event_time";
  const columns = [...new Set(["event_time", "prediction", "label", "version", ...features, by])];
  const filter = { ...(view["filter"] && view["model"] ? { filter: view["filter"] } : {}), ...(view["model"] ? { model: view["model"] } : {}), ...(view["from"] ? { from: `${view["from"]}T00:00:00Z` } : {}), ...(view["to"] ? { to: `${view["to"]}T00:00:00Z` } : {}) };
  const query = useInfiniteQuery(predictionsQuery(filter));
  const rows = query.data?.pages.flatMap((page) => page.items) ?? [];
  return (
    <Page
      title="Predictions"
      lead="Every answer a deployment gave, with what it was given and what came true later."
      actions={
        <CopyAs
          snippets={{
            SQL: `select *\nfrom ${view["model"] ? `"${view["model"]}".` : ""}scored\norder by event_time desc\nlimit 100`,
            CLI: `gingham sql "select * from predictions order by event_time desc limit 20"`,
            Python: `from deltalake import DeltaTable\n\ntable = DeltaTable("<data folder>/archive/${view["model"] ?? "traffic"}/predictions")\nframe = table.to_pandas()`,
            curl: `curl "${origin()}/api/v1/predictions?limit=50${view["model"] ? `&model=${view["model"]}` : ""}"`,
          }}
        />
      }
    >
      <section className="card">
        <SliceBar view={view} models={models} slice={slice} error={query.error} onView={setView} />
      </section>
      {slice && <SliceChart slice={slice} columns={columns} by={by} onBy={(column) => setView({ by: column })} onNarrow={(part) => setView({ filter: [view["filter"], part].filter(Boolean).join(" and ") })} />}
      <section className="card">
        {query.error ? (
          <Failure error={query.error} retry={() => void query.refetch()} />
        ) : !query.data ? (
          <Skeleton rows={9} />
        ) : rows.length === 0 ? (
          <Empty title={Object.keys(filter).length ? "No prediction in this range" : "No prediction yet"} why="Each answered request leaves a row here, at once and for years." snippet={`curl -s ${origin()}/v2/models/traffic/infer -d @request.json`} />
        ) : (
          <>
            <Table label="Predictions" columns={COLUMNS} rows={rows} rowKey={(row) => row.id} href={link} keys />
            <div className="pager">
              {plural(rows.length, "prediction")} {query.hasNextPage ? "so far" : ""}
              <span className="tools">
                {query.hasNextPage && (
                  <button type="button" className="button small" disabled={query.isFetchingNextPage} onClick={() => void query.fetchNextPage()}>
                    {query.isFetchingNextPage ? "Reading…" : "More"}
                  </button>
                )}
              </span>
            </div>
          </>
        )}
      </section>
    </Page>
  );
}
