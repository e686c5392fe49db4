//! Text into a page: every name and reason is text there, whatever it holds.

use std::borrow::Cow;

use serde::Serialize;

/// As text or as a quoted attribute of HTML.
pub fn escape(text: &str) -> Cow<'_, str> {
    let is_special = |char: char| matches!(char, '&' | '<' | '>' | '"' | '\'');
    if !text.contains(is_special) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len() + 16);
    for char in text.chars() {
        match char {
            '&' => out += "&amp;",
            '<' => out += "&lt;",
            '>' => out += "&gt;",
            '"' => out += "&quot;",
            '\'' => out += "&#39;",
            other => out.push(other),
        }
    }
    Cow::Owned(out)
}

/// A name: text that keeps its direction to itself.
pub fn name(text: &str) -> String {
    format!("<bdi>{}</bdi>", escape(text))
}

/// JSON that can't end the script element that it stands in.
pub fn script_json(data: &impl Serialize) -> String {
    let json = serde_json::to_string(data).expect("its maps have string keys");
    // Only texts hold such a sign, and there an escape means the same.
    if json.contains('<') { json.replace('<', "\\u003c") } else { json }
}

/// `template` with each `{{name}}` replaced by its value; what values hold is not looked at again.
pub fn fill(template: &str, values: &[(&str, &str)]) -> String {
    let length: usize = values.iter().map(|(_, value)| value.len()).sum();
    let mut out = String::with_capacity(template.len() + length);
    let mut rest = template;
    while let Some((before, after)) = rest.split_once("{{") {
        let (name, after) = after.split_once("}}").expect("the template closes its braces");
        let value = values.iter().find(|(other, _)| *other == name);
        out += before;
        out += value.unwrap_or_else(|| panic!("the template asks for {name:?}, which nobody fills in")).1;
        rest = after;
    }
    out + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_text_in_html_and_in_a_script() {
        let hostile = "</script><script>alert('1')</script>&\"";
        let wanted = "&lt;/script&gt;&lt;script&gt;alert(&#39;1&#39;)&lt;/script&gt;&amp;&quot;";
        assert_eq!(escape(hostile), wanted);
        assert_eq!(escape("web"), "web");
        let json = script_json(&[hostile, "<!--"]);
        assert!(!json.contains('<'), "{json}");
        assert_eq!(serde_json::from_str::<Vec<String>>(&json).unwrap(), [hostile, "<!--"]);
    }

    #[test]
    fn values_are_filled_in_once() {
        assert_eq!(fill("a{{x}}b{{y}}", &[("x", "{{y}}"), ("y", "1")]), "a{{y}}b1");
    }
}
