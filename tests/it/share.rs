//! Ordinary `.npy` files become shared arrays where they are, whole or not at all.
//!
//! # Safety
//!
//! The unsafe code here shares files that a test wrote a moment ago, for itself and its children.
#![allow(unsafe_code)]

use std::fs;
use std::os::unix::fs::FileExt;
use std::path::Path;

use ndarray::{Array1 as Own, Dimension, Ix1};
use ndshm::unit::Nanosecond;
use ndshm::{
    Access, AnyArray, Array, Array1, Array2, Bytes, Datetime, Element, ErrorKind::*, Frozen1,
    Lifetime, Npy, Options, Order, Reserve, Result, Segment,
};

use crate::bad_input::refused;
use crate::homes::FreeFile;
use crate::support::{DEADLINE, become_user, fork, is_root, skip};

/// Numbers as `np.save` writes them, from 0 on.
pub(crate) fn save(path: &Path, len: usize) {
    fs::write(path, npy("'<u8'", len, 128)).unwrap();
}

fn npy(descr: &str, len: usize, header_len: usize) -> Vec<u8> {
    let text = format!("{{'descr': {descr}, 'fortran_order': False, 'shape': ({len},), }}");
    let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
    bytes.extend(u16::try_from(header_len - 10).unwrap().to_le_bytes());
    bytes.extend(format!("{text:width$}\n", width = header_len - 11).bytes());
    assert_eq!(bytes.len(), header_len);
    bytes.extend((0..len as u64).flat_map(u64::to_le_bytes));
    bytes
}

/// Shares a file that the test wrote.
pub(crate) fn share<T: Element, D: Dimension>(
    options: &Options<Array<T, D>>,
    path: impl AsRef<Path>,
) -> Result<Array<T, D>> {
    // SAFETY: nobody else has the file.
    unsafe { options.share_npy(path) }
}

fn share_any(path: impl AsRef<Path>) -> Result<AnyArray> {
    // SAFETY: nobody else has the file.
    unsafe { AnyArray::share_npy(path) }
}

/// The same in NPY 2.0, whose headers may be longer.
fn npy_2(descr: &str, len: usize, header_len: usize) -> Vec<u8> {
    let mut bytes = npy(descr, len, 128);
    bytes.splice(127..127, std::iter::repeat_n(b' ', header_len - 128 - 2));
    bytes.splice(8..10, u32::try_from(header_len - 12).unwrap().to_le_bytes());
    bytes[6] = 2;
    bytes
}

/// A file with numbers, on a disk and in memory.
fn files(test: impl Fn(&Path)) {
    for file in [Some(FreeFile::in_memory()), FreeFile::on_disk()].into_iter().flatten() {
        save(file.path(), 1000);
        test(file.path());
    }
}

#[test]
fn a_file_is_shared_where_it_is_and_stays_an_npy_file() {
    files(|path| {
        let before = fs::read(path).unwrap();
        let array = share(&Array1::<u64>::options().stripes(4), path).unwrap();
        assert_eq!((array.stripes(), array.shape()), (4, &[1000][..]));
        assert!(array.read().unwrap().iter().copied().eq(0..1000));
        let info = array.segment().info().unwrap();
        assert_eq!((info.data_offset(), info.lifetime()), (128, Lifetime::Persistent));
        assert!(fs::read(path).unwrap().starts_with(&before));

        fork(|| Array1::<u64>::open(path).unwrap().write_rows(..1).unwrap()[0] = 7).pass();
        assert_eq!(array.read().unwrap()[0], 7);
        let plain = Npy::<u64, Ix1>::open(path).unwrap().to_array().unwrap();
        let expected = Own::from_iter([7].into_iter().chain(1..1000));
        assert_eq!(plain, expected);
        array.sync().unwrap();
        drop(array);
        let observed = Array1::<u64>::options().access(Access::Observe).open(path).unwrap();
        assert_eq!(observed.snapshot().unwrap(), expected);
        let frozen = Array1::<u64>::open(path).unwrap().freeze().unwrap();
        assert_eq!(*Frozen1::<u64>::open(path).unwrap(), *frozen);
        ndshm::remove(path).unwrap();
        assert!(!path.exists());
    });
}

#[test]
fn all_who_share_a_file_at_once_share_one_segment() {
    files(|path| {
        let add = || {
            let options = Array1::<u64>::options().participants(8);
            let array = share(&options, path).unwrap();
            (0..50).for_each(|_| array.write_timeout(DEADLINE).unwrap()[0] += 1);
        };
        let others = [(); 4].map(|()| fork(add));
        add();
        others.into_iter().for_each(|other| other.pass());
        let again = share_any(path).unwrap();
        assert_eq!(again.segment().id(), Segment::open(path).unwrap().id());
        assert_eq!(again.read().unwrap().at(&[0]).unwrap().to_string(), "250");
    });
}

#[test]
fn a_file_keeps_its_order_its_shape_and_its_header_of_any_length() {
    let file = FreeFile::in_memory();
    let fields: Vec<_> = (0..600).map(|n| format!("('field_{n:04}', '<u8')")).collect();
    let descr = format!("[{}]", fields.join(", "));
    let mut bytes = npy(&descr, 1, 64 * 300);
    bytes.resize(64 * 300 + 600 * 8, 0);
    fs::write(file.path(), bytes).unwrap();
    let table = share_any(file.path()).unwrap();
    assert_eq!((table.shape(), table.dtype().item_size()), (&[1][..], 4800));
    drop(table.write().unwrap());
    drop(table);

    // The longest that NPY 1.0 can say.
    fs::write(file.path(), npy("'<u8'", 6, 0xffff + 10 - 9)).unwrap();
    assert_eq!(share(&Array1::<u64>::options(), file.path()).unwrap().read().unwrap().sum(), 15);

    let mut bytes = npy("'<u8'", 6, 128);
    let text = "{'descr': '<u8', 'fortran_order': True, 'shape': (2, 3), }";
    bytes[10..127].copy_from_slice(format!("{text:117}").as_bytes());
    fs::write(file.path(), bytes).unwrap();
    let columns = share(&Array2::<u64>::options(), file.path()).unwrap();
    assert_eq!(columns.read().unwrap().column(1).to_vec(), [2, 3]);
    assert_eq!(AnyArray::open(file.path()).unwrap().order(), Order::F);
}

#[test]
fn data_at_a_multiple_of_16_is_shared_and_observed() {
    let file = FreeFile::in_memory();
    for header_len in [80, 96, 112, 4096 + 16] {
        fs::write(file.path(), npy("'<u8'", 1000, header_len)).unwrap();
        let array = share(&Array1::<u64>::options().stripes(4), file.path()).unwrap();
        assert_eq!(array.segment().info().unwrap().data_offset(), header_len);
        array.write_rows(..1).unwrap()[0] = 5;
        let observed = Array1::<u64>::options().access(Access::Observe).open(file.path()).unwrap();
        assert_eq!(observed.snapshot().unwrap().sum(), 999 * 500 + 5);
        let frozen = Array1::<u64>::open(file.path()).unwrap().freeze().unwrap();
        assert_eq!(frozen[999], 999);
    }
}

#[test]
fn times_and_strings_are_shared_as_what_they_are() {
    let file = FreeFile::in_memory();
    fs::write(file.path(), npy("'<M8[ns]'", 10, 128)).unwrap();
    let counts = share(&Array1::<i64>::options(), file.path()).unwrap();
    assert_eq!(counts.read().unwrap()[9], 9);
    drop(counts);
    let dates = Array1::<Datetime<Nanosecond>>::open(file.path()).unwrap();
    assert_eq!(dates.read().unwrap()[9].to_string(), "1970-01-01T00:00:00.000000009");
    drop(dates);
    fs::write(file.path(), npy("'|S8'", 10, 128)).unwrap();
    let strings = share(&Array1::<Bytes<8>>::options(), file.path()).unwrap();
    assert_eq!(strings.read().unwrap()[7].as_bytes(), [7]);
}

#[test]
fn what_cannot_be_shared_is_refused_and_left_as_it_is() {
    let file = FreeFile::in_memory();
    let path = file.path();
    let whole = npy("'<u8'", 1000, 128);
    let more = [&whole[..], &whole[..]].concat();
    let little_more = [&whole[..], b"\n"].concat();
    for (bytes, kind, says) in [
        (
            npy("'<f8'", 1000, 128),
            DtypeMismatch,
            "holds <f8 (f64), 1 axis: 1000, asked for <u8 (u64), 1 axis",
        ),
        (npy("'>u8'", 1000, 128), ForeignByteOrder, "big-endian"),
        (npy("'|O'", 1000, 128), Unsupported, "objects"),
        (npy("'<u8'", 1000, 104), Misaligned, "begins at byte 104"),
        (npy("'<u8'", 1000, 81), Misaligned, "save it anew"),
        (more, InvalidArgument, "has bytes after its data, which ends at byte 8128"),
        (little_more, InvalidArgument, "has bytes after its data"),
        (
            whole[..8000].to_vec(),
            Truncated,
            "is 8.0 kB (8,000 bytes) long and its header promises 8.1 kB (8,128 bytes)",
        ),
        (whole[..100].to_vec(), Truncated, "ends after 100 bytes"),
        (npy_2("'<u8'", 10, (1 << 17) + 64), Unsupported, "has a header of 131136 bytes"),
        (b"notes".to_vec(), NotASegment, "is not NPY"),
        (Vec::new(), NotASegment, "is not NPY"),
    ] {
        fs::write(path, &bytes).unwrap();
        refused(share(&Array1::<u64>::options(), path), kind, says);
        assert!(fs::read(path).unwrap() == bytes, "{says}: it was changed");
    }
    fs::write(path, &whole).unwrap();
    refused(share(&Array2::<u64>::options(), path), RankMismatch, "asked for <u8 (u64), 2 axes");
    let options: Options<Array<u64, Ix1>> = Array::options();
    refused(share(&options.clone().participants(0), path), InvalidArgument, "0 participants");
    refused(share(&options.access(Access::Read), path), InvalidArgument, "for reading only");
    assert!(fs::read(path).unwrap() == whole);
    fs::remove_file(path).unwrap();
    refused(share(&Array1::<u64>::options(), path), NotFound, "does not exist");
}

#[test]
fn a_file_that_may_not_be_written_is_not_shared() {
    if !is_root() {
        return skip("only root can be two users");
    }
    let file = FreeFile::in_memory();
    save(file.path(), 10);
    let before = fs::read(file.path()).unwrap();
    fork(|| {
        become_user(65534);
        refused(share(&Array1::<u64>::options(), file.path()), PermissionDenied, "");
    })
    .pass();
    assert!(fs::read(file.path()).unwrap() == before);
}

#[test]
fn a_damaged_control_block_is_told_of_and_not_taken_for_a_leftover() {
    let file = FreeFile::in_memory();
    save(file.path(), 10);
    drop(share(&Array1::<u64>::options().reserve(Reserve::Lazy), file.path()).unwrap());
    let out = fs::OpenOptions::new().write(true).open(file.path()).unwrap();
    out.write_all_at(b"\xff", 4096 + 100).unwrap();
    refused(share(&Array1::<u64>::options(), file.path()), Corrupt, "checksum");
    refused(Array1::<u64>::open(file.path()), Corrupt, "checksum");
    // Its numbers are what they were, for everybody who does not ask for more.
    assert!(Npy::<u64, Ix1>::open(file.path()).unwrap().to_array().unwrap().into_iter().eq(0..10));
}
