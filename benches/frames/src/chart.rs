//! A chart of how many bytes a second go over, by the size of a frame, drawn as SVG.

use std::fmt::Write;

/// What one transport does at each size.
pub struct Line {
    pub name: &'static str,
    /// Bytes of a frame, and bytes a second.
    pub points: Vec<(f64, f64)>,
}

const WIDTH: f64 = 760.0;
const HEIGHT: f64 = 420.0;
const LEFT: f64 = 80.0;
const RIGHT: f64 = 140.0;
const TOP: f64 = 50.0;
const BOTTOM: f64 = 50.0;

/// Told apart by those who see no red or green as well (M. Okabe and K. Ito).
const COLOURS: [&str; 6] = ["#d55e00", "#000000", "#0072b2", "#009e73", "#cc79a7", "#e69f00"];

/// Names are written at least so far from each other.
const NAME_HEIGHT: f64 = 15.0;

/// Draws the lines, both axes logarithmic.
///
/// # Panics
///
/// When there are more lines than colours, or a line has no points.
pub fn draw(title: &str, lines: &[Line]) -> String {
    let all = || lines.iter().flat_map(|line| &line.points);
    let x = Axis::over(all().map(|point| point.0), 4.0, LEFT..WIDTH - RIGHT);
    let y = Axis::over(all().map(|point| point.1), 10.0, HEIGHT - BOTTOM..TOP);
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" \
         font-family=\"sans-serif\" font-size=\"12\">\n\
         <rect width=\"100%\" height=\"100%\" fill=\"white\"/>\n\
         <text x=\"{LEFT}\" y=\"24\" font-size=\"15\">{title}</text>\n"
    );
    let (bottom, end) = (HEIGHT - BOTTOM, WIDTH - RIGHT);
    for (at, bytes) in x.ticks() {
        let name = bytes_name(bytes);
        line(&mut svg, (at, TOP), (at, bottom));
        text(&mut svg, (at, bottom + 18.0), "middle", "#444", &name);
    }
    for (at, bytes) in y.ticks() {
        line(&mut svg, (LEFT, at), (end, at));
        text(&mut svg, (LEFT - 8.0, at + 4.0), "end", "#444", &format!("{} GB/s", bytes / 1e9));
    }
    text(&mut svg, (f64::midpoint(LEFT, end), HEIGHT - 10.0), "middle", "#444", "bytes of a frame");

    let mut names = Vec::new();
    for (line, colour) in lines.iter().zip(COLOURS) {
        let points: Vec<_> =
            line.points.iter().map(|&(size, speed)| (x.at(size), y.at(speed))).collect();
        let spelled: Vec<_> = points.iter().map(|(x, y)| format!("{x:.1},{y:.1}")).collect();
        let spelled = spelled.join(" ");
        writeln!(
            svg,
            "<polyline points=\"{spelled}\" fill=\"none\" stroke=\"{colour}\" stroke-width=\"2\"/>"
        )
        .expect("a string takes all");
        names.push((points.last().expect("a line has points").1, line.name, colour));
    }
    names.sort_by(|a, b| a.0.total_cmp(&b.0));
    let mut free = TOP;
    for (at, name, colour) in names {
        let at = at.max(free);
        text(&mut svg, (end + 8.0, at + 4.0), "start", colour, name);
        free = at + NAME_HEIGHT;
    }
    svg + "</svg>\n"
}

/// Where numbers stand on a logarithmic axis.
struct Axis {
    least: f64,
    most: f64,
    /// From one tick to the next.
    factor: f64,
    from: f64,
    to: f64,
}

impl Axis {
    /// One that reaches over those numbers, in whole steps.
    fn over(numbers: impl Iterator<Item = f64>, factor: f64, place: std::ops::Range<f64>) -> Self {
        let steps: Vec<_> = numbers.map(|number| number.log(factor)).collect();
        let least = steps.iter().copied().fold(f64::INFINITY, f64::min);
        let most = steps.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        // What stands at a step but for rounding is at that step.
        let (least, most) = ((least + 1e-9).floor(), (most - 1e-9).ceil());
        Self { least, most, factor, from: place.start, to: place.end }
    }

    fn at(&self, number: f64) -> f64 {
        let part = (number.log(self.factor) - self.least) / (self.most - self.least);
        self.from + part * (self.to - self.from)
    }

    /// Where each tick stands, and its number.
    fn ticks(&self) -> impl Iterator<Item = (f64, f64)> {
        let steps = std::iter::successors(Some(self.least), |step| Some(step + 1.0));
        let numbers = steps.take_while(|&step| step <= self.most + 0.5);
        numbers.map(|step| self.factor.powf(step)).map(|number| (self.at(number), number))
    }
}

fn line(svg: &mut String, (x1, y1): (f64, f64), (x2, y2): (f64, f64)) {
    writeln!(
        svg,
        "<line x1=\"{x1:.1}\" y1=\"{y1:.1}\" x2=\"{x2:.1}\" y2=\"{y2:.1}\" stroke=\"#ddd\"/>"
    )
    .expect("a string takes all");
}

fn text(svg: &mut String, (x, y): (f64, f64), anchor: &str, colour: &str, what: &str) {
    writeln!(
        svg,
        "<text x=\"{x:.1}\" y=\"{y:.1}\" text-anchor=\"{anchor}\" fill=\"{colour}\">{what}</text>"
    )
    .expect("a string takes all");
}

fn bytes_name(bytes: f64) -> String {
    let (unit, name) =
        if bytes < 1024.0 * 1024.0 { (1024.0, "KiB") } else { (1024.0 * 1024.0, "MiB") };
    format!("{:.0} {name}", bytes / unit)
}
