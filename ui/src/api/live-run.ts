/** A run as it goes: server-sent events, taken up again where the line was cut. */
import type { QueryClient } from "@tanstack/react-query";
import { headers, path } from "./client.ts";
import type { MetricHistory, Run } from "./runs.ts";

/** `[step, milliseconds, value]`; the value is null where it is not a number. */
type Point = [number, number, number | null];
type Frame = { id?: string; event: string; data: { run?: Run; metrics?: Record<string, Point[]>; status?: string; end_time?: string | null; name?: string; params?: Record<string, string>; tags?: Record<string, string> } };

/** Points of a history that a page holds while it follows. */
const MOST_POINTS = 4_000;

/** Follows a run until it ends or `stop` fires, and writes what comes into what the page has read. */
export async function followRun(client: QueryClient, id: string, stop: AbortSignal, onLine: (up: boolean) => void): Promise<void> {
  let last: string | undefined;
  let pause = 500;
  while (!stop.aborted) {
    try {
      const response = await fetch(path(`/runs/${encodeURIComponent(id)}/live`), { headers: headers({ accept: "text/event-stream", ...(last ? { "last-event-id": last } : {}) }), signal: stop });
      if (!response.ok || !response.body || !response.headers.get("content-type")?.includes("event-stream")) return;
      onLine(true);
      pause = 500;
      for await (const frame of frames(response.body)) {
        last = frame.id ?? last;
        take(client, id, frame);
        if (frame.event === "end") {
          onLine(false);
          void client.invalidateQueries({ queryKey: ["run", id] });
          return;
        }
      }
    } catch {
      // The loop tries again.
    }
    if (stop.aborted) return;
    onLine(false);
    await new Promise((resolve) => setTimeout(resolve, pause));
    pause = Math.min(pause * 2, 15_000);
  }
}

async function* frames(body: ReadableStream<Uint8Array>): AsyncGenerator<Frame> {
  const reader = body.getReader();
  const decoder = new TextDecoder();
  let text = "";
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return;
    text += decoder.decode(value, { stream: true });
    for (let end = text.indexOf("\n\n"); end >= 0; end = text.indexOf("\n\n")) {
      const frame = parseFrame(text.slice(0, end));
      text = text.slice(end + 2);
      if (frame) yield frame;
    }
  }
}

/** A frame from its lines; nothing for a line that only keeps the connection. */
export function parseFrame(block: string): Frame | undefined {
  const field = (name: string) =>
    block
      .split("\n")
      .filter((line) => line.startsWith(`${name}:`))
      .map((line) => line.slice(name.length + 1).trimStart())
      .join("\n");
  const data = field("data");
  if (!data) return undefined;
  const id = field("id");
  return { ...(id ? { id } : {}), event: field("event"), data: JSON.parse(data) as Frame["data"] };
}

function take(client: QueryClient, id: string, { event, data }: Frame): void {
  const key = ["run", id];
  if (event === "snapshot" && data.run) {
    const fresh = data.run;
    client.setQueryData<Run>(key, (was) => ({ ...fresh, artifacts: was?.artifacts ?? null }));
    // What was logged before the snapshot is in the histories that are read again.
    void client.invalidateQueries({ queryKey: [...key, "metric"] });
  } else if (event === "state") {
    client.setQueryData<Run>(key, (was) => was && { ...was, ...(data.status ? { status: data.status, end_time: data.end_time ?? null } : {}), ...(data.name ? { name: data.name } : {}), params: { ...was.params, ...data.params }, tags: { ...was.tags, ...data.tags } });
  } else if (event === "points") {
    const metrics = data.metrics ?? {};
    const newest = Object.fromEntries(Object.entries(metrics).map(([name, points]) => [name, points.at(-1)?.[2] ?? null]));
    client.setQueryData<Run>(key, (was) => was && { ...was, metrics: { ...was.metrics, ...newest } });
    for (const [name, points] of Object.entries(metrics)) {
      client.setQueryData<MetricHistory>([...key, "metric", name], (was) => was && extended(was, points));
    }
  }
}

/** A history with points at its end; one that is there already is not doubled. */
export function extended(history: MetricHistory, points: Point[]): MetricHistory {
  const there = new Set(history.points.map((point) => `${point.step} ${+new Date(point.timestamp)}`));
  const fresh = points.filter(([step, at]) => !there.has(`${step} ${at}`)).map(([step, at, value]) => ({ step, timestamp: new Date(at).toISOString(), value }));
  return { ...history, points: [...history.points, ...fresh].slice(-MOST_POINTS) };
}
