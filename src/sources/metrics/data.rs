//! One question to CloudWatch: some metrics minute by minute, with their pages, and what of the answer is whole.

use std::collections::BTreeMap;

use aws_sdk_cloudwatch::types as sdk;
use aws_smithy_types::DateTime;
use jiff::Timestamp;

use super::super::Reach;
use super::super::failing::{Failing, Kind, failing};
use super::super::ledger::Inquiry;
use super::super::pages::{Pages, Turn};

/// CloudWatch gives hundred thousand values a page; more pages than this are none of ours.
const MOST_PAGES: usize = 20;

/// One statistic of one metric. Dimensions fit exactly or not at all.
pub(super) struct Query {
    pub namespace: &'static str,
    pub name: &'static str,
    pub statistic: &'static str,
    pub dimensions: Vec<(&'static str, String)>,
}

/// A metric's values by the start of their minute, in milliseconds.
pub(super) type Series = BTreeMap<i64, f64>;

/// A series for each query, in their order, and why some of them may not be whole.
pub(super) async fn asked(reach: &Reach<'_>, inquiry: &Inquiry<'_>, queries: &[Query], (from, to): (Timestamp, Timestamp)) -> (Vec<Series>, Option<Failing>) {
    let mut series = vec![Series::new(); queries.len()];
    let mut states: Vec<Option<sdk::StatusCode>> = vec![None; queries.len()];
    let wanted: Vec<sdk::MetricDataQuery> = queries.iter().enumerate().map(|(at, query)| query.written(at)).collect();
    let client = reach.account.cloudwatch();
    let mut pages = Pages::default();
    for page in 0.. {
        if page == MOST_PAGES {
            return (series, Some(Failing::unreadable(format!("not read to its end after {MOST_PAGES} pages"))));
        }
        inquiry.request();
        let asked = client.get_metric_data().set_metric_data_queries(Some(wanted.clone())).scan_by(sdk::ScanBy::TimestampAscending);
        let asked = asked.start_time(DateTime::from_millis(from.as_millisecond())).end_time(DateTime::from_millis(to.as_millisecond()));
        let answer = match asked.set_next_token(pages.token()).send().await {
            Ok(answer) => answer,
            Err(error) => return (series, Some(failing(&error))),
        };
        for result in answer.metric_data_results() {
            // An id that was not asked for is nobody's.
            let Some(at) = result.id().and_then(|id| id.strip_prefix('m')?.parse::<usize>().ok()).filter(|at| *at < series.len()) else { continue };
            let values = result.timestamps().iter().zip(result.values());
            series[at].extend(values.filter(|(_, value)| value.is_finite()).filter_map(|(stamp, value)| Some((stamp.to_millis().ok()?, *value))));
            states[at] = result.status_code().cloned();
        }
        match pages.turn(answer.next_token) {
            Turn::Next => {}
            Turn::End => break,
            Turn::Repeated => return (series, Some(Failing::repeated_token())),
        }
    }
    let broken = states.iter().zip(queries).find_map(|(state, query)| query.broken(state.as_ref()));
    (series, broken)
}

impl Query {
    fn written(&self, at: usize) -> sdk::MetricDataQuery {
        let dimensions = self.dimensions.iter().map(|(name, value)| sdk::Dimension::builder().name(*name).value(value).build()).collect();
        let metric = sdk::Metric::builder().namespace(self.namespace).metric_name(self.name).set_dimensions(Some(dimensions)).build();
        let stat = sdk::MetricStat::builder().metric(metric).period(60).stat(self.statistic).build();
        sdk::MetricDataQuery::builder().id(format!("m{at}")).metric_stat(stat).build()
    }

    /// Each metric has an outcome of its own within an answer that is none by itself. An absent one is no complaint.
    fn broken(&self, state: Option<&sdk::StatusCode>) -> Option<Failing> {
        match state {
            Some(sdk::StatusCode::Forbidden) => Some(Failing { kind: Kind::Denied, code: Some("Forbidden".to_owned()), message: format!("{} may not be read", self.name) }),
            Some(state @ (sdk::StatusCode::InternalError | sdk::StatusCode::PartialData)) => Some(Failing::unreadable(format!("{}: {}", self.name, state.as_str()))),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use serde_json::{Value, json};

    use super::*;
    use crate::diagnosis::evidence::Source;
    use crate::diagnosis::task::Task;
    use crate::sources::account::Account;
    use crate::sources::case::{Asked, Case, Exchange};
    use crate::sources::cbor::written;
    use crate::sources::ledger::Ledger;

    const MINUTE: i64 = 1_700_000_040_000;

    fn queries() -> Vec<Query> {
        let of = |statistic| Query { namespace: "AWS/ECS", name: "MemoryUtilization", statistic, dimensions: vec![("ClusterName", "prod".to_owned())] };
        vec![of("Maximum"), of("Average")]
    }

    /// Series and complaint where CloudWatch gives these answers to the page tokens before them.
    fn answered(answers: &[(Option<&str>, u16, Value)]) -> (Vec<Series>, Option<Failing>) {
        let query = |at: usize, query: &Query| {
            let metric = json!({"Namespace": query.namespace, "MetricName": query.name, "Dimensions": [{"Name": "ClusterName", "Value": "prod"}]});
            json!({"Id": format!("m{at}"), "MetricStat": {"Metric": metric, "Period": 60, "Stat": query.statistic}})
        };
        let exchange = |(token, status, answer): &(Option<&str>, u16, Value)| {
            let all: Vec<Value> = queries().iter().enumerate().map(|(at, one)| query(at, one)).collect();
            let mut request = json!({"MetricDataQueries": all, "ScanBy": "TimestampAscending", "StartTime": 1, "EndTime": 2});
            if let Some(token) = token {
                request["NextToken"] = json!(token);
            }
            Exchange::new("cloudwatch:GetMetricData", "eu-west-1", &serde_json::to_vec(&request).expect("JSON"), *status, None, &written::bytes(answer))
        };
        let task = Task { region: "eu-west-1".to_owned(), ..Task::default() };
        let asked_about = Asked { arn: String::new(), cluster: "prod".to_owned() };
        let exchanges = answers.iter().map(exchange).collect();
        let case = Case { ecs_trace_case: 1, title: None, taken_at: Timestamp::UNIX_EPOCH, region: "eu-west-1".to_owned(), task: asked_about, run: None, exchanges };
        let (account, ledger) = (Account::replay(Arc::new(case), true, None), Ledger::new(|_| {}));
        let reach = Reach { task: &task, account: &account, ledger: &ledger, now: Timestamp::UNIX_EPOCH, redact: true, before: None, deep: false, archives: &[], trail_lake: None };
        let inquiry = ledger.ask(Source::Metrics, "cloudwatch:GetMetricData", "*");
        let at = |milliseconds| Timestamp::from_millisecond(milliseconds).expect("a time");
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().expect("a runtime");
        runtime.block_on(asked(&reach, &inquiry, &queries(), (at(MINUTE), at(MINUTE + 60_000))))
    }

    fn result(id: &str, state: &str, minute: i64, value: f64) -> Value {
        json!({"Id": id, "StatusCode": state, "Timestamps": [(MINUTE / 1000 + minute * 60) as f64], "Values": [value]})
    }

    #[test]
    fn the_values_of_every_page_come_to_the_query_they_are_of() {
        let first = json!({"MetricDataResults": [result("m1", "Complete", 0, 40.5), result("m0", "PartialData", 0, 99.8), result("zz", "Complete", 0, 1.0)], "NextToken": "n1"});
        let second = json!({"MetricDataResults": [result("m0", "Complete", 1, 70.0)]});
        let (series, failing) = answered(&[(None, 200, first), (Some("n1"), 200, second)]);
        assert_eq!(series[0].iter().collect::<Vec<_>>(), [(&MINUTE, &99.8), (&(MINUTE + 60_000), &70.0)]);
        assert_eq!((series[1].len(), failing), (1, None));
    }

    #[test]
    fn half_an_answer_is_kept_and_is_not_taken_for_the_whole() {
        let first = || json!({"MetricDataResults": [result("m0", "PartialData", 0, 99.8)], "NextToken": "n1"});
        let refused = json!({"__type": "com.amazonaws.cloudwatch#Throttling", "message": "Rate exceeded"});
        let (series, failing) = answered(&[(None, 200, first()), (Some("n1"), 400, refused)]);
        assert_eq!((series[0].len(), failing.map(|failing| failing.kind)), (1, Some(Kind::Throttled)));
        let (series, failing) = answered(&[(None, 200, first()), (Some("n1"), 200, first())]);
        assert_eq!((series[0].len(), failing), (1, Some(Failing::repeated_token())));
        let (_, failing) = answered(&[(None, 200, json!({"MetricDataResults": [result("m0", "Complete", 0, 1.0), result("m1", "InternalError", 0, 1.0)]}))]);
        assert!(failing.is_some_and(|failing| failing.kind == Kind::Unexpected && failing.message.contains("InternalError")));
    }

    #[test]
    fn a_refusal_and_a_metric_that_may_not_be_read_are_both_denied_and_an_unrecorded_question_is_skipped() {
        let refused = json!({"__type": "AccessDeniedException", "message": "not authorized"});
        assert_eq!(answered(&[(None, 400, refused)]).1.map(|failing| failing.kind), Some(Kind::Denied));
        let one = json!({"MetricDataResults": [result("m0", "Forbidden", 0, 1.0)]});
        assert_eq!(answered(&[(None, 200, one)]).1.map(|failing| failing.kind), Some(Kind::Denied));
        assert_eq!(answered(&[]).1.map(|failing| failing.kind), Some(Kind::NotRecorded));
    }
}
