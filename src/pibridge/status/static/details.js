// What is asked for now and then: gaps, batches, log lines.

import {ask, byId, cell, el, keyed, row, say} from "./build.js";
import {age, count, duration, moment} from "./words.js";

const MOST_LINES = 200;
const KINDS = {warning: "warn", error: "bad", critical: "bad"};

let lines = [];

export async function gaps(open) {
  const table = byId("gaps");
  table.parentElement.hidden = !open;
  if (!open) return;
  const {debts} = await ask("api/gaps");
  table.parentElement.hidden = !debts.length;
  keyed(table.tBodies[0], debts, (debt) => `${debt.stream} ${debt.reason}`, () => row(["", "", "number", "time", "time"]), (line, debt) => {
    const [stream, why, number, from, to] = line.children;
    cell(stream, debt.stream || "–", debt.tags > 1 ? `${count(debt.tags)} tags` : debt.tag);
    say(why, debt.reason);
    say(number, count(debt.gaps));
    say(from, moment(debt.since));
    say(to, debt.until ? moment(debt.until) : "still open");
  });
}

export async function batches() {
  const {units, running, batches: found} = await ask("api/batches");
  byId("batches-card").hidden = !units;
  say(byId("batches-count"), `on ${count(running)} of ${count(units)} units${found.length < running ? `, the first ${count(found.length)}` : ""}`);
  keyed(byId("batches").tBodies[0], found, (batch) => batch.asset, () => row(["", "", "time"]), (line, batch) => {
    const [unit, id, since] = line.children;
    say(unit, batch.asset);
    cell(id, batch.id, [...(batch.template ? [batch.template] : []), ...batch.levels].join(" › "));
    id.firstChild.className = batch.valid ? "" : "warn";
    cell(since, moment(batch.since), duration(age(batch.since)));
  });
}

export async function log(newest) {
  const known = lines[lines.length - 1]?.id ?? 0;
  if (newest === known) return;
  const told = await ask(`api/log?after=${newest < known ? 0 : known}`);
  lines = [...(newest < known ? [] : lines), ...told.lines].slice(-MOST_LINES);
  keyed(byId("log"), [...lines].reverse(), (line) => line.id, made, () => {});
}

function made({time, level, event, fields}) {
  const said = Object.entries(fields).map(([name, value]) => `${name} ${value}`).join(" · ");
  return el("li", {}, el("time", {}, moment(time)), el("span", {class: KINDS[level] ?? "quiet"}, level),
    el("span", {}, `${event} `, el("span", {class: "fields"}, said)));
}
