//! Which accesses to atomics are made weaker than the source says, to see that a model notices.
//!
//! `cargo xtask weaken` sets the variables that this reads. `NDSHM_WEAKEN` is `SeqCst`, for every SeqCst
//! access, or the [site](Site) of one access: SeqCst becomes acquire and release there, acquire
//! and release become Relaxed, and a fence goes. `NDSHM_SITES` is a file, to which each model appends
//! the sites it came by.

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

/// Where the source gives an ordering.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Site {
    place: &'static Location<'static>,
    part: Part,
}

/// Which of an access's orderings it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Part {
    /// The only one, or that of an exchange that succeeds.
    Success,
    /// That of an exchange that fails, which is a load.
    Failure,
}

/// What an access does to memory.
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
    /// Whether it has a place in the one order of SeqCst accesses.
    pub(super) is_sequential: bool,
}

/// What is made weaker.
#[derive(Debug, PartialEq)]
enum Weakened {
    EverySeqCst,
    /// The site that is spelled so.
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

/// A site and what the source gives there.
type Used = (Site, &'static str);

thread_local! {
    /// What the model that runs in this thread came by.
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
            // SeqCst: what loom takes for acquire and release, and an order besides.
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
            // SeqCst: what is weakened, not asked for.
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

/// How the site of an exchange's failure ends.
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

/// Writes down what the model that ran in this thread came by: a line for each site, of the model's
/// test, the site and the ordering.
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
