//! The full-screen mode of `now --watch`.

#![expect(
    clippy::disallowed_methods,
    reason = "this module writes only values of type Shown to standard output"
)]

use std::io::{self, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use crossterm::event::{self, Event, KeyCode, KeyEvent, KeyEventKind, KeyModifiers};
use crossterm::terminal::{self, Clear, ClearType, EnterAlternateScreen, LeaveAlternateScreen};
use crossterm::{cursor, queue};

use super::{Shown, is_stdout_terminal};

/// The alternate screen of the terminal, with echo turned off. The terminal is restored when this value is dropped.
#[derive(Debug)]
pub(crate) struct Screen {
    /// The text that is currently displayed.
    text: String,
    size: ScreenSize,
    /// Set when a suspended process has been resumed and the screen must be redrawn.
    has_continued: Arc<AtomicBool>,
}

/// The size of the terminal.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct ScreenSize {
    pub(crate) columns: usize,
    pub(crate) rows: usize,
}

/// The reason why a wait has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum WakeReason {
    /// The timeout expired.
    TimedOut,
    /// The screen must be redrawn because the terminal was resized or cleared.
    Resized,
    /// The user pressed `q`, Esc, Ctrl-C, or Ctrl-D.
    Quit,
}

/// The maximum delay before a resumed process redraws the screen.
const CONTINUE_CHECK: Duration = Duration::from_millis(500);

impl Screen {
    /// Switches to the alternate screen. Returns `None` if standard output is not a terminal.
    pub(crate) fn open() -> io::Result<Option<Self>> {
        if !is_stdout_terminal() {
            return Ok(None);
        }
        #[cfg(unix)]
        let has_continued = super::restore_on_signal::install(restore, take_over)?;
        // Other systems have no signals that terminate or suspend the process.
        #[cfg(not(unix))]
        let has_continued = Arc::default();

        // From here on, a failure drops `screen`, which restores the terminal.
        let screen = Self {
            text: String::new(),
            size: ScreenSize::default(),
            has_continued,
        };
        let previous_hook = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            restore();
            previous_hook(panic);
        }));
        take_over()?;
        Ok(Some(screen))
    }

    /// Returns the size of the terminal, or 80 × 24 if it is unknown.
    pub(crate) fn size() -> ScreenSize {
        let (columns, rows) = terminal::size().unwrap_or((80, 24));
        ScreenSize {
            columns: columns.into(),
            rows: rows.into(),
        }
    }

    /// Draws text that is no wider than the screen. Lines that do not fit at the bottom are left out. If neither the
    /// text nor the size has changed, does nothing.
    pub(crate) fn draw(&mut self, shown: &Shown) -> io::Result<()> {
        let size = Self::size();
        let text = shown.as_str();
        if self.text == text && self.size == size {
            return Ok(());
        }

        let mut stdout = io::stdout().lock();
        queue!(
            stdout,
            terminal::BeginSynchronizedUpdate,
            cursor::MoveTo(0, 0)
        )?;
        for (row, line) in text.lines().take(size.rows).enumerate() {
            if row > 0 {
                stdout.write_all(b"\r\n")?;
            }
            stdout.write_all(line.as_bytes())?;
            queue!(stdout, Clear(ClearType::UntilNewLine))?;
        }
        queue!(
            stdout,
            Clear(ClearType::FromCursorDown),
            terminal::EndSynchronizedUpdate
        )?;
        stdout.flush()?;

        text.clone_into(&mut self.text);
        self.size = size;
        Ok(())
    }

    /// Waits until a key is pressed or the size changes, but no longer than `timeout`.
    pub(crate) fn wait(&mut self, timeout: Duration) -> io::Result<WakeReason> {
        let start = Instant::now();
        loop {
            if self.has_continued.swap(false, Ordering::Relaxed) {
                self.text.clear();
                return Ok(WakeReason::Resized);
            }
            let remaining = timeout.saturating_sub(start.elapsed());
            if remaining.is_zero() {
                return Ok(WakeReason::TimedOut);
            }
            if !event::poll(remaining.min(CONTINUE_CHECK))? {
                continue;
            }
            match event::read()? {
                Event::Key(key) if key.kind == KeyEventKind::Release => {}
                Event::Key(key) if is_quit(key) => return Ok(WakeReason::Quit),
                #[cfg(unix)]
                Event::Key(key) if is_control(key, 'z') => super::restore_on_signal::suspend(),
                Event::Resize(..) => return Ok(WakeReason::Resized),
                _ => {}
            }
        }
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        restore();
    }
}

fn is_quit(key: KeyEvent) -> bool {
    matches!(key.code, KeyCode::Esc | KeyCode::Char('q' | 'Q'))
        || is_control(key, 'c')
        || is_control(key, 'd')
}

fn is_control(key: KeyEvent, letter: char) -> bool {
    key.code == KeyCode::Char(letter) && key.modifiers.contains(KeyModifiers::CONTROL)
}

/// Switches the terminal to the alternate screen, and turns off echo and the cursor.
fn take_over() -> io::Result<()> {
    terminal::enable_raw_mode()?;
    let mut stdout = io::stdout().lock();
    queue!(
        stdout,
        EnterAlternateScreen,
        cursor::Hide,
        Clear(ClearType::All)
    )?;
    stdout.flush()
}

/// Restores the terminal. Errors are ignored because they mean that it has been closed.
fn restore() {
    let _ = terminal::disable_raw_mode();
    let mut stdout = io::stdout().lock();
    let _ = queue!(stdout, cursor::Show, LeaveAlternateScreen);
    let _ = stdout.flush();
}
