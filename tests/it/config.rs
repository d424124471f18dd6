//! Configurations, from several processes.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::FileExt;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::thread;

use ndshm::{Array1, Config, ErrorKind::*, Frozen1};
use serde::{Deserialize, Serialize};

use crate::bad_input::refused;
use crate::support::{FreeName, exists, fork};

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Settings {
    rate: f64,
    steps: u64,
    labels: Vec<String>,
    by_name: BTreeMap<String, Option<f32>>,
}

fn settings() -> Settings {
    Settings {
        rate: 0.1 + 0.2,
        steps: u64::MAX,
        labels: vec!["ünïcode".into(), String::new()],
        by_name: [("a".into(), None), ("b".into(), Some(1e-40))].into(),
    }
}

#[test]
fn every_process_reads_the_settings_that_one_created() {
    let name = FreeName::new();
    let config = Config::create(name.as_str(), settings()).unwrap();
    let handle = config.handle();
    let child = fork(|| {
        let opened = Config::<Settings>::open(name.as_str()).unwrap();
        assert_eq!(*opened, settings());
        assert!(opened.segment().is_frozen());
        refused(Config::create(name.as_str(), settings()), AlreadyExists, "exists already");
    });
    assert_eq!(*Config::<Settings>::open_handle(&handle).unwrap(), *config);
    child.pass();
    drop(config);
    assert!(!exists(name.as_str()));
    refused(Config::<Settings>::open_handle(&handle), NotFound, "does not exist");
}

#[test]
fn a_process_may_know_fewer_fields_and_not_more() {
    #[derive(Debug, Serialize, Deserialize)]
    struct Less {
        rate: f64,
    }
    #[derive(Debug, Serialize, Deserialize)]
    struct More {
        rate: f64,
        added_later: u8,
    }
    let name = FreeName::new();
    let _config = Config::create(name.as_str(), settings()).unwrap();
    assert_eq!(Config::<Less>::open(name.as_str()).unwrap().rate, settings().rate);
    let missing = "holds no such settings: missing field `added_later`";
    refused(Config::<More>::open(name.as_str()), KindMismatch, missing);
}

/// Somebody who writes without asking, as NumPy may, finds no moment between the check of a text and its
/// copy: what is opened is text, or an error.
#[test]
fn settings_that_somebody_writes_over_are_text_or_an_error() {
    const LEN: usize = 1 << 20;
    let name = FreeName::new();
    let config = Config::create(name.as_str(), "a".repeat(LEN)).unwrap();
    let info = config.segment().info().unwrap();
    let file = fs::File::options().write(true).open(config.segment().path()).unwrap();
    let end = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| {
            let place = (info.data_offset() + LEN / 2) as u64;
            while !end.load(Relaxed) {
                for byte in [0xff, b'a'] {
                    file.write_all_at(&[byte], place).unwrap();
                }
            }
        });
        let open = || Config::<String>::open(config.name());
        let found = (0..60).filter_map(|_| open().ok());
        let torn = found.filter(|text| str::from_utf8(text.as_bytes()).is_err()).count();
        end.store(true, Relaxed);
        assert_eq!(torn, 0, "Strings that are no text");
    });
}

#[test]
fn settings_that_would_be_lost_are_refused_and_leave_nothing() {
    let name = FreeName::new();
    let mut lost = settings();
    lost.by_name.insert("c".into(), Some(f32::NAN));
    refused(Config::create(name.as_str(), lost), InvalidArgument, "`by_name` is NaN");
    let lost = Settings { rate: f64::NEG_INFINITY, ..settings() };
    refused(Config::create(name.as_str(), lost), InvalidArgument, "`rate` is -inf");
    let keys = BTreeMap::from([([1_u8], 1)]);
    refused(Config::create(name.as_str(), keys), InvalidArgument, "key must be a string");
    assert!(!exists(name.as_str()));
}

#[test]
fn what_holds_no_settings_is_told_so() {
    let name = FreeName::new();
    let open = || Config::<Settings>::open(name.as_str());
    for text in ["", "{", "null", "\u{0}", "[1, 2]", "{\"rate\": 1e999}"] {
        let bytes = ndarray::Array1::from(text.as_bytes().to_vec());
        let _made = Frozen1::create_from(name.as_str(), &bytes).unwrap();
        refused(open(), KindMismatch, "holds no such settings");
    }
    let array = Array1::<u8>::create(name.as_str(), 8).unwrap();
    refused(open(), NotFrozen, "is not frozen");
    drop(array);
    let _array = Array1::<u16>::create(name.as_str(), 8).unwrap().freeze().unwrap();
    refused(open(), DtypeMismatch, "holds <u2");
}
