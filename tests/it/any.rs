//! Arrays of any dtype: the same locks and the same numbers as with the type known.

use ndarray::{Ix1, Ix2, array};
use ndshm::{
    AnyArray, AnySnapshot, Array1, Array2, ArrayD, Datum, ErrorKind, Event, Log, Order, Segment,
    Value,
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
