//! The AWS CLI's alias file as text: where an alias stands in it, and the text with one more. Lines are read as Python's
//! `configparser` reads them; every other line stays as it is, line ends too.

/// One alias of ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Alias {
    /// `toplevel`, or `command ecs`.
    pub section: &'static str,
    pub name: &'static str,
    pub value: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// It stands there as wanted.
    None,
    Added(String),
    /// The text with ours where another alias of that name was.
    Replaced(String),
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Kind {
    /// Blank or a comment.
    Nothing,
    Section(String),
    Alias {
        name: String,
        value: String,
    },
    /// More of the alias above: it stands further in.
    More(String),
}

struct Line<'a> {
    text: &'a str,
    indent: &'a str,
    kind: Kind,
}

fn lines(text: &str) -> Vec<Line<'_>> {
    let mut depth = 0;
    let mut is_in_alias = false;
    let classified = text.split_inclusive('\n').map(|line| {
        let bare = line.trim();
        let indent = &line[..line.len() - line.trim_start().len()];
        let kind = if bare.is_empty() || bare.starts_with(['#', ';']) {
            Kind::Nothing
        } else if is_in_alias && indent.len() > depth {
            Kind::More(bare.to_owned())
        } else {
            depth = indent.len();
            is_in_alias = false;
            match bare.strip_prefix('[').and_then(|bare| bare.split_once(']')) {
                Some((section, _)) => Kind::Section(section.split_whitespace().collect::<Vec<_>>().join(" ")),
                None => {
                    is_in_alias = true;
                    let (name, value) = bare.split_once(['=', ':']).unwrap_or((bare, ""));
                    Kind::Alias { name: name.trim().to_lowercase(), value: value.trim().to_owned() }
                }
            }
        };
        Line { text: line, indent, kind }
    });
    classified.collect()
}

/// `text` with the alias in it.
#[must_use]
pub fn with(text: &str, alias: &Alias) -> Change {
    let lines = lines(text);
    let end = if text.split_once('\n').is_some_and(|(first, _)| first.ends_with('\r')) { "\r\n" } else { "\n" };
    let ours = format!("{} = {}", alias.name, alias.value);
    let Some(section) = lines.iter().position(|line| line.kind == Kind::Section(alias.section.to_owned())) else {
        let mut text = text.to_owned();
        if !text.is_empty() && !text.ends_with('\n') {
            text.push_str(end);
        }
        if lines.last().is_some_and(|line| !line.text.trim().is_empty()) {
            text.push_str(end);
        }
        return Change::Added(format!("{text}[{}]{end}{ours}{end}", alias.section));
    };
    let length = lines[section + 1..].iter().take_while(|line| !matches!(line.kind, Kind::Section(_))).count();
    let inside = section + 1..section + 1 + length;
    let more = |at: usize| lines[at + 1..inside.end].iter().take_while(|line| matches!(line.kind, Kind::More(_) | Kind::Nothing));
    let joined = |from: usize, to: usize| -> String { lines[from..to].iter().map(|line| line.text).collect() };
    let own = inside.clone().find(|at| matches!(&lines[*at].kind, Kind::Alias { name, .. } if name == alias.name));
    if let Some(at) = own {
        let last = at + more(at).enumerate().filter(|(_, line)| matches!(line.kind, Kind::More(_))).map(|(further, _)| further + 1).last().unwrap_or(0);
        let stands = matches!(&lines[at].kind, Kind::Alias { value, .. } if value == alias.value);
        if stands && last == at {
            return Change::None;
        }
        let line_end = &lines[last].text[lines[last].text.trim_end_matches(['\r', '\n']).len()..];
        return Change::Replaced(format!("{}{}{ours}{line_end}{}", joined(0, at), lines[at].indent, joined(last + 1, lines.len())));
    }
    // Behind the last alias of the section, and as far in as it: less, and what follows would be read as more of ours.
    let last = inside.clone().rev().find(|at| lines[*at].kind != Kind::Nothing).unwrap_or(section);
    let indent = inside.clone().rev().find(|at| matches!(lines[*at].kind, Kind::Alias { .. })).map_or(lines[section].indent, |at| lines[at].indent);
    let missing = if lines[last].text.ends_with('\n') { "" } else { end };
    Change::Added(format!("{}{missing}{indent}{ours}{end}{}", joined(0, last + 1), joined(last + 1, lines.len())))
}

#[cfg(test)]
mod tests {
    use super::*;

    const OURS: Alias = Alias { section: "toplevel", name: "ecs-trace", value: "!x ecs-trace" };
    const BELOW: Alias = Alias { section: "command ecs", name: "trace", value: "!x ecs-trace" };

    #[test]
    fn an_empty_file_gets_a_section() {
        assert_eq!(with("", &OURS), Change::Added("[toplevel]\necs-trace = !x ecs-trace\n".to_owned()));
        assert_eq!(with("# mine", &OURS), Change::Added("# mine\n\n[toplevel]\necs-trace = !x ecs-trace\n".to_owned()));
    }

    #[test]
    fn a_section_that_is_there_gets_a_line_at_its_end_and_all_else_stays() {
        let text = "# mine\r\n[toplevel]\r\nwhoami = sts get-caller-identity\r\nlong =\r\n  !f() {\r\n    echo\r\n  }; f\r\n\r\n; the others\r\n[command ec2]\r\nls = describe-instances\r\n";
        let Change::Added(changed) = with(text, &OURS) else { panic!() };
        assert_eq!(changed.replace("ecs-trace = !x ecs-trace\r\n", ""), text);
        assert!(changed.contains("  }; f\r\necs-trace = !x ecs-trace\r\n\r\n; the others\r\n[command ec2]"), "{changed:?}");
        assert_eq!(with(&changed, &OURS), Change::None);
    }

    #[test]
    fn ours_stands_as_far_in_as_its_neighbours_so_that_nothing_is_read_as_more_of_it() {
        let text = "  [toplevel]\n  a = b\n  [command ecs]\n  c = d";
        let Change::Added(changed) = with(text, &OURS) else { panic!() };
        assert_eq!(changed, "  [toplevel]\n  a = b\n  ecs-trace = !x ecs-trace\n  [command ecs]\n  c = d");
        let Change::Added(changed) = with(&changed, &BELOW) else { panic!() };
        assert!(changed.ends_with("  c = d\n  trace = !x ecs-trace\n"), "{changed:?}");
        assert_eq!((with(&changed, &OURS), with(&changed, &BELOW)), (Change::None, Change::None));
    }

    #[test]
    fn another_alias_of_the_name_is_replaced_whole() {
        for old in ["ecs-trace = ecs", "ECS-Trace: !ecs-trace --region x", "ecs-trace =\n  !f() {\n\n  # why\n  ecs-trace; }; f", "ecs-trace = !x ecs-trace\n  --region x"] {
            let text = format!("[toplevel]\n{old}\n\n# kept\nz = y\n");
            assert_eq!(with(&text, &OURS), Change::Replaced("[toplevel]\necs-trace = !x ecs-trace\n\n# kept\nz = y\n".to_owned()), "{old}");
        }
        assert_eq!(with("[toplevel]\necs-trace = ecs", &OURS), Change::Replaced("[toplevel]\necs-trace = !x ecs-trace".to_owned()));
    }

    #[test]
    fn the_same_name_in_a_comment_another_section_or_a_longer_alias_is_not_ours() {
        let text = "[toplevel]\n# ecs-trace = old\nf =\n  ecs-trace = 1\n[command ecs]\necs-trace = x\n";
        let Change::Added(changed) = with(text, &OURS) else { panic!() };
        assert_eq!(changed, "[toplevel]\n# ecs-trace = old\nf =\n  ecs-trace = 1\necs-trace = !x ecs-trace\n[command ecs]\necs-trace = x\n");
    }
}
