"use strict";
// The page of a run while it goes on: its events as they happen, pictures as they come, and what can be done about it.
{
  const id = document.body.dataset.run;
  const LEAST_MS = 700;
  const POLLED_MS = 2000;
  let run = null;
  let isDrawn = false;
  let isAsked = false; // to stop: a run of the command line says nothing of it
  const told = new Map(); // task to the event that told its outcome: the journal names failures when the run has ended
  const notes = [];

  const bar = make("progress", { max: 1, "aria-label": "progress" });
  const standing = make("p", { class: "standing" });
  const heard = make("p", { class: "unseen", role: "status" });
  const buttons = make("div", { class: "actions" });
  const trouble = make("div", {});
  document.getElementById("live").append(bar, standing, heard, buttons, trouble);

  // ---------------------------------------------------------------- what the server says

  let looking = null;
  let isWanted = false;
  let timer = null;
  // Looks once, and once more where it was asked for meanwhile; with much to look at, less often.
  function look() {
    isWanted = true;
    if (looking || timer) return looking;
    isWanted = false;
    const began = performance.now();
    looking = read()
      .catch((error) => trouble.replaceChildren(problem(error.message)))
      .finally(() => {
        looking = null;
        timer = setTimeout(() => {
          timer = null;
          if (isWanted) look();
        }, Math.max(LEAST_MS, 4 * (performance.now() - began)));
      });
    return looking;
  }
  async function read() {
    const [one, found] = await Promise.all([ask(`/v1/runs/${id}`), ask(`/runs/${id}/page`)]);
    run = { ...one.run, is_cancelled: one.run.is_cancelled || isAsked };
    trouble.replaceChildren(...(run.error ? [make("pre", { class: "problem", tabindex: 0 }, run.error)] : []));
    document.querySelector("main").classList.toggle("empty", !found.page);
    if (found.page) {
      patch(found.page);
      if (isDrawn) update(found.page, found.images, found.graph);
      else {
        const graph = document.querySelector(".graph");
        graph.innerHTML = found.graph;
        graph.dataset.drawn = found.graph;
        begin(found.page, found.images);
        isDrawn = true;
      }
    }
    stand();
    await drawResults();
  }
  // What events told of tasks that the journal does not yet speak of.
  function patch(shown) {
    shown.notices = [...shown.notices, ...notes];
    for (const step of shown.steps) {
      for (const task of step.tasks) {
        const event = task.state === "waiting" ? told.get(task.name) : null;
        if (!event) continue;
        shown.counts.waiting -= 1;
        shown.counts[event.outcome] = (shown.counts[event.outcome] ?? 0) + 1;
        task.state = event.outcome;
        task.message = event.message;
      }
    }
    for (const [state, count] of Object.entries(shown.counts)) if (!count) delete shown.counts[state];
  }

  // ---------------------------------------------------------------- how it stands

  const isGoingOn = () => run !== null && !ENDED.includes(run.status);
  let before = null;
  function stand() {
    const total = isDrawn ? tasks.length : (run.tasks.total ?? 0);
    const left = isDrawn ? tasks.filter((task) => task.state === "waiting").length : total;
    const done = total - left;
    bar.hidden = !isGoingOn();
    bar.max = Math.max(1, total);
    if (run.status === "queued") bar.removeAttribute("value");
    else bar.value = done;
    const price = isDrawn ? cost() : spent(run);
    const parts = [make("span", { class: `status ${run.status}` }, run.is_cancelled && isGoingOn() ? "stopping" : STATUS[run.status])];
    if (isGoingOn()) parts.push(` ${done.toLocaleString()} of ${total.toLocaleString()} tasks`, time(done - (run.tasks.cached ?? 0), left));
    parts.push(` · ${price === "nothing" ? "costs nothing" : `${price}${isGoingOn() ? " so far" : ""}`}`);
    if (run.status === "waiting") parts.push(" · ", make("a", { href: "/#calls" }, "settle the calls in doubt"));
    standing.replaceChildren(...parts);
    if (before !== run.status) heard.textContent = before ? `The run is ${STATUS[run.status]}.` : "";
    if (before !== run.status || run.is_cancelled) drawButtons();
    before = run.status;
  }
  function time(made, left) {
    if (!run.started_at) return "";
    const since = Date.now() / 1000 - seconds(run.started_at);
    const rest = made > 0 && left > 0 && since > 2 ? ` · about ${duration((since / made) * left)} left` : "";
    return ` · ${duration(Math.max(0, since))}${rest}`;
  }
  setInterval(() => isGoingOn() && stand(), 1000);
  // Calls go on, and cost, without any task ending.
  setInterval(() => isGoingOn() && !document.hidden && look(), POLLED_MS);

  // ---------------------------------------------------------------- what can be done

  function drawButtons() {
    const shown = [];
    if (isGoingOn()) {
      shown.push(make("button", { class: "plain", type: "button", disabled: run.is_cancelled ? "" : null, onclick: cancel }, run.is_cancelled ? "Stopping…" : "Cancel"));
    } else if (run.command === "serve" || /^[^.].*\.ya?ml$/.test(run.file ?? "")) {
      const name = run.command === "serve" ? run.pipeline : run.file.replace(/^pipelines\/|\.ya?ml$/g, "");
      shown.push(make("a", { class: "button", href: `/pipelines/${path(name)}?from=${run.id}` }, "Run again…"));
    }
    const isFocused = buttons.contains(document.activeElement);
    buttons.replaceChildren(...shown);
    if (isFocused) buttons.querySelector("a, button:enabled")?.focus();
  }
  async function cancel() {
    try {
      run = (await ask(`/v1/runs/${id}/cancel`, {})).run;
      isAsked = true;
      stand();
      look();
    } catch (error) {
      trouble.replaceChildren(problem(error.message));
    }
  }

  // ---------------------------------------------------------------- its pictures, to take away

  const FIRST = 24;
  const results = document.getElementById("results");
  let next = null;
  let isListed = false;
  async function drawResults() {
    if (isListed || isGoingOn() || run.command !== "serve") return;
    isListed = true;
    const grid = make("div", { class: "results" });
    const more = make("button", { class: "plain", type: "button", onclick: () => add(100) }, "Show more");
    const add = async (count) => {
      const found = await ask(`/v1/runs/${id}/outputs?pageSize=${count}${next ? `&paginationToken=${next}` : ""}`);
      next = found.nextPaginationToken ?? null;
      grid.append(...found.outputs.map(result));
      more.hidden = !next;
      if (grid.firstChild) results.replaceChildren(make("h2", {}, "Results"), grid, more);
    };
    await add(FIRST);
  }
  function result(one) {
    const name = one.path.split("/").at(-1);
    return make(
      "figure",
      {},
      make("a", { class: "frame", href: one.url, target: "_blank" }, pictured(one.url, one.path, "gone")),
      make("figcaption", {}, make("a", { href: one.url, download: name, title: one.path }, one.path), make("span", { class: "soft" }, `${one.width} × ${one.height} · ${bytes(one.size)}`)),
    );
  }

  // ---------------------------------------------------------------- listening

  async function untilEnded() {
    await look();
    while (isGoingOn()) {
      await new Promise((done) => setTimeout(done, 500));
      await (look() ?? looking);
    }
  }
  function listen() {
    const events = new EventSource(`/v1/runs/${id}/events`);
    events.addEventListener("run", look);
    events.addEventListener("task", (message) => {
      const event = JSON.parse(message.data);
      told.set(event.task, event);
      look();
    });
    events.addEventListener("notice", (message) => {
      const event = JSON.parse(message.data);
      if (event.kind !== "retry") notes.push(event.message);
      look();
    });
    events.addEventListener("end", () => {
      events.close();
      untilEnded();
    });
  }

  read()
    .then(() => isGoingOn() && listen())
    .catch((error) => trouble.replaceChildren(problem(error.message)));
}
