//! A table, and laying it out for a width: text to the left, figures to the right; where there is
//! little room, columns are left out and texts shortened. Or as CSV.

use std::io;

use super::report::Sheet;
use crate::terminal::{Piece, Shown, Tone, bar_of_share, cut, padding, print, visible, width};

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
    /// Which columns stand on a page, by their letters as in a spreadsheet, from wide to narrow: the first choice that
    /// fits is taken. All of them where there is no choice.
    pub(crate) choices: &'static [&'static str],
    /// How far to the right it stands.
    pub(crate) indent: usize,
    pub(crate) is_headless: bool,
}

/// What stands in a column.
#[derive(Debug, Clone, Default)]
pub(crate) struct Column {
    pub(crate) name: String,
    /// Figures stand at the right.
    is_figure: bool,
    tone: Tone,
    /// How far a text may be shortened to make room for others. None: not at all.
    least: Option<usize>,
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
    /// A bar, as long as this share of the longest; behind the row, where there is room and a
    /// terminal.
    pub(crate) bar: Option<f64>,
    /// In a browser its text is a color, by this share of the most.
    pub(crate) shade: Option<f64>,
}

impl Column {
    /// Names stand at the left.
    pub(crate) fn text(name: impl Into<String>) -> Self {
        let name = name.into();
        Self {
            name,
            ..Self::default()
        }
    }

    /// Figures stand at the right.
    pub(crate) fn figure(name: impl Into<String>) -> Self {
        let mut column = Self::text(name);
        column.is_figure = true;
        column
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

    /// In a browser it is a color.
    pub(crate) fn shaded(mut self, share: f64) -> Self {
        self.shade = Some(share);
        self
    }

    /// Nothing but a bar.
    pub(crate) fn bar(share: f64) -> Self {
        let mut cell = Self::from("");
        cell.bar = Some(share);
        cell
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
        let (cells, tone) = (cells.into_iter().map(Into::into).collect(), Some(tone));
        self.rows.push(TableRow { cells, tone });
    }

    /// Writes it. Where the page is no terminal, it has no bars behind its rows.
    pub(super) fn write(&self, sheet: &mut Sheet) {
        let names = self.columns.iter().map(|column| &*column.name);
        let (cells, tone) = (names.map(Cell::from).collect(), Some(Tone::Quiet));
        let heading = TableRow { cells, tone };
        let heading = (!self.is_headless).then_some(&heading).into_iter();
        let rows: Vec<&TableRow> = heading.chain(&self.rows).collect();
        let room = sheet.page.columns.saturating_sub(self.indent);
        let mut columns = self.shown(&rows, room);
        shrink(&mut columns, room);
        let taken = width_of(&columns, |shown| shown.wide) + GAP;
        let room_for_bar = room.saturating_sub(taken).min(LONGEST_BAR);
        let has_bars = sheet.page.is_terminal && room_for_bar >= SHORTEST_BAR;
        for row in rows {
            let mut pieces = vec![(Tone::Plain, " ".repeat(self.indent))];
            pieces.extend(columns.iter().flat_map(|shown| shown.pieces(row)));
            let share = row.cells.iter().find_map(|cell| cell.bar);
            let share = share.filter(|_| has_bars);
            pieces.extend(share.map(|share| (Tone::Accent, bar_of_share(share, room_for_bar))));
            sheet.row(pieces);
        }
    }

    /// The first choice of columns that fits, else the last.
    fn shown(&self, rows: &[&TableRow], room: usize) -> Vec<ShownColumn<'_>> {
        let all: String = ('A'..='Z').take(self.columns.len()).collect();
        let choices: &[&str] = match self.choices {
            [] => &[&all],
            choices => choices,
        };
        let mut columns = Vec::new();
        for chosen in choices {
            let chosen = chosen.bytes().filter_map(|letter| {
                let place = usize::from(letter.checked_sub(b'A')?);
                Some(ShownColumn::new(self.columns.get(place)?, place, rows))
            });
            columns = chosen.collect();
            if width_of(&columns, |shown| shown.least) <= room {
                break;
            }
        }
        columns
    }
}

/// A column of a table on a page.
struct ShownColumn<'t> {
    column: &'t Column,
    /// In the table.
    place: usize,
    wide: usize,
    /// How narrow it may get.
    least: usize,
}

impl<'t> ShownColumn<'t> {
    fn new(column: &'t Column, place: usize, rows: &[&TableRow]) -> Self {
        let cells = rows.iter().filter_map(|row| row.cells.get(place));
        let wide = cells.map(|cell| width(&cell.text)).max().unwrap_or(0);
        Self {
            column,
            place,
            wide,
            least: column.least.unwrap_or(wide).min(wide),
        }
    }

    /// Its cell of a row, and what parts it from the next.
    fn pieces(&self, row: &TableRow) -> Vec<Piece> {
        let cell = row.cells.get(self.place);
        let text = cell.map_or_else(String::new, |cell| cut(&cell.text, self.wide));
        let padding = (Tone::Plain, padding(&text, self.wide));
        let text = (row.tone.unwrap_or(self.column.tone), text);
        let gap = (Tone::Plain, " ".repeat(GAP));
        if self.column.is_figure {
            vec![padding, text, gap]
        } else {
            vec![text, padding, gap]
        }
    }
}

fn width_of(columns: &[ShownColumn<'_>], part: fn(&ShownColumn<'_>) -> usize) -> usize {
    let gaps = GAP * columns.len().saturating_sub(1);
    columns.iter().map(part).sum::<usize>() + gaps
}

/// Shortens texts until all fits, the longest first; where nothing helps, the first column gives
/// way.
fn shrink(columns: &mut [ShownColumn<'_>], room: usize) {
    let mut over = width_of(columns, |shown| shown.wide).saturating_sub(room);
    while over > 0 {
        let may_shrink = columns.iter_mut().filter(|shown| shown.wide > shown.least);
        let Some(widest) = may_shrink.max_by_key(|shown| shown.wide) else {
            break;
        };
        widest.wide -= 1;
        over -= 1;
    }
    if let Some(first) = columns.first_mut() {
        first.wide = first.wide.saturating_sub(over).max(1);
    }
}

/// Prints the names of the columns and each row as CSV (RFC 4180), with exact figures.
#[expect(clippy::disallowed_methods, reason = "each field is made visible")]
pub(crate) fn print_csv(table: &Table) -> io::Result<()> {
    let mut text = line(table.columns.iter().map(|column| column.name.as_str()));
    for row in &table.rows {
        let cells = row.cells.iter();
        text += &line(cells.map(|cell| cell.exact.as_ref().unwrap_or(&cell.text).as_str()));
    }
    print(&Shown::as_it_is(text))
}

fn line<'f>(fields: impl Iterator<Item = &'f str>) -> String {
    fields.map(quoted).collect::<Vec<_>>().join(",") + "\r\n"
}

/// A spreadsheet calculates what begins like a formula, and a branch's name may be anybody's: with an
/// apostrophe before it, it is a text. Figures stay figures.
fn quoted(field: &str) -> String {
    let mut field = visible(field).into_owned();
    if field.starts_with(['=', '+', '-', '@']) && field.parse::<f64>().is_err() {
        field.insert(0, '\'');
    }
    if field.contains([',', '"']) {
        field = format!("\"{}\"", field.replace('"', "\"\""));
    }
    field
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_field_with_a_comma_or_a_quote_is_quoted_and_each_is_one_line() {
        let fields = ["plain", "a,b", "say \"hi\"", "two\nlines"];
        assert_eq!(
            line(fields.into_iter()),
            "plain,\"a,b\",\"say \"\"hi\"\"\",two lines\r\n"
        );
    }

    #[test]
    fn what_begins_like_a_formula_is_a_text_and_a_figure_is_a_figure() {
        let of = |field| line([field].into_iter());
        assert_eq!(of("=cmd|'/c calc'!A1"), "'=cmd|'/c calc'!A1\r\n");
        assert_eq!(of("+1+1"), "'+1+1\r\n");
        assert_eq!(of("@SUM(1,2)"), "\"'@SUM(1,2)\"\r\n");
        assert_eq!(of("-main"), "'-main\r\n");
        assert_eq!(of("-0.25"), "-0.25\r\n");
    }
}
