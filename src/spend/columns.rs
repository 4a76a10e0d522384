//! A table of groups that fits the terminal.

use chrono::{DateTime, Utc};

use super::grouping::{Group, GroupBy, block_end};
use super::tally::Tally;
use crate::pricing::Money;
use crate::terminal::{Page, Piece, Tone, cut, padding, visible, width};
use crate::time::{Clock, moment};

/// The widest that a bar gets, and the narrowest that says anything.
const LONGEST_BAR: usize = 24;
const SHORTEST_BAR: usize = 6;

/// A table with more lines than this has its total at both ends.
const LONG: usize = 20;

/// What a table is made of.
pub(super) struct Table<'t> {
    pub(super) by: GroupBy,
    pub(super) groups: &'t [Group],
    pub(super) total: &'t Tally,
    /// Whether the total is what is at least so much.
    pub(super) is_lower_bound: bool,
    /// How many groups are left out, and their sum.
    pub(super) rest: Option<(usize, Tally)>,
    pub(super) clock: Clock,
    /// The home directory, which is shown as `~`.
    pub(super) home: Option<&'t str>,
}

/// One column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Column {
    Label,
    Project,
    Last,
    Cost,
    Share,
    Responses,
    Input,
    Output,
    CacheWrite,
    CacheRead,
    Tokens,
}

use Column::{
    CacheRead, CacheWrite, Cost, Input, Label, Last, Output, Project, Responses, Share, Tokens,
};

/// What is shown of sessions, by room: the first that fits is taken.
const OF_SESSIONS: &[&[Column]] = &[
    &[
        Label, Project, Last, Cost, Share, Responses, Input, Output, CacheWrite, CacheRead,
    ],
    &[Label, Project, Last, Cost, Share, Responses, Tokens],
    &[Label, Project, Last, Cost, Responses, Tokens],
    &[Label, Project, Last, Cost],
    &[Label, Last, Cost],
    &[Label, Cost],
];

/// The same of anything else.
const OF_OTHERS: &[&[Column]] = &[
    &[
        Label, Cost, Share, Responses, Input, Output, CacheWrite, CacheRead,
    ],
    &[Label, Cost, Responses, Input, Output, CacheWrite, CacheRead],
    &[Label, Cost, Share, Responses, Tokens],
    &[Label, Cost, Share, Responses],
    &[Label, Cost, Share],
    &[Label, Cost],
];

impl Column {
    fn is_text(self) -> bool {
        matches!(self, Label | Project | Last)
    }

    fn tone(self) -> Tone {
        match self {
            Cost => Tone::Strong,
            Share | Project | Last => Tone::Quiet,
            _ => Tone::Plain,
        }
    }

    fn head(self, by: GroupBy) -> &'static str {
        match self {
            Label => heading(by),
            Project => "project",
            Last => "last",
            Cost => "cost",
            Share => "share",
            Responses => "responses",
            Input => "input",
            Output => "output",
            CacheWrite => "cache write",
            CacheRead => "cache read",
            Tokens => "tokens",
        }
    }

    /// How far a column of text may shrink to make room for others.
    fn least(self, by: GroupBy) -> Option<usize> {
        match self {
            // Half a date says nothing.
            Label if by.is_by_time() => None,
            Label => Some(20),
            Project => Some(10),
            _ => None,
        }
    }
}

/// One line of the table.
#[derive(Debug, Clone, Copy)]
enum Line<'t> {
    Head,
    Group(&'t Group),
    /// Groups that are left out.
    Rest(usize, &'t Tally),
    Total,
}

impl Table<'_> {
    /// Writes it. Where the page is no terminal, it has no bars.
    pub(super) fn write(&self, page: &mut Page) {
        let lines = self.lines();
        let choice = if self.by == GroupBy::Session {
            OF_SESSIONS
        } else {
            OF_OTHERS
        };
        let room = page.columns();
        let mut narrowest = None;
        for columns in choice {
            let layout = Layout::of(self, columns, &lines);
            let fits = layout.least() <= room;
            narrowest = Some(layout);
            if fits {
                break;
            }
        }
        let Some(mut layout) = narrowest else {
            return;
        };
        layout.fit(room);
        let longest = if page.is_terminal() {
            layout.room_for_bar(room)
        } else {
            0
        };
        let most = self.groups.iter().map(|group| group.tally.cost()).max();
        for (line, cells) in lines.iter().zip(&layout.cells) {
            let bar = match line {
                Line::Group(group) => bar_of(group.tally.cost(), most.unwrap_or_default(), longest),
                _ => String::new(),
            };
            page.row(&layout.row(*line, cells, &bar));
        }
    }

    /// Heading, groups, what is left out, total. A long table has its total at the top too.
    fn lines(&self) -> Vec<Line<'_>> {
        let mut lines = vec![Line::Head];
        if self.groups.len() > LONG {
            lines.push(Line::Total);
        }
        lines.extend(self.groups.iter().map(Line::Group));
        if let Some((many, sum)) = &self.rest {
            lines.push(Line::Rest(*many, sum));
        }
        lines.push(Line::Total);
        lines
    }

    fn cell(&self, column: Column, line: Line<'_>) -> String {
        let tally = match line {
            Line::Head => return column.head(self.by).to_owned(),
            Line::Group(group) => &group.tally,
            Line::Rest(_, sum) => sum,
            Line::Total => self.total,
        };
        let usage = &tally.usage;
        match (column, line) {
            (Label, Line::Group(group)) => label(group, self.by, self.clock, self.home),
            (Label, Line::Rest(many, _)) => format!("and {many} more"),
            (Label, _) => "Total".to_owned(),
            (Project, Line::Group(group)) => {
                let project = group.project.as_deref().unwrap_or_default();
                short_path(project, self.home)
            }
            (Last, Line::Group(group)) => self.clock.time(moment(group.last_at)),
            (Project | Last, _) | (Share, Line::Total) => String::new(),
            (Cost, Line::Total) => total_amount(tally, self.is_lower_bound),
            (Cost, _) => amount(tally),
            (Share, _) => share(tally.cost(), self.total.cost()),
            (Responses, _) => tally.responses.to_string(),
            (Input, _) => short_count(usage.input),
            (Output, _) => short_count(usage.output),
            (CacheWrite, _) => short_count(usage.cache_write),
            (CacheRead, _) => short_count(usage.cache_read),
            (Tokens, _) => short_count(usage.prompt().saturating_add(usage.output)),
        }
    }
}

/// Which columns are shown, how wide, and what stands in them, line by line.
struct Layout {
    columns: &'static [Column],
    widths: Vec<usize>,
    /// How narrow each may get.
    least: Vec<usize>,
    cells: Vec<Vec<String>>,
}

/// Between two columns.
const GAP: usize = 2;

impl Layout {
    fn of(table: &Table<'_>, columns: &'static [Column], lines: &[Line<'_>]) -> Self {
        let cells_of = |line: &Line<'_>| {
            let cells = columns.iter().map(|column| table.cell(*column, *line));
            cells.collect::<Vec<String>>()
        };
        let cells: Vec<Vec<String>> = lines.iter().map(cells_of).collect();
        let mut widths = vec![0; columns.len()];
        for line in &cells {
            for (widest, cell) in widths.iter_mut().zip(line) {
                *widest = (*widest).max(width(cell));
            }
        }
        let least = columns.iter().zip(&widths).map(|(column, width)| {
            let least = column.least(table.by);
            least.unwrap_or(*width).min(*width)
        });
        Self {
            columns,
            least: least.collect(),
            widths,
            cells,
        }
    }

    fn gaps(&self) -> usize {
        GAP * self.columns.len().saturating_sub(1)
    }

    /// The columns that it takes at least.
    fn least(&self) -> usize {
        self.least.iter().sum::<usize>() + self.gaps()
    }

    /// Shrinks texts until all fits, the longest first; where nothing helps, the label gives way.
    fn fit(&mut self, room: usize) {
        let mut over = (self.widths.iter().sum::<usize>() + self.gaps()).saturating_sub(room);
        while over > 0 {
            let widest = self
                .widths
                .iter_mut()
                .zip(&self.least)
                .filter(|(width, least)| **width > **least)
                .max_by_key(|(width, _)| **width);
            let Some((width, _)) = widest else { break };
            *width -= 1;
            over -= 1;
        }
        if let Some(label) = self.widths.first_mut() {
            *label = label.saturating_sub(over).max(1);
        }
    }

    fn room_for_bar(&self, room: usize) -> usize {
        let used = self.widths.iter().sum::<usize>() + self.gaps() + GAP;
        let left = room.saturating_sub(used).min(LONGEST_BAR);
        if left >= SHORTEST_BAR { left } else { 0 }
    }

    fn row(&self, line: Line<'_>, cells: &[String], bar: &str) -> Vec<Piece> {
        let mut row = Vec::new();
        let columns = self.columns.iter().zip(cells).zip(&self.widths);
        for (index, ((column, cell), wide)) in columns.enumerate() {
            let tone = match line {
                Line::Head | Line::Rest(..) => Tone::Quiet,
                Line::Total => Tone::Strong,
                Line::Group(_) => column.tone(),
            };
            let cell = cut(cell, *wide);
            let padding = padding(&cell, *wide);
            let padding = (Tone::Plain, padding);
            if index > 0 {
                row.push((Tone::Plain, " ".repeat(GAP)));
            }
            row.extend(if column.is_text() {
                [(tone, cell), padding]
            } else {
                [padding, (tone, cell)]
            });
        }
        row.push((Tone::Plain, " ".repeat(GAP)));
        row.push((Tone::Accent, bar.to_owned()));
        row
    }
}

fn heading(by: GroupBy) -> &'static str {
    match by {
        GroupBy::Day => "day",
        GroupBy::Week => "week from",
        GroupBy::Month => "month",
        GroupBy::Session => "session",
        GroupBy::Project => "project",
        GroupBy::Model => "model",
        GroupBy::Block => "five hours from",
        GroupBy::Branch => "branch",
        GroupBy::Agent => "agent",
        GroupBy::Person => "person",
        GroupBy::Machine => "machine",
    }
}

pub(crate) fn short_path(path: &str, home: Option<&str>) -> String {
    match home.and_then(|home| path.strip_prefix(home)) {
        Some("") => "~".to_owned(),
        Some(rest) if rest.starts_with(['/', '\\']) => visible(&format!("~{rest}")).into_owned(),
        _ => visible(path).into_owned(),
    }
}

pub(crate) fn label(group: &Group, by: GroupBy, clock: Clock, home: Option<&str>) -> String {
    let zone = clock.zone;
    match by {
        GroupBy::Project => short_path(&group.key, home),
        GroupBy::Session => match &group.title {
            Some(title) if group.shares_title => format!("{:.8}  {}", group.key, visible(title)),
            Some(title) => visible(title).into_owned(),
            None => format!("{:.8}", group.key),
        },
        GroupBy::Block => match DateTime::parse_from_rfc3339(&group.key) {
            Ok(start) => {
                let start: DateTime<Utc> = start.to_utc();
                format!(
                    "{}\u{2013}{}",
                    zone.at(start).format("%Y-%m-%d %H:%M"),
                    zone.at(block_end(start)).format("%H:%M")
                )
            }
            Err(_) => group.key.clone(),
        },
        GroupBy::Day => match group.key.parse::<chrono::NaiveDate>() {
            Ok(day) => day.format("%Y-%m-%d %a").to_string(),
            Err(_) => group.key.clone(),
        },
        GroupBy::Week
        | GroupBy::Month
        | GroupBy::Model
        | GroupBy::Branch
        | GroupBy::Agent
        | GroupBy::Person
        | GroupBy::Machine => visible(&group.key).into_owned(),
    }
}

/// That there may be more says more than that a part is estimated, which the rows say too.
pub(super) fn total_amount(tally: &Tally, is_lower_bound: bool) -> String {
    if is_lower_bound {
        format!("\u{2265}{}", tally.cost().show())
    } else {
        amount(tally)
    }
}

/// A group's cost; ≈ where a part of it is estimated.
pub(crate) fn amount(tally: &Tally) -> String {
    let mark = if tally.unpriced > 0 { "\u{2248}" } else { "" };
    format!("{mark}{}", tally.cost().show())
}

pub(crate) fn share(part: Money, whole: Money) -> String {
    if whole <= Money::ZERO {
        return String::new();
    }
    let percent = part.usd() / whole.usd() * 100.0;
    if percent > 0.0 && percent < 0.5 {
        "<1%".to_owned()
    } else {
        format!("{percent:.0}%")
    }
}

/// `950`, `12.3k`, `4.56M`.
pub(crate) fn short_count(count: u64) -> String {
    let count_as = count as f64;
    match count {
        0..1_000 => count.to_string(),
        1_000..1_000_000 => format!("{:.1}k", count_as / 1e3),
        1_000_000..1_000_000_000 => format!("{:.2}M", count_as / 1e6),
        _ => format!("{:.2}G", count_as / 1e9),
    }
}

fn bar_of(part: Money, most: Money, longest: usize) -> String {
    if longest == 0 || most <= Money::ZERO || part <= Money::ZERO {
        return String::new();
    }
    let eighths = part.usd() / most.usd() * longest as f64 * 8.0;
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "between 0 and 192"
    )]
    let eighths = (eighths.round() as usize).clamp(1, longest * 8);
    let rest = [
        "", "\u{258f}", "\u{258e}", "\u{258d}", "\u{258c}", "\u{258b}", "\u{258a}", "\u{2589}",
    ];
    "\u{2588}".repeat(eighths / 8) + rest.get(eighths % 8).copied().unwrap_or("")
}
