//! What holds wherever a segment lives, under a name, in a file, or nowhere, and whatever access one has.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

#[cfg(feature = "serde")]
use ndshm::Config;
use ndshm::{
    Access, AnyArray, Array1, ErrorKind, Event, Frozen1, Handle, Lifetime, Log, Options, Origin,
    Result, Segment, Value,
};

use crate::puppet::Puppet;
use crate::share::{save, share};
use crate::support::{DEADLINE, FreeName, alone, close_descriptors, fork, skip};

/// Where a segment may live.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Home {
    Name,
    FileInMemory,
    FileOnDisk,
    /// A file of NumPy's making that became a segment.
    SharedFile,
    Nowhere,
}

/// A place for one segment, free again when this is dropped.
pub(crate) enum Spot {
    Name(FreeName),
    File(FreeFile),
    SharedFile(FreeFile),
    Nowhere,
}

/// A path that nobody else has.
pub(crate) struct FreeFile(PathBuf);

impl FreeFile {
    pub(crate) fn in_memory() -> Self {
        Self::within(Path::new("/dev/shm"))
    }

    /// On a disk, if the one that tests are built on will do.
    pub(crate) fn on_disk() -> Option<Self> {
        let file = Self::within(Path::new(env!("CARGO_TARGET_TMPDIR")));
        match Array1::<u8>::create(file.path(), 1) {
            Ok(_) => ndshm::remove(file.path()).unwrap(),
            Err(error) if error.kind() == ErrorKind::UnsupportedFilesystem => {
                skip(&format!("no disk: {error}"));
                return None;
            }
            Err(error) => panic!("{error}"),
        }
        Some(file)
    }

    fn within(directory: &Path) -> Self {
        let name = FreeName::new();
        Self(directory.join(format!("{}.npy", name.as_str())))
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for FreeFile {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}

impl Spot {
    fn of(home: Home) -> Option<Self> {
        Some(match home {
            Home::Name => Self::Name(FreeName::new()),
            Home::FileInMemory => Self::File(FreeFile::in_memory()),
            Home::FileOnDisk => Self::File(FreeFile::on_disk()?),
            Home::SharedFile => Self::SharedFile(FreeFile::in_memory()),
            Home::Nowhere => Self::Nowhere,
        })
    }

    fn array(&self, options: &Options<Array1<u64>>, len: usize) -> Result<Array1<u64>> {
        match self {
            Self::Name(name) => options.create(name.as_str(), len),
            Self::File(file) => options.create(file.path(), len),
            Self::SharedFile(file) => {
                save(file.path(), len);
                let array = share(options, file.path())?;
                array.write()?.fill(0);
                Ok(array)
            }
            Self::Nowhere => options.create_anonymous(len),
        }
    }

    fn value<T: ndshm::Element>(&self, value: T) -> Result<Value<T>> {
        match self {
            Self::Name(name) => Value::create(name.as_str(), value),
            Self::File(file) | Self::SharedFile(file) => Value::create(file.path(), value),
            Self::Nowhere => Value::create_anonymous(value),
        }
    }

    fn log(&self) -> Result<Log<u64>> {
        let options = Log::options();
        match self {
            Self::Name(name) => options.create(name.as_str(), 1000),
            Self::File(file) | Self::SharedFile(file) => options.create(file.path(), 1000),
            Self::Nowhere => options.create_anonymous(1000),
        }
    }

    fn replace(&self, len: usize) -> Result<Option<Array1<u64>>> {
        match self {
            Self::Name(name) => Array1::create_or_replace(name.as_str(), len).map(Some),
            Self::File(file) | Self::SharedFile(file) => {
                Array1::create_or_replace(file.path(), len).map(Some)
            }
            Self::Nowhere => Ok(None),
        }
    }

    #[cfg(feature = "serde")]
    fn config(&self, settings: Vec<f64>) -> Option<Result<Config<Vec<f64>>>> {
        match self {
            Self::Name(name) => Some(Config::create(name.as_str(), settings)),
            Self::File(file) | Self::SharedFile(file) => {
                Some(Config::create(file.path(), settings))
            }
            Self::Nowhere => None,
        }
    }

    fn event(&self) -> Result<Event> {
        match self {
            Self::Name(name) => Event::create(name.as_str()),
            Self::File(file) | Self::SharedFile(file) => Event::create(file.path()),
            Self::Nowhere => Event::create_anonymous(),
        }
    }
}

fn everywhere(test: impl Fn(Home, &Spot)) {
    let files = [Home::FileInMemory, Home::FileOnDisk, Home::SharedFile];
    for home in [Home::Name, Home::Nowhere].into_iter().chain(files) {
        let Some(spot) = Spot::of(home) else { continue };
        test(home, &spot);
    }
}

fn array(spot: &Spot) -> Array1<u64> {
    spot.array(&Array1::options().stripes(4), 4096).unwrap()
}

#[test]
fn a_spawned_process_and_its_parent_see_the_same_numbers_everywhere() {
    everywhere(|home, spot| {
        let array = array(spot);
        array.write().unwrap()[1] = 7;
        let mut puppet = Puppet::on(&array);
        puppet.does("write");
        assert_eq!(puppet.ask("get 1"), "7", "{home:?}");
        puppet.does("put 2 9");
        assert!(array.try_write().unwrap().is_none(), "{home:?}");
        puppet.does("drop");
        assert_eq!(array.read().unwrap()[2], 9, "{home:?}");
        puppet.quit();
    });
}

#[test]
fn a_forked_process_and_its_parent_exclude_each_other_everywhere() {
    everywhere(|home, spot| {
        let array = array(spot);
        let add = |array: &Array1<u64>| {
            for _ in 0..200 {
                array.write().unwrap()[0] += 1;
            }
        };
        let child = fork(|| add(&array));
        add(&array);
        child.pass();
        assert_eq!(array.read().unwrap()[0], 400, "{home:?}");
    });
}

#[test]
fn a_killed_writer_is_told_of_everywhere() {
    everywhere(|home, spot| {
        let array = array(spot);
        let mut puppet = Puppet::on(&array);
        puppet.does("write 0 1024");
        puppet.kill();
        let error = array.read_timeout(DEADLINE).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::OwnerDied, "{home:?}");
        let mut guard = array.write_recover().unwrap();
        guard.mark_consistent();
        drop(guard);
        assert_eq!(array.read().unwrap().sum(), 0, "{home:?}");
    });
}

#[test]
fn values_and_events_work_everywhere() {
    everywhere(|home, spot| {
        let value = spot.value(1_u64).unwrap();
        let same = Value::<u64>::open_handle(&value.handle()).unwrap();
        fork(|| assert_eq!(same.fetch_add(1).unwrap(), 1)).pass();
        assert_eq!(value.get().unwrap(), 2, "{home:?}");
    });
    everywhere(|home, spot| {
        let large = spot.value([1_u32; 5]).unwrap();
        let same = Value::<[u32; 5]>::open_handle(&large.handle()).unwrap();
        fork(|| same.set([2; 5]).unwrap()).pass();
        assert_eq!(large.get().unwrap(), [2; 5], "{home:?}");
    });
    everywhere(|home, spot| {
        let event = spot.event().unwrap();
        let setter = fork(|| Event::open_handle(&event.handle()).unwrap().set().unwrap());
        event.wait_timeout(DEADLINE).unwrap_or_else(|error| panic!("{home:?}: {error}"));
        setter.pass();
    });
}

#[test]
fn every_access_may_the_same_everywhere() {
    everywhere(|home, spot| {
        let array = array(spot);
        array.write().unwrap().fill(3);
        let reader = Array1::<u64>::options()
            .access(Access::Read)
            .open_handle(&array.handle())
            .unwrap_or_else(|error| panic!("{home:?}: {error}"));
        assert_eq!(reader.read().unwrap().sum(), 3 * 4096, "{home:?}");
        assert_eq!(reader.snapshot().unwrap().sum(), 3 * 4096, "{home:?}");
        assert_eq!(reader.write().unwrap_err().kind(), ErrorKind::ReadOnly, "{home:?}");
        let raw = reader.raw_view_mut().map(drop);
        assert_eq!(raw.unwrap_err().kind(), ErrorKind::ReadOnly, "{home:?}");
        assert_eq!(reader.segment().info().unwrap().shape(), [4096], "{home:?}");
        let [creator] = &reader.segment().participants().unwrap()[..] else { panic!("{home:?}") };
        assert!(creator.is_alive(), "{home:?}");
    });
}

#[test]
fn an_observer_sees_all_and_changes_nothing_everywhere() {
    everywhere(|home, spot| {
        let array = array(spot);
        array.write().unwrap().fill(3);
        let observer = Array1::<u64>::options().access(Access::Observe);
        let observer = observer.open_handle(&array.handle()).unwrap();
        assert_eq!(observer.snapshot().unwrap().sum(), 3 * 4096, "{home:?}");
        for refused in [
            observer.read().map(drop),
            observer.write().map(drop),
            observer.raw_view_mut().map(drop),
        ] {
            assert_eq!(refused.unwrap_err().kind(), ErrorKind::ReadOnly, "{home:?}");
        }
        let _held = array.write().unwrap();
        let error = observer.snapshot_timeout(Duration::from_millis(1)).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Timeout, "{home:?}");
        assert_eq!(observer.segment().participants().unwrap().len(), 1, "{home:?}");
    });
    everywhere(|home, spot| {
        let value = spot.value([1_u32; 5]).unwrap();
        let observer = Value::<[u32; 5]>::options().access(Access::Observe);
        let observer = observer.open_handle(&value.handle()).unwrap();
        value.set([2; 5]).unwrap();
        assert_eq!(observer.get().unwrap(), [2; 5], "{home:?}");
        assert_eq!(observer.set([3; 5]).unwrap_err().kind(), ErrorKind::ReadOnly, "{home:?}");
    });
}

#[test]
fn what_is_frozen_is_read_without_a_lock_everywhere() {
    everywhere(|home, spot| {
        let array = array(spot);
        array.write().unwrap().fill(3);
        let early = Array1::<u64>::open_handle(&array.handle()).unwrap();
        assert_eq!(
            Frozen1::<u64>::open_handle(&array.handle()).unwrap_err().kind(),
            ErrorKind::NotFrozen,
            "{home:?}"
        );
        let frozen = array.freeze().unwrap();
        assert_eq!(early.write().unwrap_err().kind(), ErrorKind::Frozen, "{home:?}");
        let handle = frozen.handle();
        fork(|| assert_eq!(Frozen1::<u64>::open_handle(&handle).unwrap().sum(), 3 * 4096)).pass();
        assert_eq!(early.read().unwrap().sum(), frozen.sum(), "{home:?}");
    });
}

#[test]
fn a_log_is_appended_and_followed_everywhere() {
    everywhere(|home, spot| {
        let log = spot.log().unwrap();
        let same = Log::<u64>::open_handle(&log.handle()).unwrap();
        let mut follower = same.follow_from(0);
        fork(|| assert_eq!(log.extend(&[1, 2, 3]).unwrap(), 0..3)).pass();
        assert_eq!(follower.wait_timeout(DEADLINE).unwrap().to_vec(), [1, 2, 3], "{home:?}");
        let observer = Log::<u64>::options().access(Access::Observe);
        let observer = observer.open_handle(&log.handle()).unwrap();
        assert_eq!(observer.rows().to_vec(), [1, 2, 3], "{home:?}");
        assert_eq!(observer.append(&4).unwrap_err().kind(), ErrorKind::ReadOnly, "{home:?}");
    });
}

#[test]
fn an_array_is_opened_whatever_its_dtype_everywhere() {
    everywhere(|home, spot| {
        let array = array(spot);
        for access in [Access::ReadWrite, Access::Read] {
            let any = AnyArray::options().access(access).open_handle(&array.handle()).unwrap();
            assert_eq!((any.dtype().to_string().as_str(), any.shape()), ("<u8", &[4096][..]));
            assert_eq!(any.write().is_ok(), access == Access::ReadWrite, "{home:?}");
            array.write().unwrap()[7] = 9;
            assert_eq!(any.read_rows(7..8).unwrap().at(&[0]).unwrap().to_string(), "9");
            assert_eq!(any.snapshot().unwrap().view::<u64>().unwrap()[7], 9, "{home:?}");
        }
    });
}

#[test]
fn a_segment_is_replaced_and_opened_again_wherever_it_has_a_name() {
    everywhere(|home, spot| {
        let old = array(spot);
        let reader = Array1::<u64>::options().access(Access::Read);
        let reader = reader.open_handle(&old.handle()).unwrap();
        let Some(new) = spot.replace(8).unwrap() else {
            assert!(!old.segment().is_replaced(), "what has no name is never replaced");
            return;
        };
        for replaced in [&old, &reader] {
            assert!(replaced.segment().is_replaced(), "{home:?}");
            assert_eq!(replaced.read().unwrap().len(), 4096, "{home:?}");
            let reopened = replaced.reopen().unwrap();
            assert_eq!(reopened.segment().id(), new.segment().id(), "{home:?}");
            assert_eq!(reopened.segment().access(), replaced.segment().access(), "{home:?}");
        }
        assert!(!new.segment().is_replaced(), "{home:?}");
    });
}

#[test]
fn who_has_a_segment_open_is_told_when_its_name_is_gone_wherever_it_had_one() {
    everywhere(|home, spot| {
        let array = array(spot);
        let reader = Array1::<u64>::options().access(Access::Observe);
        let reader = reader.open_handle(&array.handle()).unwrap();
        let told = || {
            [&array, &reader]
                .map(|array| (array.segment().is_removed(), array.segment().is_replaced()))
        };
        assert_eq!(told(), [(false, false); 2], "{home:?}");
        if home == Home::Nowhere {
            return;
        }
        ndshm::remove(&array.segment().path()).unwrap();
        assert_eq!(told(), [(true, false); 2], "{home:?}");
        let namesake = Array1::<u64>::create(&array.segment().path(), 4).unwrap();
        assert_eq!(told(), [(false, true); 2], "{home:?}");
        assert!(!namesake.segment().is_removed());
        drop(namesake);
    });
}

#[cfg(feature = "serde")]
#[test]
fn settings_are_the_same_wherever_they_have_a_name() {
    everywhere(|home, spot| {
        let Some(config) = spot.config(vec![0.1, 0.2]) else { return };
        let config = config.unwrap();
        let handle = config.handle();
        fork(|| {
            let same = Config::<Vec<f64>>::open_handle(&handle).unwrap();
            assert_eq!(*same, [0.1, 0.2]);
        })
        .pass();
        assert_eq!(config[..], [0.1, 0.2], "{home:?}");
    });
}

#[test]
fn a_handle_means_one_segment_and_no_other_everywhere() {
    everywhere(|home, spot| {
        let array = array(spot);
        let text = array.handle().to_string();
        let handle: Handle = text.parse().unwrap();
        assert_eq!(handle.to_string(), text, "{home:?}");
        let same = Segment::open_handle(&handle).unwrap();
        assert_eq!((same.id(), same.origin()), (array.segment().id(), Origin::Opened), "{home:?}");
        assert_eq!(same.handle().id(), handle.id(), "{home:?}");

        let (place, _) = text.split_once('#').unwrap();
        let namesake: Handle = format!("{place}#{:032x}", 7).parse().unwrap();
        let error = Segment::open_handle(&namesake).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Replaced, "{home:?}");
    });
}

#[test]
fn a_segment_is_gone_with_its_creator_but_a_file_stays() {
    everywhere(|home, spot| {
        let array = array(spot);
        let (handle, path) = (array.handle(), array.segment().path());
        assert!(path.exists(), "{home:?}");
        drop(array);
        let opened = Array1::<u64>::open_handle(&handle);
        if matches!(home, Home::FileInMemory | Home::FileOnDisk | Home::SharedFile) {
            assert_eq!(opened.unwrap().segment().info().unwrap().lifetime(), Lifetime::Persistent);
            ndshm::remove(&path).unwrap();
        } else {
            // What has the number by then is something else, if anything.
            assert!(opened.is_err(), "{home:?}");
        }
        assert!(Array1::<u64>::open_handle(&handle).is_err(), "{home:?}");
    });
}

#[test]
fn a_lost_descriptor_is_found_again_by_name_or_path() {
    alone(|| {
        everywhere(|home, spot| {
            let array = array(spot);
            close_descriptors();
            let written = array.write();
            match home {
                Home::Nowhere => {
                    assert_eq!(
                        array.segment().info().unwrap_err().kind(),
                        ErrorKind::DescriptorLost
                    );
                }
                _ => written.unwrap_or_else(|error| panic!("{home:?}: {error}")).fill(1),
            }
        });
    });
}

#[test]
fn a_file_opens_by_any_path_that_leads_to_it() {
    let file = FreeFile::in_memory();
    let made = Array1::<u8>::create(file.path(), 4).unwrap();
    let relative = Path::new("/proc/self/root").join(file.path().strip_prefix("/").unwrap());
    let same = Array1::<u8>::open(&relative).unwrap();
    assert_eq!(same.segment().id(), made.segment().id());
    let error = Array1::<u8>::create(file.path(), 4).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::AlreadyExists);
    let missing = Array1::<u8>::create(Path::new("/dev/shm/no-such-directory/x"), 4).unwrap_err();
    assert_eq!(missing.kind(), ErrorKind::NotFound);
    assert!(missing.to_string().contains("no directory /dev/shm/no-such-directory"), "{missing}");
}

#[test]
fn a_file_that_is_no_segment_is_left_alone() {
    let file = FreeFile::in_memory();
    fs::write(file.path(), b"precious").unwrap();
    for error in [
        Array1::<u8>::open(file.path()).unwrap_err(),
        Array1::<u8>::open_or_create(file.path(), 3).unwrap_err(),
        ndshm::remove(file.path()).unwrap_err(),
    ] {
        assert_eq!(error.kind(), ErrorKind::NotASegment, "{error}");
        assert!(error.to_string().contains(file.path().to_str().unwrap()), "{error}");
    }
    assert_eq!(fs::read(file.path()).unwrap(), b"precious");
}

#[test]
fn who_asks_for_an_anonymous_segment_of_a_dead_process_is_told_so() {
    let array = Array1::<u8>::create_anonymous(4).unwrap();
    let gone = fork(|| {});
    let text = format!("/proc/{}/fd/64#{:032x}", gone.pid(), 1);
    gone.pass();
    let error = Array1::<u8>::open_handle(&text.parse().unwrap()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound, "{error}");
    assert!(error.to_string().contains("gone with the process"), "{error}");
    // A forked child's handle names the child, which may outlive its parent.
    fork(|| {
        let own = array.handle().to_string();
        assert!(own.starts_with(&format!("/proc/{}/fd/", std::process::id())), "{own}");
    })
    .pass();
}
