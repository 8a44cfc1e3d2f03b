//! Times as a person reads them, the zone always shown.

use jiff::Timestamp;
use jiff::tz::TimeZone;

use crate::diagnosis::event::Precision;

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
