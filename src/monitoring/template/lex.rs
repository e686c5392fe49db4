//! Templates, cut into texts and the tokens of actions (`text/template/parse/lex.go`, Go 1.26).

#[derive(Clone, Debug, PartialEq)]
pub(super) enum Token {
    /// Outside of actions, trimmed where the actions beside it ask for that.
    Text(String),
    /// `{{` and `}}`.
    Left,
    Right,
    Space,
    /// A name without a dot: a function, a keyword, a constant.
    Name(String),
    /// `$x`, with the dollar.
    Variable(String),
    Dot,
    /// `.Name`, without the dot.
    Field(String),
    Quoted(String),
    Number(Number),
    /// `:=`.
    Declare,
    /// `=`.
    Assign,
    Pipe,
    Comma,
    Open,
    Close,
    Other(char),
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Number {
    Whole(i64),
    Float(f64),
}

struct Lexer<'t> {
    rest: &'t str,
    tokens: Vec<Token>,
}

const BLANK: [char; 4] = [' ', '\t', '\r', '\n'];

pub(super) fn tokens(text: &str) -> Result<Vec<Token>, String> {
    let mut lexer = Lexer { rest: text, tokens: Vec::new() };
    let mut trims = false;
    loop {
        let (before, action) = match lexer.rest.split_once("{{") {
            Some((before, action)) => (before, Some(action)),
            None => (lexer.rest, None),
        };
        let before = if trims { before.trim_start_matches(BLANK) } else { before };
        let opens_trimming = action.is_some_and(|action| {
            let mut letters = action.chars();
            letters.next() == Some('-') && letters.next().is_some_and(|letter| BLANK.contains(&letter))
        });
        let before = if opens_trimming { before.trim_end_matches(BLANK) } else { before };
        if !before.is_empty() {
            lexer.tokens.push(Token::Text(before.to_owned()));
        }
        let Some(action) = action else { return Ok(lexer.tokens) };
        lexer.rest = if opens_trimming { &action[2..] } else { action };
        trims = match lexer.rest.strip_prefix("/*") {
            Some(comment) => lexer.comment(comment)?,
            None => lexer.action()?,
        };
    }
}

/// What closes an action here, and whether it trims what follows.
fn closing(rest: &str) -> Option<(usize, bool)> {
    if rest.starts_with("}}") {
        return Some((2, false));
    }
    let trimming = rest.starts_with(BLANK) && rest[1..].starts_with("-}}");
    trimming.then_some((4, true))
}

impl<'t> Lexer<'t> {
    fn comment(&mut self, comment: &'t str) -> Result<bool, String> {
        let (_, after) = comment.split_once("*/").ok_or("unclosed comment")?;
        let (length, trims) = closing(after).ok_or("comment ends before closing delimiter")?;
        self.rest = &after[length..];
        Ok(trims)
    }

    /// To the end of the action; whether it trims what follows.
    fn action(&mut self) -> Result<bool, String> {
        self.tokens.push(Token::Left);
        let mut depth = 0u32;
        loop {
            if let Some((length, trims)) = closing(self.rest) {
                if depth > 0 {
                    return Err("unclosed left paren".to_owned());
                }
                self.rest = &self.rest[length..];
                self.tokens.push(Token::Right);
                return Ok(trims);
            }
            let Some(letter) = self.rest.chars().next() else { return Err("unclosed action".to_owned()) };
            let token = match letter {
                letter if BLANK.contains(&letter) => self.space(),
                '"' | '`' => Token::Quoted(self.quoted(letter)?),
                '\'' => Token::Number(Number::Whole(self.rune()?)),
                '$' => self.variable()?,
                '.' if !self.rest[1..].starts_with(|next: char| next.is_ascii_digit()) => self.field()?,
                '.' | '+' | '-' | '0'..='9' => Token::Number(self.number()?),
                letter if is_of_name(letter) => self.name()?,
                _ => {
                    let declares = self.rest.starts_with(":=");
                    self.rest = &self.rest[if declares { 2 } else { letter.len_utf8() }..];
                    match letter {
                        ':' if declares => Token::Declare,
                        ':' => return Err("expected :=".to_owned()),
                        '=' => Token::Assign,
                        '|' => Token::Pipe,
                        ',' => Token::Comma,
                        '(' => {
                            depth += 1;
                            Token::Open
                        }
                        ')' => {
                            depth = depth.checked_sub(1).ok_or("unexpected right paren")?;
                            Token::Close
                        }
                        letter if letter.is_ascii_graphic() => Token::Other(letter),
                        letter => return Err(format!("unrecognized character in action: {letter:?}")),
                    }
                }
            };
            self.tokens.push(token);
        }
    }

    /// Blanks, up to one that closes the action.
    fn space(&mut self) -> Token {
        while self.rest.starts_with(BLANK) && closing(self.rest).is_none() {
            self.rest = &self.rest[1..];
        }
        Token::Space
    }

    fn take_name(&mut self) -> &'t str {
        let end = self.rest.find(|letter| !is_of_name(letter)).unwrap_or(self.rest.len());
        let (name, rest) = self.rest.split_at(end);
        self.rest = rest;
        name
    }

    /// After a name must come what can end one.
    fn ended(&self) -> Result<(), String> {
        let next = self.rest.chars().next();
        let ends = next.is_none_or(|letter| BLANK.contains(&letter) || ".,|:)(".contains(letter));
        if ends || self.rest.starts_with("}}") {
            return Ok(());
        }
        Err(format!("bad character {:?}", next.unwrap_or_default()))
    }

    fn name(&mut self) -> Result<Token, String> {
        let name = self.take_name().to_owned();
        self.ended()?;
        Ok(Token::Name(name))
    }

    fn variable(&mut self) -> Result<Token, String> {
        self.rest = &self.rest[1..];
        let name = format!("${}", self.take_name());
        self.ended()?;
        Ok(Token::Variable(name))
    }

    fn field(&mut self) -> Result<Token, String> {
        self.rest = &self.rest[1..];
        let name = self.take_name().to_owned();
        self.ended()?;
        Ok(if name.is_empty() { Token::Dot } else { Token::Field(name) })
    }

    fn quoted(&mut self, quote: char) -> Result<String, String> {
        let body = &self.rest[1..];
        if quote == '`' {
            let (text, rest) = body.split_once('`').ok_or("unterminated raw quoted string")?;
            self.rest = rest;
            return Ok(text.to_owned());
        }
        let (mut text, mut rest) = (Vec::new(), body);
        loop {
            match rest.chars().next() {
                None | Some('\n') => return Err("unterminated quoted string".to_owned()),
                Some('"') => {
                    self.rest = &rest[1..];
                    return Ok(String::from_utf8_lossy(&text).into_owned());
                }
                Some('\\') => {
                    let (bytes, length) = escaped(&rest[1..], '"')?;
                    text.extend(bytes);
                    rest = &rest[1 + length..];
                }
                Some(letter) => {
                    let (plain, after) = rest.split_at(letter.len_utf8());
                    text.extend(plain.bytes());
                    rest = after;
                }
            }
        }
    }

    /// A letter in single quotes is its number.
    fn rune(&mut self) -> Result<i64, String> {
        let body = &self.rest[1..];
        let (letter, length) = match body.chars().next() {
            None | Some('\n') => return Err("unterminated character constant".to_owned()),
            Some('\\') => {
                let (bytes, length) = escaped(&body[1..], '\'')?;
                let text = String::from_utf8_lossy(&bytes).into_owned();
                (text.chars().next().unwrap_or(char::REPLACEMENT_CHARACTER), 1 + length)
            }
            Some(letter) => (letter, letter.len_utf8()),
        };
        self.rest = body[length..].strip_prefix('\'').ok_or("malformed character constant")?;
        Ok(i64::from(u32::from(letter)))
    }

    fn number(&mut self) -> Result<Number, String> {
        let signed = self.rest.trim_start_matches(['+', '-']);
        let digits = signed.find(|letter: char| !is_of_number(letter)).unwrap_or(signed.len());
        let mut end = self.rest.len() - signed.len() + digits;
        // A sign within belongs to an exponent.
        while matches!(self.rest[..end].chars().last(), Some('e' | 'E' | 'p' | 'P'))
            && self.rest[end..].starts_with(['+', '-'])
        {
            let after = &self.rest[end + 1..];
            end += 1 + after.find(|letter: char| !is_of_number(letter)).unwrap_or(after.len());
        }
        let (text, rest) = self.rest.split_at(end);
        self.rest = rest;
        number(text).ok_or_else(|| format!("bad number syntax: {text:?}"))
    }
}

fn is_of_name(letter: char) -> bool {
    letter == '_' || letter.is_alphanumeric()
}

fn is_of_number(letter: char) -> bool {
    letter == '.' || is_of_name(letter)
}

fn number(text: &str) -> Option<Number> {
    let (sign, digits) = match text.as_bytes().first()? {
        b'-' => (-1, &text[1..]),
        b'+' => (1, &text[1..]),
        _ => (1, text),
    };
    let plain = digits.replace('_', "");
    let based = |prefixes: [&str; 2], radix| {
        let digits = prefixes.iter().find_map(|prefix| plain.strip_prefix(prefix))?;
        i64::from_str_radix(digits, radix).ok()
    };
    let whole = based(["0x", "0X"], 16)
        .or_else(|| based(["0b", "0B"], 2))
        .or_else(|| based(["0o", "0O"], 8))
        .or_else(|| (plain.len() > 1 && plain.starts_with('0')).then(|| i64::from_str_radix(&plain, 8).ok())?)
        .or_else(|| plain.bytes().all(|byte| byte.is_ascii_digit()).then(|| plain.parse().ok())?);
    if let Some(whole) = whole {
        return Some(Number::Whole(sign * whole));
    }
    let is_float = plain.bytes().all(|byte| byte.is_ascii_digit() || b".eE+-".contains(&byte));
    let float: f64 = is_float.then(|| plain.parse().ok())??;
    float.is_finite().then_some(Number::Float(float * sign as f64))
}

/// What stands after a backslash, and how long it is (`strconv.UnquoteChar`).
fn escaped(rest: &str, quote: char) -> Result<(Vec<u8>, usize), String> {
    let bad = || "invalid syntax".to_owned();
    let letter = rest.chars().next().ok_or("unterminated quoted string")?;
    let of_letter = |letter: char| Ok((letter.to_string().into_bytes(), 1));
    let coded = |from: usize, digits: usize, radix| {
        let text = rest.get(from..from + digits).ok_or_else(bad)?;
        u32::from_str_radix(text, radix).map_err(|_| bad())
    };
    let unicode = |digits: usize| {
        let letter = char::from_u32(coded(1, digits, 16)?).ok_or_else(bad)?;
        Ok((letter.to_string().into_bytes(), 1 + digits))
    };
    match letter {
        'a' => of_letter('\x07'),
        'b' => of_letter('\x08'),
        'f' => of_letter('\x0c'),
        'n' => of_letter('\n'),
        'r' => of_letter('\r'),
        't' => of_letter('\t'),
        'v' => of_letter('\x0b'),
        '\\' => of_letter('\\'),
        letter if letter == quote => of_letter(quote),
        'x' => Ok((vec![coded(1, 2, 16)? as u8], 3)),
        'u' => unicode(4),
        'U' => unicode(8),
        '0'..='7' => Ok((vec![u8::try_from(coded(0, 3, 8)?).map_err(|_| bad())?], 3)),
        _ => Err(bad()),
    }
}
