//! A table, and laying it out for a width: text to the left, figures to the right; where there is
//! little room, columns are left out and texts shortened.

use super::page::Sheet;
use crate::terminal::{Piece, Tone, bar_of_share, cut, padding, width};

/// Between two columns.
const GAP: usize = 2;
/// The widest that a bar gets, and the narrowest that says anything.
const LONGEST_BAR: usize = 24;
const SHORTEST_BAR: usize = 6;

/// Columns and rows. A row has a cell for each column.
#[derive(Debug, Clone, Default)]
pub(crate) struct Table {
    pub(crate) columns: Vec<Column>,
    pub(crate) rows: Vec<TableRow>,
    /// Which columns stand on a page, from wide to narrow: the first choice that fits is taken. All
    /// of them where there is no choice.
    pub(crate) choices: &'static [&'static [usize]],
    /// How far to the right it stands.
    pub(crate) indent: usize,
    pub(crate) is_headless: bool,
}

/// What stands in a column.
#[derive(Debug, Clone)]
pub(crate) struct Column {
    pub(crate) name: String,
    kind: ColumnKind,
    tone: Tone,
    /// How far a text may be shortened to make room for others. None: not at all.
    least: Option<usize>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum ColumnKind {
    /// At the left.
    Text,
    /// At the right.
    Figure,
    /// Nothing but bars, drawn behind the row where there is room and a terminal.
    Bar,
}

/// A line of a table.
#[derive(Debug, Clone)]
pub(crate) struct TableRow {
    pub(crate) cells: Vec<Cell>,
    /// Of the whole row, where it is not a row like others.
    tone: Option<Tone>,
}

/// What stands in a row below a column's name.
#[derive(Debug, Clone, Default)]
pub(crate) struct Cell {
    pub(crate) text: String,
    /// What a spreadsheet or a script takes, where the text is no such figure.
    pub(crate) exact: Option<String>,
    /// A bar, as long as this share of the longest.
    pub(crate) bar: Option<f64>,
}

impl Column {
    fn new(name: impl Into<String>, kind: ColumnKind) -> Self {
        Self {
            name: name.into(),
            kind,
            tone: Tone::Plain,
            least: None,
        }
    }

    /// Names stand at the left.
    pub(crate) fn text(name: impl Into<String>) -> Self {
        Self::new(name, ColumnKind::Text)
    }

    /// Figures stand at the right.
    pub(crate) fn figure(name: impl Into<String>) -> Self {
        Self::new(name, ColumnKind::Figure)
    }

    /// Bars stand behind everything.
    pub(crate) fn bar(name: impl Into<String>) -> Self {
        Self::new(name, ColumnKind::Bar)
    }

    pub(crate) fn in_tone(self, tone: Tone) -> Self {
        Self { tone, ..self }
    }

    pub(crate) fn shrinking_to(self, least: usize) -> Self {
        let least = Some(least);
        Self { least, ..self }
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
    /// Also says what it sorts and adds up by.
    pub(crate) fn worth(self, exact: impl Into<String>) -> Self {
        let exact = Some(exact.into());
        Self { exact, ..self }
    }

    /// Nothing but a bar.
    pub(crate) fn bar(share: f64) -> Self {
        Self {
            bar: Some(share),
            ..Self::default()
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
        let cells = cells.into_iter().map(Into::into).collect();
        self.rows.push(TableRow { cells, tone: None });
    }

    /// Adds a row that is not like the others: a total, or what is left out.
    pub(crate) fn row_in_tone(
        &mut self,
        tone: Tone,
        cells: impl IntoIterator<Item = impl Into<Cell>>,
    ) {
        self.row(cells);
        if let Some(row) = self.rows.last_mut() {
            row.tone = Some(tone);
        }
    }

    /// Writes it. Where the page is no terminal, it has no bars behind its rows.
    pub(super) fn write(&self, sheet: &mut Sheet) {
        let room = sheet.page.columns.saturating_sub(self.indent);
        let all: Vec<usize> = (0..self.columns.len()).collect();
        let choices = self.choices.iter().copied();
        let choices = choices.chain(self.choices.is_empty().then_some(all.as_slice()));
        let mut layout = Layout::default();
        for chosen in choices {
            layout = Layout::new(self, chosen);
            if layout.least_width() <= room {
                break;
            }
        }
        layout.shrink(room);
        let bar = sheet.page.is_terminal.then(|| layout.room_for_bar(room));
        if !self.is_headless {
            let names = self.columns.iter().map(|column| column.name.as_str());
            let names: Vec<&str> = names.collect();
            sheet.row(layout.pieces(self, &names, Some(Tone::Quiet)));
        }
        for row in &self.rows {
            let cells = row.cells.iter().map(|cell| cell.text.as_str());
            let cells: Vec<&str> = cells.collect();
            let mut pieces = layout.pieces(self, &cells, row.tone);
            let share = row.cells.iter().find_map(|cell| cell.bar);
            if let (Some(columns), Some(share)) = (bar, share) {
                pieces.push((Tone::Accent, bar_of_share(share, columns)));
            }
            sheet.row(pieces);
        }
    }
}

/// Which columns are shown and how wide.
#[derive(Debug, Default)]
struct Layout {
    /// Place in the table, width, and how narrow it may get.
    columns: Vec<(usize, usize, usize)>,
}

impl Layout {
    fn new(table: &Table, chosen: &[usize]) -> Self {
        let columns = chosen.iter().filter_map(|place| {
            let column = table.columns.get(*place);
            let column = column.filter(|column| column.kind != ColumnKind::Bar)?;
            let cells = table.rows.iter().filter_map(|row| row.cells.get(*place));
            let widest = cells.map(|cell| width(&cell.text)).max().unwrap_or(0);
            let name = if table.is_headless {
                0
            } else {
                width(&column.name)
            };
            let wide = widest.max(name);
            Some((*place, wide, column.least.unwrap_or(wide).min(wide)))
        });
        Self {
            columns: columns.collect(),
        }
    }

    fn gaps(&self) -> usize {
        GAP * self.columns.len().saturating_sub(1)
    }

    fn width(&self) -> usize {
        self.columns.iter().map(|(_, wide, _)| wide).sum::<usize>() + self.gaps()
    }

    fn least_width(&self) -> usize {
        let least = self.columns.iter().map(|(_, _, least)| least);
        least.sum::<usize>() + self.gaps()
    }

    /// Shortens texts until all fits, the longest first; where nothing helps, the first column gives
    /// way.
    fn shrink(&mut self, room: usize) {
        let mut over = self.width().saturating_sub(room);
        while over > 0 {
            let columns = self.columns.iter_mut();
            let may_shrink = columns.filter(|(_, wide, least)| wide > least);
            let Some((_, wide, _)) = may_shrink.max_by_key(|(_, wide, _)| *wide) else {
                break;
            };
            *wide -= 1;
            over -= 1;
        }
        if let Some((_, wide, _)) = self.columns.first_mut() {
            *wide = wide.saturating_sub(over).max(1);
        }
    }

    fn room_for_bar(&self, room: usize) -> usize {
        let left = room.saturating_sub(self.width() + GAP).min(LONGEST_BAR);
        if left >= SHORTEST_BAR { left } else { 0 }
    }

    fn pieces(&self, table: &Table, cells: &[&str], tone: Option<Tone>) -> Vec<Piece> {
        let mut pieces = vec![(Tone::Plain, " ".repeat(table.indent))];
        for (place, wide, _) in &self.columns {
            let Some((cell, column)) = cells.get(*place).zip(table.columns.get(*place)) else {
                continue;
            };
            let cell = cut(cell, *wide);
            let padding = (Tone::Plain, padding(&cell, *wide));
            let cell = (tone.unwrap_or(column.tone), cell);
            pieces.extend(if column.kind == ColumnKind::Text {
                [cell, padding]
            } else {
                [padding, cell]
            });
            pieces.push((Tone::Plain, " ".repeat(GAP)));
        }
        pieces
    }
}
