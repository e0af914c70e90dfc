/** Predictions whose inputs are most like those of one: did they come out alike, and were they right? */
import { useQuery } from "@tanstack/react-query";
import { similarQuery } from "~/api/explorer.ts";
import type { Json } from "~/api/objects.ts";
import { Card } from "~/components/card.tsx";
import { To } from "~/components/link.tsx";
import { Failure, Skeleton } from "~/components/states.tsx";
import { When } from "~/components/when.tsx";
import { cell, figure } from "~/lib/view-text.ts";

const shown = (value: Json | undefined) => (typeof value === "number" ? figure(value) : value === null || value === undefined ? "–" : cell(value));

export function SimilarCard({ id }: { id: string }) {
  const query = useQuery(similarQuery(id));
  return (
    <Card title="Similar ones" hint="by their inputs, from three months around" flush>
      {query.error ? (
        <Failure error={query.error} retry={() => void query.refetch()} />
      ) : !query.data ? (
        <Skeleton rows={4} />
      ) : query.data.length === 0 ? (
        <p className="muted" style={{ padding: 14 }}>
          No other prediction around it.
        </p>
      ) : (
        <div className="table-wrap">
          <table className="table" aria-label="Similar predictions">
            <thead>
              <tr>
                <th scope="col">Event time</th>
                <th scope="col" className="num">
                  Prediction
                </th>
                <th scope="col" className="num">
                  Came true
                </th>
                <th scope="col" className="num">
                  Distance
                </th>
                <th scope="col">Differs in</th>
              </tr>
            </thead>
            <tbody>
              {query.data.map((one) => (
                <tr key={one.id}>
                  <td>
                    <To to={`/predictions/${encodeURIComponent(one.id)}`} className="strong">
                      <When at={one.event_time} exact />
                    </To>
                  </td>
                  <td className="num">{shown(one.prediction)}</td>
                  <td className="num">{one.label === null ? <span className="faint">not yet</span> : shown(one.label)}</td>
                  <td className="num">{figure(one.distance)}</td>
                  <td className="muted">{one.differs.length ? one.differs.join(", ") : "nothing"}</td>
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      )}
    </Card>
  );
}
