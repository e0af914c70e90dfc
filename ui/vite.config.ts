/// <reference types="vitest/config" />
import { fileURLToPath } from "node:url";
import react from "@vitejs/plugin-react";
import { defineConfig } from "vite";

/** Where `npm run dev` finds the API: a running `gingham up`, or `npm run mock`. */
const api = process.env["GINGHAM_URL"] ?? "http://127.0.0.1:5199";
/** Asked as if from the server's own pages, which is what these are once they are built. */
const server = { target: api, changeOrigin: true, headers: { origin: new URL(api).origin } };
const proxy = { "/api": server, "/v2": server, "/health": server, "/metrics": server };
/** What the server allows its pages, so that a breach shows here first. */
const policy =
  "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; worker-src 'self' blob:; object-src 'none'; base-uri 'self'; form-action 'self'; frame-ancestors 'none'";

export default defineConfig({
  plugins: [react()],
  resolve: { alias: { "~": fileURLToPath(new URL("./src", import.meta.url)) } },
  server: { port: 5198, proxy },
  preview: { port: 5197, proxy, headers: { "content-security-policy": policy } },
  build: {
    target: "es2022",
    assetsInlineLimit: 2048,
    rolldownOptions: {
      output: {
        // Three files for a first page instead of thirty; charts and the other pages come when asked for.
        codeSplitting: {
          groups: [
            { name: "libraries", test: /node_modules[\\/](?!uplot)/ },
            { name: "shared", test: /src[\\/](api|lib|app|components)[\\/](?!charts[\\/](line-chart|overlays))/ },
          ],
        },
      },
    },
  },
  test: {
    environment: "happy-dom",
    setupFiles: ["./test/setup.ts"],
    include: ["src/**/*.test.{ts,tsx}", "test/**/*.test.{ts,tsx}"],
    testTimeout: 20_000,
  },
});
