// The console from the first run to a trained model, as a person would use it:
// with the mouse and the keys, in both sizes, themes and languages, and once
// without script. Started by browser_test.go, which names the binary and draws
// the pictures.

import assert from "node:assert/strict";
import { mkdir, readdir } from "node:fs/promises";
import { join } from "node:path";
import { after, before, test as step } from "node:test";
import { checkAccessibility, checkWidth, launch, openPage } from "./lib/browser.js";
import { serveFolder, startServer } from "./lib/server.js";

const binary = process.env.BROWSER_TEST_BINARY;
const pictures = process.env.BROWSER_TEST_PICTURES;
const shots = process.env.BROWSER_TEST_SCREENSHOTS;
const account = { email: "ada@lab.example", password: "threshing floor 1842" };

let server, browser, context, page, guard;
let task; // the page of a demo task

// The steps build on each other: after a failure the rest is left out.
let failed = false;
const test = (name, fn) =>
  step(name, async (t) => {
    if (failed) return t.skip("an earlier step failed");
    failed = true;
    await fn(t);
    failed = false;
  });

before(async () => {
  server = await startServer(binary);
  browser = await launch();
  ({ context, page, guard } = await openPage(browser, server.url));
});

after(async () => {
  await browser?.close();
  await server?.stop();
});

/** The text of an element, its white space folded. */
const textOf = async (selector) => (await page.locator(selector).first().innerText()).replace(/\s+/g, " ").trim();
const boxStates = () => page.locator("#boxes details.box").evaluateAll((els) => els.map((el) => el.dataset.state));
const selected = () => page.locator("#boxes details.box[open]").getAttribute("data-box");

/** Waits until an act is saved: the list was replaced by the server's answer. */
async function saved(act) {
  const answer = page.waitForResponse((r) => r.url().includes("/judge/") && r.request().method() === "POST");
  await act();
  const response = await answer;
  assert.equal(response.status(), 200);
  await page.waitForFunction(() => !document.querySelector("#review").hasAttribute("aria-busy"));
}

/** Opens the picture tray-<number>.png. */
async function openPicture(number) {
  await page.goto("/console/vision");
  await page.locator(".folder a").first().click();
  await page.locator(".thumb a", { hasText: `tray-${number}.png` }).click();
  await page.waitForSelector("#boxes details.box");
}

test("a visitor is sent to the first run page", async () => {
  await page.goto("/");
  assert.equal(new URL(page.url()).pathname, "/console/setup");
  await checkAccessibility(page, "first run without link");
});

test("the one-time link creates the administrator and signs in", async () => {
  await page.goto(server.setup);
  await checkAccessibility(page, "first run");
  guard.allowed.add(400);
  await page.getByLabel("E-mail").fill(account.email);
  await page.locator("input[type=password]").fill("password1234");
  await page.getByRole("button", { name: "Create and sign in" }).click();
  if (page.url().endsWith("/setup")) {
    // A common password is refused on the same form, with the address kept.
    assert.equal(await page.getByLabel("E-mail").inputValue(), account.email);
    await checkAccessibility(page, "first run with an error");
    await page.locator("input[type=password]").fill(account.password);
    await page.getByRole("button", { name: "Create and sign in" }).click();
  } else {
    account.password = "password1234";
  }
  guard.allowed.clear();
  await page.waitForURL("**/console");
  assert.match(await textOf("h1"), /What would you like to do/);
  assert.equal(await page.locator(".card").count(), 5);
  if (shots) {
    await mkdir(shots, { recursive: true });
    await page.screenshot({ path: join(shots, "first-run.png") });
  }
});

test("the link works once", async () => {
  const other = await openPage(browser, server.url);
  other.guard.allowed.add(403);
  await other.page.goto(server.setup);
  assert.equal(await other.page.locator("form[action$=setup]").count(), 0);
  other.guard.check();
  await other.context.close();
});

test("the sample picture ends in boxes, and is deleted from the list of its folder", async () => {
  await page.goto("/console");
  await page.getByRole("button", { name: "Find the seeds" }).click();
  await page.waitForURL("**/console/vision/pictures/*");
  assert.ok((await boxStates()).length >= 8, "the sample's objects are boxed");
  await checkAccessibility(page, "the sample picture");
  await page.locator(".crumbs a").nth(1).click();
  await page.getByRole("link", { name: "As a list" }).click();
  assert.equal(await page.locator(".picked").isVisible(), false);
  await page.getByLabel("Select granary-sample.png").check();
  assert.match(await textOf(".picked output"), /^1 selected$/);
  await checkAccessibility(page, "a ticked line");
  page.once("dialog", (dialog) => dialog.accept());
  await page.locator(".picked button[value=delete]").click();
  await page.waitForURL("**done=selected.deleted*");
  assert.match(await textOf(".notice"), /^1 picture deleted\.$/);
  guard.check();
});

test("pictures are uploaded with a bar each and classified", async () => {
  const files = (await readdir(pictures)).sort().map((name) => join(pictures, name));
  await page.goto("/console");
  await page.getByRole("link", { name: "Upload pictures" }).click();
  await page.setInputFiles("input[type=file]", files);
  await page.waitForFunction((n) => document.querySelectorAll(".upload.ok").length === n, files.length, { timeout: 60_000 });
  assert.match(await textOf(".upload.ok a"), /\d+ seeds found/);
  await page.waitForFunction((n) => document.querySelectorAll(".thumb").length === n, files.length);
  assert.equal(await page.locator(".thumb .s-waiting").count(), files.length);
  guard.check();
});

test("a file that is no picture says so and keeps the rest", async () => {
  guard.allowed.add(400);
  await page.setInputFiles("input[type=file]", { name: "notes.png", mimeType: "image/png", buffer: Buffer.from("not a picture") });
  await page.waitForSelector(".upload.bad");
  assert.match(await textOf(".upload.bad .muted"), /^Not stored: \S/);
  guard.check();
  guard.allowed.clear();
});

test("keys step through the boxes and judge them", async () => {
  await openPicture(1);
  const count = (await boxStates()).length;
  assert.ok(count >= 3, `${count} boxes found, want at least 3`);
  assert.equal(await page.locator("#marks .mark").count(), count);
  const first = await selected();
  await page.keyboard.press("j");
  assert.notEqual(await selected(), first);
  await page.keyboard.press("k");
  assert.equal(await selected(), first);
  assert.equal(await page.locator("#marks .mark.selected").getAttribute("data-box"), first);

  await saved(() => page.keyboard.press("x"));
  assert.equal((await boxStates())[0], "rejected");
  assert.notEqual(await selected(), first); // the next one that waits came up
  await saved(() => page.keyboard.press("z"));
  assert.equal((await boxStates())[0], "waiting");

  await page.keyboard.press("j");
  await page.keyboard.press("c");
  await page.keyboard.type("Brassica napus");
  await saved(() => page.keyboard.press("Enter"));
  assert.ok((await boxStates()).includes("corrected"));

  await page.keyboard.press("l");
  assert.equal(await page.locator("#overlay .tag").count(), count);
  await page.keyboard.press("l");
  await page.keyboard.press("+");
  assert.notEqual(await textOf("#zoom"), "100%");
  await page.keyboard.press("0");
  assert.equal(await textOf("#zoom"), "100%");
  guard.check();
});

test("a box is moved with the arrow keys, stretched with the mouse, and undone", async () => {
  const waiting = page.locator("#boxes details.box[data-state=waiting]").first();
  const id = await waiting.getAttribute("data-box");
  await waiting.locator("summary").click();
  await page.locator("#stage").focus();
  const x = async () => Number(await page.locator(`#boxes details[data-box="${id}"]`).getAttribute("data-x"));
  const w = async () => Number(await page.locator(`#boxes details[data-box="${id}"]`).getAttribute("data-w"));
  const before = await x();
  await saved(() => page.keyboard.press("ArrowRight"));
  assert.ok((await x()) > before, "the arrow key moved the box");

  const wide = await w();
  const handle = await page.locator(".handle.h-se").boundingBox();
  await page.mouse.move(handle.x + 9, handle.y + 9);
  await page.mouse.down();
  await page.mouse.move(handle.x + 39, handle.y + 29, { steps: 4 });
  await saved(() => page.mouse.up());
  assert.ok((await w()) > wide, "the handle stretched the box");
  await saved(() => page.keyboard.press("z"));
  await saved(() => page.keyboard.press("z"));
  assert.equal(await x(), before);
  guard.check();
});

test("hovering highlights a box in the picture and in the list", async () => {
  const mark = page.locator("#marks .mark").last();
  const id = await mark.getAttribute("data-box");
  const frame = await mark.locator(".halo").boundingBox();
  await page.mouse.move(frame.x + frame.width / 2, frame.y + frame.height / 2);
  await page.waitForSelector(`#boxes details.hover[data-box="${id}"]`);
  await page.locator("#boxes .box > summary").first().hover();
  const other = await page.locator("#boxes details.box").first().getAttribute("data-box");
  await page.waitForSelector(`#marks .mark.hover[data-box="${other}"]`);
});

test("a missed object is drawn with the mouse and named", async () => {
  const before = (await boxStates()).length;
  await page.locator("#stage").focus();
  await page.keyboard.press("b");
  const stage = await page.locator("#stage").boundingBox();
  await page.mouse.move(stage.x + stage.width * 0.4, stage.y + stage.height * 0.4);
  await page.mouse.down();
  await page.mouse.move(stage.x + stage.width * 0.5, stage.y + stage.height * 0.55, { steps: 5 });
  await page.mouse.up();
  await page.waitForSelector("#naming:not([hidden])");
  await page.keyboard.type("Cirsium arvense");
  await saved(() => page.keyboard.press("Enter"));
  const states = await boxStates();
  assert.equal(states.length, before + 1);
  assert.equal(states.at(-1), "confirmed");
  await saved(() => page.keyboard.press("z"));
  assert.equal((await boxStates()).length, before);
  guard.check();
});

test("every box is named and the pictures become verified", async () => {
  const names = ["Brassica napus", "Lolium temulentum"];
  for (const [at, name] of names.entries()) {
    await openPicture(at + 1);
    while ((await boxStates()).includes("waiting")) {
      await page.locator("#boxes details.box[data-state=waiting] summary").first().click();
      if (!(await page.locator("#boxes details.box[open]").count())) {
        await page.locator("#boxes details.box[data-state=waiting] summary").first().click();
      }
      await page.locator("#boxes details.box[open] input[name=name]").fill(name);
      await saved(() => page.keyboard.press("Enter"));
    }
  }
  await page.goto("/console/vision");
  await page.locator(".folder a").first().click();
  assert.equal(await page.locator(".thumb .s-verified").count(), names.length);
  guard.check();
});

test("training runs as a job and ends in a model version", async () => {
  await page.goto("/console/vision/models");
  await page.getByRole("button", { name: "Train a new version" }).click();
  await page.waitForURL("**/console/jobs/*");
  await checkAccessibility(page, "a job");
  await page.waitForSelector(".head .s-succeeded", { timeout: 60_000 });
  // The page followed the job without a reload: its end, and what it said.
  assert.match(await textOf("#job-log"), /learning from \d+ verified boxes/);
  assert.match(await textOf(".timeline"), /Queued.*Attempt 1 of \d started.*Done/);
  assert.equal(await page.locator("#job-body[data-events], #job-cancel").count(), 0);
  const whole = await page.request.get(await page.getByRole("link", { name: "Whole log as text" }).getAttribute("href"));
  assert.match(await whole.text(), /attempt 1 started\n.*learning from[^]*job succeeded in/);
  await page.getByRole("link", { name: "See the result" }).click();
  await page.waitForURL("**/console/vision/models");
  assert.equal(await page.locator("svg.chart circle.dot").count(), 1);
  assert.equal(await page.locator(".table .s-active").count(), 1);
  assert.ok((await page.locator("table.matrix tbody tr").count()) >= 2);
  guard.check();
});

test("a trained model offers guesses that digits pick", async () => {
  await openPicture(3);
  await page.getByRole("button", { name: "Run again" }).click();
  await page.waitForSelector("#boxes details.box");
  assert.ok((await page.locator("#boxes details.box[open] .guess kbd").count()) >= 1);
  await saved(() => page.keyboard.press("1"));
  assert.ok((await boxStates()).some((s) => s === "confirmed"));
  await page.locator("#boxes details.box[data-state=confirmed] summary").first().click();
  await saved(() => page.getByRole("button", { name: "Review again" }).click());
  assert.ok((await boxStates()).every((s) => s === "waiting"));
  await saved(() => page.locator("#boxes details.box[open] button[value=confirm]").click());
  assert.ok((await boxStates()).includes("confirmed"));
  guard.check();
});

test("ticked pictures are asked about again, and the earlier result stays to read", async () => {
  await page.goto("/console/vision");
  await page.locator(".folder a").first().click();
  await page.getByLabel("Select tray-3.png").check();
  await Promise.all([page.waitForEvent("load"), page.locator(".picked button[value=classify]").click()]);
  await openPicture(3);
  assert.ok((await boxStates()).every((s) => s === "waiting"));
  await saved(() => page.keyboard.press("x"));
  await saved(() => page.keyboard.press("z"));
  await page.locator("#record summary").click();
  assert.match(await textOf("#record li.undone"), /rejected · undone .*ada@lab\.example/);
  const answers = page.locator(".earlier select");
  assert.ok((await answers.locator("option").count()) >= 3);
  await Promise.all([page.waitForURL("**inference=*"), answers.selectOption({ index: 1 })]);
  assert.match(await textOf(".stale"), /An earlier result/);
  assert.equal(await page.locator("button[value=confirm], button[value=reopen], [data-act=draw]").count(), 0);
  await checkAccessibility(page, "an earlier result");
  guard.check();
});

test("lists sort on the server and come whole as files", async () => {
  await page.goto("/console/vision");
  await page.locator(".folder a").first().click();
  await page.getByRole("link", { name: "As a list" }).click();
  const names = () => page.locator("tbody th a").allInnerTexts();
  await page.locator("thead").getByRole("link", { name: "Name" }).click();
  await page.waitForURL("**sort=name*");
  assert.deepEqual(await names(), ["tray-1.png", "tray-2.png", "tray-3.png"]);
  assert.equal(await page.locator("th[aria-sort=ascending]").innerText(), "Name");
  await page.locator("thead").getByRole("link", { name: "Name" }).click();
  await page.waitForURL("**sort=-name*");
  assert.deepEqual(await names(), ["tray-3.png", "tray-2.png", "tray-1.png"]);
  await checkAccessibility(page, "a sorted list");
  const file = await context.request.get(await page.getByRole("link", { name: "CSV", exact: true }).getAttribute("href"));
  assert.match(file.headers()["content-disposition"], /granary-pictures\.csv/);
  assert.match(await file.text(), /^name,state,uploaded_at,[^\n]*\ntray-3\.png,/);
  for (const list of ["/console/users", "/console/tokens", "/console/jobs", "/console/audit", "/console/vision/seeds", "/console/vision/models", "/console/vision/pipelines"]) {
    const answer = await context.request.get(`${list}?format=csv`);
    assert.match(answer.headers()["content-type"] ?? "", /^text\/csv/, list);
  }
  guard.check();
});

test("a pipeline shows its models' health and is tried without storing anything", async () => {
  await page.goto("/console/vision/pipelines");
  await page.waitForSelector("#models .s-ready");
  assert.equal(await page.locator("#models tbody .s-ready").count(), 2);
  await page.locator(".pipe h2 a").first().click();
  await page.waitForSelector("#models .s-ready");
  assert.ok((await page.locator("tbody a[href*='inference=']").count()) >= 3);
  const files = (await readdir(pictures)).sort().map((name) => join(pictures, name));
  await page.locator("#try input[type=file]").setInputFiles(files[0]);
  await page.locator("#try button").click();
  await page.waitForSelector(".trial image");
  assert.equal(await page.locator(".trial .mark").count(), await page.locator("#try tbody tr").count());
  await checkAccessibility(page, "a trial");
  if (shots) {
    await mkdir(shots, { recursive: true });
    await page.locator("#try").evaluate((section) => section.scrollIntoView());
    await page.screenshot({ path: join(shots, "trial.png") });
  }
  guard.check();
});

test("the review flow needs no mouse", async () => {
  await page.goto("/console/vision");
  const focusOn = async (selector) => {
    for (let i = 0; i < 60; i++) {
      await page.keyboard.press("Tab");
      if (await page.evaluate((s) => document.activeElement?.matches(s) ?? false, selector)) return;
    }
    assert.fail(`the Tab key never reached ${selector}`);
  };
  await page.keyboard.press("Tab");
  assert.ok(await page.evaluate(() => document.activeElement.matches("a.skip")), "the first stop skips to the content");
  await page.keyboard.press("Enter");
  await focusOn(".folder a");
  await Promise.all([page.waitForURL("**/folders/*"), page.keyboard.press("Enter")]);
  await focusOn(".thumb a");
  await Promise.all([page.waitForURL("**/pictures/*"), page.keyboard.press("Enter")]);
  await Promise.all([page.waitForEvent("framenavigated"), page.keyboard.press("n")]);
  await page.waitForSelector("#boxes details.box");
  await Promise.all([page.waitForEvent("framenavigated"), page.keyboard.press("n")]);
  await page.waitForSelector("#boxes details.box[open]");
  assert.match(await textOf("h1"), /tray-3/);

  // With the keys alone: pick a guess, take it back, reject, name, draw, undo.
  await saved(() => page.keyboard.press("Enter"));
  await saved(() => page.keyboard.press("z"));
  await page.keyboard.press("k");
  await page.keyboard.press("j");
  await saved(() => page.keyboard.press("x"));
  await saved(() => page.keyboard.press("z"));
  const count = (await boxStates()).length;
  await page.keyboard.press("b");
  await page.keyboard.press("ArrowRight");
  await page.keyboard.press("Shift+ArrowDown");
  await page.keyboard.press("Enter");
  await page.waitForSelector("#naming:not([hidden])");
  await page.keyboard.type("Cirsium arvense");
  await saved(() => page.keyboard.press("Enter"));
  assert.equal((await boxStates()).length, count + 1);
  await saved(() => page.keyboard.press("z"));
  await page.keyboard.press("?");
  await page.waitForSelector("#keys:popover-open");
  await page.keyboard.press("Escape");
  // The list is a way of its own: every box and every act takes the focus.
  await focusOn("#boxes .box > summary");
  await page.keyboard.press("Enter");
  await focusOn("#boxes details[open] button[value=confirm]");
  const outline = await page.evaluate(() => getComputedStyle(document.activeElement).outlineStyle);
  assert.equal(outline, "solid", "the focus shows");
  await saved(() => page.keyboard.press("Enter"));
  await saved(() => page.keyboard.press("z"));
  guard.check();
});

test("on a phone the picture stands above its boxes, and both can be used", async () => {
  await openPicture(3);
  const phone = await openPage(browser, server.url, { viewport: { width: 390, height: 844 }, hasTouch: true, isMobile: true, storageState: await context.storageState() });
  await phone.page.goto(page.url());
  const stage = await phone.page.locator("#stage").boundingBox();
  const list = await phone.page.locator("#boxes").boundingBox();
  assert.ok(stage.width === 390 && stage.height >= 300 && list.y >= stage.y + stage.height, "the list lies below the picture");
  await phone.page.locator("#boxes .box > summary").nth(1).tap();
  const id = await phone.page.locator("#boxes details[open]").getAttribute("data-box");
  assert.equal(await phone.page.locator("#marks .mark.selected").getAttribute("data-box"), id);
  for (const button of await phone.page.locator("#boxes details[open] button").all()) {
    const size = await button.boundingBox();
    assert.ok(size.height >= 28 && size.x >= 0 && size.x + size.width <= 390, "every act is in reach of a finger");
  }
  await checkWidth(phone.page, "a picture on a phone");
  phone.guard.check();
  await phone.context.close();
});

test("nothing moves for those who asked for that", async () => {
  const motion = (p) =>
    p.evaluate(() => {
      const bar = document.body.appendChild(document.createElement("progress"));
      const name = getComputedStyle(bar).animationName;
      bar.remove();
      return name;
    });
  assert.equal(await motion(page), "none");
  const lively = await openPage(browser, server.url, { reducedMotion: "no-preference" });
  await lively.page.goto("/console/sign-in");
  assert.equal(await motion(lively.page), "slide");
  await lively.context.close();
});

test("the list of jobs keeps itself up to date", async () => {
  await page.goto("/console/jobs");
  await page.waitForResponse((r) => r.url().endsWith("/console/jobs") && r.request().headers()["hx-request"] === "true");
  await page.waitForSelector("#job-table:not(.htmx-swapping):not(.htmx-request) .s-succeeded");
  assert.equal(await page.locator("#job-queues").count(), 1);
  assert.equal(await page.locator("#job-table tbody tr").count(), 1);
  await page.locator("select[name=age]").selectOption("hour");
  await page.waitForURL("**age=hour*");
  assert.equal(await page.locator("#job-table tbody tr").count(), 1);
  assert.match(await textOf("#job-queues"), /a minute/);
  guard.check();
});

test("a slash searches by name", async () => {
  await page.goto("/console");
  await page.keyboard.press("/");
  await page.keyboard.type("napus");
  await page.keyboard.press("Enter");
  await page.waitForURL("**/console/search?q=napus");
  assert.equal(await textOf(".hits a span"), "Brassica napus");
  guard.check();
});

test("exports come as files", async () => {
  for (const format of ["coco", "yolo", "csv"]) {
    const answer = await context.request.get(`/console/vision/export/${format}`);
    assert.equal(answer.status(), 200);
    assert.match(answer.headers()["content-disposition"], /^attachment; filename="granary-/);
    assert.ok((await answer.body()).length > 0);
  }
});

test("users and tokens are made, and a token is shown once", async () => {
  await page.goto("/console/users");
  await page.getByText("New user").click();
  await page.locator(".panel").getByLabel("E-mail").fill("grace@lab.example");
  await page.locator(".panel").getByLabel("Password").fill(account.password);
  await checkAccessibility(page, "the new user form");
  await page.getByRole("button", { name: "Create user" }).click();
  await page.waitForURL("**/console/users?done=*");
  assert.equal(await page.locator("tbody tr").count(), 2);

  await page.goto("/console/tokens");
  await page.getByText("New token").click();
  await page.locator(".panel").getByLabel("Name").fill("export script");
  await page.getByRole("button", { name: "Create token" }).click();
  const secret = await textOf(".secret code");
  assert.match(secret, /^gry_/);
  await checkAccessibility(page, "a new token");
  await page.goto("/console/tokens");
  assert.ok(!(await page.content()).includes(secret));
  await page.getByLabel("Select all on this page").check();
  page.once("dialog", (dialog) => dialog.accept());
  await page.locator(".picked button").click();
  await page.waitForURL("**done=tokens.revoked_several*");
  assert.equal(await page.locator("tbody .s-revoked").count(), 1);
  guard.check();
});

test("an address that leads nowhere says what to do, with a request id", async () => {
  guard.allowed.add(404);
  await page.goto("/console/vision/pictures/0198c2aa-1111-7abc-9def-1234567890ab");
  assert.match(await textOf(".problem h1"), /Nothing here/);
  assert.match(await textOf(".problem code"), /\S{8,}/);
  assert.match(await textOf(".problem p"), /This picture does not exist/);
  await context.grantPermissions(["clipboard-read", "clipboard-write"]);
  await page.locator(".problem [data-copy]").click();
  await page.waitForSelector(".problem [data-copied]");
  assert.equal(await page.evaluate(() => navigator.clipboard.readText()), await textOf(".problem code"));
  await checkAccessibility(page, "an error page");
  guard.check();
  guard.allowed.clear();
});

test("a demo task is started by hand, followed and its result drawn", async () => {
  const front = await serveFolder(pictures);
  try {
    await page.goto("/console");
    await page.getByRole("link", { name: "Choose an app" }).click();
    await page.getByRole("link", { name: "Open Similarity" }).click();
    await page.getByLabel("What the pictures are in").selectOption("img");
    await page.getByLabel("Addresses").fill([1, 2, 3].map((n) => `${front.url}/tray-${n}.png`).join("\n"));
    await page.getByLabel("turned by 180°").check();
    await page.getByRole("button", { name: "Start" }).click();
    await page.waitForURL("**/console/demos/tasks/*");
    task = new URL(page.url()).pathname;
    await page.waitForSelector("#result-title");
    assert.equal(await page.locator(".alike > li").count(), 3);
    assert.ok(await page.locator(".alike ol .pic").count() >= 3, "each picture has matches");
    const drawn = page.locator(".alike img").first();
    await drawn.evaluate((img) => img.decode());
    await page.getByRole("link", { name: "Its job" }).click();
    await page.getByRole("link", { name: "See the result" }).click();
    await page.waitForURL(`**${task}`);
    await page.goto("/console/demos/tasks?app=similarity&state=succeeded");
    assert.equal(await page.locator("tbody tr").count(), 1);
    guard.check();
  } finally {
    await front.stop();
  }
});

const looks = [
  { name: "desktop light English", viewport: { width: 1280, height: 800 }, colorScheme: "light", locale: "en-GB" },
  { name: "desktop dark French", viewport: { width: 1280, height: 800 }, colorScheme: "dark", locale: "fr-CA" },
  { name: "phone light French", viewport: { width: 390, height: 844 }, colorScheme: "light", locale: "fr-CA" },
  { name: "phone dark English", viewport: { width: 390, height: 844 }, colorScheme: "dark", locale: "en-GB" },
];

for (const { name, ...look } of looks) {
  test(`every page is accessible and fits: ${name}`, async () => {
    const seen = await openPage(browser, server.url, { ...look, storageState: await context.storageState() });
    const addresses = await pageAddresses();
    for (const address of addresses) {
      await seen.page.goto(address);
      assert.equal(await seen.page.locator("html").getAttribute("lang"), look.locale.slice(0, 2));
      await checkAccessibility(seen.page, `${address} (${name})`);
      await checkWidth(seen.page, `${address} (${name})`);
    }
    seen.guard.check();
    await seen.context.close();
  });
}

async function pageAddresses() {
  await openPicture(3);
  const picture = new URL(page.url()).pathname;
  const folder = await page.locator(".crumbs a").nth(1).getAttribute("href");
  await page.goto("/console/jobs");
  const job = await page.locator("tbody th a").first().getAttribute("href");
  await page.goto("/console/vision/pipelines");
  const pipeline = await page.locator(".pipe h2 a").first().getAttribute("href");
  return [
    "/console", "/console/vision", folder, `${folder}?view=list`, picture, "/console/vision/pipelines?check=1", `${pipeline}?check=1`, "/console/vision/models", "/console/vision/seeds",
    "/console/demos", "/console/demos/apps/similarity", "/console/demos/apps/watermarks", "/console/demos/tasks", task,
    "/console/jobs", job, "/console/search?q=a", "/console/tokens", "/console/users", "/console/audit", "/console/account",
  ];
}

// The pictures of the manual; written only on demand, see browser_test.go.
test("pictures for the manual", async (t) => {
  if (!shots) return t.skip("BROWSER_TEST_SCREENSHOTS is not set");
  await mkdir(shots, { recursive: true });
  await openPicture(3);
  const picture = new URL(page.url()).pathname;
  const folder = await page.locator(".crumbs a").nth(1).getAttribute("href");
  const dark = { colorScheme: "dark" };
  const phone = { viewport: { width: 390, height: 844 }, locale: "fr-CA" };
  const wanted = [
    ["home", "/console", {}], ["folder", folder, {}], ["picture", picture, {}], ["picture-dark", picture, dark],
    ["folder-list", `${folder}?view=list&sort=name`, {}], ["pipelines", "/console/vision/pipelines?check=1", {}],
    ["models", "/console/vision/models", {}], ["models-dark", "/console/vision/models", dark],
    ["demos", "/console/demos", {}], ["demo-app", "/console/demos/apps/similarity", {}], ["demo-result", task, {}],
    ["picture-phone", picture, phone], ["home-phone", "/console", phone],
  ];
  for (const [name, address, look] of wanted) {
    const seen = await openPage(browser, server.url, { ...look, storageState: await context.storageState() });
    await seen.page.goto(address);
    await seen.page.waitForLoadState("networkidle");
    await seen.page.screenshot({ path: join(shots, `${name}.png`) });
    await seen.context.close();
  }
});

test("the theme and the language can be chosen and stay", async () => {
  await page.goto("/console");
  await page.getByRole("button", { name: "Dark" }).click();
  assert.equal(await page.locator("html").getAttribute("data-theme"), "dark");
  await page.waitForLoadState("networkidle");
  await page.reload();
  assert.equal(await page.locator("html").getAttribute("data-theme"), "dark");
  await page.getByRole("button", { name: "Français" }).click();
  assert.equal(await page.locator("html").getAttribute("lang"), "fr");
  await page.getByRole("button", { name: "English" }).click();
  await page.getByRole("button", { name: "Light" }).click();
  await page.waitForLoadState("networkidle");
  guard.check();
});

test("without script a picture can be read and judged", async () => {
  const bare = await openPage(browser, server.url, { javaScriptEnabled: false, storageState: await context.storageState() });
  await openPicture(3);
  await bare.page.goto(page.url());
  assert.ok((await bare.page.locator("#marks .mark").count()) > 0);
  const box = bare.page.locator("#boxes details.box[data-state=waiting]").first();
  const id = await box.getAttribute("data-box");
  await box.locator("summary").click();
  await box.locator("button[value=confirm]").click();
  await bare.page.waitForSelector(`#boxes details.box[data-box="${id}"][data-state=confirmed]`, { state: "attached" });
  await bare.context.close();
});

test("another account sees none of it", async () => {
  const other = await openPage(browser, server.url);
  await other.page.goto("/console/vision");
  assert.match(other.page.url(), /\/console\/sign-in\?next=%2Fconsole%2Fvision$/);
  await checkAccessibility(other.page, "sign in");
  await other.page.getByLabel("E-mail").fill("grace@lab.example");
  await other.page.locator("input[type=password]").fill(account.password);
  await other.page.getByRole("button", { name: "Sign in" }).click();
  await other.page.waitForURL("**/console/vision");
  assert.equal(await other.page.locator(".folder").count(), 1);
  assert.equal(await other.page.getByRole("link", { name: "Users" }).count(), 0);
  other.guard.allowed.add(403);
  await openPicture(3);
  await other.page.goto(page.url());
  assert.match(await other.page.locator(".problem h1").innerText(), /may not see/);
  await other.page.goto("/console/users");
  assert.match(await other.page.locator(".problem h1").innerText(), /may not see/);
  other.guard.check();
  await other.context.close();
});

test("signing out ends the session", async () => {
  await page.goto("/console");
  await page.locator("button.who").click();
  await page.getByRole("button", { name: "Sign out" }).click();
  await page.waitForURL("**/console/sign-in");
  await page.goto("/console/users");
  assert.match(page.url(), /sign-in/);
  guard.check();
});
