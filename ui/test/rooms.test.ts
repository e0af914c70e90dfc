/** The arrows between folders: a feature never imports another, and nothing below imports a feature. */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";

const root = join(import.meta.dirname, "../src");
const files = readdirSync(root, { recursive: true, encoding: "utf8" }).filter((file) => /\.tsx?$/.test(file) && !file.endsWith(".d.ts"));

test("a feature imports no other feature, and neither do components, api and lib", () => {
  const crossed = files.flatMap((file) => {
    const own = /^features\/([^/]+)/.exec(file)?.[1];
    const imports = [...readFileSync(join(root, file), "utf8").matchAll(/from "~\/features\/([^/"]+)/g)].map((found) => found[1]);
    return file.startsWith("app/") ? [] : imports.filter((other) => other !== own).map((other) => `${file} imports ${other}`);
  });
  expect(crossed).toEqual([]);
});

test("every file opens with what it is and stays short", () => {
  const faults = files.flatMap((file) => {
    const text = readFileSync(join(root, file), "utf8");
    return [...(text.startsWith("/**") || file === "main.tsx" ? [] : [`${file} does not say what it is`]), ...(text.split("\n").length > 400 ? [`${file} is longer than 400 lines`] : [])];
  });
  expect(faults).toEqual([]);
});
