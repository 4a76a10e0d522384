//! A statement as CSV (RFC 4180): one line a group, all columns, exact dollars.

use super::grouping::Group;
use crate::pricing::Money;
use crate::time::moment;

const HEAD: [&str; 15] = [
    "project",
    "title",
    "last_activity",
    "cost_usd",
    "recorded_usd",
    "unrecorded_usd",
    "not_written_usd",
    "responses",
    "unpriced_responses",
    "input_tokens",
    "output_tokens",
    "cache_read_tokens",
    "cache_write_5m_tokens",
    "cache_write_1h_tokens",
    "web_searches",
];

/// The first column is called after what the groups are by.
pub(super) fn csv(groups: &[Group], by: &str) -> String {
    let head = std::iter::once(by).chain(HEAD).map(str::to_owned);
    let mut text = line(head);
    for group in groups {
        text.push_str(&line(fields(group)));
    }
    text
}

fn fields(group: &Group) -> impl Iterator<Item = String> {
    let tally = &group.tally;
    let usage = &tally.usage;
    let names = [
        group.key.clone(),
        group.project.clone().unwrap_or_default(),
        group.title.clone().unwrap_or_default(),
        moment(group.last_at).to_rfc3339_opts(chrono::SecondsFormat::Secs, true),
    ];
    let amounts = [
        tally.cost(),
        tally.recorded,
        tally.unrecorded + tally.unwritten,
        tally.unwritten,
    ];
    let counts = [
        tally.responses,
        tally.unpriced,
        usage.input,
        usage.output,
        usage.cache_read,
        usage.cache_write_5m(),
        usage.cache_write_1h,
        usage.web_searches,
    ];
    names
        .into_iter()
        .chain(amounts.map(Money::exact))
        .chain(counts.map(|count| count.to_string()))
}

fn line(fields: impl Iterator<Item = String>) -> String {
    fields
        .map(|field| quoted(&field))
        .collect::<Vec<_>>()
        .join(",")
        + "\r\n"
}

/// Names come from outside: a control character in one could move the cursor of a terminal.
fn quoted(field: &str) -> String {
    let field = field.replace(char::is_control, " ");
    if field.contains([',', '"']) {
        format!("\"{}\"", field.replace('"', "\"\""))
    } else {
        field
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_field_with_a_comma_or_a_quote_is_quoted_and_none_breaks_its_line() {
        let fields = ["plain", "a,b", "say \"hi\"", "two\nlines"];
        assert_eq!(
            line(fields.into_iter().map(str::to_owned)),
            "plain,\"a,b\",\"say \"\"hi\"\"\",two lines\r\n"
        );
    }
}
