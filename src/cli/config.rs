//! `config`: what is in force, and from where.

use clap::Args;

use crate::render::columns::{padded, width};
use crate::render::json::config::Config;
use crate::render::printable::printable;

use super::Done;
use super::args::Everywhere;
use super::failure::Exit;
use super::output::rendered;
use super::screen::Screen;
use super::settings::File;

/// Which settings are in force, and where each comes from
///
/// A setting is taken from the command line, else from the environment, else from the config file's section for the
/// profile, else from the top of the config file. The file is $XDG_CONFIG_HOME/ecs-trace/config.toml, by default
/// ~/.config/ecs-trace/config.toml; none is needed. Its keys are the names of the options:
///
/// cluster, output, color, time, timeout, quiet, verbose, no-pager
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  ecs-trace config
  ecs-trace config --profile oncall -o json

A config file:
  time = \"utc\"
  timeout = \"30s\"

  [profile.oncall]
  cluster = \"prod\"")]
pub struct Arguments {}

pub fn run(options: &Everywhere, file: &File, screen: &Screen) -> Done {
    let path = file.path.as_ref().map(|path| path.display().to_string());
    let document = || Config::new(path.clone(), file.exists, options.settings.iter().map(|setting| (setting.name, setting.value.as_str(), setting.from.as_str(), setting.line)));
    let text = || table(options, path.as_deref(), file.exists, screen);
    screen.answer(&rendered(options, document, text)?)?;
    Ok(Exit::Answered)
}

fn table(options: &Everywhere, path: Option<&str>, exists: bool, screen: &Screen) -> String {
    let look = &screen.page.look;
    let file = match (path, exists) {
        (None, _) => "none: no home folder is known".to_owned(),
        (Some(path), true) => path.to_owned(),
        (Some(path), false) => format!("{path} (not there, and not needed)"),
    };
    let names = options.settings.iter().map(|setting| width(setting.name)).max().unwrap_or(0) + 2;
    let values: Vec<String> = options.settings.iter().map(|setting| if setting.value.is_empty() { "–".to_owned() } else { printable(&setting.value).into_owned() }).collect();
    let columns = values.iter().map(|value| width(value)).filter(|columns| *columns <= 40).max().unwrap_or(0) + 2;
    let mut out = format!("{}{}\n\n", look.paint(&look.faint, &padded("file", names)), printable(&file));
    for (setting, value) in options.settings.iter().zip(&values) {
        let line = setting.line.map(|line| format!(" line {line}")).unwrap_or_default();
        let from = format!("{}{line}", setting.from);
        out.push_str(&format!("{}{}{}\n", look.paint(&look.faint, &padded(setting.name, names)), padded(value, columns), printable(&from)));
    }
    out
}
