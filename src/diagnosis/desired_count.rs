//! What changed a service's desired count before a stop: activities of Application Auto Scaling, and calls.
//!
//! An activity makes an `UpdateService` call of its own: one act, recorded twice, is one change here.

use jiff::{SignedDuration, Timestamp};

use super::actors::{self, Kind};
use super::call::ApiCall;
use super::event::What;
use super::scaling::{Direction, ScalingActivity};
use super::stopped_by::{CALL_MAY_TRAIL_BY, LED_TO_IT_WITHIN};
use super::timeline::Timeline;

/// The scheduler takes seconds to act on a lower count, and longer where it stops many.
pub const SCALE_IN_TAKES: SignedDuration = SignedDuration::from_secs(300);
/// Application Auto Scaling brings the count within bounds that were moved at once.
pub const BOUND_ACTS_WITHIN: SignedDuration = SignedDuration::from_secs(120);
/// Who put a policy in place so shortly before it acted is told beside it.
pub const POLICY_IS_NEW_FOR: SignedDuration = SignedDuration::from_hours(2);
/// The same of a scheduled action, which may be put in place to act once, on the same day.
pub const SCHEDULE_IS_NEW_FOR: SignedDuration = SignedDuration::from_hours(24);
/// So shortly before a stop, a lower count is told to be behind it without more.
const SECONDS_BEFORE: i64 = 60_000;
/// An activity's call leaves at once; record times are cut to the second.
const CALL_FOLLOWS_WITHIN: i64 = 30_000;
/// Cut to the second, and by another clock than the activity's.
const CALL_LEADS_BY: i64 = 2_000;
/// An older count may have been changed by a call that CloudTrail was not asked for.
const COUNT_HOLDS_FOR: i64 = LED_TO_IT_WITHIN;

/// One change of the desired count that may be behind the stop.
#[derive(Debug, Clone, Copy)]
pub struct Change<'a> {
    pub at: Timestamp,
    pub count: Option<i64>,
    /// What it was before, where that is known and agrees with the direction.
    pub before: Option<i64>,
    /// How many tasks ran at the change, where only that tells the direction.
    pub running: Option<i64>,
    pub direction: Direction,
    pub by: By<'a>,
}

/// What made the change, with the numbers of its lines.
#[derive(Debug, Clone, Copy)]
pub enum By<'a> {
    Activity { n: usize, activity: &'a ScalingActivity, call: Option<(usize, &'a ApiCall)> },
    Call { n: usize, call: &'a ApiCall },
}

impl Change<'_> {
    /// Known to have lowered the count, and seconds before the stop.
    #[must_use]
    pub fn is_just_before(&self, stop: Timestamp) -> bool {
        self.direction == Direction::In && stop.as_millisecond() - self.at.as_millisecond() <= SECONDS_BEFORE
    }

    /// ` from 8 to 3`, or ` to 3 while 8 ran`, as far as the counts are known.
    #[must_use]
    pub fn counts(&self) -> String {
        let from = self.before.map(|before| format!(" from {before}")).unwrap_or_default();
        let ran = self.running.map(|running| format!(" while {running} ran")).unwrap_or_default();
        self.count.map(|count| format!("{from} to {count}{ran}")).unwrap_or_default()
    }

    fn is_by_activity(&self) -> bool {
        matches!(self.by, By::Activity { .. })
    }
}

/// The change that is behind a scale-in: the last that lowered the count in the minutes before the stop.
#[must_use]
pub fn behind<'a>(timeline: &'a Timeline) -> Option<Change<'a>> {
    let stop = timeline.evidence.task.stop_anchor()?.as_millisecond();
    let changes = changes(timeline);
    let lead = |change: &&Change<'a>| stop - change.at.as_millisecond();
    // Both clocks of an activity are exact to the millisecond: one that began after the stop did not begin it.
    let activities = || changes.iter().filter(|change| change.is_by_activity()).filter(|change| (0..=SCALE_IN_TAKES.as_millis() as i64).contains(&lead(change)));
    let last = |direction: Direction| activities().rfind(|change| change.direction == direction).copied();
    let activity = last(Direction::In).or_else(|| last(Direction::Unknown));
    let calls = || changes.iter().filter(|change| !change.is_by_activity()).filter(|change| (-CALL_MAY_TRAIL_BY..=SCALE_IN_TAKES.as_millis() as i64).contains(&lead(change)));
    let lowered = calls().rfind(|change| change.direction == Direction::In).copied();
    match (activity, lowered) {
        // The later of the two lowered what the other had left.
        (Some(activity), Some(call)) if call.at > activity.at || activity.direction == Direction::Unknown => Some(call),
        (Some(activity), _) => Some(activity),
        (None, Some(call)) => Some(call),
        // Where nothing shows a direction only a single call is believed, and none that asks for more than runs or is wanted now.
        (None, None) => {
            let wanted = timeline.evidence.service.as_ref().map(|service| service.desired_count);
            let mut all = calls();
            let single = all.next().filter(|_| all.next().is_none())?;
            let By::Call { call, .. } = single.by else { return None };
            let fits = call.response_running.or(wanted).is_none_or(|most| single.count.is_some_and(|count| count <= most));
            (single.direction == Direction::Unknown && fits).then_some(*single)
        }
    }
}

/// Every change of the count on the timeline, in order, each with its direction as far as it can be told.
fn changes(timeline: &Timeline) -> Vec<Change<'_>> {
    let activities: Vec<(usize, Timestamp, &ScalingActivity)> = timeline
        .lines
        .iter()
        .filter_map(|line| match &line.event.what {
            What::Scaled(activity) if activity.did_set_the_count() => Some((line.n, line.event.at, activity.as_ref())),
            _ => None,
        })
        .collect();
    let mut calls: Vec<(usize, &ApiCall)> = timeline
        .lines
        .iter()
        .filter_map(|line| match &line.event.what {
            What::Called(call) if call.name == "UpdateService" && call.succeeded() && call.parameters.desired_count.is_some() => Some((line.n, call.as_ref())),
            _ => None,
        })
        .collect();
    let mut changes = Vec::new();
    for (n, at, activity) in activities {
        let after = |call: &ApiCall| call.time.as_millisecond() - at.as_millisecond();
        let is_its_own = |call: &ApiCall| {
            let same_count = activity.count().is_none_or(|count| call.parameters.desired_count == Some(count));
            same_count && (-CALL_LEADS_BY..=CALL_FOLLOWS_WITHIN).contains(&after(call)) && actors::describe(call).kind == Kind::Autoscaling
        };
        let own = calls.iter().enumerate().filter(|(_, (_, call))| is_its_own(call)).min_by_key(|(_, (_, call))| after(call).abs()).map(|(place, _)| place);
        let call = own.map(|place| calls.remove(place));
        let count = activity.count().or_else(|| call.and_then(|(_, call)| call.parameters.desired_count));
        changes.push(Change { at, count, before: None, direction: Direction::Unknown, by: By::Activity { n, activity, call }, running: None });
    }
    changes.extend(calls.into_iter().map(|(n, call)| Change {
        at: call.time,
        count: call.parameters.desired_count,
        before: None,
        running: None,
        direction: Direction::Unknown,
        by: By::Call { n, call },
    }));
    changes.sort_by_key(|change| change.at);
    for place in 0..changes.len() {
        let (earlier, rest) = changes.split_at_mut(place);
        if let Some(change) = rest.first_mut() {
            tell_direction(change, earlier);
        }
    }
    changes
}

/// A recent change tells what the count was; then what ran at the call; then what an older activity had set.
fn tell_direction(change: &mut Change<'_>, earlier: &[Change<'_>]) {
    let last = earlier.iter().rev().find(|earlier| earlier.count.is_some());
    let recent = last.filter(|last| change.at.as_millisecond() - last.at.as_millisecond() <= COUNT_HOLDS_FOR).and_then(|last| last.count);
    let (running, older, told) = match change.by {
        By::Call { call, .. } => (call.response_running, None, Direction::Unknown),
        By::Activity { activity, call, .. } => {
            // What runs may lag behind a count that rises: only more than the new count says something here.
            let running = call.and_then(|(_, call)| call.response_running).filter(|running| change.count.is_some_and(|count| *running > count));
            (running, last.and_then(|last| last.count).or(activity.set_before), activity.direction_told())
        }
    };
    let before = recent.or(running).or(older);
    let by_counts = Direction::between(before, change.count);
    change.direction = if told == Direction::Unknown { by_counts } else { told };
    let agreed = by_counts == change.direction && by_counts != Direction::Unknown;
    change.before = recent.or(older.filter(|_| running.is_none())).filter(|_| agreed);
    change.running = running.filter(|_| agreed && recent.is_none());
}

#[cfg(test)]
mod tests {
    use super::super::call::Identity;
    use super::super::evidence::Evidence;
    use super::super::rules::fixtures::{at, called, scaled, stopped};
    use super::*;

    fn scheduled() -> Evidence {
        stopped("ServiceSchedulerInitiated", "Scaling activity initiated by (deployment ecs-svc/1)", Some(143))
    }

    fn low(evidence: Evidence, offset: i64, count: i64) -> Evidence {
        scaled(evidence, offset, count, "monitor alarm TargetTracking-service/prod/web-AlarmLow-1f in state ALARM triggered policy cpu60", |_| {})
    }

    fn high(evidence: Evidence, offset: i64, count: i64) -> Evidence {
        scaled(evidence, offset, count, "monitor alarm TargetTracking-service/prod/web-AlarmHigh-1f in state ALARM triggered policy cpu60", |_| {})
    }

    fn step(evidence: Evidence, offset: i64, count: i64, set_before: Option<i64>) -> Evidence {
        scaled(evidence, offset, count, "monitor alarm quiet in state ALARM triggered policy step", |activity| activity.set_before = set_before)
    }

    fn set(evidence: Evidence, offset: i64, who: &str, count: i64, running: Option<i64>) -> Evidence {
        called(evidence, offset, "UpdateService", who, |call| {
            (call.parameters.desired_count, call.response_running) = (Some(count), running);
        })
    }

    fn by_scaling_itself(evidence: Evidence, offset: i64, count: i64, running: Option<i64>) -> Evidence {
        called(evidence, offset, "UpdateService", "x", |call| {
            (call.parameters.desired_count, call.response_running) = (Some(count), running);
            let role = Some("AWSServiceRoleForApplicationAutoScaling_ECSService".to_owned());
            call.identity = Identity { kind: "AssumedRole".to_owned(), role, ..Identity::default() };
        })
    }

    /// `who from-to direction`, or `-`.
    fn told(evidence: Evidence) -> String {
        let timeline = Timeline::new(evidence);
        behind(&timeline).map_or_else(
            || "-".to_owned(),
            |change| {
                let who = match change.by {
                    By::Activity { activity, call, .. } => format!("{}{}", activity.actor(), if call.is_some() { "+call" } else { "" }),
                    By::Call { call, .. } => actors::describe(call).name,
                };
                format!("{who}{} {:?}", change.counts(), change.direction)
            },
        )
    }

    #[test]
    fn the_last_activity_that_lowered_the_count_is_behind_it_and_one_that_raised_it_never() {
        assert_eq!(told(low(low(scheduled(), -200_000, 4), -13_000, 3)), "cpu60 from 4 to 3 In");
        assert_eq!(told(high(scheduled(), -13_000, 4)), "-");
        assert_eq!(told(high(low(scheduled(), -100_000, 3), -20_000, 5)), "cpu60 to 3 In");
    }

    #[test]
    fn an_activity_after_the_stop_or_long_before_it_is_not() {
        assert_eq!(told(low(scheduled(), 300, 3)), "-");
        assert_eq!(told(low(scheduled(), -301_000, 3)), "-");
    }

    #[test]
    fn a_step_goes_the_way_from_the_count_before_it() {
        assert_eq!(told(step(scheduled(), -5_000, 3, Some(5))), "step from 5 to 3 In");
        assert_eq!(told(step(scheduled(), -5_000, 3, Some(2))), "-");
        assert_eq!(told(step(scheduled(), -5_000, 3, None)), "step to 3 Unknown");
        assert_eq!(told(step(set(scheduled(), -60_000, "ann", 2, Some(4)), -5_000, 3, Some(5))), "ann to 2 while 4 ran In", "what an activity had set long ago was changed since");
    }

    #[test]
    fn one_act_recorded_twice_is_one_change() {
        let twice = by_scaling_itself(step(scheduled(), -12_500, 3, None), -12_000, 3, Some(8));
        assert_eq!(told(twice), "step+call to 3 while 8 ran In");
        let other_count = by_scaling_itself(low(scheduled(), -12_500, 3), -12_000, 4, Some(3));
        assert_eq!(told(other_count), "cpu60 to 3 In");
    }

    #[test]
    fn a_hand_that_lowered_the_count_later_wins_and_one_that_raised_it_or_came_before_does_not() {
        assert_eq!(told(set(low(scheduled(), -60_000, 5), -4_000, "ann", 3, Some(8))), "ann from 5 to 3 In");
        assert_eq!(told(set(low(scheduled(), -60_000, 3), -4_000, "ann", 5, Some(8))), "cpu60 to 3 In", "eight still ran, but three were wanted");
        assert_eq!(told(low(set(scheduled(), -60_000, "ann", 5, Some(8)), -4_000, 3)), "cpu60 from 5 to 3 In");
        assert_eq!(told(set(low(scheduled(), -60_000, 3), 20_000, "ann", 1, Some(8))), "cpu60 to 3 In", "a call after the stop");
    }

    #[test]
    fn beside_an_activity_that_raised_the_count_a_single_call_is_still_single() {
        let evidence = by_scaling_itself(high(scheduled(), -41_000, 6), -40_000, 6, Some(5));
        assert_eq!(told(set(evidence, -9_000, "ann", 4, Some(6))), "ann from 6 to 4 In");
    }

    #[test]
    fn just_before_means_seconds() {
        let timeline = Timeline::new(low(scheduled(), -61_000, 3));
        assert!(behind(&timeline).is_some_and(|change| !change.is_just_before(at(0))));
    }
}
