//! How well a color can be told from another, for tests of what people read.

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
