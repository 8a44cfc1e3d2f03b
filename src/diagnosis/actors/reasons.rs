//! Reasons that programs type when they call StopTask. They tell whose words they are and never who called: anybody
//! may type them.

/// The program whose own words a reason is.
///
/// From the programs' sources: ecsta `stop.go`, Airflow `EcsRunTaskOperator.on_kill` and its ECS executor, the Amazon
/// ECS plugin of Jenkins, Copilot `internal/pkg/ecs`. Programs that name themselves need no entry.
#[must_use]
pub fn whose_words(reason: &str) -> Option<&'static str> {
    const KNOWN: [(&str, &str); 5] = [
        ("Request stop task by user action", "ecsta"),
        ("Task killed by the user", "an Airflow operator whose task was killed"),
        ("Airflow Executor received a SIGTERM", "Airflow's ECS executor as it shut down"),
        ("Stopped by Jenkins Amazon ECS PlugIn", "the Amazon ECS plugin of Jenkins"),
        ("Task stopped because the underlying CloudFormation stack was deleted", "AWS Copilot"),
    ];
    let reason = reason.trim().trim_end_matches('.');
    KNOWN.iter().find(|(words, _)| reason.eq_ignore_ascii_case(words)).map(|(_, program)| *program)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stock_reason_tells_whose_words_it_is_and_another_tells_nothing() {
        assert_eq!(whose_words("Request stop task by user action."), Some("ecsta"));
        assert_eq!(whose_words("Task killed by the user"), Some("an Airflow operator whose task was killed"));
        assert_eq!(whose_words("Task stopped by user"), None);
        assert_eq!(whose_words("Request stop task by user action, says ann"), None);
    }
}
