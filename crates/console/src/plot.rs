//! Small plots of the last hour and the last day: bars for the eyes, and the same in words, which a screen reader says in their
//! place.

use super::view::lasting;
use mw_store::console::Point;

const HEIGHT: f64 = 32.0;

/// What is drawn of a series.
#[derive(Clone, Copy)]
pub(super) enum Of {
    /// How often something was.
    Times,
    /// How long it took on average.
    Seconds,
}

/// A series, of the last hour and of the last day.
pub(super) struct Plot {
    pub(super) title: &'static str,
    pub(super) pictures: [Picture; 2],
}

pub(super) struct Picture {
    /// The width: one for each minute or hour.
    pub(super) width: u32,
    pub(super) bars: Vec<Bar>,
    pub(super) words: String,
}

/// Where a bar stands, and how high it is.
pub(super) struct Bar {
    pub(super) x: u32,
    pub(super) y: u32,
    pub(super) height: u32,
}

/// The plot of a series; of a provider's where one is named.
pub(super) fn plot(title: &'static str, of: Of, points: &[Point], name: &str, provider: &str) -> Plot {
    let own: Vec<&Point> = points.iter().filter(|point| point.name == name && point.provider == provider).collect();
    Plot { title, pictures: [picture(&own, of, 1, 60, "minute"), picture(&own, of, 60, 24, "hour")] }
}

fn picture(points: &[&Point], of: Of, minutes: u32, width: u32, unit: &str) -> Picture {
    let shown: Vec<&&Point> = points.iter().filter(|point| point.minutes == minutes && point.ago < width).collect();
    let most = shown.iter().map(|point| value(point, of)).fold(0.0, f64::max);
    let bar = |point: &&&Point| {
        let height = (value(point, of) / most.max(f64::MIN_POSITIVE) * HEIGHT).clamp(1.0, HEIGHT) as u32;
        Bar { x: width - 1 - point.ago, y: HEIGHT as u32 - height, height }
    };
    let bars = shown.iter().map(bar).collect();
    let span = if minutes == 1 { "Last hour" } else { "Last day" };
    let (count, sum) = shown.iter().fold((0, 0.0), |(count, sum), point| (count + point.count, sum + point.sum));
    let words = match of {
        _ if shown.is_empty() => format!("{span}: none"),
        Of::Times => format!("{span}: {sum}, at most {most} in {} {unit}", if unit == "hour" { "an" } else { "a" }),
        Of::Seconds => {
            let mean = lasting(sum / count as f64);
            format!(
                "{span}: {mean} on average of {count}, at most {} in {} {unit}",
                lasting(most),
                if unit == "hour" { "an" } else { "a" }
            )
        }
    };
    Picture { width, bars, words }
}

fn value(point: &Point, of: Of) -> f64 {
    match of {
        Of::Times => point.sum,
        Of::Seconds => point.sum / (point.count.max(1) as f64),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn point(minutes: u32, ago: u32, count: u64, sum: f64) -> Point {
        Point { minutes, ago, name: "answers".into(), provider: String::new(), count, sum }
    }

    #[test]
    fn a_plot_says_in_words_what_it_shows() {
        let points = [point(1, 59, 1, 4.0), point(1, 0, 4, 4.0), point(60, 23, 2, 4.0), point(60, 0, 5, 8.0)];
        let Plot { pictures: [hour, day], .. } = plot("Answers", Of::Seconds, &points, "answers", "");
        assert_eq!(hour.words, "Last hour: 1.6 s on average of 5, at most 4 s in a minute");
        let bars: Vec<_> = hour.bars.iter().map(|bar| (bar.x, bar.y, bar.height)).collect();
        assert_eq!(bars, [(0, 0, 32), (59, 24, 8)]);
        assert_eq!((day.width, day.bars.len()), (24, 2));
        let Plot { pictures: [hour, day], .. } = plot("Answers", Of::Times, &points, "answers", "");
        assert_eq!(hour.words, "Last hour: 8, at most 4 in a minute");
        assert_eq!(day.words, "Last day: 12, at most 8 in an hour");
        let Plot { pictures: [none, _], .. } = plot("Answers", Of::Times, &points, "answers", "other");
        assert_eq!((none.words.as_str(), none.bars.len()), ("Last hour: none", 0));
    }
}
