/** Shapes that several domains share. */

export type Scalars = Record<string, number | null>;
export type Json = null | boolean | number | string | Json[] | { [key: string]: Json };

/** Who did something. */
export type Actor = string | { kind?: string; name?: string; id?: string };
/** What something was done to. */
export type ObjectRef = string | { kind?: string; name?: string; id?: string; version?: number };

export type Severity = "info" | "warn" | "error" | "block" | "critical" | (string & {});

export function actorName(actor: Actor | null | undefined): string {
  if (!actor) return "–";
  return typeof actor === "string" ? actor : (actor.name ?? actor.id ?? actor.kind ?? "–");
}

export function objectName(object: ObjectRef | null | undefined): string {
  if (!object) return "–";
  if (typeof object === "string") return object;
  const name = object.name ?? object.id ?? "";
  const head = object.kind ? `${object.kind}:${name}` : name;
  return object.version ? `${head}@${object.version}` : head;
}

/** The same with long ids cut to what tells them apart. */
export function shortName(object: ObjectRef | null | undefined): string {
  return objectName(object).replace(/[0-9a-f-]{24,}/g, (id) => `…${id.slice(-6)}`);
}

/** The page of an object named `kind:id` or `kind:name@version`, if it has one. */
export function objectLink(object: ObjectRef | null | undefined): string | undefined {
  const [kind, rest] = splitOnce(objectName(object), ":");
  if (!kind || !rest) return undefined;
  const [name, version] = splitOnce(rest, "@");
  const at = encodeURIComponent(name);
  switch (kind) {
    case "model":
    case "model_version":
    case "version":
      return version ? `/models/${at}/versions/${version}` : `/models/${at}`;
    case "alias":
      return `/models/${encodeURIComponent(name.split("/")[0] ?? name)}`;
    case "run":
      return `/runs/${at}`;
    case "dataset":
    case "dataset_version":
      return `/data/${at}${version ? `?version=${version}` : ""}`;
    case "pipeline_run":
    case "pipeline-run":
      return `/pipelines/${at}`;
    case "deployment":
      return `/deployments/${at}`;
    case "alert":
      return `/alerts/${at}`;
    case "monitor":
      return `/monitoring/${at}`;
    case "prediction":
      return `/predictions/${at}`;
    default:
      return undefined;
  }
}

function splitOnce(text: string, at: string): [string, string] {
  const i = text.indexOf(at);
  return i < 0 ? [text, ""] : [text.slice(0, i), text.slice(i + 1)];
}
