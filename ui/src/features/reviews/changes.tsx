/** What a review changes: metrics, code, data, params and environment, checks, the card. */
import type { CheckChange, Difference, ReviewDetail } from "~/api/reviews.ts";
import { Badge } from "~/components/badge.tsx";
import { Card } from "~/components/card.tsx";
import { To } from "~/components/link.tsx";
import { Prose } from "~/components/prose.tsx";
import { Table } from "~/components/table.tsx";
import { change, figure } from "~/lib/view-text.ts";

const MOST_CAUSES = 30;

export function Changes({ review }: { review: ReviewDetail }) {
  const before = review.previous ? `v${review.previous}` : "nothing yet";
  const after = `v${review.version}`;
  const causes = ((review.changes ?? {}) as Difference).causes ?? [];
  const version = (number: number) => `version:${review.model}@${number}`;
  return (
    <Card
      title="What changes"
      hint={`${before} → ${after}`}
      flush
      tools={review.previous ? <To to={`/runs/diff?left=${encodeURIComponent(version(review.previous))}&right=${encodeURIComponent(version(review.version))}`}>Why differ?</To> : undefined}
    >
      {review.metrics.length > 0 && (
        <Table
          label="Metrics"
          rows={review.metrics}
          rowKey={(metric) => metric.key}
          columns={[
            { key: "metric", title: "Metric", cell: (metric) => metric.key },
            { key: "before", title: before, num: true, cell: (metric) => figure(metric.before) },
            { key: "after", title: after, num: true, cell: (metric) => figure(metric.after) },
            { key: "change", title: "Change", num: true, cell: (metric) => (typeof metric.before === "number" && typeof metric.after === "number" ? change(metric.after, metric.before) : "–") },
          ]}
        />
      )}
      {causes.length > 0 && (
        <Table
          label="What else differs"
          rows={causes.slice(0, MOST_CAUSES)}
          rowKey={(cause) => `${cause.area}.${cause.name}`}
          columns={[
            { key: "area", title: "Part", cell: (cause) => cause.area },
            { key: "name", title: "What", cell: (cause) => <span className="wrap-anywhere">{cause.name}</span> },
            { key: "left", title: before, cell: (cause) => <span className="wrap-anywhere">{cause.left ?? "–"}</span> },
            { key: "right", title: after, cell: (cause) => <span className="wrap-anywhere">{cause.right ?? "–"}</span> },
          ]}
        />
      )}
      {review.card.length > 0 && (
        <Table
          label="Fields of the card that differ"
          rows={review.card}
          rowKey={(field) => field.field}
          columns={[
            { key: "field", title: "Card", cell: (field) => field.field.replaceAll("_", " ") },
            { key: "before", title: before, cell: (field) => field.before ?? "blank" },
            { key: "after", title: after, cell: (field) => field.after ?? "blank" },
          ]}
        />
      )}
      {review.metrics.length + causes.length + review.card.length === 0 && <p className="muted" style={{ padding: 14 }}>Nothing that is recorded differs.</p>}
    </Card>
  );
}

/** The newest result of each check on both versions. */
export function Checks({ title, checks, none }: { title: string; checks: readonly CheckChange[]; none: string }) {
  return (
    <Card title={title} flush>
      {checks.length === 0 ? (
        <p className="muted" style={{ padding: 14 }}>
          {none}
        </p>
      ) : (
        <Table
          label={title}
          rows={checks}
          rowKey={(check) => check.id}
          columns={[
            { key: "id", title: "Check", cell: (check) => <span className="strong">{check.id}</span> },
            { key: "before", title: "Now", cell: (check) => (check.before ? <Badge state={check.before} /> : "–") },
            { key: "after", title: "Then", cell: (check) => (check.after ? <Badge state={check.after} /> : "–") },
            { key: "message", title: "In words", cell: (check) => <Prose text={check.message ?? ""} /> },
          ]}
        />
      )}
    </Card>
  );
}
