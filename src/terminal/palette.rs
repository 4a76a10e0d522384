//! Tones and themes. A tone is the meaning of a piece of text, and a theme assigns a color to each tone.

use anstyle::{Ansi256Color, AnsiColor, Style};

use super::{escape, is_stdout_terminal};
use crate::environment::Environment;

/// The meaning of a piece of text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Tone {
    /// Normal text in the terminal's default color.
    #[default]
    Plain,
    /// Text that is less important, such as labels, separators, and reasons.
    Quiet,
    /// A heading, or the most important number.
    Strong,
    /// Everything is fine.
    Good,
    /// A problem that needs attention soon.
    Warning,
    /// A problem that blocks work.
    Alarm,
    /// A name, or a command to type.
    Accent,
}

/// A piece of text with its tone.
pub type Piece = (Tone, String);

/// The output colors, if any.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Palette {
    theme: Option<&'static Theme>,
}

impl Palette {
    /// Returns the palette for output that Claude Code reads from a pipe and displays in color. If the user has set
    /// `NO_COLOR` (<https://no-color.org>), it has no colors.
    pub fn for_claude_code(environment: &Environment) -> Self {
        if environment.variable("NO_COLOR").is_some() {
            Self::none()
        } else {
            Self {
                theme: THEMES.first(),
            }
        }
    }

    /// Returns the palette for standard output. It has no colors unless standard output is a terminal that supports
    /// them.
    pub fn for_stdout(environment: &Environment) -> Self {
        if environment.text("TERM") == Some("dumb") || !is_stdout_terminal() {
            return Self::none();
        }
        // This also enables ANSI colors in the Windows console.
        #[cfg(windows)]
        if anstyle_query::windows::enable_ansi_colors() == Some(false) {
            return Self::none();
        }
        Self::for_claude_code(environment)
    }

    /// Returns a palette without colors, for files, JSON, and messages.
    pub fn none() -> Self {
        Self { theme: None }
    }

    /// Returns true if the palette has colors.
    pub fn is_on(self) -> bool {
        self.theme.is_some()
    }

    /// Returns the palette with a different theme. If it has no colors, it does not change.
    pub(crate) fn with_theme(self, theme: &'static Theme) -> Self {
        Self {
            theme: self.theme.map(|_| theme),
        }
    }

    /// Escapes text and colors it according to its tone.
    pub(super) fn paint(self, tone: Tone, text: &str) -> String {
        let text = escape(text);
        match self.theme.and_then(|theme| theme.style(tone)) {
            Some(style) if !text.is_empty() => format!("{style}{text}{style:#}"),
            _ => text.into_owned(),
        }
    }
}

/// A theme, which assigns a style to each tone.
#[derive(Debug, PartialEq, Eq)]
pub struct Theme {
    /// The name of the theme in `config.toml`.
    pub name: &'static str,
    /// A description of the theme for the documentation.
    pub about: &'static str,
    /// The styles of all tones except [`Tone::Plain`], in the order of [`Tone`].
    styles: [Style; 6],
}

/// All themes. The first is the default.
pub static THEMES: [Theme; 4] = [
    Theme {
        name: "terminal",
        about: "the terminal's own colors",
        styles: [
            Style::new().dimmed(),
            Style::new().bold(),
            AnsiColor::Green.on_default(),
            AnsiColor::Yellow.on_default(),
            AnsiColor::Red.on_default().bold(),
            AnsiColor::Cyan.on_default(),
        ],
    },
    Theme {
        name: "dark",
        about: "fixed colors for a dark background",
        styles: fixed_colors([246, 114, 221, 210, 117]),
    },
    Theme {
        name: "light",
        about: "fixed colors for a light background",
        styles: fixed_colors([241, 22, 94, 124, 25]),
    },
    Theme {
        name: "mono",
        about: "no colors: warnings are underlined, alarms are inverted",
        styles: [
            Style::new().dimmed(),
            Style::new().bold(),
            Style::new(),
            Style::new().underline(),
            Style::new().invert().bold(),
            Style::new().bold(),
        ],
    },
];

/// Returns the styles of a theme from its indexes into the 256-color palette.
const fn fixed_colors([quiet, good, warning, alarm, accent]: [u8; 5]) -> [Style; 6] {
    [
        Ansi256Color(quiet).on_default(),
        Style::new().bold(),
        Ansi256Color(good).on_default(),
        Ansi256Color(warning).on_default(),
        Ansi256Color(alarm).on_default().bold(),
        Ansi256Color(accent).on_default(),
    ]
}

impl Theme {
    /// Returns the theme with this name, or `None` if there is no such theme.
    pub(crate) fn named(name: &str) -> Option<&'static Self> {
        THEMES.iter().find(|theme| theme.name == name)
    }

    /// Returns the style of a tone, or `None` for [`Tone::Plain`].
    pub(super) fn style(&self, tone: Tone) -> Option<Style> {
        self.styles.get((tone as usize).checked_sub(1)?).copied()
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use anstyle::Color;

    use super::*;

    /// Red, green, and blue components from 0 to 1.
    pub(crate) type Rgb = [f64; 3];

    /// Converts a color in the form `0xrrggbb`.
    pub(crate) fn rgb_of_hex(hex: u32) -> Rgb {
        [16, 8, 0].map(|shift| f64::from(hex >> shift & 0xff) / 255.0)
    }

    /// Returns the contrast ratio of two colors, as defined by WCAG 2.
    pub(crate) fn contrast(first: Rgb, second: Rgb) -> f64 {
        let first = relative_luminance(first);
        let second = relative_luminance(second);
        (first.max(second) + 0.05) / (first.min(second) + 0.05)
    }

    fn relative_luminance(color: Rgb) -> f64 {
        let [red, green, blue] = color.map(|part| {
            if part <= 0.04045 {
                part / 12.92
            } else {
                ((part + 0.055) / 1.055).powf(2.4)
            }
        });
        0.2126 * red + 0.7152 * green + 0.0722 * blue
    }

    /// Converts a palette index to a color. The index must be in the 6 × 6 × 6 color cube or the grayscale ramp.
    fn rgb_of_index(index: u8) -> Rgb {
        let level = |step: u8| if step == 0 { 0 } else { 55 + 40 * step };
        let parts = match index {
            16..232 => [(index - 16) / 36, (index - 16) / 6 % 6, (index - 16) % 6].map(level),
            232.. => [8 + 10 * (index - 232); 3],
            _ => panic!("{index} depends on the terminal"),
        };
        parts.map(|part| f64::from(part) / 255.0)
    }

    #[test]
    fn the_dark_and_the_light_theme_are_readable_on_common_backgrounds() {
        // The dark backgrounds are black, VS Code dark, and Solarized dark. The light backgrounds are white, GitHub
        // light, and Solarized light.
        for (name, backgrounds) in [
            ("dark", [0x00_0000, 0x1e_1e1e, 0x00_2b36]),
            ("light", [0xff_ffff, 0xf6_f8fa, 0xfd_f6e3]),
        ] {
            let theme = Theme::named(name).unwrap();
            let [quiet, _, good, warning, alarm, accent] = theme.styles;
            for style in [quiet, good, warning, alarm, accent] {
                let Some(Color::Ansi256(color)) = style.get_fg_color() else {
                    panic!("{name}: {style:?} depends on the terminal");
                };
                for background in backgrounds.map(rgb_of_hex) {
                    let ratio = contrast(rgb_of_index(color.0), background);
                    assert!(ratio >= 4.5, "{name}, color {}: {ratio:.1}", color.0);
                }
            }
        }
    }

    #[test]
    fn no_other_tone_looks_like_an_alarm() {
        for theme in &THEMES {
            let [others @ .., alarm, _] = &theme.styles;
            assert!(!others.contains(alarm), "{}", theme.name);
        }
    }
}
