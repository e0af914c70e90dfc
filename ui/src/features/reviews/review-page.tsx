/** One review, built like a pull request: what changes, the verdict, the discussion, what was done. */
import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { reviewQuery, type ReviewDetail } from "~/api/reviews.ts";
import { AliasTag, Badge } from "~/components/badge.tsx";
import { Card, Facts } from "~/components/card.tsx";
import { To } from "~/components/link.tsx";
import { Page } from "~/components/page.tsx";
import { Prose } from "~/components/prose.tsx";
import { CopyAs, origin } from "~/components/snippet.tsx";
import { Loaded } from "~/components/states.tsx";
import { When } from "~/components/when.tsx";
import { shortDigest } from "~/lib/view-text.ts";
import { usePart } from "~/lib/view.ts";
import { ActDialog, type Verb } from "./act-dialog.tsx";
import { Changes, Checks } from "./changes.tsx";
import { Discussion } from "./discussion.tsx";
import { Standing, Verdict } from "./verdict.tsx";

export function ReviewPage() {
  const number = usePart("review");
  const query = useQuery(reviewQuery(number));
  const [verb, setVerb] = useState<Verb | null>(null);
  const review = query.data;
  return (
    <Page
      title={review ? `#${review.number} ${review.alias} of ${review.model} → v${review.version}` : `Review #${number}`}
      badges={review && <Standing review={review} />}
      lead={review && <Prose text={review.verdict?.summary || review.outcome || review.reason} />}
      actions={
        <>
          <CopyAs
            snippets={{
              CLI: `gingham review show ${number}\ngingham review approve ${number} --comment "…"\ngingham review carry-out ${number}`,
              curl: `curl ${origin()}/api/v1/reviews/${number}`,
            }}
          />
          {review?.state === "open" && <Acts review={review} act={setVerb} />}
        </>
      }
    >
      <Loaded page query={query}>{(data) => <Body review={data} />}</Loaded>
      {review && <ActDialog review={review} verb={verb} onClose={() => setVerb(null)} />}
    </Page>
  );
}

function Acts({ review, act }: { review: ReviewDetail; act: (verb: Verb) => void }) {
  const stale = review.verdict?.digest !== undefined && review.verdict.digest !== review.digest;
  return (
    <>
      <button type="button" className="button" onClick={() => act("request-changes")}>
        Ask for changes
      </button>
      <button type="button" className="button" onClick={() => act("approve")}>
        Approve
      </button>
      {stale && (
        <button type="button" className="button" onClick={() => act("revise")}>
          Revise
        </button>
      )}
      {review.verdict?.allowed ? (
        <button type="button" className="button primary" onClick={() => act("carry-out")}>
          Carry out
        </button>
      ) : (
        <button type="button" className="button danger" onClick={() => act("break-glass")}>
          Break glass
        </button>
      )}
      <button type="button" className="button ghost" onClick={() => act("close")}>
        Close
      </button>
    </>
  );
}

function Body({ review }: { review: ReviewDetail }) {
  const model = encodeURIComponent(review.model);
  const rules = review.verdict?.rules ?? [];
  const held = rules.filter((rule) => rule.mark === "pass").length;
  return (
    <div className="grid">
      <div className="c8 stack">
        <Card title="Verdict" hint={`${held} of ${rules.length} rules of policy “${review.policy}” hold`} flush>
          {review.verdict ? <Verdict verdict={review.verdict} /> : <p className="muted" style={{ padding: 14 }}>No policy guards this alias any more.</p>}
        </Card>
        <Changes review={review} />
        {review.checks.length > 0 && <Checks title="Checks of the version" checks={review.checks} none="" />}
        <Checks title="Backtest on real traffic" checks={review.backtest} none="No backtest was run for this version. Its results appear here when it is." />
        <Discussion review={review} />
      </div>
      <div className="c4 stack">
        <Card title="About">
          <Facts
            entries={[
              ["alias", <AliasTag key="alias" alias={review.alias} />],
              ["model", <To key="model" to={`/models/${model}`}>{review.model}</To>],
              ["version", <To key="version" to={`/models/${model}/versions/${review.version}`}>v{review.version}</To>],
              ["in place of", review.previous ? <To key="previous" to={`/models/${model}/versions/${review.previous}`}>v{review.previous}</To> : "nothing"],
              ["model card", <To key="card" to={`/models/${model}/versions/${review.version}/card`}>read and write</To>],
              ["asked by", review.requester],
              ["why", <Prose key="why" text={review.reason} />],
              ["policy", `${review.policy}, tier ${review.tier}`],
              ["carried out", review.at_once ? "as soon as the policy allows" : "by hand"],
              ["digest", <code key="digest" title={review.digest}>{shortDigest(review.digest)}</code>],
              ["outcome", review.outcome],
            ]}
          />
        </Card>
        {review.overrides.length > 0 && <Glass review={review} />}
        <Card title="History" flush>
          <ul className="list">
            {review.history.map((event) => (
              <li key={event.seq} className="list-row">
                <div className="grow small wrap-anywhere">
                  <Prose text={event.summary} plain />
                  <div className="faint">
                    {event.actor}, <When at={event.at} />
                  </div>
                </div>
              </li>
            ))}
          </ul>
        </Card>
      </div>
    </div>
  );
}

/** Broken glass, and whom that was told. */
function Glass({ review }: { review: ReviewDetail }) {
  return (
    <Card title="Broken glass" flush>
      <ul className="list">
        {review.overrides.map((each) => (
          <li key={each.number} className="list-row">
            <Badge state={each.state === "expired" ? "error" : "warn"}>{each.state}</Badge>
            <div className="grow small wrap-anywhere">
              {each.by}: {each.reason}
              <div className="faint">
                until <When at={each.expires_at} />
              </div>
            </div>
          </li>
        ))}
        {review.told.length === 0 && <li className="list-row small tone-bad">No notifier hears of this model: nobody was told but those named in the discussion.</li>}
        {review.told.map((one) => (
          <li key={`${one.notifier}-${one.at}`} className="list-row">
            <Badge state={one.state === "sent" ? "pass" : "warn"}>{one.state}</Badge>
            <div className="grow small wrap-anywhere">
              told by {one.notifier}, <When at={one.ended_at ?? one.at} />
              {one.reason && <div className="faint">{one.reason}</div>}
            </div>
          </li>
        ))}
      </ul>
    </Card>
  );
}
