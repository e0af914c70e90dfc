/** A rule tried on the past before it is written into the model's file: how often would it have fired? */
import { History } from "lucide-react";
import { useState } from "react";
import { useSimulate, type MonitorSpec, type Simulation } from "~/api/monitoring.ts";
import type { Json } from "~/api/objects.ts";
import { Card } from "~/components/card.tsx";
import { Prose } from "~/components/prose.tsx";
import { Snippet } from "~/components/snippet.tsx";
import { day, plural, sentence } from "~/lib/view-text.ts";
import { toYaml } from "~/lib/yaml.ts";

type Knob = { path: readonly [string, ...string[]]; label: string; step: number; least: number };

const KNOBS: readonly Knob[] = [
  { path: ["drift", "threshold"], label: "drift counts from", step: 0.05, least: 0.01 },
  { path: ["drift", "persist", "windows"], label: "drift in so many windows", step: 1, least: 1 },
  { path: ["drift", "persist", "of"], label: "out of the last", step: 1, least: 1 },
  { path: ["performance", "worse_than"], label: "error may be times the reference", step: 0.05, least: 1.01 },
  { path: ["performance", "persist", "windows"], label: "worse in so many windows", step: 1, least: 1 },
  { path: ["performance", "persist", "of"], label: "out of the last", step: 1, least: 1 },
];

function at(spec: Json | undefined, path: readonly string[]): Json | undefined {
  return path.reduce<Json | undefined>((found, key) => (found && typeof found === "object" && !Array.isArray(found) ? found[key] : undefined), spec);
}

function put(spec: Json | undefined, path: readonly string[], value: number): Json {
  const [key, ...rest] = path;
  if (key === undefined) return value;
  const own = spec && typeof spec === "object" && !Array.isArray(spec) ? spec : {};
  return { ...own, [key]: put(own[key], rest, value) };
}

export function RuleCard({ model, spec, proposed }: { model: string; spec: MonitorSpec; proposed: MonitorSpec | undefined }) {
  const [tried, setTried] = useState<Json>(() => (proposed ?? spec) as Json);
  const simulate = useSimulate(model);
  const knobs = KNOBS.filter((knob) => typeof at(tried, knob.path) === "number");
  return (
    <Card title="Try a rule on the past" hint="nothing is saved by it">
      <form
        className="stack tight"
        onSubmit={(event) => {
          event.preventDefault();
          simulate.mutate(tried as MonitorSpec);
        }}
      >
        <div className="row wrap" style={{ alignItems: "end" }}>
          {knobs.map((knob) => (
            <div className="field" key={knob.path.join(".")} style={{ width: 150 }}>
              <label htmlFor={knob.path.join("-")}>{knob.label}</label>
              <input id={knob.path.join("-")} type="number" className="input" step={Number.isInteger(knob.step) ? knob.step : "any"} min={knob.least} required defaultValue={String(at(tried, knob.path))} onChange={(event) => Number.isFinite(event.target.valueAsNumber) && setTried(put(tried, knob.path, event.target.valueAsNumber))} />
            </div>
          ))}
        </div>
        <div className="row">
          <button type="submit" className="button primary" disabled={simulate.isPending}>
            <History size={14} /> {simulate.isPending ? "Playing…" : "How often would it have fired?"}
          </button>
        </div>
      </form>
      {simulate.error && <p className="tone-bad">{sentence(simulate.error.message)}</p>}
      {simulate.data && <Played played={simulate.data} tried={tried} />}
    </Card>
  );
}

function Played({ played, tried }: { played: Simulation; tried: Json }) {
  return (
    <div className="stack tight" style={{ marginTop: 12 }} aria-live="polite">
      <p className="strong">{sentence(played.words)}</p>
      <ul className="list">
        {played.rules.map((rule) => (
          <li key={rule.rule} style={{ padding: "8px 0" }}>
            <div className="row">
              <span className="grow">
                <Prose text={rule.rule.replaceAll("_", " ")} /> <span className="muted">out of bounds in {plural(rule.breached, "window")} of {rule.judged}</span>
              </span>
              <span className="strong">{plural(rule.fires.length, "alert")}</span>
            </div>
            {rule.fires.length > 0 && <p className="small faint">{rule.fires.slice(-6).map((fire) => day(fire)).join(" · ")}</p>}
          </li>
        ))}
      </ul>
      <p className="small muted">To keep it, write this into the model's <code>gingham.yaml</code> and apply it:</p>
      <Snippet text={toYaml({ monitor: tried } as Json)} />
    </div>
  );
}
