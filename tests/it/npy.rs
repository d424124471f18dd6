//! Ordinary `.npy` files: what is read, what is refused, and that nothing is touched.
//!
//! # Safety
//!
//! The unsafe code here views files that their tests made and that nobody writes meanwhile, and makes elements of
//! a packed pair.
#![allow(unsafe_code)]

use std::fs::{self, File};
use std::os::unix::fs::{FileExt, MetadataExt, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};

use ndarray::{ArrayView, Dimension, Ix1, Ix2, IxDyn};
use ndshm::unit::{Nanosecond, Second};
use ndshm::{Array1, Bytes, Datetime, Dtype, Element, ErrorKind, Field, Npy, NpyFile, Order};

use crate::bad_input;
use crate::support::{alone, close_descriptors, reopen_at, skip};

/// A path of this test's own, free again when this is dropped.
struct Scratch(PathBuf);

impl Scratch {
    fn new() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let (pid, count) = (std::process::id(), COUNT.fetch_add(1, Relaxed));
        Self(Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("it-npy-{pid}-{count}")))
    }

    fn with(bytes: &[u8]) -> Self {
        let scratch = Self::new();
        fs::write(&scratch.0, bytes).unwrap();
        scratch
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}

/// A file of version 1.0 whose header is so long, and the data after it.
fn npy(text: &str, header_len: usize, data: &[u8]) -> Vec<u8> {
    let len = u16::try_from(header_len - 10).unwrap();
    let mut bytes = [&b"\x93NUMPY\x01\x00"[..], &len.to_le_bytes(), text.as_bytes()].concat();
    assert!(bytes.len() < header_len);
    bytes.resize(header_len - 1, b' ');
    [&bytes, &b"\n"[..], data].concat()
}

/// Two rows of three numbers, the first 1, each one more than the last.
fn numbers(order: &str, header_len: usize) -> Vec<u8> {
    let text = format!("{{'descr': '<f4', 'fortran_order': {order}, 'shape': (2, 3), }}");
    let data: Vec<u8> = (1..=6_u8).flat_map(|n| f32::from(n).to_le_bytes()).collect();
    npy(&text, header_len, &data)
}

fn view<T: Element, D: Dimension>(array: &Npy<T, D>) -> ndshm::Result<ArrayView<'_, T, D>> {
    // SAFETY: the tests cut a file short or write it only when they look at it no more.
    unsafe { array.view() }
}

fn refused(path: &Path, kind: ErrorKind, says: &str) {
    let opened = NpyFile::open(path);
    assert_eq!(opened.as_ref().unwrap_err().segment(), path.to_str());
    bad_input::refused(opened, kind, says);
}

#[test]
fn both_orders_are_read_in_place_and_copied() {
    for (order, name, expected) in [
        (Order::C, "False", ndarray::array![[1., 2., 3.], [4., 5., 6.]]),
        (Order::F, "True", ndarray::array![[1., 3., 5.], [2., 4., 6.]]),
    ] {
        let file = Scratch::with(&numbers(name, 128));
        let array = ndshm::open_npy::<f32, Ix2>(&file.0).unwrap();
        assert_eq!((array.file().order(), array.shape()), (order, &[2, 3][..]));
        assert_eq!(array.to_array().unwrap(), expected);
        assert_eq!(view(&array).unwrap(), expected);

        let rows = Npy::<[f32; 3], Ix1>::open(&file.0);
        match order {
            Order::C => assert_eq!(rows.unwrap().to_array().unwrap()[1], [4., 5., 6.]),
            Order::F => assert_eq!(rows.unwrap_err().kind(), ErrorKind::ShapeMismatch),
        }
    }
}

#[test]
fn a_mismatch_says_both_sides() {
    let file = Scratch::with(&numbers("False", 128));
    let error = Npy::<f64, Ix2>::open(&file.0).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::DtypeMismatch);
    let both = "holds <f4 (f32), 2 axes: 2 × 3, asked for <f8 (f64), 2 axes";
    assert!(error.to_string().contains(both), "{error}");
    assert_eq!(Npy::<f32, Ix1>::open(&file.0).unwrap_err().kind(), ErrorKind::RankMismatch);
    assert_eq!(Npy::<f32, IxDyn>::open(&file.0).unwrap().shape(), [2, 3]);
}

#[test]
fn data_that_is_not_aligned_is_copied_and_not_viewed() {
    let file = Scratch::with(&numbers("False", 101));
    let array = Npy::<f32, Ix2>::open(&file.0).unwrap();
    bad_input::refused(array.raw_view(), ErrorKind::Misaligned, "to_array");
    bad_input::refused(view(&array), ErrorKind::Misaligned, "to_array");
    assert_eq!(array.to_array().unwrap().sum(), 21.0);
}

#[test]
fn a_file_cut_short_is_an_error_whenever_it_happens() {
    let whole = numbers("False", 128);
    for len in 0..whole.len() {
        let kind = if len == 0 { ErrorKind::NotASegment } else { ErrorKind::Truncated };
        refused(&Scratch::with(&whole[..len]).0, kind, "");
    }
    let file = Scratch::with(&whole);
    let array = Npy::<f32, Ix2>::open(&file.0).unwrap();
    File::options().write(true).open(&file.0).unwrap().set_len(140).unwrap();
    let error = array.to_array().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Truncated);
    assert!(error.to_string().contains("rename"), "{error}");
    assert_eq!(array.file().to_bytes().unwrap_err().kind(), ErrorKind::Truncated);
}

#[test]
fn what_is_no_npy_file_is_refused() {
    refused(&Scratch::new().0, ErrorKind::NotFound, "does not exist");
    refused(Path::new(env!("CARGO_TARGET_TMPDIR")), ErrorKind::NotASegment, "directory");
    refused(Path::new("/dev/null"), ErrorKind::NotASegment, "device");
    refused(&Scratch::with(b"PK\x03\x04").0, ErrorKind::NotASegment, "is not NPY");

    let fifo = Scratch::new();
    assert!(Command::new("mkfifo").arg(&fifo.0).status().unwrap().success());
    refused(&fifo.0, ErrorKind::NotASegment, "FIFO");
}

#[test]
fn elements_that_cannot_be_read_say_what_to_do() {
    let file = |descr: &str| {
        let text = format!("{{'descr': {descr}, 'fortran_order': False, 'shape': (0,), }}");
        Scratch::with(&npy(&text, 128, b""))
    };
    refused(&file("'|O'").0, ErrorKind::Unsupported, "Python objects");
    refused(&file("'<f16'").0, ErrorKind::Unsupported, "convert them to <f8");
    refused(&file("'i4,f4'").0, ErrorKind::Unsupported, "np.save(path, np.load(path))");
    refused(&file("[('a', '<f4'), ('a', '<f4')]").0, ErrorKind::Unsupported, "two fields");
}

#[test]
fn big_endian_items_are_copied_little_endian_and_not_mapped() {
    let text = "{'descr': '>f4', 'fortran_order': False, 'shape': (2, 3), }";
    let data: Vec<u8> = (1..=6_u8).flat_map(|n| f32::from(n).to_be_bytes()).collect();
    let file = Scratch::with(&npy(text, 128, &data));
    let array = Npy::<f32, Ix2>::open(&file.0).unwrap();
    assert_eq!(array.to_array().unwrap(), ndarray::array![[1., 2., 3.], [4., 5., 6.]]);
    bad_input::refused(array.raw_view(), ErrorKind::ForeignByteOrder, "newbyteorder");
    let whole = array.file().to_bytes().unwrap();
    for start in 0..whole.len() {
        for end in start..=whole.len() {
            let mut some = vec![0; end - start];
            array.file().read_at(&mut some, start).unwrap();
            assert_eq!(some, whole[start..end], "{start}..{end}");
        }
    }
}

#[test]
fn strings_and_times_are_read_as_what_they_are_or_as_plain_numbers() {
    let text =
        "{'descr': [('t', '<M8[ns]'), ('s', '|S4')], 'fortran_order': False, 'shape': (2,), }";
    let data = [&7_i64.to_le_bytes()[..], b"ab\0\0", &[0; 12]].concat();
    let file = Scratch::with(&npy(text, 128, &data));
    let rows = Npy::<Row<Datetime<Nanosecond>, Bytes<4>>, Ix1>::open(&file.0).unwrap();
    let row = rows.to_array().unwrap()[0];
    assert_eq!(({ row.0 }.ticks(), { row.1 }.as_bytes()), (7, &b"ab"[..]));
    let plain = Npy::<Row<i64, [u8; 4]>, Ix1>::open(&file.0).unwrap();
    assert_eq!({ plain.to_array().unwrap()[0].1 }, *b"ab\0\0");
    let other = Npy::<Row<Datetime<Second>, Bytes<4>>, Ix1>::open(&file.0).unwrap_err();
    assert_eq!(other.kind(), ErrorKind::DtypeMismatch);
    assert!(Npy::<Row<u64, Bytes<4>>, Ix1>::open(&file.0).is_err());
    assert!(Npy::<Row<i64, [u8; 5]>, Ix1>::open(&file.0).is_err());
}

/// A time and a name, packed.
#[derive(Clone, Copy)]
#[repr(C, packed)]
struct Row<T, S>(T, S);

// SAFETY: two elements, one after the other, without padding, are zeroable as each is.
unsafe impl<T: Element, S: Element> ndshm::__private::bytemuck::Zeroable for Row<T, S> {}

// SAFETY: as above: any bytes are valid, for they are for each element.
unsafe impl<T: Element, S: Element> ndshm::__private::bytemuck::Pod for Row<T, S> {}

// SAFETY: the dtype lists both elements in order, and nothing is around them.
unsafe impl<T: Element, S: Element> Element for Row<T, S> {
    fn dtype() -> Dtype {
        Dtype::Struct(vec![Field::new("t", T::dtype()), Field::new("s", S::dtype())])
    }
}

#[test]
fn shapes_that_nothing_can_hold_are_refused() {
    if usize::BITS < 64 {
        return skip("axes that take 64 bits are refused one by one, whatever they make together");
    }
    let file = |shape: &str| {
        let text = format!("{{'descr': '<f8', 'fortran_order': True, 'shape': {shape}, }}");
        Scratch::with(&npy(&text, 192, b""))
    };
    let huge = "(4611686018427387904, 4611686018427387904, 0)";
    refused(&file(huge).0, ErrorKind::SizeOverflow, "smaller shape");
    refused(&file("(1152921504606846976,)").0, ErrorKind::SizeOverflow, "smaller shape");
    refused(
        &file("(1000000000000,)").0,
        ErrorKind::Truncated,
        "promises 8.0 TB (8,000,000,000,192 bytes)",
    );
    let empty = Npy::<f64, Ix2>::open(file("(0, 1000000)").0.as_path()).unwrap();
    assert_eq!(empty.to_array().unwrap().dim(), (0, 1_000_000));
}

#[test]
fn a_sparse_file_larger_than_memory_is_looked_at_where_it_is() {
    if usize::BITS < 64 {
        return skip("a TiB is more than the address space of 32 bits");
    }
    let len = 1_u64 << 40;
    let text = format!("{{'descr': '|u1', 'fortran_order': False, 'shape': ({len},), }}");
    let file = Scratch::with(&npy(&text, 128, b""));
    let sparse = File::options().write(true).open(&file.0).unwrap();
    if sparse.set_len(128 + len).is_err() {
        return skip("this filesystem has no files of a TiB");
    }
    sparse.write_all_at(&[7], 127 + len).unwrap();
    let array = Npy::<u8, Ix1>::open(&file.0).unwrap();
    assert_eq!(view(&array).unwrap().last(), Some(&7));
}

#[test]
fn symbolic_links_are_followed() {
    let (file, link) = (Scratch::with(&numbers("False", 128)), Scratch::new());
    symlink(&file.0, &link.0).unwrap();
    assert_eq!(Npy::<f32, Ix2>::open(&link.0).unwrap().to_array().unwrap().sum(), 21.0);
}

#[test]
fn nothing_is_written_to_the_file() {
    let file = Scratch::with(&numbers("False", 128));
    let facts = || {
        let facts = fs::metadata(&file.0).unwrap();
        (facts.len(), facts.mtime_nsec(), facts.ctime_nsec(), fs::read(&file.0).unwrap())
    };
    let before = facts();
    let array = Npy::<f32, Ix2>::open(&file.0).unwrap();
    assert_eq!(view(&array).unwrap().sum(), array.to_array().unwrap().sum());
    drop(array);
    assert_eq!(facts(), before);
}

#[test]
fn a_segment_is_an_npy_file_too() {
    let segment = Array1::<u64>::create_unique("it-npy-", 3).unwrap();
    segment.write().unwrap().fill(5);
    let file = Npy::<u64, Ix1>::open(segment.segment().path()).unwrap();
    assert_eq!(file.to_array().unwrap().to_vec(), [5; 3]);
}

#[test]
fn a_descriptor_that_the_program_closed_is_missed_and_never_mistaken() {
    alone(|| {
        let file = Scratch::with(&numbers("False", 128));
        let array = Npy::<f32, Ix2>::open(&file.0).unwrap();
        close_descriptors();
        assert_eq!(array.to_array().unwrap_err().kind(), ErrorKind::DescriptorLost);
        assert_eq!(view(&array).unwrap().sum(), 21.0);
        let other = Scratch::with(&numbers("True", 128));
        let taken = reopen_at(64, other.0.to_str().unwrap());
        assert_eq!(array.to_array().unwrap_err().kind(), ErrorKind::DescriptorLost);
        drop(array);
        assert!(File::from(taken).metadata().is_ok(), "a descriptor of the program's was closed");
    });
}
