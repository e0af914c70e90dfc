/** What the explorer looks at: model, time, a filter in words; and the slice kept as a dataset. */
import { Database } from "lucide-react";
import { useState } from "react";
import { Problem } from "~/api/client.ts";
import { useSaveSlice, type Slice } from "~/api/explorer.ts";
import type { Model } from "~/api/models.ts";
import { Dialog, DialogHead } from "~/components/dialog.tsx";
import { say } from "~/components/toast.tsx";
import { plural, sentence } from "~/lib/view-text.ts";
import type { View } from "~/lib/view.ts";

type SliceBarProps = { view: View; models: readonly Pick<Model, "name">[]; slice: Slice | undefined; error: unknown; onView: (patch: View) => void };

export function SliceBar({ view, models, slice, error, onView }: SliceBarProps) {
  const [saving, setSaving] = useState(false);
  const problem = error instanceof Problem && error.status === 400 ? error : undefined;
  return (
    <header className="card-head filters" style={{ alignItems: "end" }}>
      <div className="field">
        <label htmlFor="model">Model</label>
        <select id="model" className="select" value={view["model"] ?? ""} onChange={(event) => onView({ model: event.target.value, by: undefined, filter: undefined })}>
          <option value="">every model</option>
          {models.map((model) => (
            <option key={model.name}>{model.name}</option>
          ))}
        </select>
      </div>
      <div className="field">
        <label htmlFor="from">From</label>
        <input id="from" type="date" className="input" value={view["from"] ?? ""} onChange={(event) => onView({ from: event.target.value })} />
      </div>
      <div className="field">
        <label htmlFor="to">Before</label>
        <input id="to" type="date" className="input" value={view["to"] ?? ""} onChange={(event) => onView({ to: event.target.value })} />
      </div>
      {slice && <Filter key={view["filter"] ?? ""} text={view["filter"] ?? ""} problem={problem} onFilter={(filter) => onView({ filter })} />}
      {slice && (
        <button type="button" className="button" onClick={() => setSaving(true)}>
          <Database size={14} /> Keep as dataset
        </button>
      )}
      <Dialog title="Keep as dataset" open={saving} onClose={() => setSaving(false)}>
        {slice && <SaveForm slice={slice} onClose={() => setSaving(false)} />}
      </Dialog>
    </header>
  );
}

function Filter({ text, problem, onFilter }: { text: string; problem: Problem | undefined; onFilter: (filter: string) => void }) {
  const [value, setValue] = useState(text);
  return (
    <form
      className="field grow"
      style={{ minWidth: 260 }}
      onSubmit={(event) => {
        event.preventDefault();
        onFilter(value.trim());
      }}
    >
      <label htmlFor="filter">Only where</label>
      <div className="row">
        <input id="filter" className="input mono grow" type="search" spellCheck={false} placeholder="temp > 290 and weather_main = Rain and label is known" aria-invalid={problem !== undefined} aria-describedby={problem && "filter-problem"} value={value} onChange={(event) => setValue(event.target.value)} />
        <button type="submit" className="button">
          Show
        </button>
      </div>
      {problem && (
        <p id="filter-problem" role="alert" className="small tone-bad">
          {sentence(problem.message)}
          {problem.hint && <span className="muted"> · {problem.hint}</span>}
        </p>
      )}
    </form>
  );
}

function SaveForm({ slice, onClose }: { slice: Slice; onClose: () => void }) {
  const save = useSaveSlice();
  const [dataset, setDataset] = useState(`${slice.model}-slice`);
  return (
    <form
      onSubmit={(event) => {
        event.preventDefault();
        save.mutate(
          { ...slice, dataset },
          {
            onSuccess: (kept) => {
              say(`${plural(kept.rows, "row")} are version ${kept.version} of ${kept.dataset}`);
              onClose();
            },
          },
        );
      }}
    >
      <DialogHead title="Keep as dataset" onClose={onClose} />
      <div className="dialog-body">
        <p className="muted">
          The predictions of {slice.model}
          {slice.from ? ` from ${slice.from.slice(0, 10)}` : ""}
          {slice.to ? ` before ${slice.to.slice(0, 10)}` : ""}
          {slice.filter ? (
            <>
              {" "}
              where <code>{slice.filter}</code>
            </>
          ) : null}
          , with features, answers and labels, become a new version of the dataset.
        </p>
        <div className="field">
          <label htmlFor="dataset">Dataset</label>
          <input id="dataset" className="input mono" required value={dataset} onChange={(event) => setDataset(event.target.value)} />
        </div>
        {save.error && <p className="tone-bad">{sentence(save.error.message)}</p>}
      </div>
      <div className="dialog-foot">
        <button type="button" className="button" onClick={onClose}>
          Cancel
        </button>
        <button type="submit" className="button primary" disabled={save.isPending || !dataset.trim()}>
          {save.isPending ? "Keeping…" : "Keep"}
        </button>
      </div>
    </form>
  );
}
