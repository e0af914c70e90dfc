/** What concerns this browser and this person; everything else is said in files. */
import { useQuery, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { setToken, token } from "~/api/client.ts";
import { infoQuery } from "~/api/system.ts";
import { Card, Facts } from "~/components/card.tsx";
import { Page } from "~/components/page.tsx";
import { Snippet } from "~/components/snippet.tsx";
import { Loaded } from "~/components/states.tsx";
import { say } from "~/components/toast.tsx";
import { When } from "~/components/when.tsx";
import { setTheme, useTheme, type Theme } from "~/lib/theme.ts";
import { words } from "~/lib/format.ts";

const THEMES: readonly Theme[] = ["system", "light", "dark"];

export function SettingsPage() {
  const theme = useTheme();
  const info = useQuery(infoQuery);
  return (
    <Page title="Settings" lead="What concerns this browser; everything else is said in files. Times are in UTC everywhere.">
      <div className="grid">
        <div className="c6 stack">
          <Card title="Theme">
            <div className="segmented" role="radiogroup" aria-label="Theme">
              {THEMES.map((each) => (
                <button key={each} type="button" role="radio" aria-checked={each === theme} onClick={() => setTheme(each)}>
                  {each}
                </button>
              ))}
            </div>
          </Card>
          <Card title="Token">
            <TokenForm />
          </Card>
        </div>
        <div className="c6 stack">
          <Card title="This server">
            <Loaded query={info}>
              {(data) => (
                <Facts
                  entries={[
                    ["you are", data.principal ? `${data.principal.name}${data.principal.kind ? ` (${words(data.principal.kind)})` : ""}` : "nobody"],
                    ["version", `${data.name} ${data.version}`],
                    ["started", <When key="at" at={data.started_at} exact />],
                    ["data folder", data.data_folder && <code key="data folder">{data.data_folder}</code>],
                    ["engines", data.engines?.map((engine) => (typeof engine === "string" ? engine : engine.name)).join(", ")],
                    ["API", <a key="api" href="/api/v1/openapi.json">openapi.json</a>],
                    ["metrics", <a key="metrics" href="/metrics">Prometheus</a>],
                  ]}
                />
              )}
            </Loaded>
          </Card>
          <Card title="MLflow clients" hint="speak to this server unchanged">
            <Snippet text={`export MLFLOW_TRACKING_URI=${location.origin}`} />
          </Card>
        </div>
      </div>
    </Page>
  );
}

function TokenForm() {
  const client = useQueryClient();
  const [value, setValue] = useState("");
  const [kept, setKept] = useState(token() !== null);
  const change = (to: string | null) => {
    setToken(to);
    setKept(to !== null);
    setValue("");
    void client.invalidateQueries();
    say(to ? "The token is used from now on" : "The token is forgotten");
  };
  return (
    <form
      className="stack tight"
      onSubmit={(event) => {
        event.preventDefault();
        change(value.trim());
      }}
    >
      <p className="muted">On the server's own machine no token is needed. From elsewhere every request carries one; the one you enter here is kept for this tab only and gone when the tab is closed.</p>
      <div className="row">
        <input className="input" type="password" autoComplete="off" aria-label="Token" placeholder={kept ? "A token is in use" : "gng_…"} value={value} onChange={(event) => setValue(event.target.value)} />
        <button type="submit" className="button" disabled={!value.trim()}>
          Use it
        </button>
        {kept && (
          <button type="button" className="button ghost" onClick={() => change(null)}>
            Forget
          </button>
        )}
      </div>
    </form>
  );
}
