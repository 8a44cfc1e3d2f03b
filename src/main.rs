//! The program: completion first, since it must run before any thread; then one command.

use std::process::ExitCode;

use clap_complete::CompleteEnv;

fn main() -> ExitCode {
    CompleteEnv::with_factory(ecs_trace::cli::command).var("ECS_TRACE_COMPLETE").complete();
    // The only look at the clock: everything is judged from this moment.
    ecs_trace::cli::run(jiff::Timestamp::now())
}
