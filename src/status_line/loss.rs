//! Defines how much information is lost when a segment switches to a shorter form or is dropped.
//!
//! If a row is too wide, the form with the smallest loss goes first. The constants are therefore listed in the order in
//! which a narrow terminal gives up information. If a loss depends on a percentage, it has three values: for a low
//! percentage, for one that is worth a look, and for one that is nearly 100.

pub(super) const PACE_IF_WINDOW_LASTS: u32 = 5;
pub(super) const AGE_OF_USAGE_PAGE: u32 = 12;
pub(super) const PACE: u32 = 15;
pub(super) const WINDOWS_WITH_DISTANCES: u32 = 20;
pub(super) const WINDOWS_WITH_ONE_DISTANCE: u32 = 22;
pub(super) const DIRECTORY: u32 = 24;
pub(super) const DIRECTORY_WITH_PARENT: u32 = 25;
pub(super) const BRANCH: u32 = 26;
pub(super) const WINDOWS_WITH_TIMES: u32 = 32;
pub(super) const WINDOWS_WITH_ONE_TIME: u32 = 33;
pub(super) const USAGE_PAGE: [u32; 3] = [34, 56, 66];
pub(super) const WINDOWS_WITH_MAIN_TIME: u32 = 34;
pub(super) const CONTEXT: [u32; 3] = [35, 57, 70];
pub(super) const MODEL: u32 = 40;
pub(super) const SHORT_DIRECTORY: u32 = 43;
pub(super) const SHORT_BRANCH: u32 = 44;
/// The fuller the window, the longer its reset stays on the line.
pub(super) const WINDOWS_WITH_SIGN: [u32; 3] = [55, 79, 80];
pub(super) const SHARE_OF_BUDGET: u32 = 58;
pub(super) const TODAY: u32 = 60;
/// The forecast stays longer than the spend because it is the only warning before a limit stops the work.
pub(super) const SHORT_PACE: u32 = 62;
/// If a window is nearly full, all windows stay longer than the spend.
pub(super) const WINDOWS: [u32; 3] = [75, 75, 100];
/// The session's spend is one of the last figures to be dropped.
pub(super) const SESSION: u32 = 85;
pub(super) const SESSION_WITHOUT_LABEL: u32 = 90;
/// The percentage that can stop the work is dropped last.
pub(super) const FULLEST_WINDOW: [u32; 3] = [95, 95, 105];
