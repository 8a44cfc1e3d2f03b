//! What is to choose from, what was typed, and which one is meant. Knows nothing of terminals.

use jiff::Timestamp;
use nucleo_matcher::pattern::{AtomKind, CaseMatching, Normalization, Pattern};
use nucleo_matcher::{Config, Matcher, Utf32Str};
use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

use crate::diagnosis::brief::Stop;

/// What a key led to.
#[derive(Debug, PartialEq, Eq)]
pub enum Turn {
    On,
    /// The ARN of the task.
    Picked(String),
    /// Nothing was picked.
    Left,
}

/// How far a page turns.
const PAGE: isize = 10;

pub struct Choice {
    pub now: Timestamp,
    pub typed: String,
    /// Newest first.
    stops: Vec<Stop>,
    /// Indices of those that fit what was typed, the best first.
    fitting: Vec<usize>,
    selected: usize,
    filling: bool,
    /// What could not be read, in words.
    pub gap: Option<String>,
    matcher: Matcher,
}

impl Choice {
    #[must_use]
    pub fn new(now: Timestamp) -> Self {
        Self { now, typed: String::new(), stops: Vec::new(), fitting: Vec::new(), selected: 0, filling: true, gap: None, matcher: Matcher::new(Config::DEFAULT) }
    }

    /// Takes more stops in. The one that is selected stays selected, once somebody has moved to it.
    pub fn add(&mut self, stops: Vec<Stop>) {
        if stops.is_empty() {
            return;
        }
        let meant = (self.selected > 0).then(|| self.meant().map(|stop| stop.task().arn.clone())).flatten();
        self.stops.extend(stops);
        self.stops.sort_by(|a, b| (b.at(), &b.task().id).cmp(&(a.at(), &a.task().id)));
        self.fit();
        if let Some(at) = meant.and_then(|arn| self.fitting.iter().position(|at| self.stops[*at].task().arn == arn)) {
            self.selected = at;
        }
    }

    /// Takes other verdicts on stops that are here already: their services have been asked. The one that is selected stays
    /// selected, wherever its new words put it.
    pub fn judge_anew(&mut self, judged: Vec<Stop>) {
        let meant = self.meant().map(|stop| stop.task().arn.clone());
        for anew in judged {
            if let Some(stop) = self.stops.iter_mut().find(|stop| stop.task().arn == anew.task().arn) {
                *stop = anew;
            }
        }
        self.fit();
        if let Some(at) = meant.and_then(|arn| self.fitting.iter().position(|at| self.stops[*at].task().arn == arn)) {
            self.selected = at;
        }
    }

    /// No more will come.
    pub fn end(&mut self, gap: Option<String>) {
        (self.filling, self.gap) = (false, gap);
    }

    #[must_use]
    pub fn is_filling(&self) -> bool {
        self.filling
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.stops.is_empty()
    }

    #[must_use]
    pub fn all(&self) -> &[Stop] {
        &self.stops
    }

    pub fn fitting(&self) -> impl ExactSizeIterator<Item = &Stop> {
        self.fitting.iter().map(|at| &self.stops[*at])
    }

    #[must_use]
    pub fn selected(&self) -> usize {
        self.selected
    }

    #[must_use]
    pub fn meant(&self) -> Option<&Stop> {
        self.fitting.get(self.selected).map(|at| &self.stops[*at])
    }

    pub fn press(&mut self, key: KeyEvent) -> Turn {
        let control = key.modifiers.contains(KeyModifiers::CONTROL);
        match key.code {
            KeyCode::Esc => return Turn::Left,
            KeyCode::Char('c' | 'd' | 'g') if control => return Turn::Left,
            KeyCode::Enter => {
                return self.meant().map_or(Turn::On, |stop| Turn::Picked(stop.task().arn.clone()));
            }
            KeyCode::Up => self.step(-1),
            KeyCode::Char('p' | 'k') if control => self.step(-1),
            KeyCode::Down | KeyCode::Tab => self.step(1),
            KeyCode::Char('n' | 'j') if control => self.step(1),
            KeyCode::PageUp => self.step(-PAGE),
            KeyCode::PageDown => self.step(PAGE),
            KeyCode::Home => self.selected = 0,
            KeyCode::End => self.selected = self.fitting.len().saturating_sub(1),
            KeyCode::Char('u') if control => self.retype(String::clear),
            KeyCode::Char('w') if control => self.retype(|typed| {
                let kept = typed.trim_end().rsplit_once(' ').map_or(0, |(before, _)| before.len());
                typed.truncate(kept);
            }),
            KeyCode::Backspace => self.retype(|typed| {
                typed.pop();
            }),
            KeyCode::Char(letter) if !control && !key.modifiers.contains(KeyModifiers::ALT) => self.retype(|typed| typed.push(letter)),
            _ => {}
        }
        Turn::On
    }

    fn step(&mut self, by: isize) {
        self.selected = self.selected.saturating_add_signed(by).min(self.fitting.len().saturating_sub(1));
    }

    fn retype(&mut self, change: impl FnOnce(&mut String)) {
        change(&mut self.typed);
        self.selected = 0;
        self.fit();
    }

    fn fit(&mut self) {
        let pattern = Pattern::parse(&self.typed, CaseMatching::Smart, Normalization::Smart);
        let as_typed = Pattern::new(&self.typed, CaseMatching::Smart, Normalization::Smart, AtomKind::Substring);
        let (matcher, mut letters) = (&mut self.matcher, Vec::new());
        let mut scored: Vec<(u32, usize)> = Vec::new();
        for (at, stop) in self.stops.iter().enumerate() {
            let by_name = pattern.score(Utf32Str::new(&names(stop), &mut letters), matcher);
            // In a sentence any letters can be found somewhere: there the words must stand as they were typed.
            let by_words = || as_typed.score(Utf32Str::new(&stop.words(), &mut letters), matcher);
            if let Some(score) = by_name.or_else(by_words) {
                scored.push((score, at));
            }
        }
        // Among equals the newest stays first.
        scored.sort_by_key(|(score, at)| (std::cmp::Reverse(*score), *at));
        self.fitting = scored.into_iter().map(|(_, at)| at).collect();
        self.selected = self.selected.min(self.fitting.len().saturating_sub(1));
    }
}

/// What a stop is called.
fn names(stop: &Stop) -> String {
    format!("{} {} {} {}", stop.of_what(), stop.cause(), stop.task().cluster, stop.task().id)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnosis::rules::fixtures::stopped;

    fn stop(id: &str, service: &str, code: i64, second: i64) -> Stop {
        let mut task = stopped("EssentialContainerExited", "Essential container in task exited", Some(code)).task;
        (task.arn, task.id, task.service) = (format!("arn:{id}"), id.to_owned(), Some(service.to_owned()));
        task.times.stopped = Timestamp::from_second(second).ok();
        Stop::of(task, Timestamp::from_second(2_000_000_000).expect("a time"))
    }

    fn filled() -> Choice {
        let mut choice = Choice::new(Timestamp::from_second(2_000_000_000).expect("a time"));
        choice.add(vec![stop("a1", "web", 1, 10), stop("b2", "billing", 139, 30)]);
        choice.add(vec![stop("c3", "worker", 1, 20)]);
        choice
    }

    fn key(code: KeyCode) -> KeyEvent {
        KeyEvent::new(code, KeyModifiers::NONE)
    }

    fn type_in(choice: &mut Choice, text: &str) {
        text.chars().for_each(|letter| drop(choice.press(key(KeyCode::Char(letter)))));
    }

    fn ids(choice: &Choice) -> Vec<String> {
        choice.fitting().map(|stop| stop.task().id.clone()).collect()
    }

    #[test]
    fn the_newest_stands_first_whenever_it_arrived_and_enter_picks_it() {
        let mut choice = filled();
        assert_eq!(ids(&choice), ["b2", "c3", "a1"]);
        assert_eq!(choice.press(key(KeyCode::Enter)), Turn::Picked("arn:b2".into()));
    }

    #[test]
    fn what_is_typed_is_sought_in_service_cause_and_id_and_taken_back() {
        let mut choice = filled();
        type_in(&mut choice, "segm");
        assert_eq!(ids(&choice), ["b2"], "by its cause");
        choice.press(KeyEvent::new(KeyCode::Char('u'), KeyModifiers::CONTROL));
        type_in(&mut choice, "bil");
        assert_eq!(ids(&choice), ["b2"]);
        type_in(&mut choice, "zzz");
        assert_eq!((ids(&choice).len(), choice.press(key(KeyCode::Enter))), (0, Turn::On), "nothing to pick is no pick");
        (0..6).for_each(|_| drop(choice.press(key(KeyCode::Backspace))));
        assert_eq!(ids(&choice).len(), 3);
    }

    #[test]
    fn a_verdict_that_comes_later_takes_the_place_of_the_first_and_the_selected_one_stays() {
        let mut choice = filled();
        choice.press(key(KeyCode::Down));
        choice.judge_anew(vec![stop("a1", "web", 139, 10), stop("z9", "of-nobody", 1, 50)]);
        assert_eq!(ids(&choice), ["b2", "c3", "a1"], "none comes twice and none is added");
        assert_eq!(choice.all()[2].cause(), "crashed segmentation-fault");
        assert_eq!(choice.meant().map(|stop| stop.task().id.as_str()), Some("c3"));
        type_in(&mut choice, "segm");
        assert_eq!(ids(&choice), ["b2", "a1"], "it is found by its new cause");
    }

    #[test]
    fn the_one_that_was_moved_to_stays_while_the_list_fills() {
        let mut choice = filled();
        choice.press(key(KeyCode::Down));
        choice.add(vec![stop("d4", "api", 1, 40)]);
        assert_eq!(choice.meant().map(|stop| stop.task().id.as_str()), Some("c3"));
        choice.press(key(KeyCode::End));
        choice.press(key(KeyCode::Down));
        assert_eq!(choice.meant().map(|stop| stop.task().id.as_str()), Some("a1"), "the list ends where it ends");
    }

    #[test]
    fn escape_and_ctrl_c_leave_without_one() {
        assert_eq!(filled().press(key(KeyCode::Esc)), Turn::Left);
        assert_eq!(filled().press(KeyEvent::new(KeyCode::Char('c'), KeyModifiers::CONTROL)), Turn::Left);
    }
}
