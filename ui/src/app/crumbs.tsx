/** Where the page lies, read from its address. */
import { useRouterState } from "@tanstack/react-router";
import { ChevronRight } from "lucide-react";
import { To } from "~/components/link.tsx";
import { PLACES, SETTINGS } from "./navigation.ts";

export function Crumbs() {
  const pathname = useRouterState({ select: (state) => state.location.pathname });
  const parts = pathname.split("/").filter(Boolean);
  const crumbs: { label: string; to: string }[] = [];
  parts.forEach((part, index) => {
    if (part === "versions") return;
    const to = `/${parts.slice(0, index + 1).join("/")}`;
    const place = index === 0 ? [...PLACES, SETTINGS].find((each) => each.to === to)?.label : undefined;
    const text = decodeURIComponent(part);
    const label = place ?? (parts[index - 1] === "versions" ? `v${text}` : /^[0-9a-f-]{24,}$/.test(text) ? `${text.slice(0, 4)}…${text.slice(-6)}` : text);
    crumbs.push({ label, to });
  });
  if (crumbs.length === 0) crumbs.push({ label: "Home", to: "/" });
  return (
    <nav aria-label="Breadcrumbs" className="crumbs">
      <ol className="crumbs">
        {crumbs.map((crumb, index) => (
          <li key={crumb.to}>
            {index > 0 && <ChevronRight size={12} aria-hidden="true" />}
            {index === crumbs.length - 1 ? <span aria-current="page">{crumb.label}</span> : <To to={crumb.to}>{crumb.label}</To>}
          </li>
        ))}
      </ol>
    </nav>
  );
}
