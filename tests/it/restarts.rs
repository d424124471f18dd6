//! What the machine's restart leaves of a segment in a file.
//!
//! A restart is played by writing another boot's id into the file while nobody has it open.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::Path;

use ndshm::{Access, Array1, ErrorKind, Frozen1, Log, PoisonCause, Segment, Value};

use crate::homes::FreeFile;
use crate::puppet::Puppet;
use crate::support::{DEADLINE, fork};

/// A file that outlives a restart, where there is a disk for it.
fn file() -> Option<FreeFile> {
    FreeFile::on_disk()
}

fn striped(path: &Path) -> Array1<u64> {
    Array1::options().stripes(4).create(path, 64).unwrap()
}

/// Where the state line of the segment is.
fn state_offset(path: &Path, file: &File) -> u64 {
    let info = Segment::open(path).unwrap().info().unwrap();
    let mut head_len = [0; 4];
    file.read_exact_at(&mut head_len, info.control_offset() as u64 + 16).unwrap();
    info.control_offset() as u64 + u64::from(u32::from_le_bytes(head_len))
}

/// Has the file last used in another boot, as a restart would.
pub(crate) fn restart(path: &Path) {
    note_boot(path, [7; 16]);
}

/// Has the file say that it was last used in that boot.
pub(crate) fn note_boot(path: &Path, boot: [u8; 16]) {
    let file = File::options().read(true).write(true).open(path).unwrap();
    let state = state_offset(path, &file);
    file.write_all_at(&boot, state + 24).unwrap();
}

/// Runs that in a forked process, so that nothing of it is open here.
fn elsewhere(work: impl FnOnce()) {
    fork(work).pass();
}

#[test]
fn what_was_not_synced_is_suspect_after_a_restart() {
    let Some(file) = file() else { return };
    elsewhere(|| striped(file.path()).write().unwrap().fill(3));
    restart(file.path());

    let array = Array1::<u64>::open(file.path()).unwrap();
    let error = array.read().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Poisoned);
    assert!(error.to_string().contains("the machine stopped before"), "{error}");
    for stripe in 0..4 {
        let rows = array.stripe_range(stripe);
        assert_eq!(array.read_rows(rows).unwrap_err().kind(), ErrorKind::Poisoned);
    }
    let mut mender = array.write_recover().unwrap();
    let poison = mender.poison().unwrap();
    assert_eq!((poison.cause(), poison.pid()), (PoisonCause::Restarted, 0));
    mender.mark_consistent();
    drop(mender);
    assert_eq!(array.read().unwrap().sum(), 3 * 64);
}

#[test]
fn who_opens_it_second_after_a_restart_does_not_undo_the_mending() {
    let Some(file) = file() else { return };
    elsewhere(|| drop(striped(file.path())));
    restart(file.path());
    let first = Array1::<u64>::open(file.path()).unwrap();
    first.write_recover().unwrap().mark_consistent();
    elsewhere(|| drop(Array1::<u64>::open(file.path()).unwrap().read().unwrap()));
    drop(first);
    elsewhere(|| drop(Array1::<u64>::open(file.path()).unwrap().read().unwrap()));
}

#[test]
fn what_was_synced_and_not_written_since_is_sound_after_a_restart() {
    let Some(file) = file() else { return };
    elsewhere(|| {
        let array = striped(file.path());
        array.write().unwrap().fill(3);
        array.sync().unwrap();
        drop(array.read().unwrap());
    });
    for _ in 0..2 {
        restart(file.path());
        elsewhere(|| {
            let array = Array1::<u64>::open(file.path()).unwrap();
            assert_eq!(array.read().unwrap().sum(), 3 * 64);
        });
    }
}

#[test]
fn one_row_written_after_a_sync_makes_it_suspect_again() {
    let Some(file) = file() else { return };
    elsewhere(|| {
        let array = striped(file.path());
        array.sync().unwrap();
        array.write_rows(5..6).unwrap()[0] = 1;
    });
    restart(file.path());
    let array = Array1::<u64>::open(file.path()).unwrap();
    assert_eq!(array.read().unwrap_err().kind(), ErrorKind::Poisoned);
}

#[test]
fn a_writer_that_was_killed_before_the_restart_is_no_obstacle() {
    let Some(file) = file() else { return };
    let array = striped(file.path());
    let mut puppet = Puppet::on(&array);
    puppet.does("write 0 16");
    puppet.kill();
    drop(array);
    restart(file.path());
    let array = Array1::<u64>::open(file.path()).unwrap();
    let mut mender = array.request().timeout(DEADLINE).recover().write().unwrap();
    assert_eq!(mender.poison().unwrap().cause(), PoisonCause::Restarted);
    mender.mark_consistent();
}

#[test]
fn a_number_is_never_suspect() {
    let Some(file) = file() else { return };
    elsewhere(|| Value::create(file.path(), 1_u64).unwrap().set(5).unwrap());
    restart(file.path());
    let value = Value::<u64>::open(file.path()).unwrap();
    assert_eq!(value.get().unwrap(), 5);
    value.set(6).unwrap();
    value.sync().unwrap();
}

#[test]
fn a_large_value_that_was_not_synced_is_suspect_until_it_is_set() {
    let Some(file) = file() else { return };
    elsewhere(|| Value::create(file.path(), [1_u64; 9]).unwrap().set([5; 9]).unwrap());
    restart(file.path());
    let value = Value::<[u64; 9]>::open(file.path()).unwrap();
    assert_eq!(value.get().unwrap_err().kind(), ErrorKind::Poisoned);
    value.set([6; 9]).unwrap();
    assert_eq!(value.get().unwrap(), [6; 9]);
    drop(value);
    elsewhere(|| {
        let value = Value::<[u64; 9]>::open(file.path()).unwrap();
        assert_eq!(value.get().unwrap(), [6; 9]);
        value.sync().unwrap();
    });
    restart(file.path());
    assert_eq!(Value::<[u64; 9]>::open(file.path()).unwrap().get().unwrap(), [6; 9]);
}

#[test]
fn a_file_whose_boot_changes_under_a_live_process_is_refused() {
    let Some(file) = file() else { return };
    let array = striped(file.path());
    restart(file.path());
    elsewhere(|| {
        let error = Array1::<u64>::open(file.path()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Corrupt, "{error}");
    });
    drop(array);
}

#[test]
fn to_sync_what_is_no_file_costs_nothing_and_to_sync_what_one_writes_is_a_deadlock() {
    let array = Array1::<u64>::create_unique("it-restarts-", 8).unwrap();
    array.sync().unwrap();
    let Some(file) = file() else { return };
    let array = striped(file.path());
    let guard = array.write().unwrap();
    assert_eq!(array.sync().unwrap_err().kind(), ErrorKind::Deadlock);
    drop(guard);
    array.sync().unwrap();
}

fn observe(path: &Path) -> ndshm::Result<Array1<u64>> {
    Array1::options().access(Access::Observe).open(path)
}

#[test]
fn an_observer_trusts_no_file_that_nobody_settled_after_a_restart() {
    let Some(file) = file() else { return };
    elsewhere(|| {
        let array = striped(file.path());
        array.write().unwrap().fill(3);
        array.sync().unwrap();
    });
    restart(file.path());
    assert_eq!(observe(file.path()).unwrap().snapshot().unwrap().sum(), 3 * 64);

    elsewhere(|| drop(Array1::<u64>::open(file.path()).unwrap().write().unwrap()));
    restart(file.path());
    let error = observe(file.path()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Poisoned, "{error}");
    let array = Array1::<u64>::open(file.path()).unwrap();
    let seen = observe(file.path()).unwrap();
    let error = seen.snapshot().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Poisoned, "{error}");
    assert!(error.to_string().contains("the machine stopped before"), "{error}");
    array.write_recover().unwrap().mark_consistent();
    assert_eq!(seen.snapshot().unwrap().sum(), 3 * 64);
}

#[test]
fn what_is_frozen_in_a_file_is_sound_after_a_restart() {
    let Some(file) = file() else { return };
    let expected = ndarray::Array1::from_elem(64, 3);
    for create_frozen in [true, false] {
        elsewhere(|| {
            if create_frozen {
                Frozen1::create_from(file.path(), &expected).unwrap();
                return;
            }
            let array = striped(file.path());
            array.write().unwrap().fill(3);
            array.freeze().unwrap();
        });
        restart(file.path());
        elsewhere(|| assert_eq!(*Frozen1::<u64>::open(file.path()).unwrap(), expected));
        elsewhere(|| {
            let array = Array1::<u64>::open(file.path()).unwrap();
            assert_eq!(array.write().unwrap_err().kind(), ErrorKind::Frozen);
        });
        restart(file.path());
        elsewhere(|| assert_eq!(*Frozen1::<u64>::open(file.path()).unwrap(), expected));
        ndshm::remove(file.path()).unwrap();
    }
}

#[test]
fn what_was_frozen_and_is_suspect_after_a_restart_is_refused() {
    let Some(path) = file() else { return };
    elsewhere(|| drop(striped(path.path()).freeze().unwrap()));
    let file = File::options().read(true).write(true).open(path.path()).unwrap();
    let clean = state_offset(path.path(), &file) + 20;
    file.write_all_at(&[0; 4], clean).unwrap();
    restart(path.path());
    let open = || Frozen1::<u64>::open(path.path()).unwrap_err();
    assert_eq!(open().kind(), ErrorKind::Poisoned);
    elsewhere(|| drop(Segment::open(path.path()).unwrap()));
    assert_eq!(open().kind(), ErrorKind::Poisoned);
    assert!(open().to_string().contains("remove it and create another"), "{}", open());
}

#[test]
fn a_log_in_a_file_goes_on_after_a_restart_if_it_was_synced_and_else_takes_no_more_rows() {
    for synced in [true, false] {
        let Some(file) = file() else { return };
        elsewhere(|| {
            let log = Log::<u64>::create(file.path(), 1 << 20).unwrap();
            log.extend(&[1, 2, 3]).unwrap();
            if synced {
                log.segment().sync().unwrap();
            }
        });
        restart(file.path());

        let log = Log::<u64>::open(file.path()).unwrap();
        assert_eq!(log.rows().as_slice(), [1, 2, 3], "nothing was lost in this restart");
        if synced {
            assert_eq!(log.append(&4).unwrap(), 3);
            continue;
        }
        let error = log.append(&4).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Poisoned);
        assert!(error.to_string().contains("before its file was synced"), "{error}");
        assert_eq!(log.len(), 3);
    }
}
