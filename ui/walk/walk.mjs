// Walks through every page of a live server as a person would: real content must show, nothing may
// go wrong in the console, and a picture of each page is kept.
//
//   node walk/walk.mjs BASE_URL [FOLDER] [--all | --views light-1440,dark-420]
//
// Without FOLDER the pictures go to a new folder below the system's temporary one. `--all` sees every page
// in both themes and both widths. The browser is /usr/bin/chromium, or what CHROMIUM names.
// Exit code 0 when every page passed, 1 when one did not, 2 when the walk could not begin.
import { mkdtemp, mkdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { chromium } from "playwright-core";

const words = process.argv.slice(2);
const [address, wanted] = words.filter((word, index) => !word.startsWith("--") && words[index - 1] !== "--views");
if (!address) {
  console.error("usage: node walk/walk.mjs BASE_URL [FOLDER] [--all | --views light-1440,dark-420]");
  process.exit(2);
}
const base = address.replace(/\/$/, "");
const folder = wanted ?? (await mkdtemp(join(tmpdir(), "gingham-pictures-")));
const named = words.includes("--views") ? words[words.indexOf("--views") + 1] : words.includes("--all") ? "light-1440,dark-1440,light-420,dark-420" : "light-1440,dark-420";
const views = named.split(",").map((view) => view.split("-")).map(([theme, width]) => ({ theme, width: Number(width) }));
const executablePath = process.env["CHROMIUM"] ?? "/usr/bin/chromium";

async function api(path) {
  const response = await fetch(`${base}/api/v1${path}`);
  if (!response.ok) return undefined;
  return response.json();
}
const first = (body) => (Array.isArray(body) ? body : (body?.items ?? []))[0];

/** The pages to see, with words that must stand on them; ids are asked from the server. */
async function pages() {
  const model = first(await api("/models"))?.name;
  const monitored = model && (await api(`/monitors/${model}`));
  const version = first(await api(`/models/${model}/versions`))?.number;
  const experiments = await api("/experiments");
  let run;
  for (const experiment of Array.isArray(experiments) ? experiments : (experiments?.items ?? [])) run ??= first(await api(`/experiments/${experiment.id}/runs`))?.id;
  const runs = ((await api("/runs?limit=4"))?.items ?? []).map((one) => one.id);
  const dataset = first(await api("/datasets"))?.name;
  const review = first(await api("/reviews"))?.number;
  const pipeline = first(await api("/pipeline-runs"))?.id;
  const deployment = first(await api("/deployments"))?.name;
  const alert = first(await api("/alerts"))?.id;
  const prediction = first(await api("/predictions?limit=1"))?.id;
  return [
    ["home", "/", ["Needs attention", model]],
    ["models", "/models", [model]],
    ["model", model && `/models/${model}`, [model, "Versions", "Why each version was promoted"]],
    ["version", version && `/models/${model}/versions/${version}`, [`v${version}`, "Decision", "Lineage"]],
    ["card", version && `/models/${model}/versions/${version}/card`, ["What people say", "Performance"]],
    ["reviews", "/reviews?state=all", ["Asked by"]],
    ["review", review && `/reviews/${review}`, ["Verdict", "What changes", "Discussion"]],
    ["runs", "/runs", ["Started"]],
    ["run", run && `/runs/${run}`, ["Params", "Metrics"]],
    ["compare", runs.length > 1 && `/runs/compare?runs=${runs.slice(0, 4).join(",")}`, ["Side by side"]],
    ["difference", runs.length > 1 && `/runs/diff?left=run:${runs[0]}&right=run:${runs[1]}`, ["the greatest effect first"]],
    ["data", "/data", [dataset]],
    ["dataset", dataset && `/data/${dataset}`, ["Versions", "Schema", "Origin", "Rows"]],
    ["pipelines", "/pipelines", ["Why it ran"]],
    ["pipeline", pipeline && `/pipelines/${pipeline}`, ["Steps", "Took"]],
    ["deployments", "/deployments", [deployment]],
    ["deployment", deployment && `/deployments/${deployment}`, ["Requests", "Call it", "curl"]],
    ["monitoring", "/monitoring", [model]],
    ["monitor", monitored && `/monitoring/${model}`, ["Drift by column", "Report"]],
    ["alerts", "/alerts?state=all", ["Severity"]],
    ["alert", alert && `/alerts/${alert}`, ["What changed", "History"]],
    ["predictions", "/predictions", ["Event time"]],
    ["prediction", prediction && `/predictions/${prediction}`, ["Features", "Lineage"]],
    ["lineage", dataset && `/lineage?object=dataset:${dataset}`, ["Both ways", dataset]],
    ["sql", "/sql", ["Run"], runSql],
    ["events", "/events", ["The chain is whole"]],
    ["settings", "/settings", ["Theme", "This server"]],
    ["search", "/", [], (page) => searchFor(page, model)],
    ["help", "/", [], openHelp],
  ];
}

async function runSql(page) {
  await page.getByRole("textbox", { name: "SQL" }).fill("select model, count(*) as n from predictions group by model");
  await page.keyboard.press("Control+Enter");
  await page.getByRole("table", { name: "Result" }).waitFor({ timeout: 10_000 });
}

async function searchFor(page, text) {
  await page.keyboard.press("Control+k");
  await page.getByRole("combobox").fill(String(text));
  await page.getByRole("option").filter({ hasText: String(text) }).first().waitFor({ timeout: 10_000 });
}

async function openHelp(page) {
  await page.keyboard.press("?");
  await page.getByRole("dialog", { name: "Keyboard" }).waitFor({ timeout: 5_000 });
}

/** Waits until nothing is loading any more; the event stream never ends, so the network is no measure. */
async function settle(page) {
  await page.locator("h1").first().waitFor({ timeout: 15_000 });
  for (let calm = 0, tries = 0; calm < 3 && tries < 80; tries += 1) {
    const busy = await page.locator('[aria-busy="true"], .skeleton').count();
    calm = busy === 0 ? calm + 1 : 0;
    await page.waitForTimeout(80);
  }
}

async function visit(page, [name, path, wanted, act], errors) {
  const problems = [];
  errors.length = 0;
  await page.goto(base + path, { waitUntil: "domcontentloaded" });
  await settle(page);
  if (act) await act(page).catch((error) => problems.push(String(error.message ?? error).split("\n")[0]));
  const text = await page.locator("body").innerText();
  for (const word of wanted) if (!text.includes(String(word))) problems.push(`\`${word}\` does not show`);
  const failures = await page.locator(".state.error").allInnerTexts();
  for (const failure of failures) problems.push(`an error shows: ${failure.replaceAll("\n", " ")}`);
  const wide = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
  if (wide > 1) problems.push(`the page is ${wide} px wider than the window`);
  problems.push(...errors);
  return problems.map((problem) => `${name}: ${problem}`);
}

async function main() {
  await mkdir(folder, { recursive: true });
  const list = await pages();
  const profile = await mkdtemp(join(tmpdir(), "gingham-walk-"));
  const args = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync"];
  const problems = list.filter(([, path]) => !path).map(([name]) => `${name}: the server has nothing to show on this page`);
  let seen = problems.length;
  let failed = problems.length;
  try {
    for (const { theme, width } of views) {
      const context = await chromium.launchPersistentContext(join(profile, `${theme}-${width}`), { executablePath, headless: true, args, viewport: { width, height: width < 600 ? 860 : 900 }, colorScheme: theme, reducedMotion: "reduce" });
      const page = context.pages()[0] ?? (await context.newPage());
      const errors = [];
      page.on("console", (message) => message.type() === "error" && errors.push(`console: ${message.text()}`));
      page.on("pageerror", (error) => errors.push(`page: ${error.message}`));
      for (const each of list.filter(([, path]) => path)) {
        const found = await visit(page, each, errors).catch((error) => [`${each[0]}: ${String(error.message ?? error).split("\n")[0]}`]);
        problems.push(...found.map((problem) => `${problem} (${theme}, ${width} px)`));
        if (found.length > 0) failed += 1;
        await page.screenshot({ path: join(folder, `${each[0]}-${theme}-${width}.png`), fullPage: !["search", "help"].includes(each[0]) });
        seen += 1;
      }
      await context.close();
    }
  } finally {
    await rm(profile, { recursive: true, force: true });
  }
  for (const problem of problems) console.error(`error: ${problem}`);
  console.log(`${seen} pages seen, ${problems.length} problems, pictures in ${folder}`);
  console.log(`${seen - failed} passed, ${failed} failed`);
  return problems.length === 0 ? 0 : 1;
}

process.exitCode = await main().catch((error) => {
  console.error(`error: ${error.message ?? error}`);
  return 2;
});
