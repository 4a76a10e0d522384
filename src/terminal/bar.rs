//! A share as a bar.

use super::{Piece, Tone};

/// A bar of so many columns: what is used in its tone, the rest quiet. The least use shows, and only
/// what is full looks full.
pub(crate) fn bar(percent: f64, columns: usize, tone: Tone) -> Vec<Piece> {
    let share = (percent / 100.0).clamp(0.0, 1.0);
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "between 0 and the columns"
    )]
    let used = (share * columns as f64).round() as usize;
    let used = match percent {
        p if p <= 0.0 => 0,
        p if p >= 100.0 => columns,
        _ => used.clamp(1, columns.saturating_sub(1).max(1)),
    };
    vec![
        (tone, "\u{2588}".repeat(used)),
        (Tone::Quiet, "\u{2591}".repeat(columns - used)),
    ]
}

/// A bar as long as this share of so many columns, to an eighth of one. The least share shows.
pub(crate) fn bar_of_share(share: f64, columns: usize) -> String {
    const EIGHTHS: [&str; 8] = ["", "▏", "▎", "▍", "▌", "▋", "▊", "▉"];
    if columns == 0 || share <= 0.0 {
        return String::new();
    }
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a share of the columns"
    )]
    let eighths = (share.min(1.0) * columns as f64 * 8.0).round() as usize;
    let eighths = eighths.max(1);
    let rest = EIGHTHS.get(eighths % 8).copied().unwrap_or_default();
    "\u{2588}".repeat(eighths / 8) + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_least_use_shows_and_only_what_is_full_looks_full() {
        let drawn = |percent| {
            let pieces = bar(percent, 5, Tone::Good);
            pieces.into_iter().map(|(_, text)| text).collect::<String>()
        };
        assert_eq!(drawn(0.0), "░░░░░");
        assert_eq!(drawn(0.3), "█░░░░");
        assert_eq!(drawn(42.0), "██░░░");
        assert_eq!(drawn(99.7), "████░");
        assert_eq!(drawn(100.0), "█████");
        assert_eq!(drawn(140.0), "█████");
    }
}
