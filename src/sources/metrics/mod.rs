//! Asks for memory and CPU in the minutes before the end, and for what the load balancer counted in them.
//!
//! Two witnesses, each with a reading of its own: the performance log that Container Insights keeps of every task,
//! and CloudWatch's metrics, which exist for every service without it.

mod data;
mod load_balancing;
mod performance_log;
mod utilization;

use futures::FutureExt;
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use crate::diagnosis::evidence::Source;

use super::task::datable;
use super::{Asker, Asking, Reach, around_stop};

pub const SOURCE: Asker = Asker { source: Source::Metrics, collect: |asking| collect(asking).boxed_local() };

async fn collect(asking: &Asking<'_>) {
    futures::join!(performance_log::collect(asking.reach), utilization::collect(asking.reach), load_balancing::collect(asking));
}

/// When a record of Container Insights was taken: its `Timestamp` in milliseconds; where it is missing the moment of writing
/// stands in.
pub(super) fn stamp(record: &Value, written: Option<i64>) -> Option<Timestamp> {
    let stamp = record.get("Timestamp").and_then(|stamp| stamp.as_i64().or_else(|| stamp.as_str()?.parse().ok()));
    datable(stamp.or(written)?)
}

const MINUTE: i64 = 60_000;
const BEFORE_STOP: SignedDuration = SignedDuration::from_secs(15 * 60);

/// The whole minutes CloudWatch is asked about: from a quarter of an hour before the stop, and not from before the
/// task was there, until two minutes after the stop.
fn minutes(reach: &Reach<'_>) -> (Timestamp, Timestamp) {
    let stop = reach.task.stop_anchor().unwrap_or(reach.now).as_millisecond();
    let (from, _) = around_stop(reach.task, reach.now, BEFORE_STOP, SignedDuration::ZERO);
    let from = from.as_millisecond().div_euclid(MINUTE) * MINUTE;
    let to = (stop + 2 * MINUTE).min(reach.now.as_millisecond().max(stop)).max(from + MINUTE);
    let at = |milliseconds| Timestamp::from_millisecond(milliseconds).unwrap_or(reach.now);
    (at(from), at(to))
}
