//! Calculates costs with exact integer arithmetic.
//!
//! | type | what it contains |
//! | --- | --- |
//! | `Rate`, `Rates` | the price of one kind of token; the prices of all kinds |
//! | `PriceRow`, `PriceList` | the rates of a model from a certain day; all rows, which `prices.rs` defines |
//! | `CustomRates` | the rates and the multiplier in the user's settings |
//! | `PriceTable` | all of the above, that is, everything that determines the user's prices |
//! | `Tariffs` | a model's rows in the price list |
//! | `ModelPrices` | a model's tariffs with custom rates applied, for calculating the costs of responses |

mod cost;
mod custom_rates;
mod model_id;
mod money;
mod price_list;
mod price_table;
mod prices;
mod rates;
mod report;
mod usage;

pub use cost::ModelPrices;
pub use custom_rates::CustomRates;
pub(crate) use model_id::{is_same_model, model_title};
pub use money::Money;
pub(crate) use money::NOISE;
pub use price_list::{PriceList, PriceRow};
pub use price_table::{PriceTable, Tariffs};
pub(crate) use price_table::{canonical, known_tariffs_of, tariffs_of};
pub(crate) use prices::PRICES;
pub use rates::{Rate, Rates};
pub(crate) use report::price_report;
pub use usage::{Advice, ServiceLevel, Usage};
