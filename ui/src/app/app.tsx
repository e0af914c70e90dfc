/** The application: one query client, one router, one line to the event log. */
import { QueryClientProvider } from "@tanstack/react-query";
import { RouterProvider, type RouterHistory } from "@tanstack/react-router";
import { useState } from "react";
import { makeQueryClient } from "~/api/client.ts";
import { makeRouter } from "./router.tsx";

export function App({ history }: { history?: RouterHistory }) {
  const [client] = useState(makeQueryClient);
  const [router] = useState(() => makeRouter(history));
  return (
    <QueryClientProvider client={client}>
      <RouterProvider router={router} />
    </QueryClientProvider>
  );
}
