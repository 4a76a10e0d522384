//! The whole terminal, for what is looked at while it changes: drawn in place, and left as it was.

#![expect(
    clippy::disallowed_methods,
    reason = "a second door: a screen is drawn in place; only what may be printed is drawn"
)]

use std::io::{self, Write};
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
    signals: Signals,
}

/// Why a wait ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Woken {
    /// The time has passed.
    InTime,
    /// The terminal has another size.
    Resized,
    /// The reader wants to leave: q, Esc, Ctrl-C, or a signal.
    Left,
}

/// How soon a signal is noticed.
const SOON: Duration = Duration::from_millis(500);

impl Screen {
    /// None where standard output is no terminal.
    pub(crate) fn open() -> io::Result<Option<Self>> {
        if !is_seen_by_person() {
            return Ok(None);
        }
        let signals = Signals::watch()?;
        terminal::enable_raw_mode()?;
        // From here on, whatever fails, it is brought back.
        let screen = Self {
            shown: String::new(),
            size: (0, 0),
            signals,
        };
        let before = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            bring_back();
            before(panic);
        }));
        let mut out = io::stdout().lock();
        queue!(
            out,
            EnterAlternateScreen,
            cursor::Hide,
            Clear(ClearType::All)
        )?;
        out.flush()?;
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
        queue!(
            out,
            Clear(ClearType::FromCursorDown),
            terminal::EndSynchronizedUpdate
        )?;
        out.flush()?;
        text.clone_into(&mut self.shown);
        self.size = size;
        Ok(())
    }

    /// Waits until something happens, no longer than this.
    pub(crate) fn wait(&self, limit: Duration) -> io::Result<Woken> {
        let end = Instant::now() + limit;
        loop {
            let left = end.saturating_duration_since(Instant::now());
            if self.signals.came() {
                return Ok(Woken::Left);
            }
            if left.is_zero() {
                return Ok(Woken::InTime);
            }
            if event::poll(left.min(SOON))? {
                match event::read()? {
                    Event::Key(key) if leaves(key) => return Ok(Woken::Left),
                    Event::Resize(..) => return Ok(Woken::Resized),
                    _ => {}
                }
            }
        }
    }
}

fn leaves(key: KeyEvent) -> bool {
    let control = key.modifiers.contains(KeyModifiers::CONTROL);
    key.kind != KeyEventKind::Release
        && match key.code {
            KeyCode::Esc | KeyCode::Char('q' | 'Q') => true,
            KeyCode::Char('c' | 'd') => control,
            _ => false,
        }
}

impl Drop for Screen {
    fn drop(&mut self) {
        bring_back();
    }
}

/// If the terminal is gone, there is nothing to bring back.
fn bring_back() {
    let mut out = io::stdout().lock();
    let _ = queue!(out, cursor::Show, LeaveAlternateScreen);
    let _ = out.flush();
    let _ = terminal::disable_raw_mode();
}

/// Signals that end a process, which would leave the terminal as it is.
#[derive(Debug)]
struct Signals(std::sync::Arc<std::sync::atomic::AtomicBool>);

impl Signals {
    #[cfg_attr(
        not(unix),
        expect(clippy::unnecessary_wraps, reason = "it may fail elsewhere")
    )]
    fn watch() -> io::Result<Self> {
        let came = Self(std::sync::Arc::default());
        #[cfg(unix)]
        for signal in [
            signal_hook::consts::SIGTERM,
            signal_hook::consts::SIGHUP,
            signal_hook::consts::SIGINT,
        ] {
            signal_hook::flag::register(signal, std::sync::Arc::clone(&came.0))?;
        }
        Ok(came)
    }

    fn came(&self) -> bool {
        self.0.load(std::sync::atomic::Ordering::Relaxed)
    }
}
