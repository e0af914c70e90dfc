/** Any JSON, for the parts that have no page of their own. */
export function JsonView({ value }: { value: unknown }) {
  return <pre className="json">{typeof value === "string" ? value : JSON.stringify(value, null, 2)}</pre>;
}
