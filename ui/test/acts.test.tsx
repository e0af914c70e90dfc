/** What a person does, and what is asked of the server then. */
import { screen, waitFor, within } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { expect, test } from "vitest";
import { handle } from "../dev/handle.mjs";
import { open } from "./open.tsx";
import { answer, requests } from "./setup.ts";

test("the palette finds a run and goes there", async () => {
  const user = userEvent.setup();
  const { history } = open("/models");
  await screen.findByText("Hourly westbound traffic volume");
  await user.keyboard("{Control>}k{/Control}");
  await user.type(await screen.findByRole("combobox", { hidden: true }), "boosted-2");
  await screen.findByText("boosted-2");
  await user.keyboard("{Enter}");
  await waitFor(() => expect(history.location.pathname).toMatch(/^\/runs\//));
});

test("g then a letter goes to a place, but not while one types", async () => {
  const user = userEvent.setup();
  const { history } = open("/runs");
  await screen.findByText("boosted-4");
  await user.type(screen.getByLabelText("Filter runs"), "gm");
  expect(history.location.pathname).toBe("/runs");
  (document.activeElement as HTMLElement).blur();
  await user.keyboard("gm");
  await waitFor(() => expect(history.location.pathname).toBe("/models"));
});

test("filter and sort of the run table are in the address", async () => {
  const user = userEvent.setup();
  const { history } = open("/runs");
  await screen.findByText("boosted-4");
  await user.type(screen.getByLabelText("Filter runs"), "metrics.mae < 300{Enter}");
  await waitFor(() => expect(history.location.search).toContain("filter="));
  await user.click(await screen.findByRole("button", { name: "mae" }));
  await waitFor(() => expect(requests.some((request) => request.includes("order_by=metrics.mae+DESC"))).toBe(true));
  expect(screen.queryByText("linear-4")).toBeNull();
});

test("an alert is acknowledged with a reason", async () => {
  const user = userEvent.setup();
  const alerts = (handle("GET", "/alerts", new URLSearchParams()).body as { items: { id: string; state: string }[] }).items;
  const firing = alerts.find((alert) => alert.state === "firing");
  open(`/alerts/${firing?.id}`);
  await user.click(await screen.findByRole("button", { name: /Acknowledge/ }));
  const dialog = await screen.findByRole("dialog", { name: "Acknowledge", hidden: true });
  await user.type(within(dialog).getByLabelText("Reason"), "looking into it");
  await user.click(within(dialog).getByRole("button", { name: "Acknowledge", hidden: true }));
  await waitFor(() => expect(requests).toContain(`POST /alerts/${firing?.id}/acknowledge`));
  expect(await screen.findByText("Looking into it")).toBeTruthy();
});

test("control and Enter run the query, a refused one shows why", async () => {
  const user = userEvent.setup();
  open("/sql");
  const box = await screen.findByRole("textbox", { name: "SQL" });
  await user.type(box, "{Control>}{Enter}{/Control}");
  expect(await screen.findByRole("table", { name: "Result" })).toBeTruthy();
  await user.clear(box);
  await user.type(box, "drop table predictions{Control>}{Enter}{/Control}");
  expect(await screen.findByText(/Only `select` can be asked here/)).toBeTruthy();
});

test("a chart can be read as a table", async () => {
  const user = userEvent.setup();
  open("/monitoring/traffic");
  await user.click((await screen.findAllByRole("button", { name: "Show as table" }))[0] as HTMLElement);
  expect(await screen.findByText("Allowed", { selector: "th" })).toBeTruthy();
});

test("a review is approved for the digest that is shown", async () => {
  const user = userEvent.setup();
  open("/reviews/2");
  await user.click(await screen.findByRole("button", { name: "Approve" }));
  const dialog = await screen.findByRole("dialog", { name: "Approve", hidden: true });
  await user.type(within(dialog).getByLabelText("Comment"), "looked at the snow");
  await user.click(within(dialog).getByRole("button", { name: "Approve", hidden: true }));
  await waitFor(() => expect(requests).toContain("POST /reviews/2/approve"));
});

test("a guarded alias leads to a review", async () => {
  const user = userEvent.setup();
  answer((method, path) => (method === "POST" && path.includes("/aliases/") ? { status: 403, body: { code: "alias_guarded", title: "not allowed", detail: "`champion` of `traffic` is guarded by policy `high-risk`" } } : method === "POST" && path === "/reviews" ? { status: 201, body: { number: 2 } } : undefined));
  const { history } = open("/models/traffic/versions/3");
  await user.click(await screen.findByRole("button", { name: "Move an alias here" }));
  const dialog = await screen.findByRole("dialog", { name: "Move an alias", hidden: true });
  await user.type(within(dialog).getByLabelText("Reason"), "better");
  await user.click(within(dialog).getByRole("button", { name: "Move champion", hidden: true }));
  await user.click(await within(dialog).findByRole("button", { name: "Ask for a review", hidden: true }));
  await waitFor(() => expect(history.location.pathname).toBe("/reviews/2"));
});

test("inputs are shuffled on the page of a version, and how much worse it gets is shown", async () => {
  const user = userEvent.setup();
  open("/models/traffic/versions/4");
  await user.click(await screen.findByRole("button", { name: "Shuffle inputs" }));
  await waitFor(() => expect(requests).toContain("POST /models/traffic/versions/4/importance"));
  expect(await screen.findByText(/Permutation importance: by how much mae/)).toBeTruthy();
  const row = (await screen.findByRole("columnheader", { name: "mae worse by" })).closest("table");
  expect(within(row as HTMLElement).getByText("811.2")).toBeTruthy();
});

test("a share that the policy does not let a version have leads to a review", async () => {
  const user = userEvent.setup();
  const detail = "the canary of `traffic` may not answer with version 5: policy `high-risk` has not let it in for `champion`: waits for 1 approval from `approver`";
  answer((method, path) => (method === "PUT" && path === "/deployments/traffic/traffic" ? { status: 422, body: { code: "traffic_guarded", title: "a check did not hold", status: 422, detail, request_id: "1" } } : method === "POST" && path === "/reviews" ? { status: 201, body: handle("GET", "/reviews/2", new URLSearchParams()).body } : undefined));
  const { history } = open("/deployments/traffic");
  await user.click(await screen.findByRole("button", { name: "Change" }));
  await user.type(screen.getByLabelText(/Why/), "a first try");
  await user.click(screen.getByRole("button", { name: "Share out" }));
  expect(await screen.findByText(/waits for 1 approval/)).toBeTruthy();
  await user.click(screen.getByRole("button", { name: "Ask for a review" }));
  await waitFor(() => expect(history.location.pathname).toBe("/reviews/2"));
});

test("a review tells who heard of broken glass", async () => {
  open("/reviews/1");
  expect(await screen.findByText(/told by on-call/)).toBeTruthy();
  expect(screen.getByText(/max: forecasts are all zero/)).toBeTruthy();
});
