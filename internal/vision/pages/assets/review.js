// One picture with its boxes: selection, keys, judging. The server renders the
// marks and the list; every act posts one form and puts the answer in place.

import { $, $$, announce, copyButton, problemOf, typing } from "../app.js";
import { Stage } from "./stage.js";
import { Shaper } from "./shaper.js";

const review = $("#review");
const text = (key) => review.dataset[`text${key}`];
const stageElement = $("#stage");
const overlay = $("#overlay");
const stage = new Stage(stageElement, $("#canvas"), +review.dataset.width, +review.dataset.height);

const state = { selected: null, hover: null, labels: false, busy: Promise.resolve() };

const items = () => $$("#boxes details.box");
const item = (id) => items().find((el) => el.dataset.box === id);
const mark = (id) => $$("#marks .mark").find((el) => el.dataset.box === id);
const rectOf = (el) => ({ x: +el.dataset.x, y: +el.dataset.y, w: +el.dataset.w, h: +el.dataset.h });
const judgeable = () => Boolean(review.dataset.judge) && $("[data-act=undo]") !== null;

// ---- selection and highlight, both ways ----

function select(id, { focus = true, reveal = true } = {}) {
  state.selected = id;
  for (const el of items()) el.open = el.dataset.box === id;
  for (const el of $$("#marks .mark")) el.classList.toggle("selected", el.dataset.box === id);
  const el = id && item(id);
  if (el) {
    mark(id).parentNode.append(mark(id)); // on top of its neighbours
    if (reveal) {
      stage.reveal(rectOf(el));
      const list = $(".side");
      if (list.scrollHeight > list.clientHeight) el.scrollIntoView({ block: "nearest" });
    }
    announce(`${$("summary", el).innerText.replace(/\s+/g, " ")}`);
  }
  if (focus) stageElement.focus({ preventScroll: true });
  draw();
}

function hover(id) {
  if (state.hover === id) return;
  state.hover = id;
  for (const el of $$("#marks .mark")) el.classList.toggle("hover", el.dataset.box === id);
  for (const el of items()) el.classList.toggle("hover", el.dataset.box === id);
  draw();
}

function step(by) {
  const all = items();
  if (!all.length) return;
  const at = all.findIndex((el) => el.dataset.box === state.selected);
  const to = at < 0 ? (by > 0 ? 0 : all.length - 1) : (at + by + all.length) % all.length;
  select(all[to].dataset.box);
}

function nextWaiting(after) {
  const all = items();
  const at = all.findIndex((el) => el.dataset.box === after);
  const order = [...all.slice(at + 1), ...all.slice(0, at + 1)];
  return order.find((el) => el.dataset.state === "waiting");
}

// ---- labels and handles, in screen pixels above the picture ----

function draw() {
  const f = stage.frame;
  const shown = items().filter((el) => state.labels || el.dataset.box === state.hover || el.dataset.box === state.selected);
  const nodes = shown.map((el) => {
    const r = rectOf(el);
    const tag = document.createElement("span");
    tag.className = `tag t-${el.dataset.state}`;
    if (el.dataset.box === state.selected) tag.classList.add("selected");
    tag.textContent = `${el.dataset.label} ${el.dataset.score}`;
    tag.style.left = `${Math.max(f.left + r.x * f.scale, 4)}px`;
    const top = f.top + r.y * f.scale;
    tag.style.top = `${top < 26 ? Math.max(f.top + (r.y + r.h) * f.scale + 4, 4) : top - 24}px`;
    return tag;
  });
  overlay.replaceChildren(...nodes, ...shaper.handles(f));
  $("#zoom").textContent = `${Math.round(stage.zoom * 100)}%`;
}

// ---- acts ----

/** Posts one act after the ones before it; acts never overtake each other. */
function act(fields, { then } = {}) {
  if (!judgeable()) return;
  state.busy = state.busy.then(() => post(fields, then)).catch((error) => fail(error));
  return state.busy;
}

async function post(fields, then) {
  review.setAttribute("aria-busy", "true");
  try {
    const answer = await fetch(review.dataset.judge, {
      method: "POST",
      headers: { "HX-Request": "true", Accept: "text/html, application/json" },
      body: new URLSearchParams(fields),
    });
    if (!answer.ok) {
      const problem = await problemOf(answer, text("Failed"));
      throw Object.assign(new Error(problem.message), { id: problem.id });
    }
    if (answer.headers.get("HX-Redirect")) {
      location.assign(answer.headers.get("HX-Redirect"));
      return;
    }
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    const recordOpen = $("#record")?.open ?? false;
    const before = new Set(items().map((el) => el.dataset.box));
    $("#marks").replaceWith(document.adoptNode($("#marks", page)));
    $("#boxes").replaceWith(document.adoptNode($("#boxes", page)));
    if ($("#record")) $("#record").open = recordOpen;
    toast(text(fields.act === "undo" ? "Undone" : "Saved"));
    const added = items().find((el) => !before.has(el.dataset.box));
    const keep = added?.dataset.box ?? (item(state.selected) ? state.selected : null);
    then ? then() : select(keep, { reveal: false });
  } finally {
    review.removeAttribute("aria-busy");
  }
}

function fail(error) {
  // Without an id the server was never reached: the browser's own words say little.
  toast(error.id ? error.message : text("Failed"), true, error.id);
  select(state.selected, { reveal: false });
}

function toast(message, bad = false, id = "") {
  $(".toast", stageElement)?.remove();
  const note = document.createElement("p");
  note.className = bad ? "toast bad" : "toast";
  note.textContent = message;
  if (id) {
    const code = document.createElement("code");
    code.textContent = id;
    note.append(code, copyButton(id));
  }
  stageElement.append(note);
  announce(message);
  setTimeout(() => note.remove(), id ? 20000 : bad ? 6000 : 1400);
}

/** After a judgement the next box that waits comes up. */
function onward() {
  const next = nextWaiting(state.selected);
  if (next) return select(next.dataset.box);
  select(state.selected, { reveal: false });
  toast(text("All"));
}

function judge(fields) {
  const el = item(state.selected);
  if (!el) return;
  if (el.dataset.state !== "waiting") return toast(text("Reopen"), true);
  act({ box: state.selected, ...fields }, { then: onward });
}

const shaper = new Shaper({
  stage,
  svg: $("#canvas"),
  /** The box that may be moved: selected, and not judged yet. */
  target: () => {
    const el = state.selected && item(state.selected);
    return judgeable() && el && el.dataset.state === "waiting" ? { id: state.selected, rect: rectOf(el), mark: mark(state.selected) } : null;
  },
  onMove: (id, r) => {
    const el = item(id);
    Object.assign(el.dataset, r);
    act({ act: "move", box: id, ...r });
  },
  onDraw: (r, name) => act({ act: "draw", name, ...r }),
  redraw: () => draw(),
  onMode: (drawing) => {
    const button = $("[data-act=draw]");
    button?.setAttribute("aria-pressed", String(drawing));
    stageElement.classList.toggle("drawing", drawing);
    if (drawing) toast(text("Draw"));
  },
});
stage.onChange(draw);

// ---- pointers ----

stageElement.addEventListener("click", (event) => {
  const hit = event.target.closest?.(".mark");
  if (hit && !stage.panning && !shaper.drawing) select(hit.dataset.box, { reveal: true });
});
stageElement.addEventListener("pointerover", (event) => hover(event.target.closest?.(".mark")?.dataset.box ?? null));
stageElement.addEventListener("pointerleave", () => hover(null));
document.addEventListener("pointerover", (event) => {
  const el = event.target.closest?.("#boxes details.box");
  if (el) hover(el.dataset.box);
  else if (!event.target.closest?.("#stage")) hover(null);
});

document.addEventListener("click", (event) => {
  const summary = event.target.closest?.("#boxes .box > summary");
  if (summary) {
    event.preventDefault();
    const id = summary.parentElement.dataset.box;
    select(id === state.selected ? null : id, { focus: false });
    return;
  }
  const tool = event.target.closest?.(".tools [data-act]");
  if (tool) command(tool.dataset.act);
});

// The forms of the list act in place.
document.addEventListener("submit", (event) => {
  const form = event.target.closest?.("#boxes form");
  if (!form || event.defaultPrevented) return;
  event.preventDefault();
  const fields = Object.fromEntries(new FormData(form, event.submitter));
  const judging = fields.act !== "reopen" && fields.act !== "undo";
  act(fields, judging ? { then: onward } : {});
});

// ---- keys ----

function command(name) {
  switch (name) {
    case "draw": return judgeable() && shaper.toggle();
    case "undo": return act({ act: "undo" });
    case "fit": return stage.fit();
    case "labels":
      state.labels = !state.labels;
      $("[data-act=labels]").setAttribute("aria-pressed", String(state.labels));
      return draw();
  }
}

function guess(key) {
  const el = item(state.selected);
  const button = el && $$(".guess[name=seed]", el).find((b) => $("kbd", b)?.textContent === key);
  if (button) judge({ seed: button.value });
  else if (el && el.dataset.state !== "waiting") toast(text("Reopen"), true);
}

const keys = {
  j: () => step(1),
  k: () => step(-1),
  x: () => judge({ act: "reject" }),
  b: () => command("draw"),
  z: () => command("undo"),
  l: () => command("labels"),
  0: () => command("fit"),
  n: () => $("#next")?.click(),
  p: () => $("#previous")?.click(),
  c: () => {
    const input = state.selected && $("input[name=name]", item(state.selected));
    input?.focus();
  },
  "+": () => stage.zoomBy(1.25),
  "=": () => stage.zoomBy(1.25),
  "-": () => stage.zoomBy(0.8),
  "?": () => $("#keys").togglePopover(),
  Enter: () => judge({ act: "confirm" }),
};

document.addEventListener("keydown", (event) => {
  if (event.key === "Escape" && event.target.closest?.("#boxes input")) stageElement.focus();
  if (typing(event) || event.defaultPrevented) return;
  if (shaper.onKey(event)) return event.preventDefault();
  // A focused button or link keeps its own Enter.
  if (event.key === "Enter" && event.target.closest("button, a, summary")) return;
  if (/^[1-5]$/.test(event.key)) {
    event.preventDefault();
    return guess(event.key);
  }
  const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
  if (Object.hasOwn(keys, key)) {
    event.preventDefault();
    keys[key]();
  }
});

const first = items().find((el) => el.dataset.state === "waiting") ?? items()[0];
if (first && matchMedia("(min-width: 761px)").matches) select(first.dataset.box, { reveal: false, focus: false });
draw();
