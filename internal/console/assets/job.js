// One job, live. What changes often is drawn here: lines, bars, progress. At a
// change of state or attempt the server draws the page's body again.
import { $ } from "../app.js";

const shownLines = 300;
const hold = 150; // ms in which several changes of state become one drawing

let source, refreshing;

const numbers = new Intl.NumberFormat(document.documentElement.lang);

function element(name, className, ...content) {
  const el = document.createElement(name);
  if (className) el.className = className;
  el.append(...content);
  return el;
}

/** A progress element for current of total, indefinite without a total. */
function bar(el, current, total) {
  if (total > 0) {
    el.max = total;
    el.value = current;
  } else {
    el.removeAttribute("value");
  }
  return el;
}

const ofTotal = (current, total) =>
  $("[data-done]").dataset.done.replace("%1", numbers.format(current)).replace("%2", numbers.format(total));

function addLine(event) {
  const log = $("#job-log"), box = $("#job-lines");
  const text = element("span");
  if (log.dataset[event.type] && event.type !== "gap") text.append(element("b", "", log.dataset[event.type]), " ");
  text.append(event.type === "gap" ? log.dataset.gap.replace("%1", numbers.format(event.lost)) : event.text ?? "");
  const atEnd = box.scrollHeight - box.scrollTop - box.clientHeight < 40;
  log.append(element("li", `l-${event.type}`, element("span", "muted", event.at.slice(11, 19)), text));
  while (log.childElementCount > shownLines) log.firstElementChild.remove();
  if (atEnd) box.scrollTop = box.scrollHeight;
}

function drawBars(bars) {
  $("#job-bars").replaceChildren(...bars.map(({ key, context, current, total }) => {
    const progress = bar(document.createElement("progress"), current, total);
    progress.setAttribute("aria-label", context || key);
    return element("li", "", element("span", "", context || key),
      element("span", "muted num", total > 0 ? ofTotal(current, total) : numbers.format(current)), progress);
  }));
}

function drawProgress({ done, total, note }) {
  const block = $("#job-progress");
  bar($("progress", block), done, total);
  $("[data-done]", block).textContent = total > 0 ? ofTotal(done, total) : "";
  $("[data-note]", block).textContent = note ?? "";
}

function take(body, event) {
  switch (event.type) {
    case "started":
    case "ended":
      refresh();
      break;
    case "state":
      if (event.job.state !== body.dataset.state || String(event.job.attempt) !== body.dataset.attempt) refresh();
      else drawProgress(event.job.progress);
      break;
    case "bars":
      drawBars(event.bars);
      break;
    default:
      addLine(event);
  }
}

function refresh() {
  source?.close();
  clearTimeout(refreshing);
  refreshing = setTimeout(() => {
    htmx.ajax("GET", location.pathname, { target: "#job", swap: "innerHTML" }).catch(() => {}).then(() => {
      // A server that is away is asked again; the notice about it stays.
      if (!source || source.readyState === EventSource.CLOSED) refreshing = setTimeout(connect, 2000);
    });
  }, hold);
}

/** Follows the job from where the page's body ends. */
function connect() {
  clearTimeout(refreshing);
  source?.close();
  const body = $("#job-body[data-events]");
  if (!body || document.hidden) return;
  source = new EventSource(`${body.dataset.events}?after=${body.dataset.after}`);
  source.onmessage = (message) => take(body, JSON.parse(message.data));
}

function show() {
  const box = $("#job-lines");
  if (box) box.scrollTop = box.scrollHeight;
  connect();
}

document.addEventListener("htmx:afterSwap", (event) => {
  if (event.target.id === "job") show();
});
// A page that nobody looks at holds no connection: a browser has few.
document.addEventListener("visibilitychange", () => {
  if (document.hidden) source?.close();
  else if ($("#job-body[data-events]")) refresh();
});
show();
