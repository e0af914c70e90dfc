/** All deployments. */
import { useQuery } from "@tanstack/react-query";
import { deploymentsQuery, type DeploymentSummary } from "~/api/deployments.ts";
import { AliasTag, Badge } from "~/components/badge.tsx";
import { To } from "~/components/link.tsx";
import { Page } from "~/components/page.tsx";
import { CopyAs, origin } from "~/components/snippet.tsx";
import { Empty, Loaded } from "~/components/states.tsx";
import { Table, type Column } from "~/components/table.tsx";
import { When } from "~/components/when.tsx";
import { count, milliseconds } from "~/lib/view-text.ts";

const link = (deployment: DeploymentSummary) => `/deployments/${encodeURIComponent(deployment.name)}`;

const COLUMNS: readonly Column<DeploymentSummary>[] = [
  {
    key: "name",
    title: "Deployment",
    cell: (each) => (
      <To to={link(each)} className="strong">
        {each.name}
      </To>
    ),
  },
  {
    key: "model",
    title: "Serves",
    cell: (each) => (
      <span className="row">
        <To to={`/models/${encodeURIComponent(each.model)}`}>{each.model}</To> {each.version ? `v${each.version}` : ""} {each.alias && <AliasTag alias={each.alias} />}
      </span>
    ),
  },
  { key: "state", title: "State", cell: (each) => <Badge state={each.state} /> },
  { key: "requests", title: "Requests", num: true, cell: (each) => count(each.requests_total) },
  { key: "errors", title: "Failed", num: true, cell: (each) => <span className={each.errors_total ? "tone-bad" : undefined}>{count(each.errors_total)}</span> },
  { key: "p50", title: "p50", num: true, cell: (each) => milliseconds(each.latency_ms?.p50) },
  { key: "p99", title: "p99", num: true, cell: (each) => milliseconds(each.latency_ms?.p99) },
  { key: "since", title: "Since", num: true, cell: (each) => <When at={each.since} /> },
];

export function DeploymentsPage() {
  const query = useQuery(deploymentsQuery);
  return (
    <Page title="Deployments" lead="A deployment is a name that answers requests; it follows an alias, so that promoting a version is all it takes." actions={<CopyAs snippets={{ CLI: "gingham ls deployments", curl: `curl ${origin()}/v2` }} />}>
      <section className="card">
        <Loaded query={query} isEmpty={(list) => list.length === 0} empty={<Empty title="Nothing is served yet" why="A model's file names its deployment; it goes live with the first version that is promoted." snippet={"deployment: { name: traffic, alias: champion }"} />}>
          {(list) => <Table label="Deployments" columns={COLUMNS} rows={list} rowKey={(each) => each.name} href={link} keys />}
        </Loaded>
      </section>
    </Page>
  );
}
