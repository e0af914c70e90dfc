/** Fields of a signature, inputs first. */
import type { Signature } from "~/api/models.ts";
import { words } from "~/lib/format.ts";

export function SignatureTable({ signature }: { signature: Signature | undefined }) {
  const output = typeof signature?.output === "string" ? { name: signature.output, kind: "number" } : signature?.output;
  const outputs = output ? [output] : [];
  const rows = [...(signature?.inputs ?? []).map((field) => ({ field, way: "input" })), ...outputs.map((field) => ({ field, way: "output" }))];
  if (rows.length === 0) return <p className="muted" style={{ padding: 14 }}>No signature is known.</p>;
  return (
    <div className="table-wrap">
      <table className="table">
        <thead>
          <tr>
            <th scope="col">Field</th>
            <th scope="col">Kind</th>
            <th scope="col">Use</th>
          </tr>
        </thead>
        <tbody>
          {rows.map(({ field, way }) => (
            <tr key={way + field.name}>
              <td>
                <code>{field.name}</code>
              </td>
              <td>{words(field.kind ?? field.type)}</td>
              <td className="muted">{way === "output" ? "output" : field.required === false ? "optional input" : "required input"}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}
