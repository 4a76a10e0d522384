//! How a part of the status line is written.

use crate::terminal::Piece;

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

    #[cfg(test)]
    pub(super) fn text(&self) -> String {
        self.pieces.iter().map(|(_, text)| text.as_str()).collect()
    }
}
