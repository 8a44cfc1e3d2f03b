//! One act of Application Auto Scaling, taken apart: what it set the count to, and what made it do so.

/// A scaling activity in AWS's words. Its wording is documented by examples alone: every part may be missing.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ScalingActivity {
    pub id: String,
    /// `Setting desired count to 3.`
    pub description: String,
    /// `monitor alarm A in state ALARM triggered policy P`
    pub cause: String,
    /// `Successful`, `InProgress`, `Failed` … : an open set.
    pub status: String,
    pub status_message: Option<String>,
    /// Codes of why nothing was changed: then the activity is a mere attempt.
    pub not_scaled: Vec<String>,
    /// What the activity before it had set, however long ago: a hand may have changed the count since.
    pub set_before: Option<i64>,
}

/// What began an activity, by its cause.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trigger<'a> {
    Policy(&'a str),
    Schedule(&'a str),
    /// The bounds were moved, or the words are new.
    Untold,
}

/// Whether a count was lowered, raised, or neither can be told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    In,
    Out,
    Unknown,
}

impl Direction {
    #[must_use]
    pub fn between(before: Option<i64>, count: Option<i64>) -> Self {
        match (before, count) {
            (Some(before), Some(count)) if count < before => Self::In,
            (Some(before), Some(count)) if count > before => Self::Out,
            _ => Self::Unknown,
        }
    }
}

impl ScalingActivity {
    /// The count it set, or tried to.
    #[must_use]
    pub fn count(&self) -> Option<i64> {
        let told = |text: &str| number_behind(behind(text, "desired ")?, "to ");
        told(&self.description).or_else(|| told(self.status_message.as_deref()?))
    }

    #[must_use]
    pub fn trigger(&self) -> Trigger<'_> {
        let schedule = behind(&self.cause, "scheduled action name ").or_else(|| behind(&self.cause, "scheduled action "));
        if let Some(name) = schedule.and_then(|rest| before(rest, " was triggered")).map(bare).filter(|name| !name.is_empty()) {
            return Trigger::Schedule(name);
        }
        let policy = behind(&self.cause, "triggered policy ").or_else(|| behind(behind(&self.cause, "triggered ")?, "policy "));
        // A further clause stands behind a semicolon; a name may hold nearly anything else.
        match policy.map(|rest| bare(rest.split("; ").next().unwrap_or(rest))).filter(|name| !name.is_empty()) {
            Some(name) => Trigger::Policy(name),
            None => Trigger::Untold,
        }
    }

    /// The alarm that made a policy act.
    #[must_use]
    pub fn alarm(&self) -> Option<&str> {
        let rest = behind(&self.cause, "alarm ")?;
        before(rest, " in state ").map(bare).filter(|name| !name.is_empty())
    }

    /// The policy's or the scheduled action's name, or the service's own.
    #[must_use]
    pub fn actor(&self) -> &str {
        match self.trigger() {
            Trigger::Policy(name) | Trigger::Schedule(name) => name,
            Trigger::Untold => "Application Auto Scaling",
        }
    }

    /// The actor with what it is, to begin a sentence: `Policy cpu60`, `Scheduled action night`.
    #[must_use]
    pub fn actor_in_words(&self) -> String {
        match self.trigger() {
            Trigger::Policy(name) => format!("Policy {name}"),
            Trigger::Schedule(name) => format!("Scheduled action {name}"),
            Trigger::Untold => "Application Auto Scaling".to_owned(),
        }
    }

    /// What made it act, to be put behind a sentence: ` for alarm A`; of new words the words themselves.
    #[must_use]
    pub fn reason_in_words(&self) -> String {
        match (self.trigger(), self.alarm()) {
            (Trigger::Policy(_), Some(alarm)) => format!(" for alarm {alarm}"),
            (Trigger::Untold, _) if !self.cause.is_empty() => format!(", since “{}”", self.cause.trim_end_matches('.')),
            _ => String::new(),
        }
    }

    /// Whether the service's count was really set: a failed activity, or one that found nothing to do, set nothing.
    #[must_use]
    pub fn did_set_the_count(&self) -> bool {
        let says_so = || self.status_message.as_deref().is_some_and(|message| message.to_ascii_lowercase().contains("successfully set"));
        let stands = match self.status.as_str() {
            "Successful" => true,
            "InProgress" | "Unfulfilled" => self.status_message.is_none() || says_so(),
            // Overridden: set, and found to have been changed by another since.
            "Pending" | "Overridden" => says_so(),
            _ => false,
        };
        stands && self.not_scaled.is_empty()
    }

    /// Whether a bound that somebody moved made it act, and no policy or schedule did.
    #[must_use]
    pub fn follows_a_bound(&self) -> bool {
        self.trigger() == Trigger::Untold && self.cause.to_ascii_lowercase().contains("capacity was set to")
    }

    #[must_use]
    pub fn has_failed(&self) -> bool {
        self.status == "Failed" && self.not_scaled.is_empty()
    }

    /// The direction that the cause itself tells: target tracking names its alarms by it, and a bound that was moved
    /// moves the count its own way only.
    #[must_use]
    pub fn direction_told(&self) -> Direction {
        if let Some(alarm) = self.alarm().filter(|alarm| alarm.starts_with("TargetTracking-")) {
            // A service may be called anything: the last of the marks is the alarm's own.
            match alarm.rfind("-AlarmLow-").cmp(&alarm.rfind("-AlarmHigh-")) {
                std::cmp::Ordering::Greater => return Direction::In,
                std::cmp::Ordering::Less => return Direction::Out,
                std::cmp::Ordering::Equal => {}
            }
        }
        let bound = |name: &str| number_behind(behind(&self.cause, name)?, "to ");
        let (least, most, count) = (bound("minimum capacity "), bound("maximum capacity "), self.count());
        match (least, most) {
            (None, Some(most)) if count.is_none_or(|count| count == most) => Direction::In,
            (Some(least), None) if count.is_none_or(|count| count == least) => Direction::Out,
            (Some(least), Some(most)) if least != most && count == Some(most) => Direction::In,
            (Some(least), Some(most)) if least != most && count == Some(least) => Direction::Out,
            _ => Direction::Unknown,
        }
    }

    /// Description and cause as AWS words them, and how it went where it did not simply succeed.
    #[must_use]
    pub fn text(&self) -> String {
        let mut text = self.description.clone();
        if !self.cause.is_empty() {
            let between = if text.is_empty() { "" } else { " " };
            text.push_str(&format!("{between}Cause: {}", self.cause));
        }
        if !matches!(self.status.as_str(), "Successful" | "") {
            let message = self.status_message.as_deref().map(|message| format!(": {message}")).unwrap_or_default();
            text.push_str(&format!(" ({}{message})", self.status));
        }
        if !self.not_scaled.is_empty() {
            text.push_str(&format!(", not scaled: {}", self.not_scaled.join(", ")));
        }
        text
    }
}

/// What follows the first `mark`, whatever its letter case.
fn behind<'a>(text: &'a str, mark: &str) -> Option<&'a str> {
    let at = text.to_ascii_lowercase().find(mark)?;
    text.get(at + mark.len()..)
}

fn before<'a>(text: &'a str, mark: &str) -> Option<&'a str> {
    text.get(..text.to_ascii_lowercase().find(mark)?)
}

/// The first number that follows `mark` directly.
fn number_behind(text: &str, mark: &str) -> Option<i64> {
    text.match_indices(mark).find_map(|(at, _)| {
        let digits: &str = text[at + mark.len()..].trim_start();
        let end = digits.find(|letter: char| !letter.is_ascii_digit()).unwrap_or(digits.len());
        digits[..end].parse().ok()
    })
}

/// A name without the quotes and the full stop that a sentence may put around it.
fn bare(name: &str) -> &str {
    let name = name.trim();
    let name = name.strip_suffix('.').unwrap_or(name);
    name.trim_matches(['"', '\'', '\u{2018}', '\u{2019}', '\u{201C}', '\u{201D}']).trim()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn activity(description: &str, cause: &str) -> ScalingActivity {
        ScalingActivity { description: description.to_owned(), cause: cause.to_owned(), status: "Successful".to_owned(), ..ScalingActivity::default() }
    }

    #[test]
    fn a_policy_its_alarm_and_the_count_are_read_from_the_words() {
        let told = activity("Setting desired count to 2.", "monitor alarm TargetTracking-service/shop/api-AlarmLow-6f0f7c3e in state ALARM triggered policy api cpu; 60");
        assert_eq!((told.count(), told.trigger()), (Some(2), Trigger::Policy("api cpu")));
        assert_eq!((told.alarm(), told.direction_told()), (Some("TargetTracking-service/shop/api-AlarmLow-6f0f7c3e"), Direction::In));
        let out = activity("Setting desired count to 4.", "Monitor alarm TargetTracking-service/shop/x-AlarmLow-y-AlarmHigh-6f in state ALARM triggered policy cpu60.");
        assert_eq!((out.direction_told(), out.actor()), (Direction::Out, "cpu60"));
    }

    #[test]
    fn a_scheduled_action_and_the_bound_it_moved_are_read_from_the_words() {
        let told = activity("Setting desired count to 3.", "maximum capacity was set to 3; scheduled action name night shift was triggered");
        assert_eq!((told.trigger(), told.direction_told(), told.alarm()), (Trigger::Schedule("night shift"), Direction::In, None));
        let raised = activity("Setting desired count to 2.", "minimum capacity was set to 2");
        assert_eq!((raised.trigger(), raised.direction_told(), raised.actor()), (Trigger::Untold, Direction::Out, "Application Auto Scaling"));
        let both = |count: i64| activity(&format!("Setting desired count to {count}."), "minimum capacity was set to 2 and maximum capacity was set to 6").direction_told();
        assert_eq!((both(6), both(2), both(4)), (Direction::In, Direction::Out, Direction::Unknown));
    }

    #[test]
    fn other_words_are_kept_and_claim_nothing() {
        let told = activity("Scaling något.", "a forecast said so");
        assert_eq!((told.count(), told.trigger(), told.direction_told()), (None, Trigger::Untold, Direction::Unknown));
        assert_eq!(told.text(), "Scaling något. Cause: a forecast said so");
        let plain = activity("Setting desired count to 2.", "monitor alarm cpu-low in state ALARM triggered policy step-in");
        assert_eq!((plain.direction_told(), plain.alarm()), (Direction::Unknown, Some("cpu-low")));
    }

    #[test]
    fn only_what_was_set_counts_as_set() {
        let ended = |status: &str, message: Option<&str>| ScalingActivity { status: status.to_owned(), status_message: message.map(str::to_owned), ..ScalingActivity::default() };
        let set = Some("Successfully set desired count to 2. Waiting for change to be fulfilled by ecs.");
        for (activity, did) in [
            (ended("Successful", None), true),
            (ended("InProgress", set), true),
            (ended("Unfulfilled", set), true),
            (ended("Pending", set), true),
            (ended("Pending", None), false),
            (ended("Overridden", None), false),
            (ended("Failed", Some("Failed to set desired count to 2. Reason: The service is draining.")), false),
            (ended("SomethingNew", set), false),
            (ScalingActivity { not_scaled: vec!["AlreadyAtMinCapacity".to_owned()], ..ended("Successful", None) }, false),
        ] {
            assert_eq!(activity.did_set_the_count(), did, "{activity:?}");
        }
        let failed = ended("Failed", Some("Reason: denied"));
        assert!(failed.has_failed() && failed.text().ends_with("(Failed: Reason: denied)"));
    }
}
