/** A table whose rows may be links: click, `j`/`k` and Enter all open them. */
import { useNavigate } from "@tanstack/react-router";
import { ArrowDown, ArrowUp } from "lucide-react";
import { useEffect, useRef, useState, type ReactNode } from "react";
import { isTyping } from "~/lib/keys.ts";

export type Column<T> = {
  key: string;
  title: ReactNode;
  cell: (row: T) => ReactNode;
  num?: boolean;
  sortable?: boolean;
  group?: string;
};

export type Sort = { key: string; down: boolean };

type TableProps<T> = {
  label: string;
  columns: readonly Column<T>[];
  rows: readonly T[];
  rowKey: (row: T) => string;
  href?: (row: T) => string | undefined;
  selected?: (row: T) => boolean;
  sort?: Sort;
  onSort?: (sort: Sort) => void;
  keys?: boolean;
  top?: boolean;
  /** Scrolls inside itself when it would be taller than this many pixels. */
  height?: number;
};

export function Table<T>({ label, columns, rows, rowKey, href, selected, sort, onSort, keys = false, top = false, height }: TableProps<T>) {
  const navigate = useNavigate();
  const [at, setAt] = useState(-1);
  const body = useRef<HTMLTableSectionElement>(null);
  const open = (row: T | undefined) => {
    const to = row && href?.(row);
    if (to) void navigate({ to });
  };

  // The keyboard belongs to the document.
  useEffect(() => {
    if (!keys) return;
    const press = (event: KeyboardEvent) => {
      if (isTyping(event) || event.metaKey || event.ctrlKey || event.altKey) return;
      if (event.key === "j" || event.key === "k") {
        setAt((was) => {
          const now = Math.min(rows.length - 1, Math.max(0, was + (event.key === "j" ? 1 : -1)));
          body.current?.rows[now]?.scrollIntoView({ block: "nearest" });
          return now;
        });
      } else if (event.key === "Enter" && event.target === document.body) {
        const link = body.current?.rows[at]?.querySelector("a");
        link?.click();
      }
    };
    document.addEventListener("keydown", press);
    return () => document.removeEventListener("keydown", press);
  }, [keys, rows.length, at]);

  return (
    <div className={height ? "table-wrap tall" : "table-wrap"} style={height ? { maxHeight: height } : undefined}>
      <table className={top ? "table top" : "table"} aria-label={label}>
        <thead>
          <tr>
            {columns.map((column) => (
              <th key={column.key} scope="col" className={column.num ? "num" : undefined} aria-sort={sort?.key === column.key ? (sort.down ? "descending" : "ascending") : undefined}>
                {column.group && <span className="group">{column.group}.</span>}
                {column.sortable && onSort ? (
                  <button type="button" onClick={() => onSort({ key: column.key, down: sort?.key === column.key ? !sort.down : true })}>
                    {column.title}
                    {sort?.key === column.key && (sort.down ? <ArrowDown size={12} /> : <ArrowUp size={12} />)}
                  </button>
                ) : (
                  column.title
                )}
              </th>
            ))}
          </tr>
        </thead>
        <tbody ref={body}>
          {rows.map((row, index) => (
            <tr
              key={rowKey(row)}
              className={[href?.(row) ? "link" : "", keys && index === at ? "at" : "", selected?.(row) ? "selected" : ""].join(" ").trim() || undefined}
              onClick={(event) => {
                if (!(event.target as HTMLElement).closest("a, button, input")) open(row);
              }}
            >
              {columns.map((column) => (
                <td key={column.key} className={column.num ? "num" : undefined}>
                  {column.cell(row)}
                </td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}
