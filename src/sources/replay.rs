//! A case that answers: each request by what AWS said to it then, and the same request anew by what it said next.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use serde_json::Value;

use super::case::{Case, Exchange, body_value, may_answer, without_window};

/// No run asks so much: a file in which every page names a further one must come to an end, too.
const MOST_ASKED: usize = 10_000;

pub struct Replay {
    case: Arc<Case>,
    /// Places of the answers to one request, in the order in which they came.
    exact: HashMap<String, Vec<usize>>,
    /// The same for requests that differ in window and page size alone.
    loose: HashMap<String, Vec<usize>>,
    asked: Mutex<Asked>,
}

#[derive(Default)]
struct Asked {
    all: usize,
    /// How often each request was made.
    each: HashMap<(String, String), usize>,
}

impl Replay {
    #[must_use]
    pub fn of(case: Arc<Case>) -> Self {
        let (mut exact, mut loose) = (HashMap::<String, Vec<usize>>::new(), HashMap::<String, Vec<usize>>::new());
        for (at, exchange) in case.exchanges.iter().enumerate() {
            exact.entry(key(&exchange.action, &exchange.request)).or_default().push(at);
            loose.entry(key(&exchange.action, &without_window(&exchange.request))).or_default().push(at);
        }
        Self { case, exact, loose, asked: Mutex::default() }
    }

    /// The answer to a request: to the very same one, else to the one that differs only in its window or page size.
    ///
    /// A later version may look at another span of time; what was recorded is still what AWS said.
    #[must_use]
    pub fn answer(&self, action: &str, region: &str, body: &[u8]) -> Option<&Exchange> {
        let request = body_value(body);
        let of = |places: Option<&Vec<usize>>| -> Vec<&Exchange> {
            let all = places.into_iter().flatten().map(|at| &self.case.exchanges[*at]);
            all.filter(|exchange| exchange.region == region || exchange.region.is_empty()).collect()
        };
        let key_of_it = key(action, &request);
        let mut asked = self.asked.lock().unwrap_or_else(PoisonError::into_inner);
        asked.all += 1;
        if asked.all > MOST_ASKED {
            return None;
        }
        let answers = of(self.exact.get(&key_of_it));
        if answers.is_empty() {
            return of(self.loose.get(&key(action, &without_window(&request)))).into_iter().find(|exchange| may_answer(&exchange.request, &request));
        }
        let times = asked.each.entry((key_of_it, region.to_owned())).or_default();
        *times += 1;
        answers.get((*times).min(answers.len()) - 1).copied()
    }
}

fn key(action: &str, request: &Value) -> String {
    format!("{action} {request}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sources::case::{Asked, FORMAT};
    use serde_json::json;

    fn case(answers: &[(&str, &str)]) -> Case {
        let exchange = |(request, answer): &(&str, &str)| Exchange::new("ecs:ListTasks", "r", request.as_bytes(), 200, None, answer.as_bytes());
        let task = Asked { arn: "a".to_owned(), cluster: "c".to_owned() };
        Case {
            ecs_trace_case: FORMAT,
            title: None,
            taken_at: jiff::Timestamp::UNIX_EPOCH,
            region: "r".to_owned(),
            task,
            run: None,
            exchanges: answers.iter().map(exchange).collect(),
        }
    }

    #[test]
    fn a_request_made_again_gets_the_next_answer_and_the_last_one_for_ever() {
        let replay = Replay::of(Arc::new(case(&[(r#"{"a":1}"#, r#"{"n":1}"#), (r#"{"a":2}"#, r#"{"n":9}"#), (r#"{"a":1}"#, r#"{"n":2}"#)])));
        let told: Vec<Value> = (0..3).map(|_| replay.answer("ecs:ListTasks", "r", br#"{"a":1}"#).expect("an answer").response["n"].clone()).collect();
        assert_eq!(told, [json!(1), json!(2), json!(2)]);
        assert!(replay.answer("ecs:ListTasks", "r", br#"{"a":3}"#).is_none() && replay.answer("ecs:ListTasks", "q", br#"{"a":1}"#).is_none());
        assert_eq!(replay.answer("ecs:ListTasks", "r", br#"{"a":2,"maxResults":7}"#).expect("an answer").response["n"], 9);
    }

    #[test]
    fn it_does_not_answer_for_ever() {
        let replay = Replay::of(Arc::new(case(&[("{}", "{}")])));
        assert!((0..MOST_ASKED).all(|_| replay.answer("ecs:ListTasks", "r", b"{}").is_some()));
        assert!(replay.answer("ecs:ListTasks", "r", b"{}").is_none());
    }
}
