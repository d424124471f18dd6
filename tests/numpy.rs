//! What NumPy sees of a segment and what a segment sees of NumPy, with a real Python.
//!
//! Each test tells a Python process of its own what to run, a line at a time; `numpy/peer.py` is what
//! that process knows beforehand. `cargo xtask numpy` installs Python and NumPy where they are
//! looked for; `NDSHM_PYTHON` names others. Without them the tests pass and say that they were
//! skipped, unless `NDSHM_REQUIRE_PYTHON=1`.
//!
//! # Safety
//!
//! The unsafe code here shares a file that the Python process saved when it was told to, and leaves alone
//! until it is told something else.
#![allow(unsafe_code)]

use std::fmt::Debug;
use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};

use ndarray::IxDyn;
use ndshm::unit::{Millisecond, Second};
use ndshm::{
    Access, AnyArray, Array1, ArrayD, Block, Bool, Bytes, Datetime, Datum, Dtype, Element,
    ErrorKind, FrameMeta, Log, Npy, NpyFile, Order, Plane, Ring3, Text, Timedelta, Value,
};

#[path = "numpy/matrix.rs"]
mod matrix;

const SHAPES: [&[usize]; 7] = [&[], &[5], &[3, 4], &[2, 3, 4], &[2, 3, 2, 4], &[3, 0, 2], &[0]];

/// Calls a function for each type of number that features allow.
macro_rules! for_each_number {
    ($function:ident($argument:expr)) => {
        for_each_number!(
            $function($argument): Bool i8 i16 i32 i64 u8 u16 u32 u64 f32 f64
        );
        #[cfg(feature = "half")]
        for_each_number!($function($argument): half::f16 half::bf16);
        #[cfg(feature = "num-complex")]
        for_each_number!(
            $function($argument): num_complex::Complex<f32> num_complex::Complex<f64>
        );
    };
    ($function:ident($argument:expr): $($type:ty)*) => {
        $($function::<$type>($argument);)*
    };
}

#[test]
fn numpy_reads_and_writes_every_dtype_in_every_order_and_shape() {
    let Some(mut python) = Python::start() else { return };
    for_each_number!(both_sides_see_the_same(&mut python));
}

fn both_sides_see_the_same<T: Number>(python: &mut Python) {
    for (order, shape) in every_order_and_shape() {
        let array = filled::<T>(order, shape);
        numpy_agrees(python, &array, array.name(), order);
    }
}

/// Has NumPy look at the array, which holds the first numbers, and write the next ones.
fn numpy_agrees<T: Number>(python: &mut Python, array: &ArrayD<T>, name: &str, order: Order) {
    let (shape, len) = (array.shape(), array.len());
    let values = |start| (start..start + len).map(|n| T::nth(n).text()).collect::<Vec<_>>();

    let contiguous = match order {
        _ if orders_are_the_same(shape) => "CF",
        Order::C => "C",
        Order::F => "F",
    };
    let expected = format!("{} {shape:?} {contiguous} {}", T::DTYPE, values(0).join(","));
    assert_eq!(python.ask(&format!("look({name:?})")), expected, "{order:?}");

    python.run(&format!("write({name:?}, {:?})", values(len).join(",")));
    let seen: Vec<T> = array.read().unwrap().iter().copied().collect();
    let written: Vec<T> = (len..2 * len).map(T::nth).collect();
    assert_eq!(seen, written, "{} {order:?} {shape:?}", T::DTYPE);
}

#[test]
fn headers_are_what_np_save_writes() {
    let Some(mut python) = Python::start() else { return };
    for_each_number!(header_is_numpys(&mut python));
}

fn header_is_numpys<T: Number>(python: &mut Python) {
    for (order, shape) in every_order_and_shape() {
        // NumPy forgets which order was asked for where it makes no difference; a segment does not.
        if order == Order::C || !orders_are_the_same(shape) {
            python.check_header(filled::<T>(order, shape).name());
        }
    }
}

fn every_order_and_shape() -> impl Iterator<Item = (Order, &'static [usize])> {
    [Order::C, Order::F].into_iter().flat_map(|order| SHAPES.map(|shape| (order, shape)))
}

/// Whether C and F order put such an array's items in the same places.
fn orders_are_the_same(shape: &[usize]) -> bool {
    shape.contains(&0) || shape.iter().filter(|&&len| len > 1).count() < 2
}

/// An array whose items, counted in C order, are the first numbers.
fn filled<T: Number>(order: Order, shape: &[usize]) -> ArrayD<T> {
    let array = ArrayD::options().order(order).create_unique("numpy-", IxDyn(shape)).unwrap();
    for (n, item) in array.write().unwrap().iter_mut().enumerate() {
        *item = T::nth(n);
    }
    array
}

#[cfg(feature = "derive")]
mod structs {
    use ndarray::Ix1;

    use super::*;

    #[derive(Clone, Copy, Debug, PartialEq, Element)]
    #[repr(C)]
    struct Pose {
        position: [f32; 3],
        #[element(rename = "frame id")]
        frame: u32,
    }

    #[derive(Clone, Copy, Debug, PartialEq, Element)]
    #[repr(C)]
    struct Track {
        weight: f64,
        pose: Pose,
        grid: [[i16; 2]; 2],
        valid: Bool,
        #[element(padding)]
        _pad: [u8; 7],
    }

    impl Track {
        fn nth(n: i16) -> Self {
            let x = f32::from(n);
            Self {
                weight: f64::from(n) / 4.0,
                pose: Pose { position: [x, x + 0.5, -x], frame: n.unsigned_abs().into() },
                grid: [[n, n + 1], [n + 2, -n]],
                valid: (n % 2 == 1).into(),
                _pad: [0; 7],
            }
        }
    }

    #[test]
    fn structs_are_the_dtype_of_the_aligned_c_struct() {
        let Some(mut python) = Python::start() else { return };
        let tracks = Array1::create_unique("numpy-", 2).unwrap();
        let name = tracks.name();
        tracks.write().unwrap().assign(&ndarray::array![Track::nth(1), Track::nth(2)]);

        python.run(&format!("a = load({name:?})"));
        python.run("pose = np.dtype([('position', '<f4', 3), ('frame id', '<u4')], align=True)");
        python.run(
            "track = np.dtype([('weight', '<f8'), ('pose', pose), ('grid', '<i2', (2, 2)), \
             ('valid', '?')], align=True)",
        );
        assert_eq!(python.ask("a.dtype == track"), "True", "{}", python.ask("a.dtype"));
        assert_eq!(python.ask("a.dtype.names == track.names"), "True");
        assert_eq!(python.ask("a['weight'].tolist()"), "[0.25, 0.5]");
        assert_eq!(
            python.ask("a['pose']['position'].tolist()"),
            "[[1.0, 1.5, -1.0], [2.0, 2.5, -2.0]]"
        );
        assert_eq!(python.ask("a['pose']['frame id'].tolist()"), "[1, 2]");
        assert_eq!(python.ask("a['grid'].tolist()"), "[[[1, 2], [3, -1]], [[2, 3], [4, -2]]]");
        assert_eq!(python.ask("a['valid'].tolist()"), "[True, False]");
        python.check_header(name);

        python.run("a[1] = (0.75, ((3, 3.5, -3), 3), [[3, 4], [5, -3]], True)");
        assert_eq!(tracks.read().unwrap()[1], Track::nth(3));
        python.run("a['pose']['frame id'][0] = 7");
        assert_eq!(tracks.read().unwrap()[0].pose.frame, 7);
    }

    #[test]
    fn files_of_structs_are_read() {
        let Some(mut python) = Python::start() else { return };
        let (segment, file) =
            (Array1::create_unique("numpy-", 2).unwrap(), FreeName::new("numpy-structs-"));
        segment.write().unwrap().assign(&ndarray::array![Track::nth(1), Track::nth(2)]);
        python.run(&format!("save({:?}, load({:?}))", file.0, segment.name()));
        let tracks = Npy::<Track, Ix1>::open(file.path()).unwrap().to_array().unwrap();
        assert_eq!(tracks.to_vec(), [Track::nth(1), Track::nth(2)]);
    }

    #[test]
    fn a_value_that_is_a_struct_is_a_0_d_array() {
        let Some(mut python) = Python::start() else { return };
        let track = Value::create_unique("numpy-", Track::nth(1)).unwrap();
        python.run(&format!("a = load({:?})", track.name()));
        for n in [2, 3] {
            track.set(Track::nth(n)).unwrap();
            assert_eq!(
                python.ask("a.shape, a['grid'].tolist()[0]"),
                format!("((), [{n}, {}])", n + 1)
            );
        }
        python.check_header(track.name());

        python.run("a[...] = (1, ((4, 4.5, -4), 4), [[4, 5], [6, -4]], False)");
        assert_eq!(track.get().unwrap(), Track::nth(4));
    }
}

#[test]
fn elements_that_are_arrays_are_axes_at_the_end() {
    let Some(mut python) = Python::start() else { return };
    let pixels = Array1::<[[u16; 3]; 2]>::create_unique("numpy-", 4).unwrap();
    let name = pixels.name();
    pixels.write().unwrap()[3] = [[1, 2, 3], [4, 5, 6]];

    python.run(&format!("a = load({name:?})"));
    assert_eq!(python.ask("a.dtype.str, a.shape"), "('<u2', (4, 2, 3))");
    assert_eq!(python.ask("a[3].tolist()"), "[[1, 2, 3], [4, 5, 6]]");
    python.check_header(name);

    python.run("a[0, 1, 2] = 9");
    assert_eq!(pixels.read().unwrap()[0], [[0, 0, 0], [0, 0, 9]]);
}

#[test]
fn a_value_of_any_number_is_a_0_d_array() {
    let Some(mut python) = Python::start() else { return };
    for_each_number!(both_sides_see_the_same_value(&mut python));
}

fn both_sides_see_the_same_value<T: Number>(python: &mut Python) {
    let value = Value::create_unique("numpy-", T::nth(0)).unwrap();
    let name = value.name();
    value.set(T::nth(1)).unwrap();
    let expected = format!("{} [] CF {}", T::DTYPE, T::nth(1).text());
    assert_eq!(python.ask(&format!("look({name:?})")), expected);

    python.run(&format!("write({name:?}, {:?})", T::nth(3).text()));
    assert_eq!(value.get().unwrap(), T::nth(3));
}

#[test]
fn values_are_arrays_that_change_under_numpy() {
    let Some(mut python) = Python::start() else { return };
    numpy_follows(&mut python, "|i1", &[], [-1_i8, 2], ["-1", "2"]);
    numpy_follows(&mut python, "<u2", &[], [0x102_u16, 3], ["258", "3"]);
    numpy_follows(&mut python, "<f4", &[], [0.5_f32, -2.0], ["0.5", "-2.0"]);
    numpy_follows(&mut python, "<i8", &[], [i64::MIN, 4], ["-9223372036854775808", "4"]);
    numpy_follows(&mut python, "|u1", &[2], [[1_u8, 2], [3, 4]], ["[1, 2]", "[3, 4]"]);
    numpy_follows(
        &mut python,
        "<i2",
        &[4],
        [[1_i16, 2, 3, -4], [5; 4]],
        ["[1, 2, 3, -4]", "[5, 5, 5, 5]"],
    );
    numpy_follows(
        &mut python,
        "<f8",
        &[7],
        [[1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0], [8.5; 7]],
        ["[1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0]", "[8.5, 8.5, 8.5, 8.5, 8.5, 8.5, 8.5]"],
    );
}

/// Checks that what Python mapped beforehand follows a value as it is set.
fn numpy_follows<T: Element>(
    python: &mut Python,
    dtype: &str,
    shape: &[usize],
    values: [T; 2],
    texts: [&str; 2],
) {
    let value = Value::create_unique("numpy-", values[0]).unwrap();
    python.run(&format!("a = load({:?})", value.name()));
    assert_eq!(python.ask("a.dtype.str"), dtype);
    assert_eq!(python.ask("list(a.shape)"), format!("{shape:?}"));
    assert_eq!(python.ask("a.tolist()"), texts[0]);
    for (value_set, text) in values.iter().zip(texts).rev() {
        value.set(*value_set).unwrap();
        assert_eq!(python.ask("a.tolist()"), text);
    }
    python.check_header(value.name());
}

#[test]
fn a_log_grows_under_numpy() {
    let Some(mut python) = Python::start() else { return };
    let log = Log::<[f32; 2]>::create_unique("numpy-", 1000).unwrap();
    python.run(&format!("file = {:?}", log.segment().path()));
    // The lines that docs/format.md gives.
    let page = include_str!("../docs/format.md");
    let lines = page.split("```python\n").nth(1).and_then(|rest| rest.split("```").next()).unwrap();
    let (look, set_up) =
        lines.trim().rsplit_once('\n').map(|(set_up, look)| (look, set_up)).unwrap();
    assert!(look.starts_with("rows[:"), "{look}");
    set_up.lines().for_each(|line| python.run(line));
    assert_eq!(python.ask("rows.shape, rows.dtype.str"), "((1000, 2), '<f4')");
    for count in [1_u8, 2, 3] {
        assert_eq!(python.ask(&format!("len({look})")), (count - 1).to_string());
        log.append(&[count.into(), 0.5]).unwrap();
        assert_eq!(python.ask(&format!("{look}[-1].tolist()")), format!("[{count}.0, 0.5]"));
    }
    python.check_header(log.name());
}

#[test]
fn numpy_finds_the_newest_frame_of_a_ring_and_what_goes_with_it() {
    let Some(mut python) = Python::start() else { return };
    let ring = Ring3::<u8>::options().slots(3).create_unique("numpy-", (4, 5, 3)).unwrap();
    let mut publisher = ring.publisher().unwrap();
    python.run(&format!("file = {:?}", ring.segment().path()));
    // The lines that docs/format.md gives.
    let page = include_str!("../docs/format.md");
    let lines = page.split("```python\n").nth(2).and_then(|rest| rest.split("```").next()).unwrap();
    let (load, look) = lines.trim().split_once('\n').unwrap();
    python.run(load);
    for number in 1..=5_u8 {
        let mut frame = publisher.loan().unwrap();
        frame.fill(number);
        frame[[3, 4, 2]] = 99;
        let plane = Plane { offset: 0, stride: 15, rows: 4 };
        frame.publish(FrameMeta::new().source(7).picture(1, 5, 4).plane(0, plane).rate(30, 1));
        python.run(look);
        assert_eq!(python.ask("newest['frame'].shape"), "(4, 5, 3)");
        assert_eq!(python.ask("int(newest['frame'][3, 4, 2])"), "99");
        assert_eq!(python.ask("int(newest['frame'][0, 0, 0])"), number.to_string());
        let meta = "[int(newest['meta'][f]) for f in ('seq', 'source_id', 'width', 'height')]";
        assert_eq!(python.ask(meta), format!("[{number}, 7, 5, 4]"));
    }
    assert_eq!(python.ask("newest['meta']['planes'][0].tolist()"), "(0, 15, 4)");
    assert_eq!(python.ask("newest['meta']['rate'].tolist()"), "[30, 1]");
    assert_eq!(python.ask("slots.shape, slots.dtype.itemsize"), "((3,), 4096)");
    python.check_header(ring.name());
}

#[test]
fn values_of_a_word_see_what_numpy_writes() {
    let Some(mut python) = Python::start() else { return };
    value_sees(&mut python, 0_u8, "200", 200);
    value_sees(&mut python, 0_i16, "-300", -300);
    value_sees(&mut python, 0.0_f32, "1.5", 1.5);
    value_sees(&mut python, 0_u64, "2 ** 64 - 2", u64::MAX - 1);
    value_sees(&mut python, [0_u16; 2], "[1, 2]", [1, 2]);
}

fn value_sees<T: Element + Debug + PartialEq>(python: &mut Python, old: T, text: &str, new: T) {
    let value = Value::create_unique("numpy-", old).unwrap();
    python.run(&format!("load({:?})[...] = {text}", value.name()));
    assert_eq!(value.get().unwrap(), new);
}

#[test]
fn numpy_reaches_the_data_and_nothing_else() {
    let Some(mut python) = Python::start() else { return };
    let array = Array1::<u8>::create_unique("numpy-", 5000).unwrap();
    let info = array.segment().info().unwrap();
    let around = || {
        let mut bytes = fs::read(array.segment().path()).unwrap();
        bytes[info.data_offset()..info.data_offset() + info.data_len()].fill(0);
        bytes
    };

    let before = around();
    python.run(&format!("a = load({:?})", array.name()));
    python.run("a[...] = 255");
    assert_eq!(python.ask("a.nbytes"), "5000");
    assert!(around() == before, "NumPy wrote where no data is");
    assert!(array.read().unwrap().iter().all(|&item| item == 255));
}

#[test]
fn numpy_reads_what_is_frozen() {
    let Some(mut python) = Python::start() else { return };
    let frozen = filled::<f32>(Order::F, &[3, 4]).freeze().unwrap();
    let name = frozen.name();
    let values: Vec<_> = (0..12).map(|n| f32::nth(n).text()).collect();
    let expected = format!("<f4 [3, 4] F {}", values.join(","));
    assert_eq!(python.ask(&format!("look({name:?})")), expected);
    python.check_header(name);
}

#[cfg(feature = "serde")]
#[test]
fn python_reads_a_configuration() {
    use serde::{Deserialize, Serialize};

    #[derive(Serialize, Deserialize)]
    struct Settings {
        rate: f64,
        labels: Vec<String>,
        limit: Option<u64>,
    }

    let Some(mut python) = Python::start() else { return };
    let labels = vec!["cät".into(), "a \"dog\"".into()];
    let settings = Settings { rate: 0.1, labels, limit: None };
    let name = format!("numpy-config-{}", std::process::id());
    let config = ndshm::Config::create(&name, settings).unwrap();
    python.run(&format!(
        "import json; config = json.loads(np.load(path({name:?}), mmap_mode='r').tobytes())"
    ));
    assert_eq!(python.ask("config['rate'], config['limit']"), "(0.1, None)");
    assert_eq!(python.ask("config['labels'] == ['cät', 'a \"dog\"']"), "True");
    assert_eq!((config.rate, config.limit, config.labels.len()), (0.1, None, 2));
}

#[test]
fn shared_memory_of_python_opens_segments_by_name() {
    let Some(mut python) = Python::start() else { return };
    let array = Array1::<u8>::create_unique("numpy-", 4).unwrap();
    array.write().unwrap().assign(&ndarray::array![1, 2, 3, 4]);

    python.run(&format!("memory = shared_memory({:?})", array.name()));
    assert_eq!(python.ask("list(memory.buf[4096:4100])"), "[1, 2, 3, 4]");
    python.run("memory.buf[4097] = 7");
    assert_eq!(array.read().unwrap()[1], 7);
    python.run("memory.close()");

    python.quit();
    assert!(Array1::<u8>::open(array.name()).is_ok(), "Python took the name away");
}

#[test]
fn shared_memory_of_python_opens_blocks() {
    let Some(mut python) = Python::start() else { return };
    let block = Block::create_unique("numpy-block-", 5000).unwrap();
    python.run(&format!("memory = shared_memory({:?})", block.name()));
    assert_eq!(python.ask("memory.size"), "5000");
    python.run("memory.buf[8:16] = np.float64(0.5).tobytes()");
    assert_eq!(fs::read(block.path()).unwrap()[8..16], 0.5_f64.to_le_bytes());
    assert_eq!(block.raw_view::<f64, _>(8, 1).unwrap().len(), 1);
    python.run("memory.close()");
    python.quit();
    assert!(Block::open(block.name()).is_ok(), "Python took the name away");
}

#[test]
fn blocks_are_opened_that_shared_memory_of_python_made() {
    let Some(mut python) = Python::start() else { return };
    let name = FreeName::new("numpy-block-");
    python.run(&format!("memory = make_shared_memory({:?}, 5000)", name.0));
    python.run("memory.buf[:3] = bytes([1, 2, 3])");
    let block = Block::open(&name.0).unwrap();
    // On some systems, Python rounds up to whole pages.
    assert!(block.len() >= 5000);
    assert_eq!(fs::read(block.path()).unwrap()[..3], [1, 2, 3]);
    let mut file = fs::File::options().write(true).open(block.path()).unwrap();
    file.write_all(&[7; 5000]).unwrap();
    assert_eq!(python.ask("memory.buf[4999]"), "7");
    python.run("memory.close()");
    python.quit();
    drop(block);
    assert!(name.path().exists(), "who opens a block removes nothing");
    Block::remove(&name.0).unwrap();
}

#[test]
fn an_array_that_numpy_saved_is_no_segment_and_left_alone() {
    let Some(mut python) = Python::start() else { return };
    for len in [1, 10_000] {
        let name = FreeName::new("numpy-saved-");
        python.run(&format!("save({:?}, np.arange({len}.0))", name.0));
        let saved = fs::read(name.path()).unwrap();

        let opened = Array1::<f64>::open(&name.0).unwrap_err();
        assert_eq!(opened.kind(), ErrorKind::NotASegment, "{opened}");
        let created = Array1::<f64>::open_or_create(&name.0, len).unwrap_err();
        assert_eq!(created.kind(), ErrorKind::NotASegment, "{created}");
        let removed = ndshm::remove(&name.0).unwrap_err();
        assert_eq!(removed.kind(), ErrorKind::NotASegment, "{removed}");
        assert_eq!(fs::read(name.path()).unwrap(), saved);
    }
}

#[test]
fn files_of_every_dtype_version_order_and_shape_are_read() {
    let Some(mut python) = Python::start() else { return };
    for_each_number!(file_is_read(&mut python));
}

fn file_is_read<T: Number>(python: &mut Python) {
    for (order, shape) in every_order_and_shape() {
        let items: Vec<T> = (0..shape.iter().product()).map(T::nth).collect();
        let texts: Vec<String> = items.iter().map(|item| item.text()).collect();
        for version in [1, 2, 3] {
            let file = FreeName::new("numpy-file-");
            python.run(&format!(
                "save_as({:?}, ({version}, 0), numbers({:?}, '{order:?}', {shape:?}, {:?}))",
                file.0,
                T::DTYPE,
                texts.join(",")
            ));
            let array = Npy::<T, IxDyn>::open(file.path()).unwrap();
            assert_eq!(array.shape(), shape);
            assert!(array.file().order() == order || orders_are_the_same(shape));
            let copy = array.to_array().unwrap();
            assert!(copy.iter().eq(&items), "{} {version} {order:?} {shape:?}", T::DTYPE);
            assert_eq!(array.raw_view().unwrap().strides(), copy.strides());
        }
    }
}

#[test]
fn files_that_numpy_saved_are_shared_and_numpy_goes_on_with_them() {
    let Some(mut python) = Python::start() else { return };
    for_each_number!(file_is_shared(&mut python));
}

fn file_is_shared<T: Number>(python: &mut Python) {
    for (order, shape) in every_order_and_shape() {
        let texts: Vec<String> = (0..shape.iter().product()).map(|n| T::nth(n).text()).collect();
        let file = FreeName::new("numpy-shared-");
        python.run(&format!(
            "save_as({:?}, (1, 0), numbers({:?}, '{order:?}', {shape:?}, {:?}))",
            file.0,
            T::DTYPE,
            texts.join(",")
        ));
        // SAFETY: the Python process has saved the file, and does nothing that it is not told to.
        let array = unsafe { ArrayD::<T>::share_npy(file.path()) }.unwrap();
        numpy_agrees(python, &array, &file.0, order);
        // Read whole, instead of mapped, it is the same.
        let same = format!("(np.load(path({0:?})) == load({0:?})).all()", file.0);
        assert_eq!(python.ask(&same), "True");
        assert_eq!(ArrayD::<T>::open(&file.path()).unwrap().shape(), shape);
    }
}

#[test]
fn big_endian_files_are_copied_and_not_used_in_place() {
    let Some(mut python) = Python::start() else { return };
    let (big, little) = (FreeName::new("numpy-big-"), FreeName::new("numpy-little-"));
    python.run("a = np.arange(6, dtype='>f4').reshape(2, 3)");
    python.run(&format!("save({:?}, a)", big.0));
    let numbers = Npy::<f32, IxDyn>::open(big.path()).unwrap();
    assert!(numbers.file().is_big_endian());
    let expected: Vec<f32> = (0..6_u8).map(f32::from).collect();
    assert!(numbers.to_array().unwrap().iter().eq(&expected));
    // From the middle of an item to the middle of another.
    let whole = numbers.file().to_bytes().unwrap();
    for (start, end) in [(0, 24), (1, 3), (3, 9), (2, 24), (5, 20), (24, 24)] {
        let mut some = vec![0; end - start];
        numbers.file().read_at(&mut some, start).unwrap();
        assert_eq!(some, whole[start..end]);
    }

    let error = numbers.raw_view().err().unwrap();
    assert_eq!(error.kind(), ErrorKind::ForeignByteOrder);
    // SAFETY: Python saved the file and has it open no more.
    let shared = unsafe { ArrayD::<f32>::share_npy(big.path()) }.unwrap_err();
    assert_eq!(shared.kind(), ErrorKind::ForeignByteOrder);
    let advice = error.to_string();
    let advice = &advice[advice.find("a.astype").unwrap()..];
    python.run(&format!("save({:?}, {advice})", little.0));
    let file = Npy::<f32, IxDyn>::open(little.path()).unwrap();
    assert!(file.raw_view().is_ok() && !file.file().is_big_endian());
}

#[test]
fn strings_and_times_are_numpys() {
    let Some(mut python) = Python::start() else { return };
    let strings = Array1::<Bytes<5>>::create_unique("numpy-", 2).unwrap();
    strings.write().unwrap()[1] = Bytes::new(b"bytes").unwrap();
    python.run(&format!("a = load({:?})", strings.name()));
    assert_eq!(python.ask("a.dtype.str, a.tolist()"), "('|S5', [b'', b'bytes'])");
    python.run("a[0] = b'two'");
    assert_eq!(strings.read().unwrap()[0].as_bytes(), b"two");
    python.check_header(strings.name());
    assert_eq!(Array1::<[u8; 5]>::open(strings.name()).unwrap().read().unwrap()[1], *b"bytes");

    let texts = Array1::<Text<3>>::create_unique("numpy-", 2).unwrap();
    texts.write().unwrap()[1] = Text::new("Δ高x").unwrap();
    python.run(&format!("a = load({:?})", texts.name()));
    assert_eq!(python.ask("a.dtype.str, a.tolist()"), "('<U3', ['', 'Δ高x'])");
    python.run("a[0] = 'äb'");
    assert_eq!(texts.read().unwrap()[0].to_string(), "äb");

    let dates = Array1::<Datetime<Millisecond>>::create_unique("numpy-", 2).unwrap();
    dates.write().unwrap()[1] = Datetime::NAT;
    python.run(&format!("a = load({:?})", dates.name()));
    assert_eq!(
        python.ask("a.dtype.str, str(a[0]), str(a[1])"),
        "('<M8[ms]', '1970-01-01T00:00:00.000', 'NaT')"
    );
    python.run("a[0] = '2024-02-29T12:30:00.250'");
    let date = dates.read().unwrap()[0];
    assert_eq!(date.to_string(), "2024-02-29T12:30:00.250");
    assert_eq!(Array1::<i64>::open(dates.name()).unwrap().read().unwrap()[0], date.ticks());
    let wrong = Array1::<Datetime<Second>>::open(dates.name()).unwrap_err();
    assert_eq!(wrong.kind(), ErrorKind::DtypeMismatch);
    assert!(wrong.to_string().contains("holds <M8[ms]"), "{wrong}");
    python.check_header(dates.name());

    let lapse = Value::create_unique("numpy-", Timedelta::<Second>::new(90)).unwrap();
    python.run(&format!("a = load({:?})", lapse.name()));
    assert_eq!(python.ask("a.dtype.str, str(a)"), "('<m8[s]', '90 seconds')");
}

#[test]
fn names_of_any_language_and_many_fields_are_numpys() {
    let Some(mut python) = Python::start() else { return };
    let many: Vec<_> = (0..3000).map(|n| format!("('a field of many {n:05}', '<u2')")).collect();
    for (dtype, version) in [
        ("[('ρ', '<f4'), ('高さ', '|u1')]", "3.0"),
        (&format!("[{}]", many[..300].join(", ")), "1.0"),
        (&format!("[{}]", many.join(", ")), "2.0"),
    ] {
        let array = AnyArray::create_unique("numpy-", &dtype.parse().unwrap(), &[2]).unwrap();
        python.check_header(array.name());
        let header = python.ask(&format!("header({:?})", array.name()));
        assert!(header.starts_with(version), "{header:.40}");
        python.run(&format!("a = load({:?}); a[a.dtype.names[-1]][1] = 200", array.name()));
        let item = array.read().unwrap().at(&[1]).unwrap();
        let Datum::Struct(fields) = item else { panic!("{item:?}") };
        assert_eq!(fields.last().unwrap().1, Datum::Unsigned(200));
        assert_eq!(AnyArray::open(array.name()).unwrap().dtype(), array.dtype());
    }
}

#[test]
fn files_whose_header_is_aligned_to_16_bytes_are_shared() {
    let Some(mut python) = Python::start() else { return };
    let file = FreeName::new("numpy-old-");
    // What NumPy before 1.14 wrote.
    let text = format!("{:69}\n", "{'descr': '<f8', 'fortran_order': False, 'shape': (9,), }");
    let numbers = (0..9_u8).flat_map(|n| f64::from(n).to_le_bytes()).collect();
    let bytes = [b"\x93NUMPY\x01\x00\x46\x00".to_vec(), text.into_bytes(), numbers].concat();
    fs::write(file.path(), bytes).unwrap();
    assert_eq!(python.ask(&format!("load({:?}).offset", file.0)), "80");
    // SAFETY: Python writes it where it is told to, while nobody holds a guard.
    let array = unsafe { Array1::<f64>::share_npy(file.path()) }.unwrap();
    python.run(&format!("load({:?})[8] = 0.5", file.0));
    assert_eq!(array.read().unwrap()[8], 0.5);
    array.write().unwrap()[0] = 7.0;
    let observed = Array1::<f64>::options().access(Access::Observe).open(&file.path()).unwrap();
    assert_eq!(observed.snapshot().unwrap().sum(), 35.5);
    assert_eq!(python.ask(&format!("float(load({:?})[0])", file.0)), "7.0");
}

#[test]
fn headers_that_only_later_versions_can_hold_are_read() {
    let Some(mut python) = Python::start() else { return };
    for (version, dtype, fields) in [
        (2, "[(f'a field of a number of fields {i:05}', '<f4') for i in range(3000)]", 3000),
        (3, "[('\\u9ad8\\u3055', '<f4'), ('e', '|u1')]", 2),
    ] {
        let file = FreeName::new("numpy-long-");
        python.run(&format!("save({:?}, np.zeros(2, {dtype}))", file.0));
        assert_eq!(fs::read(file.path()).unwrap()[6], version);
        let opened = NpyFile::open(file.path()).unwrap();
        let Dtype::Struct(found) = opened.dtype() else { panic!("{opened:?}") };
        assert_eq!(found.len(), fields);
        assert_eq!(opened.to_bytes().unwrap().len(), 2 * opened.dtype().item_size());
    }
}

/// A name that is free again when this is dropped.
struct FreeName(String);

impl FreeName {
    fn new(prefix: &str) -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        Self(format!("{prefix}{}-{}", std::process::id(), COUNT.fetch_add(1, Relaxed)))
    }

    fn path(&self) -> PathBuf {
        Path::new("/dev/shm").join(&self.0)
    }
}

impl Drop for FreeName {
    fn drop(&mut self) {
        let _ = fs::remove_file(self.path());
    }
}

/// A Python process with NumPy, which ends when dropped.
struct Python {
    child: Child,
    output: BufReader<ChildStdout>,
}

impl Python {
    /// Starts one; `None`, and a loud word, where there is none.
    fn start() -> Option<Self> {
        let python = Self::interpreter();
        let started = Self::run_peer(&python);
        if started.is_none() {
            let why = format!("{} has no NumPy: run cargo xtask numpy", python.display());
            let required = std::env::var_os("NDSHM_REQUIRE_PYTHON").is_some_and(|word| word == "1");
            assert!(!required, "{why}");
            // The macros would speak to the test harness, which keeps what passing tests say.
            let _ = writeln!(std::io::stderr(), "\nSKIPPED: {why}");
        }
        started
    }

    fn interpreter() -> PathBuf {
        std::env::var_os("NDSHM_PYTHON").map_or_else(
            || Path::new(env!("CARGO_TARGET_TMPDIR")).with_file_name("numpy-venv/bin/python"),
            PathBuf::from,
        )
    }

    fn run_peer(python: &Path) -> Option<Self> {
        let mut child = Command::new(python)
            .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/numpy/peer.py"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .ok()?;
        let output = BufReader::new(child.stdout.take().unwrap());
        let mut python = Self { child, output };
        python.hear().starts_with("NumPy ").then_some(python)
    }

    /// What an expression is, as text.
    fn ask(&mut self, expression: &str) -> String {
        writeln!(self.child.stdin.as_mut().unwrap(), "{expression}").unwrap();
        let answer = self.hear();
        assert!(!answer.is_empty(), "Python ended at {expression}");
        answer.trim_end_matches('\n').to_owned()
    }

    /// Has it execute a statement.
    fn run(&mut self, statement: &str) {
        assert_eq!(self.ask(statement), "None", "{statement}");
    }

    fn check_header(&mut self, name: &str) {
        let saved = self.ask(&format!("saved_header({name:?})"));
        assert_eq!(self.ask(&format!("header({name:?})")), saved);
    }

    /// The next line, empty if there will be none.
    fn hear(&mut self) -> String {
        let mut line = String::new();
        self.output.read_line(&mut line).unwrap();
        line
    }

    /// Ends it properly, and waits for every process that it started.
    fn quit(mut self) {
        drop(self.child.stdin.take());
        // Its resource tracker inherits its output, which ends with the last of them.
        let mut rest = String::new();
        self.output.read_to_string(&mut rest).unwrap();
        assert_eq!(rest, "");
        assert!(self.child.wait().unwrap().success());
    }
}

impl Drop for Python {
    fn drop(&mut self) {
        drop(self.child.stdin.take());
        let _ = self.child.wait();
    }
}

/// Numbers that differ in all their bytes.
trait Number: Element + Debug + PartialEq {
    /// The dtype as NumPy calls it.
    const DTYPE: &str;

    /// One of a row of numbers.
    fn nth(n: usize) -> Self;

    /// What Python prints.
    fn text(self) -> String;
}

impl Number for Bool {
    const DTYPE: &str = "|b1";

    fn nth(n: usize) -> Self {
        n.is_multiple_of(3).into()
    }

    fn text(self) -> String {
        if self.get() { "True".into() } else { "False".into() }
    }
}

macro_rules! integers {
    ($($type:ty: $dtype:literal)*) => {$(
        impl Number for $type {
            const DTYPE: &str = $dtype;

            fn nth(n: usize) -> Self {
                let n = Self::try_from(n).unwrap();
                Self::MIN.wrapping_add((Self::MAX / 50).wrapping_mul(n))
            }

            fn text(self) -> String {
                self.to_string()
            }
        }
    )*};
}

integers!(i8: "|i1" i16: "<i2" i32: "<i4" i64: "<i8" u8: "|u1" u16: "<u2" u32: "<u4" u64: "<u8");

macro_rules! floats {
    ($($type:ty: $dtype:literal $from:expr;)*) => {$(
        impl Number for $type {
            const DTYPE: &str = $dtype;

            fn nth(n: usize) -> Self {
                let third = f32::from(u16::try_from(n).unwrap()) / 3.0 - 10.0;
                $from(third)
            }

            fn text(self) -> String {
                format!("{:?}", f64::from(self))
            }
        }
    )*};
}

floats! {
    f32: "<f4" f32::from;
    f64: "<f8" |third| f64::from(third) / 7.0;
}

#[cfg(feature = "half")]
floats! { half::f16: "<f2" half::f16::from_f32; }

#[cfg(feature = "half")]
impl Number for half::bf16 {
    const DTYPE: &str = "|V2";

    fn nth(n: usize) -> Self {
        Self::from_f32(f32::nth(n))
    }

    fn text(self) -> String {
        self.to_le_bytes().map(|byte| format!("{byte:02x}")).concat()
    }
}

#[cfg(feature = "num-complex")]
macro_rules! complex {
    ($($type:ty: $dtype:literal)*) => {$(
        impl Number for num_complex::Complex<$type> {
            const DTYPE: &str = $dtype;

            fn nth(n: usize) -> Self {
                Self::new(<$type>::nth(n), -<$type>::nth(n + 1))
            }

            fn text(self) -> String {
                format!("{}/{}", self.re.text(), self.im.text())
            }
        }
    )*};
}

#[cfg(feature = "num-complex")]
complex!(f32: "<c8" f64: "<c16");
