//! Figures that may be compared: those of one group.

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::time::Duration;

use super::criterion::Figure;

/// The function that the others of its group are divided by.
const FLOOR: &str = "floor";

/// The function whose threads share nothing: each has a manager of its own.
pub(super) const APART: &str = "apart";

/// Figures of one group that lie further apart were not measured in one run.
const LONGEST_RUN: Duration = Duration::from_secs(30 * 60);

/// The figures of one group: the floor first, then from the fastest to the slowest.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Group {
    /// Such as `header/2`.
    pub(super) name: String,
    /// At least one.
    pub(super) figures: Vec<Figure>,
}

impl Group {
    /// What the group is about: its name up to the first slash.
    pub(super) fn family(&self) -> &str {
        self.name.split('/').next().unwrap_or_default()
    }

    /// Which one of its family it is: the rest of its name, possibly empty.
    pub(super) fn case(&self) -> &str {
        self.name.split_once('/').map_or("", |(_, case)| case)
    }

    /// The least that the same answer takes.
    pub(super) fn floor(&self) -> Option<&Figure> {
        self.figure(FLOOR)
    }

    /// The figure of `function`.
    pub(super) fn figure(&self, function: &str) -> Option<&Figure> {
        self.figures.iter().find(|figure| figure.function == function)
    }

    /// How many times the floor `figure` takes, if both were measured in one run.
    pub(super) fn ratio(&self, figure: &Figure) -> Option<f64> {
        times(figure, self.floor()?)
    }

    /// How many times what the same threads take that share nothing, if that was measured in one run.
    pub(super) fn ratio_to_apart(&self, figure: &Figure) -> Option<f64> {
        times(figure, self.figure(APART)?)
    }
}

/// How many times `other` a figure takes, if both were measured in one run.
pub(super) fn times(figure: &Figure, other: &Figure) -> Option<f64> {
    let between = figure.at.duration_since(other.at).unwrap_or_else(|earlier| earlier.duration());
    (between <= LONGEST_RUN).then_some(figure.time / other.time)
}

/// Whether a figure is its group's floor.
pub(super) fn is_floor(figure: &Figure) -> bool {
    figure.function == FLOOR
}

/// The figures by their groups, in natural order: 2 comes before 10.
pub(super) fn by_name(figures: Vec<Figure>) -> Vec<Group> {
    let mut groups: BTreeMap<Vec<Word>, Group> = BTreeMap::new();
    for figure in figures {
        let new = Group { name: figure.group.clone(), figures: Vec::new() };
        groups.entry(natural(&figure.group)).or_insert(new).figures.push(figure);
    }
    let mut groups: Vec<Group> = groups.into_values().collect();
    groups.iter_mut().for_each(|group| group.figures.sort_by(floor_first));
    groups
}

fn floor_first(one: &Figure, other: &Figure) -> Ordering {
    is_floor(other).cmp(&is_floor(one)).then(one.time.total_cmp(&other.time))
}

#[derive(Debug, Eq, Ord, PartialEq, PartialOrd)]
enum Word {
    Number(u64),
    Text(String),
}

fn natural(name: &str) -> Vec<Word> {
    name.split('/').map(|word| word.parse().map_or_else(|_| Word::Text(word.to_owned()), Word::Number)).collect()
}

#[cfg(test)]
pub(super) mod tests {
    use std::time::SystemTime;

    use super::*;

    /// A figure that was measured at the epoch.
    pub(in super::super) fn figure(group: &str, function: &str, time: f64) -> Figure {
        Figure {
            group: group.to_owned(),
            function: function.to_owned(),
            time,
            interval: (time * 0.9, time * 1.1),
            at: SystemTime::UNIX_EPOCH,
        }
    }

    #[test]
    fn groups_come_in_natural_order_with_their_floor_first() {
        let groups = by_name(vec![
            figure("header/10", "slow", 30.0),
            figure("header/10", "fast", 10.0),
            figure("header/10", "floor", 20.0),
            figure("header/2", "fast", 10.0),
            figure("by_id/1000/hot", "fast", 10.0),
        ]);
        assert_eq!(
            groups.iter().map(|group| group.name.as_str()).collect::<Vec<_>>(),
            ["by_id/1000/hot", "header/2", "header/10"]
        );
        let functions: Vec<&str> = groups[2].figures.iter().map(|figure| figure.function.as_str()).collect();
        assert_eq!(functions, ["floor", "fast", "slow"]);
        assert_eq!((groups[0].family(), groups[0].case()), ("by_id", "1000/hot"));
    }

    #[test]
    fn a_ratio_is_a_figure_divided_by_the_floor_of_its_group() {
        let group = by_name(vec![figure("check/1", "floor", 4.0), figure("check/1", "is_fresh", 5.0)]).remove(0);
        assert_eq!(group.ratio(&group.figures[1]), Some(1.25));
        let group = by_name(vec![figure("check/1", "is_fresh", 5.0)]).remove(0);
        assert_eq!(group.ratio(&group.figures[0]), None);
    }

    #[test]
    fn threads_that_share_are_compared_with_threads_that_do_not() {
        let group = by_name(vec![figure("check/2", "apart", 4.0), figure("check/2", "is_fresh", 5.0)]).remove(0);
        assert_eq!(group.ratio_to_apart(group.figure("is_fresh").unwrap()), Some(1.25));
        assert_eq!(group.ratio(group.figure("is_fresh").unwrap()), None);
    }

    #[test]
    fn figures_of_different_runs_are_not_divided() {
        let mut late = figure("check/1", "is_fresh", 5.0);
        late.at += LONGEST_RUN + Duration::from_secs(1);
        let group = by_name(vec![figure("check/1", "floor", 4.0), late]).remove(0);
        assert_eq!(group.ratio(&group.figures[1]), None);
        let mut early = figure("check/1", "floor", 4.0);
        early.at += LONGEST_RUN + Duration::from_secs(1);
        let group = by_name(vec![early, figure("check/1", "is_fresh", 5.0)]).remove(0);
        assert_eq!(group.ratio(&group.figures[1]), None);
    }
}
