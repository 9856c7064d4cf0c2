// The table of tags: searched and cut into pages by the daemon, curves for the rows in view only.

import {ask, byId, cell, el, keyed, row, say, svg} from "./build.js";
import {spark} from "./chart.js";
import {count, duration, rounded} from "./words.js";

const ROWS = 50;
const MINUTES = 15;
const CURVES_AT_ONCE = 100;
// What has this age may still be on its way to the journal.
const LATE_S = 30;
const STATES = [["all", "All"], ["stale", "Stale"], ["refused", "Refused"], ["bad", "Bad"], ["waiting", "Waiting"], ["ended", "Ended"]];
const KINDS = {live: "quiet", stale: "pill warn", refused: "pill bad", waiting: "pill", ended: "pill"};

const wanted = {q: "", stream: "", state: "all", sort: "name", offset: 0};
const curves = new Map();
let until = 0;
let shown = [];
let asking = null;

const body = byId("tag-table").tBodies[0];

function bind() {
  let wait = 0;
  byId("q").addEventListener("input", (event) => {
    clearTimeout(wait);
    wait = setTimeout(() => look({q: event.target.value.trim()}), 180);
  });
  byId("tags-search").addEventListener("submit", (event) => event.preventDefault());
  byId("stream").addEventListener("change", (event) => look({stream: event.target.value}));
  byId("sort").addEventListener("change", (event) => look({sort: event.target.value}));
  byId("back").addEventListener("click", () => look({offset: Math.max(0, wanted.offset - ROWS)}));
  byId("on").addEventListener("click", () => look({offset: wanted.offset + ROWS}));
  for (const [state, name] of STATES) {
    const button = el("button", {type: "button", "aria-pressed": String(state === wanted.state), "data-state": state}, name);
    button.addEventListener("click", () => look({state}));
    byId("states").append(button);
  }
  addEventListener("keydown", (event) => {
    const busy = event.ctrlKey || event.metaKey || event.altKey || /^(INPUT|SELECT|TEXTAREA)$/.test(document.activeElement?.tagName ?? "");
    if (event.key === "/" && !busy && !byId("tag").open) { event.preventDefault(); byId("q").focus(); }
  });
}

export function streams(names) {
  keyed(byId("stream"), ["", ...names], (name) => name, (name) => el("option", {value: name}), (option, name) => say(option, name || "all streams"));
}

async function look(change) {
  Object.assign(wanted, {offset: 0}, change);
  byId("tag-table").classList.add("waits");
  await refresh();
}

/** Ask for the page that is wanted; an older question that is still open is given up. */
export async function refresh() {
  asking?.abort();
  const mine = asking = new AbortController();
  try {
    const page = await ask(`api/tags?${new URLSearchParams({...wanted, limit: ROWS})}`, mine.signal);
    if (asking !== mine) return;
    asking = null;
    draw(page);
    await draw_curves();
  } catch (error) {
    if (error.name !== "AbortError") say(byId("tags-count"), error.message);
  }
}

function draw({total, matched, counts, rows}) {
  shown = rows;
  byId("tag-table").classList.remove("waits");
  say(byId("tags-count"), wanted.q || wanted.stream || wanted.state !== "all" ? `${count(matched)} of ${count(total)}` : count(total));
  for (const button of byId("states").children) {
    const [state, name] = STATES.find(([each]) => each === button.dataset.state);
    say(button, `${name} ${count(counts[state])}`);
    button.setAttribute("aria-pressed", String(state === wanted.state));
    button.hidden = !counts[state] && state !== "all" && state !== wanted.state;
  }
  keyed(body, rows, (tag) => tag.number, make, update);
  const last = Math.min(wanted.offset + rows.length, matched);
  say(byId("page-at"), matched ? `${count(wanted.offset + 1)} to ${count(last)} of ${count(matched)}` : "none");
  byId("back").disabled = wanted.offset === 0;
  byId("on").disabled = last >= matched;
}

function make(tag) {
  const line = row(["", "quiet", "number", "", "number", ""]);
  line.children[0].append(el("a", {href: `#tag=${tag.number}`}), el("small"));
  line.children[3].append(el("span"), el("small"));
  line.children[5].append(svg("svg", {class: "spark", viewBox: "0 0 120 22", preserveAspectRatio: "none", "aria-hidden": "true"}, svg("path", {class: "curve"})));
  return line;
}

function update(line, tag) {
  const [name, stream, value, state, age, curve] = line.children;
  say(name.firstChild, tag.name);
  say(name.lastChild, tag.asset);
  say(stream, tag.stream);
  cell(value, tag.ts ? `${typeof tag.value === "number" ? rounded(tag.value) : tag.text}${tag.unit ? ` ${tag.unit}` : ""}` : "–");
  value.firstChild.className = tag.quality === "bad" ? "bad" : tag.quality === "questionable" ? "warn" : "";
  say(state.firstChild, tag.state, KINDS[tag.state]);
  say(state.lastChild, tag.reason || (tag.quality && tag.quality !== "good" ? tag.quality : ""));
  say(age, tag.age_s === null ? "–" : duration(tag.age_s));
  draw_curve(curve, tag.number);
}

function draw_curve(place, number) {
  const known = curves.get(number);
  const drawn = known ? spark(known, until - MINUTES * 60, until) : "";
  const path = place.firstChild.firstChild;
  if (path.getAttribute("d") !== drawn) path.setAttribute("d", drawn);
}

/** Rows in view ask for their curves: what is known already only for what is new. */
async function draw_curves() {
  const inView = shown.filter((tag) => {
    const place = body.pibridgeRows.get(tag.number)?.getBoundingClientRect();
    return place && place.bottom > -200 && place.top < innerHeight + 200;
  }).slice(0, CURVES_AT_ONCE);
  for (const number of curves.keys()) if (!shown.some((tag) => tag.number === number)) curves.delete(number);
  const fresh = inView.filter((tag) => !curves.has(tag.number));
  const known = inView.filter((tag) => curves.has(tag.number));
  if (known.length) await fetch_curves(known, until - LATE_S);
  if (fresh.length) await fetch_curves(fresh, 0);
  for (const tag of inView) {
    const line = body.pibridgeRows.get(tag.number);
    if (line) draw_curve(line.children[5], tag.number);
  }
}

async function fetch_curves(tags, since) {
  const query = new URLSearchParams({tags: tags.map((tag) => tag.number).join(","), minutes: MINUTES, ...(since ? {since} : {})});
  const told = await ask(`api/sparklines?${query}`);
  const oldest = told.until - MINUTES * 60;
  for (const {number} of tags) {
    const before = since ? (curves.get(number) ?? []).filter(([at]) => at < since && at >= oldest) : [];
    curves.set(number, [...before, ...(told.curves[number] ?? [])]);
  }
  until = told.until;
}

let scrolled = 0;
addEventListener("scroll", () => {
  clearTimeout(scrolled);
  scrolled = setTimeout(() => draw_curves().catch(() => {}), 250);
}, {passive: true});

bind();
