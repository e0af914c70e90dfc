/** What came of what, around any thing. */
import { useState } from "react";
import type { Direction } from "~/api/lineage.ts";
import { Around } from "~/components/around.tsx";
import { Card } from "~/components/card.tsx";
import { Page } from "~/components/page.tsx";
import { CopyAs, origin } from "~/components/snippet.tsx";
import { Empty } from "~/components/states.tsx";
import { useView } from "~/lib/view.ts";

const WAYS: readonly (readonly [Direction, string])[] = [
  ["both", "Both ways"],
  ["up", "What it came from"],
  ["down", "What came of it"],
];
const DEPTHS = [1, 2, 3, 4, 6, 10];

export function LineagePage() {
  const [view, setView] = useView();
  const object = view["object"] ?? "";
  const direction = WAYS.find(([way]) => way === view["way"])?.[0] ?? "both";
  const depth = DEPTHS.find((steps) => String(steps) === view["depth"]) ?? 3;
  const [typed, setTyped] = useState(object);
  const flags = direction === "both" ? "--up --down" : `--${direction}`;
  const go = (next: string) => {
    setTyped(next);
    setView({ object: next });
  };
  return (
    <Page
      title="Lineage"
      lead="Datasets, runs, models, deployments and predictions, and what other systems have told of: from any of them both ways."
      actions={<CopyAs snippets={{ CLI: `gingham lineage ${object || "dataset:NAME@VERSION"} ${flags} --depth ${depth}`, curl: `curl "${origin()}/api/v1/lineage/graph?object=${encodeURIComponent(object)}&depth=${depth}"` }} />}
    >
      <form
        className="row"
        onSubmit={(event) => {
          event.preventDefault();
          go(typed.trim());
        }}
      >
        <input className="input grow" aria-label="Thing" placeholder="dataset:roads, version:traffic@champion, deployment:traffic, the id of a run or prediction" value={typed} onChange={(event) => setTyped(event.target.value)} />
        <select className="input" style={{ width: "auto" }} aria-label="Direction" value={direction} onChange={(event) => setView({ way: event.target.value })}>
          {WAYS.map(([way, label]) => (
            <option key={way} value={way}>
              {label}
            </option>
          ))}
        </select>
        <select className="input" style={{ width: "auto" }} aria-label="Steps" value={depth} onChange={(event) => setView({ depth: event.target.value })}>
          {DEPTHS.map((steps) => (
            <option key={steps} value={steps}>
              {steps === 1 ? "1 step" : `${steps} steps`}
            </option>
          ))}
        </select>
        <button type="submit" className="button">
          Show
        </button>
      </form>
      <Card flush>
        {object ? <Around object={object} direction={direction} depth={depth} onGo={go} /> : <Empty title="Around what?" why="Write the name of a thing, or come from its page." snippet="gingham lineage version:MODEL@1 --up --down" />}
      </Card>
    </Page>
  );
}
