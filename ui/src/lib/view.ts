/** The state of a page lives in its address, so that a link shows what its sender saw. */
import { useNavigate, useParams, useSearch } from "@tanstack/react-router";
import { useCallback } from "react";

export type View = Record<string, string | undefined>;

export function useView(): [View, (patch: View) => void] {
  const view = useSearch({ strict: false }) as View;
  const navigate = useNavigate();
  const set = useCallback(
    (patch: View) => {
      void navigate({
        to: ".",
        replace: true,
        resetScroll: false,
        search: ((was: View) => Object.fromEntries(Object.entries({ ...was, ...patch }).filter(([, value]) => value !== undefined && value !== ""))) as never,
      });
    },
    [navigate],
  );
  return [view, set];
}

/** A part of the path, such as the model's name. */
export function usePart(name: string): string {
  const params = useParams({ strict: false }) as Record<string, string | undefined>;
  return params[name] ?? "";
}

export function parseSearch(text: string): Record<string, string> {
  return Object.fromEntries(new URLSearchParams(text));
}

export function stringifySearch(search: Record<string, unknown>): string {
  const query = new URLSearchParams();
  for (const [key, value] of Object.entries(search)) {
    if (value !== undefined && value !== null && value !== "") query.set(key, String(value));
  }
  const text = query.toString();
  return text ? `?${text}` : "";
}
