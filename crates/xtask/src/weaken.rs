//! Each ordering of the lock algorithms made weaker in turn, to see which model fails then.
//!
//! The orderings are looked for in the source, the models run with one of them weakened at a time
//! (`src/atomic/site.rs`), which needs no build of its own. An ordering that no model misses is either
//! needless or untested.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use crate::Result;
use crate::command;
use crate::loom;
use crate::paths;

/// What is weakened, and what is to notice.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Scope {
    /// Each SeqCst, and the small models of two sides that must not miss each other.
    SeqCst,
    /// Each ordering and fence, and all models, for so many seconds each.
    All { seconds: u64 },
}

/// A SeqCst that no model misses, and why it stays.
struct Exception {
    file: &'static str,
    /// The code of its line.
    code: &'static str,
    reason: &'static str,
}

const PROMISED: &str = "no model: an atomic of the payload, which loom does not know. The documentation \
                        of `Value` promises one order of what is done to values, as `AtomicU64` has it, \
                        and the bell rests on it as on the state of a flag, which has a model.";

const EXCEPTIONS: &[Exception] = &[
    Exception {
        file: "src/typed/cells.rs",
        code: "with_atomic!(region, T, |atomic, Bits| bytemuck::cast::<Bits, T>(atomic.load(SeqCst)))",
        reason: PROMISED,
    },
    Exception {
        file: "src/typed/cells.rs",
        code: "bytemuck::cast::<Bits, T>(atomic.swap(bytemuck::cast::<T, Bits>(value), SeqCst))",
        reason: PROMISED,
    },
    Exception {
        file: "src/typed/cells.rs",
        code: "let found = atomic.compare_exchange(current, new, SeqCst, SeqCst);",
        reason: PROMISED,
    },
    Exception {
        file: "src/typed/cells.rs",
        code: "bytemuck::cast::<Bits, T>(atomic.fetch_add(bytemuck::cast::<T, Bits>(value), SeqCst))",
        reason: PROMISED,
    },
    Exception {
        file: "src/typed/cells.rs",
        code: "match atomic.compare_exchange_weak(old, new, SeqCst, Relaxed) {",
        reason: PROMISED,
    },
];

/// Where in the source an ordering is, as `file:line`, or `file:line:failure` of an exchange.
type Site = String;

/// What became of a site.
#[derive(Debug)]
enum Fate {
    /// That model fails when it is weakened, in that way.
    Caught {
        model: String,
        how: &'static str,
    },
    Survived,
    /// No model comes by.
    NotRun,
}

struct Models {
    program: PathBuf,
    /// Which of them come by a site, and what the source gives there; those that come by fewer sites
    /// first.
    of: BTreeMap<(Site, String), Vec<String>>,
    all: BTreeSet<String>,
}

/// Weakens each ordering in turn, prints a table of which model notices, and fails if a SeqCst is
/// missed by none that is not an exception.
pub(crate) fn run(scope: Scope) -> Result {
    let sources = Source::all(Path::new("src"))?;
    let models = Models::of(scope)?;
    let mut complaints = models.whole_control()?;
    let sites: Vec<_> =
        models.of.keys().filter(|(site, _)| line_of(&sources, site).is_some()).collect();
    let mut fates = models.fates(scope, &sites);
    for (site, _) in seq_cst_in(&sources) {
        if !sites.iter().any(|(known, _)| known.trim_end_matches(":failure") == site) {
            fates.push((site, "SeqCst".into(), Fate::NotRun));
        }
    }
    fates.sort_by_key(|(site, ..)| place_of(site));
    for (site, ordering, fate) in &fates {
        let code = line_of(&sources, site).unwrap_or_default();
        let exception = exception_of(site, code);
        println!("{site}  {ordering}\n    {code}\n    {}", describe(fate, exception));
        complaints.extend(complaint(site, ordering, fate, exception.is_some()));
    }
    let is_there = |exception: &&Exception| {
        let code_of = |site| line_of(&sources, site).unwrap_or_default();
        fates
            .iter()
            .any(|(site, ..)| site.starts_with(exception.file) && code_of(site) == exception.code)
    };
    for exception in EXCEPTIONS.iter().filter(|exception| !is_there(exception)) {
        complaints
            .push(format!("no such exception any more: {}: {}", exception.file, exception.code));
    }
    println!("{}", summary(&fates));
    if complaints.is_empty() { Ok(()) } else { Err(complaints.join("\n").into()) }
}

impl Models {
    fn of(scope: Scope) -> Result<Self> {
        let program = loom::build()?;
        let sites = paths::target()?.join("loom-sites.txt");
        fs::write(&sites, "")?;
        let mut test = Command::new(&program);
        test.arg(filter(scope)).args(["--test-threads", "2", "--quiet"]);
        if let Scope::All { seconds } = scope {
            test.env("LOOM_MAX_DURATION", seconds.to_string());
        }
        command::run(test.env("NDSHM_SITES", &sites))?;
        let seen = fs::read_to_string(&sites)?;
        let mut of = BTreeMap::<_, BTreeSet<_>>::new();
        let mut busy = BTreeMap::<_, usize>::new();
        for line in seen.lines() {
            let [model, site, ordering] = line.split(' ').collect::<Vec<_>>()[..] else {
                return Err(format!("{} has a line {line:?}", sites.display()).into());
            };
            if scope == Scope::SeqCst && ordering != "SeqCst" {
                continue;
            }
            if of.entry((site.into(), ordering.into())).or_default().insert(model.to_owned()) {
                *busy.entry(model.to_owned()).or_default() += 1;
            }
        }
        let by_size = |models: BTreeSet<String>| {
            let mut models: Vec<_> = models.into_iter().collect();
            models.sort_by_key(|model| busy[model]);
            models
        };
        let of = of.into_iter().map(|(site, models)| (site, by_size(models))).collect();
        Ok(Self { program, of, all: busy.into_keys().collect() })
    }

    /// Whether each small model fails when every SeqCst is weakened: else it models nothing.
    fn whole_control(&self) -> Result<Vec<String>> {
        let pairs = self.all.iter().filter(|model| model.contains(PAIR));
        let blind = pairs.filter(|model| self.fails(model, "SeqCst", None).is_none());
        Ok(blind.map(|model| format!("{model} passes with every SeqCst weakened")).collect())
    }

    /// Weakens each site, two at a time.
    fn fates(&self, scope: Scope, sites: &[&(Site, String)]) -> Vec<(Site, String, Fate)> {
        let (next, fates) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
        thread::scope(|threads| {
            for _ in 0..2 {
                threads.spawn(|| {
                    while let Some(key) = sites.get(next.fetch_add(1, Ordering::Relaxed)) {
                        let fate = self.fate(scope, key);
                        let (site, ordering) = (*key).clone();
                        fates.lock().expect("no thread panics").push((site, ordering, fate));
                    }
                });
            }
        });
        fates.into_inner().expect("no thread panics")
    }

    fn fate(&self, scope: Scope, key: &(Site, String)) -> Fate {
        let seconds = match scope {
            Scope::SeqCst => None,
            Scope::All { seconds } => Some(seconds),
        };
        let caught = self.of[key].iter().find_map(|model| {
            let how = self.fails(model, &key.0, seconds)?;
            Some(Fate::Caught { model: model.clone(), how })
        });
        caught.unwrap_or(Fate::Survived)
    }

    /// How a model fails with that weakened, if it does.
    fn fails(&self, model: &str, weakened: &str, seconds: Option<u64>) -> Option<&'static str> {
        let mut test = Command::new(&self.program);
        test.args(["--exact", model, "--nocapture"]).env("NDSHM_WEAKEN", weakened);
        if let Some(seconds) = seconds {
            test.env("LOOM_MAX_DURATION", seconds.to_string());
        }
        let output = test.stdin(Stdio::null()).output().expect("the models ran before");
        if output.status.success() {
            return None;
        }
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        let ways = [
            ("Causality violation", "two are inside"),
            ("deadlock", "one sleeps on"),
            ("maximum number of branches", "one goes round without end"),
        ];
        let way = ways.iter().find(|(words, _)| said.contains(words));
        Some(way.map_or("an assertion fails", |(_, way)| way))
    }
}

/// What the names of small models contain.
const PAIR: &str = "loom_pair_";

fn filter(scope: Scope) -> &'static str {
    match scope {
        Scope::SeqCst => PAIR,
        Scope::All { .. } => "loom_",
    }
}

/// A file of the library, without its tests and models.
struct Source {
    /// As the compiler names it.
    path: String,
    lines: Vec<String>,
}

impl Source {
    fn all(dir: &Path) -> Result<Vec<Self>> {
        let mut sources = Vec::new();
        for entry in fs::read_dir(dir)? {
            let path = entry?.path();
            let name = path.to_str().ok_or("a source's path is not UTF-8")?.to_owned();
            if path.is_dir() {
                // The models, and what they are made of.
                if !["src/lock/model", "src/atomic"].contains(&name.as_str()) {
                    sources.extend(Self::all(&path)?);
                }
            } else if name.ends_with(".rs") {
                sources.push(Self { path: name, lines: code_in(&fs::read_to_string(&path)?) });
            }
        }
        Ok(sources)
    }
}

/// The code of each line, up to the tests or models at the end of a file.
fn code_in(text: &str) -> Vec<String> {
    let mut lines: Vec<_> = text.lines().map(|line| line.trim().to_owned()).collect();
    let opens_tests = |pair: &[String]| {
        let is_test = ["#[cfg(test)]", "#[cfg(all(test, loom))]"].contains(&pair[0].as_str());
        is_test && pair[1].starts_with("mod ") && pair[1].ends_with('{')
    };
    if let Some(tests) = lines.windows(2).position(opens_tests) {
        lines.truncate(tests);
    }
    lines
}

/// The sites at which the source says SeqCst.
fn seq_cst_in(sources: &[Source]) -> Vec<(Site, &str)> {
    let mut sites = Vec::new();
    for source in sources {
        for (line, code) in (1..).zip(&source.lines) {
            let is_code = !code.starts_with("//") && !code.starts_with("use ");
            if is_code && code.contains("SeqCst") {
                sites.push((format!("{}:{line}", source.path), code.as_str()));
            }
        }
    }
    sites
}

/// The code at a site, if it is the library's.
fn line_of<'a>(sources: &'a [Source], site: &str) -> Option<&'a str> {
    let (file, line) = place_of(site);
    let source = sources.iter().find(|source| source.path == file)?;
    source.lines.get(line.checked_sub(1)?).map(String::as_str)
}

/// The file and the line of a site.
fn place_of(site: &str) -> (String, usize) {
    let place = site.trim_end_matches(":failure");
    let (file, line) = place.rsplit_once(':').unwrap_or((place, "0"));
    (file.into(), line.parse().unwrap_or(0))
}

fn exception_of(site: &str, code: &str) -> Option<&'static Exception> {
    EXCEPTIONS.iter().find(|exception| site.starts_with(exception.file) && exception.code == code)
}

fn describe(fate: &Fate, exception: Option<&Exception>) -> String {
    match (fate, exception) {
        (Fate::Caught { model, how }, _) => format!("caught: {how} in {model}"),
        (Fate::Survived, None) => "SURVIVED".into(),
        (Fate::NotRun, None) => "NOT IN ANY MODEL".into(),
        (_, Some(exception)) => format!("excepted: {}", exception.reason),
    }
}

/// What is wrong with that, if anything is.
fn complaint(site: &str, ordering: &str, fate: &Fate, is_excepted: bool) -> Option<String> {
    match fate {
        Fate::Caught { .. } if is_excepted => {
            Some(format!("{site} is an exception, and a model misses it: strike the exception out"))
        }
        Fate::Survived if ordering == "SeqCst" && !is_excepted => Some(format!(
            "{site} can be weakened and no model fails: weaken it in the source, or write a model"
        )),
        Fate::NotRun if !is_excepted => {
            Some(format!("{site} is in no model, or not on the line of its call: write a model"))
        }
        _ => None,
    }
}

/// How many of each ordering were caught.
fn summary(fates: &[(Site, String, Fate)]) -> String {
    let mut counts = BTreeMap::<&str, [usize; 2]>::new();
    for (_, ordering, fate) in fates {
        let [caught, all] = counts.entry(ordering).or_default();
        *caught += usize::from(matches!(fate, Fate::Caught { .. }));
        *all += 1;
    }
    let mut summary = String::new();
    for (ordering, [caught, all]) in counts {
        let _ = write!(summary, "{ordering}: {caught} of {all} caught. ");
    }
    summary
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tests_at_the_end_of_a_file_are_no_source() {
        let text =
            "use a::SeqCst;\n// SeqCst\n  x.load(SeqCst);\n#[cfg(test)]\nmod tests {\ny(SeqCst)";
        let sources = [Source { path: "src/a.rs".into(), lines: code_in(text) }];
        assert_eq!(seq_cst_in(&sources), [("src/a.rs:3".into(), "x.load(SeqCst);")]);
        assert_eq!(line_of(&sources, "src/a.rs:3:failure"), Some("x.load(SeqCst);"));
        assert_eq!(line_of(&sources, "src/a.rs:6"), None);
        assert_eq!(line_of(&sources, "src/b.rs:3"), None);
    }
    #[test]
    fn only_a_seq_cst_that_no_model_misses_is_complained_of() {
        let caught = Fate::Caught { model: "m".into(), how: "one sleeps on" };
        assert!(complaint("a:1", "SeqCst", &caught, false).is_none());
        assert!(complaint("a:1", "SeqCst", &caught, true).is_some());
        assert!(complaint("a:1", "SeqCst", &Fate::Survived, false).is_some());
        assert!(complaint("a:1", "SeqCst", &Fate::Survived, true).is_none());
        assert!(complaint("a:1", "SeqCst", &Fate::NotRun, false).is_some());
        assert!(complaint("a:1", "Acquire", &Fate::Survived, false).is_none());
    }
}
