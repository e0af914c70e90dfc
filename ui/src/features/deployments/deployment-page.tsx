/** One deployment: what answers, how fast, since when, and how to call it. */
import { useQuery } from "@tanstack/react-query";
import { deploymentQuery, type Deployment } from "~/api/deployments.ts";
import { AliasTag, Badge } from "~/components/badge.tsx";
import { AroundCard } from "~/components/around.tsx";
import { Card, Facts, Stat, Stats } from "~/components/card.tsx";
import { To } from "~/components/link.tsx";
import { Prose } from "~/components/prose.tsx";
import { Page } from "~/components/page.tsx";
import { SignatureTable } from "~/components/signature.tsx";
import { CopyAs, SnippetTabs, origin } from "~/components/snippet.tsx";
import { Loaded } from "~/components/states.tsx";
import { When } from "~/components/when.tsx";
import { count, milliseconds, seconds, share } from "~/lib/view-text.ts";
import { usePart } from "~/lib/view.ts";
import { callSnippets } from "./call-snippets.ts";
import { ClusterCard } from "./cluster-card.tsx";
import { TrafficCard } from "./traffic-card.tsx";

export function DeploymentPage() {
  const name = usePart("deployment");
  const query = useQuery(deploymentQuery(name));
  return (
    <Page
      title={name}
      badges={
        query.data && (
          <>
            <Badge state={query.data.state} />
            {query.data.alias && <AliasTag alias={query.data.alias} />}
          </>
        )
      }
      lead={query.data?.message ? <Prose text={query.data.message} /> : "Answers over the Open Inference Protocol; every prediction is archived."}
      actions={<CopyAs snippets={{ CLI: `gingham show deployment ${name}\ngingham predict ${name} --row '{…}'`, curl: `curl ${origin()}/v2/models/${name}` }} />}
    >
      <Loaded page query={query}>{(deployment) => <Body deployment={deployment} />}</Loaded>
    </Page>
  );
}

function Body({ deployment }: { deployment: Deployment }) {
  const { requests_total: requests = 0, errors_total: errors = 0, latency_ms: latency } = deployment;
  const history = (deployment.history ?? []).toSorted((a, b) => seconds(b.at) - seconds(a.at));
  return (
    <>
      <Stats>
        <Stat label="Serves" sub={deployment.previous_version ? `before it v${deployment.previous_version}` : undefined}>
          <To to={`/models/${encodeURIComponent(deployment.model)}/versions/${deployment.version}`}>{`v${deployment.version ?? "–"}`}</To>
        </Stat>
        <Stat label="Requests" sub="since the server started">
          {count(requests)}
        </Stat>
        <Stat label="Failed" sub={requests > 0 ? share(errors / requests, 2) : undefined}>
          <span className={errors ? "tone-bad" : undefined}>{count(errors)}</span>
        </Stat>
        <Stat label="Latency, p50" sub="in the server">
          {milliseconds(latency?.p50)}
        </Stat>
        <Stat label="p95">{milliseconds(latency?.p95)}</Stat>
        <Stat label="p99">{milliseconds(latency?.p99)}</Stat>
      </Stats>
      <div className="grid">
        <div className="c8 stack">
          <Card title="Call it" hint="runs as it is" flush>
            <div style={{ padding: 14 }}>
              <SnippetTabs snippets={callSnippets(deployment, origin())} />
            </div>
          </Card>
          <TrafficCard name={deployment.name} model={deployment.model} alias={deployment.alias ?? "champion"} />
          <ClusterCard name={deployment.name} />
          <Card title="Signature" flush>
            <SignatureTable signature={deployment.signature} />
          </Card>
          <AroundCard object={`deployment:${deployment.name}`} />
        </div>
        <div className="c4 stack">
          <Card title="About">
            <Facts
              entries={[
                ["model", <To key="model" to={`/models/${encodeURIComponent(deployment.model)}`}>{deployment.model}</To>],
                ["follows", deployment.alias],
                ["since", <When key="since" at={deployment.since} exact />],
                ["endpoint", <code key="endpoint">{`/serve/${deployment.name}/predict`}</code>],
                ["its types", <a key="types" href={`/serve/${encodeURIComponent(deployment.name)}/openapi.json`}>OpenAPI</a>],
                ["V2", <code key="v2">{deployment.endpoint ?? `/v2/models/${deployment.name}/infer`}</code>],
                ["gRPC", <code key="grpc">inference.GRPCInferenceService</code>],
                ["MLflow", <code key="mlflow">{`/serve/${deployment.name}/invocations`}</code>],
                ["watched", <To key="watched" to={`/monitoring/${encodeURIComponent(deployment.model)}`}>monitoring</To>],
                ["archive", <To key="archive" to={`/predictions?model=${encodeURIComponent(deployment.model)}`}>predictions</To>],
              ]}
            />
          </Card>
          <Card title="History">
            <ol className="timeline">
              {history.map((entry, index) => (
                <li key={`${entry.version}-${entry.at}`} className={index === 0 ? "now" : undefined}>
                  <div className="row">
                    <To to={`/models/${encodeURIComponent(deployment.model)}/versions/${entry.version}`} className="strong">
                      v{entry.version}
                    </To>
                    <span className="faint small" style={{ marginLeft: "auto" }}>
                      <When at={entry.at} />
                    </span>
                  </div>
                  {entry.reason && <div className="small muted"><Prose text={entry.reason} /></div>}
                </li>
              ))}
              {history.length === 0 && <li className="muted">Nothing has been switched yet.</li>}
            </ol>
          </Card>
        </div>
      </div>
    </>
  );
}
