/** Models with what a person asks first: which version, how good, is it well. */
import { useQuery } from "@tanstack/react-query";
import { aliasList, type ModelSummary } from "~/api/models.ts";
import { metricName, monitorQuery, allowedLimit } from "~/api/monitoring.ts";
import { count, figure } from "~/lib/format.ts";
import { AliasTag, Badge } from "./badge.tsx";
import { Sparkline } from "./charts/small.tsx";
import { To } from "./link.tsx";
import { Table, type Column } from "./table.tsx";
import { When } from "./when.tsx";

const COLUMNS: readonly Column<ModelSummary>[] = [
  {
    key: "name",
    title: "Model",
    cell: (model) => (
      <div style={{ minWidth: 130 }}>
        <To to={`/models/${encodeURIComponent(model.name)}`} className="strong">
          {model.name}
        </To>
        <div className="small muted">{model.description}</div>
      </div>
    ),
  },
  {
    key: "version",
    title: "Version",
    cell: (model) => (
      <span className="row wrap" style={{ gap: 5 }}>
        {aliasList(model.aliases).map(({ alias, version }) => (
          <span key={alias} className="row" style={{ gap: 5 }}>
            <AliasTag alias={alias} />v{version}
          </span>
        ))}
        {aliasList(model.aliases).length === 0 && (model.latest_version ? <span className="muted">v{model.latest_version}, no alias</span> : <span className="faint">none yet</span>)}
      </span>
    ),
  },
  {
    key: "metric",
    title: "Error",
    num: true,
    cell: (model) =>
      model.metric ? (
        <span title="the champion's metric at evaluation">
          <span className="faint small">{model.metric.name.toUpperCase()}</span> {figure(model.metric.value)}
        </span>
      ) : (
        "–"
      ),
  },
  { key: "spark", title: "Live error", cell: (model) => <LiveError model={model.name} /> },
  { key: "alerts", title: "State", cell: (model) => ((model.alerts_firing ?? 0) > 0 ? <Badge state="firing">{count(model.alerts_firing)} firing</Badge> : <Badge state="ok">no alert</Badge>) },
  { key: "updated", title: "Changed", num: true, cell: (model) => <When at={model.updated_at} /> },
];

export function ModelsTable({ models, keys = false }: { models: readonly ModelSummary[]; keys?: boolean }) {
  return <Table label="Models" columns={COLUMNS} rows={models} rowKey={(model) => model.name} href={(model) => `/models/${encodeURIComponent(model.name)}`} keys={keys} />;
}

function LiveError({ model }: { model: string }) {
  const monitor = useQuery({ ...monitorQuery(model), retry: false }).data;
  if (!monitor?.windows.length) return <span className="faint">–</span>;
  const name = metricName(monitor.spec);
  const last = monitor.windows.slice(-60);
  const limits = last.map((window) => allowedLimit(window, monitor.spec)).filter((limit) => limit !== null);
  return (
    <To to={`/monitoring/${encodeURIComponent(model)}`}>
      <Sparkline values={last.map((window) => window.metric?.[name] ?? null)} limit={limits.at(-1) ?? null} label={`${name} of the last ${last.length} windows`} />
    </To>
  );
}
