//! Asks CloudWatch how much of its memory and CPU the task used: its own where Container Insights is enhanced, its
//! service's where it has one, else its family's.

use jiff::{SignedDuration, Timestamp};

use crate::diagnosis::event::{Event, Level, Precision, Sample, What, Witness};
use crate::diagnosis::evidence::{Reading, Source, Status};
use crate::diagnosis::measure::{Scope, Share, Utilization};
use crate::diagnosis::task::{StopCode, Task};

use super::super::Reach;
use super::super::task::datable;
use super::data::{Query, Series, asked};
use super::minutes;

/// Containers asked about; a task has ten at the most, but for what AWS puts beside them.
const MOST_CONTAINERS: usize = 20;
/// Older than this, CloudWatch keeps no single minutes.
const MINUTES_ARE_KEPT: SignedDuration = SignedDuration::from_hours(15 * 24);
const INSIGHTS: &str = "ECS/ContainerInsights";

pub(super) async fn collect(reach: &Reach<'_>) {
    let task = reach.task;
    if task.times.started.is_none() && task.is_forgotten() && task.stop_code != Some(StopCode::TaskFailedToStart) {
        return reach.ledger.note(Reading::new(Source::Metrics, Status::Skipped).detailed("when it started is not known any more"));
    }
    if task.times.started.is_none() {
        return reach.ledger.note(Reading::new(Source::Metrics, Status::NotApplicable).detailed("the task never ran: no metric is of it"));
    }
    let window = minutes(reach);
    let inquiry = reach.ledger.ask(Source::Metrics, "cloudwatch:GetMetricData", "*");
    inquiry.looked(Some(window.0), Some(window.1));
    let (asks, queries): (Vec<Asked>, Vec<Query>) = questions(task).into_iter().unzip();
    let (series, failing) = asked(reach, &inquiry, &queries, window).await;
    let stop = task.stop_anchor().unwrap_or(reach.now);
    let events = events(&asks, &series, stop);
    if events.is_empty() && failing.is_none() {
        let none = if task.service.is_some() { "neither of its service nor of the task itself" } else { "neither of its family nor of the task itself" };
        inquiry.detail(format!("CloudWatch holds no memory or CPU in that time, {none}"));
    }
    let nothing = events.is_empty();
    for event in events {
        inquiry.tell(event);
    }
    match failing {
        Some(failing) => inquiry.fail(&failing),
        None if nothing && reach.now.duration_since(stop) > MINUTES_ARE_KEPT => inquiry.end(Status::Expired),
        None => inquiry.done(),
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Quantity {
    /// Per cent.
    Memory,
    Cpu,
    /// MiB.
    MemoryUsed,
    MemoryReserved,
}

/// What a query stands for.
struct Asked {
    scope: Scope,
    quantity: Quantity,
    statistic: &'static str,
}

/// Every name comes from the task: nothing else has to be known first.
fn questions(task: &Task) -> Vec<(Asked, Query)> {
    let mut all = Vec::new();
    let mut ask = |scope: &Scope, quantity, namespace, name, statistics: &[&'static str], dimensions: &[(&'static str, String)]| {
        for statistic in statistics {
            let asked = Asked { scope: scope.clone(), quantity, statistic };
            all.push((asked, Query { namespace, name, statistic, dimensions: dimensions.to_vec() }));
        }
    };
    let cluster = ("ClusterName", task.cluster.clone());
    let family = task.family.clone().unwrap_or_default();
    let holder = match &task.service {
        Some(service) => {
            let (scope, dimensions) = (Scope::Service(service.clone()), [cluster.clone(), ("ServiceName", service.clone())]);
            ask(&scope, Quantity::Memory, "AWS/ECS", "MemoryUtilization", &["Maximum", "Average", "Minimum", "SampleCount"], &dimensions);
            ask(&scope, Quantity::Cpu, "AWS/ECS", "CPUUtilization", &["Maximum", "Average"], &dimensions);
            ("ServiceName", service.clone())
        }
        None => {
            let (scope, dimensions) = (Scope::Family(family.clone()), [cluster.clone(), ("TaskDefinitionFamily", family.clone())]);
            ask(&scope, Quantity::MemoryUsed, INSIGHTS, "MemoryUtilized", &["Maximum", "Average", "Minimum", "SampleCount"], &dimensions);
            ask(&scope, Quantity::MemoryReserved, INSIGHTS, "MemoryReserved", &["Maximum"], &dimensions);
            ("TaskDefinitionFamily", family)
        }
    };
    let own = [("TaskId", task.id.clone()), holder.clone(), cluster.clone()];
    ask(&Scope::Task, Quantity::Memory, INSIGHTS, "TaskMemoryUtilization", &["Maximum"], &own);
    ask(&Scope::Task, Quantity::Cpu, INSIGHTS, "TaskCpuUtilization", &["Maximum"], &own);
    for container in task.containers.iter().take(MOST_CONTAINERS) {
        let (scope, dimensions) = (Scope::Container(container.name.clone()), [("ContainerName", container.name.clone()), own[0].clone(), holder.clone(), cluster.clone()]);
        ask(&scope, Quantity::MemoryUsed, INSIGHTS, "ContainerMemoryUtilized", &["Maximum"], &dimensions);
        ask(&scope, Quantity::Memory, INSIGHTS, "ContainerMemoryUtilization", &["Maximum"], &dimensions);
    }
    all
}

/// For each scope the last minute before the stop, and the highest before it where memory fell from it.
fn events(asks: &[Asked], series: &[Series], stop: Timestamp) -> Vec<Event> {
    let mut scopes: Vec<&Scope> = asks.iter().map(|asked| &asked.scope).collect();
    scopes.dedup();
    scopes.into_iter().flat_map(|scope| of_scope(&Answered { asks, series, scope, stop: stop.as_millisecond() })).collect()
}

struct Answered<'a> {
    asks: &'a [Asked],
    series: &'a [Series],
    scope: &'a Scope,
    stop: i64,
}

fn of_scope(answered: &Answered<'_>) -> Vec<Event> {
    let used = answered.series_of(Quantity::MemoryUsed, "Maximum");
    let by_container = matches!(answered.scope, Scope::Container(_)) && used.is_some();
    let memory = match answered.scope {
        Scope::Family(_) => used.zip(answered.series_of(Quantity::MemoryReserved, "Maximum")).map(|(used, _)| used),
        Scope::Container(_) => used.or_else(|| answered.series_of(Quantity::Memory, "Maximum")),
        _ => answered.series_of(Quantity::Memory, "Maximum"),
    };
    let cpu = answered.series_of(Quantity::Cpu, "Maximum");
    let before = |series: Option<&Series>| series.and_then(|series| series.range(..=answered.stop).next_back()).map(|(at, _)| *at);
    // Memory decides, and its last minute may be another than that of CPU.
    let Some(last) = before(memory).or_else(|| before(cpu)) else { return Vec::new() };
    // A peak is another fact only where memory fell from it by more than a tenth.
    let at_last = memory.and_then(|memory| memory.get(&last).copied());
    let highest = memory.and_then(|memory| memory.range(..last).max_by(|a, b| a.1.total_cmp(b.1)));
    let peak = highest.filter(|(_, peak)| at_last.is_some_and(|last| **peak * 9.0 > last * 10.0)).map(|(at, _)| *at);
    let told = peak.map(|at| (at, true)).into_iter().chain([(last, false)]);
    told.filter_map(|(at, peak)| {
        let (container, what) = if by_container {
            let memory = used.and_then(|used| used.get(&at)).map(|used| used.round() as i64);
            (Some(answered.scope.name()), What::Sampled(Sample { memory, peak, ..Sample::default() }))
        } else {
            let (memory, cpu) = (answered.memory(at), answered.share(Quantity::Cpu, at, 1.0));
            let container = matches!(answered.scope, Scope::Container(_)).then(|| answered.scope.name());
            (container, What::Utilized(Utilization { scope: answered.scope.clone(), memory, cpu, peak }))
        };
        let at = datable(at)?;
        Some(Event { at, precision: Precision::Minute, witness: Witness::Metric, level: Level::Info, container: container.map(str::to_owned), what })
    })
    .collect()
}

impl Answered<'_> {
    /// Absent where CloudWatch holds none.
    fn series_of(&self, quantity: Quantity, statistic: &str) -> Option<&Series> {
        let at = self.asks.iter().position(|asked| asked.scope == *self.scope && asked.quantity == quantity && asked.statistic == statistic)?;
        self.series.get(at).filter(|series| !series.is_empty())
    }

    fn memory(&self, at: i64) -> Option<Share> {
        match self.series_of(Quantity::MemoryReserved, "Maximum") {
            Some(reserved) => {
                let reserved = reserved.get(&at).or_else(|| reserved.values().next_back()).copied().filter(|reserved| *reserved > 0.0)?;
                self.share(Quantity::MemoryUsed, at, 100.0 / reserved)
            }
            None => self.share(Quantity::Memory, at, 1.0),
        }
    }

    fn share(&self, quantity: Quantity, at: i64, factor: f64) -> Option<Share> {
        let tenths = |value: &f64| (value * factor * 10.0).round() as i64;
        let of = |statistic: &str| self.series_of(quantity, statistic)?.get(&at);
        let maximum = self.series_of(quantity, "Maximum")?;
        Some(Share {
            highest: tenths(maximum.get(&at)?),
            average: of("Average").map(tenths),
            lowest: of("Minimum").map(tenths),
            samples: of("SampleCount").map(|count| count.round() as i64),
            peak: maximum.range(..=self.stop).map(|(_, value)| tenths(value)).max()?,
            after: maximum.range(self.stop + 1..).map(|(_, value)| tenths(value)).max(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnosis::task::Container;

    const STOP: i64 = 1_700_000_050_000;
    const MINUTE: i64 = 60_000;
    const LAST: i64 = 1_700_000_040_000;

    fn task(service: Option<&str>) -> Task {
        let containers = vec![Container { name: "app".to_owned(), ..Container::default() }];
        Task { id: "5d6c".to_owned(), cluster: "prod".to_owned(), service: service.map(str::to_owned), family: Some("web".to_owned()), containers, ..Task::default() }
    }

    /// A metric, its statistic, and its values by minute.
    type Known<'a> = (&'a str, &'a str, &'a [(i64, f64)]);

    /// Events where the metrics named have these values, and all others have none.
    fn told(service: Option<&str>, values: &[Known<'_>]) -> Vec<Event> {
        let (asks, queries): (Vec<_>, Vec<_>) = questions(&task(service)).into_iter().unzip();
        let of = |query: &Query| values.iter().find(|(name, statistic, _)| *name == query.name && *statistic == query.statistic);
        let series: Vec<Series> = queries.iter().map(|query| of(query).map(|(.., values)| values.iter().copied().collect()).unwrap_or_default()).collect();
        events(&asks, &series, Timestamp::from_millisecond(STOP).expect("a time"))
    }

    #[test]
    fn a_services_last_minute_before_the_stop_is_told_with_what_its_tasks_share() {
        let events = told(
            Some("web"),
            &[
                ("MemoryUtilization", "Maximum", &[(LAST - MINUTE, 70.0), (LAST, 99.84), (LAST + MINUTE, 20.0)]),
                ("MemoryUtilization", "Average", &[(LAST, 50.0)]),
                ("MemoryUtilization", "SampleCount", &[(LAST, 3.0)]),
                ("CPUUtilization", "Maximum", &[(LAST, 12.0)]),
            ],
        );
        assert_eq!(events.len(), 1);
        assert_eq!((events[0].at.as_millisecond(), events[0].precision), (LAST, Precision::Minute));
        assert_eq!(events[0].text(), "service web MemoryUtilization highest 99.8 %, average 50.0 %, CPUUtilization 12.0 %");
    }

    #[test]
    fn memorys_last_minute_is_told_where_cpu_has_a_later_one() {
        let events = told(Some("web"), &[("MemoryUtilization", "Maximum", &[(LAST - MINUTE, 99.0)]), ("CPUUtilization", "Maximum", &[(LAST - MINUTE, 5.0), (LAST, 12.0)])]);
        let texts: Vec<String> = events.iter().map(Event::text).collect();
        assert_eq!(texts, ["service web MemoryUtilization 99.0 %, CPUUtilization 5.0 %"]);
    }

    #[test]
    fn what_the_highest_fell_to_after_the_stop_is_kept_and_is_no_line() {
        let events = told(Some("web"), &[("MemoryUtilization", "Maximum", &[(LAST, 99.0), (LAST + MINUTE, 40.0), (LAST + 2 * MINUTE, 41.0)])]);
        let What::Utilized(utilization) = &events[0].what else { panic!("no shares") };
        assert_eq!((events.len(), utilization.memory.as_ref().and_then(|memory| memory.after)), (1, Some(410)));
    }

    #[test]
    fn a_peak_that_memory_fell_from_is_told_beside_the_last_minute() {
        let events = told(Some("web"), &[("MemoryUtilization", "Maximum", &[(LAST - MINUTE, 96.0), (LAST, 40.0)])]);
        let texts: Vec<String> = events.iter().map(Event::text).collect();
        assert_eq!(texts, ["service web MemoryUtilization 96.0 % (highest)", "service web MemoryUtilization 40.0 %"]);
    }

    #[test]
    fn enhanced_insights_tell_of_the_task_and_of_its_containers_in_mib() {
        let events = told(Some("web"), &[("TaskMemoryUtilization", "Maximum", &[(LAST, 97.0)]), ("ContainerMemoryUtilized", "Maximum", &[(LAST, 497.4)])]);
        let texts: Vec<String> = events.iter().map(Event::text).collect();
        assert_eq!(texts, ["task TaskMemoryUtilization 97.0 %", "app memory 497 MiB"]);
    }

    #[test]
    fn a_task_without_a_service_has_its_familys_share_of_what_is_reserved() {
        let events = told(None, &[("MemoryUtilized", "Maximum", &[(LAST, 511.0)]), ("MemoryReserved", "Maximum", &[(LAST, 512.0)])]);
        assert_eq!(events[0].text(), "family web MemoryUtilized 99.8 % of MemoryReserved");
        assert!(told(None, &[("MemoryUtilized", "Maximum", &[(LAST, 511.0)])]).is_empty());
    }

    #[test]
    fn what_came_after_the_stop_is_another_tasks() {
        assert!(told(Some("web"), &[("MemoryUtilization", "Maximum", &[(LAST + MINUTE, 99.0)])]).is_empty());
    }
}
