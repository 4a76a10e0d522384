//! Making segments fit a width: shorten the least important first, then leave it out; then let what
//! is left grow back into the columns that this set free, the most important first.

use crate::terminal::{Piece, Tone, cut, width};

/// A part of the line: its forms from long to short, at least one.
pub(super) type Segment = Vec<Form>;

/// One way to write a segment.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Form {
    pub(super) pieces: Vec<Piece>,
    /// What is lost with this form when a narrow terminal makes it give way to the next shorter
    /// one, or the segment leave. The least loss comes first.
    pub(super) loss: u32,
}

impl Form {
    pub(super) fn new(loss: u32, pieces: Vec<Piece>) -> Self {
        Self { pieces, loss }
    }
}

/// A segment of these forms. Where nothing was shortened, as where there is one window only, the
/// longer one has the loss of the shorter.
pub(super) fn without_repetitions(all: impl IntoIterator<Item = Form>) -> Segment {
    let mut forms: Segment = Vec::new();
    for form in all {
        match forms.last_mut() {
            Some(longer) if longer.pieces == form.pieces => longer.loss = form.loss,
            _ => forms.push(form),
        }
    }
    forms
}

/// One row of at most `columns`. Empty only if there are no segments.
pub(super) fn fit(segments: &[Segment], separator: &str, columns: usize) -> Vec<Piece> {
    let mut row = FittedRow::new(segments, separator);
    row.shrink(columns);
    row.grow_back(columns);
    let mut pieces: Vec<Piece> = Vec::new();
    for (form, _) in row.shown() {
        if !pieces.is_empty() {
            pieces.push((Tone::Quiet, separator.to_owned()));
        }
        pieces.extend(form.pieces.iter().cloned());
    }
    if row.width() > columns {
        // Even the shortest form of the last segment is too wide: cut its plain text.
        let text: String = pieces.into_iter().map(|(_, text)| text).collect();
        return vec![(Tone::Plain, cut(&text, columns.max(1)))];
    }
    pieces
}

/// Which form of each segment is in use.
struct FittedRow<'s> {
    /// The forms of each segment, with their columns.
    segments: Vec<Vec<(&'s Form, usize)>>,
    separator: usize,
    /// By segment: how often it was shortened. As often as it has forms: it is left out.
    shortened: Vec<usize>,
    /// The segments that were shortened, in order: what went first was the least important.
    steps: Vec<usize>,
}

impl<'s> FittedRow<'s> {
    fn new(segments: &'s [Segment], separator: &str) -> Self {
        let measured = |form: &'s Form| (form, form.pieces.iter().map(|(_, it)| width(it)).sum());
        let forms = segments.iter();
        let forms = forms.map(|forms| forms.iter().map(measured).collect());
        Self {
            segments: forms.collect(),
            separator: width(separator),
            shortened: vec![0; segments.len()],
            steps: Vec::new(),
        }
    }

    fn shown(&self) -> impl Iterator<Item = (&'s Form, usize)> {
        let forms = self.segments.iter().zip(&self.shortened);
        forms.filter_map(|(forms, shortened)| forms.get(*shortened).copied())
    }

    fn width(&self) -> usize {
        let widths = self.shown().map(|(_, width)| width + self.separator);
        widths.sum::<usize>().saturating_sub(self.separator)
    }

    /// Takes the steps that lose least until it fits: a segment's next shorter form, or leaving it
    /// out. A single segment stays at its shortest.
    fn shrink(&mut self, columns: usize) {
        while self.width() > columns {
            let in_use = self.shown().count();
            let forms = self.segments.iter().zip(&self.shortened).enumerate();
            let steps = forms.filter_map(|(index, (forms, shortened))| {
                let is_last = shortened + 1 == forms.len();
                let (form, _) = forms.get(*shortened)?;
                (!(is_last && in_use == 1)).then_some((form.loss, index))
            });
            let Some((_, index)) = steps.min() else {
                return;
            };
            self.step(index, 1);
            self.steps.push(index);
        }
    }

    /// Takes steps back where there is room, the most important first. What lost a form to one that
    /// left later may have it again.
    fn grow_back(&mut self, columns: usize) {
        for index in std::mem::take(&mut self.steps).into_iter().rev() {
            self.step(index, -1);
            if self.width() > columns {
                self.step(index, 1);
            }
        }
    }

    fn step(&mut self, index: usize, by: isize) {
        if let Some(shortened) = self.shortened.get_mut(index) {
            *shortened = shortened.saturating_add_signed(by);
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    impl Form {
        pub(in crate::status_line) fn text(&self) -> String {
            self.pieces.iter().map(|(_, text)| text.as_str()).collect()
        }
    }

    const SEPARATOR: &str = " │ ";

    fn segment(forms: &[(u32, &str)]) -> Segment {
        let form =
            |(loss, text): &(u32, &str)| Form::new(*loss, vec![(Tone::Plain, (*text).to_owned())]);
        forms.iter().map(form).collect()
    }

    fn shown(segments: &[Segment], columns: usize) -> String {
        let row = fit(segments, SEPARATOR, columns);
        row.into_iter().map(|(_, text)| text).collect()
    }

    #[test]
    fn the_row_never_exceeds_the_width_and_the_heaviest_segment_stays() {
        let segments = [
            segment(&[(40, "Opus 5.5")]),
            segment(&[(30, "session $0.17 90% of $1"), (90, "session $0.17")]),
            segment(&[(10, "context 12%"), (35, "ctx 12%")]),
        ];
        for columns in 1..80 {
            let row = shown(&segments, columns);
            assert!(width(&row) <= columns, "{columns}: {row:?}");
            assert!(!row.is_empty());
        }
        let shown = [80, 40, 30, 20].map(|columns| shown(&segments, columns));
        assert_eq!(
            shown,
            [
                "Opus 5.5 │ session $0.17 90% of $1 │ context 12%",
                "Opus 5.5 │ session $0.17 │ context 12%",
                "Opus 5.5 │ session $0.17",
                "session $0.17",
            ]
        );
    }

    #[test]
    fn what_gave_way_in_vain_comes_back() {
        let segments = [
            segment(&[(10, "a long text of little weight")]),
            segment(&[(5, "first in full"), (20, "first")]),
            segment(&[(100, "twelve wide!")]),
        ];
        assert_eq!(shown(&segments, 30), "first in full │ twelve wide!");
        assert_eq!(shown(&segments, 27), "first │ twelve wide!");
    }

    /// Segments as the line has them: each form shorter than the one before, letters of one column
    /// and of two.
    fn any_segments() -> impl Strategy<Value = Vec<Segment>> {
        let form = (0..100_u32, "[a-z日]{1,24}");
        let forms = prop::collection::vec(form, 1..5).prop_map(|mut forms| {
            forms.sort_by_key(|(_, text)| std::cmp::Reverse(width(text)));
            let forms = forms.into_iter();
            forms
                .map(|(loss, text)| Form::new(loss, vec![(Tone::Plain, text)]))
                .collect::<Segment>()
        });
        prop::collection::vec(forms, 1..8)
    }

    proptest! {
        #[test]
        fn whatever_the_segments_the_row_fits_and_no_segment_could_be_longer(segments in any_segments()) {
            for columns in 1..=200 {
                let row = shown(&segments, columns);
                prop_assert!(width(&row) <= columns && !row.is_empty(), "{columns}: {row:?}");
                prop_assert_eq!(&row, &shown(&segments, columns));
                let mut fitted = FittedRow::new(&segments, SEPARATOR);
                fitted.shrink(columns);
                let shrunk = fitted.width();
                fitted.grow_back(columns);
                prop_assert!(fitted.width() >= shrunk);
                for index in 0..segments.len() {
                    if fitted.shortened[index] > 0 && fitted.width() <= columns {
                        fitted.step(index, -1);
                        prop_assert!(fitted.width() > columns, "{columns}: segment {index} of {row:?}");
                        fitted.step(index, 1);
                    }
                }
            }
        }
    }
}
