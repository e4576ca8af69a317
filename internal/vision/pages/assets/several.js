// Asking about several ticked pictures: one request each, with a bar, the time
// that is left, and a way to stop. Without script the form asks for all in one.

import { $, $$, announce, copyButton, problemOf } from "../app.js";

document.addEventListener("submit", (event) => {
  const form = event.target;
  if (form.id !== "picked" || event.submitter?.value !== "classify" || event.defaultPrevented) return;
  event.preventDefault();
  run(form).catch((error) => show(form, error.message));
});

async function run(form) {
  const boxes = $$('input[name=id][form="picked"]:checked');
  if (!boxes.length) return;
  const text = form.dataset;
  const parts = $$("button, .pick", form);
  const bar = document.createElement("progress");
  const note = document.createElement("span");
  const stop = document.createElement("button");
  let stopped = false;
  bar.max = boxes.length;
  bar.setAttribute("aria-label", text.running);
  stop.type = "button";
  stop.textContent = text.stop;
  stop.addEventListener("click", () => {
    stopped = true;
    stop.disabled = true;
  });
  for (const part of parts) part.hidden = true;
  form.append(bar, note, stop);
  const begin = performance.now();
  const failed = [];
  let done = 0;
  for (const box of boxes) {
    if (stopped) break;
    const left = done ? Math.ceil(((performance.now() - begin) / done) * (boxes.length - done) / 1000) : null;
    note.textContent = `${done} / ${boxes.length}${left === null ? "" : ` · ${text.left.replace("%", left)}`}`;
    bar.value = done;
    const answer = await fetch(text.one.replace("ID", encodeURIComponent(box.value)), {
      method: "POST",
      headers: { "HX-Request": "true", Accept: "application/json" },
      body: new URLSearchParams({ pipeline: form.elements.pipeline?.value ?? "" }),
    });
    done++;
    if (answer.ok) box.checked = false;
    else failed.push(await problemOf(answer, text.failed));
  }
  for (const el of [bar, note, stop]) el.remove();
  for (const part of parts) part.hidden = false;
  if (!failed.length) return location.reload();
  show(form, `${text.some.replace("%", failed.length)} ${failed[0].message}`, failed[0].id);
}

/** Says what went wrong above the pictures; the ones it is about stay ticked. */
function show(form, message, id) {
  $("#several")?.remove();
  const notice = document.createElement("div");
  notice.id = "several";
  notice.className = "notice n-error";
  const line = document.createElement("span");
  line.textContent = message;
  notice.append(line);
  if (id) {
    const code = document.createElement("code");
    code.textContent = id;
    notice.append(code, copyButton(id));
  }
  $("#grid").before(notice);
  notice.scrollIntoView({ block: "nearest" });
  announce(message);
}
