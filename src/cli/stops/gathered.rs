//! Stops of days as they come, from ECS and from its archives: each task once, judged when nothing newer is to come.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, HashMap, HashSet};

use jiff::Timestamp;
use sha2::{Digest, Sha256};

use crate::diagnosis::brief::Stop;
use crate::diagnosis::task::{StopCode, Task, Teller};
use crate::diagnosis::verdict::Cause;
use crate::sources::account::Account;
use crate::sources::ledger::Ledger;
use crate::sources::stops::{History, Known, histories, services};

use super::{latest, newest_first};

/// What a task is known by, wherever it is told of: few bytes, since a week has many of them.
type Key = [u8; 16];
type OfService = (String, String);

/// Up to where what has come may be told.
#[derive(Debug, Clone, Copy)]
enum Settled {
    Nothing,
    DownTo(Timestamp),
    All,
}

pub(super) struct Gathered<'a> {
    account: &'a Account,
    ledger: &'a Ledger,
    from: Timestamp,
    now: Timestamp,
    /// What has come and is not told yet.
    pending: RefCell<HashMap<Key, Task>>,
    told: RefCell<HashSet<Key>>,
    live_is_over: Cell<bool>,
    archives: Cell<Settled>,
    services: RefCell<BTreeMap<OfService, Known>>,
    histories: RefCell<BTreeMap<OfService, History>>,
    /// Whether asking for deployments was refused, and is not tried again.
    is_refused: Cell<bool>,
    /// Whether a stop was told that its service could have told more of.
    is_vague: Cell<bool>,
}

impl<'a> Gathered<'a> {
    pub fn new(account: &'a Account, ledger: &'a Ledger, (from, now): (Timestamp, Timestamp)) -> Self {
        Self {
            account,
            ledger,
            from,
            now,
            pending: RefCell::default(),
            told: RefCell::default(),
            live_is_over: Cell::new(false),
            archives: Cell::new(Settled::Nothing),
            services: RefCell::default(),
            histories: RefCell::default(),
            is_refused: Cell::new(false),
            is_vague: Cell::new(false),
        }
    }

    /// Takes tasks from either side. Of one that both know ECS's own word stays, unless an event is newer.
    pub fn take(&self, tasks: Vec<Task>) {
        let (mut pending, told) = (self.pending.borrow_mut(), self.told.borrow());
        for task in tasks.into_iter().filter(|task| at(task).is_none_or(|at| at >= self.from)) {
            let key = key(&task);
            if told.contains(&key) {
                continue;
            }
            match pending.get(&key) {
                Some(known) if !is_newer(&task, known) => {}
                _ => drop(pending.insert(key, task)),
            }
        }
    }

    pub fn live_is_over(&self) {
        self.live_is_over.set(true);
    }

    /// Nothing newer than this will come from the archives; without it nothing at all.
    pub fn archives_settled(&self, down_to: Option<Timestamp>) {
        self.archives.set(down_to.map_or(Settled::All, Settled::DownTo));
    }

    pub fn waiting(&self) -> usize {
        self.pending.borrow().len()
    }

    pub fn is_vague(&self) -> bool {
        self.is_vague.get()
    }

    /// Asks what the services of those say that can be told now.
    pub async fn learn(&self) {
        let (live, archived) = {
            let pending = self.pending.borrow();
            let (live, archived): (Vec<&Task>, Vec<&Task>) =
                pending.values().filter(|task| self.is_settled(task) && is_by_the_scheduler(task)).partition(|task| task.told_by == Teller::Ecs);
            let mut live = latest(live.into_iter());
            live.retain(|of, _| !self.services.borrow().contains_key(of));
            let mut archived: Vec<OfService> = archived.into_iter().filter_map(of_service).filter(|of| !self.histories.borrow().contains_key(of)).collect();
            archived.sort();
            archived.dedup();
            (live, if self.is_refused.get() { Vec::new() } else { archived })
        };
        let of_live = async {
            if !live.is_empty() {
                let known = services(self.account, self.ledger, live, self.now).await;
                self.services.borrow_mut().extend(known);
            }
        };
        let of_archived = async {
            if !archived.is_empty() {
                let (known, is_whole) = histories(self.account, self.ledger, archived, (self.from, self.now)).await;
                self.histories.borrow_mut().extend(known);
                self.is_refused.set(self.is_refused.get() || !is_whole);
            }
        };
        futures::join!(of_live, of_archived);
    }

    /// Those that can be told now, the newest first.
    pub fn settled(&self) -> Vec<Stop> {
        self.removed(|task| self.is_settled(task))
    }

    /// All that has come, where nothing more will.
    pub fn rest(&self) -> Vec<Stop> {
        self.removed(|_| true)
    }

    fn removed(&self, is_wanted: impl Fn(&Task) -> bool) -> Vec<Stop> {
        let (mut pending, mut told) = (self.pending.borrow_mut(), self.told.borrow_mut());
        let mut stops: Vec<Stop> = pending
            .extract_if(|_, task| is_wanted(task))
            .map(|(key, task)| {
                told.insert(key);
                self.judged(task)
            })
            .collect();
        newest_first(&mut stops);
        stops
    }

    fn is_settled(&self, task: &Task) -> bool {
        match self.archives.get() {
            _ if !self.live_is_over.get() => false,
            Settled::Nothing => false,
            Settled::DownTo(settled) => at(task).is_some_and(|at| at >= settled),
            Settled::All => true,
        }
    }

    /// With what its service said, where that could tell more.
    fn judged(&self, task: Task) -> Stop {
        let stop = Stop::of(task, self.now);
        if !stop.may_be_told_by_its_service() {
            return stop;
        }
        let task = stop.task();
        let Some(of) = of_service(task) else { return stop };
        if task.told_by == Teller::Ecs {
            if let Some((service, history)) = self.services.borrow().get(&of) {
                return Stop::beside(task.clone(), Some((service, history)), self.now);
            }
        } else if let Some((service, history)) = self.histories.borrow().get(&of) {
            let stop = Stop::long_ago(task.clone(), service.as_ref(), history.as_deref(), self.now);
            self.is_vague.set(self.is_vague.get() || history.is_none() || stop.trace.verdict.cause == Cause::Unknown);
            return stop;
        }
        self.is_vague.set(true);
        stop
    }
}

fn at(task: &Task) -> Option<Timestamp> {
    task.times.stopped.or_else(|| task.stop_anchor())
}

/// ECS describes a task that is still stopping; its end may have come into an archive meanwhile.
fn is_newer(task: &Task, known: &Task) -> bool {
    let versions = task.version.zip(known.version);
    match task.told_by {
        Teller::Ecs => versions.is_none_or(|(new, old)| new >= old),
        _ => versions.is_some_and(|(new, old)| new > old),
    }
}

fn key(task: &Task) -> Key {
    let mut key = Key::default();
    key.copy_from_slice(&Sha256::digest(task.arn.as_bytes())[..16]);
    key
}

fn of_service(task: &Task) -> Option<OfService> {
    Some((task.cluster.clone(), task.service.clone()?))
}

fn is_by_the_scheduler(task: &Task) -> bool {
    let code = task.stop_code.clone().or_else(|| StopCode::of_reason(task.stopped_reason.as_deref()?));
    task.service.is_some() && code == Some(StopCode::ServiceSchedulerInitiated)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ecss_own_word_stays_unless_an_event_is_newer_whichever_came_first() {
        let task = |told_by: Teller, version: Option<i64>| Task { told_by, version, ..Task::default() };
        let (live, same, newer, older) = (task(Teller::Ecs, Some(5)), task(Teller::Archive, Some(5)), task(Teller::Archive, Some(6)), task(Teller::Archive, Some(4)));
        assert!(is_newer(&live, &same) && !is_newer(&same, &live));
        assert!(is_newer(&live, &older) && !is_newer(&older, &live));
        assert!(is_newer(&newer, &live) && !is_newer(&live, &newer), "it was still stopping when ECS was asked");
        assert!(is_newer(&newer, &older) && !is_newer(&older, &newer) && !is_newer(&same, &same));
        let unversioned = task(Teller::Archive, None);
        assert!(is_newer(&live, &unversioned) && !is_newer(&unversioned, &live));
    }
}
