/** One alert: what changed, since, why, what it means, what to do; and the acts themselves. */
import { useQuery } from "@tanstack/react-query";
import { BellOff, Check, CheckCheck } from "lucide-react";
import { useState } from "react";
import { actorName } from "~/api/objects.ts";
import { alertQuery, alertsQuery, isOpen, monitorQuery, type Alert } from "~/api/monitoring.ts";
import { Badge } from "~/components/badge.tsx";
import { Card, Facts } from "~/components/card.tsx";
import { Distribution } from "~/components/charts/distribution.tsx";
import { ErrorChart } from "~/components/charts/error-chart.tsx";
import { To } from "~/components/link.tsx";
import { Prose } from "~/components/prose.tsx";
import { Page } from "~/components/page.tsx";
import { Loaded } from "~/components/states.tsx";
import { When } from "~/components/when.tsx";
import { day, seconds, words } from "~/lib/view-text.ts";
import { usePart } from "~/lib/view.ts";
import { ActDialog, type Verb } from "./act-dialog.tsx";
import { WhatToDo } from "./what-to-do.tsx";

export function AlertPage() {
  const id = usePart("alert");
  const query = useQuery(alertQuery(id));
  const [verb, setVerb] = useState<Verb | null>(null);
  const alert = query.data;
  const open = alert !== undefined && isOpen(alert);
  return (
    <Page
      title={alert?.title.replaceAll("`", "") ?? "Alert"}
      heading={alert && <Prose text={alert.title} plain />}
      badges={
        alert && (
          <>
            <Badge state={alert.severity} />
            <Badge state={alert.state} />
          </>
        )
      }
      lead={alert && (alert.model ? <>Since {day(alert.since)}, in {alert.model}</> : <>Since {day(alert.since)}</>)}
      actions={
        open && (
          <>
            {alert.state !== "acknowledged" && (
              <button type="button" className="button" onClick={() => setVerb("acknowledge")}>
                <Check size={14} /> Acknowledge
              </button>
            )}
            <button type="button" className="button" onClick={() => setVerb("silence")}>
              <BellOff size={14} /> Silence
            </button>
            <button type="button" className="button" onClick={() => setVerb("resolve")}>
              <CheckCheck size={14} /> Resolve
            </button>
          </>
        )
      }
    >
      <Loaded page query={query}>{(data) => <Body alert={data} />}</Loaded>
      <ActDialog id={id} verb={verb} onClose={() => setVerb(null)} />
    </Page>
  );
}

function Body({ alert }: { alert: Alert }) {
  return (
    <>
      <div className="grid">
        <div className="c8 stack">
          <Card>
            <Story alert={alert} />
          </Card>
          <WhatToDo alert={alert} />
          <Evidence alert={alert} />
        </div>
        <div className="c4 stack">
          <Card title="About">
            <Facts
              entries={[
                ["model", alert.model ? <To key="model" to={`/models/${encodeURIComponent(alert.model)}`}>{alert.model}</To> : undefined],
                ["kind", words(alert.kind)],
                ["since", <span key="since">{day(alert.since)}</span>],
                ["until", alert.details?.gap && !alert.details.gap.open ? day(alert.details.gap.to) : undefined],
                ["version", alert.model && alert.version ? <To key="version" to={`/models/${encodeURIComponent(alert.model)}/versions/${alert.version}`}>{`v${alert.version}`}</To> : undefined],
                ["opened", alert.opened_at ? <When key="opened" at={alert.opened_at} /> : undefined],
                ["closed", alert.closed_at ? <When key="closed" at={alert.closed_at} /> : undefined],
                ["silenced until", alert.silenced_until ? <When key="silenced until" at={alert.silenced_until} exact /> : undefined],
                ["watched", alert.model ? <To key="watched" to={`/monitoring/${encodeURIComponent(alert.model)}`}>monitoring</To> : undefined],
              ]}
            />
          </Card>
          <Card title="History">
            <ol className="timeline">
              {(alert.history ?? []).toSorted((a, b) => seconds(b.at) - seconds(a.at)).map((entry, index) => (
                <li key={`${entry.at}-${index}`} className={index === 0 ? "now" : undefined}>
                  <div className="row">
                    <span className="strong">{words(entry.state)}</span>
                    <span className="faint small" style={{ marginLeft: "auto" }}>
                      <When at={entry.at} />
                    </span>
                  </div>
                  {entry.reason && <div className="muted small"><Prose text={entry.reason} /></div>}
                  {entry.actor && <div className="faint small">by {actorName(entry.actor)}</div>}
                </li>
              ))}
              {!alert.history?.length && <li>{words(alert.state)}</li>}
            </ol>
          </Card>
        </div>
      </div>
      {alert.model && <Around model={alert.model} since={alert.since} />}
    </>
  );
}

/** What the alert was raised on, where it can be drawn. */
function Evidence({ alert }: { alert: Alert }) {
  const columns = (alert.details?.columns ?? []).filter((column) => (column.bins?.length ?? 0) > 0).slice(0, 3);
  if (columns.length === 0) return null;
  return (
    <Card title="Then and now" hint="share of rows in each bin">
      <div className="stack">
        {columns.map((column) => (
          <Distribution key={column.column} column={column.column} bins={column.bins ?? []} />
        ))}
      </div>
    </Card>
  );
}

function Story({ alert }: { alert: Alert }) {
  const parts = [
    ["What changed", alert.what_changed],
    ["Likely cause", alert.cause],
    ["What it means", alert.impact],
  ] as const;
  return (
    <div className="stack">
      {parts
        .filter(([, text]) => text)
        .map(([title, text]) => (
          <div key={title}>
            <h2 className="faint">{title}</h2>
            <p style={{ fontSize: "var(--size-l)", maxWidth: "76ch" }}><Prose text={text} /></p>
          </div>
        ))}
    </div>
  );
}

function Around({ model, since }: { model: string; since: string | undefined }) {
  const monitor = useQuery({ ...monitorQuery(model), retry: false }).data;
  const alerts = useQuery(alertsQuery({ model })).data ?? [];
  if (!monitor || monitor.windows.length === 0 || !since) return null;
  const at = seconds(since);
  const near = { ...monitor, windows: monitor.windows.filter((each) => Math.abs(seconds(each.from) - at) < 200 * 86_400) };
  if (near.windows.length === 0) return null;
  return <ErrorChart monitor={near} alerts={alerts.filter((alert) => Math.abs(seconds(alert.since) - at) < 200 * 86_400)} title="The error around it" height={200} picked={near.windows.find((each) => seconds(each.from) <= at && at < seconds(each.to))?.from} />;
}
