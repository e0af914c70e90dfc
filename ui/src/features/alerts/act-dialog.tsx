/** Acknowledge, resolve or silence: each with its reason, kept in the event log. */
import { useState } from "react";
import { useAlertAct } from "~/api/monitoring.ts";
import { Dialog, DialogHead } from "~/components/dialog.tsx";
import { say } from "~/components/toast.tsx";
import { sentence } from "~/lib/format.ts";

export type Verb = "acknowledge" | "resolve" | "silence";

const WORDS: Record<Verb, { title: string; lead: string; done: string; hint: string }> = {
  acknowledge: { title: "Acknowledge", lead: "Says that someone has taken it on. The alert stays open and stops asking for attention.", done: "Acknowledged", hint: "Looking at the rain sensor with the road office" },
  resolve: { title: "Resolve", lead: "Closes the alert. It opens again if its rule is broken again.", done: "Resolved", hint: "The sensor was replaced on Monday" },
  silence: { title: "Silence", lead: "Keeps it quiet until the day you give; after that it speaks again if its rule is still broken.", done: "Silenced", hint: "Known works on the road until spring" },
};

export function ActDialog({ id, verb, onClose }: { id: string; verb: Verb | null; onClose: () => void }) {
  return (
    <Dialog title={verb ? WORDS[verb].title : "Act"} open={verb !== null} onClose={onClose}>
      {verb && <Form id={id} verb={verb} onClose={onClose} />}
    </Dialog>
  );
}

function Form({ id, verb, onClose }: { id: string; verb: Verb; onClose: () => void }) {
  const act = useAlertAct(id);
  const [reason, setReason] = useState("");
  const [until, setUntil] = useState(() => new Date(Date.now() + 7 * 86_400_000).toISOString().slice(0, 10));
  const text = WORDS[verb];
  return (
    <form
      onSubmit={(event) => {
        event.preventDefault();
        act.mutate(
          { verb, reason, ...(verb === "silence" ? { until: `${until}T00:00:00Z` } : {}) },
          {
            onSuccess: () => {
              say(text.done);
              onClose();
            },
          },
        );
      }}
    >
      <DialogHead title={text.title} onClose={onClose} />
      <div className="dialog-body">
        <p className="muted">{text.lead}</p>
        <div className="field">
          <label htmlFor="reason">Reason</label>
          <textarea id="reason" className="textarea" required value={reason} placeholder={text.hint} onChange={(event) => setReason(event.target.value)} />
        </div>
        {verb === "silence" && (
          <div className="field">
            <label htmlFor="until">Until</label>
            <input id="until" className="input" type="date" required value={until} onChange={(event) => setUntil(event.target.value)} />
          </div>
        )}
        {act.error && <p className="tone-bad">{sentence(act.error.message)}</p>}
      </div>
      <div className="dialog-foot">
        <button type="button" className="button" onClick={onClose}>
          Cancel
        </button>
        <button type="submit" className="button primary" disabled={act.isPending || !reason.trim()}>
          {text.title}
        </button>
      </div>
    </form>
  );
}
