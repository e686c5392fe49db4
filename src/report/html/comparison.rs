//! The page of a comparison: its answer, the intervals, the table, and why.

use super::escape::{escape, fill};
use super::{CSS, configurations};

/// What a page of a comparison is made from, in words already.
#[derive(Clone, Debug)]
pub struct ComparisonPage<'a> {
    pub title: String,
    /// In one sentence.
    pub answer: &'a str,
    /// The intervals as an SVG.
    pub plot: &'a str,
    pub header: &'a [String],
    pub rows: &'a [Vec<String>],
    /// A row each.
    pub tones: Vec<Tone>,
    /// Columns of text at the left; the others hold figures.
    pub text_columns: usize,
    /// How the intervals are meant.
    pub legend: &'a str,
    /// Titles with their lines.
    pub why: Vec<(String, Vec<&'a str>)>,
    pub notes: &'a [String],
    pub facts: Vec<(&'static str, String)>,
}

/// Whether a row is good news.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tone {
    Good,
    Bad,
    None,
}

const HTML: &str = include_str!("../../../assets/report/comparison.html");
const SCRIPT: &str = include_str!("../../../assets/report/theme.js");

/// The page of a comparison as one file of HTML.
pub fn page(page: &ComparisonPage<'_>) -> String {
    let class = |column: usize| if column < page.text_columns { "" } else { " class=\"n\"" };
    let heading =
        |(column, text): (usize, &String)| format!("<th scope=\"col\"{}>{}</th>", class(column), escape(text));
    let cell = |(column, text): (usize, &String)| format!("<td{}><bdi>{}</bdi></td>", class(column), escape(text));
    let row = |(cells, tone): (&Vec<String>, &Tone)| {
        let tone = match tone {
            Tone::Good => " class=\"good\"",
            Tone::Bad => " class=\"bad\"",
            Tone::None => "",
        };
        format!("<tr{tone}>{}</tr>", cells.iter().enumerate().map(cell).collect::<String>())
    };
    let list = |lines: &[&str]| -> String { lines.iter().map(|line| format!("<li>{}</li>", escape(line))).collect() };
    let why: String =
        page.why.iter().map(|(title, lines)| format!("<h3>{}</h3><ul>{}</ul>", escape(title), list(lines))).collect();
    let notes: Vec<&str> = page.notes.iter().map(String::as_str).collect();
    let notes = if notes.is_empty() { String::new() } else { format!("<h3>Notes</h3><ul>{}</ul>", list(&notes)) };
    let facts = configurations::facts(&page.facts);
    fill(
        HTML,
        &[
            ("title", &escape(&page.title)),
            ("css", CSS[1]),
            ("answer", &escape(page.answer)),
            ("plot", page.plot),
            ("header", &page.header.iter().enumerate().map(heading).collect::<String>()),
            ("rows", &page.rows.iter().zip(&page.tones).map(row).collect::<String>()),
            ("legend", &escape(page.legend)),
            ("why", &why),
            ("notes", &notes),
            ("facts", &facts),
            ("script", SCRIPT),
        ],
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_answer_stands_first_and_all_is_text() {
        let header = ["metric", "verdict", "mean"].map(str::to_owned);
        let rows = vec![["cost.total_usd", "better", "<3"].map(str::to_owned).to_vec()];
        let text = page(&ComparisonPage {
            title: "a & b".to_owned(),
            answer: "b is 4 % cheaper than <a>.",
            plot: "<svg></svg>",
            header: &header,
            rows: &rows,
            tones: vec![Tone::Good],
            text_columns: 2,
            legend: "10 seeds",
            why: vec![("why b differs".to_owned(), vec!["less <idle>"])],
            notes: &["a note".to_owned()],
            facts: vec![("seeds", "1 to 10".to_owned())],
        });
        for wanted in
            ["a &amp; b", "than &lt;a&gt;.", "<tr class=\"good\">", "&lt;3", "less &lt;idle&gt;", "a note", "1 to 10"]
        {
            assert!(text.contains(wanted), "no {wanted:?}");
        }
        assert!(!text.contains("{{") && text.find("cheaper") < text.find("<svg"));
    }
}
