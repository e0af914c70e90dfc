/** One dataset: its versions, what the checks said, what the rows look like. */
import { useQuery } from "@tanstack/react-query";
import { datasetQuery, datasetTagsQuery, datasetVersionsQuery, schemaColumns, verdictQuery, type DatasetVersion } from "~/api/datasets.ts";
import { actorName } from "~/api/objects.ts";
import { AroundCard } from "~/components/around.tsx";
import { Badge } from "~/components/badge.tsx";
import { Card, Stat, Stats } from "~/components/card.tsx";
import { To } from "~/components/link.tsx";
import { Page } from "~/components/page.tsx";
import { CopyAs, origin } from "~/components/snippet.tsx";
import { Empty, Loaded } from "~/components/states.tsx";
import { Table, type Column } from "~/components/table.tsx";
import { When } from "~/components/when.tsx";
import { count, span, words } from "~/lib/view-text.ts";
import { usePart, useView } from "~/lib/view.ts";
import { PreviewTable } from "./preview-table.tsx";
import { OriginFacts } from "./origin-facts.tsx";
import { VerdictView } from "./verdict-view.tsx";
import { VersionChange } from "./version-change.tsx";

export function DatasetPage() {
  const name = usePart("dataset");
  const dataset = useQuery(datasetQuery(name));
  const versions = useQuery(datasetVersionsQuery(name));
  const base = origin();
  return (
    <Page
      title={name}
      lead={dataset.data?.description}
      actions={
        <CopyAs
          snippets={{
            CLI: `gingham dataset versions ${name}\ngingham dataset rows ${name}@1\ngingham dataset diff ${name}@1\ngingham push ${name} more.csv`,
            curl: `curl --data-binary @more.csv -H "content-type: text/csv" \\\n  ${base}/api/v1/datasets/${name}/versions`,
            Python: `import gingham\n\nclient = gingham.connect("${base}")\nclient.datasets.push("${name}", "more.csv")`,
          }}
        />
      }
    >
      <Loaded page query={dataset}>
        {() => (
          <Loaded query={versions} isEmpty={(list) => list.length === 0} empty={<Empty title="No version yet" why="The first rows make version 1." snippet={`gingham push ${name} rows.csv`} />}>
            {(list) => <Body name={name} versions={list} />}
          </Loaded>
        )}
      </Loaded>
    </Page>
  );
}

const range = (version: DatasetVersion) => span(version.from, version.to);

function Body({ name, versions }: { name: string; versions: readonly DatasetVersion[] }) {
  const [view, setView] = useView();
  const newestFirst = versions.toSorted((a, b) => b.number - a.number);
  const chosen = newestFirst.find((version) => String(version.number) === view["version"]) ?? newestFirst[0];
  const tags = useQuery(datasetTagsQuery(name)).data ?? [];
  const verdicts = useQuery({ ...verdictQuery(name, chosen?.number ?? 0), enabled: chosen !== undefined });
  if (!chosen) return null;
  const verdict = verdicts.data ?? undefined;
  const before = newestFirst.find((version) => version.number === chosen.number - 1);
  const columns: Column<DatasetVersion>[] = [
    {
      key: "number",
      title: "Version",
      cell: (version) => (
        <To to={`/data/${encodeURIComponent(name)}?version=${version.number}`} className="strong">
          v{version.number} {tags.filter((tag) => tag.version === version.number).map((tag) => <span key={tag.tag} className="muted small">{tag.tag} </span>)}
        </To>
      ),
    },
    { key: "total", title: "Rows", num: true, cell: (version) => count(version.rows_total) },
    { key: "added", title: "Added", num: true, cell: (version) => (version.rows_added === undefined ? "–" : `+${count(version.rows_added)}`) },
    { key: "range", title: "Covers", cell: (version) => <span className="nowrap">{range(version)}</span> },
    { key: "verdict", title: "Checks", cell: (version) => <OutcomeOf dataset={name} number={version.number} /> },
    { key: "actor", title: "By", cell: (version) => actorName(version.actor) },
    { key: "created", title: "Made", num: true, cell: (version) => <When at={version.created_at} /> },
  ];
  return (
    <>
      <Stats>
        <Stat label="Version">v{chosen.number}</Stat>
        <Stat label="Rows" sub={chosen.rows_added === undefined ? undefined : `${count(chosen.rows_added)} added`}>
          {count(chosen.rows_total)}
        </Stat>
        <Stat label="Columns">{count(schemaColumns(chosen).length)}</Stat>
        <Stat label="Covers" wordy>
          {range(chosen)}
        </Stat>
        <Stat label="Checks" wordy>
          {verdict ? <Badge state={verdict.outcome} /> : "not checked"}
        </Stat>
      </Stats>
      <div className="grid">
        <div className="c8 stack">
          <Card title="Versions" flush>
            <Table label="Versions" columns={columns} rows={newestFirst} rowKey={(version) => String(version.number)} href={(version) => `/data/${encodeURIComponent(name)}?version=${version.number}`} selected={(version) => version === chosen} height={460} />
          </Card>
          <Card title={`What the checks said of v${chosen.number}`} hint={verdict?.summary} flush>
            <Loaded query={verdicts} isEmpty={(found) => found === null} empty={<Empty title="Not checked" why="The checks of a model's file are run on each version that it reads." />}>
              {(found) => (found ? <VerdictView verdict={found} /> : null)}
            </Loaded>
          </Card>
        </div>
        <div className="c4 stack">
          <Card title="Schema" flush>
            <div className="table-wrap">
              <table className="table">
                <tbody>
                  {schemaColumns(chosen).map((column) => (
                    <tr key={column.name}>
                      <td>
                        <code>{column.name}</code>
                      </td>
                      <td className="muted">{words(column.kind ?? column.type)}</td>
                      <td className="faint small">{column.nullable ? "may be empty" : ""}</td>
                    </tr>
                  ))}
                </tbody>
              </table>
            </div>
          </Card>
          <Card title="Origin">
            <OriginFacts version={chosen} />
          </Card>
        </div>
      </div>
      {before && <VersionChange key={chosen.number} name={name} then={before} now={chosen} />}
      <AroundCard key={`around ${chosen.number}`} object={`dataset:${name}@${chosen.number}`} />
      <PreviewTable key={`rows ${chosen.number}`} name={name} number={chosen.number} onVersion={(number) => setView({ version: String(number) })} />
    </>
  );
}

function OutcomeOf({ dataset, number }: { dataset: string; number: number }) {
  const outcome = useQuery(verdictQuery(dataset, number)).data?.outcome;
  return outcome ? <Badge state={outcome} /> : <span className="faint">–</span>;
}
