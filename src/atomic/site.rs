//! Which accesses to atomics are made weaker than the source says, to test that a model notices.
//!
//! `cargo xtask weaken` sets the variables that this reads. `NDSHM_WEAKEN` is `SeqCst`, for every
//! SeqCst access, or the [site](Site) of one access. There, SeqCst becomes acquire and release,
//! acquire and release become Relaxed, and a fence is removed. `NDSHM_SITES` names a file, to which
//! each model appends the sites that it passed.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::env;
use std::fmt;
use std::fs::OpenOptions;
use std::io::Write as _;
use std::panic::Location;
use std::sync::LazyLock;
use std::sync::atomic::Ordering::{self, AcqRel, Acquire, Relaxed, Release, SeqCst};
use std::thread;

use super::model::{Flaw, is_flawed};

/// A place where the source gives an ordering.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Site {
    place: &'static Location<'static>,
    part: Part,
}

/// Which ordering of an access this is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Part {
    /// The only one, or the one of an exchange that succeeds.
    Success,
    /// The one of an exchange that fails, which is a load.
    Failure,
}

/// The effect of an access on memory.
#[derive(Clone, Copy, Debug)]
pub(super) enum Access {
    Load,
    Store,
    ReadModifyWrite,
}

/// How an access is carried out.
#[derive(Clone, Copy, Debug)]
pub(super) struct Strength {
    /// The ordering that loom is given.
    pub(super) loom: Ordering,
    /// Whether the access has a place in the single order of SeqCst accesses.
    pub(super) is_sequential: bool,
}

/// What is made weaker.
#[derive(Debug, PartialEq)]
enum Weakened {
    EverySeqCst,
    /// The site with this spelling.
    Site {
        file: String,
        line: u32,
        part: Part,
    },
}

static WEAKENED: LazyLock<Option<Weakened>> = LazyLock::new(|| {
    let text = env::var("NDSHM_WEAKEN").ok()?;
    Some(Weakened::parse(&text).unwrap_or_else(|| panic!("NDSHM_WEAKEN is no site: {text:?}")))
});

static REPORT: LazyLock<Option<String>> = LazyLock::new(|| env::var("NDSHM_SITES").ok());

/// A site and the ordering that the source gives there.
type Used = (Site, &'static str);

thread_local! {
    /// The sites that the model in this thread passed.
    static SEEN: RefCell<BTreeSet<Used>> = const { RefCell::new(BTreeSet::new()) };
}

impl Site {
    #[track_caller]
    pub(super) fn here(part: Part) -> Self {
        Self { place: Location::caller(), part }
    }

    /// How an access of that ordering is carried out here.
    pub(super) fn strength(self, access: Access, ordering: Ordering) -> Strength {
        let weakened = self.is_weakened(ordering);
        match ordering {
            // SeqCst: loom treats it as acquire and release. The order is added to that.
            SeqCst => Strength {
                loom: access.acquire_and_release(),
                is_sequential: !weakened && !is_flawed(Flaw::NoSeqCst),
            },
            _ => Strength { loom: if weakened { Relaxed } else { ordering }, is_sequential: false },
        }
    }

    /// Whether the ordering that the source gives here is made weaker.
    pub(super) fn is_weakened(self, ordering: Ordering) -> bool {
        if ordering == Relaxed {
            return false;
        }
        if REPORT.is_some() {
            SEEN.with_borrow_mut(|seen| seen.insert((self, name_of(ordering))));
        }
        match &*WEAKENED {
            None => false,
            // SeqCst: it is weakened here, not asked for.
            Some(Weakened::EverySeqCst) => ordering == SeqCst,
            Some(Weakened::Site { file, line, part }) => {
                (self.place.line(), self.part, self.place.file()) == (*line, *part, file.as_str())
            }
        }
    }
}

impl fmt::Display for Site {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.place.file(), self.place.line())?;
        if self.part == Part::Failure { f.write_str(FAILURE) } else { Ok(()) }
    }
}

/// The end of the site of an exchange's failure.
const FAILURE: &str = ":failure";

impl Weakened {
    fn parse(text: &str) -> Option<Self> {
        if text == "SeqCst" {
            return Some(Self::EverySeqCst);
        }
        let (place, part) = match text.strip_suffix(FAILURE) {
            Some(place) => (place, Part::Failure),
            None => (text, Part::Success),
        };
        let (file, line) = place.rsplit_once(':')?;
        Some(Self::Site { file: file.into(), line: line.parse().ok()?, part })
    }
}

impl Access {
    /// The strongest ordering of such an access below SeqCst.
    fn acquire_and_release(self) -> Ordering {
        match self {
            Self::Load => Acquire,
            Self::Store => Release,
            Self::ReadModifyWrite => AcqRel,
        }
    }
}

fn name_of(ordering: Ordering) -> &'static str {
    match ordering {
        Relaxed => "Relaxed",
        Release => "Release",
        Acquire => "Acquire",
        AcqRel => "AcqRel",
        _ => "SeqCst",
    }
}

/// Writes down the sites that the model in this thread passed. Each line has the model's test, the
/// site and the ordering.
pub(super) fn report() {
    let Some(path) = REPORT.as_deref() else { return };
    let thread = thread::current();
    let test = thread.name().expect("tests have a thread each, of their name");
    let seen = SEEN.take().into_iter();
    let lines: String =
        seen.map(|(site, ordering)| format!("{test} {site} {ordering}\n")).collect();
    let file = OpenOptions::new().append(true).create(true).open(path);
    file.and_then(|mut file| file.write_all(lines.as_bytes())).expect("the sites are written down");
}
