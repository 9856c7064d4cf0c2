// How numbers, sizes, times and durations are written.

const plain = new Intl.NumberFormat("en");
const rough = new Intl.NumberFormat("en", {maximumFractionDigits: 1});

export const count = (number) => plain.format(Math.round(number));

/** A number in few characters: 1,234 · 56.7 k · 8.9 M. */
export function short(number) {
  if (number === null || number === undefined) return "–";
  const size = Math.abs(number);
  if (size >= 1e9) return `${(number / 1e9).toFixed(1)} G`;
  if (size >= 1e6) return `${(number / 1e6).toFixed(1)} M`;
  if (size >= 1e5) return `${(number / 1e3).toFixed(0)} k`;
  return size >= 100 || Number.isInteger(number) ? count(number) : rough.format(number);
}

/** A measured value with six digits that count; whole numbers as they are. */
export const rounded = (number) => (Number.isInteger(number) ? String(number) : String(Number(number.toPrecision(6))));

export function bytes(number) {
  const units = ["B", "KiB", "MiB", "GiB", "TiB"];
  let unit = 0;
  let left = number;
  while (Math.abs(left) >= 1024 && unit < units.length - 1) { left /= 1024; unit += 1; }
  return `${left.toFixed(unit && Math.abs(left) < 100 ? 1 : 0)} ${units[unit]}`;
}

export function duration(seconds) {
  if (seconds < 0) return `in ${duration(-seconds)}`;
  if (seconds < 10) return `${seconds.toFixed(1)} s`;
  if (seconds < 60) return `${Math.round(seconds)} s`;
  if (seconds < 3600) return `${(seconds / 60).toFixed(seconds < 600 ? 1 : 0)} min`;
  if (seconds < 86400) return `${(seconds / 3600).toFixed(1)} h`;
  if (seconds < 86400 * 365) return `${(seconds / 86400).toFixed(1)} d`;
  return "over a year";
}

/** Text of a time (UTC, with up to seven digits) as this browser's clock has it; with the day unless it is today. */
export function moment(text, {digits = 0} = {}) {
  if (!text) return "–";
  return clock(Date.parse(text.replace(/(\.\d{3})\d*/, "$1")), {digits});
}

export function clock(ms, {digits = 0} = {}) {
  const when = new Date(ms);
  if (Number.isNaN(when.getTime())) return "–";
  const two = (number) => String(number).padStart(2, "0");
  const time = `${two(when.getHours())}:${two(when.getMinutes())}:${two(when.getSeconds())}`;
  const part = digits ? `.${String(when.getMilliseconds()).padStart(3, "0").slice(0, digits)}` : "";
  const day = `${when.getFullYear()}-${two(when.getMonth() + 1)}-${two(when.getDate())}`;
  return when.toDateString() === new Date().toDateString() ? time + part : `${day} ${time}${part}`;
}

export const age = (text) => (text ? (Date.now() - Date.parse(text.replace(/(\.\d{3})\d*/, "$1"))) / 1000 : null);
