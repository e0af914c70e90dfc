/** Where a deployment runs, how its replicas are, and what in the cluster is not as it was applied. */
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { changeCluster, clusterQuery, type Cluster, type ClusterAct, type ClusterRevision, type Drift } from "~/api/cluster.ts";
import { Badge } from "~/components/badge.tsx";
import { Card } from "~/components/card.tsx";
import { Failure, Loaded } from "~/components/states.tsx";
import { Table } from "~/components/table.tsx";
import { When } from "~/components/when.tsx";

const OBJECTS = [
  { key: "kind", title: "Object", cell: (each: { kind: string }) => each.kind },
  { key: "exists", title: "There", cell: (each: { exists: boolean }) => <Badge state={each.exists ? "ok" : "failed"}>{each.exists ? "yes" : "no"}</Badge> },
  { key: "message", title: "", cell: (each: { message: string }) => each.message },
];

export function ClusterCard({ name }: { name: string }) {
  const query = useQuery(clusterQuery(name));
  const [changing, setChanging] = useState(false);
  const inCluster = query.data?.target === "kubernetes";
  return (
    <Card
      title="Where it runs"
      hint={query.data && (inCluster ? "replicas on Kubernetes" : "in this server")}
      flush
      tools={
        query.data?.configured &&
        query.data.cluster && (
          <button type="button" className="button small" onClick={() => setChanging(!changing)}>
            {changing ? "Leave it" : inCluster ? "Change" : "Apply"}
          </button>
        )
      }
    >
      <Loaded query={query}>
        {(cluster) => (
          <>
            <Body cluster={cluster} />
            {changing && <Change name={name} cluster={cluster} done={() => setChanging(false)} />}
          </>
        )}
      </Loaded>
    </Card>
  );
}

function Body({ cluster }: { cluster: Cluster }) {
  if (cluster.target === "server") {
    return (
      <p className="muted" style={{ padding: 14 }}>
        {cluster.configured
          ? cluster.cluster
            ? "Its file has settings for Kubernetes; it was not applied yet."
            : "Its file has settings for Kubernetes, and this server knows no cluster: start it with --kubernetes."
          : "This server answers. For replicas in a cluster write kubernetes: under deployment: in its file."}
      </p>
    );
  }
  const newest = cluster.history[0];
  return (
    <>
      <div className="stack" style={{ padding: 14 }}>
        <div className="row">
          {cluster.status ? <Badge state={cluster.status.rollout} /> : <Badge state="failed">not known</Badge>}
          <span>{cluster.status?.message ?? cluster.unreachable}</span>
        </div>
        {cluster.outdated && <p className="tone-warn">The file says something else than what was applied.</p>}
        {cluster.drift.map((drift) => (
          <DriftOf key={`${drift.kind}-${drift.name}`} drift={drift} />
        ))}
        {newest && (
          <p className="small muted">
            {`Revision ${newest.revision} at ${cluster.cluster ?? "a cluster"}: ${newest.reason} (${newest.actor}, `}
            <When at={newest.at} />)
          </p>
        )}
      </div>
      {cluster.status && <Table label="Objects in the cluster" columns={OBJECTS} rows={cluster.status.objects} rowKey={(each) => each.kind} />}
    </>
  );
}

function DriftOf({ drift }: { drift: Drift }) {
  if (drift.missing) return <p className="tone-bad">{`${drift.kind} ${drift.name} is gone.`}</p>;
  return (
    <ul>
      {drift.differences.map((each) => (
        <li key={each.field} className="tone-warn">
          {drift.kind} <code>{each.field}</code> is <code>{asText(each.found)}</code>, applied was <code>{asText(each.applied)}</code>
          {each.by && `; set by ${each.by}`}
        </li>
      ))}
    </ul>
  );
}

/** A value of a manifest in a line. */
export function asText(value: unknown): string {
  if (value === null || value === undefined) return "nothing";
  return typeof value === "string" ? value : JSON.stringify(value);
}

/** The revisions that can be gone back to: not the one that holds, and none without objects. */
export function earlier(history: ClusterRevision[]): ClusterRevision[] {
  return history.slice(1).filter((revision) => revision.objects.length > 0);
}

function Change({ name, cluster, done }: { name: string; cluster: Cluster; done: () => void }) {
  const client = useQueryClient();
  const [back, setBack] = useState("");
  const [takeOver, setTakeOver] = useState(false);
  const [reason, setReason] = useState("");
  const act: ClusterAct = back ? "rollback" : "apply";
  const change = useMutation({
    mutationFn: () => changeCluster(name, act, { reason, take_over: takeOver, ...(back ? { revision: Number(back) } : {}) }),
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
      <label>
        What{" "}
        <select value={back} onChange={(event) => setBack(event.target.value)}>
          <option value="">as its file says</option>
          {earlier(cluster.history).map((revision) => (
            <option key={revision.revision} value={revision.revision}>{`back to revision ${revision.revision}: ${revision.reason}`}</option>
          ))}
        </select>
      </label>
      <label>
        <input type="checkbox" checked={takeOver} onChange={(event) => setTakeOver(event.target.checked)} /> take over fields that others have set
      </label>
      <label>
        Why <input required value={reason} onChange={(event) => setReason(event.target.value)} placeholder="kept for ever" />
      </label>
      <div className="row">
        <button type="submit" className="button" disabled={change.isPending || !reason.trim()}>
          {change.isPending ? "Applying…" : "Apply to the cluster"}
        </button>
      </div>
      {change.error && <Failure error={change.error} />}
    </form>
  );
}
