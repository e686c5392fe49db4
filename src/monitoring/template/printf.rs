//! `printf`, `print` and `println`, as Go's `fmt` has them.

use super::numbers::{exponent, general, shortest};
use super::value::Value;

/// Columns that a value is widened to at most, and digits that it is given.
const WIDEST: usize = 1_000;

#[derive(Default)]
struct Flags {
    plus: bool,
    minus: bool,
    space: bool,
    zero: bool,
    sharp: bool,
    width: Option<usize>,
    precision: Option<usize>,
}

/// `fmt.Sprint`: a space between values of which neither is a text.
pub(super) fn sprint(values: &[Value]) -> String {
    let mut text = String::new();
    for (index, value) in values.iter().enumerate() {
        let is_text = |value: &Value| matches!(value, Value::Text(_));
        if index > 0 && !is_text(value) && !is_text(&values[index - 1]) {
            text.push(' ');
        }
        text.push_str(&value.printed());
    }
    text
}

/// `fmt.Sprintf`.
pub(super) fn sprintf(format: &str, values: &[Value]) -> String {
    let mut text = String::new();
    let (mut rest, mut next) = (format, 0);
    while let Some((plain, after)) = rest.split_once('%') {
        text.push_str(plain);
        let (flags, after) = flags(after, values, &mut next);
        let Some(verb) = after.chars().next() else {
            text.push_str("%!(NOVERB)");
            rest = "";
            break;
        };
        rest = &after[verb.len_utf8()..];
        match (verb, values.get(next)) {
            ('%', _) => text.push('%'),
            (verb, None) => text.push_str(&format!("%!{verb}(MISSING)")),
            (verb, Some(value)) => {
                next += 1;
                text.push_str(&formatted(verb, value, &flags));
            }
        }
    }
    text.push_str(rest);
    if next < values.len() {
        let extra = values[next..].iter().map(|value| match value {
            Value::Nil => "<nil>".to_owned(),
            value => format!("{}={}", value.type_name(), value.printed()),
        });
        text.push_str(&format!("%!(EXTRA {})", extra.collect::<Vec<_>>().join(", ")));
    }
    text
}

fn flags<'t>(mut rest: &'t str, values: &[Value], next: &mut usize) -> (Flags, &'t str) {
    let mut flags = Flags::default();
    while let Some(letter) = rest.chars().next() {
        match letter {
            '+' => flags.plus = true,
            '-' => flags.minus = true,
            ' ' => flags.space = true,
            '0' => flags.zero = true,
            '#' => flags.sharp = true,
            _ => break,
        }
        rest = &rest[1..];
    }
    let mut number = |rest: &mut &'t str| {
        if let Some(after) = rest.strip_prefix('*') {
            *rest = after;
            let value = values.get(*next);
            *next += 1;
            return match value {
                Some(Value::Whole(width)) => usize::try_from(*width).ok(),
                _ => None,
            };
        }
        let end = rest.find(|letter: char| !letter.is_ascii_digit()).unwrap_or(rest.len());
        let (digits, after) = rest.split_at(end);
        *rest = after;
        digits.parse().ok()
    };
    flags.width = number(&mut rest).map(|width: usize| width.min(WIDEST));
    if let Some(mut after) = rest.strip_prefix('.') {
        flags.precision = Some(number(&mut after).unwrap_or(0).min(WIDEST));
        rest = after;
    }
    (flags, rest)
}

fn formatted(verb: char, value: &Value, flags: &Flags) -> String {
    let digits = flags.precision.unwrap_or(1);
    let text = match (verb, value) {
        ('T', value) => value.type_name().to_owned(),
        ('v', Value::Float(number)) => float('g', *number, flags),
        ('v' | 'd', Value::Whole(number)) => signed(based(*number, |size| format!("{size:0digits$}")), flags),
        ('v' | 's', Value::Text(text)) => cut(text, flags),
        ('v', value) => value.printed(),
        ('s', Value::Labels(_) | Value::Time(_) | Value::Duration(_)) => value.printed(),
        ('t', Value::Bool(holds)) => holds.to_string(),
        ('d', Value::Time(nanos) | Value::Duration(nanos)) => signed(nanos.to_string(), flags),
        ('e' | 'E' | 'f' | 'F' | 'g' | 'G', Value::Float(number)) => float(verb, *number, flags),
        ('q', Value::Text(text)) => quoted(&cut(text, flags)),
        ('q', Value::Whole(number)) => {
            let letter = u32::try_from(*number).ok().and_then(char::from_u32).unwrap_or(char::REPLACEMENT_CHARACTER);
            format!("'{letter}'")
        }
        ('c', Value::Whole(number)) => {
            u32::try_from(*number).ok().and_then(char::from_u32).unwrap_or(char::REPLACEMENT_CHARACTER).to_string()
        }
        ('x', Value::Whole(number)) => signed(based(*number, |size| format!("{size:x}")), flags),
        ('X', Value::Whole(number)) => signed(based(*number, |size| format!("{size:X}")), flags),
        ('o', Value::Whole(number)) => signed(based(*number, |size| format!("{size:o}")), flags),
        ('b', Value::Whole(number)) => signed(based(*number, |size| format!("{size:b}")), flags),
        ('x', Value::Text(text)) => text.bytes().map(|byte| format!("{byte:02x}")).collect(),
        ('X', Value::Text(text)) => text.bytes().map(|byte| format!("{byte:02X}")).collect(),
        (verb, Value::Nil) => return format!("%!{verb}(<nil>)"),
        (verb, value) => return format!("%!{verb}({}={})", value.type_name(), formatted('v', value, flags)),
    };
    padded(text, value, flags)
}

fn based(number: i64, digits: impl Fn(u64) -> String) -> String {
    format!("{}{}", if number < 0 { "-" } else { "" }, digits(number.unsigned_abs()))
}

fn cut(text: &str, flags: &Flags) -> String {
    flags.precision.map_or_else(|| text.to_owned(), |most| text.chars().take(most).collect())
}

fn signed(text: String, flags: &Flags) -> String {
    match text.starts_with(['-', '+']) {
        true => text,
        false if flags.plus => format!("+{text}"),
        false if flags.space => format!(" {text}"),
        false => text,
    }
}

fn float(verb: char, number: f64, flags: &Flags) -> String {
    if !number.is_finite() {
        return general(number);
    }
    let text = match verb {
        'f' | 'F' => format!("{number:.*}", flags.precision.unwrap_or(6)),
        'e' => exponent(&format!("{number:.*e}", flags.precision.unwrap_or(6))),
        'E' => exponent(&format!("{number:.*e}", flags.precision.unwrap_or(6))).to_uppercase(),
        'G' => flags.precision.map_or_else(|| general(number), |digits| shortest(number, digits)).to_uppercase(),
        _ => flags.precision.map_or_else(|| general(number), |digits| shortest(number, digits)),
    };
    signed(text, flags)
}

/// `strconv.Quote`.
fn quoted(text: &str) -> String {
    let mut out = String::from("\"");
    for letter in text.chars() {
        match letter {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            letter if letter.is_control() => out.push_str(&format!("\\x{:02x}", u32::from(letter))),
            letter => out.push(letter),
        }
    }
    out.push('"');
    out
}

/// As wide as the flags want it: from the right, with `-` from the left, with a leading `0` by zeros after the sign.
fn padded(text: String, value: &Value, flags: &Flags) -> String {
    let missing = flags.width.unwrap_or(0).saturating_sub(text.chars().count());
    if missing == 0 {
        return text;
    }
    if flags.minus {
        return text + &" ".repeat(missing);
    }
    let is_number = match value {
        Value::Float(number) => number.is_finite(),
        Value::Whole(_) | Value::Text(_) => true,
        _ => false,
    };
    if flags.zero && is_number {
        let (sign, digits) =
            text.split_at(usize::from(text.starts_with(['-', '+', ' ']) && !matches!(value, Value::Text(_))));
        return format!("{sign}{}{digits}", "0".repeat(missing));
    }
    " ".repeat(missing) + &text
}
