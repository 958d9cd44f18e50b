//! Says when something is wrong with the system's clock, once each time.

use super::Shell;
use crate::engine::Alarm;

impl Shell {
    pub(super) fn watch_clock(&mut self) {
        let problem = self.clock.look().problem;
        let code = problem.map(|problem| problem.code());
        if self.clock_said == code {
            return;
        }
        self.clock_said = code;
        match problem {
            Some(problem) => {
                let text = format!("{problem}; {}", problem.next());
                self.alarm(Alarm { partner: None, code: problem.code(), text });
            }
            None => tracing::info!("the node goes by the system's clock"),
        }
    }
}
