/** Alerts, the open ones first. */
import { useQuery } from "@tanstack/react-query";
import { alertsQuery, isOpen, type Alert } from "~/api/monitoring.ts";
import { Badge } from "~/components/badge.tsx";
import { To } from "~/components/link.tsx";
import { Prose } from "~/components/prose.tsx";
import { Page } from "~/components/page.tsx";
import { Empty, Loaded } from "~/components/states.tsx";
import { Table, type Column } from "~/components/table.tsx";
import { When } from "~/components/when.tsx";
import { seconds, words } from "~/lib/view-text.ts";
import { useView } from "~/lib/view.ts";
import { NotifiersCard } from "./notifiers-card.tsx";

const STATES = ["open", "firing", "acknowledged", "silenced", "resolved", "all"] as const;

export function AlertsPage() {
  const [view, setView] = useView();
  const chosen = view["state"] ?? "open";
  const model = view["model"];
  const query = useQuery(alertsQuery(model ? { model } : {}));
  const fits = (alert: Alert) => (chosen === "all" ? true : chosen === "open" ? isOpen(alert) : alert.state === chosen);
  return (
    <Page title="Alerts" lead="An alert says what changed, since when, why, what it means and what to do about it.">
      <section className="card">
        <header className="card-head">
          <div className="segmented" role="radiogroup" aria-label="Which alerts">
            {STATES.map((state) => (
              <button key={state} type="button" role="radio" aria-checked={state === chosen} onClick={() => setView({ state: state === "open" ? undefined : state })}>
                {state}
              </button>
            ))}
          </div>
          {model && (
            <button type="button" className="button small" onClick={() => setView({ model: undefined })}>
              only {model} ✕
            </button>
          )}
        </header>
        <Loaded
          query={query}
          isEmpty={(alerts) => alerts.length === 0}
          empty={<Empty title="No alert has ever fired" why="Rules in a model's file say what is worth one: gaps, drift, impossible values, an error above what is allowed." snippet={"gingham ls alerts"} />}
        >
          {(alerts) => {
            const shown = alerts.filter(fits).toSorted((a, b) => seconds(b.since) - seconds(a.since));
            return shown.length > 0 ? (
              <Table label="Alerts" columns={COLUMNS} rows={shown} rowKey={(alert) => alert.id} href={(alert) => `/alerts/${encodeURIComponent(alert.id)}`} keys />
            ) : (
              <Empty title={chosen === "open" ? "Nothing is wrong right now" : `No alert is ${chosen}`} why={`${alerts.length} alerts are in the book; choose “all” to read them.`} />
            );
          }}
        </Loaded>
      </section>
      <NotifiersCard />
    </Page>
  );
}

const COLUMNS: readonly Column<Alert>[] = [
  { key: "severity", title: "Severity", cell: (alert) => <Badge state={alert.severity} /> },
  {
    key: "title",
    title: "What",
    cell: (alert) => (
      <div style={{ minWidth: 220 }}>
        <To to={`/alerts/${encodeURIComponent(alert.id)}`} className="strong">
          <Prose text={alert.title} plain />
        </To>
        {alert.what_changed && <div className="small muted" style={{ maxWidth: "92ch" }}><Prose text={alert.what_changed} /></div>}
      </div>
    ),
  },
  { key: "model", title: "Model", cell: (alert) => (alert.model ? <To to={`/models/${encodeURIComponent(alert.model)}`}>{alert.model}</To> : "–") },
  { key: "kind", title: "Kind", cell: (alert) => <span className="nowrap">{words(alert.kind)}</span> },
  { key: "state", title: "State", cell: (alert) => <Badge state={alert.state} /> },
  { key: "since", title: "Since", num: true, cell: (alert) => <When at={alert.since} /> },
];
