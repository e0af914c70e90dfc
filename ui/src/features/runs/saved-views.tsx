/** Views of the run table under a name: filter, order, columns. They stay in this browser; a link carries them on. */
import { Bookmark, Trash2 } from "lucide-react";
import { useState } from "react";
import type { View } from "~/lib/view.ts";

const KEY = "gingham.run-views";
const MOST = 50;
/** The parts of the address that make a view. */
const PARTS = ["experiment", "filter", "sort", "columns", "archived"] as const;

type Saved = { name: string; view: View };

function read(): Saved[] {
  try {
    const found: unknown = JSON.parse(localStorage.getItem(KEY) ?? "[]");
    return Array.isArray(found) ? (found as Saved[]).filter((one) => typeof one?.name === "string" && typeof one.view === "object") : [];
  } catch {
    return [];
  }
}

export function SavedViews({ view, setView }: { view: View; setView: (patch: View) => void }) {
  const [saved, setSaved] = useState(read);
  const [name, setName] = useState("");
  const keep = (next: Saved[]) => {
    setSaved(next);
    try {
      localStorage.setItem(KEY, JSON.stringify(next));
    } catch {
      // A browser that keeps nothing still shows the view until it is left.
    }
  };
  const now: View = Object.fromEntries(PARTS.map((part) => [part, view[part]]));
  return (
    <details className="chooser">
      <summary className="button small" aria-label="Saved views">
        <Bookmark size={14} aria-hidden="true" /> Views
      </summary>
      <div className="chooser-box card">
        {saved.length === 0 && <p className="small muted">No view is saved yet. A view is filter, order and columns.</p>}
        <ul className="list">
          {saved.map((one) => (
            <li key={one.name} className="row">
              <button type="button" className="button ghost small grow" style={{ justifyContent: "flex-start" }} onClick={() => setView(Object.fromEntries(PARTS.map((part) => [part, one.view[part]])))}>
                {one.name}
              </button>
              <button type="button" className="button ghost icon small" aria-label={`Forget ${one.name}`} onClick={() => keep(saved.filter((other) => other.name !== one.name))}>
                <Trash2 size={13} />
              </button>
            </li>
          ))}
        </ul>
        <form
          className="row"
          onSubmit={(event) => {
            event.preventDefault();
            if (!name.trim()) return;
            keep([...saved.filter((one) => one.name !== name.trim()), { name: name.trim(), view: now }].slice(-MOST));
            setName("");
          }}
        >
          <input className="input" aria-label="Name of this view" placeholder="Name of this view" value={name} onChange={(event) => setName(event.target.value)} />
          <button type="submit" className="button small">
            Save
          </button>
        </form>
      </div>
    </details>
  );
}
