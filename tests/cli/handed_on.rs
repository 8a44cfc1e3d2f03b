//! Markdown and HTML as those read them to whom they are handed on: a browser's parser, and GitHub's Markdown.

use std::rc::Rc;

use ecs_trace::render::printable::printable;
use html5ever::tendril::TendrilSink;
use html5ever::{ParseOpts, parse_document};
use markup5ever_rcdom::{Node, NodeData, RcDom};
use serde_json::Value;

use super::program::{Ran, program, run};

/// An element with its attributes; its text is that of everything in it.
#[derive(Debug)]
pub struct Element {
    pub name: String,
    pub attributes: Vec<(String, String)>,
    pub text: String,
    pub parents: Vec<String>,
}

impl Element {
    pub fn attribute(&self, name: &str) -> Option<&str> {
        self.attributes.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }
}

fn text_of(node: &Rc<Node>, out: &mut String) {
    if let NodeData::Text { contents } = &node.data {
        out.push_str(&contents.borrow());
    }
    node.children.borrow().iter().for_each(|child| text_of(child, out));
}

/// Every element in order. A comment, or anything a browser had to mend, is a failure.
#[track_caller]
pub fn elements(html: &str) -> Vec<Element> {
    fn walk(node: &Rc<Node>, parents: &[String], found: &mut Vec<Element>) {
        let mut parents = parents.to_vec();
        match &node.data {
            NodeData::Element { name, attrs, .. } => {
                let mut text = String::new();
                text_of(node, &mut text);
                let attributes = attrs.borrow().iter().map(|attribute| (attribute.name.local.to_string(), attribute.value.to_string())).collect();
                found.push(Element { name: name.local.to_string(), attributes, text, parents: parents.clone() });
                parents.push(name.local.to_string());
            }
            NodeData::Comment { contents } => panic!("a comment: {contents}"),
            _ => {}
        }
        node.children.borrow().iter().for_each(|child| walk(child, &parents, found));
    }
    let dom = parse_document(RcDom::default(), ParseOpts::default()).one(html);
    assert!(dom.errors.borrow().is_empty(), "{:?}\n{html}", dom.errors.borrow());
    let mut found = Vec::new();
    walk(&dom.document, &[], &mut found);
    found
}

const ELEMENTS: [&str; 32] = [
    "html", "head", "meta", "title", "style", "body", "main", "header", "section", "footer", "h1", "h2", "p", "ul", "ol", "li", "a", "b", "strong", "span", "code", "pre", "div",
    "table", "thead", "tbody", "tr", "th", "td", "time", "h3", "em",
];
const CLASSES: [&str; 14] = ["facts", "verdict bad", "verdict good", "verdict doubt", "verdict", "headline", "scroll", "n", "text", "faint", "sign", "error", "warn", "lines"];

/// A page that holds what its templates hold and nothing that its texts brought with them.
#[track_caller]
pub fn is_inert_page(html: &str, about: &str) -> Vec<Element> {
    let found = elements(html);
    let policy = found.iter().find(|element| element.attribute("http-equiv").is_some()).unwrap();
    assert_eq!(policy.attribute("http-equiv"), Some("Content-Security-Policy"), "{about}");
    assert_eq!(policy.attribute("content"), Some("default-src 'none'; style-src 'unsafe-inline'"), "{about}");
    let ids: Vec<&str> = found.iter().filter_map(|element| element.attribute("id")).collect();
    for element in &found {
        assert!(ELEMENTS.contains(&element.name.as_str()), "{about}: {element:?}");
        for (name, value) in &element.attributes {
            let is_line = |value: &str| value.strip_prefix("line-").is_some_and(|n| !n.is_empty() && n.bytes().all(|byte| byte.is_ascii_digit()));
            let is_ours = match (element.name.as_str(), name.as_str()) {
                ("meta", _) | ("html", "lang") => true,
                ("a", "href") => value.strip_prefix('#').is_some_and(|id| is_line(id) && ids.contains(&id)),
                ("tr" | "span", "id") => is_line(value),
                ("h1" | "h2", "id") => ["lines", "stops"].contains(&value.as_str()),
                ("time", "datetime") => value.parse::<jiff::Timestamp>().is_ok(),
                ("div", "role") => value == "region",
                ("div", "aria-labelledby") => ["lines", "stops"].contains(&value.as_str()),
                ("div" | "pre", "tabindex") => value == "0",
                ("th", "scope") => ["row", "col"].contains(&value.as_str()),
                (_, "class") => CLASSES.contains(&value.as_str()) || ["bad", "good", "doubt"].contains(&value.as_str()),
                _ => false,
            };
            assert!(is_ours, "{about}: {name}={value:?} of {}", element.name);
        }
    }
    let of_head = |name: &str| found.iter().filter(|element| element.name == name).count();
    assert_eq!((of_head("style"), of_head("title"), of_head("meta"), of_head("h1")), (1, 1, 4, 1), "{about}");
    found
}

/// As GitHub renders it, everything it knows switched on and raw HTML let through, to be seen.
pub fn rendered(markdown: &str) -> String {
    let mut options = comrak::Options::default();
    let knows = &mut options.extension;
    (knows.table, knows.autolink, knows.strikethrough, knows.tasklist, knows.footnotes) = (true, true, true, true, true);
    (knows.alerts, knows.math_dollars, knows.math_code) = (true, true, true);
    options.render.r#unsafe = true;
    comrak::markdown_to_html(markdown, &options)
}

/// Markdown that is rendered to headings, paragraphs, lists, one table and code; outside of code stand words alone.
#[track_caller]
pub fn is_inert_markdown(markdown: &str, about: &str) -> Vec<Element> {
    let html = rendered(markdown);
    let found = elements(&format!("<!DOCTYPE html><html><head></head><body>{html}</body></html>"));
    for element in &found {
        let is_ours =
            ["html", "head", "body", "h2", "h3", "p", "strong", "code", "pre", "ul", "ol", "li", "table", "thead", "tbody", "tr", "th", "td"].contains(&element.name.as_str());
        assert!(is_ours, "{about}: {element:?}\n{markdown}");
        let attributes: Vec<(&str, &str)> = element.attributes.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        let is_language = element.name == "code" && element.parents.last().is_some_and(|parent| parent == "pre");
        assert!(attributes.is_empty() || is_language && matches!(attributes[..], [("class", "language-sh" | "language-sql" | "language-text")]), "{about}: {element:?}");
    }
    // GitHub, Slack and Confluence look in what is no code for names, numbers and addresses.
    let mut outside = html.clone();
    while let Some((begin, end)) = outside.find("<code").and_then(|begin| Some((begin, begin + outside[begin..].find("</code>")?))) {
        outside.replace_range(begin..end + "</code>".len(), " ");
    }
    let outside = outside.replace("&quot;", "\"");
    for word in outside.split(|letter: char| letter.is_whitespace() || matches!(letter, '<' | '>' | '(' | ')')) {
        let mut numbers = word.split('-');
        let is_issue = numbers.next().is_some_and(|key| !key.is_empty() && key.bytes().all(|byte| byte.is_ascii_uppercase()))
            && numbers.next().is_some_and(|number| number.starts_with(|first: char| first.is_ascii_digit()));
        let is_commit = word.len() >= 7 && word.bytes().all(|byte| byte.is_ascii_hexdigit());
        let is_tag = word.starts_with('/') && html.contains(&format!("<{word}>"));
        let holds = |marks: &str| word.contains(|letter| marks.contains(letter));
        assert!(is_tag || !(is_issue || is_commit || holds("@#|\\`*_$&/^{}=") || word.contains("www.")), "{about}: {word:?}\n{markdown}");
    }
    found
}

fn rows<'e>(found: &'e [Element], cell: &str) -> Vec<&'e Element> {
    found.iter().filter(|element| element.name == cell && element.parents.iter().any(|parent| parent == "tbody")).collect()
}

/// Both tell every line of the timeline, each in a row of its own and in full.
#[track_caller]
pub fn tell_every_line(document: &Value, markdown: &[Element], page: &[Element], about: &str) {
    let lines = document["timeline"].as_array().unwrap();
    let told: Vec<String> = lines.iter().map(|line| printable(line["text"].as_str().unwrap()).into_owned()).collect();
    let shown: Vec<&str> = rows(page, "td").into_iter().filter(|cell| cell.attribute("class") == Some("text")).map(|cell| cell.text.trim_start_matches(['✗', '!'])).collect();
    assert_eq!(shown.len(), told.len(), "{about}");
    for ((line, told), shown) in lines.iter().zip(&told).zip(shown) {
        let shown = if line["level"] == "info" { shown } else { shown.strip_prefix(' ').unwrap_or(shown) };
        assert_eq!(shown, told, "{about}");
    }
    assert_eq!(rows(page, "td").len(), told.len() * 4, "{about}");
    let cells = rows(markdown, "td");
    assert_eq!(cells.len(), told.len() * 5, "{about}");
    // A backslash before a bar: this renderer keeps one too many, GitHub's own does not.
    let bare = |text: &str| text.replace('\\', "");
    let code: Vec<String> = rows(markdown, "code").into_iter().map(|code| bare(&code.text)).collect();
    for (told, cell) in told.iter().map(|told| bare(told)).zip(cells.chunks(5)) {
        let text = bare(&cell[4].text);
        assert!(text.ends_with(&told), "{about}: {text:?} {told:?}");
        assert!(told.is_empty() || code.contains(&told), "{about}: {told:?}");
    }
}

/// A demo with everything the formats tell, and one with a caller and refused attempts.
#[test]
fn markdown_and_html_read_as_they_did() {
    for (demo, command) in [("out-of-memory", "timeline"), ("stopped-by-sso-user", "timeline"), ("stopped-by-sso-user", "who-stopped"), ("repeated", "why"), ("app-error", "logs")]
    {
        for format in ["markdown", "html"] {
            let told = run(&mut program(&[command, &format!("demo:{demo}"), "-o", format])).code(&[0, 3]).stdout;
            // The style is the templates' own, and the same everywhere.
            let told = match (told.find("<style>"), told.find("</style>")) {
                (Some(begin), Some(end)) => format!("{}{}", &told[..begin + 7], &told[end..]),
                _ => told,
            };
            insta::with_settings!({ snapshot_path => "handed_on", prepend_module_to_snapshot => false, omit_expression => true }, {
                insta::assert_snapshot!(format!("{command}-{demo}.{format}"), told);
            });
        }
    }
}

#[test]
fn every_command_about_a_task_tells_the_same_in_both_and_times_follow_the_zone() {
    for command in ["timeline", "why", "who-stopped", "logs"] {
        for demo in ["demo:out-of-memory", "demo:deployment", "demo:repeated", "demo:stopped-by-sso-user"] {
            let tell = |format: &str, zone: &str| run(program(&[command, demo, "--format", format, "--time", zone]).env("TZ", "Europe/Berlin")).code(&[0, 3]);
            for zone in ["local", "utc"] {
                let (markdown, page) = (tell("markdown", zone).stdout, tell("html", zone).stdout);
                is_inert_markdown(&markdown, demo);
                is_inert_page(&page, demo);
                let (here, there) = if zone == "utc" { (" UTC", " CET") } else { (" CET", " UTC") };
                assert!(markdown.contains(here) && page.contains(here), "{command}, {demo}: {markdown}");
                assert!(!page.contains(there), "{command}, {demo}: {page}");
            }
        }
    }
}

#[test]
fn in_the_page_each_citation_leads_to_its_line_and_commands_are_as_in_json() {
    let ran = |format: &str| run(&mut program(&["timeline", "demo:out-of-memory", "-o", format])).code(&[0]);
    let (document, page, markdown) = (ran("json").json(), ran("html").stdout, ran("markdown").stdout);
    let found = is_inert_page(&page, "out-of-memory");
    let mut cited: Vec<u64> = found.iter().filter(|element| element.name == "a").map(|link| link.attribute("href").unwrap()["#line-".len()..].parse().unwrap()).collect();
    cited.sort_unstable();
    // As many as the sentences name.
    assert_eq!(cited, [17, 18, 19]);
    let summary = document["verdict"]["summary"].as_str().unwrap();
    assert!(cited.iter().all(|n| summary.contains(&format!("[{n}]"))) && summary.matches('[').count() == cited.len(), "{summary}");
    tell_every_line(&document, &is_inert_markdown(&markdown, "out-of-memory"), &found, "out-of-memory");
    for step in document["verdict"]["nextSteps"].as_array().unwrap() {
        let Some(command) = step["command"].as_str() else { continue };
        assert!(found.iter().any(|element| element.name == "code" && element.text == command), "{command}");
        assert!(markdown.lines().any(|line| line.trim_start() == command), "{command}");
    }
}

#[test]
fn a_command_without_the_format_says_which_it_has_and_query_stays_with_json() {
    for format in ["markdown", "html"] {
        for (arguments, has) in [
            (["explain", "137"].as_slice(), format!("explain has no {format}; it has text, json and jsonl")),
            (&["doctor"], format!("doctor has no {format}; it has text, json and jsonl")),
            (&["config"], format!("config has no {format}; it has text, json and jsonl")),
            (&["archive", "status"], format!("archive status has no {format}; it has text, json and jsonl")),
            (&["completions", "bash"], format!("completions has no {format}; it has text alone")),
            (&["why", "demo:out-of-memory", "--query", "task"], "--query picks from JSON: add -o json".to_owned()),
        ] {
            let Ran { stdout, stderr, .. } = run(&mut program(&[arguments, &["-o", format]].concat())).code(&[252]);
            assert_eq!((stdout.as_str(), stderr), ("", format!("ecs-trace: {has}\n")));
        }
    }
    let watched = run(program(&["stops", "--watch", "-o", "html"]).env("AWS_REGION", "eu-west-1")).code(&[252]);
    assert!(watched.stderr.contains("use -o text, markdown or jsonl"), "{}", watched.stderr);
}

#[test]
fn a_format_of_the_config_file_gives_way_where_there_is_none() {
    let home = tempfile::tempdir().unwrap();
    std::fs::create_dir(home.path().join("ecs-trace")).unwrap();
    std::fs::write(home.path().join("ecs-trace/config.toml"), "output = \"html\"\n").unwrap();
    let tell = |arguments: &[&str]| run(program(arguments).env("XDG_CONFIG_HOME", home.path())).code(&[0]).stdout;
    assert!(tell(&["why", "demo:out-of-memory"]).starts_with("<!DOCTYPE html>"));
    assert!(tell(&["explain", "137"]).starts_with("137: "));
    assert!(tell(&["archive", "template"]).contains("AWSTemplateFormatVersion"));
}
