//! What is printed: a line now and then, and the table at the end of a run.

use indicatif::ProgressBar;

use super::{Report, readable};

/// Prints one line above the progress bar, and also where there is no terminal to draw it on.
pub fn say(bar: &ProgressBar, line: &str) {
    bar.suspend(|| eprintln!("{line}"));
}

/// Prints the table.
pub fn print(report: &Report) {
    println!("\n{} against {}", report.scenario, report.target);
    let parameters: Vec<String> =
        report.parameters.iter().map(|(name, value)| format!("{name} {value}")).collect();
    println!("{}\n", parameters.join(" · "));
    let rows: Vec<(&str, String, &str)> =
        report.rows.iter().map(|row| (row.name.as_str(), readable(row.value), row.unit)).collect();
    let name_width = rows.iter().map(|(name, ..)| name.chars().count()).max().unwrap_or_default();
    let value_width = rows.iter().map(|(_, value, _)| value.chars().count()).max().unwrap_or_default();
    for (name, value, unit) in rows {
        println!("  {name:<name_width$}  {value:>value_width$} {unit}");
    }
    println!();
    for goal in &report.goals {
        println!("  {} {}: {}", if goal.reached { "reached" } else { "MISSED " }, goal.text, goal.measured);
    }
    for remark in &report.remarks {
        println!("  note: {remark}");
    }
    for fault in &report.faults {
        println!("  FAULT: {fault}");
    }
    if report.faults.is_empty() {
        println!("  nothing lost, doubled or out of order");
    }
}
