//! What a response costs: the price table and exact integer arithmetic over it.

mod clients_prices;
mod cost;
mod fetched;
mod model_id;
mod money;
mod own_rates;
mod price_list;
mod price_table;
mod rates;
mod usage;

pub use cost::ModelPrices;
pub use money::Money;
pub(crate) use money::NOISE;
pub use own_rates::OwnRates;
pub(crate) use price_list::price_list;
pub use price_table::PriceTable;
pub use rates::{PriceRow, Rate, Rates};
pub use usage::{Advice, ServiceLevel, Usage};
