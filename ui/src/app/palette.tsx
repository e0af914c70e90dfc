/** One box over everything: pages at once, objects from the server as one types. */
import { useQuery } from "@tanstack/react-query";
import { useNavigate } from "@tanstack/react-router";
import { CircleDot, Search } from "lucide-react";
import { useId, useState, type KeyboardEvent } from "react";
import { searchQuery, type Hit } from "~/api/system.ts";
import { Dialog } from "~/components/dialog.tsx";
import { words } from "~/lib/format.ts";
import { KIND_ICONS, PLACES, SETTINGS } from "./navigation.ts";

export function Palette({ open, onClose }: { open: boolean; onClose: () => void }) {
  return (
    <Dialog title="Search" open={open} onClose={onClose} className="palette">
      <Box onClose={onClose} />
    </Dialog>
  );
}

function Box({ onClose }: { onClose: () => void }) {
  const [text, setText] = useState("");
  const [at, setAt] = useState(0);
  const navigate = useNavigate();
  const list = useId();
  const asked = text.trim();
  const found = useQuery(searchQuery(asked));
  const pages: Hit[] = [...PLACES, SETTINGS]
    .filter((place) => place.label.toLowerCase().includes(asked.toLowerCase()))
    .map((place) => ({ kind: "page", title: place.label, detail: `g ${place.key}`, link: place.to }));
  const objects = asked ? (found.data ?? []) : [];
  const hits = [...objects, ...pages];
  const chosen = Math.min(at, hits.length - 1);

  const go = (hit: Hit | undefined) => {
    if (!hit) return;
    const [to = "/", query] = hit.link.split("?");
    void navigate({ to, search: query ? Object.fromEntries(new URLSearchParams(query)) : {} });
    onClose();
  };
  const press = (event: KeyboardEvent) => {
    if (event.key === "ArrowDown" || event.key === "ArrowUp") {
      event.preventDefault();
      setAt(hits.length ? (chosen + (event.key === "ArrowDown" ? 1 : hits.length - 1)) % hits.length : 0);
    } else if (event.key === "Enter") {
      event.preventDefault();
      go(hits[chosen]);
    }
  };

  return (
    <>
      <div className="palette-input">
        <Search size={17} aria-hidden="true" />
        <input
          // oxlint-disable-next-line jsx-a11y/no-autofocus -- the dialog was opened to type in it
          autoFocus
          type="text"
          role="combobox"
          aria-expanded="true"
          aria-controls={list}
          aria-label="Search models, runs, data, alerts and pages"
          placeholder="Search models, runs, data, alerts and pages"
          value={text}
          onChange={(event) => {
            setText(event.target.value);
            setAt(0);
          }}
          onKeyDown={press}
        />
        <kbd>Esc</kbd>
      </div>
      <div className="palette-list" id={list} role="listbox" aria-label="Results">
        {hits.map((hit, index) => {
          const Icon = KIND_ICONS[hit.kind] ?? CircleDot;
          const heading = index === 0 && objects.length ? "Found" : index === objects.length ? "Pages" : undefined;
          return (
            <div key={`${hit.kind}:${hit.link}:${hit.title}`} style={{ display: "contents" }}>
              {heading && <div className="heading">{heading}</div>}
              <button type="button" role="option" aria-selected={index === chosen} className="palette-item" onMouseMove={() => setAt(index)} onClick={() => go(hit)}>
                <Icon size={15} aria-hidden="true" />
                <span className="truncate">{hit.title}</span>
                <span className="detail truncate">{hit.kind === "page" ? hit.detail : [words(hit.kind), hit.detail].filter(Boolean).join(" · ")}</span>
              </button>
            </div>
          );
        })}
        {hits.length === 0 && (
          <p className="muted" style={{ padding: "18px 12px" }}>
            {found.isFetching ? "Searching…" : found.error ? "The search did not answer." : `Nothing is called “${asked}”.`}
          </p>
        )}
      </div>
    </>
  );
}
