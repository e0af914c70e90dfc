/** The filter of the run table, with what is wrong in it shown where it is wrong. */
import { useState } from "react";
import { Problem } from "~/api/client.ts";

/** `shift` letters stand before the filter in what the server was sent. */
type FilterBoxProps = { filter: string; shift: number; error: unknown; onFilter: (filter: string) => void };

export function FilterBox({ filter, shift, error, onFilter }: FilterBoxProps) {
  const [text, setText] = useState(filter);
  const problem = error instanceof Problem && error.status === 400 && text.trim() === filter ? error : undefined;
  return (
    <div className="grow stack tight" style={{ minWidth: 260, gap: 4 }}>
      <form
        className="row"
        onSubmit={(event) => {
          event.preventDefault();
          onFilter(text.trim());
        }}
      >
        <input className="input mono" type="search" aria-label="Filter runs" aria-invalid={problem !== undefined} aria-describedby={problem && "filter-problem"} placeholder="metrics.mae < 300 and (params.trainer = 'linear' or tags.team like 'b%')" value={text} onChange={(event) => setText(event.target.value)} spellCheck={false} />
        <button type="submit" className="button">
          Filter
        </button>
        {filter && (
          <button
            type="button"
            className="button ghost"
            onClick={() => {
              setText("");
              onFilter("");
            }}
          >
            Clear
          </button>
        )}
      </form>
      {problem && <Wrong text={filter} shift={shift} problem={problem} />}
    </div>
  );
}

/** The filter once more, with a mark under the place that the server names. */
function Wrong({ text, shift, problem }: { text: string; shift: number; problem: Problem }) {
  const [from, to] = placeOf(text, problem.message, shift);
  const told = problem.message.replace(/ at character \d+/, "");
  return (
    <div id="filter-problem" role="alert" className="small">
      <code className="wrap-anywhere">
        {text.slice(0, from)}
        <mark style={{ background: "none", color: "var(--bad)", textDecoration: "underline wavy", fontWeight: 600 }}>{text.slice(from, to) || "▁"}</mark>
        {text.slice(to)}
      </code>
      <div style={{ color: "var(--bad)" }}>
        {told}
        {problem.hint && <span className="muted"> · {problem.hint}</span>}
      </div>
    </div>
  );
}

/** Where a message says that the filter is wrong: `at character 12`, or a word of the filter that it quotes. */
export function placeOf(text: string, message: string, shift = 0): [number, number] {
  const at = /at character (\d+)/.exec(message)?.[1];
  if (at !== undefined) {
    const from = Math.min(Math.max(Number(at) - 1 - shift, 0), text.length);
    const word = /^[^\s()]+/.exec(text.slice(from))?.[0] ?? "";
    return [from, from + Math.max(word.length, from < text.length ? 1 : 0)];
  }
  for (const [, quoted] of message.matchAll(/[`']([^`']+)[`']/g)) {
    const found = quoted ? text.toLowerCase().indexOf(quoted.toLowerCase()) : -1;
    if (quoted && found >= 0) return [found, found + quoted.length];
  }
  return [0, text.length];
}
