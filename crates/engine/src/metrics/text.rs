//! The exposition format of Prometheus, version 0.0.4: one family after the other, each with its help and its kind.

use std::fmt::Write as _;

use super::instruments::Histogram;
use super::names::Metric;

/// A page under way. Families are written whole, one after the other.
#[derive(Debug, Default)]
pub struct Page {
    text: String,
}

impl Page {
    /// A family with all its samples, each with the values of the labels in their order.
    pub fn family<'a, L: AsRef<[&'a str]>>(
        &mut self,
        metric: Metric,
        samples: impl IntoIterator<Item = (L, f64)>,
    ) {
        self.head(metric);
        for (labels, value) in samples {
            let labels = labels.as_ref();
            debug_assert_eq!(labels.len(), metric.labels().len(), "{}", metric.name());
            self.sample(metric.name(), metric.labels().iter().copied().zip(labels.iter().copied()), value);
        }
    }

    /// A family of one sample without labels.
    pub fn single(&mut self, metric: Metric, value: f64) {
        self.family(metric, [([], value)]);
    }

    pub(super) fn histogram(&mut self, metric: Metric, histogram: &Histogram) {
        self.head(metric);
        let (steps, count, sum) = histogram.read();
        let bucket = format!("{}_bucket", metric.name());
        for (bound, below) in steps {
            let bound = bound.to_string();
            self.sample(&bucket, [("le", bound.as_str())].into_iter(), below as f64);
        }
        self.sample(&bucket, [("le", "+Inf")].into_iter(), count as f64);
        self.sample(&format!("{}_sum", metric.name()), std::iter::empty(), sum);
        self.sample(&format!("{}_count", metric.name()), std::iter::empty(), count as f64);
    }

    /// All of it.
    #[must_use]
    pub fn into_text(self) -> String {
        self.text
    }

    fn head(&mut self, metric: Metric) {
        let (name, help, kind) = (metric.name(), metric.help(), metric.kind().word());
        let _never_fails = writeln!(self.text, "# HELP {name} {help}\n# TYPE {name} {kind}");
    }

    fn sample<'a>(&mut self, name: &str, labels: impl Iterator<Item = (&'a str, &'a str)>, value: f64) {
        self.text.push_str(name);
        let mut opened = false;
        for (label, value) in labels {
            self.text.push_str(if opened { "," } else { "{" });
            opened = true;
            let value = value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
            let _never_fails = write!(self.text, "{label}=\"{value}\"");
        }
        let _never_fails = writeln!(self.text, "{} {value}", if opened { "}" } else { "" });
    }
}
