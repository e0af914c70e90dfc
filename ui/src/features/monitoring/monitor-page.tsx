/** One model under watch: error against what is allowed, drift, volume, and the report of a window. */
import { useQuery } from "@tanstack/react-query";
import { RefreshCw } from "lucide-react";
import { useMemo } from "react";
import { alertsQuery, allowedLimit, isOpen, metricName, monitorQuery, useEvaluate, type Alert, type Monitor, type MonitorSpec, type MonitorWindow } from "~/api/monitoring.ts";
import { Badge } from "~/components/badge.tsx";
import { Stat, Stats } from "~/components/card.tsx";
import { ErrorChart } from "~/components/charts/error-chart.tsx";
import { To } from "~/components/link.tsx";
import { Page } from "~/components/page.tsx";
import { CopyAs, origin } from "~/components/snippet.tsx";
import { Empty, Loaded } from "~/components/states.tsx";
import { say } from "~/components/toast.tsx";
import { change, count, figure, plural, share, span, words } from "~/lib/view-text.ts";
import { usePart, useView } from "~/lib/view.ts";
import { DriftMap } from "./drift-map.tsx";
import { ProfileCard } from "./profile-card.tsx";
import { ReportCard } from "./report-card.tsx";
import { RuleCard } from "./rule-card.tsx";
import { VolumeChart } from "./volume-chart.tsx";

export function MonitorPage() {
  const model = usePart("model");
  const query = useQuery(monitorQuery(model));
  const alerts = useQuery(alertsQuery({ model })).data ?? NO_ALERTS;
  const evaluate = useEvaluate(model);
  return (
    <Page
      title={`Monitoring ${model}`}
      lead={query.data && describe(query.data)}
      actions={
        <>
          <CopyAs
            snippets={{
              CLI: `gingham show monitor ${model}`,
              Python: `import gingham\n\nclient = gingham.connect("${origin()}")\nfor alert in client.alerts.list(model="${model}"):\n    print(alert.title)`,
              SQL: `select date_trunc('week', event_time) as week,\n       avg(abs(prediction - label)) as mae\nfrom "${model}".scored\ngroup by week order by week`,
              curl: `curl ${origin()}/api/v1/monitors/${model}`,
            }}
          />
          <button
            type="button"
            className="button"
            disabled={evaluate.isPending}
            onClick={() => evaluate.mutate(undefined, { onSuccess: (done) => say(`${plural(done.windows_evaluated, "window")} evaluated`), onError: (error) => say(error.message, "bad") })}
          >
            <RefreshCw size={13} /> Evaluate now
          </button>
        </>
      }
    >
      <Loaded
        query={query}
        page
        isEmpty={(monitor) => monitor.windows.length === 0}
        empty={<Empty title="No window yet" why="The first window is judged when it is over and its labels have had their time to arrive." snippet={`gingham watch ${model}`} />}
      >
        {(monitor) => <Watch monitor={monitor} alerts={alerts} />}
      </Loaded>
    </Page>
  );
}

const NO_ALERTS: readonly Alert[] = [];

function describe(monitor: Monitor): string {
  const spec = monitor.spec;
  const performance = spec?.performance;
  const parts = [`Windows of ${spec?.window ?? "fixed length"}, by event time.`];
  if (performance?.worse_than) parts.push(`${metricName(spec).toUpperCase()} may be up to ${performance.worse_than} times the reference.`);
  if (spec?.drift?.threshold) parts.push(`Drift counts from ${spec.drift.threshold}${spec.drift.reference ? ` against ${words(spec.drift.reference)}` : ""}.`);
  return parts.join(" ");
}

function Watch({ monitor, alerts }: { monitor: Monitor; alerts: readonly Alert[] }) {
  const [view, setView] = useView();
  const range = useMemo((): [number, number] | undefined => {
    const [from, to] = (view["range"] ?? "").split("_").map((at) => Date.parse(at) / 1000);
    return from && to ? [from, to] : undefined;
  }, [view]);
  const setRange = (next: [number, number] | undefined) => setView({ range: next && next.map((at) => new Date(at * 1000).toISOString().slice(0, 10)).join("_") });
  const latest = monitor.windows.findLast((window) => window.rows > 0);
  const picked = monitor.windows.find((window) => window.from === view["window"]) ?? latest;
  const pick = (window: MonitorWindow) => setView({ window: window.from });
  return (
    <>
      <Headline monitor={monitor} latest={latest} alerts={alerts} />
      <ErrorChart monitor={monitor} alerts={alerts} title={`${metricName(monitor.spec).toUpperCase()} by window`} height={270} picked={picked?.from} onPick={pick} range={range} onRange={setRange} />
      <div className="grid">
        <div className="c7 stack">
          <DriftMap monitor={monitor} picked={picked?.from} onPick={pick} />
          <VolumeChart monitor={monitor} range={range} picked={picked?.from} onPick={pick} />
          <ProfileCard model={monitor.model} />
          {monitor.spec && <RuleCard key={view["try"] ?? ""} model={monitor.model} spec={monitor.spec} proposed={proposal(view["try"])} />}
        </div>
        <div className="c5 stack">{picked && <ReportCard model={monitor.model} window={picked} windows={monitor.windows} spec={monitor.spec} alerts={alerts} onPick={pick} />}</div>
      </div>
    </>
  );
}

/** A rule that an alert suggests, carried in the address. */
function proposal(text: string | undefined): MonitorSpec | undefined {
  if (!text) return undefined;
  try {
    const found: unknown = JSON.parse(text);
    return found && typeof found === "object" && !Array.isArray(found) ? (found as MonitorSpec) : undefined;
  } catch {
    return undefined;
  }
}

function Headline({ monitor, latest, alerts }: { monitor: Monitor; latest: MonitorWindow | undefined; alerts: readonly Alert[] }) {
  const metric = metricName(monitor.spec);
  const value = latest?.metric?.[metric] ?? null;
  const limit = latest ? allowedLimit(latest, monitor.spec) : null;
  const open = alerts.filter((alert) => isOpen(alert)).length;
  const drifting = monitor.windows.filter((window) => /drift|warn|moved/.test(window.drift_state ?? "")).length;
  return (
    <Stats>
      <Stat label={`${metric.toUpperCase()}, latest window`} sub={span(latest?.from, latest?.to)}>
        <span className={value !== null && limit !== null && value > limit ? "tone-bad" : undefined}>{figure(value)}</span>
      </Stat>
      <Stat label="Allowed" sub={value !== null && limit !== null ? `now ${change(value, limit)}` : undefined}>
        {figure(limit)}
      </Stat>
      <Stat label="Labels arrived" sub={latest && `${count(latest.labelled)} of ${count(latest.rows)} rows`}>
        {latest && latest.rows > 0 ? share(latest.labelled / latest.rows, 0) : "–"}
      </Stat>
      <Stat label="Windows with drift" sub={`of ${count(monitor.windows.length)}`}>
        {count(drifting)}
      </Stat>
      <Stat label="State" wordy sub={<To to={`/alerts?model=${encodeURIComponent(monitor.model)}`}>{plural(open, "open alert")}</To>}>
        <Badge state={latest?.state}>{words(latest?.state) || "no window"}</Badge>
      </Stat>
    </Stats>
  );
}
