/** Every watched model, the ones in trouble first. */
import { useQueries, useQuery } from "@tanstack/react-query";
import { modelsQuery, type ModelSummary } from "~/api/models.ts";
import { allowedLimit, metricName, monitorQuery, type Monitor } from "~/api/monitoring.ts";
import { Badge } from "~/components/badge.tsx";
import { Sparkline } from "~/components/charts/small.tsx";
import { To } from "~/components/link.tsx";
import { Page } from "~/components/page.tsx";
import { Empty, Loaded } from "~/components/states.tsx";
import { Table, type Column } from "~/components/table.tsx";
import { count, figure, span, words } from "~/lib/view-text.ts";

type Watched = { model: ModelSummary; monitor: Monitor | undefined };

export function MonitorsPage() {
  const models = useQuery(modelsQuery);
  const list = models.data ?? [];
  const monitors = useQueries({ queries: list.map((model) => ({ ...monitorQuery(model.name), retry: false })) });
  const rows = list.map((model, index): Watched => ({ model, monitor: monitors[index]?.data })).toSorted((a, b) => (b.model.alerts_firing ?? 0) - (a.model.alerts_firing ?? 0));
  return (
    <Page title="Monitoring" lead="Every prediction is kept; windows are judged by when things happened, once their labels have had time to arrive.">
      <section className="card">
        <Loaded
          query={models}
          isEmpty={(all) => all.length === 0}
          empty={<Empty title="Nothing is watched yet" why="A model is watched from its first prediction on; its file says how long a window is and what is allowed." snippet={"gingham apply examples/traffic/gingham.yaml"} />}
        >
          {() => <Table label="Monitors" columns={COLUMNS} rows={rows} rowKey={(row) => row.model.name} href={(row) => `/monitoring/${encodeURIComponent(row.model.name)}`} keys />}
        </Loaded>
      </section>
    </Page>
  );
}

const latest = (row: Watched) => row.monitor?.windows.findLast((window) => window.rows > 0);

const COLUMNS: readonly Column<Watched>[] = [
  {
    key: "model",
    title: "Model",
    cell: ({ model }) => (
      <To to={`/monitoring/${encodeURIComponent(model.name)}`} className="strong">
        {model.name}
      </To>
    ),
  },
  {
    key: "error",
    title: "Error by window",
    cell: ({ monitor }) => {
      if (!monitor) return <span className="faint">–</span>;
      const windows = monitor.windows.slice(-104);
      const metric = metricName(monitor.spec);
      const last = windows.at(-1);
      return <Sparkline width={260} values={windows.map((window) => window.metric?.[metric] ?? null)} limit={last ? allowedLimit(last, monitor.spec) : null} label={`${metric} of the last ${windows.length} windows`} />;
    },
  },
  { key: "window", title: "Last window", cell: (row) => <span className="nowrap">{span(latest(row)?.from, latest(row)?.to)}</span> },
  { key: "value", title: "Error", num: true, cell: (row) => figure(latest(row)?.metric?.[metricName(row.monitor?.spec)]) },
  { key: "state", title: "State", cell: (row) => (latest(row) ? <Badge state={latest(row)?.state}>{words(latest(row)?.state)}</Badge> : <span className="faint">no window</span>) },
  { key: "alerts", title: "Alerts firing", num: true, cell: ({ model }) => count(model.alerts_firing) },
];
