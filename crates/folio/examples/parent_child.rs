//! Share a page between a parent and its child.
//!
//! The parent makes a [`Memfd`], a file in memory without a name, puts the beginning of a real file into it, and hands
//! the descriptor to its child as standard input. Both map the page and add to one atomic number in it at the same time;
//! the child turns the text to upper case, and the parent sees it without being sent a byte.
//!
//! ```sh
//! cargo run --package folio --example parent_child -- README.md
//! ```

use std::error::Error;
use std::fs::File;
use std::os::fd::{AsFd, OwnedFd};
use std::process::{Command, Stdio, exit};
use std::sync::atomic::Ordering;

use folio::{Memfd, PageSize, Shared, SharedMut};

/// The page begins with the number that both add to; the text follows.
const COUNTER: usize = 0;
const TEXT: usize = 8;

/// How often each of the two adds one.
const TIMES: u64 = 100_000;

const CHILD: &str = "--child";

fn main() -> Result<(), Box<dyn Error>> {
    match std::env::args_os().nth(1) {
        Some(argument) if argument == CHILD => child(),
        Some(path) => parent(&Shared::open(path)?),
        None => {
            eprintln!("usage: parent_child FILE");
            exit(2);
        }
    }
}

fn parent(file: &Shared) -> Result<(), Box<dyn Error>> {
    let page = PageSize::base().bytes();
    let mut text = vec![0; file.len().min(page - TEXT)];
    file.read_at(0, &mut text)?;

    let memory = Memfd::create("a page for two")?;
    memory.set_len(page as u64)?;
    let shared = memory.shared_mut()?;
    shared.write_at(TEXT, &text)?;

    let descriptor: OwnedFd = memory.as_fd().try_clone_to_owned()?;
    let mut child =
        Command::new(std::env::current_exe()?).arg(CHILD).stdin(Stdio::from(descriptor)).spawn()?;
    count(&shared)?;
    let status = child.wait()?;

    shared.read_at(TEXT, &mut text)?;
    let line = text.split(|&byte| byte == b'\n').next().unwrap_or_default();
    println!("the child ended with {status} and left {:?}", String::from_utf8_lossy(line));
    println!("together they counted to {}", shared.atomic_u64(COUNTER)?.load(Ordering::Acquire));
    Ok(())
}

fn child() -> Result<(), Box<dyn Error>> {
    let memory = File::from(std::io::stdin().as_fd().try_clone_to_owned()?);
    let shared = SharedMut::from_file(&memory)?;
    count(&shared)?;
    let mut text = vec![0; shared.len() - TEXT];
    shared.read_at(TEXT, &mut text)?;
    text.make_ascii_uppercase();
    shared.write_at(TEXT, &text)?;
    Ok(())
}

/// Add to the number in the page, one by one.
fn count(shared: &SharedMut) -> folio::Result<()> {
    let counter = shared.atomic_u64(COUNTER)?;
    for _ in 0..TIMES {
        counter.fetch_add(1, Ordering::Relaxed);
    }
    Ok(())
}
