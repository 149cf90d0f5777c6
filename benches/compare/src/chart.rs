//! Pictures of the tables in the file: a line for each store, panels side by side, figures on a logarithmic scale.
//!
//! They show what the file says and nothing else, so that they can be drawn again from it at any time. Places on the
//! horizontal axis (numbers of clients, sizes) are names: they stand at equal distances.

use std::fs;
use std::path::Path;

use marquetry_benches::Outcome;
use plotters::coord::Shift as Moved;
use plotters::prelude::*;

use crate::report::Table;

/// The stores as tables begin their names, each with its colour: these are told apart by those who see few colours, too.
const STORES: [(&str, RGBColor); 6] = [
    ("marquetry", RGBColor(213, 94, 0)),
    ("redb", RGBColor(0, 114, 178)),
    ("SQLite", RGBColor(0, 158, 115)),
    ("fjall", RGBColor(204, 121, 167)),
    ("RocksDB", RGBColor(120, 120, 120)),
    ("PostgreSQL", RGBColor(86, 180, 233)),
];

const PANEL_WIDTH: u32 = 420;
const PANEL_HEIGHT: u32 = 300;
const HEAD_HEIGHT: u32 = 64;
const INK: RGBColor = RGBColor(40, 40, 40);
const GRID: RGBColor = RGBColor(225, 225, 225);

/// Lines over the same places.
#[derive(Debug, Default)]
struct Panel {
    title: String,
    places: Vec<String>,
    /// For each place the figure of each store, where there is one.
    figures: Vec<[Option<f64>; STORES.len()]>,
}

/// Draws whatever the tables suffice for.
pub(crate) fn draw_all(tables: &[Table], directory: &Path) -> Outcome<()> {
    fs::create_dir_all(directory)?;
    let mixes = |safety: &str| -> Vec<Panel> {
        let panel = |mix: &str| over_clients(tables, &format!("YCSB, {safety}, "), mix, &format!("Mix {mix}"));
        ["A", "B", "C", "D", "E", "F"].into_iter().map(panel).collect()
    };
    let puts = |safety: &str| over_clients(tables, &format!("Single puts, {safety}, "), "per second", safety);
    let direct = |start: &'static str| -> Vec<Panel> {
        let of_start = tables.iter().filter(|table| table.title.starts_with(start));
        of_start.map(|table| whole(table, table.title.strip_prefix(start).unwrap_or_default())).collect()
    };
    let course = |safety: &str| direct_one(tables, &format!("Sustained random puts, {safety}, longest"), safety);
    let pictures = [
        ("puts", "Commits of one put per second, by clients", vec![puts("durable"), puts("not synced")]),
        ("ycsb-not-synced", "YCSB, not synced: operations per second, by clients", mixes("not synced")),
        ("ycsb-durable", "YCSB, durable: operations per second, by clients", mixes("durable")),
        ("growth", "A store that grows, by rows", direct("Growth: ")),
        (
            "sustained",
            "Longest put in ms, by twentieths of the time",
            ["not synced", "durable"].into_iter().filter_map(course).collect(),
        ),
    ];
    for (name, title, panels) in pictures {
        let panels: Vec<Panel> = panels.into_iter().filter(|panel| !panel.places.is_empty()).collect();
        if !panels.is_empty() {
            draw(&directory.join(format!("{name}.svg")), title, &panels)?;
        }
    }
    Ok(())
}

fn direct_one(tables: &[Table], start: &str, title: &str) -> Option<Panel> {
    tables.iter().find(|table| table.title.starts_with(start)).map(|table| whole(table, title))
}

/// One column of several tables, whose titles are `start` and a number of clients.
fn over_clients(tables: &[Table], start: &str, column: &str, title: &str) -> Panel {
    let mut panel = Panel { title: title.to_owned(), ..Panel::default() };
    for table in tables {
        let Some(clients) = table.title.strip_prefix(start).and_then(|rest| rest.split(' ').next()) else { continue };
        let Some(place) = table.lines.first().and_then(|head| head.iter().position(|cell| cell == column)) else {
            continue;
        };
        panel.places.push(clients.to_owned());
        panel.figures.push(figures(table, place));
    }
    panel
}

/// All columns of one table.
fn whole(table: &Table, title: &str) -> Panel {
    let places: Vec<String> = table.lines.first().into_iter().flatten().skip(1).cloned().collect();
    let figures = (1..=places.len()).map(|place| figures(table, place)).collect();
    Panel { title: title.to_owned(), places, figures }
}

/// The numbers that the stores have in a column; what else stands there is none.
fn figures(table: &Table, column: usize) -> [Option<f64>; STORES.len()] {
    STORES.map(|(name, _)| {
        let is_of_store = |line: &&Vec<String>| line.first().is_some_and(|cell| cell.split(',').next() == Some(name));
        let cell = table.lines.iter().find(is_of_store)?.get(column)?;
        cell.split(' ').next()?.parse().ok().filter(|number| *number > 0.0)
    })
}

fn draw(path: &Path, title: &str, panels: &[Panel]) -> Outcome<()> {
    let columns = if panels.len().is_multiple_of(3) { 3 } else { panels.len().min(2) };
    let rows = panels.len().div_ceil(columns);
    let size = (columns as u32 * PANEL_WIDTH, HEAD_HEIGHT + rows as u32 * PANEL_HEIGHT);
    let page = SVGBackend::new(path, size).into_drawing_area();
    page.fill(&WHITE)?;
    let (head, body) = page.split_vertically(HEAD_HEIGHT);
    let is_drawn = |store: usize| panels.iter().any(|panel| panel.figures.iter().any(|all| all[store].is_some()));
    draw_head(&head, title, (0..STORES.len()).filter(|store| is_drawn(*store)))?;
    for (area, panel) in body.split_evenly((rows, columns)).iter().zip(panels) {
        draw_panel(area, panel)?;
    }
    Ok(page.present()?)
}

type Area<'a> = DrawingArea<SVGBackend<'a>, Moved>;

fn draw_head(head: &Area<'_>, title: &str, stores: impl Iterator<Item = usize>) -> Outcome<()> {
    head.draw(&Text::new(title.to_owned(), (16, 12), ("sans-serif", 19).into_font().color(&INK)))?;
    let mut left = 16;
    for (name, colour) in stores.map(|store| STORES[store]) {
        head.draw(&PathElement::new([(left, 48), (left + 22, 48)], colour.stroke_width(width_of(name))))?;
        head.draw(&Circle::new((left + 11, 48), 3, colour.filled()))?;
        head.draw(&Text::new(name, (left + 28, 41), ("sans-serif", 14).into_font().color(&INK)))?;
        left += 52 + 8 * name.len() as i32;
    }
    Ok(())
}

/// The subject stands out.
fn width_of(store: &str) -> u32 {
    if store == STORES[0].0 { 3 } else { 2 }
}

fn draw_panel(area: &Area<'_>, panel: &Panel) -> Outcome<()> {
    let all = || panel.figures.iter().flatten().flatten().copied();
    let (least, most) = (all().fold(f64::INFINITY, f64::min), all().fold(0.0, f64::max));
    if !least.is_finite() {
        return Ok(());
    }
    let last = panel.places.len() as i32 - 1;
    let mut chart = ChartBuilder::on(area)
        .caption(&panel.title, ("sans-serif", 15).into_font().color(&INK))
        .margin(10)
        .x_label_area_size(26)
        .y_label_area_size(52)
        .build_cartesian_2d(-0.25..f64::from(last) + 0.25, (least / 1.5..most * 1.5).log_scale())?;
    let name_of = |place: &f64| match place.fract().abs() < 1e-6 && *place >= 0.0 {
        true => panel.places.get(place.round() as usize).cloned().unwrap_or_default(),
        false => String::new(),
    };
    chart
        .configure_mesh()
        .disable_x_mesh()
        .light_line_style(TRANSPARENT)
        .bold_line_style(GRID)
        .axis_style(INK)
        .x_labels(panel.places.len())
        .x_label_formatter(&name_of)
        .y_labels(8)
        .y_label_formatter(&|figure| short(*figure))
        .label_style(("sans-serif", 12).into_font().color(&INK))
        .draw()?;
    for (store, (name, colour)) in STORES.into_iter().enumerate().rev() {
        let points = panel.figures.iter().enumerate().filter_map(|(place, all)| Some((place as f64, all[store]?)));
        let points: Vec<(f64, f64)> = points.collect();
        chart.draw_series(LineSeries::new(points.iter().copied(), colour.stroke_width(width_of(name))))?;
        chart.draw_series(points.iter().map(|point| Circle::new(*point, 3, colour.filled())))?;
    }
    Ok(())
}

/// A figure as short as it stands on an axis.
fn short(figure: f64) -> String {
    let (scaled, unit) = match figure {
        _ if figure >= 1e6 => (figure / 1e6, " M"),
        _ if figure >= 1e3 => (figure / 1e3, " k"),
        _ => (figure, ""),
    };
    let digits = if scaled < 10.0 && scaled.fract() > 0.04 { 1 } else { 0 };
    format!("{scaled:.digits$}{unit}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(title: &str, lines: &[&[&str]]) -> Table {
        let lines = lines.iter().map(|line| line.iter().map(|cell| (*cell).to_owned()).collect()).collect();
        Table { title: title.to_owned(), lines }
    }

    #[test]
    fn a_column_of_several_tables_becomes_lines_over_clients() {
        let of = |clients: &str, rate: &str| {
            let head: &[&str] = &["commit", "median", "per second"];
            table(
                &format!("Single puts, durable, {clients}"),
                &[head, &["redb", "2 us", rate], &["append", "1 us", "9"]],
            )
        };
        let tables = [of("1 client", "500"), of("4 clients", "700"), table("Single puts, not synced, 1 client", &[])];
        let panel = over_clients(&tables, "Single puts, durable, ", "per second", "durable");
        assert_eq!(panel.places, ["1", "4"]);
        assert_eq!(panel.figures[1], [None, Some(700.0), None, None, None, None]);
    }

    #[test]
    fn figures_on_an_axis_are_short() {
        assert_eq!([0.5, 20.0, 1_500.0, 2e6].map(short), ["0.5", "20", "1.5 k", "2 M"]);
    }
}
