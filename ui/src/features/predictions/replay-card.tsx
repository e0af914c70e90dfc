/** Computes an archived prediction again and says whether the same bits came out. */
import { useMutation } from "@tanstack/react-query";
import { replay, type Replay } from "~/api/predictions.ts";
import { Badge } from "~/components/badge.tsx";
import { Card, Facts } from "~/components/card.tsx";
import { Failure } from "~/components/states.tsx";
import { figure } from "~/lib/view-text.ts";

export function ReplayCard({ id }: { id: string }) {
  const again = useMutation({ mutationFn: () => replay(id) });
  return (
    <Card
      title="Replay"
      hint="computed again from these features"
      tools={
        <button type="button" className="button small" disabled={again.isPending} onClick={() => again.mutate()}>
          {again.isPending ? "Computing…" : "Compute again"}
        </button>
      }
    >
      {again.error ? (
        <Failure error={again.error} retry={() => again.mutate()} />
      ) : again.data ? (
        <Outcome replay={again.data} />
      ) : (
        <p className="faint">The version that answered is loaded by its digest and asked once more; the answer must be equal to the last bit.</p>
      )}
    </Card>
  );
}

function Outcome({ replay }: { replay: Replay }) {
  const words = { equal: "equal to the bit", differs: "different", missing: "something is missing" };
  const states = { equal: "ok", differs: "failed", missing: "unknown" };
  return (
    <>
      <p>
        <Badge state={states[replay.verdict]}>{words[replay.verdict]}</Badge>
      </p>
      <Facts
        entries={[
          ["then", replay.archived === null || replay.archived === undefined ? "–" : figure(replay.archived)],
          ["now", replay.recomputed === null || replay.recomputed === undefined ? "–" : figure(replay.recomputed)],
          ["by", replay.engine],
          ["bytes", replay.digest && <code key="digest">{replay.digest.slice(0, 16)}</code>],
        ]}
      />
      {replay.why && <p className="faint">{replay.why}</p>}
    </>
  );
}
