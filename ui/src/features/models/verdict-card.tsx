/** The newest result of each check of a version, and a button that tests it now. */
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { testVersion, versionVerdictsQuery, type CheckOutcome } from "~/api/evidence.ts";
import { Badge } from "~/components/badge.tsx";
import { Card } from "~/components/card.tsx";
import { Prose } from "~/components/prose.tsx";
import { Empty, Failure, Loaded } from "~/components/states.tsx";

export function VerdictCard({ model, number }: { model: string; number: number }) {
  const client = useQueryClient();
  const query = useQuery(versionVerdictsQuery(model, number));
  const test = useMutation({
    mutationFn: () => testVersion(model, number),
    onSuccess: () => client.invalidateQueries({ queryKey: ["version-verdicts", model, number] }),
  });
  return (
    <Card
      title="Checks"
      hint="the newest result of each"
      flush
      tools={
        <button type="button" className="button small" disabled={test.isPending} onClick={() => test.mutate()}>
          {test.isPending ? "Testing…" : "Test now"}
        </button>
      }
    >
      {test.error && <Failure error={test.error} retry={() => test.mutate()} />}
      <Loaded query={query}>
        {(results) => (results.length === 0 ? <Empty title="Not tested yet" why="Checks of models stand under model_checks in the gingham.yaml." /> : <Results results={results} />)}
      </Loaded>
    </Card>
  );
}

function Results({ results }: { results: readonly CheckOutcome[] }) {
  return (
    <div className="table-wrap">
      <table className="table">
        <thead>
          <tr>
            <th scope="col">Check</th>
            <th scope="col">Outcome</th>
            <th scope="col">What was found</th>
          </tr>
        </thead>
        <tbody>
          {results.map((result) => (
            <tr key={result.check_id}>
              <td>
                <code>{result.check_id}</code>
                {result.reason && <div className="faint small">{result.reason}</div>}
              </td>
              <td>
                <Badge state={result.outcome} />
                {result.outcome !== "pass" && result.severity === "block" && <div className="faint small">blocks</div>}
              </td>
              <td>
                <Prose text={result.message} />
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}
