//! Progress bars on standard error, and only where that is a terminal.

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::sim::{DecisionRecord, Exposed, Observer, Outcome, Sample};
use crate::units::SimDuration;

/// A bar of `length` steps; hidden off a terminal or where `quiet`.
pub fn bar(length: u64, unit: &str, quiet: bool) -> ProgressBar {
    let target = if quiet { ProgressDrawTarget::hidden() } else { ProgressDrawTarget::stderr() };
    let template = format!("{{bar:40}} {{pos}}/{{len}} {unit}, {{eta}} left");
    let style = ProgressStyle::with_template(&template).expect("the template is well formed");
    ProgressBar::with_draw_target(Some(length), target).with_style(style)
}

/// Shows how far a run is, and passes all on to the observer that keeps it.
pub struct Progress<'a, O: Observer> {
    inner: &'a mut O,
    bar: ProgressBar,
}

impl<O: Observer> Progress<'_, O> {
    pub fn new(inner: &mut O, duration: SimDuration, quiet: bool) -> Progress<'_, O> {
        let hours = duration.as_secs_f64() / 3600.0;
        Progress { inner, bar: bar(hours.ceil() as u64, "simulated hours", quiet) }
    }
}

impl<O: Observer> Observer for Progress<'_, O> {
    fn decision(&mut self, decision: &DecisionRecord<'_>) {
        self.inner.decision(decision);
    }

    fn sample(&mut self, sample: &Sample<'_>) {
        self.bar.set_position((sample.at.as_secs_f64() / 3600.0) as u64);
        self.inner.sample(sample);
    }

    fn scrape_interval(&self) -> Option<SimDuration> {
        self.inner.scrape_interval()
    }

    fn scrape(&mut self, exposed: &Exposed<'_>) {
        self.inner.scrape(exposed);
    }

    fn finished(&mut self, outcome: &Outcome) {
        self.bar.finish_and_clear();
        self.inner.finished(outcome);
    }

    fn wants_verbose_decisions(&self) -> bool {
        self.inner.wants_verbose_decisions()
    }
}
