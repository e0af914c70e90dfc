/** The run table: filter by words the API understands, sort by any column, keep the view in the link. */
import { useInfiniteQuery, useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { experimentsQuery, runsQuery, type Run } from "~/api/runs.ts";
import { Badge } from "~/components/badge.tsx";
import { To } from "~/components/link.tsx";
import { Page } from "~/components/page.tsx";
import { CopyAs, origin } from "~/components/snippet.tsx";
import { Empty, Failure, Loaded, Skeleton } from "~/components/states.tsx";
import { Table, type Column, type Sort } from "~/components/table.tsx";
import { When } from "~/components/when.tsx";
import { cell, duration, figure, metricOrder, plural, toDate } from "~/lib/view-text.ts";
import { useView, type View } from "~/lib/view.ts";

export function RunsPage() {
  const experiments = useQuery(experimentsQuery);
  const [view, setView] = useView();
  const chosen = view["experiment"] ?? experiments.data?.[0]?.id;
  return (
    <Page title="Runs" lead="Every training leaves a run: what went in, what came out, how good it was." actions={<CopyAs snippets={snippets(view)} />}>
      <Loaded
        query={experiments}
        skeleton={
          <div className="card">
            <Skeleton rows={8} />
          </div>
        }
        isEmpty={(list) => list.length === 0}
        empty={
          <div className="card">
            <Empty title="No run yet" why="The pipelines here track a run for each candidate; any MLflow client can log its own by changing one line." snippet={`export MLFLOW_TRACKING_URI=${origin()}\npython train.py`} />
          </div>
        }
      >
        {(list) => (
          <section className="card">
            <header className="card-head">
              <select className="select" style={{ width: "auto", maxWidth: 260 }} aria-label="Experiment" value={chosen ?? ""} onChange={(event) => setView({ experiment: event.target.value })}>
                {list.map((experiment) => (
                  <option key={experiment.id} value={experiment.id}>
                    {experiment.name}
                  </option>
                ))}
              </select>
              <FilterBox key={view["filter"]} filter={view["filter"] ?? ""} onFilter={(filter) => setView({ filter })} />
            </header>
            <Runs experiment={chosen} view={view} setView={setView} />
          </section>
        )}
      </Loaded>
    </Page>
  );
}

function FilterBox({ filter, onFilter }: { filter: string; onFilter: (filter: string) => void }) {
  const [text, setText] = useState(filter);
  return (
    <form
      className="row grow"
      onSubmit={(event) => {
        event.preventDefault();
        onFilter(text.trim());
      }}
    >
      <input className="input mono" type="search" aria-label="Filter runs" placeholder="metrics.mae < 300 and params.trainer = 'linear'" value={text} onChange={(event) => setText(event.target.value)} spellCheck={false} />
      <button type="submit" className="button">
        Filter
      </button>
      {filter && (
        <button type="button" className="button ghost" onClick={() => onFilter("")}>
          Clear
        </button>
      )}
    </form>
  );
}

type RunsProps = { experiment: string | undefined; view: View; setView: (patch: View) => void };

function Runs({ experiment, view, setView }: RunsProps) {
  const sort = parseSort(view["sort"]);
  const query = useInfiniteQuery(runsQuery(experiment, view["filter"] ?? "", sort ? `${sort.key} ${sort.down ? "DESC" : "ASC"}` : ""));
  if (query.error) return <Failure error={query.error} retry={() => void query.refetch()} />;
  if (!query.data) return <Skeleton rows={8} />;
  const runs = query.data.pages.flatMap((page) => page.items);
  if (runs.length === 0) {
    return view["filter"] ? <Empty title="No run fits the filter" why="Names are metrics.…, params.…, tags.… and attributes.…; words stand in single quotes." snippet={"metrics.mae < 300 and params.trainer = 'linear'"} /> : <Empty title="No run in this experiment" why="It is made and waits for its first run." snippet={"gingham train traffic"} />;
  }
  return (
    <>
      <Table label="Runs" columns={columnsFor(runs)} rows={runs} rowKey={(run) => run.id} href={(run) => `/runs/${encodeURIComponent(run.id)}`} keys {...(sort ? { sort } : {})} onSort={(next) => setView({ sort: `${next.key}:${next.down ? "down" : "up"}` })} />
      <div className="pager">
        {plural(runs.length, "run")} {query.hasNextPage ? "so far" : ""}
        <span className="tools">
          {query.hasNextPage && (
            <button type="button" className="button small" disabled={query.isFetchingNextPage} onClick={() => void query.fetchNextPage()}>
              {query.isFetchingNextPage ? "Reading…" : "More"}
            </button>
          )}
        </span>
      </div>
    </>
  );
}

function parseSort(text: string | undefined): Sort | undefined {
  const [key, way] = (text ?? "").split(":");
  return key ? { key, down: way !== "up" } : undefined;
}

/** Metrics first, then the params that differ between the runs shown; what is the same everywhere says nothing. */
function columnsFor(runs: readonly Run[]): Column<Run>[] {
  const metrics = metricOrder(names(runs, (run) => run.metrics)).slice(0, 8);
  const params = names(runs, (run) => run.params)
    .filter((name) => new Set(runs.map((run) => cell(run.params?.[name]))).size > 1)
    .slice(0, 10);
  return [
    {
      key: "attributes.run_name",
      title: "Run",
      cell: (run) => (
        <To to={`/runs/${encodeURIComponent(run.id)}`} className="strong nowrap">
          {run.name || run.id.slice(0, 10)}
        </To>
      ),
    },
    { key: "status", title: "Status", cell: (run) => <Badge state={run.status.toLowerCase()} /> },
    ...metrics.map((name): Column<Run> => ({ key: `metrics.${name}`, group: "metrics", title: name, num: true, sortable: true, cell: (run) => (run.metrics && name in run.metrics ? figure(run.metrics[name]) : <span className="faint">–</span>) })),
    ...params.map((name): Column<Run> => ({ key: `params.${name}`, group: "params", title: name, sortable: true, cell: (run) => <span className="nowrap">{run.params && name in run.params ? cell(run.params[name]) : <span className="faint">–</span>}</span> })),
    { key: "duration", title: "Took", num: true, cell: (run) => (run.end_time ? duration(iso(run.start_time), iso(run.end_time)) : "–") },
    { key: "attributes.start_time", title: "Started", num: true, sortable: true, cell: (run) => <When at={run.start_time} /> },
  ];
}

const iso = (at: string | number | null | undefined) => toDate(at)?.toISOString();

function names(runs: readonly Run[], of: (run: Run) => object | undefined): string[] {
  const seen = new Map<string, number>();
  for (const run of runs) for (const name of Object.keys(of(run) ?? {})) seen.set(name, (seen.get(name) ?? 0) + 1);
  return [...seen].toSorted((a, b) => b[1] - a[1]).map(([name]) => name);
}

function snippets(view: View): Record<string, string> {
  const filter = view["filter"];
  return {
    CLI: `gingham ls runs${filter ? ` --filter "${filter}"` : ""}`,
    "Python (MLflow)": `import mlflow\n\nmlflow.set_tracking_uri("${origin()}")\nruns = mlflow.search_runs(search_all_experiments=True${filter ? `, filter_string="${filter}"` : ""})`,
    curl: `curl "${origin()}/api/v1/experiments/${view["experiment"] ?? "1"}/runs${filter ? `?filter=${encodeURIComponent(filter)}` : ""}"`,
  };
}
