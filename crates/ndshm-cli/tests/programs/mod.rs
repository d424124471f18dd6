//! `--json`, for programs.

use ndshm::{AnyArray, Array1, FrameMeta, Log, Ring, Ring1};
use serde_json::{Value, json};

use crate::support::{FreeName, Scratch, ndshm};

#[test]
fn every_command_prints_json_when_it_is_asked_to() {
    let (name, scratch) = (FreeName::new(), Scratch::new());
    let (made, again) = (name.with("-made"), name.with("-again"));
    let file = scratch.path("x.npy");
    let run = ndshm(["create", &made, "--dtype", "f4", "--shape", "2,3", "--json"]).json();
    assert_eq!((&run["created"], &run["shape"]), (&json!(made), &json!([2, 3])));
    let run = ndshm(["export", &made, "-o", &file, "--json"]).json();
    assert_eq!((&run["file"], &run["bytes"]), (&json!(file), &json!(4096 + 24)));
    let run = ndshm(["import", &file, &again, "--json"]).json();
    assert_eq!(run["created"], json!(again));
    let run = ndshm(["show", &made, "--json"]).json();
    assert_eq!(
        run,
        json!({ "dtype": "<f4", "shape": [2, 3], "data": [[0.0, 0.0, 0.0], [0.0, 0.0, 0.0]] })
    );
    let run = ndshm(["stats", &made, "--hist", "--json"]).json();
    assert_eq!((&run[0]["count"], &run[0]["histogram"]["counts"][10]), (&json!(6), &json!(6)));
    let run = ndshm(["info", &made, "--json"]).json();
    assert_eq!((&run["state"], &run["ring"]), (&json!("idle"), &Value::Null));
    let run = ndshm(["ls", name.as_str(), "--json"]).json();
    assert_eq!(run.as_array().unwrap().len(), 2);
    let run = ndshm(["watch", &made, "--count", "1", "--json"]).json();
    assert_eq!(run["name"], json!(made));
    assert!(ndshm(["watch", "--count", "1", "--json"]).json().is_array());
    assert!(ndshm(["doctor", "--json"]).json().is_array());
    assert_eq!(ndshm(["reap", "-n", "--json"]).json()["dry_run"], json!(true));
    let run = ndshm(["rm", &made, &again, "--json"]).json();
    assert_eq!(run["removed"], json!([made, again]));
    // What is for shells and `man` is none.
    ndshm(["completions", "bash", "--json"]).ends_with(2);
    ndshm(["man", "--json"]).ends_with(2);
    ndshm(["export", &made, "-o", "-", "--format", "npy", "--json"]).ends_with(2);
}

#[test]
fn each_look_of_a_watch_is_a_line_of_json() {
    let name = FreeName::new();
    let ring: Ring1<u8> = Ring::options().slots(4).create(name.as_str(), 10).unwrap();
    let mut publisher = ring.publisher().unwrap();
    publisher.loan().unwrap().publish(FrameMeta::new().capture_now());
    let _held = ring.subscribe().recv().unwrap();
    let run = ndshm(["watch", name.as_str(), "--count", "3", "-i", "0.02", "--json"]);
    let lines: Vec<Value> =
        run.is_fine().stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines.len(), 3);
    let last = &lines[2];
    let me = json!(std::process::id());
    assert_eq!((&last["ring"]["published"], &last["ring"]["publisher"]["pid"]), (&json!(1), &me));
    let lease = &last["ring"]["leases"][0];
    assert_eq!((&lease["seq"], &lease["holder"]["pid"]), (&json!(1), &me));
    assert_eq!((&last["watched"]["seen"], &last["watched"]["hz"]), (&json!(0), &Value::Null));
}

#[test]
fn numbers_that_json_has_no_words_for_are_text() {
    let name = FreeName::new();
    let array = Array1::<f32>::create(&name.with("-f"), 3).unwrap();
    array.write().unwrap().assign(&ndarray::arr1(&[0.1, f32::NAN, f32::NEG_INFINITY]));
    assert_eq!(
        ndshm(["show", &name.with("-f"), "--json"]).json()["data"],
        json!([0.1, "NaN", "-inf"])
    );
    let stats = ndshm(["stats", &name.with("-f"), "--json"]).json();
    assert_eq!((&stats[0]["nan"], &stats[0]["inf"]), (&json!(1), &json!(1)));
    let fields = "[('a', '<u4'), ('c', '<c8')]".parse().unwrap();
    let _array = AnyArray::create(&name.with("-s"), &fields, &[1]).unwrap();
    let data = ndshm(["show", &name.with("-s"), "--json"]).json()["data"].clone();
    assert_eq!(data, json!([{ "a": 0, "c": [0.0, 0.0] }]));
    let log = Log::<u8>::create(&name.with("-log"), 9).unwrap();
    log.extend(&[1, 2]).unwrap();
    assert_eq!(ndshm(["show", &name.with("-log"), "--json"]).json()["data"], json!([1, 2]));
}
