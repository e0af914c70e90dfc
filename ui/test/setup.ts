/** Answers every request of a test from the invented history, and stands in for the canvas. */
import { cleanup } from "@testing-library/react";
import { afterEach, beforeEach, vi } from "vitest";
import { handle } from "../dev/handle.mjs";

type Answer = { status: number; body: unknown };
type Override = (method: string, path: string) => Answer | undefined;
let override: Override = () => undefined;
export const requests: string[] = [];

/** Lets a test answer some requests itself. */
export function answer(with_: Override): void {
  override = with_;
}

vi.mock("uplot", () => ({
  default: class {
    static paths = {};
    static tzDate = (date: Date) => date;
    over = document.createElement("div");
    cursor = {};
    select = { width: 0 };
    width = 600;
    destroy() {}
    redraw() {}
    setSize() {}
  },
}));

beforeEach(() => {
  override = () => undefined;
  requests.length = 0;
  vi.stubGlobal("fetch", async (url: string, init?: RequestInit) => {
    const at = new URL(url, "http://local");
    const path = at.pathname.replace("/api/v1", "");
    const method = init?.method ?? "GET";
    requests.push(`${method} ${path}${at.search}`);
    if (path === "/events/stream") return new Response("", { status: 404 });
    const { status, body } = override(method, path) ?? handle(method, path, at.searchParams, init?.body ? JSON.parse(String(init.body)) : undefined);
    return new Response(JSON.stringify(body), { status, headers: { "content-type": "application/json" } });
  });
  HTMLElement.prototype.scrollIntoView = () => {};
});

afterEach(() => {
  cleanup();
  vi.unstubAllGlobals();
});
