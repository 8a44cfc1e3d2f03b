//! The rules, in order of precedence: the first that fits names the cause.
//!
//! What ECS says outright comes before what has to be inferred from how a container ended. A rule looks at the
//! timeline only; where it would argue from something unseen it answers `CannotTell`.

mod app_error;
mod az_rebalancing;
pub mod capacity;
mod completed;
mod container_health_check;
pub mod container_start;
mod crashed;
pub mod dependency;
mod deployment;
mod elb_health_check;
pub mod entrypoint_failed;
mod host_draining;
mod host_lost;
pub mod image_pull;
mod killed;
mod maintenance;
pub mod network_interface;
mod out_of_memory;
pub mod placement;
pub mod quota;
pub mod resource_initialization;
mod rollback;
mod scale_in;
mod service_deleted;
mod spot_interruption;
mod stop_requested;
mod terminated;
pub mod volume;

use super::commands;
use super::event::Level;
use super::evidence::{NoLines, Reading, Status};
use super::measure::{Scope, percent};
use super::task::{Container, StopCode};
use super::timeline::{AT_THE_LIMIT, Line, Timeline, is_reserved_a_limit, memory_limit};
use super::verdict::{Cause, Confidence, Finding, NextStep, Rule};

/// Every rule. A new cause is one file and one line here.
pub const RULES: &[Rule] = &[
    host_lost::RULE,
    stop_requested::RULE,
    spot_interruption::RULE,
    maintenance::RULE,
    elb_health_check::RULE,
    container_health_check::RULE,
    az_rebalancing::RULE,
    service_deleted::RULE,
    rollback::RULE,
    deployment::RULE,
    host_draining::RULE,
    scale_in::RULE,
    // What AWS says of a start is one deciding statement: at most one of these fits.
    resource_initialization::RULE,
    image_pull::RULE,
    volume::RULE,
    network_interface::RULE,
    dependency::RULE,
    container_start::RULE,
    quota::RULE,
    capacity::RULE,
    placement::RULE,
    out_of_memory::RULE,
    crashed::RULE,
    entrypoint_failed::RULE,
    killed::RULE,
    terminated::RULE,
    app_error::RULE,
    completed::RULE,
];

/// The container whose own end stopped the task, with its line: only where ECS says that one did.
fn ended_by_itself(timeline: &Timeline) -> Option<(&Container, &Line)> {
    let by_itself = matches!(timeline.stop_code(), Some(StopCode::EssentialContainerExited));
    let culprit = by_itself.then(|| timeline.culprit()).flatten()?;
    Some((culprit, timeline.container_line(&culprit.name)?))
}

/// Whether the end of which a finding speaks may have followed an order of which nothing is known, and what that weakens.
fn unless_asked_first(timeline: &Timeline, finding: &mut Finding) -> bool {
    let may_have_been = timeline.reported_kill().is_some();
    if may_have_been {
        finding.confidence = Confidence::Possible;
        finding.summary.push_str(" ECS's reason for the stop is lost: something may have asked the task to stop before.");
        let asked = if timeline.evidence.task.service.is_some() { Cause::Deployment } else { Cause::StopRequested };
        finding.unchecked.push((asked, "ECS's reason for the stop is lost".to_owned()));
    }
    may_have_been
}

/// Memory in the last minutes before a container's end.
struct MemoryBeforeEnd {
    /// Of the hard limit.
    percent: i64,
    /// Of the container itself; else of its whole task.
    is_own: bool,
    /// `used 511 of 512 MiB`
    words: String,
    n: usize,
}

/// Of the samples of the container and of its whole task the one nearer to its hard limit. Absent where nothing was
/// sampled or nothing limits it.
fn memory_before_end(timeline: &Timeline, container: &str) -> Option<MemoryBeforeEnd> {
    let concerned = |line: &Line| line.event.container.as_deref().is_none_or(|of| of == container);
    let samples = timeline.last_samples().filter(|(line, _)| concerned(line));
    let told = samples.filter_map(|(line, sample)| {
        let (percent, used, limit) = (sample.memory_percent()?, sample.memory?, sample.memory_limit?);
        Some(MemoryBeforeEnd { percent, is_own: line.event.container.is_some(), words: format!("used {used} of {limit} MiB"), n: line.n })
    });
    told.chain(own_shares(timeline, container)).max_by_key(|memory| (memory.percent, memory.is_own))
}

/// What enhanced Container Insights tell of the task and of the container in per cent alone.
fn own_shares(timeline: &Timeline, container: &str) -> impl Iterator<Item = MemoryBeforeEnd> {
    timeline.last_utilizations().filter_map(move |(line, utilization)| {
        let is_own = match &utilization.scope {
            Scope::Task if memory_limit(&timeline.evidence, None).is_some() => false,
            // Of what is reserved for it, which is its limit only where nothing softer is.
            Scope::Container(of) if of == container && timeline.definition_of(of)?.memory.is_some() && timeline.definition_of(of)?.memory_reservation.is_none() => true,
            _ => return None,
        };
        let share = utilization.memory.as_ref()?.highest;
        Some(MemoryBeforeEnd { percent: share / 10, is_own, words: format!("used {} of its memory", percent(share)), n: line.n })
    })
}

/// Memory of all tasks of the service, or of the family, in the last minutes: the highest is one of them.
struct MemoryOfAll {
    /// The highest in the last minute, in per cent.
    percent: i64,
    /// The highest in every minute that was read, in per cent.
    peak: i64,
    /// Why the highest was this task, if anything shows it: `there was no other task`
    was_this_task: Option<String>,
    /// `the highest of service web's tasks used 99.8 % of its memory`
    words: String,
    n: usize,
}

/// Tenths of a per cent. So much less after the task's end tells that the highest had been this task.
const FELL_BY: i64 = 150;

/// Absent where nothing is known, or where what is reserved is no limit.
fn memory_of_all(timeline: &Timeline) -> Option<MemoryOfAll> {
    if !is_reserved_a_limit(&timeline.evidence) {
        return None;
    }
    let (line, utilization) = timeline.last_utilizations().find(|(_, utilization)| !utilization.scope.is_own() && utilization.memory.is_some())?;
    let share = utilization.memory.as_ref()?;
    let alone = match (&utilization.scope, &timeline.evidence.service) {
        (Scope::Service(_), Some(service)) => service.desired_count <= 1,
        (Scope::Service(_), None) => false,
        _ => true,
    };
    let as_high = share.samples.is_some_and(|samples| samples > 1) && share.lowest.is_some_and(|lowest| lowest >= AT_THE_LIMIT * 10);
    let fell = share.after.filter(|after| after + FELL_BY <= share.highest);
    let was_this_task = match fell {
        _ if alone && share.samples == Some(1) => Some("there was no other task".to_owned()),
        _ if as_high => Some(format!("none used less than {} %", AT_THE_LIMIT)),
        Some(after) => Some(format!("the highest fell to {} once this one had ended", percent(after))),
        None => None,
    };
    let (whose, metric) = (utilization.scope.name(), utilization.scope.metrics().0);
    let kind = if matches!(utilization.scope, Scope::Service(_)) { "service" } else { "family" };
    Some(MemoryOfAll {
        percent: share.highest / 10,
        peak: share.peak / 10,
        was_this_task,
        words: format!("the highest of {kind} {whose}'s tasks used {} of its memory ({metric})", percent(share.highest)),
        n: line.n,
    })
}

/// `free` misleads: a container sees the memory of what it runs on.
fn what_free_shows(timeline: &Timeline) -> String {
    let host = if timeline.evidence.task.runs_on_fargate() { "the micro-VM's" } else { "the host's" };
    format!("Do not go by `free` inside a container: it shows {host} memory and not the limit.")
}

/// The scheduler's stop line, where its reason is the one ECS uses for replacement and scale-in alike.
fn scheduled_stop(timeline: &Timeline) -> Option<&Line> {
    let scheduled = matches!(timeline.stop_code(), Some(StopCode::ServiceSchedulerInitiated));
    let scaling = super::scheduling::is_scaling_reason(&timeline.stopped_reason());
    timeline.stop_line().filter(|_| scheduled && scaling)
}

/// The error that a container wrote last before its end, if it came within a minute of its last words.
///
/// An older error was survived; the last line itself may be polite.
fn last_error<'a>(timeline: &'a Timeline, container: &'a str) -> Option<&'a Line> {
    let stop = timeline.evidence.task.stop_anchor()?;
    let said = || timeline.log_lines(container).map(|(line, _)| line).filter(move |line| line.event.at.as_millisecond() <= stop.as_millisecond() + 15_000);
    let last_word = said().next_back()?.event.at.as_millisecond();
    said().rev().find(|line| line.event.level == Level::Error && last_word - line.event.at.as_millisecond() <= 60_000)
}

/// Why this container's log was not read, for a finding that rests on a code alone. Another container's gap is not its own.
pub(super) fn unread_logs(timeline: &Timeline, container: &str) -> Option<String> {
    let elsewhere = timeline.evidence.unlogged.iter().filter(|unlogged| unlogged.container == container).find_map(|unlogged| match &unlogged.why {
        NoLines::OtherDriver { driver, .. } => Some(format!("logs: {driver} keeps them, not CloudWatch Logs")),
        _ => None,
    });
    timeline.log_gap(container).map(Reading::sentence).or(elsewhere)
}

/// The step that reads what a container wrote, or what has to be done first so that it can be read. None where it is known
/// that there is nothing to read. Without a container that of any.
fn last_words(timeline: &Timeline, container: Option<&str>, text: &str) -> Option<NextStep> {
    let task = &timeline.evidence.task;
    let command = || commands::ecs_trace("logs", task);
    let named: Vec<&str> = task.containers.iter().map(|known| known.name.as_str()).filter(|name| container.is_none_or(|of| of == *name)).collect();
    if named.iter().any(|name| timeline.log_lines(name).next().is_some()) {
        return Some(NextStep::run(text, command()));
    }
    let unlogged = named.iter().find_map(|name| timeline.evidence.unlogged.iter().find(|unlogged| unlogged.container == *name)).map(|unlogged| &unlogged.why);
    if let Some(gap) = named.iter().find_map(|name| timeline.log_gap(name)).filter(|_| unlogged.is_none()) {
        let then = super::stopped_by::lower_first(text);
        return match gap.status {
            Status::Denied => {
                let needs = gap.action.as_deref().unwrap_or("logs:GetLogEvents");
                Some(NextStep::run(format!("Have {needs} allowed or take a profile that may, then {then}"), command()))
            }
            // What nothing but Logs Insights can read comes with its own command.
            Status::Skipped if gap.detail.is_some() => None,
            Status::TimedOut | Status::Throttled | Status::Skipped => Some(NextStep::run(format!("{text}, with more time"), command() + " --timeout 60s")),
            _ => Some(NextStep::run(text, command())),
        };
    }
    match unlogged {
        Some(NoLines::OtherDriver { destination: Some(to), .. }) => Some(NextStep::say(format!("{text} in {to}."))),
        Some(NoLines::NoDriver) => Some(NextStep::say("Give the container a log driver (logConfiguration), so that the next one's last words can be read.")),
        Some(_) => None,
        None => Some(NextStep::run(text, command())),
    }
}

/// `Container app`, and of one that AWS put there, by what.
fn named(container: &Container) -> String {
    let by = container.injected_by().map(|by| format!(", which {by} put there,")).unwrap_or_default();
    format!("Container {}{by}", container.name)
}

/// Tells of other containers that ECS marks as killed for memory: by itself such an end does not stop the task.
fn tell_killed_beside(timeline: &Timeline, container: &Container, finding: &mut Finding) {
    for other in timeline.evidence.task.containers.iter().filter(|other| other.name != container.name && other.was_killed_for_memory()) {
        if let Some(line) = timeline.container_line(&other.name) {
            finding.evidence.push(line.n);
            finding.summary.push_str(&format!(" {} was killed for memory [{}], which by itself does not stop the task.", other.name, line.n));
        }
    }
}

/// Where a container is started again in its place, a sentence that this end may not have been its first.
fn earlier_ends(timeline: &Timeline, container: &Container) -> String {
    let Some(policy) = timeline.definition_of(&container.name).and_then(|definition| definition.restart_policy.as_ref()) else { return String::new() };
    let ignored = container.exit_code.is_some_and(|code| policy.ignored_exit_codes.contains(&code));
    let why = if ignored {
        "after this exit code it is not started again".to_owned()
    } else {
        format!("unless it ends within {} s of its start it is started again", policy.attempt_period)
    };
    format!(" It has a restart policy: earlier ends, if there were any, were restarted in place and are not visible here ({why}).")
}

#[cfg(test)]
pub(crate) mod fixtures {
    //! One stopped Fargate task of a service, to be bent by each test into its own case.

    use jiff::Timestamp;

    use crate::diagnosis::call::{ApiCall, Identity};
    use crate::diagnosis::event::{Event, Level, LogLine, Precision, Sample, What, Witness};
    use crate::diagnosis::evidence::{Evidence, Reading, Source, Status};
    use crate::diagnosis::measure::{Scope, Share, Utilization};
    use crate::diagnosis::scaling::ScalingActivity;
    use crate::diagnosis::service::{Deployment, Service, ServiceMessage};
    use crate::diagnosis::task::{Container, ContainerDefinition, StopCode, Task, TaskDefinition};
    use crate::diagnosis::{Trace, trace};

    pub const STOP: i64 = 1_700_000_000_000;
    pub const ID: &str = "5d6c7b8a99a8b7c6d5e4f3a2b1c0d9e8";

    pub fn at(offset: i64) -> Timestamp {
        Timestamp::from_millisecond(STOP + offset).expect("a time")
    }

    /// Stopped with this code and reason; one essential container `app` that left with `exit`.
    pub fn stopped(code: &str, reason: &str, exit: Option<i64>) -> Evidence {
        let mut task = Task {
            arn: format!("arn:aws:ecs:eu-west-1:123456789012:task/prod/{ID}"),
            id: ID.to_owned(),
            cluster: "prod".to_owned(),
            region: "eu-west-1".to_owned(),
            account: "123456789012".to_owned(),
            service: Some("web".to_owned()),
            started_by: Some("ecs-svc/1".to_owned()),
            family: Some("web".to_owned()),
            revision: Some(41),
            launch_type: Some("FARGATE".to_owned()),
            last_status: Some("STOPPED".to_owned()),
            desired_status: Some("STOPPED".to_owned()),
            stop_code: (!code.is_empty()).then(|| StopCode::named(code)),
            stopped_reason: Some(reason.to_owned()),
            containers: vec![Container { name: "app".to_owned(), exit_code: exit, last_status: Some("STOPPED".to_owned()), ..Container::default() }],
            ..Task::default()
        };
        task.times.created = Some(at(-600_000));
        task.times.started = Some(at(-560_000));
        task.times.stopping = Some(at(0));
        task.times.execution_stopped = Some(at(if code == "EssentialContainerExited" { -380 } else { 12_000 }));
        task.times.stopped = Some(at(30_000));
        let definition =
            TaskDefinition { containers: vec![ContainerDefinition { name: "app".to_owned(), essential: true, ..ContainerDefinition::default() }], ..TaskDefinition::default() };
        let service = Service {
            name: "web".to_owned(),
            status: "ACTIVE".to_owned(),
            deployments: vec![Deployment { id: "ecs-svc/1".to_owned(), status: "PRIMARY".to_owned(), created_at: Some(at(-86_400_000)), ..Deployment::default() }],
            ..Service::default()
        };
        let read = [Source::Ecs, Source::Service, Source::Logs, Source::Elb, Source::Metrics].map(|source| Reading::new(source, Status::Ok));
        Evidence { taken_at: at(600_000), task, definition: Some(definition), service: Some(service), readings: read.to_vec(), ..Evidence::default() }
    }

    /// A service without any task to show: nothing but its name and its events.
    pub fn without_a_task() -> Evidence {
        let mut evidence = stopped("", "", None);
        let known = Task { cluster: evidence.task.cluster.clone(), region: evidence.task.region.clone(), service: evidence.task.service.clone(), ..Task::default() };
        evidence.task = known;
        evidence
    }

    pub fn hide(mut evidence: Evidence, source: Source) -> Evidence {
        evidence.readings.retain(|reading| reading.source != source);
        evidence.readings.push(Reading::new(source, Status::Denied));
        match source {
            Source::Logs => evidence.events.retain(|event| event.witness != Witness::Logs),
            Source::Service => {
                evidence.service = None;
                evidence.service_deployments.clear();
            }
            _ => {}
        }
        evidence
    }

    pub fn logged(mut evidence: Evidence, offset: i64, level: Level, text: &str, out_of_memory: bool) -> Evidence {
        let what = What::Logged(LogLine { text: text.to_owned(), out_of_memory, stream: "web/app/1".to_owned(), ..LogLine::default() });
        evidence.events.push(Event { at: at(offset), precision: Precision::Millisecond, witness: Witness::Logs, level, container: Some("app".to_owned()), what });
        evidence
    }

    /// A minute's memory and CPU of `app`, MiB and units.
    pub fn sampled(mut evidence: Evidence, offset: i64, memory: i64, cpu: Option<(i64, i64)>) -> Evidence {
        let (cpu, cpu_reserved) = cpu.unzip();
        let what = What::Sampled(Sample { memory: Some(memory), cpu, cpu_reserved, ..Sample::default() });
        evidence.events.push(Event { at: at(offset), precision: Precision::Second, witness: Witness::Metric, level: Level::Info, container: Some("app".to_owned()), what });
        evidence
    }

    /// A minute's MemoryUtilization of service `web`: the highest, the lowest and how many tasks, tenths of a per cent.
    pub fn utilized(mut evidence: Evidence, offset: i64, highest: i64, lowest: i64, tasks: i64, peak: i64) -> Evidence {
        let memory = Share { after: None, highest, lowest: Some(lowest), average: Some((highest + lowest) / 2), samples: Some(tasks), peak };
        let what = What::Utilized(Utilization { scope: Scope::Service("web".to_owned()), memory: Some(memory), cpu: None, peak: false });
        evidence.service.get_or_insert_default().desired_count = tasks;
        evidence.events.push(Event { at: at(offset), precision: Precision::Minute, witness: Witness::Metric, level: Level::Info, container: None, what });
        evidence
    }

    pub fn said(mut evidence: Evidence, offset: i64, text: &str) -> Evidence {
        let message = ServiceMessage::read("e1", at(offset), text);
        evidence.service.get_or_insert_default().messages.push(message.clone());
        evidence.events.push(Event {
            at: at(offset),
            precision: Precision::Millisecond,
            witness: Witness::Service,
            level: Level::Info,
            container: None,
            what: What::Said(message),
        });
        evidence
    }

    /// A recorded call of an IAM user, as `change` bends it.
    pub fn called(mut evidence: Evidence, offset: i64, name: &str, who: &str, change: impl FnOnce(&mut ApiCall)) -> Evidence {
        let mut call = ApiCall { event_id: format!("{who}-{offset}"), name: name.to_owned(), time: at(offset), ..ApiCall::default() };
        call.identity = Identity { kind: "IAMUser".to_owned(), user_name: Some(who.to_owned()), ..Identity::default() };
        change(&mut call);
        evidence.events.push(Event {
            at: at(offset),
            precision: Precision::Second,
            witness: Witness::Cloudtrail,
            level: Level::Info,
            container: None,
            what: What::Called(Box::new(call)),
        });
        evidence
    }

    /// A successful scaling activity that set the count for this cause, as `change` bends it.
    pub fn scaled(mut evidence: Evidence, offset: i64, count: i64, cause: &str, change: impl FnOnce(&mut ScalingActivity)) -> Evidence {
        let description = format!("Setting desired count to {count}.");
        let mut activity = ScalingActivity { id: format!("activity{offset}"), description, cause: cause.to_owned(), status: "Successful".to_owned(), ..ScalingActivity::default() };
        change(&mut activity);
        evidence.events.push(Event {
            at: at(offset),
            precision: Precision::Millisecond,
            witness: Witness::Autoscaling,
            level: Level::Info,
            container: None,
            what: What::Scaled(Box::new(activity)),
        });
        evidence
    }

    pub fn judged(evidence: Evidence) -> Trace {
        trace(evidence)
    }

    /// `cause detail confidence`, for one-line assertions.
    pub fn verdict(evidence: Evidence) -> String {
        let verdict = judged(evidence).verdict;
        format!("{} {} {}", verdict.cause.as_str(), verdict.detail.unwrap_or("-"), verdict.confidence.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::fixtures::*;
    use crate::diagnosis::task::RestartPolicy;

    fn summary(exit: i64, policy: Option<RestartPolicy>) -> String {
        let mut evidence = stopped("EssentialContainerExited", "Essential container in task exited", Some(exit));
        evidence.definition.as_mut().expect("a definition").containers[0].restart_policy = policy;
        judged(evidence).verdict.summary
    }

    #[test]
    fn each_rule_that_judges_an_end_says_that_earlier_ones_were_restarted_in_place() {
        for exit in [0, 1, 127, 137, 139, 143] {
            let told = summary(exit, Some(RestartPolicy { ignored_exit_codes: vec![3], attempt_period: 300 }));
            assert!(told.contains("earlier ends, if there were any, were restarted in place") && told.contains("within 300 s"), "{exit}: {told}");
            assert!(!summary(exit, None).contains("restart"), "{exit}");
        }
    }

    #[test]
    fn an_exit_code_the_policy_ignores_is_said_to_be_one() {
        let told = summary(3, Some(RestartPolicy { ignored_exit_codes: vec![3], attempt_period: 300 }));
        assert!(told.contains("after this exit code it is not started again"), "{told}");
    }
}
