//! [`Dice`]: chance that comes from a seed, so that the same choices can be asked for again.

use std::time::Duration;

/// SplitMix64: good enough to choose what goes wrong next.
#[derive(Clone, Debug)]
pub(crate) struct Dice(u64);

impl Dice {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// A number below `bound`, which is not zero.
    pub(crate) fn below(&mut self, bound: usize) -> usize {
        (self.roll() % bound.max(1) as u64) as usize
    }

    /// A time of at least `from` and less than `to` milliseconds.
    pub(crate) fn millis(&mut self, from: u64, to: u64) -> Duration {
        Duration::from_millis(from + self.roll() % (to - from).max(1))
    }

    /// One of `choices`, each as likely as its weight says.
    pub(crate) fn weighed<T: Copy>(&mut self, choices: &[(usize, T)]) -> Option<T> {
        let mut left = self.below(choices.iter().map(|(weight, _)| weight).sum());
        choices.iter().find_map(|&(weight, choice)| match left.checked_sub(weight) {
            None => Some(choice),
            Some(rest) => {
                left = rest;
                None
            }
        })
    }

    fn roll(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_always_rolls_the_same() {
        let rolls = |seed| {
            let mut dice = Dice::new(seed);
            (0..100).map(|_| dice.below(1000)).collect::<Vec<_>>()
        };
        assert_eq!(rolls(7), rolls(7));
        assert_ne!(rolls(7), rolls(8));
    }

    #[test]
    fn choices_come_as_often_as_they_weigh() {
        let mut dice = Dice::new(1);
        let rolled: Vec<_> = (0..4000).filter_map(|_| dice.weighed(&[(3, 'a'), (0, 'b'), (1, 'c')])).collect();
        let count = |wanted| rolled.iter().filter(|&&choice| choice == wanted).count();
        assert_eq!((rolled.len(), count('b')), (4000, 0));
        assert!((2800..3200).contains(&count('a')), "{}", count('a'));
    }
}
