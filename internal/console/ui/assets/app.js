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
document.addEventListener("htmx:afterSwap", (event) => localTimes(event.target));
