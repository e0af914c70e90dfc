/** Each decision on an alias, with the rules that led to it. */
import type { UseQueryResult } from "@tanstack/react-query";
import type { PromotionEvent, Version } from "~/api/models.ts";
import { AliasTag, Badge } from "~/components/badge.tsx";
import { To } from "~/components/link.tsx";
import { Prose } from "~/components/prose.tsx";
import { Rules } from "~/components/rules.tsx";
import { Empty, Loaded } from "~/components/states.tsx";
import { When } from "~/components/when.tsx";
import { seconds } from "~/lib/time.ts";

export function Promotions({ query, versions }: { query: UseQueryResult<PromotionEvent[]>; versions: readonly Version[] }) {
  const model = versions[0]?.model ?? "";
  return (
    <Loaded query={query} isEmpty={(list) => list.length === 0} empty={<Empty title="No decision yet" why="When a version is registered, the rules of the file decide whether the alias moves to it; each rule says what it saw." />}>
      {(list) => (
        <ul className="list">
          {list
            .toSorted((a, b) => seconds(b.at) - seconds(a.at))
            .map((each) => (
              <li key={`${each.version}-${each.alias}-${each.at}`} style={{ padding: 14 }} className="stack tight">
                <div className="row wrap">
                  <Badge state={each.promoted ? "promoted" : "skipped"}>{each.promoted ? "promoted" : "not promoted"}</Badge>
                  {model ? (
                    <To to={`/models/${encodeURIComponent(model)}/versions/${each.version}`} className="strong">
                      v{each.version}
                    </To>
                  ) : (
                    <span className="strong">v{each.version}</span>
                  )}
                  {each.promoted && (
                    <span className="muted">
                      became <AliasTag alias={each.alias} />
                      {each.previous ? ` in place of v${each.previous}` : ""}
                    </span>
                  )}
                  <span className="faint small" style={{ marginLeft: "auto" }}>
                    <When at={each.at} />
                  </span>
                </div>
                {(each.decision || each.reason) && <p className="muted"><Prose text={each.decision || each.reason} /></p>}
                {each.decision && each.reason && each.reason !== each.decision && <p className="small faint"><Prose text={each.reason} /></p>}
                {each.rules && each.rules.length > 0 && <Rules rules={each.rules} />}
              </li>
            ))}
        </ul>
      )}
    </Loaded>
  );
}
