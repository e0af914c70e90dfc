/** Surfaces and figures that pages are laid out with. */
import type { ReactNode } from "react";

type CardProps = {
  title?: ReactNode;
  hint?: ReactNode;
  tools?: ReactNode;
  foot?: ReactNode;
  flush?: boolean;
  className?: string;
  id?: string;
  children: ReactNode;
};

export function Card({ title, hint, tools, foot, flush = false, className = "", id, children }: CardProps) {
  return (
    <section className={`card ${className}`} id={id}>
      {(title || tools) && (
        <header className="card-head">
          {title && <h2>{title}</h2>}
          {hint && <span className="hint">{hint}</span>}
          {tools && <div className="tools">{tools}</div>}
        </header>
      )}
      <div className={flush ? "card-body flush" : "card-body"}>{children}</div>
      {foot && <footer className="card-foot">{foot}</footer>}
    </section>
  );
}

export function Stats({ children }: { children: ReactNode }) {
  return (
    <div className="card">
      <dl className="stats">{children}</dl>
    </div>
  );
}

export function Stat({ label, sub, wordy = false, children }: { label: string; sub?: ReactNode; wordy?: boolean; children: ReactNode }) {
  return (
    <div className="stat">
      <dt>{label}</dt>
      <dd className={wordy ? "words" : undefined}>
        {children}
        {sub && <div className="sub">{sub}</div>}
      </dd>
    </div>
  );
}

/** Names and values in two columns; entries without a value are left out. */
export function Facts({ entries }: { entries: readonly (readonly [string, ReactNode])[] }) {
  return (
    <dl className="facts">
      {entries
        .filter(([, value]) => value !== undefined && value !== null && value !== "")
        .map(([name, value]) => (
          <div key={name} style={{ display: "contents" }}>
            <dt>{name}</dt>
            <dd>{value}</dd>
          </div>
        ))}
    </dl>
  );
}
