//! Cases inside the binary: `demo:NAME`. Each is also a test.

use super::case::{Case, Unreadable};

macro_rules! demos {
    ($($name:literal => $about:literal),* $(,)?) => {
        /// Name, one line about it, the case.
        const DEMOS: &[(&str, &str, &[u8])] = &[$(($name, $about, include_bytes!(concat!("../../tests/cases/", $name, "/case.json")))),*];
    };
}

demos! {
    "app-error" => "a worker panicked and left with 101",
    "deployment" => "a pipeline's deployment replaced the task",
    "elb-health-check" => "the load balancer saw 503 while the application was starting",
    "host-lost" => "a colleague terminated the instance under the task",
    "image-pull-access-denied" => "the execution role may not pull the image",
    "others-stopped" => "several services went down in the same seconds",
    "out-of-memory" => "a container reached its memory limit",
    "repeated" => "the fifth stop in a row with the same error",
    "rollback-circuit-breaker" => "the circuit breaker rolled a deployment back",
    "scale-in" => "a scaling policy wanted fewer tasks",
    "stopped-by-sso-user" => "a colleague stopped it from the console",
}

/// Names with one line about each.
pub fn names() -> impl Iterator<Item = (&'static str, &'static str)> {
    DEMOS.iter().map(|(name, about, _)| (*name, *about))
}

/// The demo of that name, if there is one.
#[must_use]
pub fn find(name: &str) -> Option<Result<Case, Unreadable>> {
    DEMOS.iter().find(|(of, ..)| *of == name).map(|(.., bytes)| Case::read(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_demo_can_be_read_and_says_what_it_is() {
        for (name, about) in names() {
            assert!(find(name).is_some_and(|case| case.is_ok()), "{name}");
            assert!(!about.is_empty(), "{name}");
        }
    }
}
