//! Log lines as a person reads them: levels in text and JSON, a stack trace as one thing, secrets gone.

use std::sync::LazyLock;

use regex::Regex;
use serde_json::Value;

use crate::diagnosis::event::Level;

/// Longer lines are cut here; a megabyte in one line tells no more than its beginning.
pub const MOST_CHARACTERS: usize = 600;
/// As much of a line is looked at: what a logger says of it stands at its beginning.
const MOST_LOOKED_AT: usize = 8 << 10;
/// Lines of one trace come at once.
const SAME_TRACE: i64 = 5_000;

/// One raw log event: milliseconds since the epoch, and its text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RawLine {
    pub at: i64,
    pub text: String,
}

/// One thing the container wrote: a line, or a stack trace with its exception in front.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Statement {
    pub at: i64,
    pub level: Level,
    pub text: String,
    /// Further lines that belong to it.
    pub more: usize,
    pub out_of_memory: bool,
}

/// Which runtime's trace is being read: each goes on in its own way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Trace {
    /// Java, .NET, Node, and anything that indents: `\tat …`, `Caused by: …`.
    Indented,
    Python,
    /// The message follows the `panicked at` line.
    Rust,
    Go,
    /// `/app/x.js:10`, the source, a caret, and then the exception.
    NodeSource,
}

static LEVEL_WORD: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(
        r"^(?:[^A-Za-z]*\S{0,40}\s+){0,4}?[\[<|(]?(TRACE|DEBUG|INFO|NOTICE|WARN|WARNING|ERROR|ERR|SEVERE|FATAL|CRITICAL|CRIT|PANIC|EMERG|ALERT)(?:[\]>|),]|:\S*|\[\d+\])?(?:\s|$)",
    )
    .expect("a pattern")
});
/// Lower case, with its colon, behind nothing but a time and a short name: `2026-01-01T10:00:00Z error: …`, `fail: Microsoft…[0]`.
static LEVEL_COLON: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"^(?:[\d\[(][\d\]\[\-:/.,TZ+)\s]*)?(?:[\w./-]{1,24}\[\d+\]:\s+)?\[?(trace|trce|debug|dbug|info|notice|warn|warning|error|err|fail|fatal|crit|critical|panic|severe|emerg|alert)\]?:\s").expect("a pattern")
});
/// Serilog's three letters, in brackets behind the time; logrus's four before the seconds.
static LEVEL_SHORT: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"^(?:\[[\d:.\- ]+ (VRB|DBG|INF|WRN|ERR|FTL)\]|(?:[\d:.\- T]+ \[?)?(VRB|DBG|INF|WRN|FTL)\]? |(DEBU|INFO|WARN|ERRO|FATA|PANI)\[\d+\])").expect("a pattern")
});
/// What a terminal would act on: colours, cursor movements, titles. Loggers write them where they take a pipe for a terminal.
pub(crate) static TERMINAL: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)|[PX^_][^\x1b]*\x1b\\|[ -/]*[0-~])").expect("a pattern"));
static LEVEL_FIELD: LazyLock<Regex> = LazyLock::new(|| Regex::new(r#"(?i)\b(?:level|lvl|severity|loglevel)["']?\s*[=:]\s*["']?([a-z]+)"#).expect("a pattern"));
static LEVEL_BRACKET: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"(?i)^.{0,60}?[\[<|]\s*(trace|debug|info|notice|warn|warning|error|err|severe|fatal|critical|crit|panic|emerg|alert)\s*[\]>|]").expect("a pattern")
});
static GLOG: LazyLock<Regex> = LazyLock::new(|| Regex::new(r"^([IWEF])\d{4} \d{2}:\d{2}:\d{2}").expect("a pattern"));
/// The beginning of a line that is an error by what it says.
static OUTCRY: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(concat!(
        r"^\s*(?:",
        r"(?:Uncaught |Unhandled )?(?:[A-Za-z_$][\w$]*[.:/\\]+)+(?:[A-Z][\w$]*)?(?:Error|Exception|Fault|Panic|Interrupt)\b|(?:[A-Z][\w$]*)?(?:Error|Exception|Fault|Panic|Interrupt)(?::|\s*$)|",
        r"(?:error|fatal|panic|critical|exception|uncaughtException)\b\s*[:\[!(]|",
        r"(?:PHP )?Fatal (?:Python )?error:|(?:PHP )?Parse error:|npm ERR!|panicked at |Error response from daemon|",
        r"\S+: (?:line )?\d+: .*: (?:not found|Permission denied|No such file or directory|cannot execute)|",
        r"\S*sh: .*: (?:not found|command not found|Permission denied|No such file or directory)|exec \S+: |exec: |",
        r"fatal error|",
        r"Exception in thread |(?i:unhandled (?:exception|rejection|promise rejection))|UnhandledPromiseRejection|",
        r".*\((?:[A-Z]\w*::)*[A-Z]\w*(?:Error|Exception)\)\s*$|",
        r"Traceback \(most recent call last\)|",
        r"thread '.*' (?:\(\d+\) )?panicked at|",
        r"panic: |goroutine \d+ \[|",
        r"Segmentation fault|Bus error|Illegal instruction|Aborted|Killed$|core dumped|",
        r"terminate called|free\(\): |malloc\(\): |\*\*\* stack smashing|==\d+==\s*ERROR",
        r")"
    ))
    .expect("a pattern")
});
/// A runtime's own words for "no memory left".
static OUT_OF_MEMORY: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(concat!(
        r"java\.lang\.OutOfMemoryError|OutOfMemoryError: |Terminating due to java\.lang\.OutOfMemoryError|JavaScript heap out of memory|Reached heap limit|",
        r"^\s*MemoryError\b|\bnumpy\S*MemoryError|std::bad_alloc|memory allocation of \d+ bytes failed|runtime: out of memory|System\.OutOfMemoryException|",
        r"\bOutOfMemoryException\b|Allowed memory size of \d+ bytes exhausted|NoMemoryError|failed to allocate memory|[Cc]annot allocate memory|\bENOMEM\b|",
        r"There is insufficient memory for the Java Runtime Environment"
    ))
    .expect("a pattern")
});
static EXCEPTION_NAME: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r"^(?:Uncaught )?(?:[A-Za-z_$][\w$]*\.)*[A-Za-z_$][\w$]*(?:Error|Exception|Exit|Interrupt|Warning|Fault)?(?::|\s|$)").expect("a pattern"));
static NODE_SOURCE: LazyLock<Regex> = LazyLock::new(|| Regex::new(r"^(?:/|file://|node:|[A-Z]:\\)\S*:\d+$").expect("a pattern"));
static GO_FRAME: LazyLock<Regex> = LazyLock::new(|| Regex::new(r"^(?:goroutine \d+ \[|created by |\[signal |exit status \d|[\w./*()\[\]-]+\(.*\)$)").expect("a pattern"));

/// Reads lines in the order they were written and hands on whole statements.
///
/// Holds one statement at a time, whatever the length of the log.
pub struct Reader<F: FnMut(Statement)> {
    open: Option<Open>,
    hand_on: F,
}

struct Open {
    statement: Statement,
    trace: Option<Trace>,
    last_at: i64,
    /// The line that says what went wrong has been found.
    titled: bool,
}

impl<F: FnMut(Statement)> Reader<F> {
    pub fn new(hand_on: F) -> Self {
        Self { open: None, hand_on }
    }

    pub fn read(&mut self, line: &RawLine) {
        // One log event may hold a whole trace: the driver can be told to join lines.
        let plain = TERMINAL.replace_all(&line.text, "");
        for part in plain.lines().filter(|part| !part.trim().is_empty()) {
            self.line(line.at, part);
        }
    }

    pub fn finish(mut self) {
        self.close();
    }

    fn close(&mut self) {
        if let Some(open) = self.open.take() {
            (self.hand_on)(open.statement);
        }
    }

    fn line(&mut self, at: i64, text: &str) {
        if let Some(open) = &mut self.open
            && at.saturating_sub(open.last_at) <= SAME_TRACE
            && open.take(at, text)
        {
            return;
        }
        self.close();
        self.open = Some(Open::begin(at, text));
    }
}

impl Open {
    fn begin(at: i64, text: &str) -> Self {
        if let Some(statement) = from_json(at, text) {
            return Self { statement, trace: None, last_at: at, titled: true };
        }
        let text = beginning(text);
        let trace = trace_of(text);
        let out_of_memory = OUT_OF_MEMORY.is_match(text);
        let cries = out_of_memory || trace.is_some_and(|trace| trace != Trace::Indented) || OUTCRY.is_match(text);
        let level = level_of(text).unwrap_or(if cries { Level::Error } else { Level::Info });
        let statement = Statement { at, level, text: shortened(text.trim_end()), more: 0, out_of_memory };
        Self { statement, trace, last_at: at, titled: !matches!(trace, Some(Trace::Python | Trace::Rust | Trace::NodeSource)) }
    }

    /// Takes the line if it goes on with this statement.
    fn take(&mut self, at: i64, text: &str) -> bool {
        let text = beginning(text);
        let Some(trace) = self.trace else {
            // Anything may turn out to be the head of a trace by what follows it.
            if !self.statement.text.is_empty() && is_frame(text) {
                self.trace = Some(Trace::Indented);
                if level_of(&self.statement.text).is_none() {
                    self.statement.level = Level::Error;
                }
                return self.add(at, text);
            }
            return false;
        };
        let indented = text.starts_with([' ', '\t']);
        let goes_on = match trace {
            Trace::Indented => is_frame(text) || (indented && self.statement.more > 0) || is_trailer(text),
            Trace::Python => {
                let goes_on_with_another = text.starts_with("During handling of") || text.starts_with("The above exception was");
                // What follows either sentence is the trace of the exception that was raised last: that one tells.
                self.titled &= !goes_on_with_another;
                indented || goes_on_with_another || text.starts_with("Traceback") || !self.titled
            }
            Trace::Rust => !self.titled || indented || text.starts_with("stack backtrace:") || text.starts_with("note: "),
            Trace::Go => indented || GO_FRAME.is_match(text),
            Trace::NodeSource => indented || !self.titled || text.starts_with("Node.js v") || text.starts_with('}'),
        };
        if !goes_on {
            return false;
        }
        let says_it = match trace {
            Trace::Python => {
                !indented && EXCEPTION_NAME.is_match(text) && !text.starts_with("Traceback") && !text.starts_with("During handling") && !text.starts_with("The above exception")
            }
            Trace::Rust => !self.titled,
            Trace::NodeSource => !indented && !self.titled && OUTCRY.is_match(text),
            Trace::Indented | Trace::Go => false,
        };
        if says_it {
            self.titled = true;
            self.statement.text = match trace {
                Trace::Rust if self.statement.text.ends_with(':') => shortened(&format!("{} {}", self.statement.text, text.trim())),
                _ => shortened(text.trim()),
            };
        }
        self.add(at, text)
    }

    fn add(&mut self, at: i64, text: &str) -> bool {
        self.statement.more += 1;
        self.last_at = at;
        self.statement.out_of_memory |= OUT_OF_MEMORY.is_match(text);
        true
    }
}

fn beginning(text: &str) -> &str {
    &text[..text.floor_char_boundary(MOST_LOOKED_AT)]
}

fn trace_of(text: &str) -> Option<Trace> {
    if text.starts_with("Traceback (most recent call last)") {
        Some(Trace::Python)
    } else if text.starts_with("thread '") && text.contains("panicked at") {
        Some(Trace::Rust)
    } else if text.starts_with("panic: ")
        || text.starts_with("fatal error: ")
        || (text.starts_with("goroutine ") && text.contains('['))
        || text.starts_with("unexpected fault address")
    {
        Some(Trace::Go)
    } else if NODE_SOURCE.is_match(text.trim_end()) {
        Some(Trace::NodeSource)
    } else {
        None
    }
}

/// `\tat com.example…`, `   at Foo.Bar() in …`, `Caused by: …`, `... 12 more`, `--- End of inner …`.
fn is_frame(text: &str) -> bool {
    let bare = text.trim_start();
    let indented = bare.len() < text.len();
    (indented && (bare.starts_with("at ") || bare.starts_with("... ") || bare.starts_with("--- End of") || bare.starts_with("File \"") || bare.starts_with("Suppressed: ")))
        || text.starts_with("Caused by: ")
        || text.starts_with("Suppressed: ")
        || text.starts_with("--- End of")
}

fn is_trailer(text: &str) -> bool {
    text.starts_with("Node.js v") || text.trim() == "}" || text.starts_with(" ---> ")
}

/// The level a line gives itself, in the forms loggers use.
fn level_of(text: &str) -> Option<Level> {
    let head: String = text.chars().take(200).collect();
    if let Some(letter) = GLOG.captures(&head) {
        return Some(match &letter[1] {
            "E" | "F" => Level::Error,
            "W" => Level::Warn,
            _ => Level::Info,
        });
    }
    if let Some(short) = LEVEL_SHORT.captures(&head) {
        return short.iter().skip(1).flatten().next().and_then(|word| named_level(word.as_str()));
    }
    let word = LEVEL_WORD.captures(&head).or_else(|| LEVEL_BRACKET.captures(&head)).or_else(|| LEVEL_COLON.captures(&head)).or_else(|| LEVEL_FIELD.captures(&head))?;
    named_level(&word[1])
}

fn named_level(name: &str) -> Option<Level> {
    match name.to_ascii_lowercase().as_str() {
        "error" | "err" | "eror" | "erro" | "fail" | "severe" | "fatal" | "fata" | "ftl" | "critical" | "crit" | "panic" | "pani" | "emerg" | "emergency" | "alert" | "dpanic" => {
            Some(Level::Error)
        }
        "warn" | "warning" | "wrn" => Some(Level::Warn),
        "trace" | "trce" | "vrb" | "debug" | "dbug" | "dbg" | "debu" | "info" | "inf" | "notice" | "information" | "informational" | "verbose" | "default" => Some(Level::Info),
        _ => None,
    }
}

/// A JSON log line: its message, its level, its stack trace counted.
fn from_json(at: i64, text: &str) -> Option<Statement> {
    if !text.trim_start().starts_with('{') {
        return None;
    }
    let value: Value = serde_json::from_str(text).ok()?;
    let fields = value.as_object()?;
    let field = |names: &[&str]| names.iter().find_map(|name| fields.get(*name).or_else(|| value.pointer(&format!("/{}", name.replace('.', "/")))));
    let words = |names: &[&str]| field(names).and_then(|found| found.as_str().map(str::to_owned));
    let level = match field(&[
        "level",
        "severity",
        "lvl",
        "loglevel",
        "log.level",
        "levelname",
        "@l",
        "SeverityText",
        "severityText",
        "severity_text",
        "level.name",
        "logLevel",
        "LogLevel",
        "Level",
    ]) {
        Some(Value::String(name)) => named_level(name),
        Some(Value::Object(named)) => named.get("name").and_then(Value::as_str).and_then(named_level),
        // pino and bunyan: 40 is a warning, 50 an error, 60 fatal. Below 8 one logger's error is another's debug.
        Some(Value::Number(number)) => number.as_i64().map(|number| match number {
            50.. => Level::Error,
            40..50 => Level::Warn,
            _ => Level::Info,
        }),
        _ => None,
    };
    let message = words(&["message", "msg", "@m", "event", "log", "text", "body", "Message"]);
    let error = words(&["error.message", "err.message", "exception.message", "error", "err", "exception_message", "errorMessage"]);
    let stack =
        words(&["stack", "stack_trace", "stackTrace", "stacktrace", "exception", "exc_info", "error.stack", "err.stack", "error.stack_trace", "exception.stacktrace", "@x"]);
    let told = match (&message, &error) {
        (Some(message), Some(error)) if !message.contains(error.as_str()) => format!("{message}: {error}"),
        (Some(message), _) => message.clone(),
        (None, Some(error)) => error.clone(),
        (None, None) => text.trim().to_owned(),
    };
    let first = told.lines().next().unwrap_or_default();
    let more = told.lines().count().saturating_sub(1) + stack.as_deref().map_or(0, |stack| stack.lines().count());
    let level = level.unwrap_or(if OUTCRY.is_match(first) { Level::Error } else { Level::Info });
    let out_of_memory = OUT_OF_MEMORY.is_match(beginning(&told)) || stack.as_deref().is_some_and(|stack| OUT_OF_MEMORY.is_match(stack));
    Some(Statement { at, level, text: shortened(first), more, out_of_memory })
}

fn shortened(text: &str) -> String {
    match text.char_indices().nth(MOST_CHARACTERS) {
        Some((at, _)) => format!("{}…", &text[..at]),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(lines: &[&str]) -> Vec<Statement> {
        let mut statements = Vec::new();
        let mut reader = Reader::new(|statement| statements.push(statement));
        for line in lines {
            reader.read(&RawLine { at: 0, text: (*line).to_owned() });
        }
        reader.finish();
        statements
    }

    /// `level text +more` of the only statement.
    fn one(lines: &[&str]) -> String {
        let statements = read(lines);
        assert_eq!(statements.len(), 1, "{statements:?}");
        format!("{} {} +{}", statements[0].level.as_str(), statements[0].text, statements[0].more)
    }

    #[test]
    fn a_java_trace_with_its_causes_is_one() {
        assert_eq!(
            one(&[
                "Exception in thread \"main\" java.lang.IllegalStateException: no pool",
                "\tat com.example.Main.run(Main.java:7)",
                "Caused by: java.io.IOException: refused",
                "\tat x.Y.z(Y.java:1)",
                "\t... 12 more"
            ]),
            "error Exception in thread \"main\" java.lang.IllegalStateException: no pool +4"
        );
    }

    #[test]
    fn a_java_error_line_keeps_its_frames() {
        assert_eq!(one(&["2026-01-01 10:00:00 ERROR c.e.Job : failed"]), "error 2026-01-01 10:00:00 ERROR c.e.Job : failed +0");
        assert_eq!(one(&["2026-01-01 10:00:00 ERROR c.e.Job : failed", "\tat a.B.c(B.java:1)"]), "error 2026-01-01 10:00:00 ERROR c.e.Job : failed +1");
    }

    #[test]
    fn a_python_trace_is_told_by_its_exception() {
        assert_eq!(
            one(&["Traceback (most recent call last):", "  File \"/app/x.py\", line 3, in <module>", "    run()", "ValueError: no such table"]),
            "error ValueError: no such table +3"
        );
    }

    #[test]
    fn a_chain_of_python_exceptions_is_one_and_told_by_the_last() {
        assert_eq!(
            one(&[
                "Traceback (most recent call last):",
                "  File \"/app/x.py\", line 3, in <module>",
                "KeyError: 'x'",
                "",
                "During handling of the above exception, another exception occurred:",
                "",
                "Traceback (most recent call last):",
                "  File \"/app/x.py\", line 9, in <module>",
                "RuntimeError: cannot start"
            ]),
            "error RuntimeError: cannot start +6"
        );
    }

    #[test]
    fn colours_and_titles_are_taken_out_before_anything_is_read() {
        assert_eq!(one(&["\u{1b}[31mERROR\u{1b}[0m boom"]), "error ERROR boom +0");
        assert_eq!(one(&["\u{1b}[31merror\u{1b}[39m: no route"]), "error error: no route +0");
        assert_eq!(one(&["\u{1b}]0;title\u{7}INFO \u{1b}[1;2Hready"]), "info INFO ready +0");
        assert!(read(&["\u{1b}[91mjava.lang.OutOfMemoryError: Java heap space\u{1b}[0m"])[0].out_of_memory);
    }

    #[test]
    fn what_a_runtime_says_when_memory_runs_out_is_an_error_without_a_word_for_it() {
        for line in [
            "Terminating due to java.lang.OutOfMemoryError: Java heap space",
            "memory allocation of 1073741824 bytes failed",
            "# There is insufficient memory for the Java Runtime Environment to continue.",
            "PHP Fatal error:  Allowed memory size of 134217728 bytes exhausted (tried to allocate 20480 bytes)",
        ] {
            let statement = &read(&[line])[0];
            assert!(statement.out_of_memory && statement.level == Level::Error, "{line}");
        }
    }

    #[test]
    fn a_line_after_a_python_trace_is_its_own() {
        assert_eq!(read(&["Traceback (most recent call last):", "  File \"/app/x.py\", line 3", "KeyError: 'id'", "INFO shutting down"]).len(), 2);
    }

    #[test]
    fn a_rust_panic_is_told_with_its_message() {
        assert_eq!(
            one(&[
                "thread 'main' panicked at src/grid.rs:214:31:",
                "index out of bounds: the len is 4096 but the index is 4096",
                "note: run with `RUST_BACKTRACE=1` environment variable to display a backtrace"
            ]),
            "error thread 'main' panicked at src/grid.rs:214:31: index out of bounds: the len is 4096 but the index is 4096 +2"
        );
    }

    #[test]
    fn a_go_panic_with_its_goroutines_is_one() {
        assert_eq!(
            one(&[
                "panic: runtime error: invalid memory address or nil pointer dereference",
                "[signal SIGSEGV: segmentation violation code=0x1 addr=0x0 pc=0x1]",
                "goroutine 1 [running]:",
                "main.main()",
                "\t/app/main.go:10 +0x1d",
                "exit status 2"
            ]),
            "error panic: runtime error: invalid memory address or nil pointer dereference +5"
        );
    }

    #[test]
    fn a_node_exception_is_found_below_its_source() {
        assert_eq!(
            one(&["/app/index.js:10", "    throw new Error('boom')", "    ^", "Error: boom", "    at main (/app/index.js:10:9)", "Node.js v20.1.0"]),
            "error Error: boom +5"
        );
    }

    #[test]
    fn a_dotnet_trace_is_one() {
        assert_eq!(
            one(&["Unhandled exception. System.InvalidOperationException: no queue", "   at Worker.Run() in /src/Worker.cs:line 9"]),
            "error Unhandled exception. System.InvalidOperationException: no queue +1"
        );
    }

    #[test]
    fn levels_stand_in_many_places() {
        for (line, level) in [
            ("2026-03-03T14:00:00Z ERROR geocoder: tile server answered 502", Level::Error),
            ("2026-03-03T14:00:00Z  INFO geocoder: 79 lookups, 0 errors", Level::Info),
            ("2026-03-03 14:00:00,123 WARN  [gc] c.e.HeapWatch : 97%", Level::Warn),
            ("[error] no route", Level::Error),
            ("level=fatal msg=\"no route\"", Level::Error),
            ("E0303 14:00:00.1 1 main.go:1] no route", Level::Error),
            ("INFO Error: handled and retried", Level::Info),
            (r#"{"level":50,"msg":"no route"}"#, Level::Error),
            (r#"{"level":"warn","msg":"slow"}"#, Level::Warn),
            (r#"{"severity":"CRITICAL","message":"no route"}"#, Level::Error),
            ("GET /errors 200", Level::Info),
            ("0 errors, no fatal ones", Level::Info),
            ("Killed", Level::Error),
            ("Error reporting is disabled", Level::Info),
            ("Exception mapper registered", Level::Info),
            (r#"{"level":0,"msg":"starting"}"#, Level::Info),
            ("ValueError: no such table", Level::Error),
            ("ERROR:root:no route", Level::Error),
            ("WARNING:app:slow", Level::Warn),
            ("2026-03-03T13:00:00Z error: no route", Level::Error),
            ("2026/03/03 13:00:00 error: listen tcp :8080: bind: address already in use", Level::Error),
            ("2026-03-03T13:00:00Z app[1]: error: no route", Level::Error),
            ("fail: Microsoft.Extensions.Hosting.Internal.Host[11]", Level::Error),
            ("crit: Microsoft.AspNetCore.Server.Kestrel[0]", Level::Error),
            ("info: Microsoft.Hosting.Lifetime[0]", Level::Info),
            ("[13:00:00 FTL] no route", Level::Error),
            ("[13:00:00 INF] 0 errors", Level::Info),
            ("FATA[0003] no route", Level::Error),
            ("ERRO[0003] no route", Level::Error),
            ("ERROR[0003] no route", Level::Error),
            ("INFO[0003] error: none", Level::Info),
            ("PHP Fatal error:  Uncaught Error: no route", Level::Error),
            ("Fatal Python error: init_fs_encoding", Level::Error),
            ("app.rb:3:in 'foo': undefined method (NoMethodError)", Level::Error),
            ("Unhandled Promise rejection: Error: no route", Level::Error),
            ("npm ERR! code ELIFECYCLE", Level::Error),
            ("/entrypoint.sh: 3: exec: foo: not found", Level::Error),
            ("bash: line 1: /app/run: No such file or directory", Level::Error),
            ("exec /app: exec format error", Level::Error),
            (r#"{"severity_text":"ERROR","body":"no route"}"#, Level::Error),
            (r#"{"level":{"name":"ERROR"},"msg":"no route"}"#, Level::Error),
            ("GET /fail: 200", Level::Info),
            ("no error: all fine", Level::Info),
            ("executing plan", Level::Info),
        ] {
            assert_eq!(read(&[line])[0].level, level, "{line}");
        }
    }

    #[test]
    fn a_json_line_is_its_message_and_its_stack_is_counted() {
        assert_eq!(one(&[r#"{"level":"error","msg":"job failed","err":{"message":"no table","stack":"Error: no table\n    at a\n    at b"}}"#]), "error job failed: no table +3");
    }

    #[test]
    fn every_runtime_has_its_words_for_a_full_heap() {
        for line in [
            "java.lang.OutOfMemoryError: Java heap space",
            "FATAL ERROR: Reached heap limit Allocation failed - JavaScript heap out of memory",
            "MemoryError",
            "terminate called after throwing an instance of 'std::bad_alloc'",
            "memory allocation of 4096 bytes failed",
            "fatal error: runtime: out of memory",
            "Unhandled exception. System.OutOfMemoryException: Exception of type",
            "PHP Fatal error:  Allowed memory size of 134217728 bytes exhausted (tried to allocate 20480 bytes)",
        ] {
            assert!(read(&[line])[0].out_of_memory, "{line}");
        }
        assert!(!read(&["heap used 97% after full GC"])[0].out_of_memory);
    }

    proptest::proptest! {
        #[test]
        fn no_line_is_lost_and_none_makes_it_panic(lines in proptest::collection::vec("[^\\n\\r]{0,80}", 0..40)) {
            let refs: Vec<&str> = lines.iter().map(String::as_str).collect();
            let written = refs.iter().filter(|line| !TERMINAL.replace_all(line, "").trim().is_empty()).count();
            let told: usize = read(&refs).iter().map(|statement| 1 + if refs.iter().any(|line| line.trim_start().starts_with('{')) { 0 } else { statement.more }).sum();
            proptest::prop_assert!(told <= written);
            if !refs.iter().any(|line| line.trim_start().starts_with('{')) {
                proptest::prop_assert_eq!(told, written);
            }
        }
    }
}
