/** One prediction: what went in, what came out, what came true, and the way back to the rows. */
import { useQuery } from "@tanstack/react-query";
import { Flag } from "lucide-react";
import { useState } from "react";
import { featureList, predictionQuery, type Prediction } from "~/api/predictions.ts";
import { Badge } from "~/components/badge.tsx";
import { Card, Facts, Stat, Stats } from "~/components/card.tsx";
import { LineageGraph, LineageStrip } from "~/components/lineage.tsx";
import { To } from "~/components/link.tsx";
import { Page } from "~/components/page.tsx";
import { ExplainCard } from "./explain-card.tsx";
import { FlagDialog } from "./flag-dialog.tsx";
import { ReplayCard } from "./replay-card.tsx";
import { SimilarCard } from "./similar-card.tsx";
import { CopyAs, CopyButton, origin } from "~/components/snippet.tsx";
import { Loaded } from "~/components/states.tsx";
import { When } from "~/components/when.tsx";
import { cell, change, dayTime, figure, milliseconds } from "~/lib/view-text.ts";
import { usePart } from "~/lib/view.ts";

export function PredictionPage() {
  const id = usePart("prediction");
  const query = useQuery(predictionQuery(id));
  return (
    <Page
      title={query.data ? `Prediction for ${dayTime(query.data.event_time)}` : "Prediction"}
      badges={query.data?.status && <Badge state={query.data.status} />}
      lead={
        <span className="row" style={{ gap: 2 }}>
          <code>{id}</code>
          <CopyButton text={id} label="Copy the id" />
        </span>
      }
      actions={
        <CopyAs
          snippets={{
            CLI: `gingham show prediction ${id}\ngingham lineage prediction:${id}\ngingham replay ${id}`,
            SQL: `select *\nfrom ${query.data?.model ? `"${query.data.model}".` : ""}scored\nwhere prediction_id = '${id}'`,
            curl: `curl ${origin()}/api/v1/predictions/${id}`,
          }}
        />
      }
    >
      <Loaded page query={query}>{(prediction) => <Body prediction={prediction} />}</Loaded>
    </Page>
  );
}

function Body({ prediction }: { prediction: Prediction }) {
  const { prediction: value, label } = prediction;
  const number = typeof value === "number" ? value : null;
  const truth = typeof label === "number" ? label : null;
  const [flagging, setFlagging] = useState(false);
  return (
    <>
      <FlagDialog id={prediction.id} label={label} words={typeof value === "string"} open={flagging} onClose={() => setFlagging(false)} />
      <Stats>
        <Stat label="Prediction">{number === null ? cell(value) : figure(number)}</Stat>
        <Stat label="Came true" sub={prediction.label_time ? <When at={prediction.label_time} exact /> : undefined}>
          {truth === null ? (label === null || label === undefined ? <span className="faint">not yet</span> : cell(label)) : figure(truth)}
        </Stat>
        <Stat label="Off by" sub={number !== null && truth ? change(number, truth) : undefined}>
          {number !== null && truth !== null ? figure(number - truth) : "–"}
        </Stat>
        <Stat label="Answered by" wordy sub={prediction.deployment && <To to={`/deployments/${encodeURIComponent(prediction.deployment)}`}>{prediction.deployment}</To>}>
          {prediction.model ? <To to={`/models/${encodeURIComponent(prediction.model)}/versions/${prediction.version}`}>{`${prediction.model} v${prediction.version ?? "–"}`}</To> : "–"}
        </Stat>
        <Stat label="Took">{prediction.latency_us === null || prediction.latency_us === undefined ? "–" : milliseconds(prediction.latency_us / 1000)}</Stat>
      </Stats>
      <div className="grid">
        <div className="c7 stack">
          <Card title="Features" hint="as they were sent" flush>
            <div className="table-wrap">
              <table className="table">
                <tbody>
                  {featureList(prediction.features).map(([name, feature]) => (
                    <tr key={name}>
                      <td>
                        <code>{name}</code>
                      </td>
                      <td>{feature === null ? <span className="faint">empty</span> : cell(feature)}</td>
                    </tr>
                  ))}
                </tbody>
              </table>
            </div>
          </Card>
          <SimilarCard id={prediction.id} />
        </div>
        <div className="c5 stack">
          <Card
            title="Record"
            tools={
              <button type="button" className="button small" onClick={() => setFlagging(true)}>
                <Flag size={13} /> The label is wrong
              </button>
            }
          >
            <Facts
              entries={[
                ["event time", <When key="event" at={prediction.event_time} exact />],
                ["received", <When key="received" at={prediction.received_time} exact />],
                ["variant", prediction.variant],
                ["entity", prediction.entity],
                ["trace", prediction.trace_id && <code key="trace">{prediction.trace_id}</code>],
              ]}
            />
          </Card>
          <ExplainCard id={prediction.id} />
          <ReplayCard id={prediction.id} />
        </div>
      </div>
      <Card title="Lineage" hint="from this answer back to the rows that its model learnt from" flush tools={<To to={`/lineage?object=prediction:${prediction.id}`}>Explore</To>}>
        {prediction.lineage && prediction.lineage.nodes.length > 0 ? <LineageGraph lineage={prediction.lineage} self={`prediction:${prediction.id}`} /> : <LineageStrip object={`prediction:${prediction.id}`} />}
      </Card>
    </>
  );
}
