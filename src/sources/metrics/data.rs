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
