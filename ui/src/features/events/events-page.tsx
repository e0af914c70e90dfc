/** The log of everything that happened, and the proof that no line of it was changed. */
import { useInfiniteQuery, useQuery } from "@tanstack/react-query";
import { ShieldAlert, ShieldCheck } from "lucide-react";
import { useState } from "react";
import { actorName, objectLink, shortName } from "~/api/objects.ts";
import { eventsQuery, verifyQuery, type Event } from "~/api/system.ts";
import { To } from "~/components/link.tsx";
import { Prose } from "~/components/prose.tsx";
import { Page } from "~/components/page.tsx";
import { CopyAs, origin } from "~/components/snippet.tsx";
import { Empty, Failure, Skeleton } from "~/components/states.tsx";
import { Table, type Column } from "~/components/table.tsx";
import { When } from "~/components/when.tsx";
import { cell, count, plural, shortDigest } from "~/lib/format.ts";
import { useView } from "~/lib/view.ts";

const COLUMNS: readonly Column<Event>[] = [
  { key: "seq", title: "#", num: true, cell: (event) => <span className="faint">{count(event.seq)}</span> },
  { key: "at", title: "When", cell: (event) => <When at={event.at} exact /> },
  { key: "kind", title: "What", cell: (event) => <code>{event.kind}</code> },
  {
    key: "object",
    title: "Object",
    cell: (event) => {
      const to = objectLink(event.object);
      const text = shortName(event.object);
      return <span className="nowrap">{to ? <To to={to}>{text}</To> : text}</span>;
    },
  },
  { key: "actor", title: "By", cell: (event) => actorName(event.actor) },
  { key: "detail", title: "In words", cell: (event) => <Detail event={event} /> },
  { key: "hash", title: "Hash", cell: (event) => <code className="faint" title={event.hash}>{shortDigest(event.hash)}</code> },
];

function Detail({ event }: { event: Event }) {
  const facts = cell(event.data);
  const text = event.summary || facts;
  if (!text || text === "{}") return <span className="faint">–</span>;
  return (
    <span className="small wrap-anywhere" style={{ display: "block", minWidth: 200, maxWidth: 460 }} title={facts}>
      <Prose text={text.length > 220 ? `${text.slice(0, 220)}…` : text} />
    </span>
  );
}

export function EventsPage() {
  const [view, setView] = useView();
  const filter = { ...(view["kind"] ? { kind: view["kind"] } : {}), ...(view["object"] ? { object: view["object"] } : {}) };
  const query = useInfiniteQuery(eventsQuery(filter));
  const rows = (query.data?.pages.flatMap((page) => page.items) ?? []).toSorted((a, b) => b.seq - a.seq);
  return (
    <Page title="Events" lead="Each entry carries the hash of the one before it, written in the same transaction as the change it tells of." actions={<CopyAs snippets={{ CLI: "gingham log\ngingham verify", curl: `curl ${origin()}/api/v1/events` }} />}>
      <Chain />
      <section className="card">
        <header className="card-head">
          <Filter key={`${view["kind"]}|${view["object"]}`} kind={view["kind"] ?? ""} object={view["object"] ?? ""} onFilter={(kind, object) => setView({ kind, object })} />
        </header>
        {query.error ? (
          <Failure error={query.error} retry={() => void query.refetch()} />
        ) : !query.data ? (
          <Skeleton rows={9} />
        ) : rows.length === 0 ? (
          <Empty title={Object.keys(filter).length ? "No event fits" : "Nothing has happened yet"} why="Every change leaves one entry: applied, trained, promoted, deployed, alerted." snippet={"gingham log"} />
        ) : (
          <>
            <Table label="Events" columns={COLUMNS} rows={rows} rowKey={(event) => String(event.seq)} keys />
            <div className="pager">
              {plural(rows.length, "event")} {query.hasNextPage ? "so far" : ""}
              <span className="tools">
                {query.hasNextPage && (
                  <button type="button" className="button small" disabled={query.isFetchingNextPage} onClick={() => void query.fetchNextPage()}>
                    {query.isFetchingNextPage ? "Reading…" : "More"}
                  </button>
                )}
              </span>
            </div>
          </>
        )}
      </section>
    </Page>
  );
}

function Chain() {
  const chain = useQuery(verifyQuery);
  if (chain.error) return null;
  const data = chain.data;
  return (
    <div className={`notice ${!data ? "" : data.ok ? "ok" : "bad"}`}>
      {data && !data.ok ? <ShieldAlert size={16} /> : <ShieldCheck size={16} />}
      <div className="grow wrap-anywhere">
        {!data ? (
          "Checking the chain…"
        ) : data.ok ? (
          <>
            The chain is whole: {plural(data.entries, "entry", "entries")}, head <code title={data.head}>{shortDigest(data.head)}</code>.
          </>
        ) : (
          <>The chain is broken: {data.problem ?? "an entry was changed after it was written"}.</>
        )}
      </div>
      <button type="button" className="button small" disabled={chain.isFetching} onClick={() => void chain.refetch()}>
        {chain.isFetching ? "Checking…" : "Check again"}
      </button>
    </div>
  );
}

function Filter({ kind, object, onFilter }: { kind: string; object: string; onFilter: (kind: string, object: string) => void }) {
  const [words, setWords] = useState({ kind, object });
  return (
    <form
      className="row wrap grow"
      onSubmit={(event) => {
        event.preventDefault();
        onFilter(words.kind.trim(), words.object.trim());
      }}
    >
      <input className="input mono" style={{ flex: "1 1 160px" }} aria-label="Kind" placeholder="kind, such as alias.*" value={words.kind} onChange={(event) => setWords({ ...words, kind: event.target.value })} />
      <input className="input mono" style={{ flex: "1 1 160px" }} aria-label="Object" placeholder="object, such as model:traffic" value={words.object} onChange={(event) => setWords({ ...words, object: event.target.value })} />
      <button type="submit" className="button">
        Filter
      </button>
      {(kind || object) && (
        <button type="button" className="button ghost" onClick={() => onFilter("", "")}>
          Clear
        </button>
      )}
    </form>
  );
}
