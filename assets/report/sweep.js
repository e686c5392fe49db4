// Sorts and filters the table of configurations.
const table = document.getElementById("all"), body = table.tBodies[0];
const rows = [...body.rows];

const value = cell => {
  if (cell.dataset.v !== undefined) return cell.dataset.v === "" ? Infinity : Number(cell.dataset.v);
  const number = Number.parseFloat(cell.textContent);
  return Number.isNaN(number) ? cell.textContent : number;
};

table.tHead.querySelectorAll("button").forEach((button, column) => {
  const heading = button.parentElement;
  button.addEventListener("click", () => {
    const up = heading.getAttribute("aria-sort") !== "ascending";
    table.tHead.querySelectorAll("th").forEach(other => other.removeAttribute("aria-sort"));
    heading.setAttribute("aria-sort", up ? "ascending" : "descending");
    const order = (a, b) => (typeof a === typeof b ? (a < b ? -1 : a > b ? 1 : 0) : typeof a === "number" ? -1 : 1);
    rows.sort((a, b) => (up ? 1 : -1) * order(value(a.cells[column]), value(b.cells[column])));
    body.append(...rows);
  });
});

const text = document.getElementById("text");
text.addEventListener("input", () => {
  const wanted = text.value.trim().toLowerCase();
  for (const row of rows) row.hidden = wanted !== "" && !row.textContent.toLowerCase().includes(wanted);
  const left = rows.filter(row => !row.hidden).length;
  document.getElementById("found").textContent = `${left} of ${rows.length} configurations`;
});
