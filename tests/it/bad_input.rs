//! Whatever lies under a name and whatever is asked for: an error of the right kind that says what
//! is wrong, never a panic, never somebody else's file changed, never a file left behind.

use std::fs::{self, File, OpenOptions};
use std::os::unix::fs::{FileExt, symlink};
use std::os::unix::net::UnixListener;
use std::process::Command;

use ndarray::{Ix0, IxDyn};
use ndshm::ErrorKind::{self, *};
use ndshm::{
    Access, Array, Array1, Array2, Array3, ArrayD, Block, Event, Frozen2, Lifetime, NpyFile, Order,
    Reserve, Segment, Status, Value,
};

use crate::share::share;
use crate::support::{FreeName, exists, path_of, skip};

/// Fails unless the operation was refused for that reason and said so.
#[track_caller]
pub(crate) fn refused<T>(result: ndshm::Result<T>, kind: ErrorKind, says: &str) {
    let Err(error) = result else { panic!("it was not refused; it should say: {says}") };
    assert_eq!(error.kind(), kind, "{error}");
    assert!(error.to_string().contains(says), "{error}\ndoes not say: {says}");
}

/// An array of 3 × 4 numbers under a name of its own, which stays when handles go.
fn persistent() -> (FreeName, Array2<f64>) {
    let name = FreeName::new();
    let options = Array2::<f64>::options().lifetime(Lifetime::Persistent);
    let array = options.create(name.as_str(), (3, 4)).unwrap();
    (name, array)
}

#[test]
fn names_that_no_segment_can_have_are_refused() {
    let long = "n".repeat(256);
    for (bad, says) in [
        ("", "is empty"),
        ("/", "is empty"),
        ("a/b", "holds a slash"),
        ("../x", "holds a slash"),
        ("a\0b", "holds a NUL byte"),
        (".", "means a directory"),
        ("..", "means a directory"),
        (".ndshm-x", "keeps for itself"),
        (&long, "at most 255 bytes"),
    ] {
        refused(Array1::<u8>::create(bad, 8), InvalidName, says);
        refused(Array1::<u8>::open(bad), InvalidName, says);
        refused(Array1::<u8>::open_or_create(bad, 8), InvalidName, says);
        refused(Value::<u8>::create(bad, 8), InvalidName, says);
        refused(ndshm::remove(bad), InvalidName, says);
        assert_eq!(Segment::open(bad).unwrap_err().segment(), Some(bad));
    }
    refused(Array1::<u8>::create_unique(&long, 8), InvalidName, "at most 255 bytes");
}

#[test]
fn what_is_absent_is_not_found() {
    let name = FreeName::new();
    let says = format!("{:?} does not exist", name.as_str());
    refused(Array1::<u8>::open(name.as_str()), NotFound, &says);
    refused(Value::<u8>::open(name.as_str()), NotFound, &says);
    refused(Segment::open(name.as_str()), NotFound, &says);
    refused(ndshm::remove(name.as_str()), NotFound, &says);
    assert!(!exists(name.as_str()));
}

#[test]
fn what_exists_is_not_created_again() {
    let (name, array) = persistent();
    array.write().unwrap().fill(1.0);
    refused(Array2::<f64>::create(name.as_str(), (3, 4)), AlreadyExists, "exists already");
    refused(Value::<u8>::create(name.as_str(), 0), AlreadyExists, "exists already");
    assert_eq!(array.read().unwrap().sum(), 12.0);
}

#[test]
fn what_differs_from_what_was_asked_says_both() {
    let (name, _array) = persistent();
    let name = name.as_str();
    let holds = "holds <f8 (f64), 2 axes: 3 × 4, asked for ";
    refused(Array2::<f32>::open(name), DtypeMismatch, &format!("{holds}<f4 (f32), 2 axes"));
    refused(Array2::<i64>::open(name), DtypeMismatch, &format!("{holds}<i8 (i64), 2 axes"));
    refused(Array1::<f64>::open(name), RankMismatch, &format!("{holds}<f8 (f64), 1 axis"));
    refused(Array3::<f64>::open(name), RankMismatch, &format!("{holds}<f8 (f64), 3 axes"));
    refused(Array2::<[f64; 4]>::open(name), RankMismatch, "asked for <f8 (f64), 3 axes");
    refused(Array1::<[f64; 3]>::open(name), ShapeMismatch, "elements of shape [3]");
    refused(Value::<f64>::open(name), KindMismatch, "holds an Array, asked for a Value");
    let asked = "3 × 4, asked for <f8 (f64), 2 axes: 4 × 3";
    refused(Array2::<f64>::open_or_create(name, (4, 3)), ShapeMismatch, asked);
    refused(Array2::<f32>::open_or_create(name, (3, 4)), DtypeMismatch, holds);
    assert_eq!(Array1::<[f64; 4]>::open(name).unwrap().shape(), [3]);

    let value = Value::create_unique("it-bad-", 1_u32).unwrap();
    refused(Array1::<u32>::open(value.name()), KindMismatch, "holds a Value, asked for an Array");
    let says = "holds <u4 (u32), asked for <f4 (f32)";
    refused(Value::<f32>::open(value.name()), DtypeMismatch, says);
    refused(Value::<[u32; 1]>::open(value.name()), DtypeMismatch, "asked for <u4 (u32), 1 axis: 1");
}

#[test]
fn what_is_not_ours_is_told_so_and_left_alone() {
    type Make = fn(&std::path::Path);
    let cases: [(&str, Make); 9] = [
        ("NPY", |path| fs::write(path, [0x5a; 20_000]).unwrap()),
        ("NPY", |path| fs::write(path, "notes\n").unwrap()),
        ("NPY", |path| fs::write(path, "").unwrap()),
        ("no control block", |path| fs::write(path, npy(&[7; 24])).unwrap()),
        ("no control block", |path| fs::write(path, npy(&[7; 50_000])).unwrap()),
        ("directory", |path| fs::create_dir(path).unwrap()),
        ("FIFO", |path| assert!(Command::new("mkfifo").arg(path).status().unwrap().success())),
        ("symbolic link", |path| symlink("/dev/null", path).unwrap()),
        ("socket", |path| drop(UnixListener::bind(path).unwrap())),
    ];
    for (says, make) in cases {
        let name = FreeName::new();
        make(&name.path());
        let before = fs::symlink_metadata(name.path()).unwrap();
        let name = name.as_str();
        refused(Segment::open(name), NotASegment, says);
        refused(Array1::<u8>::open_or_create(name, 8), NotASegment, says);
        refused(Array1::<u8>::create(name, 8), AlreadyExists, "exists already");
        refused(ndshm::remove(name), NotASegment, says);
        assert!(ndshm::list().unwrap().iter().all(|info| info.name() != name));
        let after = fs::symlink_metadata(path_of(name)).unwrap();
        assert_eq!(after.len(), before.len());
        assert_eq!(after.modified().unwrap(), before.modified().unwrap());
    }
}

#[test]
fn a_header_longer_than_any_segments_is_not_even_read() {
    let name = FreeName::new();
    for len in [1_u32 << 17, 1 << 20, u32::MAX] {
        // Whoever read on would find no text.
        let start = [&b"\x93NUMPY\x02\x00"[..], &len.to_le_bytes()].concat();
        fs::write(name.path(), start).unwrap();
        File::options().write(true).open(name.path()).unwrap().set_len(1 << 33).unwrap();
        refused(Segment::open(name.as_str()), NotASegment, "header has 131072 bytes at most");
        refused(Status::of(name.as_str()), NotASegment, "plain .npy");
    }
}

#[test]
fn fifos_and_devices_are_refused_without_being_opened() {
    use rustix::fs::inotify::{CreateFlags, WatchFlags, add_watch, init};
    let mut buffer = [0; 4096];
    let says = "not a regular file";
    for node in [&["p"][..], &["c", "1", "3"]] {
        let name = FreeName::new();
        let (path, name) = (name.path(), name.as_str());
        if !Command::new("mknod").arg(&path).args(node).status().unwrap().success() {
            skip("only root makes devices");
            continue;
        }
        let opened = init(CreateFlags::NONBLOCK | CreateFlags::CLOEXEC).unwrap();
        add_watch(&opened, &path, WatchFlags::OPEN).unwrap();
        refused(Segment::open(name), NotASegment, says);
        refused(Segment::options().access(Access::Observe).open(name), NotASegment, says);
        refused(Status::of(path.as_path()), NotASegment, says);
        refused(Array1::<u8>::open_or_create(path.as_path(), 8), NotASegment, says);
        refused(Block::open(name), NotASegment, says);
        refused(ndshm::remove(name), NotASegment, says);
        refused(NpyFile::open(&path), NotASegment, says);
        refused(share(&Array1::<u8>::options(), &path), NotASegment, says);
        assert!(ndshm::list().unwrap().iter().all(|info| info.name() != name));
        let seen = rustix::io::read(&opened, &mut buffer);
        assert_eq!(seen, Err(rustix::io::Errno::AGAIN), "somebody opened it");
        // And would have been seen.
        drop(fs::OpenOptions::new().read(true).write(true).open(&path).unwrap());
        assert!(rustix::io::read(&opened, &mut buffer).unwrap() > 0);
    }
}

/// An ordinary `.npy` file of 8 bytes, and what follows.
fn npy(rest: &[u8]) -> Vec<u8> {
    npy_of("{'descr': '|u1', 'fortran_order': False, 'shape': (8,), }", rest)
}

fn npy_of(text: &str, rest: &[u8]) -> Vec<u8> {
    let mut bytes = b"\x93NUMPY\x01\x00\x76\x00".to_vec();
    bytes.extend_from_slice(format!("{text:117}\n").as_bytes());
    bytes.extend_from_slice(rest);
    bytes
}

#[test]
fn a_plain_file_that_no_segment_could_be_is_not_taken_for_a_damaged_one() {
    let text =
        |descr: &str| format!("{{'descr': {descr}, 'fortran_order': False, 'shape': (8,), }}");
    let mut newer = npy(&[7; 50_000]);
    newer[6] = 9;
    for file in [
        npy_of(&text("'|O'"), &[7; 50_000]),
        npy_of(&text("'<f16'"), &[7; 50_000]),
        npy_of(&text("'i2,f4'"), &[7; 50_000]),
        npy_of("{'descr': '|u1', 'shape': (8,), }", &[7; 50_000]),
        npy_of(&text("'|u1'"), b"")[..60].to_vec(),
        newer,
    ] {
        let name = FreeName::new();
        fs::write(name.path(), &file).unwrap();
        let name = name.as_str();
        refused(ndshm::remove(name), NotASegment, "segment");
        let replaced = Array1::<u8>::create_or_replace(name, 8);
        refused(replaced, NotASegment, "segment");
        assert!(fs::read(path_of(name)).unwrap() == file);
        // It is bytes to whoever asks for no more.
        Block::remove(name).unwrap();
    }
    // One that could be copied into a segment is left alone, too.
    for descr in ["'>f4'", "'<U3'", "[('a', '>i2')]"] {
        let name = FreeName::new();
        fs::write(name.path(), npy_of(&text(descr), &[7; 50_000])).unwrap();
        refused(ndshm::remove(name.as_str()), NotASegment, "is a plain .npy file");
        refused(Array1::<u8>::create_or_replace(name.as_str(), 8), NotASegment, "plain .npy");
    }
}

#[test]
fn a_segment_that_was_damaged_anywhere_can_be_removed() {
    for at in [20, 300, 4095, 8192, 8192 + 12, 8192 + 20, 8192 + 600] {
        let victim = Victim::new();
        victim.file.write_all_at(b"\xff", at).unwrap();
        ndshm::remove(victim.name.as_str()).unwrap();
        assert!(!exists(victim.name.as_str()), "byte {at}");
    }
}

#[test]
fn a_link_to_a_segment_is_not_a_segment() {
    let (target, link) = (persistent(), FreeName::new());
    symlink(target.0.path(), link.path()).unwrap();
    refused(Segment::open(link.as_str()), NotASegment, "symbolic link");
    refused(ndshm::remove(link.as_str()), NotASegment, "symbolic link");
    assert!(exists(target.0.as_str()));
}

#[test]
fn a_segment_cut_anywhere_is_truncated() {
    let (name, array) = persistent();
    drop(array);
    let file = OpenOptions::new().write(true).open(name.path()).unwrap();
    let whole = file.metadata().unwrap().len();
    for len in (0..whole).rev() {
        file.set_len(len).unwrap();
        let error = Array2::<f64>::open(name.as_str()).unwrap_err();
        let expected = if len == 0 { NotASegment } else { Truncated };
        assert_eq!(error.kind(), expected, "{len} of {whole} bytes: {error}");
    }
    // Even so little shows that it was a segment, which may be removed.
    file.set_len(whole / 2).unwrap();
    let _ = ndshm::remove(name.as_str());
}

#[test]
fn a_cut_segment_can_be_removed() {
    let (name, array) = persistent();
    drop(array);
    let file = OpenOptions::new().write(true).open(name.path()).unwrap();
    file.set_len(4096).unwrap();
    refused(Segment::open(name.as_str()), Truncated, "cut short");
    ndshm::remove(name.as_str()).unwrap();
    assert!(!exists(name.as_str()));
}

/// A segment's file, to be damaged.
struct Victim {
    name: FreeName,
    file: File,
    control: u64,
    head: Vec<u8>,
}

impl Victim {
    fn new() -> Self {
        let (name, array) = persistent();
        let control = array.segment().info().unwrap().control_offset() as u64;
        drop(array);
        let file = OpenOptions::new().read(true).write(true).open(name.path()).unwrap();
        let mut first = [0; 20];
        file.read_exact_at(&mut first, control).unwrap();
        let head_len = u32::from_le_bytes(first[16..].try_into().unwrap());
        let mut head = vec![0; head_len as usize];
        file.read_exact_at(&mut head, control).unwrap();
        Self { name, file, control, head }
    }

    fn open(&self) -> ndshm::Result<Segment> {
        Segment::open(self.name.as_str())
    }

    /// Puts other bytes into the head, with a checksum that matches or not, while `look` looks.
    fn with_head(&self, at: usize, bytes: &[u8], checksum: Checksum, look: impl FnOnce(&Self)) {
        let mut head = self.head.clone();
        head[at..at + bytes.len()].copy_from_slice(bytes);
        if checksum == Checksum::Matches {
            head[20..24].fill(0);
            let crc = crc32fast::hash(&head);
            head[20..24].copy_from_slice(&crc.to_le_bytes());
        }
        self.file.write_all_at(&head, self.control).unwrap();
        look(self);
        self.file.write_all_at(&self.head, self.control).unwrap();
    }

    #[track_caller]
    fn refused_with(&self, at: usize, bytes: &[u8], kind: ErrorKind, says: &str) {
        self.with_head(at, bytes, Checksum::Matches, |victim| refused(victim.open(), kind, says));
    }
}

#[derive(Clone, Copy, PartialEq)]
enum Checksum {
    Matches,
    IsTheOld,
}

#[test]
fn each_field_that_contradicts_the_others_is_named() {
    let victim = Victim::new();
    drop(victim.open().unwrap());
    let (four, eight) = (u32::to_le_bytes, u64::to_le_bytes);
    // Told earlier where lengths have 32 bits.
    let (shadow, shape) = match usize::BITS {
        64 => ("impossible size", "impossible shape"),
        _ => ("impossible shadow", "impossible axis"),
    };
    let fields: [(usize, &[u8], ErrorKind, &str); 24] = [
        (0, b"X", NotASegment, "no control block"),
        (8, &four(2), UnsupportedVersion, "layout version 2, this build reads version 1"),
        (12, &0x0a0b_0c0d_u32.to_be_bytes(), ForeignByteOrder, "other byte order"),
        (16, &four(511), Corrupt, "claims 511 bytes"),
        (16, &four(u32::MAX), Corrupt, "bytes"),
        (24, &four(99), Corrupt, "impossible kind"),
        (28, &four(0), Corrupt, "impossible lifetime"),
        (96, &eight(64), Corrupt, ""),
        (104, &eight(1), Corrupt, "impossible size"),
        (112, &eight(u64::MAX), Corrupt, "impossible size"),
        (120, &eight(4), Corrupt, "impossible size"),
        (128, &four(3), Corrupt, "impossible size"),
        (132, &four(2), Corrupt, "impossible order"),
        (132, &four(1), Corrupt, "its header says order C, its control block F"),
        (136, &four(0), Corrupt, "impossible number of participants"),
        (136, &four(1025), Corrupt, "impossible number of participants"),
        (140, &four(0), Corrupt, "impossible number of stripes"),
        (140, &four(1025), Corrupt, "impossible number of stripes"),
        (144, &four(33), Corrupt, "impossible number of axes"),
        (148, &four(u32::MAX), Corrupt, "impossible dtype"),
        (152, &eight(u64::MAX), Corrupt, shadow),
        (160, &eight(u64::MAX), Corrupt, shape),
        (160, &eight(4), Corrupt, "impossible size"),
        (512, b"<i8", Corrupt, "its header says dtype <f8, its control block <i8"),
    ];
    for (at, bytes, kind, says) in fields {
        victim.refused_with(at, bytes, kind, says);
    }
    let swapped: Vec<u8> = [4, 3].into_iter().flat_map(u64::to_le_bytes).collect();
    let says = "its header says shape [3, 4], its control block [4, 3]";
    victim.refused_with(160, &swapped, Corrupt, says);
    let says = "its control block does not match its checksum";
    victim.with_head(64, b"\xff", Checksum::IsTheOld, |victim| {
        refused(victim.open(), Corrupt, says);
    });
    drop(victim.open().unwrap());
}

#[test]
fn no_changed_byte_of_the_control_block_goes_unnoticed() {
    let victim = Victim::new();
    for at in 0..victim.head.len() {
        for change in [0x01, 0x80, 0xff] {
            let byte = [victim.head[at] ^ change];
            victim.with_head(at, &byte, Checksum::IsTheOld, |victim| {
                let kind = victim.open().unwrap_err().kind();
                let kinds = [Corrupt, NotASegment, UnsupportedVersion, ForeignByteOrder, Truncated];
                assert!(kinds.contains(&kind), "byte {at}: {kind:?}");
            });
        }
    }
}

#[test]
fn no_forged_control_block_makes_it_panic() {
    let victim = Victim::new();
    let lengths = |segment: &Segment| {
        let info = segment.info().unwrap();
        (info.shape().to_vec(), info.data_len(), info.data_offset(), info.control_len())
    };
    let before = lengths(&victim.open().unwrap());
    for at in 0..victim.head.len() {
        for change in [0x01, 0x03, 0x80, 0xff] {
            let byte = [victim.head[at] ^ change];
            victim.with_head(at, &byte, Checksum::Matches, |victim| {
                if let Ok(segment) = victim.open() {
                    assert_eq!(lengths(&segment), before, "byte {at}");
                    let _ = Array2::<f64>::open(victim.name.as_str()).map(|array| {
                        drop(array.write().unwrap());
                    });
                }
            });
        }
    }
}

#[test]
fn no_changed_byte_of_the_header_gives_other_contents() {
    let victim = Victim::new();
    let describe = |segment: Segment| {
        let info = segment.info().unwrap();
        (info.shape().to_vec(), info.dtype().to_string(), info.order(), info.data_offset())
    };
    let before = describe(victim.open().unwrap());
    let mut header = vec![0; 4096];
    victim.file.read_exact_at(&mut header, 0).unwrap();
    for at in 0..header.len() {
        for change in [0x01, 0x02, 0x10, 0x80, 0xff] {
            victim.file.write_all_at(&[header[at] ^ change], at as u64).unwrap();
            if let Ok(segment) = victim.open() {
                assert_eq!(describe(segment), before, "byte {at} changed by {change:#x}");
            }
        }
        victim.file.write_all_at(&header[at..=at], at as u64).unwrap();
    }
    drop(victim.open().unwrap());
}

#[test]
fn a_mutable_part_full_of_rubbish_neither_panics_nor_hangs() {
    let timeout = std::time::Duration::from_millis(2);
    let mut random = 0x9e37_79b9_7f4a_7c15_u64;
    for round in 0..30 {
        let victim = Victim::new();
        let info = victim.open().unwrap().info().unwrap();
        let mutable = info.control_len() - victim.head.len();
        let rubbish: Vec<u8> = (0..mutable)
            .map(|_| {
                random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                if round == 0 { 0xff } else { random.to_be_bytes()[0] }
            })
            .collect();
        victim.file.write_all_at(&rubbish, victim.control + victim.head.len() as u64).unwrap();
        let name = victim.name.as_str();
        let seen = Array2::<f64>::options().access(Access::Observe).open(name).unwrap();
        let _ = seen.snapshot_timeout(timeout);
        let _ = seen.segment().participants();
        let _ = Frozen2::<f64>::open(name);
        let array = Array2::<f64>::open(name).unwrap();
        let _ = array.try_read();
        let _ = array.try_write();
        let _ = array.read_timeout(timeout);
        let _ = array.write_timeout(timeout);
        let _ = array.request().timeout(timeout).recover().write();
    }
}

#[test]
fn sizes_beyond_the_address_space_are_refused() {
    let name = FreeName::new();
    let says = "more than the address space";
    for shape in [
        vec![usize::MAX],
        vec![usize::MAX / 2, 3],
        vec![usize::MAX, 0, 2],
        vec![usize::MAX / 8 + 1],
    ] {
        refused(ArrayD::<f64>::create(name.as_str(), IxDyn(&shape)), SizeOverflow, says);
    }
    let longest = isize::MAX.cast_unsigned();
    refused(Array1::<u8>::create(name.as_str(), longest), SizeOverflow, says);
    let lazy = Array1::<u8>::options().reserve(Reserve::Lazy);
    // More than a processor of 64 bits has; of 32 bits, as much as one mapping may have.
    let whole = 1_usize.checked_shl(50).unwrap_or(isize::MAX.cast_unsigned() - (1 << 20));
    let mut held = Vec::new();
    let none_left = loop {
        match lazy.create(name.as_str(), whole) {
            Ok(one) => held.push(one),
            Err(error) => break error,
        }
        ndshm::remove(name.as_str()).unwrap();
    };
    refused(Err::<(), _>(none_left), OutOfAddressSpace, "no address space is left");
    assert!(!exists(name.as_str()));
}

#[test]
fn empty_axes_no_axes_and_as_many_axes_as_there_may_be_work() {
    let empty = Array3::<f64>::create_unique("it-bad-", (0, 3, 4)).unwrap();
    assert_eq!(empty.write().unwrap().len(), 0);
    assert_eq!(empty.read_rows(0..0).unwrap().shape(), [0, 3, 4]);
    refused(empty.read_rows(0..1), OutOfBounds, "has 0 rows");
    assert_eq!(Array3::<f64>::open(empty.name()).unwrap().shape(), [0, 3, 4]);

    let point = Array::<f64, Ix0>::create_unique("it-bad-", ()).unwrap();
    point.write().unwrap().fill(3.0);
    assert_eq!(Array::<f64, Ix0>::open(point.name()).unwrap().read().unwrap().sum(), 3.0);
    refused(point.read_rows(..), OutOfBounds, "has no rows");

    let most = ArrayD::<u8>::create_unique("it-bad-", IxDyn(&[1; 32])).unwrap();
    assert_eq!(ArrayD::<u8>::open(most.name()).unwrap().ndim(), 32);
    let name = FreeName::new();
    refused(ArrayD::<u8>::create(name.as_str(), IxDyn(&[1; 33])), InvalidArgument, "32");
    let folded = ArrayD::<[u8; 2]>::create(name.as_str(), IxDyn(&[1; 32]));
    refused(folded, InvalidArgument, "32");
    assert!(!exists(name.as_str()));
}

#[test]
fn elements_that_are_arrays_have_no_fortran_order() {
    let name = FreeName::new();
    let options = Array1::<[f32; 4]>::options().order(Order::F);
    refused(options.create(name.as_str(), 3), InvalidArgument, "Fortran order");
    assert!(!exists(name.as_str()));
    let array = Array2::<f32>::options().order(Order::F).create_unique("it-bad-", (3, 4)).unwrap();
    refused(Array1::<[f32; 4]>::open(array.name()), ShapeMismatch, "Fortran order");
}

#[test]
fn options_that_can_never_work_are_refused() {
    let name = FreeName::new();
    let options = Array1::<u8>::options;
    for (options, says) in [
        (options().participants(0), "0 participants: choose 1 to 1024"),
        (options().participants(1025), "1025 participants: choose 1 to 1024"),
        (options().stripes(0), "0 stripes: choose 1 to 1024"),
        (options().stripes(1025), "1025 stripes: choose 1 to 1024"),
        (options().mode(0o400), "mode 0o400"),
        (options().mode(0o1777), "mode 0o1777"),
        (options().access(Access::Read), "for reading only"),
    ] {
        refused(options.create(name.as_str(), 8), InvalidArgument, says);
        assert!(!exists(name.as_str()));
    }
}

#[test]
fn rows_and_stripes_outside_the_array_are_refused() {
    let array = Array1::<u8>::options().stripes(4).create_unique("it-bad-", 16).unwrap();
    refused(array.read_rows(0..17), OutOfBounds, "has 16 rows");
    refused(array.write_rows(17..), OutOfBounds, "has 16 rows");
    refused(array.write_rows(..=usize::MAX), OutOfBounds, "has 16 rows");
    refused(array.try_write_stripe(4), OutOfBounds, "has 4 stripes, asked for stripe 4");
    #[expect(clippy::reversed_empty_ranges, reason = "that is what is tested")]
    let reversed = array.read_rows(9..8);
    refused(reversed, OutOfBounds, "has 16 rows");
    assert_eq!(array.read_rows(16..).unwrap().len(), 0);
}

#[test]
fn a_handle_for_reading_writes_nothing() {
    let (name, array) = persistent();
    let reader = Array2::<f64>::options().access(Access::Read).open(name.as_str()).unwrap();
    refused(reader.write(), ReadOnly, "opened for reading only");
    refused(reader.try_write_rows(0..1), ReadOnly, "opened for reading only");
    refused(reader.raw_view_mut(), ReadOnly, "opened for reading only");
    array.write().unwrap().fill(1.0);
    assert_eq!(reader.read().unwrap().sum(), 12.0);

    let value = Value::create_unique("it-bad-", 1_u64).unwrap();
    let reader = Value::<u64>::options().access(Access::Read).open(value.name()).unwrap();
    refused(reader.set(2), ReadOnly, "opened for reading only");
    refused(reader.fetch_add(2), ReadOnly, "opened for reading only");
    refused(reader.edit(), ReadOnly, "opened for reading only");
    assert_eq!(reader.get().unwrap(), 1);

    let event = Event::options().auto_reset().create_unique("it-bad-").unwrap();
    let reader = Event::options().access(Access::Read).open(event.name()).unwrap();
    refused(reader.set(), ReadOnly, "opened for reading only");
    refused(reader.clear(), ReadOnly, "opened for reading only");
    refused(reader.wait(), ReadOnly, "opened for reading only");
    assert!(!reader.is_set());
}
