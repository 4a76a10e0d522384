//! Spend by hour of the week: a table whose cells are colored, and say what they mean.

use super::Contents;
use super::markup::Markup;
use super::sums::HOURS;
use crate::pricing::Money;

const DAYS: [&str; 7] = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"];
const CLASSES: [&str; 6] = ["h0", "h1", "h2", "h3", "h4", "h5"];

pub(super) fn write(page: &mut Markup, contents: &Contents<'_>) {
    let week = &contents.sums.week;
    let most = week.iter().flatten().copied().max().unwrap_or_default();
    page.inside("table", &[("class", "week")], |table| {
        table.text_in(
            "caption",
            &[("class", "unseen")],
            "Cost by hour of the week",
        );
        table.inside("thead", &[], |head| {
            head.inside("tr", &[], |line| {
                line.text_in("td", &[], "");
                for hour in 0..HOURS {
                    line.inside("th", &[("scope", "col")], |name| {
                        name.text_in("span", &[], &hour.to_string());
                    });
                }
            });
        });
        table.inside("tbody", &[], |body| {
            for (day, hours) in DAYS.iter().zip(week) {
                body.inside("tr", &[], |line| {
                    line.text_in("th", &[("scope", "row")], day);
                    for (hour, cost) in hours.iter().enumerate() {
                        let says = format!("{day} {hour}:00: {}", cost.show());
                        let (class, exact) = (class(*cost, most), cost.exact());
                        let cell = [("class", class), ("title", &says), ("data-v", &exact)];
                        line.inside("td", &cell, |cell| {
                            cell.text_in("span", &[("class", "unseen")], &cost.show());
                        });
                    }
                });
            }
        });
    });
    let meanings = CLASSES.into_iter().zip(0_u32..).map(|(class, step)| {
        let most = most.share(step.into(), 5).show();
        let says = if step == 0 {
            "nothing".to_owned()
        } else {
            format!("up to {most}")
        };
        (class, says, String::new())
    });
    let attributes = [("class", "legend"), ("aria-label", "what the colors mean")];
    page.legend(&attributes, meanings);
}

/// One of five steps up to what is most.
fn class(cost: Money, most: Money) -> &'static str {
    let reached = (1..CLASSES.len()).find(|step| cost <= most.share(*step as u128, 5));
    let step = if cost <= Money::ZERO {
        Some(0)
    } else {
        reached
    };
    step.and_then(|step| CLASSES.get(step))
        .copied()
        .unwrap_or("h5")
}
