// The last quarter of an hour: filled from the daemon's ring at the start, then point by point.

import {byId} from "./build.js";
import {Chart} from "./chart.js";
import {bytes, short} from "./words.js";

const SPAN_S = 900;
const LEAST_S = 120;
const MOST = 5;

const rates = new Chart(byId("chart-rates"), {write: short, label: "Events a second"});
const lag = new Chart(byId("chart-lag"), {write: short, label: "Events behind"});
const journal = new Chart(byId("chart-journal"), {write: bytes, base: 1024, label: "Journal on disk"});
let points = [];

export function begin(history) {
  points = history.points;
}

export function add(point, maxBytes) {
  if (point && point.at_s > (points[points.length - 1]?.at_s ?? 0)) points.push(point);
  while (points.length && points[0].at_s < point?.at_s - SPAN_S) points.shift();
  draw(maxBytes);
}

/** The names with the most in them; the rest together. */
function series(key) {
  const totals = {};
  for (const point of points) for (const [name, value] of Object.entries(point[key])) totals[name] = (totals[name] ?? 0) + value;
  const names = Object.keys(totals).sort((a, b) => totals[b] - totals[a]);
  const shown = names.length > MOST + 1 ? names.slice(0, MOST) : names;
  const rest = names.slice(shown.length);
  const found = shown.sort().map((name) => ({name, dots: points.map((point) => [point.at_s, point[key][name] ?? null])}));
  if (rest.length) found.push({name: `${rest.length} more`, dots: points.map((point) => [point.at_s, rest.reduce((all, name) => all + (point[key][name] ?? 0), 0)])});
  return found;
}

const total = (key) => points.map((point) => [point.at_s, Object.values(point[key]).reduce((a, b) => a + b, 0)]);

function draw(maxBytes) {
  if (document.hidden) return;
  const to = points[points.length - 1]?.at_s ?? Date.now() / 1000;
  const range = {from: Math.max(to - SPAN_S, Math.min(points[0]?.at_s ?? to, to - LEAST_S)), to};
  const archive = total("recovered");
  const read = {name: "read", dots: total("read")};
  const delivered = series("delivered");
  const recovered = archive.some((dot) => dot[1]) ? [{name: "from the archive", dots: archive}] : [];
  rates.show({...range, series: [read, ...delivered.map(({name, dots}) => ({name: `to ${name}`, dots})), ...recovered]});
  lag.show({...range, series: series("lag")});
  journal.show({...range, limit: maxBytes, series: [{name: "used", dots: points.map((point) => [point.at_s, point.bytes])}]});
}
