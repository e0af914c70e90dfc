/** An address that no page has. */
import { Empty } from "~/components/states.tsx";
import { To } from "~/components/link.tsx";
import { Page } from "~/components/page.tsx";

export function NotFound() {
  return (
    <Page title="No such page">
      <div className="card">
        <Empty title="No page has this address" why="It may have been a page of something that has been deleted, or a slip of the keyboard. Ctrl K searches everything.">
          <To to="/" className="button">
            Go home
          </To>
        </Empty>
      </div>
    </Page>
  );
}
