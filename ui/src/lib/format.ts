/** Numbers, sizes and names as a person reads them; one place, so every page says them alike. */

const locale = undefined; // The browser's own.

const groups = new Intl.NumberFormat(locale, { maximumFractionDigits: 0 });

/** A whole number with its thousands grouped; a dash when there is none. */
export function count(value: number | null | undefined): string {
  return value === null || value === undefined || !Number.isFinite(value) ? "–" : groups.format(value);
}

/** A measured figure, to a number of digits that suits its size; NaN and infinities by name. */
export function figure(value: number | null | undefined): string {
  if (value === null || value === undefined) return "–";
  if (Number.isNaN(value)) return "NaN";
  if (!Number.isFinite(value)) return value > 0 ? "∞" : "−∞";
  const size = Math.abs(value);
  if (size === 0) return "0";
  if (Number.isInteger(value) && size < 1e15) return groups.format(value);
  if (size >= 1e9 || size < 1e-4) return value.toExponential(2);
  const digits = size >= 1000 ? 0 : size >= 100 ? 1 : size >= 1 ? 2 : size >= 0.1 ? 3 : 4;
  return new Intl.NumberFormat(locale, { maximumFractionDigits: digits, minimumFractionDigits: digits }).format(value);
}

/** A share of one as a percentage. */
export function share(value: number | null | undefined, digits = 1): string {
  if (value === null || value === undefined || !Number.isFinite(value)) return "–";
  return new Intl.NumberFormat(locale, { style: "percent", maximumFractionDigits: digits }).format(value);
}

/** How far `value` lies from `from`, signed: `−12.4%`. */
export function change(value: number, from: number): string {
  if (!from) return "–";
  const ratio = value / from - 1;
  return `${ratio < 0 ? "−" : "+"}${Math.abs(ratio * 100).toFixed(1)}%`;
}

export function bytes(value: number | null | undefined): string {
  if (value === null || value === undefined) return "–";
  const units = ["B", "kB", "MB", "GB", "TB"];
  let size = value;
  let unit = 0;
  while (size >= 1000 && unit < units.length - 1) {
    size /= 1000;
    unit += 1;
  }
  return `${unit === 0 ? size : size.toFixed(size < 10 ? 1 : 0)} ${units[unit]}`;
}

/** The first characters of a digest: enough to recognise it, never enough to act on. */
export function shortDigest(digest: string | null | undefined): string {
  return digest ? digest.slice(0, 10) : "–";
}

/** `traffic_volume` → `traffic volume`; identifiers that people read as words. */
export function words(name: string | null | undefined): string {
  return (name ?? "").replaceAll("_", " ").replaceAll("-", " ");
}

/** Begins with a capital, or in capitals where the first word is a measure such as `mae`. */
export function sentence(text: string | null | undefined): string {
  const plain = text ?? "";
  if (/^(`|[\w-]+: )/.test(plain)) return plain; // A name keeps its own letters.
  const measure = /^(mae|rmse|mape|wape|psi|auc|r2)\b/.exec(plain)?.[0];
  return measure ? measure.toUpperCase() + plain.slice(measure.length) : plain.charAt(0).toUpperCase() + plain.slice(1);
}

export function plural(n: number, one: string, many = `${one}s`): string {
  return `${count(n)} ${n === 1 ? one : many}`;
}

/** Always the same number of decimals, for columns that are compared by eye. */
export function fixed(value: number | null | undefined, digits: number): string {
  return value === null || value === undefined || !Number.isFinite(value) ? "–" : value.toFixed(digits);
}

/** Any JSON value in one line of text, as it was stored: nothing is rounded that a person could miss. */
export function cell(value: unknown): string {
  if (value === null || value === undefined) return "";
  if (typeof value === "number") return String(Number(value.toPrecision(10)));
  if (typeof value === "string") return value;
  if (typeof value === "boolean") return value ? "true" : "false";
  return JSON.stringify(value);
}

const FIRST = ["mae", "rmse", "wape", "mape", "r2", "bias", "median_absolute_error", "max_error"];
const LAST = ["rows", "trees"];

const place = (name: string) => (FIRST.includes(name) ? FIRST.indexOf(name) : LAST.includes(name) ? 100 : 50);

/** Names of metrics in the order in which people ask for them. */
export function metricOrder(names: readonly string[]): string[] {
  return names.toSorted((a, b) => place(a) - place(b) || a.localeCompare(b));
}
