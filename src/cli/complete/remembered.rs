//! What AWS told at the last refresh, on disk for the next TAB: one file for each of who asks, where and of which cluster.

use std::io::{Read, Write};
use std::path::PathBuf;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::sources::cache;

/// Younger than this it is used as it is; older, it is used and asked for again behind the prompt.
const TASKS_ARE_NEW: SignedDuration = SignedDuration::from_secs(20);
const NAMES_ARE_NEW: SignedDuration = SignedDuration::from_mins(2);
/// From here on a TAB waits a moment for a newer word.
const TASKS_ARE_OLD: SignedDuration = SignedDuration::from_mins(5);
const NAMES_ARE_OLD: SignedDuration = SignedDuration::from_hours(1);
/// ECS describes a stopped task for about an hour.
const TASKS_ARE_FORGOTTEN: SignedDuration = SignedDuration::from_hours(1);
const NAMES_ARE_FORGOTTEN: SignedDuration = SignedDuration::from_hours(24);
/// A child that has not ended by then was killed.
const CHILD_IS_GONE: SignedDuration = SignedDuration::from_secs(15);
/// Files nobody has asked for since are removed.
const UNUSED: SignedDuration = SignedDuration::from_hours(48);
/// No file of ours is larger.
const LARGEST: u64 = 4 << 20;

/// A stopped task as far as a line of suggestions shows it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stopped {
    pub arn: String,
    pub id: String,
    pub cluster: String,
    pub service: Option<String>,
    /// Service, or family and revision.
    pub of_what: String,
    /// When it stopped or began to.
    pub at: Option<Timestamp>,
    /// Nothing about it will change any more.
    pub is_over: bool,
    /// What ECS says of the end, redacted.
    pub told: String,
    pub containers: Vec<String>,
}

/// One kind of answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Piece {
    Clusters,
    Tasks,
    Services,
}

impl Piece {
    pub const ALL: [Self; 3] = [Self::Clusters, Self::Tasks, Self::Services];

    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Clusters => "clusters",
            Self::Tasks => "tasks",
            Self::Services => "services",
        }
    }

    /// New, old and forgotten from which age on.
    fn ages(self) -> (SignedDuration, SignedDuration, SignedDuration) {
        match self {
            Self::Tasks => (TASKS_ARE_NEW, TASKS_ARE_OLD, TASKS_ARE_FORGOTTEN),
            Self::Clusters | Self::Services => (NAMES_ARE_NEW, NAMES_ARE_OLD, NAMES_ARE_FORGOTTEN),
        }
    }
}

/// An answer, when it came, and when it was last asked for.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Dated<T> {
    pub at: Option<Timestamp>,
    pub tried: Option<Timestamp>,
    pub what: Vec<T>,
}

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Remembered {
    pub clusters: Dated<String>,
    pub tasks: Dated<Stopped>,
    /// Cluster and name.
    pub services: Dated<(String, String)>,
}

impl Remembered {
    fn times(&self, piece: Piece) -> (Option<Timestamp>, Option<Timestamp>) {
        match piece {
            Piece::Clusters => (self.clusters.at, self.clusters.tried),
            Piece::Tasks => (self.tasks.at, self.tasks.tried),
            Piece::Services => (self.services.at, self.services.tried),
        }
    }

    pub fn mark_tried(&mut self, piece: Piece, now: Timestamp) {
        match piece {
            Piece::Clusters => self.clusters.tried = Some(now),
            Piece::Tasks => self.tasks.tried = Some(now),
            Piece::Services => self.services.tried = Some(now),
        }
    }

    /// Whether it was asked for so lately that nobody need ask again.
    #[must_use]
    pub fn is_new(&self, piece: Piece, now: Timestamp) -> bool {
        self.times(piece).1.is_some_and(|tried| is_within(tried, now, piece.ages().0))
    }

    /// Whether there is an answer worth showing without a look for a newer one.
    #[must_use]
    pub fn is_usable(&self, piece: Piece, now: Timestamp) -> bool {
        self.times(piece).0.is_some_and(|at| is_within(at, now, piece.ages().1))
    }

    /// Without what AWS itself will have forgotten.
    #[must_use]
    pub fn known_at(mut self, now: Timestamp) -> Self {
        let is_kept = |at: Option<Timestamp>, piece: Piece| at.is_some_and(|at| is_within(at, now, piece.ages().2));
        if !is_kept(self.clusters.at, Piece::Clusters) {
            self.clusters.what.clear();
        }
        if !is_kept(self.services.at, Piece::Services) {
            self.services.what.clear();
        }
        if !is_kept(self.tasks.at, Piece::Tasks) {
            self.tasks.what.clear();
        }
        // A list just told is ECS's own word, however long ago the stop was.
        if !self.is_new(Piece::Tasks, now) {
            self.tasks.what.retain(|task| task.at.is_none_or(|at| is_within(at, now, TASKS_ARE_FORGOTTEN)));
        }
        self
    }
}

/// A time in the future is a clock that was wrong, and no age at all.
fn is_within(at: Timestamp, now: Timestamp, most: SignedDuration) -> bool {
    let age = now.duration_since(at);
    age >= SignedDuration::from_secs(-1) && age < most
}

/// The file of one key, and the mark of the child that refreshes it.
#[derive(Debug, Clone)]
pub struct Memory {
    folder: PathBuf,
    key: String,
}

/// Whether a child may be started.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Turn {
    Mine,
    /// One is at work since then.
    Taken(Timestamp),
    /// Nothing can be written.
    Nowhere,
}

impl Memory {
    /// None where there is no folder for it.
    #[must_use]
    pub fn open(key: &str) -> Option<Self> {
        Some(Self { folder: cache::folder()?, key: key.to_owned() })
    }

    #[must_use]
    pub fn read(&self) -> Remembered {
        let Ok(file) = std::fs::File::open(self.file("json")) else { return Remembered::default() };
        let mut bytes = Vec::new();
        if file.take(LARGEST).read_to_end(&mut bytes).is_err() {
            return Remembered::default();
        }
        serde_json::from_slice(&bytes).unwrap_or_default()
    }

    /// Whole or not at all, 0600.
    pub fn keep(&self, remembered: &Remembered) {
        if let Ok(bytes) = serde_json::to_vec(remembered) {
            cache::keep(&self.file("json"), &bytes);
        }
    }

    /// Takes the turn to refresh, if nobody has it.
    #[must_use]
    pub fn take_turn(&self, now: Timestamp) -> Turn {
        let mark = self.file("turn");
        for _ in 0..2 {
            match beginning(&mark) {
                Ok(mut file) => return if write!(file, "{now}").is_ok() { Turn::Mine } else { Turn::Nowhere },
                Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {
                    let since: Option<Timestamp> = std::fs::read_to_string(&mark).ok().and_then(|text| text.parse().ok());
                    if let Some(since) = since.filter(|since| is_within(*since, now, CHILD_IS_GONE)) {
                        return Turn::Taken(since);
                    }
                    let _ = std::fs::remove_file(&mark);
                }
                Err(_) => return Turn::Nowhere,
            }
        }
        Turn::Nowhere
    }

    pub fn give_turn_back(&self) {
        let _ = std::fs::remove_file(self.file("turn"));
    }

    /// Removes what other keys left behind long ago.
    pub fn tidy(&self, now: Timestamp) {
        let is_of_a_tab = |name: &str| name.starts_with(".new-") || name.ends_with(".json") || name.ends_with(".turn");
        for entry in std::fs::read_dir(&self.folder).into_iter().flatten().flatten().filter(|entry| is_of_a_tab(&entry.file_name().to_string_lossy())) {
            let changed = entry.metadata().ok().and_then(|found| Timestamp::try_from(found.modified().ok()?).ok());
            if changed.is_some_and(|changed| now.duration_since(changed) > UNUSED) {
                let _ = std::fs::remove_file(entry.path());
            }
        }
    }

    fn file(&self, extension: &str) -> PathBuf {
        self.folder.join(format!("{}.{extension}", self.key))
    }
}

/// A new file, 0600; an error if there is one.
fn beginning(path: &std::path::Path) -> std::io::Result<std::fs::File> {
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_second(2_000_000_000 + seconds).unwrap()
    }

    fn stopped(id: &str, stopped_at: i64) -> Stopped {
        let (id, arn) = (id.to_owned(), String::new());
        Stopped { arn, id, cluster: "prod".to_owned(), service: None, of_what: String::new(), at: Some(at(stopped_at)), is_over: true, told: String::new(), containers: Vec::new() }
    }

    #[test]
    fn an_answer_is_new_then_used_then_waited_for_then_forgotten() {
        let mut remembered = Remembered::default();
        assert!(!remembered.is_new(Piece::Tasks, at(0)) && !remembered.is_usable(Piece::Tasks, at(0)));
        remembered.tasks = Dated { at: Some(at(0)), tried: Some(at(0)), what: vec![stopped("a", -60)] };
        assert!(remembered.is_new(Piece::Tasks, at(19)) && !remembered.is_new(Piece::Tasks, at(20)));
        assert!(remembered.is_usable(Piece::Tasks, at(299)) && !remembered.is_usable(Piece::Tasks, at(300)));
        assert_eq!(remembered.clone().known_at(at(3_000)).tasks.what.len(), 1);
        assert_eq!(remembered.clone().known_at(at(3_600)).tasks.what.len(), 0);
        // The clock was set back: nobody knows how old it is.
        assert!(!remembered.is_new(Piece::Tasks, at(-60)) && remembered.known_at(at(-60)).tasks.what.is_empty());
    }

    #[test]
    fn a_task_that_stopped_an_hour_ago_goes_unless_ecs_has_just_told_it() {
        let tasks = Dated { at: Some(at(0)), tried: Some(at(0)), what: vec![stopped("a", -3_700), stopped("b", -60)] };
        let remembered = Remembered { tasks, ..Remembered::default() };
        assert_eq!(remembered.clone().known_at(at(10)).tasks.what.len(), 2);
        assert_eq!(remembered.known_at(at(100)).tasks.what.iter().map(|task| task.id.as_str()).collect::<Vec<_>>(), ["b"]);
    }

    #[test]
    fn one_child_has_the_turn_until_it_gives_it_back_or_must_be_dead() {
        let folder = tempfile::tempdir().unwrap();
        let memory = Memory { folder: folder.path().to_owned(), key: "k".to_owned() };
        assert_eq!(memory.take_turn(at(0)), Turn::Mine);
        assert_eq!(memory.take_turn(at(5)), Turn::Taken(at(0)));
        assert_eq!(memory.take_turn(at(15)), Turn::Mine);
        memory.give_turn_back();
        assert_eq!(memory.take_turn(at(16)), Turn::Mine);
        std::fs::write(memory.file("turn"), "no time").unwrap();
        assert_eq!(memory.take_turn(at(17)), Turn::Mine);
    }

    #[test]
    fn a_broken_file_is_no_memory_and_a_kept_one_is_read_again() {
        let folder = tempfile::tempdir().unwrap();
        let memory = Memory { folder: folder.path().to_owned(), key: "k".to_owned() };
        std::fs::write(memory.file("json"), "{\"tasks\": [").unwrap();
        assert!(memory.read().tasks.what.is_empty());
        let mut remembered = Remembered::default();
        remembered.tasks.what = vec![stopped("a", 0)];
        memory.keep(&remembered);
        assert_eq!(memory.read().tasks.what, remembered.tasks.what);
    }
}
