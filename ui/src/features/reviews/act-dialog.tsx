/** What a person does with a review: approve, ask for changes, carry out, close, break the glass. */
import { useState } from "react";
import { useReviewAct, type ReviewDetail } from "~/api/reviews.ts";
import { Dialog, DialogHead } from "~/components/dialog.tsx";
import { say } from "~/components/toast.tsx";
import { sentence } from "~/lib/format.ts";

export type Verb = "approve" | "request-changes" | "carry-out" | "revise" | "close" | "break-glass";

const WORDS: Record<Verb, { title: string; lead: string; done: string; field?: string; hint?: string; required?: boolean }> = {
  approve: { title: "Approve", lead: "Your approval is given for what you see now. It does not count any more when the version, its card, the policy or the alias changes.", done: "Approved", field: "Comment", hint: "Looked at the weeks of snow" },
  "request-changes": { title: "Ask for changes", lead: "The review does not pass until it is about something else, or you approve it.", done: "Asked for changes", field: "What must change", hint: "The card does not say which road", required: true },
  "carry-out": { title: "Carry out", lead: "The alias moves, and deployments that follow it serve the version at once.", done: "Carried out" },
  revise: { title: "Revise", lead: "The review becomes about things as they are now. Approvals begin anew.", done: "Revised" },
  close: { title: "Close", lead: "The review ends without a move.", done: "Closed", field: "Why", hint: "Version 4 is better" },
  "break-glass": { title: "Break the glass", lead: "The alias moves although a rule does not hold, and you answer for it. Those who own the model or may approve its moves are told at once. It stays listed until a review by the rules takes its place.", done: "The glass is broken", field: "Reason", hint: "Forecasts have been zero since ten o'clock", required: true },
};

export function ActDialog({ review, verb, onClose }: { review: ReviewDetail; verb: Verb | null; onClose: () => void }) {
  return (
    <Dialog title={verb ? WORDS[verb].title : "Act"} open={verb !== null} onClose={onClose}>
      {verb && <Form key={verb} review={review} verb={verb} onClose={onClose} />}
    </Dialog>
  );
}

function Form({ review, verb, onClose }: { review: ReviewDetail; verb: Verb; onClose: () => void }) {
  const act = useReviewAct(review.number);
  const [text, setText] = useState("");
  const [ticket, setTicket] = useState("");
  const [hours, setHours] = useState("4");
  const words = WORDS[verb];
  const body = (): Record<string, unknown> => {
    if (verb === "approve" || verb === "request-changes") return { comment: text, digest: review.verdict?.digest ?? review.digest };
    if (verb === "close") return { reason: text };
    if (verb === "break-glass") return { reason: text, ticket, lasts: `${hours}h` };
    return {};
  };
  return (
    <form
      onSubmit={(event) => {
        event.preventDefault();
        act.mutate(
          { what: verb, body: body() },
          {
            onSuccess: () => {
              say(words.done);
              onClose();
            },
          },
        );
      }}
    >
      <DialogHead title={words.title} onClose={onClose} />
      <div className="dialog-body">
        <p className="muted">{words.lead}</p>
        {words.field && (
          <div className="field">
            <label htmlFor="words">{words.field}</label>
            <textarea id="words" className="textarea" required={words.required} value={text} placeholder={words.hint} onChange={(event) => setText(event.target.value)} />
          </div>
        )}
        {verb === "break-glass" && (
          <>
            <div className="field">
              <label htmlFor="ticket">Ticket</label>
              <input id="ticket" className="input" value={ticket} onChange={(event) => setTicket(event.target.value)} />
            </div>
            <div className="field">
              <label htmlFor="hours">Stands for hours</label>
              <input id="hours" className="input" type="number" min="1" step="1" required value={hours} onChange={(event) => setHours(event.target.value)} />
            </div>
          </>
        )}
        {act.error && <p className="tone-bad">{sentence(act.error.message)}</p>}
      </div>
      <div className="dialog-foot">
        <button type="button" className="button" onClick={onClose}>
          Cancel
        </button>
        <button type="submit" className="button primary" disabled={act.isPending || (words.required && !text.trim())}>
          {words.title}
        </button>
      </div>
    </form>
  );
}
