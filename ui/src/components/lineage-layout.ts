/** Places the nodes of a graph in columns by their longest path from a source. */
import type { Lineage, LineageNode } from "~/api/predictions.ts";

export const NODE_HEIGHT = 56;
const ROW_GAP = 14;

/** Few columns leave room for more words. */
function widths(columns: number): { node: number; gap: number } {
  if (columns <= 4) return { node: 212, gap: 92 };
  return columns === 5 ? { node: 160, gap: 82 } : { node: 154, gap: 60 };
}

export type Placed = { node: LineageNode; x: number; y: number };
export type PlacedEdge = { from: string; to: string; label?: string | null; path: string; x: number; y: number; room: number };
export type Plan = { nodes: Placed[]; edges: PlacedEdge[]; width: number; height: number; nodeWidth: number };

export function layOut(lineage: Lineage): Plan {
  const known = new Map(lineage.nodes.map((node) => [node.id, node]));
  const edges = lineage.edges.filter((edge) => known.has(edge.from) && known.has(edge.to) && edge.from !== edge.to);
  const layer = layers([...known.keys()], edges);
  const columns: LineageNode[][] = [];
  for (const node of known.values()) (columns[layer.get(node.id) ?? 0] ??= []).push(node);
  const order = new Map<string, number>();
  const placed: LineageNode[][] = [];
  for (const column of columns) {
    const weight = (node: LineageNode) => {
      const from = edges.filter((edge) => edge.to === node.id).map((edge) => order.get(edge.from) ?? 0);
      return from.length ? from.reduce((sum, each) => sum + each, 0) / from.length : 0;
    };
    const sorted = column?.toSorted((a, b) => weight(a) - weight(b)) ?? [];
    sorted.forEach((node, index) => order.set(node.id, index));
    placed.push(sorted);
  }
  const { node: nodeWidth, gap } = widths(placed.length);
  const tallest = Math.max(1, ...placed.map((column) => column.length));
  const height = tallest * (NODE_HEIGHT + ROW_GAP) - ROW_GAP;
  const nodes = placed.flatMap((column, at) => {
    const own = column.length * (NODE_HEIGHT + ROW_GAP) - ROW_GAP;
    return column.map((node, row) => ({ node, x: at * (nodeWidth + gap) + 1, y: (height - own) / 2 + row * (NODE_HEIGHT + ROW_GAP) + 1 }));
  });
  const place = new Map(nodes.map((each) => [each.node.id, each]));
  return {
    nodes,
    edges: edges.flatMap((edge) => {
      const [from, to] = [place.get(edge.from), place.get(edge.to)];
      if (!from || !to) return [];
      const [x1, y1, x2, y2] = [from.x + nodeWidth, from.y + NODE_HEIGHT / 2, to.x, to.y + NODE_HEIGHT / 2];
      const bend = Math.max(24, (x2 - x1) / 2);
      return [{ from: edge.from, to: edge.to, label: edge.label ?? null, path: `M${x1} ${y1}C${x1 + bend} ${y1} ${x2 - bend} ${y2} ${x2} ${y2}`, x: (x1 + x2) / 2, y: (y1 + y2) / 2 - 5, room: x2 - x1 }];
    }),
    nodeWidth,
    width: Math.max(1, placed.length) * (nodeWidth + gap) - gap + 2,
    height: height + 2,
  };
}

/** Longest path from any source; a cycle, which lineage should not have, is cut where it is met. */
function layers(ids: string[], edges: { from: string; to: string }[]): Map<string, number> {
  const layer = new Map<string, number>(ids.map((id) => [id, 0]));
  for (let round = 0; round < ids.length; round += 1) {
    let moved = false;
    for (const { from, to } of edges) {
      const next = (layer.get(from) ?? 0) + 1;
      if (next > (layer.get(to) ?? 0) && next < ids.length) {
        layer.set(to, next);
        moved = true;
      }
    }
    if (!moved) break;
  }
  return layer;
}
