// Opens the reports that `run` made and does with them what people do. Values that the page shows are held against the
// tables beside it.
import assert from "node:assert/strict";
import { createRequire } from "node:module";
import { readFileSync, mkdirSync } from "node:fs";
import { test, before, after } from "node:test";
import { fileURLToPath } from "node:url";
import { chromium } from "playwright-core";

const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
const at = path => new URL(path, import.meta.url);
const DESKTOP = { width: 1280, height: 900 }, PHONE = { width: 390, height: 844 };
let browser;

before(async () => {
  browser = await chromium.launch({ executablePath: process.env.CHROMIUM, args: ["--no-sandbox"] });
  mkdirSync(fileURLToPath(at("screenshots")), { recursive: true });
});
after(() => browser.close());

// A page of results, with what went wrong in it.
async function open(name, { viewport = DESKTOP, colorScheme = "light", javaScriptEnabled = true } = {}) {
  const context = await browser.newContext({ viewport, colorScheme, javaScriptEnabled, reducedMotion: "reduce" });
  const page = await context.newPage();
  page.wrong = [];
  page.on("pageerror", error => page.wrong.push(String(error)));
  page.on("console", message => message.type() === "error" && page.wrong.push(message.text()));
  page.on("dialog", dialog => page.wrong.push(`dialog ${dialog.message()}`) && dialog.dismiss());
  page.on("request", request => request.url().startsWith("file:") || page.wrong.push(`request ${request.url()}`));
  await page.goto(at(`pages/${name}/report.html`).href);
  return page;
}

function table(name, file) {
  const [head, ...rows] = parse(readFileSync(at(`pages/${name}/${file}`), "utf8"));
  return rows.map(row => Object.fromEntries(head.map((column, index) => [column, row[index]])));
}

function parse(text) {
  const rows = [[]];
  for (const [, quoted, plain, end] of text.matchAll(/(?:"((?:[^"]|"")*)"|([^",\n]*))(,|\n|$)/g)) {
    rows.at(-1).push(quoted === undefined ? plain : quoted.replaceAll('""', '"'));
    if (end === "\n") rows.push([]);
  }
  return rows.filter(row => row.length > 1);
}

const plot = (page, caption) => page.locator("figure.plot", { has: page.locator(`figcaption:text-is("${caption}")`) });
const number = text => Number(text.replaceAll(",", ""));

// What the legend of a plot reads now: the time, and a number a series.
async function legend(plot) {
  const now = await plot.locator("thead th").nth(1).textContent();
  const rows = await plot.locator("tbody tr").evaluateAll(rows =>
    rows.map(row => [row.querySelector("th").textContent, row.querySelector("td").textContent]));
  return { now, values: Object.fromEntries(rows.map(([label, value]) => [label, number(value)])) };
}

async function hover(page, plot, share) {
  await plot.scrollIntoViewIfNeeded();
  const area = plot.locator(".u-over");
  const box = await area.boundingBox();
  await page.mouse.move(box.x + box.width * share, box.y + box.height / 2);
  await page.waitForTimeout(60);
}

const close = (got, wanted, what) => assert.ok(Math.abs(got - wanted) <= Math.abs(wanted) * 1e-3 + 1e-9, `${what}: ${got}, not ${wanted}`);

test("hovering reads the values of timeseries.csv at that time, in all plots", async () => {
  const page = await open("ai-model-training");
  const rows = new Map(table("ai-model-training", "timeseries.csv").map(row => [row.timestamp, row]));
  for (const share of [0.1, 0.37, 0.62, 0.9]) {
    await hover(page, plot(page, "CPU (cores)"), share);
    const cpu = await legend(plot(page, "CPU (cores)"));
    const row = rows.get(`2026-03-02T${cpu.now}Z`);
    assert.ok(row, `no sample at ${cpu.now}`);
    const labels = Object.keys(cpu.values);
    for (const [label, column] of [["allocatable", "cpu_allocatable_cores"], ["requested", "cpu_requested_cores"], ["used", "cpu_used_cores"]]) {
      const found = labels.find(name => name.startsWith(label));
      close(cpu.values[found], Number(row[column]), `${column} at ${cpu.now}`);
    }
    const others = [["Nodes", "general", "nodes.general"], ["Pods that wait", "pending", "pods_pending"],
      ["Sum (USD)", undefined, "cost_usd"], ["default/ai-model-deployment (cores)", "capacity of the ready pods", "capacity.default/ai-model-deployment"],
      ["Replicas of default/ai-model-deployment", undefined, undefined]];
    for (const [caption, label, column] of others) {
      const other = await legend(plot(page, caption).first());
      assert.equal(other.now, cpu.now, `${caption} reads another time`);
      if (column) close(other.values[label ?? Object.keys(other.values)[0]], Number(row[column]), `${column} at ${cpu.now}`);
    }
  }
  assert.deepEqual(page.wrong, []);
  await page.screenshot({ path: fileURLToPath(at("screenshots/hover.png")) });
  // The README's picture.
  await page.setViewportSize({ width: 1140, height: 690 });
  const hpa = plot(page, "ai-model-hpa: cpu (% of the requests)");
  await hpa.evaluate(figure => scrollTo(0, figure.getBoundingClientRect().top + scrollY - 170));
  await page.waitForTimeout(200);
  const area = await hpa.locator(".u-over").boundingBox();
  await page.mouse.move(area.x + area.width * 0.65, area.y + 60);
  await page.waitForTimeout(100);
  await page.screenshot({ path: fileURLToPath(at("screenshots/readme.png")) });
  await page.context().close();
});

test("a stretch dragged over one plot is shown by all, and only its decisions are listed", async () => {
  const page = await open("ai-model-training");
  const decisions = table("ai-model-training", "decisions.csv");
  assert.match(await page.locator("#found").textContent(), new RegExp(`^${decisions.length} decisions in the whole run`));
  const nodes = plot(page, "Nodes");
  await nodes.scrollIntoViewIfNeeded();
  const box = await nodes.locator(".u-over").boundingBox();
  await page.mouse.move(box.x + box.width * 0.3, box.y + 40);
  await page.mouse.down();
  await page.mouse.move(box.x + box.width * 0.5, box.y + 60, { steps: 8 });
  await page.mouse.up();
  await page.waitForTimeout(150);
  const shown = await page.locator("#shown").textContent();
  const [, from, to] = shown.match(/^([\d:]+) – ([\d:]+) \((.*)\)$/);
  const seconds = text => text.split(":").reduce((sum, part) => 60 * sum + Number(part), 0);
  assert.ok(Math.abs(seconds(from) - 0.3 * 86400) < 300 && Math.abs(seconds(to) - 0.5 * 86400) < 300, shown);
  const within = decisions.filter(row => Number(row.time) >= seconds(from) - 1 && Number(row.time) <= seconds(to) + 1);
  assert.ok(within.length > 0 && within.length < decisions.length);
  assert.match(await page.locator("#found").textContent(), new RegExp(`^${within.length} decisions? from `));
  assert.equal(await page.locator("#listed tr").count(), within.length);
  // Another plot's extremes are those of the stretch.
  const rows = table("ai-model-training", "timeseries.csv").filter(row => Number(row.time) >= seconds(from) && Number(row.time) <= seconds(to));
  const cells = await plot(page, "Pods that run").locator("tbody tr").first().locator("td").allTextContents();
  assert.equal(number(cells[2]), Math.max(...rows.map(row => Number(row.pods_running_max))));
  await page.screenshot({ path: fileURLToPath(at("screenshots/brushed.png")) });
  await page.locator("#whole").click();
  assert.match(await page.locator("#found").textContent(), new RegExp(`^${decisions.length} `));
  // The strip at the top brushes too.
  const strip = await page.locator("#overview .u-over").boundingBox();
  await page.mouse.move(strip.x + strip.width * 0.5, strip.y + 10);
  await page.mouse.down();
  await page.mouse.move(strip.x + strip.width * 0.75, strip.y + 12, { steps: 6 });
  await page.mouse.up();
  assert.match(await page.locator("#shown").textContent(), /\(5 h 5\d m|\(6 h/);
  assert.deepEqual(page.wrong, []);
  await page.context().close();
});

test("decisions are filtered by controller and by text", async () => {
  const page = await open("ai-model-training");
  const decisions = table("ai-model-training", "decisions.csv");
  const of = controller => decisions.filter(row => row.controller === controller);
  await page.locator("#controllers label", { hasText: "horizontal-pod-autoscaler" }).click();
  const left = of("cluster-autoscaler");
  assert.equal(await page.locator("#listed tr").count(), left.length);
  const who = await page.locator("#listed tr td:nth-child(2)").allTextContents();
  assert.ok(who.every(name => name === "cluster-autoscaler"));
  const first = await page.locator("#listed tr").first().locator("td").allTextContents();
  assert.deepEqual(first.slice(2), [left[0].object, left[0].from, left[0].to, left[0].reason]);
  await page.fill("#text", "UNSCHEDULABLE");
  const matching = left.filter(row => Object.values(row).some(cell => cell.toLowerCase().includes("unschedulable")));
  assert.ok(matching.length > 0 && matching.length < left.length);
  assert.equal(await page.locator("#listed tr").count(), matching.length);
  // A decision's time reads the plots there.
  await page.locator("#listed button").first().click();
  const { now } = await legend(plot(page, "Nodes"));
  const before = Number(matching[0].time) - 60;
  const read = now.split(":").reduce((sum, part) => 60 * sum + Number(part), 0);
  assert.ok(read > before && read <= Number(matching[0].time), `${now}`);
  assert.deepEqual(page.wrong, []);
  await page.context().close();
});

test("everything can be done with the keyboard alone", async () => {
  const page = await open("ai-model-training");
  const focused = () => page.evaluate(() => {
    const { id, className, tagName } = document.activeElement;
    return id || className || tagName;
  });
  const order = [];
  for (let press = 0; press < 40 && !order.includes("draw"); press++) {
    await page.keyboard.press("Tab");
    order.push(await focused());
  }
  for (const stop of ["skip", "theme", "from", "to", "draw"]) assert.ok(order.includes(stop), `${stop} is not among ${order}`);
  const value = () => page.evaluate(() => document.activeElement.getAttribute("aria-valuetext"));
  await page.keyboard.press("Home");
  await page.keyboard.press("End");
  for (let press = 0; press < 3; press++) await page.keyboard.press("ArrowLeft");
  const rows = table("ai-model-training", "timeseries.csv");
  const wanted = rows.at(-4);
  const text = await value();
  assert.ok(text.startsWith(wanted.timestamp.slice(11, 19)), text);
  assert.match(text, new RegExp(`allocatable ${Number(wanted.cpu_allocatable_cores)}`));
  await page.keyboard.press("+");
  assert.match(await page.locator("#shown").textContent(), /\(12 h/);
  await page.keyboard.press("Escape");
  assert.match(await page.locator("#shown").textContent(), /\(24 h\)/);
  await page.focus("#from");
  for (let press = 0; press < 5; press++) await page.keyboard.press("PageUp");
  assert.doesNotMatch(await page.locator("#shown").textContent(), /\(24 h\)/);
  assert.match(await page.getAttribute("#from", "aria-valuetext"), /^\d\d:\d\d:\d\d$/);
  assert.deepEqual(page.wrong, []);
  await page.context().close();
});

for (const name of ["ai-model-training", "training-jobs", "genai-inference", "hostile", "sweep", "comparison", "search"]) {
  for (const [device, viewport] of [["desktop", DESKTOP], ["phone", PHONE]]) {
    for (const colorScheme of ["light", "dark"]) {
      test(`axe finds no violation in ${name}, ${colorScheme}, on a ${device}`, async () => {
        const page = await open(name, { viewport, colorScheme });
        await page.evaluate(() => document.querySelectorAll("details").forEach(details => (details.open = true)));
        await page.evaluate(axe);
        const { violations } = await page.evaluate(() => globalThis.axe.run(document, { resultTypes: ["violations"] }));
        const told = violations.map(({ id, help, nodes }) => `${id}: ${help}: ${nodes.slice(0, 3).map(node => node.html).join(" | ")}`);
        assert.deepEqual(told, []);
        const width = await page.evaluate(() => document.documentElement.scrollWidth);
        assert.ok(width <= viewport.width, `the page is ${width} pixels wide`);
        assert.deepEqual(page.wrong, []);
        await page.evaluate(() => document.querySelectorAll("details").forEach(details => (details.open = false)));
        await page.screenshot({ path: fileURLToPath(at(`screenshots/${name}-${device}-${colorScheme}.png`)), fullPage: true });
        await page.context().close();
      });
    }
  }
}

test("colours follow the system until the button says otherwise", async () => {
  const page = await open("ai-model-training", { colorScheme: "dark" });
  const paper = () => page.evaluate(() => getComputedStyle(document.body).backgroundColor);
  assert.equal(await paper(), "rgb(20, 23, 27)");
  assert.equal(await page.locator("#theme").textContent(), "Light colours");
  await page.locator("#theme").click();
  assert.equal(await paper(), "rgb(255, 255, 255)");
  await page.locator("#theme").click();
  assert.equal(await paper(), "rgb(20, 23, 27)");
  await page.context().close();
});

test("hostile names are text", async () => {
  const page = await open("hostile");
  await page.waitForTimeout(200);
  assert.equal(await page.title(), "hostile – windtunnel report");
  assert.equal(await page.locator("img").count(), 0);
  assert.equal(await page.locator("script").count(), 2);
  const captions = await page.locator("figcaption").allTextContents();
  assert.ok(captions.some(text => text.includes("<script>document.title = 1<img src=x")), captions.join("\n"));
  await page.locator("summary", { hasText: "The scenario file" }).click();
  assert.match(await page.locator("pre").textContent(), /^# <\/script><script>document.title = "taken"<\/script><!--/);
  assert.deepEqual(page.wrong, []);
  await page.context().close();
});

test("jobs are read by pointing and by key, and waits by their curve", async () => {
  const page = await open("training-jobs");
  const canvas = page.locator("#gantt canvas");
  await canvas.scrollIntoViewIfNeeded();
  const box = await canvas.boundingBox();
  await page.mouse.move(box.x + box.width / 2, box.y + 4 + 16 * 2.5);
  const told = () => page.locator("#gantt-told").textContent();
  const third = await told();
  const rows = await page.locator("#jobs tbody tr").evaluateAll(rows => rows.map(row => [...row.children].map(cell => cell.textContent)));
  assert.ok(third.startsWith(`${rows[2][0]}: ${rows[2][1]} on ${rows[2][2]} GPU`), third);
  await canvas.focus();
  await page.keyboard.press("ArrowDown");
  assert.ok((await told()).startsWith(`${rows[3][0]}: `), await told());
  assert.equal(await canvas.getAttribute("aria-valuetext"), await told());
  const curves = page.locator("#curves .draw");
  await curves.focus();
  await page.keyboard.press("End");
  assert.match(await curves.getAttribute("aria-valuetext"), /job until it trains \(n = [\d,]+.*?\) (100|[\d.]+)/);
  assert.deepEqual(page.wrong, []);
  await page.context().close();
});

test("the page's durations are the program's", async () => {
  const page = await open("ai-model-training");
  const wanted = [[0, "0 s"], [0.0002, "under 1 ms"], [0.01234, "12.3 ms"], [0.25, "250 ms"], [0.9999, "1 s"], [4.2, "4.2 s"], [12.5, "12.5 s"],
    [45.4, "45 s"], [59.7, "1 m"], [212, "3 m 32 s"], [3599.7, "1 h"], [83640, "23 h 14 m"], [86400, "24 h"], [7199, "2 h"], [172800, "2 d"], [192000, "2 d 5 h"]];
  const told = await page.evaluate(list => list.map(([seconds]) => spoken(seconds)), wanted);
  assert.deepEqual(told, wanted.map(([, text]) => text));
  await page.context().close();
});

test("a sweep's table sorts by a click and is searched", async () => {
  const page = await open("sweep");
  const rows = table("sweep", "runs.csv");
  const means = {};
  for (const row of rows) {
    const settings = Object.entries(row).filter(([name]) => name.startsWith("param.")).map(([, value]) => value).join();
    (means[settings] ??= []).push(Number(row["cost.total_usd"]));
  }
  const wanted = Object.values(means).map(costs => costs.reduce((sum, cost) => sum + cost, 0) / costs.length).sort((a, b) => a - b);
  const costs = () => page.locator("#all tbody tr:visible").evaluateAll(rows => rows.map(row => Number(row.cells[4].dataset.v)));
  assert.equal(await page.locator("#all thead th").nth(4).textContent(), "cost (USD)");
  await page.locator("#all thead button", { hasText: "cost (USD)" }).click();
  (await costs()).forEach((cost, index) => close(cost, wanted[index], "cost"));
  await page.locator("#all thead button", { hasText: "cost (USD)" }).click();
  (await costs()).forEach((cost, index) => close(cost, wanted.at(-1 - index), "cost"));
  assert.equal(await page.locator("#all th[aria-sort=descending]").count(), 1);
  await page.fill("#text", "unbeaten");
  assert.equal(await page.locator("#all tbody tr:visible").count(), await page.locator("#all tr.front").count());
  assert.deepEqual(page.wrong, []);
  await page.context().close();
});

test("a comparison's page begins with the answer that the command prints", async () => {
  const page = await open("comparison");
  const answer = readFileSync(at("pages/comparison/answer.txt"), "utf8").trim();
  assert.equal(await page.locator(".answer").textContent(), answer);
  assert.equal(await page.title(), "patient <b> against ai-model-training – windtunnel comparison");
  assert.equal(await page.locator("svg > title").count(), 1);
  assert.ok(await page.locator(".verdicts tbody tr").count() >= 4);
  assert.deepEqual(page.wrong, []);
  await page.context().close();
});

test("a search's page says what is best, and lists what optimize.json says of it", async () => {
  const page = await open("search");
  const { found } = JSON.parse(readFileSync(at("pages/search/optimize.json"), "utf8"));
  assert.equal(await page.locator(".answer").textContent(), found.answer);
  assert.equal(await page.locator("#all tbody tr").count(), found.configurations_run);
  const first = page.locator("#all tbody tr").first();
  assert.equal(await first.locator("td").nth(1).textContent(), found.best ? "best" : "");
  assert.equal(Number(await first.locator("td").last().textContent()), found.best.seeds);
  await page.locator("#all thead button", { hasText: "cost.total_usd" }).click();
  const costs = await page.locator("#all tbody tr").evaluateAll(rows => rows.map(row => Number(row.cells[5].dataset.v)));
  assert.deepEqual(costs, costs.toSorted((a, b) => a - b));
  await page.fill("#text", "<b>eager</b>");
  assert.ok((await page.locator("#all tbody tr:visible").count()) > 0);
  assert.equal(await page.locator("#all b").count(), 0);
  assert.deepEqual(page.wrong, []);
  await page.context().close();
});

test("without JavaScript the figures are there", async () => {
  const page = await open("ai-model-training", { javaScriptEnabled: false });
  const { cost } = JSON.parse(readFileSync(at("pages/ai-model-training/summary.json"), "utf8"));
  assert.match(await page.locator(".cards").textContent(), new RegExp(cost.total_usd.toFixed(2)));
  assert.ok(await page.locator("#cost table").count() >= 3);
  await page.context().close();
});
