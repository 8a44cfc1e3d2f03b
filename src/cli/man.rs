//! `man`: a page for man(1), from the same words as `--help`.

use clap::Args;

use super::failure::{Exit, Failure};
use super::screen::Screen;
use super::{Done, command};

/// Print the man page of the program or of one command
///
/// For packagers, and for whoever wants it beside the others: docs/man holds them all.
#[derive(Debug, Args)]
#[command(
    hide = true,
    after_help = "Examples:
  ecs-trace man > ~/.local/share/man/man1/ecs-trace.1
  ecs-trace man archive template > ecs-trace-archive-template.1"
)]
pub struct Arguments {
    /// The command; none for the program itself
    #[arg(value_name = "COMMAND")]
    command: Vec<String>,
}

pub fn run(arguments: &Arguments, screen: &Screen) -> Done {
    let mut program = command();
    program.build();
    let mut at = &program;
    for name in &arguments.command {
        let Some(inner) = at.find_subcommand(name) else {
            let names: Vec<&str> = at.get_subcommands().filter(|command| !command.is_hide_set()).map(clap::Command::get_name).collect();
            return Err(Failure::usage(format!("no command `{name}`")).meant(name, &names).hint(format!("there are: {}", names.join(", "))));
        };
        at = inner;
    }
    let page = page(at).map_err(|error| Failure::new(Exit::Other, format!("cannot write the page: {error}")))?;
    screen.answer(&String::from_utf8_lossy(&page))?;
    Ok(Exit::Answered)
}

fn page(command: &clap::Command) -> std::io::Result<Vec<u8>> {
    let man = clap_mangen::Man::new(command.clone()).source(concat!("ecs-trace ", env!("CARGO_PKG_VERSION")));
    let mut page = Vec::new();
    man.render_title(&mut page)?;
    man.render_name_section(&mut page)?;
    man.render_synopsis_section(&mut page)?;
    man.render_description_section(&mut page)?;
    man.render_options_section(&mut page)?;
    if command.get_subcommands().any(|inner| !inner.is_hide_set()) {
        man.render_subcommands_section(&mut page)?;
    }
    // clap_mangen would run the lines of the examples together.
    if let Some(after) = command.get_after_help() {
        page.extend(examples(&after.to_string()).bytes());
    }
    Ok(page)
}

/// The end of the help as sections of their own, line by line.
fn examples(text: &str) -> String {
    let mut out = String::new();
    for paragraph in text.split("\n\n") {
        let (heading, rest) = paragraph.split_once(":\n").unwrap_or(("", paragraph));
        let heading = if heading.is_empty() { "NOTES".to_owned() } else { heading.to_uppercase() };
        // What begins with blanks belongs to the section before it.
        out.push_str(&if paragraph.starts_with(' ') { ".PP\n".to_owned() } else { format!(".SH {heading}\n") });
        out.push_str(".nf\n");
        for line in rest.lines() {
            let line = line.strip_prefix("  ").unwrap_or(line).replace('\\', "\\e").replace('-', "\\-");
            let guard = if line.starts_with(['.', '\'']) { "\\&" } else { "" };
            out.push_str(&format!("{guard}{line}\n"));
        }
        out.push_str(".fi\n");
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn examples_keep_their_lines_and_nothing_in_them_is_a_command_of_roff() {
        let printed = examples("Examples:\n  ecs-trace logs 9f2c\n  .TH \\x\n\nReturn codes: 0, 3");
        assert_eq!(printed, ".SH EXAMPLES\n.nf\necs\\-trace logs 9f2c\n\\&.TH \\ex\n.fi\n.SH NOTES\n.nf\nReturn codes: 0, 3\n.fi\n");
    }
}
