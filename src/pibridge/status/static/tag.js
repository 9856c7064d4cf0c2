// One tag's own view: what it is, its curve from the journal, its newest values, and what became of them.

import {ask, byId, el, keyed, row, say} from "./build.js";
import {Chart} from "./chart.js";
import {count, duration, moment, short} from "./words.js";

const RANGES = [[15, "15 min"], [60, "1 h"], [480, "8 h"], [1440, "24 h"]];
const EVERY_MS = 5000;
const MOST_EVENTS = 50;
// What has this age may still be on its way to the journal.
const LATE_S = 30;

const dialog = byId("tag");
const curve = new Chart(byId("tag-curve"), {write: short, fromZero: false, label: "Values"});
let number = 0;
let minutes = 60;
let known = null;
let explained = "";
let canExplain = null;

for (const [range, name] of RANGES) {
  const button = el("button", {type: "button", "aria-pressed": String(range === minutes), "data-minutes": range}, name);
  button.addEventListener("click", () => { minutes = range; known = null; refresh(); });
  byId("tag-ranges").append(button);
}
dialog.addEventListener("close", () => { if (location.hash.startsWith("#tag=")) history.pushState(null, "", "#tags"); number = 0; });
dialog.addEventListener("click", (event) => { if (event.target === dialog) dialog.close(); });
addEventListener("hashchange", open);

export function open() {
  const wanted = Number(/^#tag=(\d+)$/.exec(location.hash)?.[1] ?? 0);
  if (!wanted) { if (dialog.open) dialog.close(); return; }
  if (wanted === number) return;
  number = wanted;
  known = null;
  explained = "";
  byId("explain").hidden = true;
  byId("tag-facts").replaceChildren();
  byId("tag-facts").pibridgeRows = undefined;
  say(byId("tag-name"), "…");
  curve.show({series: [], from: Date.now() / 1000 - 60 * minutes, to: Date.now() / 1000});
  if (!dialog.open) dialog.showModal();
  refresh();
}

export async function refresh() {
  if (!number || !dialog.open) return;
  const mine = number, range = minutes;
  for (const button of byId("tag-ranges").children) button.setAttribute("aria-pressed", String(Number(button.dataset.minutes) === range));
  try {
    const told = await ask(`api/tag?${new URLSearchParams({number: mine, minutes: range, ...(known ? {since: known.until - LATE_S} : {})})}`);
    if (mine !== number || range !== minutes) return;
    known = known ? joined(known, told) : told;
    draw(known);
    await explain(told.tag);
  } catch (error) {
    say(byId("tag-note"), error.status === 404 ? "There is no such tag." : error.message);
  }
}

/** What was told before, and what is new. */
function joined(before, now) {
  const oldest = now.until - 60 * minutes, cut = before.until - LATE_S;
  const cut_text = new Date(cut * 1000).toISOString();
  return {
    ...now,
    since: Math.max(before.since, oldest),
    values: before.values,
    curve: [...before.curve.filter(([at]) => at < cut && at >= oldest), ...now.curve],
    events: [...now.events, ...before.events.filter(({ts}) => ts < cut_text)].slice(0, MOST_EVENTS),
  };
}

function draw({tag, since, until, values, curve: dots, events}) {
  say(byId("tag-name"), tag.name);
  const facts = [
    ["Value", tag.ts ? `${tag.text}${tag.unit ? ` ${tag.unit}` : ""}` : "none yet"], ["Quality", tag.quality ?? "–"],
    ["Time", tag.ts ? moment(tag.ts, {digits: 3}) : "–"], ["Age", tag.age_s === null ? "–" : duration(tag.age_s)],
    ["State", tag.state], ["Stream", `${tag.stream} (${tag.mode})`], ["Asset", tag.asset || "–"],
    ["Path", tag.path], ...(tag.reason ? [["PI refuses it", tag.reason]] : []),
  ];
  keyed(byId("tag-facts"), facts, ([name]) => name, ([name]) => el("div", name === "Path" || name === "PI refuses it" ? {class: "wide"} : {}, el("dt", {}, name), el("dd")),
    (line, [, value]) => say(line.lastChild, value));
  const asked = until - 60 * minutes;
  const isCurve = !dots.length || dots.some((dot) => dot[1] !== null);
  byId("tag-curve").hidden = curve.legend.hidden = !isCurve;
  curve.show({from: asked, to: until, series: [{name: tag.name, dots}]});
  const cut = since - asked > 1 ? ` The journal holds so much of this time that only the last ${duration(until - since)} were read.` : "";
  say(byId("tag-note"), `${count(values)} values in the journal when this was opened.${cut}`);
  keyed(byId("tag-events").tBodies[0], events.map((event) => ({...event, key: `${event.ts} ${event.text}`})), (event) => event.key, () => row(["time", "number", ""]),
    (line, event) => {
      say(line.children[0], moment(event.ts, {digits: 3}));
      say(line.children[1], event.text);
      say(line.children[2], [event.quality, ...event.flags].join(", "), event.quality === "bad" ? "bad" : event.quality === "questionable" ? "warn" : "");
    });
}

/** Ask what became of the newest value, if this daemon can tell. */
async function explain({path, ts}) {
  canExplain ??= "/api/explain" in (await ask("api/openapi.json")).paths;
  const about = `${path} ${ts}`;
  if (!canExplain || !ts || about === explained) return;
  explained = about;
  const answer = await fetch(`api/explain?${new URLSearchParams({tag: path, at: ts})}`);
  byId("explain").hidden = !answer.ok;
  if (answer.ok) byId("explanation").replaceChildren(readable(await answer.json()));
}

/** JSON as nested lists of names and values. */
function readable(value) {
  if (Array.isArray(value)) {
    if (value.every((each) => each === null || typeof each !== "object")) return el("span", {}, value.join(", ") || "none");
    return el("ol", {}, ...value.map((each) => el("li", {}, readable(each))));
  }
  if (value && typeof value === "object") {
    return el("dl", {}, ...Object.entries(value).map(([name, below]) => el("div", {}, el("dt", {}, `${name.replaceAll("_", " ")}: `), el("dd", {}, readable(below)))));
  }
  return el("span", {}, value === null ? "none" : String(value));
}

setInterval(() => { if (!document.hidden) refresh(); }, EVERY_MS);
open();
