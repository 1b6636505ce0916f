//! [`Spans`]: from when to when something was so, several times.

use super::line::Millis;

/// From and to, both included. They may overlap.
#[derive(Clone, Debug, Default)]
pub(crate) struct Spans(Vec<(Millis, Millis)>);

impl Spans {
    pub(crate) fn push(&mut self, from: Millis, to: Millis) {
        self.0.push((from, to));
    }

    /// Whether it was so at any time from `from` to `to`.
    pub(crate) fn touch(&self, from: Millis, to: Millis) -> bool {
        self.0.iter().any(|&(begun, ended)| begun <= to && from <= ended)
    }

    /// These and those.
    pub(crate) fn and(mut self, others: &Self) -> Self {
        self.0.extend(&others.0);
        self
    }

    /// How long it was not so, from `from` to `to`.
    pub(crate) fn gaps(&self, from: Millis, to: Millis) -> Millis {
        let mut spans = self.0.clone();
        spans.sort_unstable();
        let (mut free, mut covered_to) = (0, from);
        for (begun, ended) in spans {
            free += (begun.min(to) - covered_to).max(0);
            covered_to = covered_to.max(ended);
        }
        free + (to - covered_to).max(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spans(all: &[(Millis, Millis)]) -> Spans {
        Spans(all.to_vec())
    }

    #[test]
    fn ends_are_included() {
        let spans = spans(&[(10, 20)]);
        assert_eq!(
            [(0, 9), (0, 10), (20, 30), (21, 30)].map(|(from, to)| spans.touch(from, to)),
            [false, true, true, false]
        );
    }

    #[test]
    fn gaps_are_what_no_span_covers() {
        assert_eq!(spans(&[]).gaps(10, 30), 20);
        assert_eq!(spans(&[(0, 15), (20, 40)]).gaps(10, 30), 5);
        assert_eq!(spans(&[(20, 40), (12, 18), (14, 16), (17, 22)]).gaps(10, 50), 2 + 10);
        assert_eq!(spans(&[(0, 100)]).gaps(10, 30), 0);
        assert_eq!(spans(&[(40, 50)]).gaps(10, 30), 20);
        assert_eq!(spans(&[]).gaps(30, 10), 0);
    }
}
