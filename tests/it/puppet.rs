//! A child that does with an array of `u64` what it is told, a line at a time.

use std::fs::File;
use std::io::BufRead;
use std::os::unix::process::CommandExt;
use std::process::Command;
use std::time::Duration;

use ndshm::{Array1, Event, Handle, OwnedReadGuard, OwnedWriteGuard, Request, Result, Value};

use crate::support::{Role, close_descriptors, path_of, say};

type Read = OwnedReadGuard<u64, ndarray::Ix1>;
type Write = OwnedWriteGuard<u64, ndarray::Ix1>;

/// The test's end of it.
pub(crate) struct Puppet(Role);

impl Puppet {
    /// Starts one that has opened `array`.
    pub(crate) fn on(array: &Array1<u64>) -> Self {
        let mut puppet = Self::start();
        puppet.does(&format!("open {}", array.handle()));
        puppet
    }

    pub(crate) fn start() -> Self {
        Self(Role::start("puppet"))
    }

    /// Starts one that has opened `array`, as the first process of a PID namespace of its own, which
    /// must be permitted.
    pub(crate) fn apart_on(array: &Array1<u64>) -> Self {
        let mut puppet = Self(Role::start_apart("puppet"));
        puppet.does(&format!("open {}", array.name()));
        puppet
    }

    /// What it answers to a command: a result, or an error as `Kind: text`.
    pub(crate) fn ask(&mut self, command: &str) -> String {
        self.0.tell(command);
        self.0.hear()
    }

    /// Has it do something that must succeed.
    pub(crate) fn does(&mut self, command: &str) {
        assert_eq!(self.ask(command), "ok", "{command}");
    }

    /// Ends it properly.
    pub(crate) fn quit(mut self) {
        self.0.tell("quit");
        assert!(self.0.wait().success());
    }
}

impl std::ops::Deref for Puppet {
    type Target = Role;

    fn deref(&self) -> &Role {
        &self.0
    }
}

impl std::ops::DerefMut for Puppet {
    fn deref_mut(&mut self) -> &mut Role {
        &mut self.0
    }
}

/// The role: obeys until it is told to quit.
pub(crate) fn obey() {
    let mut state = State::default();
    for line in std::io::stdin().lock().lines().map_while(std::io::Result::ok) {
        let words: Vec<&str> = line.split_whitespace().collect();
        if words == ["quit"] {
            return;
        }
        match state.obey(&words) {
            Ok(answer) => say(&answer),
            Err(error) => say(&format!("{:?}: {error}", error.kind())),
        }
    }
}

#[derive(Default)]
struct State {
    guards: Vec<Guard>,
    array: Option<Array1<u64>>,
    value: Option<Value<u64>>,
    event: Option<Event>,
}

enum Guard {
    Read(#[expect(dead_code, reason = "held, not read")] Read),
    Write(Write),
}

impl State {
    fn obey(&mut self, words: &[&str]) -> Result<String> {
        let number = |index: usize| words[index].parse::<usize>().expect("a number");
        let word = |index: usize| words[index].parse::<u64>().expect("a number");
        let mut answer = "ok".to_owned();
        match words[0] {
            "open" => {
                self.array = Some(match words[1].parse::<Handle>() {
                    Ok(handle) => Array1::open_handle(&handle)?,
                    Err(_) => Array1::open(words[1])?,
                });
            }
            "create" => self.array = Some(Array1::create(words[1], number(2))?),
            "open_or_create" => {
                let array = Array1::open_or_create(words[1], number(2))?;
                answer = format!("{:?}", array.origin());
                self.array = Some(array);
            }
            "detach" => self.array = None,
            "read" => self.read(self.request(&words[1..]).read_owned()?),
            "write" => self.write(self.request(&words[1..]).write_owned()?),
            "write_recover" => self.write(self.request(&words[1..]).recover().write_owned()?),
            "write_timeout" => {
                let timeout = Duration::from_millis(word(1));
                self.write(self.request(&[]).timeout(timeout).write_owned()?);
            }
            "try_read" => match self.request(&words[1..]).try_read_owned()? {
                Some(guard) => self.read(guard),
                None => answer = "busy".into(),
            },
            "try_write" => match self.request(&words[1..]).try_write_owned()? {
                Some(guard) => self.write(guard),
                None => answer = "busy".into(),
            },
            "drop" => drop(self.guards.pop().expect("a guard")),
            "put" => self.written()[number(1)] = word(2),
            "add" => self.written()[number(1)] += word(2),
            "get" => answer = self.written()[number(1)].to_string(),
            "mark" => self.written().mark_consistent(),
            "poison" => {
                answer =
                    self.written().poison().map_or("clean".into(), |poison| poison.to_string());
            }
            "value" => self.value = Some(Value::open(words[1])?),
            "set" => self.value().set(word(1))?,
            "wait" => answer = self.value().wait_changed(word(1))?.to_string(),
            "event" => self.event = Some(Event::open(words[1])?),
            "event_set" => self.event().set()?,
            "event_wait" => self.event().wait()?,
            "event_wait_timeout" => self.event().wait_timeout(Duration::from_millis(word(1)))?,
            "truncate" => {
                let file = File::options().write(true).open(path_of(words[1])).unwrap();
                file.set_len(word(2)).unwrap();
            }
            "close_descriptors" => close_descriptors(),
            "exec" => panic!("exec: {}", Command::new("cat").exec()),
            other => panic!("no command is called {other}"),
        }
        Ok(answer)
    }

    fn request(&self, rows: &[&str]) -> Request<'_, Array1<u64>> {
        let request = self.array.as_ref().expect("an array").request();
        match rows {
            [] => request,
            [start, end] => {
                let row = |text: &str| text.parse::<usize>().expect("a row");
                request.rows(row(start)..row(end))
            }
            _ => panic!("rows are two numbers"),
        }
    }

    fn read(&mut self, guard: Read) {
        self.guards.push(Guard::Read(guard));
    }

    fn write(&mut self, guard: Write) {
        self.guards.push(Guard::Write(guard));
    }

    fn written(&mut self) -> &mut Write {
        match self.guards.last_mut() {
            Some(Guard::Write(guard)) => guard,
            _ => panic!("no write guard"),
        }
    }

    fn value(&self) -> &Value<u64> {
        self.value.as_ref().expect("a value")
    }

    fn event(&self) -> &Event {
        self.event.as_ref().expect("an event")
    }
}
