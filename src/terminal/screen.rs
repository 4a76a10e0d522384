//! The whole terminal, for what is looked at while it changes: drawn in place, and left as it was.

#![expect(clippy::disallowed_methods, reason = "a second door, for Shown alone")]

use std::io::{self, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use crossterm::event::{self, Event, KeyCode, KeyEvent, KeyEventKind, KeyModifiers};
use crossterm::terminal::{self, Clear, ClearType, EnterAlternateScreen, LeaveAlternateScreen};
use crossterm::{cursor, queue};

use super::{Shown, is_seen_by_person};

/// The terminal's other page, with nothing echoed. Dropping it brings the first one back.
#[derive(Debug)]
pub(crate) struct Screen {
    shown: String,
    size: (usize, usize),
    /// Set when the process was stopped and goes on: what was drawn is gone.
    went_on: Arc<AtomicBool>,
}

/// Why a wait ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Woken {
    /// The time has passed.
    InTime,
    /// The terminal has another size, or nothing is on it any more.
    Resized,
    /// The reader wants to leave: q, Esc or Ctrl-C.
    Left,
}

/// How soon it is drawn anew after the process was stopped.
const SOON: Duration = Duration::from_millis(500);

impl Screen {
    /// None where standard output is no terminal.
    pub(crate) fn open() -> io::Result<Option<Self>> {
        if !is_seen_by_person() {
            return Ok(None);
        }
        #[cfg(unix)]
        let went_on = super::watchman::watch(give_back, take)?;
        // Elsewhere signals neither end nor stop a process.
        #[cfg(not(unix))]
        let went_on = Arc::default();
        // From here on, whatever fails, it is given back.
        let screen = Self {
            shown: String::new(),
            size: (0, 0),
            went_on,
        };
        let before = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            give_back();
            before(panic);
        }));
        take()?;
        Ok(Some(screen))
    }

    /// Columns and rows.
    pub(crate) fn size() -> (usize, usize) {
        terminal::size().map_or((80, 24), |(columns, rows)| (columns.into(), rows.into()))
    }

    /// Shows `text`, whose lines fit the width, as far as its lines fit the height. What has not
    /// changed is not written.
    pub(crate) fn draw(&mut self, shown: &Shown) -> io::Result<()> {
        let (size, text) = (Self::size(), shown.as_str());
        if self.shown == text && self.size == size {
            return Ok(());
        }
        let mut out = io::stdout().lock();
        queue!(out, terminal::BeginSynchronizedUpdate, cursor::MoveTo(0, 0))?;
        for (index, line) in text.lines().take(size.1).enumerate() {
            if index > 0 {
                out.write_all(b"\r\n")?;
            }
            out.write_all(line.as_bytes())?;
            queue!(out, Clear(ClearType::UntilNewLine))?;
        }
        queue!(out, Clear(ClearType::FromCursorDown))?;
        queue!(out, terminal::EndSynchronizedUpdate)?;
        out.flush()?;
        text.clone_into(&mut self.shown);
        self.size = size;
        Ok(())
    }

    /// Waits until something happens, no longer than this.
    pub(crate) fn wait(&mut self, limit: Duration) -> io::Result<Woken> {
        let begun = Instant::now();
        loop {
            let left = limit.saturating_sub(begun.elapsed());
            if self.went_on.swap(false, Ordering::Relaxed) {
                self.shown.clear();
                return Ok(Woken::Resized);
            }
            if left.is_zero() {
                return Ok(Woken::InTime);
            }
            if event::poll(left.min(SOON))? {
                match event::read()? {
                    Event::Key(key) if key.kind == KeyEventKind::Release => {}
                    Event::Key(key) if leaves(key) => return Ok(Woken::Left),
                    #[cfg(unix)]
                    Event::Key(key) if is_with_control(key, 'z') => super::watchman::stop(),
                    Event::Resize(..) => return Ok(Woken::Resized),
                    _ => {}
                }
            }
        }
    }
}

fn leaves(key: KeyEvent) -> bool {
    matches!(key.code, KeyCode::Esc | KeyCode::Char('q' | 'Q'))
        || is_with_control(key, 'c')
        || is_with_control(key, 'd')
}

fn is_with_control(key: KeyEvent, letter: char) -> bool {
    key.code == KeyCode::Char(letter) && key.modifiers.contains(KeyModifiers::CONTROL)
}

impl Drop for Screen {
    fn drop(&mut self) {
        give_back();
    }
}

fn take() -> io::Result<()> {
    terminal::enable_raw_mode()?;
    let mut out = io::stdout().lock();
    queue!(out, EnterAlternateScreen, cursor::Hide)?;
    queue!(out, Clear(ClearType::All))?;
    out.flush()
}

/// If the terminal is gone, there is nothing to give back.
fn give_back() {
    let _ = terminal::disable_raw_mode();
    let mut out = io::stdout().lock();
    let _ = queue!(out, cursor::Show, LeaveAlternateScreen);
    let _ = out.flush();
}
