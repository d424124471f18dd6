//! Events: who goes through when, whoever is killed, stopped or interrupted meanwhile.

use std::thread;
use std::time::{Duration, Instant};

use ndshm::{Array1, ErrorKind::*, Event, Value};

use crate::bad_input::refused;
use crate::puppet::Puppet;
use crate::support::{
    DEADLINE, Forked, FreeName, Role, eventually, exists, fork, let_interrupt, ring_alarm_every,
    send_signal, somebody_listens, state_of,
};

fn manual() -> Event {
    Event::create_unique("it-events-").unwrap()
}

fn turnstile() -> Event {
    Event::options().auto_reset().create_unique("it-events-").unwrap()
}

fn counter() -> Value<u64> {
    Value::create_unique("it-events-", 0).unwrap()
}

fn puppet_on(event: &Event) -> Puppet {
    let mut puppet = Puppet::start();
    puppet.does(&format!("event {}", event.name()));
    puppet
}

/// A forked child that waits for the event, then counts; it sleeps already.
fn sleeper<'a>(event: &Event, passes: impl Into<Option<&'a Value<u64>>>) -> Forked {
    let passes = passes.into();
    let child = fork(|| {
        event.wait().unwrap();
        if let Some(passes) = passes {
            passes.fetch_add(1).unwrap();
        }
    });
    eventually("it sleeps", || somebody_listens(event.segment()) && state_of(child.pid()) == 'S');
    child
}

#[test]
fn a_set_event_lets_everybody_through_and_stays_set() {
    let event = manual();
    let mut puppets = [(); 3].map(|()| puppet_on(&event));
    puppets.iter_mut().for_each(|puppet| puppet.tell("event_wait"));
    let children = [(); 3].map(|()| sleeper(&event, None));
    event.set().unwrap();
    for mut puppet in puppets {
        assert_eq!(puppet.hear(), "ok");
        puppet.does("event_wait");
    }
    children.into_iter().for_each(Forked::pass);
    assert!(event.is_set() && event.try_wait().unwrap());
    puppet_on(&event).does("event_wait");

    event.clear().unwrap();
    assert!(!event.is_set() && !event.try_wait().unwrap());
    let answer = puppet_on(&event).ask("event_wait_timeout 1");
    assert!(answer.starts_with("Timeout: ") && answer.contains("was not set"), "{answer}");
}

#[test]
fn an_auto_reset_event_lets_exactly_one_through_for_each_set() {
    const SETS: u64 = 5000;
    let name = FreeName::new();
    let event = Event::options().auto_reset().create(name.as_str()).unwrap();
    let passes = Value::create(&format!("{}-passes", name.as_str()), 0_u64).unwrap();
    let stop = Value::create(&format!("{}-stop", name.as_str()), 0_u8).unwrap();
    let roles = [(); 2].map(|()| Role::start(&format!("turnstile {}", name.as_str())));
    let children = [(); 3].map(|()| fork(|| go_through(name.as_str())));

    for set in 0..SETS {
        event.set().unwrap();
        let passed = passes.wait_changed_timeout(set, DEADLINE).unwrap();
        assert_eq!(passed, set + 1);
        assert!(!event.is_set(), "it resets itself before it lets anybody through");
    }
    stop.set(1).unwrap();
    event.set().unwrap();
    roles.into_iter().for_each(|mut role| assert!(role.wait().success()));
    children.into_iter().for_each(Forked::pass);
    assert_eq!(passes.get().unwrap(), SETS);
}

/// The role: two threads go through that event and count, until they are told to stop; they let the
/// next one through then.
pub(crate) fn go_through(name: &str) {
    let event = Event::open(name).unwrap();
    let passes = Value::<u64>::open(&format!("{name}-passes")).unwrap();
    let stop = Value::<u8>::open(&format!("{name}-stop")).unwrap();
    let pass = || {
        loop {
            event.wait().unwrap();
            if stop.get().unwrap() == 1 {
                return event.set().unwrap();
            }
            passes.fetch_add(1).unwrap();
        }
    };
    thread::scope(|scope| {
        scope.spawn(pass);
        scope.spawn(pass);
    });
}

#[test]
fn sets_that_nobody_saw_let_one_through() {
    let event = turnstile();
    let mut setter = puppet_on(&event);
    setter.does("event_set");
    setter.does("event_set");
    assert!(event.try_wait().unwrap());
    assert!(!event.try_wait().unwrap());
}

#[test]
fn a_killed_waiter_costs_nobody_anything() {
    for event in [manual(), turnstile()] {
        for _ in 0..5 {
            let passes = counter();
            let mut victims = [(); 2].map(|()| sleeper(&event, &passes));
            let mut others = Vec::from([(); 2].map(|()| sleeper(&event, &passes)));
            victims.iter_mut().for_each(Forked::kill);
            event.set().unwrap();
            assert!(passes.wait_changed_timeout(0, DEADLINE).unwrap() > 0);
            if event.resets_itself() {
                event.set().unwrap();
            }
            others.drain(..).for_each(Forked::pass);
            assert_eq!(passes.get().unwrap(), 2);
            event.clear().unwrap();
        }
    }
}

#[test]
fn a_killed_setter_costs_nobody_anything() {
    let event = manual();
    let mut setter = puppet_on(&event);
    setter.does("event_set");
    setter.kill();
    assert!(event.is_set());
    puppet_on(&event).does("event_wait");

    let (event, passes) = (turnstile(), counter());
    for _ in 0..20 {
        let before = passes.get().unwrap();
        let mut setter = fork(|| {
            loop {
                event.set().unwrap();
            }
        });
        let waiter = fork(|| {
            for _ in 0..3 {
                event.wait().unwrap();
                passes.fetch_add(1).unwrap();
            }
        });
        passes.wait_changed_timeout(before, DEADLINE).unwrap();
        setter.kill();
        for passed in before..before + 3 {
            event.set().unwrap();
            if passes.get().unwrap() <= passed {
                passes.wait_changed_timeout(passed, DEADLINE).unwrap();
            }
        }
        waiter.pass();
        event.clear().unwrap();
    }
}

#[test]
fn a_stopped_waiter_keeps_nobody_from_going_through() {
    let (event, passes) = (turnstile(), counter());
    let stopped = sleeper(&event, &passes);
    send_signal(stopped.pid(), libc::SIGSTOP);
    eventually("it stops", || state_of(stopped.pid()) == 'T');
    let other = sleeper(&event, &passes);
    event.set().unwrap();
    other.pass();
    assert_eq!(passes.get().unwrap(), 1);

    send_signal(stopped.pid(), libc::SIGCONT);
    event.set().unwrap();
    stopped.pass();
    assert_eq!(passes.get().unwrap(), 2);
}

#[test]
fn a_timeout_is_never_early() {
    for event in [manual(), turnstile()] {
        for timeout in [0, 1, 3, 20, 150].map(Duration::from_millis) {
            let start = Instant::now();
            let error = event.wait_timeout(timeout).unwrap_err();
            assert!(start.elapsed() >= timeout);
            assert_eq!(error.kind(), Timeout);
            assert_eq!(error.segment(), Some(event.name()));
        }
    }
}

#[test]
fn signals_end_no_wait_early() {
    let event = manual();
    fork(|| {
        let_interrupt(libc::SIGALRM);
        ring_alarm_every(500);
        for timeout in [1, 20, 150].map(Duration::from_millis) {
            let start = Instant::now();
            assert_eq!(event.wait_timeout(timeout).unwrap_err().kind(), Timeout);
            assert!(start.elapsed() >= timeout);
        }
    })
    .pass();

    let ready = counter();
    let child = fork(|| {
        let_interrupt(libc::SIGUSR1);
        let_interrupt(libc::SIGALRM);
        ring_alarm_every(500);
        ready.set(1).unwrap();
        event.wait().unwrap();
        assert!(event.is_set());
    });
    ready.wait_changed_timeout(0, DEADLINE).unwrap();
    for _ in 0..50 {
        eventually("it sleeps", || state_of(child.pid()) == 'S');
        send_signal(child.pid(), libc::SIGUSR1);
    }
    event.set().unwrap();
    child.pass();
}

#[test]
fn only_an_event_opens_as_an_event() {
    let array = Array1::<u32>::create_unique("it-events-", 1).unwrap();
    let value = Value::create_unique("it-events-", 0_u32).unwrap();
    for name in [array.name(), value.name()] {
        refused(Event::open(name), KindMismatch, "asked for an Event");
        refused(Event::open_or_create(name), KindMismatch, "asked for an Event");
    }
    for event in [manual(), turnstile()] {
        refused(Value::<u32>::open(event.name()), KindMismatch, "Event");
        refused(ndshm::ArrayD::<u32>::open(event.name()), KindMismatch, "Event");
        assert_eq!(Event::open(event.name()).unwrap().resets_itself(), event.resets_itself());
    }
}

#[test]
fn parents_and_forked_children_set_what_the_other_waits_for() {
    let (to_child, to_parent) = (turnstile(), turnstile());
    let child = fork(|| {
        for _ in 0..100 {
            to_child.wait_timeout(DEADLINE).unwrap();
            to_parent.set().unwrap();
        }
    });
    for _ in 0..100 {
        to_child.set().unwrap();
        to_parent.wait_timeout(DEADLINE).unwrap();
    }
    child.pass();
    assert!(!to_child.is_set() && !to_parent.is_set());
}

#[test]
fn the_event_that_a_forked_child_drops_keeps_its_name() {
    let mut event = Some(manual());
    let name = event.as_ref().unwrap().name().to_owned();
    fork(|| drop(event.take())).pass();
    assert!(exists(&name));
    drop(event);
    assert!(!exists(&name));
}

#[test]
fn processes_that_open_or_create_one_name_wait_for_the_same_event() {
    let name = FreeName::new();
    let children =
        [(); 4].map(|()| fork(|| Event::open_or_create(name.as_str()).unwrap().wait().unwrap()));
    let event = Event::open_or_create(name.as_str()).unwrap();
    event.set().unwrap();
    children.into_iter().for_each(Forked::pass);
}
