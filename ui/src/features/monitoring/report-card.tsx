/** What is known of one window: performance, drift of each column in words, volume, quality. */
import { useQuery } from "@tanstack/react-query";
import { ChevronLeft, ChevronRight } from "lucide-react";
import { allowedLimit, metricName, reportQuery, type Alert, type ColumnDrift, type MonitorSpec, type MonitorWindow, type WindowReport } from "~/api/monitoring.ts";
import { Badge, StateIcon, toneOf } from "~/components/badge.tsx";
import { Card, Facts } from "~/components/card.tsx";
import { JsonView } from "~/components/json.tsx";
import { Prose } from "~/components/prose.tsx";
import { To } from "~/components/link.tsx";
import { Empty, Loaded } from "~/components/states.tsx";
import { Table, type Column } from "~/components/table.tsx";
import { count, figure, fixed, seconds, share, span, words } from "~/lib/view-text.ts";

type ReportCardProps = {
  model: string;
  window: MonitorWindow;
  windows: readonly MonitorWindow[];
  spec: MonitorSpec | null | undefined;
  alerts: readonly Alert[];
  onPick: (window: MonitorWindow) => void;
};

export function ReportCard({ model, window, windows, spec, alerts, onPick }: ReportCardProps) {
  const query = useQuery({ ...reportQuery(model, window.from), retry: false });
  const index = windows.indexOf(window);
  const go = (to: number) => {
    const next = windows[to];
    if (next) onPick(next);
  };
  const here = alerts.filter((alert) => seconds(alert.since) >= seconds(window.from) && seconds(alert.since) < seconds(window.to));
  const metric = metricName(spec);
  return (
    <Card
      title={`Report, ${span(window.from, window.to)}`}
      tools={
        <>
          <button type="button" className="button ghost icon small" aria-label="Window before" disabled={index <= 0} onClick={() => go(index - 1)}>
            <ChevronLeft size={15} />
          </button>
          <button type="button" className="button ghost icon small" aria-label="Next window" disabled={index >= windows.length - 1} onClick={() => go(index + 1)}>
            <ChevronRight size={15} />
          </button>
        </>
      }
      flush
    >
      <div style={{ padding: 14 }} className="stack tight">
        <Facts
          entries={[
            ["state", <Badge key="state" state={window.state}>{words(window.state)}</Badge>],
            ["version", window.version ? <To key="version" to={`/models/${encodeURIComponent(model)}/versions/${window.version}`}>{`v${window.version}`}</To> : undefined],
            [metric.toUpperCase(), `${figure(window.metric?.[metric])} (allowed ${figure(allowedLimit(window, spec))})`],
            ...(["rmse", "wape", "bias", "mae"] as const).filter((name) => name !== metric && window.metric?.[name] !== undefined).map((name) => [name === "bias" ? "bias" : name.toUpperCase(), name === "wape" ? share(window.metric?.[name]) : figure(window.metric?.[name])] as const),
            ["rows", `${count(window.rows)}, ${count(window.labelled)} labelled`],
          ]}
        />
        {here.map((alert) => (
          <To key={alert.id} to={`/alerts/${encodeURIComponent(alert.id)}`} className="row">
            <StateIcon state={alert.severity} /> <Prose text={alert.title} plain />
          </To>
        ))}
      </div>
      <Loaded query={query}>{(report) => <Report report={report} />}</Loaded>
    </Card>
  );
}

const COLUMNS: readonly Column<ColumnDrift>[] = [
  {
    key: "column",
    title: "Column",
    cell: (row) => (
      <>
        <div className="strong">{row.column}</div>
        {row.words && toneOf(row.state) !== "ok" && <div className="small muted"><Prose text={row.words} /></div>}
      </>
    ),
  },
  {
    key: "value",
    title: "Drift",
    num: true,
    cell: (row) => (
      <>
        <span className="small faint">{words(row.statistic)}</span> {fixed(row.value, 3)}
      </>
    ),
  },
  { key: "threshold", title: "From", num: true, cell: (row) => fixed(row.threshold, 2) },
  { key: "state", title: "State", cell: (row) => <Badge state={row.state}>{words(row.state)}</Badge> },
];

function Report({ report }: { report: WindowReport }) {
  const drift = (report.drift ?? []).toSorted((a, b) => (b.value ?? -1) - (a.value ?? -1));
  return (
    <>
      {drift.length > 0 ? (
        <div style={{ borderTop: "1px solid var(--line-soft)" }}>
          <Table label="Drift by column" columns={COLUMNS} rows={drift} rowKey={(row) => `${row.column}:${row.statistic}`} top />
        </div>
      ) : (
        <Empty title="No drift measured" why="This window has too few rows, or nothing to be compared with." />
      )}
      <More title="Quality" value={report.quality} />
      <More title="Volume" value={report.volume} />
    </>
  );
}

function More({ title, value }: { title: string; value: unknown }) {
  if (value === null || value === undefined || (typeof value === "object" && Object.keys(value).length === 0)) return null;
  const flat = typeof value === "object" && !Array.isArray(value) && Object.values(value).every((each) => each === null || typeof each !== "object");
  return (
    <div style={{ padding: 14, borderTop: "1px solid var(--line-soft)" }} className="stack tight">
      <h3>{title}</h3>
      {flat ? <Facts entries={Object.entries(value as Record<string, unknown>).map(([name, each]) => [words(name), typeof each === "number" ? figure(each) : String(each ?? "–")] as const)} /> : <JsonView value={value} />}
    </div>
  );
}
