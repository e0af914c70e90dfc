/** JSON written as YAML, to show a model's file as people write it. Only to be read, never parsed again. */
import type { Json } from "~/api/objects.ts";

const PLAIN = /^[A-Za-z_][\w ./%>=<-]*$/;
const WORDS = new Set(["true", "false", "null", "yes", "no", "on", "off", "~"]);

function scalar(value: string | number | boolean | null): string {
  if (typeof value !== "string") return String(value);
  return (PLAIN.test(value) && !WORDS.has(value.toLowerCase())) || /^\d{4}-\d\d-\d\d$/.test(value) || /^\d+[a-z%]+$/.test(value) ? value : JSON.stringify(value);
}

function isScalar(value: Json): value is string | number | boolean | null {
  return value === null || typeof value !== "object";
}

/** Small enough to stand on one line: a list or map of a few plain values. */
function inline(value: Json): string | undefined {
  if (isScalar(value)) return scalar(value);
  const text = Array.isArray(value)
    ? value.every(isScalar) && `[${value.map((each) => scalar(each)).join(", ")}]`
    : Object.values(value).every(isScalar) && `{ ${Object.entries(value).map(([key, each]) => `${key}: ${scalar(each as string)}`).join(", ")} }`;
  return text && text.length < 74 ? (text === "{  }" ? "{}" : text) : undefined;
}

function block(value: Json, indent: string): string[] {
  if (isScalar(value)) return [indent + scalar(value)];
  if (Array.isArray(value)) {
    return value.flatMap((each) => {
      const one = inline(each);
      if (one !== undefined) return [`${indent}- ${one}`];
      const [head = "", ...rest] = block(each, `${indent}  `);
      return [`${indent}- ${head.trimStart()}`, ...rest];
    });
  }
  return Object.entries(value).flatMap(([key, each]) => {
    const one = inline(each);
    return one === undefined ? [`${indent}${key}:`, ...block(each, `${indent}  `)] : [`${indent}${key}: ${one}`];
  });
}

/** The order in which a model's file is read; JSON has forgotten it. */
const ORDER = ["model", "description", "owner", "data", "checks", "pipeline", "promotion", "deployment", "monitor", "retrain"];
const place = (key: string) => (ORDER.includes(key) ? ORDER.indexOf(key) : ORDER.length);

export function toYaml(value: Json): string {
  if (isScalar(value) || Array.isArray(value)) return block(value, "").join("\n");
  const ordered = Object.entries(value)
    .filter(([, each]) => each !== null)
    .toSorted(([a], [b]) => place(a) - place(b));
  return block(Object.fromEntries(ordered), "").join("\n");
}
