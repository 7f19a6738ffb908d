//! Single cases about what lies on the disk: a torn journal, no room, a clock that was set.

use crate::{
    check::{Broken, Verdict},
    processes,
    scene::{Case, Running},
    single::{Bed, NOT_HERE},
};
use drctl::observe::journal::{self, JournalError};
use jiff::{SignedDuration, Timestamp};
use nix::sys::signal::Signal;
use serde_json::Value;
use std::{
    fs, io,
    path::Path,
    process::{Command, Stdio},
    thread::sleep,
    time::Duration,
};

/// How much room drctl's home has, in KiB: from hardly any to nearly enough.
const ROOMS: [u32; 6] = [64, 128, 192, 256, 320, 384];

/// How much room it has once somebody made some, in KiB.
const PLENTY: u32 = 64 * 1024;

/// Cuts the last event of a journal at every byte, and puts rubbish behind it.
pub(crate) fn torn(bed: &mut Bed, verdict: &mut Verdict) -> io::Result<String> {
    let (mut case, running) = kill_at_apply(bed)?;
    let ended = running.wait(&case);
    processes::left_after(&case.home, Duration::from_secs(20));
    let path = case.journal().ok_or_else(|| io::Error::other("no journal"))?;
    let whole = fs::read(&path)?;
    let before = whole[..whole.len() - 1].iter().rposition(|byte| *byte == b'\n').unwrap_or(0) + 1;
    let events = case.lines().len();
    for cut in before..whole.len() {
        fs::write(&path, &whole[..cut])?;
        // Without its newline alone the last event is whole.
        let expected = if cut + 1 == whole.len() { events } else { events - 1 };
        match journal::read(&path) {
            Ok(read) if read.events.len() == expected => {}
            other => verdict.add(Broken::Journal, format!("cut at byte {cut}: {other:?}")),
        }
    }
    for rubbish in
        [&b"\0\0\0\0\0\0\0\0"[..], b"{\"seq\":", b"\xff\xfe rubbish", b"\0\0\0\0\n", b"rubbish\n"]
    {
        fs::write(&path, [&whole, rubbish].concat())?;
        read_with_rubbish(bed, &case, rubbish, events, verdict)?;
    }
    // The longest tear that is none: half of the last event.
    fs::write(&path, &whole[..before + (whole.len() - before) / 2])?;
    let cuts = whole.len() - before;
    let said = bed.finish(&mut case, ended, verdict)?;
    Ok(format!("{cuts} cuts, 5 kinds of rubbish; {said}"))
}

/// A tail that is no line is left out; a whole line that is no event is told with its place.
fn read_with_rubbish(
    bed: &Bed,
    case: &Case,
    rubbish: &[u8],
    events: usize,
    verdict: &mut Verdict,
) -> io::Result<()> {
    let path = case.journal().unwrap_or_default();
    let text = String::from_utf8_lossy(rubbish).into_owned();
    match journal::read(&path) {
        Ok(read) if read.events.len() == events => {}
        Err(JournalError::Line { line, .. })
            if rubbish.ends_with(b"\n") && line == events as u64 + 1 => {}
        other => verdict.add(Broken::Journal, format!("with {text:?} behind it: {other:?}")),
    }
    let output = bed.scene.command(case, &["report"]).output()?;
    let said = String::from_utf8_lossy(&output.stderr);
    if output.status.code().is_none() || said.contains("panicked") {
        verdict.add(Broken::Journal, format!("`drctl report` with {text:?} behind it: {said}"));
    }
    Ok(())
}

fn kill_at_apply(bed: &mut Bed) -> io::Result<(Case, Running)> {
    let (case, running) = bed.until(|event| {
        event["event"] == "phase_started" && event["step"] == "data" && event["phase"] == "plan"
    })?;
    processes::signal(running.id(), Signal::SIGKILL);
    Ok((case, running))
}

/// Sets the clock between the crash and the resumption, by moving when the run began.
pub(crate) fn clock(bed: &mut Bed, verdict: &mut Verdict) -> io::Result<String> {
    let mut told = Vec::new();
    for hours in [3, -3] {
        let (mut case, running) = kill_at_apply(bed)?;
        let ended = running.wait(&case);
        processes::left_after(&case.home, Duration::from_secs(20));
        let path = case.journal().ok_or_else(|| io::Error::other("no journal"))?;
        let text = fs::read_to_string(&path)?;
        let (first, rest) = text.split_once('\n').unwrap_or((&text, ""));
        let mut first: Value = serde_json::from_str(first)?;
        let began: Timestamp = first["began_at"]
            .as_str()
            .and_then(|at| at.parse().ok())
            .ok_or_else(|| io::Error::other("a run that began at no time"))?;
        // A run that began later than it did is one whose clock was set back since.
        let moved = began + SignedDuration::from_hours(hours);
        first["began_at"] = moved.to_string().into();
        fs::write(&path, format!("{first}\n{rest}"))?;
        let said = bed.finish(&mut case, ended, verdict)?;
        told.push(format!("{}{} h: {said}", if hours > 0 { "-" } else { "+" }, hours.abs()));
    }
    Ok(told.join("; "))
}

/// Gives drctl's home too little room, and more when it has failed.
pub(crate) fn full(bed: &mut Bed, verdict: &mut Verdict) -> io::Result<String> {
    let mut told = Vec::new();
    for room in ROOMS {
        let mut case = bed.scene.case()?;
        fs::create_dir_all(&case.home)?;
        if let Err(error) = mount(&case.home, room, "mode=0700") {
            return Ok(format!("{NOT_HERE}{error}"));
        }
        let mut running = bed.scene.failover(&mut case)?;
        // Terraform waits for room to save its state, and drctl says so: somebody makes some.
        while !running.is_over() {
            if is_full(&case.said()) {
                mount(&case.home, PLENTY, "remount")?;
            }
            sleep(Duration::from_millis(50));
        }
        let ended = running.wait(&case);
        let code = ended.code();
        let text = ended.text();
        if code != Some(0) && !is_full(&text) {
            verdict.add(
                Broken::Stuck,
                format!("{room} KiB: nothing says that the disk is full: {text}"),
            );
        }
        if text.contains("panicked") {
            verdict.add(Broken::Stuck, format!("{room} KiB: {text}"));
        }
        processes::left_after(&case.home, Duration::from_secs(20));
        mount(&case.home, PLENTY, "remount")?;
        let said = bed.finish(&mut case, ended, verdict)?;
        told.push(format!("{room} KiB: {code:?}, {said}"));
        unmount(&case.home);
    }
    Ok(told.join("; "))
}

/// Whether drctl said that there is no room.
fn is_full(said: &str) -> bool {
    said.to_lowercase().contains("no space left")
}

fn mount(at: &Path, kib: u32, how: &str) -> io::Result<()> {
    let options = format!("size={kib}k,{how}");
    let mut mount = Command::new("mount");
    let done = mount
        .args(["-t", "tmpfs", "-o", &options, "tmpfs"])
        .arg(at)
        .stdin(Stdio::null())
        .output()?;
    if done.status.success() {
        return Ok(());
    }
    Err(io::Error::other(String::from_utf8_lossy(&done.stderr).trim().to_owned()))
}

fn unmount(at: &Path) {
    // What cannot be unmounted yet is, when it is not used any more.
    let _ = Command::new("umount").arg("-l").arg(at).status();
}
