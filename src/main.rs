//! The program: completion first, since it must run before any thread; then one command.

use std::process::ExitCode;

use clap_complete::CompleteEnv;

fn main() -> ExitCode {
    CompleteEnv::with_factory(ecs_trace::cli::command).var("ECS_TRACE_COMPLETE").complete();
    #[expect(clippy::disallowed_methods, reason = "the only look at the clock: everything is judged from this moment")]
    let now = jiff::Timestamp::now();
    ecs_trace::cli::run(now)
}
