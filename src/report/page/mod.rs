//! What a store takes, as one page to look at: a treemap of projects, and in each of its runs and its cache.
//!
//! The page needs nothing but itself: no script, no font, no picture, no address, and its policy lets none in. Names come
//! from the store and may hold anything: they are text and never markup. How much is drawn has a bound, whatever the store
//! holds; what is left out is one area of the size of all of it.

mod squarify;

use super::facts::Usage;
use super::text::{Look, bytes, printable, times};
use crate::model::{Age, DAY, Project, Run, Size, Status, Timestamp};
use squarify::{Area, squarified};
use std::fmt::{self, Write};

/// What a project takes, in parts.
#[derive(Clone, Debug)]
pub struct ProjectParts {
    /// The project.
    pub project: Project,
    /// Its largest runs, the largest first: all, or [`RUNS`] of them.
    pub runs: Vec<Run>,
    /// Its cache entries, as they are called; the largest first, at most [`ENTRIES`].
    pub entries: Vec<(Vec<u8>, Size)>,
}

/// Projects that are drawn one by one.
pub const PROJECTS: usize = 60;
/// Runs of a project that are drawn one by one.
pub const RUNS: usize = 60;
/// Cache entries of a project that are drawn one by one.
pub const ENTRIES: usize = 20;

/// The sheet's width for a height of one, as the style has it.
const ASPECT: f64 = 1.6;

/// Parts of the sheet's width and height below which a name cannot be read.
const LEGIBLE: (f64, f64) = (0.034, 0.035);

struct Leaf {
    class: &'static str,
    name: String,
    title: String,
    disk: u64,
}

/// Writes the page.
///
/// # Errors
/// Those of `out`.
pub fn page(usage: &Usage, parts: &[ProjectParts], look: &Look, out: &mut dyn Write) -> fmt::Result {
    let home = escaped(&usage.home.to_string_lossy());
    let runs: u64 = usage.projects.iter().map(|project| project.runs).sum();
    out.write_str(include_str!("head.html"))?;
    writeln!(out, "<style>\n{}</style>\n</head>\n<body>", include_str!("style.css"))?;
    let total = bytes(usage.total.disk);
    writeln!(out, "<h1>Otto disk usage: {total}</h1>\n<p><bdi>{home}</bdi>, {}</p>", escaped(&look.time(look.now)))?;
    let figures = [
        (bytes(usage.projects.iter().map(|p| p.run_size.disk).sum()), times(runs, "run")),
        (bytes(usage.cache.size.disk), times(usage.cache.count, "cache entry")),
        (bytes(usage.orphaned.size.disk), format!("{} that no run names", times(usage.orphaned.count, "entry"))),
        (bytes(usage.other.disk), "other files".to_owned()),
        (bytes(usage.trash.size.disk), format!("{} in the trash, beside the total", times(usage.trash.runs, "run"))),
    ];
    writeln!(out, "<ul class=\"sums\">")?;
    for (size, what) in figures {
        writeln!(out, "<li><b>{size}</b><span>{what}</span></li>")?;
    }
    writeln!(out, "</ul>\n<ul class=\"key\">")?;
    for (class, what) in [
        ("success", "run that succeeded"),
        ("failed", "run that failed"),
        ("odd", "running or interrupted"),
        ("unknown", "status unknown"),
        ("cache", "cache entry"),
        ("rest", "smaller ones together"),
    ] {
        writeln!(out, "<li><i class=\"{class}\"></i>{what}</li>")?;
    }
    writeln!(out, "</ul>\n<div class=\"map\">")?;
    map(usage, parts, look, out)?;
    writeln!(out, "</div>")?;
    table(usage, out)?;
    writeln!(out, "</body>\n</html>")
}

fn map(usage: &Usage, parts: &[ProjectParts], look: &Look, out: &mut dyn Write) -> fmt::Result {
    let mut sizes: Vec<u64> = parts.iter().map(|part| taken(&part.project)).collect();
    let drawn: u64 = sizes.iter().sum();
    let others = usage.projects.iter().map(taken).sum::<u64>().saturating_sub(drawn);
    let mut order: Vec<Option<&ProjectParts>> = parts.iter().map(Some).collect();
    sizes.push(others);
    order.push(None);
    let mut by_size: Vec<(u64, Option<&ProjectParts>)> = sizes.into_iter().zip(order).collect();
    by_size.sort_by_key(|(size, _)| std::cmp::Reverse(*size));
    let sizes: Vec<u64> = by_size.iter().map(|(size, _)| *size).collect();
    for (area, (size, part)) in squarified(&sizes, ASPECT).into_iter().zip(by_size) {
        let name = match part {
            Some(part) => printable(&part.project.dir.lossy()).into_owned(),
            None => "other projects".to_owned(),
        };
        let title = escaped(&format!("{name}: {}", bytes(size)));
        writeln!(out, "<section {} title=\"{title}\">", style(area))?;
        writeln!(out, "<h3><bdi>{}</bdi> <small>{}</small></h3><div class=\"in\">", escaped(&name), bytes(size))?;
        if let Some(part) = part {
            leaves(part, area, look, out)?;
        }
        writeln!(out, "</div></section>")?;
    }
    Ok(())
}

fn leaves(part: &ProjectParts, sheet: Area, look: &Look, out: &mut dyn Write) -> fmt::Result {
    let run = |run: &Run| {
        let class = match run.status {
            Status::Success => "success",
            Status::Failed => "failed",
            Status::Running | Status::Interrupted => "odd",
            Status::Unknown => "unknown",
        };
        let (id, age) = (run.id.to_string(), look.ago(run.timestamp()));
        let title = format!("{}: {}, {}, {age}", printable(&id), bytes(run.size.disk), run.status.word());
        Leaf { class, name: short(run.timestamp(), look), title, disk: run.size.disk }
    };
    let entry = |(path, size): &(Vec<u8>, Size)| {
        let name = printable(&String::from_utf8_lossy(path)).into_owned();
        let title = format!("cache entry {name}: {}", bytes(size.disk));
        Leaf { class: "cache", name, title, disk: size.disk }
    };
    let mut leaves: Vec<Leaf> = part.runs.iter().map(run).collect();
    let rest = |what: String, all: u64, leaves: &[Leaf]| {
        let disk = all.saturating_sub(leaves.iter().map(|leaf| leaf.disk).sum());
        Leaf { class: "rest", title: format!("{what}: {}", bytes(disk)), name: what, disk }
    };
    let more = part.project.runs.saturating_sub(leaves.len() as u64);
    let smaller = (more > 0).then(|| rest(format!("{} more", times(more, "run")), part.project.run_size.disk, &leaves));
    let entries: Vec<Leaf> = part.entries.iter().map(entry).collect();
    let other_entries = rest("rest of the cache".to_owned(), part.project.cache_size.disk, &entries);
    leaves.extend(smaller.into_iter().chain(entries).chain([other_entries]));
    leaves.sort_by_key(|leaf| std::cmp::Reverse(leaf.disk));
    let sizes: Vec<u64> = leaves.iter().map(|leaf| leaf.disk).collect();
    let aspect = (sheet.width * ASPECT / sheet.height).clamp(0.05, 20.0);
    for (area, leaf) in squarified(&sizes, aspect).into_iter().zip(&leaves) {
        let has_room = sheet.width * area.width > LEGIBLE.0 && sheet.height * area.height > LEGIBLE.1;
        let name = if has_room { escaped(&leaf.name) } else { String::new() };
        let title = escaped(&leaf.title);
        writeln!(out, "<div class=\"leaf {}\" {} title=\"{title}\"><bdi>{name}</bdi></div>", leaf.class, style(area))?;
    }
    Ok(())
}

/// How old a run is, in few letters.
fn short(at: Timestamp, look: &Look) -> String {
    match Age::between(at, look.now).map(Age::as_seconds) {
        None => "future".to_owned(),
        Some(seconds @ DAY..) => format!("{}d", seconds / DAY),
        Some(seconds @ 3600..) => format!("{}h", seconds / 3600),
        Some(seconds) => format!("{}min", seconds / 60),
    }
}

fn table(usage: &Usage, out: &mut dyn Write) -> fmt::Result {
    let mut projects: Vec<&Project> = usage.projects.iter().collect();
    projects.sort_by_key(|project| std::cmp::Reverse(taken(project)));
    let left_out = projects.len().saturating_sub(PROJECTS);
    writeln!(out, "<h2>By project</h2>\n<div class=\"scroll\"><table>")?;
    writeln!(out, "<tr><th>Project<th>Total<th>Runs<th>Size of runs<th>Cache</tr>")?;
    for project in projects.into_iter().take(PROJECTS) {
        writeln!(
            out,
            "<tr><td><bdi>{}</bdi><td>{}<td>{}<td>{}<td>{}</tr>",
            escaped(&printable(&project.dir.lossy())),
            bytes(taken(project)),
            project.runs,
            bytes(project.run_size.disk),
            bytes(project.cache_size.disk)
        )?;
    }
    writeln!(out, "</table></div>")?;
    if left_out > 0 { writeln!(out, "<p>... and {} more</p>", times(left_out as u64, "project")) } else { Ok(()) }
}

fn taken(project: &Project) -> u64 {
    project.run_size.disk + project.cache_size.disk
}

fn style(area: Area) -> String {
    let part = |value: f64| format!("{:.3}%", value.clamp(0.0, 1.0) * 100.0);
    let (left, top) = (part(area.left), part(area.top));
    format!("style=\"left:{left};top:{top};width:{};height:{}\"", part(area.width), part(area.height))
}

/// A text that is no markup, wherever it stands.
fn escaped(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for c in printable(text).chars() {
        match c {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            '\'' => safe.push_str("&#39;"),
            c => safe.push(c),
        }
    }
    safe
}
