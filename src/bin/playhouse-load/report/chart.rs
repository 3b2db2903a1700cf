//! Charts as SVG text, coloured by the page's style sheet.

use anyhow::{Result, anyhow};
use plotters::coord::Shift;
use plotters::coord::ranged1d::{AsRangedCoord, ValueFormatter};
use plotters::prelude::*;

use super::readable;

const SIZE: (u32, u32) = (720, 300);
const MARGIN: u32 = 12;
const X_LABELS: u32 = 30;
const Y_LABELS: u32 = 70;
const FONT: (&str, u32) = ("sans-serif", 12);
const STROKE: u32 = 2;
/// Room above the highest point.
const HEADROOM: f64 = 1.1;
/// The lowest value on a logarithmic axis.
const LOG_FLOOR: f64 = 0.01;
const GRID_LINES: usize = 6;

/// Drawn as this, then replaced by the colour of the page's text, so that dark pages work too.
const INK: RGBColor = RGBColor(1, 2, 3);
const INK_TEXT: &str = "#010203";
/// Told apart by most eyes, on light and dark ground (after Okabe and Ito).
const COLOURS: [RGBColor; 4] =
    [RGBColor(0, 114, 178), RGBColor(213, 94, 0), RGBColor(0, 158, 115), RGBColor(204, 121, 167)];
const GRID_OPACITY: f64 = 0.12;
const AXIS_OPACITY: f64 = 0.5;

/// How the vertical axis runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scale {
    /// From zero.
    Linear,
    /// By powers of ten.
    Log,
}

/// One line of a chart.
#[derive(Debug)]
pub struct Line {
    name: String,
    points: Vec<(f64, f64)>,
}

impl Line {
    /// A named line.
    pub fn new(name: &str, points: Vec<(f64, f64)>) -> Self {
        Self { name: name.to_owned(), points }
    }
}

/// One chart.
#[derive(Debug)]
pub struct Chart {
    /// Stands above it.
    pub title: String,
    x: String,
    y: String,
    scale: Scale,
    lines: Vec<Line>,
}

type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;

impl Chart {
    /// A chart with named axes.
    pub fn new(title: &str, x: &str, y: &str, scale: Scale, lines: Vec<Line>) -> Self {
        Self { title: title.to_owned(), x: x.to_owned(), y: y.to_owned(), scale, lines }
    }

    /// Whether there is anything to see.
    pub fn is_empty(&self) -> bool {
        self.lines.iter().all(|line| line.points.len() < 2)
    }

    /// Names of the lines with their colours, for the legend.
    pub fn legend(&self) -> impl Iterator<Item = (&str, String)> {
        let colours = COLOURS.iter().cycle();
        self.lines
            .iter()
            .zip(colours)
            .map(|(line, c)| (line.name.as_str(), format!("rgb({},{},{})", c.0, c.1, c.2)))
    }

    /// Draws it.
    pub fn svg(&self) -> Result<String> {
        let mut svg = String::new();
        {
            let area = SVGBackend::with_string(&mut svg, SIZE).into_drawing_area();
            self.draw(&area).map_err(|error| anyhow!("chart {}: {error}", self.title))?;
            area.present().map_err(|error| anyhow!("chart {}: {error}", self.title))?;
        }
        Ok(svg.replace(INK_TEXT, "currentColor"))
    }

    fn draw(&self, area: &Area<'_>) -> Result<()> {
        let highest = |pick: fn(&(f64, f64)) -> f64| {
            self.lines.iter().flat_map(|line| &line.points).map(pick).fold(0.0, f64::max)
        };
        let lowest_x = self.lines.iter().flat_map(|line| &line.points).map(|p| p.0).fold(f64::MAX, f64::min);
        let x = lowest_x.min(highest(|p| p.0))..highest(|p| p.0).max(f64::EPSILON);
        let top = (highest(|p| p.1) * HEADROOM).max(LOG_FLOOR * 10.0);
        match self.scale {
            Scale::Linear => self.draw_on(area, x, 0.0..top),
            Scale::Log => self.draw_on(area, x, (LOG_FLOOR..top).log_scale()),
        }
    }

    fn draw_on<Y>(&self, area: &Area<'_>, x: std::ops::Range<f64>, y: Y) -> Result<()>
    where
        Y: AsRangedCoord<Value = f64>,
        Y::CoordDescType: ValueFormatter<f64>,
    {
        let mut builder = ChartBuilder::on(area);
        builder.margin(MARGIN).x_label_area_size(X_LABELS).y_label_area_size(Y_LABELS);
        let mut chart = builder.build_cartesian_2d(x, y).map_err(|e| anyhow!("{e}"))?;
        let text = FONT.into_font().color(&INK);
        chart
            .configure_mesh()
            .disable_x_mesh()
            .y_labels(GRID_LINES)
            .light_line_style(TRANSPARENT)
            .bold_line_style(INK.mix(GRID_OPACITY))
            .axis_style(INK.mix(AXIS_OPACITY))
            .label_style(text.clone())
            .axis_desc_style(text)
            .x_desc(self.x.clone())
            .y_desc(self.y.clone())
            .x_label_formatter(&|x| readable(*x))
            .y_label_formatter(&|y| readable(*y))
            .draw()
            .map_err(|e| anyhow!("{e}"))?;
        for (line, colour) in self.lines.iter().zip(COLOURS.iter().cycle()) {
            let points = line.points.iter().map(|(x, y)| match self.scale {
                Scale::Linear => (*x, *y),
                Scale::Log => (*x, y.max(LOG_FLOOR)),
            });
            chart
                .draw_series(LineSeries::new(points, colour.stroke_width(STROKE)))
                .map_err(|e| anyhow!("{e}"))?;
        }
        Ok(())
    }
}
