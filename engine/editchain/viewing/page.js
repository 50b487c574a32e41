"use strict";
// Draws the page of a run from its data, and draws again what is otherwise in newer data.
let page = null;
let images = null;
let tasks = []; // every task, in the order of the page
let found = new Map(); // digest, or what a key is called where nobody has the bytes, to the first task that made it
let there = new Set(); // digests of the pictures in the folder beside the page

function take(newPage, newImages) {
  page = newPage;
  images = newImages;
  tasks = [];
  found = new Map();
  there = new Set(images.there);
  for (const step of page.steps) {
    for (const task of step.tasks) {
      task.step = step;
      task.at = tasks.length;
      tasks.push(task);
      for (const made of [task.digest, called(task)]) if (made && !found.has(made)) found.set(made, task);
    }
  }
}

const called = (task) => (task.key ? `task:${task.key}` : null);

// Pictures are inside of the page, in a folder beside it, or with the server under addresses that it signed.
function address(digest, isView) {
  if (!digest) return null;
  const inline = images.inline[digest];
  if (inline) return inline[isView ? 1 : 0];
  const name = `${images.beside}/${digest}${isView ? ".view" : ""}.webp`;
  if (images.signed) return images.signed[digest] ? `${name}?${images.signed[digest]}` : null;
  return there.has(digest) ? name : null;
}
const thumbnail = (digest) => address(digest, false);
const view = (digest) => address(digest, true);

// ---------------------------------------------------------------- head and graph

function drawFacts() {
  const counts = Object.entries(page.counts).map(([state, count]) => `${count.toLocaleString()} ${state}`);
  const facts = [
    ["outcome", page.state === "running" ? "running" : counts.join(", ") || page.outcome],
    ["began", moment(page.began)],
    ["took", page.ended && duration(page.ended - page.began)],
    ["cost", cost()],
    ["pipeline", page.path],
    ["run", page.run],
    ...page.inputs.map(([name, type, text]) => [`${name} (${type})`, text]),
  ].filter(([, value]) => value !== null);
  document.getElementById("facts").replaceChildren(...facts.map(([name, value]) => make("div", {}, make("dt", {}, name), make("dd", {}, value))));
}

function cost() {
  const sums = new Map();
  let unknown = 0;
  let isMost = false;
  for (const call of page.calls) {
    if (call.charged === "no") continue;
    isMost ||= call.price_actual === null;
    const amount = call.price_actual ?? call.price_most;
    if (amount === null) unknown += 1;
    else sums.set(call.currency, (sums.get(call.currency) ?? 0) + Number(amount));
  }
  const parts = [...sums].map(([currency, sum]) => `${Number(sum.toFixed(4))} ${currency}`);
  if (unknown) parts.push(`${unknown} calls at an unknown price`);
  return parts.length ? `${isMost && sums.size ? "at most " : ""}${parts.join(" + ")}` : "nothing";
}

function fillGraph() {
  for (const image of document.querySelectorAll(".graph image")) {
    const place = thumbnail(image.dataset.picture);
    if (place && image.getAttribute("href") !== place) image.setAttribute("href", place);
  }
}

// ---------------------------------------------------------------- steps and their tasks

let wanted = "";
const hidden = new Set();
const isShown = (task) => !hidden.has(task.state) && (wanted === "" || `${task.name} ${task.prompt ?? ""}`.toLowerCase().includes(wanted));

function frame(digest, alt, isLarge = false) {
  const place = isLarge ? view(digest) : thumbnail(digest);
  return make("span", { class: "frame" }, place ? make("img", { src: place, alt, loading: "lazy", decoding: "async" }) : null);
}
function card(drawn, label, isLarge = false) {
  const task = tasks[drawn.at];
  const node = make(
    "button",
    { class: isLarge ? "card large" : "card", type: "button", "data-task": task.at, "aria-label": `${task.name}, ${task.state}` },
    frame(task.digest, "", isLarge),
    make("span", { class: "text" }, make("span", { class: "name", title: task.name }, label), make("span", { class: `state ${task.state}` }, task.state)),
    isLarge && (task.message ?? task.prompt) ? make("span", { class: task.message ? "words message" : "words" }, task.message ?? task.prompt) : null,
  );
  node.again = () => card(task, label, isLarge);
  return node;
}

const list = document.getElementById("steps");

// Rows are drawn while they are near the screen, and keep their height when they are not.
const near = new IntersectionObserver(
  (entries) => {
    for (const entry of entries) {
      const row = entry.target;
      if (entry.isIntersecting) {
        if (!row.firstChild) row.append(...row.draw());
      } else if (row.firstChild && !row.contains(document.activeElement)) {
        row.style.minHeight = `${row.offsetHeight}px`;
        row.replaceChildren();
      }
    }
  },
  { rootMargin: "1200px 0px" },
);
const CARD = { width: 180, height: 176 };
function row(draw, kind, count = 1) {
  const node = make("div", { class: `row ${kind}` });
  const across = Math.max(1, Math.floor(list.clientWidth / CARD.width));
  node.style.minHeight = `${Math.ceil(count / across) * CARD.height}px`;
  node.draw = draw;
  near.observe(node);
  return node;
}

const CHUNK = 48;
function matrix(step) {
  const shown = step.tasks.filter(isShown);
  if (!step.dimensions.length) return shown.length ? [row(() => shown.map((task) => card(task, task.made_by ?? task.name, true)), "")] : [];
  const last = step.dimensions.at(-1);
  const isTable = step.dimensions.length > 1 && last[1].length > 1 && last[1].length <= 40;
  if (!isTable) {
    const rows = [];
    for (let at = 0; at < shown.length; at += CHUNK) {
      const part = shown.slice(at, at + CHUNK);
      rows.push(row(() => part.map((task) => card(task, task.keys.join(" · ") || task.name)), "wrap", part.length));
    }
    return rows;
  }
  const lines = new Map();
  for (const task of shown) {
    const name = task.keys.slice(0, -1).join(" · ");
    if (!lines.has(name)) lines.set(name, new Map());
    lines.get(name).set(task.keys.at(-1), task);
  }
  const head = make("div", { class: "row" }, make("span", { class: "label" }, ""), ...last[1].map((key) => make("span", { class: "column" }, key)));
  const body = [...lines].map(([name, line]) =>
    row(() => [make("span", { class: "label" }, name), ...last[1].map((key) => (line.has(key) ? card(line.get(key), key) : make("span", { class: "none" }, "")))], ""),
  );
  return [head, ...body];
}

function drawSteps() {
  near.disconnect();
  list.replaceChildren();
  for (const step of page.steps) {
    const rows = matrix(step);
    if (!rows.length && (wanted || hidden.size)) continue;
    const isSingle = !step.dimensions.length;
    const prompts = new Set(step.tasks.map((task) => task.prompt));
    const prompt = !isSingle && prompts.size === 1 ? [...prompts][0] : null;
    const shape = step.dimensions.map(([name, keys]) => `${name} ${keys.length.toLocaleString()}`).join(" × ");
    list.append(
      make(
        "section",
        { id: `step-${step.name}`, class: isSingle ? "single" : null, "aria-label": `step ${step.name}` },
        make("div", { class: "head" }, make("h2", {}, step.name), isSingle ? null : make("span", { class: "soft" }, [step.by.join(", "), shape].filter(Boolean).join(" · "))),
        prompt ? make("p", { class: "prompt" }, prompt) : null,
        make("div", { class: "rows" }, ...rows),
      ),
    );
  }
  if (!list.firstChild) list.append(make("p", { class: "soft" }, "No task is like that."));
}

const search = make("input", { type: "search", placeholder: "find a task or a word of a prompt", "aria-label": "find a task or a word of a prompt" });
search.addEventListener("input", () => {
  wanted = search.value.trim().toLowerCase();
  drawSteps();
});
const states = make("span", { class: "states" });
document.getElementById("tools").append(search, states);
function drawStates() {
  const counts = Object.entries(page.counts);
  const boxes = counts.map(([state, count]) => {
    const box = make("input", { type: "checkbox", "data-state": state });
    box.checked = !hidden.has(state);
    box.addEventListener("change", () => {
      if (box.checked) hidden.delete(state);
      else hidden.add(state);
      drawSteps();
    });
    return make("label", {}, box, `${state} ${count.toLocaleString()}`);
  });
  const focused = states.contains(document.activeElement) ? document.activeElement.dataset.state : null;
  states.replaceChildren(...(counts.length > 1 || hidden.size ? boxes : []));
  if (focused) states.querySelector(`[data-state="${focused}"]`)?.focus();
}

document.addEventListener("click", (event) => {
  const one = event.target.closest(".card");
  if (!one) return;
  if (one.dataset.task !== undefined) open(tasks[Number(one.dataset.task)]);
});
document.addEventListener("keydown", (event) => {
  const steps = { ArrowRight: 1, ArrowLeft: -1 };
  const focused = document.activeElement;
  if (!(event.key in steps) || !focused?.classList.contains("card") || focused.closest("dialog")) return;
  const cards = [...document.querySelectorAll("#steps .card")];
  const next = cards[cards.indexOf(focused) + steps[event.key]];
  if (next) {
    event.preventDefault();
    next.focus();
  }
});

// ---------------------------------------------------------------- one task

const dialog = document.getElementById("task");
let current = null;
function open(task) {
  current = task;
  dialog.replaceChildren(bar(task), make("div", { class: "body" }, make("div", {}, comparison(task)), make("div", {}, ...details(task))));
  if (!dialog.open) dialog.showModal();
  dialog.scrollTop = 0;
}
function bar(task) {
  const go = (by) => () => open(tasks[(task.at + by + tasks.length) % tasks.length]);
  return make(
    "div",
    { class: "bar" },
    make("h2", { id: "task-name" }, task.name),
    make("span", { class: `state ${task.state}` }, task.state),
    make("button", { class: "plain", type: "button", onclick: go(-1), "aria-label": "the task before" }, "←"),
    make("button", { class: "plain", type: "button", onclick: go(1), "aria-label": "the next task" }, "→"),
    make("button", { class: "plain", type: "button", onclick: () => dialog.close() }, "Close"),
  );
}
dialog.addEventListener("keydown", (event) => {
  if (event.target.matches("input")) return;
  if (event.key === "ArrowRight" || event.key === "ArrowLeft") {
    event.preventDefault();
    open(tasks[(current.at + (event.key === "ArrowRight" ? 1 : -1) + tasks.length) % tasks.length]);
  }
});

function comparison(task) {
  const after = view(task.digest);
  const before = view(task.before);
  if (!after) return make("p", { class: "soft" }, task.digest ? "The picture is not at hand any more." : "There is no picture.");
  const image = make("img", { src: after, alt: `the picture of ${task.name}` });
  const box = make("div", { class: "compare" }, image);
  if (!before) return box;
  const over = make("img", { src: before, alt: "the picture before", class: "over" });
  const edge = make("span", { class: "edge" });
  const range = make("input", { type: "range", min: 0, max: 100, value: 50, step: 1, "aria-label": "how much of the picture before is shown" });
  box.append(over, edge);
  slide(box, over, edge, range);
  return make("div", {}, box, make("label", { class: "slider" }, "before", range, "after"));
}

function details(task) {
  const parts = [];
  if (task.message) parts.push(make("p", { class: "message" }, task.message));
  if (task.prompt) parts.push(make("p", { class: "prompt" }, task.prompt));
  const picture = page.pictures[task.digest];
  const call = page.calls.find((one) => one.id === task.call);
  const rows = [
    ["made by", task.made_by && [task.made_by, task.call && `at ${task.route}`].filter(Boolean).join(" ")],
    ...Object.entries(task.fields),
    ["seed", task.seed !== null && !("seed" in task.fields) ? task.seed : null],
    ["size", picture && picture.width ? `${picture.width} × ${picture.height}, ${picture.media_type}, ${bytes(picture.size)}` : null],
    ["made", task.made_at && moment(task.made_at)],
    ["cost", call && call.charged !== "no" ? money(call.price_actual ?? call.price_most, call.currency) : null],
    ["call", call && [call.id, call.vendor_id].filter(Boolean).join(" · ")],
  ].filter(([, value]) => value !== null && value !== undefined && value !== "" && value !== false);
  parts.push(make("dl", { class: "detail" }, ...rows.flatMap(([name, value]) => [make("dt", {}, name), make("dd", {}, String(value))])));
  for (const [field, digests] of Object.entries(task.takes)) {
    parts.push(make("h3", {}, field), make("div", { class: "from" }, ...digests.map(source)));
  }
  const used = tasks.filter((other) => Object.values(other.takes).some((digests) => digests.includes(task.digest) || digests.includes(called(task))));
  if (used.length) parts.push(make("h3", {}, "goes into"), make("div", { class: "from" }, ...used.slice(0, 24).map((other) => card(other, other.name))));
  const whole = images.signed?.[task.digest];
  if (whole) parts.push(make("p", {}, make("a", { href: `${images.beside}/${task.digest}?${whole}`, target: "_blank" }, "The picture at its full size")));
  const long = make("dl", { class: "detail" });
  for (const [name, value] of [["key", task.key], ["digest", task.digest]]) if (value) long.append(make("dt", {}, name), make("dd", {}, make("code", {}, value)));
  if (long.firstChild) parts.push(make("h3", {}, "identity"), long);
  return parts;
}
function source(digest) {
  const task = found.get(digest);
  if (task) return card(task, task.name);
  const name = page.pictures[digest]?.place ?? "an input";
  return make("span", { class: "card" }, frame(digest, name), make("span", { class: "text" }, make("span", { class: "name", title: name }, name.split("/").at(-1))));
}

// ---------------------------------------------------------------- time and calls

function timeline() {
  const place = document.getElementById("time");
  place.replaceChildren();
  const made = tasks.filter((task) => task.made_at && task.state === "done" && !task.call);
  const bars = page.calls.filter((call) => call.began);
  if (!made.length && !bars.length) return;
  const start = page.began;
  const end = Math.max(page.ended ?? 0, ...made.map((task) => task.made_at), ...bars.map((call) => call.ended ?? call.began), start + 0.01);
  const left = 110, width = 1000;
  const across = (seconds) => left + ((Math.min(Math.max(seconds, start), end) - start) / (end - start)) * (width - left - 16);
  const lanes = [...new Set(bars.map((call) => call.provider)), ...(made.length ? ["this machine"] : [])];
  // In a lane, calls that overlap stand below each other.
  const rows = [];
  const drawn = [];
  for (const lane of lanes) {
    const own = bars.filter((call) => call.provider === lane).sort((a, b) => a.began - b.began);
    const ends = [];
    const first = rows.length;
    for (const call of own) {
      let line = ends.findIndex((last) => last <= call.began);
      if (line < 0) line = ends.push(0) - 1;
      ends[line] = call.ended ?? end;
      drawn.push([call, first + Math.min(line, 15)]);
    }
    for (let at = 0; at < Math.min(Math.max(ends.length, 1), 16); at += 1) rows.push(at ? "" : lane);
  }
  const height = rows.length * 16 + 34;
  const svg = draw("svg", { class: "time", viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": "when calls ran and pictures were made" });
  rows.forEach((name, at) => name && svg.append(draw("text", { x: 8, y: at * 16 + 22 }, name)));
  for (const [call, at] of drawn) {
    const bar = draw("rect", { class: call.state === "done" ? "call" : "bad", x: across(call.began), y: at * 16 + 12, width: Math.max(2, across(call.ended ?? end) - across(call.began)), height: 11, rx: 3 });
    bar.append(draw("title", {}, `${call.serves.join(", ") || call.model}: ${call.state}, ${duration((call.ended ?? end) - call.began)}`));
    svg.append(bar);
  }
  const line = rows.indexOf("this machine");
  const ticks = new Set(made.map((task) => Math.round(across(task.made_at) * 2) / 2));
  for (const x of ticks) svg.append(draw("line", { class: "tick", x1: x, x2: x, y1: line * 16 + 10, y2: line * 16 + 24 }));
  svg.append(draw("text", { x: left, y: height - 8 }, "0 s"), draw("text", { x: width - 16, y: height - 8, "text-anchor": "end" }, duration(end - start)));
  place.append(make("h2", {}, "Time"), svg);
}

function drawCalls() {
  const place = document.getElementById("calls");
  place.replaceChildren();
  if (!page.calls.length) return;
  const head = make("tr", {}, ...["call", "for", "model", "state", "charged"].map((name) => make("th", { scope: "col" }, name)), make("th", { scope: "col", class: "number" }, "cost"));
  const rows = page.calls.map((call) =>
    make(
      "tr",
      {},
      ...[call.id, call.serves.join(", "), `${call.model} at ${call.provider}`, call.attempt > 1 ? `${call.state}, try ${call.attempt}` : call.state, call.charged].map((text) => make("td", {}, text)),
      make("td", { class: "number" }, call.charged === "no" ? "nothing" : money(call.price_actual ?? call.price_most, call.currency)),
    ),
  );
  place.append(make("h2", {}, "Calls"), make("div", { class: "scroll", tabindex: 0, role: "group", "aria-label": "calls" }, make("table", {}, make("thead", {}, head), make("tbody", {}, ...rows))));
}
function drawNotices() {
  const notices = page.notices.map((notice) => make("li", {}, notice));
  document.getElementById("notices").replaceChildren(...(notices.length ? [make("ul", { class: "notices" }, ...notices)] : []));
}

// ---------------------------------------------------------------- the whole

function drawAround() {
  drawFacts();
  fillGraph();
  drawStates();
  timeline();
  drawCalls();
  drawNotices();
}
function begin(newPage, newImages) {
  take(newPage, newImages);
  drawAround();
  drawSteps();
}

// Newer data of the same run. Cards stand where they stood, and whoever is at one stays there.
function update(newPage, newImages, newGraph) {
  const before = tasks;
  take(newPage, newImages);
  const graph = document.querySelector(".graph");
  if (newGraph !== null && graph.dataset.drawn !== newGraph) {
    const focused = graph.contains(document.activeElement) ? document.activeElement.getAttribute("href") : null;
    // Pictures that are there, or on their way, stay: else each new drawing would ask for them again.
    const known = new Map([...graph.querySelectorAll("image")].map((image) => [image.dataset.picture, image]));
    graph.innerHTML = newGraph;
    for (const image of graph.querySelectorAll("image")) {
      const old = known.get(image.dataset.picture);
      if (!old) continue;
      for (const { name, value } of image.attributes) old.setAttribute(name, value);
      image.replaceWith(old);
    }
    graph.dataset.drawn = newGraph;
    if (focused) graph.querySelector(`[href="${CSS.escape(focused)}"]`)?.focus();
  }
  drawAround();
  const isSame = before.length === tasks.length && before.every((task, at) => task.name === tasks[at].name);
  if (!isSame || wanted || hidden.size) drawSteps();
  else for (const task of tasks) if (differs(task, before[task.at])) touch(task);
  if (dialog.open && current) {
    const now = tasks.find((task) => task.name === current.name);
    if (now && differs(now, current)) open(now);
    else current = now ?? current;
  }
}
const differs = (one, other) => one.state !== other.state || one.digest !== other.digest || one.message !== other.message;
function touch(task) {
  for (const node of document.querySelectorAll(`#steps .card[data-task="${task.at}"]`)) {
    const isFocused = node === document.activeElement;
    const next = node.again();
    node.replaceWith(next);
    if (isFocused) next.focus();
  }
}

const given = document.getElementById("page");
if (given) begin(JSON.parse(given.textContent), JSON.parse(document.getElementById("images").textContent));
