/** Which columns the run table shows. */
import { Columns3 } from "lucide-react";
import { useState } from "react";
import { plural } from "~/lib/view-text.ts";
import type { ColumnName } from "./run-columns.ts";

/** Names in the list at a time: a run may have thousands. */
const SHOWN = 200;

type ColumnChooserProps = { all: readonly ColumnName[]; shown: readonly ColumnName[]; isChosen: boolean; onChoose: (columns: ColumnName[] | undefined) => void };

export function ColumnChooser({ all, shown, isChosen, onChoose }: ColumnChooserProps) {
  const [text, setText] = useState("");
  const marked = new Set(shown);
  const fitting = [...new Set([...shown, ...all])].filter((column) => column.toLowerCase().includes(text.toLowerCase()));
  return (
    <details className="chooser">
      <summary className="button small" aria-label="Columns">
        <Columns3 size={14} aria-hidden="true" /> Columns
      </summary>
      <div className="chooser-box card">
        <input className="input" type="search" aria-label="Find a column" placeholder="Find a column" value={text} onChange={(event) => setText(event.target.value)} />
        <ul className="list" style={{ maxHeight: 320, overflowY: "auto" }}>
          {fitting.slice(0, SHOWN).map((column) => (
            <li key={column}>
              <label className="row" style={{ padding: "4px 6px" }}>
                <input type="checkbox" checked={marked.has(column)} onChange={() => onChoose(marked.has(column) ? shown.filter((one) => one !== column) : [...shown, column])} />
                <span className="mono small wrap-anywhere">{column}</span>
              </label>
            </li>
          ))}
        </ul>
        <div className="row small muted">
          {plural(fitting.length, "column")}
          {fitting.length > SHOWN && `, ${SHOWN} shown`}
          {isChosen && (
            <button type="button" className="button ghost small" onClick={() => onChoose(undefined)}>
              The usual ones
            </button>
          )}
        </div>
      </div>
    </details>
  );
}
