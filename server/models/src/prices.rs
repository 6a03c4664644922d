//! What replies cost. Money is counted in millionths of a dollar, in whole numbers.

use airlock_core::conversation::Usage;
use serde::Deserialize;
use thiserror::Error;

/// Millionths of a US dollar.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct MicroUsd(pub u64);

impl MicroUsd {
    /// Reads dollars with up to six digits behind the point.
    pub fn read(amount: &str) -> Option<Self> {
        micro(amount).map(Self)
    }
}

impl std::fmt::Display for MicroUsd {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "${}.{:06}", self.0 / 1_000_000, self.0 % 1_000_000)
    }
}

/// What a model's tokens cost, each figure in millionths of a dollar for a million tokens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Price {
    /// The model's name without its date; see [`Prices::of`].
    pub model: String,
    pub input: u64,
    pub cache_read: u64,
    pub cache_write: u64,
    pub output: u64,
    /// When and where this was read.
    pub date: String,
    pub source: String,
}

/// A row as it is written, in dollars for a million tokens.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Row {
    pub model: String,
    pub input: String,
    /// Without it, what a cache had costs like the rest.
    pub cache_read: Option<String>,
    pub cache_write: Option<String>,
    pub output: String,
    #[serde(default)]
    pub date: String,
    #[serde(default)]
    pub source: String,
}

/// An amount that is none.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{amount:?} for {model} is no amount in dollars, such as \"2.50\"")]
pub struct BadPrice {
    pub model: String,
    pub amount: String,
}

impl TryFrom<Row> for Price {
    type Error = BadPrice;

    fn try_from(row: Row) -> Result<Self, BadPrice> {
        let read = |amount: &str| {
            micro(amount)
                .ok_or_else(|| BadPrice { model: row.model.clone(), amount: amount.chars().take(40).collect() })
        };
        let input = read(&row.input)?;
        let or_input = |amount: &Option<String>| amount.as_deref().map_or(Ok(input), read);
        let (cache_read, cache_write) = (or_input(&row.cache_read)?, or_input(&row.cache_write)?);
        let output = read(&row.output)?;
        Ok(Self { input, cache_read, cache_write, output, model: row.model, date: row.date, source: row.source })
    }
}

/// Reads dollars with up to six digits behind the point.
fn micro(amount: &str) -> Option<u64> {
    let (whole, part) = amount.split_once('.').unwrap_or((amount, "0"));
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    if !digits(whole) || !digits(part) || part.len() > 6 || whole.len() > 9 {
        return None;
    }
    Some(whole.parse::<u64>().ok()? * 1_000_000 + format!("{part:0<6}").parse::<u64>().ok()?)
}

/// A table of prices.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Prices(Vec<Price>);

#[derive(Deserialize)]
struct File {
    price: Vec<Row>,
}

impl Prices {
    /// The prices that are known here, `data/prices.toml`.
    ///
    /// # Panics
    /// Never: a test reads the file.
    pub fn known() -> Self {
        let file: File = toml::from_str(include_str!("../data/prices.toml")).expect("a test reads this file");
        let prices: Result<_, _> = file.price.into_iter().map(Price::try_from).collect();
        Self(prices.expect("a test reads this file"))
    }

    /// These with rows of the user's, which replace those of the same name.
    pub fn with(mut self, own: Vec<Price>) -> Self {
        self.0.retain(|price| !own.iter().any(|new| new.model == price.model));
        self.0.extend(own);
        self
    }

    /// The price of a model. A row is for its name, the same with a date behind it (`-20251101`, `-2025-11-01`, `@20251101`,
    /// `-latest`), and the same with the name of a vendor in front (`anthropic/…`). What is called otherwise is another model.
    pub fn of(&self, model: &str) -> Option<&Price> {
        let bare = model.rsplit_once('/').map_or(model, |(_, name)| name);
        let whole = self.0.iter().find(|price| price.model == model);
        whole.or_else(|| self.0.iter().find(|price| bare.strip_prefix(&price.model).is_some_and(is_date)))
    }
}

fn is_date(rest: &str) -> bool {
    let Some(rest) = rest.strip_prefix(['-', '@', ':']) else { return rest.is_empty() };
    let shape: String = rest.chars().map(|c| if c.is_ascii_digit() { '0' } else { c }).collect();
    rest == "latest" || matches!(shape.as_str(), "00000000" | "0000-00-00")
}

/// What these tokens cost, rounded up; none where the model's price is not known.
pub fn cost(usage: Usage, model: &str, prices: &Prices) -> Option<MicroUsd> {
    let price = prices.of(model)?;
    let fresh = usage.input.saturating_sub(usage.cache_read).saturating_sub(usage.cache_write);
    let parts = [
        (fresh, price.input),
        (usage.cache_read, price.cache_read),
        (usage.cache_write, price.cache_write),
        (usage.output, price.output),
    ];
    let sum = parts.iter().fold(0_u128, |sum, (tokens, price)| {
        sum.saturating_add(u128::from(*tokens).saturating_mul(u128::from(*price)))
    });
    Some(MicroUsd(u64::try_from(sum.div_ceil(1_000_000)).unwrap_or(u64::MAX)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(model: &str, input: &str, output: &str) -> Price {
        let (model, input, output) = (model.to_owned(), input.to_owned(), output.to_owned());
        let row = Row {
            model,
            input,
            cache_read: None,
            cache_write: None,
            output,
            date: String::new(),
            source: String::new(),
        };
        row.try_into().unwrap()
    }

    #[test]
    fn every_row_is_read_dated_and_sourced() {
        let prices = Prices::known();
        assert!(prices.0.len() > 5);
        for price in &prices.0 {
            assert!(price.date.len() == 10 && price.source.starts_with("https://"), "{price:?}");
            assert!(price.cache_read <= price.input && price.input <= price.cache_write, "{price:?}");
            assert!(price.input < price.output, "{price:?}");
            assert_eq!(prices.0.iter().filter(|other| other.model == price.model).count(), 1);
        }
    }

    #[test]
    fn a_row_is_for_its_model_and_no_other() {
        let prices = Prices(vec![row("big-5", "1", "2"), row("big-5-5", "3", "4")]);
        let of = |model| prices.of(model).map(|price| price.model.as_str());
        for model in ["big-5", "big-5-20260101", "big-5-2026-01-01", "big-5-latest", "vendor/big-5", "big-5@20260101"] {
            assert_eq!(of(model), Some("big-5"), "{model}");
        }
        assert_eq!(of("big-5-5"), Some("big-5-5"));
        assert_eq!(of("big-5-5-20260101"), Some("big-5-5"));
        for model in ["big-5-mini", "big-50", "big-5.5", "big", "", "big-5-6"] {
            assert_eq!(of(model), None, "{model}");
        }
    }

    #[test]
    fn costs_are_whole_and_rounded_up() {
        let mut price = row("m", "3.00", "15.00");
        (price.cache_read, price.cache_write) = (300_000, 3_750_000);
        let prices = Prices::default().with(vec![price]);
        let usage = Usage { input: 1000, cache_read: 600, cache_write: 100, output: 10 };
        // 300 × 3 + 600 × 0.3 + 100 × 3.75 + 10 × 15
        assert_eq!(cost(usage, "m", &prices), Some(MicroUsd(900 + 180 + 375 + 150)));
        let one = Usage { input: 1, cache_read: 1, ..Usage::default() };
        assert_eq!(cost(one, "m", &prices), Some(MicroUsd(1)));
        assert_eq!(cost(Usage::default(), "m", &prices), Some(MicroUsd(0)));
        let most = Usage { input: u64::MAX, cache_read: u64::MAX, cache_write: u64::MAX, output: u64::MAX };
        assert_eq!(cost(most, "m", &prices), Some(MicroUsd(u64::MAX)));
        assert_eq!(cost(usage, "unknown", &prices), None);
        assert_eq!(MicroUsd(1_234_567).to_string(), "$1.234567");
    }

    #[test]
    fn rows_of_the_user_replace_ours() {
        let own = Prices::known().with(vec![row("claude-opus-4-6", "0.000001", "7"), row("mine", "0", "0")]);
        assert_eq!(own.of("claude-opus-4-6").unwrap().input, 1);
        assert_eq!(cost(Usage { input: 9, ..Usage::default() }, "mine", &own), Some(MicroUsd(0)));
    }

    #[test]
    fn amounts_are_plain_decimals() {
        for (text, amount) in [("2.50", 2_500_000), ("0.075", 75_000), ("10", 10_000_000), ("0", 0)] {
            assert_eq!(micro(text), Some(amount));
        }
        for text in ["", ".5", "1.", "-1", "1e3", "1,5", "$1", "0.0000001", "9999999999", "1.2.3", "１"] {
            assert_eq!(micro(text), None, "{text}");
        }
    }
}
