//! Recalculates every number on the page from transcript lines and status-line samples, using its own copy of the
//! prices and rules.

use std::collections::BTreeMap;

use chrono::{DateTime, FixedOffset};
use indexmap::IndexMap;
use serde_json::json;

use crate::support::Sandbox;

/// The number of tokens of each kind, or the price of each kind.
#[derive(Clone, Copy)]
struct Tokens {
    uncached_input: i64,
    output: i64,
    cache_read: i64,
    cache_write_5m: i64,
    cache_write_1h: i64,
}

impl Tokens {
    fn cache_write(self) -> i64 {
        self.cache_write_5m + self.cache_write_1h
    }
}

/// Prices in thousandths of a dollar per million tokens.
const PRICES: [(&str, Tokens); 3] = [
    (
        "claude-opus-5-5",
        Tokens {
            uncached_input: 4_000,
            output: 20_000,
            cache_read: 200,
            cache_write_5m: 5_000,
            cache_write_1h: 8_000,
        },
    ),
    (
        "claude-sonnet-4-5",
        Tokens {
            uncached_input: 3_000,
            output: 15_000,
            cache_read: 300,
            cache_write_5m: 3_750,
            cache_write_1h: 6_000,
        },
    ),
    (
        "claude-haiku-4-5",
        Tokens {
            uncached_input: 1_000,
            output: 5_000,
            cache_read: 100,
            cache_write_5m: 1_250,
            cache_write_1h: 2_000,
        },
    ),
];

/// Converts a time to the reader's time zone, which is one hour ahead of UTC.
fn local(at: &str) -> DateTime<FixedOffset> {
    let hour = FixedOffset::east_opt(3600).unwrap();
    at.parse::<DateTime<FixedOffset>>()
        .unwrap()
        .with_timezone(&hour)
}

/// A response as recorded in its transcript.
struct Line {
    at: DateTime<FixedOffset>,
    session: String,
    project: String,
    model: &'static str,
    tokens: Tokens,
}

impl Line {
    /// Returns the cost in pico-dollars.
    fn cost(&self) -> i64 {
        let (_, prices) = PRICES
            .iter()
            .find(|(model, _)| *model == self.model)
            .unwrap();
        let tokens = self.tokens;
        let cost = tokens.uncached_input * prices.uncached_input
            + tokens.output * prices.output
            + tokens.cache_read * prices.cache_read
            + tokens.cache_write_5m * prices.cache_write_5m
            + tokens.cache_write_1h * prices.cache_write_1h;
        cost * 1_000
    }
}

/// Writes three weeks of work in three projects. The nine sessions repeat some of their own responses and copy
/// responses from each other.
fn history(sandbox: &Sandbox) -> Vec<Line> {
    let mut lines = Vec::new();
    for nth in 0..9_i64 {
        let session = format!("5a7d3c1e-0000-4000-a000-00000000000{nth}");
        let project =
            ["/home/dev/api", "/home/dev/web", "/home/dev/app"][usize::try_from(nth % 3).unwrap()];
        let file = format!(".claude/projects/-p{}/{session}.jsonl", nth % 3);
        let first = local("2026-11-01T22:10:00Z") + chrono::TimeDelta::hours(nth * 51);
        for index in 0..4 + nth {
            let at = first + chrono::TimeDelta::minutes(index * 37);
            let model = PRICES[usize::try_from((nth + index / 3) % 3).unwrap()].0;
            let tokens = Tokens {
                uncached_input: 100 + nth,
                output: 20_000 + index * 7_001,
                cache_read: 150_000 * nth,
                cache_write_5m: 3_000 * index,
                cache_write_1h: 40_000 + nth,
            };
            let mut line = json!({
                "type": "assistant", "uuid": format!("{nth}-{index}"), "timestamp": at.to_utc().to_rfc3339(), "sessionId": session,
                "cwd": project, "version": "2.1.330", "requestId": format!("req-{nth}-{index}"),
                "message": {"id": format!("msg-{nth}-{index}"), "model": model, "role": "assistant", "content": [], "usage": {
                    "input_tokens": tokens.uncached_input, "output_tokens": 1,
                    "cache_read_input_tokens": tokens.cache_read, "cache_creation_input_tokens": tokens.cache_write(),
                    "cache_creation": {
                        "ephemeral_5m_input_tokens": tokens.cache_write_5m,
                        "ephemeral_1h_input_tokens": tokens.cache_write_1h}}},
            });
            // The client first writes a placeholder for the response and then the full response twice.
            for (written, uuid) in [(1, "p"), (tokens.output, "w"), (tokens.output, "r")] {
                line["message"]["usage"]["output_tokens"] = json!(written);
                line["uuid"] = json!(format!("{nth}-{index}-{uuid}"));
                sandbox.append(&file, &line.to_string());
            }
            let (session, project) = (session.clone(), project.to_owned());
            lines.push(Line {
                at,
                session,
                project,
                model,
                tokens,
            });
        }
    }
    lines
}

/// A cell of the page.
#[derive(Debug)]
struct Cell {
    text: String,
    /// The exact value that the page's script uses, if the cell has one.
    exact: Option<String>,
}

/// The cells of a row, keyed by the headings of their columns.
type Row = IndexMap<String, Cell>;

/// Returns the rows of the first table that has this caption.
fn table(page: &str, caption: &str) -> Vec<Row> {
    let begin = page
        .find(&format!(">{caption}</caption>"))
        .unwrap_or_else(|| panic!("no table {caption:?}"));
    let table = page[begin..].split("</table>").next().unwrap();
    let (head, body) = table.split_once("<tbody>").unwrap();
    let headings: Vec<String> = head
        .split("<th ")
        .skip(1)
        .map(|heading| parse_cell(heading).text)
        .collect();
    body.split("<tr")
        .skip(1)
        .map(|row| {
            let only_td = row.replace("<th", "<td");
            let cells = only_td.split("<td").skip(1).map(parse_cell);
            headings.iter().cloned().zip(cells).collect()
        })
        .collect()
}

/// Parses a table cell from the text after the beginning of its tag.
fn parse_cell(element: &str) -> Cell {
    let (attributes, content) = element.split_once('>').unwrap();
    let exact = attributes
        .split("data-v=\"")
        .nth(1)
        .map(|value| value.split('"').next().unwrap().to_owned());
    let mut text = String::new();
    for (index, part) in content.split('<').enumerate() {
        text += if index == 0 {
            part
        } else {
            part.split_once('>').map_or("", |(_, text)| text)
        };
    }
    Cell {
        text: text.trim().to_owned(),
        exact,
    }
}

#[expect(
    clippy::unnecessary_wraps,
    reason = "the result is compared with that of `value`"
)]
fn exact(cost: i64) -> Option<String> {
    let digits = format!(
        "{}.{:012}",
        cost / 1_000_000_000_000,
        cost % 1_000_000_000_000
    );
    let (whole, rest) = digits.split_once('.').unwrap();
    let fraction = rest.trim_end_matches('0');
    Some(if fraction.is_empty() {
        whole.to_owned()
    } else {
        format!("{whole}.{fraction}")
    })
}

fn value(cell: &Cell) -> Option<String> {
    let value = cell.exact.as_deref()?;
    Some(match value.split_once('.') {
        Some((whole, rest)) if rest.trim_end_matches('0').is_empty() => whole.to_owned(),
        Some(_) => value.trim_end_matches('0').to_owned(),
        None => value.to_owned(),
    })
}

/// Formats a cost in dollars, rounded half up to the cent.
fn dollars(cost: i64) -> String {
    let cents = (cost + 5_000_000_000) / 10_000_000_000;
    format!("${}.{:02}", cents / 100, cents % 100)
}

fn percent(part: i64, whole: i64) -> String {
    format!("{}%", (part as f64 / whole as f64 * 100.0).round())
}

fn sums<K: Ord>(lines: &[Line], key: impl Fn(&Line) -> K) -> BTreeMap<K, i64> {
    let mut sums = BTreeMap::new();
    for line in lines {
        *sums.entry(key(line)).or_default() += line.cost();
    }
    sums
}

/// Returns the names and their costs, in order of decreasing cost.
fn most_expensive_first<'l>(
    lines: impl Iterator<Item = &'l Line>,
    key: fn(&Line) -> String,
) -> Vec<(String, i64)> {
    let mut sums: BTreeMap<String, i64> = BTreeMap::new();
    for line in lines {
        *sums.entry(key(line)).or_default() += line.cost();
    }
    let mut sums: Vec<(String, i64)> = sums.into_iter().collect();
    sums.sort_by_key(|(_, cost)| -cost);
    sums
}

#[test]
fn every_table_of_the_page_matches_the_transcripts() {
    let sandbox = Sandbox::new()
        .variable("WHYCAP_NOW", "2026-11-25T12:00:00Z")
        .variable("TZ", "Africa/Algiers");
    let lines = history(&sandbox);
    let page = sandbox
        .run(&["spend", "--html", "-"])
        .success()
        .to_owned();
    for part in [figures, days, shares, sessions] {
        part(&page, &lines);
    }
}

/// Returns the number of tokens of one kind in all lines, in the format of the page.
fn sum_of_tokens(lines: &[Line], count: fn(&Tokens) -> i64) -> String {
    match lines
        .iter()
        .map(|line| count(&line.tokens))
        .sum::<i64>()
    {
        sum @ 0..1_000_000 => format!("{:.1}k", sum as f64 / 1e3),
        sum => format!("{:.2}M", sum as f64 / 1e6),
    }
}

fn figures(page: &str, lines: &[Line]) {
    let all: i64 = lines.iter().map(Line::cost).sum();

    let figures: Row = page
        .split("<dt>")
        .skip(1)
        .map(|figure| {
            let (name, rest) = figure.split_once("</dt>").unwrap();
            let (_, number) = rest.split_once("<dd").unwrap();
            let (number, _) = number.split_once("</dd>").unwrap();
            (name.to_owned(), parse_cell(number))
        })
        .collect();
    for (name, expected) in [
        ("cost", dollars(all)),
        ("responses", lines.len().to_string()),
        ("sessions", "9".to_owned()),
        ("projects", "3".to_owned()),
        (
            "uncached input",
            sum_of_tokens(lines, |tokens| tokens.uncached_input),
        ),
        (
            "output tokens",
            sum_of_tokens(lines, |tokens| tokens.output),
        ),
        (
            "cache write",
            sum_of_tokens(lines, |tokens| tokens.cache_write()),
        ),
        (
            "cache read",
            sum_of_tokens(lines, |tokens| tokens.cache_read),
        ),
    ] {
        assert_eq!(figures[name].text, expected, "{name}");
    }
    assert_eq!(value(&figures["cost"]), exact(all));
}

fn days(page: &str, lines: &[Line]) {
    let days = sums(lines, |line| line.at.date_naive());
    let by_day = table(page, "Cost by day");
    assert_eq!(by_day.len(), days.len());
    for (row, (day, cost)) in by_day.iter().zip(&days) {
        assert_eq!(row["day"].text, day.format("%Y-%m-%d %a").to_string());
        assert_eq!(row["cost"].text, dollars(*cost));
        assert_eq!(value(&row["cost"]), exact(*cost));
    }
    // Each bar in the chart has a label.
    for (day, cost) in &days {
        let label = format!(
            "<title>{}: {}</title>",
            day.format("%Y-%m-%d %a"),
            dollars(*cost)
        );
        assert!(page.contains(&label), "{label}");
    }
}

fn shares(page: &str, lines: &[Line]) {
    let all: i64 = lines.iter().map(Line::cost).sum();
    let models = most_expensive_first(lines.iter(), |line| line.model.to_owned());
    let by_model = table(page, "Cost by model");
    assert_eq!(by_model.len(), models.len());
    for (row, (model, cost)) in by_model.iter().zip(&models) {
        assert_eq!(row["model"].text, *model);
        assert_eq!(value(&row["cost"]), exact(*cost));
        assert_eq!(row["share"].text, percent(*cost, all));
    }

    let projects = most_expensive_first(lines.iter(), |line| line.project.clone());
    let by_project = table(page, "Cost by project");
    assert_eq!(by_project.len(), 3);
    for (row, (project, cost)) in by_project.iter().zip(&projects) {
        let responses = lines
            .iter()
            .filter(|line| line.project == *project)
            .count();
        assert_eq!(row["project"].text, *project);
        assert_eq!(row["cost"].text, dollars(*cost));
        assert_eq!(value(&row["cost"]), exact(*cost));
        assert_eq!(row["share"].text, percent(*cost, all));
        assert_eq!(row["responses"].text, responses.to_string());
    }
}

fn sessions(page: &str, lines: &[Line]) {
    let sessions = sums(lines, |line| line.session.clone());
    let by_session = table(page, "Sessions, newest first");
    assert_eq!(by_session.len(), sessions.len());
    for (row, (session, cost)) in by_session.iter().zip(sessions.iter().rev()) {
        let session_lines: Vec<&Line> = lines
            .iter()
            .filter(|line| line.session == *session)
            .collect();
        let (began, ended) = (session_lines[0], session_lines[session_lines.len() - 1]);
        let models: Vec<String> =
            most_expensive_first(session_lines.iter().copied(), |line| line.model.to_owned())
                .into_iter()
                .map(|(name, _)| name)
                .collect();
        let models = match models.len() {
            0..=2 => models.join(", "),
            many => format!("{} +{}", models[..2].join(", "), many - 2),
        };
        let lasted = (ended.at - began.at).num_seconds();
        assert_eq!(row["project"].text, began.project);
        assert_eq!(row["model"].text, models);
        assert_eq!(
            row["started"].text,
            began.at.format("%Y-%m-%d %H:%M").to_string()
        );
        assert_eq!(value(&row["duration"]), Some(lasted.to_string()));
        assert_eq!(value(&row["cost"]), exact(*cost));
        assert_eq!(row["responses"].text, session_lines.len().to_string());
    }
}
