/** Which version answers which requests, and a way to change a canary's share. */
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useNavigate } from "@tanstack/react-router";
import { useState } from "react";
import { Problem } from "~/api/client.ts";
import { useAskReview } from "~/api/reviews.ts";
import { setTraffic, trafficQuery, type Branch, type Settings, type Traffic } from "~/api/traffic.ts";
import { Badge } from "~/components/badge.tsx";
import { Card } from "~/components/card.tsx";
import { Failure, Loaded } from "~/components/states.tsx";
import { Table } from "~/components/table.tsx";
import { When } from "~/components/when.tsx";
import { count, figure, milliseconds, share } from "~/lib/view-text.ts";

const COLUMNS = [
  { key: "variant", title: "Variant", cell: (branch: Branch) => (branch.tripped ? <Badge state="failed">{branch.variant}</Badge> : branch.variant) },
  { key: "version", title: "Version", cell: (branch: Branch) => `v${branch.version}` },
  { key: "share", title: "Share", num: true, cell: (branch: Branch) => share(branch.share, 0) },
  { key: "requests", title: "Requests", num: true, cell: (branch: Branch) => count(branch.requests_total) },
  { key: "failed", title: "Failed", num: true, cell: (branch: Branch) => count(branch.errors_total) },
  { key: "p50", title: "p50", num: true, cell: (branch: Branch) => milliseconds(branch.p50_ms) },
  { key: "p99", title: "p99", num: true, cell: (branch: Branch) => milliseconds(branch.p99_ms) },
];

export function TrafficCard({ name, model, alias }: { name: string; model: string; alias: string }) {
  const query = useQuery(trafficQuery(name));
  const [changing, setChanging] = useState(false);
  return (
    <Card
      title="Traffic"
      hint={query.data?.summary}
      flush
      tools={
        <button type="button" className="button small" onClick={() => setChanging(!changing)} disabled={!query.data}>
          {changing ? "Leave it" : "Change"}
        </button>
      }
    >
      <Loaded query={query}>
        {(traffic) => (
          <>
            <Table label="Versions behind this deployment" columns={COLUMNS} rows={traffic.branches} rowKey={(branch) => `${branch.variant}-${branch.version}`} />
            <Words traffic={traffic} />
            {changing && <Change name={name} model={model} alias={alias} held={traffic.traffic} done={() => setChanging(false)} />}
          </>
        )}
      </Loaded>
    </Card>
  );
}

function Words({ traffic }: { traffic: Traffic }) {
  const shadow = traffic.branches.find((branch) => branch.comparison)?.comparison;
  const tripped = traffic.branches.filter((branch) => branch.tripped);
  const test = traffic.test;
  const newest = traffic.history[0];
  return (
    <div className="stack" style={{ padding: 14 }}>
      {tripped.map((branch) => (
        <p key={branch.version} className="tone-bad">{`Version ${branch.version} is being taken back: ${branch.tripped}`}</p>
      ))}
      {shadow && (
        <p>
          {`The shadow agrees on ${count(shadow.agreed)} of ${count(shadow.rows)} rows; mean difference ${figure(shadow.mean_difference)}, largest ${figure(shadow.largest_difference)}; ${count(shadow.dropped)} dropped, ${count(shadow.failed)} failed.`}
        </p>
      )}
      {test && (
        <p>
          {`Test: the canary's loss is ${figure(test.difference)} more than the primary's${typeof test.margin === "number" ? ` (± ${figure(test.margin)})` : ""}, from ${count(test.primary.labels)} and ${count(test.canary.labels)} labels: ${test.verdict.replaceAll("_", " ")}.`}
        </p>
      )}
      {newest && (
        <p className="small muted">
          {`${newest.reason} (${newest.actor}, `}
          <When at={newest.at} />)
        </p>
      )}
    </div>
  );
}

/** The settings with another canary; none when its version is empty. */
export function withCanary(held: Settings, version: string, percent: number): Settings {
  const { canary, ...rest } = held;
  if (!version.trim()) return rest;
  const target = /^\d+$/.test(version.trim()) ? Number(version) : version.trim();
  return { ...rest, canary: { ...(canary?.version === target ? canary : {}), version: target, share: percent / 100 } };
}

function Change({ name, model, alias, held, done }: { name: string; model: string; alias: string; held: Settings; done: () => void }) {
  const client = useQueryClient();
  const ask = useAskReview();
  const navigate = useNavigate();
  const [version, setVersion] = useState(String(held.canary?.version ?? ""));
  const [percent, setPercent] = useState(String((held.canary?.share ?? 0.05) * 100));
  const [reason, setReason] = useState("");
  const change = useMutation({
    mutationFn: () => setTraffic(name, withCanary(held, version, Number(percent)), reason),
    onSuccess: async () => {
      await client.invalidateQueries({ queryKey: ["deployments", name] });
      done();
    },
  });
  return (
    <form
      className="stack"
      style={{ padding: 14 }}
      onSubmit={(event) => {
        event.preventDefault();
        change.mutate();
      }}
    >
      <div className="row">
        <label>
          Canary <input value={version} onChange={(event) => setVersion(event.target.value)} placeholder="version or alias; empty for none" />
        </label>
        <label>
          gets <input type="number" min={0} max={100} step="any" value={percent} onChange={(event) => setPercent(event.target.value)} style={{ width: 80 }} /> %
        </label>
      </div>
      <label>
        Why <input required value={reason} onChange={(event) => setReason(event.target.value)} placeholder="kept for ever" />
      </label>
      <div className="row">
        <button type="submit" className="button" disabled={change.isPending || !reason.trim()}>
          {change.isPending ? "Warming up…" : "Share out"}
        </button>
      </div>
      {change.error && <Failure error={change.error} />}
      {change.error instanceof Problem && change.error.code === "traffic_guarded" && /^\d+$/.test(version.trim()) && (
        <button
          type="button"
          className="button primary"
          disabled={ask.isPending || !reason.trim()}
          onClick={() => ask.mutate({ model, version: Number(version), alias, reason }, { onSuccess: (review) => void navigate({ to: `/reviews/${review.number}` }) })}
        >
          Ask for a review
        </button>
      )}
      {ask.error && <Failure error={ask.error} />}
    </form>
  );
}
