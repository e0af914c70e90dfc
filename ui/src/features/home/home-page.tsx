/** How things stand: what needs a person first, then what runs, then what happened. */
import { useQuery } from "@tanstack/react-query";
import { CircleCheck } from "lucide-react";
import { actorName, objectLink, shortName } from "~/api/objects.ts";
import { deploymentsQuery, type DeploymentSummary } from "~/api/deployments.ts";
import { alertsQuery, metricName, monitorQuery } from "~/api/monitoring.ts";
import { jobsQuery, type Job } from "~/api/jobs.ts";
import { statusQuery, type Attention, type Event, type Status } from "~/api/system.ts";
import { Badge, StateIcon } from "~/components/badge.tsx";
import { Card, Stat, Stats } from "~/components/card.tsx";
import { ErrorChart } from "~/components/charts/error-chart.tsx";
import { To } from "~/components/link.tsx";
import { ModelsTable } from "~/components/models-table.tsx";
import { Prose } from "~/components/prose.tsx";
import { Page } from "~/components/page.tsx";
import { Empty, Loaded } from "~/components/states.tsx";
import { When } from "~/components/when.tsx";
import { count, figure, milliseconds, plural, sentence, words } from "~/lib/view-text.ts";

export function HomePage() {
  const query = useQuery(statusQuery);
  const deployments = useQuery(deploymentsQuery).data;
  return (
    <Page title="Home" lead={query.data && summary(query.data, deployments ?? [])}>
      <Loaded
        query={query}
        page
        isEmpty={(status) => status.models.length === 0}
        empty={<Empty title="No model yet" why="One file says what data, how to train, what must hold and how to watch; applying it makes the model." snippet={"gingham apply examples/traffic/gingham.yaml"} />}
      >
        {(status) => <Board status={status} deployments={deployments ?? []} />}
      </Loaded>
    </Page>
  );
}

function summary(status: Status, deployments: readonly DeploymentSummary[]): string {
  const needs = status.needs_attention.length;
  const head = needs === 0 ? "Nothing needs you." : `${plural(needs, "thing needs", "things need")} you.`;
  return `${head} ${plural(status.models.length, "model")}, ${plural(deployments.length, "deployment")}, ${plural(status.jobs_running, "job")} running.`;
}

function Board({ status, deployments }: { status: Status; deployments: readonly DeploymentSummary[] }) {
  const watched = status.models.filter((model) => model.deployment).toSorted((a, b) => (b.alerts_firing ?? 0) - (a.alerts_firing ?? 0))[0];
  const requests = deployments.reduce((sum, each) => sum + (each.requests_total ?? 0), 0);
  const errors = deployments.reduce((sum, each) => sum + (each.errors_total ?? 0), 0);
  return (
    <>
      <Stats>
        <Stat label="Alerts firing">
          <span className={status.alerts_firing ? "tone-bad" : undefined}>{count(status.alerts_firing)}</span>
        </Stat>
        <Stat label="Models in production">{count(status.models.filter((model) => model.deployment).length)}</Stat>
        <Stat label="Requests served" sub="since the server started">
          {count(requests)}
        </Stat>
        <Stat label="Failed requests">
          <span className={errors ? "tone-bad" : undefined}>{count(errors)}</span>
        </Stat>
        <Stat label="Jobs running">{count(status.jobs_running)}</Stat>
      </Stats>
      <div className="grid">
        <div className="c8 stack">
          <Card title="Needs attention" flush>
            <AttentionList rows={status.needs_attention} />
          </Card>
          <Card title="Models" flush tools={<To to="/models">All models</To>}>
            <ModelsTable models={status.models} />
          </Card>
          {watched && <LiveError model={watched.name} />}
        </div>
        <div className="c4 stack">
          <Card title="Deployments" flush>
            <ul className="list">
              {deployments.map((each) => (
                <li key={each.name}>
                  <To to={`/deployments/${encodeURIComponent(each.name)}`} className="list-row">
                    <StateIcon state={each.state} />
                    <span className="grow">
                      <span className="strong">{each.name}</span>
                      <span className="muted">
                        {" "}
                        {each.model} v{each.version ?? "–"}
                      </span>
                      <div className="small muted">
                        {count(each.requests_total)} requests{each.latency_ms?.p50 !== undefined && `, p50 ${milliseconds(each.latency_ms?.p50)}`}
                      </div>
                    </span>
                    <Badge state={each.state} />
                  </To>
                </li>
              ))}
              {deployments.length === 0 && <li className="list-row muted">No deployment yet: a promoted version is served under the name that its file gives.</li>}
            </ul>
          </Card>
          <Jobs />
          <Card title="Recent events" flush tools={<To to="/events">All events</To>}>
            <EventList events={status.recent_events} />
          </Card>
        </div>
      </div>
    </>
  );
}

function LiveError({ model }: { model: string }) {
  const monitor = useQuery({ ...monitorQuery(model), retry: false }).data;
  const alerts = useQuery(alertsQuery({ model })).data;
  if (!monitor || !alerts || monitor.windows.length === 0) return null;
  return <ErrorChart monitor={monitor} alerts={alerts} title={`${metricName(monitor.spec).toUpperCase()} of ${model} in production`} height={220} />;
}

function AttentionList({ rows }: { rows: readonly Attention[] }) {
  if (rows.length === 0) {
    return (
      <div className="list-row muted">
        <CircleCheck size={16} className="icon tone-ok" aria-hidden="true" />
        No alert is open, no job has failed, no version waits for a decision.
      </div>
    );
  }
  return (
    <ul className="list">
      {rows.map((row) => (
        <li key={`${row.kind}:${row.link ?? row.title}`}>
          <To to={row.link ?? objectLink(row.object) ?? "/alerts"} className="list-row">
            <StateIcon state={row.severity ?? "warn"} size={16} />
            <span className="grow">
              <span className="strong"><Prose text={row.title} plain /></span>
              {row.detail && <div className="muted wrap-anywhere"><Prose text={row.detail} /></div>}
            </span>
            <span className="when">
              <When at={row.since} />
            </span>
          </To>
        </li>
      ))}
    </ul>
  );
}

function Jobs() {
  const jobs = useQuery(jobsQuery).data?.slice(0, 4) ?? [];
  if (jobs.length === 0) return null;
  return (
    <Card title="Jobs" flush>
      <ul className="list">
        {jobs.map((job) => (
          <li key={job.id} className="list-row">
            <StateIcon state={job.state} />
            <span className="grow">
              <span className="strong">{sentence(words(job.kind))}</span> <span className="muted">{job.model}</span>
              <div className="small muted clamp"><Prose text={jobWords(job)} /></div>
            </span>
            <span className="when">
              <When at={job.finished_at ?? job.started_at ?? job.created_at} />
            </span>
          </li>
        ))}
      </ul>
    </Card>
  );
}

function jobWords(job: Job): string {
  if (job.state === "running" && typeof job.progress === "number") return `${figure(Math.round(job.progress * 100))}% ${job.message ?? ""}`;
  const decision = job.result && typeof job.result === "object" && !Array.isArray(job.result) ? job.result["decision"] : undefined;
  return job.error ?? (typeof decision === "string" ? decision : (job.cause ?? words(job.state)));
}

function EventList({ events }: { events: readonly Event[] }) {
  return (
    <ul className="list">
      {events.slice(0, 9).map((event) => {
        const link = objectLink(event.object);
        return (
          <li key={event.seq} className="list-row" style={{ padding: "7px 14px" }}>
            <span className="grow">
              <span className="clamp"><Prose text={event.summary ?? words(event.kind.replaceAll(".", " "))} /></span>
              <div className="small muted truncate">
                {link ? <To to={link}>{shortName(event.object)}</To> : shortName(event.object)} by {actorName(event.actor)}
              </div>
            </span>
            <span className="when">
              <When at={event.at} />
            </span>
          </li>
        );
      })}
      {events.length === 0 && <li className="list-row muted">Nothing has happened yet.</li>}
    </ul>
  );
}
