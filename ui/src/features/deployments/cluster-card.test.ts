/** What a deployment in a cluster is told by. */
import { expect, test } from "vitest";
import { asText, earlier } from "./cluster-card.tsx";

const revision = (number: number, objects: string[]) => ({ revision: number, objects, reason: "", actor: "", at: "" });

test("only what has objects and does not hold now can be gone back to", () => {
  const history = [revision(4, ["Deployment"]), revision(3, []), revision(2, ["Deployment"]), revision(1, ["Deployment"])];
  expect(earlier(history).map((each) => each.revision)).toEqual([2, 1]);
});

test("values of manifests read in a line", () => {
  expect([asText(null), asText("a:1"), asText({ cpu: "1" }), asText(3)]).toEqual(["nothing", "a:1", '{"cpu":"1"}', "3"]);
});
