declare module "*/dev/handle.mjs" {
  export function handle(method: string, path: string, query: URLSearchParams, body?: unknown): { status: number; body: unknown };
}
