/** One alert: what changed, since, why, what it means, what to do; and the acts themselves. */
import { useQuery } from "@tanstack/react-query";
import { BellOff, Check, CheckCheck, Play } from "lucide-react";
import { useState } from "react";
import { actorName } from "~/api/objects.ts";
import { alertAction, alertQuery, alertsQuery, alertState, monitorQuery, OPEN_STATES, type Alert } from "~/api/monitoring.ts";
import { useTrain } from "~/api/models.ts";
import { Badge } from "~/components/badge.tsx";
import { Card, Facts } from "~/components/card.tsx";
import { ErrorChart } from "~/components/charts/error-chart.tsx";
import { To } from "~/components/link.tsx";
import { Prose } from "~/components/prose.tsx";
import { Page } from "~/components/page.tsx";
import { Snippet } from "~/components/snippet.tsx";
import { Loaded } from "~/components/states.tsx";
import { say } from "~/components/toast.tsx";
import { When } from "~/components/when.tsx";
import { day, seconds, words } from "~/lib/view-text.ts";
import { usePart } from "~/lib/view.ts";
import { ActDialog, type Verb } from "./act-dialog.tsx";

export function AlertPage() {
  const id = usePart("alert");
  const query = useQuery(alertQuery(id));
  const [verb, setVerb] = useState<Verb | null>(null);
  const alert = query.data;
  const open = alert !== undefined && OPEN_STATES.has(alertState(alert));
  return (
    <Page
      title={alert?.title.replaceAll("`", "") ?? "Alert"}
      heading={alert && <Prose text={alert.title} plain />}
      badges={
        alert && (
          <>
            <Badge state={alert.severity} />
            <Badge state={alertState(alert)} />
          </>
        )
      }
      lead={alert && (alert.model ? <>Since {day(alert.since)}, in {alert.model}</> : <>Since {day(alert.since)}</>)}
      actions={
        open && (
          <>
            {alertState(alert) !== "acknowledged" && (
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
      <Loaded query={query}>{(data) => <Body alert={data} />}</Loaded>
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
          <Act alert={alert} />
        </div>
        <div className="c4 stack">
          <Card title="About">
            <Facts
              entries={[
                ["model", alert.model ? <To to={`/models/${encodeURIComponent(alert.model)}`}>{alert.model}</To> : undefined],
                ["kind", words(alert.kind)],
                ["since", <span key="since">{day(alert.since)}</span>],
                ["opened", alert.opened_at ? <When at={alert.opened_at} /> : undefined],
                ["resolved", alert.resolved_at ? <When at={alert.resolved_at} /> : undefined],
                ["report", alert.model && alert.window ? <To to={`/monitoring/${encodeURIComponent(alert.model)}?window=${encodeURIComponent(alert.window.from)}`}>the window's report</To> : alert.model ? <To to={`/monitoring/${encodeURIComponent(alert.model)}`}>monitoring</To> : undefined],
              ]}
            />
          </Card>
          <Card title="History">
            <ol className="timeline">
              {(alert.history ?? []).toSorted((a, b) => seconds(b.at) - seconds(a.at)).map((entry, index) => (
                <li key={`${entry.at}-${index}`} className={index === 0 ? "now" : undefined}>
                  <div className="row">
                    <span className="strong">{words(entry.state ?? entry.to)}</span>
                    <span className="faint small" style={{ marginLeft: "auto" }}>
                      <When at={entry.at} />
                    </span>
                  </div>
                  {entry.reason && <div className="muted small"><Prose text={entry.reason} /></div>}
                  {entry.actor && <div className="faint small">by {actorName(entry.actor)}</div>}
                </li>
              ))}
              {!alert.history?.length && <li>{words(alertState(alert))}</li>}
            </ol>
          </Card>
        </div>
      </div>
      {alert.model && <Around model={alert.model} since={alert.since} window={alert.window?.from} />}
    </>
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

function Act({ alert }: { alert: Alert }) {
  const action = alertAction(alert);
  const train = useTrain(alert.model ?? "");
  if (!action || (!action.label && !action.command)) return null;
  const api = typeof action.api === "string" ? action.api : action.api?.path;
  const canTrain = alert.model && /\/train\b/.test(api ?? "");
  return (
    <Card title="What to do">
      <div className="stack tight">
        <p><Prose text={action.label ?? "run this command"} /></p>
        {action.command && <Snippet text={action.command} />}
        {canTrain && (
          <div className="row">
            <button
              type="button"
              className="button primary"
              disabled={train.isPending || train.isSuccess}
              onClick={() => train.mutate(undefined, { onSuccess: () => say("Training is queued; a better version is promoted by the rules of the file"), onError: (error) => say(error.message, "bad") })}
            >
              <Play size={13} /> {train.isSuccess ? "Queued" : "Retrain now"}
            </button>
          </div>
        )}
      </div>
    </Card>
  );
}

function Around({ model, since, window }: { model: string; since: string | undefined; window: string | undefined }) {
  const monitor = useQuery({ ...monitorQuery(model), retry: false }).data;
  const alerts = useQuery(alertsQuery({ model })).data ?? [];
  if (!monitor || monitor.windows.length === 0 || !since) return null;
  const at = seconds(since);
  const near = { ...monitor, windows: monitor.windows.filter((each) => Math.abs(seconds(each.from) - at) < 200 * 86_400) };
  if (near.windows.length === 0) return null;
  return <ErrorChart monitor={near} alerts={alerts.filter((alert) => Math.abs(seconds(alert.since) - at) < 200 * 86_400)} title="The error around it" height={200} picked={window} />;
}
