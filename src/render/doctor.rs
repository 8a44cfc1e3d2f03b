//! `doctor` as text: who asks, what may be read, what is missing and what to do about it.

use owo_colors::Style;

use crate::diagnosis::access::{Access, Checkup, Insights, Presence, Probe, Told, group};
use crate::diagnosis::words;

use super::Page;
use super::columns::{padded, width, wrapped};
use super::lines::Lines;
use super::printable::printable;

/// Columns of the labels, the mark and the word behind it.
const LABEL: usize = 13;
const MARK: usize = 2;
const WORD: usize = 11;
const TEXT: usize = LABEL + MARK + WORD;

/// The whole report. `policy` prints the statement that allows some actions.
#[must_use]
pub fn report(checkup: &Checkup, page: &Page, policy: impl Fn(&[&str]) -> String) -> String {
    let mut out = Out { page, lines: Lines::default() };
    out.headline(checkup);
    out.lines.blank();
    out.identity(checkup);
    out.lines.blank();
    if checkup.unreached.is_none() {
        for (source, probes) in checkup.by_source() {
            out.source(group(source), &probes);
        }
        out.lines.blank();
        out.surroundings(checkup);
        out.lines.blank();
    }
    out.next(checkup, policy);
    out.lines.text()
}

struct Out<'a> {
    page: &'a Page,
    lines: Lines,
}

impl Out<'_> {
    /// The text behind `head`, its further lines below its first. In a pipe it stays on one line, to be found again.
    fn hung(&mut self, head: &str, indent: usize, text: &str, style: &Style) {
        let room = if self.page.width.is_some() { self.page.measure().saturating_sub(indent) } else { 100_000 };
        for (at, line) in wrapped(&printable(text), room).iter().enumerate() {
            let line = self.page.look.paint(style, line);
            let before = if at == 0 { head.to_owned() } else { " ".repeat(indent) };
            self.lines.put(&format!("{before}{line}"));
        }
    }

    fn headline(&mut self, checkup: &Checkup) {
        let look = &self.page.look;
        let hindered: Vec<String> = checkup
            .by_source()
            .into_iter()
            .filter(|(source, probes)| source.is_some() && probes.iter().any(|probe| probe.access.is_obstacle()))
            .map(|(source, _)| group(source).to_owned())
            .collect();
        let (mark, style, words) = match () {
            () if checkup.unreached.is_some() => ("✗", &look.bad, "Nothing could be asked: no source was tried.".to_owned()),
            () if checkup.clock_is_off() => {
                ("✗", &look.bad, format!("The clock here is {}: AWS refuses what is signed more than 5 minutes off.", skew(checkup).unwrap_or_default()))
            }
            () if hindered.is_empty() => {
                let untried: Vec<&str> = checkup.probes.iter().filter(|probe| probe.access == Access::NotTried).map(|probe| probe.action).collect();
                let words = match untried.is_empty() {
                    true => "Every source may be read.".to_owned(),
                    false => format!("Every source that was tried may be read; not tried: {}.", actions(&untried)),
                };
                ("✓", &look.good, words)
            }
            () => ("✗", &look.bad, format!("{} cannot be read in full: {}.", words::count(hindered.len(), "source"), words::list(&hindered))),
        };
        let head = look.paint(style, &format!("{mark} "));
        self.hung(&head, MARK, &words, &style.clone());
    }

    /// `region       eu-west-1             from AWS_REGION`
    fn setting(&mut self, label: &str, told: &Told, columns: usize, more: &str) {
        let label = self.page.look.paint(&self.page.look.faint, &padded(label, LABEL));
        self.hung(&label, LABEL, &format!("{}  from {}{more}", padded(&told.value, columns), told.from), &Style::new());
    }

    fn identity(&mut self, checkup: &Checkup) {
        let faint = self.page.look.faint;
        let label = |name: &str| self.page.look.paint(&faint, &padded(name, LABEL));
        let (who, account) = (label("who"), label("account"));
        match &checkup.identity {
            Ok(identity) => {
                self.hung(&who, LABEL, &identity.arn, &self.page.look.strong.clone());
                self.hung(&account, LABEL, &identity.account, &Style::new());
            }
            Err(unknown) => self.hung(&who, LABEL, &format!("not told: {}", unknown.why), &self.page.look.bad.clone()),
        }
        let expires = checkup.expires.map(|at| format!(", until {}", self.page.clock.full(at))).unwrap_or_default();
        let told = [
            ("profile", checkup.profile.as_ref(), ""),
            ("region", checkup.region.as_ref(), ""),
            ("cluster", checkup.cluster.as_ref(), ""),
            ("access key", checkup.credentials.as_ref(), expires.as_str()),
            ("endpoint", checkup.endpoint.as_ref(), ""),
        ];
        const MOST: usize = 24;
        let columns = told.iter().filter_map(|(_, told, _)| Some(width(&told.as_ref()?.value))).filter(|columns| *columns <= MOST).max().unwrap_or(0);
        for (label, told, more) in told {
            match told {
                Some(told) => self.setting(label, told, columns, more),
                None if label == "region" => {
                    let profile = checkup.profile.as_ref().map_or("default", |profile| profile.value.as_str());
                    let label = self.page.look.paint(&faint, &padded(label, LABEL));
                    self.hung(&label, LABEL, &format!("none: not by --region, nor in AWS_REGION, AWS_DEFAULT_REGION or profile {profile}"), &Style::new());
                }
                None => {}
            }
        }
    }

    /// One row a kind of answer, so that what may be read takes one line and what may not says why.
    fn source(&mut self, name: &str, probes: &[&Probe]) {
        let mut label = name;
        let room = self.page.width.map_or(usize::MAX, |_| self.page.measure().saturating_sub(TEXT));
        for row in rows(probes, room) {
            let (mark, word, style) = self.marked(row.access);
            let head = format!(
                "{}{}{}",
                self.page.look.paint(&self.page.look.faint, &padded(label, LABEL)),
                self.page.look.paint(&style, &padded(mark, MARK)),
                self.page.look.paint(&style, &padded(word, WORD))
            );
            label = "";
            self.hung(&head, TEXT, &actions(&row.actions), &Style::new());
            let below = " ".repeat(TEXT);
            if let Some(line) = &row.below {
                self.hung(&below, TEXT, line, &Style::new());
            }
            if let Some(lost) = row.lost {
                self.hung(&below, TEXT, &format!("without it: {lost}"), &self.page.look.faint.clone());
            }
        }
    }

    fn marked(&self, access: Access) -> (&'static str, &'static str, Style) {
        let look = &self.page.look;
        match access {
            Access::MayRead => ("✓", "may read", look.good),
            Access::NotTried => ("–", "not tried", look.faint),
            Access::NotThere => ("✗", "not there", look.doubt),
            Access::TimedOut => ("✗", "no answer", look.doubt),
            Access::Throttled => ("✗", "throttled", look.doubt),
            Access::Failed => ("✗", "failed", look.bad),
            Access::Denied => ("✗", "denied", look.bad),
        }
    }

    fn surroundings(&mut self, checkup: &Checkup) {
        let look = &self.page.look;
        let (good, faint, doubt, bad) = (look.good, look.faint, look.doubt, look.bad);
        match &checkup.archive {
            Presence::There(groups) => self.found("archive", ("✓", "there", good), &groups.join(", ")),
            Presence::None => self.found(
                "archive",
                ("–", "none", faint),
                "no log group of ECS events below /aws/events/ or /ecs/: a stopped task is forgotten after about an hour. What keeps it: ecs-trace archive template",
            ),
            Presence::Unknown(_) => self.found("archive", ("?", "not seen", doubt), "log groups could not be listed"),
        }
        let may = |action: &str| checkup.probes.iter().any(|probe| probe.action == action && probe.access == Access::MayRead);
        let is_listed = may("ecs:ListClusters") && may("ecs:DescribeClusters");
        if checkup.insights.is_empty() && is_listed {
            self.found("insights", ("–", "none", faint), &format!("no cluster in {}", checkup.region.as_ref().map_or("the region", |region| region.value.as_str())));
        } else if checkup.insights.is_empty() {
            self.found("insights", ("?", "not seen", doubt), "no cluster whose setting could be read");
        } else {
            let names = |of: &dyn Fn(&Insights) -> bool| checkup.insights.iter().filter(|one| of(one)).map(|one| one.cluster.clone()).collect::<Vec<_>>();
            let kinds = [
                (("✓", "on", good), names(&|one| one.are_on()), ""),
                (("–", "off", faint), names(&|one| one.setting.is_some() && !one.are_on()), ": no memory and CPU of single tasks"),
                (("?", "not seen", doubt), names(&|one| one.setting.is_none()), ""),
            ];
            let mut label = "insights";
            for (marked, clusters, more) in kinds.into_iter().filter(|(_, clusters, _)| !clusters.is_empty()) {
                self.found(label, marked, &format!("{}{more}", some(&clusters)));
                label = "";
            }
        }
        match skew(checkup) {
            None => self.found("clock", ("?", "not seen", doubt), "no answer told AWS's time"),
            Some(words) if checkup.clock_is_off() => self.found("clock", ("✗", "off", bad), &format!("{words}; signatures are refused, and the windows around a stop miss it")),
            Some(words) => self.found("clock", ("✓", "right", good), &words),
        }
    }

    fn found(&mut self, label: &str, (mark, word, style): (&str, &str, Style), text: &str) {
        let head = format!(
            "{}{}{}",
            self.page.look.paint(&self.page.look.faint, &padded(label, LABEL)),
            self.page.look.paint(&style, &padded(mark, MARK)),
            self.page.look.paint(&style, &padded(word, WORD))
        );
        self.hung(&head, TEXT, text, &Style::new());
    }

    fn next(&mut self, checkup: &Checkup, policy: impl Fn(&[&str]) -> String) {
        let mut steps: Vec<(String, Option<String>)> = Vec::new();
        if checkup.clock_is_off() {
            steps.push(("Set the clock by the network's:".to_owned(), Some("sudo timedatectl set-ntp true".to_owned())));
        } else if checkup.identity.as_ref().is_err_and(|unknown| unknown.credentials_are_refused) {
            let profile = checkup.profile.as_ref().map(|profile| format!(" --profile{}", words::value(&profile.value))).unwrap_or_default();
            steps.push(("Sign in again, or renew the credentials:".to_owned(), Some(format!("aws sso login{profile}"))));
        }
        steps.extend(checkup.unreached.iter().flat_map(|unreached| &unreached.remedies).map(|remedy| (capitalised(remedy), None)));
        let missing = checkup.missing();
        if !missing.is_empty() {
            steps.push((format!("Have {} allowed for this identity, by this policy or one like it:", words::count(missing.len(), "action")), Some(policy(&missing))));
        }
        let mut told: Vec<String> = Vec::new();
        for (_, denial) in checkup.forbidden() {
            let why = denial.why();
            if told.contains(&why) {
                continue;
            }
            let actions: Vec<String> = checkup.forbidden().into_iter().filter(|(_, other)| other.why() == why).map(|(action, _)| action.to_owned()).collect();
            steps.push((format!("{}: {why}. Another policy that allows it changes nothing; whoever keeps this one has to open it.", words::list(&actions)), None));
            told.push(why);
        }
        if checkup.interrupted {
            steps.push(("Let it run to its end:".to_owned(), Some("ecs-trace doctor".to_owned())));
        } else if checkup.probes.iter().any(|probe| matches!(probe.access, Access::Throttled | Access::TimedOut)) {
            steps.push(("Ask again in a minute, with more time:".to_owned(), Some("ecs-trace doctor --timeout 60s".to_owned())));
        }
        if !missing.is_empty() {
            steps.push(("Or all that ecs-trace can ask, as a policy:".to_owned(), Some("ecs-trace doctor --policy".to_owned())));
        }
        let lead = "next  ";
        if steps.is_empty() {
            let words = if checkup.is_clear() { "nothing that was tried is denied: ecs-trace timeline @latest" } else { "see each request: ecs-trace doctor -v" };
            let label = self.page.look.paint(&self.page.look.faint, lead);
            self.hung(&label, width(lead), words, &Style::new());
        }
        for (at, (text, command)) in steps.iter().enumerate() {
            let label = if at == 0 { self.page.look.paint(&self.page.look.faint, lead) } else { " ".repeat(width(lead)) };
            let number = format!("{}. ", at + 1);
            let indent = width(lead) + width(&number);
            self.hung(&format!("{label}{number}"), indent, text, &Style::new());
            for line in command.iter().flat_map(|command| command.lines()) {
                // Whole, whatever the width: it is there to be copied.
                let line = self.page.look.paint(&self.page.look.command, &printable(line));
                self.lines.put(&format!("{}{line}", " ".repeat(indent)));
            }
        }
    }
}

fn capitalised(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map(|first| first.to_uppercase().chain(letters).collect()).unwrap_or_default()
}

/// Actions with the same answer.
struct Row {
    access: Access,
    actions: Vec<&'static str>,
    below: Option<String>,
    lost: Option<String>,
}

fn rows(probes: &[&Probe], room: usize) -> Vec<Row> {
    let mut rows: Vec<(Option<String>, Row)> = Vec::new();
    for probe in probes {
        let below = below(probe, room);
        match rows.iter_mut().find(|(same, row)| row.access == probe.access && *same == below) {
            Some((_, row)) => {
                row.actions.push(probe.action);
                if let Some(lost) = &mut row.lost {
                    lost.push_str("; ");
                    lost.push_str(probe.answers);
                }
            }
            None => {
                let lost = probe.access.is_obstacle().then(|| probe.answers.to_owned());
                rows.push((below.clone(), Row { access: probe.access, actions: vec![probe.action], below, lost }));
            }
        }
    }
    rows.into_iter().map(|(_, row)| row).collect()
}

/// `ecs:DescribeTasks, ListTasks`: the service once, as long as it is the same.
fn actions(names: &[&str]) -> String {
    let mut told: Vec<&str> = Vec::new();
    let mut last = "";
    for name in names {
        let (service, operation) = name.split_once(':').unwrap_or(("", name));
        told.push(if service == last { operation } else { name });
        last = service;
    }
    told.join(", ")
}

/// What stands below an action: why it may not be read. An ARN that is too long for a line is told by its end.
fn below(probe: &Probe, room: usize) -> Option<String> {
    let Some(denial) = &probe.denial else { return probe.detail.clone().filter(|_| probe.access != Access::MayRead) };
    let why = denial.why();
    Some(match &denial.resource {
        Some(resource) if width(resource) + "on :".len() > room => format!("on …{}: {why}", resource.rsplit(':').next().unwrap_or(resource)),
        Some(resource) => format!("on {resource}: {why}"),
        None => why,
    })
}

/// `7m 12s ahead of AWS's`, where it could be compared.
fn skew(checkup: &Checkup) -> Option<String> {
    let skew = checkup.skew?;
    let side = if skew.is_negative() { "behind" } else { "ahead of" };
    let milliseconds = i64::try_from(skew.as_millis().abs()).unwrap_or(i64::MAX);
    Some(if milliseconds < 2_000 { "within 2 s of AWS's".to_owned() } else { format!("{} {side} AWS's", words::duration(milliseconds)) })
}

/// A few names, and how many more.
fn some(names: &[String]) -> String {
    const MOST: usize = 8;
    let shown = names.iter().take(MOST).cloned().collect::<Vec<_>>().join(", ");
    if names.len() > MOST { format!("{shown} and {} more", names.len() - MOST) } else { shown }
}
