/** Numbers as a person reads them. */
import { expect, test } from "vitest";
import { bytes, cell, change, count, figure, sentence } from "./format.ts";
import { toCsv } from "./csv.ts";
import { span } from "./time.ts";

test("figures keep the digits that matter", () => {
  expect([229.31, 0.07561, 12345.6, 0, Number.NaN, Number.POSITIVE_INFINITY, null, 4].map(figure)).toEqual(["229.3", "0.0756", "12,346", "0", "NaN", "∞", "–", "4"]);
});

test("a change is signed and relative", () => {
  expect([change(90, 100), change(110, 100), change(1, 0)]).toEqual(["−10.0%", "+10.0%", "–"]);
});

test("sizes and counts carry their units and groups", () => {
  expect([bytes(812_233), bytes(310), count(36204), count(undefined)]).toEqual(["812 kB", "310 B", "36,204", "–"]);
});

test("stored numbers are not rounded away", () => {
  expect([cell(288.28), cell(0.1 + 0.2), cell(null), cell(true), cell({ a: 1 })]).toEqual(["288.28", "0.3", "", "true", '{"a":1}']);
});

test("a sentence begins with a capital, a measure is in capitals", () => {
  expect([sentence("the rain"), sentence("mae is worse"), sentence("`temp` moved"), sentence("traffic: gone")]).toEqual(["The rain", "MAE is worse", "`temp` moved", "traffic: gone"]);
});

test("a half-open window is named by its last day", () => {
  expect(span("2015-06-17T00:00:00Z", "2015-06-24T00:00:00Z")).toBe("17 Jun – 23 Jun 2015");
});

test("a cell that a spreadsheet would run is made harmless", () => {
  expect(toCsv(["a", "b"], [["=1+1", 'say "hi", please'], [null, -3]])).toBe("a,b\r\n'=1+1,\"say \"\"hi\"\", please\"\r\n,-3\r\n");
});
