// Distances between two points of the surface, chosen by a click, or from the keyboard with a cross in the middle.

/** A length in words: metres where the scale is known, else the scene's own unit. */
function lengthText(units, metresPerUnit) {
  if (!metresPerUnit) return `${Number(units.toPrecision(4))} scene units`;
  const metres = units * metresPerUnit;
  if (metres >= 1) return `${Number(metres.toPrecision(4))} m`;
  return metres >= 0.01 ? `${Number((100 * metres).toPrecision(4))} cm` : `${Number((1000 * metres).toPrecision(4))} mm`;
}

class Measure {
  constructor(viewer, metresPerUnit) {
    this.viewer = viewer;
    this.metresPerUnit = metresPerUnit;
    this.points = [];
    this.active = false;
    this.panel = document.querySelector("#measure");
    this.words = this.panel.querySelector("output");
    this.form = this.panel.querySelector("form");
    this.marks = document.querySelector("#marks");
    this.panel.querySelector("[data-action=again]").addEventListener("click", () => this.clear());
    knownDistanceForm(this.form, () => this.points, (scale) => { this.metresPerUnit = scale; this.say(); viewer.redraw(); });
    viewer.onClick = (x, y) => this.active && this.mark(x, y);
    viewer.onDraw = () => this.draw();
    viewer.canvas.addEventListener("keydown", (event) => {
      if (!this.active || !["Enter", " "].includes(event.key)) return;
      event.preventDefault();
      this.mark(viewer.canvas.clientWidth / 2, viewer.canvas.clientHeight / 2);
    });
  }

  toggle() {
    this.active = !this.active;
    this.panel.hidden = !this.active;
    this.clear();
    if (this.active) this.viewer.canvas.focus({ preventScroll: true });
    return this.active;
  }

  clear() {
    this.points = [];
    this.form.querySelector(".yaml").hidden = true;
    this.say();
    this.viewer.redraw();
  }

  /** Choose what lies under a place of the canvas; a third point begins anew. */
  mark(x, y) {
    const point = this.viewer.pointAt(x, y);
    if (!point) {
      this.words.textContent = "There is no surface at that place.";
      return true;
    }
    if (this.points.length === 2) this.clear();
    this.points.push(point);
    this.say();
    this.viewer.redraw();
    return true;
  }

  say() {
    const [from, to] = this.points;
    const chosen = ["Choose two points on the surface.", "Choose the second point."];
    this.form.hidden = !to;
    this.words.textContent = to ? lengthText(norm(subtract(from, to)), this.metresPerUnit) : chosen[this.points.length];
    this.words.classList.toggle("large", Boolean(to));
  }

  /** The marks follow the view. */
  draw() {
    const { viewer, marks } = this;
    const places = this.active ? this.points.map((point) => viewer.screenPlace(point)) : [];
    marks.querySelectorAll("circle").forEach((circle, index) => {
      const at = places[index];
      circle.toggleAttribute("hidden", !at);
      if (at) { circle.setAttribute("cx", at[0]); circle.setAttribute("cy", at[1]); }
    });
    const [line, label] = [marks.querySelector("line"), marks.querySelector("text")];
    const both = places.length === 2 && places[0] && places[1];
    for (const part of [line, label]) part.toggleAttribute("hidden", !both);
    if (both) {
      const [[x1, y1], [x2, y2]] = places;
      for (const [name, value] of Object.entries({ x1, y1, x2, y2 })) line.setAttribute(name, value);
      label.setAttribute("x", (x1 + x2) / 2);
      label.setAttribute("y", (y1 + y2) / 2 - 10);
      label.textContent = this.words.textContent;
    }
    const cross = marks.querySelector("path");
    cross.toggleAttribute("hidden", !this.active);
    cross.setAttribute("transform", `translate(${viewer.canvas.clientWidth / 2} ${viewer.canvas.clientHeight / 2})`);
  }
}
