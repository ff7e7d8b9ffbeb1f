//! Small plots in one line of text.

use super::text::Look;

const BLOCKS: [char; 8] =
    ['\u{2581}', '\u{2582}', '\u{2583}', '\u{2584}', '\u{2585}', '\u{2586}', '\u{2587}', '\u{2588}'];
/// For a locale that has no blocks, each a little more ink than the one before.
const ASCII: [char; 8] = ['_', '.', ':', '-', '=', '+', '*', '#'];

/// A column for each value, as high as it is; a gap where there is none. Nothing stands on the ground alone, and whatever
/// is more than nothing above it.
pub(super) fn sparkline(values: &[Option<u64>], look: &Look) -> String {
    let levels = if look.ascii { ASCII } else { BLOCKS };
    let most = values.iter().flatten().copied().max().unwrap_or(0).max(1);
    let steps = levels.len() as u64 - 1;
    let level = |value: u64| match value {
        0 => 0,
        value => 1 + (u128::from(value) * u128::from(steps - 1) / u128::from(most)) as usize,
    };
    values.iter().map(|value| value.map_or(' ', |value| levels[level(value)])).collect()
}

/// A bar that is as long, of at most `width` columns, as its value is of the most; whatever is more than nothing is seen.
pub(super) fn bar(value: u64, most: u64, width: usize, look: &Look) -> String {
    const EIGHTHS: [char; 7] = ['\u{258f}', '\u{258e}', '\u{258d}', '\u{258c}', '\u{258b}', '\u{258a}', '\u{2589}'];
    let steps = if look.ascii { 1 } else { 8 };
    let all = u128::from(value) * (width * steps) as u128 / u128::from(most.max(1));
    let length = usize::try_from(all).unwrap_or(0).clamp(usize::from(value > 0), width * steps);
    let full = if look.ascii { '#' } else { '\u{2588}' };
    let part = (length % steps).checked_sub(1).map(|eighth| EIGHTHS[eighth]);
    std::iter::repeat_n(full, length / steps).chain(part).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn look(ascii: bool) -> Look {
        Look { width: None, colour: false, verbose: false, ascii, now: 0, local: |_| None }
    }

    #[test]
    fn columns_grow_with_their_values() {
        let values = [Some(0), Some(1), Some(50), Some(99), Some(100), None, Some(0)];
        assert_eq!(sparkline(&values, &look(true)), "_.=*# _");
        assert_eq!(sparkline(&values, &look(false)), "\u{2581}\u{2582}\u{2585}\u{2587}\u{2588} \u{2581}");
        assert_eq!(sparkline(&[Some(0), Some(0)], &look(true)), "__");
        assert_eq!(sparkline(&[Some(u64::MAX), Some(1)], &look(true)), "#.");
        assert_eq!(sparkline(&[], &look(true)), "");
    }

    #[test]
    fn bars_are_as_long_as_their_values() {
        let bars = |ascii: bool| [0, 1, 50, 99, 100].map(|value| bar(value, 100, 4, &look(ascii)));
        assert_eq!(bars(true), ["", "#", "##", "###", "####"]);
        assert_eq!(
            bars(false),
            [
                "",
                "\u{258f}",
                "\u{2588}\u{2588}",
                "\u{2588}\u{2588}\u{2588}\u{2589}",
                "\u{2588}\u{2588}\u{2588}\u{2588}"
            ]
        );
        assert_eq!(bar(7, 0, 4, &look(true)), "####", "more than the most is no more than the most");
        assert_eq!(bar(u64::MAX, u64::MAX, 3, &look(true)), "###");
    }
}
