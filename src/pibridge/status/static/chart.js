// Curves over time, drawn as SVG: small ones for rows, large ones with axes and the values below the pointer.

import {svg, el} from "./build.js";
import {clock} from "./words.js";

const LEFT = 46, BOTTOM = 18, TOP = 6, RIGHT = 4;

/** Path of [x, y] places; null breaks it. */
function path(dots, x, y) {
  let text = "", isDown = false;
  for (const [at, value] of dots) {
    if (value === null || value === undefined) { isDown = false; continue; }
    text += `${isDown ? "L" : "M"}${x(at).toFixed(1)} ${y(value).toFixed(1)}`;
    if (!isDown) text += "h.1";
    isDown = true;
  }
  return text;
}

/** Round values between which the axis is drawn. */
export function ticks(low, high, most = 4) {
  const span = high - low || Math.abs(high) || 1;
  const rough = span / most;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 2.5, 5, 10].map((times) => times * power).find((size) => size >= rough);
  const first = Math.floor(low / step) * step;
  const found = [];
  for (let value = first; value <= high + step * 0.999 && found.length < 12; value += step) found.push(Number(value.toPrecision(12)));
  return found;
}

export class Chart {
  /** `write`: gives the text of a value. `fromZero`: the axis begins there. `base`: of its units. */
  constructor(place, {write, fromZero = true, base = 10, label}) {
    this.place = place;
    this.write = write;
    this.base = base;
    this.fromZero = fromZero;
    this.label = label;
    this.series = [];
    this.svg = svg("svg", {role: "img"});
    this.legend = el("div", {class: "legend"});
    this.place.append(this.svg);
    this.place.after(this.legend);
    this.at = null;
    new ResizeObserver(() => this.draw()).observe(place);
    this.svg.addEventListener("pointermove", (event) => { this.at = event.clientX - this.svg.getBoundingClientRect().left; this.point(); });
    this.svg.addEventListener("pointerleave", () => { this.at = null; this.point(); });
  }

  /** `series`: [{name, dots: [[unixS, value]], kind}]; `limit`: a line across; `from`, `to`: Unix times. */
  show({series, from, to, limit = null}) {
    Object.assign(this, {series, from, to, limit});
    this.draw();
  }

  draw() {
    const width = this.place.clientWidth, height = this.place.clientHeight;
    if (!width || this.from === undefined) return;
    const values = this.series.flatMap(({dots}) => dots.map((dot) => dot[1])).filter((value) => value !== null && value !== undefined);
    let low = values.reduce((a, b) => Math.min(a, b), Infinity), high = values.reduce((a, b) => Math.max(a, b), -Infinity);
    if (!values.length) { low = 0; high = 1; }
    if (this.fromZero) { low = Math.min(0, low); high = Math.max(high, 1); }
    if (low === high) { low -= Math.abs(low) * 0.05 || 0.5; high += Math.abs(high) * 0.05 || 0.5; }
    const unit = this.base === 10 ? 1 : this.base ** Math.floor(Math.log(high) / Math.log(this.base));
    const marks = ticks(low / unit, high / unit, height > 200 ? 5 : 3).map((mark) => mark * unit);
    low = Math.min(low, marks[0]); high = Math.max(high, marks[marks.length - 1]);
    this.x = (at) => LEFT + ((at - this.from) / (this.to - this.from || 1)) * (width - LEFT - RIGHT);
    const y = (value) => TOP + (1 - (value - low) / (high - low)) * (height - TOP - BOTTOM);
    const drawn = [];
    for (const mark of marks) {
      drawn.push(svg("line", {class: "grid", x1: LEFT, x2: width - RIGHT, y1: y(mark), y2: y(mark)}));
      drawn.push(svg("text", {x: LEFT - 6, y: y(mark) + 4, "text-anchor": "end"}, this.write(mark)));
    }
    const parts = width > 420 ? 4 : 2;
    for (let part = 0; part <= parts; part += 1) {
      const at = this.from + ((this.to - this.from) * part) / parts;
      const anchor = part === 0 ? "start" : part === parts ? "end" : "middle";
      drawn.push(svg("text", {x: this.x(at), y: height - 4, "text-anchor": anchor}, clock(at * 1000).slice(0, -3)));
    }
    if (this.limit !== null && this.limit <= high) drawn.push(svg("line", {class: "limit", x1: LEFT, x2: width - RIGHT, y1: y(this.limit), y2: y(this.limit)}));
    this.series.forEach(({dots}, place) => drawn.push(svg("path", {class: `curve s${place % 6}`, d: path(dots, this.x, y)})));
    this.cross = svg("line", {class: "cross", y1: TOP, y2: height - BOTTOM, visibility: "hidden"});
    this.svg.replaceChildren(...drawn, this.cross);
    this.point();
  }

  /** Write the values at the pointer, or the newest ones. */
  point() {
    const at = this.at === null || !this.x ? null : this.from + ((this.at - LEFT) / (this.place.clientWidth - LEFT - RIGHT)) * (this.to - this.from);
    const inside = at !== null && at >= this.from && at <= this.to;
    if (this.cross) {
      this.cross.setAttribute("visibility", inside ? "visible" : "hidden");
      if (inside) { this.cross.setAttribute("x1", this.at); this.cross.setAttribute("x2", this.at); }
    }
    const texts = this.series.map(({name, dots}) => {
      const dot = inside ? nearest(dots, at) : dots[dots.length - 1];
      return `${name} ${dot && dot[1] !== null ? this.write(dot[1]) : "–"}`;
    });
    this.legend.replaceChildren(...texts.map((text, place) => el("span", {}, svg("svg", {viewBox: "0 0 16 8", "aria-hidden": "true"}, svg("path", {class: `curve s${place % 6}`, d: "M1 4H15"})), text)));
    if (inside) this.legend.append(el("span", {}, clock(at * 1000)));
    else this.svg.setAttribute("aria-label", `${this.label}: ${texts.join(", ")}`);
  }
}

function nearest(dots, at) {
  let low = 0, high = dots.length - 1;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (dots[middle][0] < at) low = middle + 1; else high = middle;
  }
  const before = dots[low - 1];
  return before && Math.abs(before[0] - at) < Math.abs((dots[low] ?? before)[0] - at) ? before : dots[low];
}

/** A curve without axes, from `from` to `to`. */
export function spark(dots, from, to) {
  const numbers = dots.map((dot) => dot[1]).filter((value) => value !== null);
  if (!numbers.length) return "";
  const low = Math.min(...numbers), high = Math.max(...numbers);
  const x = (at) => Math.max(0, ((at - from) / (to - from || 1)) * 120);
  const y = (value) => (high === low ? 11 : 20 - ((value - low) / (high - low)) * 18);
  const last = dots[dots.length - 1];
  return path(last[1] === null ? dots : [...dots, [to, last[1]]], x, y);
}
