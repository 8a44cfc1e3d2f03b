//! Asks Container Insights' performance log for the task's own memory and CPU in the minutes before its end.
//!
//! One sample a minute for each container and one for the task, in any cluster with Container Insights on.

use std::collections::BTreeMap;

use aws_sdk_cloudwatchlogs::types::FilteredLogEvent;
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use crate::diagnosis::event::{Event, Level, Precision, Sample, What, Witness};
use crate::diagnosis::evidence::{Reading, Source, Status};
use crate::diagnosis::task::Task;

use super::super::filtered::{PagesLeft, each_event};
use super::super::{Reach, around_stop};
use super::stamp;

const BEFORE_STOP: SignedDuration = SignedDuration::from_secs(10 * 60);
/// A page may be empty and still not be the last: AWS stops scanning when it likes.
const MOST_PAGES: usize = 20;
/// Containers told of; of more, those that used most memory.
const MOST_CONTAINERS: usize = 4;

pub(super) async fn collect(reach: &Reach<'_>) {
    let task = reach.task;
    if task.cluster.is_empty() {
        return reach.ledger.note(Reading::new(Source::Metrics, Status::Skipped).detailed("which cluster it was in is not known any more"));
    }
    let (from, to) = around_stop(task, reach.now, BEFORE_STOP, SignedDuration::ZERO);
    let group = format!("/aws/ecs/containerinsights/{}/performance", task.cluster);
    let inquiry = reach.ledger.ask(Source::Metrics, "logs:FilterLogEvents", format!("arn:aws:logs:{}:{}:log-group:{group}", task.region, task.account));
    inquiry.looked(Some(from), Some(to));
    let pattern = format!("{{ $.TaskId = \"{}\" }}", task.id);
    let (mut samples, pages_left) = (Vec::new(), PagesLeft::of(MOST_PAGES));
    let hear = |event: &FilteredLogEvent| samples.extend(event.message().and_then(|message| read(task, message, event.timestamp())));
    let ended = each_event(&reach.account.logs(&task.region), &inquiry, (&group, &pattern), (from, to), &pages_left, hear).await;
    if samples.is_empty() {
        inquiry.detail("Container Insights holds no sample of this task in that time");
    }
    inquiry.count(tell(reach, samples));
    match ended {
        Ok(()) => inquiry.done(),
        Err(failing) if failing.is("ResourceNotFoundException") => {
            inquiry.detail("Container Insights is off in this cluster, or its log has expired");
            inquiry.end(Status::Empty);
        }
        Err(failing) => inquiry.fail(&failing),
    }
}

struct Taken {
    at: Timestamp,
    /// `None`: the whole task.
    container: Option<String>,
    sample: Sample,
}

/// One record of type `Container` or `Task`; memory in MB (which are MiB), CPU in units.
fn read(task: &Task, message: &str, written: Option<i64>) -> Option<Taken> {
    let record: Value = serde_json::from_str(message).ok()?;
    let text = |name: &str| record.get(name).and_then(Value::as_str);
    // The filter matched the text; another cluster's or task's record is none of ours all the same.
    if text("TaskId") != Some(task.id.as_str()) {
        return None;
    }
    let container = match text("Type") {
        Some("Container") => Some(text("ContainerName")?.to_owned()),
        Some("Task") => None,
        _ => return None,
    };
    let number = |name: &str| {
        let value = record.get(name)?;
        let number = value.as_f64().or_else(|| value.as_str()?.trim().parse().ok())?;
        (0.0..=1e15).contains(&number).then(|| number.round() as i64)
    };
    let at = stamp(&record, written)?;
    let reserved = |name: &str| number(name).filter(|reserved| *reserved > 0);
    let sample = Sample {
        memory: number("MemoryUtilized"),
        memory_reserved: reserved("MemoryReserved"),
        cpu: number("CpuUtilized"),
        cpu_reserved: reserved("CpuReserved"),
        ..Sample::default()
    };
    (sample.memory.is_some() || sample.cpu.is_some()).then_some(Taken { at, container, sample })
}

/// Tells of each container and of the task the last sample before the stop, and the peak where it was another.
fn tell(reach: &Reach<'_>, samples: Vec<Taken>) -> usize {
    let stop = reach.task.stop_anchor().unwrap_or(reach.now);
    let mut by_container: BTreeMap<Option<String>, Vec<Taken>> = BTreeMap::new();
    for taken in samples.into_iter().filter(|taken| taken.at <= stop) {
        by_container.entry(taken.container.clone()).or_default().push(taken);
    }
    let mut told: Vec<(Option<String>, Vec<Taken>)> = by_container.into_iter().collect();
    let most = |taken: &[Taken]| taken.iter().filter_map(|taken| taken.sample.memory).max();
    told.sort_by_key(|(container, taken)| (container.is_some(), std::cmp::Reverse(most(taken))));
    let mut count = 0;
    for (container, mut taken) in told.into_iter().take(1 + MOST_CONTAINERS) {
        taken.sort_by_key(|taken| taken.at);
        let last = taken.pop();
        let used = |taken: &Taken| taken.sample.memory.unwrap_or_default();
        // A peak is another fact only where memory fell from it by more than a tenth.
        let before = taken.into_iter().max_by_key(used).filter(|peak| last.as_ref().is_some_and(|last| used(peak) * 9 > used(last) * 10));
        for (taken, peak) in before.map(|peak| (peak, true)).into_iter().chain(last.map(|last| (last, false))) {
            let what = What::Sampled(Sample { peak, ..taken.sample });
            reach.ledger.tell(Event { at: taken.at, precision: Precision::Second, witness: Witness::Metric, level: Level::Info, container: container.clone(), what });
            count += 1;
        }
    }
    count
}

#[cfg(test)]
mod tests {
    use super::*;

    fn task() -> Task {
        Task { id: "5d6c".to_owned(), ..Task::default() }
    }

    #[test]
    fn a_container_record_gives_its_memory_and_cpu() {
        let taken = read(
            &task(),
            r#"{"Type":"Container","TaskId":"5d6c","ContainerName":"app","Timestamp":1700000000000,"MemoryUtilized":511.4,"MemoryReserved":512,"CpuUtilized":12.6,"CpuReserved":0.0}"#,
            None,
        )
        .expect("a sample");
        assert_eq!((taken.container.as_deref(), taken.at.as_millisecond()), (Some("app"), 1_700_000_000_000));
        assert_eq!((taken.sample.memory, taken.sample.memory_reserved, taken.sample.cpu, taken.sample.cpu_reserved), (Some(511), Some(512), Some(13), None));
    }

    #[test]
    fn a_record_without_a_stamp_is_of_the_moment_it_was_written() {
        let taken = read(&task(), r#"{"Type":"Task","TaskId":"5d6c","MemoryUtilized":"90"}"#, Some(1_700_000_000_000)).expect("a sample");
        assert_eq!((taken.container, taken.sample.memory), (None, Some(90)));
    }

    #[test]
    fn another_tasks_record_and_half_a_record_are_none() {
        assert!(read(&task(), r#"{"Type":"Task","TaskId":"ffff","MemoryUtilized":90}"#, Some(1)).is_none());
        assert!(read(&task(), r#"{"Type":"Container","TaskId":"5d6c""#, Some(1)).is_none());
        assert!(read(&task(), r#"{"Type":"Volume","TaskId":"5d6c","MemoryUtilized":90}"#, Some(1)).is_none());
    }
}
