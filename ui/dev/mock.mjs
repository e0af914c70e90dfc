// `npm run mock`: the invented history on a port, with the built UI (if any) beside it. For development only.
import { createReadStream, existsSync, statSync } from "node:fs";
import { createServer } from "node:http";
import { extname, join, normalize } from "node:path";
import { fileURLToPath } from "node:url";
import { handle } from "./handle.mjs";

const dist = fileURLToPath(new URL("../dist", import.meta.url));
const port = Number(process.argv[2] ?? 5199);
const TYPES = { ".html": "text/html", ".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml", ".json": "application/json" };

function file(path, response) {
  const wanted = join(dist, normalize(path));
  const found = wanted.startsWith(dist) && existsSync(wanted) && statSync(wanted).isFile() ? wanted : join(dist, "index.html");
  response.writeHead(200, { "content-type": TYPES[extname(found)] ?? "application/octet-stream" });
  createReadStream(found).pipe(response);
}

createServer((request, response) => {
  const url = new URL(request.url ?? "/", "http://local");
  if (url.pathname === "/health") return response.end('{"status":"ok"}');
  if (!url.pathname.startsWith("/api/")) return file(decodeURIComponent(url.pathname), response);
  if (url.pathname === "/api/v1/events/stream") {
    response.writeHead(200, { "content-type": "text/event-stream" });
    return response.write(": hello\n\n");
  }
  const parts = [];
  request.on("data", (part) => parts.push(part));
  request.on("end", () => {
    const text = Buffer.concat(parts).toString();
    const { status, body } = handle(request.method, url.pathname.slice("/api/v1".length), url.searchParams, text ? JSON.parse(text) : undefined);
    response.writeHead(status, { "content-type": status < 400 ? "application/json" : "application/problem+json" });
    response.end(JSON.stringify(body));
  });
}).listen(port, "127.0.0.1", () => console.log(`mock server at http://127.0.0.1:${port}`));
