/** Who is told of alerts, and a button that tries each way. */
import { useQuery } from "@tanstack/react-query";
import { Send } from "lucide-react";
import { notifiersQuery, useTestNotifier, type Notifier } from "~/api/monitoring.ts";
import { Card } from "~/components/card.tsx";
import { Empty, Loaded } from "~/components/states.tsx";
import { say } from "~/components/toast.tsx";
import { words } from "~/lib/view-text.ts";

export function NotifiersCard() {
  const query = useQuery(notifiersQuery);
  return (
    <Card title="Who is told" hint={query.data?.file} flush>
      <Loaded query={query} isEmpty={(known) => known.items.length === 0} empty={<Empty title="Nobody is told yet" why="A file names who hears of alerts: by mail, chat, pager or a signed call." snippet="gingham notify --help" />}>
        {(known) => (
          <ul className="list">
            {known.items.map((one) => (
              <One key={one.name} one={one} />
            ))}
          </ul>
        )}
      </Loaded>
    </Card>
  );
}

function One({ one }: { one: Notifier }) {
  const test = useTestNotifier();
  const about = one.models.length > 0 ? one.models.join(", ") : "every model";
  return (
    <li className="row wrap" style={{ padding: "10px 14px" }}>
      <span className="strong">{one.name}</span>
      <span className="muted grow">
        {words(one.kind)}, {about}, from severity {one.severity}
        {one.after_minutes ? `, after ${one.after_minutes} minutes without anybody` : ""}
      </span>
      <button
        type="button"
        className="button small"
        disabled={test.isPending}
        onClick={() => test.mutate(one.name, { onSuccess: () => say(`The message to ${one.name} arrived`), onError: (error) => say(error.message, "bad") })}
      >
        <Send size={13} /> {test.isPending ? "Sending…" : "Send a test"}
      </button>
      {test.error && <p className="small tone-bad" style={{ width: "100%" }}>{test.error.message}</p>}
    </li>
  );
}
