/** Where the rows of a version come from: the query with what it read, the files, the state of the source, who and when. */
import type { DatasetVersion } from "~/api/datasets.ts";
import { actorName, type Json } from "~/api/objects.ts";
import { Facts } from "~/components/card.tsx";
import { To } from "~/components/link.tsx";
import { When } from "~/components/when.tsx";
import { bytes, cell, count, plural, shortDigest, words } from "~/lib/view-text.ts";

type Fields = Record<string, Json>;

const fields = (value: Json | undefined): Fields => (value && typeof value === "object" && !Array.isArray(value) ? value : {});
const list = (value: Json | undefined): Fields[] => (Array.isArray(value) ? value.map(fields) : []);
const text = (value: Json | undefined) => (typeof value === "string" ? value : value === undefined || value === null ? "" : String(value));

/** What has a line of its own below. */
const TOLD = new Set(["source", "kind", "query", "engine", "inputs", "external", "files", "files_total", "with", "state"]);

export function OriginFacts({ version }: { version: DatasetVersion }) {
  const origin = fields(version.origin);
  const inputs = list(origin["inputs"]);
  const files = list(origin["files"]);
  const external = list(origin["external"]);
  return (
    <Facts
      entries={[
        ["from", text(origin["source"]) || cell(version.origin)],
        ["query", origin["query"] && <pre key="query" className="small" style={{ margin: 0, whiteSpace: "pre-wrap" }}>{text(origin["query"])}</pre>],
        ["asked of", text(origin["engine"]) || undefined],
        [
          "read",
          inputs.length === 0 ? undefined : (
            <span key="inputs">
              {inputs.map((input) => (
                <To key={text(input["dataset"])} to={`/data/${encodeURIComponent(text(input["dataset"]))}?version=${text(input["number"])}`}>
                  {text(input["dataset"])} v{text(input["number"])}{" "}
                </To>
              ))}
            </span>
          ),
        ],
        [
          "outside",
          external.length === 0 ? undefined : (
            <span key="external" className="wrap-anywhere">
              {external.map((thing) => (
                <To key={text(thing["name"])} to={`/lineage?object=${encodeURIComponent(`dataset:${text(thing["namespace"])}/${text(thing["name"])}`)}`}>
                  {text(thing["namespace"])} {text(thing["name"])}{" "}
                </To>
              ))}
            </span>
          ),
        ],
        ["its state", origin["state"] && <code key="state" className="wrap-anywhere">{text(origin["state"])}</code>],
        ["files", files.length === 0 ? undefined : <FileList key="files" files={files} total={Number(origin["files_total"] ?? files.length)} />],
        ...Object.entries(origin).filter(([key]) => !TOLD.has(key)).map(([key, value]) => [words(key), cell(value)] as const),
        ["by", actorName(version.actor)],
        ["when", <When key="when" at={version.created_at} exact />],
        ["with", text(origin["with"]) || undefined],
        ["table version", version.delta_version === undefined ? undefined : count(version.delta_version)],
        ["digest", version.digest && <code key="digest" title={version.digest}>{shortDigest(version.digest)}…</code>],
      ]}
    />
  );
}

function FileList({ files, total }: { files: readonly Fields[]; total: number }) {
  return (
    <details open={files.length < 4}>
      <summary style={{ cursor: "pointer" }}>{plural(total, "file")}</summary>
      <ul className="small mono wrap-anywhere">
        {files.slice(0, 50).map((file) => (
          <li key={text(file["name"] ?? file["key"])}>
            {text(file["name"] ?? file["key"])} {bytes(Number(file["bytes"] ?? 0))}
          </li>
        ))}
      </ul>
    </details>
  );
}
