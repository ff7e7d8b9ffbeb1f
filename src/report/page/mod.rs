//! What a store takes, as one page to look at: a treemap of projects, and in each of its runs and its cache.
//!
//! **A project can be looked into.** Its name leads to it (`:target`), which is then laid out over the whole sheet; above it
//! stands the way back. All of that is links and style, so that it works without a script and the browser's own way back
//! does too. The one small script adds what links cannot: a click anywhere in a project, and Escape.
//!
//! The page needs nothing but itself: no font, no picture, no address, and its policy lets none in, nor any script but the
//! very one that is in it, by its hash. Names come from the store and may hold anything: they are text and never markup.
//! How much is drawn has a bound, whatever the store holds; what is left out is one area of the size of all of it.

mod squarify;

use super::facts::Usage;
use super::text::{Look, bytes, printable, times};
use crate::model::{Age, DAY, Project, Run, Size, Status, Timestamp};
use squarify::{Area, squarified};
use std::collections::HashSet;
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

/// The part of the sheet's width from which a size can be read beside a name, once a project is looked into.
const ROOMY: f64 = 0.11;

/// What a click in a project and the Escape key do.
const SCRIPT: &str = include_str!("zoom.js");

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
    writeln!(out, "</ul>\n<p>A project's name leads into it; Escape, or the way above it, leads back.</p>")?;
    writeln!(out, "<div class=\"map\" id=\"map\">")?;
    map(usage, parts, look, out)?;
    writeln!(out, "</div>")?;
    table(usage, parts, out)?;
    writeln!(out, "<script>{SCRIPT}</script>")?;
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
        let (style, label, size) = (style(area), escaped(&name), bytes(size));
        match part {
            Some(part) => {
                let key = key(&part.project);
                let label_of_all = format!("aria-label=\"{title}\"");
                writeln!(
                    out,
                    "<section id=\"{key}\" tabindex=\"-1\" {label_of_all} style=\"{style}\" title=\"{title}\">"
                )?;
                write!(out, "<h3><span class=\"up\"><a href=\"#map\">All projects</a> / </span>")?;
                writeln!(
                    out,
                    "<a class=\"name\" href=\"#{key}\"><bdi>{label}</bdi></a> <small>{size}</small></h3><div class=\"in\">"
                )?;
                leaves(part, area, look, out)?;
            }
            None => {
                writeln!(out, "<section style=\"{style}\" title=\"{title}\">")?;
                writeln!(out, "<h3><bdi>{label}</bdi> <small>{size}</small></h3><div class=\"in\">")?;
            }
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
    // Twice: as a part of the sheet, and for who looks into the project, over the whole of it.
    let areas = squarified(&sizes, aspect).into_iter().zip(squarified(&sizes, ASPECT));
    for ((small, large), leaf) in areas.zip(&leaves) {
        let can_be_read = |width: f64, height: f64| width > LEGIBLE.0 && height > LEGIBLE.1;
        let at_once = can_be_read(sheet.width * small.width, sheet.height * small.height);
        let class = if at_once { leaf.class.to_owned() } else { format!("{} tiny", leaf.class) };
        let title = escaped(&leaf.title);
        write!(out, "<div class=\"leaf {class}\" style=\"{}\" title=\"{title}\">", twice(small, large))?;
        if at_once || can_be_read(large.width, large.height) {
            write!(out, "<bdi>{}</bdi>", escaped(&leaf.name))?;
        }
        if can_be_read(large.width, large.height) && large.width > ROOMY {
            write!(out, " <small>{}</small>", bytes(leaf.disk))?;
        }
        writeln!(out, "</div>")?;
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

fn table(usage: &Usage, parts: &[ProjectParts], out: &mut dyn Write) -> fmt::Result {
    let drawn: HashSet<i64> =
        parts.iter().filter(|part| taken(&part.project) > 0).map(|part| part.project.id).collect();
    let mut projects: Vec<&Project> = usage.projects.iter().collect();
    projects.sort_by_key(|project| std::cmp::Reverse(taken(project)));
    let left_out = projects.len().saturating_sub(PROJECTS);
    writeln!(out, "<h2>By project</h2>\n<div class=\"scroll\"><table>")?;
    writeln!(out, "<tr><th>Project<th>Total<th>Runs<th>Size of runs<th>Cache</tr>")?;
    for project in projects.into_iter().take(PROJECTS) {
        let name = format!("<bdi>{}</bdi>", escaped(&printable(&project.dir.lossy())));
        let name = match drawn.contains(&project.id) {
            true => format!("<a href=\"#{}\">{name}</a>", key(project)),
            false => name,
        };
        writeln!(
            out,
            "<tr><td>{name}<td>{}<td>{}<td>{}<td>{}</tr>",
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

/// What a project is called within the page.
fn key(project: &Project) -> String {
    format!("p{}", project.id)
}

fn part(value: f64) -> String {
    format!("{:.2}%", value.clamp(0.0, 1.0) * 100.0)
}

fn style(area: Area) -> String {
    let (left, top) = (part(area.left), part(area.top));
    format!("left:{left};top:{top};width:{};height:{}", part(area.width), part(area.height))
}

/// Two places, of which the style sheet chooses one.
fn twice(small: Area, large: Area) -> String {
    let named = |area: Area, [left, top, width, height]: [&str; 4]| {
        let (at, size) = ((part(area.left), part(area.top)), (part(area.width), part(area.height)));
        format!("--{left}:{};--{top}:{};--{width}:{};--{height}:{}", at.0, at.1, size.0, size.1)
    };
    format!("{};{}", named(small, ["l", "t", "w", "h"]), named(large, ["L", "T", "W", "H"]))
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
