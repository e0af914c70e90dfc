/** The mark stands under what is wrong. */
import { expect, test } from "vitest";
import { placeOf } from "./filter-box.tsx";

test("a place that the server counts is marked, and a word that it quotes", () => {
  const text = "metrics.mae is small";
  expect(placeOf(text, "invalid filter at character 13: expected an operator")).toEqual([12, 14]);
  expect(placeOf("metrisc.a > 1", "invalid entity type 'metrisc'")).toEqual([0, 7]);
  expect(placeOf("a", "something else")).toEqual([0, 1]);
});
