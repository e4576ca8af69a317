// A Chromium whose pages fail the test on a console error, a script error or
// a request to anywhere but the server.

import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { chromium } from "playwright-core";

const FLAGS = [
  "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
  "--disable-background-networking", "--disable-component-update", "--disable-sync",
];

const axeSource = await readFile(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

export const launch = () => chromium.launch({ executablePath: process.env.BROWSER_TEST_CHROMIUM ?? "/usr/bin/chromium", args: FLAGS });

/** Opens a context with one guarded page. Its guard.check() asserts that nothing went wrong. */
export async function openPage(browser, base, options = {}) {
  const context = await browser.newContext({
    viewport: { width: 1280, height: 800 }, locale: "en-GB", colorScheme: "light", reducedMotion: "reduce", baseURL: base, ...options,
  });
  context.setDefaultTimeout(20_000);
  const page = await context.newPage();
  const guard = watch(page, base);
  return { context, page, guard };
}

function watch(page, base) {
  const problems = [];
  const guard = {
    /** Statuses that the test provokes on purpose. */
    allowed: new Set(),
    check() {
      assert.deepEqual(problems, []);
    },
  };
  page.on("pageerror", (error) => problems.push(`script error: ${error.message}`));
  page.on("console", (message) => {
    if (message.type() !== "error") return;
    const status = message.text().match(/status of (\d{3})/)?.[1];
    if (!status || !guard.allowed.has(Number(status))) problems.push(`console: ${message.text()} (${message.location().url})`);
  });
  page.on("request", (request) => {
    if (!request.url().startsWith(`${base}/`) && !request.url().startsWith("data:")) problems.push(`outside request: ${request.url()}`);
  });
  return guard;
}

/** Asserts that axe finds no violation of WCAG 2.2 A and AA or its best practices. */
export async function checkAccessibility(page, where) {
  await page.evaluate(axeSource);
  const result = await page.evaluate(() =>
    // eslint-disable-next-line no-undef
    axe.run(document, { runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"] }));
  const found = result.violations.map((v) => `${v.id}: ${v.help}\n    ${v.nodes.slice(0, 4).map((n) => `${n.target.join(" ")} ${n.any[0]?.message ?? ""}`).join("\n    ")}`);
  assert.deepEqual(found, [], `accessibility of ${where}`);
}

/** Asserts that the page does not scroll sideways. */
export async function checkWidth(page, where) {
  const over = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
  assert.equal(over, 0, `${where} is ${over} pixels wider than the window`);
}
