/** How a review stands: each rule of the policy with pass, wait or fail, and why. */
import type { PolicyVerdict, Review } from "~/api/reviews.ts";
import { Badge, StateIcon } from "~/components/badge.tsx";
import { To } from "~/components/link.tsx";
import { Prose } from "~/components/prose.tsx";

const SHOWN: Record<string, string> = { allowed: "ok", overridden: "warn", waits: "pending", refused: "fail" };
const MARKS: Record<string, string> = { pass: "pass", waits: "pending", fail: "fail" };

export function Standing({ review }: { review: Pick<Review, "state" | "verdict"> }) {
  const standing = review.verdict?.standing;
  if (review.state === "carried_out") return <Badge state={standing === "overridden" ? "warn" : "promoted"}>{standing === "overridden" ? "carried out, overridden" : "carried out"}</Badge>;
  if (review.state === "closed") return <Badge state="cancelled">closed</Badge>;
  return <Badge state={SHOWN[standing ?? ""] ?? "pending"}>{standing ?? "open"}</Badge>;
}

export function Verdict({ verdict }: { verdict: PolicyVerdict }) {
  return (
    <ul className="list">
      {verdict.rules.map((rule, index) => (
        <li key={`${rule.rule}-${index}`} className="list-row">
          <StateIcon state={MARKS[rule.mark] ?? ""} size={16} />
          <div className="grow stack tight" style={{ gap: 2 }}>
            <span className="strong">
              <Prose text={rule.asks} plain />
            </span>
            <div className={rule.mark === "pass" ? "small muted wrap-anywhere" : "wrap-anywhere"}>
              <Prose text={rule.why} />
            </div>
            {rule.proofs.length > 0 && (
              <div className="small row wrap">
                {rule.proofs.map((proof) =>
                  proof.link.startsWith("/api/") ? (
                    <a key={proof.link + proof.title} href={proof.link}>
                      {proof.title}
                    </a>
                  ) : (
                    <To key={proof.link + proof.title} to={proof.link}>
                      {proof.title}
                    </To>
                  ),
                )}
              </div>
            )}
          </div>
          <Badge state={MARKS[rule.mark] ?? ""}>{rule.mark}</Badge>
        </li>
      ))}
    </ul>
  );
}
