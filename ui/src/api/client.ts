/** The one place that talks HTTP: base path, token, problems. */
import { QueryClient } from "@tanstack/react-query";

export type Page<T> = { items: T[]; next_cursor?: string | null };

/** The server's problem document, or the browser's own failure told in the same shape. */
export class Problem extends Error {
  readonly status: number;
  readonly code: string;
  readonly title: string;
  readonly hint: string | undefined;
  readonly requestId: string | undefined;

  constructor(status: number, body: { code?: string; title?: string; detail?: string; hint?: string | null; request_id?: string }) {
    super(body.detail || body.title || `the server answered ${status}`);
    this.status = status;
    this.code = body.code ?? `http_${status}`;
    this.title = body.title ?? "";
    this.hint = body.hint ?? undefined;
    this.requestId = body.request_id;
  }
}

const TOKEN = "gingham.token";

export function token(): string | null {
  try {
    return sessionStorage.getItem(TOKEN);
  } catch {
    return null;
  }
}

/** Keeps the token for this tab only; it is gone when the tab is closed. */
export function setToken(value: string | null): void {
  if (value) sessionStorage.setItem(TOKEN, value);
  else sessionStorage.removeItem(TOKEN);
}

export function headers(extra: Record<string, string> = {}): Record<string, string> {
  const bearer = token();
  return bearer ? { ...extra, authorization: `Bearer ${bearer}` } : extra;
}

export type Params = Record<string, string | number | boolean | null | undefined>;

export function path(at: string, params: Params = {}): string {
  const query = new URLSearchParams();
  for (const [key, value] of Object.entries(params)) {
    if (value !== undefined && value !== null && value !== "") query.set(key, String(value));
  }
  const text = query.toString();
  return `/api/v1${at}${text ? `?${text}` : ""}`;
}

async function answer<T>(response: Response): Promise<T> {
  const text = await response.text();
  let body: unknown;
  try {
    body = text ? JSON.parse(text) : undefined;
  } catch {
    throw new Problem(response.status, { code: "not_json", detail: `the server answered ${response.status} with something that is not JSON`, hint: "is another program listening on this port?" });
  }
  if (!response.ok) throw new Problem(response.status, (body ?? {}) as Record<string, string>);
  return body as T;
}

async function reach(url: string, init: RequestInit): Promise<Response> {
  try {
    return await fetch(url, init);
  } catch (error) {
    if (error instanceof DOMException && error.name === "AbortError") throw error;
    throw new Problem(0, { code: "unreachable", title: "no answer", detail: "the server cannot be reached", hint: "is `gingham up` still running?" });
  }
}

export async function get<T>(at: string, params: Params = {}, signal?: AbortSignal): Promise<T> {
  return answer<T>(await reach(path(at, params), { headers: headers({ accept: "application/json" }), signal: signal ?? null }));
}

export async function post<T>(at: string, body: unknown): Promise<T> {
  return answer<T>(await reach(path(at), { method: "POST", headers: headers({ accept: "application/json", "content-type": "application/json" }), body: JSON.stringify(body) }));
}

export async function put<T>(at: string, body: unknown): Promise<T> {
  return answer<T>(await reach(path(at), { method: "PUT", headers: headers({ accept: "application/json", "content-type": "application/json" }), body: JSON.stringify(body) }));
}

/** A list that may come as a page or as a bare array; both read as items. */
export function items<T>(body: Page<T> | T[] | { [key: string]: T[] } | undefined | null): T[] {
  if (!body) return [];
  if (Array.isArray(body)) return body;
  if (Array.isArray((body as Page<T>).items)) return (body as Page<T>).items;
  const first = Object.values(body).find((value) => Array.isArray(value));
  return (first as T[] | undefined) ?? [];
}

/** Every item of a paged list, page by page, up to a number that a person could still look through. */
export async function all<T>(at: string, params: Params = {}, signal?: AbortSignal, most = 2_000): Promise<T[]> {
  const found: T[] = [];
  let cursor: string | undefined;
  do {
    // oxlint-disable-next-line no-await-in-loop -- each page names the next one
    const page = await get<Page<T>>(at, { ...params, limit: 500, cursor }, signal);
    found.push(...items(page));
    cursor = page.next_cursor ?? undefined;
  } while (cursor && found.length < most);
  return found;
}

export function makeQueryClient(): QueryClient {
  return new QueryClient({
    defaultOptions: {
      queries: {
        staleTime: 5_000,
        gcTime: 5 * 60_000,
        refetchOnWindowFocus: true,
        retry: (failures, error) => (error instanceof Problem && error.status >= 400 && error.status < 500 ? false : failures < 1),
      },
    },
  });
}
