//! The arguments of the command.

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Parser, Subcommand, ValueEnum, ValueHint};
use clap_complete::Shell;

use crate::units;

/// What is in shared memory, who uses it, and what is wrong with it.
#[derive(Debug, Parser)]
#[command(
    name = "ndshm",
    version,
    subcommand_required = true,
    arg_required_else_help = true,
    after_help = "A NAME is that of a segment in /dev/shm, or a path with a slash in it.\n\
                  Ends with 0 when all is well, 1 when there is a problem, 2 on wrong usage,\n\
                  3 when there is no such segment, 4 without permission, 5 when it is damaged."
)]
pub(crate) struct Args {
    #[command(flatten)]
    pub(crate) global: Global,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// What every command takes.
#[derive(Debug, clap::Args)]
pub(crate) struct Global {
    /// Print JSON, for programs
    #[arg(long, global = true)]
    pub(crate) json: bool,
    /// Print sizes in bytes
    #[arg(long, global = true)]
    pub(crate) bytes: bool,
    /// Print without colours
    #[arg(long, global = true)]
    pub(crate) no_color: bool,
    /// Look at segments in the files of this directory instead
    #[arg(long, global = true, value_name = "PATH", value_hint = ValueHint::DirPath)]
    pub(crate) dir: Option<PathBuf>,
    /// Print only what was asked for
    #[arg(short, long, global = true)]
    pub(crate) quiet: bool,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    Ls(Ls),
    Info(Info),
    Stats(Stats),
    Show(Show),
    Rm(Rm),
    Reap(Reap),
    Create(Create),
    Export(Export),
    Import(Import),
    Doctor(Doctor),
    Watch(Watch),
    Hz(Hz),
    Bw(Bw),
    Completions(Completions),
    Man(Man),
}

/// List segments
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  ndshm ls\n  ndshm ls cam -l\n  ndshm ls -o name,size,state")]
pub(crate) struct Ls {
    /// Only those whose names begin with this
    pub(crate) prefix: Option<String>,
    /// More columns: owner, lifetime, stripes, creation time
    #[arg(short, long, conflicts_with = "columns")]
    pub(crate) long: bool,
    /// These columns; `hz` is how often a ring's last frames came
    #[arg(short = 'o', long = "columns", value_delimiter = ',', value_name = "COLS")]
    pub(crate) columns: Vec<Column>,
    /// Only what dead processes left: what `reap` would remove
    #[arg(long)]
    pub(crate) stale: bool,
    /// Foreign files as well
    #[arg(long)]
    pub(crate) all: bool,
}

/// A column of the list.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Column {
    Name,
    Kind,
    Dtype,
    Shape,
    Size,
    Procs,
    Writer,
    Hz,
    Age,
    State,
    Owner,
    Lifetime,
    Stripes,
    Created,
    Id,
}

/// Show all about one segment: its description, participants and locks
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  ndshm info cam0")]
pub(crate) struct Info {
    /// The segment
    #[arg(value_hint = ValueHint::AnyPath)]
    pub(crate) name: OsString,
}

/// Summarise the numbers: minimum, maximum, mean, deviation, number of NaNs
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  ndshm stats depth --hist")]
pub(crate) struct Stats {
    /// The segment
    #[arg(value_hint = ValueHint::AnyPath)]
    pub(crate) name: OsString,
    /// Draw a histogram
    #[arg(long)]
    pub(crate) hist: bool,
    #[command(flatten)]
    pub(crate) look: Look,
}

/// Print the numbers as NumPy does, or a picture in colours
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  ndshm show depth --slice '0,:,::4'\n  ndshm show cam0 --as picture"
)]
pub(crate) struct Show {
    /// The segment
    #[arg(value_hint = ValueHint::AnyPath)]
    pub(crate) name: OsString,
    /// Some of it, as in Python
    #[arg(long, value_name = "SLICE", allow_hyphen_values = true)]
    pub(crate) slice: Option<String>,
    /// How: pictures in a terminal are shown as such
    #[arg(long = "as", value_enum, default_value = "auto")]
    pub(crate) form: Form,
    #[command(flatten)]
    pub(crate) look: Look,
}

/// How numbers are shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Form {
    Auto,
    Numbers,
    Picture,
}

/// How to get at the numbers.
#[derive(Debug, clap::Args)]
pub(crate) struct Look {
    /// As they lie in memory: poisoned, or half written
    #[arg(long)]
    pub(crate) torn: bool,
    /// Which frame of a ring: its number, or `latest`
    #[arg(long, value_name = "SEQ", value_parser = frame, conflicts_with = "torn")]
    pub(crate) frame: Option<Frame>,
}

/// A frame of a ring.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Frame {
    Latest,
    Number(u64),
}

/// Reads which frame of a ring is meant.
fn frame(text: &str) -> Result<Frame, String> {
    if text == "latest" {
        return Ok(Frame::Latest);
    }
    text.parse()
        .map(Frame::Number)
        .map_err(|_| format!("`{text}` is no frame: write latest or 4711"))
}

/// Remove segments; processes that have them open keep their memory
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  ndshm rm cam0 cam1\n  ndshm rm --prefix job-17- -n",
    group(clap::ArgGroup::new("what").required(true).multiple(true).args(["names", "prefix"]))
)]
pub(crate) struct Rm {
    /// The segments
    #[arg(value_hint = ValueHint::AnyPath)]
    pub(crate) names: Vec<OsString>,
    /// All whose names begin with this
    #[arg(long, value_name = "P")]
    pub(crate) prefix: Option<String>,
    /// Only say what would be removed
    #[arg(short = 'n', long)]
    pub(crate) dry_run: bool,
}

/// Remove what dead processes left
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  ndshm reap -n\n  ndshm reap job-17-")]
pub(crate) struct Reap {
    /// Only what has a name that begins with this
    pub(crate) prefix: Option<String>,
    /// Only say what would be removed
    #[arg(short = 'n', long)]
    pub(crate) dry_run: bool,
}

/// Create an array of zeros that stays until it is removed
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  ndshm create depth --dtype f4 --shape 480,640")]
pub(crate) struct Create {
    /// What to call it
    pub(crate) name: OsString,
    /// What an item is, as NumPy writes it: f4, <u2, [('id', '<u4'), ('x', '<f4')]
    #[arg(long)]
    pub(crate) dtype: String,
    /// The lengths of the axes; none for a single item
    #[arg(long, value_delimiter = ',')]
    pub(crate) shape: Vec<usize>,
    #[command(flatten)]
    pub(crate) mode: Mode,
}

/// Permissions of what is created.
#[derive(Debug, clap::Args)]
pub(crate) struct Mode {
    /// Permissions, in octal; if others may write, you vouch for what they do
    #[arg(long, default_value = "0600", value_parser = units::mode)]
    pub(crate) mode: u32,
}

/// Write a copy to a file: .npy, .png or bytes
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  ndshm export depth -o depth.npy\n  ndshm export cam0 -o - --format png | feh -\n  \
                  ndshm export cam0 -o frame.png --frame latest"
)]
pub(crate) struct Export {
    /// The segment
    #[arg(value_hint = ValueHint::AnyPath)]
    pub(crate) name: OsString,
    /// The file; `-` for standard output
    #[arg(short, long, value_hint = ValueHint::FilePath)]
    pub(crate) output: PathBuf,
    /// What to write; without this, the file's ending decides
    #[arg(long, value_enum)]
    pub(crate) format: Option<Format>,
    #[command(flatten)]
    pub(crate) look: Look,
}

/// The formats of files.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    Npy,
    Png,
    Raw,
}

/// Create an array that holds what a .npy or .png file does
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  ndshm import depth.npy depth --mode 0640 --replace")]
pub(crate) struct Import {
    /// The file
    #[arg(value_hint = ValueHint::FilePath)]
    pub(crate) file: PathBuf,
    /// What to call the segment
    pub(crate) name: OsString,
    /// Replace the segment of that name; processes that have it open are told
    #[arg(long)]
    pub(crate) replace: bool,
    #[command(flatten)]
    pub(crate) mode: Mode,
}

/// Check whether this machine is fit for shared memory, and say what to do where it is not
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  ndshm doctor --need 2G")]
pub(crate) struct Doctor {
    /// Check whether so much can be created
    #[arg(long, value_name = "SIZE", value_parser = units::parse_size)]
    pub(crate) need: Option<u64>,
}

/// Show segments, or one, again and again
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  ndshm watch\n  ndshm watch cam0 -i 0.2\n  ndshm watch cam0 --json | jq .watched.hz"
)]
pub(crate) struct Watch {
    /// Only this one: its locks; of a ring rate, latency, drops and leases
    #[arg(value_hint = ValueHint::AnyPath)]
    pub(crate) name: Option<OsString>,
    /// Seconds from one look to the next
    #[arg(short, long, default_value = "1", value_parser = units::seconds)]
    pub(crate) interval: Duration,
    /// End after so many looks
    #[arg(long)]
    pub(crate) count: Option<u64>,
}

/// Measure how often a ring's frames come, without subscribing
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  ndshm hz cam0 --seconds 10")]
pub(crate) struct Hz {
    #[command(flatten)]
    pub(crate) measure: Measure,
}

/// Measure how many bytes of frames a ring carries, without subscribing
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  ndshm bw cam0")]
pub(crate) struct Bw {
    #[command(flatten)]
    pub(crate) measure: Measure,
}

/// What is measured.
#[derive(Debug, clap::Args)]
pub(crate) struct Measure {
    /// The ring
    #[arg(value_hint = ValueHint::AnyPath)]
    pub(crate) name: OsString,
    /// For how long
    #[arg(short, long, default_value = "2", value_parser = units::seconds)]
    pub(crate) seconds: Duration,
}

/// Print the completions of a shell
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Example:\n  ndshm completions bash > ~/.local/share/bash-completion/completions/ndshm"
)]
pub(crate) struct Completions {
    /// The shell
    pub(crate) shell: Shell,
}

/// Print the manual page, or write the pages of all commands
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  ndshm man ~/.local/share/man/man1")]
pub(crate) struct Man {
    /// The directory for the pages
    #[arg(value_hint = ValueHint::DirPath)]
    pub(crate) directory: Option<PathBuf>,
}
