//! Asks Application Auto Scaling what it did to the service: the activities of the task's lifetime.

use std::sync::Arc;

use aws_sdk_applicationautoscaling::types as sdk;
use aws_sdk_applicationautoscaling::types::{ScalableDimension, ServiceNamespace};
use futures::FutureExt;
use jiff::{SignedDuration, Timestamp};

use crate::diagnosis::event::{Event, Level, Precision, What, Witness};
use crate::diagnosis::evidence::{Reading, Source, Status};
use crate::diagnosis::scaling::ScalingActivity;

use super::failing::{Failing, failing};
use super::ledger::Inquiry;
use super::pages::{Pages, Turn};
use super::task::moment;
use super::{Asker, Asking, Reach, around_stop, of_no_service, redact};

pub const SOURCE: Asker = Asker { source: Source::Autoscaling, collect: |asking| collect(asking).boxed_local() };

/// How long Application Auto Scaling keeps its activities.
const KEPT_FOR: SignedDuration = SignedDuration::from_hours(42 * 24);
/// A service that was scaled out starts the task seconds later.
const BEFORE_CREATED: SignedDuration = SignedDuration::from_secs(300);
/// Before the stop: of a long life the last ones matter.
const MOST_BEFORE: usize = 20;
/// After it: what came next.
const MOST_AFTER: usize = 5;
/// 50 activities each.
const MOST_PAGES: usize = 40;

async fn collect(asking: &Asking<'_>) {
    asking.activities.clone().await;
}

/// The activities that are told, for who else needs them; `None` where there is nothing to ask.
pub async fn fetch(reach: &Reach<'_>, switched_off: bool) -> Option<Arc<Vec<Event>>> {
    if switched_off {
        return None;
    }
    let task = reach.task;
    let Some(service) = task.service.as_deref() else {
        reach.ledger.note(of_no_service(Source::Autoscaling, task));
        return None;
    };
    if task.stop_anchor().is_some_and(|stop| reach.now.duration_since(stop) > KEPT_FOR) {
        reach.ledger.note(Reading::new(Source::Autoscaling, Status::Expired).detailed("scaling activities are kept for six weeks, and the stop is older"));
        return None;
    }
    let (from, to) = around_stop(task, reach.now, KEPT_FOR, BEFORE_CREATED);
    let window = (from.max(reach.now - KEPT_FOR), to);
    let resource = format!("service/{}/{service}", task.cluster);
    // Its IAM action knows no resource of its own.
    let inquiry = reach.ledger.ask(Source::Autoscaling, "application-autoscaling:DescribeScalingActivities", "*");
    inquiry.looked(Some(window.0), Some(window.1));
    let (found, ended) = read_back(reach, &inquiry, &resource, window.0).await;
    let told = tell(&inquiry, found, window, task.stop_anchor().unwrap_or(reach.now));
    match ended {
        Ok(()) => inquiry.done(),
        Err(failing) => inquiry.fail(&failing),
    }
    Some(Arc::new(told))
}

struct Found {
    at: Timestamp,
    activity: ScalingActivity,
}

/// The service's activities from now back until there are enough of them, or they are older than what can matter.
/// The first that is older is still read: it tells what the count was.
async fn read_back(reach: &Reach<'_>, inquiry: &Inquiry<'_>, resource: &str, from: Timestamp) -> (Vec<Found>, Result<(), Failing>) {
    let client = reach.account.scaling();
    let (mut found, mut pages) = (Vec::new(), Pages::default());
    let stop = reach.task.stop_anchor().unwrap_or(reach.now);
    for _ in 0..MOST_PAGES {
        inquiry.request();
        let asked = client
            .describe_scaling_activities()
            .service_namespace(ServiceNamespace::Ecs)
            .resource_id(resource)
            .scalable_dimension(ScalableDimension::EcsServiceDesiredCount)
            .max_results(50)
            .set_next_token(pages.token());
        let answer = match asked.send().await {
            Ok(answer) => answer,
            Err(error) => return (found, Err(failing(&error))),
        };
        let own = answer.scaling_activities().iter().filter(|activity| concerns(activity, resource));
        found.extend(own.filter_map(|activity| Some(Found { at: moment(activity.start_time())?, activity: read(activity, reach.redact) })));
        let is_older = found.iter().any(|found| found.at < from);
        let are_enough = found.iter().filter(|found| found.at <= stop).count() > MOST_BEFORE;
        if is_older || are_enough {
            return (found, Ok(()));
        }
        match pages.turn(answer.next_token) {
            Turn::Next => {}
            Turn::End => return (found, Ok(())),
            Turn::Repeated => return (found, Err(Failing::repeated_token())),
        }
    }
    (found, Err(Failing::unreadable(format!("more than {} activities since the stop: not read to the end", MOST_PAGES * 50))))
}

/// Tells the activities within the window, those nearest to the stop, each with what the one before it had set.
fn tell(inquiry: &Inquiry<'_>, mut found: Vec<Found>, (from, to): (Timestamp, Timestamp), stop: Timestamp) -> Vec<Event> {
    found.sort_by_key(|found| found.at);
    let mut set = None;
    for found in &mut found {
        found.activity.set_before = set;
        if found.activity.did_set_the_count() {
            set = found.activity.count().or(set);
        }
    }
    found.retain(|found| (from..=to).contains(&found.at));
    let before = found.partition_point(|found| found.at <= stop);
    let first = before.saturating_sub(MOST_BEFORE);
    let (all, told) = (found.len(), before - first + MOST_AFTER.min(found.len() - before));
    if told < all {
        inquiry.detail(format!("the {told} activities nearest to the stop are told, of {all} that were read"));
    }
    let events = found.into_iter().skip(first).take(told).map(|Found { at, activity }| {
        let level = if activity.has_failed() { Level::Warn } else { Level::Info };
        Event { at, precision: Precision::Millisecond, witness: Witness::Autoscaling, level, container: None, what: What::Scaled(Box::new(activity)) }
    });
    events.inspect(|event| inquiry.tell(event.clone())).collect()
}

/// The question names the service; another's activity is none of ours all the same.
fn concerns(activity: &sdk::ScalingActivity, resource: &str) -> bool {
    activity.resource_id() == resource && *activity.scalable_dimension() == ScalableDimension::EcsServiceDesiredCount
}

fn read(activity: &sdk::ScalingActivity, redacted: bool) -> ScalingActivity {
    let text = |told: &str| if redacted { redact::sentence(told).into_owned() } else { told.to_owned() };
    ScalingActivity {
        id: activity.activity_id().to_owned(),
        description: text(activity.description()),
        cause: text(activity.cause()),
        status: activity.status_code().as_str().to_owned(),
        status_message: activity.status_message().map(text).filter(|message| !message.is_empty()),
        not_scaled: activity.not_scaled_reasons().iter().map(|reason| reason.code().to_owned()).collect(),
        set_before: None,
    }
}

#[cfg(test)]
mod tests {
    use aws_smithy_types::DateTime;

    use super::super::ledger::Ledger;
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_700_000_000 + second).expect("a time")
    }

    fn found(second: i64, count: i64, status: &str) -> Found {
        let description = format!("Setting desired count to {count}.");
        Found { at: at(second), activity: ScalingActivity { id: second.to_string(), description, status: status.to_owned(), ..ScalingActivity::default() } }
    }

    fn told(found: Vec<Found>, from: i64, to: i64, stop: i64) -> (Vec<ScalingActivity>, Vec<Level>) {
        let ledger = Ledger::new(|_| {});
        tell(&ledger.ask(Source::Autoscaling, "a", "*"), found, (at(from), at(to)), at(stop));
        let events = ledger.evidence(at(0)).events;
        let levels = events.iter().map(|event| event.level).collect();
        let activities = events.into_iter().filter_map(|event| if let What::Scaled(activity) = event.what { Some(*activity) } else { None });
        (activities.collect(), levels)
    }

    #[test]
    fn each_activity_knows_what_the_one_before_it_had_set() {
        let (activities, levels) = told(vec![found(0, 3, "Successful"), found(-60, 9, "Failed"), found(-900, 8, "Successful")], -600, 60, 30);
        assert_eq!(activities.iter().map(|activity| (activity.count(), activity.set_before)).collect::<Vec<_>>(), [(Some(9), Some(8)), (Some(3), Some(8))]);
        assert_eq!(levels, [Level::Warn, Level::Info], "and a failed one is a warning");
    }

    #[test]
    fn of_many_those_nearest_to_the_stop_are_told() {
        let many = || (0..60).map(|second| found(second, second, "Successful")).collect();
        let (activities, _) = told(many(), 0, 60, 29);
        assert_eq!((activities[0].count(), activities[0].set_before), (Some(10), Some(9)));
        assert_eq!((activities.len(), activities[MOST_BEFORE].count()), (MOST_BEFORE + MOST_AFTER, Some(30)));
        let (activities, _) = told(many(), 0, 31, 29);
        assert_eq!(activities.len(), MOST_BEFORE + 2);
    }

    #[test]
    fn an_activity_of_half_the_fields_is_read_and_secrets_go() {
        let bare = sdk::ScalingActivity::builder()
            .activity_id("")
            .service_namespace(ServiceNamespace::Ecs)
            .resource_id("service/prod/web")
            .scalable_dimension(ScalableDimension::EcsServiceDesiredCount)
            .description("")
            .cause("scheduled action name token=abcdef123 was triggered")
            .start_time(DateTime::from_secs(0))
            .status_code(sdk::ScalingActivityStatusCode::from("Brewing"))
            .build()
            .expect("an activity");
        assert_eq!(read(&bare, true).text(), "Cause: scheduled action name token=[redacted] was triggered (Brewing)");
        assert_eq!(read(&bare, false).actor(), "token=abcdef123");
        assert_eq!(moment(bare.start_time()), None, "a missing time is none");
        assert!(concerns(&bare, "service/prod/web") && !concerns(&bare, "service/prod/web-2"), "another service's is none of ours");
    }
}
