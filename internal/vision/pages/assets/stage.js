// The stage: one SVG whose viewBox is the window on the picture, so that
// zooming keeps every stroke at its width. Knows no boxes.

const MIN_PIXELS = 24; // the deepest zoom: so many picture pixels across

export class Stage {
  constructor(element, svg, width, height) {
    Object.assign(this, { element, svg, width, height });
    this.listeners = new Set();
    this.pointers = new Map();
    this.fit();
    new ResizeObserver(() => this.apply()).observe(element);
    element.addEventListener("wheel", (e) => this.onWheel(e), { passive: false });
    element.addEventListener("pointerdown", (e) => this.onDown(e));
    element.addEventListener("pointermove", (e) => this.onMove(e));
    for (const end of ["pointerup", "pointercancel"]) {
      element.addEventListener(end, (e) => this.onUp(e));
    }
  }

  /** Calls fn after every change of the window. */
  onChange(fn) {
    this.listeners.add(fn);
  }

  fit() {
    this.view = { x: 0, y: 0, w: this.width, h: this.height };
    this.apply();
  }

  apply() {
    const { x, y, w, h } = this.view;
    this.svg.setAttribute("viewBox", `${x} ${y} ${w} ${h}`);
    for (const fn of this.listeners) fn();
  }

  /** Screen pixels per picture pixel, and where the picture's origin lies. */
  get frame() {
    const box = this.svg.getBoundingClientRect();
    const outer = this.element.getBoundingClientRect();
    const scale = Math.min(box.width / this.view.w, box.height / this.view.h) || 1;
    return {
      scale,
      left: box.left - outer.left + (box.width - this.view.w * scale) / 2 - this.view.x * scale,
      top: box.top - outer.top + (box.height - this.view.h * scale) / 2 - this.view.y * scale,
      outer,
    };
  }

  /** 1 when the whole picture fits. */
  get zoom() {
    return this.width / this.view.w;
  }

  toPicture(event) {
    const f = this.frame;
    return { x: (event.clientX - f.outer.left - f.left) / f.scale, y: (event.clientY - f.outer.top - f.top) / f.scale };
  }

  zoomBy(factor, at = { x: this.view.x + this.view.w / 2, y: this.view.y + this.view.h / 2 }) {
    const w = Math.min(Math.max(this.view.w / factor, Math.min(MIN_PIXELS, this.width)), this.width);
    const k = w / this.view.w;
    this.view = { x: at.x - (at.x - this.view.x) * k, y: at.y - (at.y - this.view.y) * k, w, h: this.view.h * k };
    this.keepInside();
    this.apply();
  }

  keepInside() {
    const v = this.view;
    v.x = Math.min(Math.max(v.x, 0), this.width - v.w);
    v.y = Math.min(Math.max(v.y, 0), this.height - v.h);
  }

  /** Moves the window just so far that the rectangle is inside it. */
  reveal({ x, y, w, h }) {
    const v = this.view;
    if (x >= v.x && y >= v.y && x + w <= v.x + v.w && y + h <= v.y + v.h) return;
    v.x = x + w / 2 - v.w / 2;
    v.y = y + h / 2 - v.h / 2;
    this.keepInside();
    this.apply();
  }

  onWheel(event) {
    event.preventDefault();
    const step = event.deltaMode === 1 ? event.deltaY * 16 : event.deltaY;
    this.zoomBy(Math.exp(-step * 0.0016), this.toPicture(event));
  }

  // A drag on the ground pans, two fingers zoom. Whoever handles a pointer
  // itself (a box being drawn or moved) stops the event before it gets here.
  onDown(event) {
    if (event.button > 1 || event.target.closest("button, form, a, output")) return;
    this.pointers.set(event.pointerId, { x: event.clientX, y: event.clientY });
  }

  onMove(event) {
    const last = this.pointers.get(event.pointerId);
    if (!last) return;
    if (this.pointers.size === 2) {
      const [other] = [...this.pointers].filter(([id]) => id !== event.pointerId).map(([, p]) => p);
      const before = Math.hypot(last.x - other.x, last.y - other.y);
      const after = Math.hypot(event.clientX - other.x, event.clientY - other.y);
      if (before > 0) this.zoomBy(after / before, this.toPicture({ clientX: (event.clientX + other.x) / 2, clientY: (event.clientY + other.y) / 2 }));
    } else {
      if (!this.panning && Math.hypot(event.clientX - last.x, event.clientY - last.y) < 4) return;
      if (!this.panning) {
        this.panning = true;
        this.element.setPointerCapture(event.pointerId);
      }
      const { scale } = this.frame;
      this.view.x -= (event.clientX - last.x) / scale;
      this.view.y -= (event.clientY - last.y) / scale;
      this.keepInside();
      this.apply();
    }
    this.pointers.set(event.pointerId, { x: event.clientX, y: event.clientY });
  }

  onUp(event) {
    this.pointers.delete(event.pointerId);
    // A click that ends a pan must not select what lies under it.
    if (this.panning) setTimeout(() => (this.panning = false));
  }
}
