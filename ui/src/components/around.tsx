/** The graph around a thing, both ways: a click on another thing tells about it and leads on. */
import { useQuery } from "@tanstack/react-query";
import { useMemo, useState } from "react";
import { graphQuery, type Direction, type Graph } from "~/api/lineage.ts";
import { objectLink } from "~/api/objects.ts";
import { Card } from "./card.tsx";
import { LineageGraph } from "./lineage.tsx";
import { To } from "./link.tsx";
import { Empty, Loaded } from "./states.tsx";
import { words } from "~/lib/format.ts";

type AroundProps = { object: string; direction: Direction; depth: number; onGo: (object: string) => void };

/** The graph, and what is known of the thing that was chosen in it. */
export function Around({ object, direction, depth, onGo }: AroundProps) {
  const query = useQuery({ ...graphQuery(object, direction, depth), retry: false });
  return (
    <Loaded query={query} isEmpty={(graph) => graph.nodes.length < 2} empty={<Empty title="Nothing is joined to it" why="Nothing that is known came before it or after it." />}>
      {(graph) => <Explorer key={object} graph={graph} object={object} onGo={onGo} />}
    </Loaded>
  );
}

function Explorer({ graph, object, onGo }: { graph: Graph; object: string; onGo: (object: string) => void }) {
  const self = graph.nodes.find((node) => node.id === object) ?? graph.nodes[0];
  const [chosenId, setChosen] = useState(self?.id);
  const chosen = graph.nodes.find((node) => node.id === chosenId) ?? self;
  const lineage = useMemo(
    () => ({
      nodes: graph.nodes.map((node) => ({ ...node, link: null })),
      edges: graph.edges.map((edge) => ({ from: edge.source, to: edge.target, label: edge.label })),
    }),
    [graph],
  );
  const link = chosen && objectLink(chosen.id);
  const steps = (side: "source" | "target") => graph.edges.filter((edge) => edge[side === "source" ? "target" : "source"] === chosen?.id);
  const title = (id: string) => graph.nodes.find((node) => node.id === id)?.title ?? id;
  return (
    <>
      <LineageGraph lineage={lineage} self={self?.id} chosen={chosen?.id} onChoose={setChosen} />
      {chosen && (
        <div className="card-foot stack tight" aria-live="polite">
          <div className="row wrap">
            <span className="muted">{words(chosen.kind)}</span>
            <span className="strong wrap-anywhere">{chosen.title}</span>
            {chosen.detail && <span className="muted wrap-anywhere">{chosen.detail}</span>}
            {chosen.id !== self?.id && (
              <button type="button" className="button small" onClick={() => onGo(chosen.id)}>
                Go around this
              </button>
            )}
            {link && <To to={link}>Its page</To>}
          </div>
          {steps("source").slice(0, 5).map((edge) => (
            <div key={`<${edge.source}`} className="small muted">
              came of {title(edge.source)} ({edge.label})
            </div>
          ))}
          {steps("target").slice(0, 5).map((edge) => (
            <div key={`>${edge.target}`} className="small muted">
              {edge.label} {title(edge.target)}
            </div>
          ))}
          {graph.is_cut && <div className="small muted">There is more than is shown; ask for fewer steps.</div>}
        </div>
      )}
    </>
  );
}

/** The graph two steps around a thing, with the way to all of it. */
export function AroundCard({ object }: { object: string }) {
  const [at, setAt] = useState(object);
  return (
    <Card title="Lineage" hint="what it came from, and what came of it" flush tools={<To to={`/lineage?object=${encodeURIComponent(at)}`}>Explore</To>}>
      <Around object={at} direction="both" depth={2} onGo={setAt} />
    </Card>
  );
}
