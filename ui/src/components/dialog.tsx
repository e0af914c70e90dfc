/** The browser's own modal dialog: focus trap and Escape come with it. */
import { X } from "lucide-react";
import { useEffect, useRef, type ReactNode } from "react";

export function Dialog({ title, open, onClose, children, className }: { title: string; open: boolean; onClose: () => void; children: ReactNode; className?: string }) {
  const ref = useRef<HTMLDialogElement>(null);
  // `showModal` is the element's own state, outside React.
  useEffect(() => {
    const dialog = ref.current;
    if (!dialog) return;
    if (open && !dialog.open) dialog.showModal();
    if (!open && dialog.open) dialog.close();
  }, [open]);
  return (
    <dialog ref={ref} className={className} aria-label={title} onClose={onClose} onMouseDown={(event) => event.target === ref.current && onClose()}>
      {open && children}
    </dialog>
  );
}

export function DialogHead({ title, onClose }: { title: string; onClose: () => void }) {
  return (
    <div className="dialog-head">
      <h2>{title}</h2>
      <button type="button" className="button ghost icon small" style={{ marginLeft: "auto" }} aria-label="Close" onClick={onClose}>
        <X size={15} />
      </button>
    </div>
  );
}
