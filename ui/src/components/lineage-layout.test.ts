/** Where the nodes of a lineage come to lie. */
import { expect, test } from "vitest";
import { layOut } from "./lineage-layout.ts";

const node = (id: string) => ({ id, kind: "run", title: id });

test("each node stands right of all that it comes from", () => {
  const plan = layOut({ nodes: ["d", "c", "b", "a"].map(node), edges: [{ from: "a", to: "b" }, { from: "b", to: "c" }, { from: "a", to: "c" }, { from: "c", to: "d" }] });
  const x = Object.fromEntries(plan.nodes.map((each) => [each.node.id, each.x]));
  expect(["a", "b", "c", "d"].map((id) => x[id])).toEqual([x["a"], x["b"], x["c"], x["d"]].toSorted((a, b) => (a ?? 0) - (b ?? 0)));
  expect(new Set(Object.values(x)).size).toBe(4);
});

test("a cycle and an edge to nowhere do no harm", () => {
  const plan = layOut({ nodes: [node("a"), node("b")], edges: [{ from: "a", to: "b" }, { from: "b", to: "a" }, { from: "a", to: "gone" }] });
  expect(plan.nodes).toHaveLength(2);
  expect(plan.edges).toHaveLength(2);
});
