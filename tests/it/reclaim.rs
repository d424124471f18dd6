//! Names that only the dead have left: who finds one taken is told so, and may take it over. Other tests reap all
//! such names meanwhile, so each test of them gets a `/dev/shm` of its own.

use std::fs;
use std::os::unix::fs::{FileExt, chown};

use ndshm::{
    AnyArray, Array1, Dtype, ErrorKind::*, Event, Lifetime, Log, Options, Result, Ring1, Scalar,
    Segment, Value,
};

use crate::bad_input::refused;
use crate::homes::FreeFile;
use crate::puppet::Puppet;
use crate::reap::{orphan, orphan_called, own_shm};
use crate::support::{DEADLINE, Forked, FreeName, alone, eventually, exists, fork, is_root, skip};

const DEAD: &str = "nobody who lives takes part in it";

/// Creates something under a name, in place of what the dead left there if that is wanted.
type Create = fn(&str, bool) -> Result<Segment>;

fn options<H>(options: Options<H>, reclaim: bool) -> Options<H> {
    if reclaim { options.reclaim_dead() } else { options }
}

const KINDS: [(&str, Create); 6] = [
    ("array", |name, reclaim| {
        Ok(options(Array1::<u8>::options(), reclaim).create(name, 4)?.segment().clone())
    }),
    ("array of any dtype", |name, reclaim| {
        let dtype = Dtype::Scalar(Scalar::F32);
        Ok(options(AnyArray::options(), reclaim).create(name, &dtype, &[4])?.segment().clone())
    }),
    ("value", |name, reclaim| {
        Ok(options(Value::<u8>::options(), reclaim).create(name, 4)?.segment().clone())
    }),
    ("event", |name, reclaim| {
        Ok(options(Event::options(), reclaim).create(name)?.segment().clone())
    }),
    ("log", |name, reclaim| {
        Ok(options(Log::<u8>::options(), reclaim).create(name, 4)?.segment().clone())
    }),
    ("ring", |name, reclaim| {
        Ok(options(Ring1::<u8>::options(), reclaim).create(name, 4)?.segment().clone())
    }),
];

#[test]
fn who_finds_a_name_of_the_dead_taken_is_told_what_to_do() {
    alone(|| {
        own_shm();
        let name = FreeName::new();
        let mut creator = Puppet::start();
        creator.does(&format!("create {} 8", name.as_str()));
        for (kind, create) in KINDS {
            let error = create(name.as_str(), false).expect_err(kind);
            assert_eq!(error.kind(), AlreadyExists, "{kind}");
            assert!(!error.to_string().contains(DEAD), "its creator lives: {error}");
        }
        creator.kill();
        let who = format!("its creator, process {}, is gone", creator.pid());
        for (kind, create) in KINDS {
            let error = create(name.as_str(), false).expect_err(kind);
            assert_eq!(error.kind(), AlreadyExists, "{kind}");
            for words in [DEAD, &who, "`reap`", "`reclaim_dead`", "`create_or_replace`"] {
                assert!(error.to_string().contains(words), "{kind}: {error}");
            }
        }
        refused(ndshm::Block::create(name.as_str(), 4), AlreadyExists, "`reap`");
        // Opening is no matter of who made it.
        drop(Array1::<u64>::open_or_create(name.as_str(), 8).unwrap());
    });
}

#[test]
fn every_kind_takes_over_the_name_that_only_the_dead_have_left() {
    alone(|| {
        own_shm();
        for (kind, create) in KINDS {
            let name = orphan();
            let attached = Array1::<u64>::open(name.as_str()).unwrap();
            let new = create(name.as_str(), true).unwrap_or_else(|error| panic!("{kind}: {error}"));
            assert!(
                attached.segment().is_replaced(),
                "who is attached without taking part is told"
            );
            attached.write().unwrap().fill(1);
            assert_eq!(Segment::open(name.as_str()).unwrap().id(), new.id(), "{kind}");
        }
    });
}

#[test]
fn only_what_the_dead_have_left_is_taken_over() {
    alone(|| {
        own_shm();
        let options = Array1::<u64>::options().reclaim_dead();
        let says = "exists already: open it";

        let (live, used) = (FreeName::new(), orphan());
        let _live = Array1::<u64>::create(live.as_str(), 4).unwrap();
        refused(options.create(live.as_str(), 4), AlreadyExists, says);
        let user = Array1::<u64>::open(used.as_str()).unwrap();
        let held = user.read().unwrap();
        refused(options.create(used.as_str(), 4), AlreadyExists, says);
        drop(held);
        assert!(!user.segment().is_replaced());

        let lasting = FreeName::new();
        drop(Array1::<u64>::options().lifetime(Lifetime::Persistent).create(lasting.as_str(), 4));
        refused(options.create(lasting.as_str(), 4), AlreadyExists, says);

        let (damaged, foreign) = (orphan(), FreeName::new());
        let control = Segment::open(damaged.as_str()).unwrap().info().unwrap().control_offset();
        let file = fs::File::options().write(true).open(damaged.path()).unwrap();
        file.write_all_at(&[0xff; 16], control as u64 + 64).unwrap();
        refused(options.create(damaged.as_str(), 4), AlreadyExists, says);
        fs::write(foreign.path(), "not ours").unwrap();
        refused(options.create(foreign.as_str(), 4), AlreadyExists, says);
        assert_eq!(fs::read(foreign.path()).unwrap(), b"not ours");
    });
}

#[test]
fn what_another_user_died_with_is_not_taken_over() {
    alone(|| {
        own_shm();
        if !is_root() {
            return skip("only root can give a file away");
        }
        let name = orphan();
        chown(name.path(), Some(65533), None).unwrap();
        let options = Array1::<u64>::options().reclaim_dead();
        refused(options.create(name.as_str(), 4), AlreadyExists, "exists already: open it");
        assert!(exists(name.as_str()));
    });
}

#[test]
fn what_the_dead_left_in_a_file_is_taken_over_too() {
    let file = FreeFile::in_memory();
    fork(|| {
        let options = Array1::<u64>::options().lifetime(Lifetime::LastUser);
        std::mem::forget(options.create(file.path(), 4).unwrap());
    })
    .pass();
    refused(Array1::<u64>::create(file.path(), 4), AlreadyExists, "`reclaim_dead`");
    let array = Array1::<u64>::options().reclaim_dead().create(file.path(), 5).unwrap();
    assert_eq!(Array1::<u64>::open(file.path()).unwrap().segment().id(), array.segment().id());
}

#[test]
fn of_many_who_reclaim_a_name_at_once_one_has_it_and_it_never_stands_for_nothing() {
    alone(|| {
        own_shm();
        for _ in 0..20 {
            let name = orphan();
            let [go, done] = [(); 2].map(|()| Event::create_anonymous().unwrap());
            let count = Value::create_anonymous(0_u64).unwrap();
            let rivals = [(); 4].map(|()| {
                fork(|| {
                    go.wait_timeout(DEADLINE).unwrap();
                    match Array1::<u64>::options().reclaim_dead().create(name.as_str(), 4) {
                        Ok(array) => {
                            count.fetch_add(1).unwrap();
                            done.wait_timeout(DEADLINE).unwrap();
                            assert!(
                                !array.segment().is_replaced() && !array.segment().is_removed()
                            );
                        }
                        Err(error) => {
                            assert_eq!(error.kind(), AlreadyExists, "{error}");
                        }
                    }
                })
            });
            let looker = fork(|| {
                go.wait_timeout(DEADLINE).unwrap();
                while !done.is_set() {
                    let seen = Array1::<u64>::open(name.as_str());
                    // The winner's name goes with the winner, who ends when all is done.
                    assert!(seen.is_ok() || done.is_set(), "{seen:?}");
                }
            });
            go.set().unwrap();
            eventually("one of them has the name", || count.get().unwrap() > 0);
            // The losers end by themselves, and only then the winner.
            let mut rivals = Vec::from(rivals);
            eventually("the others have ended", || {
                if let Some(index) = rivals.iter_mut().position(Forked::has_ended) {
                    rivals.remove(index).pass();
                }
                rivals.len() == 1
            });
            assert_eq!(count.get().unwrap(), 1);
            done.set().unwrap();
            rivals.into_iter().for_each(Forked::pass);
            looker.pass();
        }
    });
}

#[test]
fn reaping_by_prefix_touches_no_other_names() {
    alone(|| {
        own_shm();
        let (mine, others) = (FreeName::new(), orphan());
        let names = ["-a", "-b"].map(|suffix| FreeName(format!("{}{suffix}", mine.as_str())));
        names.iter().for_each(|name| orphan_called(name.as_str()));
        let live = FreeName(format!("{}-c", mine.as_str()));
        let _live = Array1::<u64>::create(live.as_str(), 4).unwrap();
        let mut removed: Vec<_> = ndshm::reap_prefix(&format!("{}-", mine.as_str()))
            .unwrap()
            .iter()
            .map(|info| info.name().to_owned())
            .collect();
        removed.sort();
        assert_eq!(removed, names.each_ref().map(FreeName::as_str));
        assert!(exists(live.as_str()) && exists(others.as_str()));
        assert!(ndshm::reap_prefix("no such names").unwrap().is_empty());
    });
}
