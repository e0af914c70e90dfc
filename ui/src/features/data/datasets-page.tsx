/** All datasets. */
import { useQuery } from "@tanstack/react-query";
import { datasetsQuery, type Dataset } from "~/api/datasets.ts";
import { actorName } from "~/api/objects.ts";
import { To } from "~/components/link.tsx";
import { Page } from "~/components/page.tsx";
import { CopyAs, origin } from "~/components/snippet.tsx";
import { Empty, Loaded } from "~/components/states.tsx";
import { Table, type Column } from "~/components/table.tsx";
import { When } from "~/components/when.tsx";
import { count, span } from "~/lib/view-text.ts";

const link = (dataset: Dataset) => `/data/${encodeURIComponent(dataset.name)}`;

const COLUMNS: readonly Column<Dataset>[] = [
  {
    key: "name",
    title: "Dataset",
    cell: (dataset) => (
      <>
        <To to={link(dataset)} className="strong">
          {dataset.name}
        </To>
        {dataset.description && <div className="small muted">{dataset.description}</div>}
      </>
    ),
  },
  { key: "version", title: "Latest", cell: (dataset) => (dataset.latest_version ? `v${dataset.latest_version}` : "none") },
  { key: "rows", title: "Rows", num: true, cell: (dataset) => count(dataset.rows_total) },
  { key: "range", title: "Covers", cell: (dataset) => <span className="nowrap">{span(dataset.from, dataset.to)}</span> },
  { key: "actor", title: "Made by", cell: (dataset) => actorName(dataset.actor) },
  { key: "created", title: "Made", num: true, cell: (dataset) => <When at={dataset.created_at} /> },
];

export function DatasetsPage() {
  const query = useQuery(datasetsQuery);
  return (
    <Page title="Data" lead="A dataset is a series of versions that never change; new rows make a new version, checked as it comes in." actions={<CopyAs snippets={{ CLI: "gingham ls datasets", curl: `curl ${origin()}/api/v1/datasets` }} />}>
      <section className="card">
        <Loaded query={query} isEmpty={(list) => list.length === 0} empty={<Empty title="No dataset yet" why="A dataset is made with its first rows: from a model's file, or by sending a CSV or Parquet file." snippet="gingham push sales sales.csv" />}>
          {(list) => <Table label="Datasets" columns={COLUMNS} rows={list} rowKey={(dataset) => dataset.name} href={link} keys />}
        </Loaded>
      </section>
    </Page>
  );
}
