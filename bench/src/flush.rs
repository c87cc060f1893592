//! What one flush of this disk takes: without it, a rate of durable writes says little.

use std::fs::{self, File};
use std::io::Write as _;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use clap::Args;

const TIMES: usize = 300;
const LONGEST: Duration = Duration::from_secs(5);

/// `portcullis-bench flush`.
#[derive(Args)]
pub struct Flush {
    /// A file to make and remove, on the disk to measure
    file: PathBuf,
}

/// Appends pages of 4 KiB, each made durable, as a write-ahead log does.
///
/// # Errors
/// When the file cannot be written.
pub fn run(flush: &Flush) -> anyhow::Result<()> {
    let mut file = File::create_new(&flush.file)?;
    let begin = Instant::now();
    let mut times = Vec::with_capacity(TIMES);
    while times.len() < TIMES && begin.elapsed() < LONGEST {
        let start = Instant::now();
        file.write_all(&[0x5a; 4096])?;
        file.sync_data()?;
        times.push(start.elapsed());
    }
    fs::remove_file(&flush.file)?;
    times.sort_unstable();
    println!("{}", times[times.len() / 2].as_micros());
    Ok(())
}
