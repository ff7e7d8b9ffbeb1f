//! A squarified treemap: areas as large as their values, as near to squares as they can be.
//!
//! Values are laid in rows along the shorter side of what is left; a row takes another value for as long as its worst
//! rectangle gets no longer for it (Bruls, Huizing and van Wijk, 2000).

/// A rectangle, in parts of the whole from 0 to 1.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Area {
    pub(super) left: f64,
    pub(super) top: f64,
    pub(super) width: f64,
    pub(super) height: f64,
}

/// The rectangles of some values, which stand largest first, on a sheet that is `aspect` times as wide as it is high.
/// Values of nothing have none.
pub(super) fn squarified(values: &[u64], aspect: f64) -> Vec<Area> {
    let values: Vec<f64> = values.iter().take_while(|value| **value > 0).map(|value| *value as f64).collect();
    let all: f64 = values.iter().sum();
    let mut left = Area { left: 0.0, top: 0.0, width: aspect, height: 1.0 };
    let mut areas = Vec::with_capacity(values.len());
    let mut rest: &[f64] = &values;
    while !rest.is_empty() {
        let side = left.width.min(left.height);
        let scale = aspect / all;
        let mut taken = 1;
        while taken < rest.len() && worst(&rest[..=taken], side, scale) <= worst(&rest[..taken], side, scale) {
            taken += 1;
        }
        let (row, others) = rest.split_at(taken);
        lay(row, &mut left, scale, &mut areas);
        rest = others;
    }
    for area in &mut areas {
        area.left /= aspect;
        area.width /= aspect;
    }
    areas
}

/// How much longer than wide the worst rectangle of a row is.
fn worst(row: &[f64], side: f64, scale: f64) -> f64 {
    let sum: f64 = row.iter().sum::<f64>() * scale;
    let depth = sum / side;
    let longer = |value: &f64| {
        let length = value * scale / depth;
        (length / depth).max(depth / length)
    };
    row.iter().map(longer).fold(0.0, f64::max)
}

/// Lays a row along the shorter side of what is left, and takes it away from that.
fn lay(row: &[f64], left: &mut Area, scale: f64, areas: &mut Vec<Area>) {
    let sum: f64 = row.iter().sum::<f64>() * scale;
    if left.width >= left.height {
        let depth = sum / left.height;
        let mut top = left.top;
        for value in row {
            let height = value * scale / depth;
            areas.push(Area { left: left.left, top, width: depth, height });
            top += height;
        }
        left.left += depth;
        left.width = (left.width - depth).max(f64::MIN_POSITIVE);
    } else {
        let depth = sum / left.width;
        let mut at = left.left;
        for value in row {
            let width = value * scale / depth;
            areas.push(Area { left: at, top: left.top, width, height: depth });
            at += width;
        }
        left.top += depth;
        left.height = (left.height - depth).max(f64::MIN_POSITIVE);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_example_of_the_paper_comes_out_as_there() {
        let areas = squarified(&[6, 6, 4, 3, 2, 2, 1], 1.5);
        let rounded: Vec<_> =
            areas.iter().map(|a| ((a.width * 6.0 * 100.0).round(), (a.height * 4.0 * 100.0).round())).collect();
        assert_eq!(rounded[..4], [(300.0, 200.0), (300.0, 200.0), (171.0, 233.0), (129.0, 233.0)]);
    }

    proptest! {
        #![proptest_config(crate::cases::cases(64))]

        #[test]
        fn areas_are_as_large_as_their_values_and_lie_within_the_sheet_beside_each_other(
            mut values in prop::collection::vec(0_u64..1_000_000, 0..60), aspect in 0.3_f64..3.0,
        ) {
            values.sort_by(|a, b| b.cmp(a));
            let areas = squarified(&values, aspect);
            prop_assert_eq!(areas.len(), values.iter().filter(|value| **value > 0).count());
            let all: u64 = values.iter().sum();
            for (at, (area, value)) in areas.iter().zip(&values).enumerate() {
                prop_assert!((area.width * area.height - *value as f64 / all as f64).abs() < 1e-6);
                prop_assert!(area.left > -1e-6 && area.top > -1e-6);
                prop_assert!(area.left + area.width < 1.0 + 1e-6 && area.top + area.height < 1.0 + 1e-6);
                for other in &areas[at + 1..] {
                    let apart = |a: f64, la: f64, b: f64, lb: f64| a + la <= b + 1e-6 || b + lb <= a + 1e-6;
                    let (x, y) = (
                        apart(area.left, area.width, other.left, other.width),
                        apart(area.top, area.height, other.top, other.height),
                    );
                    prop_assert!(x || y, "{:?} {:?}", area, other);
                }
            }
        }
    }
}
