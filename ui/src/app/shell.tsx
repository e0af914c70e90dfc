/** What stays while pages change: navigation, search, shortcuts, the live line. */
import { useQuery, useQueryClient } from "@tanstack/react-query";
import { Link, Outlet, useRouterState } from "@tanstack/react-router";
import { Menu, Monitor, Moon, Search, Sun } from "lucide-react";
import { useEffect, useState } from "react";
import { follow } from "~/api/live.ts";
import { infoQuery, statusQuery } from "~/api/system.ts";
import { Mark } from "~/components/mark.tsx";
import { Toasts } from "~/components/toast.tsx";
import { setTheme, useTheme, type Theme } from "~/lib/theme.ts";
import { Crumbs } from "./crumbs.tsx";
import { PLACES, SETTINGS, type Place } from "./navigation.ts";
import { Palette } from "./palette.tsx";
import { Help, useShortcuts } from "./shortcuts.tsx";

const NEXT: Record<Theme, Theme> = { system: "light", light: "dark", dark: "system" };

export function Shell() {
  const [palette, setPalette] = useState(false);
  const [help, setHelp] = useState(false);
  const [menuAt, setMenuAt] = useState<string | null>(null);
  const [live, setLive] = useState<boolean | null>(null);
  const pathname = useRouterState({ select: (state) => state.location.pathname });
  const menu = menuAt === pathname; // Going somewhere closes the menu.
  const client = useQueryClient();
  const theme = useTheme();
  useShortcuts({ palette: () => setPalette(true), help: () => setHelp(true), theme: () => setTheme(NEXT[theme]) });

  // The event stream is the outside world.
  useEffect(() => {
    const stop = new AbortController();
    void follow(client, stop.signal, setLive);
    return () => stop.abort();
  }, [client]);

  return (
    <div className="shell">
      <a className="skip" href="#content">
        Skip to content
      </a>
      <Side open={menu} theme={theme} />
      {menu && <button type="button" className="scrim" aria-label="Close the menu" onClick={() => setMenuAt(null)} />}
      <div className="main">
        <header className="topbar">
          <button type="button" className="button ghost icon menu-button" aria-label="Menu" aria-expanded={menu} onClick={() => setMenuAt(pathname)}>
            <Menu size={17} />
          </button>
          <Crumbs />
          <button type="button" className="search-button" aria-label="Search" onClick={() => setPalette(true)}>
            <Search size={14} aria-hidden="true" />
            <span>Search models, runs, data</span>
            <kbd>{/Mac|iPhone|iPad/.test(navigator.userAgent) ? "⌘K" : "Ctrl K"}</kbd>
          </button>
        </header>
        {live === false && <div className="offline">The live line to the server is cut. What you see may be old; it is tried again every few seconds.</div>}
        <main className="page" id="content">
          <Outlet />
        </main>
      </div>
      <Palette open={palette} onClose={() => setPalette(false)} />
      <Help open={help} onClose={() => setHelp(false)} />
      <Toasts />
    </div>
  );
}

function Side({ open, theme }: { open: boolean; theme: Theme }) {
  const info = useQuery(infoQuery).data;
  const firing = useQuery(statusQuery).data?.alerts_firing ?? 0;
  const ThemeIcon = theme === "dark" ? Moon : theme === "light" ? Sun : Monitor;
  return (
    <nav className={open ? "side open" : "side"} aria-label="Main">
      <Link to="/" className="brand">
        <Mark /> Gingham
      </Link>
      {PLACES.map((place, index) => (
        <div key={place.to} style={{ display: "contents" }}>
          {place.group && place.group !== PLACES[index - 1]?.group && <div className="nav-group">{place.group}</div>}
          <Item place={place} count={place.to === "/alerts" ? firing : 0} />
        </div>
      ))}
      <div className="side-foot">
        <button type="button" className="nav-item" onClick={() => setTheme(NEXT[theme])} title="Change the theme (t)">
          <ThemeIcon size={15} /> {theme === "system" ? "System theme" : theme === "dark" ? "Dark theme" : "Light theme"}
        </button>
        <Item place={SETTINGS} count={0} />
        <div className="who truncate">
          {info ? `${info.principal?.name ?? "nobody"} · ${info.version}` : " "}
        </div>
      </div>
    </nav>
  );
}

function Item({ place, count }: { place: Place; count: number }) {
  const Icon = place.icon;
  return (
    <Link to={place.to} className="nav-item" activeProps={{ className: "nav-item active", "aria-current": "page" }} activeOptions={{ exact: place.to === "/", includeSearch: false }}>
      <Icon size={15} aria-hidden="true" />
      {place.label}
      {count > 0 && (
        <span className="nav-count" title={`${count} firing`}>
          {count}
        </span>
      )}
    </Link>
  );
}
