//! SIGTERM out of nowhere: 143 with no ordered stop.

use super::super::stopped_by::StoppedBy;
use super::super::timeline::Timeline;
use super::super::verdict::{Cause, Confidence, Finding, Judgement, Rule};
use super::{earlier_ends, ended_by_itself, last_words, unread_logs};

pub const RULE: Rule = Rule { cause: Cause::Terminated, details: &[], about: "143 by itself, with no ordered stop", judge };

fn judge(timeline: &Timeline, _: &StoppedBy) -> Judgement {
    let Some((container, line)) = ended_by_itself(timeline).filter(|(container, _)| container.exit_code == Some(143)) else { return Judgement::No };
    let mut finding = Finding::new(Confidence::Likely, "Terminated by SIGTERM");
    finding.container = Some(container.name.clone());
    finding.evidence = [Some(line), timeline.stop_line()].into_iter().flatten().map(|line| line.n).collect();
    finding.summary = format!(
        "Container {} ended on SIGTERM, exit 143 [{}], and ECS had not asked it to stop: the signal came from inside the container or from the host.",
        container.name, line.n
    );
    finding.summary.push_str(&earlier_ends(timeline, container));
    if let Some(gap) = unread_logs(timeline, &container.name) {
        finding.unchecked.push((Cause::AppError, gap));
    }
    finding.next_steps.extend(last_words(timeline, Some(&container.name), "Read its last words"));
    finding.into()
}

#[cfg(test)]
mod tests {
    use super::super::fixtures::*;
    use crate::diagnosis::evidence::Source;

    #[test]
    fn a_143_without_an_order_is_terminated() {
        assert_eq!(verdict(stopped("EssentialContainerExited", "Essential container in task exited", Some(143))), "terminated - likely");
    }

    #[test]
    fn a_143_after_an_order_is_a_consequence() {
        assert!(!verdict(stopped("ServiceSchedulerInitiated", "Task failed container health checks", Some(143))).starts_with("terminated"));
    }

    #[test]
    fn with_the_log_denied_that_is_said() {
        let evidence = hide(stopped("EssentialContainerExited", "Essential container in task exited", Some(143)), Source::Logs);
        assert!(!judged(evidence).verdict.unchecked.is_empty());
    }
}
