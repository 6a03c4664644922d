//! When to ask once more: pure, so that it is tested as data.

use std::time::{Duration, SystemTime};

/// How often, and after how long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Retries {
    /// Most further tries of one request.
    pub times: u32,
    /// Wait before the first of them; each next one is twice as long.
    pub first: Duration,
    /// Longest wait of our own choice.
    pub most: Duration,
    /// Longest wait that a provider may ask for. One that asks for more is told to the user instead.
    pub patience: Duration,
    /// Takes up to a quarter from each wait, so that many callers do not come back at one moment. The same seed gives the
    /// same waits; none takes nothing.
    pub jitter: Option<u64>,
}

impl Default for Retries {
    fn default() -> Self {
        Self {
            times: 4,
            first: Duration::from_millis(500),
            most: Duration::from_secs(20),
            patience: Duration::from_secs(120),
            jitter: None,
        }
    }
}

impl Retries {
    /// How long to wait before a try, `done` of which were made already. `asked` is what the provider asked for. None where
    /// it is not worth another.
    pub fn wait(&self, done: u32, asked: Option<Duration>) -> Option<Duration> {
        if done >= self.times || asked.is_some_and(|asked| asked > self.patience) {
            return None;
        }
        let doubled = self.first.saturating_mul(1_u32.checked_shl(done).unwrap_or(u32::MAX)).min(self.most);
        let own = match self.jitter {
            Some(seed) => doubled - doubled.mul_f64(0.25 * unit(seed, done)),
            None => doubled,
        };
        // Never sooner than the provider asked for.
        Some(own.max(asked.unwrap_or_default()))
    }
}

/// A number from 0 to 1 that depends on both (SplitMix64).
fn unit(seed: u64, step: u32) -> f64 {
    let mut z = seed.wrapping_add(u64::from(step).wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15));
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^= z >> 31;
    f64::from(u32::try_from(z >> 32).unwrap_or_default()) / f64::from(u32::MAX)
}

/// What the headers of an answer say about waiting: `retry-after-ms` as OpenAI sends it, `Retry-After` in seconds or as a date
/// (RFC 9110, 10.2.3). A date counts from the answer's own `Date`, so that clocks need not agree, else from `now`.
pub fn retry_after<'h>(header: impl Fn(&str) -> Option<&'h str>, now: SystemTime) -> Option<Duration> {
    if let Some(milliseconds) = header("retry-after-ms").and_then(|text| text.trim().parse::<u64>().ok()) {
        return Some(Duration::from_millis(milliseconds));
    }
    let text = header("retry-after")?.trim();
    // Some send fractions, against the standard.
    let whole = text.split_once('.').map_or(text, |(whole, _)| whole);
    if !whole.is_empty() && whole.bytes().all(|byte| byte.is_ascii_digit()) {
        let up = u64::from(whole.len() != text.len());
        // What overflows is longer than anybody waits.
        return Some(Duration::from_secs(whole.parse::<u64>().unwrap_or(u64::MAX).saturating_add(up)));
    }
    let then = httpdate::parse_http_date(text).ok()?;
    let from = header("date").and_then(|date| httpdate::parse_http_date(date.trim()).ok()).unwrap_or(now);
    Some(then.duration_since(from).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    const S: Duration = Duration::from_secs(1);

    #[test]
    fn waits_double_up_to_a_bound_and_end() {
        let retries = Retries { times: 5, first: S, most: 6 * S, ..Retries::default() };
        let waits: Vec<_> = (0..6).map(|done| retries.wait(done, None)).collect();
        assert_eq!(waits, [Some(S), Some(2 * S), Some(4 * S), Some(6 * S), Some(6 * S), None]);
        assert_eq!(Retries { times: u32::MAX, ..retries }.wait(u32::MAX - 1, None), Some(6 * S));
    }

    #[test]
    fn a_provider_is_waited_for_as_it_asks_and_not_longer_than_patience() {
        let retries = Retries { first: S, patience: 60 * S, ..Retries::default() };
        assert_eq!(retries.wait(0, Some(30 * S)), Some(30 * S));
        assert_eq!(retries.wait(0, Some(Duration::ZERO)), Some(S));
        assert_eq!(retries.wait(0, Some(61 * S)), None);
    }

    #[test]
    fn jitter_is_a_function_of_its_seed() {
        let retries = Retries { first: 8 * S, most: 64 * S, jitter: Some(7), ..Retries::default() };
        for done in 0..4 {
            let (full, wait) = (8 * S * 2_u32.pow(done), retries.wait(done, None).unwrap());
            assert!(wait <= full && wait >= full * 3 / 4, "{wait:?} of {full:?}");
            assert_eq!(retries.wait(done, None), Some(wait));
        }
        assert_ne!(retries.wait(0, None), Retries { jitter: Some(8), ..retries }.wait(0, None));
    }

    #[test]
    fn every_form_of_retry_after() {
        let now = httpdate::parse_http_date("Sun, 06 Nov 1994 08:49:00 GMT").unwrap();
        let of = |pairs: &[(&str, &'static str)]| {
            let pairs = pairs.to_vec();
            retry_after(|name| pairs.iter().find(|(own, _)| *own == name).map(|(_, value)| *value), now)
        };
        for (text, expected) in [
            ("3", Some(3 * S)),
            (" 0 ", Some(Duration::ZERO)),
            ("1.5", Some(2 * S)),
            ("99999999999999999999999", Some(Duration::from_secs(u64::MAX))),
            ("Sun, 06 Nov 1994 08:49:37 GMT", Some(37 * S)),
            ("Sunday, 06-Nov-94 08:49:37 GMT", Some(37 * S)),
            ("Sun Nov  6 08:49:37 1994", Some(37 * S)),
            ("Sun, 06 Nov 1994 08:00:00 GMT", Some(Duration::ZERO)),
            ("soon", None),
            ("-1", None),
            ("", None),
        ] {
            assert_eq!(of(&[("retry-after", text)]), expected, "{text}");
        }
        let date = [("retry-after", "Mon, 07 Nov 1994 00:00:10 GMT"), ("date", "Mon, 07 Nov 1994 00:00:00 GMT")];
        assert_eq!(of(&date), Some(10 * S));
        assert_eq!(of(&[("retry-after-ms", "250"), ("retry-after", "9")]), Some(Duration::from_millis(250)));
        assert_eq!(of(&[]), None);
    }
}
