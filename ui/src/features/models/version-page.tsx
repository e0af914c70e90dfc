/** One immutable version: what it is, how good it is, what it was made from, what was decided. */
import { useQuery } from "@tanstack/react-query";
import { useNavigate } from "@tanstack/react-router";
import { useState } from "react";
import { headline, modelQuery, useMoveAlias, versionQuery, aliasList, type Version } from "~/api/models.ts";
import { Problem } from "~/api/client.ts";
import { useAskReview } from "~/api/reviews.ts";
import { AliasTag } from "~/components/badge.tsx";
import { Card, Facts, Stat, Stats } from "~/components/card.tsx";
import { Dialog, DialogHead } from "~/components/dialog.tsx";
import { LineageStrip } from "~/components/lineage.tsx";
import { To } from "~/components/link.tsx";
import { Page } from "~/components/page.tsx";
import { Prose } from "~/components/prose.tsx";
import { Rules } from "~/components/rules.tsx";
import { SignatureTable } from "~/components/signature.tsx";
import { CopyAs, CopyButton, origin } from "~/components/snippet.tsx";
import { Empty, Loaded } from "~/components/states.tsx";
import { say } from "~/components/toast.tsx";
import { When } from "~/components/when.tsx";
import { change, count, figure, metricOrder, sentence, shortDigest, span } from "~/lib/view-text.ts";
import { usePart } from "~/lib/view.ts";
import { LeaningCard } from "./leaning-card.tsx";
import { VerdictCard } from "./verdict-card.tsx";
import { Decision } from "./versions-table.tsx";

export function VersionPage() {
  const model = usePart("model");
  const number = usePart("number");
  const query = useQuery(versionQuery(model, number));
  const [moving, setMoving] = useState(false);
  return (
    <Page
      title={`${model} v${number}`}
      badges={
        query.data && (
          <>
            {(query.data.aliases ?? []).map((alias) => (
              <AliasTag key={alias} alias={alias} />
            ))}
            <Decision version={query.data} />
          </>
        )
      }
      lead={query.data?.promotion?.decision && <Prose text={query.data.promotion.decision} />}
      actions={
        <>
          <CopyAs
            snippets={{
              CLI: `gingham show version ${model}@${number}\ngingham test --model ${model}@${number}\ngingham promote ${model}@${number} --alias champion --reason "…"`,
              Python: `import gingham\n\nclient = gingham.connect("${origin()}")\nversion = client.models.get("${model}").version(${number})`,
              curl: `curl ${origin()}/api/v1/models/${model}/versions/${number}`,
            }}
          />
          <To to={`/models/${encodeURIComponent(model)}/versions/${number}/card`} className="button">
            Model card
          </To>
          {query.data && !(query.data.aliases ?? []).includes("champion") && (
            <button type="button" className="button" onClick={() => setMoving(true)}>
              Move an alias here
            </button>
          )}
        </>
      }
    >
      <Loaded page query={query}>{(version) => <Body version={version} />}</Loaded>
      <Dialog title="Move an alias" open={moving} onClose={() => setMoving(false)}>
        <MoveAlias model={model} number={Number(number)} onClose={() => setMoving(false)} />
      </Dialog>
    </Page>
  );
}

function Body({ version }: { version: Version }) {
  const metric = headline(version.metrics);
  return (
    <>
      <Stats>
        <Stat label={metric ? `${metric.name.toUpperCase()} at evaluation` : "Metric"}>{figure(metric?.value)}</Stat>
        <Stat label="Trained on" sub={span(version.training_rows?.from, version.training_rows?.to)}>
          {count(version.training_rows?.rows)} rows
        </Stat>
        <Stat label="Evaluated on" sub={span(version.evaluation_rows?.from, version.evaluation_rows?.to)}>
          {count(version.evaluation_rows?.rows)} rows
        </Stat>
        <Stat label="Trainer" wordy sub={version.engine && `served by ${version.engine}`}>
          {(version.trainer ?? version.flavor ?? "–").replaceAll("_", " ")}
        </Stat>
      </Stats>
      <div className="grid">
        <div className="c7 stack">
          <Card title="Metrics against baselines" hint="on rows later than all it was trained on" flush>
            <MetricsTable version={version} />
          </Card>
          <Card title="Decision">
            {version.promotion ? <Rules rules={version.promotion.rules ?? []} /> : <span className="muted">No rule has judged this version yet.</span>}
          </Card>
          <VerdictCard model={version.model} number={version.number} />
          <Card title="Signature" hint="what a request must hold" flush>
            <SignatureTable signature={version.signature} />
          </Card>
        </div>
        <div className="c5 stack">
          <LeaningCard version={version} />
          <Card title="Made from">
            <Facts
              entries={[
                ...(version.dataset_versions ?? []).map(
                  (use) =>
                    [
                      "data",
                      <span key={`${use.dataset}-${use.number}`}>
                        <To to={`/data/${encodeURIComponent(use.dataset)}?version=${use.number}`}>
                          {use.dataset} v{use.number}
                        </To>
                        <span className="muted">
                          {" "}
                          {count(use.rows)} rows, {span(use.from, use.to)}
                        </span>
                      </span>,
                    ] as const,
                ),
                ["run", version.source_run ? <To key="run" to={`/runs/${version.source_run}`}>{shortDigest(version.source_run)}…</To> : undefined],
                ["pipeline", version.pipeline_run ? <To key="pipeline" to={`/pipelines/${version.pipeline_run}`}>{shortDigest(version.pipeline_run)}…</To> : undefined],
                ["flavor", version.flavor],
                ["registered", <When key="at" at={version.created_at} exact />],
                [
                  "digest",
                  version.digest && (
                    <span key="value" className="row" style={{ gap: 2 }}>
                      <code title={version.digest}>{version.digest.slice(0, 20)}…</code>
                      <CopyButton text={version.digest} label="Copy the digest" />
                    </span>
                  ),
                ],
              ]}
            />
          </Card>
        </div>
      </div>
      <Card title="Lineage" flush tools={<To to={`/lineage?object=version:${encodeURIComponent(version.model)}@${version.number}`}>Both ways</To>}>
        <LineageStrip object={`version:${version.model}@${version.number}`} />
      </Card>
    </>
  );
}

function MetricsTable({ version }: { version: Version }) {
  const names = metricOrder(Object.keys(version.metrics ?? {}));
  const baselines = Object.keys(version.baseline_metrics ?? {});
  if (names.length === 0) return <Empty title="No metric" why="This version was registered without an evaluation." />;
  return (
    <div className="table-wrap">
      <table className="table">
        <thead>
          <tr>
            <th scope="col">Metric</th>
            <th scope="col" className="num">
              This version
            </th>
            {baselines.map((id) => (
              <th key={id} scope="col" className="num">
                {id}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {names.map((name) => (
            <tr key={name}>
              <td>{name}</td>
              <td className="num strong">{figure(version.metrics?.[name])}</td>
              {baselines.map((id) => {
                const own = version.metrics?.[name];
                const other = version.baseline_metrics?.[id]?.[name];
                const comparable = typeof own === "number" && typeof other === "number" && /^(mae|rmse|mape|wape|median_absolute_error|max_error)$/.test(name);
                return (
                  <td key={id} className="num">
                    {figure(other)} {comparable && <span className={own < other ? "tone-ok small" : "tone-bad small"}>{change(own, other)}</span>}
                  </td>
                );
              })}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

function MoveAlias({ model, number, onClose }: { model: string; number: number; onClose: () => void }) {
  const current = useQuery(modelQuery(model)).data;
  const move = useMoveAlias(model);
  const ask = useAskReview();
  const navigate = useNavigate();
  const [alias, setAlias] = useState("champion");
  const [reason, setReason] = useState("");
  const at = aliasList(current?.aliases).find((each) => each.alias === alias)?.version;
  const send = () =>
    move.mutate(
      { alias, version: number, reason, ...(at ? { expected_version: at } : {}) },
      {
        onSuccess: () => {
          say(`${alias} of ${model} is now v${number}`);
          onClose();
        },
      },
    );
  return (
    <form
      onSubmit={(event) => {
        event.preventDefault();
        send();
      }}
    >
      <DialogHead title={`Move an alias to v${number}`} onClose={onClose} />
      <div className="dialog-body">
        <p className="muted">
          {at ? `“${alias}” is at v${at}. ` : ""}A deployment that follows the alias serves v{number} at once, without dropping a request. The reason is kept in the event log.
        </p>
        <div className="field">
          <label htmlFor="alias">Alias</label>
          <input id="alias" className="input" value={alias} onChange={(event) => setAlias(event.target.value.trim())} required pattern="[a-z][a-z0-9_\-]*" />
        </div>
        <div className="field">
          <label htmlFor="reason">Reason</label>
          <textarea id="reason" className="textarea" value={reason} onChange={(event) => setReason(event.target.value)} required placeholder="Rolls back while the rain sensor is repaired" />
        </div>
        {move.error && <p className="tone-bad">{sentence(move.error.message)}</p>}
        {ask.error && <p className="tone-bad">{sentence(ask.error.message)}</p>}
      </div>
      <div className="dialog-foot">
        <button type="button" className="button" onClick={onClose}>
          Cancel
        </button>
        {move.error instanceof Problem && move.error.code === "alias_guarded" ? (
          <button
            type="button"
            className="button primary"
            disabled={ask.isPending || !reason.trim()}
            onClick={() => ask.mutate({ model, version: number, alias, reason }, { onSuccess: (review) => void navigate({ to: `/reviews/${review.number}` }) })}
          >
            Ask for a review
          </button>
        ) : (
          <button type="submit" className="button primary" disabled={move.isPending || !reason.trim() || !alias}>
            Move {alias}
          </button>
        )}
      </div>
    </form>
  );
}
