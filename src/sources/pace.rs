//! CloudTrail's two requests a second, shared by every process of one user on one machine: ten terminals in one incident
//! wait for each other instead of throttling each other out.
//!
//! The times of the last departures stand in a small file, one for each region and account, under a lock that is held
//! for as long as it takes to write a line. Nobody reserves: a request takes its place when it leaves, so that a run that
//! ends while it waits leaves nothing behind. Where there is no place for the file, each process keeps the pace for itself.

use std::collections::hash_map::DefaultHasher;
use std::fs::{File, OpenOptions, TryLockError};
use std::hash::{Hash, Hasher};
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::PathBuf;
use std::sync::Mutex;
use std::time::Duration;

use super::cache;

/// LookupEvents: two requests a second for each account and region.
const REQUESTS: usize = 2;
/// A little over a second, since the server's clock counts arrivals and not departures.
const WINDOW: u64 = 1_050;
/// What is added to the window after a refusal, at first and at the most: somebody else spends the same budget.
const FIRST_SLOWING: u64 = 150;
const MOST_SLOWING: u64 = 2_400;
/// A time further ahead was written before the machine started anew, or on another one.
const BELIEVED_AHEAD: u64 = 50;
/// Those who wait for the same moment do not all come at once.
const SPREAD: u64 = 40;
/// No file of ours is longer.
const LONGEST: u64 = 256;
/// Another process holds the lock for a moment; one that holds it longer is stuck and counts no more.
const LOCKED_FOR: Duration = Duration::from_millis(400);
const TRIED_EVERY: Duration = Duration::from_millis(10);

/// When the last requests left, and how far the pace is slowed. Milliseconds since the machine started.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Departures {
    last: Vec<u64>,
    slowing: u64,
}

impl Departures {
    /// `1795529261000 1795529261500 0`; anything else is as good as nothing.
    fn read(text: &str, now: u64) -> Self {
        let mut numbers: Vec<u64> = text.split_whitespace().filter_map(|number| number.parse().ok()).collect();
        let slowing = if numbers.len() > REQUESTS { numbers.pop().unwrap_or_default().min(MOST_SLOWING) } else { 0 };
        numbers.retain(|at| *at <= now + BELIEVED_AHEAD);
        numbers.sort_unstable();
        Self { last: numbers, slowing }
    }

    fn written(&self) -> String {
        let mut last = [0; REQUESTS];
        for (place, at) in last.iter_mut().rev().zip(self.last.iter().rev()) {
            *place = *at;
        }
        format!("{} {} {}\n", last[0], last[1], self.slowing)
    }

    /// Takes a departure now; else how long until one is free.
    fn take(&mut self, now: u64) -> Result<(), u64> {
        let free = self.last.len().checked_sub(REQUESTS).and_then(|at| self.last.get(at)).map_or(0, |first| first + WINDOW + self.slowing);
        if free > now {
            return Err(free - now);
        }
        self.last.push(now);
        self.last.sort_unstable();
        self.last.drain(..self.last.len().saturating_sub(REQUESTS));
        Ok(())
    }

    /// The budget was spent by somebody else: the next window is left to them, and those after it are wider.
    fn refused(&mut self, now: u64) {
        let latest = now.max(self.last.last().copied().unwrap_or_default());
        self.last = vec![latest; REQUESTS];
        self.slowing = (self.slowing * 2).clamp(FIRST_SLOWING, MOST_SLOWING);
    }

    fn answered(&mut self) {
        self.slowing /= 2;
    }
}

/// The pace of one account's look-ups.
#[derive(Debug, Default)]
pub struct Pace {
    /// Where it is shared, and the mark of who asks whom.
    shared: Option<(PathBuf, String)>,
    own: Mutex<Departures>,
}

impl Pace {
    /// Shared with every process that asks the same endpoint for the same account, as far as its id or the key tells.
    #[must_use]
    pub fn shared(endpoint: Option<&str>, account: &str) -> Self {
        let mut mark = DefaultHasher::new();
        (endpoint, account).hash(&mut mark);
        // Without a clock that all processes share there is nothing to agree on.
        let folder = if cfg!(unix) { cache::meeting_place() } else { None };
        Self { shared: folder.map(|folder| (folder, format!("{:016x}", mark.finish()))), own: Mutex::default() }
    }

    /// Waits until a LookupEvents may leave, and takes that moment; gives how long that was. Whoever stops waiting has
    /// taken nothing.
    pub async fn wait(&self, region: &str) -> Duration {
        let began = tokio::time::Instant::now();
        while let Err(left) = self.with(region, |departures| departures.take(milliseconds())).await {
            tokio::time::sleep(Duration::from_millis(left + fastrand::u64(..SPREAD))).await;
        }
        began.elapsed()
    }

    pub async fn refused(&self, region: &str) {
        self.with(region, |departures| departures.refused(milliseconds())).await;
    }

    pub async fn answered(&self, region: &str) {
        let is_slowed = self.own.lock().unwrap_or_else(std::sync::PoisonError::into_inner).slowing > 0;
        if is_slowed {
            self.with(region, Departures::answered).await;
        }
    }

    async fn with<T>(&self, region: &str, change: impl FnOnce(&mut Departures) -> T) -> T {
        let file = match &self.shared {
            Some((folder, mark)) => locked(&folder.join(format!("cloudtrail-{}-{mark}", bare(region)))).await,
            None => None,
        };
        let mut own = self.own.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let Some(mut file) = file else { return change(&mut own) };
        let mut text = String::new();
        let mut departures = match (&file).take(LONGEST).read_to_string(&mut text) {
            Ok(_) => Departures::read(&text, milliseconds()),
            Err(_) => own.clone(),
        };
        let told = change(&mut departures);
        let line = departures.written();
        let _ = file.seek(SeekFrom::Start(0)).and_then(|_| file.write_all(line.as_bytes())).and_then(|()| file.set_len(line.len() as u64));
        *own = departures;
        told
    }
}

/// The file, locked for this process alone; none where it is no file of its own, cannot be opened, or another holds it too
/// long.
async fn locked(path: &PathBuf) -> Option<File> {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt;
        // A link would be written through, a pipe waited for.
        let flags = rustix::fs::OFlags::NOFOLLOW | rustix::fs::OFlags::NONBLOCK;
        options.mode(0o600).custom_flags(i32::try_from(flags.bits()).ok()?);
    }
    let file = options.open(path).ok().filter(|file| file.metadata().is_ok_and(|found| found.is_file()))?;
    let began = tokio::time::Instant::now();
    loop {
        match file.try_lock() {
            Ok(()) => return Some(file),
            Err(TryLockError::WouldBlock) if began.elapsed() < LOCKED_FOR => tokio::time::sleep(TRIED_EVERY).await,
            Err(_) => return None,
        }
    }
}

/// A region's name holds nothing that a path would obey, whatever was typed.
fn bare(region: &str) -> String {
    region.chars().filter(|letter| letter.is_ascii_alphanumeric() || *letter == '-').collect()
}

/// Of the clock that all processes of a machine have in common and nobody can set.
#[cfg(unix)]
fn milliseconds() -> u64 {
    let now = rustix::time::clock_gettime(rustix::time::ClockId::Monotonic);
    u64::try_from(now.tv_sec).unwrap_or_default() * 1000 + u64::try_from(now.tv_nsec).unwrap_or_default() / 1_000_000
}

/// Where there is none, nothing is shared, and any clock of this process will do.
#[cfg(not(unix))]
fn milliseconds() -> u64 {
    static BEGAN: std::sync::OnceLock<tokio::time::Instant> = std::sync::OnceLock::new();
    u64::try_from(BEGAN.get_or_init(tokio::time::Instant::now).elapsed().as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Who waits asks again when told to.
    fn leaves_at(departures: &mut Departures, mut now: u64) -> u64 {
        while let Err(left) = departures.take(now) {
            now += left;
        }
        now
    }

    #[test]
    fn no_window_holds_more_than_two_departures_however_many_ask() {
        let mut departures = Departures::default();
        let slots: Vec<u64> = (0..7).map(|_| leaves_at(&mut departures, 10_000)).collect();
        assert_eq!(slots, [10_000, 10_000, 11_050, 11_050, 12_100, 12_100, 13_150]);
        assert_eq!(leaves_at(&mut departures, 60_000), 60_000, "what was not used is not saved up");
        assert_eq!((leaves_at(&mut departures, 60_000), leaves_at(&mut departures, 60_000)), (60_000, 61_050));
    }

    #[test]
    fn whoever_stops_waiting_has_taken_nothing() {
        let mut departures = Departures::default();
        (0..2).for_each(|_| departures.take(10_000).expect("free"));
        for _ in 0..100 {
            assert_eq!(departures.take(10_400), Err(650));
        }
        assert_eq!(departures.take(11_050), Ok(()));
    }

    #[test]
    fn a_refusal_widens_the_window_and_answers_narrow_it_again() {
        let mut departures = Departures::default();
        departures.take(10_000).expect("free");
        departures.refused(10_100);
        assert_eq!(departures.take(10_100), Err(WINDOW + FIRST_SLOWING));
        (0..9).for_each(|_| departures.refused(20_000));
        assert_eq!(departures.slowing, MOST_SLOWING);
        (0..13).for_each(|_| departures.answered());
        assert_eq!(departures.slowing, 0);
    }

    #[test]
    fn what_stands_in_the_file_is_read_again_and_nonsense_is_nothing() {
        let mut departures = Departures::default();
        for now in [10_000, 10_000, 11_050] {
            departures.take(now).expect("free");
        }
        assert_eq!(Departures::read(&departures.written(), 11_050), departures);
        assert_eq!(Departures::read("no numbers", 10_000), Departures::default());
        // Of another machine's clock, or of this one before it started anew.
        assert_eq!(Departures::read("99999999 99999999 0", 10_000).take(10_000), Ok(()));
    }

    #[cfg(unix)]
    #[tokio::test]
    async fn what_is_no_file_of_its_own_is_neither_waited_for_nor_written_through() {
        let folder = tempfile::tempdir().expect("a folder");
        let others = folder.path().join("others");
        std::fs::write(&others, "precious").expect("a file");
        let pace = |mark: &str| Pace { shared: Some((folder.path().to_owned(), mark.to_owned())), own: Mutex::default() };
        std::os::unix::fs::symlink(&others, folder.path().join("cloudtrail-eu-west-1-link")).expect("a link");
        rustix::fs::mknodat(rustix::fs::CWD, folder.path().join("cloudtrail-eu-west-1-pipe"), rustix::fs::FileType::Fifo, rustix::fs::Mode::RUSR | rustix::fs::Mode::WUSR, 0)
            .expect("a pipe");
        for mark in ["link", "pipe"] {
            let pace = pace(mark);
            let waits = tokio::time::timeout(Duration::from_secs(2), pace.wait("eu-west-1"));
            assert!(waits.await.is_ok_and(|waited| waited < Duration::from_millis(200)), "{mark}");
        }
        assert_eq!(std::fs::read_to_string(&others).expect("still there"), "precious");
    }

    #[tokio::test]
    async fn two_of_one_account_share_a_pace_and_another_account_does_not_wait() {
        let folder = tempfile::tempdir().expect("a folder");
        let pace = |mark: &str| Pace { shared: Some((folder.path().to_owned(), mark.to_owned())), own: Mutex::default() };
        let (one, two, other) = (pace("a"), pace("a"), pace("b"));
        assert!(one.wait("eu-west-1").await + two.wait("eu-west-1").await < Duration::from_millis(200));
        assert!(other.wait("eu-west-1").await < Duration::from_millis(200));
        assert!(two.wait("eu-west-1").await > Duration::from_millis(500));
        assert!(two.wait("us-east-1").await < Duration::from_millis(200), "another region has a budget of its own");
    }
}
