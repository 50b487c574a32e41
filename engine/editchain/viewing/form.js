"use strict";
// A form made out of the inputs of a pipeline. What a run would do and cost is shown before the button that spends.
const name = document.body.dataset.pipeline;
const form = document.getElementById("form");
const plan = document.getElementById("plan");
const fields = [];
const WAIT_MS = 350;

// ---------------------------------------------------------------- kinds of fields
// Each gives `node`, `value()` (undefined where the pipeline's own default holds), `set(value)`, and `trouble()`.

const isPicture = (input) => ["image", "images"].includes(input.type) || (input.type === "list" && input.of === "image");
const isGiven = (input) => input.default !== null && input.default !== undefined;

function field(input) {
  const of = isPicture(input) ? pictures(input) : kinds[input.type] ? kinds[input.type](input) : scalar(input);
  const error = make("p", { class: "problem", id: `${input.name}-problem`, hidden: "" });
  const label = make(of.isGroup ? "legend" : "label", { for: of.isGroup ? null : `input-${input.name}` }, input.name, input.required ? null : make("span", { class: "soft" }, " optional"));
  const description = input.description ? make("p", { class: "soft", id: `${input.name}-description` }, input.description) : null;
  const node = make(of.isGroup ? "fieldset" : "div", { class: `field ${input.type}` }, label, description, of.node, error);
  const named = [description && `${input.name}-description`, `${input.name}-problem`].filter(Boolean).join(" ");
  (of.control ?? node).setAttribute("aria-describedby", named);
  const say = (text) => {
    error.textContent = text;
    error.hidden = !text;
    of.control?.setAttribute("aria-invalid", text ? "true" : "false");
  };
  return { ...of, node, input, say };
}

function scalar(input) {
  if (input.choices) return choice(input);
  if (input.type === "boolean") return choice({ ...input, choices: [true, false] });
  const isNumber = input.type !== "string";
  const isLong = !isNumber && !input.pattern && (input.default ?? "").length > 48;
  const control = make(isLong ? "textarea" : "input", {
    id: `input-${input.name}`,
    ...(isLong ? { rows: 3 } : { type: isNumber ? "number" : "text" }),
    ...(isNumber ? { min: input.min, max: input.max, step: input.type === "integer" ? 1 : "any", inputmode: "decimal" } : { pattern: input.pattern }),
    required: input.required ? "" : null,
  });
  control.value = input.default ?? "";
  const value = () => {
    if (control.value === String(input.default ?? "")) return undefined;
    if (isNumber) return control.value === "" ? undefined : Number(control.value);
    return control.value;
  };
  return { node: control, control, value, set: (given) => (control.value = given ?? ""), trouble: () => (control.checkValidity() ? "" : control.validationMessage) };
}

function choice(input) {
  const shown = (one) => (one === true ? "yes" : one === false ? "no" : String(one));
  if (input.choices.length > 4) {
    const options = input.choices.map((one, at) => make("option", { value: at }, shown(one)));
    const control = make("select", { id: `input-${input.name}` }, ...(isGiven(input) ? [] : [make("option", { value: "" }, "")]), ...options);
    const set = (given) => (control.value = input.choices.indexOf(given) < 0 ? "" : String(input.choices.indexOf(given)));
    set(input.default);
    const value = () => (control.value === "" || input.choices[control.value] === input.default ? undefined : input.choices[control.value]);
    return { node: control, control, value, set, trouble: () => (input.required && control.value === "" ? "Choose one." : "") };
  }
  const radios = input.choices.map((one) => make("input", { type: "radio", name: input.name }));
  const set = (given) => radios.forEach((radio, at) => (radio.checked = input.choices[at] === given));
  set(input.default);
  const chosen = () => input.choices[radios.findIndex((radio) => radio.checked)];
  return {
    node: make("div", { class: "choices" }, ...radios.map((radio, at) => make("label", {}, radio, make("span", {}, shown(input.choices[at]))))),
    isGroup: true,
    value: () => (chosen() === input.default ? undefined : chosen()),
    set,
    trouble: () => (input.required && chosen() === undefined ? "Choose one." : ""),
  };
}

function lines(input) {
  const isNumber = ["integer", "number"].includes(input.of);
  const control = make("textarea", { id: `input-${input.name}`, rows: 4, placeholder: "one a line" });
  const own = Array.isArray(input.default) ? input.default.join("\n") : "";
  control.value = own;
  const items = () => control.value.split("\n").map((one) => one.trim()).filter(Boolean);
  return {
    node: control,
    control,
    value: () => (control.value.trim() === own || !items().length ? undefined : items().map((one) => (isNumber ? Number(one) : one))),
    set: (given) => (control.value = (given ?? []).join("\n")),
    trouble: () => (input.required && !items().length ? "Give at least one, one a line." : isNumber && items().some((one) => Number.isNaN(Number(one))) ? "Each line is a number." : ""),
  };
}

function table(input) {
  const own = Array.isArray(input.default) ? input.default : [];
  const columns = [...new Set([...Object.keys(input.columns ?? {}), ...own.flatMap((row) => Object.keys(row))])];
  if (!columns.length) return json(input);
  const body = make("tbody", {});
  const cell = (row, column) => make("td", {}, make("input", { type: "text", value: row[column] === undefined || row[column] === null ? "" : String(row[column]), "aria-label": column, "data-column": column }));
  const add = (row) => {
    const line = make("tr", {}, ...columns.map((column) => cell(row, column)), make("td", {}, make("button", { class: "plain", type: "button", "aria-label": "take this row away", onclick: () => line.remove() || changed() }, "×")));
    body.append(line);
  };
  const rows = () => [...body.rows].map((line) => Object.fromEntries([...line.querySelectorAll("input")].map((one) => [one.dataset.column, typed(input.columns?.[one.dataset.column], one.value)])));
  const set = (given) => {
    body.replaceChildren();
    (given ?? []).forEach(add);
  };
  set(own);
  const first = JSON.stringify(rows());
  return {
    node: make("div", { class: "scroll" }, make("table", {}, make("thead", {}, make("tr", {}, ...columns.map((column) => make("th", { scope: "col" }, column)), make("td", {}))), body), make("button", { class: "plain", type: "button", onclick: () => add({}) || changed() }, "Add a row")),
    isGroup: true,
    value: () => (JSON.stringify(rows()) === first ? undefined : rows()),
    set,
    trouble: () => (input.required && !body.rows.length ? "Add a row." : ""),
  };
}
const typed = (kind, text) => (["integer", "number"].includes(kind) && text !== "" ? Number(text) : kind === "boolean" ? text === "true" : text);

function json(input) {
  const control = make("textarea", { id: `input-${input.name}`, rows: 5, placeholder: typeof input.default === "string" ? `nothing here: ${input.default}` : '[{"name": "one"}]' });
  const parsed = () => JSON.parse(control.value);
  return {
    node: control,
    control,
    value: () => (control.value.trim() ? parsed() : undefined),
    set: (given) => (control.value = given ? JSON.stringify(given, null, 1) : ""),
    trouble: () => {
      if (!control.value.trim()) return input.required ? "Give its rows as a JSON list of objects." : "";
      try {
        return Array.isArray(parsed()) ? "" : "Its rows are a JSON list of objects.";
      } catch (error) {
        return `This is not JSON: ${error.message}`;
      }
    },
  };
}

const kinds = { list: lines, table };

// ---------------------------------------------------------------- pictures

function pictures(input) {
  const chosen = []; // {name, source, id, node, problem}
  const file = make("input", { type: "file", id: `input-${input.name}`, accept: "image/*", multiple: "" });
  const tray = make("ul", { class: "tray" });
  const own = typeof input.default === "string" ? make("li", { class: "own" }, pictured(`/previews/${path(name)}?input=${encodeURIComponent(input.name)}`, "", "default"), make("span", { class: "soft" }, `unless another is given: ${input.default}`)) : null;
  const zone = make("div", { class: "drop" }, make("span", { class: "hint" }, make("span", { class: "button", "aria-hidden": "true" }, input.type === "image" ? "Choose a picture" : "Choose pictures"), make("span", { class: "soft" }, input.type === "image" ? " or drop it here; several run it once for each" : " or drop them here")), file, tray);
  const draw = () => {
    tray.replaceChildren(...(chosen.length ? chosen.map((one) => one.node) : own ? [own] : []));
    changed();
  };
  const add = (one) => {
    one.node = make("li", {}, one.source ? pictured(one.source, one.name, "?") : make("span", { class: "no-picture" }, "…"), make("span", { class: "name", title: one.name }, one.name), make("button", { class: "plain", type: "button", "aria-label": `take ${one.name} away`, onclick: () => {
      chosen.splice(chosen.indexOf(one), 1);
      draw();
      file.focus();
    } }, "×"));
    chosen.push(one);
  };
  // Each has `name`, `source` to show where there is one already, and `image()`: its bytes or its address for the server.
  const take = async (wanted) => {
    const taken = wanted.map((one) => ({ ...one, id: null, problem: "" }));
    taken.forEach(add);
    draw();
    for (const one of taken) {
      try {
        const { asset } = await ask("/v1/assets", { name: one.name, image: await one.image() });
        one.id = asset.id;
        if (!one.source) one.node.firstChild.replaceWith(pictured(asset.url, one.name, "?"));
      } catch (error) {
        one.problem = `${one.name}: ${error.message}`;
        one.node.classList.add("wrong");
      }
      changed();
    }
  };
  const takeFiles = (files) => take([...files].map((one) => ({ name: one.name, source: URL.createObjectURL(one), image: () => dataAddress(one) })));
  file.addEventListener("change", () => {
    takeFiles(file.files);
    file.value = "";
  });
  const address = make("input", { type: "url", placeholder: "or its address: https://…", "aria-label": `address of a picture for ${input.name}` });
  const fetched = () => {
    const text = address.value.trim();
    if (!text || !address.reportValidity()) return;
    const { host, pathname } = new URL(text);
    take([{ name: pathname.split("/").filter(Boolean).at(-1) ?? host, source: null, image: async () => text }]);
    address.value = "";
    addressed.hidden = true;
  };
  const addressed = make("button", { class: "plain", type: "button", hidden: "", onclick: fetched }, "Add the address");
  address.addEventListener("input", () => (addressed.hidden = !address.value.trim()));
  address.addEventListener("keydown", (event) => {
    if (event.key !== "Enter") return;
    event.preventDefault(); // else it sends the form
    fetched();
  });
  for (const kind of ["dragenter", "dragover"]) {
    zone.addEventListener(kind, (event) => {
      event.preventDefault();
      zone.classList.add("over");
    });
  }
  for (const kind of ["dragleave", "drop"]) zone.addEventListener(kind, () => zone.classList.remove("over"));
  zone.addEventListener("drop", (event) => {
    event.preventDefault();
    takeFiles(event.dataTransfer.files);
  });
  tray.replaceChildren(...(own ? [own] : []));
  return {
    node: make("div", {}, zone, make("div", { class: "address" }, address, addressed)),
    control: file,
    value: () => {
      const ids = chosen.map((one) => one.id);
      return ids.length > 1 || (ids.length && input.type !== "image") ? ids : ids[0];
    },
    set: async (given) => {
      for (const id of [given].flat().filter(Boolean)) {
        const { asset } = await ask(`/v1/assets/${encodeURIComponent(id)}`);
        add({ name: asset.metadata.name ?? "picture", source: asset.url, id, problem: "" });
      }
      draw();
    },
    trouble: () => {
      const wrong = chosen.find((one) => one.problem);
      if (wrong) return wrong.problem;
      if (chosen.some((one) => !one.id)) return "waiting";
      return input.required && !chosen.length ? "Choose a picture." : "";
    },
  };
}
function dataAddress(file) {
  return new Promise((done, failed) => {
    const reader = new FileReader();
    reader.addEventListener("load", () => done(reader.result));
    reader.addEventListener("error", () => failed(new Error("it cannot be read")));
    reader.readAsDataURL(file);
  });
}

// ---------------------------------------------------------------- the plan

const line = make("p", { class: "line", role: "status" }, "");
const steps = make("div", {});
const said = make("div", {});
const go = make("button", { class: "go", type: "submit", form: "form", disabled: "" }, "Run");
let planned = null; // what the shown plan is of: inputs, budget and the token under which it may be begun once
let number = 0;
let timer = null;

// What is said twice, as when a field loses its focus, is no change: the button that is about to be pressed stays.
let last = null;
function changed() {
  const now = JSON.stringify(fields.map((one) => one.trouble() || [one.value()]));
  if (now === last) return;
  last = now;
  number += 1;
  planned = null;
  go.disabled = true;
  plan.setAttribute("aria-busy", "true");
  clearTimeout(timer);
  timer = setTimeout(replan, WAIT_MS);
}

async function replan() {
  const mine = number;
  const troubles = fields.map((one) => [one, one.trouble()]).filter(([, trouble]) => trouble);
  for (const one of fields) one.say(one.isTouched ? (troubles.find(([other]) => other === one)?.[1] ?? "").replace(/^waiting$/, "") : "");
  if (troubles.length) {
    const names = troubles.map(([one]) => one.input.name).join(", ");
    show(troubles.every(([, trouble]) => trouble === "waiting") ? "Taking the pictures in…" : `Still to be given: ${names}.`);
    return;
  }
  const inputs = Object.fromEntries(fields.map((one) => [one.input.name, one.value()]).filter(([, value]) => value !== undefined));
  try {
    const found = await ask(`/v1/pipelines/${path(name)}/plan`, { inputs });
    if (mine === number) showPlan(found, inputs);
  } catch (error) {
    if (mine !== number) return;
    show("It cannot run like this.");
    place(error);
  }
}
function show(text) {
  plan.setAttribute("aria-busy", "false");
  line.textContent = text;
  steps.replaceChildren();
  said.replaceChildren();
  go.textContent = "Run";
}
// A mistake stands at its input where it names one.
function place(error) {
  const messages = error.problems.length ? error.problems.map((one) => one.message ?? one.sentence) : error.message.split("\n");
  for (const message of new Set(messages)) {
    const one = fields.find(({ input }) => message.startsWith(`inputs.${input.name}`) || message.startsWith(`${input.name}:`) || message.includes(`Input ${input.name} `));
    if (one) one.say(message);
    else said.append(problem(message));
  }
}

function showPlan(found, inputs) {
  const summary = found.summary;
  const prices = summary.price.map((one) => `${one.least === one.most ? one.most : `${one.least}–${one.most}`} ${one.currency}`);
  if (summary.unpriced_calls) prices.push(`${summary.unpriced_calls} calls at an unknown price`);
  const price = summary.calls ? prices.join(" + ") : "free";
  show([`${summary.tasks.toLocaleString()} ${summary.tasks === 1 ? "task" : "tasks"}`, `${summary.cached.toLocaleString()} stored already`, summary.to_run ? `${summary.to_run.toLocaleString()} to run` : null, summary.calls ? `${summary.calls.toLocaleString()} ${summary.calls === 1 ? "call" : "calls"}` : null].filter(Boolean).join(" · "));
  const rows = new Map();
  for (const task of found.tasks) {
    const one = rows.get(task.step) ?? { all: 0, left: 0, reasons: new Set() };
    one.all += 1;
    if (task.reason !== undefined) {
      one.left += 1;
      one.reasons.add(task.reason);
    }
    rows.set(task.step, one);
  }
  steps.replaceChildren(make("dl", { class: "detail" }, ...[...rows].flatMap(([step, one]) => [make("dt", {}, step), make("dd", {}, one.left ? `${one.all > 1 ? `${one.left.toLocaleString()} of ${one.all.toLocaleString()} · ` : ""}${[...one.reasons].slice(0, 2).join("; ")}` : "stored")])));
  said.replaceChildren(...found.problems.map(problem), ...found.notices.map((notice) => make("p", { class: "soft" }, notice)));
  go.textContent = summary.calls ? `Run · ${summary.price.length && !summary.unpriced_calls ? `at most ${summary.price.map((one) => `${one.most} ${one.currency}`).join(" + ")}` : price}` : summary.to_run ? "Run · free" : "Run · all is stored";
  go.disabled = found.problems.length > 0;
  const ceiling = summary.calls && summary.price.length === 1 && !summary.unpriced_calls ? `${summary.price[0].most} ${summary.price[0].currency}` : undefined;
  planned = { inputs, budget: ceiling, token: token() };
}

// What was shown is what may be spent: its price is the budget, and a second press is the same run.
let isLeaving = false;
form.addEventListener("submit", async (event) => {
  event.preventDefault();
  if (!planned) return;
  const { inputs, budget, token } = planned;
  go.disabled = true;
  try {
    const { run } = await ask(`/v1/pipelines/${path(name)}/runs`, { inputs, ...(budget ? { budget } : {}) }, { "Idempotency-Key": token });
    if (!isLeaving) location.assign(`/runs/${run.id}`);
    isLeaving = true; // a second answer is of the same run
  } catch (error) {
    go.disabled = false;
    place(error);
  }
});

// ---------------------------------------------------------------- the whole

async function draw() {
  const { pipeline } = await ask(`/v1/pipelines/${path(name)}`);
  document.getElementById("description").textContent = pipeline.description ?? pipeline.file;
  const wrong = pipeline.problems.filter((one) => one.severity === "error");
  if (wrong.length) {
    document.getElementById("problems").append(problem("There are mistakes in its file; until they are mended it cannot run."), make("ul", {}, ...wrong.map((one) => make("li", {}, make("code", {}, `${one.file}:${one.line}:${one.column}`), ` ${one.message}`))));
    return;
  }
  fields.push(...pipeline.inputs.map(field));
  for (const one of fields) {
    const touched = () => {
      one.isTouched = true;
      changed();
    };
    one.node.addEventListener("input", touched);
    one.node.addEventListener("change", touched);
  }
  const from = new URLSearchParams(location.search).get("from");
  if (from) {
    try {
      const { inputs } = await ask(`/v1/runs/${encodeURIComponent(from)}/inputs`, {});
      for (const one of fields) if (one.input.name in inputs) await one.set(inputs[one.input.name]);
    } catch (error) {
      document.getElementById("problems").append(problem(error.message));
    }
  }
  form.append(...(fields.length ? fields.map((one) => one.node) : [make("p", { class: "soft" }, "It takes no inputs.")]));
  plan.append(make("h2", {}, "Plan"), line, steps, said, go);
  changed();
}
draw().catch((error) => {
  document.getElementById("description").replaceChildren();
  document.getElementById("problems").append(problem(error.message));
});
