"use strict";
for (const table of document.querySelectorAll("table.sortable")) {
  const body = table.tBodies[0];
  const worth = (row, column) => {
    const number = row.cells[column].querySelector("data");
    return number ? Number(number.value) : row.cells[column].textContent.trim();
  };
  for (const head of table.tHead.rows[0].cells) {
    const button = made("button", { type: "button", textContent: head.textContent });
    head.replaceChildren(button);
    button.addEventListener("click", () => {
      const up = head.getAttribute("aria-sort") !== "ascending";
      for (const other of table.tHead.rows[0].cells) other.removeAttribute("aria-sort");
      head.setAttribute("aria-sort", up ? "ascending" : "descending");
      const order = (one, two) => (typeof one === "number" && typeof two === "number" ? one - two : String(one).localeCompare(String(two)));
      const rows = [...body.rows].sort((one, two) => (up ? 1 : -1) * order(worth(one, head.cellIndex), worth(two, head.cellIndex)));
      body.append(...rows);
    });
  }
  if (body.rows.length > 20) {
    const input = made("input", { type: "search" });
    table.parentElement.before(labelled("Show rows that contain", input));
    input.addEventListener("input", () => {
      for (const row of body.rows) row.hidden = !row.textContent.toLowerCase().includes(input.value.toLowerCase());
    });
  }
}
addEventListener("beforeprint", () => { for (const details of document.querySelectorAll("details")) details.open = true; });

function made(name, properties) {
  return Object.assign(document.createElement(name), properties);
}

function labelled(name, element) {
  const label = made("label", { textContent: `${name} ` });
  label.append(element);
  return label;
}

const PER_PAGE = 24; // pictures that are shown at a time
const KINDS = { "all": "", "label conflicts": "conflict", "near-duplicates": "near", "undecided": "undecided", "identical": "exact" };
const ORDERS = {
  "conflicts first": (one, two) => one.place - two.place,
  "least similar first": (one, two) => one.similarity - two.similarity || one.place - two.place,
  "most similar first": (one, two) => two.similarity - one.similarity || one.place - two.place,
};
const gallery = document.querySelector(".gallery"), large = document.querySelector("dialog");
let pictures = [...(gallery?.children ?? [])].map((item, place) => ({
  item, place, kinds: item.dataset.kinds.split(" "), similarity: Number(item.dataset.similarity), text: item.textContent.toLowerCase(),
}));
let pairs = []; // [the picture, an image that repeats it] of all pictures that the filters let through
let at = 0; // place of the enlarged one among them

for (const { item } of pictures) {
  for (const image of item.querySelectorAll("img")) {
    const button = made("button", { type: "button" });
    image.replaceWith(button);
    button.append(image);
    button.addEventListener("click", () => enlarge(pairs.findIndex((pair) => pair[1].contains(button) || pair[0].contains(button))));
  }
}
if (gallery) addTools();

function addTools() {
  const words = made("input", { type: "search" }), kind = made("select"), order = made("select"), range = made("span");
  const steps = ["earlier", "later"].map((name) => made("button", { type: "button", textContent: name }));
  let first = 0;
  const show = () => {
    const kept = pictures.filter((one) => one.text.includes(words.value.toLowerCase()) && (!kind.value || one.kinds.includes(kind.value))).sort(ORDERS[order.value]);
    pairs = kept.flatMap(({ item }) => [...item.children].slice(1).map((other) => [item.children[0], other]));
    first = Math.max(0, Math.min(first, kept.length - 1 - ((kept.length - 1) % PER_PAGE)));
    gallery.replaceChildren(...kept.slice(first, first + PER_PAGE).map((one) => one.item));
    steps[0].disabled = first === 0;
    steps[1].disabled = first + PER_PAGE >= kept.length;
    range.dataset.range = kept.length ? `${first + 1} to ${Math.min(first + PER_PAGE, kept.length)} of ${kept.length} pictures` : "none";
  };
  for (const [name, value] of Object.entries(KINDS)) {
    if (!value || pictures.some((one) => one.kinds.includes(value))) kind.append(made("option", { textContent: name, value }));
  }
  for (const name of Object.keys(ORDERS)) order.append(made("option", { textContent: name }));
  for (const element of [words, kind, order]) element.addEventListener("input", () => { first = 0; show(); });
  steps[0].addEventListener("click", () => { first -= PER_PAGE; show(); });
  steps[1].addEventListener("click", () => { first += PER_PAGE; show(); });
  const tools = made("div", { className: "tools" });
  tools.append(labelled("Show", kind), labelled("sorted", order), labelled("that contain", words), ...steps, range);
  if (pictures.length > 6) gallery.before(tools);
  show();
}

function enlarge(place) {
  at = place;
  const [picture, other] = pairs[at];
  document.getElementById("which").dataset.range = `${at + 1} of ${pairs.length}`;
  [picture, other].forEach((figure, number) => {
    const copy = figure.cloneNode(true);
    copy.querySelector("button").replaceWith(copy.querySelector("img"));
    large.querySelectorAll(".view")[number].replaceChildren(copy);
  });
  const [under, over] = [other, picture].map((figure) => figure.querySelector("img").cloneNode());
  over.style.transform = other.dataset.over ?? "none";
  const overlay = large.querySelector(".overlay"), shown = other.querySelector("img");
  overlay.style.setProperty("--ratio", shown.naturalWidth / shown.naturalHeight || 1);
  overlay.replaceChildren(under, over);
  mix();
  document.getElementById("previous").disabled = at === 0;
  document.getElementById("next").disabled = at === pairs.length - 1;
  if (!large.open) large.showModal();
}

function mix() {
  const [blink, difference] = ["blink", "difference"].map((id) => document.getElementById(id).getAttribute("aria-pressed") === "true");
  const over = large.querySelector(".overlay").lastChild;
  large.querySelector(".overlay").className = `overlay ${blink ? "blink" : ""} ${difference ? "difference" : ""}`;
  over.style.opacity = blink || difference ? "" : document.getElementById("mix").value / 100;
}

document.getElementById("mix").addEventListener("input", mix);
for (const [id, other] of [["blink", "difference"], ["difference", "blink"]]) {
  document.getElementById(id).addEventListener("click", ({ target }) => {
    target.setAttribute("aria-pressed", String(target.getAttribute("aria-pressed") !== "true"));
    document.getElementById(other).setAttribute("aria-pressed", "false");
    mix();
  });
}
const step = (by) => { if (pairs[at + by]) enlarge(at + by); };
document.getElementById("previous").addEventListener("click", () => step(-1));
document.getElementById("next").addEventListener("click", () => step(1));
large.addEventListener("keydown", (event) => {
  if (event.target.type !== "range") step({ ArrowLeft: -1, ArrowRight: 1 }[event.key] ?? NaN);
});
