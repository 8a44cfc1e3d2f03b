//! Somebody had a shell in a container before the stop. What was done in it no witness tells: a note, never a cause.

use super::super::actors;
use super::super::call::ApiCall;
use super::super::call::EXECUTE_COMMAND;
use super::super::event::What;
use super::super::timeline::{Line, Timeline};
use super::super::verdict::Note;
use super::super::words;

/// Milliseconds before the stop in which a session matters.
const REACH: i64 = 3_600_000;

pub(super) fn note(timeline: &Timeline) -> Option<Note> {
    let stop = timeline.evidence.task.stop_anchor()?.as_millisecond();
    let entered = |line: &'_ Line| matches!(&line.event.what, What::Called(call) if call.name == EXECUTE_COMMAND && call.succeeded());
    let near = |line: &&Line| entered(line) && (0..=REACH).contains(&(stop - line.event.at.as_millisecond()));
    let sessions: Vec<&Line> = timeline.lines.iter().filter(near).collect();
    let told: Vec<String> = sessions.iter().filter_map(|line| Some(session(line, call_of(line)?, stop))).collect();
    (!told.is_empty()).then(|| Note {
        code: "exec-session",
        text: format!("Before the stop {}. What was done there is not recorded here.", words::list(&told)),
        evidence: sessions.iter().map(|line| line.n).collect(),
    })
}

fn call_of(line: &Line) -> Option<&ApiCall> {
    match &line.event.what {
        What::Called(call) => Some(call),
        _ => None,
    }
}

fn session(line: &Line, call: &ApiCall, stop: i64) -> String {
    let who = actors::describe(call).name;
    let place = call.parameters.container.as_ref().map_or_else(|| "a container".to_owned(), |name| format!("container {name}"));
    let command = call.parameters.command.as_ref().map(|command| format!(" with `{command}`")).unwrap_or_default();
    format!("{who} entered {place}{command}, {} earlier [{}]", words::duration(stop - line.event.at.as_millisecond()), line.n)
}

#[cfg(test)]
mod tests {
    use super::super::super::call::Parameters;
    use super::super::super::event::{Event, Level, Precision, Witness};
    use super::super::super::evidence::{Evidence, Reading, Source, Status};
    use super::super::super::rules::fixtures::*;
    use super::super::super::verdict::Verdict;
    use super::*;

    fn entered(mut evidence: Evidence, offset: i64, error: Option<&str>) -> Evidence {
        let mut call = ApiCall { event_id: "e1".to_owned(), name: "ExecuteCommand".to_owned(), time: at(offset), error_code: error.map(str::to_owned), ..ApiCall::default() };
        call.identity.kind = "IAMUser".to_owned();
        call.identity.user_name = Some("rosa".to_owned());
        call.parameters = Parameters { container: Some("app".to_owned()), command: Some("/bin/sh".to_owned()), ..Parameters::default() };
        let what = What::Called(Box::new(call));
        evidence.events.push(Event { at: at(offset), precision: Precision::Second, witness: Witness::Cloudtrail, level: Level::Info, container: None, what });
        evidence
    }

    fn killed() -> Evidence {
        stopped("EssentialContainerExited", "Essential container in task exited", Some(137))
    }

    fn told(verdict: &Verdict) -> Option<&str> {
        verdict.notes.iter().find(|note| note.code == "exec-session").map(|note| note.text.as_str())
    }

    #[test]
    fn a_session_before_the_stop_is_noted_and_is_neither_cause_nor_caller() {
        let trace = judged(entered(killed(), -720_000, None));
        let text = told(&trace.verdict).expect("a note");
        assert!(text.contains("rosa entered container app with `/bin/sh`, 12m 00s earlier"), "{text}");
        assert_eq!(trace.verdict.cause.as_str(), judged(killed()).verdict.cause.as_str());
        assert_eq!((trace.stopped_by.status.as_str(), trace.stopped_by.actor), ("nobody", None));
        assert!(trace.stopped_by.attempts.is_empty());
    }

    #[test]
    fn a_refused_call_one_of_long_ago_and_one_after_the_stop_are_no_session() {
        for (offset, error) in [(-60_000, Some("AccessDenied")), (-3_700_000, None), (5_000, None)] {
            assert_eq!(told(&judged(entered(killed(), offset, error)).verdict), None, "{offset}");
        }
    }

    #[test]
    fn a_refused_session_is_no_attempt_to_stop() {
        let mut evidence = stopped("UserInitiated", "Task stopped by user", Some(0));
        evidence.readings.push(Reading { about: Some("StopTask".to_owned()), ..Reading::new(Source::Cloudtrail, Status::Ok) });
        assert!(judged(entered(evidence, -60_000, Some("AccessDenied"))).stopped_by.attempts.is_empty());
    }

    #[test]
    fn where_the_search_was_refused_nothing_is_said_and_the_verdict_stays() {
        let plain = judged(killed());
        let mut evidence = killed();
        evidence.readings.push(Reading { about: Some("ExecuteCommand".to_owned()), aside: true, ..Reading::new(Source::Cloudtrail, Status::Denied) });
        let trace = judged(evidence);
        assert_eq!(told(&trace.verdict), None);
        assert_eq!((trace.verdict.confidence, trace.verdict.unchecked), (plain.verdict.confidence, plain.verdict.unchecked));
    }
}
