// How numbers, durations and instants are written. `spoken` says what the program's `units::spoken` says.
const MINUTE = 60, HOUR = 3600, DAY = 86400;

function short(seconds) {
  if (seconds === 0) return "0 s";
  if (seconds < 0.0009995) return "under 1 ms";
  const [value, unit] = seconds < 0.9995 ? [seconds * 1e3, "ms"] : [seconds, "s"];
  const places = value < 9.995 ? 2 : value < 99.95 && (unit === "ms" || value < 19.95) ? 1 : 0;
  return `${Number(value.toFixed(places))} ${unit}`;
}

function spoken(seconds) {
  if (!Number.isFinite(seconds)) return "unknown";
  if (seconds < 0) return "-" + spoken(-seconds);
  if (seconds < 59.5) return short(seconds);
  const minutes = Math.round(seconds / MINUTE) * MINUTE;
  const [whole, large, small, names] =
    Math.round(seconds) < HOUR ? [Math.round(seconds), MINUTE, 1, ["m", "s"]]
    : minutes < 2 * DAY ? [minutes, HOUR, MINUTE, ["h", "m"]]
    : [Math.round(seconds / HOUR) * HOUR, DAY, HOUR, ["d", "h"]];
  const rest = Math.floor((whole % large) / small);
  return `${Math.floor(whole / large)} ${names[0]}` + (rest ? ` ${rest} ${names[1]}` : "");
}

function amount(value) {
  if (value === null || value === undefined) return "–";
  if (Number.isInteger(value)) return value.toLocaleString("en-US");
  const places = Math.min(6, Math.max(0, 3 - Math.floor(Math.log10(Math.abs(value)))));
  return value.toLocaleString("en-US", { maximumFractionDigits: places });
}

// An instant: the time of day (and the date, where the run is longer than one) or the time since the start.
function instant(seconds, start, duration) {
  if (start === null) {
    const sign = seconds < 0 ? "-" : "", whole = Math.round(Math.abs(seconds));
    const two = number => String(number).padStart(2, "0");
    return `${sign}${two(Math.floor(whole / HOUR))}:${two(Math.floor(whole / MINUTE) % 60)}:${two(whole % 60)}`;
  }
  const iso = new Date(Math.round((start + seconds) * 1000)).toISOString();
  return duration > DAY ? `${iso.slice(5, 10)} ${iso.slice(11, 19)}` : iso.slice(11, 19);
}

const TIME_STEPS = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, HOUR, 2 * HOUR, 3 * HOUR, 6 * HOUR, 12 * HOUR,
  DAY, 2 * DAY, 5 * DAY, 7 * DAY, 14 * DAY, 28 * DAY, 91 * DAY, 182 * DAY, 364 * DAY];

// Round instants between two: times of day where the start is known.
function timeTicks(from, to, most, start) {
  const step = TIME_STEPS.find(step => (to - from) / step <= most) || TIME_STEPS[TIME_STEPS.length - 1];
  const round = Math.min(step, DAY);
  const offset = start === null ? 0 : (round - ((start % round) + round) % round) % round;
  const ticks = [];
  for (let at = offset + Math.ceil((from - offset) / step) * step; at <= to; at += step) ticks.push(at);
  const label = at => {
    if (start === null) {
      const [unit, name] = step >= DAY ? [DAY, "d"] : step >= HOUR ? [HOUR, "h"] : step >= MINUTE ? [MINUTE, "min"] : [1, "s"];
      return step >= MINUTE && step < HOUR && to > 2 * HOUR ? instant(at, null, 0).slice(0, 5) : `${at / unit} ${name}`;
    }
    const date = new Date((start + at) * 1000), iso = date.toISOString();
    if (step >= DAY || iso.slice(11, 19) === "00:00:00")
      return date.toLocaleDateString("en-US", { month: "short", day: "numeric", timeZone: "UTC" });
    return step >= MINUTE ? iso.slice(11, 16) : iso.slice(11, 19);
  };
  return { ticks, label };
}

// Zero and round numbers up to one that is no less than `max`.
function valueAxis(max, whole) {
  const top = max > 0 && Number.isFinite(max) ? max : 1;
  const raw = top / 4, magnitude = 10 ** Math.floor(Math.log10(raw));
  let step = [1, 2, 5, 10].map(factor => factor * magnitude).find(step => step >= raw * 0.999);
  if (whole) step = Math.max(1, Math.round(step));
  const count = Math.max(1, Math.ceil(top / step - 1e-9));
  return { end: count * step, ticks: Array.from({ length: count + 1 }, (_, index) => Number((index * step).toPrecision(12))) };
}

function element(name, properties = {}, children = []) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(properties)) {
    if (key === "text") made.textContent = value;
    else if (key === "class") made.className = value;
    else made.setAttribute(key, value);
  }
  made.append(...children);
  return made;
}

function cssColor(name) {
  return getComputedStyle(document.documentElement).getPropertyValue("--" + name).trim();
}

function faded(color, opacity) {
  const [red, green, blue] = [1, 3, 5].map(at => parseInt(color.slice(at, at + 2), 16));
  return `rgba(${red},${green},${blue},${opacity})`;
}
