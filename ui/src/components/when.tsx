/** A time: relative to read, exact on hover and for machines. */
import { ago, dayTime, toDate } from "~/lib/time.ts";

export function When({ at, exact = false }: { at: string | number | null | undefined; exact?: boolean }) {
  const date = toDate(at);
  if (!date) return <span className="faint">–</span>;
  return (
    <time dateTime={date.toISOString()} title={`${dayTime(at)} UTC`} className="nowrap">
      {exact ? dayTime(at) : ago(at)}
    </time>
  );
}
