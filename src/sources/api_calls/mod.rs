//! Asks CloudTrail who called: LookupEvents by name, in the shortest window that can hold the call.
//!
//! ECS events carry no indexed resources, so the search is by event name and the match is made here. Two requests
//! a second is all there is; the connector keeps that pace.

mod callers;
mod chain;
pub mod forgotten;
mod memory;
pub(crate) mod record;
mod subject;

use std::cell::RefCell;

use aws_sdk_cloudtrail::types::{LookupAttribute, LookupAttributeKey};
use aws_smithy_types::DateTime;
use futures::FutureExt;
use futures::channel::oneshot;
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use crate::diagnosis::actors::{self, Kind};
use crate::diagnosis::call::{ApiCall, EXECUTE_COMMAND, STOP_TASK};
use crate::diagnosis::event::{Event, Level, Precision, What, Witness};
use crate::diagnosis::evidence::{Reading, Source, Status};
use crate::diagnosis::service::is_task_id;
use crate::diagnosis::stopped_by::{self, KEPT_FOR, SETTLES_AFTER};
use crate::diagnosis::task::StopCode;
use crate::diagnosis::timeline::{Timeline, concerns};

use super::failing::{Failing, failing};
use super::ledger::Inquiry;
use super::pages::{Pages, Turn};
use super::trail_lake::{self, EventDataStore};
use super::{Asker, Asking, Reach, redact};

use callers::ask_whose_task;
use chain::{Chain, Search, Waiting, of_the_activity, of_the_chain};
use memory::of_the_memory;
#[cfg(test)]
pub(super) use record::call_from;
use record::{Recorded, document_in, recorded};
use subject::{Subject, is_of_its_service};

pub const SOURCE: Asker = Asker { source: Source::Cloudtrail, collect: |asking| collect(asking).boxed_local() };

/// A stop begins within a second of an accepted call; refused attempts come somewhat earlier.
const BEFORE_STOP: SignedDuration = SignedDuration::from_secs(150);
const AFTER_STOP: SignedDuration = SignedDuration::from_secs(15);
/// A shell may have been open for a while, and what was done there may take its time.
const BEFORE_STOP_IN_SHELL: SignedDuration = SignedDuration::from_secs(3600);

async fn collect(asking: &Asking<'_>) {
    let reach = asking.reach;
    let Some(stop) = reach.task.stop_anchor() else {
        let reading = match reach.task.is_forgotten() {
            // What was asked of it while looking for the task has told what it knows.
            true => Reading { aside: true, ..Reading::new(Source::Cloudtrail, Status::Skipped) }.detailed("when it stopped is not known"),
            false => Reading::new(Source::Cloudtrail, Status::NotApplicable).detailed("the task has not been stopped"),
        };
        reach.ledger.note(reading);
        return;
    };
    if reach.now.duration_since(stop) > KEPT_FOR && reach.trail_lake.is_none() {
        reach.ledger.note(Reading::new(Source::Cloudtrail, Status::Expired).detailed("CloudTrail's event history keeps 90 days, and the stop is older"));
        return;
    }
    let asked_for = match reach.task.told_stop_code() {
        Some(code) => code == StopCode::UserInitiated,
        // Of one that ECS has forgotten, such a call may be all that tells.
        None => reach.task.is_forgotten(),
    };
    let stop_task = Search { decides: asked_for, ..Search::of(STOP_TASK, (stop - BEFORE_STOP, stop + AFTER_STOP), Subject::Task) };
    let (known, first) = oneshot::channel::<()>();
    let others = async {
        let waiting = Waiting { until: Some(asking.patience), ..Waiting::default() };
        let Chain { searches, mut wants_fewer } = of_the_chain(asking, stop, &waiting).await;
        drop(known);
        let asked = along(reach, searches, &[]).await;
        if waiting.in_vain.get() {
            // Who comes late may still say where else to look.
            let late = of_the_chain(asking, stop, &Waiting::default()).await;
            along(reach, late.searches, &asked).await;
            wants_fewer = late.wants_fewer;
        }
        if wants_fewer && let Some(search) = of_the_activity(asking).await {
            lookup(reach, &search).await;
        }
    };
    // Of the few requests a second, those that can name who stopped it go first.
    let shell = async {
        let _ = first.await;
        if reach.task.allows_exec() && !reach.asks_sparingly() {
            let from = stop - BEFORE_STOP_IN_SHELL;
            lookup(reach, &Search { aside: true, ..Search::of(EXECUTE_COMMAND, (from, stop), Subject::Shell { from, to: stop }) }).await;
        }
    };
    let stops = async {
        if stop_task.decides || !reach.asks_sparingly() {
            lookup(reach, &stop_task).await;
        }
    };
    futures::join!(stops, others, shell);
    // Somebody's call for another reason is not followed: only the one that is behind this stop, as far as is known.
    if let Some(call) = deciding(asking) {
        let first = who_began_the_session(asking, call).await;
        ask_whose_task(reach, &first).await;
    }
    let mut heard = false;
    for search in of_the_memory(asking, stop).await {
        if !(heard && search.only_messages) {
            heard |= !lookup(reach, &search).await.is_empty() && search.only_messages;
        }
    }
}

/// Asks for one name after another until one has answered; gives the names and windows that were asked for.
async fn along(reach: &Reach<'_>, searches: Vec<Search>, before: &[(&str, Timestamp, Timestamp)]) -> Vec<(&'static str, Timestamp, Timestamp)> {
    let mut asked = Vec::new();
    for search in searches.into_iter().filter(|search| search.decides || !reach.asks_sparingly()) {
        let place = (search.name, search.from, search.to);
        if before.contains(&place) {
            continue;
        }
        let found = lookup(reach, &search).await;
        asked.push(place);
        // What a nearer window or a likelier name has answered needs no further look; but an AWS service acts for somebody.
        let answered = found.iter().any(|call| actors::describe(call).kind != Kind::Aws);
        if answered && !search.goes_on {
            break;
        }
    }
    asked
}

/// The call that names who stopped the task, by what is known so far.
fn deciding(asking: &Asking<'_>) -> Option<ApiCall> {
    let by = stopped_by::find(&Timeline::new(asking.so_far()));
    by.call.map(|(_, call)| call).filter(|_| by.status == stopped_by::Status::Found)
}

/// How far a session is followed back.
const MOST_SESSION_HOPS: usize = 3;

/// Follows a role's session to the call that handed out its key, and that call's own session further; gives the last
/// call that it came to.
async fn who_began_the_session(asking: &Asking<'_>, mut call: ApiCall) -> ApiCall {
    let reach = asking.reach;
    let before: Vec<Event> = reach.before.map(|before| before.events.clone()).unwrap_or_default();
    for _ in 0..MOST_SESSION_HOPS {
        let Some((key, created)) = session_to_follow(&call) else { return call };
        // Asked again, what is known is not looked for.
        let mut found = before.iter().find_map(|event| match &event.what {
            What::Called(earlier) if earlier.succeeded() && earlier.issued_key.as_deref() == Some(key.as_str()) => Some(ApiCall::clone(earlier)),
            _ => None,
        });
        for name in session_calls(&call) {
            if found.is_some() {
                break;
            }
            let (from, to) = (created - SESSION_BEGINS_WITHIN, created + SESSION_BEGINS_WITHIN);
            found = lookup(reach, &Search::of(name, (from, to), Subject::Key(key.clone()))).await.pop();
        }
        match found {
            Some(earlier) => call = earlier,
            None => return call,
        }
    }
    call
}

/// `creationDate` is the moment of the AssumeRole call; records are cut to the second.
const SESSION_BEGINS_WITHIN: SignedDuration = SignedDuration::from_secs(60);

/// Key and beginning of a session whose name does not tell who stands behind it.
fn session_to_follow(call: &ApiCall) -> Option<(String, Timestamp)> {
    let identity = &call.identity;
    let role = identity.role_name()?;
    // A person signed on, a task, an instance and AWS itself are known by the session alone.
    let known = role.starts_with("AWSReservedSSO_") || role.starts_with("AWSServiceRoleFor") || identity.invoked_by.is_some() || identity.issued_to.is_some();
    let named = identity.session().is_some_and(|session| is_task_id(session) || session.starts_with("i-"));
    let key = identity.access_key_id.clone().filter(|key| key.starts_with("ASIA"))?;
    (identity.kind == "AssumedRole" && !known && !named).then_some((key, identity.session_created?))
}

/// The names under which a session like this one can have begun, the likeliest first.
fn session_calls(call: &ApiCall) -> Vec<&'static str> {
    let (web, role, saml) = ("AssumeRoleWithWebIdentity", "AssumeRole", "AssumeRoleWithSAML");
    if call.identity.web_provider.is_some() {
        vec![web]
    } else if actors::describe(call).kind == Kind::Pipeline {
        vec![web, role]
    } else if call.identity.session().is_some_and(|session| session.contains('@')) {
        vec![role, saml, web]
    } else {
        vec![role, web, saml]
    }
}

fn describe(inquiry: &Inquiry<'_>, search: &Search) {
    inquiry.about(search.name);
    if search.aside {
        inquiry.aside();
    }
    if search.only_messages {
        inquiry.kept();
    }
}

/// Reads every page of one search and tells the calls that concern the task; gives those that were accepted.
async fn lookup(reach: &Reach<'_>, search: &Search) -> Vec<ApiCall> {
    if let Some(store) = reach.trail_lake {
        return lookup_in(store, reach, search).await;
    }
    let inquiry = reach.ledger.ask(Source::Cloudtrail, "cloudtrail:LookupEvents", "*");
    describe(&inquiry, search);
    let (mut matched, mut unreadable, mut accepted) = (0_usize, 0_usize, Vec::new());
    let asked = Asked { name: search.name, window: (search.from, search.to), most_pages: search.most_pages };
    let ended = each_record(&reach.account.cloudtrail(), &inquiry, asked, |value| {
        let Some(recorded) = recorded(value) else {
            unreadable += 1;
            return true;
        };
        if let Some(call) = take(reach, search, &inquiry, recorded) {
            matched += 1;
            accepted.extend(Some(call).filter(ApiCall::succeeded));
        }
        true
    })
    .await;
    match ended {
        Err(failing) => inquiry.fail(&failing),
        Ok(()) if unreadable > 0 => inquiry.fail(&Failing::unreadable(format!("{unreadable} records could not be read"))),
        Ok(()) => close(reach, search, inquiry, matched),
    }
    accepted
}

/// One name in one window, and how far it is read.
struct Asked {
    name: &'static str,
    window: (Timestamp, Timestamp),
    /// Of 50 calls each.
    most_pages: usize,
}

/// Shows every record of one name, page by page, newest first, as long as the visitor wants more. One that cannot be read
/// is shown as null.
async fn each_record(client: &aws_sdk_cloudtrail::Client, inquiry: &Inquiry<'_>, asked: Asked, mut visit: impl FnMut(&Value) -> bool) -> Result<(), Failing> {
    let (from, to) = (asked.window.0.as_second(), asked.window.1.as_second() + 1);
    inquiry.looked(Timestamp::from_second(from).ok(), Timestamp::from_second(to).ok());
    let attribute =
        LookupAttribute::builder().attribute_key(LookupAttributeKey::EventName).attribute_value(asked.name).build().map_err(|error| Failing::unreadable(error.to_string()))?;
    let mut pages = Pages::default();
    for _ in 0..asked.most_pages {
        inquiry.request();
        let request = client.lookup_events().lookup_attributes(attribute.clone()).start_time(DateTime::from_secs(from)).end_time(DateTime::from_secs(to)).max_results(50);
        let answer = request.set_next_token(pages.token()).send().await.map_err(|error| failing(&error))?;
        for record in answer.events() {
            if !visit(&document_in(record)) {
                return Ok(());
            }
        }
        match pages.turn(answer.next_token) {
            Turn::Next => {}
            Turn::End => return Ok(()),
            Turn::Repeated => return Err(Failing::repeated_token()),
        }
    }
    Err(Failing::unreadable(format!("more than {} {} calls in the window: not read to the end", asked.most_pages * 50, asked.name)))
}

/// Tells the call if it is what the search is for, with secrets taken out of what its caller typed, and of the service's
/// events that its answer keeps those that concern the task.
fn take(reach: &Reach<'_>, search: &Search, inquiry: &Inquiry<'_>, recorded: Recorded) -> Option<ApiCall> {
    let Recorded { mut call, messages } = recorded;
    if call.name != search.name || !is_of_its_service(&call) || !search.subject.concerns(&call, reach.task) {
        return None;
    }
    search.subject.narrow(&mut call);
    if reach.redact {
        let reported = call.report.iter_mut().flat_map(|report| report.containers.iter_mut().map(|container| &mut container.reason).chain([&mut report.reason]));
        for told in reported.flatten() {
            *told = redact::sentence(told).into_owned();
        }
        for typed in [&mut call.parameters.reason, &mut call.parameters.command].into_iter().flatten() {
            *typed = redact::text(typed).into_owned();
        }
    }
    let messages = messages.into_iter().filter(|message| concerns(message, reach.task)).map(|message| Event::said(message, Precision::Second));
    if search.only_messages {
        messages.for_each(|message| inquiry.tell(message));
    } else {
        messages.for_each(|message| reach.ledger.tell(message));
        let level = if call.succeeded() { Level::Info } else { Level::Warn };
        inquiry.tell(Event { at: call.time, precision: Precision::Second, witness: Witness::Cloudtrail, level, container: None, what: What::Called(Box::new(call.clone())) });
    }
    Some(call)
}

/// Read in full: but where such a call must have been, its absence may be too early to believe.
fn close(reach: &Reach<'_>, search: &Search, inquiry: Inquiry<'_>, matched: usize) {
    let early = search.decides && matched == 0 && reach.now.duration_since(search.to) < SETTLES_AFTER;
    if early { inquiry.end(Status::TooEarly) } else { inquiry.done() }
}

/// The same search in an event data store.
async fn lookup_in(store: &EventDataStore, reach: &Reach<'_>, search: &Search) -> Vec<ApiCall> {
    let inquiry = reach.ledger.ask(Source::Cloudtrail, trail_lake::START, &store.id);
    describe(&inquiry, search);
    inquiry.looked(Some(search.from), Some(search.to));
    let client = reach.account.cloudtrail_in(store.region.as_deref());
    // The results have a reading of their own as long as they are waited for, and after it where they did not come.
    let results = RefCell::new(None::<Inquiry<'_>>);
    let request = |action| {
        inquiry.request();
        if action == trail_lake::RESULTS {
            results.borrow_mut().get_or_insert_with(|| {
                let reading = reach.ledger.ask(Source::Cloudtrail, action, &store.id);
                reading.about(search.name);
                reading
            });
        }
    };
    let records = match trail_lake::records(&client, store, search.name, (search.from, search.to), request).await {
        Ok(records) => records,
        Err(unanswered) => {
            if let Some(reading) = results.take() {
                reading.fail(&unanswered.failing);
            }
            inquiry.fail(&unanswered.failing);
            return Vec::new();
        }
    };
    if let Some(reading) = results.take() {
        reading.withdraw();
    }
    let read: Vec<Recorded> = records.iter().filter_map(recorded).collect();
    let unreadable = records.len() - read.len();
    let calls: Vec<ApiCall> = read.into_iter().filter_map(|recorded| take(reach, search, &inquiry, recorded)).collect();
    let matched = calls.len();
    let accepted = calls.into_iter().filter(ApiCall::succeeded).collect();
    if unreadable > 0 {
        inquiry.fail(&Failing::unreadable(format!("{unreadable} records could not be read")));
    } else {
        close(reach, search, inquiry, matched);
    }
    accepted
}

#[cfg(test)]
mod tests;
