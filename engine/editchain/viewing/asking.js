"use strict";
// Asking the server, and what becomes of its answers.
class Refused extends Error {
  constructor(status, said) {
    super(said?.reason ?? `The server answered with ${status}.`);
    this.status = status;
    this.problems = said?.problems ?? [];
  }
}

async function ask(path, body, headers = {}) {
  const options = body === undefined ? {} : { method: "POST", body: JSON.stringify(body), headers: { "Content-Type": "application/json", ...headers } };
  let answer;
  try {
    answer = await fetch(path, options);
  } catch {
    throw new Refused(0, { reason: "The server does not answer. Does it still run?" });
  }
  const said = await answer.json().catch(() => null);
  if (!answer.ok) throw new Refused(answer.status, said);
  return said;
}

// A name that nobody else gives, so that the same request sent twice is one.
const token = () => [...crypto.getRandomValues(new Uint8Array(16))].map((one) => one.toString(16).padStart(2, "0")).join("");

const ENDED = ["done", "failed", "waiting", "stopped"];
const STATUS = { queued: "queued", running: "running", done: "done", failed: "failed", waiting: "waits for a person", stopped: "stopped" };
const status = (run) => make("span", { class: `status ${run.status}` }, STATUS[run.status] ?? run.status);
const seconds = (date) => Date.parse(date) / 1000;
const path = (name) => name.split("/").map(encodeURIComponent).join("/");

function spent(run) {
  const parts = Object.entries(run.spent ?? {}).filter(([, amount]) => Number(amount) > 0).map(([currency, amount]) => money(Number(amount), currency));
  return parts.join(" + ") || "nothing";
}

function ago(date) {
  const since = Date.now() / 1000 - seconds(date);
  if (since < 60) return "just now";
  if (since < 3600) return `${Math.round(since / 60)} min ago`;
  if (since < 86400) return `${Math.round(since / 3600)} h ago`;
  return new Date(date).toLocaleDateString(undefined, { year: "numeric", month: "short", day: "numeric" });
}

// A picture that may not be there yet, or not any more.
function pictured(src, alt, fallback) {
  const image = make("img", { src, alt, loading: "lazy", decoding: "async" });
  image.addEventListener("error", () => image.replaceWith(make("span", { class: "no-picture", "aria-hidden": "true" }, fallback)));
  return image;
}

const problem = (text) => make("p", { class: "problem", role: "alert" }, text);
