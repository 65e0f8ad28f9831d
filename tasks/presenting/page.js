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
