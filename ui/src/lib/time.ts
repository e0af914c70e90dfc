/** Times: stored and sent in UTC, shown in UTC too, as the windows and the data are cut in it. */

const MINUTE = 60;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

export function toDate(at: string | number | null | undefined): Date | undefined {
  if (at === null || at === undefined || at === "") return undefined;
  const date = new Date(at);
  return Number.isNaN(date.getTime()) ? undefined : date;
}

/** Seconds since 1970, as the charts want them. */
export function seconds(at: string | number | null | undefined): number {
  const date = toDate(at);
  return date ? date.getTime() / 1000 : Number.NaN;
}

const dayFormat = new Intl.DateTimeFormat("en-GB", { day: "numeric", month: "short", year: "numeric", timeZone: "UTC" });
const shortDayFormat = new Intl.DateTimeFormat("en-GB", { day: "numeric", month: "short", timeZone: "UTC" });
const clockFormat = new Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit", timeZone: "UTC" });

export function day(at: string | number | null | undefined): string {
  const date = toDate(at);
  return date ? dayFormat.format(date) : "–";
}

export function dayTime(at: string | number | null | undefined): string {
  const date = toDate(at);
  return date ? `${dayFormat.format(date)}, ${clockFormat.format(date)}` : "–";
}

/** `4–11 Mar 2015`; the end of a half-open window is named by its last day. */
export function span(from: string | null | undefined, to: string | null | undefined): string {
  const start = toDate(from);
  const end = toDate(to);
  if (!start || !end) return start ? `from ${day(from)}` : end ? `until ${day(to)}` : "–";
  const last = new Date(Math.max(start.getTime(), end.getTime() - 1));
  if (dayFormat.format(start) === dayFormat.format(last)) return dayFormat.format(start);
  const sameYear = start.getUTCFullYear() === last.getUTCFullYear();
  return `${sameYear ? shortDayFormat.format(start) : dayFormat.format(start)} – ${dayFormat.format(last)}`;
}

const monthFormat = new Intl.DateTimeFormat("en-GB", { month: "short", year: "numeric", timeZone: "UTC" });

/** A long stretch, by its months. */
export function months(from: string | null | undefined, to: string | null | undefined): string {
  const [start, end] = [toDate(from), toDate(to)];
  return start && end ? `${monthFormat.format(start)} – ${monthFormat.format(end)}` : span(from, to);
}

/** `3 h ago`, or the day once it is long ago. */
export function ago(at: string | number | null | undefined, now = Date.now()): string {
  const date = toDate(at);
  if (!date) return "–";
  const passed = (now - date.getTime()) / 1000;
  if (passed < -MINUTE) return dayTime(at);
  if (passed < 45) return "just now";
  if (passed < HOUR) return `${Math.max(1, Math.round(passed / MINUTE))} min ago`;
  if (passed < DAY) return `${Math.round(passed / HOUR)} h ago`;
  if (passed < 14 * DAY) return `${Math.round(passed / DAY)} d ago`;
  return day(at);
}

/** A length of time in its two greatest units. */
export function duration(from: string | null | undefined, to: string | null | undefined): string {
  const start = toDate(from);
  if (!start) return "–";
  const end = toDate(to) ?? new Date();
  return milliseconds(end.getTime() - start.getTime());
}

export function milliseconds(ms: number | null | undefined): string {
  if (ms === null || ms === undefined || !Number.isFinite(ms)) return "–";
  if (ms < 1) return `${(ms * 1000).toFixed(0)} µs`;
  if (ms < 1000) return `${ms < 10 ? ms.toFixed(2) : ms.toFixed(0)} ms`;
  const total = ms / 1000;
  if (total < MINUTE) return `${total.toFixed(total < 10 ? 1 : 0)} s`;
  if (total < HOUR) return `${Math.floor(total / MINUTE)} min ${Math.round(total % MINUTE)} s`;
  if (total < DAY) return `${Math.floor(total / HOUR)} h ${Math.round((total % HOUR) / MINUTE)} min`;
  return `${Math.floor(total / DAY)} d ${Math.round((total % DAY) / HOUR)} h`;
}
