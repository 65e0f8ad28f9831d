"use strict";
for (const table of document.querySelectorAll("table.sortable")) {
  const body = table.tBodies[0];
  const worth = (row, column) => {
    const number = row.cells[column].querySelector("data");
    return number ? Number(number.value) : row.cells[column].textContent.trim();
  };
  for (const head of table.tHead.rows[0].cells) {
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = head.textContent;
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
    const label = document.createElement("label");
    label.textContent = "Show rows that contain ";
    const input = document.createElement("input");
    input.type = "search";
    label.append(input);
    table.parentElement.before(label);
    input.addEventListener("input", () => {
      for (const row of body.rows) row.hidden = !row.textContent.toLowerCase().includes(input.value.toLowerCase());
    });
  }
}

const PER_PAGE = 18; // pairs that are shown at a time
const ORDERS = {
  "as chosen": (one, two) => one.place - two.place,
  "least similar first": (one, two) => one.similarity - two.similarity || one.place - two.place,
  "most similar first": (one, two) => two.similarity - one.similarity || one.place - two.place,
};
for (const list of document.querySelectorAll("ul.pairs")) {
  const pairs = [...list.children].map((item, place) => ({ item, place, similarity: Number(item.dataset.similarity), text: item.textContent.toLowerCase() }));
  for (const { item } of pairs) {
    const images = item.querySelector(".images"), button = document.createElement("button");
    button.type = "button";
    button.className = "images";
    button.append(...images.children);
    images.replaceWith(button);
    button.addEventListener("click", () => enlarge(item));
  }
  if (pairs.length > 6) addTools(list, pairs);
}

function enlarge(item) {
  const large = document.getElementById("large");
  large.querySelector(".images").replaceChildren(...[...item.querySelectorAll("img")].map((image) => image.cloneNode()));
  large.querySelector("p").replaceChildren(...[...item.querySelectorAll("p")].flatMap((part) => [...part.cloneNode(true).childNodes, document.createElement("br")]));
  large.showModal();
}

function addTools(list, pairs) {
  const tools = document.createElement("div"), words = document.createElement("input"), order = document.createElement("select");
  const steps = ["earlier", "later"].map((name) => Object.assign(document.createElement("button"), { type: "button", textContent: name }));
  const range = document.createElement("span");
  let first = 0;
  const show = () => {
    const kept = pairs.filter((pair) => pair.text.includes(words.value.toLowerCase())).sort(ORDERS[order.value]);
    first = Math.max(0, Math.min(first, kept.length - 1 - ((kept.length - 1) % PER_PAGE)));
    list.replaceChildren(...kept.slice(first, first + PER_PAGE).map((pair) => pair.item));
    steps[0].disabled = first === 0;
    steps[1].disabled = first + PER_PAGE >= kept.length;
    range.dataset.range = kept.length ? `${first + 1} to ${Math.min(first + PER_PAGE, kept.length)} of ${kept.length}` : "none";
  };
  const labelled = (name, element) => { const label = document.createElement("label"); label.append(`${name} `, element); return label; };
  words.type = "search";
  for (const name of Object.keys(ORDERS)) order.append(Object.assign(document.createElement("option"), { textContent: name }));
  for (const element of [words, order]) element.addEventListener("input", () => { first = 0; show(); });
  steps[0].addEventListener("click", () => { first -= PER_PAGE; show(); });
  steps[1].addEventListener("click", () => { first += PER_PAGE; show(); });
  tools.className = "tools";
  tools.append(labelled("Pairs that contain", words), labelled("sorted", order), ...steps, range);
  list.before(tools);
  show();
}
