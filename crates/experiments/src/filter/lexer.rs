//! Cuts a filter into words, texts, numbers and signs.

use super::FilterError;

/// A piece of a filter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Token {
    /// A bare or partly quoted word: a keyword or a field.
    Word(Word),
    /// A text in quotes.
    Text(String),
    /// A number, as written.
    Number(String),
    /// `=`, `!=`, `<>`, `<`, `<=`, `>`, `>=`.
    Sign(&'static str),
    /// `(`.
    Open,
    /// `)`.
    Close,
    /// `,`.
    Comma,
}

/// A word, cut at its first dot outside quotes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Word {
    pub entity: Option<String>,
    pub name: String,
    /// No part of it was quoted, so it may be a keyword.
    pub bare: bool,
    /// What stands behind the last `@` of the name, if that is outside quotes; both are part of `name` too.
    pub after_at: Option<String>,
}

/// A token and where it begins, counted in characters from 1.
pub(super) type Placed = (usize, Token);

/// The longest filter that is read.
pub(super) const MOST_CHARS: usize = 100_000;

/// Cuts `text` into tokens.
pub(super) fn tokens(text: &str) -> Result<Vec<Placed>, FilterError> {
    if text.len() > MOST_CHARS {
        return Err(FilterError::TooLarge { most: MOST_CHARS, unit: "characters" });
    }
    let mut lexer = Lexer { rest: text.chars().peekable(), at: 0 };
    let mut tokens = Vec::new();
    while let Some(token) = lexer.token()? {
        tokens.push(token);
    }
    Ok(tokens)
}

struct Lexer<'a> {
    rest: std::iter::Peekable<std::str::Chars<'a>>,
    at: usize,
}

impl Lexer<'_> {
    fn peek(&mut self) -> Option<char> {
        self.rest.peek().copied()
    }

    fn take(&mut self) -> Option<char> {
        let next = self.rest.next();
        self.at += usize::from(next.is_some());
        next
    }

    fn take_if(&mut self, wanted: char) -> bool {
        let there = self.peek() == Some(wanted);
        if there {
            self.take();
        }
        there
    }

    fn token(&mut self) -> Result<Option<Placed>, FilterError> {
        while self.peek().is_some_and(char::is_whitespace) {
            self.take();
        }
        let start = self.at + 1;
        let Some(first) = self.peek() else { return Ok(None) };
        let token = match first {
            '(' | ')' | ',' | '=' | '!' | '<' | '>' => self.sign(start)?,
            '\'' | '"' => {
                let text = self.quoted(first)?;
                if self.peek() == Some('.') { self.word(Some(text))? } else { Token::Text(text) }
            }
            '0'..='9' | '-' | '+' | '.' => self.number(start)?,
            _ => self.word(None)?,
        };
        Ok(Some((start, token)))
    }

    fn sign(&mut self, start: usize) -> Result<Token, FilterError> {
        let first = self.take();
        Ok(match first {
            Some('(') => Token::Open,
            Some(')') => Token::Close,
            Some(',') => Token::Comma,
            Some('=') => {
                self.take_if('=');
                Token::Sign("=")
            }
            Some('<') if self.take_if('=') => Token::Sign("<="),
            Some('<') if self.take_if('>') => Token::Sign("!="),
            Some('<') => Token::Sign("<"),
            Some('>') if self.take_if('=') => Token::Sign(">="),
            Some('>') => Token::Sign(">"),
            Some('!') if self.take_if('=') => Token::Sign("!="),
            _ => {
                return Err(FilterError::Syntax { at: start, problem: "`!` is followed by `=` only".into() });
            }
        })
    }

    /// A text in quotes; the opening quote is next. A doubled quote inside is one quote.
    fn quoted(&mut self, quote: char) -> Result<String, FilterError> {
        let start = self.at + 1;
        self.take();
        let mut text = String::new();
        loop {
            match self.take() {
                Some(c) if c == quote => {
                    if !self.take_if(quote) {
                        return Ok(text);
                    }
                    text.push(quote);
                }
                Some(c) => text.push(c),
                None => {
                    return Err(FilterError::Syntax {
                        at: start,
                        problem: format!("the text has no closing {quote}"),
                    });
                }
            }
        }
    }

    fn number(&mut self, start: usize) -> Result<Token, FilterError> {
        let mut text = String::new();
        while let Some(c) = self.peek() {
            let sign_of_exponent = matches!(c, '-' | '+') && (text.is_empty() || text.ends_with(['e', 'E']));
            if c.is_alphanumeric() || c == '.' || sign_of_exponent {
                text.push(c);
                self.take();
            } else {
                break;
            }
        }
        match text.parse::<f64>() {
            Ok(number) if number.is_finite() => Ok(Token::Number(text)),
            _ => Err(FilterError::Syntax { at: start, problem: format!("`{text}` is not a number") }),
        }
    }

    /// A word; `begun` is its entity when that was quoted.
    fn word(&mut self, begun: Option<String>) -> Result<Token, FilterError> {
        let mut bare = begun.is_none();
        let mut entity = None;
        let mut part = begun.unwrap_or_default();
        let mut at = None;
        while let Some(c) = self.peek() {
            match c {
                '.' if entity.is_none() => {
                    self.take();
                    entity = Some(std::mem::take(&mut part));
                }
                '`' => {
                    part.push_str(&self.quoted('`')?);
                    bare = false;
                    at = None;
                }
                '\'' | '"' if part.is_empty() => {
                    part = self.quoted(c)?;
                    bare = false;
                }
                '(' | ')' | ',' | '=' | '!' | '<' | '>' | '\'' | '"' => break,
                c if c.is_whitespace() => break,
                c => {
                    if c == '@' && entity.is_some() {
                        at = Some(part.len() + 1);
                    }
                    part.push(c);
                    self.take();
                }
            }
        }
        let after_at = at.and_then(|at| part.get(at..)).map(str::to_owned);
        Ok(Token::Word(Word { entity, name: part, bare, after_at }))
    }
}
