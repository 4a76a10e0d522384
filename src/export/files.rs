//! The files of a directory of exports: which there are, their rows one by one, and writing one.
//!
//! Promises: however many rows a file has, and however long its lines are, one line is in memory at
//! a time; whatever could not be read is named with its place, and costs nothing else.

use std::borrow::Cow;
use std::fmt::Display;
use std::fs;
use std::io::{BufRead, BufReader, ErrorKind, Read, Write};
use std::ops::Deref;
use std::path::{Path, PathBuf};

use chrono::{DateTime, NaiveDate, NaiveDateTime, Utc};
use clap::ValueEnum;
use flate2::Compression;
use flate2::read::MultiGzDecoder;
use flate2::write::GzEncoder;
use serde::de::Error;
use serde::{Deserialize, Deserializer, Serialize};

use crate::disk::ours::open_regular;
use crate::time::Millis;

/// What rows are of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Rows {
    /// What was spent
    Spend,
    /// Limit errors
    Limits,
    /// How full the plan's windows were
    Windows,
}

impl Rows {
    pub(crate) const ALL: [Self; 3] = [Self::Spend, Self::Limits, Self::Windows];

    /// Its name in paths.
    pub(crate) fn name(self) -> String {
        let value = self.to_possible_value();
        value.map_or_else(String::new, |value| value.get_name().to_owned())
    }
}

/// The version of the format, which is a directory of the target.
pub(super) const FORMAT: &str = "whycap-1";
/// How the name of a day's directory begins.
const DAY: &str = "day=";
/// How the name of a file ends.
const ENDING: &str = ".ndjson.gz";

/// No day of one machine has more, packed or not.
pub(super) const SIZE_LIMIT: u64 = 256 * 1024 * 1024;
/// No row is longer, whatever a newer whycap adds.
const LINE_LIMIT: u64 = 64 * 1024;

/// Something of an export that could not be read.
#[derive(Debug, Clone)]
pub(crate) struct Gap {
    pub(crate) path: PathBuf,
    /// The first line that could not be read, from 1 on. None: nothing of it could.
    pub(crate) line: Option<u64>,
    pub(crate) why: String,
}

impl Gap {
    fn new(path: &Path, line: Option<u64>, why: impl Display) -> Self {
        let (path, why) = (path.to_owned(), why.to_string());
        Self { path, line, why }
    }
}

/// Whether anybody exported there, whatever came of it.
pub(crate) fn has_exports(directory: &Path) -> bool {
    directory.join(FORMAT).is_dir()
}

/// Where a machine's rows of a day are.
pub(super) fn file_in(directory: &Path, rows: Rows, day: NaiveDate, machine: &str) -> PathBuf {
    let days = directory.join(FORMAT).join(rows.name());
    days.join(format!("{DAY}{day}"))
        .join(format!("{machine}{ENDING}"))
}

/// The day whose rows are in a file.
pub(super) fn day_of(file: &Path) -> Option<NaiveDate> {
    let day = file.parent()?.file_name()?.to_str()?;
    day.strip_prefix(DAY)?.parse().ok()
}

/// The files of some rows of all machines, by day and machine; none where no machine exported such
/// rows. What stands in the place of files and directories joins `gaps`.
pub(super) fn files_of(directory: &Path, rows: Rows, gaps: &mut Vec<Gap>) -> Vec<PathBuf> {
    let days = entries(&directory.join(FORMAT).join(rows.name()), DAY, "", gaps);
    let files = days.iter().flat_map(|day| entries(day, "", ENDING, gaps));
    files.collect()
}

/// What is in a directory under such names, in order.
fn entries(directory: &Path, beginning: &str, ending: &str, gaps: &mut Vec<Gap>) -> Vec<PathBuf> {
    let listed = fs::read_dir(directory).and_then(Iterator::collect::<Result<Vec<_>, _>>);
    let found = listed.unwrap_or_else(|error| {
        let is_there = error.kind() != ErrorKind::NotFound;
        gaps.extend(is_there.then(|| Gap::new(directory, None, error)));
        Vec::new()
    });
    let mut paths: Vec<PathBuf> = found.iter().map(fs::DirEntry::path).collect();
    paths.retain(|path| {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        name.starts_with(beginning) && name.ends_with(ending) && !name.starts_with('.')
    });
    paths.sort();
    paths
}

/// Hands a file's rows to `take`, each with its line, up to the first that is damaged.
pub(super) fn each_row(
    path: &Path,
    mut take: impl FnMut(&ExportLine<'_>, &[u8]),
) -> Result<(), Gap> {
    let file = open_regular(path).map_err(|error| Gap::new(path, None, error))?;
    let unpacked = MultiGzDecoder::new(BufReader::new(file)).take(SIZE_LIMIT + LINE_LIMIT);
    let mut lines = BufReader::with_capacity(1 << 16, unpacked);
    let (mut line, mut size) = (Vec::new(), 0);
    for number in 1.. {
        line.clear();
        let read = (&mut lines).take(LINE_LIMIT).read_until(b'\n', &mut line);
        let read = read.map_err(|error| Gap::new(path, Some(number), error))? as u64;
        size += read;
        if read == 0 {
            break;
        }
        let fault = match serde_json::from_slice::<ExportLine<'_>>(&line) {
            _ if size > SIZE_LIMIT => "more than a day of one machine has".to_owned(),
            Ok(row) if row.machine.is_empty() => "it names no machine".to_owned(),
            Ok(row) if row.has_no_figure() => "its figure is missing".to_owned(),
            Ok(row) => {
                take(&row, &line);
                continue;
            }
            Err(error) => error.to_string(),
        };
        return Err(Gap::new(path, Some(number), fault));
    }
    Ok(())
}

pub(super) fn packed(text: &[u8]) -> Vec<u8> {
    let mut packer = GzEncoder::new(Vec::new(), Compression::default());
    // Writing to memory cannot fail.
    let _ = packer.write_all(text);
    packer.finish().unwrap_or_default()
}

/// A row of any kind. What rows of its kind do not have is empty, and what a newer whycap adds is not
/// read.
#[derive(Debug, Default, Deserialize)]
#[serde(default, bound(deserialize = "'de: 'l"))]
pub(super) struct ExportLine<'l> {
    #[serde(deserialize_with = "read_key")]
    pub(super) key: u64,
    pub(super) version: u64,
    #[serde(deserialize_with = "read_time")]
    pub(super) time: Millis,
    pub(super) person: Name<'l>,
    pub(super) machine: Name<'l>,
    pub(super) labels: LineLabels<'l>,
    pub(super) session: Name<'l>,
    pub(super) kind: Name<'l>,
    // Of spend.
    pub(super) project: Name<'l>,
    pub(super) branch: Name<'l>,
    pub(super) model: Name<'l>,
    pub(super) subagent: bool,
    pub(super) input: u64,
    pub(super) output: u64,
    pub(super) cache_read: u64,
    pub(super) cache_write_5m: u64,
    pub(super) cache_write_1h: u64,
    pub(super) web_searches: u64,
    pub(super) cost_pico: Option<i64>,
    pub(super) unpriced: bool,
    // Of limit errors.
    pub(super) verdict: Name<'l>,
    pub(super) blocked_s: Option<i64>,
    pub(super) ended: Name<'l>,
    // Of windows.
    pub(super) window: Name<'l>,
    pub(super) percent: Option<f64>,
}

/// Of what the user's configuration adds to each row, what we read.
#[derive(Debug, Default, Deserialize)]
#[serde(default, bound(deserialize = "'de: 'l"))]
pub(super) struct LineLabels<'l> {
    #[serde(borrow)]
    pub(super) team: Cow<'l, str>,
}

/// The longest branches are half of this; what is longer is damage.
const LONGEST_NAME: usize = 512;

/// A name in a row; not read if it is too long to be one.
#[derive(Debug, Clone, Default)]
pub(super) struct Name<'l>(Cow<'l, str>);

impl Deref for Name<'_> {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

impl<'de: 'l, 'l> Deserialize<'de> for Name<'l> {
    fn deserialize<D: Deserializer<'de>>(input: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        struct Text<'l>(#[serde(borrow)] Cow<'l, str>);
        let Text(name) = Text::deserialize(input)?;
        let named = (name.len() <= LONGEST_NAME).then_some(Self(name));
        named.ok_or_else(|| D::Error::custom("a name is too long"))
    }
}

/// As much of a name as may leave.
pub(super) fn cut_name(name: &str) -> &str {
    let mut ends = (0..=name.len().min(LONGEST_NAME)).rev();
    ends.find_map(|end| name.get(..end)).unwrap_or_default()
}

impl ExportLine<'_> {
    /// A row of every kind says how much.
    fn has_no_figure(&self) -> bool {
        self.cost_pico.is_none() && self.blocked_s.is_none() && self.percent.is_none()
    }
}

/// The form that every database reads without being told, in UTC.
const TIME_FORM: &str = "%Y-%m-%d %H:%M:%S";

/// A moment in that form.
pub(super) fn written(at: DateTime<Utc>) -> String {
    at.format(TIME_FORM).to_string()
}

fn read_time<'de, D: Deserializer<'de>>(input: D) -> Result<Millis, D::Error> {
    let read = NaiveDateTime::parse_from_str(&Name::deserialize(input)?, TIME_FORM);
    read.map(|at| at.and_utc().timestamp_millis())
        .map_err(D::Error::custom)
}

fn read_key<'de, D: Deserializer<'de>>(input: D) -> Result<u64, D::Error> {
    u64::from_str_radix(&Name::deserialize(input)?, 16).map_err(D::Error::custom)
}
