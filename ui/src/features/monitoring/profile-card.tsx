/** The inputs of the last days as they are right now, by segment: from what was kept of them as they arrived. */
import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { profileQuery } from "~/api/monitoring.ts";
import { Badge } from "~/components/badge.tsx";
import { Card } from "~/components/card.tsx";
import { Sparkline } from "~/components/charts/small.tsx";
import { Prose } from "~/components/prose.tsx";
import { Failure, Skeleton } from "~/components/states.tsx";
import { count, sentence, span } from "~/lib/view-text.ts";

export function ProfileCard({ model }: { model: string }) {
  const [segment, setSegment] = useState("");
  const query = useQuery(profileQuery(model, segment ? { segment } : {}));
  const found = query.data;
  return (
    <Card
      title="The last days"
      hint={found && `${span(found.from, found.to)}, ${count(found.rows)} predictions, read in ${Math.max(1, Math.round(found.elapsed_ms))} ms from stored profiles`}
      tools={
        found &&
        found.segments.length > 0 && (
          <select className="select" aria-label="Segment" value={segment} onChange={(event) => setSegment(event.target.value)}>
            <option value="">all predictions</option>
            {found.segments.map((one) => (
              <option key={one.segment} value={one.segment}>
                {one.segment} ({count(one.rows)})
              </option>
            ))}
          </select>
        )
      }
      flush
    >
      {query.error ? (
        <Failure error={query.error} retry={() => void query.refetch()} />
      ) : !found ? (
        <Skeleton rows={4} />
      ) : (
        <>
          <div className="row" style={{ padding: "12px 14px" }}>
            <Badge state={found.drift.state} /> <span className="grow">{sentence(found.drift.words)}</span>
            <Sparkline values={found.volume.map((point) => point.rows)} label="Predictions over time" />
          </div>
          <ul className="list">
            {found.drift.columns.map((column) => (
              <li key={column.column} className="row" style={{ padding: "8px 14px" }}>
                <Badge state={column.state} />
                <span className="grow">
                  <Prose text={column.words} />
                </span>
              </li>
            ))}
          </ul>
        </>
      )}
    </Card>
  );
}
