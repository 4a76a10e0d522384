// Adds a button for the theme to the page, and makes its table of sessions sortable and filterable. The script stores
// nothing and sends no requests.
(() => {
  const create = (name, properties = {}) => Object.assign(document.createElement(name), properties);

  const themes = ["auto", "light", "dark"];
  const themeButton = create("button", { id: "theme", type: "button" });
  const setTheme = (theme) => {
    themeButton.textContent = `Theme: ${theme}`;
    document.documentElement.dataset.theme = theme;
  };
  themeButton.addEventListener("click", () => {
    const current = themes.indexOf(document.documentElement.dataset.theme);
    setTheme(themes[(current + 1) % themes.length]);
  });
  setTheme("auto");
  document.querySelector("header").append(themeButton);

  const table = document.querySelector(".by-session");
  if (!table) return;
  // The style sheet shows only this many rows until the reader asks for all of them, because the browser needs seconds
  // to lay out thousands of rows.
  const INITIAL_ROWS = 20;
  const body = table.tBodies[0];
  const headings = [...table.tHead.rows[0].cells];
  // Columns of figures are sorted as numbers, and the others as text.
  const isFigure = (column) => headings[column].classList.contains("figure");
  let sortedRows = [...body.rows];
  const sessionCount = sortedRows.length;

  const showAllButton = create("button", { type: "button", className: "all" });
  const rowCount = create("output", { className: "quiet" });
  const showRowCount = (matchingCount) => {
    const text = `${matchingCount} of ${sessionCount} sessions`;
    const isShortened = matchingCount > INITIAL_ROWS && !table.classList.contains("whole");
    rowCount.textContent = isShortened ? `${text}, the first ${INITIAL_ROWS} shown` : text;
    showAllButton.textContent = `Show all ${matchingCount}`;
    showAllButton.hidden = !isShortened;
  };

  const filterInput = create("input", { id: "filter", type: "search", autocomplete: "off" });
  const textByRow = new Map();
  const textOf = (row) => {
    if (!textByRow.has(row)) textByRow.set(row, row.textContent.toLowerCase());
    return textByRow.get(row);
  };
  const showMatchingRows = () => {
    const words = filterInput.value.toLowerCase().split(/\s+/).filter(Boolean);
    const matching = sortedRows.filter((row) => words.every((word) => textOf(row).includes(word)));
    const fragment = document.createDocumentFragment();
    for (const row of matching) fragment.append(row);
    body.replaceChildren(fragment);
    showRowCount(matching.length);
  };
  filterInput.addEventListener("input", showMatchingRows);
  showAllButton.addEventListener("click", () => {
    table.classList.add("whole");
    showMatchingRows();
    filterInput.focus();
  });

  // Returns the value by which a row is sorted: the cell's exact value if it has one, and its text otherwise. The value
  // of an empty cell is "", also in a column of figures.
  const sortKey = (row, column) => {
    const cell = row.cells[column];
    const value = cell.dataset.v ?? cell.textContent;
    const number = isFigure(column) && value !== "" ? Number(value) : Number.NaN;
    return Number.isNaN(number) ? value.toLowerCase() : number;
  };
  const compare = (a, b) => (a < b ? -1 : Number(a > b));
  const sortBy = (column) => {
    // The first click sorts names in ascending order, and times and figures in descending order.
    const [firstOrder, secondOrder] =
      isFigure(column) ? ["descending", "ascending"] : ["ascending", "descending"];
    const isSorted = headings[column].getAttribute("aria-sort") === firstOrder;
    const order = isSorted ? secondOrder : firstOrder;
    const sign = order === "ascending" ? 1 : -1;
    const keyedRows = sortedRows.map((row) => ({ row, key: sortKey(row, column) }));
    // Empty cells are last in both orders.
    const isEmpty = (row) => Number(row.key === "");
    keyedRows.sort((a, b) => isEmpty(a) - isEmpty(b) || sign * compare(a.key, b.key));
    sortedRows = keyedRows.map(({ row }) => row);
    for (const heading of headings) heading.removeAttribute("aria-sort");
    headings[column].setAttribute("aria-sort", order);
    showMatchingRows();
  };
  headings.forEach((heading, column) => {
    const button = create("button", { type: "button", textContent: heading.textContent });
    button.addEventListener("click", () => sortBy(column));
    heading.replaceChildren(button);
  });
  table.tHead.querySelector(".started").setAttribute("aria-sort", "descending");

  const filterBar = create("div", { className: "find" });
  const label = create("label", { textContent: "Filter", htmlFor: "filter" });
  filterBar.append(label, filterInput, rowCount, showAllButton);
  table.before(filterBar);
  showRowCount(sessionCount);
})();
