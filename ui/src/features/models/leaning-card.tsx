/** What a version leans on: what its trees gained by each input, and how much worse it gets when an input is shuffled. */
import { useMutation } from "@tanstack/react-query";
import { leanings, type Leaning } from "~/api/evidence.ts";
import type { Version } from "~/api/models.ts";
import { Card } from "~/components/card.tsx";
import { Bars } from "~/components/charts/small.tsx";
import { Failure } from "~/components/states.tsx";
import { count, figure, share } from "~/lib/view-text.ts";

export function LeaningCard({ version }: { version: Version }) {
  const shuffle = useMutation({ mutationFn: () => leanings(version.model, version.number) });
  const gains = (version.feature_importance ?? []).toSorted((a, b) => b.gain - a.gain);
  const total = gains.reduce((sum, each) => sum + each.gain, 0) || 1;
  return (
    <Card
      title="What the model leans on"
      hint={gains.length > 0 ? "share of gain in training" : undefined}
      tools={
        <button type="button" className="button small" disabled={shuffle.isPending} onClick={() => shuffle.mutate()}>
          {shuffle.isPending ? "Shuffling…" : "Shuffle inputs"}
        </button>
      }
    >
      {gains.length > 0 ? (
        <Bars rows={gains.map((each) => ({ label: each.feature, value: each.gain / total }))} format={(value) => share(value)} />
      ) : (
        <span className="muted">This kind of model has no gain of features; shuffle its inputs to see what it leans on.</span>
      )}
      {shuffle.error && <Failure error={shuffle.error} retry={() => shuffle.mutate()} />}
      {shuffle.data && <Shuffled leaning={shuffle.data} />}
    </Card>
  );
}

/** How much worse the metric gets, with the spread over the repeats. */
export function Shuffled({ leaning }: { leaning: Leaning }) {
  const spread = new Map(leaning.features.map((each) => [each.feature, each]));
  return (
    <div className="stack" style={{ marginTop: 14 }}>
      <h3 className="small muted">
        {`Permutation importance: by how much ${leaning.metric} (${figure(leaning.value)} on ${count(leaning.rows)} rows) gets worse`}
      </h3>
      <Bars rows={leaning.features.map((each) => ({ label: each.feature, value: each.mean }))} />
      <table className="table">
        <thead>
          <tr>
            <th scope="col">Input</th>
            <th scope="col" className="num">
              {leaning.metric} worse by
            </th>
            <th scope="col" className="num">
              ±
            </th>
          </tr>
        </thead>
        <tbody>
          {[...spread.values()].map((each) => (
            <tr key={each.feature}>
              <td>{each.feature}</td>
              <td className="num">{figure(each.mean)}</td>
              <td className="num">{figure(each.deviation)}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}
