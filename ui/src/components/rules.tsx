/** Why a version was, or was not, let through: each rule with what was seen and what was asked. */
import { CheckCircle2, XCircle } from "lucide-react";
import type { Rule } from "~/api/models.ts";
import { Prose } from "./prose.tsx";
import { figure, sentence, words } from "~/lib/format.ts";

const say = (value: Rule["observed"]) => (typeof value === "number" ? figure(value) : (value ?? "–"));

const known = (value: unknown) => value !== undefined && value !== null;

export function Rules({ rules }: { rules: readonly Rule[] }) {
  return (
    <ul className="rules">
      {rules.map((rule, index) => (
        <li key={`${rule.rule}-${index}`}>
          {rule.passed ? <CheckCircle2 size={16} className="tone-ok" aria-label="passed" /> : <XCircle size={16} className="tone-bad" aria-label="failed" />}
          <span className="strong">{sentence(words(rule.rule))}</span>
          {rule.why && <span className="why"><Prose text={rule.why} /></span>}
          {known(rule.observed) && known(rule.required) && rule.required !== rule.rule && (
            <span className="figures">
              <span>
                observed <b>{say(rule.observed)}</b>
              </span>
              <span>
                required <b>{say(rule.required)}</b>
              </span>
            </span>
          )}
        </li>
      ))}
    </ul>
  );
}
