//! Progress bars, on a terminal only, and only once something takes long enough to wonder about.

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use otto_catalog::progress::Progress;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Work that is over sooner shows nothing.
const PATIENCE: Duration = Duration::from_millis(300);

/// Draws the library's long work on stderr.
pub(crate) struct Bars {
    shown: bool,
    ascii: bool,
    stretch: Mutex<Option<Stretch>>,
}

struct Stretch {
    what: &'static str,
    items: Option<u64>,
    done: u64,
    since: Instant,
    bar: Option<ProgressBar>,
}

impl Bars {
    /// Bars that are drawn, or not, with no more than ASCII or with more.
    pub(crate) fn new(shown: bool, ascii: bool) -> Self {
        Self { shown, ascii, stretch: Mutex::new(None) }
    }
}

impl Progress for Bars {
    fn begin(&self, what: &'static str, items: Option<u64>) {
        if self.shown {
            let stretch = Stretch { what, items, done: 0, since: Instant::now(), bar: None };
            *self.stretch.lock().unwrap_or_else(PoisonError::into_inner) = Some(stretch);
        }
    }

    fn advance(&self, items: u64) {
        if !self.shown {
            return;
        }
        let mut stretch = self.stretch.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(stretch) = stretch.as_mut() else { return };
        stretch.done += items;
        match &stretch.bar {
            Some(bar) => bar.inc(items),
            None if stretch.since.elapsed() >= PATIENCE => stretch.bar = Some(draw(stretch, self.ascii)),
            None => {}
        }
    }

    fn end(&self) {
        let stretch = self.stretch.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(bar) = stretch.and_then(|stretch| stretch.bar) {
            bar.finish_and_clear();
        }
    }
}

fn draw(stretch: &Stretch, ascii: bool) -> ProgressBar {
    let target = ProgressDrawTarget::stderr();
    let bar = match stretch.items {
        Some(items) => ProgressBar::with_draw_target(Some(items), target),
        None => ProgressBar::with_draw_target(None, target),
    };
    let template = match stretch.items {
        Some(_) => "{msg} {wide_bar} {pos}/{len} {eta}",
        None => "{spinner} {msg} {pos}",
    };
    if let Ok(style) = ProgressStyle::with_template(template) {
        bar.set_style(if ascii { style.progress_chars("#> ").tick_chars("-\\|/ ") } else { style });
    }
    // When unlinking begins, the decision is made: whoever lists now does not see these runs any more.
    bar.set_message(if stretch.what == "deleting" { "out of sight; deleting" } else { stretch.what });
    bar.set_position(stretch.done);
    bar
}
