// Makes the tables of the page sortable, and shortens long ones. The script stores nothing and sends no requests.
(() => {
  const create = (name, properties = {}) => Object.assign(document.createElement(name), properties);
  const compare = (a, b) => (a < b ? -1 : Number(a > b));

  // A long table shows only this many rows until the reader asks for all of them, because the browser needs seconds to
  // lay out thousands of rows.
  const INITIAL_ROWS = 20;

  const shorten = (table) => {
    const count = table.tBodies[0].rows.length;
    if (count <= INITIAL_ROWS) return;
    table.classList.add("short");
    const properties = { type: "button", className: "all", textContent: `Show all ${count}` };
    const button = create("button", properties);
    button.addEventListener("click", () => {
      table.classList.remove("short");
      button.remove();
    });
    table.after(button);
  };

  const makeSortable = (table) => {
    const body = table.tBodies[0];
    const headings = [...table.tHead.rows[0].cells];
    // Columns of figures are sorted as numbers, and the others as text.
    const isFigure = (column) => headings[column].classList.contains("figure");
    // Returns the value by which a row is sorted: the cell's exact value if it has one, and its text otherwise. The
    // value of an empty cell is "", also in a column of figures.
    const sortKey = (row, column) => {
      const cell = row.cells[column];
      const value = cell.dataset.v ?? cell.textContent;
      const number = isFigure(column) && value !== "" ? Number(value) : Number.NaN;
      return Number.isNaN(number) ? value.toLowerCase() : number;
    };
    const sortBy = (column) => {
      // The first click sorts names in ascending order, and times and figures in descending order.
      const [firstOrder, secondOrder] =
        isFigure(column) ? ["descending", "ascending"] : ["ascending", "descending"];
      const isSorted = headings[column].getAttribute("aria-sort") === firstOrder;
      const order = isSorted ? secondOrder : firstOrder;
      const sign = order === "ascending" ? 1 : -1;
      const keyedRows = [...body.rows].map((row) => ({ row, key: sortKey(row, column) }));
      // Empty cells are last in both orders.
      const isEmpty = (row) => Number(row.key === "");
      keyedRows.sort((a, b) => isEmpty(a) - isEmpty(b) || sign * compare(a.key, b.key));
      for (const heading of headings) heading.removeAttribute("aria-sort");
      headings[column].setAttribute("aria-sort", order);
      body.replaceChildren(...keyedRows.map(({ row }) => row));
    };
    headings.forEach((heading, column) => {
      const button = create("button", { type: "button", textContent: heading.textContent });
      button.addEventListener("click", () => sortBy(column));
      heading.replaceChildren(button);
    });
  };

  for (const table of document.querySelectorAll("table")) {
    makeSortable(table);
    shorten(table);
  }
})();
