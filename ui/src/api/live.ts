/** Follows the event log and lets every open page read again what an event may have changed. */
import type { QueryClient } from "@tanstack/react-query";
import { headers, path } from "./client.ts";

/** What no event changes, or what only a person asks again. */
const STEADY = new Set(["info", "sql", "search", "lineage"]);

/** Reads `GET /events/stream` until `stop` fires; comes back after a pause when the line is cut. */
export async function follow(client: QueryClient, stop: AbortSignal, onLine: (up: boolean) => void): Promise<void> {
  const again = () => void client.invalidateQueries({ predicate: (query) => !STEADY.has(String(query.queryKey[0])) });
  let pause = 1_000;
  let missed = false;
  while (!stop.aborted) {
    try {
      const response = await fetch(path("/events/stream"), { headers: headers({ accept: "text/event-stream" }), signal: stop });
      if (!response.ok || !response.body || !response.headers.get("content-type")?.includes("event-stream")) return;
      onLine(true);
      if (missed) again();
      pause = 1_000;
      await read(response.body, again);
    } catch {
      // Told below; the loop tries again.
    }
    if (stop.aborted) return;
    onLine(false);
    missed = true;
    await new Promise((resolve) => setTimeout(resolve, pause));
    pause = Math.min(pause * 2, 15_000);
  }
}

/** Calls `changed` at most every other second, however fast events arrive. */
async function read(body: ReadableStream<Uint8Array>, changed: () => void): Promise<void> {
  const reader = body.getReader();
  const decoder = new TextDecoder();
  let timer: ReturnType<typeof setTimeout> | undefined;
  for (;;) {
    const { value, done } = await reader.read();
    if (done) break;
    if (/^data:/m.test(decoder.decode(value, { stream: true })) && timer === undefined) {
      timer = setTimeout(() => {
        timer = undefined;
        changed();
      }, 2_000);
    }
  }
}
