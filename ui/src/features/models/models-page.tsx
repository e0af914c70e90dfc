/** All models. */
import { useQuery } from "@tanstack/react-query";
import { modelsQuery } from "~/api/models.ts";
import { ModelsTable } from "~/components/models-table.tsx";
import { Page } from "~/components/page.tsx";
import { CopyAs, origin } from "~/components/snippet.tsx";
import { Empty, Loaded } from "~/components/states.tsx";
import { useView } from "~/lib/view.ts";

export function ModelsPage() {
  const query = useQuery(modelsQuery);
  const [view, setView] = useView();
  const words = (view["q"] ?? "").toLowerCase();
  return (
    <Page
      title="Models"
      lead="Each model is one file, its versions are immutable, its aliases move."
      actions={<CopyAs snippets={{ CLI: "gingham ls models", curl: `curl ${origin()}/api/v1/models`, Python: `import gingham\n\nclient = gingham.connect("${origin()}")\nfor model in client.models:\n    print(model.name, model.aliases)` }} />}
    >
      <section className="card">
        <Loaded
          query={query}
          isEmpty={(models) => models.length === 0}
          empty={<Empty title="No model yet" why="A model begins with a file that says what data, how to train and what must hold." snippet={"gingham apply examples/traffic/gingham.yaml"} />}
        >
          {(models) => {
            const shown = models.filter((model) => `${model.name} ${model.description ?? ""} ${model.owner ?? ""}`.toLowerCase().includes(words));
            return (
              <>
                {models.length > 8 && (
                  <header className="card-head">
                    <input className="input" style={{ maxWidth: 320 }} type="search" aria-label="Filter models" placeholder="Filter by name, owner or words" value={view["q"] ?? ""} onChange={(event) => setView({ q: event.target.value })} />
                  </header>
                )}
                <ModelsTable models={shown} keys />
                {shown.length === 0 && <Empty title="No model fits" why={`None of ${models.length} models has “${view["q"]}” in its name, owner or description.`} />}
              </>
            );
          }}
        </Loaded>
      </section>
    </Page>
  );
}
