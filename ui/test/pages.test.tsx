/** Every page shows what it is for, from the invented history. */
import { screen } from "@testing-library/react";
import { expect, test } from "vitest";
import { handle } from "../dev/handle.mjs";
import { open } from "./open.tsx";

const first = (path: string): { id: string } => (handle("GET", path, new URLSearchParams()).body as { items: { id: string }[] }).items[0] ?? { id: "none" };

const some = (most: number) => (handle("GET", "/runs", new URLSearchParams()).body as { items: { id: string }[] }).items.slice(0, most).map((run) => run.id);

const PAGES: [string, string, RegExp][] = [
  ["home", "/", /Needs attention/],
  ["models", "/models", /Hourly westbound traffic volume/],
  ["model", "/models/traffic", /Why each version was promoted, or not/],
  ["version", "/models/traffic/versions/3", /On the same 1,169 recent rows/],
  ["reviews", "/reviews?state=all", /better on weeks with snow|waits for 1 approval/],
  ["broken glass", "/reviews", /forecasts are all zero/],
  ["review", "/reviews/2", /It is: the sensor was replaced/],
  ["a card", "/models/traffic/versions/4/card", /Staff planning for the coming hours/],
  ["a datasheet", "/data/traffic/datasheet", /limitations/],
  ["runs", "/runs", /boosted-4/],
  ["run", `/runs/${first("/experiments/1/runs").id}`, /evaluation\/report.json/],
  ["runs side by side", `/runs/compare?runs=${some(3).join(",")}`, /only what differs/],
  ["a difference", `/runs/diff?left=run:${some(2)[0]}&right=run:${some(2)[1]}`, /8 other runs differ in this and nothing else/],
  ["data", "/data", /33,950/],
  ["dataset", "/data/traffic", /One row says 9,831.3 mm in an hour/],
  ["pipelines", "/pipelines", /Why it ran/],
  ["pipeline", `/pipelines/${first("/pipeline-runs").id}`, /Best of 3: boosted/],
  ["deployments", "/deployments", /Serves/],
  ["deployment", "/deployments/traffic", /Call it/],
  ["monitoring", "/monitoring", /Last window/],
  ["monitor", "/monitoring/traffic", /Drift by column/],
  ["alerts", "/alerts?state=all", /No row for 308 days/],
  ["alert", `/alerts/${first("/alerts").id}`, /Likely cause/],
  ["predictions", "/predictions", /Came true/],
  ["prediction", `/predictions/${first("/predictions").id}`, /volume_last_week/],
  ["sql", "/sql", /Nothing asked yet/],
  ["events", "/events", /The chain is whole/],
  ["settings", "/settings", /This server/],
  ["an unknown address", "/nowhere", /No page has this address/],
];

test.each(PAGES)("%s shows its content", async (_, path, words) => {
  open(path);
  expect((await screen.findAllByText(words, {}, { timeout: 10_000 })).length).toBeGreaterThan(0);
});
