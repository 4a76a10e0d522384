//! Looks of the status line: what each tone is painted with, theme by theme.

use anstyle::{Ansi256Color, AnsiColor, Style};

/// What each tone looks like. `Tone::Plain` is always the terminal's own text.
#[derive(Debug, PartialEq, Eq)]
pub struct Theme {
    /// Its name in `config.toml`.
    pub name: &'static str,
    /// What it is for.
    pub about: &'static str,
    pub(super) quiet: Style,
    pub(super) strong: Style,
    pub(super) good: Style,
    pub(super) warning: Style,
    pub(super) alarm: Style,
    pub(super) accent: Style,
}

/// The first is the default.
pub static THEMES: [Theme; 4] = [
    Theme {
        name: "terminal",
        about: "the terminal's own colors",
        quiet: Style::new().dimmed(),
        strong: Style::new().bold(),
        good: AnsiColor::Green.on_default(),
        warning: AnsiColor::Yellow.on_default(),
        alarm: AnsiColor::Red.on_default().bold(),
        accent: AnsiColor::Cyan.on_default(),
    },
    Theme {
        name: "dark",
        about: "for a dark background, whatever the terminal's colors are",
        quiet: Ansi256Color(246).on_default(),
        strong: Style::new().bold(),
        good: Ansi256Color(114).on_default(),
        warning: Ansi256Color(221).on_default(),
        alarm: Ansi256Color(210).on_default().bold(),
        accent: Ansi256Color(117).on_default(),
    },
    Theme {
        name: "light",
        about: "for a light background, likewise",
        quiet: Ansi256Color(241).on_default(),
        strong: Style::new().bold(),
        good: Ansi256Color(22).on_default(),
        warning: Ansi256Color(94).on_default(),
        alarm: Ansi256Color(124).on_default().bold(),
        accent: Ansi256Color(25).on_default(),
    },
    Theme {
        name: "mono",
        about: "no colors: underlined is a warning, inverted an alarm",
        quiet: Style::new().dimmed(),
        strong: Style::new().bold(),
        good: Style::new(),
        warning: Style::new().underline(),
        alarm: Style::new().invert().bold(),
        accent: Style::new().bold(),
    },
];

impl Theme {
    /// The theme of this name.
    pub(crate) fn named(name: &str) -> Option<&'static Self> {
        THEMES.iter().find(|theme| theme.name == name)
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
            for style in [
                theme.quiet,
                theme.good,
                theme.warning,
                theme.alarm,
                theme.accent,
            ] {
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
            for other in [theme.quiet, theme.strong, theme.good, theme.warning] {
                assert_ne!(theme.alarm, other, "{}", theme.name);
            }
        }
    }
}
