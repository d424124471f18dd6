//! What holds one thing and is opened as another: one message for each pair, in one grammar.
//!
//! The tables are data: a new kind or handle is a new line in each.

use std::any::Any;
use std::fs;

use ndarray::{Ix1, Ix2};
use ndshm::ErrorKind::{self, *};
use ndshm::{
    AnyArray, AnyFrame, AnyRing, Array, Array1, Array2, Block, Event, Frozen, Handle, Log, Result,
    Ring, Ring1, Ring2, RingStatus, Segment, Value,
};

use crate::share::save;
use crate::support::{FreeName, path_of};

/// What a name may stand for, made and kept while the test looks at it.
type Make = fn(&str) -> Box<dyn Any>;

/// A kind of segment.
struct Kind {
    /// As messages call it.
    is: &'static str,
    make: Make,
}

const KINDS: [Kind; 6] = [
    Kind { is: "an Array", make: |name| Box::new(Array1::<u8>::create(name, 3).unwrap()) },
    Kind { is: "a Value", make: |name| Box::new(Value::create(name, 1_u8).unwrap()) },
    Kind { is: "an Event", make: |name| Box::new(Event::create(name).unwrap()) },
    Kind {
        is: "an auto-reset Event",
        make: |name| Box::new(Event::options().auto_reset().create(name).unwrap()),
    },
    Kind { is: "a Log", make: |name| Box::new(Log::<u8>::create(name, 3).unwrap()) },
    Kind { is: "a Ring", make: |name| Box::new(Ring1::<u8>::create(name, 3).unwrap()) },
];

/// A type of handle, and every way to open a segment as one.
struct Opener {
    handle: &'static str,
    /// What it asks for, as messages call it.
    asks_for: &'static str,
    /// What else than that it takes.
    takes: &'static [&'static str],
    by_name: fn(&str) -> Result<()>,
    by_handle: Option<fn(&Handle) -> Result<()>>,
    or_create: Option<fn(&str) -> Result<()>>,
}

const OPENERS: &[Opener] = &[
    Opener {
        handle: "Array",
        asks_for: "an Array",
        takes: &[],
        by_name: |name| Array::<u8, Ix1>::open(name).map(drop),
        by_handle: Some(|handle| Array::<u8, Ix1>::open_handle(handle).map(drop)),
        or_create: Some(|name| Array::<u8, Ix1>::open_or_create(name, 3).map(drop)),
    },
    Opener {
        handle: "AnyArray",
        asks_for: "an Array",
        takes: &[],
        by_name: |name| AnyArray::open(name).map(drop),
        by_handle: Some(|handle| AnyArray::open_handle(handle).map(drop)),
        or_create: None,
    },
    Opener {
        handle: "Frozen",
        asks_for: "an Array",
        takes: &[],
        by_name: |name| frozen(Frozen::<u8, Ix1>::open(name).map(drop)),
        by_handle: Some(|handle| frozen(Frozen::<u8, Ix1>::open_handle(handle).map(drop))),
        or_create: None,
    },
    #[cfg(feature = "serde")]
    Opener {
        handle: "Config",
        asks_for: "an Array",
        takes: &[],
        by_name: |name| frozen(ndshm::Config::<u8>::open(name).map(drop)),
        by_handle: Some(|handle| frozen(ndshm::Config::<u8>::open_handle(handle).map(drop))),
        or_create: None,
    },
    Opener {
        handle: "Value",
        asks_for: "a Value",
        takes: &[],
        by_name: |name| Value::<u8>::open(name).map(drop),
        by_handle: Some(|handle| Value::<u8>::open_handle(handle).map(drop)),
        or_create: Some(|name| Value::<u8>::open_or_create(name, 1).map(drop)),
    },
    Opener {
        handle: "Event",
        asks_for: "an Event",
        takes: &["an auto-reset Event"],
        by_name: |name| Event::open(name).map(drop),
        by_handle: Some(|handle| Event::open_handle(handle).map(drop)),
        or_create: Some(|name| Event::open_or_create(name).map(drop)),
    },
    Opener {
        handle: "Event, auto-reset",
        asks_for: "an Event",
        takes: &["an auto-reset Event"],
        by_name: |name| Event::options().auto_reset().open(name).map(drop),
        by_handle: Some(|handle| Event::options().auto_reset().open_handle(handle).map(drop)),
        or_create: Some(|name| Event::options().auto_reset().open_or_create(name).map(drop)),
    },
    Opener {
        handle: "Log",
        asks_for: "a Log",
        takes: &[],
        by_name: |name| Log::<u8>::open(name).map(drop),
        by_handle: Some(|handle| Log::<u8>::open_handle(handle).map(drop)),
        or_create: Some(|name| Log::<u8>::open_or_create(name, 3).map(drop)),
    },
    Opener {
        handle: "Ring",
        asks_for: "a Ring",
        takes: &[],
        by_name: |name| Ring::<u8, Ix1>::open(name).map(drop),
        by_handle: Some(|handle| Ring::<u8, Ix1>::open_handle(handle).map(drop)),
        or_create: Some(|name| Ring::<u8, Ix1>::open_or_create(name, 3).map(drop)),
    },
    Opener {
        handle: "AnyRing",
        asks_for: "a Ring",
        takes: &[],
        by_name: |name| AnyRing::open(name).map(drop),
        by_handle: None,
        or_create: None,
    },
    Opener {
        handle: "RingStatus",
        asks_for: "a Ring",
        takes: &[],
        by_name: |name| RingStatus::of(name).map(drop),
        by_handle: None,
        or_create: None,
    },
    Opener {
        handle: "AnyFrame",
        asks_for: "a Ring",
        takes: &[],
        by_name: |name| AnyFrame::peek(name, |_| None).map(drop),
        by_handle: None,
        or_create: None,
    },
];

/// An array that anybody may write is no frozen one, but it is an array.
fn frozen(result: Result<()>) -> Result<()> {
    match result {
        Err(error) if error.kind() == NotFrozen => Ok(()),
        other => other,
    }
}

impl Opener {
    /// Opens what has that name in every way that there is.
    fn in_every_way(&self, name: &str) -> Vec<(String, Result<()>)> {
        let mut ways = vec![(format!("{} by name", self.handle), (self.by_name)(name))];
        if let Some(open) = self.or_create {
            ways.push((format!("{}::open_or_create", self.handle), open(name)));
        }
        // What is no segment has no handle.
        if let (Some(open), Ok(segment)) = (self.by_handle, Segment::open(name)) {
            ways.push((format!("{} by handle", self.handle), open(&segment.handle())));
        }
        ways
    }
}

/// Where a result is not what it should be, the line that says so.
fn complaint(way: &str, result: Result<()>, wanted: Option<(ErrorKind, &str)>) -> Option<String> {
    let found = result.err().map(|error| (error.kind(), error.to_string()));
    let is_right = match (&found, wanted) {
        (None, None) => true,
        (Some((kind, says)), Some((wanted, said))) => *kind == wanted && says == said,
        _ => false,
    };
    (!is_right).then(|| format!("{way}\n   found {found:?}\n  wanted {wanted:?}"))
}

#[track_caller]
fn none(complaints: Vec<String>) {
    assert!(complaints.is_empty(), "\n{}", complaints.join("\n"));
}

#[test]
fn a_wrong_kind_is_named_in_one_grammar_and_so_is_the_right_handle() {
    let free = FreeName::new();
    let name = free.as_str();
    let mut complaints = Vec::new();
    for Kind { is, make } in KINDS {
        let _kept = make(name);
        for opener in OPENERS {
            let asked = opener.asks_for;
            let is_right = is == asked || opener.takes.contains(&is);
            let says = format!("{name:?} holds {is}, asked for {asked}: open it as {is}");
            let wanted = (!is_right).then_some((KindMismatch, says.as_str()));
            for (way, result) in opener.in_every_way(name) {
                complaints.extend(complaint(&format!("{is}: {way}"), result, wanted));
            }
        }
    }
    none(complaints);
}

const NOT_NPY: &str = r"is not NPY: it does not begin with \x93NUMPY";

/// What is under a name and is no segment, and what every handle says of it.
const NO_SEGMENTS: [(&str, Make, &str); 3] = [
    ("a block", |name| Box::new(Block::create(name, 4096).unwrap()), NOT_NPY),
    (
        "a file of NumPy's",
        |name| {
            save(&path_of(name), 3);
            Box::new(())
        },
        "is a plain .npy file, not a segment: it has no control block after the data",
    ),
    (
        "a file of somebody's",
        |name| {
            fs::write(path_of(name), "notes\n").unwrap();
            Box::new(())
        },
        NOT_NPY,
    ),
];

#[test]
fn of_what_is_no_segment_every_handle_says_the_same() {
    let mut complaints = Vec::new();
    for (what, make, says) in NO_SEGMENTS {
        let free = FreeName::new();
        let name = free.as_str();
        let _kept = make(name);
        let says = format!("{name:?} {says}");
        for opener in OPENERS {
            for (way, result) in opener.in_every_way(name) {
                let wanted = Some((NotASegment, says.as_str()));
                complaints.extend(complaint(&format!("{what}: {way}"), result, wanted));
            }
        }
    }
    none(complaints);
}

/// Something opened as the right kind, but of another dtype, rank or shape, or not yet frozen.
struct Other {
    make: Make,
    open: fn(&str) -> Result<()>,
    kind: ErrorKind,
    says: &'static str,
}

const ARRAY: Make = |name| Box::new(Array2::<f64>::create(name, (3, 4)).unwrap());
const FROZEN: Make =
    |name| Box::new(Array2::<f64>::create(name, (3, 4)).unwrap().freeze().unwrap());
const VALUE: Make = |name| Box::new(Value::create(name, 1_u32).unwrap());
const VALUES: Make = |name| Box::new(Value::create(name, [1_u32; 3]).unwrap());
const LOG: Make = |name| Box::new(Log::<f64>::create(name, 3).unwrap());
const LOG_OF_ROWS: Make = |name| Box::new(Log::<[f64; 4]>::create(name, 3).unwrap());
const RING: Make = |name| Box::new(Ring2::<f64>::create(name, (3, 4)).unwrap());

const OTHERS: &[Other] = &[
    Other {
        make: ARRAY,
        open: |name| Array2::<f32>::open(name).map(drop),
        kind: DtypeMismatch,
        says: "holds <f8 (f64), 2 axes: 3 × 4, asked for <f4 (f32), 2 axes: open it as what it holds",
    },
    Other {
        make: ARRAY,
        open: |name| Array1::<f64>::open(name).map(drop),
        kind: RankMismatch,
        says: "holds <f8 (f64), 2 axes: 3 × 4, asked for <f8 (f64), 1 axis: open it as what it holds",
    },
    Other {
        make: ARRAY,
        open: |name| Array2::<[f64; 4]>::open(name).map(drop),
        kind: RankMismatch,
        says: "holds <f8 (f64), 2 axes: 3 × 4, asked for <f8 (f64), 3 axes: open it as what it holds",
    },
    Other {
        make: ARRAY,
        open: |name| Array1::<[f64; 3]>::open(name).map(drop),
        kind: ShapeMismatch,
        says: "holds <f8 (f64), 2 axes: 3 × 4, asked for elements of shape [3]: open it as what it holds",
    },
    Other {
        make: ARRAY,
        open: |name| Array2::<f32>::open_or_create(name, (3, 4)).map(drop),
        kind: DtypeMismatch,
        says: "holds <f8 (f64), 2 axes: 3 × 4, asked for <f4 (f32), 2 axes: open it as what it holds",
    },
    Other {
        make: ARRAY,
        open: |name| Array2::<f64>::open_or_create(name, (4, 3)).map(drop),
        kind: ShapeMismatch,
        says: "holds <f8 (f64), 2 axes: 3 × 4, asked for <f8 (f64), 2 axes: 4 × 3: open it as what it holds",
    },
    Other {
        make: ARRAY,
        open: |name| AnyArray::open(name).unwrap().downcast::<f32, Ix2>().map(drop),
        kind: DtypeMismatch,
        says: "holds <f8 (f64), 2 axes: 3 × 4, asked for <f4 (f32), 2 axes: open it as what it holds",
    },
    Other {
        make: ARRAY,
        open: |name| AnyArray::open(name).unwrap().downcast::<f64, Ix1>().map(drop),
        kind: RankMismatch,
        says: "holds <f8 (f64), 2 axes: 3 × 4, asked for <f8 (f64), 1 axis: open it as what it holds",
    },
    Other {
        make: FROZEN,
        open: |name| Frozen::<f32, Ix2>::open(name).map(drop),
        kind: DtypeMismatch,
        says: "holds <f8 (f64), 2 axes: 3 × 4, asked for <f4 (f32), 2 axes: open it as what it holds",
    },
    Other {
        make: FROZEN,
        open: |name| Frozen::<f64, Ix1>::open(name).map(drop),
        kind: RankMismatch,
        says: "holds <f8 (f64), 2 axes: 3 × 4, asked for <f8 (f64), 1 axis: open it as what it holds",
    },
    Other {
        make: ARRAY,
        open: |name| Frozen::<f64, Ix2>::open(name).map(drop),
        kind: NotFrozen,
        says: "is not frozen, so others may write it: open it as an `Array`, or let who fills it call `freeze`",
    },
    #[cfg(feature = "serde")]
    Other {
        make: FROZEN,
        open: |name| ndshm::Config::<u8>::open(name).map(drop),
        kind: DtypeMismatch,
        says: "holds <f8 (f64), 2 axes: 3 × 4, asked for |u1 (u8), 1 axis: open it as what it holds",
    },
    #[cfg(feature = "serde")]
    Other {
        make: |name| Box::new(ndshm::Config::create(name, "text".to_owned()).unwrap()),
        open: |name| ndshm::Config::<u8>::open(name).map(drop),
        kind: KindMismatch,
        says: "holds no such settings: invalid type: string \"text\", expected u8 at line 1 column 6; open it as what its creator made",
    },
    Other {
        make: VALUE,
        open: |name| Value::<f32>::open(name).map(drop),
        kind: DtypeMismatch,
        says: "holds <u4 (u32), asked for <f4 (f32): open it as what it holds",
    },
    Other {
        make: VALUE,
        open: |name| Value::<f32>::open_or_create(name, 1.0).map(drop),
        kind: DtypeMismatch,
        says: "holds <u4 (u32), asked for <f4 (f32): open it as what it holds",
    },
    Other {
        make: VALUE,
        open: |name| Value::<[u32; 3]>::open(name).map(drop),
        kind: DtypeMismatch,
        says: "holds <u4 (u32), asked for <u4 (u32), 1 axis: 3: open it as what it holds",
    },
    Other {
        make: VALUES,
        open: |name| Value::<[u32; 4]>::open(name).map(drop),
        kind: DtypeMismatch,
        says: "holds <u4 (u32), 1 axis: 3, asked for <u4 (u32), 1 axis: 4: open it as what it holds",
    },
    Other {
        make: LOG,
        open: |name| Log::<f32>::open(name).map(drop),
        kind: DtypeMismatch,
        says: "holds rows of <f8 (f64), asked for rows of <f4 (f32): open it as what it holds",
    },
    Other {
        make: LOG,
        open: |name| Log::<f32>::open_or_create(name, 3).map(drop),
        kind: DtypeMismatch,
        says: "holds rows of <f8 (f64), asked for rows of <f4 (f32): open it as what it holds",
    },
    Other {
        make: LOG,
        open: |name| Log::<[f64; 3]>::open(name).map(drop),
        kind: DtypeMismatch,
        says: "holds rows of <f8 (f64), asked for rows of <f8 (f64), 1 axis: 3: open it as what it holds",
    },
    Other {
        make: LOG_OF_ROWS,
        open: |name| Log::<[f64; 3]>::open(name).map(drop),
        kind: DtypeMismatch,
        says: "holds rows of <f8 (f64), 1 axis: 4, asked for rows of <f8 (f64), 1 axis: 3: open it as what it holds",
    },
    Other {
        make: RING,
        open: |name| Ring2::<f32>::open(name).map(drop),
        kind: DtypeMismatch,
        says: "holds <f8 (f64), 2 axes: 3 × 4, asked for <f4 (f32), 2 axes: open it as what it holds",
    },
    Other {
        make: RING,
        open: |name| Ring1::<f64>::open(name).map(drop),
        kind: RankMismatch,
        says: "holds <f8 (f64), 2 axes: 3 × 4, asked for <f8 (f64), 1 axis: open it as what it holds",
    },
    Other {
        make: RING,
        open: |name| Ring1::<[f64; 3]>::open(name).map(drop),
        kind: ShapeMismatch,
        says: "holds <f8 (f64), 2 axes: 3 × 4, asked for elements of shape [3]: open it as what it holds",
    },
    Other {
        make: RING,
        open: |name| Ring2::<f32>::open_or_create(name, (3, 4)).map(drop),
        kind: DtypeMismatch,
        says: "holds <f8 (f64), 2 axes: 3 × 4, asked for <f4 (f32), 2 axes: open it as what it holds",
    },
    Other {
        make: RING,
        open: |name| Ring2::<f64>::open_or_create(name, (4, 3)).map(drop),
        kind: ShapeMismatch,
        says: "holds frames of <f8 (f64), 2 axes: 3 × 4, asked for frames of <f8 (f64), 2 axes: 4 × 3: open it as what it holds",
    },
];

#[test]
fn another_dtype_rank_or_shape_is_named_beside_what_was_asked() {
    let mut complaints = Vec::new();
    for other in OTHERS {
        let free = FreeName::new();
        let name = free.as_str();
        let _kept = (other.make)(name);
        let says = format!("{name:?} {}", other.says);
        let wanted = Some((other.kind, says.as_str()));
        complaints.extend(complaint(other.says, (other.open)(name), wanted));
    }
    none(complaints);
}
