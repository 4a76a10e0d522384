//! The price table: one embedded data file, looked up by model and day; and what Claude Code fetched of
//! models that its own table lacks, as its global state keeps them.
//!
//! Read in the bundles of 2.1.329 and 2.1.330, documented nowhere:
//! - `additionalModelCostsCache`: `{model: {inputTokens, outputTokens, promptCacheWriteTokens,
//!   promptCacheWrite1hTokens?, promptCacheReadTokens, longPrompt?: {…, abovePromptTokens}, fast?}}`,
//!   dollars per million tokens. Without a price of writes that live an hour, all cost the same.
//! - `alder_ford`, in `clientDataCache` or the `data` of one of `clientDataCacheSlots`:
//!   `{model: {as, ends_at}}`, a model priced as another until that second.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, LazyLock};

use chrono::{NaiveDate, NaiveTime};
use serde::Deserialize;
use serde_json::{Value, json};
use xxhash_rust::xxh3::xxh3_64;

use super::rates::{OwnRates, PriceRow, Rate, Rates, bare};
use crate::foreign::Foreign;
use crate::render::{Column, Report, Table};
use crate::terminal::Tone;
use crate::time::Millis;

/// The embedded data. Its first lines say how to add a row.
const EMBEDDED: &str = include_str!("prices.json");

/// The file as it is written.
#[derive(Debug, Deserialize)]
pub struct PriceFile {
    /// Day on which it was last checked against its sources.
    pub updated: NaiveDate,
    /// A web search.
    pub web_search_usd: f64,
    /// US inference costs this many tenths of the price of every token.
    pub us_inference_tenths: i64,
    unknown_model_priced_as: &'static str,
    /// All rows, in the file's order.
    pub rows: Vec<PriceRow>,
}

/// Prices of every known model, with the user's own rates on top.
#[derive(Debug, Clone)]
pub struct PriceTable {
    /// The embedded table.
    pub file: &'static PriceFile,
    /// Rates from the user's settings.
    pub own: OwnRates,
    /// What Claude Code fetched of models that the table lacks.
    fetched: FetchedPrices,
}

/// A model's prices, each with the moment from which it holds, ascending; the first also before that.
pub type Tariffs<'t> = Vec<(Millis, &'t PriceRow)>;

impl PriceTable {
    /// The embedded table with the user's own rates.
    #[expect(clippy::expect_used, reason = "a test reads the same bytes")]
    pub fn with(own: OwnRates) -> Self {
        // Parsed once, and only if somebody asks.
        static FILE: LazyLock<PriceFile> =
            LazyLock::new(|| serde_json::from_str(EMBEDDED).expect("a price table"));
        Self {
            file: &FILE,
            own,
            fetched: in_state(|| None),
        }
    }

    /// The embedded table at list price.
    pub fn list() -> Self {
        Self::with(OwnRates::default())
    }

    /// Changes whenever a price of the table could come out differently.
    fn fingerprint(&self) -> i64 {
        xxh3_64(EMBEDDED.as_bytes()).cast_signed() ^ self.own.fingerprint()
    }

    /// The same, and for models that it lacks, what this gives: Claude Code's global state. It is
    /// asked for no sooner than such a model is.
    pub(crate) fn with_state(self, read: impl FnOnce() -> Option<Value> + Send + 'static) -> Self {
        Self {
            fetched: in_state(read),
            ..self
        }
    }

    /// The same number for as long as these models' prices are the same.
    pub(crate) fn fingerprint_of<'m>(&self, models: impl Iterator<Item = &'m str>) -> i64 {
        let lacking = models.filter(|model| self.listed(model).is_none());
        let fetched = lacking.filter_map(|model| self.fetched.get_key_value(&bare(model)));
        let mut fetched: Vec<_> = fetched.collect();
        if fetched.is_empty() {
            return self.fingerprint();
        }
        fetched.sort_unstable_by_key(|(model, _)| *model);
        let text = format!("{fetched:?}");
        self.fingerprint() ^ xxh3_64(text.as_bytes()).cast_signed()
    }

    /// The row of `model`, in any spelling: that of the bare id or one of its other names; then of the
    /// longest listed id of which this one is a variant.
    fn listed(&self, model: &str) -> Option<&PriceRow> {
        let id = bare(model);
        let mut rows = self.file.rows.iter();
        let variants = rows.clone().filter(|row| is_variant_of(&id, row.model));
        let exact = rows.find(|row| row.model == id || row.also.contains(&id.as_str()));
        exact.or_else(|| variants.max_by_key(|row| row.model.len()))
    }

    /// The prices of `model`, and whether they are known: if neither the table nor Claude Code has the
    /// model, they are what the client takes for one it does not know.
    pub fn tariffs_of(&self, model: &str) -> (Tariffs<'_>, bool) {
        let listed = self.listed(model).map(|row| row.model);
        let name = listed.unwrap_or(self.file.unknown_model_priced_as);
        let fetched = || self.tariffs_fetched(self.fetched.get(&bare(model))?);
        match listed.map_or_else(fetched, |_| None) {
            Some(tariffs) => (tariffs, true),
            None => (self.tariffs_listed(name), listed.is_some()),
        }
    }

    fn tariffs_listed(&self, name: &str) -> Tariffs<'_> {
        let rows = self.file.rows.iter().filter(|row| row.model == name);
        let mut tariffs: Tariffs<'_> = rows.map(|row| (begin_of(row), row)).collect();
        tariffs.sort_by_key(|(from, _)| *from);
        tariffs
    }

    /// A model that is priced as another for a while costs then what was fetched of it, else what an
    /// unknown one does.
    fn tariffs_fetched<'t>(&'t self, fetched: &'t FetchedTariff) -> Option<Tariffs<'t>> {
        let last = |name: &str| Some(self.tariffs_listed(name).pop()?.1);
        let own = fetched.own.as_ref();
        let another = fetched.as_another.as_ref();
        let another =
            another.and_then(|(model, until)| Some((last(self.listed(model)?.model)?, *until)));
        let Some((another, until)) = another else {
            return Some(vec![(Millis::MIN, own?)]);
        };
        let after = own.or_else(|| last(self.file.unknown_model_priced_as))?;
        Some(vec![(Millis::MIN, another), (until, after)])
    }

    /// The name under which a model's spend is added up: the listed id, else the bare one.
    pub fn canonical(&self, model: &str) -> String {
        let listed = self.listed(model);
        listed.map_or_else(|| bare(model), |row| row.model.to_owned())
    }
}

/// The moment from which a row holds.
fn begin_of(row: &PriceRow) -> Millis {
    row.from.map_or(Millis::MIN, |day| {
        day.and_time(NaiveTime::MIN).and_utc().timestamp_millis()
    })
}

/// What Claude Code knows of a model's price.
#[derive(Debug, Default)]
struct FetchedTariff {
    /// The model that it is priced as, and until when.
    as_another: Option<(String, Millis)>,
    /// What it costs otherwise.
    own: Option<PriceRow>,
}

/// By bare model id.
type FetchedTariffs = BTreeMap<String, FetchedTariff>;

/// Read when they are asked for.
type FetchedPrices = Arc<LazyLock<FetchedTariffs, Box<dyn FnOnce() -> FetchedTariffs + Send>>>;

/// What the global state says that `read` gives, no sooner than somebody asks.
fn in_state(read: impl FnOnce() -> Option<Value> + Send + 'static) -> FetchedPrices {
    let prices = || prices(&read().unwrap_or_default());
    Arc::new(LazyLock::new(Box::new(prices)))
}

fn prices(state: &Value) -> FetchedTariffs {
    let mut found = FetchedTariffs::new();
    let slots = state.at("clientDataCacheSlots").as_object().into_iter();
    let data = slots.flatten().map(|(_, slot)| slot.at("data"));
    let data = data.chain([state.at("clientDataCache")]);
    let others = data.filter_map(|data| data.at("alder_ford").as_object());
    for (model, other) in others.flatten() {
        let known = found.entry(bare(model)).or_default();
        let until = other.at("ends_at").as_i64();
        let until = until.and_then(|seconds| seconds.checked_mul(1000));
        known.as_another = other.read("as").zip(until).or(known.as_another.take());
    }
    let costs = state.at("additionalModelCostsCache").as_object();
    for (model, costs) in costs.into_iter().flatten() {
        let known = found.entry(bare(model)).or_default();
        known.own = tariff(costs).or(known.own.take());
    }
    found
}

fn tariff(costs: &Value) -> Option<PriceRow> {
    let long = costs.at("longPrompt");
    Some(PriceRow {
        model: "",
        also: Vec::new(),
        from: None,
        standard: rates(costs)?,
        above_prompt_tokens: long.at("abovePromptTokens").as_u64(),
        long: rates(long),
        fast: rates(costs.at("fast")),
        source: "Claude Code",
    })
}

fn rates(costs: &Value) -> Option<Rates> {
    let names = [
        "inputTokens",
        "outputTokens",
        "promptCacheReadTokens",
        "promptCacheWriteTokens",
        "promptCacheWrite1hTokens",
    ];
    Rates::from_json(costs, names)
}

/// Whether `listed` names the same model as `id`, which goes on with a variant's name
/// (`-preview`, `-fast`) but not with another version number: `claude-opus-5` covers
/// `claude-opus-5-preview`, and says nothing about `claude-opus-5-9`.
fn is_variant_of(id: &str, listed: &str) -> bool {
    let Some(rest) = id.strip_prefix(listed) else {
        return false;
    };
    let Some(rest) = rest.strip_prefix(['-', '@', ':']) else {
        return rest.is_empty();
    };
    !rest.starts_with(|c: char| c.is_ascii_digit())
}

fn json(table: &PriceTable, rows: &[&PriceRow]) -> Value {
    json!({
        "updated": table.file.updated,
        "web_search_usd": table.file.web_search_usd,
        "us_inference_multiplier": table.file.us_inference_tenths as f64 / 10.0,
        "multiplier": table.own.factor(),
        "overrides": table.own.overrides,
        "rows": rows,
    })
}

const TITLE: &str =
    "Dollars per million tokens (read, write: of the cache, for 5 minutes or 1 hour)";

/// The prices of these rows: dollars per million tokens, a line for each set of rates.
pub(crate) fn price_list(table: &PriceTable, rows: &[&PriceRow]) -> Report {
    let mut report = Report::new(json(table, rows));
    if rows.is_empty() {
        let says = "No model of that name has a known price; its spend is estimated the way Claude Code does. `whycap prices` lists the models that do.";
        report.paragraph(Tone::Plain, says);
        return report;
    }
    report.paragraph(Tone::Strong, TITLE);
    let heads = ["input", "output", "read", "write 5m", "write 1h"];
    let model = Column::text("model").shrinking_to(12);
    let mut prices = Table::new([model].into_iter().chain(heads.map(Column::figure)));
    let mut add = |label: String, rates: &Rates| {
        prices.row([label].into_iter().chain(rates.each().map(dollars)));
    };
    for row in rows {
        let from = row.from.map(|from| format!(" from {from}"));
        let label = format!("{}{}", row.model, from.unwrap_or_default());
        add(label, &row.standard);
        if let (Some(above), Some(long)) = (row.above_prompt_tokens, &row.long) {
            add(format!("  prompt over {above}"), long);
        }
        if let Some(fast) = &row.fast {
            add("  fast mode".to_owned(), fast);
        }
    }
    report.table(prices);
    report.paragraphs(Tone::Quiet, notes(table, rows));
    report
}

/// What the table does not show, and where it is from.
fn notes(table: &PriceTable, rows: &[&PriceRow]) -> Vec<String> {
    let PriceTable { file, own, .. } = table;
    let sources: BTreeSet<&str> = rows.iter().map(|row| row.source).collect();
    let sources = Vec::from_iter(sources).join("; ");
    let (search, factor) = (file.web_search_usd, file.us_inference_tenths as f64 / 10.0);
    let mut notes = vec![
        format!(
            "A web search is ${search}. US-only inference multiplies every token price by {factor}."
        ),
        format!("Checked on {}. Sources: {sources}.", file.updated),
    ];
    if !own.is_none() {
        let models: Vec<&str> = own.overrides.keys().map(String::as_str).collect();
        let lead = if models.is_empty() {
            ""
        } else {
            "; own rates for "
        };
        let (times, models) = (own.factor(), models.join(", "));
        notes.push(format!(
            "modelPricing in your settings applies: times {times}{lead}{models}."
        ));
    }
    notes
}

/// Without digits that say nothing: `0.125`, `25`.
fn dollars(rate: Rate) -> String {
    let text = format!("{:.4}", f64::from(rate));
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pricing::{ServiceLevel, Usage};

    #[test]
    fn the_embedded_file_is_readable_and_every_row_has_a_source() {
        let table = PriceTable::list();
        assert!(table.file.rows.len() > 25);
        assert!(table.file.rows.iter().all(|row| !row.source.is_empty()));
    }

    #[test]
    fn sonnet_5_5_cache_reads_became_cheaper_on_the_seventh_of_october() {
        let table = PriceTable::list();
        let prices = table.prices_of("claude-sonnet-5-5");
        let million = Usage {
            cache_read: 1_000_000,
            ..Usage::default()
        };
        let read = |at: &str| {
            let at = crate::time::millis(at).unwrap();
            prices
                .price(at, &million, ServiceLevel::default(), &[])
                .nano()
        };
        assert_eq!(
            read("2026-09-01T00:00:00.000Z"),
            200_000_000,
            "before its release the first row holds"
        );
        assert_eq!(read("2026-10-06T23:59:59.999Z"), 200_000_000);
        assert_eq!(read("2026-10-07T00:00:00.000Z"), 100_000_000);
    }

    #[test]
    fn an_unknown_model_is_priced_as_the_client_does_and_said_to_be_unknown() {
        let table = PriceTable::list();
        for model in ["claude-nobody-9", "opus", "my-gateway-model", ""] {
            let (tariffs, known) = table.tariffs_of(model);
            assert!(!known, "{model}");
            assert_eq!(tariffs, table.tariffs_of("claude-opus-5-5").0);
        }
    }

    #[test]
    fn an_old_name_finds_the_same_row() {
        let table = PriceTable::list();
        assert_eq!(table.canonical("claude-haiku-3-5"), "claude-3-5-haiku");
        assert_eq!(table.canonical("claude-opus-4-0"), "claude-opus-4");
        assert_eq!(table.canonical("claude-opus-4-20250514"), "claude-opus-4");
    }

    fn cost(
        state: &Value,
        model: &str,
        at: Millis,
        service: ServiceLevel,
        input: u64,
    ) -> (i64, bool) {
        let state = state.clone();
        let table = PriceTable::list().with_state(move || Some(state));
        let usage = Usage {
            input,
            output: 1_000,
            cache_write: 2_000,
            cache_write_1h: 1_000,
            ..Usage::default()
        };
        let prices = table.prices_of(model);
        (
            prices.price(at, &usage, service, &[]).nano() / 1_000,
            prices.known,
        )
    }

    const PLAIN: ServiceLevel = ServiceLevel {
        fast: false,
        us_only: false,
    };
    const FAST: ServiceLevel = ServiceLevel {
        fast: true,
        us_only: false,
    };

    #[test]
    fn a_model_that_the_table_lacks_costs_what_claude_code_fetched() {
        let rates = |factor: f64| json!({"inputTokens": factor, "outputTokens": 5.0 * factor, "promptCacheWriteTokens": 2.0 * factor, "promptCacheReadTokens": 0.1});
        let mut costs = rates(1.0);
        costs["promptCacheWrite1hTokens"] = json!(3);
        costs["fast"] = rates(10.0);
        costs["longPrompt"] = rates(100.0);
        costs["longPrompt"]["abovePromptTokens"] = json!(100_000);
        let state = json!({"additionalModelCostsCache": {
            "claude-new-7-20270101": costs, "claude-opus-5-5": costs, "claude-bad-1": {"inputTokens": 1}}});
        let new = "us.anthropic.claude-new-7-v1:0";
        // 1,000 of each: input 1, output 5, writes 2 and 3 dollars a million.
        assert_eq!(cost(&state, new, 0, PLAIN, 1_000), (11_000, true));
        assert_eq!(cost(&state, new, 0, FAST, 1_000), (100_000, true));
        assert_eq!(
            cost(&state, new, 0, PLAIN, 100_000).0,
            100_000 * 100 + 500_000 + 400_000
        );
        let nothing = json!({});
        for (model, known) in [("claude-opus-5-5", true), ("claude-bad-1", false)] {
            let ours = cost(&nothing, model, 0, PLAIN, 1_000);
            assert_eq!(
                (cost(&state, model, 0, PLAIN, 1_000), ours.1),
                (ours, known),
                "{model}"
            );
        }
    }

    #[test]
    fn a_model_is_priced_as_another_until_a_second() {
        let flag = json!({"claude-new-7": {"as": "claude-haiku-5-5", "ends_at": 1_800_000_000}, "claude-new-8": {"as": "nobody", "ends_at": 1}});
        for state in [
            json!({"clientDataCacheSlots": {"x": {"data": {"alder_ford": flag}}}}),
            json!({"clientDataCache": {"alder_ford": flag}}),
        ] {
            let nothing = json!({});
            let of = |model: &str| cost(&nothing, model, 0, PLAIN, 10).0;
            let (before, after) = (1_799_999_999_999, 1_800_000_000_000);
            assert_eq!(
                cost(&state, "claude-new-7", before, PLAIN, 10).0,
                of("claude-haiku-5-5")
            );
            assert_eq!(
                cost(&state, "claude-new-7", after, PLAIN, 10).0,
                of("claude-opus-5-5")
            );
            assert!(!cost(&state, "claude-new-8", before, PLAIN, 10).1);
        }
    }

    #[test]
    fn nobody_reads_the_state_for_models_that_the_table_has() {
        let table = PriceTable::list().with_state(|| panic!("read"));
        assert!(table.prices_of("claude-opus-5-5").known);
        assert_eq!(
            table.fingerprint_of(["claude-opus-5-5"].into_iter()),
            table.fingerprint()
        );
    }

    #[test]
    fn a_newer_version_is_not_a_variant_of_the_older() {
        assert!(!is_variant_of("claude-opus-5-9", "claude-opus-5"));
        assert!(!is_variant_of("claude-opus-50", "claude-opus-5"));
        assert!(is_variant_of("claude-opus-5-preview", "claude-opus-5"));
    }
}
