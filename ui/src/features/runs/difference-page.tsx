/** Why two runs or versions differ: the same as `gingham diff`. */
import { useQuery } from "@tanstack/react-query";
import { differenceQuery, type Difference } from "~/api/runs.ts";
import { Badge } from "~/components/badge.tsx";
import { Card, Stat, Stats } from "~/components/card.tsx";
import { To } from "~/components/link.tsx";
import { Page } from "~/components/page.tsx";
import { CopyAs, origin } from "~/components/snippet.tsx";
import { Empty, Loaded } from "~/components/states.tsx";
import { figure, plural } from "~/lib/view-text.ts";
import { useView } from "~/lib/view.ts";

const bare = (subject: string) => subject.replace(/^(run|version):/, "");

export function DifferencePage() {
  const [view, setView] = useView();
  const [left, right] = [view["left"] ?? "", view["right"] ?? ""];
  const query = useQuery(differenceQuery(left, right, view["metric"]));
  return (
    <Page title="Why do they differ?" lead="What went into both, the greatest effect on the metric first. Effects are told by the other runs, or said to be unknown." actions={<CopyAs snippets={{ CLI: `gingham diff ${bare(left)} ${bare(right)}`, curl: `curl "${origin()}/api/v1/differences?left=${left}&right=${right}"` }} />}>
      {left && right ? (
        <Loaded page query={query}>
          {(found) => <Body found={found} swap={() => setView({ left: right, right: left })} setMetric={(metric) => setView({ metric })} />}
        </Loaded>
      ) : (
        <div className="card">
          <Empty title="Nothing to compare" why="Choose two runs in the run table." snippet="gingham diff RUN1 RUN2" />
        </div>
      )}
    </Page>
  );
}

type BodyProps = { found: Difference; swap: () => void; setMetric: (metric: string) => void };

function Body({ found, swap, setMetric }: BodyProps) {
  const { metric } = found;
  const common = found.metrics.filter((pair) => typeof pair.change === "number");
  return (
    <>
      <Stats>
        <Stat label="First" wordy>
          <Side side={found.left} />
        </Stat>
        <Stat label="Second" wordy>
          <Side side={found.right} />
        </Stat>
        {metric && (
          <Stat label={metric.key} sub={`${figure(metric.left ?? null)} → ${figure(metric.right ?? null)}`}>
            {signed(metric.change)}
          </Stat>
        )}
      </Stats>
      <Card
        title="Why, the greatest effect first"
        hint={`told by ${plural(found.runs, "other run")}; ${plural(found.same, "thing")} the same`}
        flush
        tools={
          <>
            {common.length > 1 && (
              <select className="select" style={{ width: "auto" }} aria-label="Metric" value={metric?.key} onChange={(event) => setMetric(event.target.value)}>
                {common.map((pair) => (
                  <option key={pair.key}>{pair.key}</option>
                ))}
              </select>
            )}
            <button type="button" className="button small" onClick={swap}>
              Swap
            </button>
          </>
        }
      >
        {found.causes.length === 0 ? <Empty title="Nothing that is known of them differs" why="Same code, data, environment and params: what is left is chance, such as a seed that was not logged." /> : <Causes found={found} />}
      </Card>
      <Card title="Metrics" flush>
        <div className="table-wrap">
          <table className="table" aria-label="Metrics of both">
            <thead>
              <tr>
                <th scope="col">Metric</th>
                <th scope="col" className="num">
                  First
                </th>
                <th scope="col" className="num">
                  Second
                </th>
                <th scope="col" className="num">
                  Change
                </th>
              </tr>
            </thead>
            <tbody>
              {found.metrics.map((pair) => (
                <tr key={pair.key}>
                  <td>{pair.key}</td>
                  <td className="num">{figure(pair.left ?? null)}</td>
                  <td className="num">{figure(pair.right ?? null)}</td>
                  <td className="num">{signed(pair.change)}</td>
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      </Card>
    </>
  );
}

function Side({ side }: { side: Difference["left"] }) {
  const [model, number] = side.id.split("@");
  const to = side.kind === "version" ? `/models/${encodeURIComponent(model ?? "")}/versions/${number}` : `/runs/${encodeURIComponent(side.id)}`;
  return <To to={to}>{side.name || side.id.slice(0, 10)}</To>;
}

function Causes({ found }: { found: Difference }) {
  const most = Math.max(...found.causes.map((cause) => Math.abs(cause.effect?.change ?? 0)), Number.MIN_VALUE);
  return (
    <div className="table-wrap">
      <table className="table" aria-label="Causes">
        <thead>
          <tr>
            <th scope="col">Where</th>
            <th scope="col">What</th>
            <th scope="col">First</th>
            <th scope="col">Second</th>
            <th scope="col" className="num">
              Effect{found.metric ? ` on ${found.metric.key}` : ""}
            </th>
            <th scope="col">How it is known</th>
          </tr>
        </thead>
        <tbody>
          {found.causes.map((cause) => (
            <tr key={`${cause.area}.${cause.name}`}>
              <td>
                <Badge state="info">{cause.area}</Badge>
              </td>
              <td className="strong wrap-anywhere">{cause.name}</td>
              <td>
                <Word text={cause.left} />
              </td>
              <td>
                <Word text={cause.right} />
              </td>
              <td className="num">
                {cause.effect ? (
                  <>
                    {signed(cause.effect.change)}
                    {typeof cause.effect.error === "number" && <span className="muted"> ± {figure(cause.effect.error)}</span>}
                    <span className="effect-bar" style={{ width: `${(Math.abs(cause.effect.change) / most) * 100}%` }} aria-hidden="true" />
                  </>
                ) : (
                  <span className="faint">unknown</span>
                )}
              </td>
              <td className="small muted">{cause.why}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

function Word({ text }: { text: string | null | undefined }) {
  return text === null || text === undefined ? <span className="faint">–</span> : <code title={text}>{text.length > 32 ? `${text.slice(0, 32)}…` : text}</code>;
}

function signed(value: number | null | undefined): string {
  return typeof value === "number" ? `${value > 0 ? "+" : ""}${figure(value)}` : "–";
}
