"use strict";
const by = (id) => document.getElementById(id);
const ROW = 32; // pixels of a row of the list
const IN_GROUP = 8; // other images of a group that are shown
const AHEAD = 2; // pairs whose pictures are fetched before they are asked for
const FILTERS = ["state", "kind", "split", "class", "least", "most", "sort"];
const still = matchMedia("(prefers-reduced-motion: reduce)");
let pairs = [];
const alone = document.body.classList.contains("alone"); // one set; between splits, the image that stays in one split changes no removal
let shown = []; // numbers of the pairs that the filters let through
let at = 0; // place of the current one among them
let undoable = []; // [number, what was decided before]
let asked = 0; // overlays, of which the last one counts
let laid = null; // the pair that the overlay shows

const current = () => shown[at];
// An answer: true, false, null, of two different labels the wrong one ("first", "second"), or the image that stays.
const answerOf = (pair) => {
  if (pair.stays !== null) return pair.sides[0].digest === pair.stays ? "keep first" : "keep second";
  const place = pair.conflicting && pair.right !== null ? pair.sides.findIndex((side) => side.class === pair.right) : -1;
  return ["second", "first"][place] ?? (pair.right === null ? pair.same : true);
};
const KINDS = { near: "near-duplicate", exact: "identical", conflict: "different labels", inside: "inside a split", judged: "decided before" };
const NAMES = { true: "same", false: "different", null: "", first: "first label wrong", second: "second label wrong", "keep first": "first stays", "keep second": "second stays" };
const named = (pair) => NAMES[answerOf(pair)];
const within = (pair) => pair.sides[0].split === pair.sides[1].split;
const decided = (pair) => answerOf(pair) !== null;
const colour = (pair) => (answerOf(pair) === true || pair.stays !== null ? "same" : "different"); // green, or red
// What becomes of an image of a pair, by the run and by the decision about the pair.
function fate(pair, side) {
  const { goes, digest } = pair.sides[side], other = alone && pair.sides.some((each) => each.goes) ? "goes" : "extra copy";
  if (pair.same === false) return "stays";
  if (pair.stays !== null && (alone || !goes)) return digest === pair.stays ? "stays" : other;
  if (pair.kinds.includes("undecided")) return pair.same ? "same: the next run chooses" : "stays, undecided";
  if (goes) return "goes";
  return side === 0 && !pair.conflicting && within(pair) ? "extra copy" : "stays";
}

function text(element, ...parts) {
  element.replaceChildren(...parts.filter((part) => part !== null));
}

function element(name, content, kind) {
  const made = document.createElement(name);
  made.textContent = content;
  if (kind) made.className = kind;
  return made;
}

function fill(select, names) {
  for (const name of [...new Set(names)].sort()) select.append(element("option", name));
}

function matches(pair) {
  const state = by("state").value, kind = by("kind").value, split = by("split").value, of = by("class").value;
  if (state === "open" && (decided(pair) || !pair.askable)) return false;
  if (state === "decided" && !decided(pair)) return false;
  if (kind && !pair.kinds.includes(kind)) return false;
  if (split && !pair.sides.some((side) => side.split === split)) return false;
  if (of && !pair.sides.some((side) => side.class === of)) return false;
  return pair.similarity >= Number(by("least").value) - 1e-9 && pair.similarity <= Number(by("most").value) + 1e-9;
}

const ORDERS = {
  doubt: (one, two) => one - two,
  down: (one, two) => pairs[two].similarity - pairs[one].similarity || one - two,
  up: (one, two) => pairs[one].similarity - pairs[two].similarity || one - two,
  path: (one, two) => pairs[one].sides[0].path.localeCompare(pairs[two].sides[0].path) || one - two,
};

const passing = (also) => pairs.map((_, number) => number).filter((number) => number === also || matches(pairs[number])).sort(ORDERS[by("sort").value]);

function arrange(numbers, where) {
  shown = numbers;
  at = Math.max(0, where);
  by("room").style.height = `${shown.length * ROW}px`;
  show();
}

function choose() {
  const numbers = passing();
  arrange(numbers, numbers.indexOf(current()));
}

// Only the rows that can be seen exist, so that any number of pairs scrolls smoothly.
function list() {
  const first = Math.max(0, Math.floor(by("list").scrollTop / ROW) - 5);
  const last = Math.min(shown.length, first + Math.ceil(by("list").clientHeight / ROW) + 10);
  const rows = [];
  for (let place = first; place < last; place++) {
    const pair = pairs[shown[place]];
    const row = document.createElement("li");
    row.dataset.place = place;
    if (place === at) row.setAttribute("aria-current", "true");
    row.append(element("data", pair.similarity.toFixed(3)), element("strong", named(pair), colour(pair)), element("span", pair.sides[0].path));
    rows.push(row);
  }
  by("rows").style.transform = `translateY(${first * ROW}px)`;
  by("rows").replaceChildren(...rows);
}

function show() {
  const pair = pairs[current()];
  by("pair").hidden = !pair;
  by("nothing").hidden = Boolean(pair);
  const done = pairs.filter(decided).length;
  const all = pairs.filter((pair) => pair.askable).length;
  by("progress").max = Math.max(1, all);
  by("progress").value = done;
  by("done").textContent = `${done.toLocaleString("en")} of ${all.toLocaleString("en")} decided`;
  by("tally").textContent = done ? `(${tally()})` : "";
  by("end").textContent = all ? `${done} of ${all} pairs are decided${done ? `: ${tally()}` : ""}.` : "This run has no pairs to decide.";
  by("then").hidden = !done;
  const top = at * ROW, box = by("list");
  if (top < box.scrollTop || top > box.scrollTop + box.clientHeight - ROW) box.scrollTop = top - box.clientHeight / 2;
  list();
  if (!pair) return;
  const [one, two] = pair.sides;
  const predicted = pair.predicted === null ? "" : `, predicted precision ${pair.predicted.toFixed(2)}`;
  const conflict = one.class === two.class ? null : element("strong", ` ${one.class} against ${two.class}`, "conflict");
  const answer = decided(pair) ? element("strong", ` decided: ${named(pair)}`, colour(pair)) : null;
  text(by("about"), `${pair.kinds.filter((kind) => !alone || kind !== "inside").map((kind) => KINDS[kind] ?? kind).join(", ")}, similarity ${pair.similarity.toFixed(4)}${predicted}.`, conflict, answer);
  [["one", one], ["two", two]].forEach(([id, side], number) => {
    by(id).src = address(current(), number);
    by(id).alt = alone ? side.class : `${side.class} in ${side.split}`;
    const will = fate(pair, number);
    const of = element("bdi", side.class, conflict ? "conflict" : "");
    text(by(`name-${id}`), element("strong", will, will.startsWith("stays") ? "same" : "different"), alone ? " " : ` ${side.split}, `, of, " ", element("bdi", side.path, "path"));
  });
  gather(pair);
  by("swap").hidden = !pair.swappable;
  by("same").disabled = by("different").disabled = !pair.decidable;
  for (const [id, key, side] of [["first", 1, one], ["second", 2, two]]) {
    by(id).hidden = !pair.conflicting;
    text(by(id), element("kbd", key), " ", element("bdi", side.class), " is wrong");
  }
  lay(current());
  for (let next = at + 1; next <= at + AHEAD && next < shown.length; next++) {
    for (const side of [0, 1]) new Image().src = address(shown[next], side);
  }
}

// How many pairs have each kind of answer.
function tally() {
  const counts = { same: 0, different: 0, "wrong label": 0, swapped: 0 };
  const kinds = { true: "same", false: "different", first: "wrong label", second: "wrong label" };
  for (const pair of pairs) if (decided(pair)) counts[kinds[answerOf(pair)] ?? "swapped"]++;
  return Object.entries(counts).filter(([, count]) => count).map(([kind, count]) => `${count.toLocaleString("en")} ${kind}${kind === "wrong label" && count > 1 ? "s" : ""}`).join(", ");
}

// Show the other images of the group of a pair; each leads to its own pair.
function gather(pair) {
  const known = new Set(pair.sides.map((side) => side.id)), others = [];
  pairs.forEach((each, number) => {
    if (each.group !== pair.group || pair.group < 0) return;
    each.sides.forEach((side, place) => {
      if (known.has(side.id)) return;
      known.add(side.id);
      const button = element("button", ""), image = document.createElement("img");
      button.type = "button";
      image.src = address(number, place);
      image.alt = `${side.path}, ${fate(each, place)}`;
      button.append(image, fate(each, place));
      button.addEventListener("click", () => act(() => { const numbers = passing(number); arrange(numbers, numbers.indexOf(number)); }));
      others.push(button);
    });
  });
  text(by("group"), others.length ? element("span", `Group of ${known.size}:`) : null, ...others.slice(0, IN_GROUP), others.length > IN_GROUP ? element("span", `and ${others.length - IN_GROUP} more`) : null);
}

const address = (number, side) => `image/${number}/${side}`;

// Lay the second picture over the first, in its shape and under the transform that aligns both.
async function lay(number) {
  const turn = ++asked;
  const under = by("under"), over = by("over");
  if (laid !== number) {
    by("overlay").style.visibility = "hidden";
    under.src = address(number, 0);
    over.src = address(number, 1);
  }
  const [answer] = await Promise.all([fetch(`laid/${number}`), under.decode().catch(() => 0), over.decode().catch(() => 0)]);
  const transform = answer.ok ? await answer.json() : null;
  if (turn !== asked) return;
  const box = by("overlay"), scale = Math.min(box.clientWidth / under.naturalWidth, box.clientHeight / under.naturalHeight) || 1;
  const width = under.naturalWidth * scale, height = under.naturalHeight * scale;
  for (const image of [under, over]) {
    Object.assign(image.style, { width: `${width}px`, height: `${height}px`, left: `${(box.clientWidth - width) / 2}px`, top: `${(box.clientHeight - height) / 2}px` });
  }
  by("pair").classList.toggle("small", under.naturalWidth < 64);
  over.style.transform = transform ?? "none";
  over.style.opacity = by("mix").value / 100;
  box.style.visibility = "visible";
  laid = number;
}

async function send(number, answer) {
  const { same, right, stays } = pairs[number];
  const headers = { "Content-Type": "application/json", "If-Match": encodeURIComponent(JSON.stringify([same, right, stays])) };
  const sent = await fetch(`decide/${number}`, { method: "POST", body: JSON.stringify(answer), headers }).catch(() => null);
  if (sent && sent.ok) {
    const [one, two] = pairs[number].sides;
    const said = {
      same: answer === null ? null : answer !== false,
      right: { first: two.class, second: one.class }[answer] ?? null,
      stays: { "keep first": one.digest, "keep second": two.digest }[answer] ?? null,
    };
    for (const pair of pairs) if (pair.key === pairs[number].key) Object.assign(pair, said);
    return true;
  }
  const why = sent ? await sent.text() : "the command does not answer. Start it again and reload this page.";
  by("status").textContent = `The decision was not kept: ${why}`;
  return false;
}

async function decide(answer, ahead = 1) {
  const number = current(), pair = pairs[number];
  const needs = { first: "conflicting", second: "conflicting", "keep first": "swappable", "keep second": "swappable" }[answer] ?? "decidable";
  if (!pair?.[needs]) return;
  const before = answerOf(pair);
  if (!(await send(number, answer))) return;
  undoable.push([number, before]);
  const side = pair.sides[String(answer).endsWith("second") ? 1 : 0];
  by("status").textContent = `${named(pair)}: ${side.path}`;
  next(number, ahead);
}

const swap = () => decide(current() !== undefined && answerOf(pairs[current()]) === "keep first" ? "keep second" : "keep first", 0);

// A pair that no longer passes the filters leaves the list, and the one after it takes its place.
function next(number, ahead) {
  const left = shown.filter((each) => matches(pairs[each]));
  arrange(left, Math.min(left.includes(number) ? at + ahead : at, left.length - 1));
}

async function undo() {
  const last = undoable.at(-1);
  if (!last || !(await send(...last))) return;
  undoable.pop();
  by("status").textContent = `taken back: ${pairs[last[0]].sides[0].path}`;
  const numbers = passing(last[0]);
  arrange(numbers, numbers.indexOf(last[0]));
}

function step(by) {
  at = Math.min(Math.max(0, at + by), Math.max(0, shown.length - 1));
  show();
}

function blink() {
  const on = by("blink").getAttribute("aria-pressed") !== "true";
  by("blink").setAttribute("aria-pressed", String(on));
  by("overlay").classList.toggle("blinking", on);
  if (still.matches) by("over").style.opacity = on ? 1 : 0; // no motion: each press shows the other picture
  else if (!on) by("over").style.opacity = by("mix").value / 100;
}

const KEYS = { s: () => decide(true), d: () => decide(false), 1: () => decide("first"), 2: () => decide("second"), k: swap, ArrowRight: () => step(1), ArrowLeft: () => step(-1), u: undo, b: blink };
let working = Promise.resolve(); // decisions are made one after the other, however fast keys come
const act = (what) => { working = working.then(what); };

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.target.closest("select, input:not([type=range])")) return;
  if (!KEYS[event.key] || (event.target.type === "range" && event.key.startsWith("Arrow"))) return;
  event.preventDefault();
  if (!event.repeat || event.key.startsWith("Arrow")) act(KEYS[event.key]); // a key that is held decides one pair
});
by("same").addEventListener("click", () => act(KEYS.s));
by("different").addEventListener("click", () => act(KEYS.d));
by("first").addEventListener("click", () => act(KEYS[1]));
by("second").addEventListener("click", () => act(KEYS[2]));
by("swap").addEventListener("click", () => act(swap));
by("skip").addEventListener("click", () => act(KEYS.ArrowRight));
by("back").addEventListener("click", () => act(KEYS.ArrowLeft));
by("undo").addEventListener("click", () => act(undo));
by("blink").addEventListener("click", () => act(blink));
by("mix").addEventListener("input", () => { by("over").style.opacity = by("mix").value / 100; });
by("list").addEventListener("scroll", () => requestAnimationFrame(list), { passive: true });
by("rows").addEventListener("click", (event) => { const row = event.target.closest("li"); if (row) act(() => { at = Number(row.dataset.place); show(); }); });
addEventListener("resize", () => show());
for (const id of FILTERS) by(id).addEventListener("input", choose);
by("filters").addEventListener("submit", (event) => event.preventDefault());

fetch("pairs").then(async (answer) => {
  if (!answer.ok) throw new Error(await answer.text());
  pairs = await answer.json();
  fill(by("split"), pairs.flatMap((pair) => pair.sides.map((side) => side.split)));
  fill(by("class"), pairs.flatMap((pair) => pair.sides.map((side) => side.class)));
  if (!pairs.some((pair) => !decided(pair) && pair.askable)) by("state").value = "all";
  choose();
}).catch((error) => { by("status").textContent = `The pairs can't be shown: ${error.message}`; });
