//! Moments as people read them: ISO 8601, in UTC.

/// Days of 400 years, after which the calendar repeats.
const DAYS_PER_ERA: i64 = 146_097;

/// A moment, in milliseconds since 1970, as `2026-11-25T03:10:50Z`.
pub fn iso(millis: i64) -> String {
    let (year, month, day) = date(millis.div_euclid(86_400_000));
    format!("{year:04}-{month:02}-{day:02}T{}Z", clock(millis))
}

/// Its time of day: `03:10:50`.
pub fn clock(millis: i64) -> String {
    let seconds = millis.rem_euclid(86_400_000) / 1000;
    format!("{:02}:{:02}:{:02}", seconds / 3600, seconds / 60 % 60, seconds % 60)
}

/// A length of time in words: `4.2 s`, `3 min 5 s`, `2 h 7 min`. A clock that went back gives none.
pub fn length(millis: i64) -> String {
    let millis = millis.max(0);
    let seconds = millis / 1000;
    match seconds {
        0..60 => format!("{}.{} s", seconds, millis % 1000 / 100),
        60..3600 => format!("{} min {} s", seconds / 60, seconds % 60),
        _ => format!("{} h {} min", seconds / 3600, seconds / 60 % 60),
    }
}

/// Year, month and day of a number of days since 1970 (Howard Hinnant, *chrono-Compatible Low-Level Date Algorithms*).
fn date(days: i64) -> (i64, i64, i64) {
    let days = days + 719_468;
    let era = days.div_euclid(DAYS_PER_ERA);
    let day_of_era = days.rem_euclid(DAYS_PER_ERA);
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    (year_of_era + era * 400 + i64::from(month <= 2), month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_those_of_the_calendar() {
        let cases = [
            (0, "1970-01-01T00:00:00Z"),
            (951_782_400_000, "2000-02-29T00:00:00Z"),
            (1_709_251_199_999, "2024-02-29T23:59:59Z"),
            (1_795_648_250_000, "2026-11-25T23:10:50Z"),
            (4_107_542_400_000, "2100-03-01T00:00:00Z"),
            (-1, "1969-12-31T23:59:59Z"),
        ];
        for (millis, text) in cases {
            assert_eq!(iso(millis), text);
        }
    }

    #[test]
    fn lengths_are_told_as_people_tell_them() {
        let cases = [(0, "0.0 s"), (4_250, "4.2 s"), (185_000, "3 min 5 s"), (7_620_000, "2 h 7 min"), (-5, "0.0 s")];
        for (millis, text) in cases {
            assert_eq!(length(millis), text);
        }
    }
}
