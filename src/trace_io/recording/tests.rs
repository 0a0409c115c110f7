//! Segments as they are made, mended and read, on a disk that does as it should and on one that does not.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::{Read as _, Write as _};
use std::path::{Path, PathBuf};

use flate2::Compression;
use flate2::read::GzDecoder;
use flate2::write::GzEncoder;
use weighbridge_router::Timestamp;

use super::faults::{Plan, go_well, go_wrong};
use super::*;
use crate::trace::Header;
use crate::trace_io::twin::packed;
use crate::trace_io::{ReadOptions, ReadReport, read};

const AT: Timestamp = Timestamp::from_millis(1_764_666_843_120);
const STEM: &str = "weighbridge-20251202T091403Z-00000";

fn header() -> Vec<u8> {
    requests_header(&Header::default())
}

fn claimed() -> (tempfile::TempDir, RecordFolder) {
    let folder = tempfile::tempdir().unwrap();
    let claimed = RecordFolder::claim(&folder.path().join("rec")).unwrap();
    (folder, claimed)
}

fn names_in(path: &Path) -> Vec<String> {
    let names = fs::read_dir(path).unwrap();
    let mut names: Vec<String> = names
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name != LOCK)
        .collect();
    names.sort();
    names
}

fn names(folder: &RecordFolder) -> Vec<String> {
    names_in(&folder.path)
}

fn line(id: usize) -> String {
    format!("{{\"id\":\"{id}\"}}\n")
}

fn gzip(text: &str) -> Vec<u8> {
    let mut gzip = GzEncoder::new(Vec::new(), Compression::default());
    gzip.write_all(text.as_bytes()).unwrap();
    gzip.finish().unwrap()
}

/// The ids that the reader of folders finds, each of them once; none where there is no line.
fn ids(folder: &Path) -> BTreeSet<String> {
    let said = read(&[folder.to_owned()], &ReadOptions::default(), &mut |_| {});
    let (trace, report): (_, ReadReport) = match said {
        Ok(said) => said,
        Err(error) if error.message.contains("no trace in this folder") => return BTreeSet::new(),
        Err(error) if error.message == "no requests" => return BTreeSet::new(),
        Err(error) => panic!("{error}; {:?}", names_in(folder)),
    };
    assert_eq!(report.superseded, 0, "a line stands twice");
    (0..trace.len()).map(|i| trace.id(i).to_owned()).collect()
}

#[test]
fn a_segment_grows_by_whole_lines_and_is_compressed_when_finished() {
    let (_tmp, folder) = claimed();
    let mut segments = folder.requests();
    assert_eq!(segments.bytes(), 0);
    for id in 0..3 {
        segments.append(line(id).as_bytes(), AT, header).unwrap();
    }
    assert_eq!(names(&folder), [format!("{STEM}1.jsonl")]);
    let (path, synced) = segments.finish().unwrap();
    synced.unwrap();
    let text = fs::read_to_string(&path).unwrap();
    assert_eq!(
        text.lines().next().unwrap(),
        r#"{"format":"weighbridge.trace/1"}"#
    );
    assert_eq!(text.lines().count(), 4);
    compress(&path).unwrap();
    assert_eq!(names(&folder), [format!("{STEM}1.jsonl.gz")]);
    let mut unpacked = String::new();
    let packed = File::open(packed(&path)).unwrap();
    GzDecoder::new(packed)
        .read_to_string(&mut unpacked)
        .unwrap();
    assert_eq!(unpacked, text);
    assert!(segments.finish().is_none());
}

#[test]
fn no_name_is_taken_twice_even_within_a_second() {
    let (_tmp, folder) = claimed();
    for _ in 0..2 {
        let mut segments = folder.requests();
        segments.append(line(0).as_bytes(), AT, header).unwrap();
        compress(&segments.finish().unwrap().0).unwrap();
    }
    let mut segments = folder.requests();
    segments.append(line(1).as_bytes(), AT, header).unwrap();
    let packed = [1, 2].map(|n| format!("{STEM}{n}.jsonl.gz"));
    assert_eq!(names(&folder)[..2], packed);
    assert_eq!(names(&folder)[2], format!("{STEM}3.jsonl"));
}

#[test]
fn what_a_killed_server_left_is_mended() {
    let (_tmp, folder) = claimed();
    let file = |name: &str, text: &str| fs::write(folder.path.join(name), text).unwrap();
    let head = String::from_utf8(header()).unwrap();
    let long = "x".repeat(200_000);
    file(
        "weighbridge-1.jsonl",
        &format!("{head}{}{{\"id\":\"{long}", line(0)),
    );
    file(
        "weighbridge-2.jsonl",
        &format!("{head}{{\"id\":\"whole\"}}"),
    );
    file("weighbridge-3.jsonl", &head);
    file("weighbridge-4.jsonl", &head[..9]);
    file("weighbridge-6.jsonl", &format!("{head}{}", line(6)));
    file("weighbridge-6.jsonl.gz.part", "half of it");
    file("weighbridge-7.jsonl", "");
    file("mine.jsonl", "not to be touched");
    let mended = folder.mend().unwrap();
    let left = [1, 2, 6].map(|n| folder.path.join(format!("weighbridge-{n}.jsonl")));
    assert_eq!(mended.unfinished, left);
    assert_eq!(mended.torn, 2);
    let read = |n: usize| fs::read_to_string(&left[n]).unwrap();
    assert_eq!(read(0), format!("{head}{}", line(0)));
    assert_eq!(read(1), format!("{head}{{\"id\":\"whole\"}}\n"));
    let rest = ["mine.jsonl", "weighbridge-1.jsonl", "weighbridge-2.jsonl"];
    assert_eq!(names(&folder)[..3], rest);
    assert_eq!(names(&folder)[3..], ["weighbridge-6.jsonl"]);
    assert_eq!(folder.mend().unwrap().torn, 0);
}

/// A compressed file beside a plain one, whole or not: all that stood in either is read before and after.
#[test]
fn a_compressed_file_that_was_not_read_to_its_end_is_not_believed() {
    let head = String::from_utf8(header()).unwrap();
    let rows = |ids: std::ops::Range<usize>| head.clone() + &ids.map(line).collect::<String>();
    let plain = rows(0..200);
    let whole = gzip(&plain);
    let (cut, other) = (&whole[..whole.len() / 2], gzip(&rows(200..300)));
    let mut damaged = whole.clone();
    let checksum = damaged.len() - 8;
    damaged[checksum] ^= 1;
    let (longer, shorter) = (gzip(&rows(0..300)), gzip(&rows(0..100)));
    for (what, beside, count) in [
        ("whole", &whole[..], 200),
        ("empty", &[], 200),
        ("cut off", cut, 200),
        ("its checksum damaged", &damaged, 200),
        ("text", b"the whole of it", 200),
        ("shorter", &shorter, 200),
        ("longer", &longer, 300),
    ] {
        let (_tmp, folder) = claimed();
        let path = folder.path.join("weighbridge-1.jsonl");
        fs::write(&path, &plain).unwrap();
        fs::write(packed(&path), beside).unwrap();
        assert_eq!(ids(&folder.path).len(), count, "{what}, read");
        let mended = folder.mend().unwrap();
        assert_eq!(ids(&folder.path).len(), count, "{what}, mended");
        assert_eq!(mended.aside, [""; 0].map(PathBuf::from), "{what}");
        for path in mended.unfinished {
            compress(&path).unwrap();
        }
        assert_eq!(names(&folder), ["weighbridge-1.jsonl.gz"], "{what}");
        assert_eq!(ids(&folder.path).len(), count, "{what}, compressed");
    }
    // Each has what the other has not: neither goes, and nobody guesses.
    let (_tmp, folder) = claimed();
    let path = folder.path.join("weighbridge-1.jsonl");
    fs::write(&path, &plain).unwrap();
    fs::write(packed(&path), &other).unwrap();
    let paths = [folder.path.clone()];
    let error = read(&paths, &ReadOptions::default(), &mut |_| {}).unwrap_err();
    assert!(error.message.contains("should hold the same"), "{error}");
    let mended = folder.mend().unwrap();
    assert_eq!(mended.aside.len(), 1);
    assert_eq!(fs::read(&mended.aside[0]).unwrap(), other);
    assert_eq!(ids(&folder.path).len(), 200);
}

#[cfg(unix)]
#[test]
fn a_folder_has_one_recorder_at_a_time_whatever_is_removed_from_it() {
    let (tmp, folder) = claimed();
    let path = tmp.path().join("rec");
    let refused = || {
        let again = RecordFolder::claim(&path).unwrap_err().to_string();
        let says = "another server records into this folder";
        assert!(again.contains(says), "{again}");
    };
    refused();
    fs::remove_file(path.join(LOCK)).unwrap();
    refused();
    drop(folder);
    let mut first = RecordFolder::claim(&path).unwrap();
    assert!(!first.renew().unwrap());
    // Made anew while another took it.
    fs::rename(&path, tmp.path().join("away")).unwrap();
    let second = RecordFolder::claim(&path).unwrap();
    let error = first.renew().unwrap_err().to_string();
    assert!(error.contains("another server"), "{error}");
    drop(second);
    assert!(first.renew().unwrap());
    refused();
}

#[cfg(unix)]
#[test]
fn what_is_recorded_is_for_its_owner_alone_and_a_folder_keeps_its_mode() {
    use std::os::unix::fs::PermissionsExt as _;
    let mode = |path: &Path| path.metadata().unwrap().permissions().mode() & 0o777;
    let (tmp, folder) = claimed();
    assert_eq!(mode(&folder.path), 0o700);
    let mut segments = folder.requests();
    segments.append(line(0).as_bytes(), AT, header).unwrap();
    let (path, _) = segments.finish().unwrap();
    assert_eq!(mode(&path), 0o600);
    compress(&path).unwrap();
    assert_eq!(mode(&packed(&path)), 0o600);
    assert_eq!(mode(&folder.path.join(LOCK)), 0o600);
    let open = tmp.path().join("open");
    fs::create_dir(&open).unwrap();
    fs::set_permissions(&open, fs::Permissions::from_mode(0o755)).unwrap();
    RecordFolder::claim(&open).unwrap();
    assert_eq!(mode(&open), 0o755);
}

/// Links, pipes and folders under every name that a recorder uses: what they point to stays as it was.
#[cfg(unix)]
#[test]
fn no_link_is_followed() {
    use std::os::unix::fs::symlink;
    let (tmp, folder) = claimed();
    let victim = tmp.path().join("victim.txt");
    let text = "line one\nimportant tail without a line feed";
    fs::write(&victim, text).unwrap();
    let at = |name: &str| folder.path.join(name);
    for name in ["weighbridge-0.jsonl", "weighbridge-0.jsonl.gz.part"] {
        symlink(&victim, at(name)).unwrap();
    }
    fs::create_dir(at("feedback-0.jsonl")).unwrap();
    let pipe = rustix::fs::CWD;
    rustix::fs::mknodat(
        pipe,
        at("weighbridge-pipe.jsonl"),
        rustix::fs::FileType::Fifo,
        rustix::fs::Mode::RUSR,
        0,
    )
    .unwrap();
    // One that is to be mended has a link where its compressed form should be.
    let head = String::from_utf8(header()).unwrap();
    fs::write(at("weighbridge-1.jsonl"), format!("{head}{}", line(1))).unwrap();
    symlink(&victim, at("weighbridge-1.jsonl.gz")).unwrap();
    let mended = folder.mend().unwrap();
    assert_eq!((mended.foreign.len(), mended.aside.len()), (4, 1));
    assert_eq!(mended.unfinished, [at("weighbridge-1.jsonl")]);
    symlink(&victim, at("weighbridge-1.jsonl.gz.part")).unwrap();
    compress(&mended.unfinished[0]).unwrap();
    // The next segment's names are taken.
    symlink(&victim, at(&format!("{STEM}1.jsonl"))).unwrap();
    symlink(tmp.path().join("nowhere"), at(&format!("{STEM}2.jsonl.gz"))).unwrap();
    let mut segments = folder.requests();
    segments.append(line(0).as_bytes(), AT, header).unwrap();
    let (path, _) = segments.finish().unwrap();
    assert_eq!(path, at(&format!("{STEM}3.jsonl")));
    assert!(compress(&at(&format!("{STEM}1.jsonl"))).is_err());
    drop(folder);
    fs::remove_file(tmp.path().join("rec").join(LOCK)).unwrap();
    symlink(&victim, tmp.path().join("rec").join(LOCK)).unwrap();
    RecordFolder::claim(&tmp.path().join("rec")).unwrap_err();
    assert_eq!(fs::read_to_string(&victim).unwrap(), text);
    assert!(!tmp.path().join("nowhere").exists());
}

#[test]
fn a_segment_that_is_taken_away_is_followed_by_another() {
    let (tmp, mut folder) = claimed();
    let mut segments = folder.requests();
    segments.append(line(0).as_bytes(), AT, header).unwrap();
    assert_eq!(segments.give_up_if_gone(), None);
    fs::remove_file(folder.path.join(format!("{STEM}1.jsonl"))).unwrap();
    assert!(segments.give_up_if_gone().is_some());
    segments.append(line(1).as_bytes(), AT, header).unwrap();
    assert_eq!(ids(&folder.path), ["1".to_owned()].into());
    fs::remove_dir_all(tmp.path().join("rec")).unwrap();
    assert!(folder.renew().unwrap());
    assert!(segments.give_up_if_gone().is_some());
    segments.append(line(2).as_bytes(), AT, header).unwrap();
    assert_eq!(ids(&folder.path), ["2".to_owned()].into());
}

/// What became of lines that were handed to a recorder.
#[derive(Debug, Default)]
struct Told {
    /// Those that it says were written.
    written: BTreeSet<String>,
    /// Those that it says were lost.
    lost: BTreeSet<String>,
}

/// A life of a recorder: take the folder, mend it, append a few times, finish and compress, and again.
/// It goes on after every fault, as the server does. Lines are numbered from `first`.
fn live(path: &Path, first: usize, told: &mut Told) {
    let Ok(folder) = RecordFolder::claim(path) else {
        return;
    };
    let Ok(mended) = folder.mend() else { return };
    let mut waiting = mended.unfinished;
    let mut segments = folder.requests();
    for batch in 0..3 {
        let numbers: Vec<usize> = (0..4).map(|i| first + batch * 4 + i).collect();
        let lines: String = numbers.iter().map(|&number| line(number)).collect();
        let lost = match segments.append(lines.as_bytes(), AT, header) {
            Ok(()) => 0,
            Err(lost) => usize::try_from(lost.lines).unwrap(),
        };
        let (written, lost) = numbers.split_at(numbers.len() - lost);
        told.written.extend(written.iter().map(usize::to_string));
        told.lost.extend(lost.iter().map(usize::to_string));
        if batch > 0 {
            waiting.extend(segments.finish().map(|(path, _)| path));
            waiting.retain(|path| compress(path).is_err());
        }
    }
}

/// One life on a good disk, one with a fault, one on a good disk again; the reader is asked after each.
fn through(plan: Plan, killed: bool) -> usize {
    // In memory, where there is such a place: hundreds of lives wait for hundreds of disks.
    let memory = Path::new("/dev/shm");
    let tmp = match memory.is_dir() {
        true => tempfile::tempdir_in(memory),
        false => tempfile::tempdir(),
    };
    let tmp = tmp.unwrap();
    let path = tmp.path().join("rec");
    let what = format!("{plan:?}");
    let mut told = Told::default();
    live(&path, 100, &mut told);
    // What a killed server left, for the second life to mend: open, torn, half compressed, there twice.
    let left = |name: &str, text: &[u8]| fs::write(path.join(name), text).unwrap();
    let rows = |number: usize| [header(), line(number).into_bytes()].concat();
    left(
        "weighbridge-1.jsonl",
        &[&rows(1), &b"{\"id\":\"to"[..]].concat(),
    );
    left("weighbridge-2.jsonl", &rows(2));
    left(
        "weighbridge-2.jsonl.gz",
        &gzip(&String::from_utf8(rows(2)).unwrap()),
    );
    left("weighbridge-3.jsonl", &rows(3));
    left("weighbridge-3.jsonl.gz", b"half");
    left("weighbridge-3.jsonl.gz.part", b"half");
    told.written.extend(["1", "2", "3"].map(str::to_owned));
    go_wrong(plan);
    live(&path, 200, &mut told);
    let steps = go_well();
    let there = ids(&path);
    assert!(told.written.is_subset(&there), "{what} {steps:?}");
    if !killed {
        assert_eq!(told.written, there, "{what} {steps:?}");
    }
    // What a server that is no more had written without being able to say so stays, too.
    let after = told.lost.intersection(&there).cloned().collect::<Vec<_>>();
    live(&path, 300, &mut told);
    told.written.extend(after);
    assert_eq!(ids(&path), told.written, "{what}, mended");
    let unfinished = |name: &String| !name.ends_with(".jsonl.gz");
    assert_eq!(
        names_in(&path).iter().find(|it| unfinished(it)),
        None,
        "{what}"
    );
    steps.len()
}

#[test]
fn whichever_step_fails_nothing_that_was_written_is_lost_or_doubled() {
    let steps = through(Plan::default(), false);
    assert!(steps > 40, "{steps}");
    for step in 0..steps {
        let failing = step..step + 1;
        through(
            Plan {
                failing: failing.clone(),
                ..Plan::default()
            },
            false,
        );
        // The same, where what cannot be written whole cannot be cut off either.
        let torn = true;
        through(
            Plan {
                failing: step..step + 3,
                torn,
                ..Plan::default()
            },
            false,
        );
    }
}

/// From one step on nothing is done any more: what a kill leaves, in the middle of a write too.
#[test]
fn wherever_a_kill_comes_nothing_that_was_written_is_lost_or_doubled() {
    let steps = through(Plan::default(), false);
    for step in 0..steps {
        for torn in [false, true] {
            let failing = step..usize::MAX;
            through(
                Plan {
                    failing,
                    torn,
                    ..Plan::default()
                },
                true,
            );
        }
    }
}

#[test]
fn however_much_a_disk_takes_it_holds_whole_lines() {
    // A line has twelve or thirteen bytes: so every place in one is met.
    for space in (0..800).step_by(7) {
        for uncut in [false, true] {
            let space = Some(space);
            through(
                Plan {
                    space,
                    uncut,
                    ..Plan::default()
                },
                false,
            );
        }
    }
}
