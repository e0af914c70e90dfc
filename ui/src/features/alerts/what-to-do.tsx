/** The suggested act and its alternatives: a sentence, the command, and a button where we have one. */
import { ArrowRight, Bot, Play, Undo2 } from "lucide-react";
import { useState } from "react";
import type { Act, Alert } from "~/api/monitoring.ts";
import { useMoveAlias, useTrain } from "~/api/models.ts";
import { Card } from "~/components/card.tsx";
import { To } from "~/components/link.tsx";
import { Prose } from "~/components/prose.tsx";
import { Snippet } from "~/components/snippet.tsx";
import { say } from "~/components/toast.tsx";

export function WhatToDo({ alert }: { alert: Alert }) {
  const acts = [alert.action, ...(alert.more_actions ?? [])].filter((act): act is Act => Boolean(act));
  if (acts.length === 0) return null;
  return (
    <Card title="What to do" flush>
      <ul className="list">
        {acts.map((act, index) => (
          <li key={act.label + act.command} style={{ padding: 14 }} className="stack tight">
            <div className="row wrap">
              <span className={index === 0 ? "strong grow" : "grow"}>
                <Prose text={act.label} />
              </span>
              <Doing act={act} first={index === 0} />
            </div>
            {act.automatic && (
              <p className="small muted row">
                <Bot size={14} aria-hidden="true" /> Gingham does this by itself, as the model's file says.
              </p>
            )}
            <Snippet text={act.command} />
          </li>
        ))}
      </ul>
    </Card>
  );
}

/** What the API call of an act is in these pages: a page to look at, or a training to start. */
function Doing({ act, first }: { act: Act; first: boolean }) {
  const path = act.api?.path ?? "";
  const model = /^\/api\/v1\/models\/([^/]+)\/train$/.exec(path)?.[1];
  if (model && act.api?.method === "POST") return <Train model={decodeURIComponent(model)} first={first} />;
  const back = /^\/api\/v1\/models\/([^/]+)\/aliases\/([^/]+)$/.exec(path);
  const body = act.api?.body;
  const version = body && typeof body === "object" && !Array.isArray(body) ? body["version"] : undefined;
  if (back?.[1] && back[2] && typeof version === "number") return <GoBack model={decodeURIComponent(back[1])} alias={decodeURIComponent(back[2])} version={version} />;
  const to = pageOf(act);
  if (!to) return null;
  return (
    <To to={to} className={first ? "button primary" : "button"}>
      Look <ArrowRight size={13} />
    </To>
  );
}

export function pageOf(act: Act): string | undefined {
  const path = act.api?.path ?? "";
  const body = act.api?.body;
  if (path === "/api/v1/sql" && body && typeof body === "object" && !Array.isArray(body) && typeof body["query"] === "string") return `/sql?q=${encodeURIComponent(body["query"])}`;
  const rule = /^\/api\/v1\/monitors\/([^/]+)\/simulate$/.exec(path);
  if (rule && body && typeof body === "object" && !Array.isArray(body)) return `/monitoring/${rule[1]}?try=${encodeURIComponent(JSON.stringify(body["monitor"] ?? {}))}`;
  const report = /^\/api\/v1\/monitors\/([^/]+)\/windows\/([^/]+)\/report$/.exec(path);
  if (report) return `/monitoring/${report[1]}?window=${encodeURIComponent(decodeURIComponent(report[2] ?? ""))}`;
  return undefined;
}

function Train({ model, first }: { model: string; first: boolean }) {
  const train = useTrain(model);
  const start = () =>
    train.mutate(undefined, {
      onSuccess: () => say("Training is queued; a better version is promoted by the rules of the file"),
      onError: (error) => say(error.message, "bad"),
    });
  return (
    <button type="button" className={first ? "button primary" : "button"} disabled={train.isPending || train.isSuccess} onClick={start}>
      <Play size={13} /> {train.isSuccess ? "Queued" : "Retrain now"}
    </button>
  );
}

/** Moves the alias back; the deployment follows it, and both leave an event. Pressed twice, so that nobody does it by chance. */
function GoBack({ model, alias, version }: { model: string; alias: string; version: number }) {
  const move = useMoveAlias(model);
  const [sure, setSure] = useState(false);
  const go = () =>
    move.mutate(
      { alias, version, reason: "an alert says that the version after it is worse" },
      { onSuccess: () => say(`${alias} is version ${version} again; the deployment follows`), onError: (error) => say(error.message, "bad") },
    );
  return (
    <button type="button" className={sure ? "button danger" : "button"} disabled={move.isPending || move.isSuccess} onClick={() => (sure ? go() : setSure(true))} onBlur={() => setSure(false)}>
      <Undo2 size={13} /> {move.isSuccess ? "Done" : sure ? `Yes, back to v${version}` : "Go back"}
    </button>
  );
}
