//! Times as a person reads them, the zone always shown.

use std::borrow::Cow;

use jiff::Timestamp;
use jiff::tz::TimeZone;

use crate::diagnosis::event::Precision;
use crate::diagnosis::words;

#[derive(Debug, Clone)]
pub struct Clock {
    zone: TimeZone,
}

impl Clock {
    #[must_use]
    pub fn utc() -> Self {
        Self { zone: TimeZone::UTC }
    }

    /// The system's own zone, or the one `TZ` names.
    #[must_use]
    pub fn local() -> Self {
        Self { zone: TimeZone::system() }
    }

    /// Whether the system's zone is known; where it is not, `local` is UTC.
    #[must_use]
    pub fn knows_the_local_zone() -> bool {
        TimeZone::try_system().is_ok()
    }

    /// `CET`, `UTC`, `+05:30`: the zone's name at that time.
    #[must_use]
    pub fn zone_at(&self, at: Timestamp) -> String {
        at.to_zoned(self.zone.clone()).strftime("%Z").to_string()
    }

    #[must_use]
    pub fn date(&self, at: Timestamp) -> String {
        at.to_zoned(self.zone.clone()).strftime("%m-%d").to_string()
    }

    /// `14:02:09.877`, `14:02:09` where the milliseconds are not known, `14:02` for the whole minute.
    #[must_use]
    pub fn time(&self, at: Timestamp, precision: Precision) -> String {
        let zoned = at.to_zoned(self.zone.clone());
        match precision {
            Precision::Minute => zoned.strftime("%H:%M").to_string(),
            Precision::Second => zoned.strftime("%H:%M:%S").to_string(),
            Precision::Millisecond | Precision::AtOrBefore => zoned.strftime("%H:%M:%S%.3f").to_string(),
        }
    }

    /// `2026-11-22 14:02:09 CET`
    #[must_use]
    pub fn full(&self, at: Timestamp) -> String {
        at.to_zoned(self.zone.clone()).strftime("%Y-%m-%d %H:%M:%S %Z").to_string()
    }
}

impl Clock {
    /// A sentence of the diagnosis, which knows no zone but UTC, with its times by this clock. What others wrote stands in
    /// quotes there, and stays as they wrote it.
    #[must_use]
    pub fn told<'t>(&self, sentence: &'t str) -> Cow<'t, str> {
        if !sentence.contains(words::UTC) {
            return Cow::Borrowed(sentence);
        }
        let mut told = String::with_capacity(sentence.len());
        for part in sentence.split_inclusive(['“', '”']) {
            match part.ends_with('”') {
                true => told.push_str(part),
                false => self.tell_moments(part, &mut told),
            }
        }
        Cow::Owned(told)
    }

    fn tell_moments(&self, text: &str, told: &mut String) {
        let mut pieces = text.split(words::UTC).peekable();
        while let Some(piece) = pieces.next() {
            let moment = piece.len().checked_sub(words::MOMENT.len()).and_then(|at| Some((piece.get(..at)?, piece.get(at..)?)));
            let read = moment.filter(|_| pieces.peek().is_some()).and_then(|(before, moment)| Some((before, words::moment_in(moment)?)));
            match read {
                Some((before, at)) => {
                    told.push_str(before);
                    told.push_str(&at.to_zoned(self.zone.clone()).strftime("%Y-%m-%d %H:%M %Z").to_string());
                }
                None => {
                    told.push_str(piece);
                    if pieces.peek().is_some() {
                        told.push_str(words::UTC);
                    }
                }
            }
        }
    }

    /// `2026-11-22`
    #[must_use]
    pub fn day(&self, at: Timestamp) -> String {
        at.to_zoned(self.zone.clone()).strftime("%Y-%m-%d").to_string()
    }
}

/// A distance from the deciding moment: `-4m 09s`, `-1.1s`, `0`, `+0.3s`, `+32s`.
#[must_use]
pub fn offset(at: Timestamp, zero: Timestamp) -> String {
    let milliseconds = at.as_millisecond() - zero.as_millisecond();
    let sign = if milliseconds < 0 { '-' } else { '+' };
    let distance = milliseconds.abs();
    match distance {
        0..=49 => "0".to_owned(),
        50..=9_949 => {
            let tenths = (distance + 50) / 100;
            format!("{sign}{}.{}s", tenths / 10, tenths % 10)
        }
        9_950..=59_499 => format!("{sign}{}s", (distance + 500) / 1000),
        59_500..=3_599_499 => {
            let seconds = (distance + 500) / 1000;
            format!("{sign}{}m {:02}s", seconds / 60, seconds % 60)
        }
        3_599_500..=86_399_499 => {
            let minutes = (distance + 30_000) / 60_000;
            format!("{sign}{}h {:02}m", minutes / 60, minutes % 60)
        }
        _ => {
            let hours = (distance + 1_800_000) / 3_600_000;
            format!("{sign}{}d {:02}h", hours / 24, hours % 24)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_in_a_sentence_is_told_by_the_clock_of_the_page_and_a_quoted_one_as_it_was_written() {
        let berlin = Clock { zone: TimeZone::get("Europe/Berlin").expect("a zone") };
        let at: Timestamp = "2026-11-24T15:47:31Z".parse().expect("a time");
        let sentence = format!("ECS forgot it at {}; it wrote “at 2026-11-24 15:47 UTC” [3] in UTC.", words::moment(at));
        assert_eq!(Clock::utc().told(&sentence), "ECS forgot it at 2026-11-24 15:47 UTC; it wrote “at 2026-11-24 15:47 UTC” [3] in UTC.");
        assert_eq!(berlin.told(&sentence), "ECS forgot it at 2026-11-24 16:47 CET; it wrote “at 2026-11-24 15:47 UTC” [3] in UTC.");
        assert_eq!(berlin.told("é UTC, 2026-99-24 15:47 UTC"), "é UTC, 2026-99-24 15:47 UTC");
    }

    #[test]
    fn offsets_grow_coarser_with_distance() {
        let told = |milliseconds: i64| offset(Timestamp::from_millisecond(milliseconds).expect("a time"), Timestamp::UNIX_EPOCH);
        assert_eq!(told(0), "0");
        assert_eq!(told(-1_143), "-1.1s");
        assert_eq!(told(324), "+0.3s");
        assert_eq!(told(31_988), "+32s");
        assert_eq!(told(-249_000), "-4m 09s");
        assert_eq!(told(-59_700), "-1m 00s");
        assert_eq!(told(-11_000_000), "-3h 03m");
        assert_eq!(told(-93_600_000), "-1d 02h");
    }
}
