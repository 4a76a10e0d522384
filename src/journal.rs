//! What whycap remembers: limit errors, readings of the windows, what was said. A file a month (UTC),
//! to which records are only ever added: `<data>/journal/2026-11.jsonl`, a JSON object a line with
//! one key, the record's kind. Of two records about the same thing the later one holds.
//!
//! Promises: a record is added in one write, without a lock and in less than a millisecond; a line
//! that was cut off or damaged costs itself and no other, a month that is gone no other month. Not
//! promised: that a record survives a power cut.

use std::ops::Range;
use std::path::{Path, PathBuf};

use chrono::{DateTime, Datelike, Months, NaiveDate, Utc};
use memchr::{memmem, memrchr, memrchr_iter};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::disk::directory::Directory;
use crate::disk::{self, records};
use crate::places::Places;

/// What the newest records are looked for in: days of work in many sessions.
const RECENT: u64 = 256 * 1024;
/// No month of anybody is as long.
const LONGEST: u64 = 256 * 1024 * 1024;

/// Something that is remembered.
pub(crate) trait JournalRecord: DeserializeOwned {
    /// The key of its lines: plain letters.
    const KIND: &'static str;
}

/// The months' directory, in our data directory.
const DIRECTORY: &str = "journal";

/// The name of the file that holds what is written on this day.
fn name(day: NaiveDate) -> String {
    format!("{}-{:02}.jsonl", day.year(), day.month())
}

fn file(places: &Places, day: NaiveDate) -> PathBuf {
    places.data.join(DIRECTORY).join(name(day))
}

/// Adds a record to the month's file.
pub(crate) fn add<R: JournalRecord + Serialize>(
    places: &Places,
    now: DateTime<Utc>,
    record: &R,
) -> Result<(), disk::Error> {
    // A line begins with the end of the one before, which may have been cut off.
    let mut line = format!("\n{}", beginning::<R>()).into_bytes();
    line.extend(records::bytes_of(record));
    line.push(b'}');
    append(&places.data, &name(now.date_naive()), &line)
}

/// How the line of a record begins.
fn beginning<R: JournalRecord>() -> String {
    format!("{{\"{}\":", R::KIND)
}

/// In one write, so that processes that do so at once each leave theirs whole. Only `root` itself may
/// be reached through links.
fn append(root: &Path, name: &str, bytes: &[u8]) -> Result<(), disk::Error> {
    disk::create_private_dir(root)?;
    let own = || Directory::open(root)?.own_child(DIRECTORY.as_ref());
    let appended = own().and_then(|own| own.append(name.as_ref(), bytes));
    appended.map_err(disk::unwritten(&root.join(DIRECTORY).join(name)))
}

/// Months of the journal, as they were when they were read, the newest first.
#[derive(Debug)]
pub(crate) struct Journal(Vec<Vec<u8>>);

impl Journal {
    /// What was written lately: the end of this month and, where that is short, of the one before.
    pub(crate) fn recent(places: &Places, now: DateTime<Utc>) -> Self {
        let mut left = RECENT;
        let end = |month: NaiveDate| {
            let bytes = end_of(&file(places, month), left).unwrap_or_default();
            left = left.saturating_sub(bytes.len() as u64);
            bytes
        };
        let this = now.date_naive();
        let before = this.checked_sub_months(Months::new(1));
        Self([this].into_iter().chain(before).map(end).collect())
    }

    /// The months of these moments, whole.
    pub(crate) fn between(places: &Places, from: DateTime<Utc>, until: DateTime<Utc>) -> Self {
        let months = number(from)..=number(until);
        Self::read(files(&places.data).filter(|(month, _)| months.contains(month)))
    }

    /// All that was ever written.
    pub(crate) fn whole(places: &Places) -> Self {
        Self::read(files(&places.data))
    }

    fn read(files: impl Iterator<Item = (i64, PathBuf)>) -> Self {
        let whole = files.filter_map(|(_, file)| end_of(&file, LONGEST));
        Self(whole.collect())
    }

    /// The records of a kind whose lines hold this text, the newest first.
    pub(crate) fn records<'j, R: JournalRecord>(
        &'j self,
        text: &str,
    ) -> impl Iterator<Item = R> + use<'j, R> {
        let beginning = beginning::<R>();
        let finder = memmem::Finder::new(text.as_bytes()).into_owned();
        let lines = self.0.iter().flat_map(|month| lines_backwards(month));
        lines.filter_map(move |line| {
            let record = inside(line, &beginning)?;
            finder.find(record)?;
            serde_json::from_slice(record).ok()
        })
    }

    /// Who said this first since a moment, as far as that is known.
    fn first_said(&self, what: &str, since: DateTime<Utc>) -> Option<u32> {
        let text = serde_json::to_string(what).ok()?;
        let said = self.records::<SaidBefore>(&text);
        let said = said.filter(|said| said.what == what && said.at >= since);
        said.last().map(|said| said.by)
    }

    /// Whether this was said since a moment.
    pub(crate) fn says(&self, what: &str, since: DateTime<Utc>) -> bool {
        self.first_said(what, since).is_some()
    }
}

/// The last bytes of a month's file. None if it cannot be read.
fn end_of(file: &Path, limit: u64) -> Option<Vec<u8>> {
    Some(disk::read_own_end(file, 0, limit).ok()?.1)
}

/// What a line holds, if it is of the kind that begins so.
fn inside<'l>(line: &'l [u8], beginning: &str) -> Option<&'l [u8]> {
    line.strip_prefix(beginning.as_bytes())?.strip_suffix(b"}")
}

/// The records of a kind in a month's file behind so many bytes, the oldest first, and how many bytes it
/// has with these. Of what is very long, only the end is read.
pub(crate) fn added<R: JournalRecord>(file: &Path, since: i64) -> (Vec<R>, i64) {
    let read = disk::read_own_end(file, since.cast_unsigned(), RECENT);
    let (start, mut bytes) = read.unwrap_or_default();
    // The last line may be on its way.
    if !bytes.ends_with(b"}") {
        bytes.truncate(memrchr(b'\n', &bytes).unwrap_or(0));
    }
    let beginning = beginning::<R>();
    let lines = bytes.split(|byte| *byte == b'\n');
    let records = lines.filter_map(|line| inside(line, &beginning));
    let found = records.filter_map(|record| serde_json::from_slice(record).ok());
    let end = start + bytes.len() as u64;
    (found.collect(), end.cast_signed().max(since))
}

/// The files of all months with the numbers of these, the newest first.
pub(crate) fn files(data: &Path) -> impl Iterator<Item = (i64, PathBuf)> + use<> {
    let files = disk::files_of_kind(&data.join(DIRECTORY), "jsonl");
    let mut months: Vec<_> = files
        .filter_map(|file| {
            let (year, month) = file.file_stem()?.to_str()?.split_once('-')?;
            let (year, month): (u16, u8) = (year.parse().ok()?, month.parse().ok()?);
            Some((i64::from(year) * 12 + i64::from(month), file))
        })
        .collect();
    months.sort_unstable_by(|one, other| other.cmp(one));
    months.into_iter()
}

/// The number of a moment's month.
fn number(at: DateTime<Utc>) -> i64 {
    i64::from(at.year()) * 12 + i64::from(at.month())
}

fn lines_backwards(bytes: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut end = bytes.len();
    let ends = memrchr_iter(b'\n', bytes);
    ends.map(Some).chain([None]).filter_map(move |at| {
        let from = at.map_or(0, |at| at + 1);
        let line = bytes.get(from..end);
        end = at.unwrap_or(0);
        line
    })
}

/// Something that was said, or allowed, once.
#[derive(Debug, Serialize, Deserialize)]
struct SaidBefore {
    what: String,
    at: DateTime<Utc>,
    /// The process that said it.
    by: u32,
}

impl JournalRecord for SaidBefore {
    const KIND: &'static str = "said";
}

/// Whether this was said in a span of time that ends now.
pub(crate) fn was_said(places: &Places, what: &str, span: &Range<DateTime<Utc>>) -> bool {
    Journal::between(places, span.start, span.end).says(what, span.start)
}

/// Remembers that this is said now. False if it was said in this span of time, by this process or by
/// another one at the same time, or cannot be remembered: what is said once is then not said, which is
/// better than saying it every time.
pub(crate) fn say_once(places: &Places, what: &str, span: &Range<DateTime<Utc>>) -> bool {
    let journal = || Journal::between(places, span.start, span.end);
    let is_new = !journal().says(what, span.start) && note(places, what, span.end).is_ok();
    is_new && journal().first_said(what, span.start) == Some(std::process::id())
}

/// Remembers that this is said, or done, now.
pub(crate) fn note(places: &Places, what: &str, now: DateTime<Utc>) -> Result<(), disk::Error> {
    let said = SaidBefore {
        what: what.to_owned(),
        at: now,
        by: std::process::id(),
    };
    add(places, now, &said)
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::environment::Environment;

    /// Adds what no record looks like, as a full disk leaves it.
    pub(crate) fn damage(places: &Places, now: DateTime<Utc>, bytes: &[u8]) {
        append(&places.data, &name(now.date_naive()), bytes).unwrap();
    }

    fn at(text: &str) -> DateTime<Utc> {
        text.parse().unwrap()
    }

    fn places(root: &std::path::Path) -> Places {
        let data = ("WHYCAP_DATA_DIR".into(), root.join("data").into());
        Places::of(&Environment::new([data], DateTime::UNIX_EPOCH))
    }

    fn said(journal: &Journal) -> Vec<String> {
        let records = journal.records::<SaidBefore>("");
        let mut said: Vec<String> = records.map(|said| said.what).collect();
        said.reverse();
        said
    }

    const NOVEMBER: &str = "2026-11-20T06:30:00Z";
    const DECEMBER: &str = "2026-12-01T00:10:00Z";

    #[test]
    fn what_is_said_once_is_so_in_its_time_and_is_known_in_the_next_month() {
        let root = tempfile::tempdir().unwrap();
        let places = places(root.path());
        let once = |since: &str, now: &str| say_once(&places, "a \"b\"", &(at(since)..at(now)));
        assert!(once(NOVEMBER, NOVEMBER));
        assert!(!once(NOVEMBER, DECEMBER));
        assert!(once(DECEMBER, DECEMBER), "a new period");
        assert_eq!(said(&Journal::recent(&places, at(DECEMBER))).len(), 2);
        assert_eq!(said(&Journal::whole(&places)).len(), 2);
    }

    #[test]
    fn a_line_that_was_cut_off_or_damaged_costs_itself_and_a_month_no_other() {
        let root = tempfile::tempdir().unwrap();
        let places = places(root.path());
        let written = file(&places, at(NOVEMBER).date_naive());
        let damages: [&[u8]; 5] = [
            b"\n{\"said\":{\"what\":\"cut",
            b"\n{\"said\":{\"what\":\"cut\",\"at\":\"2026-11-20T06:30:00Z\",\"by\":1}",
            b"\n\0\0\0\xff\n",
            b"\n{\"said\":7}",
            b"\n{\"read by a newer one\":{}}",
        ];
        for (nth, bytes) in damages.into_iter().enumerate() {
            damage(&places, at(NOVEMBER), bytes);
            let what = nth.to_string();
            assert!(say_once(&places, &what, &(at(NOVEMBER)..at(NOVEMBER))));
        }
        assert_eq!(said(&Journal::whole(&places)), ["0", "1", "2", "3", "4"]);
        assert!(say_once(&places, "later", &(at(DECEMBER)..at(DECEMBER))));
        disk::remove_own_file(&written).unwrap();
        damage(&places, at(NOVEMBER), &[0xff; 1000]);
        assert_eq!(said(&Journal::whole(&places)), ["later"]);
    }

    #[test]
    fn several_at_once_leave_every_line_whole_and_one_says_it() {
        let root = tempfile::tempdir().unwrap();
        let places = places(root.path());
        std::thread::scope(|scope| {
            for thread in 0..4 {
                let places = &places;
                scope.spawn(move || {
                    for nth in 0..50 {
                        let what = format!("{thread} {nth}");
                        assert!(say_once(places, &what, &(at(NOVEMBER)..at(NOVEMBER))));
                    }
                });
            }
        });
        assert_eq!(said(&Journal::whole(&places)).len(), 200);
    }

    #[cfg(unix)]
    #[test]
    fn a_link_in_its_place_is_neither_followed_nor_read() {
        let root = tempfile::tempdir().unwrap();
        let places = places(root.path());
        let other = root.path().join("other");
        disk::create_private_file(&other).unwrap();
        let written = file(&places, at(NOVEMBER).date_naive());
        disk::create_directory_of(&written).unwrap();
        std::os::unix::fs::symlink(&other, &written).unwrap();
        assert!(note(&places, "x", at(NOVEMBER)).is_err());
        assert!(!say_once(&places, "x", &(at(NOVEMBER)..at(NOVEMBER))));
        assert_eq!(std::fs::read(&other).unwrap(), b"");
    }

    #[test]
    #[cfg(unix)]
    fn a_directory_that_is_swapped_for_a_link_leads_nothing_out() {
        let directory = tempfile::tempdir().unwrap();
        let place = directory.path();
        let (own, outside) = (place.join("own"), place.join("outside"));
        std::fs::create_dir(&outside).unwrap();
        append(&own, "one", b"1").unwrap();
        let opened = Directory::open(&own.join(DIRECTORY)).unwrap();
        disk::rename(&own.join(DIRECTORY), &place.join("moved")).unwrap();
        std::os::unix::fs::symlink(&outside, own.join(DIRECTORY)).unwrap();
        opened.append("one".as_ref(), b"2").unwrap();
        assert!(append(&own, "one", b"3").is_err());
        assert_eq!(std::fs::read_dir(&outside).unwrap().count(), 0);
        assert_eq!(std::fs::read(place.join("moved/one")).unwrap(), b"12");
    }
}
