//! The page: one file, no scripts, no fonts, no network; light and dark.

use std::fmt::Write;

use anyhow::Result;

use super::{Chart, Report, readable};

const STYLE: &str = include_str!("page.css");

/// Renders it.
pub fn page(report: &Report) -> Result<String> {
    let mut page = String::new();
    let title = format!("{} · {}", report.scenario, report.target);
    write!(
        page,
        "<!doctype html><html lang=en><meta charset=utf-8><meta name=viewport content=\"width=device-width\">\
         <title>{0}</title><style>{STYLE}</style><main><header><h1>{0}</h1><p>",
        escape(&title)
    )?;
    for (name, value) in &report.parameters {
        write!(page, "<span>{} <b>{}</b></span>", escape(name), escape(value))?;
    }
    page.push_str("</p></header>");
    verdict(report, &mut page)?;
    figures(report, &mut page)?;
    page.push_str("<section class=charts>");
    for chart in report.charts.iter().filter(|chart| !chart.is_empty()) {
        figure(chart, &mut page)?;
    }
    page.push_str("</section></main></html>\n");
    Ok(page)
}

fn verdict(report: &Report, page: &mut String) -> Result<()> {
    page.push_str("<section class=verdict>");
    match report.faults.as_slice() {
        [] => page.push_str("<p class=good>Nothing lost, doubled or out of order.</p>"),
        faults => faults.iter().try_for_each(|fault| write!(page, "<p class=bad>{}</p>", escape(fault)))?,
    }
    for goal in &report.goals {
        let (class, word) = if goal.reached { ("good", "reached") } else { ("bad", "missed") };
        let (text, measured) = (escape(&goal.text), escape(&goal.measured));
        write!(page, "<p class={class}><b>{word}</b> {text}: {measured}</p>")?;
    }
    for remark in &report.remarks {
        write!(page, "<p class=note>{}</p>", escape(remark))?;
    }
    page.push_str("</section>");
    Ok(())
}

fn figures(report: &Report, page: &mut String) -> Result<()> {
    page.push_str("<section><table>");
    for row in &report.rows {
        let (name, value) = (escape(&row.name), readable(row.value));
        write!(page, "<tr><th>{name}<td class=n>{value}<td>{}</tr>", escape(row.unit))?;
    }
    page.push_str("</table></section>");
    Ok(())
}

fn figure(chart: &Chart, page: &mut String) -> Result<()> {
    write!(page, "<figure><figcaption>{}", escape(&chart.title))?;
    for (name, colour) in chart.legend() {
        write!(page, "<i style=\"--c:{colour}\">{}</i>", escape(name))?;
    }
    write!(page, "</figcaption>{}</figure>", chart.svg()?)?;
    Ok(())
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::{Line, Scale};

    #[test]
    fn the_page_holds_figures_charts_and_no_raw_markup() {
        let mut report = Report::new("fanout", "a <server>");
        report.row("p99", 1.5, "ms");
        let line = Line::new("p99", vec![(0.0, 1.0), (1.0, 2.0)]);
        report.chart(Chart::new("Latency", "s", "ms", Scale::Log, vec![line]));
        let page = page(&report).unwrap();
        assert!(page.contains("a &lt;server&gt;") && page.contains("<td class=n>1.5<td>ms"));
        assert!(page.contains("<svg") && page.contains("currentColor"));
    }
}
