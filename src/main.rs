//! The program: a TAB of some shell, or one command.

use std::process::ExitCode;

fn main() -> ExitCode {
    #[expect(clippy::disallowed_methods, reason = "the only look at the clock: everything is judged from this moment")]
    let now = jiff::Timestamp::now();
    ecs_trace::cli::complete::answered(now).unwrap_or_else(|| ecs_trace::cli::run(now))
}
