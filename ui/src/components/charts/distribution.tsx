/** How a column was distributed in the reference and how it is now: a pair of bars for each bin. */
import { share } from "~/lib/format.ts";

export type Bin = { label: string; reference: number; current: number };

export function Distribution({ column, bins }: { column: string; bins: readonly Bin[] }) {
  const most = Math.max(...bins.flatMap((bin) => [bin.reference, bin.current]), 0.000_1);
  return (
    <table className="distribution" aria-label={`${column}: share of rows in each bin, reference and window`}>
      <thead>
        <tr>
          <th scope="col">{column}</th>
          <th scope="col">
            <span className="dot reference" /> reference <span className="dot current" /> window
          </th>
          <th scope="col" className="num">
            share
          </th>
        </tr>
      </thead>
      <tbody>
        {bins.map((bin) => (
          <tr key={bin.label}>
            <th scope="row">{bin.label}</th>
            <td>
              <span className="bar reference" style={{ width: `${(bin.reference / most) * 100}%` }} />
              <span className="bar current" style={{ width: `${(bin.current / most) * 100}%` }} />
            </td>
            <td className="num">
              <span className="faint">{share(bin.reference)}</span> {share(bin.current)}
            </td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}
