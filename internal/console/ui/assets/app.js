// Small comforts for every page; each page works without them.
// Also the helpers that other modules import.

export const $ = (selector, root = document) => root.querySelector(selector);
export const $$ = (selector, root = document) => [...root.querySelectorAll(selector)];

/** Says something to screen readers without moving the focus. */
export function announce(text) {
  const live = $("#live");
  if (live) live.textContent = text;
}

/** True while the keyboard belongs to a field, so that shortcuts keep quiet. */
export function typing(event) {
  const el = event.target;
  return event.ctrlKey || event.metaKey || event.altKey ||
    (el instanceof HTMLElement && (el.isContentEditable || /^(INPUT|SELECT|TEXTAREA)$/.test(el.tagName)));
}

async function copy(button) {
  await navigator.clipboard.writeText(button.dataset.copy);
  button.setAttribute("data-copied", "");
  announce($("#live")?.dataset.copied ?? "");
  setTimeout(() => button.removeAttribute("data-copied"), 1500);
}

document.addEventListener("click", (event) => {
  const copyButton = event.target.closest?.("[data-copy]");
  if (copyButton) {
    copy(copyButton).catch(() => getSelection().selectAllChildren(copyButton.previousElementSibling));
    return;
  }
  const theme = event.target.closest?.("[data-theme-button]");
  if (theme) {
    // The form would do the same with a reload; this keeps the place.
    event.preventDefault();
    document.documentElement.dataset.theme = theme.value;
    $('meta[name="color-scheme"]').content = theme.value;
    fetch(theme.form.action, { method: "POST", body: new URLSearchParams({ theme: theme.value }), redirect: "manual" });
    $(theme.value === "dark" ? ".to-light" : ".to-dark").focus();
  }
});

/** A button that copies a text, as the "copy" component has it. */
export function copyButton(value) {
  const button = document.createElement("button");
  button.type = "button";
  button.className = "quiet square";
  button.dataset.copy = value;
  const label = $("#live")?.dataset.copy ?? "";
  button.title = label;
  button.setAttribute("aria-label", label);
  button.innerHTML = '<svg class="icon" viewBox="0 0 16 16" aria-hidden="true"><rect x="5.5" y="5.5" width="8" height="8" rx="1.5"/><path d="M10.5 5.5v-2a1 1 0 0 0-1-1h-6a1 1 0 0 0-1 1v6a1 1 0 0 0 1 1h2"/></svg>';
  return button;
}

/** What an answer that is no success says: {message, id}. */
export async function problemOf(answer, fallback) {
  const known = answer.headers.get("Content-Type")?.includes("json") ? await answer.json() : {};
  return { message: known.detail ?? `${fallback} (${answer.status})`, id: known.request_id ?? answer.headers.get("X-Request-Id") };
}

// ---- rows that are ticked ----

const picks = () => $$('input[name=id][form="picked"]');

function countPicks() {
  const all = picks();
  const n = all.filter((box) => box.checked).length;
  const head = $("[data-pick-all]");
  if (head) Object.assign(head, { checked: n > 0 && n === all.length, indeterminate: n > 0 && n < all.length });
  const out = $("[data-picked]");
  if (out) out.textContent = out.dataset.picked.replace("%", n);
}

document.addEventListener("change", (event) => {
  if (event.target.matches?.("[data-pick-all]")) for (const box of picks()) box.checked = event.target.checked;
  if (event.target.matches?.('[data-pick-all], [form="picked"]')) countPicks();
});
countPicks();

// A form that cannot be undone asks first.
document.addEventListener("submit", (event) => {
  const question = event.submitter?.dataset.confirm ?? event.target.dataset.confirm;
  if (question && !confirm(question)) event.preventDefault();
});

// Selects that filter a table act at once; their button is for no script.
document.addEventListener("change", (event) => {
  const form = event.target.closest?.("form[data-auto]");
  if (form) form.requestSubmit();
});

document.addEventListener("keydown", (event) => {
  if (event.key === "/" && !typing(event)) {
    const field = $("[data-search]");
    if (field) {
      event.preventDefault();
      field.focus();
      field.select?.();
    }
  }
});

// An open panel closes when the focus goes elsewhere.
document.addEventListener("click", (event) => {
  for (const open of $$("details.drop[open]")) {
    if (!open.contains(event.target)) open.open = false;
  }
});
document.addEventListener("keydown", (event) => {
  if (event.key !== "Escape") return;
  for (const open of $$("details.drop[open]")) {
    open.open = false;
    $("summary", open).focus();
  }
});

/** Dates are ISO in UTC; hovering tells the local time. */
function localTimes(root) {
  const format = new Intl.DateTimeFormat(document.documentElement.lang, { dateStyle: "full", timeStyle: "long" });
  for (const el of $$("time[data-local]", root)) el.title = format.format(new Date(el.dateTime));
}
localTimes(document);
document.addEventListener("htmx:afterSwap", (event) => {
  localTimes(event.target);
  $("#stale")?.remove();
});

// A list that could not be brought up to date says so, once.
for (const kind of ["htmx:responseError", "htmx:sendError"]) {
  document.addEventListener(kind, (event) => {
    if ($("#stale")) return;
    const note = document.createElement("div");
    note.id = "stale";
    note.className = "notice n-error";
    const id = event.detail.xhr?.getResponseHeader("X-Request-Id");
    note.append($("#live").dataset.stale, " ");
    if (id) {
      const code = document.createElement("code");
      code.textContent = id;
      note.append(code, copyButton(id));
    }
    $("#main").prepend(note);
    announce($("#live").dataset.stale);
  });
}
