//! What a response costs: the price table and exact integer arithmetic over it.

mod cost;
mod money;
mod price_table;
mod rates;
mod usage;

pub use cost::ModelPrices;
pub use money::Money;
pub(crate) use money::NOISE;
pub(crate) use price_table::price_list;
pub use price_table::{PriceFile, PriceTable, Tariffs};
pub use rates::{OwnRates, PriceRow, Rate, Rates};
pub use usage::{Advice, ServiceLevel, Usage};
