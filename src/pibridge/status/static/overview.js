// State at a glance: what is wrong, the tiles, the streams and the sinks.

import {block, byId, cell, el, keyed, remark, say} from "./build.js";
import {age, bytes, count, duration, moment, short} from "./words.js";

const sum = (numbers) => Object.values(numbers ?? {}).reduce((a, b) => a + b, 0);

function tiles({pi, streams, sinks, journal, history, audit, outlook}, point) {
  const all = Object.values(streams);
  const tags = all.reduce((total, stream) => total + stream.tags, 0);
  const refused = all.reduce((total, stream) => total + stream.quarantined, 0);
  const left = all.reduce((total, stream) => total + stream.problems, 0);
  const behind = Object.values(sinks).reduce((most, sink) => Math.max(most, sink.lag_s), 0);
  const waiting = Object.values(sinks).reduce((most, sink) => Math.max(most, sink.lag_events), 0);
  const down = Object.values(sinks).filter((sink) => sink.state === "unavailable").length;
  const letters = Object.values(sinks).reduce((total, sink) => total + sink.dead_letters, 0);
  const used = journal.max_bytes ? journal.bytes / journal.max_bytes : 0;
  const recovered = sum(point?.recovered);
  return [
    {name: "Read", value: point ? short(sum(point.read)) : "–", unit: "/s",
      note: recovered ? `${short(recovered)}/s of it from the archive` : `${short(journal.newest_seq)} events so far`,
      kind: pi.state === "connected" ? "good" : "bad"},
    {name: "Delivered", value: point ? short(sum(point.delivered)) : "–", unit: "/s",
      note: down ? `${down} of ${Object.keys(sinks).length} sinks unavailable` : `${Object.keys(sinks).length} sinks`, kind: down ? "bad" : "good"},
    {name: "Behind", value: waiting ? duration(behind) : "0 s", unit: "",
      note: `${short(waiting)} events${letters ? `, ${short(letters)} dead letters` : ""}`,
      kind: behind > 900 ? "bad" : behind > 300 || letters ? "warn" : "good"},
    {name: "Journal", value: bytes(journal.bytes), unit: "", note: runway(outlook, journal),
      kind: outlook.full_in_s !== null && outlook.full_in_s < 3600 ? "bad" : outlook.full_in_s !== null || journal.dropped ? "warn" : "good"},
    {name: "Gaps", value: short(history.gaps_open), unit: "open", note: `${short(history.gaps_paid)} paid, ${short(history.events_recovered)} events`,
      kind: history.gaps_open ? "warn" : "good"},
    {name: "Tags", value: short(tags), unit: "", note: refused || left ? [refused && `${short(refused)} refused by PI`, left && `${short(left)} left out`].filter(Boolean).join(", ") : `${all.length} ${all.length === 1 ? "stream" : "streams"}`,
      kind: refused || left ? "warn" : "good"},
    ...(audit.until ? [{name: "Audit", value: short(audit.unexplained), unit: "unexplained", note: `up to ${moment(audit.until)}, ${short(audit.repaired)} repaired`,
      kind: audit.unexplained ? "bad" : "good"}] : []),
    ...(used > 0.9 ? [{name: "Disk", value: `${Math.round(used * 100)} %`, unit: "", note: "of journal.max_size in use", kind: "warn"}] : []),
  ];
}

function runway(outlook, journal) {
  if (outlook.full_in_s !== null) return `full in ${duration(outlook.full_in_s)} at this rate`;
  if (outlook.outage_s !== null) return `lasts ${duration(outlook.outage_s)} without delivery`;
  return `of ${bytes(journal.max_bytes)}`;
}

function channels(stream) {
  return stream.channels ? `${stream.channels_open} of ${stream.channels}` : "none yet";
}

export function overview(status, point) {
  say(byId("site"), status.site);
  document.title = `${status.reasons.length ? "(!) " : ""}PI Bridge ${status.site}`;
  say(byId("daemon"), [`up ${duration(age(status.started))}`, ...(status.configuration.hash ? [`configuration ${status.configuration.hash.slice(0, 8)}`] : [])].join(" · "));
  say(byId("version"), `PI Bridge ${status.version}`);
  const reasons = [
    ...status.reasons,
    ...status.configuration.refused.map((line) => `the new configuration is refused: ${line}`),
  ];
  byId("trouble").hidden = !reasons.length;
  keyed(byId("trouble"), reasons, (reason) => reason, () => el("p"), (line, reason) => say(line, reason));
  keyed(byId("tiles"), tiles(status, point), (tile) => tile.name,
    () => el("article", {}, el("h2"), el("strong"), el("p")),
    (tile, {name, value, unit, note, kind}) => {
      tile.className = `tile ${kind}`;
      const [title, main, below] = tile.children;
      say(title, name);
      if (main.textContent !== `${value} ${unit}`) main.replaceChildren(`${value} `, el("small", {}, unit));
      say(below, note);
    });
  say(byId("pi"), `${status.pi.url} · ${status.pi.state}${status.pi.last_error ? `: ${status.pi.last_error}` : ""}`, status.pi.state === "connected" ? "line quiet" : "line bad");
  keyed(byId("streams"), Object.entries(status.streams), ([name]) => name, () => block(["", "number", "number", "number", "time"]),
    (body, [name, stream]) => {
      const [head, tags, open, rate, newest] = body.firstChild.children;
      const lacks = stream.channels_open < stream.channels || !stream.channels;
      say(head, name);
      remark(body, stream.last_error, "bad");
      cell(tags, count(stream.tags), [stream.quarantined && `${count(stream.quarantined)} refused`, stream.problems && `${count(stream.problems)} left out`].filter(Boolean).join(", "), "warn");
      cell(open, channels(stream), stream.reconnects ? `${count(stream.reconnects)} reopened` : "");
      open.firstChild.className = lacks ? "bad" : "good";
      cell(rate, short(point?.read[name]), point?.recovered[name] ? `${short(point.recovered[name])} archive` : "");
      cell(newest, stream.last_ts ? duration(age(stream.last_ts)) : "–", moment(stream.last_ts));
    });
  keyed(byId("sinks"), Object.entries(status.sinks), ([name]) => name, () => block(["", "", "number", "number", "time"]),
    (body, [name, sink]) => {
      const [head, state, rate, behind, caught] = body.firstChild.children;
      const withheld = sum(sink.withheld);
      say(head, name);
      remark(body, sink.last_error || (sink.dead_letters ? `${count(sink.dead_letters)} dead letters, the newest: ${sink.last_refusal}` : ""), "bad");
      cell(state, sink.state, sink.retries ? `${count(sink.retries)} retries` : "");
      state.firstChild.className = `pill ${sink.state === "delivering" ? "good" : sink.state === "unavailable" ? "bad" : ""}`;
      cell(rate, short(point?.delivered[name]), withheld ? `${short(withheld)} kept back` : "");
      cell(behind, short(sink.lag_events), sink.lag_events ? duration(sink.lag_s) : "");
      const ahead = status.outlook.catch_up_s[name];
      cell(caught, ahead ? `in ${duration(ahead)}` : sink.lag_events && sink.state !== "delivering" ? "not now" : sink.last_ts ? moment(sink.last_ts) : "–");
    });
  paying(status);
}

function paying({history, outlook}) {
  const open = history.gaps_open;
  say(byId("paying"), open
    ? `${count(open)} to be read from PI's archive${outlook.gaps_paid_in_s ? `, done in ${duration(outlook.gaps_paid_in_s)} at this rate` : ""}`
    : `None. ${count(history.gaps_paid)} were paid since the start, with ${count(history.events_recovered)} events.`);
  const bar = byId("paid");
  bar.hidden = outlook.gaps_paid_share === null;
  if (!bar.hidden) bar.value = outlook.gaps_paid_share;
}
