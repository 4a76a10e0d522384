//! Fits the segments of a row into the width of the terminal.
//!
//! If a row is too wide, its segments are shortened or dropped, starting with the least important one. If there is room
//! left over afterwards, segments are lengthened again, starting with the most important one.

use std::iter::zip;

use crate::terminal::{Piece, Tone, truncate, width};

/// A segment of the status line in all its forms, from longest to shortest. There is always at least one.
pub(super) type Segment = Vec<Form>;

/// A long or short version of a segment.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Form {
    /// The styled text. This field is private so that `columns` always matches it.
    pieces: Vec<Piece>,
    /// The width of the text.
    columns: usize,
    /// The amount of information that is lost by switching to the next shorter form, or by dropping the segment if
    /// there is none. The values are listed in `loss.rs`.
    pub loss: u32,
}

impl Form {
    pub(super) fn new(loss: u32, pieces: Vec<Piece>) -> Self {
        Self {
            columns: pieces.iter().map(|(_, text)| width(text)).sum(),
            pieces,
            loss,
        }
    }

    /// Creates a form with a dimmed label before the figures.
    pub(super) fn labelled(
        loss: u32,
        label: impl Into<String>,
        figures: impl IntoIterator<Item = Piece>,
    ) -> Self {
        let mut pieces = vec![(Tone::Quiet, label.into())];
        pieces.extend(figures);
        Self::new(loss, pieces)
    }

    /// Returns the text without styles.
    pub(super) fn text(&self) -> String {
        self.pieces
            .iter()
            .map(|(_, text)| text.as_str())
            .collect()
    }
}

/// Creates a segment from the given forms, without consecutive duplicates. When a form is omitted because it looks like
/// the previous one, the previous form takes over its loss.
pub(super) fn without_repetitions(forms: impl IntoIterator<Item = Form>) -> Segment {
    let mut segment: Segment = Vec::new();
    for form in forms {
        match segment.last_mut() {
            Some(longer) if longer.pieces == form.pieces => longer.loss = form.loss,
            _ => segment.push(form),
        }
    }
    segment
}

/// The text between two segments.
const SEPARATOR: &str = " \u{2502} ";

/// Returns a row that is at most `columns` wide. It is empty only if there are no segments.
pub(super) fn fit(segments: &[Segment], columns: usize) -> Vec<Piece> {
    let mut row = FittedRow::new(segments);
    let shortened = row.shrink(columns);
    row.grow_back(&shortened, columns);
    let mut pieces: Vec<Piece> = Vec::new();
    for form in row.shown() {
        if !pieces.is_empty() {
            pieces.push((Tone::Quiet, SEPARATOR.to_owned()));
        }
        pieces.extend(form.pieces.iter().cloned());
    }
    if pieces.is_empty()
        && let Some(most_important) = shortened.last()
        && let Some(form) = segments
            .get(*most_important)
            .and_then(|forms| forms.last())
    {
        // Not even the shortest form of any segment fits.
        return vec![(Tone::Plain, truncate(&form.text(), columns.max(1)))];
    }
    pieces
}

/// A row that is being fitted into the terminal.
struct FittedRow<'s> {
    segments: &'s [Segment],
    /// The index of each segment's current form. An index past the last form means that the segment is dropped.
    in_use: Vec<usize>,
}

impl<'s> FittedRow<'s> {
    fn new(segments: &'s [Segment]) -> Self {
        Self {
            segments,
            in_use: vec![0; segments.len()],
        }
    }

    fn shown(&self) -> impl Iterator<Item = &'s Form> {
        zip(self.segments, &self.in_use).filter_map(|(forms, index)| forms.get(*index))
    }

    fn width(&self) -> usize {
        let between = width(SEPARATOR);
        let columns: usize = self.shown().map(|form| form.columns + between).sum();
        columns.saturating_sub(between)
    }

    /// Shortens segments until the row fits. If even the most important segment is too wide, none is left. Returns the
    /// indexes of the shortened segments, starting with the least important one.
    fn shrink(&mut self, columns: usize) -> Vec<usize> {
        let mut shortened = Vec::new();
        while self.width() > columns {
            let least_loss = zip(self.segments, &self.in_use)
                .enumerate()
                .filter_map(|(index, (forms, in_use))| Some((forms.get(*in_use)?.loss, index)))
                .min();
            let Some((_, index)) = least_loss else {
                break;
            };
            self.move_by(index, 1);
            shortened.push(index);
        }
        shortened
    }

    /// Lengthens segments again if there is enough room.
    fn grow_back(&mut self, shortened: &[usize], columns: usize) {
        for index in shortened.iter().rev() {
            self.move_by(*index, -1);
            if self.width() > columns {
                self.move_by(*index, 1);
            }
        }
    }

    /// Switches a segment to a shorter form, or to a longer one if `forms` is negative.
    fn move_by(&mut self, index: usize, forms: isize) {
        if let Some(in_use) = self.in_use.get_mut(index) {
            *in_use = in_use.saturating_add_signed(forms);
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    impl Form {
        pub(in crate::status_line) fn tones(&self) -> Vec<Tone> {
            self.pieces.iter().map(|(tone, _)| *tone).collect()
        }
    }

    fn segment(forms: &[(u32, &str)]) -> Segment {
        let form =
            |(loss, text): &(u32, &str)| Form::new(*loss, vec![(Tone::Plain, (*text).to_owned())]);
        forms.iter().map(form).collect()
    }

    fn row_text(segments: &[Segment], columns: usize) -> String {
        let row = fit(segments, columns);
        row.into_iter().map(|(_, text)| text).collect()
    }

    #[test]
    fn the_row_never_exceeds_the_width_and_the_most_important_segment_stays() {
        let segments = [
            segment(&[(40, "Opus 5.5")]),
            segment(&[(30, "session $0.17 90% of $1"), (90, "session $0.17")]),
            segment(&[(10, "context 12%"), (35, "ctx 12%")]),
        ];
        for columns in 1..80 {
            let row = row_text(&segments, columns);
            assert!(width(&row) <= columns, "{columns}: {row:?}");
            assert!(!row.is_empty());
        }
        assert_eq!(
            [80, 40, 30, 20].map(|columns| row_text(&segments, columns)),
            [
                "Opus 5.5 │ session $0.17 90% of $1 │ context 12%",
                "Opus 5.5 │ session $0.17 │ context 12%",
                "Opus 5.5 │ session $0.17",
                "session $0.17",
            ]
        );
    }

    #[test]
    fn a_segment_shortened_in_vain_gets_its_columns_back() {
        let segments = [
            segment(&[(10, "a long text of little weight")]),
            segment(&[(5, "first in full"), (20, "first")]),
            segment(&[(100, "twelve wide!")]),
        ];
        assert_eq!(row_text(&segments, 30), "first in full │ twelve wide!");
        assert_eq!(row_text(&segments, 27), "first │ twelve wide!");
    }

    /// Generates realistic segments. Forms get shorter, and characters are one or two columns wide.
    fn any_segments() -> impl Strategy<Value = Vec<Segment>> {
        let form = (0..100_u32, "[a-z日]{1,24}");
        let forms = prop::collection::vec(form, 1..5).prop_map(|mut forms| {
            forms.sort_by_key(|(_, text)| std::cmp::Reverse(width(text)));
            forms
                .into_iter()
                .map(|(loss, text)| Form::new(loss, vec![(Tone::Plain, text)]))
                .collect::<Segment>()
        });
        prop::collection::vec(forms, 1..8)
    }

    proptest! {
        #[test]
        fn every_row_fits_and_no_segment_in_it_could_be_longer(segments in any_segments()) {
            for columns in 1..=200 {
                let row = row_text(&segments, columns);
                prop_assert!(width(&row) <= columns && !row.is_empty(), "{columns}: {row:?}");
                prop_assert_eq!(&row, &row_text(&segments, columns));
                let mut fitted = FittedRow::new(&segments);
                let shortened = fitted.shrink(columns);
                let shrunk = fitted.width();
                fitted.grow_back(&shortened, columns);
                prop_assert!(fitted.width() >= shrunk);
                for index in 0..segments.len() {
                    if fitted.in_use[index] > 0 && fitted.width() <= columns {
                        fitted.move_by(index, -1);
                        prop_assert!(fitted.width() > columns, "{columns}: segment {index} of {row:?}");
                        fitted.move_by(index, 1);
                    }
                }
            }
        }
    }
}
