/** Versions of one model, newest first. */
import { headline, type Version } from "~/api/models.ts";
import { AliasTag, Badge } from "~/components/badge.tsx";
import { To } from "~/components/link.tsx";
import { Table, type Column } from "~/components/table.tsx";
import { When } from "~/components/when.tsx";
import { change, count, figure, months, span } from "~/lib/view-text.ts";

const link = (version: Version) => `/models/${encodeURIComponent(version.model)}/versions/${version.number}`;

function baseline(version: Version): string {
  const metric = headline(version.metrics);
  const best = Object.values(version.baseline_metrics ?? {})
    .map((metrics) => (metric ? (metrics[metric.name] ?? null) : null))
    .filter((value): value is number => value !== null)
    .toSorted((a, b) => a - b)[0];
  return metric?.value !== null && metric?.value !== undefined && best !== undefined ? change(metric.value, best) : "–";
}

export function Decision({ version }: { version: Version }) {
  const promotion = version.promotion;
  if (!promotion) return <span className="faint">not judged</span>;
  return <Badge state={promotion.promoted ? "promoted" : "skipped"}>{promotion.promoted ? "promoted" : "not promoted"}</Badge>;
}

const COLUMNS: readonly Column<Version>[] = [
  {
    key: "number",
    title: "Version",
    cell: (version) => (
      <span className="row">
        <To to={link(version)} className="strong">
          v{version.number}
        </To>
        {(version.aliases ?? []).map((alias) => (
          <AliasTag key={alias} alias={alias} />
        ))}
      </span>
    ),
  },
  { key: "decision", title: "Decision", cell: (version) => <Decision version={version} /> },
  { key: "trainer", title: "Trainer", cell: (version) => <span className="nowrap">{(version.trainer ?? version.flavor ?? "–").replaceAll("_", " ")}</span> },
  {
    key: "metric",
    title: "Error",
    num: true,
    cell: (version) => {
      const metric = headline(version.metrics);
      return metric ? (
        <>
          <span className="faint small">{metric.name.toUpperCase()}</span> {figure(metric.value)}{" "}
          <span className="small muted" title="against the best baseline">
            {baseline(version)}
          </span>
        </>
      ) : (
        "–"
      );
    },
  },
  { key: "rows", title: "Rows", num: true, cell: (version) => count(version.training_rows?.rows) },
  { key: "range", title: "Trained on", cell: (version) => <span className="nowrap" title={span(version.training_rows?.from, version.training_rows?.to)}>{months(version.training_rows?.from, version.training_rows?.to)}</span> },
  { key: "created", title: "Registered", num: true, cell: (version) => <When at={version.created_at} /> },
];

export function VersionsTable({ versions }: { versions: readonly Version[] }) {
  return <Table label="Versions" columns={COLUMNS} rows={versions.toSorted((a, b) => b.number - a.number)} rowKey={(version) => String(version.number)} href={link} />;
}
