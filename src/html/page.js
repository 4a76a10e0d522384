
// Adds a button for the theme to the page, and makes its table of sessions sortable and filterable. The
// script stores nothing and sends no requests.
(() => {
  const make = (name, fields = {}) => Object.assign(document.createElement(name), fields);

  const themes = ["auto", "light", "dark"];
  const theme = make("button", { id: "theme", type: "button" });
  const show = (name) => {
    theme.textContent = `Theme: ${name}`;
    document.documentElement.dataset.theme = name;
  };
  theme.addEventListener("click", () => {
    const at = themes.indexOf(document.documentElement.dataset.theme);
    show(themes[(at + 1) % themes.length]);
  });
  show("auto");
  document.querySelector("header").append(theme);

  const table = document.querySelector(".by-session");
  if (!table) return;
  // The style sheet shows only this many rows until the reader asks for all of them, because people start
  // reading at the top, and laying out thousands of rows takes seconds.
  const inSight = 20;
  const body = table.tBodies[0];
  const heads = [...table.tHead.rows[0].cells];
  let rows = [...body.rows];
  const count = rows.length;

  const all = make("button", { type: "button", className: "all" });
  const shown = make("output", { className: "quiet" });
  const tell = (matching) => {
    const inAll = `${matching.length} of ${count} sessions`;
    const isCut = matching.length > inSight && !table.classList.contains("whole");
    shown.textContent = isCut ? `${inAll}, the first ${inSight} shown` : inAll;
    all.textContent = `Show all ${matching.length}`;
    all.hidden = !isCut;
  };
  const lay = (matching) => {
    const laid = document.createDocumentFragment();
    for (const row of matching) laid.append(row);
    body.replaceChildren(laid);
    tell(matching);
  };

  const input = make("input", { id: "filter", type: "search", autocomplete: "off" });
  const texts = new Map();
  const text = (row) => {
    if (!texts.has(row)) texts.set(row, row.textContent.toLowerCase());
    return texts.get(row);
  };
  const filter = () => {
    const words = input.value.toLowerCase().split(/\s+/).filter(Boolean);
    lay(words.length ? rows.filter((row) => words.every((word) => text(row).includes(word))) : rows);
  };
  input.addEventListener("input", filter);
  all.addEventListener("click", () => {
    table.classList.add("whole");
    filter();
    input.focus();
  });

  // A cell is sorted by its exact value if it has one. Figures are sorted as numbers.
  const key = (row, column) => {
    const cell = row.cells[column];
    const value = cell.dataset.v ?? cell.textContent;
    const number = column > 2 ? Number(value) : Number.NaN;
    return Number.isNaN(number) ? value.toLowerCase() : number;
  };
  const order = (one, other) => (one < other ? -1 : Number(one > other));
  const sort = (column) => {
    const before = heads[column].getAttribute("aria-sort");
    // By default, names are sorted in ascending order, and times and figures in descending order.
    const usual = column > 2 ? "descending" : "ascending";
    const reversed = column > 2 ? "ascending" : "descending";
    const now = before === usual ? reversed : usual;
    const sign = now === "ascending" ? 1 : -1;
    const keyed = rows.map((row) => ({ row, key: key(row, column) }));
    keyed.sort((one, other) => sign * order(one.key, other.key));
    rows = keyed.map(({ row }) => row);
    for (const head of heads) head.removeAttribute("aria-sort");
    heads[column].setAttribute("aria-sort", now);
    filter();
  };
  heads.forEach((head, column) => {
    const button = make("button", { type: "button", textContent: head.textContent });
    button.addEventListener("click", () => sort(column));
    head.replaceChildren(button);
  });
  heads[3].setAttribute("aria-sort", "descending");

  const box = make("div", { className: "find" });
  box.append(make("label", { textContent: "Filter", htmlFor: "filter" }), input, shown, all);
  table.before(box);
  tell(rows);
})();
