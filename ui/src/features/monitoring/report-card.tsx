/** What is known of one window: performance, values out of range, gaps, and drift of each column. */
import { useQuery } from "@tanstack/react-query";
import { ChevronLeft, ChevronRight } from "lucide-react";
import { allowedLimit, metricName, reportQuery, type Alert, type MonitorSpec, type MonitorWindow, type WindowReport } from "~/api/monitoring.ts";
import { Badge, StateIcon } from "~/components/badge.tsx";
import { Card, Facts } from "~/components/card.tsx";
import { To } from "~/components/link.tsx";
import { Prose } from "~/components/prose.tsx";
import { Loaded } from "~/components/states.tsx";
import { count, day, figure, seconds, share, span, words } from "~/lib/view-text.ts";
import { DriftList } from "./drift-list.tsx";

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
        <Facts entries={facts(model, window, spec)} />
        {here.map((alert) => (
          <To key={alert.id} to={`/alerts/${encodeURIComponent(alert.id)}`} className="row top">
            <StateIcon state={alert.severity} />
            <span>
              <Prose text={alert.title} plain />
            </span>
          </To>
        ))}
      </div>
      <Loaded query={query}>{(report) => <Report report={report} />}</Loaded>
    </Card>
  );
}

function facts(model: string, window: MonitorWindow, spec: MonitorSpec | null | undefined) {
  const metric = metricName(spec);
  const limit = allowedLimit(window, spec);
  const own = window.metric;
  return [
    ["state", <Badge key="state" state={window.state}>{words(window.state)}</Badge>],
    ["version", window.version ? <To key="version" to={`/models/${encodeURIComponent(model)}/versions/${window.version}`}>{`v${window.version}`}</To> : undefined],
    [metric.toUpperCase(), own ? `${figure(own[metric])}${limit === null ? "" : `, allowed ${figure(limit)}`}` : "no labels yet"],
    ...(["mae", "rmse"] as const).filter((name) => name !== metric && own).map((name) => [name.toUpperCase(), figure(own?.[name])] as const),
    ["WAPE", own?.wape === undefined || own.wape === null ? undefined : share(own.wape)],
    ["bias", own ? figure(own.bias) : undefined],
    ["rows", `${count(window.rows)}, ${count(window.labelled)} labelled`],
  ] as const;
}

function Report({ report }: { report: WindowReport }) {
  const days = report.performance?.worst_days ?? [];
  const told = [
    ...(report.performance?.words ? [{ state: report.performance.state, text: report.performance.words }] : []),
    ...(report.ranges ?? []).map((range) => ({ state: "error", text: range.words ?? `${range.column} is ${figure(range.value)}` })),
    ...(report.gaps ?? []).map((gap) => ({ state: "gap", text: gap.words ?? `no predictions, ${span(gap.from, gap.to)}` })),
    ...(report.volume?.failed ? [{ state: "error", text: `${count(report.volume.failed)} requests failed` }] : []),
  ];
  return (
    <>
      {told.length > 0 && (
        <ul className="list" style={{ borderTop: "1px solid var(--line-soft)" }}>
          {told.map(({ state, text }) => (
            <li key={text} className="list-row">
              <StateIcon state={state} />
              <span>
                <Prose text={text} />
              </span>
            </li>
          ))}
          {days.length > 0 && (
            <li className="list-row muted small" style={{ paddingLeft: 40 }}>
              worst days: {days.map((each) => `${day(each.date)} (${figure(each.mae)})`).join(", ")}
            </li>
          )}
        </ul>
      )}
      <DriftList drift={report.drift ?? []} />
    </>
  );
}
