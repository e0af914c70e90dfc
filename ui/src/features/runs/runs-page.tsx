/** The run table: filter by words the API understands, sort by any column, choose runs to compare; the view is the link. */
import { useInfiniteQuery, useQuery } from "@tanstack/react-query";
import { useNavigate } from "@tanstack/react-router";
import { useCallback, useMemo, useState } from "react";
import { Problem } from "~/api/client.ts";
import { experimentsQuery, runsQuery, type Run } from "~/api/runs.ts";
import { Page } from "~/components/page.tsx";
import { CopyAs, origin } from "~/components/snippet.tsx";
import { Empty, Failure, Loaded, Skeleton } from "~/components/states.tsx";
import type { Sort } from "~/components/table.tsx";
import { plural } from "~/lib/view-text.ts";
import { useView, type View } from "~/lib/view.ts";
import { ColumnChooser } from "./column-chooser.tsx";
import { FilterBox } from "./filter-box.tsx";
import { allColumns, chosenColumns, usualColumns, writtenColumns } from "./run-columns.ts";
import { RunTable } from "./run-table.tsx";
import { SavedViews } from "./saved-views.tsx";

/** Runs that are laid side by side. */
const MOST_COMPARED = 20;
const ALL = "all";

export function RunsPage() {
  const experiments = useQuery(experimentsQuery);
  const [view, setView] = useView();
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
        {(list) => <Runs experiments={list} view={view} setView={setView} />}
      </Loaded>
    </Page>
  );
}

type RunsProps = { experiments: { id: string; name: string }[]; view: View; setView: (patch: View) => void };

function Runs({ experiments, view, setView }: RunsProps) {
  const experiment = view["experiment"] ?? experiments[0]?.id ?? ALL;
  const sort = parseSort(view["sort"]);
  const order = sort ? `${sort.key} ${sort.down ? "DESC" : "ASC"}` : "";
  const filter = view["filter"] ?? "";
  const sent = shownFilter(filter, view["archived"]);
  const query = useInfiniteQuery(runsQuery(experiment === ALL ? undefined : experiment, sent, order));
  const [chosen, setChosen] = useState<ReadonlySet<string>>(new Set());
  const runs = useMemo(() => query.data?.pages.flatMap((page) => page.items) ?? [], [query.data]);
  const usual = useMemo(() => usualColumns(runs), [runs]);
  const all = useMemo(() => allColumns(runs), [runs]);
  const picked = chosenColumns(view["columns"]);
  const columns = picked ?? usual;
  const { hasNextPage, isFetchingNextPage, fetchNextPage } = query;
  const more = useCallback(() => {
    if (hasNextPage && !isFetchingNextPage) void fetchNextPage();
  }, [hasNextPage, isFetchingNextPage, fetchNextPage]);
  const choose = (id: string) => {
    const next = new Set(chosen);
    if (!next.delete(id)) next.add(id);
    setChosen(next);
  };
  const wrongFilter = query.error instanceof Problem && query.error.status === 400 && filter !== "";
  return (
    <section className="card">
      <header className="card-head">
        <select className="select" style={{ width: "auto", maxWidth: 260 }} aria-label="Experiment" value={experiment} onChange={(event) => setView({ experiment: event.target.value })}>
          {experiments.map((one) => (
            <option key={one.id} value={one.id}>
              {one.name}
            </option>
          ))}
          <option value={ALL}>all experiments</option>
        </select>
        <FilterBox key={filter} filter={filter} shift={Math.max(0, sent.indexOf(filter))} error={query.error} onFilter={(text) => setView({ filter: text })} />
        <span className="tools">
          <label className="row small muted">
            <input type="checkbox" checked={view["archived"] === "yes"} onChange={(event) => setView({ archived: event.target.checked ? "yes" : undefined })} /> archived
          </label>
          <ColumnChooser all={all} shown={columns} isChosen={picked !== undefined} onChoose={(next) => setView({ columns: next && writtenColumns(next) })} />
          <SavedViews view={view} setView={setView} />
        </span>
      </header>
      {query.error && !wrongFilter ? <Failure error={query.error} retry={() => void query.refetch()} /> : null}
      {!query.data && !query.error && <Skeleton rows={8} />}
      {query.data && runs.length === 0 && <Nothing filter={filter} />}
      {runs.length > 0 && <RunTable runs={runs} columns={columns} chosen={chosen} onChoose={choose} sort={sort} onSort={(next) => setView({ sort: `${next.key}:${next.down ? "down" : "up"}` })} onEnd={more} />}
      {runs.length > 0 && (
        <div className="pager">
          {plural(runs.length, "run")} {hasNextPage ? (isFetchingNextPage ? "so far, reading more …" : "so far") : ""}
          <Chosen runs={runs} chosen={chosen} clear={() => setChosen(new Set())} />
        </div>
      )}
    </section>
  );
}

function Nothing({ filter }: { filter: string }) {
  return filter ? <Empty title="No run fits the filter" why="Names are metrics.…, params.…, tags.… and attributes.…; words stand in single quotes; and, or and parentheses join." snippet={"metrics.mae < 300 and (params.trainer = 'linear' or tags.team = 'blue')"} /> : <Empty title="No run in this experiment" why="It is made and waits for its first run." snippet={"gingham train traffic"} />;
}

function Chosen({ runs, chosen, clear }: { runs: readonly Run[]; chosen: ReadonlySet<string>; clear: () => void }) {
  const navigate = useNavigate();
  // In the order of the table, not in that of the clicks.
  const ids = runs.filter((run) => chosen.has(run.id)).map((run) => run.id);
  const compare = () => void navigate({ to: "/runs/compare", search: { runs: ids.join(",") } as never });
  const explain = () => void navigate({ to: "/runs/diff", search: { left: `run:${ids[0]}`, right: `run:${ids[1]}` } as never });
  return (
    <span className="tools">
      {ids.length > 0 && <span>{plural(ids.length, "run")} chosen</span>}
      {ids.length > 0 && (
        <button type="button" className="button ghost small" onClick={clear}>
          None
        </button>
      )}
      <button type="button" className="button small" disabled={ids.length !== 2} title="Choose two runs" onClick={explain}>
        Why do they differ?
      </button>
      <button type="button" className="button small" disabled={ids.length < 2 || ids.length > MOST_COMPARED} title={`Choose 2 to ${MOST_COMPARED} runs`} onClick={compare}>
        Compare
      </button>
    </span>
  );
}

function shownFilter(filter: string, archived: string | undefined): string {
  if (archived === "yes") return filter;
  const kept = "tags.`gingham.archived` is null";
  // What is typed comes first and as it is, so that the places in the server's messages hold; `or` binds less than `and`.
  return filter ? (/\bor\b/i.test(filter) ? `${kept} and (${filter})` : `${filter} and ${kept}`) : kept;
}

function parseSort(text: string | undefined): Sort | undefined {
  const at = text?.lastIndexOf(":") ?? -1;
  return text && at > 0 ? { key: text.slice(0, at), down: text.slice(at + 1) !== "up" } : undefined;
}

function snippets(view: View): Record<string, string> {
  const filter = view["filter"];
  return {
    CLI: `gingham ls runs${filter ? ` --filter "${filter}"` : ""}`,
    "Python (MLflow)": `import mlflow\n\nmlflow.set_tracking_uri("${origin()}")\nruns = mlflow.search_runs(search_all_experiments=True${filter ? `, filter_string="${filter}"` : ""})`,
    curl: `curl "${origin()}/api/v1/runs${filter ? `?filter=${encodeURIComponent(filter)}` : ""}"`,
  };
}
