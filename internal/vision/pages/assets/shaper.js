// Drawing a new box and moving or stretching the selected one, with the mouse
// or the keys. Rectangles are in picture pixels: {x, y, w, h}.

import { $ } from "../app.js";

const SVG = "http://www.w3.org/2000/svg";
const CORNERS = ["nw", "ne", "sw", "se"];
const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
const SETTLE = 500; // ms after the last arrow key until the move is saved

const round = (r) => Object.fromEntries(Object.entries(r).map(([k, v]) => [k, Math.round(v * 100) / 100]));

export class Shaper {
  constructor(options) {
    Object.assign(this, options);
    this.drawing = false;
    this.draft = null; // a box being drawn: {rect, node}
    this.form = $("#naming");
    const el = this.stage.element;
    // Capture: a drag that shapes a box never becomes a pan.
    el.addEventListener("pointerdown", (e) => this.onDown(e), { capture: true });
    el.addEventListener("pointermove", (e) => this.onDrag(e), { capture: true });
    for (const end of ["pointerup", "pointercancel"]) el.addEventListener(end, (e) => this.onUp(e), { capture: true });
    this.form?.addEventListener("submit", (e) => this.finish(e));
    this.form?.addEventListener("keydown", (e) => e.key === "Escape" && this.cancel());
  }

  // ---- drawing ----

  toggle() {
    this.drawing ? this.cancel() : this.begin();
  }

  begin() {
    this.drawing = true;
    this.onMode(true);
    this.stage.element.focus({ preventScroll: true });
  }

  cancel() {
    this.drawing = false;
    this.draft?.node.remove();
    this.draft = null;
    this.form.hidden = true;
    this.onMode(false);
    this.stage.element.focus({ preventScroll: true });
  }

  setDraft(rect) {
    if (!this.draft) {
      const node = document.createElementNS(SVG, "g");
      node.setAttribute("class", "mark m-draft");
      for (const kind of ["halo", "edge"]) {
        const r = document.createElementNS(SVG, "rect");
        r.setAttribute("class", kind);
        node.append(r);
      }
      this.svg.append(node);
      this.draft = { node };
    }
    this.draft.rect = this.clip(rect);
    place(this.draft.node, this.draft.rect);
  }

  clip({ x, y, w, h }) {
    const left = Math.max(Math.min(x, x + w), 0);
    const top = Math.max(Math.min(y, y + h), 0);
    return { x: left, y: top, w: Math.min(Math.max(x, x + w), this.stage.width) - left, h: Math.min(Math.max(y, y + h), this.stage.height) - top };
  }

  /** Asks what the drawn box shows. */
  ask() {
    const f = this.stage.frame;
    const r = this.draft.rect;
    this.form.hidden = false;
    const width = this.form.offsetWidth;
    const height = this.form.offsetHeight;
    this.form.style.left = `${Math.min(Math.max(f.left + r.x * f.scale, 8), f.outer.width - width - 8)}px`;
    this.form.style.top = `${Math.min(Math.max(f.top + (r.y + r.h) * f.scale + 8, 8), f.outer.height - height - 8)}px`;
    const input = $("input", this.form);
    input.value = this.lastName ?? "";
    input.focus();
    input.select();
  }

  finish(event) {
    event.preventDefault();
    const name = $("input", this.form).value.trim();
    if (!name || !this.draft) return;
    this.lastName = name;
    const rect = round(this.draft.rect);
    this.cancel();
    this.onDraw(rect, name);
  }

  // ---- pointers ----

  onDown(event) {
    if (event.button !== 0 || event.target.closest("form, .tools")) return;
    if (this.drawing) {
      this.drag = { kind: "draw", from: this.stage.toPicture(event) };
    } else {
      const target = this.target();
      const corner = event.target.dataset?.corner;
      const inside = target && event.target.closest(".mark") === target.mark;
      if (!target || !(corner || inside)) return;
      this.drag = { kind: corner ?? "move", from: this.stage.toPicture(event), id: target.id, start: target.rect, node: target.mark };
    }
    event.stopPropagation();
    this.stage.element.setPointerCapture(event.pointerId);
  }

  onDrag(event) {
    const d = this.drag;
    if (!d) return;
    event.stopPropagation();
    const p = this.stage.toPicture(event);
    const dx = p.x - d.from.x;
    const dy = p.y - d.from.y;
    if (d.kind === "draw") {
      this.setDraft({ x: d.from.x, y: d.from.y, w: dx, h: dy });
      return;
    }
    d.rect = this.clip(shaped(d.start, d.kind, dx, dy));
    if (d.kind === "move") Object.assign(d.rect, this.shift(d.start, dx, dy));
    place(d.node, d.rect);
    this.redraw();
  }

  shift(r, dx, dy) {
    return {
      x: Math.min(Math.max(r.x + dx, 0), this.stage.width - r.w),
      y: Math.min(Math.max(r.y + dy, 0), this.stage.height - r.h),
      w: r.w,
      h: r.h,
    };
  }

  onUp(event) {
    const d = this.drag;
    if (!d) return;
    this.drag = null;
    event.stopPropagation();
    const { scale } = this.stage.frame;
    if (d.kind === "draw") {
      const r = this.draft?.rect;
      if (r && r.w * scale > 4 && r.h * scale > 4) this.ask();
      else this.cancelDraft();
    } else if (d.rect && event.type === "pointerup" && far(d.start, d.rect, 1 / scale)) {
      this.onMove(d.id, round(d.rect));
    } else if (d.rect) {
      place(d.node, d.start);
      this.redraw();
    }
  }

  cancelDraft() {
    this.draft?.node.remove();
    this.draft = null;
  }

  // ---- keys ----

  /** Handles Escape, Enter while drawing, and the arrows; true when it did. */
  onKey(event) {
    const arrow = ARROWS[event.key];
    if (this.drawing) {
      if (event.key === "Escape") this.cancel();
      else if (event.key === "Enter" && this.draft) this.ask();
      else if (arrow || event.key === "Enter") this.setDraft(this.nudge(this.draft?.rect ?? this.middle(), arrow ?? [0, 0], event.shiftKey));
      else return false;
      return true;
    }
    const target = arrow && this.target();
    if (!target) return false;
    const start = this.pending?.id === target.id ? this.pending.rect : target.rect;
    const rect = this.nudge(start, arrow, event.shiftKey);
    place(target.mark, rect);
    clearTimeout(this.pending?.timer);
    this.pending = { id: target.id, rect, timer: setTimeout(() => this.settle(), SETTLE) };
    this.redraw();
    return true;
  }

  settle() {
    const { id, rect } = this.pending;
    this.pending = null;
    this.onMove(id, round(rect));
  }

  middle() {
    const v = this.stage.view;
    return { x: v.x + v.w * 0.4, y: v.y + v.h * 0.4, w: v.w * 0.2, h: v.h * 0.2 };
  }

  /** One screen pixel or so a press: arrows move, with Shift they stretch. */
  nudge(r, [dx, dy], stretch) {
    const unit = Math.max(1, Math.round(2 / this.stage.frame.scale));
    if (stretch) return this.clip({ ...r, w: Math.max(r.w + dx * unit, 2), h: Math.max(r.h + dy * unit, 2) });
    return this.shift(r, dx * unit, dy * unit);
  }

  /** The handles of the box that may be moved, as elements for the overlay. */
  handles(f) {
    const target = this.target?.();
    if (!target) return [];
    const r = this.drag?.rect ?? (this.pending?.id === target.id ? this.pending.rect : target.rect);
    return CORNERS.map((corner) => {
      const node = document.createElement("span");
      node.className = `handle h-${corner}`;
      node.dataset.corner = corner;
      node.style.left = `${f.left + (corner.endsWith("w") ? r.x : r.x + r.w) * f.scale}px`;
      node.style.top = `${f.top + (corner.startsWith("n") ? r.y : r.y + r.h) * f.scale}px`;
      return node;
    });
  }
}

function place(node, r) {
  for (const el of node.querySelectorAll("rect")) {
    el.setAttribute("x", r.x);
    el.setAttribute("y", r.y);
    el.setAttribute("width", Math.max(r.w, 0));
    el.setAttribute("height", Math.max(r.h, 0));
  }
}

function shaped(r, kind, dx, dy) {
  if (kind === "move") return { ...r, x: r.x + dx, y: r.y + dy };
  const out = { ...r };
  if (kind.endsWith("w")) Object.assign(out, { x: r.x + dx, w: r.w - dx });
  else out.w = r.w + dx;
  if (kind.startsWith("n")) Object.assign(out, { y: r.y + dy, h: r.h - dy });
  else out.h = r.h + dy;
  return out;
}

function far(a, b, limit) {
  return Object.keys(a).some((k) => Math.abs(a[k] - b[k]) > limit);
}
