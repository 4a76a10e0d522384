//! What a piece of text means, and how that looks: theme by theme, what each tone is painted with.

use anstyle::{Ansi256Color, AnsiColor, Style};

use super::{is_seen_by_person, visible};
use crate::environment::Environment;

/// Whether and how to colour.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Palette {
    /// None: no colours.
    theme: Option<&'static Theme>,
}

/// A piece of a row: what it means, and its text.
pub type Piece = (Tone, String);

/// What a piece of text means; the palette decides how that looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Tone {
    /// As the terminal has it.
    #[default]
    Plain,
    /// Less important: labels, separators, reasons.
    Quiet,
    /// A heading or the figure that matters.
    Strong,
    /// All is well.
    Good,
    /// Look at it soon.
    Warning,
    /// Work is blocked.
    Alarm,
    /// A name or a command to type.
    Accent,
}

impl Palette {
    /// Colours for a host that renders ANSI from a pipe (the status line), unless the user asked for
    /// output without (<https://no-color.org>).
    pub fn for_host(environment: &Environment) -> Self {
        let is_asked_for = environment.variable("NO_COLOR").is_none();
        let theme = THEMES.first().filter(|_| is_asked_for);
        Self { theme }
    }

    /// Colours for a person: only when standard output is a terminal that can show them.
    pub fn for_person(environment: &Environment) -> Self {
        if environment.text("TERM") == Some("dumb") || !is_seen_by_person() {
            return Self::none();
        }
        // A console of Windows that can take colors as they are written everywhere else must be told to.
        #[cfg(windows)]
        if !crossterm::ansi_support::supports_ansi() {
            return Self::none();
        }
        Self::for_host(environment)
    }

    /// Whether anything is coloured.
    pub fn is_on(self) -> bool {
        self.theme.is_some()
    }

    /// No colours at all: text for files, JSON and the host's message fields.
    pub fn none() -> Self {
        Self { theme: None }
    }

    /// The same in another theme. Where there are no colours there are none in any.
    pub(crate) fn in_theme(self, theme: &'static Theme) -> Self {
        let theme = self.theme.map(|_| theme);
        Self { theme }
    }

    /// `text` in this tone, and all of it visible.
    pub(super) fn paint(self, tone: Tone, text: &str) -> String {
        let text = visible(text);
        match self.theme.and_then(|theme| theme.style(tone)) {
            Some(style) if !text.is_empty() => format!("{style}{text}{style:#}"),
            _ => text.into_owned(),
        }
    }
}

/// What each tone looks like. `Tone::Plain` is always the terminal's own text.
#[derive(Debug, PartialEq, Eq)]
pub struct Theme {
    /// Its name in `config.toml`.
    pub name: &'static str,
    /// What it is for.
    pub about: &'static str,
    /// Of the tones behind `Tone::Plain`, in their order.
    styles: [Style; 6],
}

/// The first is the default.
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
        about: "for a dark background, whatever the terminal's colors are",
        styles: colored([246, 114, 221, 210, 117]),
    },
    Theme {
        name: "light",
        about: "for a light background, likewise",
        styles: colored([241, 22, 94, 124, 25]),
    },
    Theme {
        name: "mono",
        about: "no colors: underlined is a warning, inverted an alarm",
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

/// What is quiet, good, a warning, an alarm and an accent in these of 256 colors.
const fn colored([quiet, good, warning, alarm, accent]: [u8; 5]) -> [Style; 6] {
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
    /// The theme of this name.
    pub(crate) fn named(name: &str) -> Option<&'static Self> {
        THEMES.iter().find(|theme| theme.name == name)
    }

    /// How a tone is painted. None: as the terminal has it.
    pub(super) fn style(&self, tone: Tone) -> Option<Style> {
        self.styles.get((tone as usize).checked_sub(1)?).copied()
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use anstyle::Color;

    use super::*;

    /// Red, green and blue of `0xrrggbb`, each from 0 to 1.
    pub(crate) fn of_hex(hex: u32) -> [f64; 3] {
        [16, 8, 0].map(|shift| f64::from(hex >> shift & 0xff) / 255.0)
    }

    /// The contrast ratio of WCAG 2.
    pub(crate) fn contrast(one: [f64; 3], other: [f64; 3]) -> f64 {
        let luminance = |color: [f64; 3]| {
            let [red, green, blue] = color.map(|part| {
                if part <= 0.04045 {
                    part / 12.92
                } else {
                    ((part + 0.055) / 1.055).powf(2.4)
                }
            });
            0.2126 * red + 0.7152 * green + 0.0722 * blue
        };
        let (one, other) = (luminance(one), luminance(other));
        (one.max(other) + 0.05) / (one.min(other) + 0.05)
    }

    /// Red, green and blue of a color of the 6 x 6 x 6 cube or of the grays.
    fn rgb(index: u8) -> [f64; 3] {
        let level = |step: u8| if step == 0 { 0 } else { 55 + 40 * step };
        let of = match index {
            16..232 => [(index - 16) / 36, (index - 16) / 6 % 6, (index - 16) % 6].map(level),
            232.. => [8 + 10 * (index - 232); 3],
            _ => panic!("{index} is a color of the terminal's own choice"),
        };
        of.map(|part| f64::from(part) / 255.0)
    }

    #[test]
    fn every_color_of_the_dark_and_the_light_theme_can_be_read_on_its_backgrounds() {
        // Black, VS Code's dark, Solarized dark; white, GitHub's light, Solarized light.
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
                for background in backgrounds.map(of_hex) {
                    let ratio = contrast(rgb(color.0), background);
                    assert!(ratio >= 4.5, "{name}, color {}: {ratio:.1}", color.0);
                }
            }
        }
    }

    #[test]
    fn an_alarm_looks_like_nothing_else() {
        for theme in &THEMES {
            let [others @ .., alarm, _] = &theme.styles;
            assert!(!others.contains(alarm), "{}", theme.name);
        }
    }
}
