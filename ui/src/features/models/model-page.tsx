/** One model: how it does, which version serves and why, where it comes from. */
import { useQuery } from "@tanstack/react-query";
import { Play } from "lucide-react";
import { aliasList, modelQuery, promotionsQuery, useTrain, versionsQuery, type Alias, type Model, type Version } from "~/api/models.ts";
import { alertsQuery, isOpen, metricName, monitorQuery } from "~/api/monitoring.ts";
import { AliasTag, Badge, StateIcon } from "~/components/badge.tsx";
import { Card, Facts, Stat, Stats } from "~/components/card.tsx";
import { ErrorChart } from "~/components/charts/error-chart.tsx";
import { LineageStrip } from "~/components/lineage.tsx";
import { To } from "~/components/link.tsx";
import { Prose } from "~/components/prose.tsx";
import { Page } from "~/components/page.tsx";
import { CopyAs, CopyButton, origin } from "~/components/snippet.tsx";
import { Empty, Loaded } from "~/components/states.tsx";
import { say } from "~/components/toast.tsx";
import { When } from "~/components/when.tsx";
import { change, count, figure, plural } from "~/lib/view-text.ts";
import { toYaml } from "~/lib/yaml.ts";
import { usePart } from "~/lib/view.ts";
import { Promotions } from "./promotions.tsx";
import { VersionsTable } from "./versions-table.tsx";

export function ModelPage() {
  const name = usePart("model");
  const model = useQuery(modelQuery(name));
  const train = useTrain(name);
  return (
    <Page
      title={name}
      badges={model.data && aliasList(model.data.aliases).map(({ alias, version }) => <AliasTag key={alias} alias={`${alias} v${version}`} />)}
      lead={model.data?.description}
      actions={
        <>
          <CopyAs snippets={snippets(name)} />
          <button
            type="button"
            className="button primary"
            disabled={train.isPending}
            onClick={() => train.mutate(undefined, { onSuccess: (job) => say(`Training is queued as job ${job.id.slice(-6)}`), onError: (error) => say(error.message, "bad") })}
          >
            <Play size={13} /> Train now
          </button>
        </>
      }
    >
      <Loaded page query={model}>{(data) => <Body name={name} model={data} />}</Loaded>
    </Page>
  );
}

function Body({ name, model }: { name: string; model: Model }) {
  const versions = useQuery(versionsQuery(name));
  const promotions = useQuery(promotionsQuery(name));
  const monitor = useQuery({ ...monitorQuery(name), retry: false });
  const alerts = useQuery(alertsQuery({ model: name }));
  const aliases = aliasList(model.aliases);
  const champion = aliases.find((each) => each.alias === "champion") ?? aliases[0];
  const all = versions.data ?? model.versions ?? [];
  const open = (alerts.data ?? []).filter((alert) => isOpen(alert));
  return (
    <>
      <Headline model={model} champion={champion} versions={all} open={open.length} />
      {monitor.data && monitor.data.windows.length > 0 && <ErrorChart monitor={monitor.data} alerts={alerts.data ?? []} title={`${metricName(monitor.data.spec).toUpperCase()} in production`} />}
      <div className="grid">
        <div className="c8 stack">
          <Card title="Versions" hint={versions.data && plural(versions.data.length, "version")} flush>
            <Loaded
              query={versions}
              isEmpty={(list) => list.length === 0}
              empty={<Empty title="No version yet" why="The pipeline registers the best candidate of each run as the next version." snippet={`gingham train ${name}`} />}
            >
              {(list) => <VersionsTable versions={list} />}
            </Loaded>
          </Card>
          <Card title="Why each version was promoted, or not" flush>
            <Promotions query={promotions} versions={all} />
          </Card>
        </div>
        <div className="c4 stack">
          <Card title="Open alerts" flush tools={<To to={`/alerts?model=${encodeURIComponent(name)}`}>All</To>}>
            <ul className="list">
              {open.slice(0, 6).map((alert) => (
                <li key={alert.id}>
                  <To to={`/alerts/${encodeURIComponent(alert.id)}`} className="list-row">
                    <StateIcon state={alert.severity} />
                    <span className="grow"><Prose text={alert.title} plain /></span>
                    <Badge state={alert.state} />
                  </To>
                </li>
              ))}
              {open.length === 0 && <li className="list-row muted">No alert is open for this model.</li>}
            </ul>
          </Card>
          <Card title="About">
            <Facts
              entries={[
                ["owner", model.owner],
                ["project", model.project],
                ["deployment", model.deployment ? <To key="deployment" to={`/deployments/${encodeURIComponent(model.deployment)}`}>{model.deployment}</To> : undefined],
                ["changed", <When key="when" at={model.updated_at} />],
                ...aliases.map((alias) => [alias.alias, <AliasFact key={alias.alias} name={name} alias={alias} />] as const),
              ]}
            />
          </Card>
          {(model.spec_yaml || model.spec) && (
            <Card title="gingham.yaml" hint={model.revision ? `revision ${model.revision}` : "as applied"} tools={<CopyButton text={model.spec_yaml ?? toYaml(model.spec ?? null)} label="Copy the file" />}>
              <pre className="file">{model.spec_yaml ?? toYaml(model.spec ?? null)}</pre>
            </Card>
          )}
        </div>
      </div>
      {champion && (
        <Card title="Lineage" hint={`of version ${champion.version}`} flush>
          <LineageStrip object={`version:${name}@${champion.version}`} />
        </Card>
      )}
    </>
  );
}

function AliasFact({ name, alias }: { name: string; alias: Alias }) {
  return (
    <span>
      <To to={`/models/${encodeURIComponent(name)}/versions/${alias.version}`}>v{alias.version}</To>
      {alias.since && (
        <span className="muted">
          {" "}
          since <When at={alias.since} />
        </span>
      )}
      {alias.reason && <div className="small muted"><Prose text={alias.reason} /></div>}
    </span>
  );
}

function Headline({ model, champion, versions, open }: { model: Model; champion: Alias | undefined; versions: readonly Version[]; open: number }) {
  const version = versions.find((each) => each.number === champion?.version);
  const metric = model.metric?.name ?? "mae";
  const value = version?.metrics?.[metric] ?? model.metric?.value ?? null;
  const baselines = Object.entries(version?.baseline_metrics ?? {})
    .map(([id, metrics]) => ({ id, value: metrics[metric] ?? null }))
    .filter((each): each is { id: string; value: number } => each.value !== null)
    .toSorted((a, b) => a.value - b.value);
  const best = baselines[0];
  return (
    <Stats>
      <Stat label="Champion" sub={version ? <>registered <When at={version.created_at} /></> : undefined}>
        {champion ? `v${champion.version}` : "none"}
      </Stat>
      <Stat label={`${metric.toUpperCase()} at evaluation`} sub={best && value !== null ? `${change(value, best.value)} against ${best.id}` : undefined}>
        {figure(value)}
      </Stat>
      <Stat label="Versions">{count(versions.length || model.latest_version)}</Stat>
      <Stat label="Trained on" sub="rows">
        {count(version?.training_rows?.rows)}
      </Stat>
      <Stat label="Open alerts">
        <span className={open ? "tone-bad" : undefined}>{count(open)}</span>
      </Stat>
    </Stats>
  );
}

function snippets(name: string): Record<string, string> {
  const base = origin();
  return {
    CLI: `gingham show model ${name}`,
    Python: `import gingham\n\nclient = gingham.connect("${base}")\nmodel = client.models.get("${name}")\nprint(model.champion())`,
    SQL: `select event_time, prediction, label\nfrom "${name}".scored\norder by event_time desc\nlimit 100`,
    curl: `curl ${base}/api/v1/models/${name}`,
  };
}
