// Drag and drop on a folder's page: each picture is one request with its own
// bar, two at a time; the grid follows as they arrive.

import { $, copyButton } from "../app.js";

const form = $("#upload");
const list = $("#uploads");
const PARALLEL = 2;

if (form) {
  const queue = [];
  let running = 0;

  const enqueue = (files) => {
    for (const file of files) queue.push(row(file));
    pump();
  };

  const pump = () => {
    while (running < PARALLEL && queue.length) {
      running++;
      send(queue.shift()).finally(() => {
        running--;
        if (!running && !queue.length) refresh();
        pump();
      });
    }
  };

  const row = (file) => {
    const el = document.createElement("li");
    el.className = "upload";
    const name = document.createElement("span");
    name.className = "name";
    name.textContent = file.name;
    const bar = document.createElement("progress");
    bar.max = 1;
    bar.value = 0;
    bar.setAttribute("aria-label", file.name);
    const note = document.createElement("span");
    note.className = "muted";
    el.append(name, bar, note);
    list.append(el);
    return { file, el, bar, note };
  };

  const send = (job) =>
    new Promise((resolve) => {
      const request = new XMLHttpRequest();
      const classify = form.elements.classify?.checked ?? false;
      const body = new FormData();
      // Fields go first: the server reads the body as it comes.
      if (form.elements.pipeline) body.append("pipeline", form.elements.pipeline.value);
      if (classify) body.append("classify", "1");
      body.append("file", job.file, job.file.name);
      job.note.textContent = form.dataset.uploading;
      request.upload.addEventListener("progress", (e) => {
        if (e.lengthComputable) job.bar.value = e.loaded / e.total;
      });
      request.upload.addEventListener("load", () => {
        if (classify) {
          job.bar.removeAttribute("value");
          job.note.textContent = form.dataset.classifying;
        }
      });
      request.addEventListener("loadend", () => {
        settle(job, request);
        resolve();
      });
      request.open("POST", form.action);
      request.setRequestHeader("Accept", "application/json");
      request.responseType = "json";
      request.send(body);
    });

  const settle = (job, request) => {
    job.bar.value = 1;
    const answer = request.response;
    if (request.status === 200 && answer) {
      const link = document.createElement("a");
      link.href = answer.href;
      link.textContent = "boxes" in answer ? form.dataset.done.replace("%", answer.boxes) : form.dataset.stored;
      job.note.replaceChildren(link);
      job.el.classList.add(answer.problem ? "bad" : "ok");
      if (answer.problem) job.note.append(` ${form.dataset.unnamed} ${answer.problem}`);
      return;
    }
    job.el.classList.add("bad");
    job.note.textContent = request.status ? `${form.dataset.failed} ${answer?.detail ?? request.status} ` : form.dataset.lost;
    if (answer?.request_id) job.note.append(copyButton(answer.request_id));
  };

  const refresh = async () => {
    const answer = await fetch(location.pathname + location.search, { headers: { "HX-Request": "true" } });
    if (answer.ok) $("#grid").innerHTML = await answer.text();
  };

  form.addEventListener("submit", (event) => {
    event.preventDefault();
    enqueue(form.elements.file.files);
    form.elements.file.value = "";
  });
  form.elements.file.addEventListener("change", () => form.requestSubmit());

  let depth = 0;
  const carriesFiles = (event) => event.dataTransfer?.types.includes("Files");
  for (const [type, change] of [["dragenter", 1], ["dragleave", -1]]) {
    document.addEventListener(type, (event) => {
      if (!carriesFiles(event)) return;
      depth += change;
      form.classList.toggle("over", depth > 0);
    });
  }
  document.addEventListener("dragover", (event) => carriesFiles(event) && event.preventDefault());
  document.addEventListener("drop", (event) => {
    if (!carriesFiles(event)) return;
    event.preventDefault();
    depth = 0;
    form.classList.remove("over");
    enqueue([...event.dataTransfer.files]);
  });
}
