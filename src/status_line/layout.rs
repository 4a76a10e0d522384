//! Making segments fit a width: shorten the least important first, then leave it out.

use super::segments::{Piece, Segment};
use crate::terminal::{Palette, Tone, cut, width};

const SEPARATOR: &str = " \u{2502} ";

/// One row of at most `columns`, coloured. Empty only if there are no segments.
pub fn fit(segments: &[Segment], columns: usize, palette: Palette) -> String {
    // For each segment the form in use; one past the last means left out.
    let mut forms = vec![0_usize; segments.len()];
    while row_width(segments, &forms) > columns {
        if !shorten(segments, &mut forms) {
            break;
        }
    }
    let mut row = String::new();
    for pieces in shown(segments, &forms) {
        if !row.is_empty() {
            row.push_str(&palette.paint(Tone::Quiet, SEPARATOR));
        }
        row.push_str(&paint(pieces, palette));
    }
    if width(&row) > columns {
        // Even the shortest form of the last segment is too wide: cut its plain text.
        return cut(&crate::terminal::strip_ansi(&row), columns.max(1));
    }
    row
}

/// Pieces as coloured text.
pub fn paint(pieces: &[Piece], palette: Palette) -> String {
    pieces
        .iter()
        .map(|(tone, text)| palette.paint(*tone, text))
        .collect()
}

fn shown<'s>(segments: &'s [Segment], forms: &'s [usize]) -> impl Iterator<Item = &'s [Piece]> {
    segments
        .iter()
        .zip(forms)
        .filter_map(|(segment, form)| segment.forms.get(*form).map(|form| form.pieces.as_slice()))
}

fn row_width(segments: &[Segment], forms: &[usize]) -> usize {
    let widths: Vec<usize> = shown(segments, forms)
        .map(|pieces| pieces.iter().map(|(_, text)| width(text)).sum())
        .collect();
    widths.iter().sum::<usize>() + width(SEPARATOR) * widths.len().saturating_sub(1)
}

/// Takes the step that loses least: a segment's next shorter form, or leaving it out. False when
/// a single segment is left at its shortest.
fn shorten(segments: &[Segment], forms: &mut [usize]) -> bool {
    let in_use = forms
        .iter()
        .zip(segments)
        .filter(|(form, segment)| **form < segment.forms.len())
        .count();
    let step = forms
        .iter_mut()
        .zip(segments)
        .filter_map(|(form, segment)| {
            let is_shortest = *form + 1 == segment.forms.len();
            let loss = segment.forms.get(*form)?.loss;
            (!is_shortest || in_use > 1).then_some((loss, form))
        })
        .min_by_key(|(loss, _)| *loss);
    match step {
        Some((_, form)) => {
            *form += 1;
            true
        }
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::super::segments::Form;
    use super::*;
    use crate::config::SegmentName;

    fn segment(name: SegmentName, forms: &[(u32, &str)]) -> Segment {
        let form = |(loss, text): &(u32, &str)| Form {
            pieces: vec![(Tone::Plain, (*text).to_owned())],
            loss: *loss,
        };
        Segment {
            name,
            forms: forms.iter().map(form).collect(),
        }
    }

    #[test]
    fn the_row_never_exceeds_the_width_and_the_heaviest_segment_stays() {
        let segments = [
            segment(SegmentName::Model, &[(40, "Opus 5.5")]),
            segment(
                SegmentName::Session,
                &[(30, "session $0.17 90% of $1"), (90, "session $0.17")],
            ),
            segment(
                SegmentName::Context,
                &[(10, "context 12%"), (35, "ctx 12%")],
            ),
        ];
        for columns in 1..80 {
            let row = fit(&segments, columns, Palette::none());
            assert!(width(&row) <= columns, "{columns}: {row:?}");
            assert!(!row.is_empty());
        }
        let shown = [80, 40, 30, 20].map(|columns| fit(&segments, columns, Palette::none()));
        assert_eq!(
            shown,
            [
                "Opus 5.5 │ session $0.17 90% of $1 │ context 12%",
                "Opus 5.5 │ session $0.17 │ ctx 12%",
                "Opus 5.5 │ session $0.17",
                "session $0.17",
            ]
        );
    }
}
