"use strict";
// All pipelines and runs of the workspace, and the calls that a person has to settle.
const EVERY_MS = { running: 2000, idle: 10000 };
const pipelines = document.getElementById("pipelines");
const list = document.getElementById("list");
const doubts = document.getElementById("calls");
let older = null; // where the next page of runs begins
let pages = []; // runs that were asked for beyond the first page

const FEW = 8;
const wanted = make("input", { type: "search", placeholder: "find a pipeline", "aria-label": "find a pipeline" });
const all = make("button", { class: "plain", type: "button", onclick: () => showTiles(true) });
let known = [];
async function drawPipelines() {
  known = (await ask("/v1/pipelines")).pipelines;
  if (known.length > FEW) {
    pipelines.before(wanted);
    pipelines.after(all);
  }
  showTiles(false);
  pipelines.removeAttribute("aria-busy");
}
wanted.addEventListener("input", () => showTiles(false));
function showTiles(isAll) {
  const words = wanted.value.trim().toLowerCase();
  const found = known.filter((one) => `${one.name} ${one.description ?? ""}`.toLowerCase().includes(words));
  const shown = isAll || words ? found : found.slice(0, FEW);
  pipelines.replaceChildren(...shown.map(tile));
  if (!known.length) pipelines.append(make("p", { class: "soft" }, "There is no pipeline yet. Each YAML file below pipelines/ is one; `editchain init` makes the first."));
  else if (!found.length) pipelines.append(make("p", { class: "soft" }, "No pipeline is called like that."));
  all.hidden = shown.length === found.length;
  all.textContent = `Show all ${known.length}`;
  if (isAll) pipelines.children[FEW]?.focus();
}
function tile(one) {
  return make(
    "a",
    { class: "tile", href: `/pipelines/${path(one.name)}` },
    make("strong", {}, one.name),
    make("span", { class: "soft" }, one.description ?? one.file),
    one.problems ? make("span", { class: "status failed" }, `${one.problems} ${one.problems === 1 ? "problem" : "problems"}`) : null,
  );
}

function row(run) {
  const ended = Object.entries(run.tasks.ended).filter(([, count]) => count).map(([state, count]) => `${count.toLocaleString()} ${state}`).join(", ");
  return make(
    "a",
    { class: "run", href: `/runs/${run.id}`, "data-run": run.id },
    make("span", { class: "cover" }, pictured(`/runs/${run.id}/cover.webp`, "", run.pipeline.slice(0, 1).toUpperCase())),
    make("span", { class: "what" }, make("strong", {}, run.pipeline), make("span", { class: "soft" }, [ended || `${(run.tasks.total ?? 0).toLocaleString()} tasks`, run.command === "serve" ? null : `editchain ${run.command}`].filter(Boolean).join(" · "))),
    status(run),
    make("span", { class: "soft cost" }, spent(run) === "nothing" ? "" : spent(run)),
    make("time", { class: "soft when", datetime: run.created_at, title: moment(seconds(run.created_at)) }, ago(run.created_at)),
  );
}

const drawn = new Map(); // id to what a row was drawn from, so that only what changed is drawn again
function drawRuns(runs) {
  const nodes = runs.map((run) => {
    const text = JSON.stringify([run.status, run.tasks, run.spent, ago(run.created_at)]);
    const known = drawn.get(run.id);
    if (known?.text === text) return known.node;
    const node = row(run);
    drawn.set(run.id, { text, node });
    return node;
  });
  const more = older ? make("button", { class: "plain", type: "button", onclick: showMore }, "Show earlier runs") : null;
  const focused = document.activeElement?.closest("[data-run]")?.dataset.run;
  list.replaceChildren(...(nodes.length ? nodes : [make("p", { class: "soft" }, "Nothing has run yet. Choose a pipeline.")]), ...(more ? [more] : []));
  if (focused) drawn.get(focused)?.node.focus();
  list.removeAttribute("aria-busy");
}
async function showMore() {
  const found = await ask(`/v1/runs?pageSize=50&paginationToken=${encodeURIComponent(older)}`);
  pages = [...pages, ...found.runs];
  older = found.nextPaginationToken ?? null;
  await look();
}

let isBroken = false;
async function look() {
  try {
    const found = await ask("/v1/runs?pageSize=50");
    if (!pages.length) older = found.nextPaginationToken ?? null;
    const newest = new Set(found.runs.map((run) => run.id));
    drawRuns([...found.runs, ...pages.filter((run) => !newest.has(run.id))]);
    if (isBroken) await drawPipelines();
    isBroken = false;
    return found.runs.some((run) => !ENDED.includes(run.status));
  } catch (error) {
    isBroken = true;
    list.replaceChildren(problem(error.message));
    return false;
  }
}
async function follow() {
  const isBusy = document.hidden ? false : await look();
  setTimeout(follow, isBusy ? EVERY_MS.running : EVERY_MS.idle);
}
document.addEventListener("visibilitychange", () => document.hidden || look());

// ---------------------------------------------------------------- calls in doubt

async function drawDoubts(said) {
  const { calls } = await ask("/v1/calls?state=unknown");
  doubts.hidden = !calls.length && !said;
  doubts.replaceChildren(
    make("h2", { id: "calls-title" }, calls.length ? `${calls.length === 1 ? "One call" : `${calls.length} calls`} in doubt` : "No call is in doubt any more"),
    ...(said ? [make("p", { role: "status" }, said)] : []),
    ...(calls.length ? [make("p", { class: "soft" }, "Each was sent and its reply was lost: nobody here knows whether it was charged. It is never sent again by itself. Look at the vendor's, and say what became of it.")] : []),
    ...calls.map(doubt),
  );
}
function doubt(call) {
  const field = make("input", { type: "text", placeholder: "job id at the vendor", "aria-label": `job of call ${call.id}`, required: "" });
  const place = make("div", { class: "answer" });
  const settle = (outcome, job) => async (event) => {
    event.preventDefault();
    for (const button of place.querySelectorAll("button")) button.disabled = true;
    try {
      await drawDoubts((await ask(`/v1/calls/${call.id}/resolve`, { outcome, ...(job ? { job: job() } : {}) })).call.message);
      doubts.querySelector("button, h2")?.focus();
    } catch (error) {
      for (const button of place.querySelectorAll("button")) button.disabled = false;
      place.querySelector(".problem")?.remove();
      place.append(problem(error.message));
    }
  };
  place.append(
    make("button", { class: "plain", type: "button", onclick: settle("paid") }, "It was charged"),
    make("button", { class: "plain", type: "button", onclick: settle("not-paid") }, "It was not charged"),
    make("form", { onsubmit: settle("fetch", () => field.value.trim()) }, field, make("button", { class: "plain" }, "Fetch its pictures")),
  );
  const isPage = call.look.startsWith("https://");
  return make(
    "article",
    { class: "doubt" },
    make("h3", {}, `${call.model} at ${call.provider}`, make("span", { class: "soft" }, ` · ${call.price_most ? `at most ${money(call.price_most, call.currency)}` : "price unknown"}${call.sent_at ? ` · sent ${moment(seconds(call.sent_at))}` : ""}`)),
    call.prompt ? make("p", { class: "prompt" }, call.prompt) : null,
    make("p", {}, `${call.why} `, make("span", { class: "soft" }, call.tasks.length ? `For ${call.tasks.join(", ")}. ` : ""), "Look at ", isPage ? make("a", { href: call.look, rel: "noreferrer", target: "_blank" }, call.look) : call.look, "."),
    place,
  );
}

drawPipelines().catch((error) => pipelines.replaceChildren(problem(error.message)));
drawDoubts().catch(() => {});
follow();
