// Keeps the page alive: beats from the daemon as they come, the rest now and then, nothing while nobody looks.

import {ask, byId, say} from "./build.js";
import {add, begin} from "./charts.js";
import {batches, gaps, log} from "./details.js";
import {overview} from "./overview.js";
import "./tag.js";
import {refresh, streams} from "./tags.js";

const SLOWLY_MS = 5000;
const SILENT_MS = 10000;

let status = null;
let heard = 0;
let source = null;

function beat({status: now, point, line}) {
  status = now;
  heard = Date.now();
  if (document.hidden) { add(point, now.journal.max_bytes); return; }
  const well = !now.reasons.length;
  say(byId("health"), well ? "Ready" : "Not ready", `pill ${well ? "good" : "bad"}`);
  overview(now, point);
  add(point, now.journal.max_bytes);
  streams(Object.keys(now.streams));
  log(line).catch(quietly);
}

function quietly() {
  // The next round asks again; that nothing is heard is shown in the bar.
}

function listen() {
  source?.close();
  source = new EventSource("api/events");
  source.onmessage = (event) => beat(JSON.parse(event.data));
  source.onerror = () => {
    // The browser tries again by itself, unless the daemon answered otherwise: signed out, or too many pages.
    if (source.readyState === EventSource.CLOSED) setTimeout(again, SLOWLY_MS);
  };
}

async function again() {
  try {
    const now = await ask("api/status");
    beat({status: now, point: null, line: 0});
  } catch (error) {
    quietly(error);
  }
  listen();
}

async function slowly() {
  if (heard && Date.now() - heard > SILENT_MS) say(byId("health"), `No news for ${Math.round((Date.now() - heard) / 1000)} s, this is old`, "pill bad");
  if (!document.hidden) {
    await Promise.allSettled([refresh(), gaps(status?.history.gaps_open ?? 0), batches()]);
  }
  setTimeout(slowly, SLOWLY_MS);
}

document.addEventListener("visibilitychange", () => { if (!document.hidden && status) overview(status, null); });

try {
  begin(await ask("api/history"));
} catch (error) {
  say(byId("health"), error.message, "pill bad");
}
listen();
slowly();
