// Making and changing elements. What did not change is not touched: focus and selection stay.

export const byId = (id) => document.getElementById(id);

const SVG = "http://www.w3.org/2000/svg";

export function el(name, attributes = {}, ...inside) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.append(...inside);
  return made;
}

export function svg(name, attributes = {}, ...inside) {
  const made = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.append(...inside);
  return made;
}

export function say(element, text, kind) {
  if (element.textContent !== text) element.textContent = text;
  if (kind !== undefined && element.className !== kind) element.className = kind;
}

/** Bring the children of `parent` in line with `items`: one each, by key, in their order. */
export function keyed(parent, items, keyOf, make, update) {
  const known = parent.pibridgeRows ??= new Map();
  const wanted = new Set(items.map(keyOf));
  for (const [key, child] of known) {
    if (!wanted.has(key)) { child.remove(); known.delete(key); }
  }
  let after = null;
  for (const item of items) {
    const key = keyOf(item);
    let child = known.get(key);
    if (!child) { child = make(item); known.set(key, child); }
    const place = after ? after.nextElementSibling : parent.querySelector(":scope > :not(thead)");
    if (place !== child) parent.insertBefore(child, place);
    update(child, item);
    after = child;
  }
}

/** A table's body of one item: a row of cells, and below it a line of text that is hidden while there is none. */
export function block(classes) {
  const line = el("tr", {hidden: "", class: "said"}, el("td", {colspan: classes.length}));
  return el("tbody", {}, row(classes), line);
}

export function remark(body, text, kind) {
  const line = body.lastChild;
  line.hidden = !text;
  say(line.firstChild, text, kind);
}

/** A row of cells; the first is its head. `classes`: of the cells. */
export function row(classes) {
  const made = el("tr");
  classes.forEach((name, place) => {
    made.append(el(place ? "td" : "th", place ? {class: name} : {class: name, scope: "row"}));
  });
  return made;
}

/** A cell with a main text and a smaller one below. */
export function cell(element, text, below = "", kind = "") {
  if (!element.firstChild) element.append(el("span"), el("small"));
  say(element.firstChild, text);
  say(element.lastChild, below, kind);
  element.lastChild.hidden = !below;
}

export async function ask(path, signal) {
  const answer = await fetch(path, {signal: signal ?? AbortSignal.timeout(10000)});
  if (answer.status === 401) { location.reload(); throw new Error("signed out"); }
  if (!answer.ok) throw Object.assign(new Error(`${path.split("?")[0]} answered ${answer.status}`), {status: answer.status});
  return answer.json();
}
