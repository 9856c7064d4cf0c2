"""The status page: plain tables of the snapshot, fetched again every two seconds. Nothing comes from elsewhere."""

from typing import Final

HTML: Final = """\
<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>PI Bridge</title>
<link rel="icon" href="data:,">
<link rel="stylesheet" href="page.css">
<script src="page.js" defer></script>
</head>
<body>
<header>
<h1>PI Bridge <span id="site"></span></h1>
<p id="health" role="status">Waiting for the daemon …</p>
</header>
<noscript><p>This page needs JavaScript. The same is at <a href="api/status">api/status</a>.</p></noscript>
<main id="tables"></main>
<footer><a href="api/status">JSON</a> <a href="metrics">Metrics</a> <a href="readyz">Ready?</a></footer>
</body>
</html>
"""

CSS: Final = """\
:root {
  --ink: #1c2430; --paper: #fbfbf9; --quiet: #5d6876; --rule: #d9dce1; --good: #14713d; --bad: #b3261e;
  color-scheme: light dark;
}
@media (prefers-color-scheme: dark) {
  :root { --ink: #e4e7eb; --paper: #14181e; --quiet: #98a3b1; --rule: #323944; --good: #5cc98a; --bad: #ff8a80; }
}
body {
  margin: 0 auto; padding: 1.5rem; max-width: 75rem; background: var(--paper); color: var(--ink);
  font: 0.9375rem/1.5 system-ui, sans-serif;
}
h1 { margin: 0; font-size: 1.375rem; }
h1 span { color: var(--quiet); font-weight: 400; }
h2 { margin: 2rem 0 0.25rem; font-size: 1rem; }
#health { margin: 0.25rem 0 0; white-space: pre-line; }
.good { color: var(--good); }
.bad { color: var(--bad); }
.scroll { overflow-x: auto; }
table { width: 100%; border-collapse: collapse; font-variant-numeric: tabular-nums; }
th, td { padding: 0.3rem 0.75rem 0.3rem 0; border-bottom: 1px solid var(--rule); text-align: left; }
thead th { color: var(--quiet); font-weight: 400; }
tbody th { font-weight: 600; white-space: nowrap; }
.number { text-align: right; white-space: nowrap; }
.fields tbody th { width: 14rem; color: var(--quiet); font-weight: 400; }
footer { margin-top: 2rem; color: var(--quiet); }
a { color: inherit; }
"""

JAVASCRIPT: Final = """\
"use strict";

const REFRESH_MS = 2000;
const PATIENCE_MS = 5000;

const count = new Intl.NumberFormat("en");

function size(bytes) {
  const units = ["B", "KiB", "MiB", "GiB", "TiB"];
  let unit = 0;
  while (bytes >= 1024 && unit < units.length - 1) { bytes /= 1024; unit += 1; }
  return `${bytes.toFixed(unit ? 1 : 0)} ${units[unit]}`;
}

function duration(seconds) {
  if (seconds < 60) return `${seconds.toFixed(1)} s`;
  if (seconds < 3600) return `${(seconds / 60).toFixed(1)} min`;
  if (seconds < 86400) return `${(seconds / 3600).toFixed(1)} h`;
  return `${(seconds / 86400).toFixed(1)} d`;
}

// A time of PI has seven fractional digits; people need three.
const moment = (text) => text.replace("T", " ").replace(/(\\.\\d{3})\\d*Z$/, "$1 UTC");
const words = (name) => name.replace(/_ts$/, " event").replace(/_s$/, "").replaceAll("_", " ");

function show(name, value) {
  if (name.endsWith("bytes")) return size(value);
  if (name.endsWith("_s")) return duration(value);
  if (name.endsWith("_ts") || name === "started" || name === "loaded") return moment(value);
  if (typeof value === "number") return count.format(value);
  if (Array.isArray(value)) return value.join("; ");
  if (value && typeof value === "object") {
    return Object.entries(value).map(([reason, records]) => `${reason}: ${count.format(records)}`).join(", ");
  }
  return value;
}

function element(name, text, attributes = {}) {
  const made = document.createElement(name);
  if (text !== undefined) made.textContent = text;
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  return made;
}

function cell(name, value) {
  const made = element("td", show(name, value));
  if (typeof value === "number") made.className = "number";
  if (name === "last_error" && value) made.className = "bad";
  return made;
}

function section(title, table) {
  const scroll = element("div", undefined, {class: "scroll"});
  scroll.append(table);
  return [element("h2", title), scroll];
}

function fields(title, values) {
  const table = element("table", undefined, {class: "fields", "aria-label": title});
  const body = table.createTBody();
  for (const [name, value] of Object.entries(values)) {
    body.insertRow().append(element("th", words(name), {scope: "row"}), element("td", show(name, value)));
  }
  return section(title, table);
}

function rows(title, entries) {
  const names = Object.keys(entries);
  if (!names.length) return [element("h2", title), element("p", "none")];
  const columns = Object.keys(entries[names[0]]);
  const table = element("table", undefined, {"aria-label": title});
  const head = table.createTHead().insertRow();
  head.append(element("th", "name", {scope: "col"}));
  for (const column of columns) {
    const numeric = typeof entries[names[0]][column] === "number";
    head.append(element("th", words(column), numeric ? {scope: "col", class: "number"} : {scope: "col"}));
  }
  const body = table.createTBody();
  for (const name of names) {
    const row = body.insertRow();
    row.append(element("th", name, {scope: "row"}), ...columns.map((column) => cell(column, entries[name][column])));
  }
  return section(title, table);
}

function draw(status) {
  document.getElementById("site").textContent = status.site;
  document.title = `PI Bridge ${status.site}`;
  document.getElementById("tables").replaceChildren(
    ...fields("PI", status.pi),
    ...rows("Streams", status.streams),
    ...rows("Sinks", status.sinks),
    ...fields("Journal", status.journal),
    ...fields("History", status.history),
    ...fields("Configuration", status.configuration),
    ...fields("Daemon", {version: status.version, started: status.started}),
  );
}

function tell(text, good) {
  const health = document.getElementById("health");
  if (health.textContent !== text) health.textContent = text;
  health.className = good ? "good" : "bad";
}

async function get(path) {
  return fetch(path, {signal: AbortSignal.timeout(PATIENCE_MS)});
}

async function refresh() {
  try {
    const [status, ready] = await Promise.all([get("api/status"), get("readyz")]);
    if (!status.ok) throw new Error(`the daemon answered ${status.status}`);
    draw(await status.json());
    const {reasons} = await ready.json();
    tell(reasons.length ? `Not ready: ${reasons.join("\\n")}` : "Ready", !reasons.length);
  } catch (error) {
    tell(`No news from the daemon, what you see is old: ${error.message}`, false);
  }
  setTimeout(refresh, REFRESH_MS);
}

refresh();
"""
