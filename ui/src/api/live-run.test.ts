/** Frames are read as they are written, and points are never doubled. */
import { expect, test } from "vitest";
import { extended, parseFrame } from "./live-run.ts";

test("a frame is read from its lines", () => {
  expect(parseFrame('id: ab-3\nevent: end\ndata: {"status":"FINISHED"}')).toEqual({ id: "ab-3", event: "end", data: { status: "FINISHED" } });
  expect(parseFrame(":")).toBeUndefined();
});

test("a point that is there already is not doubled", () => {
  const at = "2026-01-01T00:00:00.000Z";
  const history = { key: "loss", points: [{ step: 1, timestamp: at, value: 2 }] };
  const longer = extended(history, [
    [1, Date.parse(at), 2],
    [2, Date.parse(at) + 5, null],
  ]);
  expect(longer.points.map((point) => [point.step, point.value])).toEqual([
    [1, 2],
    [2, null],
  ]);
});
