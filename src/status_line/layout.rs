//! Making segments fit a width: shorten the least important first, then leave it out.

use super::form::{Form, Segment};
use crate::terminal::{Piece, Tone, cut, width};

const SEPARATOR: &str = " \u{2502} ";

/// One row of at most `columns`. Empty only if there are no segments.
pub(super) fn fit(segments: &[Segment], columns: usize) -> Vec<Piece> {
    // What is left of each segment: its form in use and the shorter ones. Empty means left out.
    let mut left: Vec<&[Form]> = segments.iter().map(Vec::as_slice).collect();
    while row_width(&left) > columns && shorten(&mut left) {}
    let is_too_wide = row_width(&left) > columns;
    let mut row: Vec<Piece> = Vec::new();
    for form in shown(&left) {
        if !row.is_empty() {
            row.push((Tone::Quiet, SEPARATOR.to_owned()));
        }
        row.extend(form.pieces.iter().cloned());
    }
    if is_too_wide {
        // Even the shortest form of the last segment is too wide: cut its plain text.
        let text: String = row.into_iter().map(|(_, text)| text).collect();
        return vec![(Tone::Plain, cut(&text, columns.max(1)))];
    }
    row
}

fn shown<'s>(left: &[&'s [Form]]) -> impl Iterator<Item = &'s Form> {
    left.iter().filter_map(|forms| forms.first())
}

fn row_width(left: &[&[Form]]) -> usize {
    let of = |form: &Form| {
        form.pieces
            .iter()
            .map(|(_, text)| width(text))
            .sum::<usize>()
    };
    let separators = shown(left).count().saturating_sub(1);
    shown(left).map(of).sum::<usize>() + width(SEPARATOR) * separators
}

/// Takes the step that loses least: a segment's next shorter form, or leaving it out. False when
/// a single segment is left at its shortest.
fn shorten(left: &mut [&[Form]]) -> bool {
    let in_use = shown(left).count();
    let steps = left.iter_mut().filter_map(|forms| match **forms {
        [_] if in_use == 1 => None,
        [ref now, ref shorter @ ..] => Some((now.loss, forms, shorter)),
        [] => None,
    });
    match steps.min_by_key(|(loss, ..)| *loss) {
        Some((_, forms, shorter)) => {
            *forms = shorter;
            true
        }
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn segment(forms: &[(u32, &str)]) -> Segment {
        let form =
            |(loss, text): &(u32, &str)| Form::new(*loss, vec![(Tone::Plain, (*text).to_owned())]);
        forms.iter().map(form).collect()
    }

    #[test]
    fn the_row_never_exceeds_the_width_and_the_heaviest_segment_stays() {
        let segments = [
            segment(&[(40, "Opus 5.5")]),
            segment(&[(30, "session $0.17 90% of $1"), (90, "session $0.17")]),
            segment(&[(10, "context 12%"), (35, "ctx 12%")]),
        ];
        let text = |columns| -> String {
            let row = fit(&segments, columns);
            row.into_iter().map(|(_, text)| text).collect()
        };
        for columns in 1..80 {
            let row = text(columns);
            assert!(width(&row) <= columns, "{columns}: {row:?}");
            assert!(!row.is_empty());
        }
        let shown = [80, 40, 30, 20].map(text);
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
