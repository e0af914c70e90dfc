/** JSON as people write YAML. */
import { expect, test } from "vitest";
import { toYaml } from "./yaml.ts";

test("short lists and maps stand on one line, long ones on many", () => {
  expect(toYaml({ model: "traffic", data: ["hour", "temp"], checks: [{ id: "a", between: [200, 330], reason: "no place on earth has been hotter or colder than this" }] })).toBe(
    'model: traffic\ndata: [hour, temp]\nchecks:\n  - id: a\n    between: [200, 330]\n    reason: no place on earth has been hotter or colder than this',
  );
});

test("words that YAML would read as something else are quoted", () => {
  expect(toYaml({ a: "yes", b: "12", c: "x: y", d: "1w", e: "2013-10-02", f: true, h: {} })).toBe('a: "yes"\nb: "12"\nc: "x: y"\nd: 1w\ne: 2013-10-02\nf: true\nh: {}');
});
