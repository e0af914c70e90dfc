/** A sentence from the server: names in backticks become code, ids become short and lead to their page. */
import type { ReactNode } from "react";
import { objectLink } from "~/api/objects.ts";
import { sentence } from "~/lib/format.ts";
import { To } from "./link.tsx";

const ID = /((?:\b(?:alert|run|prediction) )?\b[0-9a-f]{8}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{12}\b)/i;

/** Ids are for machines: the last six characters tell them apart, the whole stands in the title. */
function shorten(text: string): ReactNode {
  if (!ID.test(text)) return text;
  return text.split(ID).map((part, index) => {
    if (index % 2 === 0) return part;
    const [id = "", noun = ""] = part.split(" ").toReversed();
    const to = noun && objectLink(`${noun.toLowerCase()}:${id}`);
    const short = <span title={id}>{`${noun} …${id.slice(-6)}`.trim()}</span>;
    return to ? (
      <To key={index} to={to}>
        {short}
      </To>
    ) : (
      <span key={index}>{short}</span>
    );
  });
}

export function Prose({ text, plain = false }: { text: string | null | undefined; plain?: boolean }) {
  const parts = (plain ? (text ?? "") : sentence(text)).split("`");
  return (
    <>
      {parts.map((part, index) => (
        <span key={index}>{index % 2 === 1 && index < parts.length - 1 ? <code>{shorten(part)}</code> : shorten(part)}</span>
      ))}
    </>
  );
}
