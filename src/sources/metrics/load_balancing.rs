//! Asks CloudWatch what the load balancer counted while it called the task unhealthy.
//!
//! Only where ECS's reason names the target group: its load balancer, by which the metrics are kept, is in the
//! target group's own description. The numbers are of the whole target group, never of one target.

use crate::diagnosis::event::{Event, Level, Precision, What, Witness};
use crate::diagnosis::evidence::Source;
use crate::diagnosis::measure::{Counted, Turn};

use super::super::Asking;
use super::super::task::datable;
use super::data::{Query, Series, asked};
use super::minutes;

/// Milliseconds. Slower answers are worth a line.
const SLOW: i64 = 1_000;

const APPLICATION: [(&str, &str); 7] = [
    ("UnHealthyHostCount", "Maximum"),
    ("HealthyHostCount", "Minimum"),
    ("HTTPCode_Target_5XX_Count", "Sum"),
    ("RequestCount", "Sum"),
    ("TargetConnectionErrorCount", "Sum"),
    ("TargetResponseTime", "Maximum"),
    ("TargetResponseTime", "Average"),
];
const NETWORK: [(&str, &str); 2] = [("UnHealthyHostCount", "Maximum"), ("HealthyHostCount", "Minimum")];

pub(super) async fn collect(asking: &Asking<'_>) {
    let reach = asking.reach;
    // A group that could not be described has left its reading; a group without a load balancer counts nothing.
    let Some(group) = asking.named_group.clone().await else { return };
    let balancers = group.load_balancers.iter().filter_map(|arn| after(arn, ":loadbalancer/"));
    let (Some(balancer_name), Some(group_name)) = (balancers.into_iter().next(), after(&group.arn, ":").filter(|name| name.starts_with("targetgroup/"))) else { return };
    let (namespace, metrics): (_, &[_]) = match balancer_name.split('/').next() {
        Some("app") => ("AWS/ApplicationELB", &APPLICATION),
        Some("net") => ("AWS/NetworkELB", &NETWORK),
        _ => return,
    };
    let window = minutes(reach);
    let inquiry = reach.ledger.ask(Source::Metrics, "cloudwatch:GetMetricData", "*");
    inquiry.looked(Some(window.0), Some(window.1));
    let dimensions = || vec![("TargetGroup", group_name.to_owned()), ("LoadBalancer", balancer_name.to_owned())];
    let queries: Vec<Query> = metrics.iter().map(|(name, statistic)| Query { namespace, name, statistic, dimensions: dimensions() }).collect();
    let (series, failing) = asked(reach, &inquiry, &queries, window).await;
    let events = events(&group.arn, metrics, &series);
    if series.iter().all(Series::is_empty) && failing.is_none() {
        inquiry.detail(format!("CloudWatch holds nothing of {} in that time", balancer_name));
    }
    for event in events {
        inquiry.tell(event);
    }
    match failing {
        Some(failing) => inquiry.fail(&failing),
        None => inquiry.done(),
    }
}

/// What stands behind the last `mark`: a dimension's value is the end of the ARN.
fn after<'a>(arn: &'a str, mark: &str) -> Option<&'a str> {
    arn.rsplit_once(mark).map(|(_, end)| end).filter(|end| !end.is_empty())
}

/// The first minute with an unhealthy target and the worst; what the targets answered and how slowly.
fn events(group: &str, metrics: &[(&'static str, &'static str)], series: &[Series]) -> Vec<Event> {
    let nothing = Series::new();
    let of = |name: &str, statistic: &str| metrics.iter().zip(series).find(|((n, s), _)| *n == name && *s == statistic).map_or(&nothing, |(_, series)| series);
    let mut events = Vec::new();
    let mut tell = |at: i64, metric: &'static str, value: i64, turn: Turn| {
        let Some(at) = datable(at) else { return };
        let what = What::Counted(Counted { target_group: group.to_owned(), metric, value, turn });
        events.push(Event { at, precision: Precision::Minute, witness: Witness::Metric, level: Level::Warn, container: None, what });
    };
    let unhealthy = of("UnHealthyHostCount", "Maximum");
    let positive = || unhealthy.iter().filter(|(_, value)| **value > 0.0);
    if let Some((first, value)) = positive().next() {
        let already = unhealthy.keys().next() == Some(first);
        let healthy = |at: &i64| of("HealthyHostCount", "Minimum").get(at).map(|value| value.round() as i64);
        tell(*first, "UnHealthyHostCount", value.round() as i64, Turn::First { already, healthy: healthy(first) });
        // The earliest of equals: the first stands for the worst where none is worse.
        let worst = positive().rev().max_by(|a, b| a.1.total_cmp(b.1)).filter(|(at, worst)| *at != first && worst.round() > value.round());
        if let Some((at, value)) = worst {
            tell(*at, "UnHealthyHostCount", value.round() as i64, Turn::Worst { healthy: healthy(at) });
        }
    }
    let requests: f64 = of("RequestCount", "Sum").values().sum();
    for (name, of_requests) in [("HTTPCode_Target_5XX_Count", true), ("TargetConnectionErrorCount", false)] {
        let counted = || of(name, "Sum").iter().filter(|(_, value)| **value > 0.0);
        if let Some((first, _)) = counted().next() {
            let requests = (of_requests && requests > 0.0).then_some(requests.round() as i64);
            tell(*first, name, counted().map(|(_, value)| value).sum::<f64>().round() as i64, Turn::Total { minutes: counted().count(), requests });
        }
    }
    let milliseconds = |seconds: &f64| (seconds * 1000.0).round() as i64;
    let slowest = of("TargetResponseTime", "Maximum").iter().rev().max_by(|a, b| a.1.total_cmp(b.1)).filter(|(_, value)| milliseconds(value) >= SLOW);
    if let Some((at, value)) = slowest {
        tell(*at, "TargetResponseTime", milliseconds(value), Turn::Slowest { average: of("TargetResponseTime", "Average").get(at).map(milliseconds) });
    }
    events
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(values: &[(&str, &str, &[f64])]) -> Vec<(i64, String)> {
        let of = |name: &str, statistic: &str| values.iter().find(|(n, s, _)| *n == name && *s == statistic);
        let series: Vec<Series> = APPLICATION
            .iter()
            .map(|(name, statistic)| {
                of(name, statistic).map(|(.., values)| values.iter().enumerate().map(|(at, value)| (at as i64 * 60_000, *value)).collect()).unwrap_or_default()
            })
            .collect();
        let events = events("arn:aws:elasticloadbalancing:eu-west-1:1:targetgroup/web/1f", &APPLICATION, &series);
        events.iter().map(|event| (event.at.as_millisecond() / 60_000, event.text())).collect()
    }

    #[test]
    fn the_first_unhealthy_minute_and_the_worst_are_told() {
        let told = told(&[("UnHealthyHostCount", "Maximum", &[0.0, 1.0, 3.0, 3.0]), ("HealthyHostCount", "Minimum", &[3.0, 2.0, 0.0, 0.0])]);
        assert_eq!(
            told,
            [(1, "UnHealthyHostCount rose to 1 in web, HealthyHostCount 2".to_owned()), (2, "UnHealthyHostCount 3 in web, its worst minute, HealthyHostCount 0".to_owned())]
        );
    }

    #[test]
    fn targets_unhealthy_from_the_first_minute_on_did_not_become_so_in_it() {
        assert_eq!(told(&[("UnHealthyHostCount", "Maximum", &[1.0, 1.0])]), [(0, "UnHealthyHostCount was already 1 in web".to_owned())]);
    }

    #[test]
    fn errors_are_summed_and_slow_answers_told() {
        let told =
            told(&[("HTTPCode_Target_5XX_Count", "Sum", &[0.0, 4.0, 6.0]), ("RequestCount", "Sum", &[10.0, 10.0, 20.0]), ("TargetResponseTime", "Maximum", &[0.2, 4.96, 0.1])]);
        assert_eq!(told, [(1, "HTTPCode_Target_5XX_Count 10 in web, in 2 minutes, of 40 requests".to_owned()), (1, "TargetResponseTime up to 5.0 s in web".to_owned())]);
    }

    #[test]
    fn a_quiet_load_balancer_says_nothing() {
        assert!(told(&[("UnHealthyHostCount", "Maximum", &[0.0, 0.0]), ("TargetResponseTime", "Maximum", &[0.2])]).is_empty());
    }
}
