//! Calculates costs with exact integer arithmetic.

mod cost;
mod custom_rates;
mod fetched_prices;
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
pub use money::Money;
pub(crate) use money::NOISE;
pub use price_list::{PriceList, PriceRow};
pub use price_table::{PriceTable, Tariffs};
pub use rates::{Rate, Rates};
pub(crate) use report::price_report;
pub use usage::{Advice, ServiceLevel, Usage};
