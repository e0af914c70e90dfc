/** A sentence from the server: names in backticks become code, the first letter a capital. */
import { sentence } from "~/lib/format.ts";

export function Prose({ text, plain = false }: { text: string | null | undefined; plain?: boolean }) {
  const parts = (plain ? (text ?? "") : sentence(text)).split("`");
  return <>{parts.map((part, index) => (index % 2 === 1 && index < parts.length - 1 ? <code key={index}>{part}</code> : part))}</>;
}
