//! `ndshm`: what is in shared memory, who uses it, and what is wrong with it.
//!
//! In reading order: [`args`] what may be typed · [`home`] where segments are, and what lies there ·
//! [`commands`] one file each · [`words`] what is said of a segment, [`facts`] the same for programs ·
//! [`source`] where numbers come from, [`data`] what is made of them, [`slice`](mod@slice) some of them,
//! [`numpy`] as text, [`picture`] as colours · [`rate`] how a ring's frames come, [`follow`] while somebody
//! looks on · [`process`] who a participant is, [`permissions`] of
//! what is created · [`units`], [`table`], [`terminal`], [`progress`],
//! [`output`] how things are said · [`file`](mod@file) what is written · [`failure`] how it ends.
//!
//! All of it stands on the library's public interface, and looks without disturbing anybody.

mod args;
mod commands;
mod data;
mod facts;
mod failure;
mod file;
mod follow;
mod home;
mod numpy;
mod output;
mod permissions;
mod picture;
mod process;
mod progress;
mod rate;
mod slice;
mod source;
mod table;
mod terminal;
mod units;
mod words;

use std::process::ExitCode;

use clap::Parser;

use crate::args::{Args, Command};
use crate::failure::Outcome;
use crate::home::Home;
use crate::output::Output;

fn main() -> ExitCode {
    let args = match Args::try_parse() {
        Ok(args) => args,
        Err(refusal) => return failure::refuse(&refusal),
    };
    match run(args) {
        Ok(outcome) => outcome.into(),
        Err(failure) => {
            failure.tell();
            failure.into()
        }
    }
}

fn run(args: Args) -> failure::Result<Outcome> {
    let home = Home::new(args.global.dir.clone());
    let out = Output::new(&args.global);
    match args.command {
        Command::Ls(ls) => commands::ls::run(&ls, &home, &out),
        Command::Info(info) => commands::info::run(&info, &home, &out),
        Command::Stats(stats) => commands::stats::run(&stats, &home, &out),
        Command::Show(show) => commands::show::run(&show, &home, &out),
        Command::Rm(rm) => commands::rm::run(&rm, &home, &out),
        Command::Reap(reap) => commands::reap::run(&reap, &home, &out),
        Command::Create(create) => commands::create::run(&create, &home, &out),
        Command::Export(export) => commands::export::run(&export, &home, &out),
        Command::Import(import) => commands::import::run(&import, &home, &out),
        Command::Doctor(doctor) => commands::doctor::run(&doctor, &home, &out),
        Command::Watch(watch) => commands::watch::run(&watch, &home, &out),
        Command::Hz(hz) => commands::hz::run(&hz, &home, &out),
        Command::Bw(bw) => commands::bw::run(&bw, &home, &out),
        Command::Completions(completions) => commands::completions::run(&completions, &out),
        Command::Man(man) => commands::man::run(&man, &out),
    }
}
