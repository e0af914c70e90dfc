/** Text to take along: one command, or the same act in several languages. */
import { Check, Copy, Terminal } from "lucide-react";
import { useEffect, useId, useRef, useState } from "react";

export function CopyButton({ text, label = "Copy" }: { text: string; label?: string }) {
  const [done, setDone] = useState(false);
  const copy = async () => {
    try {
      await navigator.clipboard.writeText(text);
    } catch {
      return; // Not allowed here; the text can still be selected.
    }
    setDone(true);
    setTimeout(() => setDone(false), 1200);
  };
  return (
    <button type="button" className="button ghost icon small copy" aria-label={done ? "Copied" : label} title={label} onClick={() => void copy()}>
      {done ? <Check size={14} className="tone-ok" /> : <Copy size={14} />}
    </button>
  );
}

export function Snippet({ text }: { text: string }) {
  return (
    <div className="snippet">
      <pre>{text}</pre>
      <CopyButton text={text} />
    </div>
  );
}

export function SnippetTabs({ snippets }: { snippets: Record<string, string> }) {
  const names = Object.keys(snippets);
  const [chosen, setChosen] = useState(names[0] ?? "");
  const panel = useId();
  const name = chosen in snippets ? chosen : (names[0] ?? "");
  return (
    <div className="snippet">
      <div className="snippet-tabs" role="tablist">
        {names.map((each) => (
          <button key={each} type="button" role="tab" aria-selected={each === name} aria-controls={panel} onClick={() => setChosen(each)}>
            {each}
          </button>
        ))}
      </div>
      <div id={panel} role="tabpanel" style={{ position: "relative" }}>
        <pre>{snippets[name]}</pre>
        <CopyButton text={snippets[name] ?? ""} label={`Copy ${name}`} />
      </div>
    </div>
  );
}

/** A button that opens "the same, from outside": CLI, Python, SQL, curl. */
export function CopyAs({ snippets }: { snippets: Record<string, string> }) {
  const [open, setOpen] = useState(false);
  const anchor = useRef<HTMLSpanElement>(null);
  // Clicks and keys outside the popover belong to the document.
  useEffect(() => {
    if (!open) return;
    const away = (event: MouseEvent) => {
      if (!anchor.current?.contains(event.target as Node)) setOpen(false);
    };
    const escape = (event: KeyboardEvent) => {
      if (event.key === "Escape") setOpen(false);
    };
    document.addEventListener("mousedown", away);
    document.addEventListener("keydown", escape);
    return () => {
      document.removeEventListener("mousedown", away);
      document.removeEventListener("keydown", escape);
    };
  }, [open]);
  return (
    <span className="pop-anchor" ref={anchor}>
      <button type="button" className="button" aria-expanded={open} onClick={() => setOpen(!open)}>
        <Terminal size={14} /> Copy as
      </button>
      {open && (
        <div className="pop" role="dialog" aria-label="The same from outside">
          <SnippetTabs snippets={snippets} />
        </div>
      )}
    </span>
  );
}

/** The address under which this server is known here, for snippets that run as they are. */
export function origin(): string {
  return location.origin;
}
