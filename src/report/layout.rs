//! How a table gives way to a narrow terminal, in this order:
//!
//! 1. cells are said shorter, and what another column says too is left out, before a name is cut by much;
//! 2. names are cut, as long as cut ones are told apart and are more than a few letters;
//! 3. columns are left out, the least needed first;
//! 4. names are cut to what room there is, no two to the same;
//! 5. whatever is still too wide is cut.

use super::names::Cuts;
use super::text::{Look, fitted};
use std::collections::BTreeSet;
use unicode_width::UnicodeWidthStr as _;

/// Of a name, so much is worth the seconds of a time.
const WHOLE: usize = 40;
/// A name that is cut to less is hardly one: a column goes first.
const READABLE: usize = 10;

/// What a row says in a column, in full and, where that can be, shorter.
#[derive(Clone)]
pub(super) struct Cell {
    long: String,
    short: Option<String>,
}

impl Cell {
    pub(super) fn of(long: impl Into<String>, short: impl Into<String>) -> Self {
        Self { long: long.into(), short: Some(short.into()) }
    }

    fn short(&self) -> &str {
        self.short.as_deref().unwrap_or(&self.long)
    }
}

impl From<String> for Cell {
    fn from(long: String) -> Self {
        Self { long, short: None }
    }
}

/// How a column gives way; columns are told by their place.
#[derive(Clone, Copy)]
pub(super) enum Step {
    Shorten(usize),
    LeaveOut(usize),
}

/// The columns of a table, the first of which holds names.
#[derive(Clone, Default)]
pub(super) struct Columns {
    pub(super) head: Vec<&'static str>,
    /// Those that stand to the right.
    pub(super) numbers: Vec<usize>,
    /// What gives way before names are cut by much.
    pub(super) first: Vec<Step>,
    /// What gives way before names can be read no more.
    pub(super) then: Vec<Step>,
}

impl Columns {
    pub(super) fn new(head: &[&'static str], numbers: &[usize]) -> Self {
        Self { head: head.to_vec(), numbers: numbers.to_vec(), ..Self::default() }
    }

    pub(super) fn first(mut self, steps: &[Step]) -> Self {
        self.first.extend(steps);
        self
    }

    pub(super) fn then(mut self, steps: &[Step]) -> Self {
        self.then.extend(steps);
        self
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Form {
    Long,
    Short,
    Out,
}

/// A table's columns, as there is room for them.
pub(super) struct Layout {
    forms: Vec<Form>,
    widths: Vec<usize>,
}

/// What columns take, in each form, over some rows.
struct Needs {
    long: Vec<usize>,
    short: Vec<usize>,
}

impl Needs {
    fn of(columns: &Columns, rows: &[Vec<Cell>]) -> Self {
        let widest = |of: fn(&Cell) -> &str| {
            let of_column = |(at, head): (usize, &&str)| {
                let cells = rows.iter().map(|row| of(&row[at]).width());
                cells.max().unwrap_or(0).max(head.width())
            };
            columns.head.iter().enumerate().map(of_column).collect()
        };
        Self { long: widest(|cell| &cell.long), short: widest(Cell::short) }
    }

    fn width(&self, at: usize, form: Form) -> usize {
        match form {
            Form::Long => self.long[at],
            Form::Short => self.short[at],
            Form::Out => 0,
        }
    }
}

impl Layout {
    /// Lays out columns so that these rows fit; names that the rows hold are cut. The first column is made for names of
    /// at least that width, where there is room.
    pub(super) fn new(
        columns: &Columns,
        rows: &[Vec<Cell>],
        (cuts, widest): (&mut Cuts, usize),
        look: &Look,
        indent: usize,
    ) -> Self {
        let needs = Needs::of(columns, rows);
        let names: BTreeSet<&str> = rows.iter().map(|row| row[0].long.as_str()).collect();
        let longest = needs.long[0].max(widest);
        let mut forms = vec![Form::Long; columns.head.len()];
        let Some(width) = look.width else {
            let mut widths = needs.long;
            widths[0] = longest;
            return Self { forms, widths };
        };
        let taken = |forms: &[Form]| {
            let one = |(at, form): (usize, &Form)| match form {
                Form::Out => 0,
                form => needs.width(at, *form) + 2,
            };
            indent + forms.iter().enumerate().skip(1).map(one).sum::<usize>()
        };
        let room = |forms: &[Form]| width.saturating_sub(taken(forms));
        let steps = [(&columns.first, WHOLE), (&columns.then, READABLE)];
        let is_enough = |forms: &[Form], wanted: usize| {
            let room = room(forms);
            room >= longest || room >= wanted.min(longest) && cuts.are_told_apart(&names, room, look)
        };
        'found: for (steps, wanted) in steps {
            if is_enough(&forms, wanted) {
                break;
            }
            for step in steps {
                match *step {
                    Step::Shorten(at) => forms[at] = Form::Short,
                    Step::LeaveOut(at) => forms[at] = Form::Out,
                }
                if is_enough(&forms, wanted) {
                    break 'found;
                }
            }
        }
        let least = columns.head[0].width();
        let mut widths: Vec<usize> = (0..forms.len()).map(|at| needs.width(at, forms[at])).collect();
        let mut over = (taken(&forms) + least).saturating_sub(width);
        while over > 0 {
            let can = |at: &usize| forms[*at] != Form::Out && widths[*at] > columns.head[*at].width();
            let Some(at) = (1..forms.len()).filter(can).max_by_key(|at| widths[*at]) else { break };
            widths[at] -= 1;
            over -= 1;
        }
        widths[0] = longest.min(room(&forms)).max(least);
        cuts.cut(&names, widths[0], look);
        Self { forms, widths }
    }

    /// Whether more rows stand under the same head without a change; their names are cut if so.
    pub(super) fn takes(&self, columns: &Columns, rows: &[Vec<Cell>], cuts: &mut Cuts, look: &Look) -> bool {
        let needs = Needs::of(columns, rows);
        let names: BTreeSet<&str> = rows.iter().map(|row| row[0].long.as_str()).collect();
        let fits = (1..self.forms.len()).all(|at| needs.width(at, self.forms[at]) <= self.widths[at])
            && (needs.long[0] <= self.widths[0] || cuts.are_told_apart(&names, self.widths[0], look));
        if fits {
            cuts.cut(&names, self.widths[0], look);
        }
        fits
    }

    /// Makes columns as wide as more rows need them.
    pub(super) fn grow(&mut self, columns: &Columns, rows: &[Vec<Cell>]) {
        let needs = Needs::of(columns, rows);
        for (at, width) in self.widths.iter_mut().enumerate() {
            *width = needs.width(at, self.forms[at]).max(*width);
        }
    }

    /// Whether a column is shown.
    pub(super) fn shows(&self, at: usize) -> bool {
        self.forms[at] != Form::Out
    }

    /// The columns that are shown, by their places.
    pub(super) fn shown(&self) -> impl Iterator<Item = usize> + '_ {
        (0..self.forms.len()).filter(|at| self.shows(*at))
    }

    /// What the columns that are shown take.
    pub(super) fn widths(&self) -> Vec<usize> {
        self.shown().map(|at| self.widths[at]).collect()
    }

    /// A row as it is shown.
    pub(super) fn row(&self, cells: &[Cell], cuts: &Cuts, look: &Look) -> Vec<String> {
        let cell = |at: usize| match (at, self.forms[at]) {
            (0, _) if look.width.is_some() => cuts.of(&cells[0].long, self.widths[0]).to_owned(),
            (at, Form::Short) => fitted(cells[at].short(), self.widths[at], look).into_owned(),
            (at, _) => fitted(&cells[at].long, self.widths[at], look).into_owned(),
        };
        self.shown().map(cell).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_no_column_makes_room_for_is_cut_and_the_head_stays_whole() {
        let look = Look { width: Some(60), colour: false, verbose: false, ascii: false, now: 0, local: |_| None };
        let columns = Columns::new(&["PROJECT", "WHAT", "COUNT"], &[2]);
        let rows = [[String::from("a-name-of-some-length"), "w".repeat(70), "9".repeat(20)].map(Cell::from).to_vec()];
        let mut cuts = Cuts::default();
        let layout = Layout::new(&columns, &rows, (&mut cuts, 0), &look, 2);
        assert_eq!(layout.widths()[0], "PROJECT".len());
        assert_eq!(layout.widths().iter().sum::<usize>() + 2 * 2 + 2, 60);
        let row = layout.row(&rows[0], &cuts, &look);
        assert!(row.iter().zip(layout.widths()).all(|(cell, width)| cell.width() <= width), "{row:?}");
    }
}
