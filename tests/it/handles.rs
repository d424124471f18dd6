//! What the handles of all kinds have in common: one suite for each kind.

use ndshm::{
    Access, AnyArray, AnyLog, AnyValue, Array2, ErrorKind, Event, Lifetime, Log, Origin, Ring1,
    Value,
};

use crate::support::{FreeName, exists};

/// Tests the methods that every handle has; `$args` is what a creator of that kind gives.
macro_rules! conforms {
    ($test:ident, $Handle:ty $(, $args:expr)*) => {
        mod $test {
            use super::*;

            #[test]
            fn a_name_is_created_once_and_goes_with_its_creator() {
                let name = FreeName::new();
                let made = <$Handle>::create(name.as_str() $(, $args)*).unwrap();
                assert_eq!((made.name(), made.origin()), (name.as_str(), Origin::Created));
                let taken = <$Handle>::create(name.as_str() $(, $args)*).unwrap_err();
                assert_eq!(taken.kind(), ErrorKind::AlreadyExists);
                made.sync().unwrap();
                let same = <$Handle>::open(name.as_str()).unwrap();
                assert_eq!(same.origin(), Origin::Opened);
                assert_eq!(same.segment().id(), made.segment().id());
                drop(made);
                assert!(!exists(name.as_str()));
            }

            #[test]
            fn a_handle_means_one_segment_and_no_namesake() {
                let name = FreeName::new();
                let made = <$Handle>::create(name.as_str() $(, $args)*).unwrap();
                let handle = made.handle();
                let observed = <$Handle>::options().access(Access::Observe);
                assert_eq!(observed.open_handle(&handle).unwrap().handle(), handle);
                drop(made);
                let namesake = <$Handle>::create(name.as_str() $(, $args)*).unwrap();
                let refused = <$Handle>::open_handle(&handle).unwrap_err();
                assert_eq!(refused.kind(), ErrorKind::Replaced);
                drop(namesake);

                let nameless = <$Handle>::create_anonymous($($args),*).unwrap();
                let same = <$Handle>::open_handle(&nameless.handle()).unwrap();
                assert_eq!(same.segment().id(), nameless.segment().id());
            }

            #[test]
            fn whoever_opens_or_creates_second_opens() {
                let name = FreeName::new();
                let one = <$Handle>::open_or_create(name.as_str() $(, $args)*).unwrap();
                let two = <$Handle>::open_or_create(name.as_str() $(, $args)*).unwrap();
                assert_eq!((one.origin(), two.origin()), (Origin::Created, Origin::Opened));
                assert_eq!(one.segment().info().unwrap().lifetime(), Lifetime::LastUser);
                drop(one);
                assert!(exists(name.as_str()));
                drop(two);
                assert!(!exists(name.as_str()));
            }

            #[test]
            fn what_is_replaced_says_so_and_leads_to_the_new_one() {
                let name = FreeName::new();
                let old = <$Handle>::create(name.as_str() $(, $args)*).unwrap();
                let new = <$Handle>::create_or_replace(name.as_str() $(, $args)*).unwrap();
                assert!(old.segment().is_replaced() && !new.segment().is_replaced());
                assert_eq!(old.reopen().unwrap().segment().id(), new.segment().id());
                drop(old);
                assert!(exists(name.as_str()), "the old one's creator took away the new one's name");
            }

            #[test]
            fn a_file_stays_until_it_is_removed() {
                let name = FreeName::new();
                let path = name.path();
                let made = <$Handle>::create(&path $(, $args)*).unwrap();
                assert_eq!(made.segment().info().unwrap().lifetime(), Lifetime::Persistent);
                drop(made);
                drop(<$Handle>::open(&path).unwrap());
                ndshm::remove(&path).unwrap();
                assert_eq!(<$Handle>::open(&path).unwrap_err().kind(), ErrorKind::NotFound);
            }

            #[test]
            fn options_that_can_never_work_are_errors_and_make_nothing() {
                let name = FreeName::new();
                for options in [
                    <$Handle>::options().participants(0),
                    <$Handle>::options().mode(0o666),
                    <$Handle>::options().access(Access::Read),
                ] {
                    let error = options.create(name.as_str() $(, $args)*).unwrap_err();
                    assert_eq!(error.kind(), ErrorKind::InvalidArgument, "{error}");
                    assert!(error.to_string().contains(name.as_str()), "{error}");
                    assert!(!exists(name.as_str()));
                }
            }
        }
    };
}

conforms!(arrays, Array2<f32>, (3, 4));
conforms!(arrays_of_any_dtype, AnyArray, &"<f4".parse().unwrap(), &[3, 4]);
conforms!(events, Event);
conforms!(logs, Log<[u16; 2]>, 100);
conforms!(logs_of_any_dtype, AnyLog, &"<u2".parse().unwrap(), &[2], 100);
conforms!(rings, Ring1<u8>, 10);
conforms!(values, Value<u64>, 7);
conforms!(large_values, Value<[u64; 3]>, [7; 3]);
conforms!(values_of_any_dtype, AnyValue, &"<u2".parse().unwrap(), &[3], &[1, 0, 2, 0, 3, 0]);
