//! An end that ECS tells half, told whole by the agent on the instance: CloudTrail keeps what it submitted.

use super::call::{ApiCall, REPORTS, ReportedContainer};
use super::event::{Event, What};
use super::evidence::Evidence;
use super::task::{Container, Reported};

/// Fills the containers that ended without code and reason from their agent's report. A report whose containers are all
/// told so needs no line of its own.
pub(super) fn fill(evidence: &mut Evidence) {
    let task = &mut evidence.task;
    let none_is_known = task.containers.is_empty();
    evidence.events.retain(|event| {
        let Some((call, containers)) = report_in(event) else { return true };
        let ends: Vec<&ReportedContainer> = containers.iter().filter(|container| tells_an_end(container)).collect();
        let mut told = 0;
        for end in &ends {
            let at = call.report.as_ref().and_then(|report| report.execution_stopped).unwrap_or(call.time);
            let source = Reported { call: call.name.clone(), event_id: call.event_id.clone(), at };
            if none_is_known && !task.containers.iter().any(|known| known.name == end.name) {
                task.containers.push(from_report(end, source));
            } else if let Some(known) = task.containers.iter_mut().find(|known| is_completed_by(known, end) && is_of(call, end, known)) {
                complete(known, end, source);
            } else {
                continue;
            }
            told += 1;
        }
        ends.is_empty() || told < ends.len()
    });
}

fn report_in(event: &Event) -> Option<(&ApiCall, &[ReportedContainer])> {
    match &event.what {
        What::Called(call) if call.succeeded() => {
            let report = call.report.as_ref()?;
            // While the task runs on, a container that ended is started again in its place.
            let runs_on = report.status.as_deref().is_some_and(|status| status != "STOPPED");
            (!runs_on).then_some((call, report.containers.as_slice()))
        }
        _ => None,
    }
}

fn tells_an_end(container: &ReportedContainer) -> bool {
    container.status.as_deref() == Some("STOPPED") && (container.exit_code.is_some() || container.reason.is_some())
}

/// Whether ECS leaves open what the report tells, and contradicts none of it.
fn is_completed_by(known: &Container, report: &ReportedContainer) -> bool {
    let leaves_open = known.exit_code.is_none() && report.exit_code.is_some() || known.reason.is_none() && report.reason.is_some();
    let agrees = known.exit_code.zip(report.exit_code).is_none_or(|(ours, theirs)| ours == theirs)
        && known.reason.as_ref().zip(report.reason.as_ref()).is_none_or(|(ours, theirs)| ours == theirs);
    known.has_ended() && leaves_open && agrees
}

/// A container that was started again in its place has another runtime id. A report of one container alone does not say
/// whether the task ran on: there the ids must be known.
fn is_of(call: &ApiCall, report: &ReportedContainer, known: &Container) -> bool {
    let ids = known.runtime_id.as_ref().zip(report.runtime_id.as_ref());
    let same = ids.map_or(call.name == REPORTS[0], |(ours, theirs)| ours == theirs);
    known.name == report.name && same
}

fn complete(known: &mut Container, report: &ReportedContainer, source: Reported) {
    known.exit_code = known.exit_code.or(report.exit_code);
    known.reason = known.reason.take().or_else(|| report.reason.clone());
    known.image_digest = known.image_digest.take().or_else(|| report.image_digest.clone());
    known.runtime_id = known.runtime_id.take().or_else(|| report.runtime_id.clone());
    known.reported = Some(source);
}

fn from_report(report: &ReportedContainer, source: Reported) -> Container {
    let mut container = Container { name: report.name.clone(), last_status: report.status.clone(), ..Container::default() };
    complete(&mut container, report, source);
    container
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::super::call::Report;
    use super::super::event::{Level, Precision, Witness};
    use super::*;

    fn reported(name: &str, exit_code: Option<i64>, runtime_id: &str) -> Event {
        let container = ReportedContainer { name: name.into(), status: Some("STOPPED".into()), exit_code, runtime_id: Some(runtime_id.into()), ..ReportedContainer::default() };
        let report = Report { containers: vec![container], ..Report::default() };
        let call = ApiCall { event_id: "e1".into(), name: "SubmitTaskStateChange".into(), report: Some(Box::new(report)), ..ApiCall::default() };
        Event { at: Timestamp::UNIX_EPOCH, precision: Precision::Second, witness: Witness::Cloudtrail, level: Level::Info, container: None, what: What::Called(Box::new(call)) }
    }

    fn filled(container: Container, report: Event) -> Evidence {
        let mut evidence = Evidence { events: vec![report], ..Evidence::default() };
        evidence.task.containers = vec![container];
        fill(&mut evidence);
        evidence
    }

    fn ended(exit_code: Option<i64>) -> Container {
        Container { name: "app".into(), last_status: Some("STOPPED".into()), runtime_id: Some("r1".into()), exit_code, ..Container::default() }
    }

    #[test]
    fn what_the_agent_told_stands_where_ecs_tells_no_end() {
        let evidence = filled(ended(None), reported("app", Some(3), "r1"));
        let app = &evidence.task.containers[0];
        assert_eq!((app.exit_code, app.reported.as_ref().map(|from| from.event_id.as_str())), (Some(3), Some("e1")));
        assert!(evidence.events.is_empty(), "told once");
    }

    #[test]
    fn ecs_own_word_another_container_and_an_earlier_run_of_it_stay_as_they_are() {
        for (known, report) in [
            (ended(Some(0)), reported("app", Some(3), "r1")),
            (ended(None), reported("sidecar", Some(3), "r1")),
            (ended(None), reported("app", Some(3), "r0")),
            (ended(None), reported("app", None, "r1")),
        ] {
            let code = known.exit_code;
            let evidence = filled(known, report);
            assert_eq!((evidence.task.containers[0].exit_code, evidence.events.len()), (code, 1));
        }
    }

    #[test]
    fn a_report_adds_the_reason_that_ecs_leaves_out_and_counts_only_once_the_task_has_ended() {
        let change = |report: &mut Event, change: &dyn Fn(&mut Report)| {
            if let What::Called(call) = &mut report.what {
                change(call.report.as_mut().expect("a report"));
            }
        };
        let mut killed = reported("app", Some(137), "r1");
        change(&mut killed, &|report| report.containers[0].reason = Some("OutOfMemoryError: Container killed due to memory usage".into()));
        let evidence = filled(ended(Some(137)), killed);
        assert!(evidence.task.containers[0].was_killed_for_memory());
        let mut running = reported("app", Some(9), "r1");
        change(&mut running, &|report| report.status = Some("RUNNING".into()));
        assert_eq!(filled(ended(None), running).task.containers[0].exit_code, None, "that run was not the last");
    }

    #[test]
    fn a_task_of_which_no_container_is_known_has_those_of_the_report() {
        let mut evidence = Evidence { events: vec![reported("app", Some(1), "r1")], ..Evidence::default() };
        fill(&mut evidence);
        assert_eq!(evidence.task.containers.iter().map(|container| (container.name.as_str(), container.exit_code)).collect::<Vec<_>>(), [("app", Some(1))]);
        assert!(evidence.task.containers[0].has_ended());
    }
}
