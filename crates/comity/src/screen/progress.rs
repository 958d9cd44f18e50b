//! A bar while something takes long.

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// A bar on stderr where somebody watches, nothing elsewhere. It goes when it is dropped.
#[derive(Debug)]
pub(crate) struct Progress(ProgressBar);

impl Progress {
    pub(super) fn new(what: &'static str, total: Option<u64>, watched: bool) -> Self {
        if !watched {
            return Self(ProgressBar::hidden());
        }
        let bar = match total {
            Some(total) => ProgressBar::new(total)
                .with_style(style("{msg} {bar:30} {human_pos} of {human_len}  {eta} left")),
            None => ProgressBar::new_spinner().with_style(style("{spinner} {msg} {human_pos}")),
        };
        bar.set_draw_target(ProgressDrawTarget::stderr_with_hz(10));
        bar.set_message(what);
        Self(bar)
    }

    /// So much is done.
    pub(crate) fn at(&self, done: u64) {
        self.0.set_position(done);
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}

fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_templates_are_understood() {
        for template in
            ["{msg} {bar:30} {human_pos} of {human_len}  {eta} left", "{spinner} {msg} {human_pos}"]
        {
            assert!(ProgressStyle::with_template(template).is_ok());
        }
    }
}
