//! What is known of a segment, for programs.

use ndshm::RingStatus;
use serde_json::{Value, json};

use crate::home::{Entry, Report, State, What};
use crate::process;
use crate::rate;
use crate::units;
use crate::words;

/// What is known of a file.
pub(crate) fn entry(entry: &Entry) -> Value {
    let mut value = json!({
        "name": entry.name,
        "path": entry.target.path().to_string_lossy(),
        "size": entry.len,
        "state": entry.state().to_string(),
        "stale": entry.is_stale(),
    });
    let facts = value.as_object_mut().expect("made as one");
    match &entry.what {
        What::Segment(report) => {
            let Value::Object(more) = segment(report) else { unreachable!("made as one") };
            more.into_iter().for_each(|(key, fact)| {
                facts.entry(key).or_insert(fact);
            });
        }
        What::Damaged(error) | What::Unknown(error) => {
            facts.insert("error".into(), error.to_string().into());
        }
        What::Temporary | What::Foreign => {}
    }
    value
}

/// What is known of a segment.
pub(crate) fn segment(report: &Report) -> Value {
    let status = report.status();
    let info = status.info();
    json!({
        "name": info.name(),
        "id": words::id(status),
        "state": State::Segment(status.condition()).to_string(),
        "kind": words::kind(info.kind()),
        "dtype": info.dtype().to_string(),
        "item_size": info.dtype().item_size(),
        "shape": info.shape(),
        "committed_rows": status.committed_rows(),
        "published": status.published(),
        "order": format!("{:?}", info.order()),
        "data_offset": info.data_offset(),
        "data_size": info.data_len(),
        "control_offset": info.control_offset(),
        "size": info.file_len(),
        "owner": info.owner(),
        "lifetime": format!("{:?}", info.lifetime()).to_lowercase(),
        "created": units::timestamp(info.created()),
        "creator": {
            "pid": info.creator_pid(),
            "pid_namespace": info.creator_namespace(),
            "user": info.creator_user(),
        },
        "frozen": status.is_frozen(),
        "suspect": status.is_suspect(),
        "replaced": status.is_replaced(),
        "most_participants": info.participants(),
        "participants": status.participants().iter().map(process::value).collect::<Vec<_>>(),
        "ring": report.ring().map(ring),
        "locks": status.locks().iter().map(|lock| json!({
            "writer": lock.writer().map(process::value),
            "readers": lock.readers().iter().map(process::value).collect::<Vec<_>>(),
            "suspect": lock.is_suspect(),
            "poison": lock.poison().map(|poison| json!({
                "cause": format!("{:?}", poison.cause()).to_lowercase(),
                "pid": poison.pid(),
            })),
        })).collect::<Vec<_>>(),
    })
}

/// What only rings have.
fn ring(ring: &RingStatus) -> Value {
    json!({
        "dtype": ring.dtype().to_string(),
        "shape": ring.shape(),
        "frame_size": ring.frame_len(),
        "slots": ring.slots(),
        "published": ring.published(),
        "dropped": ring.dropped(),
        "hz": rate::rate_of(ring),
        "publisher": ring.publisher().map(process::value),
        "leases": ring.leases().iter().map(|lease| json!({
            "holder": process::value(lease.holder()),
            "seq": lease.seq(),
        })).collect::<Vec<_>>(),
        "frames": ring.frames().iter().map(|meta| json!({
            "seq": meta.seq,
            "age_s": rate::age_of(meta).map(|age| age.as_secs_f64()),
        })).collect::<Vec<_>>(),
    })
}
