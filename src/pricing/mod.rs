//! What a response costs: the price table and exact integer arithmetic over it.

mod cost;
mod model_id;
mod money;
mod own_rates;
mod table;

pub use cost::{ModelPrices, Service, Usage};
pub use money::Money;
pub use own_rates::OwnRates;
pub use table::{PriceTable, Rate, Rates, Row, Unreadable};
