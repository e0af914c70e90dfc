/** What a page shows when there is nothing, when it may not, and when nobody answers. */
import { screen } from "@testing-library/react";
import { expect, test, vi } from "vitest";
import { open } from "./open.tsx";
import { answer } from "./setup.ts";

test("an empty list says why and what to run", async () => {
  answer((_, path) => (path === "/models" ? { status: 200, body: { items: [], next_cursor: null } } : undefined));
  open("/models");
  expect(await screen.findByText("No model yet")).toBeTruthy();
  expect(screen.getByText("gingham apply examples/traffic/gingham.yaml")).toBeTruthy();
});

test("a failure shows the server's words, its hint and the request's id", async () => {
  answer((_, path) => (path === "/datasets" ? { status: 400, body: { code: "bad", detail: "the table is locked", hint: "wait for the load to end", request_id: "r-77" } } : undefined));
  open("/data");
  expect(await screen.findByText("The table is locked.")).toBeTruthy();
  expect(screen.getByText(/wait for the load to end/)).toBeTruthy();
  expect(screen.getByText("r-77")).toBeTruthy();
});

test("a missing token leads to the settings", async () => {
  answer(() => ({ status: 401, body: { code: "unauthenticated", detail: "a token is needed" } }));
  open("/models");
  expect(await screen.findByText("This server wants a token")).toBeTruthy();
});

test("an unknown model is told apart from a broken server", async () => {
  open("/models/nope");
  expect(await screen.findByText("Nothing here")).toBeTruthy();
});

test("a server that is gone is named as such", async () => {
  vi.stubGlobal("fetch", async () => {
    throw new TypeError("failed to fetch");
  });
  open("/models");
  expect(await screen.findByText("The server does not answer", {}, { timeout: 6_000 })).toBeTruthy();
});
