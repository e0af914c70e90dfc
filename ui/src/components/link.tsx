/** A link to a path that the server or we computed as text. */
import { Link } from "@tanstack/react-router";
import type { ReactNode } from "react";

export function To({ to, className, children }: { to: string; className?: string; children: ReactNode }) {
  if (/^https?:/.test(to)) {
    return (
      <a href={to} className={className} rel="noreferrer">
        {children}
      </a>
    );
  }
  const [pathname = "/", query] = to.split("?");
  return (
    <Link to={pathname} search={query ? Object.fromEntries(new URLSearchParams(query)) : {}} {...(className ? { className } : {})}>
      {children}
    </Link>
  );
}
