//! Arrays of any dtype: the same locks and the same numbers as with the type known.

use ndarray::{Ix1, Ix2, array};
use ndshm::{
    Access, AnyArray, AnyLog, AnyRing, AnySnapshot, AnyValue, Array1, Array2, ArrayD, Datum, Dtype,
    ErrorKind, Event, FrameMeta, Log, Order, Ring2, Segment, Value,
};

use crate::bad_input::refused;
use crate::puppet::Puppet;

fn texts(snapshot: &AnySnapshot, indices: &[&[usize]]) -> Vec<String> {
    indices.iter().map(|index| snapshot.at(index).unwrap().to_string()).collect()
}

#[test]
fn both_orders_are_read_where_their_items_lie() {
    for order in [Order::C, Order::F] {
        let options = Array2::<i32>::options().order(order).stripes(2);
        let typed = options.create_unique("it-any-", (2, 3)).unwrap();
        typed.write().unwrap().assign(&array![[1, 2, 3], [4, 5, 6]]);
        let any = AnyArray::open(typed.name()).unwrap();
        assert_eq!((any.order(), any.shape()), (order, &[2, 3][..]));

        let indices: [&[usize]; 3] = [&[0, 0], &[0, 2], &[1, 1]];
        assert_eq!(texts(&any.snapshot().unwrap(), &indices), ["1", "3", "5"]);
        assert_eq!(
            any.snapshot().unwrap().view::<i32>().unwrap(),
            typed.read().unwrap().view().into_dyn()
        );

        let row = any.read_rows(1..).unwrap();
        assert_eq!((row.shape(), row.rows()), (&[1, 3][..], 1..2));
        assert_eq!(row.at(&[0, 2]), Some(Datum::Signed(6)));
        assert_eq!((row.at(&[1, 0]), row.at(&[0]), row.at(&[0, 3])), (None, None, None));
        assert_eq!(row.view::<i32>().unwrap(), array![[4, 5, 6]].into_dyn());
        assert_eq!(row.bytes().is_some(), order == Order::C, "rows of columns lie apart");
        assert_eq!(any.read().unwrap().bytes().unwrap().len(), 24);
    }
}

#[test]
fn what_is_written_as_bytes_and_views_is_what_others_read() {
    let any = AnyArray::create_unique("it-any-", &"('<u2', (2,))".parse().unwrap(), &[4]).unwrap();
    assert_eq!((any.dtype().to_string().as_str(), any.shape()), ("<u2", &[4, 2][..]));
    any.write_rows(1..3).unwrap().bytes_mut().unwrap().copy_from_slice(&[1, 0, 2, 0, 3, 0, 4, 0]);
    any.write_rows(3..).unwrap().view_mut::<[u16; 2]>().unwrap()[0] = [5, 6];
    let typed = any.downcast::<u16, Ix2>().unwrap();
    assert_eq!(*typed.read().unwrap(), array![[0, 0], [1, 2], [3, 4], [5, 6]]);
    assert_eq!(AnyArray::from(typed).name(), any.name());
}

#[test]
fn a_part_of_an_element_is_no_view_of_all_of_it() {
    let any = AnyArray::create_unique("it-any-", &"<f4".parse().unwrap(), &[3]).unwrap();
    assert_eq!(any.write().unwrap().view_mut::<[f32; 3]>().unwrap().ndim(), 0);
    let mut some = any.write_rows(..2).unwrap();
    refused(some.view::<[f32; 3]>(), ErrorKind::ShapeMismatch, "lock all of it");
    refused(some.view_mut::<[f32; 3]>(), ErrorKind::ShapeMismatch, "lock all of it");
    refused(some.view::<f64>(), ErrorKind::DtypeMismatch, "holds <f4");
}

#[test]
fn arrays_without_items_or_axes_have_views_all_the_same() {
    let none = ArrayD::<f64>::create_unique("it-any-", ndarray::IxDyn(&[3, 0, 2])).unwrap();
    let any = AnyArray::from(none);
    let rows = any.read_rows(1..3).unwrap();
    assert_eq!((rows.bytes(), rows.at(&[0, 0, 0])), (Some(&[][..]), None));
    assert_eq!(rows.view::<f64>().unwrap().shape(), [2, 0, 2]);
    assert_eq!(any.snapshot().unwrap().view::<f64>().unwrap().shape(), [3, 0, 2]);

    let one = AnyArray::create_unique("it-any-", &"<f8".parse().unwrap(), &[]).unwrap();
    one.write().unwrap().view_mut::<f64>().unwrap().fill(0.5);
    assert_eq!(one.read().unwrap().at(&[]), Some(Datum::F64(0.5)));
    refused(one.read_rows(..), ErrorKind::OutOfBounds, "has no axes");
    assert!(one.split_stripes(3).is_empty());
}

#[test]
fn its_locks_are_those_of_typed_arrays() {
    let typed = Array1::<u64>::options().stripes(2).create_unique("it-any-", 10).unwrap();
    let any = AnyArray::open(typed.name()).unwrap();
    let written = typed.write_rows_owned(..5).unwrap();
    assert!(any.request().try_read().unwrap().is_none());
    assert!(any.request().rows(5..).try_write().unwrap().is_some());
    drop(written);
    let read = any.request().stripe(0).read().unwrap();
    assert!(typed.try_write_rows(..5).unwrap().is_none());
    drop(read);
    refused(any.read_rows(..11), ErrorKind::OutOfBounds, "has 10 rows");

    let mut puppet = Puppet::on(&typed);
    puppet.does("write");
    puppet.kill();
    refused(any.read(), ErrorKind::OwnerDied, "may be half written");
    let mut mended = any.request().recover().write().unwrap();
    assert!(mended.poison().is_some());
    mended.mark_consistent();
    drop(mended);
    assert!(any.read().unwrap().poison().is_none());
}

#[test]
fn a_guard_goes_to_another_thread_and_outlives_its_array() {
    let guard = {
        let array = AnyArray::create_unique("it-any-", &"|u1".parse().unwrap(), &[3]).unwrap();
        array.write().unwrap()
    };
    let len = std::thread::spawn(move || guard.bytes().unwrap().len()).join().unwrap();
    assert_eq!(len, 3);
}

#[test]
fn segments_of_every_kind_have_snapshots() {
    let value = Value::create_unique("it-any-", [1.5_f64, 2.5]).unwrap();
    let word = Value::create_unique("it-any-", -7_i16).unwrap();
    let event = Event::create_unique("it-any-").unwrap();
    let log = Log::<[u8; 2]>::create_unique("it-any-", 1 << 20).unwrap();
    log.extend(&[[1, 2], [3, 4]]).unwrap();
    event.set().unwrap();
    let of = |segment: &Segment| AnySnapshot::of(segment).unwrap();
    assert_eq!(texts(&of(value.segment()), &[&[0], &[1]]), ["1.5", "2.5"]);
    assert_eq!(texts(&of(word.segment()), &[&[]]), ["-7"]);
    assert_eq!(texts(&of(event.segment()), &[&[]]), ["1"]);
    let rows = of(log.segment());
    assert_eq!((rows.shape(), rows.bytes()), (&[2, 2][..], &[1, 2, 3, 4][..]));
    refused(AnyArray::open(log.name()), ErrorKind::KindMismatch, "holds a Log, asked for an Array");
}

#[test]
fn dtypes_and_orders_that_no_segment_can_hold_are_refused() {
    use ndshm::Dtype;
    let nothing = AnyArray::create_unique("it-any-", &Dtype::Void(0), &[3]);
    refused(nothing, ErrorKind::InvalidArgument, "no bytes");
    let columns = AnyArray::options().order(Order::F);
    let folded = columns.create_unique("it-any-", &"('<u2', (2,))".parse().unwrap(), &[4]);
    refused(folded, ErrorKind::InvalidArgument, "Fortran order");
    let any = AnyArray::create_unique("it-any-", &"<f4".parse().unwrap(), &[3]).unwrap();
    refused(any.downcast::<f64, Ix1>(), ErrorKind::DtypeMismatch, "asked for <f8");
    refused(any.downcast::<f32, Ix2>(), ErrorKind::RankMismatch, "2 axes");
}

#[test]
fn a_segment_has_as_many_fields_as_its_header_holds() {
    let fields = |count| {
        let fields: Vec<_> = (0..count).map(|n| format!("('a{n:05}', '|u1')")).collect();
        format!("[{}]", fields.join(", ")).parse().unwrap()
    };
    let many = AnyArray::create_unique("it-any-", &fields(6000), &[2]).unwrap();
    let again = AnyArray::open(many.name()).unwrap();
    assert_eq!(again.dtype().offset_of("a05999"), Some(5999));
    assert_eq!(many.segment().info().unwrap().data_offset() % 4096, 0);
    let more = AnyArray::create_unique("it-any-", &fields(8000), &[2]);
    refused(more, ErrorKind::InvalidArgument, "use fewer fields");
}

fn dtype(text: &str) -> Dtype {
    text.parse().unwrap()
}

#[test]
fn a_value_of_any_dtype_is_the_same_memory_as_one_of_a_known_type() {
    for (shape, old, new) in [
        (&[][..], vec![1, 0, 0, 0], vec![2, 0, 0, 0]),
        (&[3][..], (0..12).collect(), (12..24).collect()),
    ] {
        let any = AnyValue::create_unique("it-any-", &dtype("<u4"), shape, &old).unwrap();
        assert_eq!(any.get().unwrap(), old);
        any.set(&new).unwrap();
        assert_eq!(any.compare_exchange(&old, &old).unwrap(), Err(new.clone()));
        assert_eq!(any.compare_exchange(&new, &old).unwrap(), Ok(new.clone()));
        assert_eq!(any.wait_changed(&new).unwrap(), old);
        for wrong in [&old[1..], &[]] {
            refused(any.set(wrong), ErrorKind::InvalidArgument, "give as many");
            refused(any.compare_exchange(&old, wrong), ErrorKind::InvalidArgument, "give as many");
        }
        let looked_at = AnyValue::options().access(ndshm::Access::Read).open(any.name()).unwrap();
        assert_eq!(looked_at.set(&new).unwrap_err().kind(), ErrorKind::ReadOnly);
    }

    let typed = Value::create_unique("it-any-", [7_u32; 3]).unwrap();
    let any = AnyValue::from(typed.clone());
    any.set(bytemuck::bytes_of(&[8_u32; 3])).unwrap();
    assert_eq!(typed.get().unwrap(), [8; 3]);
    assert_eq!(any.downcast::<[u32; 3]>().unwrap().get().unwrap(), [8; 3]);
    assert_eq!(any.downcast::<[i32; 3]>().unwrap_err().kind(), ErrorKind::DtypeMismatch);
    let says = "asked for";
    let other = AnyValue::open_or_create(typed.name(), &dtype("<u4"), &[2], &[0; 8]);
    refused(other, ErrorKind::ShapeMismatch, says);
    let empty = AnyValue::create_unique("it-any-", &dtype("<u4"), &[0], &[]);
    refused(empty, ErrorKind::InvalidArgument, "no bytes");
}

#[test]
fn a_large_value_of_any_dtype_is_read_whole_while_it_is_set() {
    let any = AnyValue::create_unique("it-any-", &dtype("|u1"), &[64], &[0; 64]).unwrap();
    std::thread::scope(|threads| {
        let setter = threads.spawn(|| {
            for byte in 1..=255 {
                any.set(&[byte; 64]).unwrap();
            }
        });
        while !setter.is_finished() {
            let bytes = any.get().unwrap();
            assert!(bytes.iter().all(|&byte| byte == bytes[0]), "torn: {bytes:?}");
        }
    });
    assert_eq!(any.get().unwrap(), [255; 64]);
}

#[test]
fn a_log_of_any_dtype_takes_whole_rows_and_hands_out_whole_rows() {
    let typed = Log::<[u16; 2]>::create_unique("it-any-", 3).unwrap();
    let any = AnyLog::open(typed.name()).unwrap();
    assert_eq!((any.row_len(), any.capacity()), (4, 3));
    let mut follower = any.follow_from(0);
    typed.append(&[1, 2]).unwrap();
    assert_eq!(any.extend(&[3, 0, 4, 0]).unwrap(), 1..2);
    assert_eq!(any.extend(&[]).unwrap(), 2..2);
    for wrong in [1, 2, 3, 5] {
        refused(any.extend(&vec![0; wrong]), ErrorKind::InvalidArgument, "give whole rows");
    }
    refused(any.extend(&[0; 8]), ErrorKind::Full, "2 more do not fit");
    assert_eq!(typed.rows().as_slice(), [[1, 2], [3, 4]]);

    let rows = follower.wait().unwrap();
    assert_eq!((rows.range(), rows.shape()), (0..2, vec![2, 2]));
    assert_eq!(rows.view::<u16>().unwrap(), array![[1, 2], [3, 4]].into_dyn());
    assert_eq!(rows.view::<[u16; 2]>().unwrap().shape(), [2]);
    refused(rows.view::<i16>(), ErrorKind::DtypeMismatch, "asked for");
    assert_eq!((rows.at(&[1, 1]), rows.at(&[2, 0])), (Some(Datum::Unsigned(4)), None));
    assert!(any.rows_from(7).bytes().is_empty());

    typed.append(&[5, 6]).unwrap();
    assert_eq!(follower.wait().unwrap().bytes(), [5, 0, 6, 0]);
    refused(follower.wait(), ErrorKind::Full, "read to its end");
    refused(any.downcast::<u16>(), ErrorKind::DtypeMismatch, "asked for");
    let other = AnyLog::open_or_create(typed.name(), &dtype("<u2"), &[3], 3);
    refused(other, ErrorKind::ShapeMismatch, "asked for rows");
    let nothing = AnyLog::create_unique("it-any-", &dtype("<u2"), &[0], 3);
    refused(nothing, ErrorKind::InvalidArgument, "no bytes");
}

#[test]
fn frames_of_any_dtype_are_frames_of_the_known_type() {
    let typed = Ring2::<u16>::options().slots(3).create_unique("it-any-", (1, 2)).unwrap();
    let any = AnyRing::open(typed.name()).unwrap();
    let observed = AnyRing::options().access(Access::Observe).open(typed.name()).unwrap();
    let [mut by_any, mut by_observer] = [&any, &observed].map(AnyRing::subscribe);
    let mut by_type = typed.subscribe();

    let mut publisher = any.publisher().unwrap();
    refused(typed.publisher(), ErrorKind::Busy, "is published by");
    refused(publisher.publish_from(&[0; 3], FrameMeta::new()), ErrorKind::ShapeMismatch, "4 bytes");
    let mut loan = publisher.loan().unwrap();
    refused(loan.view_mut::<i16>(), ErrorKind::DtypeMismatch, "asked for");
    loan.view_mut::<u16>().unwrap().assign(&array![[1, 2]].into_dyn());
    assert_eq!(loan.publish(FrameMeta::new().source(7)), 1);

    let leases = [by_any.recv().unwrap(), by_observer.recv().unwrap()];
    assert_eq!(*by_type.recv().unwrap(), array![[1, 2]]);
    for lease in &leases {
        assert_eq!((lease.bytes(), lease.meta().source_id), (&[1, 0, 2, 0][..], 7));
        assert_eq!(lease.at(&[0, 1]), Some(Datum::Unsigned(2)));
        assert_eq!(lease.view::<[u16; 2]>().unwrap()[[0]], [1, 2]);
        refused(lease.view::<f32>(), ErrorKind::DtypeMismatch, "asked for");
    }
    for seq in 2..=9 {
        assert_eq!(publisher.publish_from(&[seq; 4], FrameMeta::new()).unwrap(), u64::from(seq));
    }
    assert_eq!(leases[0].bytes(), [1, 0, 2, 0], "a leased frame was written over");
    let newest = by_any.latest().unwrap().unwrap();
    assert_eq!((newest.seq(), newest.missed(), newest.bytes()), (9, 7, &[9; 4][..]));
    drop(publisher);
    assert!(typed.publisher().is_ok());
}
