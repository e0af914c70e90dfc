/** Loading, empty, error, full: the four states that every read goes through. */
import type { UseQueryResult } from "@tanstack/react-query";
import { CircleSlash2, Inbox, KeyRound, PlugZap, SearchX } from "lucide-react";
import type { ReactNode } from "react";
import { Problem } from "~/api/client.ts";
import { sentence } from "~/lib/format.ts";
import { Snippet } from "./snippet.tsx";

/** Why there is nothing here yet, and the one command that changes that. */
export function Empty({ title, why, snippet, children }: { title: string; why: ReactNode; snippet?: string; children?: ReactNode }) {
  return (
    <div className="state">
      <span className="icon-ring">
        <Inbox size={18} aria-hidden="true" />
      </span>
      <h3>{title}</h3>
      <p>{why}</p>
      {snippet && <Snippet text={snippet} />}
      {children}
    </div>
  );
}

export function Failure({ error, retry }: { error: unknown; retry?: () => void }) {
  const problem = error instanceof Problem ? error : undefined;
  const status = problem?.status;
  const Icon = status === 0 ? PlugZap : status === 404 ? SearchX : status === 401 || status === 403 ? KeyRound : CircleSlash2;
  const title = status === 0 ? "The server does not answer" : status === 404 ? "Nothing here" : status === 401 ? "This server wants a token" : status === 403 ? "Not allowed" : "That did not work";
  return (
    <div className="state error" role="alert">
      <span className="icon-ring">
        <Icon size={18} aria-hidden="true" />
      </span>
      <h3>{title}</h3>
      <p>{sentence(error instanceof Error ? error.message : String(error))}.</p>
      {problem?.hint && <p className="small muted">Hint: {problem.hint}</p>}
      {status === 401 && (
        <p>
          <a href="/settings">Enter a token in the settings</a>; on the server's own machine none is needed.
        </p>
      )}
      <div className="row">
        {retry && status !== 404 && (
          <button type="button" className="button small" onClick={retry}>
            Try again
          </button>
        )}
      </div>
      {problem?.requestId && (
        <p className="small faint">
          request <code>{problem.requestId}</code>
        </p>
      )}
    </div>
  );
}

export function Skeleton({ rows = 4, height = 18 }: { rows?: number; height?: number }) {
  return (
    <div className="stack tight" aria-busy="true" aria-label="loading" style={{ padding: 14 }}>
      {Array.from({ length: rows }, (_, row) => (
        <span key={row} className="skeleton" style={{ height, width: `${96 - ((row * 17) % 38)}%` }} />
      ))}
    </div>
  );
}

type LoadedProps<T> = {
  query: Pick<UseQueryResult<T>, "data" | "error" | "isPending" | "refetch">;
  skeleton?: ReactNode;
  isEmpty?: (data: T) => boolean;
  empty?: ReactNode;
  /** The body of a whole page: what is shown meanwhile gets a frame of its own. */
  page?: boolean;
  children: (data: T) => ReactNode;
};

/** Shows what came; what it shows while nothing came, or nothing could, is decided here once. */
export function Loaded<T>({ query, skeleton, isEmpty, empty, page = false, children }: LoadedProps<T>) {
  const frame = (content: ReactNode) => (page ? <div className="card">{content}</div> : content);
  if (query.data !== undefined) return isEmpty?.(query.data) ? frame(empty) : children(query.data);
  if (query.error) return frame(<Failure error={query.error} retry={() => void query.refetch()} />);
  return skeleton ?? (page ? <PageSkeleton /> : <Skeleton />);
}

/** The shape that most pages will have: a row of figures, a chart or table, and what is beside it. */
function PageSkeleton() {
  return (
    <div className="stack" aria-busy="true" aria-label="loading">
      <span className="skeleton" style={{ height: 84, borderRadius: "var(--radius-l)" }} />
      <div className="grid">
        <span className="skeleton c8" style={{ height: 280, borderRadius: "var(--radius-l)" }} />
        <span className="skeleton c4" style={{ height: 180, borderRadius: "var(--radius-l)" }} />
      </div>
    </div>
  );
}
