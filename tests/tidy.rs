//! The rules of this repository that neither the compiler nor clippy can hold: where platform
//! code and `unsafe` may be, which layer may import which, and what must not be left behind.
//!
//! Clippy sees the code of one platform; these tests read all of it, as text. Each rule has a
//! test of its own below, on a sample that breaks it.

use std::fs;
use std::path::Path;

/// The modules of the library. Each imports only from those before it.
const LAYERS: [&str; 11] =
    ["steps", "error", "atomic", "sys", "npy", "lock", "segment", "sync", "typed", "ring", "look"];

const MAX_LINES: usize = 600;

/// How many lines of code a comment about `SeqCst` speaks for.
const REACH: usize = 8;

type Rule = fn(&File) -> Vec<Finding>;

const RULES: [Rule; 10] = [
    platform_cfg_stays_in_sys,
    only_sys_knows_the_system,
    imports_point_down,
    imports_are_one_per_layer,
    unsafe_is_opted_into,
    unsafe_is_proved,
    files_are_short,
    seq_cst_is_justified,
    nothing_is_left_behind,
    nothing_sleeps,
];

#[test]
fn the_repository_is_tidy() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut files = Vec::new();
    for dir in ["src", "crates", "tests", "benches", "examples", "fuzz/fuzz_targets"] {
        collect(root, dir, &mut files);
    }
    assert!(files.iter().any(|file| file.path == "src/lib.rs"), "no source at {}", root.display());

    let findings: Vec<_> = files
        .iter()
        .flat_map(|file| RULES.iter().flat_map(|rule| rule(file)).map(|found| found.show(file)))
        .collect();
    assert!(findings.is_empty(), "\n{}\n", findings.join("\n"));
}

#[test]
fn the_page_on_deaths_names_tests_that_exist() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let page = fs::read_to_string(root.join("docs/when-processes-die.md")).unwrap();
    let mut files = Vec::new();
    collect(root, "tests/it", &mut files);
    let exists = |name: &str| {
        let start = format!("fn {name}()");
        files.iter().flat_map(|file| &file.lines).any(|line| line.code.contains(&start))
    };
    let is_test_name = |word: &&str| word.matches('_').count() >= 2 && !word.contains(' ');
    let names: Vec<_> = page.split('`').skip(1).step_by(2).filter(is_test_name).collect();
    assert!(names.len() > 20, "only {} tests are named", names.len());
    for name in names {
        assert!(exists(name), "no test in tests/it is called {name}");
    }
}

fn collect(root: &Path, dir: &str, files: &mut Vec<File>) {
    let Ok(entries) = fs::read_dir(root.join(dir)) else { return };
    for entry in entries {
        let entry = entry.unwrap();
        let path = format!("{dir}/{}", entry.file_name().to_str().unwrap());
        if entry.file_type().unwrap().is_dir() {
            collect(root, &path, files);
        } else if path.ends_with(".rs") {
            let source = fs::read_to_string(entry.path()).unwrap();
            files.push(File::new(&path, &source));
        }
    }
}

// The rules.

fn platform_cfg_stays_in_sys(file: &File) -> Vec<Finding> {
    let platform = [
        "unix",
        "windows",
        "target_os",
        "target_family",
        "target_env",
        "target_vendor",
        "target_abi",
    ];
    if file.is_in("src/sys") || file.is_in("tests") {
        return Vec::new();
    }
    let message = "platform `cfg` outside src/sys: give each platform a function of the same name \
                   in src/sys, and call that";
    let mut findings = Vec::new();
    let mut depth = 0;
    for (index, line) in file.lines.iter().enumerate() {
        let mut code = line.code.as_str();
        if depth == 0 {
            let Some(start) = ["cfg(", "cfg!(", "cfg_attr("].iter().find_map(|cfg| code.find(cfg))
            else {
                continue;
            };
            code = &code[start..];
        }
        for c in code.chars() {
            match c {
                '(' => depth += 1,
                ')' if depth > 0 => depth -= 1,
                _ => {}
            }
        }
        if platform.iter().any(|word| has_word(code, word)) {
            findings.push(Finding::at(index, message));
        }
    }
    findings
}

/// What only Linux or Unix has stays in `sys`, so that another platform can take its place.
fn only_sys_knows_the_system(file: &File) -> Vec<Finding> {
    let words = [
        "libc",
        "rustix",
        "fcntl",
        "flock",
        "Locker",
        "descriptor",
        "descriptors",
        "fd",
        "AsFd",
        "AsRawFd",
        "BorrowedFd",
        "OwnedFd",
        "RawFd",
        "uid",
        "gid",
    ];
    let paths = ["/proc", "/dev/shm", "/dev/fd", "/sys/"];
    if !file.is_in("src") || file.is_in("src/sys") {
        return Vec::new();
    }
    let tests = file.lines.windows(2).position(|lines| {
        lines[0].code.starts_with("#[cfg(") && lines[1].code.ends_with("mod tests {")
    });
    let mut findings = file.find(|line| {
        let word = words.iter().find(|word| has_word(&line.code, word));
        let path = paths.iter().find(|path| line.text.contains(**path));
        let os = line.code.contains("std::os::").then_some(&"std::os");
        let found = word.or(path).or(os)?;
        Some(format!(
            "`{found}` outside src/sys: other systems do not have it, so give `sys` a function for it (see \
             \"The seam of `sys`\" in docs/design.md)"
        ))
    });
    findings.retain(|finding| tests.is_none_or(|tests| finding.index < tests));
    findings
}

fn imports_point_down(file: &File) -> Vec<Finding> {
    if !file.is_in("src") || file.path == "src/lib.rs" {
        return Vec::new();
    }
    let layer = file.path["src/".len()..].split(['/', '.']).next().unwrap();
    let Some(height) = height(layer) else {
        let message = format!(
            "`{layer}` is no layer: move this into one, or place it in LAYERS (tests/tidy.rs) and \
             docs/design.md"
        );
        return vec![Finding::at(0, message)];
    };
    file.find(|line| {
        let mut paths = line.code.match_indices("crate::");
        paths.find_map(|(at, path)| {
            // `$crate` in a macro is the public path of whoever expands it.
            if line.code[..at].ends_with(|c: char| c == '$' || is_word(c)) {
                return None;
            }
            let rest = &line.code[at + path.len()..];
            let name = rest.split(|c| !is_word(c)).next().unwrap();
            match self::height(name) {
                Some(other) if other <= height => None,
                Some(_) => Some(format!(
                    "`{layer}` imports from `{name}`, a layer above it: move what both need down, \
                     or hand it in as an argument"
                )),
                None if name.is_empty() => None,
                None => Some(format!(
                    "`crate::{name}` hides its layer: spell the module that defines it"
                )),
            }
        })
    })
}

fn imports_are_one_per_layer(file: &File) -> Vec<Finding> {
    file.find(|line| {
        line.code
            .contains("use crate::{")
            .then(|| "one `use crate::layer::…` a layer, never `use crate::{`".into())
    })
}

fn unsafe_is_opted_into(file: &File) -> Vec<Finding> {
    if !file.is_in("src") {
        return Vec::new();
    }
    let used = file.lines.iter().position(|line| has_word(&line.code, "unsafe"));
    let opted = file.lines.iter().position(|line| line.code.starts_with("#![allow(unsafe_code"));
    let promised = file.lines.iter().any(|line| line.comment.trim() == "//! # Safety");
    match (used, opted) {
        (Some(used), _) if opted.is_none() || !promised => vec![Finding::at(
            used,
            "`unsafe` in a file that does not open with a `//! # Safety` section, saying what it \
             guarantees to safe callers, and `#![allow(unsafe_code)]`: add both, or use what a \
             file that has them offers",
        )],
        (None, Some(opted)) => {
            vec![Finding::at(opted, "`#![allow(unsafe_code)]` without `unsafe`: remove it")]
        }
        _ => Vec::new(),
    }
}

fn unsafe_is_proved(file: &File) -> Vec<Finding> {
    let message = "`unsafe` without a `// SAFETY:` comment directly above: prove it there";
    (0..file.lines.len())
        .filter(|&index| {
            let code = &file.lines[index].code;
            ["unsafe {", "unsafe impl", "unsafe extern"].iter().any(|start| code.contains(start))
        })
        .filter(|&index| !file.comment_above_statement(index).contains("SAFETY:"))
        .map(|index| Finding::at(index, message))
        .collect()
}

fn files_are_short(file: &File) -> Vec<Finding> {
    if !file.is_in("src") || file.lines.len() <= MAX_LINES {
        return Vec::new();
    }
    let message = format!("more than {MAX_LINES} lines: one noun a file, so split it");
    vec![Finding::at(MAX_LINES, message)]
}

fn seq_cst_is_justified(file: &File) -> Vec<Finding> {
    if !file.is_in("src") {
        return Vec::new();
    }
    let message = "`SeqCst` without a comment close above in which that word says why less would \
                   not do";
    (0..file.lines.len())
        .filter(|&index| {
            let code = &file.lines[index].code;
            has_word(code, "SeqCst") && !code.trim_start().starts_with("use ")
        })
        .filter(|&index| !file.comments_near(index, REACH).contains("SeqCst"))
        .map(|index| Finding::at(index, message))
        .collect()
}

fn nothing_is_left_behind(file: &File) -> Vec<Finding> {
    file.find(|line| {
        let in_code = ["todo!", "unimplemented!", "dbg!", "#[ignore"];
        let in_comment = ["FIXME", "TODO", "XXX"];
        let left = in_code.iter().find(|left| line.code.contains(**left)).or_else(|| {
            in_comment
                .iter()
                .find(|left| has_word(&line.comment, left) || has_word(&line.code, left))
        })?;
        Some(format!("`{left}` is left over: finish it, or take it out"))
    })
}

fn nothing_sleeps(file: &File) -> Vec<Finding> {
    if !file.is_in("src") && !file.is_in("tests") {
        return Vec::new();
    }
    file.find(|line| {
        line.code
            .contains("thread::sleep")
            .then(|| "`thread::sleep`: wait for the event itself, to a deadline".into())
    })
}

// What the rules are made of.

/// A source file whose code and comments are told apart.
struct File {
    path: String,
    lines: Vec<Line>,
}

#[derive(Default)]
struct Line {
    /// The code, with the insides of its strings and characters left out.
    code: String,
    /// The comments, with their slashes and stars.
    comment: String,
    /// The insides of its strings and characters, with their quotes.
    text: String,
}

struct Finding {
    index: usize,
    message: String,
}

impl Finding {
    fn at(index: usize, message: impl Into<String>) -> Self {
        Self { index, message: message.into() }
    }

    fn show(&self, file: &File) -> String {
        format!("{}:{}: {}", file.path, self.index + 1, self.message)
    }
}

impl File {
    fn new(path: &str, source: &str) -> Self {
        Self { path: path.into(), lines: split(source) }
    }

    fn is_in(&self, dir: &str) -> bool {
        self.path.strip_prefix(dir).is_some_and(|rest| rest.starts_with('/'))
    }

    fn find(&self, message: impl Fn(&Line) -> Option<String>) -> Vec<Finding> {
        let messages = self.lines.iter().map(message).enumerate();
        messages.filter_map(|(index, message)| Some(Finding::at(index, message?))).collect()
    }

    /// Returns the comments directly above the statement that holds line `index`.
    fn comment_above_statement(&self, index: usize) -> String {
        let above = self.lines[..index].iter().rev();
        above
            .skip_while(|line| line.continues())
            .take_while(|line| line.is_comment())
            .map(|line| line.comment.as_str())
            .collect()
    }

    /// Returns the comments on line `index` and above it, past at most `reach` lines of code.
    fn comments_near(&self, index: usize, reach: usize) -> String {
        let mut passed = 0;
        self.lines[..=index]
            .iter()
            .rev()
            .take_while(|line| {
                passed += usize::from(!line.is_comment());
                passed <= reach + 1
            })
            .map(|line| line.comment.as_str())
            .collect()
    }
}

impl Line {
    fn is_comment(&self) -> bool {
        self.code.trim().is_empty() && !self.comment.is_empty()
    }

    /// Whether the statement or item on this line goes on in the next.
    fn continues(&self) -> bool {
        let code = self.code.trim();
        !code.is_empty() && (code.starts_with("#[") || !code.ends_with([';', '{', '}', ',']))
    }
}

fn height(layer: &str) -> Option<usize> {
    LAYERS.iter().position(|&name| name == layer)
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

fn has_word(text: &str, word: &str) -> bool {
    text.split(|c| !is_word(c)).any(|found| found == word)
}

/// Tells code, comments and the insides of strings apart.
fn split(source: &str) -> Vec<Line> {
    let mut lines = vec![Line::default()];
    let mut rest = source;
    while let Some(c) = rest.chars().next() {
        let line = lines.last_mut().unwrap();
        let (len, is_comment) = if rest.starts_with("//") {
            (rest.find('\n').unwrap_or(rest.len()), true)
        } else if rest.starts_with("/*") {
            (block_comment_len(rest), true)
        } else if let Some(len) = literal_len(rest, line.code.ends_with(is_word)) {
            line.code.push_str("\"\"");
            let mut text = rest[..len].split('\n');
            line.text.push_str(text.next().unwrap_or_default());
            lines.extend(text.map(|text| Line { text: text.into(), ..Line::default() }));
            rest = &rest[len..];
            continue;
        } else {
            (c.len_utf8(), false)
        };
        for (index, text) in rest[..len].split('\n').enumerate() {
            if index > 0 {
                lines.push(Line::default());
            }
            let line = lines.last_mut().unwrap();
            if is_comment { &mut line.comment } else { &mut line.code }.push_str(text);
        }
        rest = &rest[len..];
    }
    if source.ends_with('\n') {
        lines.pop();
    }
    lines
}

fn block_comment_len(text: &str) -> usize {
    let mut depth = 0;
    for (at, _) in text.char_indices() {
        if text[at..].starts_with("/*") {
            depth += 1;
        } else if text[at..].starts_with("*/") {
            depth -= 1;
            if depth == 0 {
                return at + 2;
            }
        }
    }
    text.len()
}

/// Returns the length of the string or character literal that `text` starts with.
fn literal_len(text: &str, in_word: bool) -> Option<usize> {
    if !in_word && let Some(raw) = text.trim_start_matches(['b', 'c']).strip_prefix('r') {
        let hashes = &raw[..raw.len() - raw.trim_start_matches('#').len()];
        if let Some(body) = raw[hashes.len()..].strip_prefix('"') {
            let end = format!("\"{hashes}");
            let len = body.find(&end).map_or(body.len(), |at| at + end.len());
            return Some(text.len() - body.len() + len);
        }
    }
    let quote = text.chars().next().filter(|c| ['"', '\''].contains(c))?;
    let mut escaped = false;
    for (at, c) in text.char_indices().skip(1) {
        if !escaped && c == quote {
            return Some(at + 1);
        }
        // A lifetime: its quote is not closed after one character.
        if quote == '\'' && at > 1 && !text.starts_with("'\\") {
            return None;
        }
        escaped = !escaped && c == '\\';
    }
    None
}

/// Each rule, on samples that break it and samples that do not.
mod self_tests {
    use super::*;

    /// Returns the lines, from 1, that `rule` finds in a file at `path`.
    fn found(rule: Rule, path: &str, source: &str) -> Vec<usize> {
        rule(&File::new(path, source)).iter().map(|finding| finding.index + 1).collect()
    }

    #[test]
    fn platform_cfg() {
        let found = |path: &str, source: &str| found(platform_cfg_stays_in_sys, path, source);
        let attribute = "use a;\n#[cfg(unix)]\nfn f() {}\n";
        assert_eq!(found("src/segment/life.rs", attribute), [2]);
        assert_eq!(found("crates/ndshm-cli/src/main.rs", attribute), [2]);
        assert_eq!(found("src/sys/mod.rs", attribute), []);
        assert_eq!(found("tests/it/main.rs", attribute), []);
        assert_eq!(found("src/a.rs", "if cfg!(target_os = \"linux\") {}\n"), [1]);
        assert_eq!(found("src/a.rs", "#[cfg(all(\n    loom,\n    not(windows),\n))]\n"), [3]);
        assert_eq!(found("src/a.rs", "#[cfg(loom)]\nmod unix;\n// cfg(unix)\n"), []);
        assert_eq!(found("src/a.rs", "#[cfg(target_endian = \"big\")]\n"), []);
    }

    #[test]
    fn the_system() {
        let found = |path: &str, source: &str| found(only_sys_knows_the_system, path, source);
        let calls = "use a;\nlet pid = libc::getpid();\nlet fd = f.as_raw();\n";
        assert_eq!(found("src/segment/life.rs", calls), [2, 3]);
        assert_eq!(found("src/sys/linux/open.rs", calls), []);
        assert_eq!(found("crates/ndshm-cli/src/main.rs", calls), []);
        assert_eq!(
            found("src/a.rs", "use std::os::fd::OwnedFd;\nuse std::os::unix::fs;\n"),
            [1, 2]
        );
        assert_eq!(found("src/a.rs", "f(\"a\n/proc/self\");\ng(\"/dev/shm/x\");\n"), [2, 3]);
        assert_eq!(found("src/a.rs", "/// In `/dev/shm`.\nfn f() {} // its descriptor\n"), []);
        assert_eq!(found("src/a.rs", "let kind = ErrorKind::DescriptorLost;\n"), []);
        let tests = "libc::f();\n#[cfg(all(test, not(loom)))]\nmod tests {\n    libc::g();\n}\n";
        assert_eq!(found("src/a.rs", tests), [1]);
        assert_eq!(found("src/a.rs", "#[cfg(test)]\nmod model;\nlibc::f();\n"), [3]);
    }

    #[test]
    fn layers() {
        let found = |path: &str, source: &str| found(imports_point_down, path, source);
        assert_eq!(found("src/sys/wait.rs", "use crate::error::Result;\n"), []);
        assert_eq!(found("src/sys/wait.rs", "use crate::sys::map::Map;\n"), []);
        assert_eq!(found("src/sys/wait.rs", "use std::io;\nuse crate::segment::Region;\n"), [2]);
        assert_eq!(found("src/error.rs", "fn f(_: crate::typed::Dtype) {}\n"), [1]);
        assert_eq!(found("src/ring/mod.rs", "use crate::Error;\n"), [1]);
        assert_eq!(
            found("src/typed/element.rs", "macro_rules! m { () => { $crate::Bool } }\n"),
            []
        );
        assert_eq!(found("src/helpers.rs", "fn f() {}\n"), [1]);
        assert_eq!(found("src/lib.rs", "pub use crate::ring::Ring;\n"), []);
    }

    #[test]
    fn braced_imports() {
        let found = |source: &str| found(imports_are_one_per_layer, "src/a.rs", source);
        assert_eq!(found("use crate::{\n    error::Error,\n};\n"), [1]);
        assert_eq!(found("use crate::error::{Error, Result};\n"), []);
    }

    #[test]
    fn opt_in_to_unsafe() {
        let found = |source: &str| found(unsafe_is_opted_into, "src/sys/map.rs", source);
        let header = "//! Maps.\n//!\n//! # Safety\n//!\n//! Sound.\n";
        let allow = "#![allow(unsafe_code)]\n";
        let code = "unsafe fn f() {}\n";
        assert_eq!(found(code), [1]);
        assert_eq!(found(&format!("{allow}{code}")), [2]);
        assert_eq!(found(&format!("{header}{code}")), [6]);
        assert_eq!(found(&format!("{header}{allow}{code}")), []);
        assert_eq!(found(&format!("{header}{allow}fn f() {{}}\n")), [6]);
        assert_eq!(found("// unsafe\nconst WORD: &str = \"unsafe\";\n"), []);
    }

    #[test]
    fn proofs() {
        let found = |source: &str| found(unsafe_is_proved, "src/sys/map.rs", source);
        assert_eq!(found("let x = unsafe { f() };\n"), [1]);
        assert_eq!(found("unsafe impl Send for A {}\n"), [1]);
        assert_eq!(found("// It works.\nunsafe impl Send for A {}\n"), [2]);
        assert_eq!(found("// SAFETY: above.\nlet y = 1;\nlet x = unsafe { f(y) };\n"), [3]);
        assert_eq!(found("// SAFETY: `f` is pure,\n// see there.\nlet x = unsafe { f() };\n"), []);
        assert_eq!(found("// SAFETY: pure.\n#[cfg(loom)]\nlet x =\n    unsafe { f() };\n"), []);
    }

    #[test]
    fn length() {
        let found = |lines| found(files_are_short, "src/a.rs", &"\n".repeat(lines));
        assert_eq!(found(MAX_LINES), []);
        assert_eq!(found(MAX_LINES + 1), [MAX_LINES + 1]);
    }

    #[test]
    fn seq_cst() {
        let found = |source: &str| found(seq_cst_is_justified, "src/sync/rwlock.rs", source);
        assert_eq!(found("// A fence.\nfence(SeqCst);\n"), [2]);
        assert_eq!(found("// SeqCst: pairs with f.\nfence(SeqCst);\n"), []);
        assert_eq!(found("fence(SeqCst); // SeqCst: pairs with f.\n"), []);
        let later = |lines: usize| {
            format!("// SeqCst: pairs\n// with f.\n{}fence(SeqCst);\n", "a();\n".repeat(lines))
        };
        assert_eq!(found(&later(REACH)), []);
        assert_eq!(found(&later(REACH + 1)), [REACH + 4]);
        assert_eq!(found("use std::sync::atomic::Ordering::SeqCst;\n"), []);
    }

    #[test]
    fn leftovers() {
        let found = |source: &str| found(nothing_is_left_behind, "tests/it/main.rs", source);
        assert_eq!(found("fn f() {\n    todo!()\n}\n"), [2]);
        assert_eq!(found("unimplemented!(\"f\");\ndbg!(x);\n"), [1, 2]);
        assert_eq!(found("#[test]\n#[ignore = \"slow\"]\nfn f() {}\n"), [2]);
        assert_eq!(found("// FIXME: later\nf(); // TODO\n"), [1, 2]);
        assert_eq!(found("let x = \"todo!\"; // a method\n"), []);
    }

    #[test]
    fn sleeps() {
        let sleep = "std::thread::sleep(d);\n";
        assert_eq!(found(nothing_sleeps, "tests/it/lock.rs", sleep), [1]);
        assert_eq!(found(nothing_sleeps, "src/sync/event.rs", sleep), [1]);
        assert_eq!(found(nothing_sleeps, "examples/camera.rs", sleep), []);
    }

    #[test]
    fn code_is_told_from_comments_and_literals() {
        let code = |source: &str| {
            let lines = split(source).into_iter().map(|line| line.code);
            lines.collect::<Vec<_>>().join("\n")
        };
        assert_eq!(code("a // b\nc /* d /* e */\nf */ g"), "a \nc \n g");
        assert_eq!(code("f(\"a \\\" // b\")"), "f(\"\")");
        assert_eq!(code("f(r#\"a \" \n b\"#, br\"c\\\")"), "f(\"\"\n, \"\")");
        assert_eq!(code("f::<'a>('\"', '\\'', b'x')"), "f::<'a>(\"\", \"\", b\"\")");
        assert_eq!(split("a\nb\n").len(), 2);
    }
}
