/** Short words about an act that has just been done, or could not be. */
import { CheckCircle2, XCircle } from "lucide-react";
import { useSyncExternalStore } from "react";

type Toast = { id: number; text: string; tone: "ok" | "bad" };
let toasts: Toast[] = [];
let next = 1;
const listeners = new Set<() => void>();

function change(to: Toast[]): void {
  toasts = to;
  for (const tell of listeners) tell();
}

export function say(text: string, tone: Toast["tone"] = "ok"): void {
  const id = next++;
  change([...toasts, { id, text, tone }]);
  setTimeout(() => change(toasts.filter((toast) => toast.id !== id)), tone === "ok" ? 4_000 : 9_000);
}

export function Toasts() {
  const shown = useSyncExternalStore(
    (tell) => {
      listeners.add(tell);
      return () => listeners.delete(tell);
    },
    () => toasts,
  );
  return (
    <div className="toasts" role="status" aria-live="polite">
      {shown.map((toast) => (
        <div key={toast.id} className="toast">
          {toast.tone === "ok" ? <CheckCircle2 size={15} className="tone-ok" /> : <XCircle size={15} className="tone-bad" />}
          <span>{toast.text}</span>
        </div>
      ))}
    </div>
  );
}
