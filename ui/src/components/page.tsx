/** The frame of a page: where it lies, what it is, what can be done. */
import { useEffect, type ReactNode } from "react";

export type Crumb = { label: string; to?: string };

type PageProps = { title: string; heading?: ReactNode; badges?: ReactNode; lead?: ReactNode; actions?: ReactNode; children: ReactNode };

export function Page({ title, heading, badges, lead, actions, children }: PageProps) {
  // The tab's title lies outside React.
  useEffect(() => {
    document.title = `${title} · Gingham`;
  }, [title]);
  return (
    <>
      <header className="page-head">
        <div className="titles">
          <div className="title-row">
            <h1>{heading ?? title}</h1>
            {badges}
          </div>
          {lead && <div className="lead">{lead}</div>}
        </div>
        {actions && <div className="actions">{actions}</div>}
      </header>
      {children}
    </>
  );
}
