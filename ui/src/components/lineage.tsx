/** Where something comes from, left to right: own layered layout in SVG, no library. */
import { useQuery } from "@tanstack/react-query";
import { useMemo, type KeyboardEvent } from "react";
import { lineageQuery, type Lineage, type LineageNode } from "~/api/predictions.ts";
import { objectLink, shortName } from "~/api/objects.ts";
import { words } from "~/lib/format.ts";
import { layOut, NODE_HEIGHT } from "./lineage-layout.ts";
import { To } from "./link.tsx";
import { Empty, Loaded } from "./states.tsx";

export function LineageStrip({ object }: { object: string }) {
  const query = useQuery({ ...lineageQuery(object), retry: false });
  return (
    <Loaded query={query} isEmpty={(lineage) => lineage.nodes.length === 0} empty={<Empty title="No lineage" why="Nothing is recorded about what this was made from." />}>
      {(lineage) => <LineageGraph lineage={lineage} self={object} />}
    </Loaded>
  );
}

const clip = (text: string, most: number) => (text.length > most ? `${text.slice(0, most - 1)}…` : text);

type GraphProps = { lineage: Lineage; self?: string | undefined; chosen?: string | undefined; onChoose?: (id: string) => void };

/** Nodes lead to their pages, or, where `onChoose` is given, are chosen by a click. */
export function LineageGraph({ lineage, self, chosen, onChoose }: GraphProps) {
  const plan = useMemo(() => layOut(lineage), [lineage]);
  return (
    <div className="lineage" style={{ padding: 14 }}>
      <svg viewBox={`0 0 ${plan.width} ${plan.height}`} style={{ width: `max(100%, ${plan.width * 0.78}px)`, maxWidth: plan.width, aspectRatio: `${plan.width} / ${plan.height}` }} role="img" aria-label={`Lineage of ${lineage.nodes.length} objects: ${lineage.nodes.map((node) => node.title).join(", ")}`}>
        {plan.edges.map((edge) => (
          <g key={`${edge.from}>${edge.to}`}>
            <path className="edge" d={edge.path} />
            {edge.label && (
              <text className="label" x={edge.x} y={edge.y} textAnchor="middle">
                {clip(edge.label, Math.floor((edge.room - 6) / 5.6))}
              </text>
            )}
          </g>
        ))}
        {plan.nodes.map(({ node, x, y }) => (
          <Node key={node.id} node={node} x={x} y={y} width={plan.nodeWidth} self={node.id === self} isChosen={node.id === chosen} onChoose={onChoose} />
        ))}
      </svg>
    </div>
  );
}

type NodeProps = { node: LineageNode; x: number; y: number; width: number; self: boolean; isChosen: boolean; onChoose: ((id: string) => void) | undefined };

function Node({ node, x, y, width, self, isChosen, onChoose }: NodeProps) {
  const to = node.link ?? objectLink(node.id);
  const choose = onChoose && {
    role: "button",
    tabIndex: 0,
    "aria-pressed": isChosen,
    style: { cursor: "pointer" },
    onClick: () => onChoose(node.id),
    onKeyDown: (event: KeyboardEvent) => {
      if (event.key === "Enter" || event.key === " ") {
        event.preventDefault();
        onChoose(node.id);
      }
    },
  };
  const box = (
    <g className={`node${self ? " self" : ""}${isChosen ? " chosen" : ""}`} transform={`translate(${x} ${y})`} {...choose}>
      <title>{`${words(node.kind)} ${node.title}${node.detail ? `\n${node.detail}` : ""}`}</title>
      <rect width={width} height={NODE_HEIGHT} rx="7" />
      <text className="kind" x="10" y="16">
        {words(node.kind)}
      </text>
      <text x="10" y="32">
        {clip(shortName(node.title), Math.floor((width - 16) / 6.6))}
      </text>
      {node.detail && (
        <text className="kind" x="10" y="47">
          {clip(node.detail.replaceAll(/T[\d:.]+Z/g, "").replaceAll("`", "").replaceAll(/[0-9a-f]{24,}/g, (id) => `…${id.slice(-6)}`), Math.floor((width - 16) / 5.5))}
        </text>
      )}
    </g>
  );
  return to && !self && !onChoose ? <To to={to}>{box}</To> : box;
}
