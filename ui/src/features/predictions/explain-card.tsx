/** What each input added to a prediction. */
import { useMutation } from "@tanstack/react-query";
import { explain, type Explanation } from "~/api/evidence.ts";
import { Card } from "~/components/card.tsx";
import { Failure } from "~/components/states.tsx";
import { cell, figure } from "~/lib/view-text.ts";

export function ExplainCard({ id }: { id: string }) {
  const asked = useMutation({ mutationFn: () => explain(id) });
  return (
    <Card
      title="What made it"
      hint="what each input adds"
      tools={
        <button type="button" className="button small" disabled={asked.isPending} onClick={() => asked.mutate()}>
          {asked.isPending ? "Computing…" : "Explain"}
        </button>
      }
    >
      {asked.error ? (
        <Failure error={asked.error} retry={() => asked.mutate()} />
      ) : asked.data ? (
        <Parts explanation={asked.data} />
      ) : (
        <p className="faint">Shapley values along the paths of the trees; they and the base add up to the prediction.</p>
      )}
    </Card>
  );
}

function Parts({ explanation }: { explanation: Explanation }) {
  const greatest = Math.max(...explanation.features.map((each) => Math.abs(each.contribution)), Number.MIN_VALUE);
  return (
    <>
      <table className="table">
        <tbody>
          <tr>
            <td className="faint">usual</td>
            <td />
            <td className="num">{figure(explanation.base)}</td>
          </tr>
          {explanation.features.map((each) => (
            <tr key={each.feature}>
              <td>
                <code>{each.feature}</code> <span className="faint">{each.value === null ? "empty" : cell(each.value as never)}</span>
              </td>
              <td style={{ width: "30%" }} aria-hidden>
                <div
                  style={{
                    height: 8,
                    borderRadius: 2,
                    width: `${(100 * Math.abs(each.contribution)) / greatest}%`,
                    background: each.contribution < 0 ? "var(--bad)" : "var(--ok)",
                  }}
                />
              </td>
              <td className="num">
                {each.contribution > 0 ? "+" : ""}
                {figure(each.contribution)}
              </td>
            </tr>
          ))}
          <tr>
            <td className="strong">{explanation.output}</td>
            <td />
            <td className="num strong">{figure(explanation.prediction)}</td>
          </tr>
        </tbody>
      </table>
      <p className="faint small">{explanation.method}</p>
    </>
  );
}
