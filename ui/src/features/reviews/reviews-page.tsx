/** Requests to move an alias, those that wait first, and broken glass above them. */
import { useQuery } from "@tanstack/react-query";
import { overridesQuery, reviewsQuery, type Override, type Review } from "~/api/reviews.ts";
import { AliasTag, Badge } from "~/components/badge.tsx";
import { Card } from "~/components/card.tsx";
import { To } from "~/components/link.tsx";
import { Page } from "~/components/page.tsx";
import { Prose } from "~/components/prose.tsx";
import { Empty, Loaded } from "~/components/states.tsx";
import { Table, type Column } from "~/components/table.tsx";
import { When } from "~/components/when.tsx";
import { useView } from "~/lib/view.ts";
import { Standing } from "./verdict.tsx";

const STATES = ["open", "carried_out", "closed", "all"] as const;

export function ReviewsPage() {
  const [view, setView] = useView();
  const query = useQuery(reviewsQuery(view["model"]));
  const waiting = query.data?.filter((review) => review.state === "open").length ?? 0;
  const chosen = view["state"] ?? (waiting > 0 ? "open" : "all");
  return (
    <Page title="Reviews" lead="A policy says what a move of an alias needs. A review asks for one move, shows what changes, and keeps who said yes.">
      <Overrides />
      <section className="card">
        <header className="card-head">
          <div className="segmented" role="radiogroup" aria-label="Which reviews">
            {STATES.map((state) => (
              <button key={state} type="button" role="radio" aria-checked={state === chosen} onClick={() => setView({ state })}>
                {state.replace("_", " ")}
              </button>
            ))}
          </div>
          {view["model"] && (
            <button type="button" className="button small" onClick={() => setView({ model: undefined })}>
              only {view["model"]} ✕
            </button>
          )}
        </header>
        <Loaded
          query={query}
          isEmpty={(reviews) => reviews.length === 0}
          empty={<Empty title="No review yet" why="Where a model's file names a policy, its alias moves by a review only." snippet={'gingham review ask traffic@2 --reason "…"'} />}
        >
          {(reviews) => {
            const shown = reviews.filter((review) => chosen === "all" || review.state === chosen);
            return shown.length > 0 ? (
              <Table label="Reviews" columns={COLUMNS} rows={shown} rowKey={(review) => String(review.number)} href={(review) => `/reviews/${review.number}`} keys />
            ) : (
              <Empty title={chosen === "open" ? "Nothing waits" : `No review is ${chosen.replace("_", " ")}`} why={`${reviews.length} reviews are in the book; choose “all” to read them.`} />
            );
          }}
        </Loaded>
      </section>
    </Page>
  );
}

const COLUMNS: readonly Column<Review>[] = [
  {
    key: "number",
    title: "Review",
    cell: (review) => (
      <To to={`/reviews/${review.number}`} className="strong">
        #{review.number}
      </To>
    ),
  },
  {
    key: "move",
    title: "Move",
    cell: (review) => (
      <div style={{ minWidth: 220 }}>
        <span className="nowrap">
          <AliasTag alias={review.alias} /> of <To to={`/models/${encodeURIComponent(review.model)}`}>{review.model}</To> {review.previous ? `v${review.previous} → ` : "→ "}
          <To to={`/models/${encodeURIComponent(review.model)}/versions/${review.version}`}>v{review.version}</To>
        </span>
        <div className="small muted" style={{ maxWidth: "80ch" }}>
          <Prose text={review.verdict?.summary || review.outcome} plain />
        </div>
      </div>
    ),
  },
  { key: "stands", title: "Stands", cell: (review) => <Standing review={review} /> },
  { key: "policy", title: "Policy", cell: (review) => <span className="nowrap">{review.policy}</span> },
  { key: "requester", title: "Asked by", cell: (review) => review.requester },
  { key: "opened", title: "Opened", num: true, cell: (review) => <When at={review.created_at} /> },
];

/** Broken glass is shown wherever reviews are, until it is made good. */
function Overrides() {
  const items = useQuery(overridesQuery).data?.items ?? [];
  if (items.length === 0) return null;
  return (
    <Card title="Broken glass" hint="Somebody answers for these moves although a rule did not hold. They stay here until a review by the rules takes their place.">
      <ul className="list">
        {items.map((each: Override) => (
          <li key={each.number} className="list-row">
            <Badge state={each.state === "expired" ? "error" : "warn"}>{each.state}</Badge>
            <div className="grow">
              <To to={`/reviews/${each.review}`} className="strong">
                {each.alias} of {each.model} at v{each.version}
              </To>
              <div className="small muted">
                {each.by}: {each.reason} {each.ticket && `(${each.ticket})`}
              </div>
            </div>
            <span className="small muted nowrap">
              until <When at={each.expires_at} />
            </span>
          </li>
        ))}
      </ul>
    </Card>
  );
}
