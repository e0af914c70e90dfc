/** What the error chart is given to draw. */
import { expect, test } from "vitest";
import type { MonitorWindow } from "~/api/monitoring.ts";
import { errorSeries } from "./error-series.ts";

const week = (from: string, to: string, more: Partial<MonitorWindow> = {}): MonitorWindow => ({ from, to, version: 1, rows: 168, labelled: 168, state: "ok", metric: { mae: 10, rmse: 14, bias: 0 }, reference_metric: 8, ...more });
const spec = { performance: { metric: "mae", worse_than: 1.5 } };

test("a missing stretch breaks the line and is shaded", () => {
  const { gaps, lines, windows } = errorSeries({ model: "m", spec, windows: [week("2014-01-01T00:00:00Z", "2014-01-08T00:00:00Z"), week("2014-03-05T00:00:00Z", "2014-03-12T00:00:00Z")] }, []);
  expect(gaps).toHaveLength(1);
  expect(lines[0]?.values).toEqual([10, null, 10]);
  expect(windows[1]).toBeUndefined();
});

test("windows without rows join to one gap", () => {
  const empty = { rows: 0, labelled: 0, metric: null };
  const { gaps } = errorSeries({ model: "m", spec, windows: [week("2014-01-01T00:00:00Z", "2014-01-08T00:00:00Z"), week("2014-01-08T00:00:00Z", "2014-01-15T00:00:00Z", empty), week("2014-01-15T00:00:00Z", "2014-01-22T00:00:00Z", empty), week("2014-01-22T00:00:00Z", "2014-01-29T00:00:00Z")] }, []);
  expect(gaps).toHaveLength(1);
});

test("the allowed limit is the reference times the factor of the rule", () => {
  const { lines } = errorSeries({ model: "m", spec, windows: [week("2014-01-01T00:00:00Z", "2014-01-08T00:00:00Z")] }, []);
  expect(lines[1]?.values).toEqual([12]);
});

test("a version is marked where it first answers", () => {
  const { markers } = errorSeries({ model: "m", spec, windows: [week("2014-01-01T00:00:00Z", "2014-01-08T00:00:00Z"), week("2014-01-08T00:00:00Z", "2014-01-15T00:00:00Z", { version: 2 }), week("2014-01-15T00:00:00Z", "2014-01-22T00:00:00Z", { version: 2 })] }, []);
  expect(markers.map((marker) => marker.label)).toEqual(["v1", "v2"]);
});
