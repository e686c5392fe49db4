//! The page of an optimization: what is best and how sure that is, the plot, and a table of all that were run.

use super::escape::{escape, fill, name};
use super::{CSS, configurations};

/// What a page of an optimization is made from, in words already.
#[derive(Clone, Debug)]
pub struct SearchPage<'a> {
    pub name: &'a str,
    /// What was found, in a sentence.
    pub answer: &'a str,
    /// How sure it is, what binds, what it took; a line each.
    pub lines: Vec<String>,
    /// What the figure is to be: `to be smallest`, or `to be largest`.
    pub aim: &'static str,
    /// The plot, an SVG; `None` where there is no condition to draw against.
    pub plot: Option<&'a str>,
    /// Names of the parameters, then of the figures.
    pub parameters: Vec<String>,
    pub figures: Vec<String>,
    /// The best first.
    pub rows: Vec<SearchRow>,
    pub facts: Vec<(&'static str, String)>,
    /// The sweep's own file.
    pub file: &'a str,
}

/// A configuration that was run.
#[derive(Clone, Debug)]
pub struct SearchRow {
    /// `best`, `front`, or nothing.
    pub mark: &'static str,
    pub is_best: bool,
    pub settings: Vec<String>,
    /// Values to sort by (NaN: unknown), and in words.
    pub figures: Vec<(f64, String)>,
    pub seeds: usize,
}

const HTML: &str = include_str!("../../../assets/report/search.html");

/// The page, at most [`MOST_BYTES`](super::MOST_BYTES) long: of more rows than fit the first stand in it, and that is said.
pub fn page(page: &SearchPage<'_>) -> String {
    configurations::within_bounds(page.rows.len(), |most| within(page, most))
}

fn within(page: &SearchPage<'_>, most: usize) -> String {
    let mut header = configurations::header("mark", &page.parameters, &page.figures);
    header += &configurations::heading("seeds", " class=\"n\"");
    let rows: String = page.rows.iter().take(most).enumerate().map(|(index, of)| row(index, of)).collect();
    let lines: String = page.lines.iter().map(|line| format!("<li>{}</li>", escape(line))).collect();
    let facts = configurations::facts(&page.facts);
    let plot = page.plot.map_or_else(String::new, |plot| {
        format!(
            "<section aria-labelledby=\"plot-h\"><h2 id=\"plot-h\">Against the first condition</h2><div class=\"picture \
             scroll\" tabindex=\"0\" role=\"region\" aria-label=\"The plot\">{plot}</div></section>"
        )
    });
    let left_out = configurations::left_out(page.rows.len(), most);
    fill(
        HTML,
        &[
            ("title", &escape(page.name)),
            ("css", CSS[1]),
            ("answer", &escape(page.answer)),
            ("lines", &lines),
            ("aim", page.aim),
            ("plot", &plot),
            ("header", &header),
            ("rows", &rows),
            ("left_out", &left_out),
            ("facts", &facts),
            ("file", &escape(page.file)),
            ("script", configurations::SCRIPT),
        ],
    )
}

fn row(index: usize, of: &SearchRow) -> String {
    let mut text = String::from(if of.is_best { "<tr class=\"front\">" } else { "<tr>" });
    text += &format!("<td class=\"n\" data-v=\"{index}\">{}</td><td>{}</td>", index + 1, of.mark);
    of.settings.iter().for_each(|setting| text += &format!("<td>{}</td>", name(setting)));
    for (value, shown) in &of.figures {
        let value = if value.is_finite() { value.to_string() } else { String::new() };
        text += &format!("<td class=\"n\" data-v=\"{value}\">{}</td>", escape(shown));
    }
    text + &format!("<td class=\"n\" data-v=\"{0}\">{0}</td></tr>", of.seeds)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::html::MOST_BYTES;

    fn search(rows: usize) -> String {
        let row = |index: usize| SearchRow {
            mark: if index == 0 { "best" } else { "" },
            is_best: index == 0,
            settings: vec![format!("<b>{index}")],
            figures: vec![(3.5, "3.50 USD".to_owned()), (f64::NAN, "null ✗".to_owned())],
            seeds: 2,
        };
        page(&SearchPage {
            name: "plan & more",
            answer: "<i> is best",
            lines: vec!["what binds: wait < 3m".to_owned()],
            aim: "to be smallest",
            plot: Some("<svg></svg>"),
            parameters: vec!["</script>".to_owned()],
            figures: vec!["cost".to_owned(), "wait < 3m".to_owned()],
            rows: (0..rows).map(row).collect(),
            facts: vec![("budget", "18 runs".to_owned())],
            file: "kind: Sweep # <i>",
        })
    }

    #[test]
    fn names_are_text_and_the_answer_stands_first() {
        let page = search(2);
        for text in
            ["plan &amp; more", "&lt;i&gt; is best", "wait &lt; 3m", "&lt;b&gt;1", "null ✗", ">best<", "18 runs"]
        {
            assert!(page.contains(text), "no {text:?}");
        }
        assert_eq!(page.matches("</script").count(), 1);
        assert!(!page.contains("{{") && !page.contains("left out") && page.find("is best") < page.find("<svg"));
    }

    #[test]
    fn a_large_search_stays_under_the_cap() {
        let page = search(100_000);
        assert!(page.len() <= MOST_BYTES && page.contains("more configurations are left out"));
    }
}
