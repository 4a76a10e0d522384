//! Tables, and their layout as text. If the page is too narrow, columns are left out and text is truncated.
//!
//! A table with optional columns has several layouts. They are numbered from 0, which is the widest. Each column
//! specifies the layouts that contain it. The first layout that fits is used.

use std::ops::RangeInclusive;

use super::page::PageWriter;
use crate::terminal::{Piece, Tone, padding, share_bar, truncate, truncate_path, width};

/// The gap between two columns of a table.
const GAP: usize = 2;

/// The maximum width of the bar after a row.
const MAX_BAR_COLUMNS: usize = 24;

/// The minimum width at which a bar is useful.
const MIN_BAR_COLUMNS: usize = 6;

/// A table. Each row has one cell per column and an optional bar.
#[derive(Debug, Clone, Default)]
pub(crate) struct Table {
    pub columns: Vec<Column>,
    pub rows: Vec<TableRow>,
    /// The indentation of the table.
    pub indent: usize,
    /// True if the column names are omitted.
    pub is_headless: bool,
}

/// A column of a table.
#[derive(Debug, Clone, Default)]
pub(crate) struct Column {
    pub name: String,
    /// True if the cells are right-aligned.
    pub is_number: bool,
    /// True if the cells are paths, whose last directory is more important than their beginning.
    is_path: bool,
    /// The HTML class of the column's cells, which the style sheet and the script use to find them.
    pub class: Option<&'static str>,
    tone: Tone,
    /// The width to which text can be truncated, or `None` if it must not be truncated.
    min_width: Option<usize>,
    /// The layouts that contain the column, or `None` if all of them do.
    layouts: Option<RangeInclusive<usize>>,
}

/// A row of a table.
#[derive(Debug, Clone)]
pub(crate) struct TableRow {
    pub cells: Vec<Cell>,
    /// The tone of the whole row. If `None`, each column has its own tone.
    tone: Option<Tone>,
    /// A paragraph below the row, which is never truncated.
    note: Option<String>,
}

/// A cell of a table.
#[derive(Debug, Clone, Default)]
pub(crate) struct Cell {
    pub text: String,
    /// The value for the script of the HTML page if it differs from the text.
    pub exact: Option<String>,
    /// The length of a bar, relative to the longest one. On a terminal, the bar is shown after the row.
    pub bar: Option<f64>,
}

/// A cell with its column. A row of these cells also describes the columns of its table.
#[derive(Debug)]
pub(crate) struct HeadedCell {
    column: Column,
    cell: Cell,
}

impl Column {
    /// Creates a left-aligned column of text.
    pub(crate) fn text(name: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            ..Self::default()
        }
    }

    /// Creates a right-aligned column of numbers.
    pub(crate) fn number(name: impl Into<String>) -> Self {
        Self {
            is_number: true,
            ..Self::text(name)
        }
    }

    /// Creates a left-aligned column of paths. Their beginning is left out first if the column is too narrow.
    pub(crate) fn path(name: impl Into<String>) -> Self {
        Self {
            is_path: true,
            ..Self::text(name)
        }
    }

    pub(crate) fn with_tone(self, tone: Tone) -> Self {
        Self { tone, ..self }
    }

    /// Allows text in the column to be truncated to this width.
    pub(crate) fn with_min_width(self, min_width: usize) -> Self {
        Self {
            min_width: Some(min_width),
            ..self
        }
    }

    /// Sets the class of the column's cells in HTML.
    pub(crate) fn with_class(self, class: &'static str) -> Self {
        Self {
            class: Some(class),
            ..self
        }
    }

    /// Shows the column only in these layouts.
    pub(crate) fn in_layouts(self, layouts: RangeInclusive<usize>) -> Self {
        Self {
            layouts: Some(layouts),
            ..self
        }
    }

    /// Returns a cell with this column.
    pub(crate) fn above(self, cell: impl Into<Cell>) -> HeadedCell {
        HeadedCell {
            column: self,
            cell: cell.into(),
        }
    }

    fn is_in_layout(&self, layout: usize) -> bool {
        match &self.layouts {
            Some(layouts) => layouts.contains(&layout),
            None => true,
        }
    }
}

impl<T: Into<String>> From<T> for Column {
    fn from(name: T) -> Self {
        Self::text(name)
    }
}

impl<T: Into<String>> From<T> for Cell {
    fn from(text: T) -> Self {
        Self {
            text: text.into(),
            ..Self::default()
        }
    }
}

impl Cell {
    /// Sets the value for the script of the HTML page.
    pub(crate) fn with_exact(self, exact: impl Into<String>) -> Self {
        Self {
            exact: Some(exact.into()),
            ..self
        }
    }
}

impl Table {
    pub(crate) fn new(columns: impl IntoIterator<Item = impl Into<Column>>) -> Self {
        Self {
            columns: columns.into_iter().map(Into::into).collect(),
            ..Self::default()
        }
    }

    /// Adds a row.
    pub(crate) fn row(&mut self, cells: impl IntoIterator<Item = impl Into<Cell>>) {
        self.rows.push(TableRow {
            cells: cells.into_iter().map(Into::into).collect(),
            tone: None,
            note: None,
        });
    }

    /// Adds a row with its own tone, for example a total.
    pub(crate) fn row_in_tone(
        &mut self,
        tone: Tone,
        cells: impl IntoIterator<Item = impl Into<Cell>>,
    ) {
        self.rows.push(TableRow {
            cells: cells.into_iter().map(Into::into).collect(),
            tone: Some(tone),
            note: None,
        });
    }

    /// Adds a row. The first row determines the columns of the table, and the other rows must have the same ones.
    pub(crate) fn headed_row(&mut self, cells: impl IntoIterator<Item = HeadedCell>) {
        let cells = self.separate_columns(cells);
        self.row(cells);
    }

    /// Adds a row like [`Table::headed_row`], but with its own tone.
    pub(crate) fn headed_row_in_tone(
        &mut self,
        tone: Tone,
        cells: impl IntoIterator<Item = HeadedCell>,
    ) {
        let cells = self.separate_columns(cells);
        self.row_in_tone(tone, cells);
    }

    fn separate_columns(&mut self, cells: impl IntoIterator<Item = HeadedCell>) -> Vec<Cell> {
        let (columns, cells) = cells
            .into_iter()
            .map(|headed| (headed.column, headed.cell))
            .unzip();
        if self.columns.is_empty() {
            self.columns = columns;
        }
        cells
    }

    /// Adds a paragraph below the last row.
    pub(crate) fn note_below(&mut self, note: impl Into<String>) {
        if let Some(row) = self.rows.last_mut() {
            row.note = Some(note.into());
        }
    }

    /// Writes the table to a page.
    pub(super) fn write(&self, writer: &mut PageWriter) {
        let room = writer.page.columns.saturating_sub(self.indent);
        let rows = self.rows_with_heading();
        let mut columns = self.choose_columns(&rows, room);
        shrink_to_fit(&mut columns, room);

        let table_width = total_width(&columns, |column| column.width);
        let bar_columns = room
            .saturating_sub(table_width + GAP)
            .min(MAX_BAR_COLUMNS);
        let shows_bars = writer.page.is_terminal && bar_columns >= MIN_BAR_COLUMNS;

        for row in &rows {
            let mut pieces = vec![(Tone::Plain, " ".repeat(self.indent))];
            pieces.extend(columns.iter().flat_map(|column| column.pieces(row)));
            if shows_bars && let Some(share) = row.cells.iter().find_map(|cell| cell.bar) {
                pieces.push((Tone::Accent, share_bar(share, bar_columns)));
            }
            writer.row(pieces);
            if let Some(note) = &row.note {
                let indent = self.indent + GAP;
                writer.hanging_text(
                    &[(Tone::Plain, " ".repeat(indent))],
                    indent,
                    Tone::Plain,
                    note,
                );
            }
        }
    }

    /// Returns all rows. The first one contains the column names unless they are omitted.
    fn rows_with_heading(&self) -> Vec<TableRow> {
        let heading = TableRow {
            cells: self
                .columns
                .iter()
                .map(|column| Cell::from(column.name.as_str()))
                .collect(),
            tone: Some(Tone::Quiet),
            note: None,
        };
        let mut rows = Vec::with_capacity(self.rows.len() + 1);
        if !self.is_headless {
            rows.push(heading);
        }
        rows.extend(self.rows.iter().cloned());
        rows
    }

    /// Returns the columns of the first layout that fits with truncated text. If none fits, returns the columns of the
    /// last one.
    fn choose_columns(&self, rows: &[TableRow], room: usize) -> Vec<PlacedColumn<'_>> {
        let last_layout = self
            .columns
            .iter()
            .filter_map(|column| Some(column.layouts.as_ref()?.end() + 1))
            .max()
            .unwrap_or(0);

        let mut columns = Vec::new();
        for layout in 0..=last_layout {
            columns = self
                .columns
                .iter()
                .enumerate()
                .filter(|(_, column)| column.is_in_layout(layout))
                .map(|(index, column)| PlacedColumn::new(column, index, rows))
                .collect();
            if total_width(&columns, |column| column.min_width) <= room {
                break;
            }
        }
        columns
    }
}

/// A column and its width on the page.
struct PlacedColumn<'t> {
    column: &'t Column,
    /// The index of the column in the table.
    index: usize,
    width: usize,
    min_width: usize,
}

impl<'t> PlacedColumn<'t> {
    fn new(column: &'t Column, index: usize, rows: &[TableRow]) -> Self {
        let width = rows
            .iter()
            .filter_map(|row| row.cells.get(index))
            .map(|cell| width(&cell.text))
            .max()
            .unwrap_or(0);
        Self {
            column,
            index,
            width,
            min_width: column.min_width.unwrap_or(width).min(width),
        }
    }

    /// Returns the text of a row in this column, its padding, and the gap after it.
    fn pieces(&self, row: &TableRow) -> [Piece; 3] {
        let text = match row.cells.get(self.index) {
            Some(cell) if self.column.is_path => truncate_path(&cell.text, self.width),
            Some(cell) => truncate(&cell.text, self.width),
            None => String::new(),
        };
        let padding = (Tone::Plain, padding(&text, self.width));
        let text = (row.tone.unwrap_or(self.column.tone), text);
        let gap = (Tone::Plain, " ".repeat(GAP));
        if self.column.is_number {
            [padding, text, gap]
        } else {
            [text, padding, gap]
        }
    }
}

/// Returns the total width of the columns and the gaps between them. `width` returns the width of a column.
fn total_width(columns: &[PlacedColumn<'_>], width: fn(&PlacedColumn<'_>) -> usize) -> usize {
    let gaps = GAP * columns.len().saturating_sub(1);
    columns.iter().map(width).sum::<usize>() + gaps
}

/// Shrinks columns until all of them fit. The widest column that can still be truncated shrinks first. If this is not
/// enough, the first column is truncated further.
fn shrink_to_fit(columns: &mut [PlacedColumn<'_>], room: usize) {
    let mut excess = total_width(columns, |column| column.width).saturating_sub(room);
    while excess > 0 {
        let Some(widest) = columns
            .iter_mut()
            .filter(|column| column.width > column.min_width)
            .max_by_key(|column| column.width)
        else {
            break;
        };
        widest.width -= 1;
        excess -= 1;
    }
    if let Some(first) = columns.first_mut() {
        first.width = first.width.saturating_sub(excess).max(1);
    }
}
