//! Measures the accuracy of the forecasts for simulated people. The results are in README.md in this directory.
//!
//! `WHYCAP_FORECASTS=3 cargo test --test integration forecasts -- --nocapture` prints the results. A value of 9
//! simulates three times as many people. If the variable is not set, only the rules that the tests check are evaluated.

mod days;
mod draws;
mod five_hours;
mod week;
mod workers;

/// Returns 1 if the condition holds, and otherwise 0.
fn one_if(holds: bool) -> f64 {
    f64::from(u8::from(holds))
}

/// Returns the median and the 90th percentile.
fn quantiles(values: &[f64]) -> (f64, f64) {
    let mut values = values.to_vec();
    values.sort_by(f64::total_cmp);
    let [median, high] = [5, 9].map(|tenths| values.get(values.len() * tenths / 10).copied());
    median.zip(high).unwrap_or((f64::NAN, f64::NAN))
}

fn shown(values: &[f64], digits: usize) -> String {
    let (median, tenth) = quantiles(values);
    if median.is_nan() {
        "-".to_owned()
    } else {
        format!("{median:.digits$} / {tenth:.0}")
    }
}

/// Prints a table for people who run the test manually.
#[expect(
    clippy::disallowed_macros,
    clippy::print_stdout,
    reason = "tests may print without the program's functions for it"
)]
fn report(table: &str) {
    println!("{table}");
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "saturates"
)]
fn whole(number: f64) -> usize {
    number as usize
}

/// Returns the requested number of people of each kind, or `None` if no full tables were requested.
fn requested_people() -> Option<usize> {
    std::env::var("WHYCAP_FORECASTS").ok()?.parse().ok()
}

/// Returns the number of people of each kind to simulate.
fn people_per_kind() -> usize {
    requested_people().unwrap_or(3)
}
