/* Times, spans, states and JSON as people read them. */
import { h } from "./dom.js";

const JSON_MAX = 20000; // characters
const LINE_MAX = 120;

const digits = (number, size = 2) => String(number).padStart(size, "0");

/* "2026-11-27 12:00:05", of the browser's zone; UTC when it is pointed at. */
export function time(said, fine = false) {
  if (!said) return "";
  const at = new Date(said);
  if (Number.isNaN(at.getTime())) return String(said);
  const day = [at.getFullYear(), at.getMonth() + 1, at.getDate()];
  const clock = [at.getHours(), at.getMinutes(), at.getSeconds()];
  const [date, now] = [day, clock].map((parts) => parts.map((n) => digits(n)));
  const text = fine ? `${now.join(":")}.${digits(at.getMilliseconds(), 3)}`
    : `${date.join("-")} ${now.join(":")}`;
  return h("time", { datetime: at.toISOString(), title: at.toISOString() }, text);
}

/* "12 ms", "1.25 s", "2 min 5 s", "3 h 4 min", "5 d 2 h" */
export function span(from, to) {
  const ms = new Date(to) - new Date(from);
  if (!from || !to || !(ms >= 0)) return "";
  if (ms < 1000) return `${ms} ms`;
  const [s, min, hours, days] =
    [1000, 60000, 3600000, 86400000].map((unit) => Math.floor(ms / unit));
  if (s < 60) return `${(ms / 1000).toFixed(2)} s`;
  if (min < 60) return `${min} min ${s % 60} s`;
  return hours < 24 ? `${hours} h ${min % 60} min` : `${days} d ${hours % 24} h`;
}

export const state = (word) => h("span", { class: `state ${word}` }, word);

const cut = (text, most) =>
  text.length <= most ? text : `${text.slice(0, most)}… (${text.length} characters)`;

export const text = (value) => h("pre", {}, cut(value, JSON_MAX));

/* A value folded up under `word`, or its beginning if none is given. */
export function json(name, value, word) {
  if (value === undefined || value === null) return null;
  return h("details", { "data-name": name },
    h("summary", { "data-name": `${name} summary` },
      word ?? cut(JSON.stringify(value), LINE_MAX)),
    text(JSON.stringify(value, null, 2)));
}

/* Why a run ended, where its status does not say it. */
export const reasonOf = ({ status, stop_reason }) =>
  stop_reason && stop_reason !== status ? stop_reason : "";

/* { type, message, step } */
export const error = (said) => said &&
  [said.step, said.type, said.message].filter(Boolean).join(": ");
