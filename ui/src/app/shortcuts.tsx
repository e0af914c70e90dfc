/** Keys that work everywhere, and the list of them. */
import { useNavigate } from "@tanstack/react-router";
import { useEffect, useRef } from "react";
import { Dialog, DialogHead } from "~/components/dialog.tsx";
import { say } from "~/components/toast.tsx";
import { isTyping } from "~/lib/keys.ts";
import { PLACES, SETTINGS } from "./navigation.ts";

type Acts = { palette: () => void; help: () => void; theme: () => void };

export function useShortcuts(acts: Acts): void {
  const navigate = useNavigate();
  const current = useRef(acts);
  // Keeps the document's listener current without taking it off and on.
  useEffect(() => {
    current.current = acts;
  });
  // The keyboard belongs to the document.
  useEffect(() => {
    let going = 0;
    const press = (event: KeyboardEvent) => {
      if ((event.metaKey || event.ctrlKey) && event.key.toLowerCase() === "k") {
        event.preventDefault();
        current.current.palette();
        return;
      }
      if (isTyping(event) || event.metaKey || event.ctrlKey || event.altKey) return;
      if (Date.now() - going < 1200) {
        going = 0;
        const place = [...PLACES, SETTINGS].find((each) => each.key === event.key);
        if (place) {
          event.preventDefault();
          void navigate({ to: place.to });
          return;
        }
      }
      if (event.key === "g") going = Date.now();
      else if (event.key === "/") {
        event.preventDefault();
        current.current.palette();
      } else if (event.key === "?") current.current.help();
      else if (event.key === "t") current.current.theme();
      else if (event.key === "y") {
        void navigator.clipboard?.writeText(location.href).then(() => say("Link copied"));
      }
    };
    document.addEventListener("keydown", press);
    return () => document.removeEventListener("keydown", press);
  }, [navigate]);
}

const KEYS: readonly (readonly [string[], string])[] = [
  [["Ctrl", "K"], "search everything"],
  [["/"], "search everything"],
  [["j"], "next row"],
  [["k"], "row before"],
  [["Enter"], "open the row"],
  [["←", "→"], "walk along a chart"],
  [["y"], "copy a link to this view"],
  [["t"], "change the theme"],
  [["?"], "this list"],
  [["Esc"], "close what is open"],
];

export function Help({ open, onClose }: { open: boolean; onClose: () => void }) {
  return (
    <Dialog title="Keyboard" open={open} onClose={onClose}>
      <DialogHead title="Keyboard" onClose={onClose} />
      <div className="dialog-body" style={{ gridTemplateColumns: "repeat(auto-fit, minmax(220px, 1fr))", gap: "4px 28px" }}>
        {[...KEYS, ...[...PLACES, SETTINGS].map((place) => [["g", place.key], `go to ${place.label}`] as const)].map(([keys, what]) => (
          <div key={what + keys.join("")} className="row" style={{ justifyContent: "space-between", minHeight: 26 }}>
            <span className="muted">{what}</span>
            <span className="row" style={{ gap: 3 }}>
              {keys.map((key) => (
                <kbd key={key}>{key}</kbd>
              ))}
            </span>
          </div>
        ))}
      </div>
    </Dialog>
  );
}
