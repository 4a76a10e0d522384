//! Compares every screen about limits with a snapshot, in the states of `tests/stories/screens.txt`.
//!
//! After an intended change, `INSTA_UPDATE=always cargo test --lib screens` updates the snapshots. Review the
//! difference.

use super::*;
use crate::limits::tests::story::{Story, stories};
use crate::render::Page;
use crate::terminal::{Palette, Piece};
use crate::time::{HourFormat, Zone};

/// The number of rows that an answer in a conversation may have.
const ROWS: usize = 12;

fn joined(rows: Vec<Vec<Piece>>) -> String {
    let text = |row: Vec<Piece>| -> String { row.into_iter().map(|(_, text)| text).collect() };
    rows.into_iter()
        .map(text)
        .collect::<Vec<_>>()
        .join("\n")
}

/// Returns each screen of a story with its name.
fn screens(story: &Story) -> Vec<(&'static str, String)> {
    let (world, asker) = story.last_question();
    let outlook = world.outlook(&asker).expect("an outlook");
    let clock = Clock {
        now: outlook.now,
        zone: Zone::UTC,
        hours: HourFormat::TwentyFour,
    };
    let page = Page::new(80, Palette::none());
    let usage = world.usage(&outlook.request);
    let blocks = world.blocks(&asker);
    let json = incident_json(&outlook, blocks.as_ref(), usage.as_ref(), clock);
    vec![
        ("line", joined(status_rows(&outlook, clock, 80))),
        (
            "screen",
            on_one_screen(&outlook, &[], "More: whycap explain --long", clock).text(page),
        ),
        ("long", at_length(&outlook, &[], clock).text(page)),
        (
            "conversation",
            in_rows(&outlook, &[], ROWS, page, clock).text(page),
        ),
        ("report", bug_report(&outlook, clock)),
        ("json", serde_json::to_string_pretty(&json).unwrap()),
    ]
}

#[test]
fn screens_are_as_recorded() {
    let file = include_str!("../../../tests/stories/screens.txt");
    let mut settings = insta::Settings::clone_current();
    settings.set_snapshot_path("../../../tests/snapshots");
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    let mut count = 0;
    for story in stories(file) {
        let (_, state) = story.title.split_once(": ").unwrap();
        let state = state.replace([' ', '\''], "-");
        for (name, text) in screens(&story) {
            settings.bind(|| insta::assert_snapshot!(format!("{state}.{name}"), text));
            count += 1;
        }
    }
    assert_eq!(count, 120);
}
