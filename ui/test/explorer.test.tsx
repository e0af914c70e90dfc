/** The explorer: a slice is charted, narrowed by a bar, and kept; a wrong label is flagged; a rule is tried; a way is tested. */
import { screen, waitFor, within } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { expect, test } from "vitest";
import { handle } from "../dev/handle.mjs";
import { open } from "./open.tsx";
import { requests } from "./setup.ts";

const first = () => (handle("GET", "/predictions", new URLSearchParams("model=traffic")).body as { items: { id: string }[] }).items[0]?.id ?? "";

test("a bar of the chart narrows the slice to itself, and the slice becomes a dataset", async () => {
  const user = userEvent.setup();
  const { history } = open("/predictions?model=traffic&by=weather_main");
  const chart = await screen.findByRole("table", { name: "Predictions by weather_main" }, { timeout: 5_000 });
  const bar = within(chart).getAllByRole("button")[0] as HTMLElement;
  await user.click(bar);
  await waitFor(() => expect(new URLSearchParams(history.location.search).get("filter")).toBe(`weather_main = "${bar.textContent}"`));
  await waitFor(() => expect(requests.some((request) => request.startsWith("GET /predictions?") && request.includes("filter="))).toBe(true));
  await user.click(screen.getByRole("button", { name: /Keep as dataset/ }));
  const dialog = await screen.findByRole("dialog", { name: "Keep as dataset", hidden: true });
  await user.click(within(dialog).getByRole("button", { name: "Keep", hidden: true }));
  await waitFor(() => expect(requests).toContain("POST /prediction-slices"));
  expect(await screen.findByText(/are version 1 of traffic-slice/)).toBeTruthy();
});

test("a prediction shows what is like it, and takes a right label", async () => {
  const user = userEvent.setup();
  open(`/predictions/${first()}`);
  expect(await screen.findByRole("table", { name: "Similar predictions" })).toBeTruthy();
  await user.click(screen.getByRole("button", { name: /The label is wrong/ }));
  const dialog = await screen.findByRole("dialog", { name: "The label is wrong", hidden: true });
  await user.type(within(dialog).getByLabelText("Why is it wrong?"), "the counter was out of order");
  await user.type(within(dialog).getByLabelText(/What is right/), "5105");
  await user.click(within(dialog).getByRole("button", { name: "Say so", hidden: true }));
  await waitFor(() => expect(requests).toContain("POST /labels/flag"));
});

test("a rule is tried on the past before it is written down", async () => {
  const user = userEvent.setup();
  open("/monitoring/traffic");
  const box = await screen.findByLabelText("drift counts from");
  await user.clear(box);
  await user.type(box, "0.5");
  await user.click(screen.getByRole("button", { name: /How often would it have fired/ }));
  expect(await screen.findByText(/it would have fired 1 times/)).toBeTruthy();
  expect(screen.getByText(/threshold: 0.5/)).toBeTruthy();
});

test("a way to tell somebody is tested", async () => {
  const user = userEvent.setup();
  open("/alerts");
  await user.click((await screen.findAllByRole("button", { name: /Send a test/ }))[0] as HTMLElement);
  expect(await screen.findByText("The message to road-office arrived")).toBeTruthy();
});
