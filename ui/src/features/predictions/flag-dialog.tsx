/** Says that a label is wrong, and perhaps what is right. What was recorded stays. */
import { useState } from "react";
import { useFlagLabel } from "~/api/explorer.ts";
import type { Json } from "~/api/objects.ts";
import { Dialog, DialogHead } from "~/components/dialog.tsx";
import { say } from "~/components/toast.tsx";
import { cell, sentence } from "~/lib/view-text.ts";

type FlagDialogProps = { id: string; label: Json | undefined; words: boolean; open: boolean; onClose: () => void };

export function FlagDialog(props: FlagDialogProps) {
  return (
    <Dialog title="The label is wrong" open={props.open} onClose={props.onClose}>
      <Form {...props} />
    </Dialog>
  );
}

function Form({ id, label, words, onClose }: FlagDialogProps) {
  const flag = useFlagLabel(id);
  const [reason, setReason] = useState("");
  const [value, setValue] = useState("");
  return (
    <form
      onSubmit={(event) => {
        event.preventDefault();
        flag.mutate(
          { reason, ...(value.trim() ? { value: words ? value.trim() : Number(value) } : {}) },
          {
            onSuccess: (done) => {
              say(done.corrected ? "The right value counts from now on" : "Noted in the event log");
              onClose();
            },
          },
        );
      }}
    >
      <DialogHead title="The label is wrong" onClose={onClose} />
      <div className="dialog-body">
        <p className="muted">
          {label === null || label === undefined ? "No outcome has come yet." : <>Recorded is {cell(label)}; it stays in the archive.</>} A right value counts before every label from elsewhere, until another one is given.
        </p>
        <div className="field">
          <label htmlFor="reason">Why is it wrong?</label>
          <textarea id="reason" className="textarea" required value={reason} placeholder="The counter was out of order that morning" onChange={(event) => setReason(event.target.value)} />
        </div>
        <div className="field">
          <label htmlFor="right">What is right, if it is known</label>
          <input id="right" className="input" type={words ? "text" : "number"} step="any" value={value} onChange={(event) => setValue(event.target.value)} />
        </div>
        {flag.error && <p className="tone-bad">{sentence(flag.error.message)}</p>}
      </div>
      <div className="dialog-foot">
        <button type="button" className="button" onClick={onClose}>
          Cancel
        </button>
        <button type="submit" className="button primary" disabled={flag.isPending || !reason.trim()}>
          Say so
        </button>
      </div>
    </form>
  );
}
